/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment arrives: RFC 9293 3.10.7, in its order, with RFC 5961 (blind
 * attacks) and RFC 7323 (PAWS).
 */
#include "config.h"

#include <errno.h>

#include "stack/tcp_internal.h"

#define DELACK_US	   (40 * FDNET_MS)
#define DELACK_LOSSLESS_US (10 * FDNET_MS)
/* Packets kept out of order; on a lossless way there should be none. */
#define PAWS_IDLE_US	  (24 * 86400ull * FDNET_SEC)
#define SYN_LIFE_MS	  300000 /* longer than all tries of a SYN */

/* ---- no connection ---- */

void fdnet_tcp_rst_for(struct fdnet_stack *stack, const struct fdnet_ip_in *in,
		       const struct fdnet_tcp_hdr *hdr, uint32_t payload)
{
	struct fdnet_name local = {.ip = in->dst, .port = hdr->dport};
	struct fdnet_name peer = {.ip = in->src, .port = hdr->sport};
	struct fdnet_tcp_hdr rst = {.wscale = FDNET_TCP_WSCALE_NONE};

	if (hdr->flags & FDNET_TH_RST || in->group)
		return;
	rst.flags = FDNET_TH_RST;
	if (hdr->flags & FDNET_TH_ACK) {
		rst.seq = hdr->ack;
	} else {
		rst.flags |= FDNET_TH_ACK;
		rst.ack = hdr->seq + payload + !!(hdr->flags & FDNET_TH_SYN) +
			  !!(hdr->flags & FDNET_TH_FIN);
	}
	fdnet_tcp_send_bare(stack, &local, &peer, &rst);
}

void fdnet_tcp_input_nosock(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			    const struct fdnet_ip_in *in)
{
	struct fdnet_tcp_hdr hdr;

	if (fdnet_tcp_hdr_decode(pkt->data, pkt->len, &hdr)) {
		fdnet_stack_count(stack, FDNET_C_TCP_BAD);
		fdnet_pkt_free(pkt);
		return;
	}
	if (!fdnet_tcp_request_syn(stack, pkt, &hdr, in)) {
		fdnet_stack_count(stack, FDNET_C_TCP_NO_SOCK);
		fdnet_tcp_rst_for(stack, in, &hdr,
				  fdnet_pkt_total(pkt) - hdr.hdr_len);
	}
	fdnet_pkt_free(pkt);
}

/* ---- data ---- */

/* RFC 5961 aside, RFC 9293 3.8.6.3: when is the ACK due? */
static void ack_for_data(struct fdnet_tcp *tp, uint32_t len)
{
	uint32_t waiting = tp->rcv_nxt - tp->rcv_wup;
	uint64_t now = tcp_now(tp);

	if (tp->ack_pkts < 255)
		tp->ack_pkts++;
	tp->data_segs_in++;
	tp->last_data_ms = (uint32_t)(now / FDNET_MS);
	tp->last_data_ms += !tp->last_data_ms;
	if (len > tp->rcv_mss)
		tp->rcv_mss = (uint16_t)(len < tp->adv_mss ? len : tp->adv_mss);
	tp->last_rcv_us = now;
	if (tp->lossless) {
		if (waiting >= tp->ack_thresh ||
		    waiting >= fdnet_tcp_rcv_space(tp) / 2 ||
		    tp->ack_pkts >= FDNET_TCP_ACK_PKTS) {
			tp->ack_due = true;
			if (tp->ack_thresh < FDNET_TCP_ACK_BYTES)
				tp->ack_thresh += tp->ack_thresh / 16 + 1;
			return;
		}
	} else if (waiting >= 2u * tp->rcv_mss || tp->ack_pkts > 2 ||
		   tp->quickack) {
		tp->ack_due = true;
		return;
	} else if (tp->quick_left && !tp->pingpong) {
		tp->quick_left--;
		tp->ack_due = true;
		return;
	}
	if (tp->due_us[FDNET_TCP_DUE_ACK] == FDNET_NEVER)
		fdnet_tcp_due(tp, FDNET_TCP_DUE_ACK,
			      now + (tp->lossless ? DELACK_LOSSLESS_US
						  : DELACK_US));
}

/* RFC 2883: tell the sender that it sent [start, end) needlessly. */
static void note_dsack(struct fdnet_tcp *tp, uint32_t start, uint32_t end)
{
	if (!tp->sack_ok || tp->dsack_start != tp->dsack_end)
		return;
	tp->dsack_start = start;
	tp->dsack_end = end;
}

