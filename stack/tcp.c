/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a connection: making, opening, closing and ending it (RFC 9293). */
#include "config.h"

#include "stack/tcp.h"

#include <errno.h>
#include <string.h>

#include "stack/errq.h"
#include "stack/object.h"
#include "stack/save.h"
#include "stack/tcp_internal.h"

/* With this many sockets the buffers of new ones begin small. */
#define MANY_SOCKS		1024
#define SNDBUF_LOSSLESS		(256u << 10)
#define RCVBUF_LOSSLESS		(512u << 10)
#define SNDBUF_DEFAULT		(256u << 10)
#define RCVBUF_DEFAULT		(256u << 10)
#define RTO_INITIAL_US		1000000u
#define RTO_MIN_US		200000u
#define RTO_INITIAL_LOSSLESS_US 3000000u
#define RTO_MIN_LOSSLESS_US	1000000u
#define FIN_TIMEOUT_US		(60 * FDNET_SEC)
#define REORDERING		3 /* net.ipv4.tcp_reordering */

static int tcp_init(struct fdnet_sock *so)
{
	const struct fdnet_stack_config *cfg = fdnet_stack_cfg(so->stack);
	unsigned int shift = fdnet_stack_socks(so->stack) > MANY_SOCKS ? 2 : 0;
	struct fdnet_tcp *tp = tcp_of(so);

	tp->state = FDNET_TCP_CLOSE;
	fdnet_timer_init(&tp->timer, fdnet_tcp_timer_fire);
	for (int i = 0; i < FDNET_TCP_DUE_MAX; i++)
		tp->due_us[i] = FDNET_NEVER;
	if (!cfg->tcp_sndbuf)
		so->opts.sndbuf = cfg->lossless ? SNDBUF_LOSSLESS >> shift
						: SNDBUF_DEFAULT;
	if (!cfg->tcp_rcvbuf)
		so->opts.rcvbuf = cfg->lossless ? RCVBUF_LOSSLESS >> shift
						: RCVBUF_DEFAULT;
	tp->cc = &fdnet_tcp_cc_cubic;
	tp->cwnd = FDNET_TCP_CWND_MAX;
	tp->ssthresh = FDNET_TCP_CWND_MAX;
	tp->keep_idle_s = 7200;
	tp->keep_intvl_s = 75;
	tp->keep_cnt = 9;
	tp->syn_cnt = 6;
	tp->mss = FDNET_TCP_MSS_DEFAULT;
	tp->reordering = REORDERING;
	tp->chrono_since = (uint32_t)(tcp_now(tp) / FDNET_TCP_CHRONO_US);
	return 0;
}

/* Everything that the socket holds besides its own memory. */
static void drop_all(struct fdnet_tcp *tp)
{
	fdnet_tcp_listen_done(tp, true);
	fdnet_tcp_unqueue(tp);
	fdnet_tcp_request_free(tp);
	fdnet_mem_free(tcp_mem(tp), tp->fo, sizeof(*tp->fo));
	tp->fo = NULL;
	fdnet_tcp_pmtu_forget(tp);
	fdnet_sndq_purge(&tp->sndq, tcp_mem(tp));
	fdnet_rcvq_purge(&tp->rcvq, tcp_mem(tp));
	fdnet_tcp_charge(tp);
	fdnet_txseg_purge(tp);
	fdnet_timer_cancel(tp->so.stack, &tp->timer);
}

static void tcp_destroy(struct fdnet_sock *so)
{
	drop_all(tcp_of(so));
}

void fdnet_tcp_event(struct fdnet_tcp *tp, uint32_t events)
{
	if (!tp->queued && !tp->so.in_req_list)
		fdnet_sock_event(&tp->so, events);
}

/* On a lossless link what was sent needs nobody to look after it: only what
 * waits for window or link does. */
static bool is_busy(const struct fdnet_tcp *tp)
{
	if (fdnet_stack_cfg(tp->so.stack)->lossless)
		return tcp_unsent(tp) || (tp->fin_queued && !tp->fin_sent);
	return tp->sndq.bytes || tp->state == FDNET_TCP_SYN_SENT ||
	       (tp->fin_queued && tp->snd_una != tp->snd_nxt) ||
	       (tp->fin_queued && !tp->fin_sent);
}

