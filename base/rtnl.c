/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "base/rtnl_write.h"

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
static const void *attr_of(const struct nlmsghdr *h, size_t size, uint16_t type,
			   size_t *ret_len)
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

static int get_link(struct rtnl_writer *w, const struct asked *q)
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
	rtnl_write_link(w, iface);
	rtnl_cut(w);
	return 0;
}

static bool in_prefix(const struct fdnet_rtnl_ip *net,
		      const struct fdnet_rtnl_ip *ip)
{
	unsigned int whole = net->bits / 8, rest = net->bits % 8;

	if (net->family != ip->family)
		return false;
	if (memcmp(net->bytes, ip->bytes, whole))
		return false;
	return !rest ||
	       !((net->bytes[whole] ^ ip->bytes[whole]) >> (8 - rest));
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
		    (r->table == best->table && r->dst.bits > best->dst.bits))
			best = r;
	}
	return best;
}

static const struct fdnet_rtnl_ip *source_for(const struct fdnet_rtnl *net,
					      const struct fdnet_rtnl_route *r)
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
static int get_route(struct rtnl_writer *w, const struct asked *q)
{
	const struct fdnet_rtnl_route *r;
	struct fdnet_rtnl_route shown;
	struct fdnet_rtnl_ip to = {.family = q->family};
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
	rtnl_write_route(w, &shown, RTM_F_CLONED);
	rtnl_cut(w);
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

static void dump_addrs(struct rtnl_writer *w, const struct asked *q)
{
	static const uint8_t families[] = {AF_INET, AF_INET6};
	const struct fdnet_rtnl *net = q->net;
	uint32_t only = index_of(q);
	unsigned int i, f;

	for (f = 0; f < 2; f++)
		for (i = 0; i < net->naddrs; i++)
			if (net->addrs[i].ip.family == families[f] &&
			    wanted(q, families[f]) &&
			    (!only || only == net->addrs[i].index))
				rtnl_write_addr(w, net, &net->addrs[i]);
}

static void dump_routes(struct rtnl_writer *w, const struct asked *q)
{
	const struct fdnet_rtnl *net = q->net;
	unsigned int i;

	for (i = 0; i < net->nroutes; i++)
		if (wanted(q, net->routes[i].dst.family))
			rtnl_write_route(w, &net->routes[i], 0);
}

static void dump_rules(struct rtnl_writer *w, const struct asked *q)
{
	if (wanted(q, AF_INET)) {
		rtnl_write_rule(w, AF_INET, 0, RT_TABLE_LOCAL);
		rtnl_write_rule(w, AF_INET, 32766, RT_TABLE_MAIN);
		rtnl_write_rule(w, AF_INET, 32767, RT_TABLE_DEFAULT);
	}
	if (wanted(q, AF_INET6)) {
		rtnl_write_rule(w, AF_INET6, 0, RT_TABLE_LOCAL);
		rtnl_write_rule(w, AF_INET6, 32766, RT_TABLE_MAIN);
	}
}

/* What can be dumped; kinds of which there is never one are empty. */
static int dump(struct rtnl_writer *w, const struct asked *q)
{
	unsigned int i;

	switch (q->h->nlmsg_type) {
	case RTM_GETLINK:
		for (i = 0; i < q->net->nifaces; i++)
			rtnl_write_link(w, &q->net->ifaces[i]);
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
	rtnl_write_done(w);
	return 0;
}

static int answer_one(struct rtnl_writer *w, const struct fdnet_rtnl *net,
		      const struct nlmsghdr *h)
{
	struct asked q = {.net = net, .h = h};

	if (!(h->nlmsg_flags & NLM_F_REQUEST) || h->nlmsg_type < NLMSG_MIN_TYPE)
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
		       size_t len, uint32_t port, struct fdnet_rtnl_out *ret_out)
{
	struct rtnl_writer w = {.out = ret_out, .port = port};
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
			rtnl_write_error(&w, rc);
		if (step >= len)
			return;
		at += step;
		len -= step;
	}
}
