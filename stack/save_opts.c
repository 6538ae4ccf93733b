/* SPDX-License-Identifier: Apache-2.0 */
/* Saved state: the options that all kinds of sockets share. */
#include "config.h"

#include <limits.h>

#include "stack/object.h"
#include "stack/save.h"
#include "stack/sockopt.h"

#define DGRAM_BUF_MAX (2u * 4194304) /* as SO_SNDBUF can set it */

static uint32_t buffer(struct fdnet_save *s, const struct fdnet_sock *so,
		       uint32_t bytes)
{
	uint32_t max = so->type == FDNET_SOCK_STREAM ? so->stack->cfg.tcp_buf_max
						     : DGRAM_BUF_MAX;

	bytes = fdnet_save_u32(s, bytes);
	return s->reading && bytes > max ? max : bytes;
}

/* Within what setsockopt() lets through: sockopt.c's table. */
static void numbers(struct fdnet_save *s, struct fdnet_sock_opts *o)
{
	o->linger_s = fdnet_save_int(s, o->linger_s, 0, INT_MAX);
	o->rcvlowat = fdnet_save_u32(s, o->rcvlowat);
	o->rcvtimeo_us = fdnet_save_u64(s, o->rcvtimeo_us);
	o->sndtimeo_us = fdnet_save_u64(s, o->sndtimeo_us);
	o->priority = (int16_t)fdnet_save_int(s, o->priority, 0, 6);
	o->ttl = (int16_t)fdnet_save_int(s, o->ttl, -1, 255);
	o->mcast_ttl = (int16_t)fdnet_save_int(s, o->mcast_ttl, -1, 255);
	o->tos = (int16_t)fdnet_save_int(s, o->tos, -1, 255);
	o->mtu_discover = (int16_t)fdnet_save_int(s, o->mtu_discover, 0, 5);
	o->hops6 = (int16_t)fdnet_save_int(s, o->hops6, -1, 255);
	o->mcast_hops6 = (int16_t)fdnet_save_int(s, o->mcast_hops6, -1, 255);
	o->tclass6 = (int16_t)fdnet_save_int(s, o->tclass6, -1, 255);
	o->mtu_discover6 = (int16_t)fdnet_save_int(s, o->mtu_discover6, 0, 5);
	o->flags = fdnet_save_u64(s, o->flags);
	fdnet_save_check(s, !(o->flags >> FDNET_SF_MAX));
	o->bound_dev = (int16_t)fdnet_save_int(s, o->bound_dev, 0, 2);
	o->mcast_if = (int16_t)fdnet_save_int(s, o->mcast_if, 0, 2);
	o->min_ttl = fdnet_save_u8(s, o->min_ttl);
	o->busy_poll = fdnet_save_int(s, o->busy_poll, INT_MIN, INT_MAX);
	o->timestamping = fdnet_save_int(s, o->timestamping, INT_MIN, INT_MAX);
	o->incoming_cpu = fdnet_save_int(s, o->incoming_cpu, INT_MIN, INT_MAX);
	o->max_pacing = fdnet_save_u64(s, o->max_pacing);
	o->mtu6 = (uint16_t)fdnet_save_int(s, o->mtu6, 0, 65535);
	fdnet_save_check(s, !o->mtu6 || o->mtu6 >= 1280);
}

void fdnet_save_opts(struct fdnet_save *s, struct fdnet_sock *so)
{
	struct fdnet_sock_opts *o = &so->opts;
	bool *flags[] = {
		&o->reuseaddr, &o->reuseport,	  &o->keepalive,
		&o->broadcast, &o->oobinline,	  &o->v6only,
		&o->linger_on, &o->dontroute,	  &o->no_check,
		&o->timestamp, &o->recvttl,	  &o->recvtos,
		&o->pktinfo,   &o->recverr,	  &o->mcast_loop,
		&o->hdrincl,   &o->sndbuf_locked, &o->rcvbuf_locked,
	};
	unsigned int i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		*flags[i] = fdnet_save_bool(s, *flags[i]);
	o->sndbuf = buffer(s, so, o->sndbuf);
	o->rcvbuf = buffer(s, so, o->rcvbuf);
	numbers(s, o);
}
