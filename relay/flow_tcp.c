/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/flow_tcp.h"

#include <linux/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "relay/sys.h"

/* Entries of one readv or writev. */
#define FLOW_IOV 16
/* Buffers of room for a read of a stream: what is read should still be in the
 * processor's caches when the guest copies it. */
#define READS_STREAM 4

enum flow_state {
	FLOW_TO_HOST,  /* the host socket is connecting, @so waits half open */
	FLOW_TO_GUEST, /* @so is connecting, the host's client waits */
	FLOW_OPEN,
	FLOW_RESETTING, /* the host side has ended by RST and is closed; the
			 * guest still takes what came before it */
};

/**
 * struct flow_tcp
 * @guest_name, @dst:  the guest's end; what it asked for or the client
 * @host_in, @host_out:  the host socket is believed to be ready
 * @host_urgent:  urgent data are announced: reads end in front of them
 * @host_hup:   no more edges will come: read until the end
 * @host_dead:  the host has reset: what it said before is still read
 * @guest_eof:  the guest's FIN was passed on
 * @host_eof:   the host's FIN was passed on
 * @guest_deaf: the guest takes nothing more, but is still read from
 * @reads:      buffers of room for the next read, 1..READS_STREAM
 * @is_ready:   stands in the guest's list of flows with work left
 * @is_waiting: stands in the relay's list, as its rule's rate is used up
 */
struct flow_tcp {
	struct source src;
	struct flow item;
	struct user user;
	struct guest *guest;
	struct fdnet_sock *so;
	enum flow_state state;
	bool host_in, host_out, host_urgent, host_hup, host_dead;
	bool guest_eof, host_eof, guest_deaf;
	bool is_ready, is_waiting, is_published, nodelay;
	struct fdnet_name guest_name, dst;
	char *name; /* of dst, or NULL */
	struct rule *rule;
	uint64_t start_us, bytes_out, bytes_in;
	int reads;
	struct flow_tcp *prev, *next;
	struct flow_tcp *ready_prev, *ready_next;
	struct flow_tcp *reset_prev, *reset_next;
	struct flow_tcp *wait_prev, *wait_next;
	uint64_t reset_by_us;
};

/* ---- record ---- */

/* Packets of the guest's connection, which the engine has counted. */
static void count_packets(const struct flow_tcp *flow, uint64_t *ret_out,
			  uint64_t *ret_in)
{
	struct tcp_info info = { 0 };
	uint32_t len = sizeof(info);

	fdnet_sock_getopt(flow->so, IPPROTO_TCP, TCP_INFO, &info, &len);
	*ret_out = info.tcpi_segs_in;
	*ret_in = info.tcpi_segs_out;
}

static void note(struct flow_tcp *flow, enum record_kind kind, int error,
		 const char *reason)
{
	struct relay *relay = flow->guest->relay;
	struct record_event event = {
		.kind = kind,
		.flow = flow->item.id,
		.proto = POLICY_TCP,
		.guest = flow->guest->id,
		.pid = flow->guest->pid,
		.comm = flow->guest->comm,
		.src = flow->guest_name,
		.dst = flow->dst,
		.name = flow->name,
		.rule = flow->rule ? flow->rule->text : NULL,
		.reason = reason,
		.gateway = net_is_gateway(&relay->opts->net, &flow->dst.ip),
		.published = flow->is_published,
		.error = error,
		.bytes_out = flow->bytes_out,
		.bytes_in = flow->bytes_in,
		.duration_us = relay->now_us - flow->start_us,
	};

	if (kind == RECORD_CLOSE)
		count_packets(flow, &event.pkts_out, &event.pkts_in);
	record_event(&relay->record, relay->now_us, &event);
}

/* ---- life ---- */

static bool is_pending(const struct flow_tcp *flow)
{
	return flow->state == FLOW_TO_HOST || flow->state == FLOW_TO_GUEST;
}

static void set_state(struct flow_tcp *flow, enum flow_state state)
{
	if (is_pending(flow))
		flow->guest->relay->tcp_pending--;
	flow->state = state;
	if (is_pending(flow))
		flow->guest->relay->tcp_pending++;
}

/* As the kernel's option: half of the number is for data, and it does not
 * grow any more. */