/* The mark may fall into what is merged later, so urgent data are taken out
 * of the stream when read (tcp_io.c), not here; only the byte is kept. */
static void take_urgent_byte(struct fdnet_tcp *tp, const struct fdnet_pkt *pkt,
			     uint32_t seq, uint32_t len)
{
	uint32_t at = tp->urg_seq - seq;

	if (tp->urg_state != FDNET_TCP_URG_NOTYET || at >= len)
		return;
	fdnet_pkt_copy_out(pkt, at, &tp->urg_byte, 1);
	tp->urg_state = FDNET_TCP_URG_VALID;
	fdnet_tcp_event(tp, FDNET_EV_PRI | FDNET_EV_IN);
}

static void data_out_of_order(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
			      uint32_t seq, uint32_t len)
{
	int rc = fdnet_rcvq_insert(&tp->rcvq, tcp_mem(tp), pkt, seq,
				   fdnet_stack_cfg(tp->so.stack)->limits.ooo_pkts);

	tcp_count(tp, rc < 0 ? FDNET_C_TCP_LIMIT
		      : rc   ? FDNET_C_TCP_OOO
			     : FDNET_C_TCP_DUP);
	if (!rc)
		note_dsack(tp, seq, seq + len);
	tp->ack_due = true; /* RFC 5681 4.2 */
}

static void data_in_order(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
			  uint32_t len)
{
	bool hole = tp->rcvq.ranges;

	fdnet_rcvq_append(&tp->rcvq, tcp_pool(tp), pkt);
	tp->rcv_nxt += len;
	tp->bytes_received += len;
	/* RFC 4861 7.3.1: our acknowledgments got there */
	fdnet_neigh_confirm(tp->so.stack, &tp->so.peer.ip);
	if (hole) {
		tp->rcv_nxt = fdnet_rcvq_merge(&tp->rcvq, tcp_mem(tp),
					       tcp_pool(tp), tp->rcv_nxt);
		tp->ack_due = true; /* RFC 5681 4.2: it fills a gap */
	}
	ack_for_data(tp, len);
	if (!(tp->shutdown & FDNET_TCP_SHUT_RCV) || !tp->so.detached)
		fdnet_tcp_event(tp, FDNET_EV_IN);
}

/* Nobody will read any more: what comes is lost, and the sender must know
 * (RFC 2525 2.17, as the kernel does). */
static bool data_unwanted(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr,
			  const struct fdnet_ip_in *in, uint32_t len)
{
	if (!tp->so.detached || seq_leq(hdr->seq + len, tp->rcv_nxt) ||
	    !tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(FIN_WAIT1) |
				      TCP_S(FIN_WAIT2)))
		return false;
	fdnet_tcp_rst_for(tp->so.stack, in, hdr, len);
	tcp_count(tp, FDNET_C_TCP_ABORT);
	fdnet_tcp_done(tp, 0);
	return true;
}

/* Seventh check: the text. @pkt is bare payload; taken. */
static void take_data(struct fdnet_tcp *tp, struct fdnet_pkt *pkt, uint32_t seq,
		      uint32_t len)
{
	uint32_t end = seq + len;

	if (!tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(FIN_WAIT1) |
				      TCP_S(FIN_WAIT2)))
		goto drop;
	if (seq_leq(end, tp->rcv_nxt)) {
		note_dsack(tp, seq, end);
		tcp_count(tp, FDNET_C_TCP_DUP);
		tp->ack_due = true;
		goto drop;
	}
	if (seq_gt(end, tp->rcv_adv)) {
		/* beyond the window: the rest will come again */
		if (seq_geq(seq, tp->rcv_adv)) {
			tp->ack_due = true;
			goto drop;
		}
		len -= end - tp->rcv_adv;
		end = tp->rcv_adv;
		fdnet_pkt_trim(pkt, len);
		tp->ack_due = true;
	}
	if (seq_lt(seq, tp->rcv_nxt)) {
		note_dsack(tp, seq, tp->rcv_nxt);
		fdnet_pkt_pull(pkt, tp->rcv_nxt - seq);
		len = end - tp->rcv_nxt;
		seq = tp->rcv_nxt;
	}
	take_urgent_byte(tp, pkt, seq, len);
	pkt->user[3].u64 = tcp_now(tp); /* see tcp_rcvq.h */
	if (seq == tp->rcv_nxt)
		data_in_order(tp, pkt, len);
	else
		data_out_of_order(tp, pkt, seq, len);
	return;
