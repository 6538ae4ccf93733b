/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket options: one table with a row each; what is not in it is asked of
 * the kind of socket (TCP_*, UDP_*, ICMP_FILTER). Values, layouts and errors
 * are the kernel's: sock_setsockopt(), do_ip_setsockopt(),
 * do_ipv6_setsockopt().
 */
#include "config.h"

#include "stack/sockopt.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "stack/mcast.h"
#include "stack/object.h"
#include "stack/wire/icmp.h"

#define UDP_BUF_MAX 4194304 /* net.core.{r,w}mem_max, since Linux 6.17 */
#define MIN_SNDBUF 4608
#define MIN_RCVBUF 2304

/* Numbers that older system headers lack. */
enum {
	OPT_IP_CHECKSUM = 23,
	OPT_IP_RECVFRAGSIZE = 25,
	OPT_IP_RECVERR_RFC4884 = 26,
	OPT_IP_PROTOCOL = 52,
	OPT_IPV6_MULTICAST_ALL = 29,
	OPT_IPV6_RECVERR_RFC4884 = 31,
	OPT_IPV6_FLOWINFO = 11,
	OPT_IPV6_FLOWINFO_SEND = 33,
	OPT_IPV6_2292PKTINFO = 2,
	OPT_IPV6_2292HOPLIMIT = 8,
	OPT_SO_MEMINFO = 55,
	OPT_SO_BUF_LOCK = 72,
	OPT_SO_TXREHASH = 74,
	OPT_SO_RCVMARK = 75,
};

struct row;

/* Handlers: @val has at least the row's @size bytes. */
typedef int (*set_fn)(struct fdnet_sock *so, const struct row *row,
		      const void *val, uint32_t len);
typedef int (*get_fn)(struct fdnet_sock *so, const struct row *row, void *val,
		      uint32_t *len);

/* Sockets that refuse to have it set. */
enum limits {
	FOR_ALL = 0,
	FOR_DGRAM = 1, /* -EINVAL on streams */
	FOR_RAW = 2,   /* -ENOPROTOOPT on others */
	FOR_DGRAM6 = 8, /* -ENOPROTOOPT on streams */
	FOR_PORTS = 16, /* -EOPNOTSUPP on those without (ping, raw) */
	FOR_TCP = 4,   /* -EOPNOTSUPP on others; also to be read */
};

/**
 * struct row - one option
 * @set, @get:  NULL: -ENOPROTOOPT
 * @place:      offset in struct fdnet_sock_opts, or enum fdnet_sock_flag
 * @min, @max:  of an int
 * @size:       bytes that set() must be given; 0 for IP_*: one is enough
 */
struct row {
	struct fdnet_sockopt id;
	set_fn set;
	get_fn get;
	size_t place;
	int min, max;
	uint32_t size;
	enum limits limits;
};

static void *member(struct fdnet_sock *so, const struct row *row)
{
	return (char *)&so->opts + row->place;
}

/* do_ip_setsockopt(): an int, or a byte when there is no room for one. */
static int take_int(const void *val, uint32_t len)
{
	int value = 0;

	if (len >= sizeof(value))
		memcpy(&value, val, sizeof(value));
	else if (len)
		value = *(const uint8_t *)val;
	return value;
}

int fdnet_sockopt_give_int(void *val, uint32_t *len, int value)
{
	if (*len > sizeof(value))
		*len = sizeof(value);
	memcpy(val, &value, *len);
	return 0;
}

/* do_ip_getsockopt(): one byte when the caller has no room for an int. */
static int give_ip_int(const struct row *row, void *val, uint32_t *len,
		       int value)
{
	if (row->id.level == IPPROTO_IP && *len && *len < sizeof(value) &&
	    value >= 0 && value <= 255) {
		*(uint8_t *)val = (uint8_t)value;
		*len = 1;
		return 0;
	}
	return fdnet_sockopt_give_int(val, len, value);
}

static int give(void *val, uint32_t *len, const void *data, uint32_t size)
{
	if (*len > size)
		*len = size;
	memcpy(val, data, *len);
	return 0;
}

/* ---- common shapes ---- */

static int set_bool(struct fdnet_sock *so, const struct row *row,
		    const void *val, uint32_t len)
{
	*(bool *)member(so, row) = take_int(val, len) != 0;
	return 0;
}

static int get_bool(struct fdnet_sock *so, const struct row *row, void *val,
		    uint32_t *len)
{
	return give_ip_int(row, val, len, *(bool *)member(so, row));
}

static int set_flag(struct fdnet_sock *so, const struct row *row,
		    const void *val, uint32_t len)
{
	uint64_t bit = (uint64_t)1 << row->place;
	int value = take_int(val, len);

	/* those of IPv6 that take less than an int take it for zero */
	if (row->id.level == IPPROTO_IPV6 && len < sizeof(value))
		value = 0;
	if (row->max && (value < row->min || value > row->max))
		return -EINVAL;
	if (value)
		so->opts.flags |= bit;
	else
		so->opts.flags &= ~bit;
	return 0;
}

static int get_flag(struct fdnet_sock *so, const struct row *row, void *val,
		    uint32_t *len)
{
	return give_ip_int(row, val, len,
			   fdnet_sock_flag(so,
					   (enum fdnet_sock_flag)row->place));
}

static int set_int(struct fdnet_sock *so, const struct row *row,
		   const void *val, uint32_t len)
{
	int value = take_int(val, len);

	if (value < row->min || value > row->max)
		return -EINVAL;
	*(int *)member(so, row) = value;
	return 0;
}

static int get_int(struct fdnet_sock *so, const struct row *row, void *val,
		   uint32_t *len)
{
	return give_ip_int(row, val, len, *(int *)member(so, row));
}

static int set_refused(struct fdnet_sock *so, const struct row *row,
		       const void *val, uint32_t len)
{
	return -EPERM;
}

static int set_ignored(struct fdnet_sock *so, const struct row *row,
		       const void *val, uint32_t len)
{
	return 0;
}

/* The value is in the row. */
static int get_fixed(struct fdnet_sock *so, const struct row *row, void *val,
		     uint32_t *len)
{
	return give_ip_int(row, val, len, (int)row->place);
}

