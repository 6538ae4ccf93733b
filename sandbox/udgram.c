/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_UNIX datagram sockets; see udgram.h.
 *
 * How it works: A is the program's end of a pair, B ours, H the real socket.
 * What the program writes comes out of B and goes where H is connected to;
 * what arrives at H goes into B, one message at a time: only when the program
 * has read it (SIOCOUTQ of B) comes the next. So whoever asks for the sender
 * gets that of the message which is there, and read() and recv(), of which we
 * do not hear, see nothing but data. Calls with an address are made by us.
 */
#include "config.h"

#include "sandbox/udgram.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <utlist.h>

#include "sandbox/message.h"
#include "sandbox/outside.h"
#include "sandbox/udgram_internal.h"

#define ROUND_MAX    64 /* messages each way, before others have their turn */
#define DATA_MAX     (1 << 20)

struct udgram *udgram_find(const struct supervisor *sup, uint64_t cookie)
{
	struct udgram *udgram;

	LL_FOREACH(sup->udgrams, udgram)
		if (udgram->cookie == cookie)
			return udgram;
	return NULL;
}

int udgram_fd(const struct udgram *udgram)
{
	return udgram->h.fd;
}

/* As H wants to know senders, the kernel gives it such a name when it sends:
 * it is not the program's. */
static void hide_abstract(const struct sockaddr_storage *sa, socklen_t *len)
{
	if (abstract_is(sa, *len))
		*len = offsetof(struct sockaddr_un, sun_path);
}

int udgram_kernel_name(const struct udgram *udgram, bool peer,
		       struct sockaddr_storage *sa, socklen_t *len)
{
	struct sockaddr *name = (struct sockaddr *)sa;

	*len = sizeof(*sa);
	if ((peer ? getpeername(udgram->h.fd, name, len) :
		    getsockname(udgram->h.fd, name, len)) < 0)
		return -errno;
	hide_abstract(sa, len);
	return 0;
}

/* ---- messages that are moved ---- */

/* What the program has written. True: there may be more. */
static bool move_out(struct udgram *udgram)
{
	struct ucred sender;
	int rc;

	if (!udgram->has_out) {
		udgram->sender = (struct ucred){0};
		rc = parcel_receive(&udgram->out, udgram->b.fd, NULL, NULL,
				    &udgram->sender);
		if (rc < 0)
			return false;
		/* a message of no bytes has a sender, the end has none */
		if (rc == 0 && !udgram->sender.pid) {
			parcel_done(&udgram->out);
			return false;
		}
		udgram->has_out = true;
	}
	sender = identity_of_message(udgram->sup, &udgram->sender);
	rc = udgram->peer ? inbox_send_parcel(udgram, &udgram->out) :
			    parcel_send(&udgram->out, udgram->h.fd, &sender);
	if (rc == -EAGAIN || rc == -ENOBUFS)
		return false;
	/* nobody is there: as datagrams are, it is lost */
	udgram->has_out = false;
	parcel_done(&udgram->out);
	return true;
}

static bool is_read(const struct udgram *udgram)
{
	int unread = 0;

	/* the kernel keeps one of its bytes until it has told us of the room:
	 * sock_wfree(); we may be asking just then */
	return ioctl(udgram->b.fd, SIOCOUTQ, &unread) == 0 && unread <= 1;
}

/* What has arrived. True: there may be more. */
static bool move_in(struct udgram *udgram)
{
	struct ucred cred = {0};
	struct parcel parcel;
	int rc;

	if (udgram->ended || !is_read(udgram))
		return false;
	if (inbox_take(udgram))
		return true;
	udgram->from_len = sizeof(udgram->from);
	rc = parcel_receive(&parcel, udgram->h.fd,
			    (struct sockaddr *)&udgram->from,
			    &udgram->from_len, &cred);
	if (rc < 0)
		return false;
	if (abstract_is(&udgram->from, udgram->from_len))
		udgram->from_len = 0;
	if (cred.pid != getpid())
		parcel_judge(&udgram->sup->joins, &parcel, &udgram->creator);
	parcel_send(&parcel, udgram->b.fd, NULL);
	parcel_done(&parcel);
	return true;
}

static void close_udgram(struct udgram *udgram)
{
	struct supervisor *sup = udgram->sup;
	int b = udgram->b.fd, h = udgram->h.fd;

	watch_remove(sup->loop, &udgram->b);
	watch_remove(sup->loop, &udgram->h);
	close(b);
	close(h);
	inbox_close(udgram);
	if (udgram->has_out)
		parcel_done(&udgram->out);
	LL_DELETE(sup->udgrams, udgram);
	sup->udgram_count--;
	/* the loop may still hold it in this round */
	LL_PREPEND(sup->udgrams_done, udgram);
}

