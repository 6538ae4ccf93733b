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
 */
#ifndef FDNET_STACK_H
#define FDNET_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <fdnet/mem.h>
#include <fdnet/packet.h>

#define FDNET_NEVER UINT64_MAX

/* ---- addresses ---- */

/**
 * struct fdnet_ip - an IPv4 or IPv6 address
 * @family:  4 or 6, or 0 for "none given"
 * @bytes:   network order; IPv4 uses the first four, the rest are zero
 */
struct fdnet_ip {
	uint8_t family;
	uint8_t bytes[16];
};

/**
 * struct fdnet_name - an address and a port, what sockets are named by
 * @port:   host order; for raw and ping sockets the protocol or identifier
 * @scope:  IPv6 interface index for link-local addresses, else 0
 */
struct fdnet_name {
	struct fdnet_ip ip;
	uint16_t port;
	uint32_t scope;
};

/** fdnet_ip4 - the address a.b.c.d from its 32 bits in host order */
static inline struct fdnet_ip fdnet_ip4(uint32_t host_order)
{
	return (struct fdnet_ip){
		.family = 4,
		.bytes = { (uint8_t)(host_order >> 24),
			   (uint8_t)(host_order >> 16),
			   (uint8_t)(host_order >> 8), (uint8_t)host_order },
	};
}

FDNET_API bool fdnet_ip_equal(const struct fdnet_ip *a,
			      const struct fdnet_ip *b);
/** fdnet_ip_is_any - 0.0.0.0, :: or none */
FDNET_API bool fdnet_ip_is_any(const struct fdnet_ip *ip);
/** fdnet_ip_is_loopback - 127.0.0.0/8 or ::1 */
FDNET_API bool fdnet_ip_is_loopback(const struct fdnet_ip *ip);
/** fdnet_ip_is_multicast - 224.0.0.0/4 or ff00::/8 */
FDNET_API bool fdnet_ip_is_multicast(const struct fdnet_ip *ip);
/** fdnet_ip_in_prefix - do the first @bits bits equal @net's? same family */
FDNET_API bool fdnet_ip_in_prefix(const struct fdnet_ip *ip,
				  const struct fdnet_ip *net,
				  unsigned int bits);
/** fdnet_ip_format - text form; @dst has FDNET_IP_STRLEN bytes; returns @dst */
#define FDNET_IP_STRLEN 46
FDNET_API char *fdnet_ip_format(const struct fdnet_ip *ip, char *dst);
/** fdnet_ip_parse - from text; 0 or -EINVAL */
FDNET_API int fdnet_ip_parse(const char *text, struct fdnet_ip *ret_ip);

/* ---- the stack ---- */

/* When TCP negotiates ECN (RFC 3168): the values of net.ipv4.tcp_ecn. */
enum fdnet_tcp_ecn {
	FDNET_TCP_ECN_PASSIVE, /* agreed to when the peer asks: the default */
	FDNET_TCP_ECN_ASK,     /* also asked for */
	FDNET_TCP_ECN_NEVER,
};

/* Fast open (RFC 7413): the values of net.ipv4.tcp_fastopen. */
enum fdnet_tcp_fastopen_flag {
	FDNET_TFO_CLIENT = 0x1, /* on by default */
	FDNET_TFO_SERVER = 0x2, /* on by default: listeners with TCP_FASTOPEN */
	FDNET_TFO_CLIENT_NO_COOKIE = 0x4,
	FDNET_TFO_SERVER_NO_COOKIE = 0x200,
	FDNET_TFO_SERVER_ALL = 0x400, /* listeners without the option too */
	FDNET_TFO_OFF = 0x8000,
};

/**
 * struct fdnet_tcp_settings - what sysctls are to the kernel's TCP; zeroed is
 * the default
 * @ecn:            enum fdnet_tcp_ecn
 * @no_timestamps, @no_sack, @no_wscale:  options neither offered nor taken
 * @fastopen:       enum fdnet_tcp_fastopen_flag; 0: both sides
 * @fastopen_key:   cookies are made with it; all zero: from @seed
 * @pacing:         packets of a connection are spread over the round trip
 *                  instead of sent as the window allows
 * @burst_min:      full segments that one burst may always hold, however slow
 *                  the connection is; 0: 2
 */
