/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections between the sandbox and a service of the host, by AF_UNIX: the
 * program never has a socket whose peer is the host's, because over that any
 * descriptor could come, a network socket too. Both ends are ours, bytes and
 * messages are moved from one to the other, and descriptors on their way in
 * are looked at (passed.h). What goes out is the program's own.
 *
 * A descriptor that is refused is missing from its message, as are those that
 * came with it, behind it: the kernel does the same where a security module
 * refuses one.
 */
#ifndef SANDBOX_JOIN_H
#define SANDBOX_JOIN_H

#include <stdint.h>
#include <sys/socket.h>

#include "sandbox/watch.h"

/* At once, in one sandbox. */
#define JOINS_MAX 512

struct join;

/**
 * struct joins - those of one sandbox
 * @refused:  what was refused and has been said, a bit for each kind of text
 */
struct joins {
	struct watch_loop *loop;
	struct join *list, *done;
	unsigned int count;
	const char *refused[8];
};

void joins_init(struct joins *joins, struct watch_loop *loop);

/**
 * joins_add - join two connected sockets of one type until both have ended
 * @inner:   its peer is the program's; taken, also on failure
 * @outer:   its peer is outside; taken, also on failure
 * @cookie:  of the program's socket; 0: nobody asks joins_find()
 * @cred:    of who is outside, for SO_PEERCRED
 * @sender:  of the program, for those outside who ask messages for it; no pid:
 *           as ours are
 * Returns 0, -ENOMEM, -ENOBUFS (too many), or what epoll said.
 */
int joins_add(struct joins *joins, int inner, int outer, uint64_t cookie,
	      const struct ucred *cred, const struct ucred *sender);

/** joins_find - who is at the other end of this socket? NULL: nobody outside */
const struct ucred *joins_find(const struct joins *joins, uint64_t cookie);

/** joins_round - after each round of the loop: frees what ended in it */
void joins_round(struct joins *joins);

/** joins_end - close all */
void joins_end(struct joins *joins);

/* ---- for those that move messages themselves ---- */

#define PASS_MAX 253 /* the kernel's SCM_MAX_FD */

/**
 * struct parcel - one message on its way
 * @data, @len, @at:  owned; @at: what has been sent of it
 * @fds, @fd_count:   owned; they go with the first byte
 */
struct parcel {
	char *data;
	size_t len, at;
	int *fds;
	size_t fd_count;
};

/**
 * parcel_receive - one message, or some bytes of a stream
 * @fd:    never waited for
 * @name, @name_len:  where it came from, or NULL
 * @cred:  of the sender, where @fd has SO_PASSCRED; or NULL
 * Returns 1, 0 at the end, or a negative errno (-EAGAIN).
 */
int parcel_receive(struct parcel *parcel, int fd, struct sockaddr *name,
		   socklen_t *name_len, struct ucred *cred);

union parcel_control {
	char buf[CMSG_SPACE(PASS_MAX * sizeof(int)) +
		 CMSG_SPACE(sizeof(struct ucred))];
	struct cmsghdr align;
};

/** parcel_fill_control - what goes beside it, for sendmsg()
 * @control:  room; borrowed as long as @msg is used
 * @sender:  as parcel_send()'s */
void parcel_fill_control(struct msghdr *msg, union parcel_control *control,
			 const struct parcel *parcel,
			 const struct ucred *sender);

/** parcel_send - what is left of it to whom @fd is connected; 0 when all is
 * sent, or a negative errno
 * @sender:  as joins_add()'s, or NULL */
int parcel_send(struct parcel *parcel, int fd, const struct ucred *sender);

/** parcel_judge - drop the descriptors that may not come in
 * @sender:  as joins_add()'s, of the program that they come to */
void parcel_judge(struct joins *joins, struct parcel *parcel,
		  const struct ucred *sender);

void parcel_done(struct parcel *parcel);

#endif
