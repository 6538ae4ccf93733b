/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of AF_UNIX datagram sockets; udgram.h is for others. */
#ifndef SANDBOX_UDGRAM_INTERNAL_H
#define SANDBOX_UDGRAM_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sandbox/join.h"
#include "sandbox/udgram.h"
#include "sandbox/watch.h"

#define UDGRAMS_MAX 256
#define UDGRAM_BOTH (EPOLLIN | EPOLLOUT | EPOLLET)

/**
 * struct udgram - one socket; udgram.c says what A, B and H are
 * @out:    came out of B, and waits for room at the other side of H
 * @from:   of the message that A holds
 * @in, @in_end:  a pair, over which messages come to @in that no socket of the
 *          kernel's can bring; -1: nothing came yet
 * @name:   an abstract one; @name_len 0: none
 * @peer:   cookie of one of ours, which is connected to by way of its @in, or
 *          0; @peer_name: by this abstract name, if @peer_len is not 0
 */
struct udgram {
	struct udgram *next;
	struct supervisor *sup;
	struct watch b, h, in;
	int in_end;
	uint64_t cookie, peer;
	struct parcel out;
	struct ucred sender; /* of it */
	struct ucred creator; /* as identity_sender() tells */
	bool has_out, ended;
	struct sockaddr_un from, name, peer_name;
	socklen_t from_len, name_len, peer_len;
};

/** udgram_move - whatever can be moved, both ways; may close it */
void udgram_move(struct udgram *udgram);

/** udgram_kernel_name - what H's name (@peer: that of its peer) is */
int udgram_kernel_name(const struct udgram *udgram, bool peer,
		       struct sockaddr_storage *sa, socklen_t *len);

/* ---- abstract names (udgram_abstract.c) ---- */

/** abstract_is - is this address, wherever it lies, one? */
bool abstract_is(const void *name, socklen_t len);

/** abstract_bind - @sa without a name: any that is free. 0, -EINVAL (it has a
 * name), -EADDRINUSE */
int abstract_bind(struct udgram *udgram, const struct sockaddr_storage *sa,
		  socklen_t len);

/** abstract_connect - 0, -ECONNREFUSED (nobody has it), -EPERM (who has it is
 * connected to another) */
int abstract_connect(struct call *call, struct udgram *udgram,
		     const struct sockaddr_storage *sa, socklen_t len);

/** abstract_disconnect - no more; but to @peer, if that is not 0 */
void abstract_disconnect(struct udgram *udgram, uint64_t peer);

/**
 * abstract_target - whom a message of @udgram for @sa goes to
 *
 * That is call->target, one of ours by its @in, or call->spare_fd, as
 * unix_find() has it.
 */
int abstract_target(struct call *call, const struct udgram *udgram,
		    const struct sockaddr_storage *sa, socklen_t len);

/** abstract_name - what getsockname() (@peer: getpeername()) shows; its length,
 * 0: the kernel's */
socklen_t abstract_name(const struct udgram *udgram, bool peer,
			struct sockaddr_storage *sa);

/** inbox_send - call->data to call->target; as sendmsg() */
ssize_t inbox_send(const struct udgram *udgram, struct call *call);
/** inbox_send_parcel - to the peer; as parcel_send() */
int inbox_send_parcel(const struct udgram *udgram, struct parcel *parcel);
/** inbox_take - the next message goes into B: was there one? */
bool inbox_take(struct udgram *udgram);
void inbox_close(struct udgram *udgram);

#endif