void fdnet_tcp_note_busy(struct fdnet_tcp *tp)
{
	fdnet_sock_set_busy(&tp->so, is_busy(tp));
}

static enum fdnet_tcp_chrono chrono_now(const struct fdnet_tcp *tp)
{
	uint32_t unsent = tcp_unsent(tp), edge = tp->snd_una + tp->snd_wnd;
	uint32_t room = seq_gt(edge, tp->snd_nxt) ? edge - tp->snd_nxt : 0;

	if (!tp->sndq.bytes)
		return FDNET_TCP_CHRONO_IDLE;
	if (!unsent)
		return tp->nospace ? FDNET_TCP_CHRONO_SNDBUF
				   : FDNET_TCP_CHRONO_BUSY;
	return room < unsent && room < tp->mss ? FDNET_TCP_CHRONO_RWND
					       : FDNET_TCP_CHRONO_BUSY;
}

void fdnet_tcp_chrono(struct fdnet_tcp *tp)
{
	uint32_t now = (uint32_t)(tcp_now(tp) / FDNET_TCP_CHRONO_US);

	if (tp->chrono_type)
		tp->chrono[tp->chrono_type - 1] += now - tp->chrono_since;
	tp->chrono_since = now;
	tp->chrono_type = chrono_now(tp);
}

void fdnet_tcp_settle(struct fdnet_tcp *tp)
{
	struct fdnet_sock *so = &tp->so;

	if (tp->state == FDNET_TCP_CLOSE && so->detached) {
		drop_all(tp);
		fdnet_sock_release(so);
		return;
	}
	if (so->errq && so->errq->marks)
		fdnet_errq_progress(so, tp->snd_nxt, tp->snd_una);
	fdnet_tcp_charge(tp);
	fdnet_tcp_chrono(tp);
	if (fdnet_tcp_has_output(tp))
		fdnet_sock_want_output(so);
	else
		fdnet_tcp_arm_rtx(tp); /* a closed window is to be probed */
	fdnet_tcp_note_busy(tp);
	fdnet_tcp_timer_sync(tp);
}

/* The port that bind() took stays the application's until close(). */
static void leave_demux(struct fdnet_tcp *tp)
{
	if (tp->so.user_port && !tp->so.detached && !tp->passive)
		fdnet_demux_disconnect(&tp->so);
	else
		fdnet_demux_remove(&tp->so);
}

void fdnet_tcp_done(struct fdnet_tcp *tp, int error)
{
	struct fdnet_sock *so = &tp->so;

	if (tp->state == FDNET_TCP_CLOSE)
		return;
	fdnet_tcp_fo_confirmed(tp);
	tp->state = FDNET_TCP_CLOSE;
	tp->shutdown = FDNET_TCP_SHUT_BOTH;
	so->error = error ? error : so->error;
	fdnet_tcp_request_free(tp);
	fdnet_sndq_purge(&tp->sndq, tcp_mem(tp));
	fdnet_txseg_purge(tp);
	fdnet_rcvq_purge_ooo(&tp->rcvq, tcp_mem(tp));
	tp->syn_due = tp->ack_due = tp->probe_due = tp->tlp_due = false;
	tp->fo_defer = false;
	tp->fin_queued = false;
	fdnet_errq_unmark(so);
	tp->snd_una = tp->snd_nxt;
	tp->rtx_mode = FDNET_TCP_RTX_NONE;
	for (int i = 0; i < FDNET_TCP_DUE_MAX; i++)
		fdnet_tcp_due(tp, i, FDNET_NEVER);
	leave_demux(tp);
	if (!so->detached)
		fdnet_tcp_event(tp, FDNET_EV_IN | FDNET_EV_OUT |
					    FDNET_EV_RDHUP | FDNET_EV_HUP |
					    (so->error ? FDNET_EV_ERR : 0));
}

static uint32_t ip_hdr_len(const struct fdnet_tcp *tp)
{
	return tp->so.peer.ip.family == 6 ? 40 : 20;
}

