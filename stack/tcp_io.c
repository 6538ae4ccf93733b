/* SPDX-License-Identifier: Apache-2.0 */
/* The application's data: send, receive, readiness; errors as the kernel's
 * tcp_sendmsg(), tcp_recvmsg() and tcp_poll() give them. */
#include "config.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include "stack/cmsg.h"
#include "stack/errq.h"
#include "stack/sockopt.h"
#include "stack/tcp.h"
#include "stack/tcp_internal.h"

/* Two of the batches that a relay takes at once, so that both ends work at the
 * same time; larger ones fall out of the processor's caches. */
#define LOSSLESS_SNDBUF_MAX (2u << 20)
#define LOSSLESS_RCVBUF_MAX (4u << 20)

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* ---- memory ---- */

void fdnet_tcp_charge(struct fdnet_tcp *tp)
{
	/* packets out of order are not joined, so each counts with its own */
	uint32_t held = tp->sndq.bytes + tp->rcvq.bytes + tp->rcvq.ooo_bytes +
			tp->rcvq.ooo_pkts * FDNET_PKT_LINEAR;

	*fdnet_stack_tcp_bytes(tp->so.stack) +=
		(uint64_t)held - (uint64_t)tp->charged;
	tp->charged = held;
}

bool fdnet_tcp_is_pressed(const struct fdnet_tcp *tp)
{
	return *fdnet_stack_tcp_bytes(tp->so.stack) >
	       fdnet_stack_cfg(tp->so.stack)->tcp_mem;
}

/* ---- sending ---- */

/* What could be sent at once. */
static uint32_t sendable(const struct fdnet_tcp *tp)
{
	uint32_t edge = tp->snd_una + tp->snd_wnd, out = tcp_in_flight(tp);
	uint32_t wnd = seq_gt(edge, tp->snd_nxt) ? edge - tp->snd_nxt : 0;

	return min_u32(wnd, tp->cwnd > out ? tp->cwnd - out : 0);
}

/*
 * TCP_NOTSENT_LOWAT: how much may be added, at most @max. As tcp_sendmsg()
 * does it: bursts of half a window are filled one after the other and what can
 * be sent of the first is; the mark is looked at before a new one begins.
 */
static uint32_t room_to_lowat(const struct fdnet_tcp *tp, uint32_t max)
{
	uint32_t goal = min_u32(tp->max_wnd / 2, 65535) / tp->mss * tp->mss;
	uint32_t unsent = tcp_unsent(tp), now = sendable(tp), total = 0, n;

	if (!goal)
		goal = tp->mss;
	n = min_u32(now, unsent); /* what was written before goes first */
	unsent -= n;
	now -= n;
	while (total < max) {
		n = goal - unsent % goal;
		if (n == goal && unsent >= tp->notsent_lowat)
			break;
		unsent += n;
		total += n;
		n = unsent == goal ? min_u32(now, unsent) : 0;
		unsent -= n;
		now -= n;
	}
	return min_u32(total, max);
}

static uint32_t send_room(const struct fdnet_tcp *tp)
{
	uint32_t used = tp->sndq.bytes, limit = tp->so.opts.sndbuf, room;

	if (limit > FDNET_TCP_BUF_PRESSED && fdnet_tcp_is_pressed(tp))
		limit = FDNET_TCP_BUF_PRESSED;
	room = limit > used ? limit - used : 0;
	return tp->notsent_lowat ? room_to_lowat(tp, room) : room;
}

/* Writable as __sk_stream_is_writeable() has it: a third of the buffer is
 * free, and half of what need not be sent. */
static bool is_writable(const struct fdnet_tcp *tp)
{
	uint32_t used = tp->sndq.bytes, limit = tp->so.opts.sndbuf;

	if (limit > FDNET_TCP_BUF_PRESSED && fdnet_tcp_is_pressed(tp))
		limit = FDNET_TCP_BUF_PRESSED;
	if (tp->notsent_lowat && 2ull * tcp_unsent(tp) >= tp->notsent_lowat)
		return false;
	return limit > used && limit - used >= used / 2;
}

