/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path's MTU as a connection sees it (RFC 1191, RFC 8201, RFC 4821).
 *
 * How it works: a smaller one comes from an ICMP error, or is found without:
 * when the same full segment was lost three times in a row though the peer
 * had answered before, the way may swallow what is too large for it, so the
 * next size below is tried (RFC 4821 7.7). What was found is told to the
 * stack's table when the smaller segment is acknowledged, so that other
 * connections to that address begin with it. After ten minutes the full size
 * is tried again.
 */
#include "config.h"

#include "stack/pmtu.h"
#include "stack/tcp_internal.h"

#define BLACK_HOLE_TRIES 2 /* timeouts before it is thought of */

static uint32_t floor_of(const struct fdnet_tcp *tp)
{
	return tp->so.peer.ip.family == 6 ? FDNET_PMTU_MIN6 : FDNET_PMTU_MIN4;
}

static uint32_t current(const struct fdnet_tcp *tp)
{
	return tp->pmtu ? tp->pmtu
			: fdnet_ip_mtu(tp->so.stack, &tp->so.peer.ip);
}

/* What was sent too large goes again, in smaller pieces. */
static void resend_large(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_txseg *seg;

	for (seg = tp->tx_head; seg; seg = seg->next) {
		if (seg->end - seg->seq > tp->mss &&
		    !(seg->flags & FDNET_TXSEG_SACKED)) {
			fdnet_txseg_clear(tp, seg, FDNET_TXSEG_RETX);
			fdnet_txseg_set(tp, seg, FDNET_TXSEG_LOST);
		}
	}
}

static void set(struct fdnet_tcp *tp, uint32_t mtu)
{
	tp->pmtu = mtu;
	tp->pmtu_until_s =
		(uint32_t)((tcp_now(tp) + FDNET_PMTU_US) / FDNET_SEC) + 1;
	fdnet_tcp_sync_mss(tp);
}

void fdnet_tcp_path_mtu(struct fdnet_tcp *tp, uint32_t mtu)
{
	if (mtu < floor_of(tp))
		mtu = floor_of(tp);
	if (mtu > current(tp))
		return;
	fdnet_pmtu_update(tp->so.stack, &tp->so.peer.ip, mtu);
	set(tp, mtu);
	resend_large(tp);
	if (tp->state == FDNET_TCP_SYN_SENT && tp->syn_data) {
		tp->adv_mss = tp->mss;
		tp->syn_due = true; /* at once, without the data */
	}
}

void fdnet_tcp_black_hole(struct fdnet_tcp *tp)
{
	static const uint16_t sizes[] = {1500, 1280, 1024, FDNET_PMTU_MIN4};
	const struct fdnet_tcp_txseg *seg = tp->tx_head;
	uint32_t now = current(tp), mss = tp->mss;

	if (tp->lossless || tp->backoff < BLACK_HOLE_TRIES || !seg ||
	    seg->end - seg->seq < mss)
		return;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		if (sizes[i] < now && sizes[i] >= floor_of(tp)) {
			set(tp, sizes[i]);
			tp->pmtu_guess = true;
			return;
		}
	}
}

void fdnet_tcp_pmtu_acked(struct fdnet_tcp *tp)
{
	tp->pmtu_guess = false;
	fdnet_pmtu_update(tp->so.stack, &tp->so.peer.ip, tp->pmtu);
}

void fdnet_tcp_pmtu_age(struct fdnet_tcp *tp)
{
	if (tcp_now(tp) / FDNET_SEC < tp->pmtu_until_s)
		return;
	tp->pmtu = 0;
	tp->pmtu_guess = false;
	fdnet_tcp_sync_mss(tp);
}
