/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error queue of a socket, which recv() with MSG_ERRQUEUE reads: ICMP
 * errors (IP_RECVERR), what MSG_ZEROCOPY has to say, and when something was
 * sent (SO_TIMESTAMPING).
 *
 * How it works: it is made when something first goes in. Zero-copy sends are
 * numbered, and neighbouring ones that are over stand in one entry, as in the
 * kernel's skb_zerocopy_notify_extend(); we copy always, and say so. A stream
 * remembers the ends of writes that are to be stamped as marks, until they
 * are sent and acknowledged.
 */
#ifndef STACK_ERRQ_H
#define STACK_ERRQ_H

#include "stack/internal.h"

/* Marks at most; what is written beyond them is not stamped. Entries have a
 * setting, limits.errors. */
#define FDNET_ERRQ_MARKS_MAX 64

struct fdnet_errq_entry {
	struct fdnet_errq_entry *next;
	struct fdnet_sock_error err;
	uint32_t len;
	uint8_t data[]; /* the packet's payload, as far as it is known */
};

struct fdnet_errq_mark {
	struct fdnet_errq_mark *next;
	uint32_t seq; /* behind the last byte of the write */
	uint32_t key; /* SOF_TIMESTAMPING_OPT_ID */
	bool sent;
};

struct fdnet_errq {
	struct fdnet_errq_entry *head;
	unsigned int n;
	uint32_t zerocopy_next; /* number of the next such send */
	uint32_t stamp_next;	/* datagrams: number of the next */
	uint32_t stamp_base;	/* streams: sequence number of key 0 */
	struct fdnet_errq_mark *marks;
	unsigned int nmarks;
};

/** fdnet_errq_of - where the socket keeps it; *it is NULL while empty */
struct fdnet_errq **fdnet_errq_of(struct fdnet_sock *so);

static inline bool fdnet_errq_has(struct fdnet_sock *so)
{
	const struct fdnet_errq *q = *fdnet_errq_of(so);

	return q && q->head;
}

/** fdnet_errq_push - append; dropped when there is no room */
void fdnet_errq_push(struct fdnet_sock *so, const struct fdnet_sock_error *err,
		     const uint8_t *data, uint32_t len);
/** fdnet_errq_recv - the first entry; -EAGAIN */
ssize_t fdnet_errq_recv(struct fdnet_sock *so, struct fdnet_msg *msg);
/** fdnet_errq_free - the socket goes away */
void fdnet_errq_free(struct fdnet_sock *so);
struct fdnet_save;
void fdnet_save_errq(struct fdnet_save *s, struct fdnet_sock *so);

/** fdnet_errq_zerocopy - @len bytes were taken by a send with @flags: if it
 * asked for MSG_ZEROCOPY, tell that its buffers are free again */
void fdnet_errq_zerocopy(struct fdnet_sock *so, int flags, size_t len);

/** fdnet_errq_restamp - SO_TIMESTAMPING was set from @old: numbers begin
 * anew. @base: a stream's next sequence number */
void fdnet_errq_restamp(struct fdnet_sock *so, int old, uint32_t base);
/** fdnet_errq_stamp_wanted - is sending to be told? */
bool fdnet_errq_stamp_wanted(const struct fdnet_sock *so);
/** fdnet_errq_stamp_pkt - a finished datagram leaves now */
void fdnet_errq_stamp_pkt(struct fdnet_sock *so, const struct fdnet_pkt *pkt);
/** fdnet_errq_mark - a stream's write ended before sequence number @seq */
void fdnet_errq_mark(struct fdnet_sock *so, uint32_t seq);
/** fdnet_errq_unmark - the connection is over */
void fdnet_errq_unmark(struct fdnet_sock *so);
/** fdnet_errq_progress - a stream has sent, and got acknowledged, so far */
void fdnet_errq_progress(struct fdnet_sock *so, uint32_t snd_nxt,
			 uint32_t snd_una);

#endif