/* The send buffer follows the congestion window. */
static void tune_sndbuf(struct fdnet_tcp *tp)
{
	const struct fdnet_stack_config *cfg = fdnet_stack_cfg(tp->so.stack);
	struct fdnet_sock_opts *opts = &tp->so.opts;
	uint32_t want;

	if (opts->sndbuf_locked || fdnet_tcp_is_pressed(tp))
		return;
	if (tp->lossless) { /* it was full, and the peer takes it */
		if (tp->nospace && opts->sndbuf < LOSSLESS_SNDBUF_MAX)
			opts->sndbuf *= 2;
		return;
	}
	if (tp->cwnd >= FDNET_TCP_CWND_MAX)
		return;
	want = 2 * tp->cwnd + 16 * (uint32_t)tp->mss;
	if (want > cfg->tcp_buf_max)
		want = cfg->tcp_buf_max;
	if (want > opts->sndbuf)
		opts->sndbuf = want;
}

void fdnet_tcp_write_space(struct fdnet_tcp *tp)
{
	tune_sndbuf(tp);
	if (!tp->nospace || tp->shutdown & FDNET_TCP_SHUT_SND || !is_writable(tp))
		return;
	tp->nospace = false;
	fdnet_tcp_event(tp, FDNET_EV_OUT);
}

/* 0: data may be queued. */
static int send_check(struct fdnet_tcp *tp)
{
	int rc;

	if (tp->so.error || tp->shutdown & FDNET_TCP_SHUT_SND) {
		rc = fdnet_sock_take_error(&tp->so);
		return rc ? rc : -EPIPE;
	}
	if (tcp_in_state(tp, TCP_S(SYN_SENT) | TCP_S(SYN_RECV)) &&
	    !tp->fo_child) {
		tp->nospace = true;
		return -EAGAIN;
	}
	if (!tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(CLOSE_WAIT)) &&
	    !(tp->state == FDNET_TCP_SYN_RECV && tp->fo_child))
		return -EPIPE;
	if (!send_room(tp)) {
		tp->nospace = true;
		return -EAGAIN;
	}
	return 0;
}

static struct fdnet_pkt_pool *payload_pool(const struct fdnet_tcp *tp)
{
	const struct fdnet_stack_config *cfg = fdnet_stack_cfg(tp->so.stack);

	return cfg->payload_pool ? cfg->payload_pool : cfg->pool;
}

static size_t iov_total(const struct iovec *iov, int iovcnt)
{
	size_t total = 0;

	for (int i = 0; i < iovcnt; i++)
		total += iov[i].iov_len;
	return total;
}

/* The SYN goes now, with what fits of the data if there is a cookie. */
static ssize_t send_in_syn(struct fdnet_tcp *tp, const struct fdnet_msg *msg)
{
	struct fdnet_tcp_fo fo;
	size_t room, done = 0;

	tp->fo_tried = true;
	tp->fo_defer = false;
	room = fdnet_tcp_fo_client(tp, &fo) ? fdnet_tcp_fo_room(tp) : 0;
	if (room > tp->so.opts.sndbuf)
		room = tp->so.opts.sndbuf;
	if (room)
		done = fdnet_sndq_write(&tp->sndq, tcp_mem(tp), tcp_pool(tp),
					msg->iov, msg->iovcnt, room);
	tp->connecting = true;
	tp->syn_due = true;
	tp->nospace = true;
	fdnet_tcp_settle(tp);
	return done ? (ssize_t)done : -EINPROGRESS;
}