struct fdnet_tcp_settings {
	uint8_t ecn;
	bool no_timestamps;
	bool no_sack;
	bool no_wscale;
	uint32_t fastopen;
	uint8_t fastopen_key[16];
	bool pacing;
	uint8_t burst_min;
};

/**
 * struct fdnet_stack_limits - how much peers and applications can make grow;
 * 0: the default
 * @half_open:   SYNs answered and not acknowledged that a listener keeps
 *               whatever its backlog, 128; beyond it and the backlog there are
 *               SYN cookies (counter tcp_limit)
 * @backlog:     the largest that listen() takes, 4096
 * @ooo_pkts:    packets that a connection keeps behind a hole, 8192 (64 when
 *               @lossless), in bytes never more than its receive buffer
 *               (tcp_limit)
 * @reassembly:  datagrams in fragments at once, 32, 64 KiB each; the oldest
 *               gives way (frag_limit)
 * @neighbours:  on Ethernet, 256; the one not used for longest gives way
 *               (neigh_limit)
 * @icmp_per_s, @icmp_burst:  ICMP errors a second, 1000, and so many at once,
 *               1000 (icmp_limited)
 */
struct fdnet_stack_limits {
	uint32_t half_open;
	uint32_t backlog;
	uint32_t ooo_pkts;
	uint32_t reassembly;
	uint32_t neighbours;
	uint32_t icmp_per_s;
	uint32_t icmp_burst;
};

/**
 * struct fdnet_stack_config - settings, fixed when the stack is made
 * @mem:       allocator for everything but packets; shared
 * @pool:      packets and payload buffers come from here; shared
 * @payload_pool:  where the payload that TCP sends is kept; shared; NULL: @pool
 * @seed:      16 random bytes: sequence numbers, ports, hash keys (RFC 6528)
 * @mtu:       largest IP packet the link takes, 576..65535 (v6 needs 1280)
 * @gso_max:   largest burst (TCP payload bytes) the link takes, 0: no GSO;
 *             may exceed 65535 on a link that agreed to FDNET_LINK_F_BIG
 * @csum_offload:  transport checksums are neither computed nor checked
 * @switched:  other stacks share our addresses behind the link: packets to
 *             our own or a loopback address that no local socket claims go
 *             out instead of being refused (the relay's switch decides)
 * @gateway:   act for every destination: packets to addresses that are not
 *             ours are taken in too; TCP to no local socket becomes a request
 *             (fdnet_stack_next_request()) if @forward
 * @lossless:  the link loses and reorders nothing (hint: long initial RTO)
 * @ephemeral_lo, @ephemeral_hi:  ports for automatic binding, inclusive;
 *             0, 0: none until fdnet_stack_lease()
 * @max_socks:      sockets at most (all kinds), 0 for the default 131072
 * @tcp_sndbuf, @tcp_rcvbuf:  initial buffer limits, bytes, 0 for defaults
 * @tcp_buf_max:    largest buffer SO_SNDBUF/SO_RCVBUF or tuning may set
 * @tcp_mem:        bytes that all TCP connections together may hold, sent and
 *             received, before their windows and buffers are kept small; 0 for
 *             the default, 256 MiB
 * @udp_sndbuf, @udp_rcvbuf:  likewise for datagram sockets
 * @ethernet:  the link is Ethernet: neighbours are found by ARP and ND, and
 *             packets in both directions have link_src, link_dst, ethertype
 * @link_addr: our address on it
 * @autoconf:  on Ethernet: addresses are probed before they are used, which
 *             takes some seconds (fdnet_stack_addr_state()), and routers are
 *             asked for
 * @mcast_max, @mcast_src4_max, @mcast_src6_max:  multicast groups of a socket,
 *             sources of one group's filter, at most; 0: 20, 10, 64, as the
 *             kernel's igmp_max_memberships, igmp_max_msf, mld_max_msf; no
 *             more than 1024, 64, 64
 * @no_redirects:  routers' redirects are ignored, and counted
 * @tcp:       TCP's choices; fdnet_stack_set_tcp() changes them later
 * @limits:    besides @max_socks, @tcp_mem, @mcast_max and the buffers; not
 *             saved with a stack: whoever restores it says them
 */
