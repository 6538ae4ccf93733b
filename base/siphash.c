/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "base/siphash.h"

#include <string.h>

static uint64_t rotl(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static inline void sip_rounds(uint64_t v[4], int n)
{
	while (n--)
		sip_round(v);
}

static inline uint64_t siphash(const uint64_t key[2], const void *data,
			       size_t len, int rounds, int final)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575,
		key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261,
		key[1] ^ 0x7465646279746573,
	};
	const uint8_t *p = data;
	uint64_t m, last = (uint64_t)len << 56;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&m, p, 8);
		v[3] ^= m;
		sip_rounds(v, rounds);
		v[0] ^= m;
	}
	m = 0;
	memcpy(&m, p, len);
	last |= m;
	v[3] ^= last;
	sip_rounds(v, rounds);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_rounds(v, final);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t fdnet_siphash(const uint64_t key[2], const void *data, size_t len)
{
	return siphash(key, data, len, 1, 3);
}

uint64_t fdnet_siphash24(const uint64_t key[2], const void *data, size_t len)
{
	return siphash(key, data, len, 2, 4);
}
