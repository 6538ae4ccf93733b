/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved state: TCP connections.
 *
 * All of the connection goes along but what is found out again on the spot:
 * whether the way is lossless or looped (if that is not what it was, round
 * trip time and window begin anew), the segment size for this stack's MTU,
 * what output has to do. Timestamps go on from the saved value, whatever the
 * clock here says.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/errq.h"
#include "stack/object.h"
#include "stack/save_tcp.h"

/* States in which there is a peer. */
#define CONNECTED FDNET_SAVE_CONNECTED
/* A saved record of a transmission. */
#define TXSEG_BYTES 18
#define TXSEGS_MAX  (1u << 20)
#define TXSEG_FLAGS                                                            \
	(FDNET_TXSEG_SACKED | FDNET_TXSEG_LOST | FDNET_TXSEG_RETX |            \
	 FDNET_TXSEG_EVER | FDNET_TXSEG_SMALL)
/* Payload of one packet that is made for the receive queue. */
#define PIECE (16u * FDNET_BUF_SIZE)

/* ---- fields ---- */

/* Bit fields have no address. */
#define FLAG(field) tp->field = fdnet_save_bool(s, tp->field)
#define U8(field)   tp->field = fdnet_save_u8(s, tp->field)
#define U16(field)  tp->field = fdnet_save_u16(s, tp->field)
#define U32(field)  tp->field = fdnet_save_u32(s, tp->field)
#define U64(field)  tp->field = fdnet_save_u64(s, tp->field)
#define TIME(field) tp->field = fdnet_save_time(s, tp->field)

static void flags(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	FLAG(connecting);
	FLAG(was_connected);
	FLAG(nospace);
	FLAG(passive);
	FLAG(queued);
	FLAG(pending);
	FLAG(nodelay);
	FLAG(cork);
	FLAG(more);
	FLAG(quickack);
	FLAG(syn_due);
	FLAG(ack_due);
	FLAG(probe_due);
	FLAG(tlp_due);
	FLAG(fin_queued);
	FLAG(fin_sent);
	FLAG(syn_unconfirmed);
	FLAG(sack_ok);
	FLAG(ts_ok);
	FLAG(wscale_ok);
	FLAG(ecn_ok);
	FLAG(ece_due);
	FLAG(cwr_due);
	FLAG(rcv_fin);
	FLAG(pingpong);
	FLAG(reordered);
	FLAG(pmtu_guess);
	FLAG(undo_ok);
	FLAG(fo_connect);
	FLAG(fo_no_cookie);
	FLAG(fo_defer);
	FLAG(fo_tried);
	FLAG(fo_option);
	FLAG(fo_exp);
	FLAG(fo_child);
	FLAG(syn_data);
	FLAG(syn_data_acked);
	FLAG(cwnd_limited);
	FLAG(want_inq);
	FLAG(part);
	FLAG(push);
	U8(snd_wscale);
	U8(rcv_wscale);
	U8(urg_state);
	U8(urg_byte);
	U8(dupacks);
	U8(backoff);
	U8(keep_probes);
	U8(ack_pkts);
}

/* A search that is under way is not worth it, and what was found is not
 * believed much longer elsewhere. */
static void path_mtu(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	uint32_t mtu = fdnet_save_u32(s, tp->pmtu ? tp->pmtu->mtu : 0);

	if (s->reading && mtu)
		fdnet_tcp_pmtu_told(tp, mtu < 296 ? 296 :
					    mtu > 65535 ? 65535 : mtu, 60);
}

static void sending(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	U32(iss);
	U32(snd_una);
	U32(snd_nxt);
	U32(sndq_seq);
	U32(snd_wnd);
	U32(snd_wl1);
	U32(snd_wl2);
	U32(max_wnd);
	U32(snd_up);
	U16(mss);
	U16(adv_mss);
	U16(user_mss);
	U16(peer_mss);
	U16(syn_len);
	path_mtu(s, tp);
}