struct fdnet_stack_config {
	const struct fdnet_mem *mem;
	struct fdnet_pkt_pool *pool;
	struct fdnet_pkt_pool *payload_pool;
	uint8_t seed[16];
	uint32_t mtu;
	uint32_t gso_max;
	bool csum_offload;
	bool switched;
	bool gateway;
	bool forward;
	bool lossless;
	uint16_t ephemeral_lo;
	uint16_t ephemeral_hi;
	uint32_t max_socks;
	uint32_t tcp_sndbuf;
	uint32_t tcp_rcvbuf;
	uint32_t tcp_buf_max;
	uint64_t tcp_mem;
	uint32_t udp_sndbuf;
	uint32_t udp_rcvbuf;
	bool ethernet;
	uint8_t link_addr[6];
	bool autoconf;
	uint16_t mcast_max;
	uint8_t mcast_src4_max;
	uint8_t mcast_src6_max;
	bool no_redirects;
	struct fdnet_tcp_settings tcp;
	struct fdnet_stack_limits limits;
};

struct fdnet_stack;
struct fdnet_sock;

/** fdnet_stack_config_init - fill in the defaults */
FDNET_API void fdnet_stack_config_init(struct fdnet_stack_config *cfg);

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
 * fdnet_stack_next_request - the next TCP connection asked of the gateway
 *
 * Only with @forward. The socket is half open: its name is the destination
 * the guest asked for, its peer is the guest. Answer with
 * fdnet_sock_admit() or fdnet_sock_refuse(). NULL when there is no other.
 */
FDNET_API struct fdnet_sock *
fdnet_stack_next_request(struct fdnet_stack *stack);

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

/* ---- sockets ---- */

enum fdnet_sock_type {
	FDNET_SOCK_STREAM = 1, /* values of SOCK_* */
	FDNET_SOCK_DGRAM = 2,
	FDNET_SOCK_RAW = 3,
};

/* Readiness; the values are EPOLL*'s. */
enum fdnet_event {
	FDNET_EV_IN = 0x001,
	FDNET_EV_PRI = 0x002,
	FDNET_EV_OUT = 0x004,
	FDNET_EV_ERR = 0x008,
	FDNET_EV_HUP = 0x010,
	FDNET_EV_RDHUP = 0x2000,
};

/* Flags of send and recv; the values are MSG_*'s. */
enum fdnet_msg_flag {
	FDNET_MSG_OOB = 0x1,
	FDNET_MSG_PEEK = 0x2,
	FDNET_MSG_DONTROUTE = 0x4,
	FDNET_MSG_CTRUNC = 0x8,
	FDNET_MSG_TRUNC = 0x20,
	FDNET_MSG_DONTWAIT = 0x40, /* recv: after SHUT_RD -EAGAIN, not 0 */
	FDNET_MSG_EOR = 0x80,
	FDNET_MSG_WAITALL = 0x100,
	FDNET_MSG_CONFIRM = 0x800, /* send: the neighbour answers */
	FDNET_MSG_ERRQUEUE = 0x2000,
	FDNET_MSG_MORE = 0x8000,
	FDNET_MSG_ZEROCOPY = 0x4000000, /* send: copied, and that is told */
	FDNET_MSG_FASTOPEN = 0x20000000, /* send: connect to @to_from */
};

enum fdnet_shut {
	FDNET_SHUT_RD = 0,
	FDNET_SHUT_WR = 1,
	FDNET_SHUT_RDWR = 2,
};