/* tcp_sendmsg_fastopen() */
static ssize_t send_fastopen(struct fdnet_tcp *tp, const struct fdnet_msg *msg)
{
	int rc;

	if (tp->fo_defer)
		return send_in_syn(tp, msg);
	if (!fdnet_tcp_fo_allowed(tp) || !msg->to_from.ip.family)
		return -EOPNOTSUPP;
	if (tp->state == FDNET_TCP_SYN_SENT)
		return -EALREADY;
	if (tp->state != FDNET_TCP_CLOSE || tp->was_connected)
		return -EISCONN;
	rc = fdnet_tcp_start_connect(tp, &msg->to_from);
	if (rc && rc != -EINPROGRESS)
		return rc;
	if (tp->lossless) /* saves nothing there */
		return rc;
	return send_in_syn(tp, msg);
}

ssize_t fdnet_tcp_send(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	struct fdnet_tcp *tp = tcp_of(so);
	size_t want = iov_total(msg->iov, msg->iovcnt), done;
	int rc;

	if (tp->fo_defer || (msg->flags & FDNET_MSG_FASTOPEN &&
			     tcp_in_state(tp, TCP_S(CLOSE) | TCP_S(SYN_SENT))))
		return send_fastopen(tp, msg);
	rc = send_check(tp);

	if (rc == -EAGAIN && !want &&
	    tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(CLOSE_WAIT)))
		return 0;
	if (rc)
		return rc;
	done = fdnet_sndq_write(&tp->sndq, tcp_mem(tp), payload_pool(tp), msg->iov,
				msg->iovcnt, send_room(tp));
	if (want && !done)
		return -ENOBUFS;
	if (done < want)
		tp->nospace = true;
	tp->more = msg->flags & FDNET_MSG_MORE && done == want;
	if (done) {
		tp->part = tp->more;
		tp->push = false;
		fdnet_errq_zerocopy(so, msg->flags, done);
		if (fdnet_errq_stamp_wanted(so))
			fdnet_errq_mark(so, tp->sndq_seq + tp->sndq.bytes);
	}
	if (done && done == want && msg->flags & FDNET_MSG_EOR)
		fdnet_sndq_end_record(&tp->sndq);
	if (done && done == want && msg->flags & FDNET_MSG_OOB) {
		tp->snd_up = tp->sndq_seq + tp->sndq.bytes;
		tp->more = false;
	}
	fdnet_tcp_settle(tp);
	return (ssize_t)done;
}

int fdnet_sock_send_reserve(struct fdnet_sock *so, struct iovec *iov, int iovcnt)
{
	struct fdnet_tcp *tp = tcp_of(so);
	int rc;

	if (so->ops != &fdnet_tcp_ops)
		return -EOPNOTSUPP;
	rc = send_check(tp);
	if (rc)
		return rc;
	rc = fdnet_sndq_reserve(&tp->sndq, tcp_mem(tp), payload_pool(tp), iov,
				iovcnt, send_room(tp));
	return rc ? rc : -ENOBUFS;
}

int fdnet_sock_send_commit(struct fdnet_sock *so, size_t len)
{
	struct fdnet_tcp *tp = tcp_of(so);
	int rc;

	if (so->ops != &fdnet_tcp_ops)
		return -EOPNOTSUPP;
	rc = fdnet_sndq_commit(&tp->sndq, tcp_mem(tp), len);
	tp->more = tp->part = tp->push = false;
	if (!send_room(tp))
		tp->nospace = true;
	fdnet_tcp_settle(tp);
	return rc;
}

/* ---- receiving ---- */

/* Receive buffer tuning: a reader that takes a window's worth in one round
 * trip gets a larger one. */
