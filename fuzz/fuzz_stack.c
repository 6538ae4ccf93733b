/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets from the link into a stack with sockets of every kind.
 *
 * The first byte chooses the stack's settings. Then come records: a byte that
 * says what to do, a length of two bytes, and a packet of that length. Header
 * and transport checksums are made right, for a fuzzer does not guess them.
 */
#include "config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stack/internal.h"
#include "stack/wire/csum.h"
#include "stack/wire/ipv4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SET_GATEWAY = 1,
	SET_SWITCHED = 2,
	SET_BIG = 4,
	SET_CSUM = 8,
	SET_ETHERNET = 16,
};
enum { DO_SLICES = 1, DO_TIME = 2, DO_RECV = 4, DO_LOOP = 8, DO_ERRORS = 16 };
#define MAX_SOCKS 12

static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 1 };

struct world {
	struct fdnet_stack *stack;
	struct fdnet_pkt_pool *pool;
	struct fdnet_sock *so[MAX_SOCKS];
	unsigned int n;
	uint64_t now_us;
};

static void add_addr(struct world *w, const char *text, unsigned int bits)
{
	struct fdnet_ip ip;

	fdnet_ip_parse(text, &ip);
	assert(!fdnet_stack_add_addr(w->stack, &ip, bits));
}

/* Of whom redirects are believed. */
static void add_gateway(struct world *w)
{
	struct fdnet_ip any = fdnet_ip4(0), gateway = fdnet_ip4(0x0a000002);

	assert(!fdnet_stack_add_route(w->stack, &any, 0, &gateway));
}

/* Groups with sources, so that queries for them mean something. */
static void join(struct fdnet_sock *so, int family)
{
	struct group_source_req req = { .gsr_interface = 2 };
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&req.gsr_group;
	struct sockaddr_in *sin = (struct sockaddr_in *)&req.gsr_group;

	if (family == 4) {
		sin->sin_family = AF_INET;
		sin->sin_addr.s_addr = htonl(0xe8010101);
		req.gsr_source = req.gsr_group;
		sin = (struct sockaddr_in *)&req.gsr_source;
		sin->sin_addr.s_addr = htonl(0x0a000002);
	} else {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_addr.s6_addr[0] = 0xff;
		sin6->sin6_addr.s6_addr[1] = 5;
		sin6->sin6_addr.s6_addr[15] = 1;
		req.gsr_source = req.gsr_group;
		sin6 = (struct sockaddr_in6 *)&req.gsr_source;
		sin6->sin6_addr.s6_addr[0] = 0xfd;
	}
	assert(!fdnet_sock_setopt(so, family == 4 ? IPPROTO_IP : IPPROTO_IPV6,
				  MCAST_JOIN_SOURCE_GROUP, &req, sizeof(req)));
}

static void add_sock(struct world *w, int family, int type, int proto,
		     const char *text, uint16_t port)
{
	struct fdnet_name name = { .port = port };
	struct fdnet_sock *so;
	int on = 1;

	assert(!fdnet_sock_open(w->stack, family, type, proto, &so));
	w->so[w->n++] = so;
	fdnet_sock_setopt(so, 0, 11 /* IP_RECVERR */, &on, sizeof(on));
	if (!text)
		return;
	fdnet_ip_parse(text, &name.ip);
	assert(!fdnet_sock_bind(so, &name));
	if (type == FDNET_SOCK_STREAM)
		assert(!fdnet_sock_listen(so, 4));
}

static void make_world(struct world *w, uint8_t settings)
{
	struct fdnet_stack_config cfg;

	memset(w, 0, sizeof(*w));
	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	w->pool = fdnet_pkt_pool_new(cfg.mem, 16, 0);
	cfg.pool = w->pool;
	cfg.gateway = settings & SET_GATEWAY;
	cfg.forward = settings & SET_GATEWAY;
	cfg.switched = settings & SET_SWITCHED;
	cfg.csum_offload = settings & SET_CSUM;
	cfg.ethernet = settings & SET_ETHERNET;
	memcpy(cfg.link_addr, own_mac, 6);
	if (settings & SET_BIG)
		cfg.gso_max = 131072;
	assert(!fdnet_stack_new(&cfg, 1000000, &w->stack));
	w->now_us = 1000000;
	add_addr(w, "10.0.0.1", 24);
	add_addr(w, "fd00::1", 64);
	add_gateway(w);
	add_sock(w, 6, FDNET_SOCK_DGRAM, 17, "::", 53);
	add_sock(w, 4, FDNET_SOCK_DGRAM, 17, "10.0.0.1", 7);
	add_sock(w, 6, FDNET_SOCK_STREAM, 6, "::", 80);
	add_sock(w, 4, FDNET_SOCK_DGRAM, 1, "0.0.0.0", 7);
	add_sock(w, 6, FDNET_SOCK_DGRAM, 58, "::", 7);
	add_sock(w, 4, FDNET_SOCK_RAW, 1, NULL, 0);
	add_sock(w, 6, FDNET_SOCK_RAW, 58, NULL, 0);
	add_sock(w, 4, FDNET_SOCK_RAW, 200, NULL, 0);
	add_sock(w, 6, FDNET_SOCK_DGRAM, 136, "::", 53);
	join(w->so[0], 6);
	join(w->so[1], 4);
}