void udgram_move(struct udgram *udgram)
{
	bool out = true, in = true;

	for (int i = 0; i < ROUND_MAX && (out || in); i++) {
		out = out && move_out(udgram);
		in = in && move_in(udgram);
	}
	/* what was sent arrives, also when its sender has gone */
	if (udgram->ended && !out && !udgram->has_out)
		close_udgram(udgram);
	else if (out || in) /* asked again: it is said again */
		watch_change(udgram->sup->loop, &udgram->b, UDGRAM_BOTH);
}

static void on_b(struct watch *watch, uint32_t events)
{
	struct udgram *udgram =
		(struct udgram *)((char *)watch - offsetof(struct udgram, b));

	if (events & (EPOLLHUP | EPOLLERR))
		udgram->ended = true;
	udgram_move(udgram);
}

static void on_h(struct watch *watch, uint32_t events)
{
	udgram_move((struct udgram *)((char *)watch - offsetof(struct udgram, h)));
}

/*
 * Closed by their programs, which we have not been told yet: whoever sends to
 * one of them now must hear that nobody is there.
 */
static void close_ended(struct supervisor *sup)
{
	static struct pollfd polled[UDGRAMS_MAX];
	struct udgram *udgram, *next;
	unsigned int count = 0, i = 0;

	LL_FOREACH(sup->udgrams, udgram)
		polled[count++] = (struct pollfd){.fd = udgram->b.fd};
	if (poll(polled, count, 0) <= 0)
		return;
	LL_FOREACH_SAFE(sup->udgrams, udgram, next) {
		if (!(polled[i++].revents & POLLHUP))
			continue;
		udgram->ended = true;
		udgram_move(udgram);
	}
}

/* ---- socket() ---- */

static int open_sockets(struct udgram *udgram, int flags, int *ret_a)
{
	socklen_t len = sizeof(udgram->cookie);
	int pair[2], one = 1;

	udgram->h = (struct watch){
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		on_h};
	if (udgram->h.fd < 0)
		return -errno;
	/* of those inside we are the sender */
	if (setsockopt(udgram->h.fd, SOL_SOCKET, SO_PASSCRED, &one,
		       sizeof(one)) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0,
		       pair) < 0)
		return -errno;
	*ret_a = pair[0];
	udgram->b = (struct watch){pair[1], on_b};
	/* whoever writes a message is its sender outside, too */
	if (setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) <
		    0 ||
	    getsockopt(pair[0], SOL_SOCKET, SO_COOKIE, &udgram->cookie, &len) <
		    0)
		return -errno;
	return 0;
}

static int open_udgram(struct supervisor *sup, const struct ucred *creator,
		       int flags)
{
	struct udgram *udgram;
	int a = -1, rc;

	if (sup->udgram_count >= UDGRAMS_MAX)
		return -ENOBUFS;
	udgram = calloc(1, sizeof(*udgram));
	if (!udgram)
		return -ENOMEM;
	udgram->sup = sup;
	udgram->creator = *creator;
	udgram->b.fd = udgram->h.fd = -1;
	udgram->in.fd = udgram->in_end = -1;
	rc = open_sockets(udgram, flags, &a);
	if (rc == 0)
		rc = watch_add(sup->loop, &udgram->b, UDGRAM_BOTH);
	if (rc == 0)
		rc = watch_add(sup->loop, &udgram->h, UDGRAM_BOTH);
	if (rc == 0) {
		LL_PREPEND(sup->udgrams, udgram);
		sup->udgram_count++;
		return a;
	}
	/* a closed descriptor leaves the set by itself */
	if (a >= 0)
		close(a);
	if (udgram->b.fd >= 0)
		close(udgram->b.fd);
	if (udgram->h.fd >= 0)
		close(udgram->h.fd);
	free(udgram);
	return rc;
}

void udgram_socket(struct call *call)
{
	struct ucred creator;
	int a = identity_assume(call);

	if (a == 0) {
		creator = identity_sender(call);
		a = open_udgram(call->sup, &creator,
				(int)call->args[1] & SOCK_NONBLOCK);
		identity_resume(call);
	}
	if (a < 0)
		call_reply(call, a);
	else
		call_reply_fd(call, a, call->args[1] & SOCK_CLOEXEC);
}

/* ---- with an address ---- */

static int read_target(struct call *call, const struct udgram *udgram,
		       const struct message *message)
{
	struct sockaddr_storage sa;
	ssize_t size = message_len(message);
	socklen_t len;
	int rc;

	if (size < 0 || size > DATA_MAX)
		return size < 0 ? (int)size : -EMSGSIZE;
	rc = sockaddr_read(call, message->name, message->name_len, &sa, &len);
	if (rc == 0)
		rc = abstract_target(call, udgram, &sa, len);
	if (rc < 0)
		return rc;
	call->len = (size_t)size;
	call->data = malloc((size_t)size + 1);
	rc = call->data ? message_gather(call, message, call->data) : -ENOMEM;
	return rc < 0 ? rc : rights_take(call, message);
}