static uint16_t mss_of(const struct fdnet_tcp *tp, uint32_t mtu)
{
	uint32_t mss;

	if (mtu > 65535)
		mtu = 65535;
	mss = mtu - ip_hdr_len(tp) - FDNET_TCP_HDR_MIN;
	return tp->user_mss && tp->user_mss < mss ? tp->user_mss :
						    (uint16_t)mss;
}

void fdnet_tcp_sync_mss(struct fdnet_tcp *tp)
{
	uint32_t mss;

	if (!tp->pmtu)
		tp->adv_mss = mss_of(
			tp, fdnet_ip_mtu(tp->so.stack, &tp->so.peer.ip));
	mss = mss_of(tp, fdnet_tcp_mtu(tp));
	if (tp->peer_mss && tp->peer_mss < mss)
		mss = tp->peer_mss;
	if (mss < FDNET_TCP_MSS_MIN)
		mss = FDNET_TCP_MSS_MIN;
	if (tp->ts_ok)
		mss -= 12;
	tp->mss = (uint16_t)mss;
}

void fdnet_tcp_set_way(struct fdnet_tcp *tp)
{
	const struct fdnet_stack_config *cfg = fdnet_stack_cfg(tp->so.stack);
	bool quick;

	tp->looped = !cfg->switched &&
		     fdnet_stack_is_local(tp->so.stack, &tp->so.peer.ip);
	tp->lossless = cfg->lossless || tp->looped;
	quick = tp->lossless;
	fdnet_tcp_rtt_init(&tp->rtt,
			   quick ? RTO_INITIAL_LOSSLESS_US : RTO_INITIAL_US,
			   quick ? RTO_MIN_LOSSLESS_US : RTO_MIN_US);
	fdnet_tcp_pmtu_forget(tp);
	fdnet_tcp_sync_mss(tp);
	tp->ack_thresh = FDNET_TCP_ACK_BYTES;
	tp->quick_left = quick ? 0 : 16;
}

uint32_t fdnet_tcp_isn(struct fdnet_stack *stack, const struct fdnet_name *local,
		       const struct fdnet_name *peer)
{
	uint8_t key[36];
	uint64_t hash;

	memcpy(key, local->ip.bytes, 16);
	memcpy(key + 16, peer->ip.bytes, 16);
	memcpy(key + 32, &local->port, 2);
	memcpy(key + 34, &peer->port, 2);
	hash = fdnet_stack_hash(stack, key, sizeof(key));
	/* RFC 6528: F(connection) + M, M counts every 4 us */
	return (uint32_t)hash + (uint32_t)(fdnet_stack_time(stack) / 4);
}

/* Milliseconds, from a start that differs by connection. */
uint32_t fdnet_tcp_ts_offset(uint32_t iss)
{
	return (iss ^ 0x5bd1e995u) * 0x9e3779b1u;
}

uint32_t fdnet_tcp_ts_now(const struct fdnet_tcp *tp)
{
	return tp->ts_offset + (uint32_t)(tcp_now(tp) / 1000);
}

void fdnet_tcp_start_seq(struct fdnet_tcp *tp, uint32_t iss)
{
	tp->iss = iss;
	tp->snd_una = tp->snd_nxt = tp->snd_up = iss;
	tp->sndq_seq = iss + 1;
	tp->rack_fack = iss;
	tp->cwr_end = tp->reo_round = tp->usage_seq = iss;
	tp->ts_offset = fdnet_tcp_ts_offset(iss);
}

void fdnet_tcp_established(struct fdnet_tcp *tp)
{
	fdnet_tcp_fo_confirmed(tp);
	tp->state = FDNET_TCP_ESTABLISHED;
	tp->was_connected = true;
	tp->syn_due = false;
	tp->backoff = 0;
	tp->stalled_us = 0;
	tp->rtx_mode = FDNET_TCP_RTX_NONE;
	fdnet_tcp_due(tp, FDNET_TCP_DUE_RTX, FDNET_NEVER);
	fdnet_tcp_sync_mss(tp);
	fdnet_tcp_cc_start(tp);
	tp->drs_us = (uint32_t)tcp_now(tp);
	tp->last_rcv_us = tcp_now(tp);
	tp->delivered = 1; /* the SYN */
	fdnet_tcp_arm_keepalive(tp);
	if (tp->fin_queued)
		tp->state = FDNET_TCP_FIN_WAIT1;
	fdnet_tcp_event(tp, FDNET_EV_OUT);
}

