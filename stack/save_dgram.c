/* SPDX-License-Identifier: Apache-2.0 */
/* Saved state: what UDP, ping and raw sockets share. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/dgram.h"
#include "stack/errq.h"
#include "stack/save.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/udp.h"

/* Bytes of the least packet as it is saved. */
#define LEAST	 16
#define HDR_MAX	 1024
#define PKTS_MAX 65536

/* The least that stands behind the IP header. */
static uint32_t transport_len(const struct fdnet_sock *so)
{
	return so->type == FDNET_SOCK_RAW ? 0 : 8;
}

/* ---- received ---- */

static bool received_ok(const struct fdnet_sock *so,
			const struct fdnet_pkt *pkt, uint32_t hdr_len)
{
	unsigned int version = pkt->len ? pkt->data[0] >> 4 : 0;

	return hdr_len <= HDR_MAX && pkt->len >= hdr_len + transport_len(so) &&
	       ((version == 4 && hdr_len >= 20 && hdr_len <= 60) ||
		(version == 6 && hdr_len >= 40)) &&
	       (version == 4 || so->family == 6);
}

/* A packet with its IP header before it; see fdnet_dgram_receive(). */
static struct fdnet_pkt *one_received(struct fdnet_save *s, struct fdnet_sock *so,
				      struct fdnet_pkt *pkt)
{
	struct fdnet_dgram_info info = {0};

	if (pkt) {
		fdnet_dgram_get_info(pkt, &info);
		fdnet_pkt_push(pkt, info.hdr_len);
	}
	info.hdr_len = fdnet_save_u32(s, info.hdr_len);
	info.ifindex = fdnet_save_int(s, info.ifindex, 1, 2);
	info.time_us = fdnet_save_time(s, info.time_us);
	info.drops = fdnet_save_u32(s, info.drops);
	info.frag_size = fdnet_save_u16(s, info.frag_size);
	pkt = fdnet_save_payload(s, pkt);
	if (!pkt)
		return NULL;
	fdnet_save_check(s, received_ok(so, pkt, info.hdr_len));
	if (s->reading && s->rc) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	fdnet_pkt_pull(pkt, info.hdr_len);
	if (s->reading)
		fdnet_dgram_set_info(pkt, &info);
	return pkt;
}

static void received(struct fdnet_save *s, struct fdnet_sock *so)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);
	struct fdnet_pkt *pkt = s->reading ? NULL : d->rx.head;
	uint32_t n = fdnet_save_count(s, d->rx.pkts, PKTS_MAX, LEAST), i;

	for (i = 0; i < n && !s->rc; i++) {
		struct fdnet_pkt *next = pkt ? pkt->next : NULL;

		pkt = one_received(s, so, pkt);
		if (s->reading && pkt && !fdnet_dgram_keep(so, pkt))
			so->stack->counters[FDNET_C_UDP_RCVBUF]++;
		pkt = next;
	}
}

/* ---- to be sent ---- */

/* Are the checksums there? Another stack may be asked for them. */
static void fill_csum(struct fdnet_sock *so, struct fdnet_pkt *pkt,
		      const struct fdnet_ip_in *in)
{
	uint32_t at = fdnet_is_udp(in->proto) ? FDNET_UDP_CSUM_OFFSET
					      : FDNET_ICMP_CSUM_OFFSET;

	if (!(pkt->flags & FDNET_PKT_CSUM_TRUSTED) ||
	    so->stack->cfg.csum_offload || so->type == FDNET_SOCK_RAW ||
	    in->proto == FDNET_PROTO_ICMP || pkt->len < in->hdr_len + at + 2)
		return;
	pkt->flags &= (uint16_t)~FDNET_PKT_CSUM_TRUSTED;
	memset(pkt->data + in->hdr_len + at, 0, 2);
	if (so->opts.no_check && in->proto == FDNET_PROTO_UDP &&
	    so->local.ip.family == 4) {
		pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
		return;
	}
	fdnet_pkt_pull(pkt, in->hdr_len);
	fdnet_ip_csum_fill(so->stack, pkt, &in->src, &in->dst, in->proto, at);
	fdnet_pkt_push(pkt, in->hdr_len);
}

/* Is it one that this socket could have made? */
static bool sent_ok(struct fdnet_sock *so, const struct fdnet_pkt *pkt,
		    struct fdnet_ip_in *in)
{
	uint32_t total = fdnet_pkt_total(pkt), said;

	if (pkt->gso_size || pkt->flags & FDNET_PKT_CSUM_PARTIAL ||
	    pkt->ethertype == 0x0806)
		return false;
	if (pkt->data[0] >> 4 == 4)
		said = fdnet_get16(pkt->data + 2);
	else
		said = fdnet_get16(pkt->data + 4) + 40u;
	memset(in, 0, sizeof(*in));
	fdnet_ip_describe(pkt, in);
	if (said != total || in->hdr_len + transport_len(so) > pkt->len)
		return false;
	if (!so->opts.hdrincl && in->proto != so->proto)
		return false;
	return so->stack->cfg.gateway ||
	       fdnet_stack_is_local(so->stack, &in->src);
}

static void to_send(struct fdnet_save *s, struct fdnet_sock *so)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);
	struct fdnet_pkt *pkt = s->reading ? NULL : d->tx.head, *next;
	uint32_t n = fdnet_save_count(s, d->tx.pkts, PKTS_MAX, LEAST), i;
	struct fdnet_ip_in in;

	for (i = 0; i < n && !s->rc; i++, pkt = next) {
		next = pkt ? pkt->next : NULL;
		pkt = fdnet_save_pkt(s, pkt);
		if (!s->reading || !pkt)
			continue;
		if (!sent_ok(so, pkt, &in)) {
			fdnet_save_fail(s, -EPROTO);
			fdnet_pkt_free(pkt);
			return;
		}
		fill_csum(so, pkt, &in);
		fdnet_dgram_queue(so, pkt);
	}
}

void fdnet_save_dgram(struct fdnet_save *s, struct fdnet_sock *so)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);

	d->shut_rd = fdnet_save_bool(s, d->shut_rd);
	d->shut_wr = fdnet_save_bool(s, d->shut_wr);
	d->out_owed = fdnet_save_bool(s, d->out_owed);
	d->drops = fdnet_save_u32(s, d->drops);
	d->path_mtu = fdnet_save_u32(s, d->path_mtu);
	fdnet_save_ip(s, &d->path_dst);
	received(s, so);
	to_send(s, so);
	fdnet_save_errq(s, so);
	if (s->reading && !s->rc)
		fdnet_sock_event(so, fdnet_dgram_poll(so));
}
