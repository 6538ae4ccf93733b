/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a pumped socket, and streams. */
#include "config.h"

#include "relay/pumped.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "relay/guest.h"
#include "relay/node_chan.h"
#include "relay/pumped_internal.h"
#include "relay/sys.h"

/* What A and B may hold while their reader is slow. */
#define SOCKBUF (256 * 1024)
/* Entries of one sendmsg or recvmsg. */
#define IOV 16

/* ---- life ---- */

static void wait_for(struct pumped *sock, uint32_t events)
{
	struct loop *loop = &sock->node->relay->loop;

	/* a hang-up would be reported for ever */
	if (!events && sock->hup) {
		if (sock->waited)
			loop_remove(loop, &sock->src);
		sock->waited = false;
		return;
	}
	if (!sock->waited)
		sock->waited = !loop_add(loop, &sock->src, events);
	else if (events != sock->events)
		loop_change(loop, &sock->src, events);
	sock->events = events;
}

int pumped_new(struct node *node, struct fdnet_sock *so, int fd,
	       uint64_t cookie, uint32_t flags, uint32_t pid,
	       struct pumped **ret_sock)
{
	struct pumped *sock;

	if (pumped_find(node, cookie))
		return -EEXIST;
	if (node->count >= LIMIT_NODE_SOCKS) {
		count(&node->relay->counters, C_NODE_LIMIT);
		return -ENFILE;
	}
	sock = calloc(1, sizeof(*sock));
	if (!sock)
		return -ENOMEM;
	sock->src = (struct source){ .type = SOURCE_PUMPED, .fd = fd };
	sock->node = node;
	sock->so = so;
	sock->cookie = cookie;
	sock->pid = pid;
	sock->framed = flags & FDNET_NODE_FRAMED;
	sock->plain = flags & FDNET_NODE_PLAIN;
	sock->passing = -1;
	sock->family = (uint8_t)fdnet_sock_family(so);
	sock->type = (uint8_t)fdnet_sock_type(so);
	sock->proto = (uint16_t)fdnet_sock_proto(so);
	HASH_ADD(hh, node->socks, cookie, sizeof(sock->cookie), sock);
	if (!hash_added(sock)) {
		free(sock);
		return -ENOMEM;
	}
	sys_setopt(fd, SOL_SOCKET, SO_SNDBUF, SOCKBUF);
	node->count++;
	fdnet_sock_set_user(so, sock);
	pumped_learn_wants(sock);
	count(&node->relay->counters, C_NODE_SOCKET);
	wait_for(sock, 0);
	pumped_wake(sock);
	if (ret_sock)
		*ret_sock = sock;
	return 0;
}

struct pumped *pumped_find(struct node *node, uint64_t cookie)
{
	struct pumped *sock;

	HASH_FIND(hh, node->socks, &cookie, sizeof(cookie), sock);
	return sock;
}

static bool has_name(const struct pumped *sock, uint8_t proto,
		     const struct fdnet_name *name)
{
	struct fdnet_name local;

	return !pumped_is_dead(sock) && sock->proto == proto &&
	       !fdnet_sock_name(sock->so, &local) &&
	       local.port == name->port &&
	       (fdnet_ip_is_any(&local.ip) ||
		fdnet_ip_equal(&local.ip, &name->ip));
}

struct pumped *pumped_find_name(struct node *node, uint8_t proto,
				const struct fdnet_name *name)
{
	struct pumped *sock;

	for (sock = node->socks; sock; sock = sock->hh.next)
		if (has_name(sock, proto, name))
			return sock;
	return NULL;
}

void pumped_put_claim(struct pumped *sock)
{
	struct pumped_claim *claim = sock->claim;

	sock->claim = NULL;
	if (!claim || --claim->refs)
		return;
	registry_unbind(&sock->node->relay->registry, sock->node->guest->id,
			&claim->claim);
	free(claim);
}

static void free_source(struct source *src)
{
	free((struct pumped *)src);
}

