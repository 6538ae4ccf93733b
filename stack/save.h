/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State as bytes: what the files that save and restore share.
 *
 * How it works: one walk for both ways. Each field is passed through a
 * function that writes it, or replaces it by what it reads:
 *
 *	tp->iss = fdnet_save_u32(s, tp->iss);
 *
 * so the two can not differ. Numbers are little endian, times relative to
 * now. A walk never stops in the middle: the first error is remembered, and
 * everything read after it is zero; loops look at it. What is read is checked
 * where it is read for its own sake, and at the end of the walk for how it
 * hangs together (fdnet_save_check()).
 *
 * A field that is added to a socket is added here too, and the version is
 * raised.
 */
#ifndef STACK_SAVE_H
#define STACK_SAVE_H

#include "stack/internal.h"

#define FDNET_SAVE_VERSION 6

struct fdnet_save {
	struct fdnet_stack *stack;
	bool reading;
	bool whole; /* a stack: closed sockets, TIME_WAIT may come */
	const uint8_t *src;
	uint8_t *dst; /* NULL: only count */
	size_t pos, len;
	int rc; /* the first error */
	/* where payload goes that is read; the pool may be NULL: the stack's */
	struct fdnet_pkt_pool *pool;
	struct fdnet_buf *buf;
	uint32_t buf_used;
};

/* ---- numbers (save_io.c) ---- */

uint8_t fdnet_save_u8(struct fdnet_save *s, uint8_t v);
uint16_t fdnet_save_u16(struct fdnet_save *s, uint16_t v);
uint32_t fdnet_save_u32(struct fdnet_save *s, uint32_t v);
uint64_t fdnet_save_u64(struct fdnet_save *s, uint64_t v);
/** fdnet_save_int - must be within [@min, @max] when read */
int fdnet_save_int(struct fdnet_save *s, int v, int min, int max);
bool fdnet_save_bool(struct fdnet_save *s, bool v);
/** fdnet_save_time - a time of the stack's clock; 0 and FDNET_NEVER stay */
uint64_t fdnet_save_time(struct fdnet_save *s, uint64_t at_us);
/** fdnet_save_count - of what follows, each at least @least bytes long; 0
 * after an error */
uint32_t fdnet_save_count(struct fdnet_save *s, uint32_t n, uint32_t max,
			  uint32_t least);
void fdnet_save_bytes(struct fdnet_save *s, void *p, size_t len);
void fdnet_save_ip(struct fdnet_save *s, struct fdnet_ip *ip);
void fdnet_save_name(struct fdnet_save *s, struct fdnet_name *name);
/** fdnet_save_error - an errno, 0 or positive */
int fdnet_save_error(struct fdnet_save *s, int error);
/** fdnet_save_check - when reading, what is not so makes it fail */
void fdnet_save_check(struct fdnet_save *s, bool ok);
/** fdnet_save_fail - remember this error, unless there is one */
void fdnet_save_fail(struct fdnet_save *s, int rc);
/** fdnet_save_head - magic and version */
void fdnet_save_head(struct fdnet_save *s, uint32_t magic);
/** fdnet_save_done - drop what the walk held; returns the bytes, or the error */
ssize_t fdnet_save_done(struct fdnet_save *s);

/* ---- packets (save_pkt.c) ---- */

/** fdnet_save_raw - reading: a packet of the next @len bytes, at most
 * FDNET_PKT_MAX_SLICES buffers long; NULL: error */
struct fdnet_pkt *fdnet_save_raw(struct fdnet_save *s, uint32_t len);
/** fdnet_save_payload - write @pkt's bytes from @from on, or read as many as
 * follow into a new packet; NULL: error. Its first FDNET_PKT_LINEAR bytes
 * are linear. */
struct fdnet_pkt *fdnet_save_payload(struct fdnet_save *s,
				     const struct fdnet_pkt *pkt);
/** fdnet_save_pkt - a finished packet, IP header included */
struct fdnet_pkt *fdnet_save_pkt(struct fdnet_save *s, struct fdnet_pkt *pkt);

/* ---- sockets ---- */

/** fdnet_save_sock - a socket without the head of a single one. Writing:
 * @so, returns it. Reading: returns the new one, or NULL with s->rc set. */
struct fdnet_sock *fdnet_save_sock(struct fdnet_save *s, struct fdnet_sock *so);

/** fdnet_save_opts - options common to all kinds (save_opts.c) */
void fdnet_save_opts(struct fdnet_save *s, struct fdnet_sock *so);

/* The kinds' own parts: ops->save. */
void fdnet_save_dgram(struct fdnet_save *s, struct fdnet_sock *so);
void fdnet_save_tcp(struct fdnet_save *s, struct fdnet_sock *so);

/** fdnet_save_listener - SYN queue and accept queue (save_listen.c) */
struct fdnet_tcp;
void fdnet_save_listener(struct fdnet_save *s, struct fdnet_tcp *tp);
/** fdnet_save_request - a request's quoted SYN (tcp_gateway.c) */
void fdnet_save_request(struct fdnet_save *s, struct fdnet_tcp *tp);
/** fdnet_save_time_wait - @so or, reading, a new one (tcp_tw.c) */
struct fdnet_sock *fdnet_save_time_wait(struct fdnet_save *s,
					struct fdnet_sock *so);
/** fdnet_save_neighs - the neighbour table (neigh.c) */
void fdnet_save_neighs(struct fdnet_save *s);

#endif