/* A listener's, or of one that may become one. */
static void fast_open(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	struct fdnet_tcp_fo_listen none = {0}, *fo = tp->fo;

	if (!fdnet_save_bool(s, fo != NULL))
		return;
	if (s->reading)
		fo = fdnet_tcp_fo_listen(tp);
	if (!fo) {
		fdnet_save_fail(s, -ENOMEM);
		fo = &none;
	}
	fo->has_qlen = fdnet_save_bool(s, fo->has_qlen);
	fo->has_key = fdnet_save_bool(s, fo->has_key);
	fo->qlen = fdnet_save_u32(s, fo->qlen);
	fdnet_save_bytes(s, fo->key, sizeof(fo->key));
}

/* TCP_INFO's. Times begin anew. */
static void statistics(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	U64(bytes_acked);
	U64(bytes_received);
	U64(bytes_sent);
	U64(bytes_retrans);
	U32(segs_in);
	U32(segs_out);
	U32(data_segs_in);
	U32(data_segs_out);
	U32(total_retrans);
	U32(delivered);
	U16(dsack_dups);
	U16(reord_seen);
	U8(reordering);
	for (int i = 0; i < FDNET_TCP_CHRONO_MAX - 1; i++)
		U32(chrono[i]);
}

static void congestion(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	char name[16] = {0};

	if (!s->reading)
		strncpy(name, tp->cc->name, sizeof(name) - 1);
	fdnet_save_bytes(s, name, sizeof(name));
	if (s->reading) {
		const struct fdnet_tcp_cc *cc =
			fdnet_tcp_cc_find(name, sizeof(name));

		fdnet_save_check(s, cc);
		tp->cc = cc ? cc : tp->cc;
	}
	U8(ca_state);
	U32(cwnd);
	U32(ssthresh);
	U32(recover);
	U32(prior_cwnd);
	U32(prior_ssthresh);
	U32(prr_delivered);
	U32(prr_out);
	U32(prr_flight);
	U32(cwr_end);
	U32(undo_seq);
	U32(undo_retrans);
	U32(rtt.srtt_us);
	U32(rtt.rttvar_us);
	U32(rtt.min_us);
	U32(rtt.rto_us);
	U32(rtt.rto_min_us);
	TIME(rack_us);
	U32(rack_end);
	U32(rack_rtt_us);
	U32(rack_fack);
	U32(reo_round);
	U8(reo_mult);
	U8(reo_persist);
	U32(tlp_end);
	tp->frto = fdnet_save_u8(s, tp->frto) & 3;
	U32(max_out);
	U32(usage_seq);
	TIME(last_send_us);
	/* the first is CUBIC's time, but in the first slow start */
	if (tp->cc == &fdnet_tcp_cc_cubic &&
	    tp->ssthresh < FDNET_TCP_CWND_MAX)
		TIME(cc_priv[0]);
	else
		U64(cc_priv[0]);
	U64(cc_priv[1]);
	U64(cc_priv[2]);
}

static void receiving(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	uint32_t ts = fdnet_save_u32(s, fdnet_tcp_ts_now(tp));

	if (s->reading)
		tp->ts_offset = ts - (uint32_t)(tcp_now(tp) / 1000);
	U32(irs);
	U32(rcv_nxt);
	U32(rcv_wup);
	U32(rcv_adv);
	U32(fin_rcv_seq);
	U32(urg_seq);
	U32(ack_thresh);
	U32(ts_recent);
	U32(last_ack_sent);
	TIME(ts_recent_us);
	U16(rcv_mss);
	U16(quick_left);
	U32(dsack_start);
	U32(dsack_end);
	U32(drs_copied);
	TIME(last_rcv_us);
	if (s->reading)
		tp->drs_us = (uint32_t)tcp_now(tp);
}

/* Not kept: the pace, which starts anew, and where records end in what is not
 * sent yet, which does not change the bytes. */