/* TCP states, the values are the kernel's (TCP_ESTABLISHED = 1 ...). */
enum fdnet_tcp_state {
	FDNET_TCP_ESTABLISHED = 1,
	FDNET_TCP_SYN_SENT,
	FDNET_TCP_SYN_RECV,
	FDNET_TCP_FIN_WAIT1,
	FDNET_TCP_FIN_WAIT2,
	FDNET_TCP_TIME_WAIT,
	FDNET_TCP_CLOSE,
	FDNET_TCP_CLOSE_WAIT,
	FDNET_TCP_LAST_ACK,
	FDNET_TCP_LISTEN,
	FDNET_TCP_CLOSING,
	FDNET_TCP_NEW_SYN_RECV,
};

/**
 * fdnet_sock_open - make a socket
 * @family:  4 or 6
 * @type:    enum fdnet_sock_type
 * @proto:   6 for STREAM, 17 or 1/58 (ping) for DGRAM, any for RAW
 *
 * Returns 0, -EPROTONOSUPPORT, -ENFILE (the limit), -ENOMEM.
 */
FDNET_API int fdnet_sock_open(struct fdnet_stack *stack, int family, int type,
			      int proto, struct fdnet_sock **ret_so);

/**
 * fdnet_sock_close - the application has closed its last reference
 *
 * Orderly: data still to be sent and the FIN are sent later, TIME_WAIT is
 * kept by the stack. Unread data or SO_LINGER 0 make it a reset (RFC 2525).
 * The socket must not be used afterwards; no more events come for it. Taken.
 */
FDNET_API void fdnet_sock_close(struct fdnet_sock *so);

/**
 * fdnet_sock_bind - name the socket
 * @name:  address (may be any) and port (0: choose one)
 *
 * Returns 0, -EADDRINUSE, -EADDRNOTAVAIL (not ours; or no port left: lease
 * more), -EINVAL (already bound), -EAFNOSUPPORT.
 */
FDNET_API int fdnet_sock_bind(struct fdnet_sock *so,
			      const struct fdnet_name *name);

/** fdnet_sock_listen - @backlog as in listen(2). -EADDRINUSE, -EINVAL,
 * -EOPNOTSUPP, -EADDRNOTAVAIL (could not be bound automatically) */
FDNET_API int fdnet_sock_listen(struct fdnet_sock *so, int backlog);

/**
 * fdnet_sock_connect - connect, or set a datagram socket's peer
 * @name:  destination; family 0 dissolves a datagram association
 *
 * Returns 0 (datagram, or done at once), -EINPROGRESS (the event OUT or ERR
 * follows), -EALREADY, -EISCONN, -EADDRNOTAVAIL (no port: lease more),
 * -ENETUNREACH, -EAFNOSUPPORT, -EINVAL, -ECONNREFUSED ... when an earlier
 * attempt failed and this call fetches its error, as connect(2) does.
 */
FDNET_API int fdnet_sock_connect(struct fdnet_sock *so,
				 const struct fdnet_name *name);

/** fdnet_sock_accept - the next connection of a listener; the caller's.
 * -EAGAIN, -EINVAL (not listening), -EOPNOTSUPP */
FDNET_API int fdnet_sock_accept(struct fdnet_sock *so,
				struct fdnet_sock **ret_so);

/** fdnet_sock_shutdown - @how: enum fdnet_shut. -ENOTCONN as shutdown(2) */
FDNET_API int fdnet_sock_shutdown(struct fdnet_sock *so, int how);

