/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/head.h"

#include <errno.h>
#include <string.h>

#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/tcp.h"
#include "stack/wire/udp.h"

/* More extension headers than anybody has use for. */
#define MAX_EXTENSIONS 8

static int parse_ip4(const uint8_t *data, uint32_t linear, uint32_t total,
		     struct head *head)
{
	struct fdnet_ipv4 ip;

	if (fdnet_ipv4_decode(data, linear, &ip))
		return -EBADMSG;
	/* 0: a packet above 65,535 bytes; the link's length counts */
	head->len = ip.total_len ? ip.total_len : total;
	if (head->len > total || head->len < ip.hdr_len)
		return -EBADMSG;
	head->src.family = head->dst.family = 4;
	memcpy(head->src.bytes, ip.src, 4);
	memcpy(head->dst.bytes, ip.dst, 4);
	head->proto = ip.proto;
	head->l4 = ip.hdr_len;
	head->fragment = ip.offset || ip.mf;
	head->has_ports = !ip.offset;
	head->frag_id = ip.ident;
	return 0;
}

/* Step over one extension header. 1: @head->proto is the transport. */
static int next_extension(const uint8_t *data, uint32_t linear,
			  struct head *head)
{
	struct fdnet_ipv6_frag frag;
	const uint8_t *ext = data + head->l4;
	uint32_t left = linear > head->l4 ? linear - head->l4 : 0;

	switch (head->proto) {
	case FDNET_IPV6_FRAGMENT:
		if (fdnet_ipv6_frag_decode(ext, left, &frag))
			return -EBADMSG;
		head->fragment = frag.offset || frag.mf;
		head->has_ports = !frag.offset;
		head->frag_id = frag.ident;
		head->proto = frag.next;
		head->l4 += FDNET_IPV6_FRAG_LEN;
		return frag.offset ? 1 : 0;
	case FDNET_IPV6_HOPOPTS:
	case FDNET_IPV6_ROUTING:
	case FDNET_IPV6_DSTOPTS:
		if (left < 8)
			return -EBADMSG;
		head->proto = ext[0];
		head->l4 += 8u + ext[1] * 8u;
		return 0;
	default:
		return 1;
	}
}

static int parse_ip6(const uint8_t *data, uint32_t linear, uint32_t total,
		     struct head *head)
{
	struct fdnet_ipv6 ip;
	int rc = 0;

	if (fdnet_ipv6_decode(data, linear, &ip))
		return -EBADMSG;
	head->len = total;
	if (ip.payload_len)
		head->len = FDNET_IPV6_LEN + (uint32_t)ip.payload_len;
	if (head->len > total)
		return -EBADMSG;
	head->src.family = head->dst.family = 6;
	memcpy(head->src.bytes, ip.src, 16);
	memcpy(head->dst.bytes, ip.dst, 16);
	head->proto = ip.next;
	head->l4 = FDNET_IPV6_LEN;
	head->has_ports = true;
	for (int i = 0; !rc && i < MAX_EXTENSIONS; i++)
		rc = next_extension(data, linear, head);
	if (rc < 0 || head->l4 > head->len)
		return -EBADMSG;
	return rc ? 0 : -EBADMSG;
}

static int parse_tcp(const uint8_t *l4, uint32_t left, struct head *head)
{
	uint32_t hdr_len;

	if (left < FDNET_TCP_HDR_MIN)
		return -EBADMSG;
	hdr_len = (uint32_t)(l4[12] >> 4) * 4;
	if (hdr_len < FDNET_TCP_HDR_MIN || hdr_len > head->len - head->l4)
		return -EBADMSG;
	head->sport = fdnet_get16(l4);
	head->dport = fdnet_get16(l4 + 2);
	head->seq = fdnet_get32(l4 + 4);
	head->ack = fdnet_get32(l4 + 8);
	head->flags = l4[13];
	head->seg_len = head->len - head->l4 - hdr_len +
			!!(head->flags & FDNET_TH_SYN) +
			!!(head->flags & FDNET_TH_FIN);
	return 0;
}

static int parse_udp(const uint8_t *l4, uint32_t left, struct head *head)
{
	if (left < 8)
		return -EBADMSG;
	head->sport = fdnet_get16(l4);
	head->dport = fdnet_get16(l4 + 2);
	return 0;
}

