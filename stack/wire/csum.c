/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/wire/csum.h"

#include <string.h>

static uint32_t csum_reduce(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	return (uint32_t)sum;
}

uint32_t fdnet_csum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t acc = sum;
	uint32_t word[4];
	uint16_t half;

	while (len >= 16) {
		memcpy(word, p, 16);
		acc += (uint64_t)word[0] + word[1] + word[2] + word[3];
		p += 16;
		len -= 16;
	}
	while (len >= 4) {
		memcpy(word, p, 4);
		acc += word[0];
		p += 4;
		len -= 4;
	}
	if (len >= 2) {
		memcpy(&half, p, 2);
		acc += half;
		p += 2;
		len -= 2;
	}
	if (len) {
		half = 0;
		memcpy(&half, p, 1);
		acc += half;
	}
	return csum_reduce(acc);
}

uint16_t fdnet_csum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Bytes at an odd place count swapped: RFC 1071 2 (B). */
static uint32_t csum_add_at(uint32_t sum, const void *data, size_t len,
			    uint32_t pos)
{
	uint16_t part;

	if (!(pos & 1))
		return fdnet_csum_add(sum, data, len);
	part = fdnet_csum_fold(fdnet_csum_add(0, data, len));
	return csum_reduce((uint64_t)sum +
			   (uint16_t)(part << 8 | part >> 8));
}

uint32_t fdnet_csum_pkt(uint32_t sum, const struct fdnet_pkt *pkt,
			uint32_t offset)
{
	uint32_t pos = 0, skip;
	unsigned int i;

	if (offset < pkt->len) {
		sum = fdnet_csum_add(sum, pkt->data + offset,
				     pkt->len - offset);
		pos = pkt->len - offset;
		offset = 0;
	} else {
		offset -= pkt->len;
	}
	for (i = 0; i < pkt->nslices; i++) {
		const struct fdnet_slice *slice = &pkt->slices[i];

		skip = offset < slice->len ? offset : slice->len;
		offset -= skip;
		if (skip == slice->len)
			continue;
		sum = csum_add_at(sum, slice->data + skip, slice->len - skip,
				  pos);
		pos += slice->len - skip;
	}
	return sum;
}

void fdnet_csum_store(uint8_t *field, uint32_t sum)
{
	uint16_t csum = (uint16_t)~fdnet_csum_fold(sum);

	memcpy(field, &csum, 2);
}
