/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack that acts for every destination (.gateway in its settings): answers
 * to what guests ask of it. Comes with fdnet/stack.h.
 */
#ifndef FDNET_GATEWAY_H
#define FDNET_GATEWAY_H

#include <fdnet/addr.h>
#include <fdnet/mem.h>
#include <fdnet/sock.h>

FDNET_DECLS_BEGIN

/**
 * fdnet_stack_next_request - the next TCP connection asked of the gateway
 *
 * Only with @forward. The socket is half open: its name is the destination
 * the guest asked for, its peer is the guest. Answer with
 * fdnet_sock_admit() or fdnet_sock_refuse(). NULL when there is no other.
 */
FDNET_API struct fdnet_sock *
fdnet_stack_next_request(struct fdnet_stack *stack);

/** fdnet_sock_admit - accept a request: SYN-ACK goes out. Returns 0. */
FDNET_API int fdnet_sock_admit(struct fdnet_sock *so);

/**
 * fdnet_sock_refuse - refuse a request; taken
 * @error:  positive errno: ECONNREFUSED gives RST; ENETUNREACH, EHOSTUNREACH,
 *          EACCES (administratively prohibited) give the ICMP error;
 *          ETIMEDOUT gives silence, on a lossless link an ICMP error that our
 *          stack at the other end takes for ETIMEDOUT
 */
FDNET_API void fdnet_sock_refuse(struct fdnet_sock *so, int error);

/**
 * fdnet_sock_fail - the other side of a gateway's connection has ended; taken
 * @error:  positive errno: on a lossless link the stack at the other end fails
 *          its connection with it (ETIMEDOUT, EHOSTUNREACH, ENETUNREACH,
 *          ENETDOWN, ECONNABORTED, EACCES, EPROTO); else as by
 *          fdnet_sock_abort()
 */
FDNET_API void fdnet_sock_fail(struct fdnet_sock *so, int error);

/**
 * fdnet_sock_bind_foreign - name a gateway's socket with any address
 *
 * For connections towards the guest that carry a remote host's address, and
 * for datagram sockets that serve all destinations (any address, port 0:
 * takes every datagram that no other socket claims).
 * Returns 0, -EADDRINUSE, -EOPNOTSUPP (not a gateway).
 */
FDNET_API int fdnet_sock_bind_foreign(struct fdnet_sock *so,
				      const struct fdnet_name *name);

/**
 * fdnet_sock_reject - answer a datagram with an ICMP error
 * @so:     a gateway's datagram socket
 * @msg:    the datagram as it was received (to_from, local, the first bytes)
 * @error:  ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EACCES, EMSGSIZE
 */
FDNET_API void fdnet_sock_reject(struct fdnet_sock *so,
				 const struct fdnet_msg *msg, int error);

/**
 * fdnet_sock_abort - reset the connection (RST goes out) and close; taken
 */
FDNET_API void fdnet_sock_abort(struct fdnet_sock *so);

FDNET_DECLS_END

#endif
