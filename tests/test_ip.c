/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "stack/internal.h"
#include "stack/reass.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/udp.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

#define PORT 7000

static struct stack_pair *pair;
static struct fdnet_stack *stack;
static struct fdnet_sock *server;
static uint8_t buf[70000];

static void setup(void)
{
	pair = stack_pair_new(NULL, NULL);
	stack = pair->s[0];
	server = sock_open(stack, 6, FDNET_SOCK_DGRAM, 17);
	sock_bind(server, "::", PORT);
}

static void teardown(void)
{
	stack_pair_free(pair);
}

static uint64_t counter(enum fdnet_stack_counter which)
{
	return fdnet_stack_counter(stack, which);
}

/* Other memory than the packet's storage, so that ASan sees overruns of what
 * is said to be there. */
static void input(const void *data, size_t len)
{
	fdnet_stack_input(stack, pkt_from_bytes(pair->pool, data, len));
}

/* The next thing the stack has for the link, as bytes; its length or 0. */
static size_t output(uint8_t *dst, size_t room)
{
	struct fdnet_pkt *pkt = fdnet_stack_output(stack);
	size_t len;

	if (!pkt)
		return 0;
	len = fdnet_pkt_copy_out(pkt, 0, dst, (uint32_t)room);
	fdnet_pkt_free(pkt);
	return len;
}

static ssize_t received(void)
{
	return sock_recv(server, buf, sizeof(buf), NULL);
}

/* ---- packets by hand ---- */

static void put_udp(uint8_t *p, const struct fdnet_ip *src,
		    const struct fdnet_ip *dst, size_t payload)
{
	struct fdnet_udp udp = {
		.sport = 9,
		.dport = PORT,
		.len = (uint16_t)(8 + payload),
	};
	size_t i;

	fdnet_udp_encode(p, &udp);
	for (i = 0; i < payload; i++)
		p[8 + i] = (uint8_t)i;
	fdnet_csum_store(p + 6, fdnet_csum_add(
					fdnet_pseudo_csum(src, dst, 17,
							  8 + (uint32_t)
								  payload),
					p, 8 + payload));
}

static size_t udp4(uint8_t *p, const char *src, const char *dst,
		   size_t payload)
{
	struct fdnet_name s = name_of(src, 0), d = name_of(dst, 0);
	struct fdnet_ipv4 hdr = {
		.hdr_len = 20,
		.total_len = (uint16_t)(28 + payload),
		.ident = 1,
		.ttl = 64,
		.proto = 17,
	};

	memcpy(hdr.src, s.ip.bytes, 4);
	memcpy(hdr.dst, d.ip.bytes, 4);
	fdnet_ipv4_encode(p, &hdr);
	put_udp(p + 20, &s.ip, &d.ip, payload);
	return 28 + payload;
}

static size_t udp6(uint8_t *p, const char *src, const char *dst,
		   size_t payload)
{
	struct fdnet_name s = name_of(src, 0), d = name_of(dst, 0);
	struct fdnet_ipv6 hdr = {
		.payload_len = (uint16_t)(8 + payload),
		.next = 17,
		.hops = 64,
	};

	memcpy(hdr.src, s.ip.bytes, 16);
	memcpy(hdr.dst, d.ip.bytes, 16);
	fdnet_ipv6_encode(p, &hdr);
	put_udp(p + 40, &s.ip, &d.ip, payload);
	return 48 + payload;
}

/* ---- headers ---- */

START_TEST(good_packets_arrive)
{
	uint8_t p[200];

	input(p, udp4(p, "10.0.0.2", "10.0.0.1", 10));
	ck_assert_int_eq(received(), 10);
	input(p, udp6(p, "fd00::2", "fd00::1", 11));
	ck_assert_int_eq(received(), 11);
}
END_TEST

START_TEST(link_padding_is_cut)
{
	uint8_t p[200] = { 0 };

	udp4(p, "10.0.0.2", "10.0.0.1", 10);
	input(p, 60);
	ck_assert_int_eq(received(), 10);
	udp6(p, "fd00::2", "fd00::1", 3);
	input(p, 90);
	ck_assert_int_eq(received(), 3);
}
END_TEST

START_TEST(truncated_packets_are_dropped)
{
	uint8_t p[200];
	size_t len = _i == 4 ? udp4(p, "10.0.0.2", "10.0.0.1", 20) :
			       udp6(p, "fd00::2", "fd00::1", 20);
	size_t n;

	for (n = 0; n < len; n++) {
		input(p, n);
		ck_assert_int_eq(received(), -EAGAIN);
	}
	ck_assert_uint_eq(counter(FDNET_C_IP_IN), len);
	ck_assert_uint_eq(counter(FDNET_C_IP_SHORT) +
				  counter(FDNET_C_IP_BAD_HEADER),
			  len);
}
END_TEST

/* No single changed byte of a header goes unnoticed, but those the checksums
 * do not cover: IPv6's class, flow and hop limit; and of the fields that say
 * who sent it nobody can know, so the sums must. */
