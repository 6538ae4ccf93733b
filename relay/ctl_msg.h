/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages on the control socket: fdnet-ctl asks, the relay answers each
 * question with one message. Both are of the same user, but neither believes
 * a length. A listing that does not fit into one answer goes on with the
 * number in the answer, so that the relay keeps nothing for anybody.
 *
 * All numbers are big-endian (doc/protocol.md has the bytes).
 */
#ifndef RELAY_CTL_MSG_H
#define RELAY_CTL_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_VERSION	1
#define CTL_REQUEST_LEN 16
#define CTL_REPLY_LEN	24
/* The largest body: a page of a listing. */
#define CTL_BODY_MAX (48 << 10)

enum ctl_op {
	CTL_STATUS = 1, /* -> an object */
	CTL_FLOWS,	/* arg: after which flow -> "flows" */
	CTL_CLOSE,	/* arg: which flow */
	CTL_RELOAD,	/* with the new policy file's fd, or without */
	CTL_CAPTURE_ON, /* with the writer's socket */
	CTL_CAPTURE_OFF,
	CTL_METRICS, /* -> text, as for Prometheus */
	CTL_RULES,   /* arg: after which rule -> "rules" */
	CTL_LEARNED, /* -> text, a policy file */
	CTL_TAKEOVER, /* with one end of a SEQPACKET pair (takeover.h) */
	CTL_OPS
};

/**
 * struct ctl_request - what is asked
 * @body:  points into the message
 */
struct ctl_request {
	enum ctl_op op;
	uint64_t arg;
	const uint8_t *body;
	size_t len;
};

/**
 * struct ctl_reply - the answer
 * @error:  positive errno; @body is then what to tell the user, or empty
 * @more:   ask again with @next as arg
 */
struct ctl_reply {
	enum ctl_op op;
	uint16_t error;
	bool more;
	uint64_t next;
	const uint8_t *body;
	size_t len;
};

/** ctl_request_encode - the header; the body follows it
 * @dst:  CTL_REQUEST_LEN bytes */
void ctl_request_encode(uint8_t *dst, const struct ctl_request *request);

/**
 * ctl_request_decode - a whole message
 *
 * Returns 0, -EBADMSG (too short, a length that is not the message's),
 * -EPROTO (another version, an operation that there is not).
 */
int ctl_request_decode(const uint8_t *src, size_t len,
		       struct ctl_request *ret_request);

/** ctl_reply_encode, ctl_reply_decode - likewise */
void ctl_reply_encode(uint8_t *dst, const struct ctl_reply *reply);
int ctl_reply_decode(const uint8_t *src, size_t len,
		     struct ctl_reply *ret_reply);

#endif
