/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/tcp_direct.h"

#include <assert.h>

#include "stack/tcp_internal.h"

/* Could it ever, as things are? */
static bool is_open(const struct fdnet_tcp *tp)
{
	return tp->state == FDNET_TCP_ESTABLISHED && !tp->so.error &&
	       !tp->shutdown && !tp->fin_queued && !tp->rcv_fin;
}

/* What is sure to be elsewhere need not be looked for. */
static bool is_near(const struct fdnet_sock *so)
{
	return fdnet_ip_equal(&so->local.ip, &so->peer.ip) ||
	       fdnet_ip_is_loopback(&so->peer.ip);
}

/* Nothing is to be sent but what comes now. */
static bool may_write(const struct fdnet_tcp *tp)
{
	return !tp->cork && !tcp_unsent(tp) &&
	       tp->ca_state == FDNET_TCP_CA_OPEN &&
	       !seq_gt(tp->snd_up, tp->snd_una);
}

/* Is it only bytes that this reader is told of? */
static bool may_read(const struct fdnet_tcp *tp)
{
	return !tp->rcvq.ooo_bytes && !tp->want_inq &&
	       tp->urg_state == FDNET_TCP_URG_NONE &&
	       tp->so.opts.rcvlowat <= 1;
}

enum fdnet_direct fdnet_sock_direct(struct fdnet_sock *so,
				    struct fdnet_sock **ret_peer)
{
	struct fdnet_tcp *tp = tcp_of(so), *to;
	struct fdnet_sock *peer;

	if (so->ops != &fdnet_tcp_ops || !is_near(so) || !is_open(tp))
		return FDNET_DIRECT_NEVER;
	peer = fdnet_demux_find_conn(so->stack, so->proto, &so->peer,
				     &so->local);
	if (!peer || peer == so || peer->ops != &fdnet_tcp_ops ||
	    !is_open(tcp_of(peer)))
		return FDNET_DIRECT_NEVER;
	*ret_peer = peer;
	to = tcp_of(peer);
	if (!may_write(tp) || !may_read(to) || to->rcv_nxt != tp->snd_nxt)
		return FDNET_DIRECT_UNSENT;
	if (to->rcvq.bytes)
		return FDNET_DIRECT_UNREAD;
	if (tp->snd_una == tp->snd_nxt && !tp->tx_head)
		return FDNET_DIRECT_NOW;
	/* there was no hurry to acknowledge; now there is */
	to->ack_due = true;
	fdnet_tcp_settle(to);
	return FDNET_DIRECT_FLUSH;
}

/* The sequence space of one direction, moved on as a whole: what compares its
 * numbers sees no difference, however many bytes go this way. */
static void move_writer(struct fdnet_tcp *tp, uint32_t len)
{
	tp->snd_una += len;
	tp->snd_nxt += len;
	tp->sndq_seq += len;
	tp->snd_up += len;
	tp->snd_wl2 += len;
	tp->recover += len;
	tp->cwr_end += len;
	tp->undo_seq += len;
	tp->rack_end += len;
	tp->rack_fack += len;
	tp->reo_round += len;
	tp->usage_seq += len;
	tp->tlp_end = 0; /* all is acknowledged */
}

static void move_reader(struct fdnet_tcp *tp, uint32_t len)
{
	tp->rcv_nxt += len;
	tp->rcv_wup += len;
	tp->rcv_adv += len;
	tp->last_ack_sent += len;
	tp->snd_wl1 += len;
	tp->urg_seq += len;
	tp->dsack_start += len;
	tp->dsack_end += len;
}

void fdnet_sock_direct_pass(struct fdnet_sock *so, struct fdnet_sock *peer,
			    uint32_t len)
{
	struct fdnet_tcp *tp = tcp_of(so), *to = tcp_of(peer);
	uint64_t now_us = tcp_now(tp);

	assert(len && len <= FDNET_TCP_DIRECT_MAX);
	move_writer(tp, len);
	move_reader(to, len);
	tp->last_send_us = now_us;
	tp->bytes_sent += len;
	tp->bytes_acked += len;
	tp->segs_out++;
	tp->data_segs_out++;
	tp->delivered++;
	to->last_rcv_us = now_us;
	to->last_data_ms = (uint32_t)(now_us / FDNET_MS);
	to->last_data_ms += !to->last_data_ms;
	to->bytes_received += len;
	to->segs_in++;
	to->data_segs_in++;
}