static bool is_icmp_error(uint8_t proto, uint8_t type)
{
	if (proto == FDNET_PROTO_ICMP6)
		return type < 128;
	return type == FDNET_ICMP_UNREACH || type == FDNET_ICMP_QUENCH ||
	       type == FDNET_ICMP_TIME_EXCEEDED || type == FDNET_ICMP_PARAM;
}

/* The quoted packet: its IP header without extensions, and 8 bytes. */
static void parse_inner(const uint8_t *data, uint32_t left, struct head *head)
{
	struct head_inner *inner = &head->inner;
	struct fdnet_ipv4 ip4;
	struct fdnet_ipv6 ip6;
	uint32_t l4;

	if (head->proto == FDNET_PROTO_ICMP) {
		if (fdnet_ipv4_decode(data, left, &ip4) || ip4.offset)
			return;
		inner->src.family = inner->dst.family = 4;
		memcpy(inner->src.bytes, ip4.src, 4);
		memcpy(inner->dst.bytes, ip4.dst, 4);
		inner->proto = ip4.proto;
		l4 = ip4.hdr_len;
	} else {
		if (fdnet_ipv6_decode(data, left, &ip6))
			return;
		inner->src.family = inner->dst.family = 6;
		memcpy(inner->src.bytes, ip6.src, 16);
		memcpy(inner->dst.bytes, ip6.dst, 16);
		inner->proto = ip6.next;
		l4 = FDNET_IPV6_LEN;
	}
	if (left < l4 + 8 || !fdnet_has_ports(inner->proto))
		return;
	inner->sport = fdnet_get16(data + l4);
	inner->dport = fdnet_get16(data + l4 + 2);
	head->has_inner = true;
}

static int parse_icmp(const uint8_t *l4, uint32_t left, struct head *head)
{
	if (left < FDNET_ICMP_LEN)
		return -EBADMSG;
	head->type = l4[0];
	head->code = l4[1];
	head->icmp_error = is_icmp_error(head->proto, head->type);
	/* of other messages it means nothing */
	head->echo_id = fdnet_get16(l4 + 4);
	if (head->icmp_error)
		parse_inner(l4 + FDNET_ICMP_LEN, left - FDNET_ICMP_LEN, head);
	return 0;
}

static int parse_transport(const uint8_t *data, uint32_t linear,
			   struct head *head)
{
	uint32_t left;
	int rc = 0;

	if (head->len < linear)
		linear = head->len;
	left = linear > head->l4 ? linear - head->l4 : 0;
	data += linear - left;
	switch (head->proto) {
	case FDNET_PROTO_TCP:
		rc = parse_tcp(data, left, head);
		break;
	case FDNET_PROTO_UDP:
	case FDNET_PROTO_UDPLITE:
		rc = parse_udp(data, left, head);
		break;
	case FDNET_PROTO_ICMP:
	case FDNET_PROTO_ICMP6:
		rc = parse_icmp(data, left, head);
		head->has_ports = false;
		break;
	default:
		head->has_ports = false;
	}
	return rc;
}

int head_parse(const uint8_t *data, uint32_t linear, uint32_t total,
	       struct head *ret_head)
{
	struct head head = { 0 };
	int rc;

	if (linear > total)
		linear = total;
	if (!linear)
		return -EBADMSG;
	if (data[0] >> 4 == 4)
		rc = parse_ip4(data, linear, total, &head);
	else
		rc = parse_ip6(data, linear, total, &head);
	/* a fragment that is not the first has no transport header */
	if (!rc && head.has_ports)
		rc = parse_transport(data, linear, &head);
	if (!rc)
		*ret_head = head;
	return rc;
}

int head_parse_pkt(struct fdnet_pkt *pkt, struct head *ret_head)
{
	uint32_t total = fdnet_pkt_total(pkt);
	uint32_t want = total < HEAD_LINEAR ? total : HEAD_LINEAR;

	if (pkt->len < want && fdnet_pkt_pull_up(pkt, want))
		return -EBADMSG;
	return head_parse(pkt->data, pkt->len, total, ret_head);
}
