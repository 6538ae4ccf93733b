/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was lost, and what that costs: RACK (RFC 8985), duplicate ACKs without
 * SACK (RFC 5681, 6582), proportional rate reduction (RFC 6937), timeouts
 * (RFC 6298 5, 5681 3.1), undo.
 */
#include "config.h"

#include "stack/tcp_internal.h"

#define DUPTHRESH 3u

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void mark_lost(struct fdnet_tcp *tp, struct fdnet_tcp_txseg *seg)
{
	fdnet_txseg_clear(tp, seg, FDNET_TXSEG_RETX);
	fdnet_txseg_set(tp, seg, FDNET_TXSEG_LOST);
}

/* Have as many segments arrived out of order as duplicate ACKs would be needed
 * for? Short ones count too. */
static bool many_sacked(const struct fdnet_tcp *tp)
{
	const struct fdnet_tcp_txseg *seg;
	uint32_t n = 0;

	if (!tp->sacked_bytes || tp->sacked_bytes >= DUPTHRESH * tp->mss)
		return tp->sacked_bytes;
	for (seg = tp->tx_head; seg && n < DUPTHRESH; seg = seg->next) {
		if (seg->flags & FDNET_TXSEG_SACKED)
			n += (seg->end - seg->seq + tp->mss - 1) / tp->mss;
	}
	return n >= DUPTHRESH;
}

/* RFC 8985 6.2 step 4: how much later than its successors a segment may be. */
static uint64_t reo_wnd(const struct fdnet_tcp *tp)
{
	uint32_t wnd;

	if (!tp->reordered &&
	    (tp->ca_state >= FDNET_TCP_CA_RECOVERY || many_sacked(tp)))
		return 0;
	wnd = tp->rtt.min_us / 4;
	wnd *= tp->reo_mult + 1u;
	return min_u32(wnd, tp->rtt.srtt_us);
}

static bool sent_before_rack(const struct fdnet_tcp *tp,
			     const struct fdnet_tcp_txseg *seg)
{
	return seg->sent_us < tp->rack_us ||
	       (seg->sent_us == tp->rack_us && seq_lt(seg->end, tp->rack_end));
}

/* Step 5. Returns whether anything was marked; @ret_wait: until when the
 * next one may be called lost, 0: nothing to wait for. */
static bool rack_mark(struct fdnet_tcp *tp, uint64_t *ret_wait)
{
	uint64_t now = tcp_now(tp), reo = reo_wnd(tp), wait = 0;
	struct fdnet_tcp_txseg *seg;
	bool marked = false;

	for (seg = tp->tx_head; seg; seg = seg->next) {
		uint64_t due = seg->sent_us + tp->rack_rtt_us + reo;

		if (seg->flags & (FDNET_TXSEG_SACKED | FDNET_TXSEG_LOST))
			continue;
		if (!sent_before_rack(tp, seg)) {
			/* first transmissions are in order of time */
			if (!(seg->flags & FDNET_TXSEG_EVER))
				break;
			continue;
		}
		if (due <= now) {
			mark_lost(tp, seg);
			marked = true;
		} else if (due > wait) {
			wait = due;
		}
	}
	*ret_wait = wait;
	return marked;
}

/* The threshold after a loss. */
static void reduce(struct fdnet_tcp *tp)
{
	fdnet_tcp_cc_leave_start(tp);
	tp->ssthresh = tp->cc->ssthresh(tp);
}

static void remember(struct fdnet_tcp *tp)
{
	tp->prior_cwnd = tp->cwnd;
	tp->prior_ssthresh = tp->ssthresh;
	tp->undo_seq = tp->snd_una;
	tp->undo_ok = true;
	tp->undo_retrans = 0;
}

static void begin_reduction(struct fdnet_tcp *tp)
{
	tp->prr_flight = tp->snd_nxt - tp->snd_una;
	tp->prr_delivered = tp->prr_out = 0;
	reduce(tp);
	tp->tlp_end = 0;
}

static void enter_recovery(struct fdnet_tcp *tp)
{
	/* a loss in the round trip of a mark is no second reason */
	if (tp->ca_state != FDNET_TCP_CA_CWR) {
		remember(tp);
		begin_reduction(tp);
	}
	tp->ca_state = FDNET_TCP_CA_RECOVERY;
	tp->recover = tp->snd_nxt;
	tp->tlp_end = 0;
}

