/* SPDX-License-Identifier: Apache-2.0 */
/* Between the program's struct sockaddr and the stack's struct fdnet_name. */
#ifndef SHIM_ADDR_H
#define SHIM_ADDR_H

#include <stdint.h>
#include <sys/socket.h>

#include <fdnet/stack.h>

/**
 * shim_name_from - read an address the program gave
 * @domain:  of the socket: AF_INET or AF_INET6; a v4-mapped address on an
 *           IPv6 socket becomes an IPv4 name
 * @ret_name:  family 0 for AF_UNSPEC
 *
 * Returns 0, -EINVAL (too short or too long), -EAFNOSUPPORT, -EFAULT.
 */
int shim_name_from(int domain, const struct sockaddr *addr, socklen_t len,
		   struct fdnet_name *ret_name);

/**
 * shim_name_to - give the program an address, cut to its buffer
 * @len:  in: room; out: true length. May be NULL together with @addr.
 */
void shim_name_to(int domain, const struct fdnet_name *name,
		  struct sockaddr *addr, socklen_t *len);

#endif
