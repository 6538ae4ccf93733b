/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/pump.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/call.h"
#include "shim/claim.h"
#include "shim/handover.h"
#include "shim/helper.h"
#include "shim/highfd.h"
#include "shim/libc.h"
#include "shim/mirror.h"
#include "shim/net.h"
#include "shim/node.h"
#include "shim/raw.h"
#include "shim/wait.h"

/* What A and B may hold while their reader is slow. */
#define PUMP_SNDBUF (256 * 1024)
/* Largest datagram of a connected socket. */
#define DATAGRAM_MAX 65536

static unsigned int count; /* pumped here, not by the relay */
/* The touch channel: [0] ours, [1] inherited by children of a fork. */
static int touch[2] = { -1, -1 };
static unsigned char datagram[DATAGRAM_MAX];

static void set_sndbuf(int fd)
{
	int size = PUMP_SNDBUF;

	raw_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void pump_here(struct shim_file *file)
{
	if (file->pumped || !file->so || file->peer_fd < 0)
		return;
	if (!file->is_stream) {
		struct fdnet_name peer;

		if (fdnet_sock_peer(file->so, &peer) < 0)
			return;
	}
	shim_mirror_undo(file);
	set_sndbuf(file->peer_fd);
	file->pumped = true;
	count++;
	/* those who are blocked in the engine go on in the kernel */
	shim_wait_ring(file, FDNET_EV_IN | FDNET_EV_OUT | FDNET_EV_HUP);
	shim_pump_move(file);
	shim_helper_wake();
}

void shim_pump_begin(struct shim_file *file)
{
	if (file->remote) {
		shim_pump_touch(file);
		return;
	}
	shim_file_hold(file);
	if (shim_handover(file) == -EOPNOTSUPP)
		pump_here(file);
	shim_file_put(file);
}

bool shim_pump_any(void)
{
	return count > 0 || touch[0] >= 0;
}

bool shim_pump_here(void)
{
	return count > 0;
}

/* ---- listeners ---- */

/* Sends A of a new connection to whoever accepts. False: no room. */
static bool pass(struct shim_file *listener, int fd, const uint8_t *names)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl = { 0 };
	struct iovec iov = { .iov_base = (void *)names,
			     .iov_len = FDNET_NODE_ACCEPTED_LEN };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.buf,
		.msg_controllen = sizeof(ctl.buf),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return raw_sendmsg(listener->peer_fd, &m,
			   MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

static bool is_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct timespec now = { 0 };

	return raw_ppoll(&p, 1, &now, NULL) == 1 && (p.revents & POLLOUT);
}

static void move_listener(struct shim_file *listener)
{
	uint8_t names[FDNET_NODE_ACCEPTED_LEN];
	struct fdnet_name local, peer;
	struct shim_file *file;
	struct fdnet_sock *so;
	int fd;

	while (is_writable(listener->peer_fd) &&
	       fdnet_sock_accept(listener->so, &so) == 0) {
		memset(&local, 0, sizeof(local));
		memset(&peer, 0, sizeof(peer));
		fdnet_sock_name(so, &local);
		fdnet_sock_peer(so, &peer);
		fdnet_node_name_encode(names, &local);
		fdnet_node_name_encode(names + FDNET_NODE_NAME_LEN, &peer);
		fd = shim_file_new(listener->domain, SOCK_STREAM, so, &file);
		if (fd < 0) {
			fdnet_sock_close(so);
			return;
		}
		file->joined = true;
		file->claim = shim_claim_ref(listener->claim);
		file->accepted = true;
		set_sndbuf(fd);
		raw_send(file->peer_fd, "", FDNET_NODE_TOKEN_LEN,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		pass(listener, fd, names);
		shim_file_hold(file);
		raw_close(fd);
		shim_file_forget(fd);
		shim_pump_begin(file);
		shim_file_put(file);
	}
}

/* ---- connections ---- */

static void close_in(struct shim_file *file)
{
	if (file->in_closed)
		return;
	file->in_closed = true;
	raw_shutdown(file->peer_fd, SHUT_WR);
}

/* From the network to A. */
static void move_in(struct shim_file *file)
{
	struct iovec iov[16];
	struct msghdr m = { .msg_iov = iov };
	ssize_t n;
	int cnt;

	while (!file->in_closed) {
		cnt = fdnet_sock_recv_peek(file->so, iov, 16);
		if (cnt == -EAGAIN)
			return;
		if (cnt <= 0) {
			close_in(file);
			return;
		}
		m.msg_iovlen = (size_t)cnt;
		n = raw_sendmsg(file->peer_fd, &m,
				MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n == -EAGAIN) {
			file->in_full = true;
			return;
		}
		if (n <= 0) { /* nobody reads any more */
			file->in_closed = true;
			return;
		}
		file->in_full = false;
		fdnet_sock_recv_consume(file->so, (size_t)n);
	}
}

/* From A to the network. No room for control data: fds are not for us. */
static void move_out(struct shim_file *file)
{
	struct iovec iov[8];
	struct msghdr m = { .msg_iov = iov };
	ssize_t n;
	int cnt;

	while (!file->out_closed) {
		cnt = fdnet_sock_send_reserve(file->so, iov, 8);
		if (cnt == -EAGAIN)
			return;
		if (cnt < 0) { /* writers of A get EPIPE */
			if (cnt == -ENOTCONN)
				return;
			file->out_closed = true;
			raw_shutdown(file->peer_fd, SHUT_RD);
			return;
		}
		m.msg_iovlen = (size_t)cnt;
		n = raw_recvmsg(file->peer_fd, &m, MSG_DONTWAIT);
		fdnet_sock_send_commit(file->so, n > 0 ? (size_t)n : 0);
		if (n == -EAGAIN || n == -EINTR)
			return;
		if (n <= 0) {
			file->out_closed = true;
			fdnet_sock_shutdown(file->so, FDNET_SHUT_WR);
			return;
		}
	}
}

/* A connected datagram socket: one message is one datagram. */
static void move_datagrams(struct shim_file *file)
{
	struct iovec iov = { .iov_base = datagram };
	struct fdnet_msg msg;
	ssize_t n;

	while (is_writable(file->peer_fd)) {
		memset(&msg, 0, sizeof(msg));
		iov.iov_len = sizeof(datagram);
		msg.iov = &iov;
		msg.iovcnt = 1;
		n = fdnet_sock_recv(file->so, &msg);
		if (n < 0)
			break;
		raw_send(file->peer_fd, datagram, (size_t)n,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	for (;;) {
		n = raw_recv(file->peer_fd, datagram, sizeof(datagram),
			     MSG_DONTWAIT);
		if (n <= 0) {
			file->out_closed = n == 0;
			return;
		}
		memset(&msg, 0, sizeof(msg));
		iov.iov_len = (size_t)n;
		msg.iov = &iov;
		msg.iovcnt = 1;
		msg.ttl = msg.tos = -1;
		fdnet_sock_send(file->so, &msg);
	}
}

void shim_pump_move(struct shim_file *file)
{
	if (!file->pumped || !file->so || file->peer_fd < 0)
		return;
	if (!file->is_stream) {
		move_datagrams(file);
	} else if (fdnet_sock_state(file->so) == FDNET_TCP_LISTEN) {
		move_listener(file);
	} else if (fdnet_sock_state(file->so) != FDNET_TCP_SYN_SENT) {
		move_in(file);
		move_out(file);
	}
}

/* ---- what the helper does ---- */

static short wanted(struct shim_file *file)
{
	short events = 0;

	if (!file->is_stream)
		return POLLIN;
	if (fdnet_sock_state(file->so) == FDNET_TCP_LISTEN)
		return 0; /* its hang-up is what ends it */
	if (!file->out_closed &&
	    (fdnet_sock_poll(file->so) & FDNET_EV_OUT))
		events |= POLLIN;
	if (file->in_full)
		events |= POLLOUT;
	return events;
}

unsigned int shim_pump_poll(struct pollfd *fds, unsigned int max)
{
	struct shim_file *file;
	unsigned int n = 0;

	if (touch[0] >= 0 && n < max)
		fds[n++] = (struct pollfd){ .fd = touch[0],
					    .events = POLLIN };
	for (file = shim_file_first(); file && n < max; file = file->next) {
		if (!file->pumped || !file->so || file->peer_fd < 0)
			continue;
		/* once both ways are closed only the hang-up is left, which
		 * poll reports for ever: the reaper looks at it */
		if (file->out_closed && !file->in_full)
			continue;
		fds[n++] = (struct pollfd){ .fd = file->peer_fd,
					    .events = wanted(file) };
	}
	return n;
}

static void take_touches(void)
{
	struct shim_file *file;
	uint64_t cookie;

	while (touch[0] >= 0 &&
	       raw_recv(touch[0], &cookie, sizeof(cookie), MSG_DONTWAIT) ==
		       sizeof(cookie)) {
		for (file = shim_file_first(); file; file = file->next)
			if (file->cookie == cookie)
				break;
		if (!file)
			continue;
		shim_file_hold(file);
		shim_pump_begin(file);
		if (file->so && !file->pumped && file->peer_fd >= 0) {
			/* who waits for it must not wait for ever */
			shim_fd_lower(file->peer_fd);
			file->peer_fd = -1;
		}
		shim_file_put(file);
	}
}

void shim_pump_run(void)
{
	struct shim_file *file, *next;

	take_touches();
	for (file = shim_file_first(); file; file = next) {
		next = file->next;
		shim_pump_move(file);
	}
	shim_file_reap();
}

/* ---- fork and exec ---- */

void shim_pump_fork_prepare(void)
{
	int sv[2];

	shim_handover_listeners();
	if (touch[0] >= 0 || !shim_file_first())
		return;
	if (raw_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return;
	touch[0] = shim_fd_raise(sv[0]);
	touch[1] = shim_fd_raise(sv[1]);
	if (touch[0] < 0 || touch[1] < 0) {
		shim_fd_lower(touch[0]);
		shim_fd_lower(touch[1]);
		touch[0] = touch[1] = -1;
		return;
	}
	shim_fd_protect(touch[1]);
	shim_helper_wake();
}

void shim_pump_fork_child(void)
{
	struct shim_file *file;

	for (file = shim_file_first(); file; file = file->next)
		if (file->so && !file->remote) {
			file->remote = true;
			file->touched = file->pumped;
			file->owner_fd = touch[1];
			if (fdnet_sock_name(file->so, &file->local) < 0)
				memset(&file->local, 0, sizeof(file->local));
			if (fdnet_sock_peer(file->so, &file->peer) < 0)
				memset(&file->peer, 0, sizeof(file->peer));
			file->listens = file->is_stream &&
					fdnet_sock_state(file->so) ==
						FDNET_TCP_LISTEN;
			file->pumped = true;
		}
	touch[0] = touch[1] = -1;
	count = 0;
}

/* Has the owner ended, or closed the channel? */
static bool is_gone(int fd)
{
	struct pollfd p = { .fd = fd };
	struct timespec now = { 0 };

	return raw_ppoll(&p, 1, &now, NULL) != 0;
}

/* Has nobody the other end any more? Then it could not be handed over. */
static bool is_hung_up(const struct shim_file *file)
{
	struct pollfd p = { 0 };
	struct timespec now = { 0 };

	for (p.fd = shim_file_next_fd(0); p.fd >= 0;
	     p.fd = shim_file_next_fd(p.fd + 1))
		if (shim_file_peek(p.fd) == file)
			return raw_ppoll(&p, 1, &now, NULL) > 0 &&
			       p.revents & POLLHUP;
	return false;
}

/*
 * Until the relay has it: only then does A carry data, and nothing else. What
 * the owner held when it ended is there, or was never handed over.
 */
static int wait_for_relay(struct shim_file *file)
{
	struct timespec pause = { .tv_nsec = 50000 };
	bool gone = false;
	int rc;

	for (;;) {
		rc = shim_node_names(file);
		if (rc == 0) {
			file->in_node = true;
			file->narrow = file->is_stream && !file->joined &&
				       !file->listens;
			return 0;
		}
		if (rc != -ENOENT || gone)
			return -ECONNRESET;
		gone = is_gone(file->owner_fd) || is_hung_up(file);
		RAW(SYS_nanosleep, &pause, NULL, 0, 0, 0, 0);
		if (pause.tv_nsec < 2000000)
			pause.tv_nsec *= 2;
	}
}

int shim_pump_touch(struct shim_file *file)
{
	if (file->touched)
		return 0;
	file->touched = true;
	/* who cannot be told may have given it away before */
	if (file->owner_fd >= 0)
		raw_send(file->owner_fd, &file->cookie, sizeof(file->cookie),
			 MSG_NOSIGNAL);
	return shim_net_has_relay() ? wait_for_relay(file) : 0;
}

/* What the new program has; and what the exec closes, when a close resets:
 * the relay sees it happen, or not if the exec fails. */
static bool outlives_exec(int fd, const struct shim_file *file, bool replaces)
{
	long flags = raw_fcntl(fd, F_GETFD, 0);

	return flags == 0 || file->exposed ||
	       (flags > 0 && replaces && shim_handover_resets(file));
}

bool shim_pump_outlives(int fd, const struct shim_file *file)
{
	return file->exposed ||
	       (outlives_exec(fd, file, false) && shim_file_is_at(fd, file));
}

void shim_pump_inherited(bool replaces)
{
	struct shim_file *file;
	int fd;

	if (replaces)
		shim_net_drive();
	for (fd = shim_file_next_fd(0); fd >= 0;
	     fd = shim_file_next_fd(fd + 1)) {
		file = shim_file_peek(fd);
		if (!outlives_exec(fd, file, replaces))
			continue;
		if (file->netlink || file->unknown)
			continue;
		shim_pump_begin(file);
	}
}

int shim_pump_accept(int fd, int flags, struct fdnet_name *ret_local,
		     struct fdnet_name *ret_peer, uint64_t *ret_cookie)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl = { 0 };
	uint8_t names[FDNET_NODE_ACCEPTED_LEN], token[FDNET_NODE_TOKEN_LEN];
	struct iovec iov = { .iov_base = names, .iov_len = sizeof(names) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.buf,
		.msg_controllen = sizeof(ctl.buf),
	};
	socklen_t len = sizeof(*ret_cookie);
	struct cmsghdr *c;
	ssize_t n;
	int new_fd;

	n = shim_sleep_recvmsg(fd, &m,
			       flags & SOCK_CLOEXEC ? MSG_CMSG_CLOEXEC : 0);
	if (n < 0)
		return (int)n;
	c = CMSG_FIRSTHDR(&m);
	if (n != sizeof(names) || !c || c->cmsg_type != SCM_RIGHTS)
		return n == 0 ? -EINVAL : -EMFILE;
	memcpy(&new_fd, CMSG_DATA(c), sizeof(int));
	raw_recv(new_fd, token, sizeof(token), MSG_DONTWAIT);
	if (flags & SOCK_NONBLOCK)
		raw_fcntl(new_fd, F_SETFL, O_RDWR | O_NONBLOCK);
	*ret_cookie = 0;
	raw_getsockopt(new_fd, SOL_SOCKET, SO_COOKIE, ret_cookie, &len);
	if (fdnet_node_name_decode(names, ret_local) < 0 ||
	    fdnet_node_name_decode(names + FDNET_NODE_NAME_LEN, ret_peer) <
		    0) {
		raw_close(new_fd);
		return -ECONNABORTED;
	}
	return new_fd;
}
