/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack: a TCP/IP engine without I/O.
 *
 * It is given packets, the time and random bytes; it gives packets, socket
 * events and the time of its next timer. It never sleeps, opens, reads a
 * clock or takes a lock. The driver's loop is:
 *
 *	fdnet_stack_set_time(s, now);            the time is now
 *	fdnet_stack_input(s, pkt);               take this packet
 *	fdnet_stack_advance(s);                  run the timers that are due
 *	while ((pkt = fdnet_stack_output(s)))    give me what to send
 *		send(pkt) or fdnet_stack_unget(s, pkt);
 *	while ((so = fdnet_stack_next_event(s, &ev)))   whose state changed
 *		...
 *	sleep until fdnet_stack_expiry(s) or the fd is ready
 *
 * Output is pulled: a link that is full simply is not asked, so the data stay
 * in the sockets' buffers, where the application can see them.
 *
 * Functions return 0 or a count, or a negative errno value. Nothing here is
 * thread-safe: one stack is used by one thread at a time. Times are
 * microseconds on any monotonic clock.
 *
 * The headers that this one brings along: addr.h (addresses), settings.h
 * (what a stack is made with), sock.h (sockets), gateway.h (acting for every
 * destination), save.h (sockets and stacks as bytes).
 */
#ifndef FDNET_STACK_H
#define FDNET_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fdnet/addr.h>
#include <fdnet/gateway.h>
#include <fdnet/mem.h>
#include <fdnet/packet.h>
#include <fdnet/save.h>
#include <fdnet/settings.h>
#include <fdnet/sock.h>

FDNET_DECLS_BEGIN

#define FDNET_NEVER UINT64_MAX

/**
 * fdnet_stack_new - make a stack
 * @cfg:        borrowed
 * @now_us:     the time
 * @ret_stack:  the stack; it has the loopback addresses 127.0.0.1/8 and ::1
 *
 * Returns 0, -EINVAL (a setting out of range), -ENOMEM.
 */
FDNET_API int fdnet_stack_new(const struct fdnet_stack_config *cfg,
			      uint64_t now_us, struct fdnet_stack **ret_stack);

/**
 * fdnet_stack_free - drop the stack (or NULL), its sockets and queues; taken
 *
 * Nothing is sent. Sockets still held by the caller become invalid.
 */
FDNET_API void fdnet_stack_free(struct fdnet_stack *stack);

/**
 * fdnet_stack_add_addr - give the link interface an address
 * @ip:    address
 * @bits:  prefix length of its network
 *
 * Returns 0, -EEXIST, -EINVAL, -ENOSPC (16 at most).
 */
FDNET_API int fdnet_stack_add_addr(struct fdnet_stack *stack,
				   const struct fdnet_ip *ip,
				   unsigned int bits);

/**
 * fdnet_stack_add_route - packets to a network go through a gateway
 * @net, @bits:  the network; 0 bits: everything else
 * @gateway:     a neighbour, or NULL: its hosts are on the link
 *
 * Without any route of a family everything goes to the link as it is. One
 * network may have several gateways: the first is used as long as it answers.
 * Returns 0, -EEXIST, -EINVAL, -ENOSPC (32 at most).
 */
FDNET_API int fdnet_stack_add_route(struct fdnet_stack *stack,
				    const struct fdnet_ip *net,
				    unsigned int bits,
				    const struct fdnet_ip *gateway);

/** fdnet_stack_del_route - the first route to exactly this network; 0, -ESRCH */
FDNET_API int fdnet_stack_del_route(struct fdnet_stack *stack,
				    const struct fdnet_ip *net,
				    unsigned int bits);

/** fdnet_stack_addr_state - 0: @ip is in use, -EINPROGRESS: still probed,
 * -EADDRNOTAVAIL: none of ours, or somebody else has it */
FDNET_API int fdnet_stack_addr_state(const struct fdnet_stack *stack,
				     const struct fdnet_ip *ip);

/**
 * struct fdnet_lease - what a DHCP server gave
 * @router:     family 0: none
 * @dns, @ndns: name servers, for whoever resolves names
 * @mtu:        as told, 0: not told
 * @expiry_us:  on the stack's clock, 0: never
 */
struct fdnet_lease {
	struct fdnet_ip addr;
	uint8_t bits;
	struct fdnet_ip server, router;
	struct fdnet_ip dns[3];
	unsigned int ndns;
	uint16_t mtu;
	uint64_t expiry_us;
};

