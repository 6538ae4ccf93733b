/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reassembly: fragments in any order, cut anyhow, of a few datagrams whose
 * bytes are known. Whatever is delivered must have exactly these bytes.
 *
 * Four bytes of input are a fragment: which datagram (2 bits), IPv6 (1 bit),
 * more fragments (1 bit), time goes by (1 bit); the offset in eights; the
 * length in eights; what is added to the length.
 */
#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "stack/internal.h"
#include "stack/wire/bytes.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Byte @pos of datagram @which, behind the IP header. The first eight are a
 * UDP header to port 7 whose length IP's counts for (0). */
static uint8_t byte_of(unsigned int which, uint32_t pos)
{
	static const uint8_t udp[8] = { 0, 9, 0, 7, 0, 0, 0, 1 };

	return pos < 8 ? udp[pos] : (uint8_t)(pos * 7 + which * 31 + pos / 256);
}

static void send4(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		  unsigned int which, uint32_t offset, bool mf)
{
	struct fdnet_ipv4 hdr = {
		.hdr_len = 20,
		.total_len = (uint16_t)(20 + fdnet_pkt_total(pkt)),
		.ident = (uint16_t)which,
		.offset = (uint16_t)offset,
		.mf = mf,
		.ttl = 64,
		.proto = 17,
		.src = { 10, 0, 0, 2 },
		.dst = { 10, 0, 0, 1 },
	};

	fdnet_ipv4_encode(fdnet_pkt_push(pkt, 20), &hdr);
	fdnet_stack_input(stack, pkt);
}

static void send6(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		  unsigned int which, uint32_t offset, bool mf)
{
	struct fdnet_ipv6 hdr = {
		.payload_len = (uint16_t)(8 + fdnet_pkt_total(pkt)),
		.next = FDNET_IPV6_FRAGMENT,
		.hops = 64,
		.src = { 0xfd, [15] = 2 },
		.dst = { 0xfd, [15] = 1 },
	};
	struct fdnet_ipv6_frag frag = { 17, (uint16_t)offset, mf, which };

	fdnet_ipv6_frag_encode(fdnet_pkt_push(pkt, 8), &frag);
	fdnet_ipv6_encode(fdnet_pkt_push(pkt, 40), &hdr);
	fdnet_stack_input(stack, pkt);
}

static void fragment(struct fdnet_stack *stack, struct fdnet_pkt_pool *pool,
		     const uint8_t in[4])
{
	uint32_t offset = in[1] * 8u, len = in[2] * 8u + (in[3] & 7), i;
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	unsigned int which = in[0] & 3;
	uint8_t *p;

	if (len > 1900)
		len = 1900;
	p = fdnet_pkt_put(pkt, len);
	for (i = 0; i < len; i++)
		p[i] = byte_of(which, offset + i);
	pkt->flags = FDNET_PKT_CSUM_TRUSTED;
	if (in[0] & 4)
		send6(stack, pkt, which, offset, in[0] & 8);
	else
		send4(stack, pkt, which, offset, in[0] & 8);
}

/* The first byte of the payload tells which datagram it is. */
static void check(struct fdnet_sock *so)
{
	static uint8_t buf[65536];
	struct iovec iov = { buf, sizeof(buf) };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
	unsigned int which;
	ssize_t len, i;

	while ((len = fdnet_sock_recv(so, &msg)) >= 0) {
		msg.flags = 0;
		for (which = 0; len && which < 3; which++)
			if (byte_of(which, 8) == buf[0])
				break;
		for (i = 0; i < len; i++)
			assert(buf[i] == byte_of(which, 8 + (uint32_t)i));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fdnet_stack_config cfg;
	struct fdnet_name name = { .ip = { .family = 6 }, .port = 7 };
	struct fdnet_pkt_pool *pool;
	struct fdnet_stack *stack;
	struct fdnet_pkt *pkt;
	struct fdnet_sock *so;
	struct fdnet_ip ip;
	uint64_t now_us = 1;

	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	pool = fdnet_pkt_pool_new(cfg.mem, 16, 0);
	cfg.pool = pool;
	assert(!fdnet_stack_new(&cfg, now_us, &stack));
	fdnet_ip_parse("10.0.0.1", &ip);
	fdnet_stack_add_addr(stack, &ip, 24);
	fdnet_ip_parse("fd00::1", &ip);
	fdnet_stack_add_addr(stack, &ip, 64);
	assert(!fdnet_sock_open(stack, 6, FDNET_SOCK_DGRAM, 17, &so));
	assert(!fdnet_sock_bind(so, &name));
	for (; size >= 4; data += 4, size -= 4) {
		fragment(stack, pool, data);
		check(so);
		if (data[0] & 16) {
			now_us += 20000000;
			fdnet_stack_set_time(stack, now_us);
			fdnet_stack_advance(stack);
		}
		while ((pkt = fdnet_stack_output(stack)))
			fdnet_pkt_free(pkt);
	}
	fdnet_stack_free(stack);
	assert(!fdnet_pkt_pool_outstanding(pool));
	fdnet_pkt_pool_free(pool);
	return 0;
}