drop:
	fdnet_pkt_free(pkt);
}

/* Sixth check. */
static void take_urgent(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr)
{
	uint32_t at = hdr->seq + hdr->urg - 1; /* as the kernel reads it */

	if (!hdr->urg || !tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(FIN_WAIT1) |
						   TCP_S(FIN_WAIT2)))
		return;
	if (seq_lt(at, tp->rcv_nxt) || seq_lt(at, tcp_copied_seq(tp)))
		return;
	if (tp->urg_state != FDNET_TCP_URG_NONE && seq_leq(at, tp->urg_seq))
		return;
	tp->urg_seq = at;
	tp->urg_state = FDNET_TCP_URG_NOTYET;
	fdnet_tcp_event(tp, FDNET_EV_PRI);
}

/* ---- FIN ---- */

/* Eighth check, the FIN being in order. */
static void take_fin(struct fdnet_tcp *tp)
{
	bool was_rcv = tp->shutdown & FDNET_TCP_SHUT_RCV;

	tp->rcv_nxt++;
	tp->shutdown |= FDNET_TCP_SHUT_RCV;
	fdnet_rcvq_purge_ooo(&tp->rcvq, tcp_mem(tp));
	if (!was_rcv || !tp->so.detached)
		fdnet_tcp_event(tp, FDNET_EV_IN | FDNET_EV_RDHUP |
					    (tp->shutdown & FDNET_TCP_SHUT_SND
						     ? FDNET_EV_HUP
						     : 0));
	switch (tp->state) {
	case FDNET_TCP_ESTABLISHED:
		tp->state = FDNET_TCP_CLOSE_WAIT;
		/* The application is likely to close too: let the ACK ride. */
		if (tp->lossless && !tp->ack_due) {
			if (tp->due_us[FDNET_TCP_DUE_ACK] == FDNET_NEVER)
				fdnet_tcp_due(tp, FDNET_TCP_DUE_ACK,
					      tcp_now(tp) + DELACK_LOSSLESS_US);
			return;
		}
		break;
	case FDNET_TCP_FIN_WAIT1:
		tp->state = FDNET_TCP_CLOSING;
		break;
	case FDNET_TCP_FIN_WAIT2:
		tp->ack_due = true;
		fdnet_tcp_time_wait(tp);
		return;
	}
	tp->ack_due = true;
}

static void check_fin(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr,
		      uint32_t len)
{
	if (hdr->flags & FDNET_TH_FIN && !tp->rcv_fin &&
	    seq_leq(hdr->seq + len, tp->rcv_adv)) {
		tp->rcv_fin = true;
		tp->fin_rcv_seq = hdr->seq + len;
	}
	if (tp->rcv_fin && tp->rcv_nxt == tp->fin_rcv_seq &&
	    tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(FIN_WAIT1) |
				     TCP_S(FIN_WAIT2)))
		take_fin(tp);
	else if (hdr->flags & FDNET_TH_FIN)
		tp->ack_due = true; /* ahead of a hole, or once more */
}

/* ---- the checks before ---- */

static bool paws_ok(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr)
{
	if (!tp->ts_ok || !hdr->has_ts || hdr->flags & FDNET_TH_RST)
		return true;
	if (seq_geq(hdr->ts_val, tp->ts_recent))
		return true;
	/* RFC 7323 5.5: a clock that stood for 24 days proves nothing */
	return tcp_now(tp) - tp->ts_recent_us > PAWS_IDLE_US;
}

static void take_timestamp(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr)
{
	if (!tp->ts_ok || !hdr->has_ts || seq_gt(hdr->seq, tp->last_ack_sent) ||
	    seq_lt(hdr->ts_val, tp->ts_recent))
		return;
	tp->ts_recent = hdr->ts_val;
	tp->ts_recent_us = tcp_now(tp);
}

/* First check. A segment that ends at rcv_nxt or before is let through when
 * it can still tell something by its ACK. */
static bool seq_ok(const struct fdnet_tcp *tp, uint32_t seq, uint32_t end)
{
	uint32_t edge = seq_max(tp->rcv_adv, tp->rcv_nxt);

	return seq_geq(end, tp->rcv_wup) && seq_leq(seq, edge);
}

