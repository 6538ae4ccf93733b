/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the host's name servers, through c-ares: retries, server
 * choice and TCP after truncation are its business.
 */
#ifndef RELAY_RESOLVER_H
#define RELAY_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include <fdnet/stack.h>

#include "relay/loop.h"

struct options;
struct resolver;

/* The outcome of a question. */
enum resolver_result {
	RESOLVER_ANSWER,   /* a message, whatever its rcode */
	RESOLVER_NONAME,   /* the name does not exist */
	RESOLVER_FAILED,   /* no server, no answer, or nonsense */
	RESOLVER_CANCELED, /* the resolver goes away */
};

typedef void resolver_done_fn(void *arg, enum resolver_result result,
			      const uint8_t *msg, size_t len);

/**
 * resolver_new - read the host's configuration
 * @loop:  the servers' sockets are waited for there; shared
 * @opts:  --dns replaces the configured servers
 *
 * Returns 0, -ENOMEM, -EINVAL.
 */
int resolver_new(struct loop *loop, const struct options *opts,
		 struct resolver **ret_resolver);
/**
 * resolver_system_servers - the name servers of the machine's configuration
 * @ret_ips:  up to @max are written, each address once
 *
 * Returns how many; none when the configuration cannot be read.
 */
unsigned int resolver_system_servers(struct fdnet_ip *ret_ips,
				     unsigned int max);
/** resolver_free - the questions in flight end as RESOLVER_CANCELED */
void resolver_free(struct resolver *resolver);

/**
 * resolver_ask - send a question
 * @name:  as text
 * @done:  called once with the answer, perhaps before this returns
 */
void resolver_ask(struct resolver *resolver, const char *name, uint16_t type,
		  resolver_done_fn *done, void *arg);

/** resolver_event - SOURCE_RESOLVER's handler */
void resolver_event(struct source *src, uint32_t events);
/** resolver_timeout_us - time until resolver_advance() is due, or FDNET_NEVER */
uint64_t resolver_timeout_us(struct resolver *resolver);
/** resolver_advance - give up on servers that have not answered */
void resolver_advance(struct resolver *resolver);

#endif
