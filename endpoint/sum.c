/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums and header lengths: see the header. */
#include "config.h"

#include "endpoint/sum.h"

#include <errno.h>
#include <string.h>

#define IPV6_HDR_LEN 40
#define IPV4_HDR_LEN 20
#define TCP_HDR_LEN  20
#define UDP_HDR_LEN  8

uint64_t fdnet_sum_bytes(const void *src, size_t len, uint64_t sum)
{
	const uint8_t *p = src;
	uint32_t w[4], w1;
	uint16_t h = 0;

	/* 32-bit words into a 64-bit sum: no carry is lost below 4 GiB. */
	for (; len >= 16; len -= 16, p += 16) {
		memcpy(w, p, 16);
		sum += (uint64_t)w[0] + w[1] + w[2] + w[3];
	}
	for (; len >= 4; len -= 4, p += 4) {
		memcpy(&w1, p, 4);
		sum += w1;
	}
	if (len >= 2) {
		memcpy(&h, p, 2);
		sum += h;
		p += 2;
		len -= 2;
	}
	if (len) {
		h = 0;
		memcpy(&h, p, 1);
		sum += h;
	}
	return sum;
}

uint16_t fdnet_sum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

/* Add a piece that starts at an odd or even place of the whole. */
static uint64_t csum_piece(const uint8_t *src, uint32_t len, uint32_t *at,
			   uint64_t sum)
{
	uint64_t piece = fdnet_sum_bytes(src, len, 0);

	if (*at & 1)
		piece = __builtin_bswap16(fdnet_sum_fold(piece));
	*at += len;
	return sum + piece;
}

uint64_t fdnet_sum_pkt(const struct fdnet_pkt *pkt, uint32_t offset, uint64_t sum)
{
	uint32_t at = 0;
	unsigned int i;

	if (offset < pkt->len) {
		sum = csum_piece(pkt->data + offset, pkt->len - offset, &at, sum);
		offset = 0;
	} else {
		offset -= pkt->len;
	}
	for (i = 0; i < pkt->nslices; i++) {
		const struct fdnet_slice *s = &pkt->slices[i];

		if (offset >= s->len) {
			offset -= s->len;
			continue;
		}
		sum = csum_piece(s->data + offset, s->len - offset, &at, sum);
		offset = 0;
	}
	return sum;
}

static void put_csum(uint8_t *dst, uint16_t sum)
{
	memcpy(dst, &sum, 2);
}

int fdnet_sum_complete(struct fdnet_pkt *pkt)
{
	uint32_t field = (uint32_t)pkt->csum_start + pkt->csum_offset;
	uint16_t sum;

	if (!(pkt->flags & FDNET_PKT_CSUM_PARTIAL))
		return 0;
	if (field + 2 > pkt->len)
		return -EINVAL;
	/* The field holds the pseudo header's sum and is summed with it. */
	sum = (uint16_t)~fdnet_sum_fold(fdnet_sum_pkt(pkt, pkt->csum_start, 0));
	/* RFC 768: a computed zero is sent as all ones. Harmless for TCP. */
	put_csum(pkt->data + field, sum ? sum : 0xffff);
	pkt->flags &= (uint16_t)~FDNET_PKT_CSUM_PARTIAL;
	return 0;
}

static void l4_transport(const struct fdnet_pkt *pkt, struct fdnet_l4 *l4)
{
	uint32_t room = pkt->len - l4->l3_len;
	uint32_t len = 0;

	if (l4->fragment)
		return;
	if (l4->proto == FDNET_PROTO_TCP && room >= TCP_HDR_LEN) {
		len = (pkt->data[l4->l3_len + 12] >> 4) * 4u;
		if (len < TCP_HDR_LEN || len > room)
			len = 0;
	} else if (l4->proto == FDNET_PROTO_UDP && room >= UDP_HDR_LEN) {
		len = UDP_HDR_LEN;
	}
	l4->l4_len = (uint16_t)len;
}

