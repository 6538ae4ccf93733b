/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a segment acknowledges: snd_una, SACK blocks, the window, round trip
 * samples (RFC 9293 3.10.7.4 fifth check; RFC 2018, 2883, 5961 5, 7323).
 */
#include "config.h"

#include "stack/tcp_internal.h"

/* What one ACK did. */
struct ack_work {
	uint32_t acked;	    /* snd_una moved by */
	uint32_t delivered; /* newly acknowledged or SACKed bytes */
	uint64_t rtt_us;    /* 0: no sample */
	bool retrans_acked; /* a segment sent more than once is through */
	bool first_acked;   /* one sent once, before the timeout, is */
	bool reordered;	    /* and arrived after later ones: from here on */
	uint32_t reord_seq;
	uint32_t fack; /* the highest that had arrived before this ACK */
};

/* A segment that was sent once arrived after a later one; one ACK that tells
 * of several counts once, for the first of them. */
static void note_reordering(struct fdnet_tcp *tp, const struct ack_work *work)
{
	uint32_t by = (work->fack - work->reord_seq + tp->mss - 1) / tp->mss;

	tp->reordered = true;
	tp->reord_seen++;
	if (by > tp->reordering)
		tp->reordering = (uint8_t)(by < 255 ? by : 255);
}

/* RFC 8985 6.2 steps 1 to 3: the newest delivery, and signs of reordering. */
static void rack_update(struct fdnet_tcp *tp, const struct fdnet_tcp_txseg *seg,
			struct ack_work *work)
{
	uint64_t now = tcp_now(tp), rtt = now - seg->sent_us;

	tp->delivered += (seg->end - seg->seq + tp->mss - 1) / tp->mss;
	if (seg->flags & FDNET_TXSEG_EVER) {
		if (rtt < tp->rtt.min_us)
			return; /* it was the first copy that arrived */
	} else if (seq_lt(seg->end, work->fack) &&
		   (!work->reordered || seq_lt(seg->seq, work->reord_seq))) {
		work->reordered = true;
		work->reord_seq = seg->seq;
	}
	tp->rack_fack = seq_max(tp->rack_fack, seg->end);
	if (seg->sent_us > tp->rack_us ||
	    (seg->sent_us == tp->rack_us && seq_gt(seg->end, tp->rack_end))) {
		tp->rack_us = seg->sent_us;
		tp->rack_end = seg->end;
		tp->rack_rtt_us = (uint32_t)(rtt ? rtt : 1);
	}
}

static void sack_segment(struct fdnet_tcp *tp, struct fdnet_tcp_txseg *seg,
			 struct ack_work *work)
{
	rack_update(tp, seg, work);
	if (!(seg->flags & FDNET_TXSEG_EVER)) {
		work->rtt_us = tcp_now(tp) - seg->sent_us;
		work->first_acked |= seq_leq(seg->end, tp->recover);
	}
	work->delivered += seg->end - seg->seq;
	fdnet_txseg_clear(tp, seg, FDNET_TXSEG_LOST);
	fdnet_txseg_set(tp, seg, FDNET_TXSEG_SACKED);
}

/* Where a packet of @seg ended, before or @behind @at: a receiver that SACKs
 * parts of packets shall not cut our record into bytes. */
static uint32_t packet_edge(const struct fdnet_tcp_txseg *seg, uint32_t at,
			    bool behind)
{
	uint32_t len = seg->end - seg->seq, mss = seg->mss ? seg->mss : len;
	uint32_t off = at - seg->seq;

	off = (off + (behind ? mss - 1 : 0)) / mss * mss;
	return seg->seq + (off < len ? off : len);
}

static void sack_block(struct fdnet_tcp *tp, uint32_t start, uint32_t end,
		       struct ack_work *work)
{
	struct fdnet_tcp_txseg *seg;
	uint32_t edge;

	for (seg = tp->tx_head; seg && seq_lt(seg->seq, end); seg = seg->next) {
		if (seq_leq(seg->end, start) || seg->flags & FDNET_TXSEG_SACKED)
			continue;
		if (seq_lt(seg->seq, start)) {
			edge = packet_edge(seg, start, true);
			if (edge != seg->end && !fdnet_txseg_split(tp, seg, edge))
				return;
			continue;
		}
		if (seq_gt(seg->end, end)) {
			edge = packet_edge(seg, end, false);
			if (edge == seg->seq || !fdnet_txseg_split(tp, seg, edge))
				return;
		}
		sack_segment(tp, seg, work);
	}
}

/* RFC 2883: a first block below the ACK, or inside the second one, tells of
 * a duplicate. */
static bool is_dsack(const struct fdnet_tcp_hdr *hdr)
{
	const struct fdnet_tcp_range *s = hdr->sack;

	return seq_lt(s[0].start, hdr->ack) ||
	       (hdr->nsack > 1 && seq_geq(s[0].start, s[1].start) &&
		seq_leq(s[0].end, s[1].end));
}

