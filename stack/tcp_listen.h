/* SPDX-License-Identifier: Apache-2.0 */
/* A listener's queues, for the files that keep them: tcp_listen.c (sockets to
 * accept), tcp_synq.c (half-open ones), save_listen.c. */
#ifndef STACK_TCP_LISTEN_H
#define STACK_TCP_LISTEN_H

#include "stack/tcp_internal.h"

#define FDNET_SYNQ_BUCKETS    64
#define FDNET_SYNACK_RETRIES  5
#define FDNET_SYNACK_RTO_US   FDNET_SEC

/* A handshake that is not complete. */
struct fdnet_tcp_syn {
	struct fdnet_tcp_syn *next;
	struct fdnet_name local, peer;
	struct fdnet_tcp_hdr syn;
	uint32_t iss, ts_offset;
	uint64_t due_us; /* SYN-ACK again */
	uint8_t retries;
	bool acked; /* TCP_DEFER_ACCEPT: waits for data */
	/* Not answered yet: it came, on a lossless way, when the queue to be
	 * accepted was full. In the listener's list of these. */
	bool held;
	struct fdnet_tcp_syn *held_prev, *held_next;
};

struct fdnet_tcp_listener {
	uint32_t backlog;
	uint32_t nqueued;
	struct fdnet_tcp *head, *tail;
	uint32_t nsyn;      /* half-open ones, with those that are held */
	uint32_t nheld;     /* fdnet_synq_held_max() at most */
	struct fdnet_tcp_syn *held; /* the oldest first */
	uint32_t nearly;    /* queued by fast open and not acknowledged yet */
	uint64_t cookie_us; /* when one was sent last, 0: never */
	struct fdnet_tcp_syn *syn[FDNET_SYNQ_BUCKETS];
};

/* A segment for a listener, as its functions hand it on. */
struct fdnet_tcp_arrival {
	struct fdnet_pkt *pkt; /* at the TCP header */
	struct fdnet_name local, peer;
	const struct fdnet_tcp_hdr *hdr;
	const struct fdnet_ip_in *in;
	uint32_t len; /* of the payload */
};

/* ---- tcp_listen.c ---- */

/** fdnet_tcp_enqueue - @child is to be accepted from @tp */
void fdnet_tcp_enqueue(struct fdnet_tcp *tp, struct fdnet_tcp *child);
/** fdnet_tcp_admit_held - take in SYNs that are held, as there is room */
void fdnet_tcp_admit_held(struct fdnet_tcp *tp);

/* ---- tcp_synq.c ---- */

/** fdnet_synq_find - the link to the entry of these names, or where a new one
 * goes (then it is NULL) */
struct fdnet_tcp_syn **fdnet_synq_find(struct fdnet_tcp *tp,
				       const struct fdnet_name *local,
				       const struct fdnet_name *peer);
/** fdnet_synq_drop - forget the entry at @link */
void fdnet_synq_drop(struct fdnet_tcp *tp, struct fdnet_tcp_syn **link);
/** fdnet_synq_add - keep a SYN at @link and answer it, with @fo; while there
 * are too many, with a cookie */
void fdnet_synq_add(struct fdnet_tcp *tp, struct fdnet_tcp_syn **link,
		    const struct fdnet_tcp_arrival *seg,
		    const struct fdnet_tcp_fo *fo);
/** fdnet_synq_hold - keep a SYN at @link unanswered until there is room;
 * beyond fdnet_synq_held_max() it is dropped */
void fdnet_synq_hold(struct fdnet_tcp *tp, struct fdnet_tcp_syn **link,
		     const struct fdnet_tcp_arrival *seg);
/** fdnet_synq_unhold - @entry is answered from now on, and again until the
 * handshake is complete */
void fdnet_synq_unhold(struct fdnet_tcp *tp, struct fdnet_tcp_syn *entry);
/** fdnet_synq_unreachable - an ICMP error quotes a SYN-ACK to @peer with
 * sequence number @seq: nobody is there to complete the handshake */
void fdnet_synq_unreachable(struct fdnet_tcp *tp,
			    const struct fdnet_name *peer, uint32_t seq);
/** fdnet_synq_answer - SYN-ACK. @fo: the fast open option, or NULL */
void fdnet_synq_answer(struct fdnet_tcp *tp, const struct fdnet_tcp_syn *entry,
		       const struct fdnet_tcp_fo *fo);
/** fdnet_synq_limit - entries at most, besides those that are held */
uint32_t fdnet_synq_limit(const struct fdnet_tcp *tp);
/** fdnet_synq_held_max - of those */
uint32_t fdnet_synq_held_max(const struct fdnet_tcp *tp);
/** fdnet_synq_full - is an ordinary SYN to be answered by a cookie? */
bool fdnet_synq_full(const struct fdnet_tcp *tp);
/** fdnet_synq_append_held - @entry of the queue is the last that is held */
void fdnet_synq_append_held(struct fdnet_tcp_listener *l,
			    struct fdnet_tcp_syn *entry);
/** fdnet_synq_window - the window that a SYN or SYN-ACK offers */
uint16_t fdnet_synq_window(const struct fdnet_tcp *tp);
/** fdnet_synq_wants_ecn - RFC 3168 6.1.1: the SYN has both bits, the answer
 * ECE alone */
bool fdnet_synq_wants_ecn(const struct fdnet_tcp_hdr *syn);

#endif
