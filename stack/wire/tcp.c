/* SPDX-License-Identifier: Apache-2.0 */
/* TCP header and options (RFC 9293, 7323, 2018). */
#include "config.h"

#include "stack/wire/tcp.h"

#include <errno.h>
#include <string.h>

enum tcp_option {
	OPT_END = 0,
	OPT_NOP = 1,
	OPT_MSS = 2,
	OPT_WSCALE = 3,
	OPT_SACK_OK = 4,
	OPT_SACK = 5,
	OPT_TS = 8,
	OPT_FASTOPEN = 34,
	OPT_EXP = 254,
};

#define EXP_FASTOPEN 0xf989

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)(v >> 16));
	put16(p + 2, (uint16_t)v);
}

static void decode_sack(const uint8_t *p, unsigned int len,
			struct fdnet_tcp_hdr *hdr)
{
	unsigned int n = (len - 2) / 8;

	if ((len - 2) % 8 || n > FDNET_TCP_SACK_MAX)
		return;
	for (unsigned int i = 0; i < n; i++) {
		hdr->sack[i].start = get32(p + 2 + 8 * i);
		hdr->sack[i].end = get32(p + 6 + 8 * i);
	}
	hdr->nsack = (uint8_t)n;
}

/* A cookie of a length that none has is as good as no option; the last one
 * counts. */
static void decode_fastopen(const uint8_t *cookie, unsigned int len, bool exp,
			    struct fdnet_tcp_hdr *hdr)
{
	if (len > FDNET_TCP_COOKIE_MAX || len & 1 ||
	    (len && len < FDNET_TCP_COOKIE_MIN))
		return;
	hdr->fo.present = true;
	hdr->fo.exp = exp;
	hdr->fo.len = (uint8_t)len;
	memcpy(hdr->fo.cookie, cookie, len);
}

static void decode_option(const uint8_t *p, unsigned int len,
			  struct fdnet_tcp_hdr *hdr)
{
	bool syn = hdr->flags & FDNET_TH_SYN;

	switch (p[0]) {
	case OPT_MSS:
		if (len == 4 && syn)
			hdr->mss = get16(p + 2);
		break;
	case OPT_WSCALE:
		if (len == 3 && syn)
			hdr->wscale = p[2] > FDNET_TCP_WSCALE_MAX
					      ? FDNET_TCP_WSCALE_MAX
					      : p[2];
		break;
	case OPT_SACK_OK:
		if (len == 2 && syn)
			hdr->sack_ok = true;
		break;
	case OPT_SACK:
		if (!syn)
			decode_sack(p, len, hdr);
		break;
	case OPT_TS:
		if (len == 10) {
			hdr->has_ts = true;
			hdr->ts_val = get32(p + 2);
			hdr->ts_ecr = get32(p + 6);
		}
		break;
	case OPT_FASTOPEN:
		if (syn)
			decode_fastopen(p + 2, len - 2, false, hdr);
		break;
	case OPT_EXP:
		if (syn && len >= 4 && get16(p + 2) == EXP_FASTOPEN)
			decode_fastopen(p + 4, len - 4, true, hdr);
		break;
	}
}

static void decode_options(const uint8_t *p, const uint8_t *end,
			   struct fdnet_tcp_hdr *hdr)
{
	while (p < end) {
		unsigned int len;

		if (p[0] == OPT_END)
			return;
		if (p[0] == OPT_NOP) {
			p++;
			continue;
		}
		if (end - p < 2)
			return;
		len = p[1];
		if (len < 2 || len > (size_t)(end - p))
			return;
		decode_option(p, len, hdr);
		p += len;
	}
}

int fdnet_tcp_hdr_decode(const uint8_t *src, size_t len,
			 struct fdnet_tcp_hdr *ret_hdr)
{
	unsigned int hdr_len;

	if (len < FDNET_TCP_HDR_MIN)
		return -EBADMSG;
	hdr_len = (src[12] >> 4) * 4u;
	if (hdr_len < FDNET_TCP_HDR_MIN || hdr_len > len)
		return -EBADMSG;
	ret_hdr->sport = get16(src);
	ret_hdr->dport = get16(src + 2);
	ret_hdr->seq = get32(src + 4);
	ret_hdr->ack = get32(src + 8);
	ret_hdr->hdr_len = (uint8_t)hdr_len;
	ret_hdr->flags = src[13];
	ret_hdr->wnd = get16(src + 14);
	ret_hdr->urg = get16(src + 18);
	ret_hdr->mss = 0;
	ret_hdr->wscale = FDNET_TCP_WSCALE_NONE;
	ret_hdr->sack_ok = false;
	ret_hdr->has_ts = false;
	ret_hdr->nsack = 0;
	ret_hdr->fo.present = ret_hdr->fo.exp = false;
	ret_hdr->fo.len = 0;
	decode_options(src + FDNET_TCP_HDR_MIN, src + hdr_len, ret_hdr);
	return 0;
}

