/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/dns_msg.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/wire/bytes.h"

#define FLAG_QR 0x8000
#define FLAG_OPCODE 0x7800
#define FLAG_TC 0x0200
#define FLAG_RD 0x0100
#define FLAG_RA 0x0080

/* What a name may consist of; a dot or a quote inside a label would make two
 * names look alike in rules and records. */
static bool is_name_char(uint8_t c)
{
	return isalnum(c) || c == '-' || c == '_' || c == '/' || c == '+' ||
	       c == '*';
}

/* A name without compression. Returns the offset behind it, or 0; @ret_odd
 * tells whether it has characters that no host's name has. */
static size_t parse_name(const uint8_t *src, size_t len, size_t at, char *dst,
			 bool *ret_odd)
{
	size_t out = 0;

	*ret_odd = false;
	while (at < len && src[at]) {
		size_t label = src[at++];

		if (label > 63 || label > len - at ||
		    out + label + 2 > NAMES_MAX_LEN)
			return 0;
		if (out)
			dst[out++] = '.';
		for (; label; label--, at++) {
			if (!is_name_char(src[at]))
				*ret_odd = true;
			dst[out++] = is_name_char(src[at]) ?
					     (char)tolower(src[at]) :
					     '?';
		}
	}
	dst[out] = '\0';
	return at < len ? at + 1 : 0;
}

/* Step over a name that may be compressed. Returns the offset, or 0. */
static size_t skip_name(const uint8_t *msg, size_t len, size_t at)
{
	while (at < len) {
		uint8_t label = msg[at];

		if (!label)
			return at + 1;
		if (label >= 0xc0)
			return at + 2 <= len ? at + 2 : 0;
		if (label > 63)
			return 0;
		at += 1u + label;
	}
	return 0;
}

struct rr {
	uint16_t type, class;
	uint32_t ttl_s;
	size_t data, data_len;
};

/* Step over a record. Returns the offset behind it, or 0. */
static size_t parse_rr(const uint8_t *msg, size_t len, size_t at,
		       struct rr *ret_rr)
{
	at = skip_name(msg, len, at);
	if (!at || len - at < 10)
		return 0;
	ret_rr->type = fdnet_get16(msg + at);
	ret_rr->class = fdnet_get16(msg + at + 2);
	ret_rr->ttl_s = fdnet_get32(msg + at + 4);
	ret_rr->data_len = fdnet_get16(msg + at + 8);
	ret_rr->data = at + 10;
	if (len - ret_rr->data < ret_rr->data_len)
		return 0;
	return ret_rr->data + ret_rr->data_len;
}

/* The payload size that an OPT record in the additional section offers. */
static void parse_edns(const uint8_t *src, size_t len, size_t at,
		       struct dns_question *q)
{
	unsigned int n = fdnet_get16(src + 6) + fdnet_get16(src + 8) +
			 fdnet_get16(src + 10);
	struct rr rr;

	while (n-- && (at = parse_rr(src, len, at, &rr))) {
		if (rr.type != DNS_OPT)
			continue;
		q->edns = true;
		if (rr.class > DNS_UDP_MIN)
			q->udp_max = rr.class < DNS_UDP_MAX ? rr.class :
							      DNS_UDP_MAX;
		return;
	}
}

int dns_question_parse(const uint8_t *src, size_t len,
		       struct dns_question *ret_q)
{
	struct dns_question q = { .udp_max = DNS_UDP_MIN };
	bool odd;
	size_t at;