/* Where the packets to @name go, and from which address. */
static int choose_names(struct fdnet_tcp *tp, const struct fdnet_name *name)
{
	struct fdnet_sock *so = &tp->so;
	struct fdnet_name peer = *name;
	struct fdnet_ip src;
	int rc;

	if (so->family == 4 && name->ip.family != 4)
		return -EAFNOSUPPORT;
	if (name->ip.family == 4 && so->family == 6 && so->opts.v6only)
		return -ENETUNREACH;
	if (fdnet_ip_is_multicast(&name->ip) ||
	    fdnet_ip_is_broadcast(so->stack, &name->ip))
		return -ENETUNREACH;
	if (fdnet_ip_is_any(&peer.ip)) { /* the kernel takes it as loopback */
		memset(peer.ip.bytes, 0, sizeof(peer.ip.bytes));
		if (peer.ip.family == 4 && so->local.ip.family == 4 &&
		    !fdnet_ip_is_any(&so->local.ip))
			peer.ip = so->local.ip; /* or the bound address */
		else if (peer.ip.family == 4)
			peer.ip = fdnet_ip4(0x7f000001);
		else
			peer.ip.bytes[15] = 1;
	}
	rc = fdnet_sock_may_reach(so, &peer.ip, false);
	if (rc)
		return rc;
	if (fdnet_ip_is_any(&so->local.ip)) {
		rc = fdnet_ip_source(so->stack, &peer.ip, &src);
		if (rc)
			return rc;
		so->local.ip = src;
	} else if (so->local.ip.family != peer.ip.family ||
		   (peer.ip.family == 4 && !so->foreign &&
		    !fdnet_stack_is_local(so->stack, &so->local.ip))) {
		return -ENETUNREACH; /* IP_FREEBIND is for listeners there */
	}
	so->peer = peer;
	return 0;
}

/* TCP_FASTOPEN_CONNECT: with a cookie at hand, the SYN waits for data. */
static bool may_defer(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_fo fo;

	if (!tp->fo_connect || tp->lossless || !fdnet_tcp_fo_allowed(tp))
		return false;
	tp->fo_tried = true;
	return fdnet_tcp_fo_client(tp, &fo);
}

/* The link has died, and nobody of this stack listens there either. */
static bool is_cut_off(const struct fdnet_sock *so)
{
	struct fdnet_stack *stack = so->stack;

	if (!stack->dead)
		return false;
	if (!fdnet_stack_is_local(stack, &so->peer.ip))
		return true;
	return stack->cfg.switched &&
	       !fdnet_demux_find(stack, so->proto, &so->peer, &so->local);
}

int fdnet_tcp_start_connect(struct fdnet_tcp *tp, const struct fdnet_name *name)
{
	struct fdnet_sock *so = &tp->so;
	struct fdnet_name old = so->local;
	int rc;

	rc = choose_names(tp, name);
	if (!rc && is_cut_off(so))
		rc = -ENETDOWN;
	if (!rc)
		rc = fdnet_sock_autobind(so, &so->peer.ip);
	if (!rc)
		rc = fdnet_demux_connect(so);
	if (rc) {
		so->local.ip = old.ip;
		memset(&so->peer, 0, sizeof(so->peer));
		return rc == -EADDRINUSE ? -EADDRNOTAVAIL : rc;
	}
	tcp_count(tp, FDNET_C_TCP_ACTIVE_OPEN);
	fdnet_tcp_set_way(tp);
	fdnet_tcp_start_seq(tp, fdnet_tcp_isn(so->stack, &so->local, &so->peer));
	so->error = 0;
	tp->shutdown = 0;
	tp->state = FDNET_TCP_SYN_SENT;
	tp->connecting = true;
	tp->rcv_wscale = fdnet_tcp_pick_wscale(tp);
	if (may_defer(tp)) {
		tp->fo_defer = true;
		tp->connecting = false;
		return 0;
	}
	tp->syn_due = true;
	fdnet_tcp_settle(tp);
	return -EINPROGRESS;
}

