/* SPDX-License-Identifier: Apache-2.0 */
/* Network sockets: made, named, connected, by requests to the relay. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "sandbox/notify.h"
#include "sandbox/udgram.h"

/* What a stream's A takes at most in one go while it is filled. */
#define FILLING 32768

/*
 * The caller's socket, as argument 0. False: the call has ended. A socket of
 * the host that --inherit gave is the kernel's for what moves data, and for
 * the rest refused: it was given as it is.
 */
static bool take_socket(struct call *call)
{
	int rc = call_take_fd(call, (int)call->args[0]);

	if (rc == 0)
		return true;
	call_reply(call, rc == -ESOCKTNOSUPPORT ? -EPERM : rc);
	return false;
}

/* ---- socket() ---- */

static void socket_made(struct call *call, const struct fdnet_node_ans *ans)
{
	int fd = call->fd;

	if (ans->error) {
		call_reply(call, -(int)ans->error);
		return;
	}
	kind_put(call->sup, &call->kind);
	call->fd = -1;
	call_reply_fd(call, fd, call->args[1] & SOCK_CLOEXEC);
}

static int make_pair(struct call *call, int type, int *ret_b)
{
	int flags = SOCK_CLOEXEC | ((int)call->args[1] & SOCK_NONBLOCK);
	int kind = type == SOCK_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;
	socklen_t len = sizeof(call->cookie);
	int pair[2];

	if (socketpair(AF_UNIX, kind | flags, 0, pair) < 0)
		return -errno;
	call->fd = pair[0];
	*ret_b = pair[1];
	/* by which the relay shows a reset: FDNET_NODE_PLAIN */
	if (kind == SOCK_STREAM)
		send(pair[0], "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (getsockopt(pair[0], SOL_SOCKET, SO_COOKIE, &call->cookie, &len) < 0) {
		close(pair[1]);
		return -errno;
	}
	return 0;
}

void inet_socket(struct call *call)
{
	int type = (int)call->args[1] & 0xf, b = -1, rc;
	struct fdnet_node_req req = {
		.op = FDNET_NODE_NEW,
		.family = (int)call->args[0] == AF_INET6 ? 6 : 4,
		.type = (uint8_t)type,
		.proto = (uint16_t)call->args[2],
		.sock_flags = type == SOCK_STREAM ? FDNET_NODE_PLAIN :
						    FDNET_NODE_FRAMED,
	};

	if ((int)call->args[1] & ~(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK) ||
	    type > SOCK_PACKET || !type) {
		call_reply(call, -EINVAL);
		return;
	}
	if (type > SOCK_RAW) {
		call_reply(call, -ESOCKTNOSUPPORT);
		return;
	}
	if ((int)call->args[2] < 0 || (int)call->args[2] >= IPPROTO_MAX) {
		call_reply(call, -EINVAL);
		return;
	}
	if (!req.proto)
		req.proto = type == SOCK_STREAM ? IPPROTO_TCP :
			    type == SOCK_DGRAM	? IPPROTO_UDP :
						  0;
	rc = make_pair(call, type, &b);
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	call->kind = (struct kind){
		.cookie = call->cookie,
		.family = req.family,
		.type = (uint8_t)type,
		.framed = req.sock_flags & FDNET_NODE_FRAMED,
	};
	call_ask(call, &req, b, socket_made);
	close(b);
}

/*
 * Until it is connected it must not be writable, or whoever polls for the
 * outcome sees one at once. The relay throws this away.
 */