static void not_acceptable(struct fdnet_tcp *tp,
			   const struct fdnet_tcp_hdr *hdr, uint32_t len)
{
	tcp_count(tp, FDNET_C_TCP_OUT_OF_WINDOW);
	if (hdr->flags & FDNET_TH_RST)
		return;
	if (len || hdr->flags & FDNET_TH_FIN) {
		if (len && seq_lt(hdr->seq, tp->rcv_nxt))
			note_dsack(tp, hdr->seq, hdr->seq + len);
		tp->ack_due = true;
	} else {
		/* a probe of our window, or noise */
		if (hdr->seq == tp->rcv_nxt - 1)
			tp->ack_due = true;
		else
			fdnet_tcp_challenge(tp);
	}
}

/* Second check. */
static void take_rst(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr)
{
	int error = ECONNRESET;

	tcp_count(tp, FDNET_C_TCP_RST_IN);
	if (hdr->seq != tp->rcv_nxt) {
		fdnet_tcp_challenge(tp); /* RFC 5961 3.2 */
		return;
	}
	if (tp->state == FDNET_TCP_CLOSE_WAIT)
		error = EPIPE;
	else if (tp->state == FDNET_TCP_SYN_RECV && !tp->passive)
		error = ECONNREFUSED;
	else if (tcp_in_state(tp, TCP_S(CLOSING) | TCP_S(LAST_ACK)))
		error = tp->so.detached ? 0 : ECONNRESET;
	fdnet_tcp_done(tp, error);
}

/* Fourth check: a SYN inside the window. */
static void take_syn(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr)
{
	/* Ours was lost, though this way should lose nothing. */
	if (tp->syn_unconfirmed && hdr->seq == tp->irs &&
	    !(hdr->flags & FDNET_TH_ACK)) {
		tp->syn_due = true;
		return;
	}
	fdnet_tcp_challenge(tp); /* RFC 5961 4.2 */
}

/* Fifth check while in SYN_RECV. */
static bool complete_handshake(struct fdnet_tcp *tp,
			       const struct fdnet_tcp_hdr *hdr,
			       const struct fdnet_ip_in *in)
{
	if (tp->pending)
		return false; /* no SYN-ACK was sent yet */
	if (seq_leq(hdr->ack, tp->iss) || seq_gt(hdr->ack, tp->snd_nxt)) {
		fdnet_tcp_rst_for(tp->so.stack, in, hdr, 0);
		return false;
	}
	tp->snd_una = tp->iss + 1;
	fdnet_neigh_confirm(tp->so.stack, &tp->so.peer.ip);
	tp->snd_wnd = (uint32_t)hdr->wnd << tp->snd_wscale;
	tp->max_wnd = tp->snd_wnd;
	tp->snd_wl1 = hdr->seq;
	tp->snd_wl2 = hdr->ack;
	if (!tp->backoff && !tp->rtt.srtt_us)
		fdnet_tcp_rtt_sample(&tp->rtt, tcp_now(tp) - tp->last_send_us);
	fdnet_tcp_established(tp);
	return true;
}

/* Our FIN is acknowledged. */
static void fin_acked(struct fdnet_tcp *tp)
{
	switch (tp->state) {
	case FDNET_TCP_FIN_WAIT1:
		fdnet_tcp_enter_fin_wait2(tp);
		break;
	case FDNET_TCP_CLOSING:
		fdnet_tcp_time_wait(tp);
		break;
	case FDNET_TCP_LAST_ACK:
		fdnet_tcp_done(tp, 0);
		break;
	}
}

static void take_ecn(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr,
		     const struct fdnet_ip_in *in, uint32_t len)
{
	if (!tp->ecn_ok)
		return;
	if (hdr->flags & FDNET_TH_CWR)
		tp->ece_due = false;
	if ((in->tos & 3) == 3 && len) {
		tp->ece_due = true;
		tp->ack_due = true;
	}
}

