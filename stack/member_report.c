/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of group membership as packets: IGMP (RFC 3376, 2236, 1112) and MLD
 * (RFC 3810, 2710). */
#include "config.h"

#include "stack/member.h"

#include <string.h>

#include "stack/object.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"

enum {
	IGMP1_REPORT = 0x12,
	IGMP2_REPORT = 0x16,
	IGMP2_LEAVE = 0x17,
	IGMP3_REPORT = 0x22,
	MLD1_REPORT = 131,
	MLD1_DONE = 132,
	MLD2_REPORT = 143,
};

/* IP header with router alert, and the report's own. */
#define HEADERS4 32
#define HEADERS6 56

/* 224.0.0.2, 224.0.0.22, ff02::2, ff02::16 */
static const struct fdnet_ip routers4 = { 4, { 224, 0, 0, 2 } };
static const struct fdnet_ip reports4 = { 4, { 224, 0, 0, 22 } };
static const struct fdnet_ip routers6 = { 6, { 0xff, 2, [15] = 2 } };
static const struct fdnet_ip reports6 = { 6, { 0xff, 2, [15] = 0x16 } };

/* Below the report: headers with router alert (RFC 2113, RFC 2711). */
static void send(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		 const struct fdnet_ip *src, const struct fdnet_ip *dst)
{
	uint8_t *p;

	if (dst->family == 4) {
		struct fdnet_ipv4 hdr = {
			.hdr_len = 24,
			.tos = 0xc0,
			.total_len = (uint16_t)(pkt->len + 24),
			.df = true,
			.ttl = 1,
			.proto = FDNET_PROTO_IGMP,
		};

		fdnet_csum_store(pkt->data + 2, fdnet_csum_pkt(0, pkt, 0));
		p = fdnet_pkt_push(pkt, 24);
		memcpy(hdr.src, src->bytes, 4);
		memcpy(hdr.dst, dst->bytes, 4);
		fdnet_ipv4_encode(p, &hdr);
		memcpy(p + 20, "\x94\x04\0", 4);
		p[0] = 0x46;
		fdnet_ipv4_set_csum(p, 24);
		pkt->ethertype = 0x0800;
	} else {
		struct fdnet_ipv6 hdr = {
			.payload_len = (uint16_t)(pkt->len + 8),
			.hops = 1,
		};

		fdnet_ip_csum_fill(stack, pkt, src, dst, FDNET_PROTO_ICMP6,
				   FDNET_ICMP_CSUM_OFFSET);
		p = fdnet_pkt_push(pkt, 8);
		memcpy(p, "\x3a\0\x05\x02\0\0\x01\0", 8);
		p = fdnet_pkt_push(pkt, FDNET_IPV6_LEN);
		memcpy(hdr.src, src->bytes, 16);
		memcpy(hdr.dst, dst->bytes, 16);
		fdnet_ipv6_encode(p, &hdr);
		pkt->ethertype = 0x86dd;
	}
	stack->counters[FDNET_C_GROUP_REPORT]++;
	if (stack->cfg.ethernet)
		pkt = fdnet_neigh_send(stack, pkt, dst);
	if (pkt)
		fdnet_pktq_push(&stack->frags, pkt);
}

/* RFC 3810 5.2.13: from a link-local address, or none. */
static bool source(struct fdnet_stack *stack, int family, struct fdnet_ip *ret)
{
	unsigned int i;

	if (family == 4)
		return !fdnet_ip_source(stack, &reports4, ret) &&
		       !fdnet_ip_is_loopback(ret);
	memset(ret, 0, sizeof(*ret));
	ret->family = 6;
	for (i = 0; i < stack->naddrs; i++)
		if (stack->addrs[i].ip.family == 6 &&
		    stack->addrs[i].ip.bytes[0] == 0xfe)
			*ret = stack->addrs[i].ip;
	return true;
}

/* ---- the new reports: RFC 3376 4.2, RFC 3810 5.2 ---- */

void fdnet_member_report_send(struct fdnet_member_report *r)
{
	struct fdnet_ip src;

	if (!r->pkt)
		return;
	fdnet_put16(r->pkt->data + 6, (uint16_t)r->records);
	if (source(r->stack, r->family, &src))
		send(r->stack, r->pkt, &src,
		     r->family == 4 ? &reports4 : &reports6);
	else
		fdnet_pkt_free(r->pkt);
	r->pkt = NULL;
	r->records = 0;
}

static bool report_begin(struct fdnet_member_report *r)
{
	uint8_t *p;

	r->pkt = fdnet_pkt_new(r->stack->cfg.pool);
	if (!r->pkt)
		return false;
	p = fdnet_pkt_put(r->pkt, 8);
	memset(p, 0, 8);
	p[0] = r->family == 4 ? IGMP3_REPORT : MLD2_REPORT;
	return true;
}

/* No report is larger than what every link takes; one record always fits. */
static uint32_t room(const struct fdnet_member_report *r)
{
	uint32_t mtu = r->stack->cfg.mtu;

	if (mtu > FDNET_PMTU_MIN6)
		mtu = FDNET_PMTU_MIN6;
	return mtu - (r->family == 4 ? HEADERS4 : HEADERS6) + 8;
}

void fdnet_member_record(struct fdnet_member_report *r,
			 enum fdnet_member_record type,
			 const struct fdnet_ip *group,
			 const struct fdnet_ip *srcs, unsigned int n)
{
	uint32_t len = r->family == 4 ? 4 : 16;
	unsigned int i;
	uint8_t *p;

	if (r->pkt && r->pkt->len + 4 + len * (n + 1) > room(r))
		fdnet_member_report_send(r);
	if (!r->pkt && !report_begin(r))
		return;
	p = fdnet_pkt_put(r->pkt, 4 + len * (n + 1));
	memset(p, 0, 4);
	p[0] = (uint8_t)type;
	fdnet_put16(p + 2, (uint16_t)n);
	memcpy(p + 4, group->bytes, len);
	for (i = 0; i < n; i++)
		memcpy(p + 4 + len * (i + 1), srcs[i].bytes, len);
	r->records++;
}

/* ---- the old ones: RFC 1112, RFC 2236, RFC 2710 ---- */

void fdnet_member_send_old(struct fdnet_stack *stack,
			   const struct fdnet_ip *group,
			   enum fdnet_member_old what)
{
	bool leave = what == FDNET_MEMBER_OLD_LEAVE;
	bool v4 = group->family == 4;
	struct fdnet_pkt *pkt = fdnet_pkt_new(stack->cfg.pool);
	struct fdnet_ip src;
	uint8_t *p;

	if (!pkt)
		return;
	p = fdnet_pkt_put(pkt, v4 ? 8 : 24);
	memset(p, 0, 8);
	if (v4)
		p[0] = leave ? IGMP2_LEAVE :
		       what == FDNET_MEMBER_OLD_REPORT ? IGMP2_REPORT :
							 IGMP1_REPORT;
	else
		p[0] = leave ? MLD1_DONE : MLD1_REPORT;
	memcpy(p + (v4 ? 4 : 8), group->bytes, v4 ? 4 : 16);
	if (source(stack, group->family, &src))
		send(stack, pkt, &src,
		     !leave ? group : v4 ? &routers4 : &routers6);
	else
		fdnet_pkt_free(pkt);
}