static uint32_t fastopen_size(const struct fdnet_tcp_fo *fo)
{
	return (2u + (fo->exp ? 2u : 0u) + fo->len + 3u) & ~3u;
}

uint32_t fdnet_tcp_hdr_size(const struct fdnet_tcp_hdr *hdr)
{
	uint32_t len = FDNET_TCP_HDR_MIN;

	if (hdr->mss)
		len += 4;
	if (hdr->has_ts)
		len += 12; /* with SACK-permitted or two NOPs before it */
	else if (hdr->sack_ok)
		len += 4;
	if (hdr->wscale != FDNET_TCP_WSCALE_NONE)
		len += 4;
	if (hdr->nsack)
		len += 4 + 8u * hdr->nsack;
	if (hdr->fo.present)
		len += fastopen_size(&hdr->fo);
	return len;
}

static uint8_t *encode_ts(uint8_t *p, const struct fdnet_tcp_hdr *hdr)
{
	p[0] = hdr->sack_ok ? OPT_SACK_OK : OPT_NOP;
	p[1] = hdr->sack_ok ? 2 : OPT_NOP;
	p[2] = OPT_TS;
	p[3] = 10;
	put32(p + 4, hdr->ts_val);
	put32(p + 8, hdr->ts_ecr);
	return p + 12;
}

static uint8_t *encode_sack(uint8_t *p, const struct fdnet_tcp_hdr *hdr)
{
	p[0] = OPT_NOP;
	p[1] = OPT_NOP;
	p[2] = OPT_SACK;
	p[3] = (uint8_t)(2 + 8 * hdr->nsack);
	p += 4;
	for (unsigned int i = 0; i < hdr->nsack; i++, p += 8) {
		put32(p, hdr->sack[i].start);
		put32(p + 4, hdr->sack[i].end);
	}
	return p;
}

static uint8_t *encode_fastopen(uint8_t *p, const struct fdnet_tcp_fo *fo)
{
	uint8_t *end = p + fastopen_size(fo);

	p[0] = fo->exp ? OPT_EXP : OPT_FASTOPEN;
	p[1] = (uint8_t)(2 + (fo->exp ? 2 : 0) + fo->len);
	p += 2;
	if (fo->exp) {
		put16(p, EXP_FASTOPEN);
		p += 2;
	}
	memcpy(p, fo->cookie, fo->len);
	for (p += fo->len; p < end; p++)
		*p = OPT_NOP;
	return p;
}

static uint8_t *encode_options(uint8_t *p, const struct fdnet_tcp_hdr *hdr)
{
	if (hdr->mss) {
		p[0] = OPT_MSS;
		p[1] = 4;
		put16(p + 2, hdr->mss);
		p += 4;
	}
	if (hdr->has_ts) {
		p = encode_ts(p, hdr);
	} else if (hdr->sack_ok) {
		p[0] = p[1] = OPT_NOP;
		p[2] = OPT_SACK_OK;
		p[3] = 2;
		p += 4;
	}
	if (hdr->wscale != FDNET_TCP_WSCALE_NONE) {
		p[0] = OPT_NOP;
		p[1] = OPT_WSCALE;
		p[2] = 3;
		p[3] = hdr->wscale;
		p += 4;
	}
	if (hdr->nsack)
		p = encode_sack(p, hdr);
	if (hdr->fo.present)
		p = encode_fastopen(p, &hdr->fo);
	return p;
}

uint32_t fdnet_tcp_hdr_encode(uint8_t *dst, const struct fdnet_tcp_hdr *hdr)
{
	uint32_t len;

	put16(dst, hdr->sport);
	put16(dst + 2, hdr->dport);
	put32(dst + 4, hdr->seq);
	put32(dst + 8, hdr->ack);
	dst[13] = hdr->flags;
	put16(dst + 14, hdr->wnd);
	put16(dst + 16, 0);
	put16(dst + 18, hdr->urg);
	len = (uint32_t)(encode_options(dst + FDNET_TCP_HDR_MIN, hdr) - dst);
	dst[12] = (uint8_t)(len / 4 << 4);
	return len;
}