static void set_ready(struct pumped *sock, bool ready)
{
	if (sock->is_ready == ready)
		return;
	sock->is_ready = ready;
	if (ready)
		DL_APPEND2(sock->node->ready, sock, ready_prev, ready_next);
	else
		DL_DELETE2(sock->node->ready, sock, ready_prev, ready_next);
}

void pumped_restored(struct pumped *sock)
{
	pumped_learn_wants(sock);
	wait_for(sock, 0);
	pumped_wake(sock);
}

void pumped_unrestore(struct pumped *sock)
{
	if (!sock->so)
		return;
	if (sock->waited)
		loop_remove(&sock->node->relay->loop, &sock->src);
	set_ready(sock, false);
	fdnet_sock_set_user(sock->so, NULL);
	sock->node->count--;
}

/* B and all that was held for it. */
static void close_pair(struct pumped *sock)
{
	if (sock->waited)
		loop_remove(&sock->node->relay->loop, &sock->src);
	sock->waited = false;
	if (!sock->error)
		pumped_lag_drop(sock);
	close(sock->src.fd);
	sock->src.fd = -1;
	if (sock->passing >= 0)
		close(sock->passing);
	sock->passing = -1;
	free(sock->held);
	sock->held = NULL;
	set_ready(sock, false);
	pumped_answer_connect(sock, EINTR);
}

static void sock_free(struct pumped *sock)
{
	HASH_DEL(sock->node->socks, sock);
	loop_bury(&sock->node->relay->loop, &sock->src, free_source);
}

static void close_dead(struct pumped *sock)
{
	if (sock->so)
		fdnet_sock_close(sock->so);
	sock->so = NULL;
	sock->again = PUMPED_NOT_AGAIN;
}

static void dead_free(struct pumped *sock)
{
	close_dead(sock);
	DL_DELETE(sock->node->dead, sock);
	sock->node->ndead--;
	sock_free(sock);
}

/* Nobody holds A, or nothing can come over it any more. */
static void leave_node(struct pumped *sock)
{
	struct node *node = sock->node;

	fdnet_sock_name(sock->so, &sock->local);
	fdnet_sock_peer(sock->so, &sock->peer);
	fdnet_sock_set_user(sock->so, NULL);
	close_pair(sock);
	pumped_put_claim(sock);
	node->count--;
	guest_touch(node->guest);
}

void pumped_close(struct pumped *sock)
{
	leave_node(sock);
	fdnet_sock_close(sock->so);
	sock->so = NULL;
	sock_free(sock);
}

void pumped_drop(struct pumped *sock)
{
	leave_node(sock);
	fdnet_sock_abort(sock->so);
	sock->so = NULL;
	sock_free(sock);
}

void pumped_die(struct pumped *sock, int error, enum pumped_again again)
{
	struct node *node = sock->node;

	sock->error = error;
	sock->claimed = sock->claim;
	leave_node(sock);
	/* one that ended in order has more to do; another has its options */
	if (error || again)
		sock->again = again;
	else
		close_dead(sock);
	DL_APPEND(node->dead, sock);
	if (++node->ndead > LIMIT_NODE_DEAD)
		dead_free(node->dead);
}

void pumped_forget_dead(struct node *node)
{
	struct pumped *sock;

	DL_FOREACH(node->dead, sock)
		close_dead(sock);
}

void pumped_end_all(struct node *node)
{
	struct pumped *sock, *tmp;

	while (node->dead)
		dead_free(node->dead);
	HASH_ITER(hh, node->socks, sock, tmp)
		pumped_drop(sock);
}

/* ---- connecting ---- */

void pumped_answer_connect(struct pumped *sock, int error)
{
	struct fdnet_node_ans ans = {
		.op = FDNET_NODE_CONNECT,
		.error = (uint16_t)error,
		.id = sock->waiter_id,
		.cookie = sock->cookie,
	};
	struct node_chan *chan = sock->waiter;

	if (!chan)
		return;
	sock->waiter = NULL;
	if (!error)
		fdnet_sock_name(sock->so, &ans.local);
	node_chan_answer(chan, &ans);
}