START_TEST(changed_bytes_are_noticed)
{
	uint8_t p[200], copy[200];
	size_t len = _i == 4 ? udp4(p, "10.0.0.2", "10.0.0.1", 20) :
			       udp6(p, "fd00::2", "fd00::1", 20);
	size_t i;
	int bit;

	for (i = 0; i < len; i++) {
		for (bit = 0; bit < 8; bit++) {
			bool free_byte = _i == 6 && ((i < 4 && i > 0) ||
						     i == 7);

			if (_i == 6 && i == 0 && bit < 4)
				continue; /* class */
			memcpy(copy, p, len);
			copy[i] ^= (uint8_t)(1 << bit);
			input(copy, len);
			ck_assert_msg(received() ==
					      (free_byte ? 20 : -EAGAIN),
				      "byte %zu bit %d", i, bit);
		}
	}
}
END_TEST

START_TEST(udp_without_checksum_is_taken_on_ipv4_only)
{
	uint8_t p[200];
	size_t len = udp4(p, "10.0.0.2", "10.0.0.1", 20);

	memset(p + 26, 0, 2);
	input(p, len);
	ck_assert_int_eq(received(), 20);
	len = udp6(p, "fd00::2", "fd00::1", 20);
	memset(p + 46, 0, 2);
	input(p, len);
	ck_assert_int_eq(received(), -EAGAIN);
	ck_assert_uint_eq(counter(FDNET_C_UDP_BAD), 1);
}
END_TEST

static const struct {
	const char *label, *src, *dst;
	enum fdnet_stack_counter why;
} strangers[] = {
	{ "not ours", "10.0.0.2", "10.0.0.3", FDNET_C_IP_NOT_OURS },
	{ "not ours v6", "fd00::2", "fd00::3", FDNET_C_IP_NOT_OURS },
	{ "group nobody joined", "10.0.0.2", "224.1.2.3",
	  FDNET_C_IP_NOT_OURS },
	{ "loopback from outside", "127.0.0.1", "10.0.0.1",
	  FDNET_C_IP_MARTIAN },
	{ "to loopback from outside", "10.0.0.2", "127.0.0.1",
	  FDNET_C_IP_MARTIAN },
	{ "v6 loopback from outside", "::1", "fd00::1", FDNET_C_IP_MARTIAN },
	{ "multicast source", "224.0.0.1", "10.0.0.1", FDNET_C_IP_MARTIAN },
	{ "broadcast source", "255.255.255.255", "10.0.0.1",
	  FDNET_C_IP_MARTIAN },
	{ "network broadcast source", "10.0.0.255", "10.0.0.1",
	  FDNET_C_IP_MARTIAN },
	{ "v6 multicast source", "ff02::1", "fd00::1", FDNET_C_IP_MARTIAN },
};

START_TEST(strangers_are_dropped)
{
	const char *src = strangers[_i].src, *dst = strangers[_i].dst;
	uint8_t p[200];
	size_t len = strchr(src, ':') ? udp6(p, src, dst, 5) :
					udp4(p, src, dst, 5);

	input(p, len);
	ck_assert_int_eq(received(), -EAGAIN);
	ck_assert_msg(counter(strangers[_i].why) == 1, "%s",
		      strangers[_i].label);
	ck_assert_uint_eq(output(p, sizeof(p)), 0);
}
END_TEST

/* ---- IPv4 options ---- */

static size_t with_options(uint8_t *p, const uint8_t *opts, uint8_t n)
{
	uint8_t plain[200];
	size_t len = udp4(plain, "10.0.0.2", "10.0.0.1", 5);

	memcpy(p, plain, 20);
	memcpy(p + 20, opts, n);
	memcpy(p + 20 + n, plain + 20, len - 20);
	p[0] = (uint8_t)(0x40 | (20 + n) / 4);
	fdnet_put16(p + 2, (uint16_t)(len + n));
	fdnet_ipv4_set_csum(p, (uint8_t)(20 + n));
	return len + n;
}

static const struct {
	const char *label;
	uint8_t opts[8];
	bool arrives;
	int problem; /* pointer of the parameter problem sent, or -1 */
} options[] = {
	{ "padding", { 1, 1, 1, 1, 1, 1, 1, 0 }, true, -1 },
	{ "router alert", { 148, 4, 0, 0, 0, 0, 0, 0 }, true, -1 },
	{ "unknown", { 200, 8, 1, 2, 3, 4, 5, 6 }, true, -1 },
	{ "loose source route", { 131, 7, 4, 10, 0, 0, 9, 0 }, false, -1 },
	{ "strict source route", { 137, 7, 4, 10, 0, 0, 9, 0 }, false, -1 },
	{ "length 0", { 1, 148, 0, 0, 0, 0, 0, 0 }, false, 21 },
	{ "too long", { 148, 9, 0, 0, 0, 0, 0, 0 }, false, 20 },
	{ "length missing", { 1, 1, 1, 1, 1, 1, 1, 148 }, false, 27 },
};

