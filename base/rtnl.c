/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/rtnl.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>

#define LO_MTU 65536
#define QUEUE_LEN 1000
/* As much of a dump as the kernel puts into one message (NLMSG_GOODSIZE). */
#define DATAGRAM_MAX 3712

/* ---- the description ---- */

static void add_addr(struct fdnet_rtnl *net, uint32_t index,
		     const struct fdnet_rtnl_ip *ip, uint8_t scope)
{
	struct fdnet_rtnl_addr *a = &net->addrs[net->naddrs++];

	a->index = index;
	a->ip = *ip;
	a->scope = scope;
}

static struct fdnet_rtnl_route *add_route(struct fdnet_rtnl *net,
					  uint32_t index, uint8_t table,
					  uint8_t type, uint8_t scope,
					  const struct fdnet_rtnl_ip *dst)
{
	struct fdnet_rtnl_route *r = &net->routes[net->nroutes++];

	r->index = index;
	r->table = table;
	r->type = type;
	r->scope = scope;
	r->protocol = RTPROT_KERNEL;
	r->dst = *dst;
	return r;
}

/* The network that @ip is in. */
static struct fdnet_rtnl_ip network_of(const struct fdnet_rtnl_ip *ip)
{
	struct fdnet_rtnl_ip net = *ip;
	unsigned int i, size = ip->family == AF_INET ? 4 : 16;

	for (i = ip->bits; i < size * 8; i++)
		net.bytes[i / 8] &= (uint8_t)~(0x80 >> (i % 8));
	return net;
}

static struct fdnet_rtnl_ip host_of(const struct fdnet_rtnl_ip *ip)
{
	struct fdnet_rtnl_ip host = *ip;

	host.bits = ip->family == AF_INET ? 32 : 128;
	return host;
}

/* One interface's address and the routes that come with it. */
static void add_network(struct fdnet_rtnl *net, uint32_t index,
			const struct fdnet_rtnl_ip *ip,
			const struct fdnet_rtnl_ip *gateway)
{
	struct fdnet_rtnl_ip around = network_of(ip), host = host_of(ip);
	struct fdnet_rtnl_ip all = { .family = ip->family };
	bool v4 = ip->family == AF_INET;
	struct fdnet_rtnl_route *r;

	add_addr(net, index, ip,
		 index == 1 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE);
	if (index != 1) {
		r = add_route(net, index, RT_TABLE_MAIN, RTN_UNICAST,
			      v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, &around);
		if (v4)
			r->source = host;
	} else if (v4) {
		r = add_route(net, index, RT_TABLE_LOCAL, RTN_LOCAL,
			      RT_SCOPE_HOST, &around);
		r->source = host;
	}
	r = add_route(net, index, RT_TABLE_LOCAL, RTN_LOCAL,
		      v4 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE, &host);
	if (v4)
		r->source = host;
	if (!gateway || !gateway->family)
		return;
	r = add_route(net, index, RT_TABLE_MAIN, RTN_UNICAST,
		      RT_SCOPE_UNIVERSE, &all);
	r->gateway = *gateway;
	r->protocol = RTPROT_STATIC;
}

void fdnet_rtnl_sandbox(struct fdnet_rtnl *net,
			const struct fdnet_rtnl_ip *ip4,
			const struct fdnet_rtnl_ip *gateway4,
			const struct fdnet_rtnl_ip *ip6,
			const struct fdnet_rtnl_ip *gateway6, uint32_t mtu)
{
	static const struct fdnet_rtnl_ip lo4 = {
		.family = AF_INET, .bits = 8, .bytes = { 127, 0, 0, 1 }
	};
	static const struct fdnet_rtnl_ip lo6 = {
		.family = AF_INET6, .bits = 128, .bytes = { [15] = 1 }
	};

	memset(net, 0, sizeof(*net));
	net->nifaces = 2;
	net->ifaces[0] = (struct fdnet_rtnl_iface){
		.name = "lo",
		.index = 1,
		.flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING,
		.mtu = LO_MTU,
		.hw_type = ARPHRD_LOOPBACK,
		.hw_len = 6,
	};
	net->ifaces[1] = (struct fdnet_rtnl_iface){
		.name = "eth0",
		.index = 2,
		.flags = IFF_UP | IFF_RUNNING | IFF_POINTOPOINT | IFF_NOARP,
		.mtu = mtu,
		.hw_type = ARPHRD_NONE,
	};
	add_network(net, 1, &lo4, NULL);
	add_network(net, 2, ip4, gateway4);
	if (!ip6->family)
		return;
	add_network(net, 1, &lo6, NULL);
	add_network(net, 2, ip6, gateway6);
}