static int tcp_connect(struct fdnet_sock *so, const struct fdnet_name *name)
{
	struct fdnet_tcp *tp = tcp_of(so);
	int rc;

	if (!name->ip.family)
		return fdnet_tcp_disconnect(so);
	if (tp->connecting) {
		if (tcp_in_state(tp, TCP_S(SYN_SENT) | TCP_S(SYN_RECV)))
			return -EALREADY;
		tp->connecting = false;
		if (tp->state != FDNET_TCP_CLOSE || tp->was_connected)
			return 0;
		rc = fdnet_sock_take_error(so);
		fdnet_tcp_disconnect(so);
		return rc ? rc : -ECONNABORTED;
	}
	if (tp->state != FDNET_TCP_CLOSE || tp->was_connected)
		return -EISCONN;
	return fdnet_tcp_start_connect(tp, name);
}

/* Must the peer be told when the connection is given up (RFC 9293 3.10.5)?
 * CLOSING and LAST_ACK mean there that the FIN is out; here it may still be
 * waiting to be sent, and the peer would wait for it for ever. */
static bool wants_reset(const struct fdnet_tcp *tp)
{
	if (tcp_in_state(tp, TCP_S(CLOSING) | TCP_S(LAST_ACK)))
		return !tp->fin_sent;
	return tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(SYN_RECV) |
					TCP_S(FIN_WAIT1) | TCP_S(FIN_WAIT2) |
					TCP_S(CLOSE_WAIT));
}

/* Back to a fresh socket; options, and the port of bind(), stay. */
static void forget_connection(struct fdnet_tcp *tp)
{
	struct fdnet_sock *so = &tp->so;

	fdnet_rcvq_purge(&tp->rcvq, tcp_mem(tp));
	memset(&so->peer, 0, sizeof(so->peer));
	if (!so->user_addr)
		memset(&so->local.ip.bytes, 0, sizeof(so->local.ip.bytes));
	if (!so->bound)
		so->local.port = 0;
	tp->shutdown = 0;
	tp->connecting = tp->was_connected = tp->passive = false;
	tp->fin_queued = tp->fin_sent = tp->rcv_fin = false;
	tp->sack_ok = tp->ts_ok = tp->wscale_ok = tp->ecn_ok = false;
	tp->fo_defer = tp->fo_tried = tp->fo_option = tp->fo_child = false;
	tp->syn_data = tp->syn_data_acked = false;
	tp->syn_len = 0;
	tp->snd_wscale = tp->rcv_wscale = 0;
	tp->peer_mss = 0;
	tp->dupacks = tp->backoff = tp->keep_probes = tp->ack_pkts = 0;
	tp->ca_state = FDNET_TCP_CA_OPEN;
	tp->urg_state = FDNET_TCP_URG_NONE;
	tp->snd_wnd = tp->max_wnd = 0;
	tp->rcv_nxt = tp->rcv_adv = tp->rcv_wup = 0;
	tp->rcv_mss = 0;
	tp->pingpong = false;
	tp->cwnd = FDNET_TCP_CWND_MAX;
	tp->ssthresh = FDNET_TCP_CWND_MAX;
}

int fdnet_tcp_disconnect(struct fdnet_sock *so)
{
	struct fdnet_tcp *tp = tcp_of(so);
	/* tcp_disconnect(): a pending error stays, a connection leaves one */
	int error = wants_reset(tp) || tp->state == FDNET_TCP_SYN_SENT
			    ? ECONNRESET
			    : so->error;

	if (tp->state == FDNET_TCP_LISTEN) {
		fdnet_tcp_listen_done(tp, false);
	} else if (wants_reset(tp)) {
		fdnet_tcp_reset_out(tp);
		tcp_count(tp, FDNET_C_TCP_ABORT);
	} else if (tp->state == FDNET_TCP_SYN_SENT) {
		fdnet_tcp_withdraw(tp);
	}
	fdnet_tcp_done(tp, 0);
	so->listening = false;
	forget_connection(tp);
	so->error = error;
	fdnet_tcp_settle(tp);
	return 0;
}

void fdnet_tcp_queue_fin(struct fdnet_tcp *tp)
{
	if (tp->shutdown & FDNET_TCP_SHUT_SND)
		return;
	tp->shutdown |= FDNET_TCP_SHUT_SND;
	tp->fin_queued = true;
	tp->more = false;
	if (tp->state == FDNET_TCP_ESTABLISHED)
		tp->state = FDNET_TCP_FIN_WAIT1;
	else if (tp->state == FDNET_TCP_CLOSE_WAIT)
		tp->state = FDNET_TCP_LAST_ACK;
}

