/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that may be given again (RFC 1034 5.3.3, RFC 2308): those of name
 * servers, for as long as their records live, within limits.
 *
 * How it works: a hash from name and type to the message, with the whole list
 * in order of use. Who asks again gets the message with the records' time
 * that has gone taken off; rules and pins are the caller's to look at again.
 */
#ifndef RELAY_DNS_CACHE_H
#define RELAY_DNS_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "relay/dns_msg.h"

/* The longest life of an answer, and of one that says "no". */
#define DNS_CACHE_MAX_S 3600
#define DNS_CACHE_NO_S 300
/* Larger messages are asked for again. */
#define DNS_CACHE_MSG_MAX 4096

struct dns_cache_entry;

struct dns_cache {
	struct dns_cache_entry *table;
	struct dns_cache_entry *lru; /* the longest unused first */
	unsigned int count;
	uint64_t hits, misses;
};

/** dns_cache_init - empty; dns_cache_flush - forget all */
void dns_cache_init(struct dns_cache *cache);
void dns_cache_flush(struct dns_cache *cache);

/**
 * dns_cache_put - an answer has come
 * @msg, @len:  of a name server, in order (dns_answer_adopt()); copied
 *
 * What may not be kept is not. When there are LIMIT_DNS_CACHE answers, the one
 * longest unused goes.
 */
void dns_cache_put(struct dns_cache *cache, const struct dns_question *q,
		   const uint8_t *msg, size_t len, uint64_t now_us);

/**
 * dns_cache_get - has it been asked before?
 * @dst:  DNS_CACHE_MSG_MAX bytes
 *
 * Returns the message's length, with TTLs of now; 0: it must be asked.
 */
size_t dns_cache_get(struct dns_cache *cache, const struct dns_question *q,
		     uint64_t now_us, uint8_t *dst);

struct fdnet_save;
/** dns_cache_state - all answers (state.h) */
void dns_cache_state(struct dns_cache *cache, struct fdnet_save *s);

#endif
