/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/hash.h"

#include <string.h>

#include "base/siphash.h"

/* Of the process: the relay serves one sandbox. */
static uint64_t hash_key[2];

void hash_seed(const uint8_t key[16])
{
	memcpy(hash_key, key, sizeof(hash_key));
}

uint64_t hash_bytes(const void *data, size_t len)
{
	return fdnet_siphash(hash_key, data, len);
}