static void clock_and_options(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	for (int i = 0; i < FDNET_TCP_DUE_PACE; i++) /* that one starts anew */
		TIME(due_us[i]);
	U8(rtx_mode);
	TIME(stalled_us);
	U16(keep_idle_s);
	U16(keep_intvl_s);
	U8(keep_cnt);
	U8(syn_cnt);
	tp->linger2_s = (int16_t)fdnet_save_int(s, tp->linger2_s, -1, 32767);
	U16(defer_accept_s);
	U32(user_timeout_ms);
	U32(window_clamp);
	U32(notsent_lowat);
	statistics(s, tp);
	fast_open(s, tp);
}

/* ---- queues ---- */

static void send_queue(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	const struct fdnet_sndq_chunk *chunk;
	struct iovec iov;
	uint32_t len = fdnet_save_count(s, tp->sndq.bytes, UINT32_MAX, 1);

	if (!s->reading) {
		for (chunk = tp->sndq.head; chunk; chunk = chunk->next)
			fdnet_save_bytes(s, chunk->data + chunk->off,
					 chunk->end - chunk->off);
		return;
	}
	if (!len)
		return;
	iov = (struct iovec){(void *)(s->src + s->pos), len};
	s->pos += len;
	if (fdnet_sndq_write(&tp->sndq, tcp_mem(tp), tcp_pool(tp), &iov, 1,
			     len) != len)
		fdnet_save_fail(s, -ENOMEM);
}

static void transmissions(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	struct fdnet_tcp_txseg *seg, one = {0};
	uint32_t n = 0, i;

	for (seg = tp->tx_head; seg; seg = seg->next)
		n++;
	n = fdnet_save_count(s, n, TXSEGS_MAX, TXSEG_BYTES);
	seg = tp->tx_head;
	for (i = 0; i < n && !s->rc; i++) {
		if (!s->reading)
			one = *seg;
		one.seq = fdnet_save_u32(s, one.seq);
		one.end = fdnet_save_u32(s, one.end);
		one.sent_us = fdnet_save_time(s, one.sent_us);
		one.flags = fdnet_save_u8(s, one.flags);
		one.sends = fdnet_save_u8(s, one.sends);
		if (!s->reading) {
			seg = seg->next;
			continue;
		}
		fdnet_save_check(s, seq_lt(one.seq, one.end) &&
					    !(one.flags & ~TXSEG_FLAGS) &&
					    (one.flags & 3) != 3);
		if (s->rc)
			return;
		if (!fdnet_txseg_add(tp, one.seq, one.end,
				     one.flags & FDNET_TXSEG_SMALL)) {
			fdnet_save_fail(s, -ENOMEM);
			return;
		}
		fdnet_txseg_set(tp, tp->tx_tail, one.flags);
		tp->tx_tail->sent_us = one.sent_us;
		tp->tx_tail->sends = one.sends;
	}
}

/* The bytes of some packets, or packets of the next @len bytes. */
static void payload(struct fdnet_save *s, const struct fdnet_pkt *pkt)
{
	for (; pkt; pkt = pkt->next) {
		if (s->dst && s->pos <= s->len &&
		    fdnet_pkt_total(pkt) <= s->len - s->pos)
			fdnet_pkt_copy_out(pkt, 0, s->dst + s->pos,
					   fdnet_pkt_total(pkt));
		s->pos += fdnet_pkt_total(pkt);
	}
}

static struct fdnet_pkt *piece(struct fdnet_save *s, uint32_t len)
{
	struct fdnet_pkt *pkt = fdnet_save_raw(s, len);

	fdnet_save_check(s, pkt);
	return pkt;
}

