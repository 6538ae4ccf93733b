/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every packet header decoder of stack/wire; the first byte chooses which.
 * What was decoded and can be encoded decodes to the same again.
 */
#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/tcp.h"
#include "stack/wire/udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_ipv4(const uint8_t *data, size_t size)
{
	struct fdnet_ipv4 hdr;
	uint8_t pos = 20, type, len;
	unsigned int steps = 0;

	if (fdnet_ipv4_decode(data, size, &hdr) < 0)
		return;
	assert(hdr.hdr_len >= 20 && hdr.hdr_len <= size);
	fdnet_ipv4_csum_ok(data, hdr.hdr_len);
	while (fdnet_ipv4_next_option(data, hdr.hdr_len, &pos, &type, &len) > 0)
		assert(++steps <= 40);
}

static void try_ipv6(const uint8_t *data, size_t size)
{
	struct fdnet_ipv6 hdr, again;
	struct fdnet_ipv6_frag frag;
	uint8_t bytes[40];

	fdnet_ipv6_frag_decode(data, size, &frag);
	if (fdnet_ipv6_decode(data, size, &hdr) < 0)
		return;
	fdnet_ipv6_encode(bytes, &hdr);
	assert(fdnet_ipv6_decode(bytes, sizeof(bytes), &again) == 0);
}

static void try_tcp(const uint8_t *data, size_t size)
{
	struct fdnet_tcp_hdr hdr;

	memset(&hdr, 0, sizeof(hdr));
	fdnet_tcp_hdr_decode(data, size, &hdr);
}

static void try_small(const uint8_t *data, size_t size)
{
	struct fdnet_icmp icmp;
	struct fdnet_udp udp;
	uint8_t bytes[8];

	if (fdnet_icmp_decode(data, size, &icmp) == 0)
		fdnet_icmp_encode(bytes, &icmp);
	if (fdnet_udp_decode(data, size, &udp) == 0)
		fdnet_udp_encode(bytes, &udp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const uint8_t *, size_t) = {
		try_ipv4, try_ipv6, try_tcp, try_small};

	if (size > 0)
		tries[data[0] % 4](data + 1, size - 1);
	return 0;
}
