/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data out: the next packet of a connection, made when the link asks for it.
 *
 * RFC 9293 3.7.4 (Nagle), 3.8.6.2.1 (silly window avoidance, sender), 3.10.7;
 * RFC 6675 (what to send next), RFC 8985 7.3 (tail loss probe).
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/errq.h"
#include "stack/tcp_internal.h"

#define TCP_CSUM_OFFSET 16
/* RFC 3168 6.1.1.1: a SYN that stays unanswered goes again without asking. */
#define ECN_TRIES 2

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* ---- the window we advertise ---- */

uint32_t fdnet_tcp_rcv_space(const struct fdnet_tcp *tp)
{
	/* Half of the buffer, as the kernel does by default: SO_RCVBUF is
	 * doubled when set, so what was asked for is what is offered. */
	uint32_t space = tp->so.opts.rcvbuf / 2;

	if (tp->window_clamp)
		space = min_u32(space, tp->window_clamp);
	if (space > FDNET_TCP_BUF_PRESSED && fdnet_tcp_is_pressed(tp))
		space = FDNET_TCP_BUF_PRESSED;
	return min_u32(space, 65535u << tp->rcv_wscale);
}

uint8_t fdnet_tcp_pick_wscale(const struct fdnet_tcp *tp)
{
	const struct fdnet_stack_config *cfg = fdnet_stack_cfg(tp->so.stack);
	uint32_t space = tp->so.opts.rcvbuf / 2;
	uint8_t shift = 0;

	if (!tp->so.opts.rcvbuf_locked && cfg->tcp_buf_max / 2 > space)
		space = cfg->tcp_buf_max / 2;
	if (tp->window_clamp)
		space = min_u32(space, tp->window_clamp);
	while (shift < FDNET_TCP_WSCALE_MAX && 65535u << shift < space)
		shift++;
	return shift;
}

uint32_t fdnet_tcp_window(const struct fdnet_tcp *tp)
{
	uint32_t space = fdnet_tcp_rcv_space(tp), used = tp->rcvq.bytes;
	uint32_t room = space > used ? space - used : 0;
	uint32_t now =
		seq_gt(tp->rcv_adv, tp->rcv_nxt) ? tp->rcv_adv - tp->rcv_nxt : 0;
	uint32_t unit = (1u << tp->rcv_wscale) - 1;

	/* RFC 9293 3.8.6.2.2: never pull the edge back, and move it on by a
	 * worthwhile amount only. */
	if (room < now + min_u32(tp->adv_mss, space / 2))
		room = now;
	room = (room + unit) & ~unit;
	return min_u32(room, 65535u << tp->rcv_wscale);
}

/* The header's acknowledging part; what we promise here is remembered. */
static void fill_ack(struct fdnet_tcp *tp, struct fdnet_tcp_hdr *hdr)
{
	uint32_t wnd = fdnet_tcp_window(tp);
	unsigned int max = tp->ts_ok ? 3 : 4, n = 0;

	hdr->flags |= FDNET_TH_ACK;
	hdr->ack = tp->rcv_nxt;
	hdr->wnd = (uint16_t)(wnd >> tp->rcv_wscale);
	if (seq_gt(tp->rcv_nxt + wnd, tp->rcv_adv))
		tp->rcv_adv = tp->rcv_nxt + wnd;
	if (tp->ts_ok) {
		hdr->has_ts = true;
		hdr->ts_val = fdnet_tcp_ts_now(tp);
		hdr->ts_ecr = tp->ts_recent;
	}
	if (tp->sack_ok && (tp->rcvq.ranges || tp->dsack_start != tp->dsack_end)) {
		if (tp->dsack_start != tp->dsack_end) { /* RFC 2883 */
			hdr->sack[0].start = tp->dsack_start;
			hdr->sack[0].end = tp->dsack_end;
			tp->dsack_start = tp->dsack_end = 0;
			n = 1;
		}
		n += fdnet_rcvq_sacks(&tp->rcvq, hdr->sack + n, max - n);
		hdr->nsack = (uint8_t)n;
	}
	if (tp->ece_due)
		hdr->flags |= FDNET_TH_ECE;
	tp->last_ack_sent = tp->rcv_nxt;
	tp->rcv_wup = tp->rcv_nxt;
	tp->ack_due = false;
	tp->ack_pkts = 0;
	fdnet_tcp_due(tp, FDNET_TCP_DUE_ACK, FDNET_NEVER);
}

