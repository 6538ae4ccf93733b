/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the option table, and what their handlers share. Only for the files
 * that have handlers. */
#ifndef STACK_SOCKOPT_ROW_H
#define STACK_SOCKOPT_ROW_H

#include <limits.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "stack/sockopt.h"

/* Numbers that older system headers, or glibc's, lack. */
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#ifndef SO_TXREHASH
#define SO_TXREHASH 74
#endif
#ifndef SO_RCVMARK
#define SO_RCVMARK 75
#endif
#ifndef IP_CHECKSUM
#define IP_CHECKSUM 23
#endif
#ifndef IP_RECVFRAGSIZE
#define IP_RECVFRAGSIZE 25
#endif
#ifndef IP_RECVERR_RFC4884
#define IP_RECVERR_RFC4884 26
#endif
#ifndef IP_PROTOCOL
#define IP_PROTOCOL 52
#endif
#ifndef IPV6_FLOWINFO
#define IPV6_FLOWINFO 11
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif
#ifndef IPV6_RECVERR_RFC4884
#define IPV6_RECVERR_RFC4884 31
#endif
#ifndef IPV6_FLOWINFO_SEND
#define IPV6_FLOWINFO_SEND 33
#endif
#ifndef ICMP_FILTER
#define ICMP_FILTER 1
#endif

struct fdnet_opt_row;

/* Handlers: @val has at least the row's @size bytes. */
typedef int fdnet_opt_set_fn(struct fdnet_sock *so,
			     const struct fdnet_opt_row *row, const void *val,
			     uint32_t len);
typedef int fdnet_opt_get_fn(struct fdnet_sock *so,
			     const struct fdnet_opt_row *row, void *val,
			     uint32_t *len);

/* Whose an option is, and who else gets which error. */
enum fdnet_opt_limits {
	FOR_ALL = 0,
	FOR_DGRAM = 1,	/* -EINVAL on streams when set */
	FOR_RAW = 2,	/* -ENOPROTOOPT on others when set */
	FOR_TCP = 4,	/* -EOPNOTSUPP on others; also to be read */
	FOR_DGRAM6 = 8, /* -ENOPROTOOPT on streams when set */
	FOR_PORTS = 16, /* -EOPNOTSUPP on those without (ping, raw) when set */
	OF_TCP = 32,	/* not known to others: -ENOPROTOOPT */
	OF_UDP = 64,
	OF_RAW = 128,
	ANY_SIZE = 256, /* a set() looks at the length itself */
};

/* One option: a row of sockopt_table.h. */
struct fdnet_opt_row {
	struct fdnet_sockopt id;
	fdnet_opt_set_fn *set;
	fdnet_opt_get_fn *get;
	size_t place;
	int min, max;
	uint32_t size; /* bytes that set() must be given */
	unsigned int limits;
};

#define OPT(m) offsetof(struct fdnet_sock_opts, m)

/* The handlers, fdnet_opt_set_...() and fdnet_opt_get_...(). */
#define OPTION(level, name, type, set, get, place, min, max, limits, test)     \
	fdnet_opt_set_fn fdnet_opt_set_##set;                                  \
	fdnet_opt_get_fn fdnet_opt_get_##get;
#include "stack/sockopt_table.h"
#undef OPTION

/* ---- values (sockopt_val.c) ---- */

static inline void *fdnet_opt_member(struct fdnet_sock *so,
				     const struct fdnet_opt_row *row)
{
	return (char *)&so->opts + row->place;
}

/** fdnet_opt_take_int - an int, or a byte when there is no room for one */
int fdnet_opt_take_int(const void *val, uint32_t len);

/** fdnet_opt_give_ip_int - of IPPROTO_IP: a byte when there is no room */
int fdnet_opt_give_ip_int(const struct fdnet_opt_row *row, void *val,
			  uint32_t *len, int value);

/** fdnet_opt_by_address - the interface of an address: 0 any, 1 loopback, 2
 * link, -ENODEV (sockopt_ip.c) */
int fdnet_opt_by_address(struct fdnet_sock *so, const struct in_addr *addr);

/** fdnet_opt_give - @size bytes, cut to *@len */
int fdnet_opt_give(void *val, uint32_t *len, const void *data, uint32_t size);

#endif