const struct fdnet_rtnl_iface *
fdnet_rtnl_find_iface(const struct fdnet_rtnl *net, uint32_t index,
		      const char *name)
{
	unsigned int i;

	for (i = 0; i < net->nifaces; i++)
		if (index ? net->ifaces[i].index == index
			  : name && strcmp(net->ifaces[i].name, name) == 0)
			return &net->ifaces[i];
	return NULL;
}

/* ---- writing messages ---- */

/* The answer as it grows; what does not fit is left out and noticed. */
struct writer {
	struct fdnet_rtnl_out *out;
	const struct nlmsghdr *req;
	uint32_t port;
	uint32_t start; /* of the message being written */
	uint32_t begun; /* where the present datagram began */
	uint32_t at;
	bool full;
};

static void *reserve(struct writer *w, size_t len)
{
	uint8_t *p = &w->out->bytes[w->at];

	len = NLMSG_ALIGN(len);
	if (w->full || len > sizeof(w->out->bytes) - w->at) {
		w->full = true;
		return NULL;
	}
	memset(p, 0, len);
	w->at += (uint32_t)len;
	return p;
}

/* What was written so far is one datagram. */
static void cut(struct writer *w)
{
	if (w->at == w->begun || w->out->n == FDNET_RTNL_MSGS)
		return;
	w->out->ends[w->out->n++] = w->at;
	w->begun = w->at;
}

static void *begin(struct writer *w, uint16_t type, uint16_t flags,
		   size_t body)
{
	struct nlmsghdr *h;

	w->start = w->at;
	h = reserve(w, NLMSG_LENGTH(body));
	if (!h)
		return NULL;
	h->nlmsg_type = type;
	h->nlmsg_flags = flags;
	h->nlmsg_seq = w->req->nlmsg_seq;
	h->nlmsg_pid = w->port;
	return NLMSG_DATA(h);
}

static void finish(struct writer *w)
{
	struct nlmsghdr *h = (void *)&w->out->bytes[w->start];

	if (w->full) {
		w->at = w->start;
		return;
	}
	h->nlmsg_len = w->at - w->start;
	if (w->at - w->begun > DATAGRAM_MAX && w->start > w->begun) {
		/* it did not fit any more: the datagram ends before it */
		uint32_t end = w->at;

		w->at = w->start;
		cut(w);
		w->at = end;
	}
}

static void put(struct writer *w, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = reserve(w, RTA_LENGTH(len));

	if (!a)
		return;
	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (data)
		memcpy(RTA_DATA(a), data, len);
}

static void put8(struct writer *w, uint16_t type, uint8_t value)
{
	put(w, type, &value, sizeof(value));
}

static void put32(struct writer *w, uint16_t type, uint32_t value)
{
	put(w, type, &value, sizeof(value));
}

static void put_ip(struct writer *w, uint16_t type,
		   const struct fdnet_rtnl_ip *ip)
{
	put(w, type, ip->bytes, ip->family == AF_INET ? 4 : 16);
}