static void tune_rcvbuf(struct fdnet_tcp *tp, size_t len)
{
	const struct fdnet_stack_config *cfg = fdnet_stack_cfg(tp->so.stack);
	struct fdnet_sock_opts *opts = &tp->so.opts;
	uint64_t now = tcp_now(tp), want;
	uint32_t rtt = tp->rtt.srtt_us ? tp->rtt.srtt_us : 1000;

	tp->drs_copied += (uint32_t)len;
	if (opts->rcvbuf_locked || fdnet_tcp_is_pressed(tp))
		return;
	if (tp->lossless) {
		if (tp->drs_copied < opts->rcvbuf / 2)
			return;
		tp->drs_copied = 0;
		if (opts->rcvbuf < LOSSLESS_RCVBUF_MAX)
			opts->rcvbuf *= 2;
		return;
	}
	if ((uint32_t)now - tp->drs_us < rtt)
		return;
	/* twice what was read, as a window, and the buffer is two windows */
	want = 2 * (2ull * tp->drs_copied + 16ull * tp->adv_mss);
	if (want > cfg->tcp_buf_max)
		want = cfg->tcp_buf_max;
	if (want > opts->rcvbuf)
		opts->rcvbuf = (uint32_t)want;
	tp->drs_copied = 0;
	tp->drs_us = (uint32_t)now;
}

/* The reader made room: is it worth telling? (RFC 9293 3.8.6.2.2) */
static bool update_due(const struct fdnet_tcp *tp)
{
	uint32_t space = fdnet_tcp_rcv_space(tp), wnd;
	uint32_t now =
		seq_gt(tp->rcv_adv, tp->rcv_nxt) ? tp->rcv_adv - tp->rcv_nxt : 0;

	if (!tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(FIN_WAIT1) |
				      TCP_S(FIN_WAIT2)))
		return false;
	if (tp->due_us[FDNET_TCP_DUE_ACK] != FDNET_NEVER && !tp->pingpong &&
	    !tp->lossless && !tp->rcvq.bytes)
		return true;
	if (now > space / 2)
		return false;
	wnd = fdnet_tcp_window(tp);
	return wnd && wnd >= 2 * now;
}

static void after_read(struct fdnet_tcp *tp, size_t len)
{
	if (tp->urg_state != FDNET_TCP_URG_NONE &&
	    seq_gt(tcp_copied_seq(tp), tp->urg_seq))
		tp->urg_state = FDNET_TCP_URG_NONE;
	fdnet_tcp_charge(tp);
	tune_rcvbuf(tp, len);
	if (!update_due(tp))
		return;
	tp->ack_due = true;
	fdnet_tcp_settle(tp);
}

/* Bytes that one read may take: up to the urgent mark. At the mark the
 * urgent byte is skipped unless it is part of the stream. */
static uint32_t readable_run(struct fdnet_tcp *tp, uint32_t offset, bool first)
{
	uint32_t left = tp->rcvq.bytes - offset;
	uint32_t ahead = tp->urg_seq - (tcp_copied_seq(tp) + offset);

	if (tp->urg_state == FDNET_TCP_URG_NONE || ahead >= left)
		return left;
	if (ahead)
		return ahead;
	return first ? left : 0;
}

/* Is the byte at @offset the urgent one, to be left out? */
static bool at_urgent(const struct fdnet_tcp *tp, uint32_t offset)
{
	return tp->urg_state != FDNET_TCP_URG_NONE && !tp->so.opts.oobinline &&
	       tp->urg_seq == tcp_copied_seq(tp) + offset &&
	       offset < tp->rcvq.bytes;
}

static ssize_t recv_urgent(struct fdnet_tcp *tp, struct fdnet_msg *msg)
{
	if (tp->so.opts.oobinline || tp->urg_state == FDNET_TCP_URG_NONE ||
	    tp->urg_state == FDNET_TCP_URG_READ)
		return -EINVAL;
	if (tp->state == FDNET_TCP_CLOSE && !tp->was_connected)
		return -ENOTCONN;
	if (tp->urg_state == FDNET_TCP_URG_NOTYET)
		return tp->shutdown & FDNET_TCP_SHUT_RCV ? 0 : -EAGAIN;
	msg->flags = FDNET_MSG_OOB | (msg->flags & FDNET_MSG_PEEK);
	if (!iov_total(msg->iov, msg->iovcnt)) {
		msg->flags |= FDNET_MSG_TRUNC;
		return 0;
	}
	for (int i = 0; i < msg->iovcnt; i++) {
		if (msg->iov[i].iov_len) {
			*(uint8_t *)msg->iov[i].iov_base = tp->urg_byte;
			break;
		}
	}
	if (!(msg->flags & FDNET_MSG_PEEK))
		tp->urg_state = FDNET_TCP_URG_READ;
	return 1;
}

