/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum (RFC 1071).
 *
 * Sums are of 16-bit words as they lie in memory, so a folded sum is stored
 * with memcpy() and never byte-swapped.
 */
#ifndef STACK_WIRE_CSUM_H
#define STACK_WIRE_CSUM_H

#include <stddef.h>
#include <stdint.h>

#include <fdnet/packet.h>

/** fdnet_csum_add - add bytes that start at an even offset to a sum */
uint32_t fdnet_csum_add(uint32_t sum, const void *data, size_t len);

/** fdnet_csum_pkt - add a packet's bytes from @offset to the end to a sum */
uint32_t fdnet_csum_pkt(uint32_t sum, const struct fdnet_pkt *pkt,
			uint32_t offset);

/** fdnet_csum_fold - the sum as 16 bits, not complemented */
uint16_t fdnet_csum_fold(uint32_t sum);

/** fdnet_csum_store - the complement of the sum into a header field */
void fdnet_csum_store(uint8_t *field, uint32_t sum);

#endif