static uint16_t dump_flags(const struct writer *w)
{
	return (w->req->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP ? NLM_F_MULTI
								 : 0;
}

/* ---- one message of each kind ---- */

static uint32_t shown_flags(const struct fdnet_rtnl_iface *iface)
{
	return iface->flags | (iface->flags & IFF_UP ? 1u << 16 : 0);
}

static void write_link(struct writer *w, const struct fdnet_rtnl_iface *iface)
{
	struct ifinfomsg *m =
		begin(w, RTM_NEWLINK, dump_flags(w), sizeof(*m));
	bool loopback = iface->flags & IFF_LOOPBACK;

	if (m) {
		m->ifi_type = iface->hw_type;
		m->ifi_index = (int)iface->index;
		m->ifi_flags = shown_flags(iface); /* with IFF_LOWER_UP */
	}
	put(w, IFLA_IFNAME, iface->name, strlen(iface->name) + 1);
	put32(w, IFLA_TXQLEN, QUEUE_LEN);
	/* the operational state of RFC 2863: unknown, or up */
	put8(w, IFLA_OPERSTATE, loopback ? 0 : 6);
	put8(w, IFLA_LINKMODE, 0);
	put32(w, IFLA_MTU, iface->mtu);
	put32(w, IFLA_GROUP, 0);
	put32(w, IFLA_PROMISCUITY, 0);
	put32(w, IFLA_NUM_TX_QUEUES, 1);
	put32(w, IFLA_NUM_RX_QUEUES, 1);
	put8(w, IFLA_CARRIER, 1);
	put(w, IFLA_QDISC, "noqueue", sizeof("noqueue"));
	put32(w, IFLA_CARRIER_CHANGES, 0);
	if (iface->hw_len) {
		put(w, IFLA_ADDRESS, iface->hw, iface->hw_len);
		put(w, IFLA_BROADCAST, iface->broadcast, iface->hw_len);
	}
	/* nobody counts: all zero */
	put(w, IFLA_STATS64, NULL, 24 * sizeof(uint64_t));
	put(w, IFLA_STATS, NULL, sizeof(struct rtnl_link_stats));
	finish(w);
}

static void write_addr(struct writer *w, const struct fdnet_rtnl *net,
		       const struct fdnet_rtnl_addr *addr)
{
	static const struct ifa_cacheinfo for_ever = {
		.ifa_prefered = ~0u, .ifa_valid = ~0u
	};
	const struct fdnet_rtnl_iface *iface =
		fdnet_rtnl_find_iface(net, addr->index, NULL);
	struct ifaddrmsg *m =
		begin(w, RTM_NEWADDR, dump_flags(w), sizeof(*m));

	if (m) {
		m->ifa_family = addr->ip.family;
		m->ifa_prefixlen = addr->ip.bits;
		m->ifa_flags = IFA_F_PERMANENT;
		m->ifa_scope = addr->scope;
		m->ifa_index = addr->index;
	}
	put_ip(w, IFA_ADDRESS, &addr->ip);
	if (addr->ip.family == AF_INET) {
		put_ip(w, IFA_LOCAL, &addr->ip);
		if (iface)
			put(w, IFA_LABEL, iface->name,
			    strlen(iface->name) + 1);
	}
	put32(w, IFA_FLAGS, IFA_F_PERMANENT);
	put(w, IFA_CACHEINFO, &for_ever, sizeof(for_ever));
	finish(w);
}

/* @flags: RTM_F_CLONED, the answer for one address, has another order than a
 * dump, and nmap counts on it and on the length. */
static void write_route(struct writer *w, const struct fdnet_rtnl_route *r,
			uint32_t flags)
{
	static const struct rta_cacheinfo cache;
	struct rtmsg *m = begin(w, RTM_NEWROUTE, dump_flags(w), sizeof(*m));

	if (m) {
		m->rtm_family = r->dst.family;
		m->rtm_dst_len = r->dst.bits;
		m->rtm_table = r->table;
		m->rtm_protocol = r->protocol;
		m->rtm_scope = r->scope;
		m->rtm_type = r->type;
		m->rtm_flags = flags;
	}
	put32(w, RTA_TABLE, r->table);
	if (r->dst.bits)
		put_ip(w, RTA_DST, &r->dst);
	if (r->dst.family == AF_INET6)
		put32(w, RTA_PRIORITY, r->gateway.family ? 1024 : 256);
	if (flags & RTM_F_CLONED)
		put32(w, RTA_OIF, r->index);
	if (r->source.family)
		put_ip(w, RTA_PREFSRC, &r->source);
	if (r->gateway.family)
		put_ip(w, RTA_GATEWAY, &r->gateway);
	if (flags & RTM_F_CLONED)
		put(w, RTA_CACHEINFO, &cache, sizeof(cache));
	else
		put32(w, RTA_OIF, r->index);
	finish(w);
}

/* The three rules that every host has. */
static void write_rule(struct writer *w, uint8_t family, uint32_t priority,
		       uint8_t table)
{
	struct fib_rule_hdr *m =
		begin(w, RTM_NEWRULE, dump_flags(w), sizeof(*m));

	if (m) {
		m->family = family;
		m->table = table;
		m->action = FR_ACT_TO_TBL;
	}
	put32(w, FRA_TABLE, table);
	put32(w, FRA_SUPPRESS_PREFIXLEN, ~0u);
	if (priority)
		put32(w, FRA_PRIORITY, priority);
	finish(w);
}

/* NLMSG_ERROR: @error 0 is an acknowledgement. Only errors carry the whole
 * request back. */
static void write_error(struct writer *w, int error)
{
	size_t with = error ? w->req->nlmsg_len - NLMSG_HDRLEN : 0;
	struct nlmsgerr *m =
		begin(w, NLMSG_ERROR, error ? 0 : NLM_F_CAPPED,
		      sizeof(*m) + with);

	if (m) {
		m->error = error;
		memcpy(&m->msg, w->req, sizeof(m->msg) + with);
	}
	finish(w);
	cut(w);
}

static void write_done(struct writer *w)
{
	begin(w, NLMSG_DONE, NLM_F_MULTI, sizeof(int));
	finish(w);
	cut(w);
}

/* ---- requests ---- */

/* A request being answered. */
struct asked {
	const struct fdnet_rtnl *net;
	const struct nlmsghdr *h;
	uint8_t family; /* AF_UNSPEC: all */
};

/* The body of a request as @size bytes, zero where it is shorter. */
static void body_of(const struct nlmsghdr *h, void *dst, size_t size)
{
	size_t have = h->nlmsg_len - NLMSG_HDRLEN;

	memset(dst, 0, size);
	memcpy(dst, NLMSG_DATA(h), have < size ? have : size);
}

/* An attribute of a request whose fixed part has @size bytes, or NULL. */
static const void *attr_of(const struct nlmsghdr *h, size_t size,
			   uint16_t type, size_t *ret_len)
{
	size_t at = NLMSG_SPACE(size), len = h->nlmsg_len;
	const uint8_t *bytes = (const void *)h;
	struct rtattr a;

	while (at + sizeof(a) <= len) {
		memcpy(&a, bytes + at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > len - at)
			return NULL;
		if ((a.rta_type & NLA_TYPE_MASK) == type) {
			*ret_len = a.rta_len - RTA_LENGTH(0);
			return bytes + at + RTA_LENGTH(0);
		}
		at += RTA_ALIGN(a.rta_len);
	}
	return NULL;
}

static int get_link(struct writer *w, const struct asked *q)
{
	const struct fdnet_rtnl_iface *iface;
	char name[IFNAMSIZ] = "";
	struct ifinfomsg m;
	const void *text;
	size_t len;

	body_of(q->h, &m, sizeof(m));
	text = attr_of(q->h, sizeof(m), IFLA_IFNAME, &len);
	if (text)
		memcpy(name, text, len < sizeof(name) ? len : IFNAMSIZ - 1);
	if (m.ifi_index <= 0 && !text)
		return -EINVAL;
	iface = fdnet_rtnl_find_iface(
		q->net, m.ifi_index > 0 ? (uint32_t)m.ifi_index : 0, name);
	if (!iface)
		return -ENODEV;
	write_link(w, iface);
	cut(w);
	return 0;
}

static bool in_prefix(const struct fdnet_rtnl_ip *net,
		      const struct fdnet_rtnl_ip *ip)
{
	struct fdnet_rtnl_ip cut_ip = *ip;

	if (net->family != ip->family)
		return false;
	cut_ip.bits = net->bits;
	cut_ip = network_of(&cut_ip);
	return memcmp(cut_ip.bytes, network_of(net).bytes, 16) == 0;
}

/* Local addresses first, then the longest prefix. */
static const struct fdnet_rtnl_route *best_route(const struct fdnet_rtnl *net,
						 const struct fdnet_rtnl_ip *ip)
{
	const struct fdnet_rtnl_route *best = NULL, *r;

	for (r = net->routes; r < net->routes + net->nroutes; r++) {
		if (!in_prefix(&r->dst, ip))
			continue;
		if (!best ||
		    (r->table == RT_TABLE_LOCAL) >
			    (best->table == RT_TABLE_LOCAL) ||
		    (r->table == best->table &&
		     r->dst.bits > best->dst.bits))
			best = r;
	}
	return best;
}

static const struct fdnet_rtnl_ip *
source_for(const struct fdnet_rtnl *net, const struct fdnet_rtnl_route *r)
{
	unsigned int i;

	if (r->source.family)
		return &r->source;
	for (i = 0; i < net->naddrs; i++)
		if (net->addrs[i].index == r->index &&
		    net->addrs[i].ip.family == r->dst.family)
			return &net->addrs[i].ip;
	return &r->source;
}

/* `ip route get`: the way to one address. */
static int get_route(struct writer *w, const struct asked *q)
{
	const struct fdnet_rtnl_route *r;
	struct fdnet_rtnl_route shown;
	struct fdnet_rtnl_ip to = { .family = q->family };
	struct rtmsg m;
	const void *dst;
	size_t len;

	if (q->family != AF_INET && q->family != AF_INET6)
		return -EOPNOTSUPP;
	to.bits = q->family == AF_INET ? 32 : 128;
	dst = attr_of(q->h, sizeof(m), RTA_DST, &len);
	if (dst) {
		if (len < to.bits / 8u)
			return -EINVAL;
		memcpy(to.bytes, dst, to.bits / 8u);
	}
	r = best_route(q->net, &to);
	if (!r)
		return -ENETUNREACH;
	shown = *r;
	shown.dst = to;
	shown.source = *source_for(q->net, r);
	shown.scope = RT_SCOPE_UNIVERSE;
	shown.protocol = RTPROT_UNSPEC;
	body_of(q->h, &m, sizeof(m));
	if (!(m.rtm_flags & RTM_F_LOOKUP_TABLE))
		shown.table = RT_TABLE_MAIN;
	write_route(w, &shown, RTM_F_CLONED);
	cut(w);
	return 0;
}

static bool wanted(const struct asked *q, uint8_t family)
{
	return q->family == AF_UNSPEC || q->family == family;
}

/* A strict asker's filter: the index in ifaddrmsg or ifinfomsg. */
static uint32_t index_of(const struct asked *q)
{
	struct ifaddrmsg m;

	body_of(q->h, &m, sizeof(m));
	return q->h->nlmsg_len >= NLMSG_LENGTH(sizeof(m)) ? m.ifa_index : 0;
}

static void dump_addrs(struct writer *w, const struct asked *q)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	const struct fdnet_rtnl *net = q->net;
	uint32_t only = index_of(q);
	unsigned int i, f;

	for (f = 0; f < 2; f++)
		for (i = 0; i < net->naddrs; i++)
			if (net->addrs[i].ip.family == families[f] &&
			    wanted(q, families[f]) &&
			    (!only || only == net->addrs[i].index))
				write_addr(w, net, &net->addrs[i]);
}

