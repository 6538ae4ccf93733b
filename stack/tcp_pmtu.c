/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path's MTU as a connection sees it (RFC 1191, RFC 8201, RFC 4821).
 *
 * How it works: a smaller one comes from an ICMP error, or is found without:
 * when the same full segment was lost three times in a row though the peer
 * had answered before, the way may swallow what is too large for it, so the
 * next size below is tried (RFC 4821 7.7). What was found is told to the
 * stack's table when the smaller segment is acknowledged, so that other
 * connections to that address begin with it.
 *
 * A larger one is looked for where ICMP has said nothing: now and then one
 * segment, the probe, is longer than the others, half way between what is
 * known to get through and what is known, or thought, not to. It goes only
 * when nothing is amiss and there are enough data behind it to notice its
 * loss at once, which then is no sign of congestion (RFC 4821 7.4, 7.6). When
 * the two are close enough nothing is tried for ten minutes; after them, as
 * after ten minutes of what ICMP said, the full size is tried again.
 */
#include "config.h"

#include "stack/pmtu.h"
#include "stack/tcp_internal.h"

#define BLACK_HOLE_TRIES 2 /* timeouts before it is thought of */
#define BASE_MSS	 1024 /* net.ipv4.tcp_base_mss */
#define CLOSE_ENOUGH	 8 /* net.ipv4.tcp_probe_threshold */
/* Full segments: of window at least, and of data behind a probe, so many that
 * their ACKs tell of its loss. As Linux. */
#define PROBE_WINDOW 11
#define PROBE_BEHIND 4
#define AGE_S	     (FDNET_PMTU_US / FDNET_SEC)

static uint8_t mode_of(const struct fdnet_tcp *tp)
{
	return fdnet_stack_cfg(tp->so.stack)->tcp.mtu_probing;
}

static uint32_t floor_of(const struct fdnet_tcp *tp)
{
	return tp->so.peer.ip.family == 6 ? FDNET_PMTU_MIN6 : FDNET_PMTU_MIN4;
}

static uint32_t headers(const struct fdnet_tcp *tp)
{
	return (tp->so.peer.ip.family == 6 ? 40 : 20) + FDNET_TCP_HDR_MIN;
}

/* Where it is not known how much gets through. */
static uint32_t base_mtu(const struct fdnet_tcp *tp)
{
	uint32_t mss = fdnet_stack_cfg(tp->so.stack)->tcp.base_mss;
	uint32_t mtu = (mss ? mss : BASE_MSS) + headers(tp);

	return mtu < floor_of(tp) ? floor_of(tp) : mtu;
}

uint32_t fdnet_tcp_mtu(const struct fdnet_tcp *tp)
{
	uint32_t mtu, base;

	if (tp->pmtu)
		return tp->pmtu->mtu;
	mtu = fdnet_ip_mtu(tp->so.stack, &tp->so.peer.ip);
	if (tp->lossless || mode_of(tp) != FDNET_TCP_PROBE_ALWAYS)
		return mtu;
	base = base_mtu(tp);
	return mtu < base ? mtu : base;
}

/* No larger packets can be sent, or would be used. */
static uint32_t highest(const struct fdnet_tcp *tp)
{
	uint32_t mtu = fdnet_ip_link_mtu(tp->so.stack, &tp->so.peer.ip);

	if (tp->peer_mss && tp->peer_mss + headers(tp) < mtu)
		mtu = tp->peer_mss + headers(tp);
	if (tp->user_mss && tp->user_mss + headers(tp) < mtu)
		mtu = tp->user_mss + headers(tp);
	return mtu < 65535 ? mtu : 65535;
}

/* ---- what is known ---- */

static uint32_t in_seconds(const struct fdnet_tcp *tp, uint32_t s)
{
	return (uint32_t)(tcp_now(tp) / FDNET_SEC) + s + 1;
}