/* Checks one to five. True: go on to the data. */
static bool acceptable(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr,
		       const struct fdnet_ip_in *in, uint32_t len)
{
	uint8_t flags = hdr->flags;
	uint32_t end = hdr->seq + len + !!(flags & FDNET_TH_FIN);
	bool old_syn = flags & FDNET_TH_SYN && hdr->seq == tp->irs;

	if (!paws_ok(tp, hdr) && !old_syn) {
		not_acceptable(tp, hdr, len);
		return false;
	}
	if (old_syn) { /* a copy of the SYN that made us */
		if (tp->pending)
			return false;
		if (tp->state == FDNET_TCP_SYN_RECV && !(flags & FDNET_TH_ACK)) {
			tp->syn_due = true;
			return false;
		}
		if (tp->state != FDNET_TCP_SYN_RECV) {
			take_syn(tp, hdr);
			return false;
		}
		/* simultaneous open: the peer's SYN-ACK, its SYN once more */
		note_dsack(tp, hdr->seq, hdr->seq + 1);
		tp->ack_due = true;
	} else {
		if (!seq_ok(tp, hdr->seq, end)) {
			not_acceptable(tp, hdr, len);
			return false;
		}
		if (flags & FDNET_TH_RST) {
			take_rst(tp, hdr);
			return false;
		}
		if (flags & FDNET_TH_SYN) {
			take_syn(tp, hdr);
			return false;
		}
	}
	if (flags & FDNET_TH_RST || !(flags & FDNET_TH_ACK))
		return false;
	tp->syn_unconfirmed = false;
	if (tp->state == FDNET_TCP_SYN_RECV && !complete_handshake(tp, hdr, in))
		return false;
	/* a bad ACK's timestamp is no better */
	if (!fdnet_tcp_ack(tp, hdr, len || flags & FDNET_TH_FIN))
		return false;
	take_timestamp(tp, hdr);
	return true;
}

void fdnet_tcp_segment(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
		       const struct fdnet_tcp_hdr *hdr,
		       const struct fdnet_ip_in *in)
{
	uint32_t len = fdnet_pkt_total(pkt) - hdr->hdr_len;

	tp->segs_in++;
	tp->keep_probes = 0;
	if (!acceptable(tp, hdr, in, len))
		goto drop;
	take_ecn(tp, hdr, in, len);
	if (tp->fin_sent && tp->snd_una == tp->snd_nxt) {
		fin_acked(tp);
		if (tp->state == FDNET_TCP_CLOSE)
			goto drop;
	}
	if (hdr->flags & FDNET_TH_URG)
		take_urgent(tp, hdr);
	if (!len && !(hdr->flags & FDNET_TH_FIN)) {
		/* A probe of our window asks for an answer. */
		if (hdr->seq != tp->rcv_nxt)
			tp->ack_due = true;
		tp->last_rcv_us = tcp_now(tp);
		goto drop;
	}
	if (len) {
		if (data_unwanted(tp, hdr, in, len))
			goto drop;
		fdnet_pkt_pull(pkt, hdr->hdr_len);
		take_data(tp, pkt, hdr->seq, len);
		pkt = NULL;
	}
	if (tp->state != FDNET_TCP_CLOSE)
		check_fin(tp, hdr, len);
drop:
	fdnet_pkt_free(pkt);
}

/* ---- SYN_SENT: 3.10.7.3 ---- */

/* RFC 7413 4.1.3: what the peer did not take of a SYN's data is sent again;
 * that it is missing says nothing about the way. */
static void take_syn_data_ack(struct fdnet_tcp *tp,
			      const struct fdnet_tcp_hdr *hdr)
{
	uint32_t taken = hdr->ack - tp->iss - 1;
	uint32_t end = tp->iss + 1 + tp->syn_len;

	fdnet_tcp_fo_synack(tp, hdr, taken < tp->syn_len);
	tp->syn_data_acked = tp->syn_data && taken == tp->syn_len;
	tp->snd_una = hdr->ack;
	fdnet_neigh_confirm(tp->so.stack, &tp->so.peer.ip);
	if (taken) {
		fdnet_sndq_drop(&tp->sndq, tcp_mem(tp), taken);
		tp->sndq_seq += taken;
		tp->bytes_acked += taken;
	}
	if (seq_lt(hdr->ack, end) && fdnet_txseg_add(tp, hdr->ack, end, 0)) {
		fdnet_txseg_set(tp, tp->tx_head, FDNET_TXSEG_LOST);
		tp->snd_nxt = end;
	} else {
		tp->snd_nxt = hdr->ack;
	}
}

