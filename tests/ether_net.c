/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/ether_net.h"

#include <check.h>
#include <string.h>

#include "stack/wire/arp.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv6.h"

const uint8_t ether_macs[2][6] = {
	{ 2, 0, 0, 0, 0, 1 },
	{ 2, 0, 0, 0, 0, 2 },
};
const uint8_t ether_everybody[6] = { 255, 255, 255, 255, 255, 255 };

struct stack_pair *ether_pair;
struct fdnet_stack *ether_stack;

void ether_setup_with(void (*change)(struct fdnet_stack_config *cfg))
{
	struct fdnet_stack_config cfg[2];
	int i;

	for (i = 0; i < 2; i++) {
		stack_pair_config(&cfg[i], i);
		cfg[i].ethernet = true;
		memcpy(cfg[i].link_addr, ether_macs[i], 6);
	}
	if (change)
		change(&cfg[0]);
	ether_pair = stack_pair_new(&cfg[0], &cfg[1]);
	ether_stack = ether_pair->s[0];
}

void ether_setup(void)
{
	ether_setup_with(NULL);
}

void ether_teardown(void)
{
	stack_pair_free(ether_pair);
}

uint64_t ether_counter(enum fdnet_stack_counter which)
{
	return fdnet_stack_counter(ether_stack, which);
}

struct fdnet_sock *ether_udp(int side, int family, uint16_t port)
{
	struct fdnet_sock *so = sock_open(ether_pair->s[side], family,
					  FDNET_SOCK_DGRAM, 17);

	if (port)
		sock_bind(so, family == 4 ? "0.0.0.0" : "::", port);
	return so;
}

void ether_expect(uint16_t ethertype, const uint8_t dst[6])
{
	struct fdnet_pkt *pkt = fdnet_stack_output(ether_stack);

	ck_assert_ptr_nonnull(pkt);
	ck_assert_uint_eq(pkt->ethertype, ethertype);
	ck_assert_mem_eq(pkt->link_dst, dst, 6);
	ck_assert_mem_eq(pkt->link_src, ether_macs[0], 6);
	fdnet_pkt_free(pkt);
}

void ether_expect_none(void)
{
	ck_assert_ptr_null(fdnet_stack_output(ether_stack));
}

void ether_drain(void)
{
	struct fdnet_pkt *pkt;

	while ((pkt = fdnet_stack_output(ether_stack)))
		fdnet_pkt_free(pkt);
}

void ether_frame(uint16_t ethertype, const uint8_t dst[6], const void *data,
		 size_t len)
{
	struct fdnet_pkt *pkt = pkt_from_bytes(ether_pair->pool, data, len);

	memcpy(pkt->link_dst, dst, 6);
	memcpy(pkt->link_src, ether_macs[1], 6);
	pkt->ethertype = ethertype;
	fdnet_stack_input(ether_stack, pkt);
}

void ether_arp(uint16_t op, const uint8_t *mac, const char *sender,
	       const char *target)
{
	struct fdnet_arp a = { .op = op };
	uint8_t bytes[FDNET_ARP_LEN];

	memcpy(a.sender_mac, mac, 6);
	memcpy(a.sender_ip, name_of(sender, 0).ip.bytes, 4);
	memcpy(a.target_ip, name_of(target, 0).ip.bytes, 4);
	fdnet_arp_encode(bytes, &a);
	ether_frame(FDNET_ETHERTYPE_ARP, ether_everybody, bytes,
		    sizeof(bytes));
}

void ether_icmp6(const char *src, const char *dst, uint8_t hops,
		 const void *body, size_t len)
{
	struct fdnet_name s = name_of(src, 0), d = name_of(dst, 0);
	struct fdnet_ipv6 hdr = {
		.payload_len = (uint16_t)len,
		.next = 58,
		.hops = hops,
	};
	uint8_t p[40 + 1240] = { 0 }, mac[6] = { 0x33, 0x33 };

	ck_assert_uint_le(len, sizeof(p) - 40);
	memcpy(hdr.src, s.ip.bytes, 16);
	memcpy(hdr.dst, d.ip.bytes, 16);
	fdnet_ipv6_encode(p, &hdr);
	memcpy(p + 40, body, len);
	if (len >= 4) {
		memset(p + 42, 0, 2);
		fdnet_csum_store(p + 42,
				 fdnet_csum_add(fdnet_pseudo_csum(&s.ip, &d.ip,
								  58,
								  (uint32_t)len),
						p + 40, len));
	}
	memcpy(mac + 2, d.ip.bytes + 12, 4);
	ether_frame(FDNET_ETHERTYPE_IPV6,
		    d.ip.bytes[0] == 0xff ? mac : ether_macs[0], p, 40 + len);
}

void ether_advert(const char *target, uint8_t flags, const uint8_t *mac)
{
	uint8_t p[FDNET_ND_LEN + 8] = { FDNET_ND_NA };
	struct fdnet_name t = name_of(target, 0);

	p[4] = flags;
	memcpy(p + 8, t.ip.bytes, 16);
	p[24] = FDNET_ND_OPT_TARGET;
	p[25] = 1;
	if (mac)
		memcpy(p + 26, mac, 6);
	ether_icmp6(target, "fd00::1", 255, p,
		    mac ? sizeof(p) : FDNET_ND_LEN);
}

const char *ether_hop(const char *dst)
{
	static char text[FDNET_IP_STRLEN];
	struct fdnet_name to = name_of(dst, 0);
	struct fdnet_ip hop;

	if (fdnet_route_find(ether_stack, &to.ip, &hop))
		return "none";
	return fdnet_ip_format(&hop, text);
}