START_TEST(options_are_checked)
{
	uint8_t p[200];

	input(p, with_options(p, options[_i].opts, 8));
	ck_assert_msg((received() == 5) == options[_i].arrives, "%s",
		      options[_i].label);
	if (options[_i].problem < 0) {
		ck_assert_uint_eq(output(p, sizeof(p)), 0);
		return;
	}
	ck_assert_uint_gt(output(p, sizeof(p)), 28);
	ck_assert_uint_eq(p[20], FDNET_ICMP_PARAM);
	ck_assert_int_eq(p[24], options[_i].problem);
}
END_TEST

/* ---- IPv6 extension headers ---- */

/* Puts @n bytes of headers, whose first is @next, between IPv6 and UDP. */
static size_t with_headers(uint8_t *p, uint8_t next, const uint8_t *hdrs,
			   size_t n)
{
	uint8_t plain[200];
	size_t len = udp6(plain, "fd00::2", "fd00::1", 5);

	memcpy(p, plain, 40);
	memcpy(p + 40, hdrs, n);
	memcpy(p + 40 + n, plain + 40, len - 40);
	p[6] = next;
	fdnet_put16(p + 4, (uint16_t)(len - 40 + n));
	return len + n;
}

static const struct {
	const char *label;
	uint8_t next;
	uint8_t hdrs[24];
	size_t n;
	bool arrives;
	int type, code, pointer; /* of the ICMPv6 answer; type 0: none */
} headers[] = {
	{ "hop-by-hop, padding", 0, { 17, 0, 1, 4 }, 8, true, 0, 0, 0 },
	{ "destination, skip unknown", 60, { 17, 0, 0x1e, 4 }, 8, true, 0, 0,
	  0 },
	{ "destination, discard", 60, { 17, 0, 0x5e, 4 }, 8, false, 0, 0, 0 },
	{ "destination, discard and tell", 60, { 17, 0, 0x9e, 4 }, 8, false,
	  4, 2, 42 },
	{ "destination, tell if unicast", 60, { 17, 0, 0xde, 4 }, 8, false, 4,
	  2, 42 },
	{ "option beyond the header", 60, { 17, 0, 0x1e, 5 }, 8, false, 4, 0,
	  42 },
	{ "both", 0, { 60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4 }, 16, true, 0, 0,
	  0 },
	{ "hop-by-hop second", 60, { 0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4 },
	  16, false, 4, 1, 40 },
	{ "routing, nothing left", 43, { 17, 0, 0, 0 }, 8, true, 0, 0, 0 },
	{ "routing, one left", 43, { 17, 0, 0, 1 }, 8, false, 4, 0, 42 },
	{ "no next header", 59, { 0 }, 8, false, 0, 0, 0 },
	{ "unknown next header", 253, { 0 }, 8, false, 4, 1, 6 },
	{ "header longer than the packet", 60, { 17, 9, 1, 4 }, 8, false, 0, 0,
	  0 },
	{ "whole in one fragment", 44, { 17, 0, 0, 0, 1, 2, 3, 4 }, 8, true, 0,
	  0, 0 },
};

START_TEST(extension_headers_are_walked)
{
	uint8_t p[300];

	input(p, with_headers(p, headers[_i].next, headers[_i].hdrs,
			      headers[_i].n));
	ck_assert_msg((received() == 5) == headers[_i].arrives, "%s",
		      headers[_i].label);
	if (!headers[_i].type) {
		ck_assert_msg(!output(p, sizeof(p)), "%s", headers[_i].label);
		return;
	}
	ck_assert_msg(output(p, sizeof(p)) > 48, "%s", headers[_i].label);
	ck_assert_int_eq(p[40], headers[_i].type);
	ck_assert_int_eq(p[41], headers[_i].code);
	ck_assert_int_eq(p[47], headers[_i].pointer);
}
END_TEST

START_TEST(truncated_headers_are_dropped)
{
	uint8_t p[300];
	size_t len = with_headers(p, 0, headers[6].hdrs, headers[6].n), n;

	for (n = 0; n < len; n++) {
		/* lengths agree; the headers end early */
		if (n >= 40)
			fdnet_put16(p + 4, (uint16_t)(n - 40));
		input(p, n);
		ck_assert_int_eq(received(), -EAGAIN);
	}
}
END_TEST

/* ---- fragments ---- */

struct cut {
	uint16_t offset, len;
	bool mf;
};

static void send_fragment4(const uint8_t *whole, const struct cut *cut,
			   uint16_t ident)
{
	uint8_t p[2048];
	struct fdnet_ipv4 hdr;

	ck_assert_int_eq(fdnet_ipv4_decode(whole, 20, &hdr), 0);
	hdr.total_len = (uint16_t)(20 + cut->len);
	hdr.offset = cut->offset;
	hdr.mf = cut->mf;
	hdr.ident = ident;
	fdnet_ipv4_encode(p, &hdr);
	memcpy(p + 20, whole + 20 + cut->offset, cut->len);
	input(p, 20u + cut->len);
}

