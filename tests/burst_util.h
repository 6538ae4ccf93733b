/* SPDX-License-Identifier: Apache-2.0 */
/* Bursts for tests: TCP and UDP, both IP versions, and what they must become. */
#ifndef TESTS_BURST_UTIL_H
#define TESTS_BURST_UTIL_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "endpoint/gso.h"
#include "endpoint/sum.h"

#define FIN 0x01
#define PSH 0x08
#define ACK 0x10
#define CWR 0x80

static struct fdnet_pkt_pool *pool;

static inline void setup(void)
{
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 64, 0);
}

static inline void teardown(void)
{
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
}

/* What a test asks for. */
struct burst {
	uint8_t version;
	uint8_t proto;
	uint32_t payload;
	uint32_t seq;
	uint8_t flags;
	uint32_t linear; /* payload bytes in the linear part */
	uint16_t mss;
	uint16_t sport;
};

#define TCP_LEN 32 /* with 12 bytes of options */

static inline uint32_t l3_len(uint8_t version)
{
	return version == 4 ? 20 : 40;
}

static inline uint32_t l4_len(uint8_t proto)
{
	return proto == FDNET_PROTO_TCP ? TCP_LEN : 8;
}

static inline void put_ip(uint8_t *p, const struct burst *b)
{
	uint32_t len = b->payload + l4_len(b->proto);

	if (b->version == 4) {
		p[0] = 0x45;
		put_be16(p + 2, len + 20);
		put_be16(p + 4, 0xfffe); /* wraps after two segments */
		p[6] = 0x40;
		p[8] = 64;
		p[9] = b->proto;
		memcpy(p + 12, "\x0a\0\0\x01\x0a\0\0\x02", 8);
		return;
	}
	p[0] = 0x60;
	put_be16(p + 4, len);
	p[6] = b->proto;
	p[7] = 64;
	memset(p + 8, 0x11, 16);
	memset(p + 24, 0x22, 16);
}

static inline void put_l4(uint8_t *p, const struct burst *b)
{
	put_be16(p, b->sport ? b->sport : 1000);
	put_be16(p + 2, 80);
	if (b->proto == FDNET_PROTO_UDP) {
		put_be16(p + 4, b->payload + 8);
		return;
	}
	put_be32(p + 4, b->seq);
	put_be32(p + 8, 77);
	p[12] = TCP_LEN / 4 << 4;
	p[13] = b->flags;
	put_be16(p + 14, 5000);
	memset(p + 20, 1, 12);
}

/* A burst with a right checksum. Its payload counts up from @seq. */
static inline struct fdnet_pkt *make(const struct burst *b)
{
	uint32_t hdr = l3_len(b->version) + l4_len(b->proto), at = 0, n, i;
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	uint8_t *p = fdnet_pkt_put(pkt, hdr + b->linear);
	struct fdnet_l4 l4;

	memset(p, 0, hdr);
	put_ip(p, b);
	put_l4(p + l3_len(b->version), b);
	for (; at < b->linear; at++)
		p[hdr + at] = (uint8_t)(b->seq + at);
	for (; at < b->payload; at += n) {
		struct fdnet_buf *buf = fdnet_buf_new(pool);

		n = b->payload - at < 10007 ? b->payload - at : 10007;
		for (i = 0; i < n; i++)
			buf->data[i] = (uint8_t)(b->seq + at + i);
		fdnet_pkt_add_slice(pkt, buf, buf->data, n);
		fdnet_buf_unref(buf);
	}
	pkt->gso_size = b->mss;
	pkt->gso_type = !b->mss			      ? 0
			: b->proto == FDNET_PROTO_UDP ? FDNET_GSO_UDP_L4
			: b->version == 4	      ? FDNET_GSO_TCPV4
						      : FDNET_GSO_TCPV6;
	ck_assert(fdnet_l4_parse(pkt, &l4));
	fdnet_l4_finish(pkt, &l4, false);
	return pkt;
}

/* Is this a packet that any receiver would take? */
static inline void check_valid(const struct fdnet_pkt *pkt)
{
	uint32_t total = fdnet_pkt_total(pkt);
	struct fdnet_l4 l4;
	uint64_t sum;

	ck_assert(fdnet_l4_parse(pkt, &l4));
	ck_assert_uint_gt(l4.l4_len, 0);
	if (l4.version == 4) {
		ck_assert_uint_eq(get_be16(pkt->data + 2), total);
		ck_assert_uint_eq(
			fdnet_sum_fold(fdnet_sum_bytes(pkt->data, l4.l3_len, 0)),
			0xffff);
	} else {
		ck_assert_uint_eq(get_be16(pkt->data + 4) + 40u, total);
	}
	sum = fdnet_l4_pseudo(pkt->data, &l4, total - l4.l3_len);
	ck_assert_uint_eq(fdnet_sum_fold(fdnet_sum_pkt(pkt, l4.l3_len, sum)),
			  0xffff);
}

static inline void check_payload(const struct fdnet_pkt *pkt, uint32_t hdr,
				 uint32_t first)
{
	uint32_t len = fdnet_pkt_total(pkt) - hdr, i;
	uint8_t *got = malloc(len + 1);

	fdnet_pkt_copy_out(pkt, hdr, got, len);
	for (i = 0; i < len; i++)
		if (got[i] != (uint8_t)(first + i))
			ck_abort_msg("payload byte %u differs", i);
	free(got);
}

static const struct burst bursts[] = {
	{4, 6, 65476, 1000, ACK | PSH | FIN | CWR, 0, 1420, 0},
	{6, 6, 65375, 0xffffff00, ACK | PSH, 0, 1400, 0},
	{4, 6, 1421, 1, ACK | PSH, 1421, 1420, 0},
	{4, 6, 1420, 1, ACK | PSH, 700, 1420, 0},
	{6, 6, 5000, 1, ACK | FIN, 333, 1000, 0},
	{4, 17, 5000, 1, 0, 0, 1200, 0},
	{6, 17, 2400, 1, 0, 100, 1200, 0},
	{4, 6, 200000, 1, ACK, 0, 60000, 0},
	{4, 6, 1, 1, ACK | PSH, 1, 1, 0},
};
#define NBURSTS 9

#endif
