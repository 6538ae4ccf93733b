/* SPDX-License-Identifier: Apache-2.0 */
/* What link.c, link_rx.c and link_ring.c share. */
#ifndef ENDPOINT_LINK_INTERNAL_H
#define ENDPOINT_LINK_INTERNAL_H

#include <sys/socket.h>

#include "endpoint/link.h"
#include "endpoint/ring.h"

/* One more than one, so that a single message ends the read without a second
 * call. */
#define FDNET_LINK_BATCH_MIN 2

struct fdnet_link {
	struct fdnet_link_config cfg;
	uint32_t features;
	bool greeted; /* features were agreed, or the link is plain */
	bool is_sock;
	unsigned int batch; /* messages to ask for in one call */
	unsigned int extra; /* packets of this read beyond its messages */
	struct fdnet_area *area;
	int end;	    /* negative errno once the end was seen */
	/* link_ring.c; unused unless FDNET_LINK_F_RING was agreed */
	bool tx_ring, rx_ring; /* where the next message goes, comes from */
	unsigned int sleepers; /* fdnet_link_sleep() less fdnet_link_awake() */
	unsigned int unseen;   /* reads since the socket was looked at */
	struct fdnet_ring tx, rx;
	struct fdnet_link_stats stats;
};

static inline void fdnet_link_drop(struct fdnet_link *link,
				   enum fdnet_link_drop why)
{
	link->stats.drop[why]++;
}

/* ---- link.c ---- */

/** fdnet_link_transmit - one message on the fd; as sendmsg() */
ssize_t fdnet_link_transmit(struct fdnet_link *link, struct msghdr *msg);

/* ---- link_rx.c ---- */

/** fdnet_link_take_packet - a PACKET message whose inline part is @pkt, as its
 * checked header says; taken */
void fdnet_link_take_packet(struct fdnet_link *link, struct fdnet_pkt *pkt,
			    const struct fdnet_link_hdr *hdr);

/* ---- link_ring.c ---- */

/** fdnet_link_ring_init - the features have been agreed */
void fdnet_link_ring_init(struct fdnet_link *link);

/** fdnet_link_ring_is_open - does the next small message go into the ring? */
bool fdnet_link_ring_is_open(struct fdnet_link *link);

/** fdnet_link_emit - one message of @len bytes, through the ring or on the fd;
 * 0 or a negative errno */
int fdnet_link_emit(struct fdnet_link *link, struct msghdr *msg, size_t len);

/** fdnet_link_ring_take - messages from the ring, as long as they come from
 * there; returns how many */
unsigned int fdnet_link_ring_take(struct fdnet_link *link, unsigned int budget);

/** fdnet_link_ring_settle - those who sleep are woken by what comes from now
 * on, and nothing is left behind that they would have to be woken for.
 * Returns the number of messages taken for that, at most @budget */
unsigned int fdnet_link_ring_settle(struct fdnet_link *link,
				    unsigned int budget);

/* ---- link_split.c ---- */

/**
 * fdnet_link_send_split - send a burst that the peer cannot split
 * @pkt:  as for fdnet_link_send(); when the fd becomes full on the way, what
 *        stays the caller's is a burst of the rest
 *
 * Returns as fdnet_link_send().
 */
int fdnet_link_send_split(struct fdnet_link *link, struct fdnet_pkt *pkt);

#endif
