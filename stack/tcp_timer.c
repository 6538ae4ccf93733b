/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock: retransmission (RFC 6298), window probes (RFC 9293 3.8.6.1), tail
 * loss probe (RFC 8985 7.2), delayed ACK, keepalive, user timeout.
 *
 * How it works: a connection has four deadlines and one timer, which stands
 * at the earliest. A deadline that moves later leaves the timer where it is;
 * it then fires for nothing and is set again. A connection with nothing
 * outstanding has no deadline at all.
 */
#include "config.h"

#include <errno.h>

#include "stack/tcp_internal.h"

#define RETRIES_MAX    15 /* net.ipv4.tcp_retries2 */
#define RETRIES_ORPHAN 8  /* net.ipv4.tcp_orphan_retries */
#define SYNACK_RETRIES 5  /* net.ipv4.tcp_synack_retries */
#define CORK_MAX_US    (200 * FDNET_MS)
#define PERSIST_MIN_US (200 * FDNET_MS)
#define TLP_SLACK_US   (2 * FDNET_MS)
#define TLP_DELACK_US  (200 * FDNET_MS)
/* Less than this waiting for its ACK is a message, not a full pipe. */
#define ACK_ADAPT_MIN 2048

void fdnet_tcp_due(struct fdnet_tcp *tp, enum fdnet_tcp_due which, uint64_t at_us)
{
	tp->due_us[which] = at_us;
}

void fdnet_tcp_timer_sync(struct fdnet_tcp *tp)
{
	uint64_t first = FDNET_NEVER;

	for (int i = 0; i < FDNET_TCP_DUE_MAX; i++) {
		if (tp->due_us[i] < first)
			first = tp->due_us[i];
	}
	if (first == FDNET_NEVER) {
		if (tp->timer.expiry_us != FDNET_NEVER)
			fdnet_timer_cancel(tp->so.stack, &tp->timer);
	} else if (first < tp->timer.expiry_us) {
		fdnet_timer_set(tp->so.stack, &tp->timer, first);
	}
}

uint64_t fdnet_tcp_rto_us(const struct fdnet_tcp *tp)
{
	return fdnet_tcp_rtt_backoff(&tp->rtt, tp->backoff);
}

static void set_rtx(struct fdnet_tcp *tp, enum fdnet_tcp_rtx_mode mode,
		    uint64_t after_us)
{
	tp->rtx_mode = mode;
	fdnet_tcp_due(tp, FDNET_TCP_DUE_RTX, tcp_now(tp) + after_us);
}

/* RFC 8985 7.2: only where an ACK may be hoped to tell something. */
static bool tlp_wanted(const struct fdnet_tcp *tp)
{
	return tp->sack_ok && !tp->lossless && !tp->tlp_end &&
	       (tp->ca_state == FDNET_TCP_CA_OPEN ||
		tp->ca_state == FDNET_TCP_CA_CWR) && !tp->sacked_bytes &&
	       tp->rtt.srtt_us && !tp->backoff;
}

static uint64_t tlp_us(const struct fdnet_tcp *tp)
{
	uint64_t pto = 2ull * tp->rtt.srtt_us, rto = fdnet_tcp_rto_us(tp);

	if (tp->snd_nxt - tp->snd_una <= tp->mss) /* one: may be delayed */
		pto += TLP_DELACK_US;
	else
		pto += TLP_SLACK_US;
	return pto < rto ? pto : rto;
}

static bool opening(const struct fdnet_tcp *tp)
{
	return tcp_in_state(tp, TCP_S(SYN_SENT) | TCP_S(SYN_RECV));
}

/* The kernel's, also where nothing gets lost: what did not answer was dropped
 * by a full listener, or will by now be answered otherwise. */
static uint64_t opening_rto_us(const struct fdnet_tcp *tp)
{
	if (!tp->lossless)
		return fdnet_tcp_rto_us(tp);
	return tp->backoff < 7 ? FDNET_SEC << tp->backoff : FDNET_TCP_RTO_MAX_US;
}

/* Something is left to send, nothing is out, and output() made nothing. */
static bool blocked(const struct fdnet_tcp *tp)
{
	return tcp_unsent(tp) || (tp->fin_queued && !tp->fin_sent);
}

static uint64_t persist_us(const struct fdnet_tcp *tp)
{
	uint64_t after = fdnet_tcp_rto_us(tp);

	if ((tp->cork || tp->more) && tcp_unsent(tp) < tp->snd_wnd)
		return CORK_MAX_US;
	return after < PERSIST_MIN_US ? PERSIST_MIN_US : after;
}

