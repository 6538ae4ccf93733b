/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets: what an application does with one, without waiting. Comes with
 * fdnet/stack.h, which says how calls, events and packets go together.
 */
#ifndef FDNET_SOCK_H
#define FDNET_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <fdnet/addr.h>
#include <fdnet/mem.h>

FDNET_DECLS_BEGIN

struct fdnet_stack;
struct fdnet_sock;

enum fdnet_sock_type {
	FDNET_SOCK_STREAM = 1, /* values of SOCK_* */
	FDNET_SOCK_DGRAM = 2,
	FDNET_SOCK_RAW = 3,
};

/* Readiness; the values are EPOLL*'s. */
enum fdnet_event {
	FDNET_EV_IN = 0x001,
	FDNET_EV_PRI = 0x002,
	FDNET_EV_OUT = 0x004,
	FDNET_EV_ERR = 0x008,
	FDNET_EV_HUP = 0x010,
	FDNET_EV_RDHUP = 0x2000,
};

/* Flags of send and recv; the values are MSG_*'s. */
enum fdnet_msg_flag {
	FDNET_MSG_OOB = 0x1,
	FDNET_MSG_PEEK = 0x2,
	FDNET_MSG_DONTROUTE = 0x4,
	FDNET_MSG_CTRUNC = 0x8,
	FDNET_MSG_TRUNC = 0x20,
	FDNET_MSG_DONTWAIT = 0x40, /* recv: after SHUT_RD -EAGAIN, not 0 */
	FDNET_MSG_EOR = 0x80,
	FDNET_MSG_WAITALL = 0x100,
	FDNET_MSG_CONFIRM = 0x800, /* send: the neighbour answers */
	FDNET_MSG_ERRQUEUE = 0x2000,
	FDNET_MSG_MORE = 0x8000,
	FDNET_MSG_ZEROCOPY = 0x4000000, /* send: copied, and that is told */
	FDNET_MSG_FASTOPEN = 0x20000000, /* send: connect to @to_from */
};

enum fdnet_shut {
	FDNET_SHUT_RD = 0,
	FDNET_SHUT_WR = 1,
	FDNET_SHUT_RDWR = 2,
};

/* TCP states, the values are the kernel's (TCP_ESTABLISHED = 1 ...). */
enum fdnet_tcp_state {
	FDNET_TCP_ESTABLISHED = 1,
	FDNET_TCP_SYN_SENT,
	FDNET_TCP_SYN_RECV,
	FDNET_TCP_FIN_WAIT1,
	FDNET_TCP_FIN_WAIT2,
	FDNET_TCP_TIME_WAIT,
	FDNET_TCP_CLOSE,
	FDNET_TCP_CLOSE_WAIT,
	FDNET_TCP_LAST_ACK,
	FDNET_TCP_LISTEN,
	FDNET_TCP_CLOSING,
	FDNET_TCP_NEW_SYN_RECV,
};

/**
 * fdnet_sock_open - make a socket
 * @family:  4 or 6
 * @type:    enum fdnet_sock_type
 * @proto:   6 for STREAM, 17 or 1/58 (ping) for DGRAM, any for RAW
 *
 * Returns 0, -EPROTONOSUPPORT, -ENFILE (the limit), -ENOMEM.
 */
FDNET_API int fdnet_sock_open(struct fdnet_stack *stack, int family, int type,
			      int proto, struct fdnet_sock **ret_so);

/**
 * fdnet_sock_close - the application has closed its last reference
 *
 * Orderly: data still to be sent and the FIN are sent later, TIME_WAIT is
 * kept by the stack. Unread data or SO_LINGER 0 make it a reset (RFC 2525).
 * The socket must not be used afterwards; no more events come for it. Taken.
 */
FDNET_API void fdnet_sock_close(struct fdnet_sock *so);

/**
 * fdnet_sock_bind - name the socket
 * @name:  address (may be any) and port (0: choose one)
 *
 * Returns 0, -EADDRINUSE, -EADDRNOTAVAIL (not ours; or no port left: lease
 * more), -EINVAL (already bound), -EAFNOSUPPORT.
 */
FDNET_API int fdnet_sock_bind(struct fdnet_sock *so,
			      const struct fdnet_name *name);