/**
 * struct fdnet_msg - one send or receive
 * @iov, @iovcnt:  the data; borrowed
 * @to_from:       DGRAM and RAW: destination (send; family 0: the connected
 *                 peer) or source (recv, written)
 * @local:         DGRAM: source to send from (family 0: choose) or the
 *                 destination the datagram was sent to (recv, written); in a
 *                 gateway any address may be sent from
 * @flags:         in: enum fdnet_msg_flag; recv out: TRUNC, ERRQUEUE
 * @ttl, @tos:     recv: of the datagram; send: -1 for the socket's own
 * @ifindex:       recv: 1 loopback, 2 link
 * @err:           recv with ERRQUEUE: the error; to_from is then the
 *                 destination of the datagram it is about
 * @control, @control_room, @control_len:  recv: where control messages go in
 *                 recvmsg(2)'s layout, as the socket's options ask for them,
 *                 the room there is, and (out) the bytes used; what does not
 *                 fit sets CTRUNC. NULL: none are wanted
 * @wall_us:       recv: what to add to the stack's clock for the time of day,
 *                 for the timestamps among them
 */
struct fdnet_msg {
	const struct iovec *iov;
	int iovcnt;
	struct fdnet_name to_from;
	struct fdnet_name local;
	int flags;
	int ttl;
	int tos;
	int ifindex;
	uint16_t gso_size; /* send: UDP_SEGMENT; recv: UDP_GRO */
	struct fdnet_sock_error {
		int error; /* positive errno */
		uint8_t origin, type, code;
		uint32_t info, data;
		uint64_t time_us; /* of what was stamped */
		struct fdnet_name offender;
		struct fdnet_name about; /* destination of the datagram */
	} err;
	uint64_t time_us; /* recv: when it arrived, on the stack's clock */
	void *control;
	size_t control_room, control_len;
	int64_t wall_us;
};

/**
 * fdnet_sock_send - queue data
 *
 * Streams take what fits into the send buffer, datagrams all or nothing.
 * Returns bytes taken, -EAGAIN (full: OUT follows), -EPIPE (the caller
 * raises SIGPIPE), -ENOTCONN, -EDESTADDRREQ, -EMSGSIZE, -ENETUNREACH,
 * -EACCES (broadcast not allowed), -EISCONN, a pending error;
 * -EADDRNOTAVAIL when an unbound datagram socket finds no port (lease more).
 */
FDNET_API ssize_t fdnet_sock_send(struct fdnet_sock *so,
				  struct fdnet_msg *msg);

/**
 * fdnet_sock_recv - take received data
 *
 * Returns bytes (a datagram's full length only with MSG_TRUNC in flags), 0
 * at end of file, -EAGAIN, -ENOTCONN, a pending error.
 */
FDNET_API ssize_t fdnet_sock_recv(struct fdnet_sock *so,
				  struct fdnet_msg *msg);

/**
 * fdnet_sock_send_reserve - where to put stream data without another copy
 * @iov:     up to @iovcnt entries, written
 *
 * Room in the send buffer, to be filled from the front and made part of the
 * stream by fdnet_sock_send_commit(). No other call on the socket, and no
 * input, may come in between.
 * Returns entries used; -EAGAIN when full; otherwise as fdnet_sock_send().
 */
FDNET_API int fdnet_sock_send_reserve(struct fdnet_sock *so, struct iovec *iov,
				      int iovcnt);
FDNET_API int fdnet_sock_send_commit(struct fdnet_sock *so, size_t len);

/**
 * fdnet_sock_recv_peek - the received stream data in place
 * @iov:  up to @iovcnt entries, written; valid until the next call
 *
 * Returns entries used; 0 at end of file; -EAGAIN; a pending error.
 */
FDNET_API int fdnet_sock_recv_peek(struct fdnet_sock *so, struct iovec *iov,
				   int iovcnt);
/** fdnet_sock_recv_consume - drop @len bytes from the front; opens the window */
FDNET_API void fdnet_sock_recv_consume(struct fdnet_sock *so, size_t len);

/** fdnet_sock_poll - readiness now: enum fdnet_event bits, as poll(2) has them */
FDNET_API uint32_t fdnet_sock_poll(struct fdnet_sock *so);