static void dump_routes(struct writer *w, const struct asked *q)
{
	const struct fdnet_rtnl *net = q->net;
	unsigned int i;

	for (i = 0; i < net->nroutes; i++)
		if (wanted(q, net->routes[i].dst.family))
			write_route(w, &net->routes[i], 0);
}

static void dump_rules(struct writer *w, const struct asked *q)
{
	if (wanted(q, AF_INET)) {
		write_rule(w, AF_INET, 0, RT_TABLE_LOCAL);
		write_rule(w, AF_INET, 32766, RT_TABLE_MAIN);
		write_rule(w, AF_INET, 32767, RT_TABLE_DEFAULT);
	}
	if (wanted(q, AF_INET6)) {
		write_rule(w, AF_INET6, 0, RT_TABLE_LOCAL);
		write_rule(w, AF_INET6, 32766, RT_TABLE_MAIN);
	}
}

/* What can be dumped; kinds of which there is never one are empty. */
static int dump(struct writer *w, const struct asked *q)
{
	unsigned int i;

	switch (q->h->nlmsg_type) {
	case RTM_GETLINK:
		for (i = 0; i < q->net->nifaces; i++)
			write_link(w, &q->net->ifaces[i]);
		break;
	case RTM_GETADDR:
		dump_addrs(w, q);
		break;
	case RTM_GETROUTE:
		dump_routes(w, q);
		break;
	case RTM_GETRULE:
		dump_rules(w, q);
		break;
	case RTM_GETNEIGH:
	case RTM_GETNEIGHTBL:
	case RTM_GETQDISC:
	case RTM_GETTCLASS:
	case RTM_GETTFILTER:
	case RTM_GETMULTICAST:
	case RTM_GETANYCAST:
	case RTM_GETADDRLABEL:
	case RTM_GETMDB:
	case RTM_GETNETCONF:
	case RTM_GETNSID:
	case RTM_GETNEXTHOP:
	case RTM_GETSTATS:
		break;
	default:
		return -EOPNOTSUPP;
	}
	write_done(w);
	return 0;
}