static void receive_queue(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	uint32_t len = fdnet_save_count(s, tp->rcvq.bytes, UINT32_MAX, 1), n;
	struct fdnet_pkt *pkt;

	if (!s->reading) {
		payload(s, tp->rcvq.head);
		return;
	}
	for (; len && !s->rc; len -= n) {
		n = len < PIECE ? len : PIECE;
		pkt = piece(s, n);
		if (pkt)
			fdnet_rcvq_append(&tp->rcvq, tcp_pool(tp), pkt);
	}
}

/* Reading: one range behind the one before, not touching it. */
static uint32_t read_range(struct fdnet_save *s, struct fdnet_tcp *tp,
			   uint32_t after, uint32_t start, uint32_t len)
{
	struct fdnet_pkt *pkt;
	uint32_t n;

	fdnet_save_check(s, len && seq_gt(start, after) &&
				    start + len - tp->rcv_nxt <=
					    FDNET_TCP_WND_MAX);
	for (; len && !s->rc; len -= n, start += n) {
		n = len < PIECE ? len : PIECE;
		pkt = piece(s, n);
		/* made of what may have been many more */
		if (pkt && fdnet_rcvq_insert(&tp->rcvq, tcp_mem(tp), pkt, start,
					     UINT32_MAX) < 0)
			fdnet_save_fail(s, -ENOMEM);
	}
	return start;
}

static void out_of_order(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	struct fdnet_rcvq_range *range = tp->rcvq.ranges;
	uint32_t n, start, len, after = tp->rcv_nxt;

	n = fdnet_save_count(s, tp->rcvq.nranges, FDNET_RCVQ_RANGES, 9);
	for (; n && !s->rc; n--) {
		start = fdnet_save_u32(s, range ? range->start : 0);
		len = fdnet_save_count(s, range ? range->end - start : 0,
				       UINT32_MAX, 1);
		if (s->reading) {
			after = read_range(s, tp, after, start, len);
			continue;
		}
		payload(s, range->head);
		range = range->next;
	}
}

/* ---- to the new surroundings ---- */

static uint32_t clamp(uint32_t v, uint32_t min, uint32_t max)
{
	return v < min ? min : v > max ? max : v;
}

static void limits(struct fdnet_tcp *tp)
{
	uint64_t *rtx = &tp->due_us[FDNET_TCP_DUE_RTX];
	uint64_t latest = tcp_now(tp) + FDNET_TCP_RTO_MAX_US;

	tp->keep_idle_s = (uint16_t)clamp(tp->keep_idle_s, 1, 32767);
	tp->keep_intvl_s = (uint16_t)clamp(tp->keep_intvl_s, 1, 32767);
	tp->keep_cnt = (uint8_t)clamp(tp->keep_cnt, 1, 127);
	tp->syn_cnt = (uint8_t)clamp(tp->syn_cnt, 1, 127);
	if (!tcp_in_state(tp, CONNECTED)) /* connect() sets the rest */
		return;
	if (!tp->reordering)
		tp->reordering = 3;
	tp->ack_thresh = clamp(tp->ack_thresh, 1, FDNET_TCP_ACK_BYTES);
	tp->cwnd = clamp(tp->cwnd, tp->mss, FDNET_TCP_CWND_MAX);
	tp->ssthresh = clamp(tp->ssthresh, tp->mss, FDNET_TCP_CWND_MAX);
	tp->rtt.srtt_us = clamp(tp->rtt.srtt_us, 0, FDNET_TCP_RTO_MAX_US);
	tp->rtt.rttvar_us = clamp(tp->rtt.rttvar_us, 0, FDNET_TCP_RTO_MAX_US);
	tp->rtt.rto_min_us = clamp(tp->rtt.rto_min_us, 1000, 1000000);
	tp->rtt.rto_us =
		clamp(tp->rtt.rto_us, tp->rtt.rto_min_us, FDNET_TCP_RTO_MAX_US);
	if (seq_gt(tp->snd_up, tp->sndq_seq + tp->sndq.bytes))
		tp->snd_up = tp->snd_una;
	if (tp->rtx_mode == FDNET_TCP_RTX_NONE)
		*rtx = FDNET_NEVER;
	else if (*rtx == FDNET_NEVER)
		tp->rtx_mode = FDNET_TCP_RTX_NONE;
	else if (*rtx > latest)
		*rtx = latest;
}