static void fill(int fd)
{
	static const char junk[FILLING];

	while (send(fd, junk, sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		continue;
}

/* ---- connect() ---- */

static void learn(struct call *call, const struct fdnet_node_ans *ans)
{
	call->kind = (struct kind){
		.cookie = call->cookie,
		.family = ans->family,
		.type = ans->type,
		.framed = ans->state & FDNET_NODE_IS_FRAMED,
		.listening = ans->state & FDNET_NODE_LISTENING,
		.begun = ans->state & (FDNET_NODE_CONNECTED |
				       FDNET_NODE_CONNECTING),
	};
	kind_put(call->sup, &call->kind);
}

static void connected(struct call *call, const struct fdnet_node_ans *ans)
{
	struct kind *kind = kind_find(call->sup, call->cookie);

	/* a socket that the relay does not know is an AF_UNIX one */
	if (ans->error == ENOENT) {
		call_reply(call, call->name.ip.family ? -EAFNOSUPPORT :
							-EINVAL);
		return;
	}
	if (!ans->error && kind && kind->type != SOCK_STREAM)
		kind->framed = !call->name.ip.family;
	else if (kind && (!ans->error || ans->error == EISCONN))
		kind->begun = true;
	call_reply(call, -(int)ans->error);
}

static void ask_connect(struct call *call);

static void connect_learned(struct call *call, const struct fdnet_node_ans *ans)
{
	if (ans->error) {
		connected(call, ans);
		return;
	}
	learn(call, ans);
	ask_connect(call);
}

static void ask_connect(struct call *call)
{
	struct fdnet_node_req names = {.op = FDNET_NODE_NAMES};
	struct fdnet_node_req req = {
		.op = FDNET_NODE_CONNECT,
		.name = call->name,
		.flags = FDNET_NODE_UNFRAME,
	};

	if (call->unix_type != SOCK_STREAM) {
		call_ask(call, &req, -1, connected);
		return;
	}
	req.flags = 0;
	if (call_is_nonblocking(call, 0)) {
		struct kind *kind = kind_find(call->sup, call->cookie);

		if (!kind) { /* so many are there that it was forgotten */
			call_ask(call, &names, -1, connect_learned);
			return;
		}
		/* to one that is connected it would be data */
		if (!kind->listening && !kind->begun)
			fill(call->fd);
		kind->begun = true;
		req.flags = FDNET_NODE_NONBLOCK;
	}
	call_ask(call, &req, -1, connected);
	/* a call that has ended is not freed before the round is over */
	if (!req.flags)
		call->ask_deadline_ms = 0;
}

void handle_connect(struct call *call)
{
	struct sockaddr_storage sa;
	socklen_t len;
	int rc;

	rc = sockaddr_read(call, call->args[1], call->args[2], &sa, &len);
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	if (!take_socket(call))
		return;
	if (len >= sizeof(sa.ss_family) &&
	    (sa.ss_family == AF_UNIX || udgram_find(call->sup, call->cookie))) {
		unix_connect(call, &sa, len);
		return;
	}
	if (len >= sizeof(sa.ss_family) && sa.ss_family == AF_NETLINK &&
	    netlink_find(call->sup, call->cookie)) {
		call_reply(call, 0);
		return;
	}
	rc = sockaddr_to_name(&sa, len, &call->name);
	if (rc < 0)
		call_reply(call, rc);
	else
		ask_connect(call);
}

/* ---- bind(), listen() ---- */

static void bound(struct call *call, const struct fdnet_node_ans *ans)
{
	call_reply(call, ans->error == ENOENT ? -EINVAL : -(int)ans->error);
}

void handle_bind(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_BIND};
	struct sockaddr_storage sa;
	struct kind *kind;
	socklen_t len;
	int rc;

	rc = sockaddr_read(call, call->args[1], call->args[2], &sa, &len);
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	if (!take_socket(call))
		return;
	if (len >= sizeof(sa.ss_family) && sa.ss_family == AF_UNIX) {
		unix_bind(call, &sa, len);
		return;
	}
	if (netlink_find(call->sup, call->cookie)) {
		call_reply(call, sa.ss_family == AF_NETLINK ? 0 : -EINVAL);
		return;
	}
	rc = sockaddr_to_name(&sa, len, &req.name);
	kind = kind_find(call->sup, call->cookie);
	/* as the kernel: all zero is any address */
	if (rc == 0 && !req.name.ip.family) {
		req.name.ip.family = kind ? kind->family : 4;
		if (req.name.ip.family == 6)
			rc = -EAFNOSUPPORT;
	}
	if (rc < 0)
		call_reply(call, rc);
	else
		call_ask(call, &req, -1, bound);
}

static void listening(struct call *call, const struct fdnet_node_ans *ans)
{
	struct kind *kind = kind_find(call->sup, call->cookie);

	if (ans->error == ENOENT) {
		unix_listen(call);
		return;
	}
	/* a listener is never writable; the relay does not read it */
	if (!ans->error && kind && !kind->listening) {
		kind->listening = true;
		fill(call->fd);
	}
	call_reply(call, -(int)ans->error);
}

void handle_listen(struct call *call)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_LISTEN,
		.arg = (int)call->args[1] < 0 ? 4096 : (uint32_t)call->args[1],
	};

	if (take_socket(call))
		call_ask(call, &req, -1, listening);
}

/* ---- accept() ---- */

static void try_accept(struct call *call);

