/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address came from which name (D12): what the forwarder answered is
 * remembered, so that rules may name hosts. An address that nobody looked up
 * has no name.
 *
 * How it works: a hash from address to a few names, each with an end. Names
 * outlive their TTL within limits, since programs keep addresses longer than
 * resolvers do. When the table is full the address longest unused goes.
 */
#ifndef RELAY_NAMES_H
#define RELAY_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/stack.h>

/* Bytes of a name in text form with its NUL (RFC 1035 2.3.4). */
#define NAMES_MAX_LEN 254
/* A pin lasts for the answer's TTL, but within these. */
#define NAMES_MIN_US (300 * 1000000ull)
#define NAMES_MAX_US (86400 * 1000000ull)

struct names_entry;

struct names {
	struct names_entry *table; /* by address */
	struct names_entry *lru;   /* the longest unused first */
	unsigned int count;
};

/** names_init - empty; names_done - drop all */
void names_init(struct names *names);
void names_done(struct names *names);

/**
 * names_pin - @name was answered with @ip
 * @ip:     normalised (addr_normalise())
 * @name:   lower case, without the last dot; copied
 * @ttl_s:  of the answer
 *
 * Returns 0, -ENOMEM, -EINVAL (too long).
 */
int names_pin(struct names *names, const struct fdnet_ip *ip, const char *name,
	      uint32_t ttl_s, uint64_t now_us);

/**
 * names_match - does @ip have a name that @match likes?
 *
 * Names past their end are not shown.
 */
bool names_match(struct names *names, const struct fdnet_ip *ip,
		 uint64_t now_us,
		 bool (*match)(const char *name, const void *arg),
		 const void *arg);

/** names_of - the name last pinned to @ip, or NULL; valid until names_pin() */
const char *names_of(struct names *names, const struct fdnet_ip *ip,
		     uint64_t now_us);

struct fdnet_save;
/** names_state - all pins (state.h) */
void names_state(struct names *names, struct fdnet_save *s);

#endif
