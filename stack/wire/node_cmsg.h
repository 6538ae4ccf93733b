/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control messages (recvmsg(2)) of sockets that the relay has: what a tag says
 * (node_tag.h), in the layout that a program wants, and what it gave.
 */
#ifndef STACK_WIRE_NODE_CMSG_H
#define STACK_WIRE_NODE_CMSG_H

#include <stdbool.h>
#include <time.h>

#include "stack/wire/node_tag.h"

/**
 * struct fdnet_node_cmsg - where they go
 * @at, @room:  NULL: nowhere
 * @now:   the wall clock, for who asks for the time
 * @used:  bytes that are written; @cut: not all went in (MSG_CTRUNC)
 */
struct fdnet_node_cmsg {
	void *at;
	size_t room;
	struct timespec now;
	size_t used;
	bool cut;
};

/** fdnet_node_cmsg_tag - what @tag says; @family: of the socket, 4 or 6 */
void fdnet_node_cmsg_tag(struct fdnet_node_cmsg *w, int family,
			 const struct fdnet_node_tag *tag);

/** fdnet_node_cmsg_error - an entry of an error queue; @name: who said it, a
 * sockaddr */
void fdnet_node_cmsg_error(struct fdnet_node_cmsg *w, int family,
			   const struct fdnet_sock_error *err, const void *name,
			   size_t name_len);

/** fdnet_node_cmsg_parse - from sendmsg()'s @control to @msg: local, ttl, tos,
 * gso_size; others are left alone. 0 or -EINVAL */
int fdnet_node_cmsg_parse(const void *control, size_t len,
			  struct fdnet_msg *msg);

#endif