/** fdnet_sock_listen - @backlog as in listen(2). -EADDRINUSE, -EINVAL,
 * -EOPNOTSUPP, -EADDRNOTAVAIL (could not be bound automatically) */
FDNET_API int fdnet_sock_listen(struct fdnet_sock *so, int backlog);

/**
 * fdnet_sock_connect - connect, or set a datagram socket's peer
 * @name:  destination; family 0 dissolves a datagram association
 *
 * Returns 0 (datagram, or done at once), -EINPROGRESS (the event OUT or ERR
 * follows), -EALREADY, -EISCONN, -EADDRNOTAVAIL (no port: lease more),
 * -ENETUNREACH, -EAFNOSUPPORT, -EINVAL, -ECONNREFUSED ... when an earlier
 * attempt failed and this call fetches its error, as connect(2) does.
 */
FDNET_API int fdnet_sock_connect(struct fdnet_sock *so,
				 const struct fdnet_name *name);

/** fdnet_sock_accept - the next connection of a listener; the caller's.
 * -EAGAIN, -EINVAL (not listening), -EOPNOTSUPP */
FDNET_API int fdnet_sock_accept(struct fdnet_sock *so,
				struct fdnet_sock **ret_so);

/** fdnet_sock_shutdown - @how: enum fdnet_shut. -ENOTCONN as shutdown(2) */
FDNET_API int fdnet_sock_shutdown(struct fdnet_sock *so, int how);

/**
 * struct fdnet_msg - one send or receive
 * @iov, @iovcnt:  the data; borrowed
 * @to_from:       DGRAM and RAW: destination (send; family 0: the connected
 *                 peer) or source (recv, written)
 * @local:         DGRAM: source to send from (family 0: choose) or the
 *                 destination the datagram was sent to (recv, written); in a
 *                 gateway any address may be sent from
 * @flags:         in: enum fdnet_msg_flag; recv out: TRUNC, ERRQUEUE
 * @ttl, @tos:     recv: of the datagram; send: -1 for the socket's own
 * @ifindex:       recv: 1 loopback, 2 link
 * @err:           recv with ERRQUEUE: the error; to_from is then the
 *                 destination of the datagram it is about
 * @control, @control_room, @control_len:  recv: where control messages go in
 *                 recvmsg(2)'s layout, as the socket's options ask for them,
 *                 the room there is, and (out) the bytes used; what does not
 *                 fit sets CTRUNC. NULL: none are wanted
 * @wall_us:       recv: what to add to the stack's clock for the time of day,
 *                 for the timestamps among them
 */
struct fdnet_msg {
	const struct iovec *iov;
	int iovcnt;
	struct fdnet_name to_from;
	struct fdnet_name local;
	int flags;
	int ttl;
	int tos;
	int ifindex;
	uint16_t gso_size; /* send: UDP_SEGMENT; recv: UDP_GRO */
	struct fdnet_sock_error {
		int error; /* positive errno */
		uint8_t origin, type, code;
		uint32_t info, data;
		uint64_t time_us; /* of what was stamped */
		struct fdnet_name offender;
		struct fdnet_name about; /* destination of the datagram */
	} err;
	uint64_t time_us; /* recv: when it arrived, on the stack's clock */
	void *control;
	size_t control_room, control_len;
	int64_t wall_us;
};

/**
 * fdnet_sock_send - queue data
 *
 * Streams take what fits into the send buffer, datagrams all or nothing.
 * Returns bytes taken, -EAGAIN (full: OUT follows), -EPIPE (the caller
 * raises SIGPIPE), -ENOTCONN, -EDESTADDRREQ, -EMSGSIZE, -ENETUNREACH,
 * -EACCES (broadcast not allowed), -EISCONN, a pending error;
 * -EADDRNOTAVAIL when an unbound datagram socket finds no port (lease more).
 */
FDNET_API ssize_t fdnet_sock_send(struct fdnet_sock *so,
				  struct fdnet_msg *msg);

/**
 * fdnet_sock_recv - take received data
 *
 * Returns bytes (a datagram's full length only with MSG_TRUNC in flags), 0
 * at end of file, -EAGAIN, -ENOTCONN, a pending error.
 */
FDNET_API ssize_t fdnet_sock_recv(struct fdnet_sock *so,
				  struct fdnet_msg *msg);