/* ---- packets ---- */

static int packet_tos(const struct fdnet_tcp *tp, bool ect)
{
	const struct fdnet_sock_opts *opts = &tp->so.opts;
	int tos = tp->so.peer.ip.family == 6 ? opts->tclass6 : opts->tos;

	if (!ect)
		return tos;
	return (tos < 0 ? 0 : tos & ~3) | 2;
}

/* Pushes the headers onto @pkt's payload. */
static struct fdnet_pkt *finish(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
				struct fdnet_tcp_hdr *hdr, bool ect)
{
	struct fdnet_sock *so = &tp->so;
	const struct fdnet_sock_opts *opts = &so->opts;
	bool v6 = so->peer.ip.family == 6;
	uint8_t *dst = fdnet_pkt_push(pkt, fdnet_tcp_hdr_size(hdr));

	if (!dst) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	fdnet_tcp_hdr_encode(dst, hdr);
	if (pkt->gso_size)
		pkt->gso_type = v6 ? FDNET_GSO_TCPV6 : FDNET_GSO_TCPV4;
	fdnet_ip_csum_fill(so->stack, pkt, &so->local.ip, &so->peer.ip, 6,
			   TCP_CSUM_OFFSET);
	if (fdnet_ip_finish(so->stack, pkt, &so->local.ip, &so->peer.ip, 6,
			    v6 ? opts->hops6 : opts->ttl, packet_tos(tp, ect),
			    true)) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	tcp_count(tp, FDNET_C_TCP_OUT);
	tp->segs_out++;
	return pkt;
}

static void hdr_init(const struct fdnet_tcp *tp, struct fdnet_tcp_hdr *hdr,
		     uint32_t seq)
{
	*hdr = (struct fdnet_tcp_hdr){
		.sport = tp->so.local.port,
		.dport = tp->so.peer.port,
		.seq = seq,
		.wscale = FDNET_TCP_WSCALE_NONE,
	};
}

/* Fast open's part of the first SYN: option and data. RFC 7413 4.1.3. */
static void add_fastopen(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
			 struct fdnet_tcp_hdr *hdr)
{
	uint32_t len = 0;

	if (!tp->fo_tried || tp->backoff || tp->syn_data)
		return;
	if (fdnet_tcp_fo_client(tp, &hdr->fo) && tp->sndq.bytes)
		len = min_u32(tp->sndq.bytes, fdnet_tcp_fo_room(tp));
	if (len)
		len = fdnet_sndq_attach(&tp->sndq, tcp_pool(tp), pkt, 0, len);
	tp->fo_option = hdr->fo.present;
	tp->fo_exp = hdr->fo.exp;
	tp->syn_data = len > 0;
	tp->syn_len = (uint16_t)len;
	tp->bytes_sent += len;
	tp->snd_nxt = tp->iss + 1 + len;
}

static struct fdnet_pkt *send_syn(struct fdnet_tcp *tp)
{
	const struct fdnet_tcp_settings *cfg =
		&fdnet_stack_cfg(tp->so.stack)->tcp;
	struct fdnet_pkt *pkt = fdnet_pkt_new(tcp_pool(tp));
	bool reply = tp->state != FDNET_TCP_SYN_SENT;
	struct fdnet_tcp_hdr hdr;
	uint32_t wnd = min_u32(fdnet_tcp_rcv_space(tp), 65535);