/* NULL: no memory. */
static struct fdnet_tcp_pmtu *learn(struct fdnet_tcp *tp, uint32_t mtu,
				    uint32_t high)
{
	if (!tp->pmtu)
		tp->pmtu = fdnet_mem_alloc(tcp_mem(tp), sizeof(*tp->pmtu));
	if (tp->pmtu)
		*tp->pmtu = (struct fdnet_tcp_pmtu){
			.mtu = (uint16_t)mtu,
			.high = (uint16_t)(high > mtu ? high : mtu),
			.until_s = in_seconds(tp, AGE_S),
		};
	return tp->pmtu;
}

void fdnet_tcp_pmtu_told(struct fdnet_tcp *tp, uint32_t mtu, uint32_t s)
{
	struct fdnet_tcp_pmtu *p = learn(tp, mtu, mtu);

	if (!p)
		return;
	p->told = true;
	p->until_s = in_seconds(tp, s);
}

void fdnet_tcp_pmtu_forget(struct fdnet_tcp *tp)
{
	fdnet_mem_free(tcp_mem(tp), tp->pmtu, sizeof(*tp->pmtu));
	tp->pmtu = NULL;
	tp->pmtu_guess = false;
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

void fdnet_tcp_path_mtu(struct fdnet_tcp *tp, uint32_t mtu)
{
	/* larger than what we send is believed as the answer to a probe */
	bool probe = tp->pmtu && mtu < tp->pmtu->size;

	if (mtu < floor_of(tp))
		mtu = floor_of(tp);
	if (mtu > fdnet_tcp_mtu(tp) && !probe)
		return;
	if (probe) {
		tcp_count(tp, FDNET_C_TCP_MTU_PROBE_LOST);
		fdnet_pmtu_raise(tp->so.stack, &tp->so.peer.ip, mtu);
	}
	fdnet_pmtu_update(tp->so.stack, &tp->so.peer.ip, mtu);
	fdnet_tcp_pmtu_told(tp, mtu, AGE_S);
	fdnet_tcp_sync_mss(tp);
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
	uint32_t now = fdnet_tcp_mtu(tp), mss = tp->mss;
	bool never = mode_of(tp) == FDNET_TCP_PROBE_NEVER;
	struct fdnet_tcp_pmtu *p;

	if (tp->lossless || tp->backoff < BLACK_HOLE_TRIES || !seg ||
	    seg->end - seg->seq < mss)
		return;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		if (sizes[i] >= now || sizes[i] < floor_of(tp))
			continue;
		p = learn(tp, sizes[i], never ? sizes[i] : now - 1);
		if (!p)
			return;
		p->told = never;
		tp->pmtu_guess = true;
		fdnet_tcp_sync_mss(tp);
		return;
	}
}

void fdnet_tcp_pmtu_acked(struct fdnet_tcp *tp)
{
	tp->pmtu_guess = false;
	if (tp->pmtu)
		fdnet_pmtu_update(tp->so.stack, &tp->so.peer.ip,
				  tp->pmtu->mtu);
}

void fdnet_tcp_pmtu_age(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_pmtu *p = tp->pmtu;

	if (tcp_now(tp) / FDNET_SEC < p->until_s)
		return;
	if (p->told) {
		fdnet_tcp_pmtu_forget(tp);
		fdnet_tcp_sync_mss(tp);
	} else {
		p = learn(tp, p->mtu, highest(tp));
		p->fresh = true;
	}
}

/* ---- probes ---- */

static uint32_t overhead(const struct fdnet_tcp *tp)
{
	return headers(tp) + (tp->ts_ok ? 12 : 0);
}

/* Nothing is amiss, so that a loss would be the probe's, and the window is
 * large enough for it to be noticed. */
static bool may_probe(const struct fdnet_tcp *tp)
{
	return tp->ca_state == FDNET_TCP_CA_OPEN && !tp->pmtu_guess &&
	       !tp->backoff && !tp->sacked_bytes && !tp->rcvq.nranges &&
	       tp->dsack_start == tp->dsack_end &&
	       tp->cwnd >= PROBE_WINDOW * (uint32_t)tp->mss;
}