/**
 * fdnet_stack_dhcp_start - get an IPv4 address from a DHCP server (RFC 2131)
 *
 * On Ethernet. Address, default route (unless there is one) and a smaller MTU
 * come, are renewed and go by themselves; see fdnet_stack_dhcp_lease(). UDP
 * port 68 is the client's as long.
 * Returns 0, -EINVAL (no Ethernet, or a gateway), -EALREADY.
 */
FDNET_API int fdnet_stack_dhcp_start(struct fdnet_stack *stack);
/** fdnet_stack_dhcp_stop - give the lease back, if there is one (a message to
 * the server is output), and forget it */
FDNET_API void fdnet_stack_dhcp_stop(struct fdnet_stack *stack);
/** fdnet_stack_dhcp_lease - what is in use. 0; -EINPROGRESS: nothing yet;
 * -ENOENT: not started */
FDNET_API int fdnet_stack_dhcp_lease(const struct fdnet_stack *stack,
				     struct fdnet_lease *ret_lease);

/** fdnet_stack_set_tcp - other settings for connections made from now on */
FDNET_API void fdnet_stack_set_tcp(struct fdnet_stack *stack,
				   const struct fdnet_tcp_settings *tcp);
/** fdnet_stack_find - the TCP connection with these names (half-open and not
 * yet accepted ones too), or NULL */
FDNET_API struct fdnet_sock *fdnet_stack_find(struct fdnet_stack *stack,
					      uint8_t proto,
					      const struct fdnet_name *local,
					      const struct fdnet_name *peer);

/** fdnet_stack_order - sort addresses of one host so that the first is to be
 * tried first (RFC 6724 section 6) */
FDNET_API void fdnet_stack_order(struct fdnet_stack *stack,
				 struct fdnet_ip *dsts, unsigned int n);

/** fdnet_stack_is_local - is @ip one of ours (loopback included)? */
FDNET_API bool fdnet_stack_is_local(const struct fdnet_stack *stack,
				    const struct fdnet_ip *ip);

/** fdnet_stack_set_time - the time is now; it never runs backwards */
FDNET_API void fdnet_stack_set_time(struct fdnet_stack *stack,
				    uint64_t now_us);
/** fdnet_stack_time - the time last set */
FDNET_API uint64_t fdnet_stack_time(const struct fdnet_stack *stack);

/** fdnet_stack_input - take one packet from the link; taken, never refused:
 * a bad one is dropped and counted */
FDNET_API void fdnet_stack_input(struct fdnet_stack *stack,
				 struct fdnet_pkt *pkt);

/** fdnet_stack_advance - run the timers due at the time set */
FDNET_API void fdnet_stack_advance(struct fdnet_stack *stack);

/** fdnet_stack_output - the next packet for the link, or NULL; the caller's */
FDNET_API struct fdnet_pkt *fdnet_stack_output(struct fdnet_stack *stack);

/** fdnet_stack_unget - the link was full: give @pkt back to be next; taken */
FDNET_API void fdnet_stack_unget(struct fdnet_stack *stack,
				 struct fdnet_pkt *pkt);

/** fdnet_stack_expiry - when advance() is due, or FDNET_NEVER */
FDNET_API uint64_t fdnet_stack_expiry(struct fdnet_stack *stack);

/** fdnet_stack_has_work - is there something to output now, or unsent data
 * that waits for the peer (so somebody must keep driving)? */
FDNET_API bool fdnet_stack_has_work(struct fdnet_stack *stack);

/**
 * fdnet_stack_next_event - the next socket whose readiness changed
 * @ret_events:  what became true since last reported: enum fdnet_event bits;
 *               IN is set for each arrival, also if it was readable before
 *
 * Returns the socket, or NULL when there is no other.
 */
FDNET_API struct fdnet_sock *fdnet_stack_next_event(struct fdnet_stack *stack,
						    uint32_t *ret_events);

/**
 * fdnet_stack_lease - more ports for automatic binding
 * @proto:   6 or 17
 * @lo, @hi: inclusive range
 *
 * Returns 0, -EINVAL, -ENOSPC (16 ranges a protocol).
 */
FDNET_API int fdnet_stack_lease(struct fdnet_stack *stack, uint8_t proto,
				uint16_t lo, uint16_t hi);

