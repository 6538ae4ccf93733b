/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/lookup.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shim/call.h"
#include "shim/resolv.h"
#include "stack/wire/bytes.h"

/* ---- what was found ---- */

/* Its pages come when they are written. */
struct lookup *shim_lookup_new(void)
{
	struct lookup *l = malloc(sizeof(*l));

	if (!l)
		return NULL;
	l->name = NULL;
	l->naliases = l->naddrs = 0;
	l->used = 0;
	return l;
}

void shim_lookup_free(struct lookup *l)
{
	free(l);
}

static const char *keep(struct lookup *l, const char *name)
{
	size_t size = strlen(name) + 1;
	char *copy = l->text + l->used;

	if (size > sizeof(l->text) - l->used)
		return NULL;
	memcpy(copy, name, size);
	l->used += size;
	return copy;
}

bool shim_lookup_name(struct lookup *l, const char *name)
{
	l->name = keep(l, name);
	return l->name;
}

bool shim_lookup_alias(struct lookup *l, const char *name)
{
	const char *copy;

	if (l->name && !strcmp(l->name, name))
		return true;
	if (l->naliases == LOOKUP_ALIASES)
		return false;
	copy = keep(l, name);
	if (copy)
		l->aliases[l->naliases++] = copy;
	return copy;
}

bool shim_lookup_add(struct lookup *l, int family, const void *bytes)
{
	struct lookup_addr *addr = &l->addrs[l->naddrs];

	if (l->naddrs == LOOKUP_ADDRS)
		return false;
	memset(addr, 0, sizeof(*addr));
	addr->family = family;
	memcpy(addr->bytes, bytes, family == AF_INET ? 4 : 16);
	l->naddrs++;
	return true;
}

/* ---- answers ---- */

/* Where in an answer, and whose records count: behind an alias, those of the
 * name that it stands for. */
struct reader {
	const unsigned char *msg, *at, *end;
	char owner[NS_MAXDNAME], want[NS_MAXDNAME];
	int type;
	const unsigned char *data;
	int size;
};

static bool read_name(struct reader *r, const unsigned char *at, char *name)
{
	return ns_name_uncompress(r->msg, r->end, at, name, NS_MAXDNAME) >= 0;
}

static bool skip_name(struct reader *r)
{
	int n = dn_skipname(r->at, r->end);

	if (n < 0)
		return false;
	r->at += n;
	return true;
}

static bool reader_start(struct reader *r, const unsigned char *msg, int len)
{
	*r = (struct reader){ .msg = msg, .at = msg + NS_HFIXEDSZ,
			      .end = msg + len };
	if (len < NS_HFIXEDSZ || fdnet_get16(msg + 4) != 1 ||
	    !read_name(r, r->at, r->want) || !skip_name(r) ||
	    r->end - r->at < 4)
		return false;
	r->at += 4;
	return true;
}

static bool next_record(struct reader *r)
{
	if (!read_name(r, r->at, r->owner) || !skip_name(r) ||
	    r->end - r->at < NS_RRFIXEDSZ)
		return false;
	r->type = fdnet_get16(r->at);
	r->size = fdnet_get16(r->at + 8);
	r->data = r->at + NS_RRFIXEDSZ;
	if (fdnet_get16(r->at + 2) != ns_c_in)
		r->type = -1;
	if (r->end - r->data < r->size)
		return false;
	r->at = r->data + r->size;
	return true;
}

/* Follows an alias; false when its name is none for a host. */
static bool follow(struct lookup *l, struct reader *r, bool keep_alias)
{
	char target[NS_MAXDNAME];

	if (!read_name(r, r->data, target))
		return false;
	if (keep_alias && (!res_hnok(r->owner) || !res_hnok(target)))
		return false;
	if (keep_alias)
		shim_lookup_alias(l, r->owner);
	strcpy(r->want, target);
	return true;
}

/* The addresses in an answer. @first: the names are wanted, too. */
static void read_addrs(struct lookup *l, const struct shim_reply *reply,
		       bool first)
{
	int family = reply->type == ns_t_a ? AF_INET : AF_INET6;
	int n, i, size = family == AF_INET ? 4 : 16;
	struct reader r;

	if (reply->len < NS_HFIXEDSZ || (reply->answer[3] & 0xf) != 0 ||
	    !reader_start(&r, reply->answer, reply->len))
		return;
	n = fdnet_get16(reply->answer + 6);
	for (i = 0; i < n && next_record(&r); i++) {
		if (strcasecmp(r.owner, r.want))
			continue;
		if (r.type == ns_t_cname) {
			if (!follow(l, &r, first))
				return;
		} else if (r.type == reply->type && r.size == size) {
			if (!l->name) /* in the letters that were asked for */
				shim_lookup_name(l, r.want);
			shim_lookup_add(l, family, r.data);
		}
	}
}