bool fdnet_l4_parse(const struct fdnet_pkt *pkt, struct fdnet_l4 *ret_l4)
{
	struct fdnet_l4 l4 = {0};
	const uint8_t *p = pkt->data;

	if (pkt->len < IPV4_HDR_LEN)
		return false;
	l4.version = p[0] >> 4;
	if (l4.version == 4) {
		l4.l3_len = (uint16_t)((p[0] & 15) * 4);
		if (l4.l3_len < IPV4_HDR_LEN || l4.l3_len > pkt->len)
			return false;
		l4.plain = l4.l3_len == IPV4_HDR_LEN;
		l4.fragment = (get_be16(p + 6) & 0x3fff) != 0;
		l4.proto = p[9];
	} else if (l4.version == 6) {
		if (pkt->len < IPV6_HDR_LEN)
			return false;
		l4.l3_len = IPV6_HDR_LEN;
		l4.proto = p[6];
		l4.plain = l4.proto == FDNET_PROTO_TCP ||
			   l4.proto == FDNET_PROTO_UDP;
		l4.fragment = l4.proto == 44;
	} else {
		return false;
	}
	l4_transport(pkt, &l4);
	*ret_l4 = l4;
	return true;
}

uint64_t fdnet_l4_pseudo(const uint8_t *ip, const struct fdnet_l4 *l4,
			 uint32_t len)
{
	uint8_t tail[8] = {0};
	uint64_t sum;

	if (l4->version == 4)
		sum = fdnet_sum_bytes(ip + 12, 8, 0);
	else
		sum = fdnet_sum_bytes(ip + 8, 32, 0);
	put_be32(tail, len);
	tail[7] = l4->proto;
	return fdnet_sum_bytes(tail, sizeof(tail), sum);
}

static void finish_ip(struct fdnet_pkt *pkt, const struct fdnet_l4 *l4)
{
	uint32_t total = fdnet_pkt_total(pkt);
	uint8_t *ip = pkt->data;

	/* A burst too large for the field has 0 there (BIG). */
	if (l4->version == 6) {
		total -= IPV6_HDR_LEN;
		put_be16(ip + 4, total > 65535 ? 0 : total);
		return;
	}
	put_be16(ip + 2, total > 65535 ? 0 : total);
	put_be16(ip + 10, 0);
	put_csum(ip + 10,
		 (uint16_t)~fdnet_sum_fold(fdnet_sum_bytes(ip, l4->l3_len, 0)));
}

void fdnet_l4_finish(struct fdnet_pkt *pkt, const struct fdnet_l4 *l4,
		     bool partial)
{
	uint32_t len = fdnet_pkt_total(pkt) - l4->l3_len;
	uint8_t *th = pkt->data + l4->l3_len;

	finish_ip(pkt, l4);
	if (l4->proto == FDNET_PROTO_UDP)
		put_be16(th + 4, len);
	put_csum(th + fdnet_l4_csum_offset(l4),
		 fdnet_sum_fold(fdnet_l4_pseudo(pkt->data, l4, len)));
	pkt->csum_start = l4->l3_len;
	pkt->csum_offset = fdnet_l4_csum_offset(l4);
	pkt->flags |= FDNET_PKT_CSUM_PARTIAL;
	if (!partial)
		fdnet_sum_complete(pkt);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h ^= v;
	h *= 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

/* One end: address and port as a number that does not depend on the other. */
static uint64_t hash_end(const uint8_t *addr, size_t len, uint16_t port,
			 uint64_t key)
{
	uint64_t h = mix(key, port), v;

	for (; len >= 8; len -= 8, addr += 8) {
		memcpy(&v, addr, 8);
		h = mix(h, v);
	}
	if (len) {
		v = 0;
		memcpy(&v, addr, len);
		h = mix(h, v);
	}
	return h;
}

uint32_t fdnet_flow_hash(const struct fdnet_pkt *pkt, uint64_t key)
{
	size_t addr_len, src;
	struct fdnet_l4 l4;
	uint16_t sport = 0, dport = 0;
	uint64_t h;

	if (!fdnet_l4_parse(pkt, &l4))
		return 0;
	addr_len = l4.version == 4 ? 4 : 16;
	src = l4.version == 4 ? 12 : 8;
	if (l4.l4_len) {
		sport = get_be16(pkt->data + l4.l3_len);
		dport = get_be16(pkt->data + l4.l3_len + 2);
	}
	/* A sum does not tell source from destination. */
	h = hash_end(pkt->data + src, addr_len, sport, key) +
	    hash_end(pkt->data + src + addr_len, addr_len, dport, key);
	h = mix(h, key);
	return (uint32_t)(h >> 32) ? (uint32_t)(h >> 32) : 1;
}
