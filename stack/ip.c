/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What IPv4 and IPv6 share: our addresses, which packets are for us, choice
 * of a source (ip_select.c), and handing a whole packet to its protocol.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/mcast.h"
#include "stack/object.h"
#include "stack/udplite.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/tcp.h"
#include "stack/wire/udp.h"

/* ---- our addresses ---- */

int fdnet_stack_add_addr(struct fdnet_stack *stack, const struct fdnet_ip *ip,
			 unsigned int bits)
{
	if ((ip->family != 4 && ip->family != 6) || fdnet_ip_is_any(ip) ||
	    fdnet_ip_is_multicast(ip) || fdnet_ip_is_loopback(ip) ||
	    bits > (ip->family == 4 ? 32 : 128))
		return -EINVAL;
	if (fdnet_stack_addr_state(stack, ip) != -EADDRNOTAVAIL)
		return -EEXIST;
	if (stack->naddrs == FDNET_MAX_ADDRS) {
		stack->counters[FDNET_C_TABLE_LIMIT]++;
		return -ENOSPC;
	}
	stack->addrs[stack->naddrs] = (struct fdnet_stack_addr){
		.ip = *ip,
		.bits = (uint8_t)bits,
	};
	fdnet_autoconf_addr(stack, &stack->addrs[stack->naddrs++]);
	return 0;
}

const struct fdnet_stack_addr *
fdnet_stack_find_addr(const struct fdnet_stack *stack,
		      const struct fdnet_ip *ip)
{
	unsigned int i;

	for (i = 0; i < stack->naddrs; i++)
		if (fdnet_ip_equal(&stack->addrs[i].ip, ip) &&
		    !stack->addrs[i].tentative)
			return &stack->addrs[i];
	return NULL;
}

bool fdnet_stack_is_local(const struct fdnet_stack *stack,
			  const struct fdnet_ip *ip)
{
	return fdnet_ip_is_loopback(ip) || fdnet_stack_find_addr(stack, ip);
}

/* The last address of @net's network? (RFC 922; none in /31 and /32) */
static bool is_net_broadcast(const struct fdnet_stack_addr *net,
			     const struct fdnet_ip *ip)
{
	uint32_t host;

	if (net->bits > 30 || !fdnet_ip_in_prefix(ip, &net->ip, net->bits))
		return false;
	host = 0xffffffffu >> net->bits;
	return (fdnet_get32(ip->bytes) & host) == host;
}

bool fdnet_ip_is_broadcast(const struct fdnet_stack *stack,
			   const struct fdnet_ip *ip)
{
	unsigned int i;

	if (ip->family != 4)
		return false;
	if (fdnet_get32(ip->bytes) == 0xffffffffu)
		return true;
	for (i = 0; i < stack->naddrs; i++)
		if (stack->addrs[i].ip.family == 4 &&
		    is_net_broadcast(&stack->addrs[i], ip))
			return true;
	return false;
}

bool fdnet_ip_accepts(const struct fdnet_stack *stack,
		      const struct fdnet_ip *dst)
{
	if (fdnet_ip_is_multicast(dst))
		return fdnet_mcast_joined(stack, dst) ||
		       (stack->cfg.ethernet &&
			fdnet_nd_is_solicited_node(stack, dst));
	return stack->cfg.gateway || fdnet_stack_is_local(stack, dst) ||
	       fdnet_ip_is_broadcast(stack, dst);
}

/* RFC 1122 3.2.1.3: never a source; loopback only between the processes of
 * one sandbox. */
bool fdnet_ip_bad_source(const struct fdnet_stack *stack,
			 const struct fdnet_ip *src)
{
	if (fdnet_ip_is_multicast(src) || fdnet_ip_is_broadcast(stack, src))
		return true;
	return fdnet_ip_is_loopback(src) && !stack->cfg.switched;
}

/* ---- checksums of what comes and goes ---- */

uint32_t fdnet_pseudo_csum(const struct fdnet_ip *src,
			   const struct fdnet_ip *dst, uint8_t proto,
			   uint32_t len)
{
	size_t alen = src->family == 4 ? 4 : 16;
	uint8_t tail[8] = { 0 };
	uint32_t sum;

	sum = fdnet_csum_add(0, src->bytes, alen);
	sum = fdnet_csum_add(sum, dst->bytes, alen);
	fdnet_put32(tail, len);
	tail[7] = proto;
	return fdnet_csum_add(sum, tail, 8);
}

static bool csum_ok(const struct fdnet_stack *stack,
		    const struct fdnet_pkt *pkt, const struct fdnet_ip_in *in)
{
	uint32_t sum;

	if (pkt->flags & (FDNET_PKT_CSUM_TRUSTED | FDNET_PKT_CSUM_PARTIAL |
			  FDNET_PKT_LOOPED))
		return true;
	if (stack->cfg.csum_offload)
		return true;
	sum = fdnet_pseudo_csum(&in->src, &in->dst, in->proto, in->len);
	return fdnet_csum_fold(fdnet_csum_pkt(sum, pkt, 0)) == 0xffff;
}

/* ---- to the protocols ---- */