static void end_world(struct world *w)
{
	fdnet_stack_free(w->stack);
	assert(!fdnet_pkt_pool_outstanding(w->pool));
	fdnet_pkt_pool_free(w->pool);
}

static void drain(struct world *w, bool back)
{
	struct fdnet_pkt *pkt;
	unsigned int n = 0;

	while ((pkt = fdnet_stack_output(w->stack))) {
		assert(fdnet_pkt_total(pkt) <= 1500 || pkt->gso_size);
		assert(++n < 10000);
		if (back && n < 10)
			fdnet_stack_input(w->stack, pkt);
		else
			fdnet_pkt_free(pkt);
	}
}

static void receive(struct world *w, bool errors)
{
	uint8_t buf[2048];
	struct iovec iov = { buf, sizeof(buf) };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
	struct fdnet_sock *so;
	uint32_t ev;
	unsigned int i;

	while ((so = fdnet_stack_next_event(w->stack, &ev)))
		fdnet_sock_poll(so);
	for (i = 0; i < w->n; i++) {
		do
			msg.flags = errors ? FDNET_MSG_ERRQUEUE : 0;
		while (fdnet_sock_recv(w->so[i], &msg) >= 0);
	}
	while ((so = fdnet_stack_next_request(w->stack)))
		fdnet_sock_refuse(so, 111);
}

/* The packet as a link delivers it: its payload perhaps in a slice. */
static void input(struct world *w, const uint8_t *p, size_t len, bool slices)
{
	size_t linear = len > 2000 ? 64 : len;
	struct fdnet_pkt *pkt = fdnet_pkt_new(w->pool);
	struct fdnet_buf *buf;
	uint8_t *hdr;

	if (slices && linear > 40)
		linear = 20 + len % 40;
	if (linear > len)
		linear = len;
	hdr = fdnet_pkt_put(pkt, (uint32_t)linear);
	memcpy(hdr, p, linear);
	if (len > linear) {
		buf = fdnet_buf_new(w->pool);
		memcpy(buf->data, p + linear, len - linear);
		fdnet_pkt_add_slice(pkt, buf, buf->data,
				    (uint32_t)(len - linear));
		fdnet_buf_unref(buf);
	}
	if (linear >= 20 && hdr[0] >> 4 == 4 && (hdr[0] & 15) >= 5 &&
	    (hdr[0] & 15) * 4u <= linear)
		fdnet_ipv4_set_csum(hdr, (uint8_t)((hdr[0] & 15) * 4));
	pkt->flags = FDNET_PKT_CSUM_TRUSTED;
	/* on Ethernet: what does not look like IP is ARP */
	memcpy(pkt->link_dst, own_mac, 6);
	pkt->link_src[0] = 4;
	pkt->ethertype = len && p[0] >> 4 == 4 ? 0x0800 :
			 len && p[0] >> 4 == 6 ? 0x86dd :
						 0x0806;
	/* ICMP's own checksum, for plain packets */
	if (len == linear && len >= 28 && hdr[0] == 0x45 && hdr[9] == 1) {
		memset(hdr + 22, 0, 2);
		fdnet_csum_store(hdr + 22, fdnet_csum_add(0, hdr + 20,
							  len - 20));
	}
	fdnet_stack_input(w->stack, pkt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w;
	size_t len;
	uint8_t what;

	if (size < 1)
		return 0;
	make_world(&w, data[0]);
	data++;
	size--;
	while (size >= 3) {
		what = data[0];
		len = (size_t)data[1] << 8 | data[2];
		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		input(&w, data, len, what & DO_SLICES);
		data += len;
		size -= len;
		drain(&w, what & DO_LOOP);
		if (what & (DO_RECV | DO_ERRORS))
			receive(&w, what & DO_ERRORS);
		if (what & DO_TIME) {
			w.now_us += 5000000;
			fdnet_stack_set_time(w.stack, w.now_us);
			fdnet_stack_advance(w.stack);
			drain(&w, false);
		}
	}
	end_world(&w);
	return 0;
}