	if (len < DNS_HEADER_LEN)
		return -EBADMSG;
	q.id = fdnet_get16(src);
	q.flags = fdnet_get16(src + 2);
	if (q.flags & FLAG_QR)
		return -EBADMSG;
	*ret_q = q;
	if (q.flags & FLAG_OPCODE)
		return DNS_NOTIMP;
	if (len > DNS_QUESTION_MAX || fdnet_get16(src + 4) != 1)
		return DNS_FORMERR;
	at = parse_name(src, len, DNS_HEADER_LEN, q.name, &odd);
	if (!at || len - at < 4)
		return DNS_FORMERR;
	q.type = fdnet_get16(src + at);
	q.class = fdnet_get16(src + at + 2);
	q.raw_len = at + 4 - DNS_HEADER_LEN;
	memcpy(q.raw, src + DNS_HEADER_LEN, q.raw_len);
	parse_edns(src, len, at + 4, &q);
	*ret_q = q;
	/* with the question in the answer: resolvers ignore one without */
	if (odd)
		return DNS_NXDOMAIN;
	return q.class == 1 ? 0 : DNS_REFUSED;
}

/* ---- answers of our own ---- */

static size_t put_header(uint8_t *dst, const struct dns_question *q,
			 enum dns_rcode rcode, unsigned int answers)
{
	memset(dst, 0, DNS_HEADER_LEN);
	fdnet_put16(dst, q->id);
	fdnet_put16(dst + 2, (uint16_t)(FLAG_QR | FLAG_RA |
					(q->flags & (FLAG_OPCODE | FLAG_RD)) |
					rcode));
	fdnet_put16(dst + 4, q->raw_len ? 1 : 0);
	fdnet_put16(dst + 6, (uint16_t)answers);
	memcpy(dst + DNS_HEADER_LEN, q->raw, q->raw_len);
	return DNS_HEADER_LEN + q->raw_len;
}

size_t dns_answer_error(uint8_t *dst, const struct dns_question *q,
			enum dns_rcode rcode)
{
	return put_header(dst, q, rcode, 0);
}

/* A record's fixed part; its name is the question's, by compression. */
static size_t put_rr(uint8_t *dst, size_t at, uint16_t type, uint32_t ttl_s,
		     size_t data_len)
{
	fdnet_put16(dst + at, 0xc000 | DNS_HEADER_LEN);
	fdnet_put16(dst + at + 2, type);
	fdnet_put16(dst + at + 4, 1);
	fdnet_put32(dst + at + 6, ttl_s);
	fdnet_put16(dst + at + 10, (uint16_t)data_len);
	return at + 12;
}

size_t dns_answer_addrs(uint8_t *dst, const struct dns_question *q,
			const struct fdnet_ip *ips, unsigned int n,
			uint32_t ttl_s)
{
	size_t size = q->type == DNS_A ? 4 : 16, at;

	if (n > DNS_ANSWER_ADDRS_MAX)
		n = DNS_ANSWER_ADDRS_MAX;
	at = put_header(dst, q, DNS_NOERROR, n);
	for (unsigned int i = 0; i < n; i++) {
		at = put_rr(dst, at, q->type, ttl_s, size);
		memcpy(dst + at, ips[i].bytes, size);
		at += size;
	}
	return at;
}

size_t dns_answer_ptr(uint8_t *dst, const struct dns_question *q,
		      const char *name, uint32_t ttl_s)
{
	size_t at = put_header(dst, q, DNS_NOERROR, 1), data;

	data = at = put_rr(dst, at, DNS_PTR, ttl_s, strlen(name) + 2);
	while (*name) {
		size_t label = strcspn(name, ".");

		dst[at++] = (uint8_t)label;
		memcpy(dst + at, name, label);
		at += label;
		name += label + (name[label] == '.');
	}
	dst[at++] = 0;
	fdnet_put16(dst + data - 2, (uint16_t)(at - data));
	return at;
}

/* ---- answers of name servers ---- */