/* What an empty queue means. */
static int recv_empty(struct fdnet_tcp *tp)
{
	/* after the peer's FIN there is nothing to come, whatever went wrong
	 * since; the error stays for the next send or SO_ERROR */
	if (tp->rcv_fin && seq_gt(tp->rcv_nxt, tp->fin_rcv_seq))
		return 0;
	if (tp->so.error)
		return fdnet_sock_take_error(&tp->so);
	if (tp->shutdown & FDNET_TCP_SHUT_RCV)
		return 0;
	if (tcp_in_state(tp, TCP_S(CLOSE) | TCP_S(LISTEN)))
		return tp->was_connected ? 0 : -ENOTCONN;
	return -EAGAIN;
}

/* Control messages: when the last byte arrived, and how many are left. */
static void tell_more(struct fdnet_tcp *tp, struct fdnet_msg *msg)
{
	int left;

	if (tp->so.opts.timestamp || tp->so.opts.timestamping)
		fdnet_cmsg_time(&tp->so, msg);
	if (!tp->want_inq)
		return;
	left = (int)fdnet_tcp_inq(&tp->so);
	if (!left && tp->rcv_fin) /* tcp_inq_hint(): the end is to be read */
		left = 1;
	fdnet_cmsg_put(msg, IPPROTO_TCP, TCP_CM_INQ, &left, sizeof(left));
}

ssize_t fdnet_tcp_recv(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	struct fdnet_tcp *tp = tcp_of(so);
	size_t want = iov_total(msg->iov, msg->iovcnt), done;
	bool peek = msg->flags & FDNET_MSG_PEEK;
	uint32_t skip = 0;

	if (msg->flags & FDNET_MSG_ERRQUEUE)
		return fdnet_errq_recv(so, msg);
	msg->control_len = 0;
	if (tp->state == FDNET_TCP_LISTEN)
		return -ENOTCONN;
	if (msg->flags & FDNET_MSG_OOB)
		return recv_urgent(tp, msg);
	if (at_urgent(tp, 0)) {
		if (peek)
			skip = 1;
		else
			fdnet_rcvq_drop(&tp->rcvq, 1);
	}
	if (tp->rcvq.bytes <= skip)
		return recv_empty(tp); /* also when nothing is wanted */
	if (want > readable_run(tp, skip, true))
		want = readable_run(tp, skip, true);
	done = msg->flags & FDNET_MSG_TRUNC
		       ? want
		       : fdnet_rcvq_copy(&tp->rcvq, skip, msg->iov, msg->iovcnt,
					 want);
	msg->flags = 0;
	msg->time_us = fdnet_rcvq_time(&tp->rcvq, skip + (uint32_t)done);
	if (!peek) {
		fdnet_rcvq_drop(&tp->rcvq, done);
		after_read(tp, done);
	}
	tell_more(tp, msg);
	return (ssize_t)done;
}

int fdnet_sock_recv_peek(struct fdnet_sock *so, struct iovec *iov, int iovcnt)
{
	struct fdnet_tcp *tp = tcp_of(so);

	if (so->ops != &fdnet_tcp_ops)
		return -EOPNOTSUPP;
	if (tp->state == FDNET_TCP_LISTEN)
		return -ENOTCONN;
	if (at_urgent(tp, 0))
		fdnet_rcvq_drop(&tp->rcvq, 1);
	if (!tp->rcvq.bytes)
		return recv_empty(tp);
	return fdnet_rcvq_peek(&tp->rcvq, iov, iovcnt, readable_run(tp, 0, true));
}

