/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/dns_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/hash.h"
#include "relay/limits.h"
#include "relay/state.h"

struct dns_cache_key {
	uint16_t type;
	char name[NAMES_MAX_LEN];
};

struct dns_cache_entry {
	struct dns_cache_key key;
	uint8_t *msg;
	size_t len;
	uint64_t since_us, end_us;
	struct dns_cache_entry *prev, *next;
	UT_hash_handle hh;
};

void dns_cache_init(struct dns_cache *cache)
{
	memset(cache, 0, sizeof(*cache));
}

static void entry_free(struct dns_cache *cache, struct dns_cache_entry *entry)
{
	HASH_DEL(cache->table, entry);
	DL_DELETE(cache->lru, entry);
	cache->count--;
	free(entry->msg);
	free(entry);
}

void dns_cache_flush(struct dns_cache *cache)
{
	while (cache->lru)
		entry_free(cache, cache->lru);
}

static struct dns_cache_entry *find(struct dns_cache *cache,
				    const struct dns_question *q,
				    struct dns_cache_key *key)
{
	struct dns_cache_entry *entry;

	memset(key, 0, sizeof(*key));
	key->type = q->type;
	strcpy(key->name, q->name);
	HASH_FIND(hh, cache->table, key, sizeof(*key), entry);
	return entry;
}

void dns_cache_put(struct dns_cache *cache, const struct dns_question *q,
		   const uint8_t *msg, size_t len, uint64_t now_us)
{
	struct dns_cache_key key;
	struct dns_cache_entry *entry = find(cache, q, &key);
	uint32_t life_s = dns_answer_life(msg, len, DNS_CACHE_MAX_S,
					  DNS_CACHE_NO_S);

	if (entry)
		entry_free(cache, entry);
	if (!life_s || len > DNS_CACHE_MSG_MAX)
		return;
	if (cache->count >= LIMIT_DNS_CACHE)
		entry_free(cache, cache->lru);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return;
	entry->key = key;
	entry->len = len;
	entry->since_us = now_us;
	entry->end_us = now_us + life_s * 1000000ull;
	entry->msg = malloc(len);
	if (entry->msg) {
		memcpy(entry->msg, msg, len);
		HASH_ADD(hh, cache->table, key, sizeof(entry->key), entry);
	}
	if (!entry->msg || !hash_added(entry)) {
		free(entry->msg);
		free(entry);
		return;
	}
	DL_APPEND(cache->lru, entry);
	cache->count++;
}

size_t dns_cache_get(struct dns_cache *cache, const struct dns_question *q,
		     uint64_t now_us, uint8_t *dst)
{
	struct dns_cache_key key;
	struct dns_cache_entry *entry = find(cache, q, &key);

	if (entry && entry->end_us <= now_us) {
		entry_free(cache, entry);
		entry = NULL;
	}
	if (!entry) {
		cache->misses++;
		return 0;
	}
	cache->hits++;
	DL_DELETE(cache->lru, entry);
	DL_APPEND(cache->lru, entry);
	memcpy(dst, entry->msg, entry->len);
	dns_answer_age(dst, entry->len,
		       (uint32_t)((now_us - entry->since_us) / 1000000));
	return entry->len;
}

/* ---- state.h ---- */

static void entry_state(struct fdnet_save *s, struct dns_cache_entry *entry)
{
	entry->key.type = fdnet_save_u16(s, entry->key.type);
	state_chars(s, entry->key.name, sizeof(entry->key.name));
	entry->since_us = fdnet_save_u64(s, entry->since_us);
	entry->end_us = fdnet_save_u64(s, entry->end_us);
	entry->len = fdnet_save_count(s, (uint32_t)entry->len,
				      DNS_CACHE_MSG_MAX, 1);
	if (s->reading)
		entry->msg = state_alloc(s, entry->len ? entry->len : 1);
	if (entry->msg)
		fdnet_save_bytes(s, entry->msg, entry->len);
	if (s->reading && !s->rc)
		fdnet_save_check(s, dns_answer_life(entry->msg, entry->len,
						    DNS_CACHE_MAX_S,
						    DNS_CACHE_NO_S));
}

static void read_entry(struct fdnet_save *s, struct dns_cache *cache)
{
	struct dns_cache_entry *entry = state_alloc(s, sizeof(*entry));

	if (!entry)
		return;
	entry_state(s, entry);
	if (!s->rc) {
		HASH_ADD(hh, cache->table, key, sizeof(entry->key), entry);
		if (!hash_added(entry))
			fdnet_save_fail(s, -ENOMEM);
	}
	if (s->rc) {
		free(entry->msg);
		free(entry);
		return;
	}
	DL_APPEND(cache->lru, entry);
	cache->count++;
}

void dns_cache_state(struct dns_cache *cache, struct fdnet_save *s)
{
	uint32_t n = fdnet_save_count(s, cache->count, LIMIT_DNS_CACHE, 277);
	struct dns_cache_entry *entry;

	if (s->reading)
		for (; n && !s->rc; n--)
			read_entry(s, cache);
	else
		DL_FOREACH(cache->lru, entry)
			entry_state(s, entry);
	cache->hits = fdnet_save_u64(s, cache->hits);
	cache->misses = fdnet_save_u64(s, cache->misses);
}
