/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest: one process of the sandbox, its link, and the engine that ends its
 * flows (D1, D7).
 *
 * How it works: packets from the link go through the switch to another
 * guest's link or into this guest's engine. The engine is a gateway: whatever
 * the guest sends to is an address of ours. What it has to say is pulled only
 * while the link takes it, so a slow guest stops its own flows and nobody's
 * else. When the link ends the guest becomes an orphan: what it sent before
 * still goes to the host, as a kernel would see to after exit; then it is
 * freed. guest_link.c talks with the other end, guest.c owns the object.
 */
#ifndef RELAY_GUEST_H
#define RELAY_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/stack.h>

#include "endpoint/link.h"
#include "relay/hash.h"
#include "relay/limits.h"
#include "relay/loop.h"
#include "relay/net.h"
#include "relay/relay.h"
#include "relay/throttle.h"
#include "stack/wire/control.h"

/* Largest message on a link: one burst, its headers, and some room. */
#define GUEST_MAX_MSG (256u << 10)
/* Largest TCP burst, and the link's socket buffers (a message must fit). */
#define GUEST_GSO_MAX (192u << 10)
#define GUEST_SOCKBUF (4 << 20)

/* Addresses at which a guest may ask for names: the sandbox's own, and the
 * machine's name servers. */
#define DNS_SERVERS (2 + NET_HOST_DNS)

/* Who an engine's socket belongs to; its user pointer points at one. */
enum user_kind {
	USER_FLOW_TCP,
	USER_UDP_GATE,
	USER_DNS_UDP,
	USER_DNS_LISTEN,
	USER_DNS_CONN,
};

struct user {
	enum user_kind kind;
};

/** guest_tag - by which a socket is known again (state.h); never 0 */
static inline uint64_t guest_tag(enum user_kind kind, uint64_t number)
{
	return ((uint64_t)kind + 1) << 56 | number;
}

struct guest_reply {
	uint8_t len;
	uint8_t body[FDNET_CTL_MAX_LEN];
};

struct dns_conn;
struct impair_path;
struct flow_tcp;
struct hold;

/**
 * struct holds - hold.h
 * @flows: connections, and what else has a peer, by their names
 * @names: the others, the latest first
 * @age:   all, those that wait and those that have moved, the oldest first
 */
struct holds {
	struct hold *flows;
	struct hold *names;
	struct hold *age[2];
	unsigned int n[2];
};

struct peer;
struct node;

/**
 * struct guest
 * @link:      NULL once it has ended
 * @node:      what stands behind the guest in the place of a link, or NULL
 * @greeted:   HELLO was taken; @stack exists
 * @doomed:    the link is to be ended as soon as nobody uses it
 * @is_dirty:  stands in the relay's list of guests to be run
 * @throttle:  of its control messages
 * @want_out:  the link is full; EPOLLOUT is waited for
 * @is_active: stands in the relay's list of guests whose ring is looked at
 * @is_asleep: it does not, after it did: its link wakes us
 * @quiet:     times that it was found empty before a sleep
 * @captured:  the packet that was given back to the engine
 * @txq:       packets from the switch that wait for the link
 * @replies:   control messages that wait for it, a ring
 * @holds:     flows on their way to the node
 * @udp_gate:  takes every datagram to the outside; [0] IPv4, [1] IPv6
 * @udp_more:  there are some left over from its last turn
 * @flows:     TCP; @ready: those with work left, @resetting: those whose
 *             RST waits until the guest has all data before it
 */
struct guest {
	struct source src;
	struct relay *relay;
	uint32_t id;
	uint32_t pid;
	char comm[16];

	struct fdnet_link *link;
	/* what the engine sends lies in the link's area while there is room */
	struct fdnet_area_pool payload;
	int area_fd; /* its memfd, for a relay that takes over; -1: none */
	struct fdnet_area *restored_area; /* the other relay's still */
	struct fdnet_pkt_pool *payload_pool;
	struct node *node;
	struct fdnet_stack *stack;
	struct peer *peer; /* another sandbox, or NULL */
	bool greeted, doomed, is_dirty, want_out, captured;
	bool is_active, is_asleep;
	unsigned int quiet;
	uint64_t deadline_us; /* for HELLO, and as an orphan */
	uint64_t expiry_us;   /* of the engine's next timer */

	struct fdnet_pkt *txq;
	struct fdnet_pkt *txq_last;
	size_t txq_bytes;
	struct throttle throttle;
	struct guest_reply replies[LIMIT_REPLIES];
	unsigned int reply_first, nreplies;