/* On or off and nothing else. */
static int set_bit(struct fdnet_sock *so, const struct row *row,
		      const void *val, uint32_t len)
{
	int value = take_int(val, len);

	if (value < 0 || value > 1)
		return -EINVAL;
	return set_flag(so, row, val, len);
}

/* ---- SOL_SOCKET ---- */

static int set_debug(struct fdnet_sock *so, const struct row *row,
		     const void *val, uint32_t len)
{
	return take_int(val, len) ? -EACCES : 0;
}

static int get_what(struct fdnet_sock *so, const struct row *row, void *val,
		    uint32_t *len)
{
	int value = 0;

	switch (row->id.name) {
	case SO_TYPE:
		value = so->type;
		break;
	case SO_PROTOCOL:
		value = so->proto;
		break;
	case SO_DOMAIN:
		value = so->family == 4 ? AF_INET : AF_INET6;
		break;
	case SO_ACCEPTCONN:
		value = so->listening;
		break;
	case OPT_IP_PROTOCOL: /* no SO_ option has its number */
		value = so->local.port; /* of raw sockets: the protocol */
		break;
	case SO_ERROR:
		value = -fdnet_sock_take_error(so);
		break;
	}
	return fdnet_sockopt_give_int(val, len, value);
}

static uint32_t buf_max(const struct fdnet_sock *so)
{
	return so->type == FDNET_SOCK_STREAM ? so->stack->cfg.tcp_buf_max / 2 :
					       UDP_BUF_MAX;
}

static uint32_t doubled(const struct fdnet_sock *so, const void *val,
			uint32_t len, uint32_t min)
{
	uint32_t value = (uint32_t)take_int(val, len);

	if (value > buf_max(so))
		value = buf_max(so);
	return value * 2 < min ? min : value * 2;
}

static int set_sndbuf(struct fdnet_sock *so, const struct row *row,
		      const void *val, uint32_t len)
{
	so->opts.sndbuf = doubled(so, val, len, MIN_SNDBUF);
	so->opts.sndbuf_locked = true;
	if (fdnet_sock_poll(so) & FDNET_EV_OUT)
		fdnet_sock_event(so, FDNET_EV_OUT);
	return 0;
}

static int set_rcvbuf(struct fdnet_sock *so, const struct row *row,
		      const void *val, uint32_t len)
{
	so->opts.rcvbuf = doubled(so, val, len, MIN_RCVBUF);
	so->opts.rcvbuf_locked = true;
	return 0;
}

static int get_u32(struct fdnet_sock *so, const struct row *row, void *val,
		   uint32_t *len)
{
	return fdnet_sockopt_give_int(val, len,
				      (int)*(uint32_t *)member(so, row));
}

static int set_buf_lock(struct fdnet_sock *so, const struct row *row,
			const void *val, uint32_t len)
{
	int value = take_int(val, len);

	if (value & ~3)
		return -EINVAL;
	so->opts.sndbuf_locked = value & 1;
	so->opts.rcvbuf_locked = value & 2;
	return 0;
}

static int get_buf_lock(struct fdnet_sock *so, const struct row *row,
			void *val, uint32_t *len)
{
	return fdnet_sockopt_give_int(val, len,
				      so->opts.sndbuf_locked |
					      so->opts.rcvbuf_locked << 1);
}

static int set_rcvlowat(struct fdnet_sock *so, const struct row *row,
			const void *val, uint32_t len)
{
	int value = take_int(val, len);
	uint32_t cap;

	if (value < 0)
		value = INT_MAX;
	if (so->type == FDNET_SOCK_STREAM) { /* tcp_set_rcvlowat() */
		cap = so->opts.rcvbuf_locked ? so->opts.rcvbuf / 2 :
					       so->stack->cfg.tcp_buf_max / 2;
		if ((uint32_t)value > cap)
			value = (int)cap;
	}
	so->opts.rcvlowat = value ? (uint32_t)value : 1;
	if (fdnet_sock_poll(so) & FDNET_EV_IN)
		fdnet_sock_event(so, FDNET_EV_IN);
	return 0;
}

static int set_priority(struct fdnet_sock *so, const struct row *row,
			const void *val, uint32_t len)
{
	int value = take_int(val, len);

	if (value < 0 || value > 6)
		return -EPERM;
	so->opts.priority = value;
	return 0;
}

static int set_linger(struct fdnet_sock *so, const struct row *row,
		      const void *val, uint32_t len)
{
	struct linger l;

	memcpy(&l, val, sizeof(l));
	so->opts.linger_on = l.l_onoff != 0;
	if (l.l_onoff)
		so->opts.linger_s = l.l_linger < 0 ? INT_MAX : l.l_linger;
	return 0;
}

static int get_linger(struct fdnet_sock *so, const struct row *row, void *val,
		      uint32_t *len)
{
	struct linger l = { so->opts.linger_on, so->opts.linger_s };

	return give(val, len, &l, sizeof(l));
}

/* sock_set_timeout() */
static int set_timeo(struct fdnet_sock *so, const struct row *row,
		     const void *val, uint32_t len)
{
	uint64_t *timeo = member(so, row);
	struct timeval tv;

	memcpy(&tv, val, sizeof(tv));
	if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EDOM;
	if (tv.tv_sec < 0)
		*timeo = 1; /* "no time": as short as can be said */
	else if ((uint64_t)tv.tv_sec > INT64_MAX / 1000000 - 1)
		*timeo = 0;
	else
		*timeo = (uint64_t)tv.tv_sec * 1000000 +
			 (uint64_t)tv.tv_usec;
	return 0;
}

static int get_timeo(struct fdnet_sock *so, const struct row *row, void *val,
		     uint32_t *len)
{
	uint64_t timeo = *(uint64_t *)member(so, row);
	struct timeval tv = {
		.tv_sec = (time_t)(timeo / 1000000),
		.tv_usec = (suseconds_t)(timeo % 1000000),
	};

	return give(val, len, &tv, sizeof(tv));
}