static void take_dsack(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr)
{
	tp->dsack_dups++;
	/* RFC 8985 6.2 step 4: we were too quick, wait longer, once a round
	 * trip. */
	if (!tp->tlp_end && seq_geq(tp->snd_una, tp->reo_round)) {
		tp->reordered = true;
		tp->reo_round = tp->snd_nxt;
		tp->reo_persist = 16;
		if (tp->reo_mult < 255)
			tp->reo_mult++;
	}
	/* All that we sent again had arrived already: undo (RFC 3708's
	 * simple case, one segment). */
	if (tp->undo_ok && tp->undo_retrans &&
	    seq_geq(hdr->sack[0].start, tp->undo_seq) && !--tp->undo_retrans)
		fdnet_tcp_undo(tp);
	if (tp->tlp_end && seq_leq(hdr->sack[0].end, tp->tlp_end))
		tp->tlp_end = 0; /* the probe was not needed */
}

static void take_sacks(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr,
		       struct ack_work *work)
{
	unsigned int i = 0;

	if (is_dsack(hdr)) {
		take_dsack(tp, hdr);
		i = 1;
	}
	for (; i < hdr->nsack; i++) {
		uint32_t start = hdr->sack[i].start, end = hdr->sack[i].end;

		if (seq_geq(start, end) || seq_lt(start, tp->snd_una) ||
		    seq_gt(end, tp->snd_nxt))
			continue;
		sack_block(tp, start, end, work);
	}
}

/* Removes the records below @ack. */
static void clean_segments(struct fdnet_tcp *tp, uint32_t ack,
			   struct ack_work *work)
{
	struct fdnet_tcp_txseg *seg;

	while ((seg = tp->tx_head) && seq_lt(seg->seq, ack)) {
		uint32_t end = seq_min(seg->end, ack);

		if (!(seg->flags & FDNET_TXSEG_SACKED)) {
			work->delivered += end - seg->seq;
			rack_update(tp, seg, work);
			if (seg->flags & FDNET_TXSEG_EVER) {
				work->retrans_acked = true;
			} else {
				work->rtt_us = tcp_now(tp) - seg->sent_us + 1;
				work->first_acked |= seq_leq(end, tp->recover);
			}
		}
		fdnet_txseg_trim(tp, ack);
	}
}

static void take_rtt(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr,
		     struct ack_work *work)
{
	uint32_t diff;

	/* Karn: an ACK that covers a retransmission is ambiguous, but for
	 * the timestamp (RFC 7323 4). */
	if (work->retrans_acked) {
		work->rtt_us = 0;
		if (tp->ts_ok && hdr->has_ts && hdr->ts_ecr && work->acked) {
			diff = fdnet_tcp_ts_now(tp) - hdr->ts_ecr;
			if (diff < FDNET_TCP_RTO_MAX_US / 1000)
				work->rtt_us = diff ? diff * 1000ull : 1;
		}
	}
	if (work->rtt_us)
		fdnet_tcp_rtt_sample(&tp->rtt, work->rtt_us);
}

/* RFC 9293 3.10.7.4: the segment is newer than the last that told. */
static void take_window(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr)
{
	uint32_t wnd = (uint32_t)hdr->wnd << tp->snd_wscale;

	if (seq_lt(hdr->seq, tp->snd_wl1) ||
	    (hdr->seq == tp->snd_wl1 && seq_lt(hdr->ack, tp->snd_wl2)))
		return;
	tp->snd_wl1 = hdr->seq;
	tp->snd_wl2 = hdr->ack;
	if (wnd == tp->snd_wnd)
		return;
	tp->snd_wnd = wnd;
	if (wnd > tp->max_wnd)
		tp->max_wnd = wnd;
}

static void move_una(struct fdnet_tcp *tp, uint32_t ack, struct ack_work *work)
{
	uint32_t data = ack - tp->sndq_seq;

	if (tp->pmtu)
		fdnet_tcp_probe_acked(tp, ack);
	clean_segments(tp, ack, work);
	tp->snd_una = ack;
	if (seq_lt(tp->snd_up, ack))
		tp->snd_up = ack;
	if (tp->fin_sent && ack == tp->snd_nxt)
		data--;
	if (data) {
		fdnet_sndq_drop(&tp->sndq, tcp_mem(tp), data);
		tp->sndq_seq += data;
		tp->bytes_acked += data;
	}
	tp->backoff = 0;
	tp->stalled_us = 0;
	tp->more = false; /* what MSG_MORE held goes when Nagle lets it */
	if (tp->pmtu_guess)
		fdnet_tcp_pmtu_acked(tp);
	fdnet_neigh_confirm(tp->so.stack, &tp->so.peer.ip);
}