/**
 * fdnet_sock_choose_port - as listen(), connect() and sending do for a socket
 * that has no port: it gets one, and keeps its address
 *
 * Where bind() chooses none (IP_BIND_ADDRESS_NO_PORT), for those who must know
 * the port before they listen.
 * Returns 0, also when it has one; -EADDRNOTAVAIL when there is none free
 * (lease more).
 */
FDNET_API int fdnet_sock_choose_port(struct fdnet_sock *so);

/** fdnet_sock_name - own name; fdnet_sock_peer - the other's: -ENOTCONN */
FDNET_API int fdnet_sock_name(const struct fdnet_sock *so,
			      struct fdnet_name *ret_name);
FDNET_API int fdnet_sock_peer(const struct fdnet_sock *so,
			      struct fdnet_name *ret_name);

/**
 * fdnet_sock_setopt, fdnet_sock_getopt - options by the kernel's numbers
 * @level, @name:  SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP ... and
 *                 their options with the kernel's values and layouts
 * @val, @len:     as in setsockopt(2); @len is in/out for getopt
 *
 * Options that only a blocking caller can honour (SO_RCVTIMEO, SO_SNDTIMEO,
 * SO_LINGER's wait) are stored here and acted on by the caller.
 * Returns 0, -ENOPROTOOPT, -EINVAL, -EISCONN, -ENOTCONN, -EDOM as the kernel.
 */
FDNET_API int fdnet_sock_setopt(struct fdnet_sock *so, int level, int name,
				const void *val, uint32_t len);
FDNET_API int fdnet_sock_getopt(struct fdnet_sock *so, int level, int name,
				void *val, uint32_t *len);

/** fdnet_sock_inq - bytes readable (SIOCINQ); DGRAM: of the next datagram */
FDNET_API uint32_t fdnet_sock_inq(const struct fdnet_sock *so);
/** fdnet_sock_outq - bytes not yet acknowledged (SIOCOUTQ) */
FDNET_API uint32_t fdnet_sock_outq(const struct fdnet_sock *so);
/** fdnet_sock_unsent - bytes not yet given to fdnet_stack_output() */
FDNET_API uint32_t fdnet_sock_unsent(const struct fdnet_sock *so);
/** fdnet_sock_at_mark - sockatmark(3) */
FDNET_API bool fdnet_sock_at_mark(const struct fdnet_sock *so);

/** fdnet_sock_state - enum fdnet_tcp_state; CLOSE or ESTABLISHED for others */
FDNET_API int fdnet_sock_state(const struct fdnet_sock *so);
FDNET_API int fdnet_sock_type(const struct fdnet_sock *so);
FDNET_API int fdnet_sock_family(const struct fdnet_sock *so);
FDNET_API int fdnet_sock_proto(const struct fdnet_sock *so);

/** fdnet_sock_set_user, fdnet_sock_user - one pointer of the caller's */
FDNET_API void fdnet_sock_set_user(struct fdnet_sock *so, void *user);
FDNET_API void *fdnet_sock_user(const struct fdnet_sock *so);

/* ---- gateways ---- */

/** fdnet_sock_admit - accept a request: SYN-ACK goes out. Returns 0. */
FDNET_API int fdnet_sock_admit(struct fdnet_sock *so);

/**
 * fdnet_sock_refuse - refuse a request; taken
 * @error:  positive errno: ECONNREFUSED gives RST; ENETUNREACH, EHOSTUNREACH,
 *          EACCES (administratively prohibited) give the ICMP error;
 *          ETIMEDOUT gives silence, on a lossless link an ICMP error that our
 *          stack at the other end takes for ETIMEDOUT
 */
FDNET_API void fdnet_sock_refuse(struct fdnet_sock *so, int error);

/**
 * fdnet_sock_fail - the other side of a gateway's connection has ended; taken
 * @error:  positive errno: on a lossless link the stack at the other end fails
 *          its connection with it (ETIMEDOUT, EHOSTUNREACH, ENETUNREACH,
 *          ENETDOWN, ECONNABORTED, EACCES, EPROTO); else as by
 *          fdnet_sock_abort()
 */