void fdnet_sock_recv_consume(struct fdnet_sock *so, size_t len)
{
	struct fdnet_tcp *tp = tcp_of(so);

	if (so->ops != &fdnet_tcp_ops)
		return;
	if (len > tp->rcvq.bytes)
		len = tp->rcvq.bytes;
	fdnet_rcvq_drop(&tp->rcvq, len);
	after_read(tp, len);
}

uint32_t fdnet_tcp_inq(const struct fdnet_sock *so)
{
	const struct fdnet_tcp *tp = tcp_of_const(so);
	uint32_t left = tp->rcvq.bytes;
	uint32_t ahead = tp->urg_seq - tcp_copied_seq(tp);

	if (tp->urg_state == FDNET_TCP_URG_NONE || so->opts.oobinline)
		return left;
	return min_u32(left, ahead);
}

bool fdnet_sock_at_mark(const struct fdnet_sock *so)
{
	const struct fdnet_tcp *tp = tcp_of_const(so);

	return so->ops == &fdnet_tcp_ops && tp->urg_state != FDNET_TCP_URG_NONE &&
	       tp->urg_seq == tcp_copied_seq(tp);
}

int fdnet_tcp_stamp_base(struct fdnet_sock *so, bool all_written,
			 uint32_t *ret_base)
{
	const struct fdnet_tcp *tp = tcp_of(so);

	if (tcp_in_state(tp, TCP_S(CLOSE) | TCP_S(LISTEN)))
		return -EINVAL;
	*ret_base = all_written ? tp->sndq_seq + tp->sndq.bytes : tp->snd_una;
	return 0;
}

/* ---- readiness ---- */

static bool is_readable(const struct fdnet_tcp *tp)
{
	uint32_t want = tp->so.opts.rcvlowat ? tp->so.opts.rcvlowat : 1;
	uint32_t have = tp->rcvq.bytes, space = fdnet_tcp_rcv_space(tp);

	if (want > space / 2) /* or it could never be reached */
		want = space / 2 ? space / 2 : 1;
	/* The urgent byte is not counted where the mark is next. */
	if (have && at_urgent(tp, 0))
		have--;
	return have >= want;
}

static uint32_t error_events(struct fdnet_sock *so)
{
	bool queued = fdnet_errq_has(so);

	if (!so->error && !queued)
		return 0;
	return FDNET_EV_ERR |
	       (queued && fdnet_sock_flag(so, FDNET_SF_SELECT_ERRQ) ?
			FDNET_EV_PRI :
			0);
}

uint32_t fdnet_tcp_poll(struct fdnet_sock *so)
{
	struct fdnet_tcp *tp = tcp_of(so);
	uint32_t ev = 0;

	if (tp->state == FDNET_TCP_LISTEN)
		return fdnet_tcp_accept_ready(tp) ? FDNET_EV_IN : 0;
	if (tp->shutdown == FDNET_TCP_SHUT_BOTH || tp->state == FDNET_TCP_CLOSE)
		ev |= FDNET_EV_HUP;
	if (tp->shutdown & FDNET_TCP_SHUT_RCV)
		ev |= FDNET_EV_IN | FDNET_EV_RDHUP;
	if (!tcp_in_state(tp, TCP_S(SYN_SENT) | TCP_S(SYN_RECV)) ||
	    (tp->state == FDNET_TCP_SYN_RECV && tp->fo_child)) {
		if (is_readable(tp))
			ev |= FDNET_EV_IN;
		if (tp->shutdown & FDNET_TCP_SHUT_SND || is_writable(tp))
			ev |= FDNET_EV_OUT;
		else
			tp->nospace = true;
		if (tp->urg_state == FDNET_TCP_URG_VALID)
			ev |= FDNET_EV_PRI;
	}
	if (tp->fo_defer) /* the first write opens the connection */
		ev |= FDNET_EV_OUT;
	if (so->error || so->errq)
		ev |= error_events(so);
	return ev;
}