static int shutdown_listener(struct fdnet_tcp *tp, int how)
{
	if (how == FDNET_SHUT_WR)
		return 0;
	fdnet_tcp_disconnect(&tp->so);
	fdnet_tcp_event(tp, FDNET_EV_IN | FDNET_EV_HUP);
	return 0;
}

/* inet_shutdown(): takes effect without a connection too, but says so. */
static int shutdown_unconnected(struct fdnet_tcp *tp, int how)
{
	if (how != FDNET_SHUT_WR)
		tp->shutdown |= FDNET_TCP_SHUT_RCV;
	if (how != FDNET_SHUT_RD)
		tp->shutdown |= FDNET_TCP_SHUT_SND;
	fdnet_tcp_event(tp, fdnet_tcp_poll(&tp->so));
	return -ENOTCONN;
}

static int tcp_shutdown(struct fdnet_sock *so, int how)
{
	struct fdnet_tcp *tp = tcp_of(so);

	if (how < FDNET_SHUT_RD || how > FDNET_SHUT_RDWR)
		return -EINVAL;
	if (tp->state == FDNET_TCP_LISTEN)
		return shutdown_listener(tp, how);
	if (tp->state == FDNET_TCP_SYN_SENT)
		return fdnet_tcp_disconnect(so);
	if (tp->state == FDNET_TCP_CLOSE)
		return shutdown_unconnected(tp, how);
	tp->connecting = false; /* connect() has nothing more to tell */
	if (how != FDNET_SHUT_WR)
		tp->shutdown |= FDNET_TCP_SHUT_RCV;
	if (how != FDNET_SHUT_RD)
		fdnet_tcp_queue_fin(tp);
	fdnet_tcp_event(
		tp,
		(tp->shutdown & FDNET_TCP_SHUT_RCV ? FDNET_EV_IN | FDNET_EV_RDHUP
						   : 0) |
			FDNET_EV_OUT |
			(tp->shutdown == FDNET_TCP_SHUT_BOTH ? FDNET_EV_HUP : 0));
	fdnet_tcp_settle(tp);
	return 0;
}

/* How long an orphan may wait for the peer's FIN. */
static uint64_t fin_wait2_us(const struct fdnet_tcp *tp)
{
	return tp->linger2_s > 0 ? (uint64_t)tp->linger2_s * FDNET_SEC
				 : FIN_TIMEOUT_US;
}

void fdnet_tcp_enter_fin_wait2(struct fdnet_tcp *tp)
{
	tp->state = FDNET_TCP_FIN_WAIT2;
	if (!tp->so.detached)
		return;
	if (tp->linger2_s < 0) {
		fdnet_tcp_reset_out(tp);
		fdnet_tcp_done(tp, 0);
		return;
	}
	fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE, tcp_now(tp) + fin_wait2_us(tp));
}

static void close_connection(struct fdnet_tcp *tp)
{
	bool unread = tp->rcvq.bytes;
	const struct fdnet_sock_opts *opts = &tp->so.opts;

	fdnet_rcvq_purge(&tp->rcvq, tcp_mem(tp));
	if (unread || (opts->linger_on && !opts->linger_s) ||
	    (tp->state == FDNET_TCP_SYN_RECV && !tp->fo_child)) {
		if (wants_reset(tp) || tp->sndq.bytes)
			fdnet_tcp_reset_out(tp);
		tcp_count(tp, FDNET_C_TCP_ABORT);
		fdnet_tcp_done(tp, 0);
		return;
	}
	tp->shutdown |= FDNET_TCP_SHUT_RCV;
	fdnet_tcp_queue_fin(tp);
	if (tp->state == FDNET_TCP_FIN_WAIT2)
		fdnet_tcp_enter_fin_wait2(tp);
	else
		fdnet_tcp_arm_keepalive(tp);
}