void pumped_forget_waiter(struct node *node, struct node_chan *chan)
{
	struct pumped *sock;

	for (sock = node->socks; sock; sock = sock->hh.next)
		if (sock->waiter == chan)
			sock->waiter = NULL;
}

void pumped_empty(struct pumped *sock)
{
	char junk[4096];

	if (sock->plain)
		pumped_lag_begin(sock);
	if (sock->lag)
		return;
	while (SYS_RETRY(recv(sock->src.fd, junk, sizeof(junk),
			      MSG_DONTWAIT)) > 0)
		continue;
}

/* True: connected. False: not yet, or the socket has ended. */
static bool finish_connect(struct pumped *sock)
{
	int state = fdnet_sock_state(sock->so);
	uint32_t len = sizeof(int);
	int error = 0;

	if (state == FDNET_TCP_SYN_SENT || state == FDNET_TCP_SYN_RECV) {
		if (sock->hup)
			pumped_close(sock);
		return false;
	}
	sock->connecting = false;
	if (state != FDNET_TCP_CLOSE) {
		pumped_empty(sock);
		sock->joined = true;
		/* fetched by connect(): no other call will do */
		if (sock->waiter)
			fdnet_sock_connect(sock->so, &sock->target);
		pumped_answer_connect(sock, 0);
		return true;
	}
	if (!sock->waiter) {
		fdnet_sock_getopt(sock->so, SOL_SOCKET, SO_ERROR, &error,
				  &len);
		pumped_die(sock, error ? error : ECONNREFUSED,
			   PUMPED_ERROR_FIRST);
		return false;
	}
	/* told at once, and so the socket may try again */
	error = fdnet_sock_connect(sock->so, &sock->target);
	pumped_answer_connect(sock, error < 0 ? -error : ECONNREFUSED);
	if (sock->hup)
		pumped_close(sock);
	return false;
}

/* ---- connecting once more ---- */

int pumped_dead_connect(struct pumped *sock, const struct fdnet_name *name)
{
	int rc;

	if (!sock->so)
		return -EINVAL;
	if (sock->again == PUMPED_AGAIN && name->ip.family)
		return -ESTALE;
	/* begins nothing: it is told of the old connection, or dissolves it */
	rc = fdnet_sock_connect(sock->so, name);
	if (sock->again == PUMPED_ERROR_FIRST || !name->ip.family) {
		if (rc && sock->error)
			rc = -sock->error;
		sock->error = 0;
		sock->again = PUMPED_AGAIN;
	}
	return rc;
}

int pumped_renew(struct pumped *dead, int fd, uint64_t cookie)
{
	struct pumped *sock;
	int rc;

	if (dead->again != PUMPED_AGAIN || !dead->so)
		return -EINVAL;
	rc = pumped_new(dead->node, dead->so, fd, cookie,
			dead->plain ? FDNET_NODE_PLAIN : 0, dead->pid, &sock);
	if (rc)
		return rc;
	sock->claim = dead->claim;
	dead->claim = NULL;
	dead->so = NULL;
	dead_free(dead);
	return 0;
}

/* ---- streams ---- */