static void send_fragment6_of(const uint8_t *whole, const struct cut *cut,
			      uint32_t ident, uint8_t next)
{
	struct fdnet_ipv6_frag frag = { next, cut->offset, cut->mf, ident };
	uint8_t p[2048];

	memcpy(p, whole, 40);
	p[6] = FDNET_IPV6_FRAGMENT;
	fdnet_put16(p + 4, (uint16_t)(8 + cut->len));
	fdnet_ipv6_frag_encode(p + 40, &frag);
	memcpy(p + 48, whole + 40 + cut->offset, cut->len);
	input(p, 48u + cut->len);
}

static void send_fragment6(const uint8_t *whole, const struct cut *cut,
			   uint32_t ident)
{
	send_fragment6_of(whole, cut, ident, 17);
}

/* A datagram of 92 bytes payload: 100 behind the IP header. */
static const struct {
	const char *label;
	struct cut cuts[6];
	bool arrives, bad;
} fragments[] = {
	{ "in order", { { 0, 48, true }, { 48, 52, false } }, true, false },
	{ "last first", { { 48, 52, false }, { 0, 48, true } }, true, false },
	{ "middle last",
	  { { 0, 16, true }, { 64, 36, false }, { 16, 48, true } },
	  true, false },
	{ "four, mixed",
	  { { 24, 24, true }, { 72, 28, false }, { 48, 24, true },
	    { 0, 24, true } },
	  true, false },
	{ "same twice",
	  { { 0, 48, true }, { 0, 48, true }, { 48, 52, false } },
	  true, false },
	{ "part of one again",
	  { { 0, 48, true }, { 8, 16, true }, { 48, 52, false } },
	  true, false },
	{ "overlap at the end",
	  { { 0, 48, true }, { 40, 60, false } },
	  false, true },
	{ "overlap at the start",
	  { { 48, 52, false }, { 0, 56, true } },
	  false, true },
	{ "one covers another",
	  { { 16, 16, true }, { 0, 48, true }, { 48, 52, false } },
	  false, true },
	{ "two ends", { { 48, 52, false }, { 48, 44, false } }, false, true },
	{ "beyond the end", { { 48, 52, false }, { 104, 8, true } }, false,
	  true },
	{ "end before what is there",
	  { { 64, 32, true }, { 48, 8, false } },
	  false, true },
	{ "length not in eights", { { 0, 47, true } }, false, true },
	{ "empty", { { 0, 0, true } }, false, false },
};

START_TEST(fragments_are_joined)
{
	uint8_t whole[300];
	int i;

	if (_i & 1)
		udp6(whole, "fd00::2", "fd00::1", 92);
	else
		udp4(whole, "10.0.0.2", "10.0.0.1", 92);
	for (i = 0; fragments[_i / 2].cuts[i].len; i++) {
		if (_i & 1)
			send_fragment6(whole, &fragments[_i / 2].cuts[i], 7);
		else
			send_fragment4(whole, &fragments[_i / 2].cuts[i], 7);
	}
	ck_assert_msg((received() == 92) == fragments[_i / 2].arrives, "%s",
		      fragments[_i / 2].label);
	ck_assert_msg((counter(FDNET_C_FRAG_BAD) > 0) ==
			      fragments[_i / 2].bad,
		      "%s", fragments[_i / 2].label);
	if (fragments[_i / 2].arrives)
		ck_assert_mem_eq(buf, whole + (_i & 1 ? 48 : 28), 92);
}
END_TEST

/* RFC 3168 5.3, as the kernel's ip_frag_ecn_table[] */
static const struct {
	uint8_t first, second;
	int ecn; /* of the whole; -1: dropped */
} marks[] = {
	{ 0, 0, 0 },  { 1, 1, 1 },  { 2, 2, 2 },  { 3, 3, 3 },	{ 2, 3, 3 },
	{ 3, 2, 3 },  { 1, 3, 3 },  { 2, 1, 2 },  { 0, 3, -1 }, { 3, 0, -1 },
	{ 0, 2, -1 }, { 1, 0, -1 },
};

START_TEST(a_congestion_mark_survives_reassembly)
{
	struct cut cuts[2] = { { 0, 48, true }, { 48, 52, false } };
	uint8_t ecn[2] = { marks[_i / 2].first, marks[_i / 2].second };
	struct fdnet_msg msg = { .iov = &(struct iovec){ buf, 200 },
				 .iovcnt = 1 };
	uint8_t whole[300];
	ssize_t rc;
	int i;

	for (i = 0; i < 2; i++) {
		if (_i & 1) {
			udp6(whole, "fd00::2", "fd00::1", 92);
			whole[1] |= (uint8_t)(ecn[i] << 4);
			send_fragment6(whole, &cuts[i], 7);
		} else {
			udp4(whole, "10.0.0.2", "10.0.0.1", 92);
			whole[1] |= ecn[i];
			send_fragment4(whole, &cuts[i], 7);
		}
	}
	rc = fdnet_sock_recv(server, &msg);
	if (marks[_i / 2].ecn < 0) {
		ck_assert_int_eq(rc, -EAGAIN);
		ck_assert_uint_eq(counter(FDNET_C_FRAG_BAD), 1);
	} else {
		ck_assert_int_eq(rc, 92);
		ck_assert_int_eq(msg.tos & 3, marks[_i / 2].ecn);
	}
}
END_TEST