int dns_answer_adopt(uint8_t *msg, size_t len, const struct dns_question *q)
{
	char name[NAMES_MAX_LEN];
	unsigned int n;
	struct rr rr;
	bool odd;
	size_t at;

	if (len < DNS_HEADER_LEN || fdnet_get16(msg + 4) != 1)
		return -EBADMSG;
	at = parse_name(msg, len, DNS_HEADER_LEN, name, &odd);
	if (!at || odd || len - at < 4 || strcmp(name, q->name) ||
	    at + 4 - DNS_HEADER_LEN != q->raw_len ||
	    fdnet_get16(msg + at) != q->type)
		return -EBADMSG;
	/* the asker's own spelling: some check the case of letters */
	memcpy(msg + DNS_HEADER_LEN, q->raw, q->raw_len);
	fdnet_put16(msg, q->id);
	msg[2] |= (uint8_t)((FLAG_QR | (q->flags & FLAG_RD)) >> 8);
	msg[3] |= FLAG_RA;
	at += 4;
	n = fdnet_get16(msg + 6) + fdnet_get16(msg + 8) +
	    fdnet_get16(msg + 10);
	while (n--) {
		at = parse_rr(msg, len, at, &rr);
		if (!at)
			return -EBADMSG;
	}
	return 0;
}

size_t dns_answer_truncate(uint8_t *msg, size_t len,
			   const struct dns_question *q)
{
	if (len + (q->edns ? DNS_OPT_LEN : 0) <= q->udp_max)
		return len;
	fdnet_put16(msg + 2, fdnet_get16(msg + 2) | FLAG_TC);
	memset(msg + 6, 0, 6);
	return DNS_HEADER_LEN + q->raw_len;
}

int dns_answer_walk(const uint8_t *msg, size_t len,
		    bool (*each)(void *arg, const struct fdnet_ip *ip,
				 uint32_t ttl_s),
		    void *arg)
{
	struct rr rr;
	unsigned int n;
	size_t at;

	if (len < DNS_HEADER_LEN)
		return -EBADMSG;
	at = DNS_HEADER_LEN;
	for (n = fdnet_get16(msg + 4); n; n--) {
		at = skip_name(msg, len, at);
		if (!at || len - at < 4)
			return -EBADMSG;
		at += 4;
	}
	for (n = fdnet_get16(msg + 6); n; n--) {
		struct fdnet_ip ip = { 0 };

		at = parse_rr(msg, len, at, &rr);
		if (!at)
			return -EBADMSG;
		if (rr.type == DNS_A && rr.data_len == 4)
			ip.family = 4;
		else if (rr.type == DNS_AAAA && rr.data_len == 16)
			ip.family = 6;
		else
			continue;
		memcpy(ip.bytes, msg + rr.data, rr.data_len);
		if (!each(arg, &ip, rr.ttl_s))
			return -ECANCELED;
	}
	return 0;
}

/* ---- all records of an answer ---- */

/* Behind the question, of which there is one; 0: not in order. */
static size_t first_record(const uint8_t *msg, size_t len)
{
	size_t at = DNS_HEADER_LEN;

	if (len < DNS_HEADER_LEN || fdnet_get16(msg + 4) > 1)
		return 0;
	if (!fdnet_get16(msg + 4))
		return at;
	at = skip_name(msg, len, at);
	return at && len - at >= 4 ? at + 4 : 0;
}

static unsigned int record_count(const uint8_t *msg)
{
	return fdnet_get16(msg + 6) + fdnet_get16(msg + 8) +
	       fdnet_get16(msg + 10);
}

enum dns_rcode dns_answer_rcode(const uint8_t *msg, size_t len)
{
	return len < DNS_HEADER_LEN ? DNS_SERVFAIL : msg[3] & 0xf;
}

size_t dns_answer_add_opt(uint8_t *msg, size_t len,
			  const struct dns_question *q)
{
	size_t at = first_record(msg, len);
	unsigned int n = at ? record_count(msg) : 0;
	struct rr rr;

	if (!q->edns || !at || len + DNS_OPT_LEN > DNS_MESSAGE_MAX)
		return len;
	while (n--) {
		at = parse_rr(msg, len, at, &rr);
		if (!at || rr.type == DNS_OPT)
			return len;
	}
	fdnet_put16(msg + 10, (uint16_t)(fdnet_get16(msg + 10) + 1));
	/* the root's name, our size, version 0, no options */
	memset(msg + len, 0, DNS_OPT_LEN);
	fdnet_put16(msg + len + 1, DNS_OPT);
	fdnet_put16(msg + len + 3, DNS_UDP_MAX);
	return len + DNS_OPT_LEN;
}