/**
 * fdnet_stack_peer_gone - the other end of the link died
 *
 * Every connection sees what it would had the peer's kernel closed it: all
 * that was received stays readable, then end of file; sends give -EPIPE or
 * -ECONNRESET. Half-open ones fail with -ECONNRESET. With @reset, all
 * connections fail with -ECONNRESET at once and new ones with -ENETDOWN.
 */
FDNET_API void fdnet_stack_peer_gone(struct fdnet_stack *stack, bool reset);

/* Names for all counters are in fdnet_stack_counter_name(). */
enum fdnet_stack_counter {
	FDNET_C_IP_IN,
	FDNET_C_IP_OUT,
	FDNET_C_IP_SHORT,
	FDNET_C_IP_BAD_HEADER,
	FDNET_C_IP_BAD_CSUM,
	FDNET_C_IP_NOT_OURS,
	FDNET_C_IP_MARTIAN,
	FDNET_C_IP_NO_PROTO,
	FDNET_C_IP_NO_ROUTE,
	FDNET_C_IP_NOMEM,
	FDNET_C_FRAG_IN,
	FDNET_C_FRAG_OUT,
	FDNET_C_FRAG_REASSEMBLED,
	FDNET_C_FRAG_TIMEOUT,
	FDNET_C_FRAG_LIMIT,
	FDNET_C_FRAG_BAD,
	FDNET_C_ICMP_IN,
	FDNET_C_ICMP_OUT,
	FDNET_C_ICMP_BAD,
	FDNET_C_ICMP_LIMITED,
	FDNET_C_UDP_IN,
	FDNET_C_UDP_OUT,
	FDNET_C_UDP_BAD,
	FDNET_C_UDP_NO_PORT,
	FDNET_C_UDP_RCVBUF,
	FDNET_C_TCP_IN,
	FDNET_C_TCP_OUT,
	FDNET_C_TCP_BAD,
	FDNET_C_TCP_NO_SOCK,
	FDNET_C_TCP_RST_OUT,
	FDNET_C_TCP_RST_IN,
	FDNET_C_TCP_RETRANS,
	FDNET_C_TCP_RTO,
	FDNET_C_TCP_OOO,
	FDNET_C_TCP_DUP,
	FDNET_C_TCP_OUT_OF_WINDOW,
	FDNET_C_TCP_CHALLENGE,
	FDNET_C_TCP_BACKLOG,
	FDNET_C_TCP_LIMIT,
	FDNET_C_TCP_ACTIVE_OPEN,
	FDNET_C_TCP_PASSIVE_OPEN,
	FDNET_C_TCP_FAILED_OPEN,
	FDNET_C_TCP_ABORT,
	FDNET_C_ARP_IN,
	FDNET_C_ARP_OUT,
	FDNET_C_ARP_BAD,
	FDNET_C_NEIGH_FAILED,
	FDNET_C_NEIGH_LIMIT,
	FDNET_C_ADDR_CONFLICT,
	FDNET_C_LINK_BAD,
	FDNET_C_GROUP_REPORT,
	FDNET_C_DHCP_IN,
	FDNET_C_DHCP_OUT,
	FDNET_C_DHCP_BAD,
	FDNET_C_REDIRECT_IN,
	FDNET_C_REDIRECT_BAD,
	FDNET_C_RA_LIMIT,
	FDNET_C_MCAST_LIMIT,
	FDNET_C_SOCK_LIMIT,
	FDNET_C_TCP_MTU_PROBE,
	FDNET_C_TCP_MTU_PROBE_LOST,
	FDNET_C_PMTU_LIMIT,
	FDNET_C_REDIRECT_LIMIT,
	FDNET_C_ERRQ_LIMIT,
	FDNET_C_TABLE_LIMIT,
	FDNET_C_MAX
};

/** fdnet_stack_counter - the value of one counter */
FDNET_API uint64_t fdnet_stack_counter(const struct fdnet_stack *stack,
				       enum fdnet_stack_counter which);
/** fdnet_stack_counter_name - "tcp_retrans" and so on; static */
FDNET_API const char *
fdnet_stack_counter_name(enum fdnet_stack_counter which);
/** fdnet_stack_socks - sockets that exist now, TIME_WAIT included */
FDNET_API unsigned int fdnet_stack_socks(const struct fdnet_stack *stack);

FDNET_DECLS_END

#endif
