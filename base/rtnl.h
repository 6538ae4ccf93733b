/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NETLINK_ROUTE requests answered from a description of the interfaces
 * (rtnetlink(7)): what `ip addr`, getifaddrs() and the runtimes of Go and
 * Node ask. Bytes in, bytes out: no descriptor, no allocation, no state.
 */
#ifndef BASE_RTNL_H
#define BASE_RTNL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDNET_RTNL_IFACES 4
#define FDNET_RTNL_ADDRS 8
#define FDNET_RTNL_ROUTES 16

/* Room for all that one request is answered with. */
#define FDNET_RTNL_OUT 16384
#define FDNET_RTNL_MSGS 16

/* An address with its prefix; family 0: there is none. */
struct fdnet_rtnl_ip {
	uint8_t family; /* AF_INET or AF_INET6 */
	uint8_t bits;
	uint8_t bytes[16]; /* network order; IPv4 uses the first four */
};

struct fdnet_rtnl_iface {
	const char *name; /* borrowed, shorter than IFNAMSIZ */
	uint32_t index;
	uint32_t flags; /* IFF_* */
	uint32_t mtu;
	uint16_t hw_type; /* ARPHRD_* */
	uint8_t hw_len;	  /* 0 or 6 */
	uint8_t hw[6], broadcast[6];
};

struct fdnet_rtnl_addr {
	uint32_t index; /* of the interface */
	struct fdnet_rtnl_ip ip;
	uint8_t scope; /* RT_SCOPE_* */
};

struct fdnet_rtnl_route {
	uint32_t index;		  /* of the interface */
	struct fdnet_rtnl_ip dst; /* bits 0: everything */
	struct fdnet_rtnl_ip gateway, source; /* or family 0 */
	uint8_t table, type, scope, protocol; /* RT_TABLE_*, RTN_* ... */
};

/* The whole of a host's network, as it is shown. */
struct fdnet_rtnl {
	struct fdnet_rtnl_iface ifaces[FDNET_RTNL_IFACES];
	struct fdnet_rtnl_addr addrs[FDNET_RTNL_ADDRS];
	struct fdnet_rtnl_route routes[FDNET_RTNL_ROUTES];
	unsigned int nifaces, naddrs, nroutes;
};

/**
 * struct fdnet_rtnl_out - the answer
 * @ends:  where each message (datagram) ends in @bytes; the first begins at
 *         0, each other where the one before it ends
 */
struct fdnet_rtnl_out {
	unsigned int n;
	uint32_t ends[FDNET_RTNL_MSGS];
	uint8_t bytes[FDNET_RTNL_OUT] __attribute__((aligned(8)));
};

/**
 * fdnet_rtnl_sandbox - describe a sandbox: lo (1) and eth0 (2)
 * @ip4, @gateway4:  the link's addresses, with the prefix length in @ip4
 * @ip6, @gateway6:  likewise; family 0 (and then no IPv6 at all, not even
 *                   ::1) when the sandbox has none
 * @mtu:  of eth0
 */
void fdnet_rtnl_sandbox(struct fdnet_rtnl *net,
			const struct fdnet_rtnl_ip *ip4,
			const struct fdnet_rtnl_ip *gateway4,
			const struct fdnet_rtnl_ip *ip6,
			const struct fdnet_rtnl_ip *gateway6, uint32_t mtu);

/** fdnet_rtnl_find_iface - by @index, or by @name when @index is 0; NULL */
const struct fdnet_rtnl_iface *
fdnet_rtnl_find_iface(const struct fdnet_rtnl *net, uint32_t index,
		      const char *name);

/**
 * fdnet_rtnl_answer - what the kernel would send back for one datagram
 * @net:   what there is; borrowed. NULL: nothing, every request fails with
 *         ENOENT (what sock_diag says when nobody serves a family)
 * @req:   the datagram the program sent: one or more netlink messages
 * @len:   its length
 * @port:  the asker's netlink port id (nl_pid), which replies carry
 * @ret_out:  the answer; @n is 0 when there is none
 *
 * Everything that would change something is refused with EPERM, as to an
 * ordinary user; what is unknown, with EOPNOTSUPP. Replies come from port 0.
 */
void fdnet_rtnl_answer(const struct fdnet_rtnl *net, const void *req,
		       size_t len, uint32_t port,
		       struct fdnet_rtnl_out *ret_out);

#endif
