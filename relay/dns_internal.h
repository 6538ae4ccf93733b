/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the forwarder's files share: dns.c has the guests' sockets, dns_ask.c
 * finds the answers.
 */
#ifndef RELAY_DNS_INTERNAL_H
#define RELAY_DNS_INTERNAL_H

#include "relay/dns.h"
#include "relay/dns_cache.h"
#include "relay/dns_msg.h"
#include "relay/hosts.h"
#include "relay/resolver.h"

struct dns {
	struct resolver *resolver;
	struct hosts hosts;
	struct dns_cache cache;
	struct dns_query *queries; /* in flight */
	unsigned int nqueries;
	struct dns_query *restored; /* of another relay: not asked yet */
	/* token bucket, in millionths of a question */
	uint64_t tokens, tokens_us;
};

/* Where an answer goes: a datagram's sender, or a connection. */
struct dns_asker {
	uint32_t guest;
	uint32_t conn; /* its number, 0: by datagram */
	struct fdnet_name from, to;
};

/**
 * dns_ask - find the answer to one question
 * @msg, @len:  as the guest sent it
 *
 * dns_reply() is called once, perhaps before this returns.
 * Returns 0, or -EBADMSG when there is nothing to answer to.
 */
int dns_ask(struct guest *guest, const struct dns_asker *asker,
	    const uint8_t *msg, size_t len);

/** dns_reply - send an answer (dns.c)
 * @msg:  with DNS_OPT_LEN bytes of room behind @len */
void dns_reply(struct relay *relay, const struct dns_asker *asker,
	       const struct dns_question *q, uint8_t *msg, size_t len);

/** dns_forget - drop a guest's questions in flight (dns_ask.c); 0: all */
void dns_forget(struct relay *relay, uint32_t guest);

struct fdnet_save;
/** dns_queries_state - questions in flight (dns_ask.c, state.h) */
void dns_queries_state(struct relay *relay, struct fdnet_save *s);
/** dns_forget_restored - those that were not asked yet */
void dns_forget_restored(struct relay *relay);

#endif