/* RFC 8200 4.5 */
static const struct {
	const char *label;
	struct cut cut;
	uint8_t next; /* 0: UDP */
	uint8_t code;
	uint32_t pointer;
} bad_fragments[] = {
	{ "length not in eights", { 0, 47, true }, 0, 0, 4 },
	{ "beyond 65535 bytes", { 65528, 16, false }, 0, 0, 42 },
	{ "half an upper header", { 0, 16, true }, FDNET_PROTO_TCP, 3, 0 },
	{ "an extension header that goes on",
	  { 0, 8, true },
	  FDNET_IPV6_DSTOPTS,
	  3,
	  0 },
};

START_TEST(bad_fragments_are_told)
{
	struct cut cut = bad_fragments[_i].cut;
	uint8_t whole[70000] = { 0 }, p[1500];

	udp6(whole, "fd00::2", "fd00::1", 92);
	if (bad_fragments[_i].next)
		whole[40 + 1] = 1; /* an extension header of 16 bytes */
	send_fragment6_of(whole, &cut, 7,
			  bad_fragments[_i].next ? bad_fragments[_i].next : 17);
	ck_assert_uint_eq(output(p, sizeof(p)), 40u + 8 + 48 + cut.len);
	ck_assert_uint_eq(p[40], FDNET_ICMP6_PARAM);
	ck_assert_uint_eq(p[41], bad_fragments[_i].code);
	ck_assert_uint_eq(fdnet_get32(p + 44), bad_fragments[_i].pointer);
	ck_assert_mem_eq(p + 48 + 48, whole + 40 + cut.offset, cut.len);
	ck_assert_uint_eq(counter(FDNET_C_FRAG_BAD), 1);
}
END_TEST

START_TEST(a_datagram_beyond_the_largest_is_refused)
{
	uint8_t whole[70000] = { 0 };
	struct cut cut = { 65528, 16, false };

	udp4(whole, "10.0.0.2", "10.0.0.1", 92);
	send_fragment4(whole, &cut, 7);
	ck_assert_uint_eq(counter(FDNET_C_FRAG_BAD), 1);
}
END_TEST

START_TEST(too_many_gaps_are_refused)
{
	uint8_t whole[3000] = { 0 };
	struct cut cut = { 0, 8, true };
	unsigned int i;

	udp4(whole, "10.0.0.2", "10.0.0.1", 2000);
	for (i = 0; i <= FDNET_REASS_RANGES; i++) {
		cut.offset = (uint16_t)(i * 16);
		send_fragment4(whole, &cut, 7);
	}
	ck_assert_uint_eq(counter(FDNET_C_FRAG_BAD), 1);
}
END_TEST

START_TEST(the_oldest_gives_way_when_too_many_are_under_way)
{
	struct cut first = { 0, 48, true }, last = { 48, 52, false };
	uint8_t whole[300];
	uint16_t i;

	udp4(whole, "10.0.0.2", "10.0.0.1", 92);
	for (i = 0; i <= 32; i++) {
		pair->now_us += 10;
		fdnet_stack_set_time(stack, pair->now_us);
		send_fragment4(whole, &first, i);
	}
	ck_assert_uint_eq(counter(FDNET_C_FRAG_LIMIT), 1);
	send_fragment4(whole, &last, 1);
	ck_assert_int_eq(received(), 92);
	send_fragment4(whole, &last, 0);
	ck_assert_int_eq(received(), -EAGAIN);
}
END_TEST

START_TEST(what_never_gets_whole_is_dropped_and_told)
{
	struct cut first = { 0, 48, true }, last = { 48, 52, false };
	uint8_t whole[300], p[300];

	udp4(whole, "10.0.0.2", "10.0.0.1", 92);
	/* with its first fragment: time exceeded goes back; without: silence */
	send_fragment4(whole, &first, 1);
	send_fragment4(whole, &last, 2);
	fdnet_stack_set_time(stack, pair->now_us + FDNET_REASS_V4_US);
	fdnet_stack_advance(stack);
	ck_assert_uint_eq(counter(FDNET_C_FRAG_TIMEOUT), 2);
	ck_assert_uint_eq(output(p, sizeof(p)), 20 + 8 + 20 + 48);
	ck_assert_uint_eq(p[20], FDNET_ICMP_TIME_EXCEEDED);
	ck_assert_uint_eq(p[21], 1);
	ck_assert_uint_eq(output(p, sizeof(p)), 0);
	ck_assert_uint_eq(fdnet_stack_expiry(stack), FDNET_NEVER);
}
END_TEST

START_TEST(fragments_of_different_senders_do_not_mix)
{
	struct cut first = { 0, 48, true }, last = { 48, 52, false };
	uint8_t a[300], b[300];

	udp4(a, "10.0.0.2", "10.0.0.1", 92);
	udp4(b, "10.0.0.3", "10.0.0.1", 92);
	send_fragment4(a, &first, 1);
	send_fragment4(b, &last, 1);
	ck_assert_int_eq(received(), -EAGAIN);
	send_fragment4(a, &last, 1);
	ck_assert_int_eq(received(), 92);
}
END_TEST