static void tcp_close(struct fdnet_sock *so)
{
	struct fdnet_tcp *tp = tcp_of(so);

	so->detached = true;
	switch (tp->state) {
	case FDNET_TCP_LISTEN:
		fdnet_tcp_listen_done(tp, false);
		fdnet_tcp_done(tp, 0);
		break;
	case FDNET_TCP_SYN_SENT:
		fdnet_tcp_withdraw(tp);
		fdnet_tcp_done(tp, 0);
		break;
	case FDNET_TCP_CLOSE:
		fdnet_tcp_done(tp, 0);
		break;
	default:
		close_connection(tp);
	}
	fdnet_tcp_settle(tp);
}

void fdnet_tcp_time_wait(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_tw_info tw = {
		.local = tp->so.local,
		.peer = tp->so.peer,
		.family = tp->so.family,
		.foreign = tp->so.foreign,
		.snd_nxt = tp->snd_nxt,
		.rcv_nxt = tp->rcv_nxt,
		.rcv_wnd = fdnet_tcp_window(tp) >> tp->rcv_wscale,
		.ts_ok = tp->ts_ok,
		.reuseaddr = tp->so.opts.reuseaddr,
		.reuseport = tp->so.opts.reuseport,
		.v6only = tp->so.opts.v6only,
		.ts_recent = tp->ts_recent,
		.ts_offset = tp->ts_offset,
	};
	bool ack = tp->ack_due;

	/* A way that loses and delays nothing has no old duplicates, and the
	 * last ACK arrives: nothing to wait for. */
	if (tp->lossless) {
		if (ack)
			fdnet_tcp_ack_bare(tp);
		fdnet_tcp_done(tp, 0);
		return;
	}
	if (ack)
		fdnet_tcp_ack_bare(tp);
	fdnet_tcp_done(tp, 0);
	fdnet_tcp_tw_new(tp->so.stack, &tw);
}

static uint32_t tcp_outq(const struct fdnet_sock *so)
{
	const struct fdnet_tcp *tp = tcp_of_const(so);

	return tp->sndq.bytes;
}

static uint32_t tcp_op_unsent(const struct fdnet_sock *so)
{
	return tcp_unsent(tcp_of_const(so));
}

int fdnet_tcp_state(const struct fdnet_sock *so)
{
	return so->ops == &fdnet_tcp_ops ? tcp_of_const(so)->state
					 : FDNET_TCP_TIME_WAIT;
}

void fdnet_tcp_seqs(const struct fdnet_sock *so, uint32_t *ret_snd,
		    uint32_t *ret_rcv, bool *ret_snd_fin, bool *ret_rcv_fin)
{
	const struct fdnet_tcp *tp = tcp_of_const(so);

	*ret_snd = tp->snd_nxt;
	*ret_rcv = tp->rcv_nxt;
	*ret_snd_fin = tp->fin_sent;
	*ret_rcv_fin = tcp_in_state(tp, TCP_S(CLOSE_WAIT) | TCP_S(CLOSING) |
						TCP_S(LAST_ACK) |
						TCP_S(TIME_WAIT));
}

int fdnet_sock_state(const struct fdnet_sock *so)
{
	if (so->type == FDNET_SOCK_STREAM)
		return fdnet_tcp_state(so);
	return so->connected ? FDNET_TCP_ESTABLISHED : FDNET_TCP_CLOSE;
}

const struct fdnet_proto_ops fdnet_tcp_ops = {
	.proto = 6,
	.size = sizeof(struct fdnet_tcp),
	.timers = 1,
	.init = tcp_init,
	.destroy = tcp_destroy,
	.close = tcp_close,
	.listen = fdnet_tcp_listen,
	.connect = tcp_connect,
	.accept = fdnet_tcp_accept,
	.shutdown = tcp_shutdown,
	.send = fdnet_tcp_send,
	.recv = fdnet_tcp_recv,
	.poll = fdnet_tcp_poll,
	.output = fdnet_tcp_output,
	.input = fdnet_tcp_input,
	.icmp_error = fdnet_tcp_icmp_error,
	.changed = fdnet_tcp_changed,
	.inq = fdnet_tcp_inq,
	.outq = tcp_outq,
	.unsent = tcp_op_unsent,
	.save = fdnet_save_tcp,
	.peer_gone = fdnet_tcp_peer_gone,
};