/* SO_TIMESTAMP and SO_TIMESTAMPNS, old and new, exclude each other. */
static int set_timestamp(struct fdnet_sock *so, const struct row *row,
			 const void *val, uint32_t len)
{
	bool on = take_int(val, len) != 0;
	uint64_t ns = (uint64_t)1 << FDNET_SF_TIMESTAMPNS;
	uint64_t fresh = (uint64_t)1 << FDNET_SF_TIMESTAMP_NEW;

	so->opts.timestamp = on;
	so->opts.flags &= ~(ns | fresh);
	if (on && row->place & 1)
		so->opts.flags |= ns;
	if (on && row->place & 2)
		so->opts.flags |= fresh;
	return 0;
}

static int get_timestamp(struct fdnet_sock *so, const struct row *row,
			 void *val, uint32_t *len)
{
	bool on = so->opts.timestamp &&
		  fdnet_sock_flag(so, FDNET_SF_TIMESTAMPNS) ==
			  (row->place & 1) &&
		  fdnet_sock_flag(so, FDNET_SF_TIMESTAMP_NEW) ==
			  (row->place >> 1 & 1);

	return fdnet_sockopt_give_int(val, len, on);
}

static int device_index(const char *name)
{
	if (!name[0])
		return 0;
	if (!strcmp(name, "lo"))
		return 1;
	if (!strcmp(name, "eth0"))
		return 2;
	return -ENODEV;
}

static int set_device(struct fdnet_sock *so, const struct row *row,
		      const void *val, uint32_t len)
{
	char name[IFNAMSIZ] = "";
	int index;

	if (len > IFNAMSIZ - 1)
		len = IFNAMSIZ - 1;
	memcpy(name, val, len);
	index = device_index(name);
	if (index < 0)
		return index;
	/* unprivileged: once only (sock_bindtoindex()) */
	if (so->opts.bound_dev)
		return -EPERM;
	so->opts.bound_dev = index;
	return 0;
}

static int get_device(struct fdnet_sock *so, const struct row *row, void *val,
		      uint32_t *len)
{
	char name[IFNAMSIZ] = "";

	if (!so->opts.bound_dev) {
		*len = 0;
		return 0;
	}
	if (*len < IFNAMSIZ)
		return -EINVAL;
	strcpy(name, so->opts.bound_dev == 1 ? "lo" : "eth0");
	return give(val, len, name, (uint32_t)strlen(name) + 1);
}

static int set_ifindex(struct fdnet_sock *so, const struct row *row,
		       const void *val, uint32_t len)
{
	int index = take_int(val, len);

	if (index < 0)
		return -EINVAL;
	if (so->opts.bound_dev)
		return -EPERM;
	so->opts.bound_dev = index;
	return 0;
}

/* As a socket whose peer is no process of this host. */
static int get_peercred(struct fdnet_sock *so, const struct row *row,
			void *val, uint32_t *len)
{
	struct ucred cred = { 0, (uid_t)-1, (gid_t)-1 };

	return give(val, len, &cred, sizeof(cred));
}

/* enum sk_meminfo_vars of the kernel; what has no counterpart here is 0. */
static int get_meminfo(struct fdnet_sock *so, const struct row *row, void *val,
		       uint32_t *len)
{
	uint32_t info[9] = {
		fdnet_sock_inq(so), so->opts.rcvbuf,
		fdnet_sock_outq(so), so->opts.sndbuf,
	};

	(void)row;
	info[5] = info[2]; /* queued to be sent */
	return give(val, len, info, sizeof(info));
}

static int set_pacing(struct fdnet_sock *so, const struct row *row,
		      const void *val, uint32_t len)
{
	uint32_t value = (uint32_t)take_int(val, len);

	if (len >= sizeof(so->opts.max_pacing))
		memcpy(&so->opts.max_pacing, val, sizeof(so->opts.max_pacing));
	else
		so->opts.max_pacing = value == UINT32_MAX ? UINT64_MAX : value;
	return 0;
}

static int get_pacing(struct fdnet_sock *so, const struct row *row, void *val,
		      uint32_t *len)
{
	uint64_t value = so->opts.max_pacing;
	uint32_t small = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;

	if (*len >= sizeof(value))
		return give(val, len, &value, sizeof(value));
	return give(val, len, &small, sizeof(small));
}

/* Packet filters are programs for a kernel that never sees our packets; the
 * error is that of a kernel without them. */
static int set_filter(struct fdnet_sock *so, const struct row *row,
		      const void *val, uint32_t len)
{
	return len == row->place ? -ENOPROTOOPT : -EINVAL;
}

static int set_unsupported(struct fdnet_sock *so, const struct row *row,
			   const void *val, uint32_t len)
{
	return -EOPNOTSUPP;
}

static int get_unsupported(struct fdnet_sock *so, const struct row *row,
			   void *val, uint32_t *len)
{
	return -EOPNOTSUPP;
}

/* struct so_timestamping: the flags and a clock nobody has */
static int get_timestamping(struct fdnet_sock *so, const struct row *row,
			    void *val, uint32_t *len)
{
	int both[2] = { so->opts.timestamping, 0 };

	return give(val, len, both, sizeof(both));
}

static int set_nothing_there(struct fdnet_sock *so, const struct row *row,
			     const void *val, uint32_t len)
{
	return -ENOENT;
}

/* ---- IPPROTO_IP ---- */

/* ECN bits of a stream are not the application's (RFC 3168). */
static int set_tos(struct fdnet_sock *so, const struct row *row,
		   const void *val, uint32_t len)
{
	int value = take_int(val, len) & 0xff;

	if (so->type == FDNET_SOCK_STREAM)
		value &= ~3;
	so->opts.tos = value;
	return 0;
}

static int set_ttl(struct fdnet_sock *so, const struct row *row,
		   const void *val, uint32_t len)
{
	int value = take_int(val, len);

	if (!len || (value != -1 && (value < 1 || value > 255)))
		return -EINVAL;
	*(int *)member(so, row) = value;
	return 0;
}

/* What -1 stands for. */
static int default_of(const struct row *row)
{
	if (row->id.level == IPPROTO_IP)
		return row->id.name == IP_TTL ? 64 : 0;
	switch (row->id.name) {
	case IPV6_UNICAST_HOPS:
		return 64;
	case IPV6_MULTICAST_HOPS:
		return 1;
	default:
		return 0;
	}
}

static int get_default(struct fdnet_sock *so, const struct row *row, void *val,
		       uint32_t *len)
{
	int value = *(int *)member(so, row);

	return give_ip_int(row, val, len, value < 0 ? default_of(row) : value);
}