START_TEST(an_atomic_fragment_does_not_mix_with_others)
{
	struct cut first = { 0, 48, true }, all = { 0, 100, false };
	struct cut last = { 48, 52, false };
	uint8_t whole[300];

	udp6(whole, "fd00::2", "fd00::1", 92);
	send_fragment6(whole, &first, 1);
	send_fragment6(whole, &all, 1);
	ck_assert_int_eq(received(), 92);
	send_fragment6(whole, &last, 1);
	ck_assert_int_eq(received(), 92);
}
END_TEST

/* ---- what goes out ---- */

START_TEST(fragments_sent_fit_the_mtu)
{
	struct fdnet_name to = name_of(_i == 4 ? "10.0.0.2" : "fd00::2", 5);
	struct fdnet_sock *so = sock_open(stack, _i, FDNET_SOCK_DGRAM, 17);
	size_t len, sum = 0, n = 0;
	uint8_t p[2000];

	memset(buf, 0x55, 10000);
	ck_assert_int_eq(sock_send(so, buf, 10000, &to), 10000);
	while ((len = output(p, sizeof(p)))) {
		ck_assert_uint_le(len, 1500);
		if (_i == 4)
			ck_assert(fdnet_ipv4_csum_ok(p, 20));
		sum += len - (_i == 4 ? 20 : 48);
		n++;
	}
	ck_assert_uint_eq(sum, 10008);
	ck_assert_uint_eq(n, 7);
	ck_assert_uint_eq(counter(FDNET_C_FRAG_OUT), 7);
}
END_TEST

/* RFC 6864 4: an identification is unique where there may be fragments, and
 * tells nothing elsewhere. */