	if (!pkt)
		return NULL;
	tp->syn_due = false;
	hdr_init(tp, &hdr, tp->iss);
	if (reply)
		fill_ack(tp, &hdr);
	hdr.nsack = 0;
	hdr.flags |= FDNET_TH_SYN;
	if (reply && tp->ecn_ok)
		hdr.flags |= FDNET_TH_ECE;
	if (!reply && cfg->ecn == FDNET_TCP_ECN_ASK && !tp->lossless &&
	    tp->backoff < ECN_TRIES)
		hdr.flags |= FDNET_TH_ECE | FDNET_TH_CWR;
	hdr.wnd = (uint16_t)wnd;
	if (reply ? seq_lt(tp->rcv_adv, tp->irs + 1 + wnd) : true)
		tp->rcv_adv = tp->rcv_nxt + wnd;
	hdr.mss = tp->adv_mss;
	hdr.sack_ok = reply ? tp->sack_ok : !cfg->no_sack;
	if (reply ? tp->wscale_ok : !cfg->no_wscale)
		hdr.wscale = tp->rcv_wscale;
	hdr.has_ts = reply ? tp->ts_ok : !tp->lossless && !cfg->no_timestamps;
	hdr.ts_val = fdnet_tcp_ts_now(tp);
	if (!reply)
		add_fastopen(tp, pkt, &hdr);
	tp->snd_nxt = seq_max(tp->snd_nxt, tp->iss + 1);
	if (!tp->syn_unconfirmed) {
		tp->last_send_us = tcp_now(tp);
		fdnet_tcp_restart_rtx(tp);
	}
	return finish(tp, pkt, &hdr, false);
}

/* SACK blocks that ride on data take room from it. */
static uint32_t cur_mss(const struct fdnet_tcp *tp)
{
	uint32_t n = tp->rcvq.nranges + (tp->dsack_start != tp->dsack_end);

	if (!n || !tp->sack_ok)
		return tp->mss;
	n = min_u32(n, tp->ts_ok ? 3 : 4);
	return tp->mss - min_u32(4 + 8 * n, tp->mss / 2u);
}

/* At the end of what was written, of a SYN's data and of a burst, nobody shall
 * wait for more (as Linux, for the receiver's GRO). @end: in the queue */
static bool wants_push(const struct fdnet_tcp *tp, uint32_t end, bool burst)
{
	if (end == tp->sndq.bytes)
		return !tp->part;
	if (tp->sndq.neor && fdnet_sndq_record(&tp->sndq, end - 1, 2) == 1)
		return true;
	return burst || (tp->syn_data && tp->sndq_seq + end ==
						 tp->iss + 1 + tp->syn_len);
}

/* Makes the segment [seq, seq + len) with a FIN behind it if @fin. @ret_len:
 * the bytes it took. */
static struct fdnet_pkt *make_data(struct fdnet_tcp *tp, uint32_t seq,
				   uint32_t len, bool fin, bool again,
				   uint32_t *ret_len)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(tcp_pool(tp));
	uint32_t offset = seq - tp->sndq_seq, got = 0, mss = cur_mss(tp);
	struct fdnet_tcp_hdr hdr;
	bool burst;

	if (!pkt)
		return NULL;
	if (len)
		got = fdnet_sndq_attach(&tp->sndq, tcp_pool(tp), pkt, offset, len);
	if (len && !got) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	hdr_init(tp, &hdr, seq);
	fill_ack(tp, &hdr);
	if (got == len && fin)
		hdr.flags |= FDNET_TH_FIN;
	burst = got > mss && (again || !tcp_is_probe(tp, seq));
	if (got && wants_push(tp, offset + got, burst))
		hdr.flags |= FDNET_TH_PSH;
	if (tp->cwr_due && got && !again) {
		hdr.flags |= FDNET_TH_CWR;
		tp->cwr_due = false;
	}
	if (seq_gt(tp->snd_up, tp->snd_una) && seq_lt(seq, tp->snd_up) &&
	    tp->snd_up - seq <= 65535) {
		hdr.flags |= FDNET_TH_URG;
		hdr.urg = (uint16_t)(tp->snd_up - seq);
	}
	if (burst)
		pkt->gso_size = (uint16_t)mss;
	else if (got > mss) /* it is to be seen whether the way takes it */
		pkt->user[FDNET_USER_OUT_MTU].u64 = FDNET_OUT_WHOLE;
	*ret_len = got;
	return finish(tp, pkt, &hdr, tp->ecn_ok && got && !again);
}

/* The longest payload of one packet: a burst if the link takes one, but never
 * more than half of the window, so that ACKs come while the rest goes. */
static uint32_t burst_max(const struct fdnet_tcp *tp)
{
	uint32_t gso = tp->looped ? 0 : fdnet_stack_cfg(tp->so.stack)->gso_max;
	uint32_t mss = cur_mss(tp);

	if (!tp->lossless)
		gso = min_u32(gso, tp->cwnd / 2);
	/* the packet with the urgent byte must be able to point at it */
	if (seq_gt(tp->snd_up, tp->snd_una))
		gso = min_u32(gso, 65535);
	if (gso > mss)
		gso = fdnet_tcp_pace_burst(tp, mss, gso);
	return gso > mss ? gso - gso % mss : mss;
}

