/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uthash as the relay uses it: with a secret key, since guests choose what is
 * hashed, and without exit() when memory is short. After HASH_ADD* look at
 * hash_added(): a failed addition leaves the table as it was.
 */
#ifndef RELAY_HASH_H
#define RELAY_HASH_H

#include <stddef.h>
#include <stdint.h>

/** hash_seed - choose the key; before the first table is made */
void hash_seed(const uint8_t key[16]);

/** hash_bytes - SipHash-1-3 of @len bytes under the key */
uint64_t hash_bytes(const void *data, size_t len);

#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(keyptr, keylen, hashv)                                   \
	((hashv) = (unsigned int)hash_bytes((keyptr), (keylen)))
#include <uthash.h>
#include <utlist.h>

#define hash_added(elt) ((elt)->hh.tbl != NULL)

#endif
