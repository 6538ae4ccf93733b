/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stack's own files share: the socket's common part, the protocol
 * table, timers, demultiplexing and the way to the link. Never included from
 * outside stack/ and its tests.
 *
 * How it works: a protocol (tcp, udp, icmp ping, raw) is a struct
 * fdnet_proto_ops. Input goes ip -> demux -> ops->input(). Output is pulled:
 * a socket that has something to send calls fdnet_sock_want_output() and
 * stands in the stack's ready ring; fdnet_stack_output() asks the sockets in
 * turn through ops->output(), one packet each time, so nobody starves.
 * Packets for a local destination are looped inside fdnet_stack_output() and
 * never seen by the driver.
 */
#ifndef STACK_INTERNAL_H
#define STACK_INTERNAL_H

#include <fdnet/stack.h>

#include "base/mem.h"

/* ---- timers (timer.c): a binary heap, one node in each owner ---- */

struct fdnet_timer {
	uint64_t expiry_us; /* FDNET_NEVER while idle */
	uint32_t pos;	    /* place in the heap, 0 while idle */
	void (*fire)(struct fdnet_stack *stack, struct fdnet_timer *timer);
};

/** fdnet_timer_init - idle timer that will call @fire */
void fdnet_timer_init(struct fdnet_timer *timer,
		      void (*fire)(struct fdnet_stack *,
				   struct fdnet_timer *));
/** fdnet_timer_set - (re)arm for an absolute time. Never fails: the heap's
 * room is reserved when a socket is made (fdnet_timer_reserve()). */
void fdnet_timer_set(struct fdnet_stack *stack, struct fdnet_timer *timer,
		     uint64_t expiry_us);
void fdnet_timer_cancel(struct fdnet_stack *stack, struct fdnet_timer *timer);
/** fdnet_timer_reserve - room for @n more timers; 0 or -ENOMEM */
int fdnet_timer_reserve(struct fdnet_stack *stack, unsigned int n);
void fdnet_timer_unreserve(struct fdnet_stack *stack, unsigned int n);

/* ---- sockets ---- */

/* Options common to all kinds, kept by sockopt.c. */
struct fdnet_sock_opts {
	bool reuseaddr, reuseport, keepalive, broadcast, oobinline, v6only;
	bool linger_on, dontroute, no_check, timestamp;
	bool recvttl, recvtos, pktinfo, recverr, mcast_loop, hdrincl;
	bool sndbuf_locked, rcvbuf_locked; /* set by hand: no tuning */
	uint8_t min_ttl;    /* IP_MINTTL, IPV6_MINHOPCOUNT */
	int linger_s;
	uint32_t sndbuf, rcvbuf; /* bytes; limits, as doubled by the kernel */
	uint32_t rcvlowat;
	int16_t priority;
	int16_t bound_dev; /* SO_BINDTODEVICE: 0 none, 1 loopback, 2 link */
	int16_t mcast_if;  /* likewise IP_MULTICAST_IF */
	int16_t ttl, mcast_ttl, tos; /* -1: the default */
	int16_t mtu_discover;
	/* the same for IPv6, -1: the default */
	int16_t hops6, mcast_hops6, tclass6, mtu_discover6;
	uint16_t mtu6; /* IPV6_MTU: no larger packets; 0: what fits */
	int busy_poll, timestamping, incoming_cpu; /* kept for reading back */
	uint64_t flags;	    /* more of them: enum fdnet_sock_flag, sockopt.h */
	uint64_t rcvtimeo_us, sndtimeo_us; /* 0: none; kept for the caller */
	uint64_t max_pacing;
};

struct fdnet_ip_in;
struct fdnet_save;
struct fdnet_errq;

