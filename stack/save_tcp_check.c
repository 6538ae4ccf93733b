/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved state: does what was read of a TCP connection hang together? All that
 * the rest of TCP takes for granted is looked at here, since the bytes may
 * come from an enemy.
 */
#include "config.h"

#include "stack/save_tcp.h"

#define OPENING (TCP_S(SYN_SENT) | TCP_S(SYN_RECV))
#define FIN_OURS                                                               \
	(TCP_S(FIN_WAIT1) | TCP_S(FIN_WAIT2) | TCP_S(CLOSING) | TCP_S(LAST_ACK))
#define FIN_THEIRS (TCP_S(CLOSE_WAIT) | TCP_S(CLOSING) | TCP_S(LAST_ACK))
#define RECEIVING  (TCP_S(ESTABLISHED) | TCP_S(FIN_WAIT1) | TCP_S(FIN_WAIT2))

static bool fin_acked(const struct fdnet_tcp *tp)
{
	return tp->fin_sent && tp->snd_una == tp->snd_nxt;
}

/* The records cover what is out, from @at on, without holes. */
static bool records_ok(const struct fdnet_tcp *tp, uint32_t at)
{
	const struct fdnet_tcp_txseg *seg;

	for (seg = tp->tx_head; seg; seg = seg->next) {
		if (seg->seq != at)
			return false;
		at = seg->end;
	}
	return at == tp->snd_nxt;
}

/* Fast open: data went behind the SYN, or with it. */
static bool early_ok(const struct fdnet_tcp *tp)
{
	uint32_t sent = tp->snd_nxt - tp->iss - 1 - tp->fin_sent;

	if (tp->snd_una != tp->iss || tp->sndq_seq != tp->iss + 1 ||
	    tp->rcv_fin || sent > tp->sndq.bytes ||
	    (tp->fin_sent && (sent != tp->sndq.bytes || !tp->fin_queued)))
		return false;
	if (tp->state == FDNET_TCP_SYN_SENT)
		return sent <= tp->syn_len && !tp->fin_sent && !tp->tx_head &&
		       !tp->rcvq.bytes && !tp->rcvq.ranges;
	return records_ok(tp, tp->iss + 1);
}

static bool opening_ok(const struct fdnet_tcp *tp)
{
	if ((tp->fo_child || tp->syn_data) && tp->snd_nxt != tp->iss)
		return early_ok(tp);
	return tp->snd_una == tp->iss && tp->snd_nxt - tp->iss <= 1 &&
	       tp->sndq_seq == tp->iss + 1 && !tp->sndq.bytes && !tp->tx_head &&
	       !tp->fin_sent && !tp->rcvq.bytes && !tp->rcvq.ranges &&
	       !tp->rcv_fin;
}

static bool sending_ok(const struct fdnet_tcp *tp)
{
	uint32_t sent = tp->snd_nxt - tp->sndq_seq - tp->fin_sent;

	/* where a SYN may go out (again), it is at the beginning */
	if ((tp->syn_due || tp->syn_unconfirmed) &&
	    tp->snd_una - tp->iss - 1 > FDNET_TCP_WND_MAX)
		return false;
	if (tp->sndq_seq + fin_acked(tp) != tp->snd_una)
		return false;
	if (sent > tp->sndq.bytes || (tp->fin_sent && sent != tp->sndq.bytes))
		return false;
	if (tp->fin_sent && !tp->fin_queued)
		return false;
	if (fin_acked(tp) != (tp->state == FDNET_TCP_FIN_WAIT2))
		return false;
	return records_ok(tp, tp->snd_una);
}

static bool receiving_ok(const struct fdnet_tcp *tp)
{
	bool taken = tp->rcv_fin && tp->rcv_nxt == tp->fin_rcv_seq + 1;

	if (taken != !!tcp_in_state(tp, FIN_THEIRS))
		return false;
	if (tp->rcv_fin && !taken &&
	    tp->fin_rcv_seq - tp->rcv_nxt > FDNET_TCP_WND_MAX)
		return false;
	return !tp->rcvq.ranges || tcp_in_state(tp, RECEIVING);
}

static bool shutdown_ok(const struct fdnet_tcp *tp)
{
	bool snd = tp->shutdown & FDNET_TCP_SHUT_SND;

	if (tp->shutdown > FDNET_TCP_SHUT_BOTH || snd != tp->fin_queued)
		return false;
	return tp->state == FDNET_TCP_SYN_RECV ||
	       tp->fin_queued == !!tcp_in_state(tp, FIN_OURS);
}

static bool within(uint32_t a, uint32_t b, uint32_t dist)
{
	return a - b <= dist || b - a <= dist;
}

static bool connection_ok(const struct fdnet_tcp *tp)
{
	if (!tp->so.connected || tp->so.listening || !shutdown_ok(tp))
		return false;
	if (tcp_in_state(tp, OPENING) ? !opening_ok(tp)
				      : !(sending_ok(tp) && receiving_ok(tp)))
		return false;
	if (tp->pending &&
	    (tp->state != FDNET_TCP_SYN_RECV || !tp->passive || !tp->so.foreign))
		return false;
	return within(tp->rcv_adv, tp->rcv_nxt, FDNET_TCP_WND_MAX) &&
	       within(tp->rcv_wup, tp->rcv_nxt, FDNET_TCP_WND_MAX);
}

static bool idle_ok(const struct fdnet_tcp *tp)
{
	bool listens = tp->state == FDNET_TCP_LISTEN;

	return tp->so.listening == listens && !tp->so.detached &&
	       !tp->so.connected && !tp->sndq.bytes && !tp->tx_head &&
	       !tp->rcvq.ranges && !tp->pending && !tp->fin_queued &&
	       !tp->syn_due && !tp->ack_due && !tp->probe_due && !tp->tlp_due &&
	       tp->snd_una == tp->snd_nxt &&
	       (!listens || (!tp->rcvq.bytes && !tp->queued && tp->so.port));
}

bool fdnet_save_tcp_ok(const struct fdnet_tcp *tp)
{
	if (tp->snd_wscale > FDNET_TCP_WSCALE_MAX ||
	    tp->rcv_wscale > FDNET_TCP_WSCALE_MAX ||
	    tp->urg_state > FDNET_TCP_URG_READ ||
	    tp->ca_state > FDNET_TCP_CA_LOSS || tp->rtx_mode > FDNET_TCP_RTX_REO ||
	    tp->snd_wnd > FDNET_TCP_WND_MAX || tp->max_wnd > FDNET_TCP_WND_MAX)
		return false;
	/* the SYN that the first write is to send */
	if (tp->fo_defer && (tp->state != FDNET_TCP_SYN_SENT ||
			     tp->snd_nxt != tp->iss || tp->sndq.bytes))
		return false;
	return tcp_in_state(tp, FDNET_SAVE_CONNECTED) ? connection_ok(tp)
						      : idle_ok(tp);
}
