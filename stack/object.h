/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack object itself, for the files that make up its core. Protocols
 * (TCP, UDP ...) use internal.h and never look in here.
 */
#ifndef STACK_OBJECT_H
#define STACK_OBJECT_H

#include "stack/internal.h"
#include "stack/neigh.h"
#include "stack/autoconf.h"
#include "stack/dhcp.h"
#include "stack/member.h"
#include "stack/pmtu.h"
#include "stack/redirect.h"
#include "stack/reass.h"

#define FDNET_MAX_ADDRS 16
#define FDNET_MAX_RANGES 16
#define FDNET_MAX_ROUTES 32
/* Of these, what routers may advertise. */
#define FDNET_MAX_ADVERTISED 16
#define FDNET_MAX_ADVERTISED_ADDRS 8
/* Packets that belong to no socket (RST, ICMP) waiting for the link. */
#define FDNET_MAX_QUEUED 1024
/* Datagrams of closed sockets waiting for the link, bytes. */
#define FDNET_MAX_ORPHAN_BYTES (4u << 20)

struct fdnet_stack_addr {
	struct fdnet_ip ip;
	uint8_t bits;
	/* see autoconf.h */
	bool tentative, advertised;
	uint8_t probes, announces;
	uint64_t due_us;
	uint64_t valid_us, preferred_us; /* 0: for ever */
	struct fdnet_ip router; /* that advertised it, the latest */
};

struct fdnet_stack_route {
	struct fdnet_ip net, gateway; /* no gateway: on the link */
	uint8_t bits;
	bool advertised;    /* by a router, not given by hand */
	int8_t pref;	    /* RFC 4191: 1 high, 0 medium, -1 low */
	uint64_t until_us;  /* 0: for ever */
	uint64_t silent_us; /* the gateway did not answer then; 0: see route.c */
};

/* A FIFO of packets. */
struct fdnet_pktq {
	struct fdnet_pkt *head, *tail;
	uint32_t pkts;
	uint32_t bytes;
};

/* A local port in use: all sockets that hold it. */
struct fdnet_port {
	struct fdnet_port *next; /* in its chain */
	struct fdnet_sock *owners;   /* bound; looked at for packets */
	struct fdnet_sock *children; /* of listeners; hold the port only */
	uint16_t port;
	uint8_t proto;
	bool shared; /* chosen by connect(): connections may share it */
};

struct fdnet_port_range {
	uint16_t lo, hi;
};

struct fdnet_stack {
	struct fdnet_stack_config cfg;
	const struct fdnet_mem *mem;
	uint64_t now_us;
	uint64_t key[2];    /* of fdnet_stack_hash() */
	uint64_t rnd_key[2]; /* of fdnet_stack_random() */
	uint64_t rnd_count;
	uint64_t counters[FDNET_C_MAX];

	struct fdnet_stack_addr addrs[FDNET_MAX_ADDRS];
	unsigned int naddrs;
	struct fdnet_stack_route routes[FDNET_MAX_ROUTES];
	unsigned int nroutes;
	struct fdnet_neighs neighs;
	struct fdnet_autoconf autoconf;
	struct fdnet_dhcp dhcp;
	/* automatic ports; 0 TCP, 1 the others */
	struct fdnet_port_range ranges[2][FDNET_MAX_RANGES];
	unsigned int nranges[2];
	uint32_t next_port[2];
	uint64_t *avoided[2]; /* a bit a port, or NULL: ports.h */

	/* timers: a binary heap, heap[1] the first due */
	struct fdnet_timer **heap;
	uint32_t heap_size, heap_used, heap_reserved;

	/* sockets */
	struct fdnet_sock *all;
	unsigned int nsocks, nbusy;
	uint64_t tcp_bytes; /* held by TCP's queues */
	struct fdnet_sock *events;
	struct fdnet_sock *ready;
	struct fdnet_sock *current; /* in its output() now */
	struct fdnet_sock *cursor;  /* next in a walk over all */
	struct fdnet_sock *requests;
	struct fdnet_sock *raws; /* through bound_next: see raw.c */
	struct fdnet_mcast_group *groups; /* of any socket: mcast.h */
	struct fdnet_members members;