static int set_mcast_ttl(struct fdnet_sock *so, const struct row *row,
			 const void *val, uint32_t len)
{
	int value = take_int(val, len);

	if (!len)
		return -EINVAL;
	if (value == -1)
		value = 1;
	if (value < 0 || value > 255)
		return -EINVAL;
	*(int *)member(so, row) = value;
	return 0;
}

static int set_mcast_loop(struct fdnet_sock *so, const struct row *row,
			  const void *val, uint32_t len)
{
	if (!len)
		return -EINVAL;
	so->opts.mcast_loop = take_int(val, len) != 0;
	return 0;
}

static int set_min_ttl(struct fdnet_sock *so, const struct row *row,
		       const void *val, uint32_t len)
{
	int value = take_int(val, len);

	if (!len || value < 0 || value > 255)
		return -EINVAL;
	so->opts.min_ttl = (uint8_t)value;
	return 0;
}

static int get_min_ttl(struct fdnet_sock *so, const struct row *row, void *val,
		       uint32_t *len)
{
	return give_ip_int(row, val, len, so->opts.min_ttl);
}

static int get_mtu(struct fdnet_sock *so, const struct row *row, void *val,
		   uint32_t *len)
{
	if (!so->peer.ip.family)
		return -ENOTCONN;
	if (row->id.level == IPPROTO_IPV6 && so->opts.mtu6)
		return fdnet_sockopt_give_int(val, len, (int)so->opts.mtu6);
	return fdnet_sockopt_give_int(val, len,
				      (int)fdnet_ip_mtu(so->stack,
							&so->peer.ip));
}

/* A smaller one than the way's (RFC 3542 11.1). */
static int set_mtu6(struct fdnet_sock *so, const struct row *row,
		    const void *val, uint32_t len)
{
	int value = take_int(val, len);

	if (value && value < 1280)
		return -EINVAL;
	so->opts.mtu6 = (uint32_t)value;
	return 0;
}

/* Only padding can be set; nothing of it is sent. */
static int set_options(struct fdnet_sock *so, const struct row *row,
		       const void *val, uint32_t len)
{
	const uint8_t *opts = val;
	uint32_t i;

	if (len > 40)
		return -EINVAL;
	for (i = 0; i < len && opts[i]; i++)
		if (opts[i] != 1)
			return -EINVAL;
	return 0;
}

static int set_refused_on(struct fdnet_sock *so, const struct row *row,
			  const void *val, uint32_t len)
{
	if (row->id.level == IPPROTO_IP && !len)
		return -EINVAL;
	return take_int(val, len) ? -EPERM : 0;
}

static int get_pktoptions(struct fdnet_sock *so, const struct row *row,
			  void *val, uint32_t *len)
{
	if (so->type != FDNET_SOCK_STREAM)
		return -ENOPROTOOPT;
	*len = 0;
	return 0;
}

static int set_router_alert(struct fdnet_sock *so, const struct row *row,
			    const void *val, uint32_t len)
{
	if (so->type != FDNET_SOCK_RAW)
		return -EINVAL;
	return set_flag(so, row, val, len);
}

static int set_mcast_all(struct fdnet_sock *so, const struct row *row,
			 const void *val, uint32_t len)
{
	return len ? set_bit(so, row, val, len) : -EINVAL;
}

static int get_nothing(struct fdnet_sock *so, const struct row *row, void *val,
		       uint32_t *len)
{
	*len = 0;
	return 0;
}

static int by_address(struct fdnet_sock *so, const struct in_addr *addr)
{
	struct fdnet_ip ip = fdnet_ip4(ntohl(addr->s_addr));

	if (fdnet_ip_is_any(&ip))
		return 0;
	if (fdnet_ip_is_loopback(&ip))
		return 1;
	return fdnet_stack_find_addr(so->stack, &ip) ? 2 : -ENODEV;
}

/* struct in_addr, ip_mreq or ip_mreqn: the interface they mean. */
static int mreq_index(struct fdnet_sock *so, const void *val, uint32_t len,
		      struct fdnet_ip *ret_group)
{
	struct ip_mreqn mreq = { 0 };

	memcpy(&mreq, val, len < sizeof(mreq) ? len : sizeof(mreq));
	if (ret_group)
		*ret_group = fdnet_ip4(ntohl(mreq.imr_multiaddr.s_addr));
	if (mreq.imr_ifindex)
		return mreq.imr_ifindex;
	return by_address(so, &mreq.imr_address);
}

static int set_mcast_if(struct fdnet_sock *so, const struct row *row,
			const void *val, uint32_t len)
{
	struct in_addr addr;
	int index;

	if (len < sizeof(addr))
		return -EINVAL;
	if (len >= sizeof(struct ip_mreq)) {
		index = mreq_index(so, val, len, NULL);
	} else {
		memcpy(&addr, val, sizeof(addr));
		index = by_address(so, &addr);
	}
	if (index < 0 || index > 2)
		return -EADDRNOTAVAIL;
	so->opts.mcast_if = index;
	return 0;
}

static int get_mcast_if(struct fdnet_sock *so, const struct row *row,
			void *val, uint32_t *len)
{
	struct in_addr addr = { 0 };
	unsigned int i;

	if (so->opts.mcast_if == 1)
		addr.s_addr = htonl(INADDR_LOOPBACK);
	for (i = 0; so->opts.mcast_if == 2 && i < so->stack->naddrs; i++) {
		if (so->stack->addrs[i].ip.family != 4)
			continue;
		memcpy(&addr, so->stack->addrs[i].ip.bytes, 4);
		break;
	}
	return give(val, len, &addr, sizeof(addr));
}

static int set_membership(struct fdnet_sock *so, const struct row *row,
			  const void *val, uint32_t len)
{
	struct fdnet_ip group;
	int index;

	if (so->type == FDNET_SOCK_STREAM)
		return -EPROTO;
	if (len < sizeof(struct ip_mreq))
		return -EINVAL;
	index = mreq_index(so, val, len, &group);
	if (!fdnet_ip_is_multicast(&group))
		return row->id.name == IP_ADD_MEMBERSHIP ? -EINVAL :
							   -EADDRNOTAVAIL;
	if (index < 0)
		return index;
	return row->id.name == IP_ADD_MEMBERSHIP ?
		       fdnet_mcast_join(so, &group, index) :
		       fdnet_mcast_leave(so, &group, index);
}