START_TEST(only_what_may_be_cut_has_an_identification)
{
	struct fdnet_name to = name_of("10.0.0.2", 5);
	struct fdnet_sock *so = sock_open(stack, 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_ipv4 hdr;
	uint16_t last = 0;
	uint8_t p[2000];
	int i;

	for (i = 0; i < 3; i++) {
		sock_send(so, "x", 1, &to);
		output(p, sizeof(p));
		fdnet_ipv4_decode(p, 20, &hdr);
		ck_assert(hdr.df);
		ck_assert_uint_eq(hdr.ident, 0);
	}
	sock_set_int(so, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	for (i = 0; i < 3; i++) {
		sock_send(so, "x", 1, &to);
		output(p, sizeof(p));
		fdnet_ipv4_decode(p, 20, &hdr);
		ck_assert(!hdr.df);
		if (i)
			ck_assert_uint_eq(hdr.ident, (uint16_t)(last + 1));
		last = hdr.ident;
	}
}
END_TEST

START_TEST(what_was_given_back_comes_first)
{
	struct fdnet_name to = name_of("10.0.0.2", 5);
	struct fdnet_sock *so = sock_open(stack, 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_pkt *one, *two;

	ck_assert(!fdnet_stack_has_work(stack));
	sock_send(so, "1", 1, &to);
	sock_send(so, "2", 1, &to);
	ck_assert(fdnet_stack_has_work(stack));
	one = fdnet_stack_output(stack);
	two = fdnet_stack_output(stack);
	ck_assert_uint_eq(one->data[28], '1');
	fdnet_stack_unget(stack, two);
	fdnet_stack_unget(stack, one);
	ck_assert(fdnet_stack_has_work(stack));
	ck_assert_ptr_eq(fdnet_stack_output(stack), one);
	ck_assert_ptr_eq(fdnet_stack_output(stack), two);
	ck_assert_ptr_eq(fdnet_stack_output(stack), NULL);
	ck_assert_uint_eq(counter(FDNET_C_IP_OUT), 2);
	fdnet_pkt_free(one);
	fdnet_pkt_free(two);
}
END_TEST

START_TEST(sockets_take_turns)
{
	struct fdnet_name to = name_of("10.0.0.2", 5);
	struct fdnet_sock *a = sock_open(stack, 4, FDNET_SOCK_DGRAM, 17);
	struct fdnet_sock *b = sock_open(stack, 4, FDNET_SOCK_DGRAM, 17);
	uint8_t p[100];
	int i;

	for (i = 0; i < 3; i++)
		sock_send(a, "a", 1, &to);
	for (i = 0; i < 3; i++)
		sock_send(b, "b", 1, &to);
	for (i = 0; i < 6; i++) {
		ck_assert_uint_eq(output(p, sizeof(p)), 29);
		ck_assert_uint_eq(p[28], i & 1 ? 'b' : 'a');
	}
}
END_TEST

/* ---- our addresses ---- */

static const struct {
	const char *dst, *src; /* src NULL: no route */
} sources[] = {
	{ "127.0.0.1", "127.0.0.1" },  { "127.1.2.3", "127.0.0.1" },
	{ "10.0.0.1", "10.0.0.1" },    { "10.0.0.7", "10.0.0.1" },
	{ "8.8.8.8", "10.0.0.1" },     { "192.168.5.9", "192.168.5.1" },
	{ "::1", "::1" },	       { "fd00::9", "fd00::1" },
	{ "2001:db8::1", "2001:db8:1::1" },
	{ "fe80::9", "fe80::1" },
};

START_TEST(sources_are_chosen)
{
	struct fdnet_name dst = name_of(sources[_i].dst, 0);
	struct fdnet_name more[] = {
		name_of("192.168.5.1", 0),
		name_of("2001:db8:1::1", 0),
		name_of("fe80::1", 0),
	};
	char text[FDNET_IP_STRLEN];
	struct fdnet_ip src;
	int i;

	for (i = 0; i < 3; i++)
		ck_assert_int_eq(fdnet_stack_add_addr(stack, &more[i].ip,
						      i ? 64 : 24),
				 0);
	ck_assert_int_eq(fdnet_ip_source(stack, &dst.ip, &src), 0);
	ck_assert_str_eq(fdnet_ip_format(&src, text), sources[_i].src);
}
END_TEST

START_TEST(without_an_address_there_is_no_way)
{
	struct fdnet_stack_config cfg;
	struct fdnet_name to = name_of("10.0.0.2", 5);
	struct fdnet_stack *bare;
	struct fdnet_sock *so;

	stack_pair_config(&cfg, 0);
	cfg.mem = &pair->mem;
	cfg.pool = pair->pool;
	ck_assert_int_eq(fdnet_stack_new(&cfg, 0, &bare), 0);
	so = sock_open(bare, 4, FDNET_SOCK_DGRAM, 17);
	ck_assert_int_eq(sock_send(so, "x", 1, &to), -ENETUNREACH);
	ck_assert_int_eq(fdnet_sock_connect(so, &to), -ENETUNREACH);
	fdnet_stack_free(bare);
}
END_TEST

START_TEST(addresses_are_checked)
{
	struct fdnet_name n = name_of("10.0.0.1", 0);
	int i, rc = 0;

	ck_assert_int_eq(fdnet_stack_add_addr(stack, &n.ip, 24), -EEXIST);
	n = name_of("10.0.0.9", 0);
	ck_assert_int_eq(fdnet_stack_add_addr(stack, &n.ip, 33), -EINVAL);
	n = name_of("0.0.0.0", 0);
	ck_assert_int_eq(fdnet_stack_add_addr(stack, &n.ip, 8), -EINVAL);
	n = name_of("224.0.0.1", 0);
	ck_assert_int_eq(fdnet_stack_add_addr(stack, &n.ip, 8), -EINVAL);
	n = name_of("127.0.0.1", 0);
	ck_assert_int_eq(fdnet_stack_add_addr(stack, &n.ip, 8), -EINVAL);
	n = name_of("10.0.1.0", 0);
	for (i = 0; i < 100 && !rc; i++) {
		n.ip.bytes[3]++;
		rc = fdnet_stack_add_addr(stack, &n.ip, 24);
	}
	ck_assert_int_eq(rc, -ENOSPC);
}
END_TEST

START_TEST(settings_are_checked)
{
	struct fdnet_stack_config cfg, bad;
	struct fdnet_stack *s;
	long n;

	stack_pair_config(&cfg, 0);
	cfg.mem = &pair->mem;
	cfg.pool = pair->pool;
	bad = cfg;
	bad.mtu = 575;
	ck_assert_int_eq(fdnet_stack_new(&bad, 0, &s), -EINVAL);
	bad.mtu = 65536;
	ck_assert_int_eq(fdnet_stack_new(&bad, 0, &s), -EINVAL);
	bad = cfg;
	bad.ephemeral_lo = 5;
	bad.ephemeral_hi = 4;
	ck_assert_int_eq(fdnet_stack_new(&bad, 0, &s), -EINVAL);
	bad = cfg;
	bad.pool = NULL;
	ck_assert_int_eq(fdnet_stack_new(&bad, 0, &s), -EINVAL);
	for (n = 0; n < 4; n++) {
		pair->fail_after = n;
		ck_assert_int_eq(fdnet_stack_new(&cfg, 0, &s), -ENOMEM);
	}
	pair->fail_after = -1;
	fdnet_stack_free(NULL);
}
END_TEST

/* ---- text ---- */

static const struct {
	const char *text;
	bool ok;
} texts[] = {
	{ "1.2.3.4", true },	{ "255.255.255.255", true },
	{ "::", true },		{ "fd00::1", true },
	{ "1.2.3", false },	{ "1.2.3.256", false },
	{ "", false },		{ "::g", false },
};

START_TEST(text_and_back)
{
	struct fdnet_ip ip;
	char text[FDNET_IP_STRLEN];
	int rc = fdnet_ip_parse(texts[_i].text, &ip);

	ck_assert_int_eq(rc, texts[_i].ok ? 0 : -EINVAL);
	if (!rc)
		ck_assert_str_eq(fdnet_ip_format(&ip, text), texts[_i].text);
}
END_TEST

START_TEST(prefixes_are_compared)
{
	struct fdnet_ip a = name_of("10.1.2.3", 0).ip;
	struct fdnet_ip b = name_of("10.1.3.3", 0).ip;
	struct fdnet_ip c = name_of("fd00::", 0).ip;

	ck_assert(fdnet_ip_in_prefix(&a, &b, 23));
	ck_assert(!fdnet_ip_in_prefix(&a, &b, 24));
	ck_assert(fdnet_ip_in_prefix(&a, &b, 0));
	ck_assert(!fdnet_ip_in_prefix(&a, &b, 33));
	ck_assert(fdnet_ip_in_prefix(&a, &a, 32));
	ck_assert(!fdnet_ip_in_prefix(&a, &c, 0));
}
END_TEST

START_TEST(counters_have_names)
{
	int i;

	for (i = 0; i < FDNET_C_MAX; i++)
		ck_assert_ptr_nonnull(fdnet_stack_counter_name(i));
	ck_assert_ptr_null(fdnet_stack_counter_name(FDNET_C_MAX));
	ck_assert_uint_eq(fdnet_stack_counter(stack, FDNET_C_MAX), 0);
}
END_TEST

START_TEST(sums_do_not_depend_on_how_bytes_are_split)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pair->pool);
	struct fdnet_buf *b = fdnet_buf_new(pair->pool);
	uint32_t whole, i;

	for (i = 0; i < 1001; i++)
		b->data[i] = (uint8_t)(i * 37);
	memcpy(fdnet_pkt_put(pkt, 7), b->data, 7);
	fdnet_pkt_add_slice(pkt, b, b->data + 7, 100);
	/* not neighbours, or they would be merged */
	memcpy(b->data + 2000, b->data + 107, 33);
	fdnet_pkt_add_slice(pkt, b, b->data + 2000, 33);
	fdnet_pkt_add_slice(pkt, b, b->data + 140, 861);
	ck_assert_uint_eq(fdnet_pkt_total(pkt), 1001);
	for (i = 0; i < 1001; i += 2) {
		whole = fdnet_csum_add(0, b->data + i, 1001 - i);
		ck_assert_uint_eq(fdnet_csum_fold(fdnet_csum_pkt(0, pkt, i)),
				  fdnet_csum_fold(whole));
	}
	fdnet_buf_unref(b);
	fdnet_pkt_free(pkt);
}
END_TEST

static Suite *ip_suite(void)
{
	Suite *s = suite_create("ip");
	TCase *tc = tcase_create("ip");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, good_packets_arrive);
	tcase_add_test(tc, link_padding_is_cut);
	tcase_add_loop_test(tc, truncated_packets_are_dropped, 4, 5);
	tcase_add_loop_test(tc, truncated_packets_are_dropped, 6, 7);
	tcase_add_loop_test(tc, changed_bytes_are_noticed, 4, 5);
	tcase_add_loop_test(tc, changed_bytes_are_noticed, 6, 7);
	tcase_add_test(tc, udp_without_checksum_is_taken_on_ipv4_only);
	tcase_add_loop_test(tc, strangers_are_dropped, 0, N_ROWS(strangers));
	tcase_add_loop_test(tc, options_are_checked, 0, N_ROWS(options));
	tcase_add_loop_test(tc, extension_headers_are_walked, 0,
			    N_ROWS(headers));
	tcase_add_test(tc, truncated_headers_are_dropped);
	tcase_add_loop_test(tc, fragments_are_joined, 0,
			    2 * N_ROWS(fragments));
	tcase_add_loop_test(tc, a_congestion_mark_survives_reassembly, 0,
			    2 * N_ROWS(marks));
	tcase_add_loop_test(tc, bad_fragments_are_told, 0,
			    N_ROWS(bad_fragments));
	tcase_add_test(tc, only_what_may_be_cut_has_an_identification);
	tcase_add_test(tc, a_datagram_beyond_the_largest_is_refused);
	tcase_add_test(tc, too_many_gaps_are_refused);
	tcase_add_test(tc, the_oldest_gives_way_when_too_many_are_under_way);
	tcase_add_test(tc, what_never_gets_whole_is_dropped_and_told);
	tcase_add_test(tc, fragments_of_different_senders_do_not_mix);
	tcase_add_test(tc, an_atomic_fragment_does_not_mix_with_others);
	tcase_add_loop_test(tc, fragments_sent_fit_the_mtu, 4, 5);
	tcase_add_loop_test(tc, fragments_sent_fit_the_mtu, 6, 7);
	tcase_add_test(tc, what_was_given_back_comes_first);
	tcase_add_test(tc, sockets_take_turns);
	tcase_add_loop_test(tc, sources_are_chosen, 0, N_ROWS(sources));
	tcase_add_test(tc, without_an_address_there_is_no_way);
	tcase_add_test(tc, addresses_are_checked);
	tcase_add_test(tc, settings_are_checked);
	tcase_add_loop_test(tc, text_and_back, 0, N_ROWS(texts));
	tcase_add_test(tc, prefixes_are_compared);
	tcase_add_test(tc, counters_have_names);
	tcase_add_test(tc, sums_do_not_depend_on_how_bytes_are_split);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(ip_suite)
