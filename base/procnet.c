/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/procnet.h"

#include <linux/route.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What the kernel pads its IPv4 tables to (seq_setwidth). */
#define TCP_WIDTH 149
#define UDP_WIDTH 127
#define ROUTE_WIDTH 127

#define HEAD4 "local_address rem_address   "
#define HEAD6                                                                \
	"local_address                         remote_address           "    \
	"             "
#define HEAD_REST                                                            \
	"st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"

static const struct {
	const char *name;
	const char *head; /* NULL: none */
	unsigned int width;
	uint8_t family, kind, proto; /* of the sockets in it; proto 0: any */
} files[FDNET_PROCNET_FILES] = {
	[FDNET_PROCNET_TCP] = { "tcp", "  sl  " HEAD4 HEAD_REST, TCP_WIDTH,
				AF_INET, SOCK_STREAM, 6 },
	[FDNET_PROCNET_TCP6] = { "tcp6", "  sl  " HEAD6 HEAD_REST, 0, AF_INET6,
				 SOCK_STREAM, 6 },
	[FDNET_PROCNET_UDP] = { "udp",
				"   sl  " HEAD4 HEAD_REST
				" ref pointer drops",
				UDP_WIDTH, AF_INET, SOCK_DGRAM, 17 },
	[FDNET_PROCNET_UDP6] = { "udp6",
				 "  sl  " HEAD6 HEAD_REST
				 " ref pointer drops",
				 0, AF_INET6, SOCK_DGRAM, 17 },
	[FDNET_PROCNET_UDPLITE] = { "udplite",
				    "   sl  " HEAD4 HEAD_REST
				    " ref pointer drops",
				    UDP_WIDTH, AF_INET, SOCK_DGRAM, 136 },
	[FDNET_PROCNET_UDPLITE6] = { "udplite6",
				     "  sl  " HEAD6 HEAD_REST
				     " ref pointer drops",
				     0, AF_INET6, SOCK_DGRAM, 136 },
	[FDNET_PROCNET_RAW] = { "raw",
				"  sl  " HEAD4 HEAD_REST
				" ref pointer drops",
				0, AF_INET, SOCK_RAW, 0 },
	[FDNET_PROCNET_RAW6] = { "raw6",
				 "  sl  " HEAD6 HEAD_REST
				 " ref pointer drops",
				 0, AF_INET6, SOCK_RAW, 0 },
	[FDNET_PROCNET_ICMP] = { "icmp",
				 "   sl  " HEAD4 HEAD_REST
				 " ref pointer drops",
				 UDP_WIDTH, AF_INET, SOCK_DGRAM, 1 },
	[FDNET_PROCNET_ICMP6] = { "icmp6",
				  "  sl  " HEAD6 HEAD_REST
				  " ref pointer drops",
				  0, AF_INET6, SOCK_DGRAM, 58 },
	[FDNET_PROCNET_DEV] = { "dev",
				"Inter-|   Receive                            "
				"                    |  Transmit\n"
				" face |bytes    packets errs drop fifo frame "
				"compressed multicast|bytes    packets errs "
				"drop fifo colls carrier compressed",
				0, 0, 0, 0 },
	[FDNET_PROCNET_ROUTE] = { "route",
				  "Iface\tDestination\tGateway \tFlags\tRefCnt"
				  "\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
				  ROUTE_WIDTH, 0, 0, 0 },
	[FDNET_PROCNET_IPV6_ROUTE] = { "ipv6_route", NULL, 0, 0, 0, 0 },
	[FDNET_PROCNET_IF_INET6] = { "if_inet6", NULL, 0, 0, 0, 0 },
	[FDNET_PROCNET_ARP] = { "arp",
				"IP address       HW type     Flags       "
				"HW address            Mask     Device",
				0, 0, 0, 0 },
};

static const char *after(const char *text, const char *start)
{
	size_t len = strlen(start);

	return strncmp(text, start, len) ? NULL : text + len;
}