static int answer_one(struct writer *w, const struct fdnet_rtnl *net,
		      const struct nlmsghdr *h)
{
	struct asked q = { .net = net, .h = h };

	if (!(h->nlmsg_flags & NLM_F_REQUEST) ||
	    h->nlmsg_type < NLMSG_MIN_TYPE)
		return 0;
	if (h->nlmsg_type < RTM_BASE || h->nlmsg_type > RTM_MAX)
		return -EOPNOTSUPP;
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtgenmsg)))
		return 0;
	/* of each four types the third asks, the others change */
	if ((h->nlmsg_type - RTM_BASE) % 4 != 2)
		return -EPERM;
	q.family = *(const uint8_t *)NLMSG_DATA(h);
	if ((h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)
		return dump(w, &q);
	switch (h->nlmsg_type) {
	case RTM_GETLINK:
		return get_link(w, &q);
	case RTM_GETROUTE:
		return get_route(w, &q);
	case RTM_GETNEIGH:
		return -ENOENT;
	default:
		return -EOPNOTSUPP;
	}
}

void fdnet_rtnl_answer(const struct fdnet_rtnl *net, const void *req,
		       size_t len, uint32_t port,
		       struct fdnet_rtnl_out *ret_out)
{
	struct writer w = { .out = ret_out, .port = port };
	const uint8_t *at = req;

	ret_out->n = 0;
	while (len >= NLMSG_HDRLEN) {
		/* the program's buffer may lie anywhere */
		union {
			struct nlmsghdr h;
			uint8_t bytes[1024];
		} m;
		size_t step;
		int rc;

		memcpy(&m.h, at, sizeof(m.h));
		if (m.h.nlmsg_len < NLMSG_HDRLEN || m.h.nlmsg_len > len)
			return;
		step = NLMSG_ALIGN(m.h.nlmsg_len);
		/* no request that is understood here is longer */
		if (m.h.nlmsg_len > sizeof(m))
			m.h.nlmsg_len = sizeof(m);
		memcpy(m.bytes + NLMSG_HDRLEN, at + NLMSG_HDRLEN,
		       m.h.nlmsg_len - NLMSG_HDRLEN);
		w.req = &m.h;
		rc = net ? answer_one(&w, net, &m.h) : -ENOENT;
		if (rc < 0 || ((m.h.nlmsg_flags & NLM_F_ACK) &&
			       (m.h.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP))
			write_error(&w, rc);
		if (step >= len)
			return;
		at += step;
		len -= step;
	}
}
