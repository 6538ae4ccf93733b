/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sendto(), sendmsg(), recvmmsg() and their like point to: one message
 * of the caller's, its pointers read once and its lengths bounded.
 */
#ifndef SANDBOX_MESSAGE_H
#define SANDBOX_MESSAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "sandbox/notify.h"
#include "stack/wire/node_cmsg.h"

/* Of a call for several messages, as many are answered at once. */
#define MESSAGES_MAX 64
/* Bytes of control messages, either way. */
#define MESSAGE_CONTROL_MAX 512

/**
 * struct message
 * @name, @name_len:  the address given, or room for one
 * @name_len_at:  where the address' length is written, when receiving
 * @control, @control_len:  control messages given, or room for them
 * @header:  struct msghdr, or 0
 */
struct message {
	uint64_t name, name_len_at;
	uint32_t name_len;
	uint64_t control, control_len;
	size_t iov_count;
	uint64_t header;
	int flags;
	struct iovec iov[IOV_MAX];
};

/** message_limit - of how many messages the call may be, 1 or more; 0: none */
unsigned int message_limit(const struct call *call);
/** message_read - the one with this index. 0, -EFAULT, -ESRCH, -EMSGSIZE */
int message_read(const struct call *call, unsigned int index,
		 struct message *ret_message);
/** message_len - bytes of the vector, or -EINVAL */
ssize_t message_len(const struct message *message);
/** message_gather - the vector's bytes (message_len() of them) to @dst. 0,
 * -EFAULT, -ESRCH */
int message_gather(const struct call *call, const struct message *message,
		   uint8_t *dst);
/** message_scatter - @len bytes into the vector; how many fitted, -EFAULT,
 * -ESRCH */
ssize_t message_scatter(const struct call *call, const struct message *message,
			const uint8_t *data, size_t len);
/** message_set_count - of several messages this one has @len bytes. 0 or as
 * above */
int message_set_count(const struct call *call, unsigned int index, size_t len);
/** message_set_from - who it is from, @control, and msg_flags. 0 or as above */
int message_set_from(const struct call *call, const struct message *message,
		     const struct sockaddr_storage *sa, socklen_t len,
		     const struct fdnet_node_cmsg *control, int flags);
/** message_begin_control - for message_set_from(); nothing in it yet
 * @room:  MESSAGE_CONTROL_MAX, aligned to 8; borrowed */
void message_begin_control(const struct message *message, uint8_t *room,
			   struct fdnet_node_cmsg *ret_control);
/** message_read_control - what sendmsg() was given, to @msg. 0, -EINVAL,
 * -ENOBUFS (too much), or as above */
int message_read_control(const struct call *call,
			 const struct message *message, struct fdnet_msg *msg);

/* ---- what goes beside a message of AF_UNIX (rights.c) ---- */

/** rights_take - the descriptors that the caller's message names, as
 * call->fds. 0, -EINVAL, -EBADF, -ENOMEM, or as above */
int rights_take(struct call *call, const struct message *message);
/**
 * rights_give - to the caller, as far as it has room for them
 * @msg:      as recvmsg() filled it here; its descriptors are closed
 * @room:     RIGHTS_ROOM, aligned to 8; borrowed
 * @ret_control:  what message_set_from() writes
 * Returns flags for it.
 */
#define RIGHTS_ROOM 2048
int rights_give(const struct call *call, const struct message *message,
		struct msghdr *msg, uint8_t *room,
		struct fdnet_node_cmsg *ret_control);

#endif