/**
 * fdnet_sock_send_reserve - where to put stream data without another copy
 * @iov:     up to @iovcnt entries, written
 *
 * Room in the send buffer, to be filled from the front and made part of the
 * stream by fdnet_sock_send_commit(). No other call on the socket, and no
 * input, may come in between.
 * Returns entries used; -EAGAIN when full; otherwise as fdnet_sock_send().
 */
FDNET_API int fdnet_sock_send_reserve(struct fdnet_sock *so, struct iovec *iov,
				      int iovcnt);
FDNET_API int fdnet_sock_send_commit(struct fdnet_sock *so, size_t len);

/**
 * fdnet_sock_recv_peek - the received stream data in place
 * @iov:  up to @iovcnt entries, written; valid until the next call
 *
 * Returns entries used; 0 at end of file; -EAGAIN; a pending error.
 */
FDNET_API int fdnet_sock_recv_peek(struct fdnet_sock *so, struct iovec *iov,
				   int iovcnt);
/** fdnet_sock_recv_consume - drop @len bytes from the front; opens the window */
FDNET_API void fdnet_sock_recv_consume(struct fdnet_sock *so, size_t len);

/** fdnet_sock_poll - readiness now: enum fdnet_event bits, as poll(2) has them */
FDNET_API uint32_t fdnet_sock_poll(struct fdnet_sock *so);

/**
 * fdnet_sock_choose_port - as listen(), connect() and sending do for a socket
 * that has no port: it gets one, and keeps its address
 *
 * Where bind() chooses none (IP_BIND_ADDRESS_NO_PORT), for those who must know
 * the port before they listen.
 * Returns 0, also when it has one; -EADDRNOTAVAIL when there is none free
 * (lease more).
 */
FDNET_API int fdnet_sock_choose_port(struct fdnet_sock *so);

/** fdnet_sock_name - own name; fdnet_sock_peer - the other's: -ENOTCONN */
FDNET_API int fdnet_sock_name(const struct fdnet_sock *so,
			      struct fdnet_name *ret_name);
FDNET_API int fdnet_sock_peer(const struct fdnet_sock *so,
			      struct fdnet_name *ret_name);

/**
 * fdnet_sock_setopt, fdnet_sock_getopt - options by the kernel's numbers
 * @level, @name:  SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP ... and
 *                 their options with the kernel's values and layouts
 * @val, @len:     as in setsockopt(2); @len is in/out for getopt
 *
 * Options that only a blocking caller can honour (SO_RCVTIMEO, SO_SNDTIMEO,
 * SO_LINGER's wait) are stored here and acted on by the caller.
 * Returns 0, -ENOPROTOOPT, -EINVAL, -EISCONN, -ENOTCONN, -EDOM as the kernel.
 */
FDNET_API int fdnet_sock_setopt(struct fdnet_sock *so, int level, int name,
				const void *val, uint32_t len);
FDNET_API int fdnet_sock_getopt(struct fdnet_sock *so, int level, int name,
				void *val, uint32_t *len);

/** fdnet_sock_inq - bytes readable (SIOCINQ); DGRAM: of the next datagram */
FDNET_API uint32_t fdnet_sock_inq(const struct fdnet_sock *so);
/** fdnet_sock_outq - bytes not yet acknowledged (SIOCOUTQ) */
FDNET_API uint32_t fdnet_sock_outq(const struct fdnet_sock *so);
/** fdnet_sock_unsent - bytes not yet given to fdnet_stack_output() */
FDNET_API uint32_t fdnet_sock_unsent(const struct fdnet_sock *so);
/** fdnet_sock_at_mark - sockatmark(3) */
FDNET_API bool fdnet_sock_at_mark(const struct fdnet_sock *so);

/** fdnet_sock_state - enum fdnet_tcp_state; CLOSE or ESTABLISHED for others */
FDNET_API int fdnet_sock_state(const struct fdnet_sock *so);
FDNET_API int fdnet_sock_type(const struct fdnet_sock *so);
FDNET_API int fdnet_sock_family(const struct fdnet_sock *so);
FDNET_API int fdnet_sock_proto(const struct fdnet_sock *so);

/** fdnet_sock_set_user, fdnet_sock_user - one pointer of the caller's */
FDNET_API void fdnet_sock_set_user(struct fdnet_sock *so, void *user);
FDNET_API void *fdnet_sock_user(const struct fdnet_sock *so);

FDNET_DECLS_END

#endif