static size_t iov_bytes(const struct iovec *iov, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

static void close_in(struct pumped *sock)
{
	sock->in_closed = true;
	shutdown(sock->src.fd, SHUT_WR);
}

/* Is A closed, not just shut down? Its event may be still to come. */
static bool is_closed(const struct pumped *sock)
{
	struct pollfd pfd = { .fd = sock->src.fd };

	return SYS_RETRY(poll(&pfd, 1, 0)) == 1 && pfd.revents & POLLHUP;
}

/* From the stack to A. */
static enum pumped_turn move_in(struct pumped *sock)
{
	struct iovec iov[IOV];
	struct msghdr msg = { .msg_iov = iov };
	size_t moved = 0;

	while (!sock->in_closed && !sock->in_full) {
		ssize_t rc;
		int n;

		if (!pumped_urgent_in(sock)) {
			sock->in_full = true;
			return PUMPED_WAIT;
		}
		n = fdnet_sock_recv_peek(sock->so, iov, IOV);
		if (n == -EAGAIN || n == -ENOTCONN)
			return PUMPED_WAIT;
		if (!n) {
			close_in(sock);
			return PUMPED_WAIT;
		}
		if (n < 0) {
			pumped_die(sock, -n, PUMPED_NOT_AGAIN);
			return PUMPED_GONE;
		}
		msg.msg_iovlen = (size_t)n;
		rc = sys_sendmsg(sock->src.fd, &msg);
		if (rc == -EAGAIN) {
			sock->in_full = true;
			return PUMPED_WAIT;
		}
		if (rc < 0) { /* nobody reads any more, and here is data */
			sock->reset = rc == -ECONNRESET || is_closed(sock);
			sock->in_closed = true;
			return PUMPED_WAIT;
		}
		if ((size_t)rc < iov_bytes(iov, n))
			sock->in_full = true;
		fdnet_sock_recv_consume(sock->so, (size_t)rc);
		moved += (size_t)rc;
		if (moved >= LIMIT_TCP_BUDGET)
			return PUMPED_MORE;
	}
	return PUMPED_WAIT;
}

/* The end of what A gives: close, shutdown, or @rc an error. */
static enum pumped_turn close_out(struct pumped *sock, ssize_t rc)
{
	sock->out_closed = true;
	if (rc == -ECONNRESET || sock->reset) {
		/* a kernel has sent what the window takes before the reset */
		node_output(sock->node);
		pumped_drop(sock);
		return PUMPED_GONE;
	}
	fdnet_sock_shutdown(sock->so, FDNET_SHUT_WR);
	return PUMPED_WAIT;
}

/* No room for control data: fds are not for us. */
static ssize_t take_bytes(struct pumped *sock, struct iovec *iov, int n,
			  bool *ret_more)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)n };

	*ret_more = true;
	if (sock->plain)
		return pumped_lag_take(sock, iov, n, ret_more);
	return SYS_RETRY(recvmsg(sock->src.fd, &msg, MSG_DONTWAIT));
}

/* From A to the stack. */
static enum pumped_turn move_out(struct pumped *sock)
{
	struct iovec iov[IOV];
	size_t moved = 0;
	bool more;

	while (!sock->out_closed) {
		ssize_t rc;
		int n;

		if ((!sock->plain || sock->mark) && !pumped_urgent_out(sock)) {
			sock->out_full = true;
			return PUMPED_WAIT;
		}
		sock->mark = false;
		n = fdnet_sock_send_reserve(sock->so, iov, IOV);
		sock->out_full = n == -EAGAIN;
		if (n == -EAGAIN || n == -ENOTCONN)
			return PUMPED_WAIT;
		if (n < 0) { /* writers of A get EPIPE */
			sock->out_closed = true;
			shutdown(sock->src.fd, SHUT_RD);
			return PUMPED_WAIT;
		}
		rc = take_bytes(sock, iov, n, &more);
		fdnet_sock_send_commit(sock->so, rc > 0 ? (size_t)rc : 0);
		if (sock->mark)
			continue;
		if (rc == -EAGAIN) {
			if (!sock->fin_wanted)
				return PUMPED_WAIT;
			shutdown(sock->src.fd, SHUT_RD);
			return close_out(sock, 0);
		}
		if (rc <= 0)
			return close_out(sock, rc);
		moved += (size_t)rc;
		if (!more)
			return PUMPED_WAIT;
		if (moved >= LIMIT_TCP_BUDGET)
			return PUMPED_MORE;
	}
	return PUMPED_WAIT;
}

static enum pumped_turn run_stream(struct pumped *sock)
{
	enum pumped_turn in, out;

	if (sock->connecting && !finish_connect(sock))
		return PUMPED_GONE;
	if (!sock->joined) {
		if (sock->hup) {
			pumped_close(sock);
			return PUMPED_GONE;
		}
		return PUMPED_WAIT;
	}
	in = move_in(sock);
	if (in == PUMPED_GONE)
		return PUMPED_GONE;
	out = move_out(sock);
	if (out == PUMPED_GONE)
		return PUMPED_GONE;
	if (sock->hup && sock->out_closed) {
		/* after a shutdown of both ways A may still be held */
		pumped_die(sock, 0, PUMPED_NOT_AGAIN);
		return PUMPED_GONE;
	}
	return in == PUMPED_MORE || out == PUMPED_MORE ? PUMPED_MORE :
							 PUMPED_WAIT;
}

