/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch between a sandbox's links (D7): where does a guest's packet go?
 *
 * How it works: a packet for one of the sandbox's own addresses belongs to
 * the guest that owns the port, by the registry; everything else belongs to
 * the sender's own engine. TCP connections between two guests are followed:
 * replies find their way by both ends of the connection, also after the
 * listener is closed, and when a guest dies its peers get the FIN or RST that
 * its kernel would have sent, at the right sequence number. A side that has
 * died is answered for here until the connection has ended.
 *
 * No fds, no links: the caller moves the packets.
 */
#ifndef RELAY_SWITCH_H
#define RELAY_SWITCH_H

#include <stdint.h>

#include "relay/counters.h"
#include "relay/head.h"
#include "relay/net.h"
#include "relay/registry.h"

/* Fragments whose first one was seen, for those that follow. */
#define SWITCH_FRAGS 32
/* Echo requests to other sandboxes whose answers find their way. */
#define SWITCH_PINGS 64

struct switch_flow;

enum switch_list {
	SWITCH_CLOSED, /* both sides have closed */
	SWITCH_FIN,    /* a FIN for a dead side waits for its ACK */
	SWITCH_LISTS
};

/* An echo request to another sandbox, whose answer is @from's. */
struct switch_ping {
	uint32_t from, to;
	uint16_t id;
	uint8_t proto;
};

struct switch_frag {
	uint32_t from, to, id;
	struct fdnet_ip src, dst;
	uint8_t proto;
};

struct switch_table {
	const struct net *net;
	struct registry *registry;
	struct counters *counters;
	struct fdnet_pkt_pool *pool;
	/* hands over a packet that the switch made; taken */
	void (*send)(void *arg, uint32_t guest, struct fdnet_pkt *pkt);
	/* the guest that has this address, another sandbox's, or 0 */
	uint32_t (*find_peer)(void *arg, const struct fdnet_ip *ip);
	void *arg;

	struct switch_flow *flows;
	struct switch_flow *ending[SWITCH_LISTS]; /* the oldest first */
	unsigned int count;
	struct switch_frag frags[SWITCH_FRAGS];
	unsigned int next_frag;
	struct switch_ping pings[SWITCH_PINGS];
	unsigned int next_ping;
};

enum switch_verdict {
	SWITCH_DROP,	/* counted here */
	SWITCH_ENGINE,	/* to the sender's own engine */
	SWITCH_FORWARD, /* to the guest in ret_to */
	SWITCH_REFUSE,	/* nobody owns that port: RST or port unreachable */
	SWITCH_PROHIBIT, /* ICMP or UDP-Lite, which may not leave */
	SWITCH_ECHO,	 /* another sandbox asks whether this one is there */
};

/** switch_init - no flows. The members up to @arg are set by the caller */
void switch_init(struct switch_table *sw);
/** switch_done - forget all flows; nothing is sent */
void switch_done(struct switch_table *sw);

/**
 * switch_route - decide about one packet
 * @from:    the guest that sent it
 * @ret_to:  written with SWITCH_FORWARD
 */
enum switch_verdict switch_route(struct switch_table *sw, uint32_t from,
				 const struct head *head, uint64_t now_us,
				 uint32_t *ret_to);

/** switch_gone - @guest has ended; its peers are told through @send */
void switch_gone(struct switch_table *sw, uint32_t guest, uint64_t now_us);

/**
 * struct switch_seqs - where a connection stands, for the side that moves
 * @snd, @rcv:  the next numbers that it sends, and waits for
 * @snd_fin, @rcv_fin:  it, or its peer, has sent a FIN
 */
struct switch_seqs {
	uint32_t snd, rcv;
	bool snd_fin, rcv_fin;
};

/**
 * switch_move - a side of a connection goes from one guest to another
 * @local, @peer:  of the side that moves
 * @seqs:  of a connection that the switch may not know, or NULL
 *
 * A connection not known went on inside @from alone until now. By @seqs one is
 * told from an earlier one between the same names.
 * Returns 0, -ENOENT (not known), -EPERM (the side is not @from's), -ENOBUFS,
 * -ENOMEM.
 */
int switch_move(struct switch_table *sw, const struct fdnet_name *local,
		const struct fdnet_name *peer, const struct switch_seqs *seqs,
		uint32_t from, uint32_t to, uint64_t now_us);

/**
 * switch_nth - one side of all the connections
 * @n:  which; less by those passed over when there are not as many
 * @ret_guest:  whose side it is, 0: nobody's any more
 *
 * Returns the kernel's state (TCP_ESTABLISHED ...), or -ENOENT.
 */
int switch_nth(const struct switch_table *sw, uint32_t *n, uint32_t *ret_guest,
	       struct fdnet_name *ret_local, struct fdnet_name *ret_peer);

/** switch_expiry - when switch_advance() is due, or FDNET_NEVER */
uint64_t switch_expiry(const struct switch_table *sw);
/** switch_advance - forget ended flows, repeat unanswered FINs */
void switch_advance(struct switch_table *sw, uint64_t now_us);

struct fdnet_save;
/** switch_state - connections between guests, and fragments (state.h) */
void switch_state(struct switch_table *sw, struct fdnet_save *s);

#endif