uint32_t dns_answer_life(const uint8_t *msg, size_t len, uint32_t max_s,
			 uint32_t no_s)
{
	size_t at = first_record(msg, len);
	enum dns_rcode rcode = dns_answer_rcode(msg, len);
	unsigned int n = at ? record_count(msg) : 0;
	bool negative, has_soa = false;
	struct rr rr;

	if (!at || (rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN) ||
	    fdnet_get16(msg + 2) & FLAG_TC)
		return 0;
	negative = rcode == DNS_NXDOMAIN || !fdnet_get16(msg + 6);
	if (negative && no_s < max_s)
		max_s = no_s;
	while (n--) {
		at = parse_rr(msg, len, at, &rr);
		if (!at)
			return 0;
		if (rr.type == DNS_OPT)
			continue;
		/* RFC 2181 8: the top bit set means none */
		if (rr.ttl_s & 0x80000000)
			return 0;
		if (rr.ttl_s < max_s)
			max_s = rr.ttl_s;
		if (rr.type != DNS_SOA || rr.data_len < 22)
			continue;
		has_soa = true;
		/* the last of its numbers: RFC 2308 4 */
		if (negative &&
		    fdnet_get32(msg + rr.data + rr.data_len - 4) < max_s)
			max_s = fdnet_get32(msg + rr.data + rr.data_len - 4);
	}
	return negative && !has_soa ? 0 : max_s;
}

void dns_answer_age(uint8_t *msg, size_t len, uint32_t gone_s)
{
	size_t at = first_record(msg, len);
	unsigned int n = at ? record_count(msg) : 0;
	struct rr rr;

	while (n-- && (at = parse_rr(msg, len, at, &rr))) {
		if (rr.type == DNS_OPT)
			continue;
		/* the TTL stands in front of the data's length */
		fdnet_put32(msg + rr.data - 6,
			    rr.ttl_s > gone_s ? rr.ttl_s - gone_s : 0);
	}
}

/* ---- reverse names ---- */

static int ptr_address4(const char *name, struct fdnet_ip *ret_ip)
{
	struct fdnet_ip ip = { .family = 4 };

	for (int i = 3; i >= 0; i--) {
		char *end;
		unsigned long part;

		if (!isdigit((unsigned char)*name))
			return -EINVAL;
		part = strtoul(name, &end, 10);
		if (part > 255 || *end != '.')
			return -EINVAL;
		ip.bytes[i] = (uint8_t)part;
		name = end + 1;
	}
	if (strcmp(name, "in-addr.arpa"))
		return -EINVAL;
	*ret_ip = ip;
	return 0;
}

static int ptr_address6(const char *name, struct fdnet_ip *ret_ip)
{
	static const char digits[] = "0123456789abcdef";
	struct fdnet_ip ip = { .family = 6 };

	for (int i = 31; i >= 0; i--) {
		const char *digit = *name ? strchr(digits, *name) : NULL;

		if (!digit || name[1] != '.')
			return -EINVAL;
		ip.bytes[i / 2] |= (uint8_t)((digit - digits)
					     << (i % 2 ? 0 : 4));
		name += 2;
	}
	if (strcmp(name, "ip6.arpa"))
		return -EINVAL;
	*ret_ip = ip;
	return 0;
}

int dns_ptr_address(const char *name, struct fdnet_ip *ret_ip)
{
	return ptr_address4(name, ret_ip) ? ptr_address6(name, ret_ip) : 0;
}
