/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a name or an address: from /etc/hosts, or else from the
 * name servers.
 */
#ifndef SHIM_LOOKUP_H
#define SHIM_LOOKUP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#define LOOKUP_ADDRS 4096 /* more records are not in 64 KiB */
#define LOOKUP_ALIASES 255
#define LOOKUP_ANSWER 65536
#define LOOKUP_ONLY_ALIAS 99 /* beside HOST_NOT_FOUND and its like */

struct lookup_addr {
	int family; /* AF_INET or AF_INET6 */
	unsigned char bytes[16];
};

/**
 * struct lookup - what was found
 * @name:     the canonical one, in @text; NULL while there is none
 * @aliases:  its other names, in @text
 * @answer:   room for the name servers' answers
 *
 * Large: it comes from shim_lookup_new().
 */
struct lookup {
	const char *name;
	const char *aliases[LOOKUP_ALIASES + 1];
	unsigned int naliases, naddrs;
	struct lookup_addr addrs[LOOKUP_ADDRS];
	size_t used;
	char text[LOOKUP_ANSWER];
	unsigned char answer[2][LOOKUP_ANSWER];
};

/** shim_lookup_new - an empty one, or NULL; shim_lookup_free() takes NULL */
struct lookup *shim_lookup_new(void);
void shim_lookup_free(struct lookup *l);

/**
 * shim_lookup_host - the addresses of a name
 * @l:       empty; further addresses are added behind those it has
 * @family:  AF_INET, AF_INET6, or AF_UNSPEC for both
 *
 * Returns 0, or what gethostbyname() leaves in h_errno: HOST_NOT_FOUND,
 * NO_DATA, TRY_AGAIN, NO_RECOVERY, NETDB_INTERNAL; or LOOKUP_ONLY_ALIAS, an
 * alias of a name without addresses, which libc's calls tell differently.
 */
int shim_lookup_host(struct lookup *l, const char *name, int family);

/** shim_lookup_addr - the name of @addr, which becomes the only address; the
 * results are shim_lookup_host()'s */
int shim_lookup_addr(struct lookup *l, const struct lookup_addr *addr);

/** shim_lookup_add - one address more. Whether there was room */
bool shim_lookup_add(struct lookup *l, int family, const void *bytes);

/** shim_lookup_name, shim_lookup_alias - keep a copy of a name; one that is
 * known already is left out of the aliases */
bool shim_lookup_name(struct lookup *l, const char *name);
bool shim_lookup_alias(struct lookup *l, const char *name);

/** shim_hosts_name, shim_hosts_addr - what hosts(5) says. Found? */
bool shim_hosts_name(struct lookup *l, const char *name, int family);
bool shim_hosts_addr(struct lookup *l, const struct lookup_addr *addr);

/** shim_is_numeric - is @node an address, so that libc needs no network? */
bool shim_is_numeric(const char *node);

#endif