uint32_t fdnet_tcp_probe_len(struct fdnet_tcp *tp, uint32_t unsent,
			     uint32_t room)
{
	uint32_t behind = PROBE_BEHIND * (uint32_t)tp->mss, mtu, high, len;
	struct fdnet_tcp_pmtu *p = tp->pmtu;
	bool fresh = p ? p->fresh : true;

	if (unsent <= behind || room <= behind || (p && p->size) ||
	    (!p && mode_of(tp) != FDNET_TCP_PROBE_ALWAYS) || !may_probe(tp))
		return 0;
	mtu = fdnet_tcp_mtu(tp);
	high = p ? p->high : highest(tp);
	if (high < mtu + (fresh ? 1 : CLOSE_ENOUGH))
		return 0;
	len = (fresh ? high : (mtu + high) / 2) - overhead(tp);
	if (len <= tp->mss || unsent < len + behind || room < len + behind)
		return 0;
	if (!p) {
		p = learn(tp, mtu, high);
		if (!p)
			return 0;
		p->fresh = true;
	}
	return len;
}

void fdnet_tcp_probe_begin(struct fdnet_tcp *tp, uint32_t len)
{
	struct fdnet_tcp_pmtu *p = tp->pmtu;

	p->size = (uint16_t)(len + overhead(tp));
	p->seq = tp->snd_nxt;
}

void fdnet_tcp_probe_sent(struct fdnet_tcp *tp, uint32_t len)
{
	if (len <= tp->mss) {
		tp->pmtu->size = 0;
		return;
	}
	fdnet_tcp_probe_begin(tp, len);
	tp->pmtu->seq = tp->snd_nxt - len;
	tcp_count(tp, FDNET_C_TCP_MTU_PROBE);
}

static uint32_t probe_end(const struct fdnet_tcp *tp)
{
	return tp->pmtu->seq + tp->pmtu->size - overhead(tp);
}

void fdnet_tcp_probe_acked(struct fdnet_tcp *tp, uint32_t ack)
{
	struct fdnet_tcp_pmtu *p = tp->pmtu;

	if (!p->size || seq_lt(ack, probe_end(tp)))
		return;
	p->mtu = p->size;
	p->size = 0;
	p->fresh = false;
	fdnet_pmtu_raise(tp->so.stack, &tp->so.peer.ip, p->mtu);
	fdnet_tcp_sync_mss(tp);
}

bool fdnet_tcp_probe_lost(struct fdnet_tcp *tp, bool timeout)
{
	struct fdnet_tcp_txseg *seg = tp->tx_head;
	struct fdnet_tcp_pmtu *p = tp->pmtu;
	bool alone;
	uint32_t end;

	if (!p || !p->size || !seg || seg->seq != p->seq ||
	    !(seg->flags & FDNET_TXSEG_LOST))
		return false;
	alone = tp->lost_bytes == seg->end - seg->seq;
	end = probe_end(tp);
	if (alone || timeout) { /* else it tells nothing: RFC 4821 7.6.4 */
		p->high = (uint16_t)(p->size - 1);
		p->fresh = false;
		tcp_count(tp, FDNET_C_TCP_MTU_PROBE_LOST);
	}
	p->size = 0;
	if (!alone || timeout)
		return false;
	for (; seg && seq_lt(seg->seq, end); seg = seg->next)
		fdnet_txseg_set(tp, seg, FDNET_TXSEG_LOST);
	return true;
}

void fdnet_tcp_probe_resent(struct fdnet_tcp *tp, uint32_t seq, uint32_t end)
{
	struct fdnet_tcp_pmtu *p = tp->pmtu;

	if (p->size && seq_lt(seq, probe_end(tp)) && seq_gt(end, p->seq))
		p->size = 0;
}