static int read_pointer(struct lookup *l, const struct shim_reply *reply)
{
	char name[NS_MAXDNAME];
	struct reader r;
	int n, i;

	if (!reader_start(&r, reply->answer, reply->len))
		return NO_RECOVERY;
	n = fdnet_get16(reply->answer + 6);
	for (i = 0; i < n && next_record(&r); i++) {
		if (strcasecmp(r.owner, r.want))
			continue;
		if (r.type == ns_t_cname && !follow(l, &r, false))
			break;
		if (r.type != ns_t_ptr)
			continue;
		if (!read_name(&r, r.data, name) || !res_hnok(name))
			break;
		shim_lookup_name(l, name);
		return 0;
	}
	return NO_RECOVERY;
}

/* ---- names and addresses ---- */

/* The relay refuses a name that no rule allows: for the program there is none.
 * No descriptor is the program's own trouble. */
static int lookup_error(const struct __res_state *state,
			const struct shim_reply *reply)
{
	if (errno == EMFILE || errno == ENFILE)
		return NETDB_INTERNAL;
	if (reply->len > 0 && (reply->answer[3] & 0xf) == ns_r_refused)
		return HOST_NOT_FOUND;
	return state->res_h_errno;
}

static int ask_addrs(struct lookup *l, struct __res_state *state,
		     const char *name, int family)
{
	unsigned int n = 0, before = l->naddrs;
	struct shim_reply reply[2];

	if (family != AF_INET6)
		reply[n++].type = ns_t_a;
	if (family != AF_INET)
		reply[n++].type = ns_t_aaaa;
	for (unsigned int i = 0; i < n; i++) {
		reply[i].answer = l->answer[i];
		reply[i].room = sizeof(l->answer[i]);
		reply[i].len = -1;
	}
	if (shim_resolv_search(state, name, ns_c_in, reply, n) < 0)
		return lookup_error(state, reply);
	for (unsigned int i = 0; i < n; i++)
		read_addrs(l, &reply[i], l->naddrs == 0);
	if (l->naddrs > before)
		return 0;
	return family == AF_UNSPEC ? HOST_NOT_FOUND : LOOKUP_ONLY_ALIAS;
}

int shim_lookup_host(struct lookup *l, const char *name, int family)
{
	struct __res_state local, *state;
	int rc;

	if (shim_hosts_name(l, name, family))
		return 0;
	state = shim_resolv_state(&local);
	if (!state)
		return NETDB_INTERNAL;
	rc = ask_addrs(l, state, name, family);
	shim_resolv_done(state, &local);
	return rc;
}

/* "4.3.2.1.in-addr.arpa", or nibbles under ip6.arpa */
static void reverse_name(const struct lookup_addr *addr, char *name)
{
	const unsigned char *b = addr->bytes;

	if (addr->family == AF_INET) {
		sprintf(name, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1],
			b[0]);
		return;
	}
	for (int i = 15; i >= 0; i--)
		name += sprintf(name, "%x.%x.", b[i] & 0xfu, b[i] >> 4);
	strcpy(name, "ip6.arpa");
}

static int ask_name(struct lookup *l, struct __res_state *state,
		    const struct lookup_addr *addr)
{
	struct shim_reply reply = { .type = ns_t_ptr,
				    .answer = l->answer[0],
				    .room = sizeof(l->answer[0]) };
	char name[80];

	reverse_name(addr, name);
	if (shim_resolv_query(state, name, ns_c_in, &reply, 1) < 0)
		return lookup_error(state, &reply);
	return read_pointer(l, &reply);
}

/* An IPv4 address in an IPv6 one is asked for as what it is. */
static struct lookup_addr without_mapping(const struct lookup_addr *addr)
{
	struct lookup_addr v4 = { .family = AF_INET };

	if (addr->family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)addr->bytes))
		return *addr;
	memcpy(v4.bytes, addr->bytes + 12, 4);
	return v4;
}

int shim_lookup_addr(struct lookup *l, const struct lookup_addr *addr)
{
	struct __res_state local, *state;
	struct lookup_addr ask = *addr;
	int rc = 0;

	if (!shim_hosts_addr(l, addr)) {
		state = shim_resolv_state(&local);
		if (!state)
			return NETDB_INTERNAL;
		ask = without_mapping(addr);
		rc = ask_name(l, state, &ask);
		shim_resolv_done(state, &local);
	}
	if (rc == 0)
		shim_lookup_add(l, ask.family, ask.bytes);
	return rc;
}
