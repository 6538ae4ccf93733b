/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that the relay holds (doc/handover.md): requests about them over
 * this process's node channel, one at a time.
 *
 * All under the shim's lock, which is kept meanwhile: the relay answers at
 * once and never waits for us.
 */
#ifndef SHIM_NODE_H
#define SHIM_NODE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "shim/file.h"
#include "stack/wire/node.h"

/**
 * shim_node_ask - one request
 * @req:  its id is set here
 * @fds, @nfds:  go along; borrowed
 * @ret_ans:  valid until the next request; may be NULL
 *
 * Returns 0 or the answer's error, negated; -ENETDOWN when there is no relay.
 */
int shim_node_ask(struct fdnet_node_req *req, const int *fds,
		  unsigned int nfds, struct fdnet_node_ans *ret_ans);

/**
 * shim_node_names - what the relay knows of a socket
 *
 * Fills in @file's names and kind. Returns 0, -ENOENT (not one of ours).
 */
int shim_node_names(struct shim_file *file);

/** shim_node_bind, shim_node_listen, shim_node_shutdown - as the calls */
int shim_node_bind(struct shim_file *file, const struct fdnet_name *name);
int shim_node_listen(struct shim_file *file, int backlog);
int shim_node_shutdown(struct shim_file *file, int how);

/** shim_node_connect - start to connect; -EINPROGRESS: A tells when */
int shim_node_connect(struct shim_file *file, const struct fdnet_name *name);

/** shim_node_setopt, shim_node_getopt - as fdnet_sock_setopt() and _getopt() */
int shim_node_setopt(struct shim_file *file, int level, int name,
		     const void *val, uint32_t len);
int shim_node_getopt(struct shim_file *file, int level, int name, void *val,
		     uint32_t *len);

/** shim_node_open_out - @fd, A of @file, may be written to again: its send
 * buffer, kept small until it was connected, becomes as usual */
void shim_node_open_out(struct shim_file *file, int fd);

/** shim_node_after_fork - in the child: the channel is the parent's */
void shim_node_after_fork(void);

#endif