void fdnet_tcp_arm_rtx(struct fdnet_tcp *tp)
{
	if (opening(tp)) {
		if (tp->rtx_mode != FDNET_TCP_RTX_RTO && !tp->pending &&
		    !tp->fo_defer)
			set_rtx(tp, FDNET_TCP_RTX_RTO, opening_rto_us(tp));
	} else if (tp->tx_head) {
		if (tp->rtx_mode == FDNET_TCP_RTX_RTO ||
		    tp->rtx_mode == FDNET_TCP_RTX_REO ||
		    tp->rtx_mode == FDNET_TCP_RTX_TLP)
			return;
		if (tlp_wanted(tp))
			set_rtx(tp, FDNET_TCP_RTX_TLP, tlp_us(tp));
		else
			set_rtx(tp, FDNET_TCP_RTX_RTO, fdnet_tcp_rto_us(tp));
	} else if (blocked(tp) && !fdnet_tcp_pace_holds(tp)) {
		if (tp->rtx_mode != FDNET_TCP_RTX_PERSIST)
			set_rtx(tp, FDNET_TCP_RTX_PERSIST, persist_us(tp));
	} else {
		tp->rtx_mode = FDNET_TCP_RTX_NONE;
		fdnet_tcp_due(tp, FDNET_TCP_DUE_RTX, FDNET_NEVER);
	}
}

void fdnet_tcp_restart_rtx(struct fdnet_tcp *tp)
{
	tp->rtx_mode = FDNET_TCP_RTX_NONE;
	fdnet_tcp_arm_rtx(tp);
}

/* RFC 5482 and the kernel: has nothing been acknowledged for too long? */
static bool given_up(struct fdnet_tcp *tp, unsigned int tries,
		     unsigned int retries)
{
	uint64_t now = tcp_now(tp);

	if (!tp->stalled_us)
		tp->stalled_us = tp->tx_head ? tp->tx_head->sent_us : now;
	if (!tp->stalled_us)
		tp->stalled_us = 1;
	if (tp->user_timeout_ms)
		return now - tp->stalled_us >= tp->user_timeout_ms * FDNET_MS;
	return tries >= retries;
}

/* Nothing is sent: the peer has not been heard of for long, and if it lives
 * its next segment draws a RST (RFC 9293 3.8.3, as the kernel). */
static void time_out(struct fdnet_tcp *tp)
{
	if (opening(tp))
		tcp_count(tp, FDNET_C_TCP_FAILED_OPEN);
	if (tp->state == FDNET_TCP_SYN_SENT)
		fdnet_tcp_withdraw(tp);
	fdnet_tcp_done(tp, ETIMEDOUT);
}

static void rto_syn(struct fdnet_tcp *tp)
{
	unsigned int max =
		tp->state == FDNET_TCP_SYN_SENT ? tp->syn_cnt : SYNACK_RETRIES;

	if (given_up(tp, tp->backoff, max)) {
		time_out(tp);
		return;
	}
	tp->backoff++;
	tp->rtx_mode = FDNET_TCP_RTX_NONE;
	tp->syn_due = true;
	fdnet_tcp_due(tp, FDNET_TCP_DUE_RTX, FDNET_NEVER);
}

static unsigned int retries_max(const struct fdnet_tcp *tp)
{
	return tp->so.detached ? RETRIES_ORPHAN : RETRIES_MAX;
}

static void rto_data(struct fdnet_tcp *tp)
{
	if (given_up(tp, tp->backoff, retries_max(tp))) {
		time_out(tp);
		return;
	}
	tcp_count(tp, FDNET_C_TCP_RTO);
	fdnet_tcp_black_hole(tp);
	fdnet_tcp_enter_loss(tp);
	tp->backoff++;
	set_rtx(tp, FDNET_TCP_RTX_RTO, fdnet_tcp_rto_us(tp));
}

static void persist(struct fdnet_tcp *tp)
{
	/* keep_probes counts unanswered ones: a peer that answers may keep
	 * its window closed for ever (RFC 9293 3.8.6.1), but not to a
	 * connection that nobody holds any more */
	if (given_up(tp, tp->so.detached ? tp->backoff : tp->keep_probes,
		     retries_max(tp))) {
		time_out(tp);
		return;
	}
	if (tp->backoff < RETRIES_MAX)
		tp->backoff++;
	if (tp->keep_probes < 255)
		tp->keep_probes++;
	tp->probe_due = true;
	set_rtx(tp, FDNET_TCP_RTX_PERSIST, persist_us(tp));
}