FDNET_API void fdnet_sock_fail(struct fdnet_sock *so, int error);

/**
 * fdnet_sock_bind_foreign - name a gateway's socket with any address
 *
 * For connections towards the guest that carry a remote host's address, and
 * for datagram sockets that serve all destinations (any address, port 0:
 * takes every datagram that no other socket claims).
 * Returns 0, -EADDRINUSE, -EOPNOTSUPP (not a gateway).
 */
FDNET_API int fdnet_sock_bind_foreign(struct fdnet_sock *so,
				      const struct fdnet_name *name);

/**
 * fdnet_sock_reject - answer a datagram with an ICMP error
 * @so:     a gateway's datagram socket
 * @msg:    the datagram as it was received (to_from, local, the first bytes)
 * @error:  ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EACCES, EMSGSIZE
 */
FDNET_API void fdnet_sock_reject(struct fdnet_sock *so,
				 const struct fdnet_msg *msg, int error);

/**
 * fdnet_sock_abort - reset the connection (RST goes out) and close; taken
 */
FDNET_API void fdnet_sock_abort(struct fdnet_sock *so);

/* ---- hand-over (design D3) ---- */

/**
 * struct fdnet_cut - where a connection is cut
 * @snd_nxt:  everything before this was given to fdnet_stack_output()
 * @rcv_nxt:  everything before this was received in order
 */
struct fdnet_cut {
	struct fdnet_name local, peer;
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
};

/**
 * fdnet_sock_cut - take a connection out of the stack at its present state
 * @so:   ESTABLISHED or CLOSE_WAIT; taken on success
 * @ret_cut:  what the other side needs
 * @ret_unread:  packets with payload not yet read, in order; the caller's
 * @ret_unsent:  packets with payload not yet sent, in order; the caller's
 *
 * Nothing is sent; the stack forgets the connection.
 * Returns 0, -ENOTCONN.
 */
FDNET_API int fdnet_sock_cut(struct fdnet_sock *so, struct fdnet_cut *ret_cut,
			     struct fdnet_pkt **ret_unread,
			     struct fdnet_pkt **ret_unsent);

/* ---- save and restore ---- */

/*
 * A socket, or a whole stack, as bytes, taken up by another stack of the same
 * addresses, in this process or another. The bytes are of this version of the
 * library on any machine. Reading trusts nothing: bytes that do not hang
 * together give an error and change nothing.
 *
 * A socket takes along: kind, names, options, joined groups, pending and
 * queued errors, what was received and not read, what was sent and not
 * acknowledged or not sent, and for TCP the whole connection (sequence
 * numbers, windows, scoreboard, round trip time, congestion window, timers
 * relative to now, urgent data) in any state; a listener its half-open
 * connections and those not accepted yet. It leaves behind: its user pointer,
 * the events not yet fetched (all that are true are reported again), and its
 * packets that fdnet_stack_unget() gave back or that wait as fragments.
 *
 * Moving one socket: fdnet_sock_save(), fdnet_sock_forget(), then
 * fdnet_sock_restore() elsewhere. Nothing needs to be quiet: what gets lost in
 * between is sent again. On a lossless link nothing may get lost, or a
 * connection stands until a timeout, a second at least; there the mover
 *
 *  - drains fdnet_stack_output() until it gives NULL and sends all of it,
 *    before it saves, and sends nothing of this socket afterwards;
 *  - has whoever sends to this stack hold back the socket's packets, in
 *    order, from a point after which it has input all that came before; saves
 *    then, and lets them go to the new stack when it is restored.
 */

/* What a saved socket is, for a look before it is restored. */
struct fdnet_saved {
	int family, type, proto;
	int state; /* as fdnet_sock_state() */
	struct fdnet_name local, peer; /* as they are bound and connected */
	bool bound;	 /* holds local.port */
	bool foreign;	 /* named by fdnet_sock_bind_foreign(), or a request */
	uint32_t unread; /* bytes received, not read */
	uint32_t unsent; /* bytes given to send and not acknowledged */
	unsigned int queued; /* connections that a listener brings along */
};