/* Without SACK only the first segment is known to miss (RFC 6582). */
static bool dupack_mark(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_txseg *seg = tp->tx_head;

	if (tp->dupacks != DUPTHRESH || seg->flags & FDNET_TXSEG_LOST ||
	    tp->ca_state >= FDNET_TCP_CA_RECOVERY)
		return false;
	if (seg->end - seg->seq > tp->mss)
		fdnet_txseg_split(tp, seg, seg->seq + tp->mss);
	mark_lost(tp, seg);
	return true;
}

bool fdnet_tcp_loss_detect(struct fdnet_tcp *tp)
{
	uint64_t wait = 0;
	bool marked;

	if (!tp->tx_head)
		return false;
	marked = tp->sack_ok ? rack_mark(tp, &wait) : dupack_mark(tp);
	if (tp->ca_state == FDNET_TCP_CA_OPEN)
		tp->ca_state = FDNET_TCP_CA_DISORDER;
	if (marked && tp->ca_state < FDNET_TCP_CA_RECOVERY &&
	    !fdnet_tcp_probe_lost(tp, false))
		enter_recovery(tp);
	if (wait) {
		tp->rtx_mode = FDNET_TCP_RTX_REO;
		fdnet_tcp_due(tp, FDNET_TCP_DUE_RTX, wait);
	}
	return marked;
}

void fdnet_tcp_enter_loss(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_txseg *seg;

	if (tp->ca_state != FDNET_TCP_CA_LOSS) {
		if (tp->ca_state < FDNET_TCP_CA_CWR)
			remember(tp);
		if (tp->ca_state != FDNET_TCP_CA_CWR)
			reduce(tp);
		tp->recover = tp->snd_nxt;
	}
	/* RFC 5682 with SACK: worth a look unless a recovery was going on */
	tp->frto = tp->sack_ok && !tp->lossless &&
		   tp->ca_state != FDNET_TCP_CA_RECOVERY;
	tp->ca_state = FDNET_TCP_CA_LOSS;
	tp->dupacks = 0;
	tp->tlp_end = 0;
	/* RFC 2018 8: the receiver may have dropped what it had SACKed, which
	 * shows by the first segment being SACKed and not acknowledged. */
	seg = tp->tx_head;
	if (seg && seg->flags & FDNET_TXSEG_SACKED) {
		for (; seg; seg = seg->next)
			fdnet_txseg_clear(tp, seg, FDNET_TXSEG_SACKED);
	}
	for (seg = tp->tx_head; seg; seg = seg->next) {
		if (!(seg->flags & FDNET_TXSEG_SACKED))
			mark_lost(tp, seg);
	}
	fdnet_tcp_probe_lost(tp, true);
	tp->cwnd = tp->lossless ? 64u << 10 : tp->mss;
}

void fdnet_tcp_undo(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_txseg *seg;

	tp->cwnd = max_u32(tp->cwnd, tp->prior_cwnd);
	tp->ssthresh = max_u32(tp->ssthresh, tp->prior_ssthresh);
	fdnet_tcp_cc_leave_start(tp); /* back in it: with a clean slate */
	tp->undo_ok = false;
	for (seg = tp->tx_head; seg; seg = seg->next)
		fdnet_txseg_clear(tp, seg, FDNET_TXSEG_LOST);
	tp->ca_state = FDNET_TCP_CA_OPEN;
}

/* RFC 5682 3.1: what was sent only once, before the timeout, arrives, so the
 * rest is under way too, and only late. To see it, new data are sent first. */
void fdnet_tcp_frto(struct fdnet_tcp *tp, bool first_acked, uint32_t acked)
{
	if (first_acked) {
		tp->frto = 0;
		if (tp->undo_ok)
			fdnet_tcp_undo(tp);
	} else if (tp->frto == 1 && acked && tcp_unsent(tp)) {
		tp->frto = 2;
		tp->recover = tp->snd_nxt;
	} else {
		tp->frto = 0;
	}
}

static void leave_recovery(struct fdnet_tcp *tp)
{
	if (tp->lossless)
		tp->cwnd = tp->ssthresh = FDNET_TCP_CWND_MAX;
	else if (tp->ca_state == FDNET_TCP_CA_RECOVERY)
		tp->cwnd = tp->ssthresh;
	if (tp->ca_state == FDNET_TCP_CA_RECOVERY && tp->reo_persist &&
	    !--tp->reo_persist)
		tp->reo_mult = 0;
	tp->ca_state = FDNET_TCP_CA_OPEN;
	tp->dupacks = 0;
}