	/* demultiplexing */
	struct fdnet_port **ports;
	uint32_t ports_size, nports;
	struct fdnet_sock **conns;
	uint32_t conns_size, nconns;

	/* output, in this order: given back, ready for the link (fragments,
	 * what a neighbour was waited for), of no socket, of closed sockets,
	 * then the ready ring */
	struct fdnet_pktq back, frags, queued, orphans;

	/* reassembly */
	struct fdnet_reass reass;

	struct fdnet_pmtu *pmtus; /* made with the first */
	uint64_t pmtu_until_us; /* none of them is valid any more */
	struct fdnet_redirect *redirects; /* likewise */
	uint64_t redirect_until_us; /* likewise */

	struct fdnet_tcp_txseg *txseg_spare; /* tcp_txseg.c */
	unsigned int ntxseg_spare;
	struct fdnet_tcp_fo_cache *fo_cache; /* tcp_fastopen.c; or NULL */

	/* payload memory that small senders share */
	struct fdnet_buf *page;
	uint32_t page_used;

	uint16_t ident;
	uint32_t ident6;
	uint32_t icmp_tokens;
	uint64_t icmp_refill_us;
	bool dead; /* fdnet_stack_peer_gone() with reset */
};

/** fdnet_pktq_push - append; taken */
void fdnet_pktq_push(struct fdnet_pktq *q, struct fdnet_pkt *pkt);
/** fdnet_pktq_pop - the first, or NULL; the caller's */
struct fdnet_pkt *fdnet_pktq_pop(struct fdnet_pktq *q);
/** fdnet_pktq_purge - free all */
void fdnet_pktq_purge(struct fdnet_pktq *q);
/** fdnet_pktq_splice - move all of @src to the end of @dst */
void fdnet_pktq_splice(struct fdnet_pktq *dst, struct fdnet_pktq *src);

/* tcp_txseg.c */
void fdnet_txseg_done(struct fdnet_stack *stack);

/* tcp_fastopen.c */
void fdnet_tcp_fo_done(struct fdnet_stack *stack);

/* timer.c */
void fdnet_timers_done(struct fdnet_stack *stack);
void fdnet_timers_run(struct fdnet_stack *stack);
uint64_t fdnet_timers_expiry(const struct fdnet_stack *stack);

/* demux.c */
int fdnet_demux_init(struct fdnet_stack *stack);
void fdnet_demux_done(struct fdnet_stack *stack);
/** fdnet_demux_bind_auto - claim a port that nobody holds at an address like
 * so->local.ip, and set it; @shared: connections may join later.
 * 0, -EADDRINUSE, -ENOMEM */
int fdnet_demux_bind_auto(struct fdnet_sock *so, uint16_t port, bool shared);
/** fdnet_demux_share - join a port that connections may share; -EADDRINUSE
 * when there is none such or the 4-tuple exists */
int fdnet_demux_share(struct fdnet_sock *so, uint16_t port);
/** fdnet_demux_group - each datagram socket that takes packets to this group
 * (multicast or broadcast) destination; returns how many there are */
unsigned int fdnet_demux_group(struct fdnet_stack *stack, uint8_t proto,
			       const struct fdnet_name *local,
			       const struct fdnet_name *remote, int ifindex,
			       struct fdnet_sock **ret_socks,
			       unsigned int max);
/** fdnet_demux_matches - would a packet from @remote to @local that belongs
 * to no connection be for this bound socket? 0: no; more is more specific */
int fdnet_demux_matches(const struct fdnet_sock *so,
			const struct fdnet_name *local,
			const struct fdnet_name *remote);

/* ip.c */
/** fdnet_ip_on_link - is this one of the link's (not loopback) addresses? */
const struct fdnet_stack_addr *
fdnet_stack_find_addr(const struct fdnet_stack *stack,
		      const struct fdnet_ip *ip);
/** fdnet_ip_is_broadcast - 255.255.255.255 or a network's last address */
bool fdnet_ip_is_broadcast(const struct fdnet_stack *stack,
			   const struct fdnet_ip *ip);
/** fdnet_ip_accepts - is a packet to @dst for us? */
bool fdnet_ip_accepts(const struct fdnet_stack *stack,
		      const struct fdnet_ip *dst);