/**
 * fdnet_sock_save - a socket as bytes
 * @so:   any kind, any state; borrowed, unchanged
 * @dst:  @len bytes, written; may be NULL when @len is 0
 *
 * Returns the bytes needed; only if they are no more than @len, @dst is
 * complete. -EOPNOTSUPP (waits in a listener's queue: it goes with that).
 */
FDNET_API ssize_t fdnet_sock_save(struct fdnet_sock *so, void *dst,
				  size_t len);

/** fdnet_sock_saved - what would fdnet_sock_restore() make? Checks the head
 * only. 0, -EPROTO (not a saved socket, or of another version) */
FDNET_API int fdnet_sock_saved(const void *src, size_t len,
			       struct fdnet_saved *ret_saved);

/**
 * fdnet_sock_restore - a socket from bytes
 * @src:     may come from an enemy, but must not change meanwhile: a file that
 *           others can write is copied first
 * @ret_so:  the socket; whatever is true of it is reported as events. Of a
 *           request that nobody was told of, fdnet_stack_next_request() tells.
 *
 * The local address must be one of the stack's, or any if the stack is a
 * gateway. The port is claimed as bind() does, but from outside of the leases
 * too. Buffers are kept to the stack's limits.
 * Returns 0, -EPROTO (the bytes are wrong or of another version),
 * -EADDRNOTAVAIL (not our address), -EADDRINUSE (port or connection taken),
 * -ENFILE (the limit), -ENOMEM.
 */
FDNET_API int fdnet_sock_restore(struct fdnet_stack *stack, const void *src,
				 size_t len, struct fdnet_sock **ret_so);

/**
 * fdnet_sock_forget - drop a socket without a word; taken
 *
 * For one that lives on elsewhere: nothing is sent, neither data nor FIN nor
 * RST, a listener's connections go too. Packets that the stack holds for the
 * link already are still given out.
 */
FDNET_API void fdnet_sock_forget(struct fdnet_sock *so);

/**
 * fdnet_save_tag_fn - a number by which the caller knows a socket again
 *
 * Asked for each socket that the application holds (not for closed ones,
 * TIME_WAIT, what waits to be accepted); must give the same when asked again.
 */
typedef uint64_t (*fdnet_save_tag_fn)(void *arg, struct fdnet_sock *so);

/**
 * fdnet_stack_save - a whole stack as bytes
 * @tag:  or NULL: 0 for all
 *
 * Settings, addresses, routes, leases, keys, counters, neighbours, path MTUs,
 * all sockets, packets that wait for the link. Not: fragments that wait to be
 * reassembled and packets that wait for a neighbour; they are counted
 * (frag_timeout, neigh_failed) by the stack that is restored.
 * Returns as fdnet_sock_save().
 */
FDNET_API ssize_t fdnet_stack_save(struct fdnet_stack *stack,
				   fdnet_save_tag_fn tag, void *arg, void *dst,
				   size_t len);

/** fdnet_restore_fn - @so is the socket that had @tag; the caller's from now
 * on. Called before fdnet_stack_restore() returns, which may fail still: then
 * all of them are gone. */
typedef void (*fdnet_restore_fn)(void *arg, struct fdnet_sock *so,
				 uint64_t tag);

/**
 * fdnet_stack_restore - a stack from bytes
 * @cfg:    @mem, @pool and @payload_pool are used; all else comes with the
 *          bytes
 * @claim:  called once for each socket that the application held; NULL: they
 *          are closed
 *
 * Returns 0, -EPROTO (the bytes are wrong or of another version), -ENOMEM.
 */
FDNET_API int fdnet_stack_restore(const struct fdnet_stack_config *cfg,
				  uint64_t now_us, const void *src, size_t len,
				  fdnet_restore_fn claim, void *arg,
				  struct fdnet_stack **ret_stack);

#endif