static void note_sent(struct fdnet_tcp *tp, uint32_t len)
{
	uint64_t now = tcp_now(tp);

	/* Data that soon follows data received: ACKs can ride on it. */
	if (len && tp->last_data_ms &&
	    (uint32_t)(now / FDNET_MS) - tp->last_data_ms < 40)
		tp->pingpong = true;
	tp->last_send_us = now;
	tp->bytes_sent += len;
	tp->data_segs_out += (len + tp->mss - 1) / tp->mss;
	if (tp->ca_state == FDNET_TCP_CA_RECOVERY ||
	    tp->ca_state == FDNET_TCP_CA_CWR)
		tp->prr_out += len;
	fdnet_tcp_pace_sent(tp, len);
}

/* ---- again ---- */

static struct fdnet_tcp_txseg *first_lost(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_txseg *seg = tp->tx_head;

	while (seg && !(seg->flags & FDNET_TXSEG_LOST))
		seg = seg->next;
	return seg;
}

/* Sends the front of @seg again, @max bytes at most. */
static struct fdnet_pkt *resend(struct fdnet_tcp *tp,
				struct fdnet_tcp_txseg *seg, uint32_t max)
{
	uint32_t data_end = tp->sndq_seq + tp->sndq.bytes, len, got;
	bool fin = seq_gt(seg->end, data_end);
	struct fdnet_pkt *pkt;

	len = seg->end - seg->seq - fin;
	if (len > max) {
		if (!fdnet_txseg_split(tp, seg, seg->seq + max))
			return NULL;
		len = max;
		fin = false;
	}
	pkt = make_data(tp, seg->seq, len, fin, true, &got);
	if (!pkt)
		return NULL;
	if (got < len)
		fdnet_txseg_split(tp, seg, seg->seq + got);
	if (tp->pmtu)
		fdnet_tcp_probe_resent(tp, seg->seq, seg->end);
	fdnet_txseg_clear(tp, seg, FDNET_TXSEG_LOST);
	fdnet_txseg_set(tp, seg, FDNET_TXSEG_RETX | FDNET_TXSEG_EVER);
	seg->sent_us = tcp_now(tp);
	seg->mss = pkt->gso_size;
	if (seg->sends < 255)
		seg->sends++;
	tp->total_retrans++;
	tp->bytes_retrans += got;
	tp->undo_retrans++;
	tcp_count(tp, FDNET_C_TCP_RETRANS);
	note_sent(tp, got);
	if (tp->rtx_mode != FDNET_TCP_RTX_RTO)
		fdnet_tcp_arm_rtx(tp);
	return pkt;
}

static uint32_t cwnd_room(const struct fdnet_tcp *tp)
{
	uint32_t flight = tcp_in_flight(tp);

	return tp->cwnd > flight ? tp->cwnd - flight : 0;
}

static struct fdnet_pkt *send_lost(struct fdnet_tcp *tp)
{
	uint32_t room = cwnd_room(tp), max = burst_max(tp);
	struct fdnet_tcp_txseg *seg;

	if (tp->frto == 2 && tcp_unsent(tp)) /* new data first */
		return NULL;
	if (!tp->lost_bytes || (room < tp->mss && tcp_in_flight(tp)))
		return NULL;
	seg = first_lost(tp);
	if (!seg)
		return NULL;
	room -= room % tp->mss;
	if (room < tp->mss)
		room = tp->mss;
	return resend(tp, seg, min_u32(max, room));
}

/* ---- new data ---- */

/* RFC 9293 3.7.4. On a lossless way a few short segments may be out at once:
 * there it saves packets, not a network, and the receiver counts alike. */
static bool nagle_holds(const struct fdnet_tcp *tp)
{
	if (tp->push)
		return false;
	if (tp->cork || tp->more)
		return true;
	if (tp->nodelay || tp->snd_una == tp->snd_nxt)
		return false;
	if (tp->lossless)
		return tp->small_out >= FDNET_TCP_ACK_PKTS;
	return tp->small_out > 0; /* Minshall: only short ones hold */
}

