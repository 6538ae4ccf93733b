/* SPDX-License-Identifier: Apache-2.0 */
/* What a stack is made with. Comes with fdnet/stack.h. */
#ifndef FDNET_SETTINGS_H
#define FDNET_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/mem.h>
#include <fdnet/packet.h>

FDNET_DECLS_BEGIN

/* When TCP negotiates ECN (RFC 3168): the values of net.ipv4.tcp_ecn. */
enum fdnet_tcp_ecn {
	FDNET_TCP_ECN_PASSIVE, /* agreed to when the peer asks: the default */
	FDNET_TCP_ECN_ASK,     /* also asked for */
	FDNET_TCP_ECN_NEVER,
};

/* Larger segments than are known to get through are tried (RFC 4821): the
 * values of net.ipv4.tcp_mtu_probing are 0 NEVER, 1 BLACK_HOLE, 2 ALWAYS. */
enum fdnet_tcp_mtu_probing {
	/* the default: once it has shown that large ones vanish unanswered */
	FDNET_TCP_PROBE_BLACK_HOLE,
	/* connections begin with @base_mss and grow */
	FDNET_TCP_PROBE_ALWAYS,
	FDNET_TCP_PROBE_NEVER,
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
 * @mtu_probing:    enum fdnet_tcp_mtu_probing
 * @base_mss:       payload and TCP options of a segment where it is not known
 *                  how much gets through, at least 88; 0: 1024
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
	uint8_t mtu_probing;
	uint16_t base_mss;
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
 * @path_mtus:   destinations whose path MTU is remembered, 64; a newcomer may
 *               take another's place (pmtu_limit)
 * @redirects:   destinations that a router redirected, 64; likewise
 *               (redirect_limit)
 * @errors:      entries in a socket's error queue, 64; more are dropped
 *               (errq_limit)
 * @icmp_per_s, @icmp_burst:  ICMP errors a second, 1000, and so many at once,
 *               1000 (icmp_limited)
 */
struct fdnet_stack_limits {
	uint32_t half_open;
	uint32_t backlog;
	uint32_t ooo_pkts;
	uint32_t reassembly;
	uint32_t neighbours;
	uint32_t path_mtus;
	uint32_t redirects;
	uint32_t errors;
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

/** fdnet_stack_config_init - fill in the defaults */
FDNET_API void fdnet_stack_config_init(struct fdnet_stack_config *cfg);

FDNET_DECLS_END

#endif
