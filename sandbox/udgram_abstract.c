/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Abstract names of AF_UNIX datagram sockets.
 *
 * How it works: the real sockets (udgram.c, H) are in the host's network
 * namespace, where an abstract name has no owner: anybody could send to it. So
 * the kernel is told of none. Names are kept here, and what is sent to one goes
 * over a datagram pair to the socket that has it, behind a head that says whom
 * it is from. The pair's queue is what bounds it, as any socket's.
 *
 * What a socket with such a name sends to another of this sandbox by a path
 * goes the same way: nobody else could say whom it is from.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utlist.h>

#include "sandbox/bound.h"
#include "sandbox/udgram_internal.h"

#define PATH_AT	   offsetof(struct sockaddr_un, sun_path)
#define FREE_NAMES 0x100000 /* of those that the kernel chooses from */

/* Before each message in a pair. */
struct head {
	struct sockaddr_un from;
	socklen_t from_len;
};

bool abstract_is(const void *name, socklen_t len)
{
	struct sockaddr_un sun;

	if (len <= PATH_AT || len > sizeof(sun))
		return false;
	memcpy(&sun, name, len);
	return sun.sun_family == AF_UNIX && !sun.sun_path[0];
}

static struct udgram *find_name(const struct supervisor *sup, const void *name,
				socklen_t len)
{
	struct udgram *udgram;

	LL_FOREACH(sup->udgrams, udgram)
		if (udgram->name_len == len && !udgram->ended &&
		    !memcmp(&udgram->name, name, len))
			return udgram;
	return NULL;
}

/* ---- names ---- */

static bool has_name(const struct udgram *udgram)
{
	struct sockaddr_storage sa;
	socklen_t len;

	return udgram->name_len ||
	       (udgram_kernel_name(udgram, false, &sa, &len) == 0 &&
		len > PATH_AT);
}

/* As the kernel does: five hexadecimal digits, one after the other. */
static int choose_name(struct udgram *udgram)
{
	static unsigned int next;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	const socklen_t len = PATH_AT + 6;

	for (unsigned int i = 0; i < FREE_NAMES; i++) {
		snprintf(sun.sun_path + 1, 6, "%05x", next++ % FREE_NAMES);
		if (find_name(udgram->sup, &sun, len))
			continue;
		udgram->name = sun;
		udgram->name_len = len;
		return 0;
	}
	return -ENOSPC;
}

int abstract_bind(struct udgram *udgram, const struct sockaddr_storage *sa,
		  socklen_t len)
{
	/* a second bind() without a name is none */
	if (has_name(udgram))
		return len <= PATH_AT ? 0 : -EINVAL;
	if (len <= PATH_AT)
		return choose_name(udgram);
	if (find_name(udgram->sup, sa, len))
		return -EADDRINUSE;
	memcpy(&udgram->name, sa, len);
	udgram->name_len = len;
	return 0;
}

socklen_t abstract_name(const struct udgram *udgram, bool peer,
			struct sockaddr_storage *sa)
{
	socklen_t len = peer ? udgram->peer_len : udgram->name_len;

	memcpy(sa, peer ? &udgram->peer_name : &udgram->name, len);
	return len;
}

static socklen_t name_of(const struct udgram *udgram, bool peer,
			 struct sockaddr_storage *sa)
{
	socklen_t len = abstract_name(udgram, peer, sa);

	if (!len && udgram_kernel_name(udgram, peer, sa, &len) < 0)
		return 0;
	return len > PATH_AT ? len : 0;
}

/* One that is connected hears its peer only. */
static bool listens_to(const struct udgram *udgram, const struct udgram *sender)
{
	struct sockaddr_storage peer, own;
	socklen_t len;

	if (udgram->peer)
		return udgram->peer == sender->cookie;
	len = name_of(udgram, true, &peer);
	return !len || (len == name_of(sender, false, &own) &&
			!memcmp(&peer, &own, len));
}

int abstract_connect(struct call *call, struct udgram *udgram,
		     const struct sockaddr_storage *sa, socklen_t len)
{
	static const struct sockaddr none = {.sa_family = AF_UNSPEC};
	const struct udgram *peer = find_name(call->sup, sa, len);

	if (!peer)
		return -ECONNREFUSED;
	if (!listens_to(peer, udgram))
		return -EPERM;
	connect(udgram->h.fd, &none, sizeof(none));
	udgram->peer = peer->cookie;
	memcpy(&udgram->peer_name, sa, len);
	udgram->peer_len = len;
	return 0;
}

void abstract_disconnect(struct udgram *udgram, uint64_t peer)
{
	udgram->peer = peer;
	udgram->peer_len = 0;
}