/* MCAST_JOIN_GROUP and MCAST_LEAVE_GROUP (RFC 3678) of either level. */
static int set_group(struct fdnet_sock *so, const struct row *row,
		     const void *val, uint32_t len)
{
	struct fdnet_ip group = { 0 };
	const struct sockaddr_in *sin;
	const struct sockaddr_in6 *sin6;
	struct group_req req;

	memcpy(&req, val, sizeof(req));
	if (so->type == FDNET_SOCK_STREAM)
		return -EPROTO;
	sin = (const struct sockaddr_in *)&req.gr_group;
	sin6 = (const struct sockaddr_in6 *)&req.gr_group;
	if (row->id.level == IPPROTO_IP && sin->sin_family == AF_INET) {
		group = fdnet_ip4(ntohl(sin->sin_addr.s_addr));
	} else if (row->id.level == IPPROTO_IPV6 &&
		   sin6->sin6_family == AF_INET6) {
		group.family = 6;
		memcpy(group.bytes, &sin6->sin6_addr, 16);
	} else {
		return -EINVAL;
	}
	return row->id.name == MCAST_JOIN_GROUP ?
		       fdnet_mcast_join(so, &group, (int)req.gr_interface) :
		       fdnet_mcast_leave(so, &group, (int)req.gr_interface);
}

/* ---- IPPROTO_IPV6 ---- */

static int set_v6only(struct fdnet_sock *so, const struct row *row,
		      const void *val, uint32_t len)
{
	if (so->local.port)
		return -EINVAL;
	so->opts.v6only = take_int(val, len) != 0;
	return 0;
}

static int set_tclass(struct fdnet_sock *so, const struct row *row,
		      const void *val, uint32_t len)
{
	int value = take_int(val, len);

	if (value < -1 || value > 255)
		return -EINVAL;
	if (so->type == FDNET_SOCK_STREAM && value > 0)
		value &= ~3;
	so->opts.tclass6 = value < 0 ? 0 : value;
	return 0;
}

static int set_mcast_if6(struct fdnet_sock *so, const struct row *row,
			 const void *val, uint32_t len)
{
	int index = take_int(val, len);

	if (index < 0 || index > 2)
		return -ENODEV;
	so->opts.mcast_if = index;
	return 0;
}

static int set_membership6(struct fdnet_sock *so, const struct row *row,
			   const void *val, uint32_t len)
{
	struct fdnet_ip group = { .family = 6 };
	struct ipv6_mreq mreq;

	memcpy(&mreq, val, sizeof(mreq));
	if (so->type == FDNET_SOCK_STREAM)
		return -EPROTO;
	memcpy(group.bytes, &mreq.ipv6mr_multiaddr, 16);
	return row->id.name == IPV6_JOIN_GROUP ?
		       fdnet_mcast_join(so, &group,
					(int)mreq.ipv6mr_interface) :
		       fdnet_mcast_leave(so, &group,
					 (int)mreq.ipv6mr_interface);
}

/* ---- the table ---- */

#define ID(level_, name_) { #name_, level_, name_ }
#define OPT(m) offsetof(struct fdnet_sock_opts, m)
#define SOL_BOOL(name_, m)                                                     \
	{                                                                      \
		ID(SOL_SOCKET, name_), set_bool, get_bool, OPT(m), 0, 0, 4,    \
			FOR_ALL                                                \
	}
#define SOL_FLAG(name_, f)                                                     \
	{                                                                      \
		ID(SOL_SOCKET, name_), set_flag, get_flag, f, 0, 0, 4, FOR_ALL \
	}
#define IP_BOOL(name_, m)                                                      \
	{                                                                      \
		ID(IPPROTO_IP, name_), set_bool, get_bool, OPT(m), 0, 0, 0,    \
			FOR_ALL                                                \
	}
#define IP_FLAG(name_, f)                                                      \
	{                                                                      \
		ID(IPPROTO_IP, name_), set_flag, get_flag, f, 0, 0, 0, FOR_ALL \
	}
#define IP6_FLAG(name_, f)                                                     \
	{                                                                      \
		ID(IPPROTO_IPV6, name_), set_flag, get_flag, f, 0, 0, 4,       \
			FOR_ALL                                                \
	}