/** fdnet_ip_deliver - a whole packet to its protocol. pkt->data stands behind
 * the IP header; taken */
void fdnet_ip_deliver(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		      struct fdnet_ip_in *in);
/** fdnet_ip_bad_source - can no honest packet from the link have this? */
bool fdnet_ip_bad_source(const struct fdnet_stack *stack,
			 const struct fdnet_ip *src);
/** fdnet_ip_take - drop what is not ours, of a packet whose header is known.
 * true: go on */
bool fdnet_ip_admit(struct fdnet_stack *stack, const struct fdnet_pkt *pkt,
		    const struct fdnet_ip_in *in);

/** fdnet_ip_describe - addresses, protocol and header length of a finished
 * packet of ours */
void fdnet_ip_describe(const struct fdnet_pkt *pkt, struct fdnet_ip_in *ret);

/* route.c */
/** fdnet_route_find - the neighbour through which @dst is reached: itself or
 * a gateway. 0, -ENETUNREACH */
int fdnet_route_find(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		     struct fdnet_ip *ret_hop);
/** fdnet_route_on_link - is @ip reached without a gateway? */
bool fdnet_route_on_link(struct fdnet_stack *stack, const struct fdnet_ip *ip);
/** fdnet_route_get - the route to exactly this network through @gateway
 * (family 0: on the link; NULL: whichever), or NULL */
struct fdnet_stack_route *fdnet_route_get(struct fdnet_stack *stack,
					  const struct fdnet_ip *net,
					  unsigned int bits,
					  const struct fdnet_ip *gateway);
/** fdnet_route_add - @gateway: or NULL. NULL: no room */
struct fdnet_stack_route *fdnet_route_add(struct fdnet_stack *stack,
					  const struct fdnet_ip *net,
					  unsigned int bits,
					  const struct fdnet_ip *gateway);
/** fdnet_route_drop - the routes behind it move up */
void fdnet_route_drop(struct fdnet_stack *stack, struct fdnet_stack_route *r);
/** fdnet_route_silent, fdnet_route_alive - the neighbour @hop gave no answer,
 * or is there */
void fdnet_route_silent(struct fdnet_stack *stack, const struct fdnet_ip *hop);
void fdnet_route_alive(struct fdnet_stack *stack, const struct fdnet_ip *hop);
/** fdnet_route_drop_router - it says that it is none: what it advertised */
void fdnet_route_drop_router(struct fdnet_stack *stack,
			     const struct fdnet_ip *router);

/* ip4.c, ip6.c: from the first byte of the IP header; taken */
void fdnet_ip4_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt);
void fdnet_ip6_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt);

/* ip_out.c */
/** fdnet_ip_route - where a finished packet goes: itself, for the link (NULL
 * when it was looped, cut into stack->frags, or dropped); taken */
struct fdnet_pkt *fdnet_ip_route(struct fdnet_stack *stack,
				 struct fdnet_pkt *pkt);

/* icmp.c */
/** fdnet_icmp_input - an ICMP or ICMPv6 message; taken */
void fdnet_icmp_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		      const struct fdnet_ip_in *in);
/** fdnet_icmp_inner_sock - the socket that sent the packet quoted in an error
 * message, or NULL; used to see where a message belongs */
struct fdnet_sock *fdnet_icmp_inner_sock(struct fdnet_stack *stack,
					 const uint8_t *msg, uint32_t len,
					 int family);

/* udp.c, raw.c */
void fdnet_udp_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		     const struct fdnet_ip_in *in);
/** fdnet_raw_input - copies for raw sockets; returns how many took one */
unsigned int fdnet_raw_input(struct fdnet_stack *stack,
			     const struct fdnet_pkt *pkt,
			     const struct fdnet_ip_in *in);
void fdnet_raw_icmp_error(struct fdnet_stack *stack,
			  const struct fdnet_sock_error *err, uint8_t proto,
			  const struct fdnet_name *local,
			  const struct fdnet_name *remote,
			  const uint8_t *inner, uint32_t inner_len,
			  uint32_t mtu);

/* sockopt.c */
void fdnet_sockopt_init(struct fdnet_sock *so);

#endif