static void bound_buffers(struct fdnet_sock *so, uint64_t bytes)
{
	int size = (int)bytes;

	fdnet_sock_setopt(so, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	fdnet_sock_setopt(so, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static struct flow_tcp *flow_new(struct guest *guest, struct fdnet_sock *so,
				 int fd, enum flow_state state)
{
	struct relay *relay = guest->relay;
	struct flow_tcp *flow;

	if (relay->tcp_flows >= relay->opts->limits.tcp_flows ||
	    relay->tcp_pending >= relay->opts->limits.tcp_pending) {
		count(&relay->counters, C_TCP_LIMIT);
		return NULL;
	}
	flow = calloc(1, sizeof(*flow));
	if (!flow) {
		count(&relay->counters, C_NOMEM);
		return NULL;
	}
	flow->src = (struct source){ .type = SOURCE_FLOW_TCP, .fd = fd };
	flow->user.kind = USER_FLOW_TCP;
	flow->guest = guest;
	flow->so = so;
	flow->start_us = relay->now_us;
	flow->reads = 1;
	relay->tcp_flows++;
	relay->tcp_pending++;
	flows_add(&relay->flows, &flow->item, FLOW_KIND_TCP);
	flow->state = state;
	guest->nflows++;
	DL_APPEND(guest->flows, flow);
	fdnet_sock_set_user(so, &flow->user);
	if (relay->opts->limits.flow_bytes)
		bound_buffers(so, relay->opts->limits.flow_bytes);
	return flow;
}

static void set_ready(struct flow_tcp *flow, bool ready)
{
	if (flow->is_ready == ready)
		return;
	flow->is_ready = ready;
	if (ready)
		DL_APPEND2(flow->guest->ready, flow, ready_prev, ready_next);
	else
		DL_DELETE2(flow->guest->ready, flow, ready_prev, ready_next);
}

static void set_waiting(struct flow_tcp *flow, bool waiting)
{
	struct relay *relay = flow->guest->relay;

	if (flow->is_waiting == waiting)
		return;
	flow->is_waiting = waiting;
	if (waiting)
		DL_APPEND2(relay->waiting, flow, wait_prev, wait_next);
	else
		DL_DELETE2(relay->waiting, flow, wait_prev, wait_next);
}

static void set_rule(struct flow_tcp *flow, struct rule *rule)
{
	rule_take(rule);
	rule_drop(flow->rule);
	flow->rule = rule;
}

static void free_source(struct source *src)
{
	struct flow_tcp *flow = (struct flow_tcp *)src;

	free(flow->name);
	free(flow);
}

/* Out of all lists; the sockets are the caller's business. */
static void flow_free(struct flow_tcp *flow)
{
	struct guest *guest = flow->guest;

	set_ready(flow, false);
	set_waiting(flow, false);
	set_rule(flow, NULL);
	if (flow->state == FLOW_RESETTING)
		DL_DELETE2(guest->resetting, flow, reset_prev, reset_next);
	if (is_pending(flow))
		guest->relay->tcp_pending--;
	guest->relay->tcp_flows--;
	flows_remove(&guest->relay->flows, &flow->item);
	guest->nflows--;
	DL_DELETE(guest->flows, flow);
	loop_bury(&guest->relay->loop, &flow->src, free_source);
	/* an orphan may have been waiting for this one */
	guest_touch(guest);
}

static void close_host(struct flow_tcp *flow, bool reset)
{
	if (flow->src.fd < 0)
		return;
	if (reset)
		sys_close_reset(flow->src.fd);
	else
		close(flow->src.fd);
	flow->src.fd = -1;
}

static void forget_sock(struct flow_tcp *flow)
{
	fdnet_sock_set_user(flow->so, NULL);
}

/* Both directions have ended in an orderly way. */
static void flow_finish(struct flow_tcp *flow)
{
	note(flow, RECORD_CLOSE, 0, "closed");
	close_host(flow, false);
	forget_sock(flow);
	fdnet_sock_close(flow->so);
	flow_free(flow);
}

/* The guest's side is no more: the host gets a RST. */
static void flow_guest_reset(struct flow_tcp *flow, const char *reason)
{
	note(flow, RECORD_CLOSE, 0, reason);
	close_host(flow, true);
	forget_sock(flow);
	fdnet_sock_abort(flow->so);
	flow_free(flow);
}

/* The host's side is no more: the guest gets a RST, behind what came
 * before. */
static void flow_host_reset(struct flow_tcp *flow, int error)
{
	struct guest *guest = flow->guest;

	note(flow, RECORD_CLOSE, error, "reset by host");
	close_host(flow, false);
	set_ready(flow, false);
	set_state(flow, FLOW_RESETTING);
	flow->reset_by_us = guest->relay->now_us + LIMIT_ORPHAN_US;
	DL_APPEND2(guest->resetting, flow, reset_prev, reset_next);
	guest_touch(guest);
}

void flow_tcp_run_resetting(struct guest *guest)
{
	struct flow_tcp *flow, *tmp;

	DL_FOREACH_SAFE2(guest->resetting, flow, tmp, reset_next) {
		if (guest_is_up(guest) && fdnet_sock_outq(flow->so) &&
		    guest->relay->now_us < flow->reset_by_us)
			continue;
		forget_sock(flow);
		fdnet_sock_abort(flow->so);
		flow_free(flow);
	}
}

void flow_tcp_guest_gone(struct guest *guest)
{
	struct flow_tcp *flow, *tmp;

	DL_FOREACH_SAFE(guest->flows, flow, tmp) {
		if (is_pending(flow))
			flow_guest_reset(flow, "guest ended");
		else if (flow->state == FLOW_OPEN)
			set_ready(flow, true);
	}
}

void flow_tcp_end_all(struct guest *guest)
{
	struct flow_tcp *flow, *tmp;

	DL_FOREACH_SAFE(guest->flows, flow, tmp) {
		close_host(flow, true);
		forget_sock(flow);
		fdnet_sock_abort(flow->so);
		flow_free(flow);
	}
}

/* ---- moving bytes ---- */

enum pump {
	PUMP_WAIT, /* nothing more to do until an event */
	PUMP_MORE, /* its turn is over, but there is more */
	PUMP_GONE, /* the flow has ended and is freed */
};

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
	set_waiting(flow, true);
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
	note(flow, RECORD_CLOSE, 0, "guest ended");
	close_host(flow, false);
	forget_sock(flow);
	fdnet_sock_close(flow->so);
	flow_free(flow);
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
	struct iovec iov = { &byte, sizeof(byte) };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.flags = FDNET_MSG_OOB | FDNET_MSG_PEEK,
	};

	/* else it has been passed on, or is part of the stream */
	if (fdnet_sock_recv(flow->so, &msg) != 1)
		return true;
	if (SYS_RETRY(send(flow->src.fd, &byte, 1,
			   MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL)) ==
	    -EAGAIN) {
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
	struct iovec iov = { &byte, sizeof(byte) };
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
	struct msghdr msg = { .msg_iov = iov };
	size_t moved = 0;

	while (flow->host_out && !flow->guest_eof) {
		ssize_t rc;
		int n;

		if (fdnet_sock_at_mark(flow->so) && !pass_guest_urgent(flow))
			return PUMP_WAIT;
		n = fdnet_sock_recv_peek(flow->so, iov,
					 entries(flow, FLOW_IOV));
		if (n > 0 && must_wait(flow, 0))
			return PUMP_WAIT;
		if (n == -EAGAIN || n == -ENOTCONN)
			return PUMP_WAIT;
		if (!n)
			return pass_guest_fin(flow);
		if (n < 0) {
			flow_guest_reset(flow, "reset by guest");
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
			if (!flow->host_eof)
				return PUMP_WAIT;
			flow_host_reset(flow, (int)-rc);
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
		flow_guest_reset(flow, "reset by guest");
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
		flow_host_reset(flow, rc ? (int)-rc : ECONNRESET);
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

static void pump(struct flow_tcp *flow)
{
	enum pump to_host, to_guest;

	to_host = pump_to_host(flow);
	if (to_host == PUMP_GONE)
		return;
	to_guest = pump_to_guest(flow);
	if (to_guest == PUMP_GONE)
		return;
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
	set_ready(flow, to_host == PUMP_MORE || to_guest == PUMP_MORE);
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
			pump(flow);
	}
}

void flow_tcp_run_ready(struct guest *guest)
{
	struct flow_tcp *list = guest->ready, *flow;

	guest->ready = NULL;
	while ((flow = list)) {
		DL_DELETE2(list, flow, ready_prev, ready_next);
		flow->is_ready = false;
		pump(flow);
	}
}

/* ---- a guest connects to the host ---- */

/* Which error shall the guest see? Those that refuse() has no packet for
 * become one that says "not reachable from here". */
static int refusal(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
		return ECONNREFUSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ETIMEDOUT:
	case EACCES:
		return error;
	case EPERM:
		return EACCES;
	case EHOSTDOWN:
		return EHOSTUNREACH;
	default:
		return ENETUNREACH;
	}
}

static void flow_failed(struct flow_tcp *flow, int error)
{
	count(&flow->guest->relay->counters, C_TCP_FAILED);
	note(flow, RECORD_FAIL, error, NULL);
	close_host(flow, false);
	forget_sock(flow);
	fdnet_sock_refuse(flow->so, refusal(error));
	flow_free(flow);
}

static void flow_admit(struct flow_tcp *flow)
{
	count(&flow->guest->relay->counters, C_TCP_OPEN);
	set_state(flow, FLOW_OPEN);
	flow->host_out = true;
	note(flow, RECORD_OPEN, 0, NULL);
	fdnet_sock_admit(flow->so);
	guest_touch(flow->guest);
}

/* Start connecting. Returns 0, -EINPROGRESS, or a negative errno. */
static int host_connect(struct relay *relay, struct flow_tcp *flow)
{
	struct fdnet_name target = relay_host_name(relay, &flow->dst);
	struct sockaddr_storage sa;
	socklen_t len = sys_from_name(&target, &sa);
	int rc;

	flow->src.fd = sys_socket(sa.ss_family, SOCK_STREAM);
	if (flow->src.fd < 0)
		return flow->src.fd;
	/* a host that vanishes must not hold the connection for ever */
	sys_setopt(flow->src.fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	rc = sys_connect(flow->src.fd, (struct sockaddr *)&sa, len);
	/* within this machine it is decided by now: no need to be woken */
	if (rc == -EINPROGRESS && fdnet_ip_is_loopback(&target.ip)) {
		rc = sys_connect(flow->src.fd, (struct sockaddr *)&sa, len);
		if (rc == -EALREADY)
			rc = -EINPROGRESS;
		else if (rc == -EISCONN)
			rc = 0;
	}
	if (rc && rc != -EINPROGRESS)
		return rc;
	if (loop_add(&relay->loop, &flow->src,
		     EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET))
		return -ENOBUFS;
	return rc;
}

void flow_tcp_request(struct guest *guest, struct fdnet_sock *so)
{
	struct relay *relay = guest->relay;
	struct fdnet_name dst, src;
	struct flow_tcp *flow;
	struct rule *rule;
	const char *name;
	int rc;

	if (fdnet_sock_name(so, &dst) || fdnet_sock_peer(so, &src)) {
		fdnet_sock_refuse(so, ECONNREFUSED);
		return;
	}
	addr_normalise(&dst.ip);
	/* only our own listeners are there, and they took no request */
	if (net_is_dns(&relay->opts->net, &dst.ip)) {
		fdnet_sock_refuse(so, ECONNREFUSED);
		return;
	}
	if (!relay_decide(relay, guest, POLICY_TCP, &dst, &rule)) {
		count(&relay->counters, C_TCP_DENIED);
		fdnet_sock_refuse(so, EACCES);
		return;
	}
	flow = flow_new(guest, so, -1, FLOW_TO_HOST);
	if (!flow) {
		fdnet_sock_refuse(so, ENETUNREACH);
		return;
	}
	flow->dst = dst;
	flow->guest_name = src;
	set_rule(flow, rule);
	name = names_of(&relay->names, &dst.ip, relay->now_us);
	flow->name = name ? strdup(name) : NULL;
	rc = host_connect(relay, flow);
	if (!rc)
		flow_admit(flow);
	else if (rc != -EINPROGRESS)
		flow_failed(flow, -rc);
}

/* ---- a client of a published port connects into the guest ---- */

/* The client's own address if it is free, else any port of it. */
static int bind_as(struct fdnet_sock *so, const struct fdnet_name *client)
{
	struct fdnet_name name = *client;
	int rc = fdnet_sock_bind_foreign(so, &name);

	for (int i = 0; rc == -EADDRINUSE && i < 64; i++) {
		name.port = (uint16_t)(49152 + (client->port + i * 251) %
						       16384);
		rc = fdnet_sock_bind_foreign(so, &name);
	}
	return rc;
}

static int guest_connect(struct guest *guest, const struct fdnet_name *client,
			 const struct fdnet_name *target,
			 struct fdnet_sock **ret_so)
{
	struct fdnet_sock *so;
	int rc = fdnet_sock_open(guest->stack, target->ip.family,
				 FDNET_SOCK_STREAM, POLICY_TCP, &so);

	if (rc)
		return rc;
	rc = bind_as(so, client);
	if (!rc)
		rc = fdnet_sock_connect(so, target);
	if (rc && rc != -EINPROGRESS) {
		fdnet_sock_close(so);
		return rc;
	}
	*ret_so = so;
	return 0;
}

int flow_tcp_publish(struct guest *guest, int fd,
		     const struct fdnet_name *client,
		     const struct fdnet_name *target, struct rule *rule)
{
	struct relay *relay = guest->relay;
	struct fdnet_sock *so;
	struct flow_tcp *flow;
	int rc;

	fdnet_stack_set_time(guest->stack, relay->now_us);
	rc = guest_connect(guest, client, target, &so);
	if (rc) {
		sys_close_reset(fd);
		return rc;
	}
	flow = flow_new(guest, so, fd, FLOW_TO_GUEST);
	if (!flow) {
		sys_close_reset(fd);
		fdnet_sock_abort(so);
		return -ENOBUFS;
	}
	flow->is_published = true;
	sys_setopt(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	flow->dst = *client;
	flow->guest_name = *target;
	set_rule(flow, rule);
	rc = loop_add(&relay->loop, &flow->src,
		      EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	if (rc) {
		flow_guest_reset(flow, "no memory");
		return rc;
	}
	guest_touch(guest);
	return 0;
}

/* @so's connect has ended: well or not? */
static void guest_connected(struct flow_tcp *flow, uint32_t events)
{
	struct relay *relay = flow->guest->relay;
	int error = 0;
	uint32_t len = sizeof(error);

	fdnet_sock_getopt(flow->so, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error || events & FDNET_EV_HUP) {
		count(&relay->counters, C_PUBLISH_REFUSED);
		note(flow, RECORD_FAIL, error ? error : ECONNREFUSED, NULL);
		close_host(flow, true);
		forget_sock(flow);
		fdnet_sock_abort(flow->so);
		flow_free(flow);
		return;
	}
	if (!(events & FDNET_EV_OUT))
		return;
	set_state(flow, FLOW_OPEN);
	flow->host_out = true;
	flow->host_in = true;
	note(flow, RECORD_OPEN, 0, NULL);
	pump(flow);
}

/* ---- events ---- */

void flow_tcp_host_event(struct relay *relay, struct source *src,
			 uint32_t events)
{
	struct flow_tcp *flow = (struct flow_tcp *)src;
	int error;

	fdnet_stack_set_time(flow->guest->stack, relay->now_us);
	if (flow->state == FLOW_TO_HOST) {
		if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
			return;
		error = events & (EPOLLERR | EPOLLHUP) ? sys_so_error(src->fd) :
							 0;
		if (error) {
			flow_failed(flow, error);
			return;
		}
		flow_admit(flow);
	}
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		flow->host_hup = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		flow->host_in = true;
	if (events & EPOLLPRI)
		flow->host_urgent = flow->host_in = true;
	if (events & EPOLLOUT)
		flow->host_out = true;
	if (flow->state != FLOW_OPEN)
		return;
	/* a reset behind the host's FIN: no read would tell */
	if (flow->host_eof && events & EPOLLERR)
		flow_host_reset(flow, sys_so_error(src->fd));
	else
		pump(flow);
}

void flow_tcp_guest_event(struct guest *guest, struct user *user,
			  uint32_t events)
{
	struct flow_tcp *flow = (struct flow_tcp *)((char *)user -
						    offsetof(struct flow_tcp,
							     user));

	switch (flow->state) {
	case FLOW_TO_HOST:
		/* the guest has given up before we answered */
		if (events & (FDNET_EV_HUP | FDNET_EV_ERR))
			flow_guest_reset(flow, "given up by guest");
		break;
	case FLOW_TO_GUEST:
		guest_connected(flow, events);
		break;
	case FLOW_OPEN:
		pump(flow);
		break;
	case FLOW_RESETTING:
		if (events & (FDNET_EV_HUP | FDNET_EV_ERR))
			flow->reset_by_us = 0;
		break;
	}
}

/* ---- hand-over to another guest ---- */

/* The engine's half of the flow, as it stands, in the engine of @to. */
static int move_sock(struct flow_tcp *flow, struct guest *to)
{
	ssize_t need = fdnet_sock_save(flow->so, NULL, 0);
	struct fdnet_sock *so;
	void *data;
	int rc;

	if (need < 0)
		return (int)need;
	data = malloc((size_t)need);
	if (!data)
		return -ENOMEM;
	fdnet_sock_save(flow->so, data, (size_t)need);
	rc = fdnet_sock_restore(to->stack, data, (size_t)need, &so);
	free(data);
	if (rc)
		return rc;
	forget_sock(flow);
	fdnet_sock_forget(flow->so);
	flow->so = so;
	fdnet_sock_set_user(so, &flow->user);
	return 0;
}

static void change_guest(struct flow_tcp *flow, struct guest *to)
{
	struct guest *from = flow->guest;
	bool ready = flow->is_ready;

	set_ready(flow, false);
	if (flow->state == FLOW_RESETTING) {
		DL_DELETE2(from->resetting, flow, reset_prev, reset_next);
		DL_APPEND2(to->resetting, flow, reset_prev, reset_next);
	}
	DL_DELETE(from->flows, flow);
	from->nflows--;
	DL_APPEND(to->flows, flow);
	to->nflows++;
	flow->guest = to;
	set_ready(flow, ready);
	guest_touch(from);
	guest_touch(to);
}

int flow_tcp_move(struct guest *from, struct guest *to,
		  const struct fdnet_name *local,
		  const struct fdnet_name *peer)
{
	struct fdnet_sock *so = fdnet_stack_find(from->stack, POLICY_TCP, peer,
						 local);
	struct user *user = so ? fdnet_sock_user(so) : NULL;
	struct flow_tcp *flow;
	int rc;

	if (!user || user->kind != USER_FLOW_TCP)
		return -ESTALE;
	flow = (struct flow_tcp *)((char *)user -
				   offsetof(struct flow_tcp, user));
	fdnet_stack_set_time(to->stack, to->relay->now_us);
	rc = move_sock(flow, to);
	if (rc) {
		flow_guest_reset(flow, "hand-over failed");
		return rc;
	}
	change_guest(flow, to);
	return 0;
}

void flow_tcp_each(struct guest *guest, uint16_t port, flow_tcp_fn fn,
		   void *arg)
{
	struct flow_tcp *flow, *tmp;
	struct fdnet_name local, peer;

	DL_FOREACH_SAFE(guest->flows, flow, tmp) {
		if (!fdnet_sock_peer(flow->so, &local) &&
		    !fdnet_sock_name(flow->so, &peer) && local.port == port)
			fn(arg, &local, &peer);
	}
}

/* ---- for people: flows.h ---- */

static struct flow_tcp *of_item(struct flow *item)
{
	return (struct flow_tcp *)((char *)item -
				   offsetof(struct flow_tcp, item));
}

static const char *state_name(const struct flow_tcp *flow)
{
	switch (flow->state) {
	case FLOW_TO_HOST:
	case FLOW_TO_GUEST:
		return "connecting";
	case FLOW_RESETTING:
		return "resetting";
	case FLOW_OPEN:
		break;
	}
	return flow->guest_eof || flow->host_eof ? "closing" : "open";
}

void flow_tcp_describe(struct flow *item, struct flow_info *ret_info)
{
	const struct flow_tcp *flow = of_item(item);

	*ret_info = (struct flow_info){
		.proto = POLICY_TCP,
		.published = flow->is_published,
		.state = state_name(flow),
		.guest = flow->guest->id,
		.pid = flow->guest->pid,
		.comm = flow->guest->comm,
		.src = flow->guest_name,
		.dst = flow->dst,
		.name = flow->name,
		.rule = flow->rule,
		.start_us = flow->start_us,
		.bytes_out = flow->bytes_out,
		.bytes_in = flow->bytes_in,
	};
	count_packets(flow, &ret_info->pkts_out, &ret_info->pkts_in);
}

void flow_tcp_end(struct flow *item, const char *reason)
{
	struct flow_tcp *flow = of_item(item);

	fdnet_stack_set_time(flow->guest->stack, flow->guest->relay->now_us);
	if (flow->state == FLOW_RESETTING) {
		/* it has been said, and is a matter of moments */
		flow->reset_by_us = 0;
		guest_touch(flow->guest);
		return;
	}
	if (flow->state == FLOW_TO_HOST) {
		/* not yet answered: no reset, but an answer */
		note(flow, RECORD_CLOSE, 0, reason);
		close_host(flow, true);
		forget_sock(flow);
		fdnet_sock_refuse(flow->so, EACCES);
		flow_free(flow);
		return;
	}
	flow_guest_reset(flow, reason);
}

void flow_tcp_set_rule(struct flow *item, struct rule *rule)
{
	set_rule(of_item(item), rule);
}
