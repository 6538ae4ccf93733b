/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries of the resolver (resolver(3)): of one type for res_nquery() and its
 * like, of IPv4 and IPv6 addresses at once for getaddrinfo().
 */
#ifndef SHIM_RESOLV_H
#define SHIM_RESOLV_H

#include <resolv.h>

/* One type of record that is asked for, and the answer. */
struct shim_reply {
	int type;
	unsigned char *answer;
	int room;
	int len; /* > 0: an answer that has records */
};

/**
 * shim_resolv_state - the state for a lookup of the library's own
 * @local:  used when the thread has none
 *
 * Returns the thread's if it has one, else @local, from resolv.conf and the
 * environment; NULL if that fails. Give it back by shim_resolv_done().
 */
struct __res_state *shim_resolv_state(struct __res_state *local);
void shim_resolv_done(struct __res_state *state, struct __res_state *local);

/**
 * shim_resolv_query, shim_resolv_search - ask for @n types of @name
 *
 * The search follows the domains of resolv.conf.
 *
 * Returns 0 when one of the replies has records, else -1; then
 * @state->res_h_errno tells why.
 */
int shim_resolv_query(struct __res_state *state, const char *name, int class,
		      struct shim_reply *reply, unsigned int n);
int shim_resolv_search(struct __res_state *state, const char *name, int class,
		       struct shim_reply *reply, unsigned int n);

#endif