static void accept_learned(struct call *call, const struct fdnet_node_ans *ans)
{
	if (ans->error) {
		call_reply(call, ans->error == ENOENT ? -EINVAL :
							-(int)ans->error);
		return;
	}
	learn(call, ans);
	if (call->kind.type != SOCK_STREAM)
		call_reply(call, -EOPNOTSUPP);
	else if (!call->kind.listening)
		call_reply(call, -EINVAL);
	else
		try_accept(call);
}

/* Returns the new A, or a negative errno. */
static int receive_accepted(struct call *call, struct fdnet_name *ret_peer)
{
	uint8_t frame[FDNET_NODE_ACCEPTED_LEN], token[FDNET_NODE_TOKEN_LEN];
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {frame, sizeof(frame)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	struct cmsghdr *cmsg;
	ssize_t len;
	int fd = -1;

	len = recvmsg(call->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	/* a listener that was shut down has its end closed, with what filled it */
	if (len < 0)
		return errno == ECONNRESET ? -EINVAL : -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	if (len != sizeof(frame) || fd < 0 ||
	    fdnet_node_name_decode(frame + FDNET_NODE_NAME_LEN, ret_peer) < 0) {
		if (fd >= 0)
			close(fd);
		/* the end: it was shut down, or the relay has gone */
		return -EINVAL;
	}
	recv(fd, token, sizeof(token), MSG_DONTWAIT);
	return fd;
}

static uint64_t receive_timeout_ms(const struct call *call)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);

	getsockopt(call->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len);
	return (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000;
}

static void try_accept(struct call *call)
{
	int flags = call->nr == SYS_accept4 ? (int)call->args[3] : 0;
	struct kind kind = {.type = SOCK_STREAM,
			    .family = call->kind.family,
			    .begun = true};
	socklen_t len = sizeof(kind.cookie);
	struct sockaddr_storage sa;
	struct fdnet_name peer;
	int fd, rc;

	/* a connection taken for a caller that has gone would be lost */
	if (!call_is_valid(call)) {
		call_reply(call, -ESRCH);
		return;
	}
	fd = receive_accepted(call, &peer);
	if (fd == -EAGAIN && !call_is_nonblocking(call, 0) && !call->timed_out) {
		call_wait(call, EPOLLIN, receive_timeout_ms(call), try_accept);
		return;
	}
	if (fd < 0) {
		call_reply(call, fd);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &kind.cookie, &len) == 0)
		kind_put(call->sup, &kind);
	if (flags & SOCK_NONBLOCK)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	rc = sockaddr_write(call, call->args[1], call->args[2], &sa,
			    sockaddr_from_name(&sa, call->kind.family, &peer));
	if (rc < 0) {
		close(fd);
		call_reply(call, rc);
		return;
	}
	call_reply_fd(call, fd, flags & SOCK_CLOEXEC);
}

void handle_accept(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_NAMES};
	int flags = call->nr == SYS_accept4 ? (int)call->args[3] : 0;
	int listens = 0;
	socklen_t len = sizeof(listens);
	struct kind *kind;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) {
		call_reply(call, -EINVAL);
		return;
	}
	if (!take_socket(call))
		return;
	/* no end of a pair listens */
	getsockopt(call->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len);
	if (listens) {
		unix_accept(call);
		return;
	}
	kind = kind_find(call->sup, call->cookie);
	if (kind && kind->listening) {
		call->kind = *kind;
		try_accept(call);
		return;
	}
	call_ask(call, &req, -1, accept_learned);
}

/* ---- shutdown() ---- */

static void shut(struct call *call, const struct fdnet_node_ans *ans)
{
	call_reply(call, -(int)ans->error);
}

static void shutdown_learned(struct call *call,
			     const struct fdnet_node_ans *ans)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_SHUTDOWN,
		.arg = (uint32_t)call->args[1],
	};

	if (ans->error == ENOENT) {
		call_continue(call, "an AF_UNIX socket is shut down");
	} else if (ans->error) {
		call_reply(call, -(int)ans->error);
	} else if (ans->state & FDNET_NODE_CONNECTED) {
		call_continue(call, "a pair's end is shut down");
	} else if (ans->type == SOCK_STREAM) {
		call_ask(call, &req, -1, shut);
	} else {
		/* as the kernel: it is done, and yet an error */
		shutdown(call->fd, (int)call->args[1]);
		call_reply(call, -ENOTCONN);
	}
}

