/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/flow_tcp_internal.h"

#include <linux/tcp.h>
#include <sys/ioctl.h>

#include "relay/sys.h"

/* Entries of one readv or writev. */
#define FLOW_IOV 16

static size_t iov_bytes(const struct iovec *iov, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

/* Is the rule's rate used up? Then the flow goes on later. */
static bool must_wait(struct flow_tcp *flow, int dir)
{
	struct relay *relay = flow->guest->relay;
	uint64_t wait_us;

	if (!flow->rule || !flow->rule->rate[dir].rate)
		return false;
	wait_us = bucket_wait_us(&flow->rule->rate[dir], relay->now_us);
	if (!wait_us)
		return false;
	flow_tcp_set_waiting(flow, true);
	if (relay->now_us + wait_us < relay->waiting_us)
		relay->waiting_us = relay->now_us + wait_us;
	return true;
}

/* Entries of one transfer: few where a rate is to be kept. */
static int entries(const struct flow_tcp *flow, int most)
{
	return flow->rule && flow->rule->rate[0].rate ? 1 : most;
}

static void spend(struct flow_tcp *flow, int dir, size_t bytes)
{
	if (flow->rule)
		bucket_spend(&flow->rule->rate[dir], bytes,
			     flow->guest->relay->now_us);
}

static enum pump pass_guest_fin(struct flow_tcp *flow)
{
	flow->guest_eof = true;
	if (!flow->guest_deaf) {
		/* else both have ended: the close that follows says so */
		if (!flow->host_eof)
			shutdown(flow->src.fd, SHUT_WR);
		return PUMP_WAIT;
	}
	/* the guest is dead, and the host has got all it sent */
	flow_tcp_note(flow, RECORD_CLOSE, 0, "guest ended");
	flow_tcp_close_host(flow, false);
	flow_tcp_forget_sock(flow);
	fdnet_sock_close(flow->so);
	flow_tcp_free(flow);
	return PUMP_GONE;
}

/* The guest's stack has decided what a segment is. A first write is sent at
 * once in any case, and many connections have no second. */
static void set_nodelay(struct flow_tcp *flow)
{
	if (!flow->bytes_out || flow->nodelay)
		return;
	flow->nodelay = true;
	sys_setopt(flow->src.fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/* The urgent byte at the mark, which reads leave out. false: the host does
 * not take it yet. */
static bool pass_guest_urgent(struct flow_tcp *flow)
{
	uint8_t byte;
	struct iovec iov = {&byte, sizeof(byte)};
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.flags = FDNET_MSG_OOB | FDNET_MSG_PEEK,
	};

	/* else it has been passed on, or is part of the stream */
	if (fdnet_sock_recv(flow->so, &msg) != 1)
		return true;
	if (SYS_RETRY(send(flow->src.fd, &byte, 1,
			   MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL)) == -EAGAIN) {
		flow->host_out = false;
		return false;
	}
	msg.flags = FDNET_MSG_OOB;
	fdnet_sock_recv(flow->so, &msg);
	flow->bytes_out++;
	return true;
}

/* Likewise from the host, when all in front of it was read. */
static bool pass_host_urgent(struct flow_tcp *flow)
{
	uint8_t byte;
	struct iovec iov = {&byte, sizeof(byte)};
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.flags = FDNET_MSG_OOB,
	};
	int at_mark = 0;
	ssize_t rc;

	if (ioctl(flow->src.fd, SIOCATMARK, &at_mark) < 0 || !at_mark)
		return true;
	if (!(fdnet_sock_poll(flow->so) & FDNET_EV_OUT))
		return false;
	rc = SYS_RETRY(recv(flow->src.fd, &byte, 1, MSG_OOB | MSG_DONTWAIT));
	/* announced, but still to come: there will be an edge */
	if (rc == -EAGAIN)
		return true;
	flow->host_urgent = false;
	if (rc == 1 && fdnet_sock_send(flow->so, &msg) == 1)
		flow->bytes_in++;
	return true;
}

static enum pump pump_to_host(struct flow_tcp *flow)
{
	struct iovec iov[FLOW_IOV];
	struct msghdr msg = {.msg_iov = iov};
	size_t moved = 0;

	while (flow->host_out && !flow->guest_eof) {
		ssize_t rc;
		int n;

		if (fdnet_sock_at_mark(flow->so) && !pass_guest_urgent(flow))
			return PUMP_WAIT;
		n = fdnet_sock_recv_peek(flow->so, iov, entries(flow, FLOW_IOV));
		if (n > 0 && must_wait(flow, 0))
			return PUMP_WAIT;
		if (n == -EAGAIN || n == -ENOTCONN)
			return PUMP_WAIT;
		if (!n)
			return pass_guest_fin(flow);
		if (n < 0) {
			flow_tcp_guest_reset(flow, "reset by guest");
			return PUMP_GONE;
		}
		msg.msg_iovlen = (size_t)n;
		set_nodelay(flow);
		rc = sys_sendmsg(flow->src.fd, &msg);
		if (rc == -EAGAIN) {
			flow->host_out = false;
			return PUMP_WAIT;
		}
		if (rc < 0) {
			/* what the host said before it closed can still be
			 * read, as in a kernel's receive queue */
			flow->host_out = false;
			flow->host_dead = flow->host_hup = true;
			flow->host_in = true;
			flow->host_error = rc == -EPIPE ? ECONNRESET : (int)-rc;
			if (!flow->host_eof)
				return PUMP_WAIT;
			flow_tcp_host_reset(flow, (int)-rc);
			return PUMP_GONE;
		}
		if ((size_t)rc < iov_bytes(iov, n))
			flow->host_out = false;
		fdnet_sock_recv_consume(flow->so, (size_t)rc);
		flow->bytes_out += (uint64_t)rc;
		spend(flow, 0, (size_t)rc);
		moved += (size_t)rc;
		if (moved >= LIMIT_TCP_BUDGET)
			return PUMP_MORE;
	}
	return PUMP_WAIT;
}

/* The guest takes no more. It may have died, and then what it sent before
 * goes on; or it has closed its socket, and the host must know. */
static enum pump guest_is_deaf(struct flow_tcp *flow)
{
	if (guest_is_up(flow->guest)) {
		flow_tcp_guest_reset(flow, "reset by guest");
		return PUMP_GONE;
	}
	flow->guest_deaf = true;
	return flow->guest_eof ? pass_guest_fin(flow) : PUMP_WAIT;
}

/* Small answers get one buffer of room, streams many. */
static void adapt_reads(struct flow_tcp *flow, bool filled)
{
	if (!filled)
		flow->reads = 1;
	else if (flow->reads < READS_STREAM)
		flow->reads *= 2;
}

static enum pump host_read(struct flow_tcp *flow, const struct iovec *iov,
			   int n, size_t *moved)
{
	size_t room = iov_bytes(iov, n);
	ssize_t rc = sys_readv(flow->src.fd, iov, n);

	/* what was reserved and is not filled is given back */
	fdnet_sock_send_commit(flow->so, rc > 0 ? (size_t)rc : 0);
	if (rc == -EAGAIN) {
		flow->host_in = false;
		return PUMP_WAIT;
	}
	if (rc < 0 || (!rc && flow->host_dead)) {
		flow_tcp_host_reset(flow, rc ? (int)-rc : flow->host_error);
		return PUMP_GONE;
	}
	if (!rc) {
		flow->host_eof = true;
		fdnet_sock_shutdown(flow->so, FDNET_SHUT_WR);
		return PUMP_WAIT;
	}
	flow->bytes_in += (uint64_t)rc;
	spend(flow, 1, (size_t)rc);
	*moved += (size_t)rc;
	/* a short read has emptied the socket; the next byte makes an edge */
	if ((size_t)rc < room && !flow->host_hup && !flow->host_urgent)
		flow->host_in = false;
	adapt_reads(flow, (size_t)rc == room);
	return PUMP_WAIT;
}

static enum pump pump_to_guest(struct flow_tcp *flow)
{
	struct iovec iov[FLOW_IOV];
	size_t moved = 0;

	while (flow->host_in && !flow->host_eof && !flow->guest_deaf) {
		int n;

		if (must_wait(flow, 1))
			return PUMP_WAIT;
		if (flow->host_urgent && !pass_host_urgent(flow))
			return PUMP_WAIT;
		n = fdnet_sock_send_reserve(flow->so, iov,
					    entries(flow, flow->reads));
		if (n == -EAGAIN || n == -ENOTCONN)
			return PUMP_WAIT;
		if (n < 0)
			return guest_is_deaf(flow);
		if (host_read(flow, iov, n, &moved) == PUMP_GONE)
			return PUMP_GONE;
		/* the guest reads this while we read the next */
		if (flow->reads >= READS_STREAM)
			guest_link_output(flow->guest);
		if (moved >= LIMIT_TCP_BUDGET)
			return PUMP_MORE;
	}
	return PUMP_WAIT;
}

/* Both directions have ended in an orderly way. */
static void flow_finish(struct flow_tcp *flow)
{
	flow_tcp_note(flow, RECORD_CLOSE, 0, "closed");
	flow_tcp_close_host(flow, false);
	flow_tcp_forget_sock(flow);
	fdnet_sock_close(flow->so);
	flow_tcp_free(flow);
}

/* The guest has reset, and no transfer is due that would find out: the host
 * takes nothing. */
static bool is_cut(const struct flow_tcp *flow)
{
	return !flow->host_out && !flow->guest_eof &&
	       guest_is_up(flow->guest) &&
	       fdnet_sock_poll(flow->so) & FDNET_EV_ERR;
}

void flow_tcp_pump(struct flow_tcp *flow)
{
	enum pump to_host, to_guest;

	to_host = pump_to_host(flow);
	if (to_host == PUMP_GONE)
		return;
	to_guest = pump_to_guest(flow);
	if (to_guest == PUMP_GONE)
		return;
	if (is_cut(flow)) {
		flow_tcp_guest_reset(flow, "reset by guest");
		return;
	}
	/* what is left of an orphan has nowhere to go */
	if (flow->host_dead && flow->guest_deaf) {
		flow_tcp_host_reset(flow, ECONNRESET);
		return;
	}
	/* an orphan's flow ends with its last byte */
	if (!guest_is_up(flow->guest) && !flow->guest_deaf) {
		flow->guest_deaf = true;
		if (flow->guest_eof && pass_guest_fin(flow) == PUMP_GONE)
			return;
	}
	if (flow->guest_eof && flow->host_eof) {
		flow_finish(flow);
		return;
	}
	flow_tcp_set_ready(flow, to_host == PUMP_MORE || to_guest == PUMP_MORE);
	guest_touch(flow->guest);
}

void flow_tcp_advance(struct relay *relay)
{
	struct flow_tcp *list = relay->waiting, *flow;

	if (relay->waiting_us > relay->now_us)
		return;
	relay->waiting_us = FDNET_NEVER;
	relay->waiting = NULL;
	while ((flow = list)) {
		DL_DELETE2(list, flow, wait_prev, wait_next);
		flow->is_waiting = false;
		fdnet_stack_set_time(flow->guest->stack, relay->now_us);
		if (flow->state == FLOW_OPEN)
			flow_tcp_pump(flow);
	}
}

void flow_tcp_run_ready(struct guest *guest)
{
	struct flow_tcp *list = guest->ready, *flow;

	guest->ready = NULL;
	while ((flow = list)) {
		DL_DELETE2(list, flow, ready_prev, ready_next);
		flow->is_ready = false;
		flow_tcp_pump(flow);
	}
}