struct fdnet_proto_ops {
	uint8_t proto;	/* IP protocol number */
	uint32_t size;	/* of the whole socket object */
	unsigned int timers; /* reserved for each socket */
	int (*init)(struct fdnet_sock *so);
	/* the stack goes away: free everything, send nothing */
	void (*destroy)(struct fdnet_sock *so);
	void (*close)(struct fdnet_sock *so);
	int (*listen)(struct fdnet_sock *so, int backlog);
	int (*connect)(struct fdnet_sock *so, const struct fdnet_name *name);
	int (*accept)(struct fdnet_sock *so, struct fdnet_sock **ret_so);
	int (*shutdown)(struct fdnet_sock *so, int how);
	ssize_t (*send)(struct fdnet_sock *so, struct fdnet_msg *msg);
	ssize_t (*recv)(struct fdnet_sock *so, struct fdnet_msg *msg);
	uint32_t (*poll)(struct fdnet_sock *so);
	/* one packet, its IP header in place (fdnet_ip_finish()), or NULL
	 * when there is nothing (more) to send now */
	struct fdnet_pkt *(*output)(struct fdnet_sock *so);
	/* a transport packet; pkt->data stands at the transport header;
	 * taken. @in tells what IP found. */
	void (*input)(struct fdnet_sock *so, struct fdnet_pkt *pkt,
		      const struct fdnet_ip_in *in);
	/* an ICMP error for a packet that this socket sent. @inner: the
	 * quoted transport header, at least 8 bytes */
	void (*icmp_error)(struct fdnet_sock *so,
			   const struct fdnet_sock_error *err,
			   const uint8_t *inner, uint32_t inner_len,
			   uint32_t mtu);
	/* an option was set; may be NULL */
	void (*changed)(struct fdnet_sock *so, int level, int name);
	uint32_t (*inq)(const struct fdnet_sock *so);
	uint32_t (*outq)(const struct fdnet_sock *so);
	uint32_t (*unsent)(const struct fdnet_sock *so);
	/* the kind's own state as bytes, or back: save.h. NULL: none */
	void (*save)(struct fdnet_save *s, struct fdnet_sock *so);
	/* peer end of the link died (fdnet_stack_peer_gone()) */
	void (*peer_gone)(struct fdnet_sock *so, bool reset);
};

/* Of a packet on its way out, in user[]: it is cut into no larger fragments
 * than this (IPV6_MTU), 0: than what fits. */
enum { FDNET_USER_OUT_MTU = 3 };
/* ... as whose value this means: not cut, whatever is known of the way. */
#define FDNET_OUT_WHOLE UINT64_MAX

/* What IP learned about a packet, for the transport above it. */
struct fdnet_ip_in {
	struct fdnet_ip src, dst;
	uint8_t proto;
	uint8_t ttl;
	uint8_t tos;
	uint16_t ident;
	uint32_t len;	     /* transport header and payload, bytes */
	bool group;	     /* multicast or broadcast destination */
	bool no_csum;	     /* UDP over IPv6 without one (RFC 6936) */
	const uint8_t *hdr;  /* IP header, for quoting in ICMP errors; stands
			      * right before the transport header */
	uint32_t hdr_len;
	int ifindex;	     /* 1 loopback, 2 link */
	uint16_t frag_max;   /* it came in fragments: the largest, bytes */
};

/* The common part: first member of every kind of socket. */
struct fdnet_sock {
	struct fdnet_stack *stack;
	const struct fdnet_proto_ops *ops;
	uint8_t family; /* 4, or 6 (then perhaps dual-stack) */
	uint8_t type;
	uint8_t proto;
	bool bound;	 /* holds a local port in the demux */
	bool connected;	 /* in the demux by 4-tuple */
	bool listening;
	bool detached;	 /* fdnet_sock_close() was called: no more events */
	bool foreign;	 /* fdnet_sock_bind_foreign() */
	bool user_addr;	 /* the address was given to bind() */
	bool user_port;	 /* likewise the port */
	bool busy;	 /* fdnet_sock_set_busy() */
	bool port_child; /* among @port's children: fdnet_demux_connect() */
	bool in_event_list, in_out_ring, in_req_list;
	/* what a lookup reads stands close together */
	uint32_t conn_hash;
	struct fdnet_sock *conn_next;
	struct fdnet_name local, peer;
	int error; /* positive errno, fetched by SO_ERROR or the next call */
	/* events not yet reported; in the event list while non-zero */
	uint32_t events;
	struct fdnet_sock_opts opts;
	union {
		struct fdnet_mcast *mcast; /* joined groups: mcast.h */
		struct fdnet_errq *errq;   /* streams: errq.h */
	};
	void *user;
	struct fdnet_sock *event_next, *event_prev;
	/* ready ring */
	struct fdnet_sock *out_next, *out_prev;
	/* requests of a gateway */
	struct fdnet_sock *req_next, *req_prev;
	/* all sockets of the stack */
	struct fdnet_sock *all_next, *all_prev;
	/* demux chains; @port is the holder of the local port, if any */
	struct fdnet_port *port;
	struct fdnet_sock *bound_next, *bound_prev;
};

/** fdnet_sock_new - allocate and initialise; used by open and by TCP for
 * children. NULL: limit or memory (counted). */
struct fdnet_sock *fdnet_sock_new(struct fdnet_stack *stack,
				  const struct fdnet_proto_ops *ops, int family,
				  int type, int proto);
/** fdnet_proto_find - the operations of such sockets, or NULL */
const struct fdnet_proto_ops *fdnet_proto_find(int family, int type,
					       int proto);