/* A connection that was made for another way begins to learn anew. */
static void set_way(struct fdnet_tcp *tp, bool was_lossless)
{
	struct fdnet_tcp_rtt rtt = tp->rtt;
	uint32_t pmtu = tp->pmtu ? tp->pmtu->mtu : 0, thresh = tp->ack_thresh;
	uint16_t adv_mss = tp->adv_mss, quick = tp->quick_left;
	bool guess = tp->pmtu_guess;

	fdnet_tcp_set_way(tp);
	tp->quick_left = quick;
	tp->ack_thresh = thresh;
	if (tp->lossless == was_lossless) {
		tp->rtt = rtt;
		if (pmtu) {
			fdnet_tcp_pmtu_told(tp, pmtu, 60);
			fdnet_tcp_sync_mss(tp);
			tp->pmtu_guess = guess;
		}
	} else {
		fdnet_tcp_cc_start(tp);
		tp->ca_state = FDNET_TCP_CA_OPEN;
		tp->undo_ok = false;
	}
	tp->adv_mss = adv_mss ? adv_mss : tp->adv_mss;
}

static void start(struct fdnet_tcp *tp, bool was_lossless)
{
	struct fdnet_sock *so = &tp->so;

	if (tcp_in_state(tp, CONNECTED))
		set_way(tp, was_lossless);
	limits(tp);
	if (tp->pending)
		return;
	/* as fdnet_tcp_settle(), but a deadline that runs is left alone */
	fdnet_tcp_charge(tp);
	if (fdnet_tcp_has_output(tp))
		fdnet_sock_want_output(so);
	else if (tp->rtx_mode == FDNET_TCP_RTX_NONE)
		fdnet_tcp_arm_rtx(tp);
	fdnet_tcp_note_busy(tp);
	fdnet_tcp_timer_sync(tp);
	fdnet_tcp_event(tp, fdnet_tcp_poll(so));
}

void fdnet_save_tcp(struct fdnet_save *s, struct fdnet_sock *so)
{
	struct fdnet_tcp *tp = tcp_of(so);
	bool lossless = tp->lossless, asked = so->in_req_list;

	tp->state = (uint8_t)fdnet_save_int(s, tp->state, FDNET_TCP_ESTABLISHED,
					    FDNET_TCP_CLOSING);
	fdnet_save_check(s, tp->state != FDNET_TCP_TIME_WAIT);
	tp->shutdown = fdnet_save_u8(s, tp->shutdown);
	lossless = fdnet_save_bool(s, lossless);
	flags(s, tp);
	sending(s, tp);
	congestion(s, tp);
	receiving(s, tp);
	clock_and_options(s, tp);
	send_queue(s, tp);
	transmissions(s, tp);
	receive_queue(s, tp);
	out_of_order(s, tp);
	fdnet_save_errq(s, so);
	asked = fdnet_save_bool(s, asked);
	if (tp->pending)
		fdnet_save_request(s, tp);
	if (s->reading && !s->rc)
		fdnet_save_check(s, fdnet_save_tcp_ok(tp) &&
					    (!asked || tp->pending));
	if (tp->state == FDNET_TCP_LISTEN)
		fdnet_save_listener(s, tp);
	if (!s->reading || s->rc)
		return;
	if (asked)
		fdnet_stack_queue_request(so);
	start(tp, lossless);
}

/* ---- what save_sock.c asks ---- */

uint32_t fdnet_tcp_queued_in(const struct fdnet_sock *so)
{
	return tcp_of_const(so)->rcvq.bytes;
}

bool fdnet_tcp_is_queued(const struct fdnet_sock *so)
{
	return tcp_of_const(so)->queued;
}
