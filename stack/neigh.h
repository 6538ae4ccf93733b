/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbours on an Ethernet link: who has which link-layer address (RFC 826,
 * RFC 1122 2.3.2, RFC 4861 7).
 *
 * How it works: an entry is made by the first packet to a neighbour. While it
 * is INCOMPLETE up to FDNET_NEIGH_QUEUE packets wait in it and it asks three
 * times, a second apart; then they come back as "host unreachable". A
 * REACHABLE one is believed for about 30 s after an answer. The next packet
 * after that, or after its address was only overheard (STALE), goes out; then
 * five seconds are left (DELAY) in which the layers above may say that packets
 * get there (fdnet_neigh_confirm(): TCP's progress, MSG_CONFIRM), which is as
 * good as an answer. Otherwise the neighbour is asked directly (PROBE); when
 * it is silent the entry goes, and so do the ways through it. limits.neighbours
 * entries at most, the least used gives way.
 */
#ifndef STACK_NEIGH_H
#define STACK_NEIGH_H

#include "stack/internal.h"

/* Enough for the fragments of one datagram. */
#define FDNET_NEIGH_QUEUE 64
#define FDNET_NEIGH_TRIES 3
#define FDNET_NEIGH_RETRY_US 1000000
#define FDNET_NEIGH_REACHABLE_US 30000000
#define FDNET_NEIGH_DELAY_US 5000000

enum fdnet_neigh_state {
	FDNET_NEIGH_UNUSED,
	FDNET_NEIGH_INCOMPLETE, /* no address yet; packets wait */
	FDNET_NEIGH_REACHABLE,	/* until expiry_us, then as if STALE */
	FDNET_NEIGH_STALE,	/* address known, nobody confirmed it */
	FDNET_NEIGH_DELAY,	/* in use; asked at expiry_us unless confirmed */
	FDNET_NEIGH_PROBE,	/* address in use, and asked whether it holds */
};

struct fdnet_neigh {
	struct fdnet_ip ip;
	enum fdnet_neigh_state state;
	uint8_t mac[6];
	uint8_t tries;
	uint64_t expiry_us, used_us;
	struct fdnet_pkt *wait; /* along next */
	unsigned int nwait;
};

struct fdnet_neighs {
	struct fdnet_neigh *entries; /* allocated on first use */
	unsigned int used;	     /* entries ever used: [0, used) */
	struct fdnet_timer timer;
	/* IPv6, as routers advertise; 0: the defaults above */
	uint32_t reachable6_ms, retry6_ms;
	uint16_t spread; /* of reachable times: 512 to 1535 of 1024 */
};

int fdnet_neigh_init(struct fdnet_stack *stack);
void fdnet_neigh_done(struct fdnet_stack *stack);

/** fdnet_neigh_send - give an IP packet its link-layer addresses. Returns it,
 * or NULL when it has to wait; taken then. @hop: next hop */
struct fdnet_pkt *fdnet_neigh_send(struct fdnet_stack *stack,
				   struct fdnet_pkt *pkt,
				   const struct fdnet_ip *hop);

/**
 * fdnet_neigh_learn - a neighbour told its address
 * @answer:  it was asked; only then reachability is confirmed
 * @make:    make an entry if there is none
 */
void fdnet_neigh_learn(struct fdnet_stack *stack, const struct fdnet_ip *ip,
		       const uint8_t mac[6], bool answer, bool make);

/**
 * fdnet_neigh_advertised - an IPv6 neighbour's advertisement (RFC 4861 7.2.5)
 * @mac:  or NULL: not told
 */
void fdnet_neigh_advertised(struct fdnet_stack *stack,
			    const struct fdnet_ip *ip, const uint8_t *mac,
			    bool solicited, bool override);

/** fdnet_neigh_wake - ask for a neighbour that nothing is known of; no packet
 * waits for it */
void fdnet_neigh_wake(struct fdnet_stack *stack, const struct fdnet_ip *ip);

/** fdnet_neigh_put - a finished frame for the link, addresses set; taken */
void fdnet_neigh_put(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		     const uint8_t dst[6], uint16_t ethertype);

/* arp.c */
void fdnet_arp_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt);
/** fdnet_arp_ask - who has @ip? @mac: ask this one only, or NULL for all */
void fdnet_arp_ask(struct fdnet_stack *stack, const struct fdnet_ip *ip,
		   const uint8_t *mac);
/** fdnet_arp_announce - @ip is ours (RFC 5227 2.3) */
void fdnet_arp_announce(struct fdnet_stack *stack, const struct fdnet_ip *ip);

/** fdnet_arp_probe - does anybody have @ip? (RFC 5227 2.1) */
void fdnet_arp_probe(struct fdnet_stack *stack, const struct fdnet_ip *ip);

/* nd.c */
/** fdnet_nd_probe - does anybody have @ip? (RFC 4862 5.4.2) */
void fdnet_nd_probe(struct fdnet_stack *stack, const struct fdnet_ip *ip);
void fdnet_nd_solicit_routers(struct fdnet_stack *stack);
/** fdnet_nd_option - the next option of @type from *@at on, at least @len
 * bytes; *@at is then behind it. NULL: none, or the list is broken */
const uint8_t *fdnet_nd_option(const struct fdnet_pkt *pkt, uint32_t *at,
			       uint8_t type, uint32_t len);
/** fdnet_nd_options_ok - no option is empty or too long (RFC 4861 6.1, 7.1) */
bool fdnet_nd_options_ok(const struct fdnet_pkt *pkt, uint32_t at);
/** fdnet_nd_router - a router's advertisement or redirect, of which
 * fdnet_nd_input() has seen that it is long enough (nd_router.c) */
void fdnet_nd_router(struct fdnet_stack *stack, const struct fdnet_pkt *pkt,
		     const struct fdnet_ip_in *in);
/** fdnet_nd_input - ICMPv6 133 to 137. @pkt: borrowed */
void fdnet_nd_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		    const struct fdnet_ip_in *in);
void fdnet_nd_ask(struct fdnet_stack *stack, const struct fdnet_ip *ip,
		  const uint8_t *mac);
void fdnet_nd_announce(struct fdnet_stack *stack, const struct fdnet_ip *ip);
/** fdnet_nd_interface_id - the 64 bits of an address made of @mac */
void fdnet_nd_interface_id(const uint8_t mac[6], uint8_t id[8]);
/** fdnet_nd_is_solicited_node - the group that stands for one of our
 * addresses (RFC 4291 2.7.1)? */
bool fdnet_nd_is_solicited_node(const struct fdnet_stack *stack,
				const struct fdnet_ip *group);

#endif
