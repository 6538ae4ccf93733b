/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/rtnl_write.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>

#define QUEUE_LEN 1000
/* As much of a dump as the kernel puts into one message (NLMSG_GOODSIZE). */
#define DATAGRAM_MAX 3712

static void *reserve(struct rtnl_writer *w, size_t len)
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

void rtnl_cut(struct rtnl_writer *w)
{
	if (w->at == w->begun || w->out->n == FDNET_RTNL_MSGS)
		return;
	w->out->ends[w->out->n++] = w->at;
	w->begun = w->at;
}

static void *begin(struct rtnl_writer *w, uint16_t type, uint16_t flags,
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

static void finish(struct rtnl_writer *w)
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
		rtnl_cut(w);
		w->at = end;
	}
}

static void put(struct rtnl_writer *w, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = reserve(w, RTA_LENGTH(len));

	if (!a)
		return;
	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (data)
		memcpy(RTA_DATA(a), data, len);
}

static void put8(struct rtnl_writer *w, uint16_t type, uint8_t value)
{
	put(w, type, &value, sizeof(value));
}

static void put32(struct rtnl_writer *w, uint16_t type, uint32_t value)
{
	put(w, type, &value, sizeof(value));
}

static void put_ip(struct rtnl_writer *w, uint16_t type,
		   const struct fdnet_rtnl_ip *ip)
{
	put(w, type, ip->bytes, ip->family == AF_INET ? 4 : 16);
}

static uint16_t dump_flags(const struct rtnl_writer *w)
{
	return (w->req->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP ? NLM_F_MULTI : 0;
}

/* ---- one message of each kind ---- */

static uint32_t shown_flags(const struct fdnet_rtnl_iface *iface)
{
	return iface->flags | (iface->flags & IFF_UP ? 1u << 16 : 0);
}

void rtnl_write_link(struct rtnl_writer *w, const struct fdnet_rtnl_iface *iface)
{
	struct ifinfomsg *m = begin(w, RTM_NEWLINK, dump_flags(w), sizeof(*m));
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

void rtnl_write_addr(struct rtnl_writer *w, const struct fdnet_rtnl *net,
		     const struct fdnet_rtnl_addr *addr)
{
	static const struct ifa_cacheinfo for_ever = {.ifa_prefered = ~0u,
						      .ifa_valid = ~0u};
	const struct fdnet_rtnl_iface *iface =
		fdnet_rtnl_find_iface(net, addr->index, NULL);
	struct ifaddrmsg *m = begin(w, RTM_NEWADDR, dump_flags(w), sizeof(*m));

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
			put(w, IFA_LABEL, iface->name, strlen(iface->name) + 1);
	}
	put32(w, IFA_FLAGS, IFA_F_PERMANENT);
	put(w, IFA_CACHEINFO, &for_ever, sizeof(for_ever));
	finish(w);
}

void rtnl_write_route(struct rtnl_writer *w, const struct fdnet_rtnl_route *r,
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

void rtnl_write_rule(struct rtnl_writer *w, uint8_t family, uint32_t priority,
		     uint8_t table)
{
	struct fib_rule_hdr *m = begin(w, RTM_NEWRULE, dump_flags(w), sizeof(*m));

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

void rtnl_write_error(struct rtnl_writer *w, int error)
{
	size_t with = error ? w->req->nlmsg_len - NLMSG_HDRLEN : 0;
	struct nlmsgerr *m = begin(w, NLMSG_ERROR, error ? 0 : NLM_F_CAPPED,
				   sizeof(*m) + with);

	if (m) {
		m->error = error;
		memcpy(&m->msg, w->req, sizeof(m->msg) + with);
	}
	finish(w);
	rtnl_cut(w);
}

void rtnl_write_done(struct rtnl_writer *w)
{
	begin(w, NLMSG_DONE, NLM_F_MULTI, sizeof(int));
	finish(w);
	rtnl_cut(w);
}