/** fdnet_sock_release - out of all tables and lists, memory freed */
void fdnet_sock_release(struct fdnet_sock *so);
/** fdnet_sock_event - something became true; queued for next_event() */
void fdnet_sock_event(struct fdnet_sock *so, uint32_t events);
/** fdnet_sock_want_output - ask for ops->output() to be called */
void fdnet_sock_want_output(struct fdnet_sock *so);
/**
 * fdnet_sock_autobind - give an unbound socket a port
 * @dst:  where it will send, or NULL
 *
 * Does nothing when the socket has a port. so->local.ip is left alone: a
 * caller that connects sets it, and so->peer, before: then a stream socket
 * may share its port with connections to other peers when no port is free.
 * Returns 0, -EADDRNOTAVAIL (lease more).
 */
int fdnet_sock_autobind(struct fdnet_sock *so, const struct fdnet_ip *dst);
/** fdnet_sock_may_reach - do SO_BINDTODEVICE and SO_DONTROUTE (@dontroute:
 * MSG_DONTROUTE) leave a way to @dst? 0, -ENETUNREACH */
int fdnet_sock_may_reach(const struct fdnet_sock *so,
			 const struct fdnet_ip *dst, bool dontroute);
/** fdnet_sock_on_device - does SO_BINDTODEVICE let in what came to @local? */
static inline bool fdnet_sock_on_device(const struct fdnet_sock *so,
					const struct fdnet_ip *local)
{
	return !so->opts.bound_dev ||
	       so->opts.bound_dev == (fdnet_ip_is_loopback(local) ? 1 : 2);
}
/** fdnet_sock_set_busy - the socket has data that somebody must keep driving
 * (sent and unacknowledged, or unsent): fdnet_stack_has_work() counts these */
void fdnet_sock_set_busy(struct fdnet_sock *so, bool busy);
/** fdnet_sock_take_error - 0, or the pending error negated, and clears it */
int fdnet_sock_take_error(struct fdnet_sock *so);

extern const struct fdnet_proto_ops fdnet_tcp_ops;  /* tcp.c */
extern const struct fdnet_proto_ops fdnet_udp_ops;  /* udp.c */
extern const struct fdnet_proto_ops fdnet_ping_ops; /* icmp.c */
extern const struct fdnet_proto_ops fdnet_raw_ops;  /* raw.c */

/** fdnet_tcp_input_nosock - a segment that no socket claims: RST, or a new
 * request in a forwarding gateway; taken (tcp_in.c) */
void fdnet_tcp_input_nosock(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			    const struct fdnet_ip_in *in);

/* ---- demultiplexing (demux.c) ---- */

/** fdnet_demux_bind - claim so->local's port; sets so->bound. 0, -EADDRINUSE,
 * -ENOMEM */
int fdnet_demux_bind(struct fdnet_sock *so);
/**
 * fdnet_demux_restore - a socket that held so->local's port elsewhere holds it
 * here; so->bound is the caller's
 * @shared:  connections may share the port
 * @check:   refuse what would get another's packets, which is all that can
 *           go wrong; what bind() would refuse besides was decided long ago
 *
 * Returns 0, -EADDRINUSE, -ENOMEM.
 */
int fdnet_demux_restore(struct fdnet_sock *so, bool shared, bool check);
/** fdnet_demux_listen - a bound stream socket starts to listen: -EADDRINUSE
 * when another one does there (SO_REUSEADDR let both bind); sets
 * so->listening on success */
int fdnet_demux_listen(struct fdnet_sock *so);
/**
 * fdnet_demux_connect - add the 4-tuple so->local, so->peer; sets
 * so->connected
 *
 * A socket that was not bound before (a listener's child) also holds the
 * port from now on, so that bind() sees it, but is not looked at when
 * packets are matched to bound sockets.
 * Returns 0, -EADDRINUSE (it exists; streams only), -ENOMEM.
 */
int fdnet_demux_connect(struct fdnet_sock *so);
/** fdnet_demux_disconnect - take the 4-tuple out, keep the port */
void fdnet_demux_disconnect(struct fdnet_sock *so);
/** fdnet_demux_remove - out of both; clears bound, connected, listening */
void fdnet_demux_remove(struct fdnet_sock *so);
/** fdnet_demux_find - the socket for a packet: 4-tuple first, then the most
 * specific bound (TCP: listening) socket; reuseport group by hash */
struct fdnet_sock *fdnet_demux_find(struct fdnet_stack *stack, uint8_t proto,
				    const struct fdnet_name *local,
				    const struct fdnet_name *remote);
/** fdnet_demux_find_conn - only by 4-tuple */
struct fdnet_sock *fdnet_demux_find_conn(struct fdnet_stack *stack,
					 uint8_t proto,
					 const struct fdnet_name *local,
					 const struct fdnet_name *remote);

/* ---- IP (ip.c) ---- */

/** fdnet_ip_source - the address to use towards @dst; -ENETUNREACH */
int fdnet_ip_source(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		    struct fdnet_ip *ret_src);
/** fdnet_ip_default_ttl - of packets whose socket chose none; routers may
 * advertise it (RFC 4861 6.3.4) */
