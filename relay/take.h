/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TAKE: a socket of a guest's becomes the node's (doc/handover.md). Its state
 * comes from an enemy; fdnet_sock_restore() trusts nothing in it, and what it
 * says it is must have been held by a guest to which the switch, the registry
 * and the flows agree.
 */
#ifndef RELAY_TAKE_H
#define RELAY_TAKE_H

#include "relay/node.h"
#include "stack/wire/node.h"

/**
 * take_socket - restore, move what belongs to it, start to pump
 * @fds:  B and a memfd with the state; B is set to -1 when taken
 *
 * Returns 0, -EBADF, -EINVAL (no memfd, or not fit to be B), -EFBIG
 * (LIMIT_TAKE_BYTES), -EPROTO (bad state), -ESTALE (nobody held it), -EPERM
 * (somebody else's), -ENOMEM, or as pumped_new().
 */
int take_socket(struct node *node, const struct fdnet_node_req *req,
		uint32_t pid, int *fds);

/**
 * take_read - what a memfd holds
 * @len:  bytes wanted, not above @max
 * @ret_data:  allocated, the caller's
 *
 * Returns 0, -EBADF, -EINVAL (not a memfd), -EFBIG, -EPROTO (it holds less),
 * -ENOMEM.
 */
int take_read(int fd, uint32_t len, uint32_t max, uint8_t **ret_data);

/**
 * take_connection - one side of a connection becomes the node's: its entry in
 * the switch, or its half in the gateway
 * @local, @peer:  of the side
 *
 * Returns 0, -ENOENT (nobody knows it: it is about to begin), or as
 * switch_move() and flow_tcp_move().
 */
int take_connection(struct node *node, struct guest *from,
		    const struct fdnet_name *local,
		    const struct fdnet_name *peer);

#endif