/* The right edge of the peer's window; a SYN that is out does not fill it. */
static uint32_t send_edge(const struct fdnet_tcp *tp)
{
	return tp->snd_una + (tp->snd_una == tp->iss) + tp->snd_wnd;
}

/* Bytes that were never sent, up to the end of the record they begin with. */
static uint32_t unsent_record(const struct fdnet_tcp *tp)
{
	uint32_t unsent = tcp_unsent(tp);

	if (!unsent || !tp->sndq.neor)
		return unsent;
	return fdnet_sndq_record(&tp->sndq, tp->snd_nxt - tp->sndq_seq, unsent);
}

/* Bytes of new data that may go now, in one packet. */
static uint32_t new_data_len(const struct fdnet_tcp *tp)
{
	uint32_t unsent = unsent_record(tp), flight = tp->snd_nxt - tp->snd_una;
	uint32_t edge = send_edge(tp), room, len, max;

	if (!unsent)
		return 0;
	len = unsent;
	room = seq_gt(edge, tp->snd_nxt) ? edge - tp->snd_nxt : 0;
	len = min_u32(len, room);
	room = cwnd_room(tp);
	if (room < tp->mss && room < len && tcp_in_flight(tp))
		return 0;
	len = min_u32(len, room > tp->mss ? room - room % tp->mss : tp->mss);
	max = burst_max(tp);
	if (len >= max)
		return max;
	if (len == unsent) {
		if (unsent != tcp_unsent(tp)) /* the next record cannot join */
			return len;
		if (len >= tp->mss && !tp->fin_queued && len % tp->mss &&
		    nagle_holds(tp))
			return len - len % tp->mss;
		return len >= tp->mss || tp->fin_queued || !nagle_holds(tp) ? len
									    : 0;
	}
	/* The window ends inside the data: a worthwhile part, or wait for the
	 * ACK of what is out. */
	if (!flight)
		return len >= min_u32(tp->mss, tp->max_wnd / 2) ? len : 0;
	if (tp->lossless)
		return len >= min_u32(max, tp->max_wnd / 4) ? len : 0;
	if (len < tp->mss)
		return len >= tp->max_wnd / 2 ? len : 0;
	return len - len % tp->mss;
}

/* The FIN stands alone when all data are out. */
static bool lone_fin(const struct fdnet_tcp *tp)
{
	return tp->fin_queued && !tp->fin_sent && !tcp_unsent(tp) &&
	       seq_lt(tp->snd_nxt, send_edge(tp));
}

static struct fdnet_pkt *send_new_len(struct fdnet_tcp *tp, uint32_t len)
{
	uint32_t seq = tp->snd_nxt, got = 0;
	bool fin = tp->fin_queued && !tp->fin_sent && len == tcp_unsent(tp) &&
		   seq_lt(seq + len, send_edge(tp));
	struct fdnet_pkt *pkt = make_data(tp, seq, len, fin, false, &got);

	if (!pkt)
		return NULL;
	fin = fin && got == len;
	if (!fdnet_txseg_add(tp, seq, seq + got + fin,
			     got < tp->mss ? FDNET_TXSEG_SMALL : 0)) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	tp->tx_tail->mss = pkt->gso_size;
	tp->snd_nxt = seq + got + fin;
	if (fin)
		tp->fin_sent = true;
	note_sent(tp, got);
	if (tp->rtx_mode == FDNET_TCP_RTX_TLP) /* RFC 8985 7.2 */
		fdnet_tcp_restart_rtx(tp);
	else
		fdnet_tcp_arm_rtx(tp);
	return pkt;
}

/* Is it time to try whether larger packets get through? */
static struct fdnet_pkt *send_mtu_probe(struct fdnet_tcp *tp)
{
	uint32_t edge = send_edge(tp), end, len;
	struct fdnet_pkt *pkt;

	len = fdnet_tcp_probe_len(tp, unsent_record(tp),
				  seq_gt(edge, tp->snd_nxt) ?
					  edge - tp->snd_nxt :
					  0);
	if (!len || cwnd_room(tp) < len)
		return NULL;
	end = tp->snd_nxt;
	fdnet_tcp_probe_begin(tp, len);
	pkt = send_new_len(tp, len);
	fdnet_tcp_probe_sent(tp, tp->snd_nxt - end);
	return pkt;
}