static const struct row rows[] = {
	{ ID(SOL_SOCKET, SO_DEBUG), set_debug, get_fixed, 0, 0, 0, 4 },
	SOL_BOOL(SO_REUSEADDR, reuseaddr),
	SOL_BOOL(SO_REUSEPORT, reuseport),
	{ ID(SOL_SOCKET, SO_TYPE), NULL, get_what },
	{ ID(SOL_SOCKET, SO_ERROR), NULL, get_what },
	{ ID(SOL_SOCKET, SO_PROTOCOL), NULL, get_what },
	{ ID(SOL_SOCKET, SO_DOMAIN), NULL, get_what },
	{ ID(SOL_SOCKET, SO_ACCEPTCONN), NULL, get_what },
	SOL_BOOL(SO_DONTROUTE, dontroute),
	SOL_BOOL(SO_BROADCAST, broadcast),
	SOL_BOOL(SO_KEEPALIVE, keepalive),
	SOL_BOOL(SO_OOBINLINE, oobinline),
	SOL_BOOL(SO_NO_CHECK, no_check),
	{ ID(SOL_SOCKET, SO_SNDBUF), set_sndbuf, get_u32, OPT(sndbuf), 0, 0,
	  4 },
	{ ID(SOL_SOCKET, SO_RCVBUF), set_rcvbuf, get_u32, OPT(rcvbuf), 0, 0,
	  4 },
	{ ID(SOL_SOCKET, SO_SNDBUFFORCE), set_refused, NULL, 0, 0, 0, 4 },
	{ ID(SOL_SOCKET, SO_RCVBUFFORCE), set_refused, NULL, 0, 0, 0, 4 },
	{ ID(SOL_SOCKET, OPT_SO_BUF_LOCK), set_buf_lock, get_buf_lock, 0, 0, 0,
	  4 },
	{ ID(SOL_SOCKET, SO_PRIORITY), set_priority, get_int, OPT(priority), 0,
	  0, 4 },
	{ ID(SOL_SOCKET, SO_LINGER), set_linger, get_linger, 0, 0, 0,
	  sizeof(struct linger) },
	{ ID(SOL_SOCKET, SO_BSDCOMPAT), set_ignored, get_fixed, 0, 0, 0, 4 },
	{ ID(SOL_SOCKET, SO_PASSCRED), set_unsupported, get_unsupported, 0, 0,
	  0, 4 },
	{ ID(SOL_SOCKET, SO_PEERCRED), NULL, get_peercred },
	{ ID(SOL_SOCKET, SO_RCVLOWAT), set_rcvlowat, get_u32, OPT(rcvlowat), 0,
	  0, 4 },
	{ ID(SOL_SOCKET, SO_SNDLOWAT), NULL, get_fixed, 1 },
	{ ID(SOL_SOCKET, SO_RCVTIMEO), set_timeo, get_timeo, OPT(rcvtimeo_us),
	  0, 0, sizeof(struct timeval) },
	{ ID(SOL_SOCKET, SO_SNDTIMEO), set_timeo, get_timeo, OPT(sndtimeo_us),
	  0, 0, sizeof(struct timeval) },
	{ ID(SOL_SOCKET, SO_RCVTIMEO_NEW), set_timeo, get_timeo,
	  OPT(rcvtimeo_us), 0, 0, sizeof(struct timeval) },
	{ ID(SOL_SOCKET, SO_SNDTIMEO_NEW), set_timeo, get_timeo,
	  OPT(sndtimeo_us), 0, 0, sizeof(struct timeval) },
	{ ID(SOL_SOCKET, SO_BINDTODEVICE), set_device, get_device },
	{ ID(SOL_SOCKET, SO_BINDTOIFINDEX), set_ifindex, get_int,
	  OPT(bound_dev), 0, 0, 4 },
	{ ID(SOL_SOCKET, SO_ATTACH_FILTER), set_filter, get_nothing, 16, 0, 0,
	  4 },
	{ ID(SOL_SOCKET, SO_ATTACH_BPF), set_filter, NULL, 4, 0, 0, 4 },
	{ ID(SOL_SOCKET, SO_DETACH_FILTER), set_nothing_there, NULL },
	{ ID(SOL_SOCKET, SO_TIMESTAMP), set_timestamp, get_timestamp, 0, 0, 0,
	  4 },
	{ ID(SOL_SOCKET, SO_TIMESTAMPNS), set_timestamp, get_timestamp, 1, 0,
	  0, 4 },
	{ ID(SOL_SOCKET, SO_TIMESTAMP_NEW), set_timestamp, get_timestamp, 2, 0,
	  0, 4 },
	{ ID(SOL_SOCKET, SO_TIMESTAMPNS_NEW), set_timestamp, get_timestamp, 3,
	  0, 0, 4 },
	{ ID(SOL_SOCKET, SO_TIMESTAMPING), set_int, get_timestamping,
	  OPT(timestamping), 0, 0x7ffff, 4 },
	{ ID(SOL_SOCKET, SO_TIMESTAMPING_NEW), set_int, get_timestamping,
	  OPT(timestamping), 0, 0x7ffff, 4 },
	{ ID(SOL_SOCKET, SO_MARK), set_refused, get_fixed, 0, 0, 0, 4 },
	SOL_FLAG(SO_RXQ_OVFL, FDNET_SF_RXQ_OVFL),
	SOL_FLAG(SO_SELECT_ERR_QUEUE, FDNET_SF_SELECT_ERRQ),
	{ ID(SOL_SOCKET, SO_BUSY_POLL), set_int, get_int, OPT(busy_poll), 0,
	  INT_MAX, 4 },
	{ ID(SOL_SOCKET, SO_MAX_PACING_RATE), set_pacing, get_pacing, 0, 0, 0,
	  4 },
	{ ID(SOL_SOCKET, SO_INCOMING_CPU), set_int, get_int, OPT(incoming_cpu),
	  INT_MIN, INT_MAX, 4 },
	{ ID(SOL_SOCKET, SO_INCOMING_NAPI_ID), NULL, get_fixed, 0 },
	{ ID(SOL_SOCKET, OPT_SO_MEMINFO), NULL, get_meminfo },
	{ ID(SOL_SOCKET, SO_ZEROCOPY), set_bit, get_flag,
	  FDNET_SF_ZEROCOPY, 0, 0, 4, FOR_PORTS },
	{ ID(SOL_SOCKET, OPT_SO_TXREHASH), set_flag, get_flag,
	  FDNET_SF_TXREHASH, -1, 1, 4, FOR_TCP },
	SOL_FLAG(OPT_SO_RCVMARK, FDNET_SF_RCVMARK),

	{ ID(IPPROTO_IP, IP_TOS), set_tos, get_default, OPT(tos) },
	{ ID(IPPROTO_IP, IP_TTL), set_ttl, get_default, OPT(ttl) },
	{ ID(IPPROTO_IP, IP_HDRINCL), set_bool, get_bool, OPT(hdrincl), 0, 0,
	  0, FOR_RAW },
	{ ID(IPPROTO_IP, IP_OPTIONS), set_options, get_nothing },
	{ ID(IPPROTO_IP, IP_ROUTER_ALERT), set_router_alert, get_flag,
	  FDNET_SF_ROUTER_ALERT },
	IP_FLAG(IP_RECVOPTS, FDNET_SF_RECVOPTS),
	IP_FLAG(IP_RETOPTS, FDNET_SF_RETOPTS),
	IP_BOOL(IP_PKTINFO, pktinfo),
	{ ID(IPPROTO_IP, IP_PKTOPTIONS), NULL, get_pktoptions },
	{ ID(IPPROTO_IP, IP_MTU_DISCOVER), set_int, get_int, OPT(mtu_discover),
	  0, 5, 0 },
	IP_BOOL(IP_RECVERR, recverr),
	IP_BOOL(IP_RECVTTL, recvttl),
	IP_BOOL(IP_RECVTOS, recvtos),
	{ ID(IPPROTO_IP, IP_MTU), NULL, get_mtu },
	{ ID(IPPROTO_IP, IP_FREEBIND), set_flag, get_flag, FDNET_SF_FREEBIND,
	  0, 0, 1 },
	IP_FLAG(IP_PASSSEC, FDNET_SF_PASSSEC),
	{ ID(IPPROTO_IP, IP_TRANSPARENT), set_refused_on, get_fixed, 0 },
	IP_FLAG(IP_RECVORIGDSTADDR, FDNET_SF_ORIGDST),
	{ ID(IPPROTO_IP, IP_MINTTL), set_min_ttl, get_min_ttl },
	{ ID(IPPROTO_IP, IP_NODEFRAG), set_flag, get_flag, FDNET_SF_NODEFRAG,
	  0, 0, 0, FOR_RAW },
	IP_FLAG(OPT_IP_CHECKSUM, FDNET_SF_CHECKSUM),
	IP_FLAG(IP_BIND_ADDRESS_NO_PORT, FDNET_SF_BIND_NO_PORT),
	{ ID(IPPROTO_IP, OPT_IP_RECVFRAGSIZE), set_flag, get_flag,
	  FDNET_SF_FRAGSIZE, 0, 0, 0, FOR_DGRAM },
	{ ID(IPPROTO_IP, OPT_IP_RECVERR_RFC4884), set_bit, get_flag,
	  FDNET_SF_RFC4884 },
	{ ID(IPPROTO_IP, OPT_IP_PROTOCOL), NULL, get_what },
	{ ID(IPPROTO_IP, IP_MULTICAST_IF), set_mcast_if, get_mcast_if, 0, 0, 0,
	  0, FOR_DGRAM },
	{ ID(IPPROTO_IP, IP_MULTICAST_TTL), set_mcast_ttl, get_int,
	  OPT(mcast_ttl), 0, 0, 0, FOR_DGRAM },
	{ ID(IPPROTO_IP, IP_MULTICAST_LOOP), set_mcast_loop, get_bool,
	  OPT(mcast_loop) },
	{ ID(IPPROTO_IP, IP_MULTICAST_ALL), set_mcast_all, get_flag,
	  FDNET_SF_MCAST_ALL },
	{ ID(IPPROTO_IP, IP_ADD_MEMBERSHIP), set_membership, NULL },
	{ ID(IPPROTO_IP, IP_DROP_MEMBERSHIP), set_membership, NULL },
	{ ID(IPPROTO_IP, MCAST_JOIN_GROUP), set_group, NULL, 0, 0, 0,
	  sizeof(struct group_req) },
	{ ID(IPPROTO_IP, MCAST_LEAVE_GROUP), set_group, NULL, 0, 0, 0,
	  sizeof(struct group_req) },

	IP6_FLAG(OPT_IPV6_2292PKTINFO, FDNET_SF_OLD_PKTINFO6),
	IP6_FLAG(OPT_IPV6_2292HOPLIMIT, FDNET_SF_OLD_HOPLIMIT6),
	{ ID(IPPROTO_IPV6, IPV6_UNICAST_HOPS), set_int, get_default,
	  OPT(hops6), -1, 255, 4 },
	{ ID(IPPROTO_IPV6, IPV6_MULTICAST_IF), set_mcast_if6, get_int,
	  OPT(mcast_if), 0, 0, 4, FOR_DGRAM6 },
	{ ID(IPPROTO_IPV6, IPV6_MULTICAST_HOPS), set_int, get_default,
	  OPT(mcast_hops6), -1, 255, 4, FOR_DGRAM6 },
	{ ID(IPPROTO_IPV6, IPV6_MULTICAST_LOOP), set_flag, get_flag,
	  FDNET_SF_MCAST_LOOP6, 0, 1, 4 },
	IP6_FLAG(OPT_IPV6_MULTICAST_ALL, FDNET_SF_MCAST_ALL6),
	{ ID(IPPROTO_IPV6, IPV6_JOIN_GROUP), set_membership6, NULL, 0, 0, 0,
	  sizeof(struct ipv6_mreq) },
	{ ID(IPPROTO_IPV6, IPV6_LEAVE_GROUP), set_membership6, NULL, 0, 0, 0,
	  sizeof(struct ipv6_mreq) },
	{ ID(IPPROTO_IPV6, MCAST_JOIN_GROUP), set_group, NULL, 0, 0, 0,
	  sizeof(struct group_req) },
	{ ID(IPPROTO_IPV6, MCAST_LEAVE_GROUP), set_group, NULL, 0, 0, 0,
	  sizeof(struct group_req) },
	{ ID(IPPROTO_IPV6, IPV6_MTU_DISCOVER), set_int, get_int,
	  OPT(mtu_discover6), 0, 5, 4 },
	{ ID(IPPROTO_IPV6, IPV6_MTU), set_mtu6, get_mtu, 0, 0, 0, 4 },
	IP6_FLAG(IPV6_RECVERR, FDNET_SF_RECVERR6),
	{ ID(IPPROTO_IPV6, OPT_IPV6_RECVERR_RFC4884), set_bit, get_flag,
	  FDNET_SF_RFC4884_6, 0, 0, 4 },
	{ ID(IPPROTO_IPV6, IPV6_V6ONLY), set_v6only, get_bool, OPT(v6only), 0,
	  0, 4 },
	IP6_FLAG(OPT_IPV6_FLOWINFO, FDNET_SF_FLOWINFO6),
	IP6_FLAG(OPT_IPV6_FLOWINFO_SEND, FDNET_SF_FLOWSEND6),
	IP6_FLAG(IPV6_RECVPKTINFO, FDNET_SF_PKTINFO6),
	IP6_FLAG(IPV6_RECVHOPLIMIT, FDNET_SF_HOPLIMIT6),
	IP6_FLAG(IPV6_RECVHOPOPTS, FDNET_SF_HOPOPTS6),
	IP6_FLAG(IPV6_RECVRTHDR, FDNET_SF_RTHDR6),
	IP6_FLAG(IPV6_RECVDSTOPTS, FDNET_SF_DSTOPTS6),
	IP6_FLAG(IPV6_RECVPATHMTU, FDNET_SF_PATHMTU6),
	{ ID(IPPROTO_IPV6, IPV6_DONTFRAG), set_flag, get_flag,
	  FDNET_SF_DONTFRAG },
	IP6_FLAG(IPV6_RECVTCLASS, FDNET_SF_TCLASS6),
	{ ID(IPPROTO_IPV6, IPV6_TCLASS), set_tclass, get_default, OPT(tclass6),
	  0, 0, 4 },
	{ ID(IPPROTO_IPV6, IPV6_AUTOFLOWLABEL), set_flag, get_flag,
	  FDNET_SF_AUTOFLOW6 },
	{ ID(IPPROTO_IPV6, IPV6_MINHOPCOUNT), set_min_ttl, get_min_ttl, 0, 0,
	  0, 4 },
	IP6_FLAG(IPV6_RECVORIGDSTADDR, FDNET_SF_ORIGDST6),
	{ ID(IPPROTO_IPV6, IPV6_TRANSPARENT), set_refused_on, get_fixed, 0, 0, 0,
	  4 },
	{ ID(IPPROTO_IPV6, IPV6_RECVFRAGSIZE), set_flag, get_flag,
	  FDNET_SF_FRAGSIZE6 },
	IP6_FLAG(IPV6_FREEBIND, FDNET_SF_FREEBIND6),
};