void handle_shutdown(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_NAMES};
	int rc = call_take_fd(call, (int)call->args[0]);

	if (rc == 0 && (int)call->args[1] >> 2)
		rc = -EINVAL;
	if (rc == 0 && (call->args[1] & 3) == 3)
		rc = -EINVAL;
	if (rc == -ESOCKTNOSUPPORT)
		call_continue(call, "what --inherit gave is shut down");
	else if (rc < 0)
		call_reply(call, rc);
	else if (netlink_find(call->sup, call->cookie))
		call_reply(call, -EOPNOTSUPP);
	else
		call_ask(call, &req, -1, shutdown_learned);
}

/* ---- ioctl(): SIOCOUTQ ---- */

static void counted(struct call *call, const struct fdnet_node_ans *ans)
{
	int bytes = 0;
	int rc;

	if (ans->error) {
		call_continue(call, "a number is read from whatever it is");
		return;
	}
	if (ans->len == sizeof(bytes))
		memcpy(&bytes, ans->value, sizeof(bytes));
	rc = call_write(call, call->args[2], &bytes, sizeof(bytes));
	call_reply(call, rc);
}

/* A pair's end would count what it takes to show a reset. */
void handle_ioctl(struct call *call)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_GETOPT,
		.level = FDNET_NODE_SOL_IOCTL,
		.optname = FDNET_NODE_OUTQ,
		.optlen = sizeof(int),
	};
	int rc = call_take_fd(call, (int)call->args[0]);

	if (rc == 0 && call->unix_type == SOCK_STREAM)
		call_ask(call, &req, -1, counted);
	else if (rc == -EBADF || rc == -ESRCH)
		call_reply(call, rc);
	else
		call_continue(call, "a number is read from whatever it is");
}

/* ---- names and options ---- */

static void named(struct call *call, const struct fdnet_node_ans *ans)
{
	bool peer = call->nr == SYS_getpeername;
	const struct fdnet_name *name = peer ? &ans->peer : &ans->local;
	struct sockaddr_storage sa;

	if (ans->error == ENOENT) {
		call_continue(call, "a name is read from an AF_UNIX socket");
		return;
	}
	if (ans->error) {
		call_reply(call, -(int)ans->error);
		return;
	}
	if (peer && !name->ip.family) {
		call_reply(call, -ENOTCONN);
		return;
	}
	call_reply(call,
		   sockaddr_write(call, call->args[1], call->args[2], &sa,
				  sockaddr_from_name(&sa, ans->family, name)));
}

void handle_name(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_NAMES};
	struct netlink *netlink;
	struct udgram *udgram;
	struct sockaddr_storage sa;
	socklen_t len;
	int rc;

	rc = call_take_fd(call, (int)call->args[0]);
	if (rc == -ESOCKTNOSUPPORT) {
		call_continue(call, "a name is read from what --inherit gave");
		return;
	}
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	udgram = udgram_find(call->sup, call->cookie);
	if (udgram) {
		udgram_name(call, udgram);
		return;
	}
	netlink = netlink_find(call->sup, call->cookie);
	if (netlink) {
		len = netlink_name(netlink, call->nr == SYS_getpeername, &sa);
		call_reply(call, sockaddr_write(call, call->args[1],
						call->args[2], &sa, len));
		return;
	}
	call_ask(call, &req, -1, named);
}

/* What of the relay's answer is the socket's family and type; the pair's end
 * would say AF_UNIX. */
static bool option_of_kind(const struct call *call, const struct kind *kind,
			   int *ret_value)
{
	if ((int)call->args[1] != SOL_SOCKET)
		return false;
	switch ((int)call->args[2]) {
	case SO_DOMAIN:
		*ret_value = kind->family == 6 ? AF_INET6 : AF_INET;
		return true;
	case SO_TYPE:
		*ret_value = kind->type;
		return true;
	default:
		return false;
	}
}

static void give_option(struct call *call, const void *value, uint32_t len)
{
	int32_t room;
	int rc;

	rc = call_read(call, call->args[4], &room, sizeof(room));
	if (rc == 0 && room < 0)
		rc = -EINVAL;
	if (rc == 0 && (uint32_t)room < len)
		len = (uint32_t)room;
	if (rc == 0)
		rc = call_write(call, call->args[3], value, len);
	if (rc == 0)
		rc = call_write(call, call->args[4], &len, sizeof(len));
	call_reply(call, rc);
}

