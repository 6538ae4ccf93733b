/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TIME_WAIT (RFC 9293 3.6.1, 3.10.7.4; RFC 6191 for reuse with timestamps).
 *
 * How it works: the connection's socket goes, and a small one with operations
 * of its own takes over its names for a minute. It answers what still comes,
 * and gives way to a new SYN that cannot be an old one.
 */
#include "config.h"

#include <errno.h>

#include "stack/save.h"
#include "stack/tcp_internal.h"

#define TIME_WAIT_US (60 * FDNET_SEC)

struct tcp_tw {
	struct fdnet_sock so;
	struct fdnet_timer timer;
	struct fdnet_tcp_tw_info info;
};

static struct tcp_tw *tw_of(struct fdnet_sock *so)
{
	return (struct tcp_tw *)so;
}

static void tw_release(struct tcp_tw *tw)
{
	fdnet_timer_cancel(tw->so.stack, &tw->timer);
	fdnet_sock_release(&tw->so);
}

static void tw_fire(struct fdnet_stack *stack, struct fdnet_timer *timer)
{
	tw_release((struct tcp_tw *)((char *)timer -
				     offsetof(struct tcp_tw, timer)));
}

static int tw_init(struct fdnet_sock *so)
{
	fdnet_timer_init(&tw_of(so)->timer, tw_fire);
	return 0;
}

static void tw_destroy(struct fdnet_sock *so)
{
	fdnet_timer_cancel(so->stack, &tw_of(so)->timer);
}

static void tw_ack(struct tcp_tw *tw)
{
	const struct fdnet_tcp_tw_info *info = &tw->info;
	struct fdnet_tcp_hdr hdr = {
		.flags = FDNET_TH_ACK,
		.seq = info->snd_nxt,
		.ack = info->rcv_nxt,
		.wnd = (uint16_t)info->rcv_wnd,
		.wscale = FDNET_TCP_WSCALE_NONE,
		.has_ts = info->ts_ok,
		.ts_val = info->ts_offset +
			  (uint32_t)(fdnet_stack_time(tw->so.stack) / 1000),
		.ts_ecr = info->ts_recent,
	};

	fdnet_tcp_send_bare(tw->so.stack, &tw->so.local, &tw->so.peer, &hdr);
}

/* May this SYN open the connection anew? */
static bool is_new_syn(const struct fdnet_tcp_tw_info *info,
		       const struct fdnet_tcp_hdr *hdr)
{
	if ((hdr->flags & (FDNET_TH_SYN | FDNET_TH_ACK | FDNET_TH_RST)) !=
	    FDNET_TH_SYN)
		return false;
	return seq_gt(hdr->seq, info->rcv_nxt) ||
	       (info->ts_ok && hdr->has_ts &&
		seq_gt(hdr->ts_val, info->ts_recent));
}

static void give_way(struct tcp_tw *tw, struct fdnet_pkt *pkt,
		     const struct fdnet_ip_in *in)
{
	struct fdnet_stack *stack = tw->so.stack;
	struct fdnet_name local = tw->so.local, peer = tw->so.peer;
	struct fdnet_sock *so;

	tw_release(tw);
	so = fdnet_demux_find(stack, 6, &local, &peer);
	if (so)
		so->ops->input(so, pkt, in);
	else
		fdnet_tcp_input_nosock(stack, pkt, in);
}

static void tw_input(struct fdnet_sock *so, struct fdnet_pkt *pkt,
		     const struct fdnet_ip_in *in)
{
	struct tcp_tw *tw = tw_of(so);
	struct fdnet_tcp_hdr hdr;
	uint32_t len;

	if (fdnet_tcp_hdr_decode(pkt->data, pkt->len, &hdr)) {
		fdnet_stack_count(so->stack, FDNET_C_TCP_BAD);
		goto drop;
	}
	if (is_new_syn(&tw->info, &hdr)) {
		give_way(tw, pkt, in);
		return;
	}
	len = fdnet_pkt_total(pkt) - hdr.hdr_len;
	if (hdr.flags & FDNET_TH_RST) {
		/* RFC 5961 aside, only an exact one; RFC 1337 would take none,
		 * the kernel takes it by default */
		if (hdr.seq == tw->info.rcv_nxt)
			tw_release(tw);
		goto drop;
	}
	if (len || hdr.flags & (FDNET_TH_FIN | FDNET_TH_SYN)) {
		tw_ack(tw);
		if (hdr.flags & FDNET_TH_FIN)
			fdnet_timer_set(so->stack, &tw->timer,
					fdnet_stack_time(so->stack) +
						TIME_WAIT_US);
	}
drop:
	fdnet_pkt_free(pkt);
}