/* RFC 6937, with the reduction bound of RFC 9937: a round of slow start only
 * while the ACKs show progress and no new loss. */
static void prr(struct fdnet_tcp *tp, uint32_t delivered, bool progress)
{
	uint32_t flight = tcp_in_flight(tp), send, lag;

	if (!delivered && tp->prr_out)
		return;
	tp->prr_delivered += delivered;
	if (flight > tp->ssthresh) {
		uint64_t share = (uint64_t)tp->prr_delivered * tp->ssthresh;
		uint32_t due = (uint32_t)((share + tp->prr_flight - 1) /
					  max_u32(tp->prr_flight, 1));

		send = due > tp->prr_out ? due - tp->prr_out : 0;
	} else {
		lag = tp->prr_delivered > tp->prr_out
			      ? tp->prr_delivered - tp->prr_out
			      : 0;
		send = max_u32(lag, delivered) + (progress ? tp->mss : 0);
		send = min_u32(tp->ssthresh - flight, send);
	}
	if (!tp->prr_out)
		send = max_u32(send, tp->mss); /* fast retransmit, at once */
	tp->cwnd = max_u32(flight + send, tp->mss);
}

void fdnet_tcp_tlp_lost(struct fdnet_tcp *tp)
{
	reduce(tp);
	tp->cwnd = min_u32(tp->cwnd, tp->ssthresh);
	tp->undo_ok = false;
}

void fdnet_tcp_enter_cwr(struct fdnet_tcp *tp)
{
	tp->undo_ok = false;
	begin_reduction(tp);
	tp->cwr_end = tp->snd_nxt;
	tp->cwr_due = true;
	tp->ca_state = FDNET_TCP_CA_CWR;
}

/* The window shrinks as in a recovery until what was out is acknowledged; the
 * state stays until the first byte behind it is, which carried CWR: before,
 * the peer's ECE tells nothing new. */
static void cwr_step(struct fdnet_tcp *tp, uint32_t delivered, bool progress)
{
	if (seq_lt(tp->snd_una, tp->cwr_end)) {
		prr(tp, delivered, progress);
		return;
	}
	tp->cwnd = tp->ssthresh;
	if (seq_gt(tp->snd_una, tp->cwr_end))
		tp->ca_state = FDNET_TCP_CA_OPEN;
}

/* RFC 6582 3.2 step 3: a partial ACK shows the next hole. */
static void partial_ack(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_txseg *seg = tp->tx_head;

	if (tp->sack_ok || !seg ||
	    seg->flags & (FDNET_TXSEG_LOST | FDNET_TXSEG_RETX))
		return;
	if (seg->end - seg->seq > tp->mss)
		fdnet_txseg_split(tp, seg, seg->seq + tp->mss);
	mark_lost(tp, seg);
}

void fdnet_tcp_recovery_step(struct fdnet_tcp *tp, uint32_t delivered,
			     uint32_t acked, bool newly_lost)
{
	bool limited;

	if (tp->ca_state == FDNET_TCP_CA_CWR) {
		cwr_step(tp, delivered, acked && !newly_lost);
		return;
	}
	if (tp->ca_state >= FDNET_TCP_CA_RECOVERY) {
		bool fast = tp->ca_state == FDNET_TCP_CA_RECOVERY;

		if (seq_geq(tp->snd_una, tp->recover)) {
			leave_recovery(tp);
			if (fast)
				return;
		} else if (acked) {
			partial_ack(tp);
		}
		if (tp->ca_state == FDNET_TCP_CA_RECOVERY) {
			prr(tp, delivered, acked && !newly_lost);
			return;
		}
	} else if (tp->ca_state == FDNET_TCP_CA_DISORDER && !tp->sacked_bytes &&
		   !tp->dupacks) {
		tp->ca_state = FDNET_TCP_CA_OPEN;
	}
	/* RFC 7661: grow only a window that is used. */
	limited = tp->cwnd_limited ||
		  (tp->cwnd < tp->ssthresh && tp->cwnd < 2 * tp->max_out);
	if (acked && limited && !tp->lossless)
		tp->cc->acked(tp, min_u32(acked, delivered));
	else if (acked && tp->lossless && tp->ca_state == FDNET_TCP_CA_LOSS)
		tp->cwnd += acked;
}