static void fire_rtx(struct fdnet_tcp *tp)
{
	fdnet_tcp_due(tp, FDNET_TCP_DUE_RTX, FDNET_NEVER);
	switch (tp->rtx_mode) {
	case FDNET_TCP_RTX_RTO:
		if (opening(tp))
			rto_syn(tp);
		else
			rto_data(tp);
		break;
	case FDNET_TCP_RTX_PERSIST:
		persist(tp);
		break;
	case FDNET_TCP_RTX_TLP:
		tp->tlp_due = true;
		set_rtx(tp, FDNET_TCP_RTX_RTO, fdnet_tcp_rto_us(tp));
		break;
	case FDNET_TCP_RTX_REO:
		tp->rtx_mode = FDNET_TCP_RTX_NONE;
		if (fdnet_tcp_loss_detect(tp)) /* one at a time: no burst */
			fdnet_tcp_recovery_step(tp, tp->mss, 0, true);
		fdnet_tcp_arm_rtx(tp);
		break;
	}
}

static void fire_ack(struct fdnet_tcp *tp)
{
	uint32_t waiting = tp->rcv_nxt - tp->rcv_wup;

	fdnet_tcp_due(tp, FDNET_TCP_DUE_ACK, FDNET_NEVER);
	/* Nothing rode on it, so the peer may well have been waiting: it can
	 * have no more than this in flight. */
	tp->pingpong = false;
	if (tp->lossless && waiting >= ACK_ADAPT_MIN && waiting < tp->ack_thresh)
		tp->ack_thresh = waiting;
	tp->ack_due = true;
}

void fdnet_tcp_arm_keepalive(struct fdnet_tcp *tp)
{
	if (tcp_in_state(tp, TCP_S(LISTEN) | TCP_S(CLOSE)) ||
	    (tp->state == FDNET_TCP_FIN_WAIT2 && tp->so.detached))
		return;
	if (!tp->so.opts.keepalive || opening(tp)) {
		fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE, FDNET_NEVER);
		return;
	}
	fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE,
		      tp->last_rcv_us + tp->keep_idle_s * FDNET_SEC);
}

static bool keepalive_failed(const struct fdnet_tcp *tp, uint64_t idle_us)
{
	if (tp->user_timeout_ms)
		return idle_us >= tp->user_timeout_ms * FDNET_MS &&
		       tp->keep_probes > 0;
	return tp->keep_probes >= tp->keep_cnt;
}

static void keepalive(struct fdnet_tcp *tp)
{
	uint64_t now = tcp_now(tp), idle = now - tp->last_rcv_us;

	if (!tp->so.opts.keepalive) {
		fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE, FDNET_NEVER);
		return;
	}
	if (tp->tx_head || blocked(tp)) { /* retransmission watches */
		fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE,
			      now + tp->keep_idle_s * FDNET_SEC);
		return;
	}
	if (idle < tp->keep_idle_s * FDNET_SEC) {
		tp->keep_probes = 0;
		fdnet_tcp_arm_keepalive(tp);
		return;
	}
	if (keepalive_failed(tp, idle)) {
		fdnet_tcp_reset_out(tp);
		fdnet_tcp_done(tp, ETIMEDOUT);
		return;
	}
	tp->keep_probes++;
	tp->probe_due = true;
	fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE, now + tp->keep_intvl_s * FDNET_SEC);
}

static void fire_life(struct fdnet_tcp *tp)
{
	if (tp->state == FDNET_TCP_LISTEN) {
		fdnet_tcp_listen_timer(tp);
	} else if (tp->state == FDNET_TCP_FIN_WAIT2 && tp->so.detached) {
		fdnet_tcp_done(tp, 0);
	} else {
		keepalive(tp);
	}
}

void fdnet_tcp_timer_fire(struct fdnet_stack *stack, struct fdnet_timer *timer)
{
	struct fdnet_tcp *tp =
		(struct fdnet_tcp *)((char *)timer -
				     offsetof(struct fdnet_tcp, timer));
	uint64_t now = fdnet_stack_time(stack);

	if (tp->due_us[FDNET_TCP_DUE_PACE] <= now)
		fdnet_tcp_pace_fire(tp);
	if (tp->due_us[FDNET_TCP_DUE_RTX] <= now)
		fire_rtx(tp);
	if (tp->due_us[FDNET_TCP_DUE_ACK] <= now)
		fire_ack(tp);
	if (tp->due_us[FDNET_TCP_DUE_LIFE] <= now)
		fire_life(tp);
	fdnet_tcp_settle(tp);
}
