/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/ip_case.h"

#include <string.h>

#include "stack/wire/csum.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/udp.h"

struct stack_pair *ip_pair;
struct fdnet_stack *ip_stack;
struct fdnet_sock *ip_server;
uint8_t ip_buf[70000];

void ip_setup(void)
{
	ip_pair = stack_pair_new(NULL, NULL);
	ip_stack = ip_pair->s[0];
	ip_server = sock_open(ip_stack, 6, FDNET_SOCK_DGRAM, 17);
	sock_bind(ip_server, "::", IP_PORT);
}

void ip_teardown(void)
{
	stack_pair_free(ip_pair);
}

uint64_t ip_counter(enum fdnet_stack_counter which)
{
	return fdnet_stack_counter(ip_stack, which);
}

void ip_input(const void *data, size_t len)
{
	fdnet_stack_input(ip_stack, pkt_from_bytes(ip_pair->pool, data, len));
}

size_t ip_output(uint8_t *dst, size_t room)
{
	struct fdnet_pkt *pkt = fdnet_stack_output(ip_stack);
	size_t len;

	if (!pkt)
		return 0;
	len = fdnet_pkt_copy_out(pkt, 0, dst, (uint32_t)room);
	fdnet_pkt_free(pkt);
	return len;
}

ssize_t ip_received(void)
{
	return sock_recv(ip_server, ip_buf, sizeof(ip_buf), NULL);
}

static void put_udp(uint8_t *p, const struct fdnet_ip *src,
		    const struct fdnet_ip *dst, size_t payload)
{
	struct fdnet_udp udp = {
		.sport = 9,
		.dport = IP_PORT,
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

size_t ip_udp4(uint8_t *p, const char *src, const char *dst,
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

size_t ip_udp6(uint8_t *p, const char *src, const char *dst,
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
