/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-1-3 (Aumasson, Bernstein 2012): a keyed hash for tables whose keys
 * a peer may choose, and for sequence numbers (RFC 6528). */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/**
 * fdnet_siphash - hash bytes under a secret key
 * @key:   16 random bytes; borrowed
 * @data:  @len bytes; borrowed
 *
 * Returns the hash. Any thread; no allocation.
 */
uint64_t fdnet_siphash(const uint64_t key[2], const void *data, size_t len);

/** fdnet_siphash24 - SipHash-2-4, where others compute it too */
uint64_t fdnet_siphash24(const uint64_t key[2], const void *data, size_t len);

#endif