#define NROWS (sizeof(rows) / sizeof(rows[0]))

static_assert(FDNET_SF_MAX <= 64, "flags are a uint64_t");

const struct fdnet_sockopt *fdnet_sockopt_row(unsigned int i)
{
	return i < NROWS ? &rows[i].id : NULL;
}

static const struct row *find_row(int level, int name)
{
	unsigned int i;

	for (i = 0; i < NROWS; i++) {
		if (rows[i].id.name != name || rows[i].id.level != level)
			continue;
		return &rows[i];
	}
	return NULL;
}

void fdnet_sockopt_init(struct fdnet_sock *so)
{
	const struct fdnet_stack_config *cfg = &so->stack->cfg;
	bool stream = so->type == FDNET_SOCK_STREAM;
	struct fdnet_sock_opts *opts = &so->opts;

	opts->sndbuf = stream ? cfg->tcp_sndbuf : cfg->udp_sndbuf;
	opts->rcvbuf = stream ? cfg->tcp_rcvbuf : cfg->udp_rcvbuf;
	opts->rcvlowat = 1;
	/* INET_PROTOSW_REUSE */
	opts->reuseaddr = so->proto != FDNET_PROTO_UDP && !stream;
	opts->ttl = -1;
	opts->tos = -1;
	opts->hops6 = -1;
	opts->mcast_hops6 = -1;
	opts->tclass6 = -1;
	opts->mcast_ttl = 1;
	opts->mcast_loop = true;
	opts->mtu_discover = 1;	 /* IP_PMTUDISC_WANT */
	opts->mtu_discover6 = 1;
	opts->max_pacing = UINT64_MAX;
	opts->incoming_cpu = -1;
	opts->flags = (uint64_t)(so->family == 4) << FDNET_SF_MCAST_ALL |
		      (uint64_t)1 << FDNET_SF_MCAST_ALL6 |
		      (uint64_t)1 << FDNET_SF_MCAST_LOOP6 |
		      (uint64_t)1 << FDNET_SF_TXREHASH |
		      (uint64_t)1 << FDNET_SF_MSG_TOS |
		      (uint64_t)1 << FDNET_SF_AUTOFLOW6;
}