static struct fdnet_pkt *send_new(struct fdnet_tcp *tp)
{
	struct fdnet_pkt *pkt;
	uint32_t len;

	if (tp->pmtu)
		fdnet_tcp_pmtu_age(tp);
	pkt = tp->lossless ? NULL : send_mtu_probe(tp);
	if (pkt)
		return pkt;
	len = new_data_len(tp);
	if (!len && !lone_fin(tp))
		return NULL;
	if (tp->snd_una == tp->snd_nxt && tp->cc->restart && !tp->lossless) {
		tp->cc->restart(tp, tcp_now(tp) - tp->last_send_us);
		len = new_data_len(tp);
	}
	return send_new_len(tp, len);
}

/* ---- probes and bare ACKs ---- */

/* RFC 8985 7.3: new data if there are, else the last segment once more. */
static struct fdnet_pkt *send_tlp(struct fdnet_tcp *tp)
{
	uint32_t unsent = unsent_record(tp), edge = tp->snd_una + tp->snd_wnd;
	uint32_t len = min_u32(unsent, cur_mss(tp));
	struct fdnet_tcp_txseg *seg = tp->tx_tail;

	tp->tlp_due = false;
	if (len && seq_leq(tp->snd_nxt + len, edge)) {
		tp->tlp_end = tp->snd_nxt + len;
		tp->tlp_again = false;
		return send_new_len(tp, len);
	}
	if (!seg || seg->flags & FDNET_TXSEG_SACKED)
		return NULL;
	if (seg->end - seg->seq > tp->mss &&
	    fdnet_txseg_split(tp, seg, seg->end - tp->mss))
		seg = seg->next;
	tp->tlp_end = tp->snd_nxt;
	tp->tlp_again = true;
	return resend(tp, seg, burst_max(tp));
}

/* What goes only as fast as the pace allows. */
static struct fdnet_pkt *send_data(struct fdnet_tcp *tp)
{
	struct fdnet_pkt *pkt;

	if (fdnet_tcp_pace_holds(tp))
		return NULL;
	pkt = send_lost(tp);
	if (!pkt)
		pkt = send_new(tp);
	if (!pkt && tp->tlp_due)
		pkt = send_tlp(tp);
	return pkt;
}

/* A probe makes the peer answer with its window: what little fits, or a
 * sequence number it has already seen. */
static struct fdnet_pkt *send_probe(struct fdnet_tcp *tp)
{
	uint32_t edge = tp->snd_una + tp->snd_wnd, unsent = unsent_record(tp);
	struct fdnet_pkt *pkt;
	uint32_t got;

	tp->probe_due = false;
	tp->part = false; /* whoever waited for more has waited long enough */
	if (unsent && seq_lt(tp->snd_nxt, edge))
		return send_new_len(tp, min_u32(min_u32(unsent, cur_mss(tp)),
						edge - tp->snd_nxt));
	pkt = make_data(tp, tp->snd_una - 1, 0, false, true, &got);
	return pkt;
}

static struct fdnet_pkt *send_ack(struct fdnet_tcp *tp)
{
	uint32_t got;

	return make_data(tp, tp->snd_nxt, 0, false, true, &got);
}

/* Fast open: data may go behind the SYN-ACK before it is acknowledged. */
static bool is_open_early(const struct fdnet_tcp *tp)
{
	return tp->state == FDNET_TCP_SYN_RECV && tp->fo_child && !tp->backoff;
}

bool fdnet_tcp_has_output(const struct fdnet_tcp *tp)
{
	if (tp->syn_due || tp->ack_due || tp->probe_due)
		return true;
	if (!tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(CLOSE_WAIT) |
				      TCP_S(FIN_WAIT1) | TCP_S(CLOSING) |
				      TCP_S(LAST_ACK)) &&
	    !is_open_early(tp))
		return false;
	if (fdnet_tcp_pace_holds(tp))
		return false;
	return tp->tlp_due || tp->lost_bytes || new_data_len(tp) ||
	       lone_fin(tp);
}

/* Is the congestion window used? As tcp_cwnd_validate() finds out: once a
 * window, or when it is fuller than known. */