uint8_t fdnet_ip_default_ttl(const struct fdnet_stack *stack, int family);
/** fdnet_ip_link_mtu - largest IP packet that can be sent towards @dst, however
 * much of the path is known */
uint32_t fdnet_ip_link_mtu(const struct fdnet_stack *stack,
			   const struct fdnet_ip *dst);
/** fdnet_ip_mtu - largest IP packet towards @dst (path MTU), and whether the
 * way is a loop inside this stack */
uint32_t fdnet_ip_mtu(struct fdnet_stack *stack, const struct fdnet_ip *dst);
/** fdnet_neigh_confirm - what is sent to @dst gets there (RFC 4861 7.3.1): the
 * neighbour it goes through is alive */
void fdnet_neigh_confirm(struct fdnet_stack *stack, const struct fdnet_ip *dst);
/** fdnet_pmtu_update - an ICMP error that can be believed says that no larger
 * packets get through to @dst; fdnet_ip_mtu() knows it for ten minutes */
void fdnet_pmtu_update(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		       uint32_t mtu);
/** fdnet_pmtu_raise - packets of @mtu bytes get through to @dst: what was
 * learned before, if anything, was too little */
void fdnet_pmtu_raise(struct fdnet_stack *stack, const struct fdnet_ip *dst,
		      uint32_t mtu);
/**
 * fdnet_ip_finish - push the IP header onto a transport packet
 * @ttl, @tos:  -1 for the defaults
 * @df:         set don't-fragment; otherwise larger packets are fragmented
 *              on their way out
 *
 * Returns 0, or -ENOBUFS (headroom): @pkt is untouched.
 */
int fdnet_ip_finish(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		    const struct fdnet_ip *src, const struct fdnet_ip *dst,
		    uint8_t proto, int ttl, int tos, bool df);
/**
 * fdnet_ip_csum_fill - the transport checksum of a packet to be sent
 * @pkt:     pkt->data stands at the transport header; the checksum is zero
 * @offset:  of the checksum in the transport header
 *
 * Computes it; or, where nobody will look (cfg.csum_offload, loop), leaves it
 * and sets FDNET_PKT_CSUM_TRUSTED; or, for a burst, leaves the sum of the
 * pseudo header and sets FDNET_PKT_CSUM_PARTIAL. Before fdnet_ip_finish().
 */
void fdnet_ip_csum_fill(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			const struct fdnet_ip *src, const struct fdnet_ip *dst,
			uint8_t proto, uint32_t offset);
/* Transport checksums of arriving TCP and UDP are checked by IP before
 * ops->input() and fdnet_tcp_input_nosock() are called. */

/** fdnet_ip_queue - queue a finished packet that belongs to no socket (RST,
 * ICMP); taken; bounded, the oldest is dropped and counted */
void fdnet_ip_queue(struct fdnet_stack *stack, struct fdnet_pkt *pkt);
/** fdnet_pseudo_csum - ones' complement sum of the pseudo header */
uint32_t fdnet_pseudo_csum(const struct fdnet_ip *src,
			   const struct fdnet_ip *dst, uint8_t proto,
			   uint32_t len);
/** fdnet_icmp_send_error - quote @in's packet in an ICMP error. @type, @code
 * are ICMPv4's; translated for IPv6. Rate limited (RFC 1812 4.3.2.8). */
void fdnet_icmp_send_error(struct fdnet_stack *stack,
			   const struct fdnet_pkt *pkt,
			   const struct fdnet_ip_in *in, uint8_t type,
			   uint8_t code, uint32_t mtu);

/* ---- shared services of the stack object (stack.c) ---- */

const struct fdnet_stack_config *
fdnet_stack_cfg(const struct fdnet_stack *stack);
const struct fdnet_mem *fdnet_stack_mem(const struct fdnet_stack *stack);
struct fdnet_pkt_pool *fdnet_stack_pool(const struct fdnet_stack *stack);
/** fdnet_stack_tcp_bytes - what TCP's queues hold, kept by TCP */
uint64_t *fdnet_stack_tcp_bytes(struct fdnet_stack *stack);
void fdnet_stack_count(struct fdnet_stack *stack,
		       enum fdnet_stack_counter which);
/** fdnet_stack_random - a number from the seeded generator */
uint32_t fdnet_stack_random(struct fdnet_stack *stack);
/** fdnet_stack_hash - keyed hash (SipHash-like) of bytes, for tables and
 * sequence numbers (RFC 6528) */
uint64_t fdnet_stack_hash(const struct fdnet_stack *stack, const void *data,
			  size_t len);
/** fdnet_stack_queue_request - a half-open gateway connection for
 * fdnet_stack_next_request() */
void fdnet_stack_queue_request(struct fdnet_sock *so);

#endif