	struct holds holds;

	struct user gate_user, dns_user, dns_listen_user;
	struct fdnet_sock *udp_gate[2];
	bool udp_more;
	struct fdnet_sock *dns_udp[DNS_SERVERS], *dns_listen[DNS_SERVERS];
	struct dns_conn *dns_conns;
	bool dns_more; /* a connection may hold another question */
	unsigned int ndns_conns;
	uint32_t last_dns_conn;
	struct impair_path *impaired;
	struct flow_tcp *flows, *ready, *resetting;
	unsigned int nflows;

	struct guest *next_dirty;
	struct guest *active_prev, *active_next;
	UT_hash_handle hh;
};

/* ---- guest.c ---- */

/**
 * guest_new - a link has been attached
 * @fd:   our end; taken on success
 * @pid:  as claimed
 *
 * Returns 0, -ENOBUFS (LIMIT_GUESTS), -ENOMEM, or what epoll said.
 */
int guest_new(struct relay *relay, int fd, uint32_t pid);

/**
 * guest_new_node - the guest that the node is to the others
 * @node:  set as its @node, and this guest as the node's
 *
 * Returns 0, -ENOBUFS (LIMIT_GUESTS), -ENOMEM.
 */
int guest_new_node(struct relay *relay, struct node *node);

/** guest_is_up - is somebody there to send to? */
static inline bool guest_is_up(const struct guest *guest)
{
	return guest->link || guest->node;
}

/** guest_greet - HELLO was taken: make the engine, with its own sockets */
int guest_greet(struct guest *guest, uint32_t features, uint32_t gso_max);

/** guest_touch - have the guest run in this wake-up */
void guest_touch(struct guest *guest);
/** guest_run_all - run those that were touched or whose time has come */
void guest_run_all(struct relay *relay);
/** guest_expiry - when the next guest must be run, or FDNET_NEVER */
uint64_t guest_expiry(const struct relay *relay);

/** guest_find - by number, or NULL */
struct guest *guest_find(struct relay *relay, uint32_t id);
/** guest_free - drop it now, flows and all; taken */
void guest_free(struct guest *guest);

/* ---- guest_link.c ---- */

/** guest_link_open - put a link on guest->src.fd. 0 or a negative errno */
int guest_link_open(struct guest *guest);
/** guest_link_event - the link's fd is ready: SOURCE_GUEST's handler */
void guest_link_event(struct guest *guest, uint32_t events);
/** guest_link_wait - wait for what the link is to be waited for */
void guest_link_wait(struct guest *guest);
/** guest_link_drain - take in what the link has, one turn; true: there may be
 * more */
bool guest_link_drain(struct guest *guest);
/** guest_link_end - the other end is gone, or broke the rules */
void guest_link_end(struct guest *guest);
/** guest_link_flush - send what waits; true: the link takes more */
bool guest_link_flush(struct guest *guest);
/** guest_link_queue - it waits for the link; taken */
void guest_link_queue(struct guest *guest, struct fdnet_pkt *pkt);
/** guest_link_full - what waits goes on when the link takes it */
void guest_link_full(struct guest *guest);
/** guest_link_forward - a packet from the switch for this guest; taken */
void guest_link_forward(struct guest *guest, struct fdnet_pkt *pkt);
/** guest_link_packet - a packet from the guest; taken */
void guest_link_packet(struct guest *guest, struct fdnet_pkt *pkt);
/** guest_link_output - pull the engine's packets while the link takes them */
void guest_link_output(struct guest *guest);

/* ---- guest_state.c (state.h) ---- */

struct state;
/** guests_state - all of them, with engines and links */
void guests_state(struct state *st);
/** guests_begin - they are ours now; guests_release - they are another's, but
 * for the payload that is held by reference */
void guests_begin(struct relay *relay);
void guests_release(struct relay *relay);


/* ---- guest_ring.c ---- */

/** guest_ring_use - is the guest's ring to be looked at? */
void guest_ring_use(struct guest *guest, bool use);
/** guest_ring_look - take in what has come through the rings in use */
void guest_ring_look(struct relay *relay);
/** guest_ring_any - has anything come through them? */
bool guest_ring_any(const struct relay *relay);
/** guest_ring_sleep - the relay is about to sleep. false: there is something;
 * guest_ring_awake() is to follow in any case */
bool guest_ring_sleep(struct relay *relay);
void guest_ring_awake(struct relay *relay);

#endif