static void note_usage(struct fdnet_tcp *tp)
{
	uint32_t out = tp->snd_nxt - tp->snd_una;
	bool limited = tcp_unsent(tp) && cwnd_room(tp) < tp->mss;

	if (seq_lt(tp->snd_una, tp->usage_seq) && !limited &&
	    (tp->cwnd_limited || out <= tp->max_out))
		return;
	tp->cwnd_limited = limited;
	tp->max_out = out;
	tp->usage_seq = tp->snd_nxt;
}

struct fdnet_pkt *fdnet_tcp_output(struct fdnet_sock *so)
{
	struct fdnet_tcp *tp = tcp_of(so);
	struct fdnet_pkt *pkt = NULL;

	if (tp->syn_due) {
		pkt = send_syn(tp);
	} else if (tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(CLOSE_WAIT) |
					    TCP_S(FIN_WAIT1) | TCP_S(FIN_WAIT2) |
					    TCP_S(CLOSING) | TCP_S(LAST_ACK)) ||
		   is_open_early(tp)) {
		pkt = send_data(tp);
		if (!pkt && tp->probe_due)
			pkt = send_probe(tp);
		if (!pkt && tp->ack_due)
			pkt = send_ack(tp);
		if (!pkt)
			fdnet_tcp_arm_rtx(tp);
		if (!tp->lossless)
			note_usage(tp);
	}
	if (so->errq && so->errq->marks)
		fdnet_errq_progress(so, tp->snd_nxt, tp->snd_una);
	fdnet_tcp_timer_sync(tp);
	fdnet_tcp_note_busy(tp);
	fdnet_tcp_chrono(tp);
	return pkt;
}

/* ---- without the pull ---- */

void fdnet_tcp_send_bare(struct fdnet_stack *stack,
			 const struct fdnet_name *local,
			 const struct fdnet_name *peer, struct fdnet_tcp_hdr *hdr)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(fdnet_stack_pool(stack));
	uint8_t *dst;

	if (!pkt)
		return;
	hdr->sport = local->port;
	hdr->dport = peer->port;
	dst = fdnet_pkt_push(pkt, fdnet_tcp_hdr_size(hdr));
	if (!dst)
		goto drop;
	fdnet_tcp_hdr_encode(dst, hdr);
	fdnet_ip_csum_fill(stack, pkt, &local->ip, &peer->ip, 6, TCP_CSUM_OFFSET);
	if (fdnet_ip_finish(stack, pkt, &local->ip, &peer->ip, 6, -1, -1, true))
		goto drop;
	fdnet_stack_count(stack, FDNET_C_TCP_OUT);
	if (hdr->flags & FDNET_TH_RST)
		fdnet_stack_count(stack, FDNET_C_TCP_RST_OUT);
	fdnet_ip_queue(stack, pkt);
	return;
drop:
	fdnet_pkt_free(pkt);
}

void fdnet_tcp_ack_bare(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_hdr hdr;

	hdr_init(tp, &hdr, tp->snd_nxt);
	fill_ack(tp, &hdr);
	fdnet_tcp_send_bare(tp->so.stack, &tp->so.local, &tp->so.peer, &hdr);
}

void fdnet_tcp_reset_out(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_hdr hdr;

	hdr_init(tp, &hdr, tp->snd_nxt);
	fill_ack(tp, &hdr);
	hdr.nsack = 0;
	hdr.flags |= FDNET_TH_RST;
	fdnet_tcp_send_bare(tp->so.stack, &tp->so.local, &tp->so.peer, &hdr);
}

void fdnet_tcp_withdraw(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_hdr hdr;

	/* not sent yet, or never held */
	if (tp->snd_nxt == tp->iss || !tp->lossless)
		return;
	hdr_init(tp, &hdr, tp->snd_nxt);
	hdr.flags = FDNET_TH_RST;
	fdnet_tcp_send_bare(tp->so.stack, &tp->so.local, &tp->so.peer, &hdr);
}

void fdnet_tcp_challenge(struct fdnet_tcp *tp)
{
	uint32_t now_ms = (uint32_t)(tcp_now(tp) / FDNET_MS);

	if (tp->challenge_ms && now_ms - tp->challenge_ms < 500)
		return;
	tp->challenge_ms = now_ms ? now_ms : 1;
	tp->ack_due = true;
	tcp_count(tp, FDNET_C_TCP_CHALLENGE);
}
