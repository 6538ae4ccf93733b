/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to the name servers, by c-ares, whose sockets are ours like
 * the program's: the relay's forwarder, or the servers that the program chose.
 */
#ifndef SHIM_LOOKUP_H
#define SHIM_LOOKUP_H

#include <ares.h>
#include <netdb.h>
#include <stdbool.h>

/* One lookup in progress. */
struct lookup {
	ares_channel channel;
	bool done;
	int status; /* ARES_* */
	struct ares_addrinfo *info;
	char host[NI_MAXHOST]; /* of an address, with ares_getnameinfo */
	bool has_host;
};

/**
 * shim_lookup_host - the addresses of a name
 * @family:  AF_UNSPEC, AF_INET or AF_INET6
 * @flags:   AI_*: with AI_V4MAPPED, IPv4 addresses stand in for IPv6 ones
 *           where there are none, with AI_ALL beside them
 * @l:       zeroed or not; @l->info is valid on success
 *
 * Returns 0 or EAI_*. When @l->channel is set it is to be closed.
 */
int shim_lookup_host(const char *node, int family, int flags,
		     struct lookup *l);

/** shim_lookup_addr - the name of an address into @l->host; 0 or EAI_* */
int shim_lookup_addr(const struct sockaddr *addr, socklen_t len,
		     struct lookup *l);

/** shim_lookup_close - the answer is no longer needed */
void shim_lookup_close(struct lookup *l);

/** shim_is_numeric - is @node an address, so that libc needs no network? */
bool shim_is_numeric(const char *node);

#endif