static void drop(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		 enum fdnet_stack_counter why)
{
	stack->counters[why]++;
	fdnet_pkt_free(pkt);
}

static void deliver_tcp(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			const struct fdnet_ip_in *in)
{
	struct fdnet_name local = { .ip = in->dst }, remote = { .ip = in->src };
	struct fdnet_sock *so;

	stack->counters[FDNET_C_TCP_IN]++;
	if (in->group || fdnet_pkt_pull_up(pkt, FDNET_TCP_HDR_MIN) ||
	    fdnet_pkt_pull_up(pkt, (pkt->data[12] >> 4) * 4u) ||
	    !csum_ok(stack, pkt, in)) {
		drop(stack, pkt, FDNET_C_TCP_BAD);
		return;
	}
	remote.port = fdnet_get16(pkt->data);
	local.port = fdnet_get16(pkt->data + 2);
	so = fdnet_demux_find(stack, FDNET_PROTO_TCP, &local, &remote);
	if (so)
		so->ops->input(so, pkt, in);
	else
		fdnet_tcp_input_nosock(stack, pkt, in);
}

static void deliver_udp(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			struct fdnet_ip_in *in)
{
	uint16_t csum;

	stack->counters[FDNET_C_UDP_IN]++;
	if (fdnet_pkt_pull_up(pkt, 8)) {
		drop(stack, pkt, FDNET_C_UDP_BAD);
		return;
	}
	memcpy(&csum, pkt->data + 6, 2);
	/* RFC 768: zero is "none"; RFC 8200 8.1 forbids it for IPv6, but to
	 * those who ask for it (RFC 6936) */
	in->no_csum = !csum && in->dst.family == 6 && !csum_ok(stack, pkt, in);
	if (csum && !csum_ok(stack, pkt, in)) {
		drop(stack, pkt, FDNET_C_UDP_BAD);
		return;
	}
	fdnet_udp_input(stack, pkt, in);
}

static void deliver_udplite(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			    const struct fdnet_ip_in *in)
{
	stack->counters[FDNET_C_UDP_IN]++;
	if (fdnet_pkt_pull_up(pkt, FDNET_UDP_LEN) ||
	    !fdnet_udplite_check(pkt, in))
		drop(stack, pkt, FDNET_C_UDP_BAD);
	else
		fdnet_udp_input(stack, pkt, in);
}

static void deliver_icmp(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			 const struct fdnet_ip_in *in)
{
	bool ok = !fdnet_pkt_pull_up(pkt, FDNET_ICMP_LEN);

	stack->counters[FDNET_C_ICMP_IN]++;
	if (ok && in->proto == FDNET_PROTO_ICMP6)
		ok = csum_ok(stack, pkt, in);
	else if (ok && !(pkt->flags & FDNET_PKT_LOOPED))
		ok = fdnet_csum_fold(fdnet_csum_pkt(0, pkt, 0)) == 0xffff;
	if (!ok) {
		drop(stack, pkt, FDNET_C_ICMP_BAD);
		return;
	}
	fdnet_icmp_input(stack, pkt, in);
}

void fdnet_ip_deliver(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		      struct fdnet_ip_in *in)
{
	unsigned int takers = 0;

	in->len = fdnet_pkt_total(pkt);
	in->ifindex = pkt->flags & FDNET_PKT_LOOPED ||
				      fdnet_ip_is_loopback(&in->dst) ?
			      1 :
			      2;
	if (stack->raws)
		takers = fdnet_raw_input(stack, pkt, in);
	switch (in->proto) {
	case FDNET_PROTO_TCP:
		deliver_tcp(stack, pkt, in);
		return;
	case FDNET_PROTO_UDP:
		deliver_udp(stack, pkt, in);
		return;
	case FDNET_PROTO_UDPLITE:
		deliver_udplite(stack, pkt, in);
		return;
	case FDNET_PROTO_ICMP:
	case FDNET_PROTO_ICMP6:
		if ((in->proto == FDNET_PROTO_ICMP) ==
		    (in->dst.family == 4)) {
			deliver_icmp(stack, pkt, in);
			return;
		}
		break;
	}
	if (in->proto == FDNET_PROTO_IGMP && in->dst.family == 4) {
		fdnet_member_igmp(stack, pkt, in);
	} else if (!takers) {
		stack->counters[FDNET_C_IP_NO_PROTO]++;
		fdnet_icmp_send_error(stack, pkt, in, FDNET_ICMP_UNREACH,
				      FDNET_ICMP_UNREACH_PROTO, 0);
	}
	fdnet_pkt_free(pkt);
}

bool fdnet_ip_admit(struct fdnet_stack *stack, const struct fdnet_pkt *pkt,
		    const struct fdnet_ip_in *in)
{
	if (pkt->flags & FDNET_PKT_LOOPED)
		return true;
	if (fdnet_ip_bad_source(stack, &in->src) ||
	    (fdnet_ip_is_loopback(&in->dst) && !stack->cfg.switched)) {
		stack->counters[FDNET_C_IP_MARTIAN]++;
		return false;
	}
	if (!fdnet_ip_accepts(stack, &in->dst)) {
		stack->counters[FDNET_C_IP_NOT_OURS]++;
		return false;
	}
	return true;
}