/* ---- messages ---- */

/* Has the path led to one of ours? */
static uint64_t socket_at(const struct call *call)
{
	uint64_t cookie;
	struct stat st;

	if (call->outside || fstat(call->spare_fd, &st) < 0 ||
	    !bound_find(call->sup, &st, &cookie))
		return 0;
	return udgram_find(call->sup, cookie) ? cookie : 0;
}

int abstract_target(struct call *call, const struct udgram *udgram,
		    const struct sockaddr_storage *sa, socklen_t len)
{
	const struct udgram *target;
	int rc;

	if (abstract_is(sa, len)) {
		target = find_name(call->sup, sa, len);
		if (!target)
			return -ECONNREFUSED;
		call->target = target->cookie;
		return 0;
	}
	rc = unix_find(call, sa, len);
	if (rc == 0 && udgram->name_len)
		call->target = socket_at(call);
	return rc;
}

static void on_in(struct watch *watch, uint32_t events)
{
	udgram_move((struct udgram *)((char *)watch -
				      offsetof(struct udgram, in)));
}

static int open_inbox(struct udgram *udgram)
{
	int pair[2], rc;

	if (udgram->in.fd >= 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       pair) < 0)
		return -errno;
	udgram->in = (struct watch){pair[0], on_in};
	udgram->in_end = pair[1];
	rc = watch_add(udgram->sup->loop, &udgram->in, EPOLLIN | EPOLLET);
	if (rc < 0)
		inbox_close(udgram);
	return rc;
}

/* There is room again, or never will be: those that wait for it try again. */
static void wake_senders(const struct udgram *udgram)
{
	struct udgram *other;

	LL_FOREACH(udgram->sup->udgrams, other)
		if (other->has_out && other->peer == udgram->cookie)
			watch_change(udgram->sup->loop, &other->b, UDGRAM_BOTH);
}

void inbox_close(struct udgram *udgram)
{
	if (udgram->in.fd < 0)
		return;
	watch_remove(udgram->sup->loop, &udgram->in);
	close(udgram->in.fd);
	close(udgram->in_end);
	udgram->in.fd = udgram->in_end = -1;
	wake_senders(udgram);
}

/* @parcel: without its head */
static int deliver(const struct udgram *udgram, uint64_t cookie,
		   const struct parcel *parcel)
{
	struct udgram *target = udgram_find(udgram->sup, cookie);
	struct sockaddr_storage name;
	struct head head = {0};
	struct parcel whole = {0};
	int rc;

	if (!target || target->ended)
		return -ECONNREFUSED;
	if (!listens_to(target, udgram))
		return -EPERM;
	rc = open_inbox(target);
	if (rc < 0)
		return rc;
	head.from_len = name_of(udgram, false, &name);
	memcpy(&head.from, &name, head.from_len);
	whole = (struct parcel){
		.data = malloc(sizeof(head) + parcel->len),
		.len = sizeof(head) + parcel->len,
		.fds = parcel->fds,
		.fd_count = parcel->fd_count,
	};
	if (!whole.data)
		return -ENOMEM;
	memcpy(whole.data, &head, sizeof(head));
	memcpy(whole.data + sizeof(head), parcel->data, parcel->len);
	rc = parcel_send(&whole, target->in_end, NULL);
	free(whole.data);
	return rc;
}

ssize_t inbox_send(const struct udgram *udgram, struct call *call)
{
	const struct parcel parcel = {
		.data = (char *)call->data,
		.len = call->len,
		.fds = call->fds,
		.fd_count = call->fd_count,
	};
	int rc = deliver(udgram, call->target, &parcel);

	if (rc == 0)
		call->fd_count = 0; /* they are closed */
	return rc < 0 ? rc : (ssize_t)call->len;
}

int inbox_send_parcel(const struct udgram *udgram, struct parcel *parcel)
{
	int rc = deliver(udgram, udgram->peer, parcel);

	if (rc == 0)
		parcel->fd_count = 0; /* they are closed */
	return rc;
}

bool inbox_take(struct udgram *udgram)
{
	struct parcel parcel;
	struct head head;
	int rc;

	if (udgram->in.fd < 0 ||
	    parcel_receive(&parcel, udgram->in.fd, NULL, NULL, NULL) < 0)
		return false;
	if (parcel.len >= sizeof(head)) {
		memcpy(&head, parcel.data, sizeof(head));
		udgram->from = head.from;
		udgram->from_len = head.from_len;
		parcel.at = sizeof(head);
		rc = parcel_send(&parcel, udgram->b.fd, NULL);
		(void)rc; /* the program has gone */
	}
	parcel_done(&parcel);
	wake_senders(udgram);
	return true;
}
