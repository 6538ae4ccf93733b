/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands beside a datagram that the relay gives to A: whom it is from,
 * and what else the program has asked for by its options (doc/handover.md).
 * And what one entry of a socket's error queue looks like in an answer.
 */
#ifndef STACK_WIRE_NODE_TAG_H
#define STACK_WIRE_NODE_TAG_H

#include "stack/wire/node.h"

/* The name alone, or all of it. */
#define FDNET_NODE_TAG_SHORT FDNET_NODE_NAME_LEN
#define FDNET_NODE_TAG_LEN (2 * FDNET_NODE_NAME_LEN + 16)

/* What the program wants to be told. */
enum fdnet_node_tag_flag {
	FDNET_TAG_PKTINFO = 1 << 0,
	FDNET_TAG_TTL = 1 << 1,
	FDNET_TAG_TOS = 1 << 2,
	FDNET_TAG_TIME = 1 << 3,    /* SO_TIMESTAMP */
	FDNET_TAG_TIME_NS = 1 << 4, /* SO_TIMESTAMPNS */
	FDNET_TAG_GRO = 1 << 5,	    /* several datagrams of one sender */
	/* no datagram: the socket has an error to be asked for */
	FDNET_TAG_ERROR = 1 << 6,
	FDNET_TAG_ALL = (1 << 7) - 1,
};

/**
 * struct fdnet_node_tag
 * @flags:    enum fdnet_node_tag_flag; 0: a name alone
 * @from:     the sender; family 0: not told
 * @local:    whom it was sent to
 * @ifindex:  where it came in; @gso: size of each, or 0
 */
struct fdnet_node_tag {
	uint32_t flags;
	struct fdnet_name from, local;
	uint32_t ifindex;
	uint16_t gso;
	uint8_t ttl, tos;
};

/** fdnet_node_tag_encode - @dst: FDNET_NODE_TAG_LEN. Returns the length */
size_t fdnet_node_tag_encode(uint8_t *dst, const struct fdnet_node_tag *tag);

/** fdnet_node_tag_decode - 0, -EBADMSG (length, or a value out of range) */
int fdnet_node_tag_decode(const uint8_t *src, size_t len,
			  struct fdnet_node_tag *ret_tag);

/* An error, before what is left of the datagram it is about. */
#define FDNET_NODE_ERROR_LEN (12 + 2 * FDNET_NODE_NAME_LEN)

/** fdnet_node_error_encode - @dst: FDNET_NODE_ERROR_LEN */
void fdnet_node_error_encode(uint8_t *dst, const struct fdnet_sock_error *err);

/** fdnet_node_error_decode - 0, -EBADMSG */
int fdnet_node_error_decode(const uint8_t *src, size_t len,
			    struct fdnet_sock_error *ret_err);

#endif