/* RFC 8985 7.4.2: did the probe repair a loss? If it was a retransmission and
 * the end that it repeated had arrived, a duplicate SACK (take_dsack()) or an
 * ACK that tells nothing would say so. */
static void tlp_ack(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr,
		    const struct ack_work *work, bool dup)
{
	if (seq_lt(hdr->ack, tp->tlp_end))
		return;
	if (!tp->tlp_again) {
		tp->tlp_end = 0;
	} else if (hdr->ack != tp->tlp_end) {
		if (tp->ca_state < FDNET_TCP_CA_CWR)
			fdnet_tcp_tlp_lost(tp);
		tp->tlp_end = 0;
	} else if (dup && !work->acked && !hdr->nsack) {
		tp->tlp_end = 0;
	}
}

/* A duplicate as RFC 5681 2 defines it. */
static bool is_dupack(const struct fdnet_tcp *tp,
		      const struct fdnet_tcp_hdr *hdr, bool data)
{
	return hdr->ack == tp->snd_una && !data && tp->tx_head &&
	       (uint32_t)hdr->wnd << tp->snd_wscale == tp->snd_wnd;
}

/* Without SACK, duplicate ACKs have told of some of these bytes. */
static void told_before(const struct fdnet_tcp *tp, struct ack_work *work)
{
	uint32_t known = (uint32_t)tp->dupacks * tp->mss;

	if (tp->sack_ok || !known)
		return;
	work->delivered = work->delivered > known + tp->mss
				  ? work->delivered - known
				  : tp->mss;
}

/* Returns whether the peer tells of congestion. */
static bool take_ece(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr)
{
	if (!tp->ecn_ok || !(hdr->flags & FDNET_TH_ECE))
		return false;
	if (tp->ca_state <= FDNET_TCP_CA_DISORDER)
		fdnet_tcp_enter_cwr(tp);
	return true;
}

/* A timer was waiting for what just changed; RACK's, if this ACK set it, is to
 * stay. */
static void move_timers(struct fdnet_tcp *tp, const struct ack_work *work)
{
	if (work->acked && tp->rtx_mode != FDNET_TCP_RTX_REO)
		fdnet_tcp_restart_rtx(tp);
	else if (tp->rtx_mode == FDNET_TCP_RTX_PERSIST && tp->snd_wnd)
		tp->backoff = 0;
}

bool fdnet_tcp_ack(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr,
		   bool data)
{
	struct ack_work work = {.fack = tp->rack_fack};
	uint32_t ack = hdr->ack;
	bool dup, marked, lost = false;

	if (seq_gt(ack, tp->snd_nxt)) {
		fdnet_tcp_challenge(tp); /* RFC 9293, at RFC 5961's rate */
		return false;
	}
	/* RFC 5961 5.2: too old to be honest. */
	if (seq_lt(ack, tp->snd_una - tp->max_wnd)) {
		fdnet_tcp_challenge(tp);
		return false;
	}
	dup = is_dupack(tp, hdr, data);
	if (hdr->nsack && tp->sack_ok)
		take_sacks(tp, hdr, &work);
	if (seq_lt(ack, tp->snd_una)) {
		if (work.reordered)
			note_reordering(tp, &work);
		if (work.delivered) {
			lost = fdnet_tcp_loss_detect(tp);
			fdnet_tcp_recovery_step(tp, work.delivered, 0, lost);
		}
		return true;
	}
	take_window(tp, hdr);
	work.acked = ack - tp->snd_una;
	if (work.acked)
		move_una(tp, ack, &work);
	if (tp->tlp_end)
		tlp_ack(tp, hdr, &work, !data);
	if (work.reordered)
		note_reordering(tp, &work);
	take_rtt(tp, hdr, &work);
	if (!tp->lossless && tp->cwnd < tp->ssthresh)
		fdnet_tcp_hystart(tp, work.rtt_us);
	if (dup && !tp->sack_ok && tp->dupacks < 255) {
		tp->dupacks++;
		work.delivered += tp->mss;
	} else if (work.acked) {
		told_before(tp, &work);
		tp->dupacks = 0;
	}
	marked = take_ece(tp, hdr);
	if (tp->frto && tp->ca_state == FDNET_TCP_CA_LOSS)
		fdnet_tcp_frto(tp, work.first_acked, work.acked);
	if (work.acked && tp->rtx_mode == FDNET_TCP_RTX_REO)
		tp->rtx_mode = FDNET_TCP_RTX_NONE;
	if (tp->tx_head && (tp->sacked_bytes || tp->dupacks ||
			    tp->ca_state >= FDNET_TCP_CA_RECOVERY))
		lost = fdnet_tcp_loss_detect(tp);
	fdnet_tcp_recovery_step(tp, work.delivered, work.acked, lost || marked);
	move_timers(tp, &work);
	if (work.acked)
		fdnet_tcp_write_space(tp);
	return true;
}