/* IPv6 sockets have IPPROTO_IP's options too, but raw ones. */
static bool speaks_ip4(const struct fdnet_sock *so)
{
	return so->family == 4 || so->type != FDNET_SOCK_RAW;
}

static int refused(const struct fdnet_sock *so, const struct row *row)
{
	if (row->limits & FOR_RAW && so->type != FDNET_SOCK_RAW)
		return -ENOPROTOOPT;
	if (row->limits & FOR_DGRAM6 && so->type == FDNET_SOCK_STREAM)
		return -ENOPROTOOPT;
	if (row->limits & FOR_PORTS && so->proto != FDNET_PROTO_UDP &&
	    so->proto != FDNET_PROTO_TCP)
		return -EOPNOTSUPP;
	if (row->limits & FOR_TCP && so->type != FDNET_SOCK_STREAM)
		return -EOPNOTSUPP;
	if (row->limits & FOR_DGRAM && so->type == FDNET_SOCK_STREAM)
		return -EINVAL;
	return 0;
}

int fdnet_sock_setopt(struct fdnet_sock *so, int level, int name,
		      const void *val, uint32_t len)
{
	const struct row *row = find_row(level, name);
	int rc;

	if (level == SOL_SOCKET && len < sizeof(int) &&
	    name != SO_BINDTODEVICE)
		return -EINVAL;
	if (level == IPPROTO_IPV6 && so->family == 4)
		return -ENOPROTOOPT;
	if (level == IPPROTO_IP && !speaks_ip4(so))
		return -ENOPROTOOPT;
	if (!row) {
		if (level == SOL_SOCKET || !so->ops->setopt)
			return -ENOPROTOOPT;
		return so->ops->setopt(so, level, name, val, len);
	}
	if (!row->set)
		return -ENOPROTOOPT;
	rc = refused(so, row);
	if (rc)
		return rc;
	if (len < row->size)
		return -EINVAL;
	rc = row->set(so, row, val, len);
	if (!rc && so->ops->changed)
		so->ops->changed(so, level, name);
	return rc;
}

int fdnet_sock_getopt(struct fdnet_sock *so, int level, int name, void *val,
		      uint32_t *len)
{
	const struct row *row = find_row(level, name);

	if ((int)*len < 0)
		return -EINVAL;
	if (level == IPPROTO_IPV6 && so->family == 4)
		return -EOPNOTSUPP;
	if (level == IPPROTO_IP && !speaks_ip4(so))
		return -ENOPROTOOPT;
	if (!row) {
		if (level == SOL_SOCKET || !so->ops->getopt)
			return -ENOPROTOOPT;
		return so->ops->getopt(so, level, name, val, len);
	}
	if (row->limits & FOR_TCP && so->type != FDNET_SOCK_STREAM)
		return -EOPNOTSUPP;
	return row->get ? row->get(so, row, val, len) : -ENOPROTOOPT;
}