static struct fdnet_pkt *tw_output(struct fdnet_sock *so)
{
	return NULL;
}

static const struct fdnet_proto_ops tw_ops = {
	.proto = 6,
	.size = sizeof(struct tcp_tw),
	.timers = 1,
	.init = tw_init,
	.destroy = tw_destroy,
	.output = tw_output,
	.input = tw_input,
};

/* @until_us: when it ends. NULL: no memory, or the names are taken. */
static struct tcp_tw *tw_new(struct fdnet_stack *stack,
			     const struct fdnet_tcp_tw_info *info,
			     uint64_t until_us)
{
	struct fdnet_sock *so = fdnet_sock_new(stack, &tw_ops, info->family,
					       FDNET_SOCK_STREAM, 6);
	struct tcp_tw *tw;

	if (!so)
		return NULL;
	tw = tw_of(so);
	tw->info = *info;
	so->detached = true;
	so->foreign = info->foreign;
	so->opts.reuseaddr = info->reuseaddr;
	so->opts.reuseport = info->reuseport;
	so->opts.v6only = info->v6only;
	so->local = info->local;
	so->peer = info->peer;
	if (fdnet_demux_connect(so)) {
		fdnet_sock_release(so);
		return NULL;
	}
	fdnet_timer_set(stack, &tw->timer, until_us);
	return tw;
}

void fdnet_tcp_tw_new(struct fdnet_stack *stack,
		      const struct fdnet_tcp_tw_info *info)
{
	tw_new(stack, info, fdnet_stack_time(stack) + TIME_WAIT_US);
}

struct fdnet_sock *fdnet_save_time_wait(struct fdnet_save *s,
					struct fdnet_sock *so)
{
	struct fdnet_tcp_tw_info none = {0}, *info = so ? &tw_of(so)->info : &none;
	uint64_t until = fdnet_save_time(s, so ? tw_of(so)->timer.expiry_us : 0);
	uint32_t now_ms = (uint32_t)(fdnet_stack_time(s->stack) / FDNET_MS), ts;
	struct tcp_tw *tw;

	fdnet_save_name(s, &info->local);
	fdnet_save_name(s, &info->peer);
	info->family = fdnet_save_int(s, info->family, 4, 6);
	info->foreign = fdnet_save_bool(s, info->foreign);
	info->ts_ok = fdnet_save_bool(s, info->ts_ok);
	info->snd_nxt = fdnet_save_u32(s, info->snd_nxt);
	info->rcv_nxt = fdnet_save_u32(s, info->rcv_nxt);
	info->rcv_wnd = fdnet_save_u32(s, info->rcv_wnd);
	info->ts_recent = fdnet_save_u32(s, info->ts_recent);
	ts = fdnet_save_u32(s, info->ts_offset + now_ms);
	if (!s->reading)
		return so;
	info->ts_offset = ts - now_ms;
	fdnet_save_check(s, info->family != 5 && info->local.ip.family &&
				    info->local.ip.family ==
					    info->peer.ip.family);
	if (until > fdnet_stack_time(s->stack) + TIME_WAIT_US)
		until = fdnet_stack_time(s->stack) + TIME_WAIT_US;
	if (s->rc)
		return NULL;
	tw = tw_new(s->stack, info, until);
	if (!tw)
		fdnet_save_fail(s, -ENOMEM);
	return tw ? &tw->so : NULL;
}