int fdnet_procnet_find(const char *path, int pid)
{
	const char *rest = after(path, "/proc/");
	char own[16];
	int i;

	if (!rest)
		return -1;
	snprintf(own, sizeof(own), "%d/", pid);
	if (after(rest, "self/"))
		rest = after(rest, "self/");
	else if (after(rest, "thread-self/"))
		rest = after(rest, "thread-self/");
	else if (after(rest, own))
		rest = after(rest, own);
	rest = after(rest, "net/");
	for (i = 0; rest && i < FDNET_PROCNET_FILES; i++)
		if (!strcmp(rest, files[i].name))
			return i;
	return -1;
}

int fdnet_procnet_shows(enum fdnet_procnet file,
			const struct fdnet_sockrow *row)
{
	return files[file].kind && files[file].kind == row->kind &&
	       files[file].family == row->family &&
	       (!files[file].proto || files[file].proto == row->proto);
}

/* Ends a line of @len bytes, padded as the kernel pads the file's. */
static size_t end_line(enum fdnet_procnet file, char *dst, size_t len)
{
	while (len < files[file].width)
		dst[len++] = ' ';
	dst[len++] = '\n';
	return len;
}

size_t fdnet_procnet_head(enum fdnet_procnet file, char *dst)
{
	size_t len;

	if (!files[file].head)
		return 0;
	len = strlen(files[file].head);
	memcpy(dst, files[file].head, len);
	return end_line(file, dst, len);
}

/* ---- sockets ---- */

static uint32_t word(const uint8_t *src)
{
	uint32_t value; /* as it lies in memory: so the kernel prints it */

	memcpy(&value, src, sizeof(value));
	return value;
}

static int put_name(char *dst, size_t room, uint8_t family,
		    const uint8_t *addr, uint16_t port)
{
	if (family == AF_INET)
		return snprintf(dst, room, "%08X:%04X", word(addr), port);
	return snprintf(dst, room, "%08X%08X%08X%08X:%04X", word(addr),
			word(addr + 4), word(addr + 8), word(addr + 12), port);
}

size_t fdnet_procnet_socket(enum fdnet_procnet file, unsigned int n,
			    const struct fdnet_sockrow *row, char *dst)
{
	bool is_tcp = files[file].kind == SOCK_STREAM;
	char local[48], peer[48];
	int len;

	put_name(local, sizeof(local), row->family, row->local, row->port);
	put_name(peer, sizeof(peer), row->family, row->peer, row->peer_port);
	len = snprintf(dst, FDNET_PROCNET_ROW,
		       "%*u: %s %s %02X %08X:%08X %02X:%08lX %08X %5u %8d "
		       "%llu %d %016x%s",
		       is_tcp ? 4 : 5, n, local, peer, row->state, row->tx,
		       row->rx, 0, 0ul, 0, row->uid, 0,
		       (unsigned long long)row->inode, is_tcp ? 1 : 2, 0,
		       is_tcp && row->state != 10 ? " 20 4 30 10 -1"
		       : is_tcp			  ? " 100 0 0 10 0"
						  : " 0");
	return end_line(file, dst, (size_t)len);
}

/* ---- interfaces, addresses, routes ---- */

static const char *name_of(const struct fdnet_rtnl *net, uint32_t index)
{
	const struct fdnet_rtnl_iface *iface =
		fdnet_rtnl_find_iface(net, index, NULL);

	return iface ? iface->name : "*";
}

static int put_hex(char *dst, const uint8_t *bytes)
{
	int i;

	for (i = 0; i < 16; i++)
		snprintf(dst + 2 * i, 3, "%02x", bytes[i]);
	return 32;
}

static int dev_row(const struct fdnet_rtnl_iface *iface, char *dst)
{
	/* nobody counts for the sandbox as a whole: fdnet-ctl has it by flow */
	return (int)end_line(
		FDNET_PROCNET_DEV, dst,
		(size_t)snprintf(dst, FDNET_PROCNET_ROW,
				 "%6s: %7u %7u %4u %4u %4u %5u %10u %9u %8u "
				 "%7u %4u %4u %4u %5u %7u %10u",
				 iface->name, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u,
				 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u));
}