static void syn_ack_arrived(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr)
{
	take_syn_data_ack(tp, hdr);
	tp->ecn_ok = !tp->lossless && (hdr->flags & (FDNET_TH_ECE |
						     FDNET_TH_CWR)) ==
					      FDNET_TH_ECE &&
		     fdnet_stack_cfg(tp->so.stack)->tcp.ecn ==
			     FDNET_TCP_ECN_ASK;
	if (!tp->backoff)
		fdnet_tcp_rtt_sample(&tp->rtt, tcp_now(tp) - tp->last_send_us);
	fdnet_tcp_established(tp);
	if (tp->lossless) /* the request will carry it */
		fdnet_tcp_due(tp, FDNET_TCP_DUE_ACK,
			      tcp_now(tp) + DELACK_LOSSLESS_US);
	else
		tp->ack_due = true;
}

/* Data and FIN may stand behind the SYN-ACK in the same segment (RFC 9293
 * 3.10.7.3, fourth check). @pkt is taken. */
static void more_behind_syn(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
			    const struct fdnet_tcp_hdr *hdr, uint32_t len)
{
	struct fdnet_tcp_hdr after = *hdr;

	after.seq++;
	if (len) {
		fdnet_pkt_pull(pkt, hdr->hdr_len);
		take_data(tp, pkt, after.seq, len);
		tp->ack_due = true;
	} else {
		fdnet_pkt_free(pkt);
	}
	if (tp->state != FDNET_TCP_CLOSE)
		check_fin(tp, &after, len);
}

/* An echo of a timestamp that we cannot have sent: an old SYN-ACK, as the
 * kernel refuses it (RFC 7323 3.2 lets us). */
static bool echo_ok(const struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr)
{
	uint32_t now = fdnet_tcp_ts_now(tp);

	return tp->lossless || !hdr->has_ts || !hdr->ts_ecr ||
	       (seq_leq(hdr->ts_ecr, now) &&
		seq_gt(hdr->ts_ecr, now - SYN_LIFE_MS));
}

/* @pkt is taken. */
static void syn_sent(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
		     const struct fdnet_tcp_hdr *hdr,
		     const struct fdnet_ip_in *in)
{
	uint32_t len = fdnet_pkt_total(pkt) - hdr->hdr_len;
	bool ack = hdr->flags & FDNET_TH_ACK;

	tp->segs_in++;
	if (ack && (seq_leq(hdr->ack, tp->iss) ||
		    seq_gt(hdr->ack, tp->snd_nxt) || !echo_ok(tp, hdr))) {
		fdnet_tcp_rst_for(tp->so.stack, in, hdr, len);
		goto drop;
	}
	if (hdr->flags & FDNET_TH_RST) {
		if (ack) {
			tcp_count(tp, FDNET_C_TCP_RST_IN);
			tcp_count(tp, FDNET_C_TCP_FAILED_OPEN);
			fdnet_tcp_done(tp, ECONNREFUSED);
		}
		goto drop;
	}
	if (!(hdr->flags & FDNET_TH_SYN))
		goto drop;
	fdnet_tcp_from_syn(tp, hdr);
	if (ack) {
		tp->snd_wl1 = hdr->seq;
		tp->snd_wl2 = hdr->ack;
		syn_ack_arrived(tp, hdr);
		more_behind_syn(tp, pkt, hdr, len);
		return;
	} else { /* simultaneous open */
		tp->state = FDNET_TCP_SYN_RECV;
		tp->syn_due = true;
	}
drop:
	fdnet_pkt_free(pkt);
}

void fdnet_tcp_input(struct fdnet_sock *so, struct fdnet_pkt *pkt,
		     const struct fdnet_ip_in *in)
{
	struct fdnet_tcp *tp = tcp_of(so);
	struct fdnet_tcp_hdr hdr;

	if (fdnet_tcp_hdr_decode(pkt->data, pkt->len, &hdr)) {
		tcp_count(tp, FDNET_C_TCP_BAD);
		fdnet_pkt_free(pkt);
		return;
	}
	if (tp->state == FDNET_TCP_LISTEN) {
		fdnet_tcp_listen_input(tp, pkt, &hdr, in);
	} else if (tp->state == FDNET_TCP_SYN_SENT) {
		syn_sent(tp, pkt, &hdr, in);
	} else if (tp->state == FDNET_TCP_CLOSE) {
		/* bound, but neither connected nor listening */
		fdnet_tcp_input_nosock(so->stack, pkt, in);
		return;
	} else {
		fdnet_tcp_segment(tp, pkt, &hdr, in);
	}
	fdnet_tcp_settle(tp);
}