static void try_send(struct call *call)
{
	struct udgram *udgram = udgram_find(call->sup, call->cookie);
	ssize_t rc;

	if (!udgram) {
		call_reply(call, -EBADF);
		return;
	}
	rc = call->target ? inbox_send(udgram, call) :
			    outside_send(call, udgram->h.fd);
	if (rc == -EAGAIN && !call_is_nonblocking(call, call->flags)) {
		/* no event tells when there is room: on the next tick */
		call->deadline_ms = 1;
		call->ready = try_send;
		return;
	}
	if (rc >= 0 && call->nr == SYS_sendmmsg) {
		rc = message_set_count(call, 0, (size_t)rc);
		rc = rc < 0 ? rc : 1;
	}
	call_reply(call, rc);
}

void udgram_send(struct call *call, struct udgram *udgram)
{
	struct message message;
	int rc = message_limit(call) ? 0 : -EAGAIN;

	close_ended(call->sup);
	if (rc == 0)
		rc = message_read(call, 0, &message);
	if (rc == 0 && !message.name) {
		call_continue(call, "a datagram moves on a pair's end, which "
				    "takes no address");
		return;
	}
	call->flags = message.flags;
	if (rc == 0)
		rc = read_target(call, udgram, &message);
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	/* what was written before goes before */
	while (move_out(udgram))
		continue;
	try_send(call);
}

/* What the message says of itself, once its bytes have gone to the caller. */
static int tell(const struct call *call, const struct udgram *udgram,
		const struct message *message, struct msghdr *msg, int flags)
{
	const struct sockaddr_storage *sa = (const void *)&udgram->from;
	uint8_t room[RIGHTS_ROOM] __attribute__((aligned(8)));
	struct fdnet_node_cmsg control;

	flags |= rights_give(call, message, msg, room, &control);
	return message_set_from(call, message, sa, udgram->from_len, &control,
				flags);
}

static ssize_t take(struct call *call, const struct udgram *udgram,
		    const struct message *message)
{
	static uint8_t data[DATA_MAX];
	union parcel_control control;
	struct iovec iov = {data, sizeof(data)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t len, given;
	int rc;

	len = recvmsg(call->fd, &msg,
		      MSG_DONTWAIT | MSG_CMSG_CLOEXEC |
			      (message->flags & MSG_PEEK));
	if (len < 0)
		return -errno;
	given = message_scatter(call, message, data, (size_t)len);
	rc = tell(call, udgram, message, &msg, given < len ? MSG_TRUNC : 0);
	if (given < 0 || rc < 0)
		return given < 0 ? given : rc;
	len = message->flags & MSG_TRUNC ? len : given;
	if (call->nr != SYS_recvmmsg)
		return len;
	rc = message_set_count(call, 0, (size_t)len);
	return rc < 0 ? rc : 1;
}

static void try_receive(struct call *call)
{
	struct udgram *udgram = udgram_find(call->sup, call->cookie);
	struct message message;
	ssize_t rc;

	if (!udgram || !call_is_valid(call)) {
		call_reply(call, -EBADF);
		return;
	}
	rc = message_read(call, 0, &message);
	call->flags = message.flags;
	if (rc == 0 && !message.name) {
		call_continue(call, "a datagram moves on a pair's end");
		return;
	}
	if (rc == 0)
		rc = take(call, udgram, &message);
	if (rc == -EAGAIN && !call->timed_out &&
	    !call_is_nonblocking(call, call->flags))
		call_wait(call, EPOLLIN, 0, try_receive);
	else
		call_reply(call, rc);
}

void udgram_receive(struct call *call, struct udgram *udgram)
{
	(void)udgram;
	if (message_limit(call))
		try_receive(call);
	else
		call_reply(call, -EAGAIN);
}

void udgram_name(struct call *call, const struct udgram *udgram)
{
	bool peer = call->nr == SYS_getpeername;
	struct sockaddr_storage sa = {0};
	socklen_t len = abstract_name(udgram, peer, &sa);
	int rc = 0;

	if (!len)
		rc = udgram_kernel_name(udgram, peer, &sa, &len);
	call_reply(call, rc < 0 ? rc :
				  sockaddr_write(call, call->args[1],
						 call->args[2], &sa, len));
}

/* ---- the end ---- */

void udgram_round(struct supervisor *sup)
{
	struct udgram *udgram, *next;

	LL_FOREACH_SAFE(sup->udgrams_done, udgram, next)
		free(udgram);
	sup->udgrams_done = NULL;
}

void udgram_end(struct supervisor *sup)
{
	while (sup->udgrams)
		close_udgram(sup->udgrams);
	udgram_round(sup);
}