static uint32_t mask_of(unsigned int bits)
{
	uint8_t mask[4] = { 0 };
	unsigned int i;

	for (i = 0; i < bits; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return word(mask);
}

static int route_row(const struct fdnet_rtnl *net,
		     const struct fdnet_rtnl_route *route, char *dst)
{
	static const uint8_t none[4];
	const uint8_t *gateway = route->gateway.family ? route->gateway.bytes
						       : none;
	unsigned int flags = RTF_UP;

	if (route->dst.family != AF_INET || route->table != RT_TABLE_MAIN)
		return 0;
	if (route->gateway.family)
		flags |= RTF_GATEWAY;
	if (route->dst.bits == 32)
		flags |= RTF_HOST;
	return (int)end_line(
		FDNET_PROCNET_ROUTE, dst,
		(size_t)snprintf(dst, FDNET_PROCNET_ROW,
				 "%s\t%08X\t%08X\t%04X\t%d\t%u\t%d\t%08X\t%d"
				 "\t%u\t%u",
				 name_of(net, route->index),
				 word(route->dst.bytes), word(gateway), flags,
				 0, 0u, 0, mask_of(route->dst.bits), 0, 0u,
				 0u));
}

static int route6_row(const struct fdnet_rtnl *net,
		      const struct fdnet_rtnl_route *route, char *dst)
{
	static const uint8_t none[16];
	char to[33], via[33];
	unsigned int flags = RTF_UP;

	if (route->dst.family != AF_INET6)
		return 0;
	if (route->gateway.family)
		flags |= RTF_GATEWAY;
	if (route->table == RT_TABLE_LOCAL)
		flags |= 0x80200000; /* RTF_LOCAL, RTF_NONEXTHOP */
	put_hex(to, route->dst.bytes);
	put_hex(via, route->gateway.family ? route->gateway.bytes : none);
	return snprintf(dst, FDNET_PROCNET_ROW,
			"%s %02x %s %02x %s %08x %08x %08x %08x %8s\n", to,
			route->dst.bits, "00000000000000000000000000000000", 0,
			via, 0x100, 1, 0, flags, name_of(net, route->index));
}

static int address6_row(const struct fdnet_rtnl *net,
			const struct fdnet_rtnl_addr *addr, char *dst)
{
	char text[33];
	/* IPV6_ADDR_LOOPBACK, _LINKLOCAL, global */
	unsigned int scope = addr->scope == RT_SCOPE_HOST   ? 0x10
			     : addr->scope == RT_SCOPE_LINK ? 0x20
							    : 0;

	if (addr->ip.family != AF_INET6)
		return 0;
	put_hex(text, addr->ip.bytes);
	return snprintf(dst, FDNET_PROCNET_ROW, "%s %02x %02x %02x %02x %8s\n",
			text, addr->index, addr->ip.bits, scope, 0x80,
			name_of(net, addr->index));
}

int fdnet_procnet_net(enum fdnet_procnet file, const struct fdnet_rtnl *net,
		      unsigned int n, char *dst)
{
	switch (file) {
	case FDNET_PROCNET_DEV:
		return n < net->nifaces ? dev_row(&net->ifaces[n], dst) : -1;
	case FDNET_PROCNET_ROUTE:
		return n < net->nroutes ? route_row(net, &net->routes[n], dst)
					: -1;
	case FDNET_PROCNET_IPV6_ROUTE:
		return n < net->nroutes ? route6_row(net, &net->routes[n], dst)
					: -1;
	case FDNET_PROCNET_IF_INET6:
		return n < net->naddrs ? address6_row(net, &net->addrs[n], dst)
				       : -1;
	default:
		return -1;
	}
}
