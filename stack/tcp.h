/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sock.c and stack.c may ask of TCP beyond struct fdnet_proto_ops.
 *
 * These calls of <fdnet/stack.h> are TCP's alone and are defined in stack/tcp*.c,
 * where sockets of another kind get -EOPNOTSUPP: fdnet_sock_send_reserve(),
 * fdnet_sock_send_commit(), fdnet_sock_recv_peek(), fdnet_sock_recv_consume(),
 * fdnet_sock_admit(), fdnet_sock_refuse(), fdnet_sock_abort(), fdnet_sock_cut(),
 * fdnet_sock_at_mark(), fdnet_sock_state(). fdnet_stack_next_request() and its
 * queue belong to stack.c.
 */
#ifndef STACK_TCP_H
#define STACK_TCP_H

#include "stack/internal.h"

/** fdnet_tcp_state - enum fdnet_tcp_state of a TCP socket */
int fdnet_tcp_state(const struct fdnet_sock *so);

/** fdnet_tcp_disconnect - connect(2) with AF_UNSPEC: drop the connection, or
 * stop listening; the socket may be used again. Returns 0. */
int fdnet_tcp_disconnect(struct fdnet_sock *so);

/** fdnet_tcp_stamp_base - the sequence number that SO_TIMESTAMPING counts
 * from: the first not acknowledged, or (@all_written) not written. -EINVAL */
int fdnet_tcp_stamp_base(struct fdnet_sock *so, bool all_written,
			 uint32_t *ret_base);

/** fdnet_tcp_queued_in - bytes received in order and not read */
uint32_t fdnet_tcp_queued_in(const struct fdnet_sock *so);
/** fdnet_tcp_is_queued - is it for a listener to accept? */
bool fdnet_tcp_is_queued(const struct fdnet_sock *so);
/** fdnet_tcp_backlog - connections that wait to be accepted */
unsigned int fdnet_tcp_backlog(const struct fdnet_sock *so);
/** fdnet_tcp_forget_queue - drop these without a word */
void fdnet_tcp_forget_queue(struct fdnet_sock *so);
/** fdnet_tcp_each_queued - call @fn for each of these, and for those whose SYN
 * is held until there is room */
void fdnet_tcp_each_queued(const struct fdnet_sock *so,
			   void (*fn)(void *arg, const struct fdnet_name *local,
				      const struct fdnet_name *peer),
			   void *arg);
/** fdnet_tcp_seqs - the next sequence numbers it sends and waits for, and
 * whether it, and its peer, have sent a FIN */
void fdnet_tcp_seqs(const struct fdnet_sock *so, uint32_t *ret_snd,
		    uint32_t *ret_rcv, bool *ret_snd_fin, bool *ret_rcv_fin);
/** fdnet_tcp_expects - does the listener wait for an ACK from @peer? */
bool fdnet_tcp_expects(const struct fdnet_sock *so,
		       const struct fdnet_name *local,
		       const struct fdnet_name *peer);

#endif