/* A reset shows on the pair's end, too: told once. */
static void fetch_error(struct call *call)
{
	int error;
	socklen_t len = sizeof(error);

	if ((int)call->args[1] == SOL_SOCKET && (int)call->args[2] == SO_ERROR)
		getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

static void option_got(struct call *call, const struct fdnet_node_ans *ans)
{
	if (!ans->error)
		fetch_error(call);
	const struct ucred *cred = joins_find(&call->sup->joins, call->cookie);

	/* its own peer is one of ours */
	if (cred && (int)call->args[1] == SOL_SOCKET &&
	    (int)call->args[2] == SO_PEERCRED)
		give_option(call, cred, sizeof(*cred));
	else if (ans->error == ENOENT)
		call_continue(call, "an option is read from an AF_UNIX socket");
	else if (ans->error)
		call_reply(call, -(int)ans->error);
	else
		give_option(call, ans->value, ans->len);
}

void handle_getsockopt(struct call *call)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_GETOPT,
		.level = (int)call->args[1],
		.optname = (int)call->args[2],
	};
	struct netlink *netlink;
	struct kind *kind;
	int value, rc;
	int32_t room;

	rc = call_take_fd(call, (int)call->args[0]);
	if (rc == -ESOCKTNOSUPPORT) {
		call_continue(call, "an option is read from what --inherit gave");
		return;
	}
	netlink = rc == 0 ? netlink_find(call->sup, call->cookie) : NULL;
	if (netlink) {
		if ((int)call->args[1] == SOL_SOCKET &&
		    netlink_option(netlink, (int)call->args[2], &value))
			give_option(call, &value, sizeof(value));
		else
			call_continue(call, "an option is read from an "
					    "AF_UNIX socket");
		return;
	}
	if (rc == 0 && udgram_find(call->sup, call->cookie) &&
	    req.level == SOL_SOCKET && req.optname == SO_TYPE) {
		value = SOCK_DGRAM;
		give_option(call, &value, sizeof(value));
		return;
	}
	if (rc == 0)
		rc = call_read(call, call->args[4], &room, sizeof(room));
	if (rc == 0 && room < 0)
		rc = -EINVAL;
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	kind = kind_find(call->sup, call->cookie);
	if (kind && option_of_kind(call, kind, &value)) {
		give_option(call, &value, sizeof(value));
		return;
	}
	/* the engine's own level is not the program's */
	if (req.level == FDNET_NODE_SOL_IOCTL) {
		call_reply(call, -ENOPROTOOPT);
		return;
	}
	req.optlen = room > FDNET_NODE_VALUE_MAX ? FDNET_NODE_VALUE_MAX :
						   (uint32_t)room;
	call_ask(call, &req, -1, option_got);
}

/* Reads and writes that are the kernel's keep to its own limits too. */
static void set_timeouts(struct call *call, const void *value, uint32_t len)
{
	int name = (int)call->args[2];

	if ((int)call->args[1] == SOL_SOCKET &&
	    (name == SO_RCVTIMEO || name == SO_SNDTIMEO))
		setsockopt(call->fd, SOL_SOCKET, name, value, len);
}

static void option_set(struct call *call, const struct fdnet_node_ans *ans)
{
	if (ans->error == ENOENT) {
		call_continue(call, "an option is set on an AF_UNIX socket");
		return;
	}
	if (!ans->error)
		set_timeouts(call, call->data, (uint32_t)call->len);
	call_reply(call, -(int)ans->error);
}

void handle_setsockopt(struct call *call)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_SETOPT,
		.level = (int)call->args[1],
		.optname = (int)call->args[2],
		.optlen = (uint32_t)call->args[4],
	};
	int rc;

	rc = call_take_fd(call, (int)call->args[0]);
	if (rc == -ESOCKTNOSUPPORT) {
		call_reply(call, -EPERM);
		return;
	}
	if (rc == 0 && netlink_find(call->sup, call->cookie)) {
		call_reply(call, 0); /* buffers, NETLINK_EXT_ACK ... */
		return;
	}
	/* programs for packets (SO_ATTACH_FILTER) are longer by their pointer */
	if (rc == 0 && ((int)call->args[4] < 0 ||
			(int)call->args[4] > FDNET_NODE_VALUE_MAX))
		rc = -EINVAL;
	if (rc == 0) {
		call->len = req.optlen;
		call->data = malloc(req.optlen + 1);
		rc = call->data ? call_read(call, call->args[3], call->data,
					    req.optlen) :
				  -ENOMEM;
	}
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	req.value = call->data;
	call_ask(call, &req, -1, option_set);
}