/* ---- events ---- */

static uint32_t wanted(const struct pumped *sock)
{
	uint32_t events = sock->in_full ? EPOLLOUT : 0;

	if (sock->listening)
		return events;
	if (sock->type == FDNET_SOCK_STREAM && !sock->joined)
		return 0;
	if (!sock->out_closed && !sock->out_full)
		events |= EPOLLIN;
	/* there always is something to read: only what is new is told */
	if (sock->plain && sock->joined)
		events |= EPOLLET | EPOLLRDHUP;
	return events;
}

void pumped_wake(struct pumped *sock)
{
	if (pumped_is_dead(sock))
		return;
	set_ready(sock, true);
	guest_touch(sock->node->guest);
}

void pumped_event(struct source *src, uint32_t events)
{
	struct pumped *sock = (struct pumped *)src;

	if (events & (EPOLLHUP | EPOLLERR))
		sock->hup = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		sock->ended = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		sock->in_full = false;
	pumped_wake(sock);
}

void pumped_sock_event(struct pumped *sock, uint32_t events)
{
	if (events & FDNET_EV_OUT)
		sock->out_full = false;
	pumped_wake(sock);
}

static void run(struct pumped *sock)
{
	enum pumped_turn turn;

	if (sock->listening)
		turn = pumped_run_listener(sock);
	else if (sock->type == FDNET_SOCK_STREAM)
		turn = run_stream(sock);
	else
		turn = pumped_run_datagrams(sock);
	if (turn == PUMPED_GONE)
		return;
	wait_for(sock, wanted(sock));
	if (turn == PUMPED_MORE)
		pumped_wake(sock);
}

void pumped_run(struct pumped *sock)
{
	if (pumped_is_dead(sock))
		return;
	set_ready(sock, false);
	run(sock);
}

bool pumped_reap(struct node *node, uint8_t proto, uint16_t port)
{
	struct pumped *sock, *tmp;
	bool any = false;

	HASH_ITER(hh, node->socks, sock, tmp) {
		struct pollfd pfd = { .fd = sock->src.fd };
		struct fdnet_name local;

		if (!sock->so || sock->proto != proto ||
		    fdnet_sock_name(sock->so, &local) || local.port != port)
			continue;
		if (pumped_is_dead(sock)) {
			close_dead(sock);
			any = true;
			continue;
		}
		if (sock->joined || poll(&pfd, 1, 0) != 1 ||
		    !(pfd.revents & POLLHUP))
			continue;
		set_ready(sock, false);
		sock->hup = any = true;
		run(sock);
	}
	return any;
}

void pumped_run_ready(struct node *node)
{
	struct pumped *last = node->ready ? node->ready->ready_prev : NULL;
	struct pumped *sock;

	/* those that become ready meanwhile have their turn in the next */
	while ((sock = node->ready)) {
		bool is_last = sock == last;

		set_ready(sock, false);
		run(sock);
		if (is_last)
			break;
	}
}

int pumped_shutdown(struct pumped *sock, int how)
{
	if (sock->listening) {
		int rc = fdnet_sock_shutdown(sock->so, how);

		if (!rc && how != FDNET_SHUT_WR)
			shutdown(sock->src.fd, SHUT_RDWR);
		return rc;
	}
	if (sock->type == FDNET_SOCK_STREAM && !sock->joined)
		return -ENOTCONN;
	if (how != FDNET_SHUT_WR) {
		fdnet_sock_shutdown(sock->so, FDNET_SHUT_RD);
		close_in(sock);
	}
	if (how != FDNET_SHUT_RD)
		sock->fin_wanted = true;
	pumped_wake(sock);
	return 0;
}
