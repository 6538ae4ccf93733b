/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NETLINK_ROUTE sockets: what they ask is answered from the sandbox's
 * interfaces (base/rtnl.h). A request is answered at once, while it is sent:
 * the replies go into the placeholder, where receiving, poll and epoll are the
 * kernel's. NETLINK_SOCK_DIAG answers as a kernel that lacks its modules,
 * whereupon ss reads /proc/net (procnet.c). Other netlink families do not
 * exist inside the fence.
 *
 * All under the shim's lock, but for shim_netlink_recv().
 */
#ifndef SHIM_NETLINK_H
#define SHIM_NETLINK_H

#include <stdbool.h>
#include <sys/socket.h>

#include "shim/file.h"

/** shim_netlink_open - socket(AF_NETLINK, @type, @protocol): fd or -E
 * @protocol:  NETLINK_ROUTE or NETLINK_SOCK_DIAG */
int shim_netlink_open(int type, int protocol);

/** shim_netlink_free - @file's netlink part, or none */
void shim_netlink_free(struct shim_file *file);

/** shim_netlink_bind, _connect, _name - by sockaddr_nl; 0 or -E.
 * The peer's name is the kernel's, port 0. */
int shim_netlink_bind(struct shim_file *file, const struct sockaddr *addr,
		      socklen_t len);
int shim_netlink_connect(struct shim_file *file, const struct sockaddr *addr,
			 socklen_t len);
int shim_netlink_name(struct shim_file *file, bool peer,
		      struct sockaddr *addr, socklen_t *len);

/** shim_netlink_send - take one datagram of requests, answer it */
ssize_t shim_netlink_send(int fd, struct shim_file *file,
			  const struct msghdr *hdr, int flags);

/** shim_netlink_recv - recvmsg(2) on the placeholder, with the sender's name
 * put in; not locked. Returns like libc: -1 and errno. */
ssize_t shim_netlink_recv(int fd, struct msghdr *hdr, int flags);

/** shim_netlink_getopt, _setopt - 0, -E, or 1: the placeholder's to answer */
int shim_netlink_getopt(struct shim_file *file, int level, int name,
			void *val, socklen_t *len);
int shim_netlink_setopt(struct shim_file *file, int level, int name,
			const void *val, socklen_t len);

#endif
