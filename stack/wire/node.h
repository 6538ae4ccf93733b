/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of a node channel, over which a process of the sandbox, or the
 * supervisor for it, has sockets that the relay holds: doc/handover.md.
 * Numbers are in host order: both ends are processes of one machine.
 */
#ifndef STACK_WIRE_NODE_H
#define STACK_WIRE_NODE_H

#include <stddef.h>
#include <stdint.h>

#include <fdnet/stack.h>

/* The part that all requests, and all answers, begin with. */
#define FDNET_NODE_HEAD_LEN 16
#define FDNET_NODE_NAME_LEN 24
/* Largest option value, as a request or as an answer carries it. */
#define FDNET_NODE_VALUE_MAX 512
/* Room for any message. */
#define FDNET_NODE_MAX_LEN (FDNET_NODE_HEAD_LEN + 12 + FDNET_NODE_VALUE_MAX)
/* What a listener's B sends with each connection. */
#define FDNET_NODE_ACCEPTED_LEN (2 * FDNET_NODE_NAME_LEN)
/* What waits in the A of a connection until somebody accepts it: one byte,
 * taken out by accept(). A listener that closes leaves it unread in those that
 * nobody accepted, which B shows as ECONNRESET: they are reset. */
#define FDNET_NODE_TOKEN_LEN 1

enum fdnet_node_op {
	FDNET_NODE_NEW = 0x01,	   /* with B */
	FDNET_NODE_TAKE = 0x02,	   /* with B and a memfd */
	FDNET_NODE_BIND = 0x03,
	FDNET_NODE_CONNECT = 0x04,
	FDNET_NODE_LISTEN = 0x05,
	FDNET_NODE_NAMES = 0x06,
	FDNET_NODE_SETOPT = 0x07,
	FDNET_NODE_GETOPT = 0x08,
	FDNET_NODE_SHUTDOWN = 0x09,
	FDNET_NODE_CANCEL = 0x0a,
	FDNET_NODE_SEND = 0x0b, /* with a memfd */
	FDNET_NODE_ERRQUEUE = 0x0c, /* the oldest entry of the error queue */
	FDNET_NODE_RENEW = 0x0d, /* with B */
	FDNET_NODE_ANSWER = 0x80, /* added to the request's */
};

/* In the head's second byte. */
enum fdnet_node_flag {
	FDNET_NODE_NONBLOCK = 1 << 0, /* CONNECT: EINPROGRESS at once */
	/* CONNECT of datagram sockets: frames end with the connection, and
	 * begin again when it is dissolved */
	FDNET_NODE_UNFRAME = 1 << 1,
};

/* In the body of NEW and TAKE. */
enum fdnet_node_sock_flag {
	FDNET_NODE_FRAMED = 1 << 0, /* datagrams from A begin with a name, those
				     * to A have one beside them */
	FDNET_NODE_CLAIM = 1 << 1,  /* TAKE: the port claim comes along */
	FDNET_NODE_HELD = 1 << 2,   /* TAKE: the flow was held */
	FDNET_NODE_ENDED = 1 << 3,  /* TAKE: a connection that has ended */
	/* NEW: who reads A does not ask why it ended; the kernel tells */
	FDNET_NODE_PLAIN = 1 << 4,
};

/* In the answer to NAMES. */
enum fdnet_node_state {
	FDNET_NODE_LISTENING = 1 << 0,
	FDNET_NODE_CONNECTED = 1 << 1,
	FDNET_NODE_CONNECTING = 1 << 2,
	FDNET_NODE_IS_FRAMED = 1 << 3,
};

/* The level at which GETOPT gives what ioctl() would: the options below, an
 * int each. */
#define FDNET_NODE_SOL_IOCTL 0x7fdbe7
#define FDNET_NODE_INQ 0x541B  /* FIONREAD: of the engine's socket */
#define FDNET_NODE_OUTQ 0x5411 /* SIOCOUTQ: likewise */
#define FDNET_NODE_ATMARK 0x8905 /* SIOCATMARK */

/**
 * struct fdnet_node_req - a request; which members count depends on @op
 * @flags:   enum fdnet_node_flag
 * @id:      chosen by the asker, comes back in the answer
 * @cookie:  SO_COOKIE of the socket's A
 * @family:  NEW: 4 or 6; @type: enum fdnet_sock_type; @proto: IP protocol
 * @sock_flags:  NEW, TAKE: enum fdnet_node_sock_flag
 * @bytes:   TAKE: of the saved socket in the memfd; SEND: of the datagram
 * @name:    BIND, CONNECT, SEND
 * @from:    SEND: from this address; family 0: choose
 * @ttl1, @tos1:  SEND: one more than the value; 0: the socket's own
 * @gso:     SEND: cut into datagrams of this size, or 0
 * @arg:     LISTEN: backlog; SHUTDOWN: how; CANCEL: id of the request
 * @renewed: RENEW: SO_COOKIE of the new A
 * @level, @optname, @optlen:  SETOPT, GETOPT
 * @value:   SETOPT; @optlen bytes, in the message when decoded; borrowed
 */
struct fdnet_node_req {
	uint8_t op;
	uint8_t flags;
	uint32_t id;
	uint64_t cookie;
	uint8_t family, type;
	uint16_t proto;
	uint32_t sock_flags;
	uint32_t bytes;
	struct fdnet_name name, from;
	uint16_t ttl1, tos1, gso;
	uint32_t arg;
	uint64_t renewed;
	int32_t level, optname;
	uint32_t optlen;
	const void *value;
};

/**
 * struct fdnet_node_ans - an answer
 * @op:      of the request, without FDNET_NODE_ANSWER
 * @error:   positive errno; with one the rest is not there
 * @local:   BIND, CONNECT, NAMES; @peer: NAMES (family 0: none)
 * @family, @type, @proto, @state:  NAMES; @state: enum fdnet_node_state
 * @len, @value:  GETOPT; ERRQUEUE (node_tag.h, and the datagram's first bytes)
 */
struct fdnet_node_ans {
	uint8_t op;
	uint16_t error;
	uint32_t id;
	uint64_t cookie;
	struct fdnet_name local, peer;
	uint8_t family, type;
	uint16_t proto;
	uint32_t state;
	uint32_t len;
	const void *value;
};

/**
 * fdnet_node_req_encode, fdnet_node_ans_encode - as bytes
 * @dst:  FDNET_NODE_MAX_LEN of room
 *
 * Return the length. A value beyond FDNET_NODE_VALUE_MAX is cut.
 */
size_t fdnet_node_req_encode(uint8_t *dst, const struct fdnet_node_req *req);
size_t fdnet_node_ans_encode(uint8_t *dst, const struct fdnet_node_ans *ans);

/** fdnet_node_req_decode, fdnet_node_ans_decode - from bytes. 0, -EBADMSG
 * (length, op, or a value out of range) */
int fdnet_node_req_decode(const uint8_t *src, size_t len,
			  struct fdnet_node_req *ret_req);
int fdnet_node_ans_decode(const uint8_t *src, size_t len,
			  struct fdnet_node_ans *ret_ans);

/** fdnet_node_name_encode, fdnet_node_name_decode - one name, as frames and
 * accepted connections carry it: FDNET_NODE_NAME_LEN bytes. -EBADMSG when the
 * family is none of 0, 4, 6 or what must be zero is not */
void fdnet_node_name_encode(uint8_t *dst, const struct fdnet_name *name);
int fdnet_node_name_decode(const uint8_t *src, struct fdnet_name *ret_name);

#endif
