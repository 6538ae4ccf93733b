/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/learn.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "relay/hash.h"
#include "relay/names.h"
#include "relay/policy.h"
#include "relay/summary.h"
#include "relay/state.h"

/* What a destination was used for. */
enum learn_kind {
	LEARN_TCP,
	LEARN_UDP,
	LEARN_ICMP,
	LEARN_NAME,   /* only its name was asked for */
	LEARN_REBIND, /* a name leads to an address that is not public */
};

/* @host: as a rule spells it; "host" is the machine's loopback. */
struct learn_key {
	enum learn_kind kind;
	char host[NAMES_MAX_LEN];
	char addr[FDNET_IP_STRLEN]; /* LEARN_REBIND */
};

struct learn_entry {
	struct learn_key key;
	uint16_t *ports; /* in their order, each once */
	unsigned int nports, room;
	UT_hash_handle hh;
};

struct learn {
	struct learn_entry *entries;
	uint64_t left_out;
};

struct learn *learn_new(void)
{
	return calloc(1, sizeof(struct learn));
}

void learn_free(struct learn *learn)
{
	struct learn_entry *entry, *tmp;

	if (!learn)
		return;
	HASH_ITER(hh, learn->entries, entry, tmp) {
		HASH_DEL(learn->entries, entry);
		free(entry->ports);
		free(entry);
	}
	free(learn);
}

static void spell_addr(const struct fdnet_ip *ip, char *dst, size_t size)
{
	char text[FDNET_IP_STRLEN];

	fdnet_ip_format(ip, text);
	snprintf(dst, size, ip->family == 6 ? "[%s]" : "%s", text);
}

static bool make_key(const struct record_event *event, struct learn_key *key)
{
	memset(key, 0, sizeof(*key));
	if (event->published || event->forbidden || event->limited)
		return false;
	switch (event->kind) {
	case RECORD_OPEN:
	case RECORD_FAIL:
	case RECORD_DENY:
		key->kind = event->proto == POLICY_UDP ? LEARN_UDP :
			    event->proto == POLICY_TCP ? LEARN_TCP :
							 LEARN_ICMP;
		break;
	case RECORD_NAME:
	case RECORD_NONAME:
		key->kind = LEARN_NAME;
		break;
	case RECORD_REBIND:
		key->kind = LEARN_REBIND;
		spell_addr(&event->dst.ip, key->addr, sizeof(key->addr));
		break;
	default:
		return false;
	}
	if (event->gateway)
		strcpy(key->host, "host");
	else if (event->name)
		strncpy(key->host, event->name, sizeof(key->host) - 1);
	else
		spell_addr(&event->dst.ip, key->host, sizeof(key->host));
	return true;
}

static struct learn_entry *entry_get(struct learn *learn,
				     const struct learn_key *key)
{
	struct learn_entry *entry;

	HASH_FIND(hh, learn->entries, key, sizeof(*key), entry);
	if (entry)
		return entry;
	if (HASH_COUNT(learn->entries) >= LIMIT_LEARN)
		return NULL;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->key = *key;
	HASH_ADD(hh, learn->entries, key, sizeof(entry->key), entry);
	if (hash_added(entry))
		return entry;
	free(entry);
	return NULL;
}

/* false: no memory, or too many. */
static bool add_port(struct learn_entry *entry, uint16_t port)
{
	unsigned int i;

	for (i = 0; i < entry->nports && entry->ports[i] < port; i++)
		;
	if (i < entry->nports && entry->ports[i] == port)
		return true;
	if (entry->nports == LIMIT_LEARN_PORTS)
		return false;
	if (entry->nports == entry->room) {
		unsigned int room = entry->room ? 2 * entry->room : 4;
		uint16_t *ports =
			reallocarray(entry->ports, room, sizeof(*ports));

		if (!ports)
			return false;
		entry->ports = ports;
		entry->room = room;
	}
	memmove(&entry->ports[i + 1], &entry->ports[i],
		(entry->nports - i) * sizeof(*entry->ports));
	entry->ports[i] = port;
	entry->nports++;
	return true;
}

void learn_add(struct learn *learn, const struct record_event *event)
{
	struct learn_entry *entry;
	struct learn_key key;

	if (!make_key(event, &key))
		return;
	entry = entry_get(learn, &key);
	if (!entry || (key.kind <= LEARN_UDP &&
		       !add_port(entry, event->dst.port)))
		learn->left_out++;
}

/* ---- the policy ---- */

/* Ports from the @at'th on, as many as one rule takes. Returns how many
 * were printed. */
static unsigned int print_ports(const struct learn_entry *entry,
				unsigned int at, FILE *out)
{
	unsigned int i = at, ranges = 0;

	while (i < entry->nports && ranges < POLICY_MAX_PORTS) {
		unsigned int last = i;

		while (last + 1 < entry->nports &&
		       entry->ports[last + 1] == entry->ports[last] + 1)
			last++;
		fprintf(out, "%s%u", ranges++ ? "," : "", entry->ports[i]);
		if (last > i)
			fprintf(out, "-%u", entry->ports[last]);
		i = last + 1;
	}
	return i - at;
}

static void print_allow(const struct learn_entry *entry, FILE *out)
{
	bool udp = entry->key.kind == LEARN_UDP;
	bool host = !strcmp(entry->key.host, "host");
	char text[NAMES_TEXT_LEN];

	record_escape(entry->key.host, text, sizeof(text));
	for (unsigned int at = 0; at < entry->nports;) {
		fprintf(out, "allow %s%s:",
			host ? "" : udp ? "udp:" : "tcp:", text);
		at += print_ports(entry, at, out);
		fputs(host && udp ? "/udp\n" : "\n", out);
	}
}

/* Was the name used for more than a question? */
static bool is_used(const struct learn *learn, const char *host)
{
	struct learn_key key;
	const struct learn_entry *entry;

	for (int kind = LEARN_TCP; kind <= LEARN_ICMP; kind++) {
		memset(&key, 0, sizeof(key));
		key.kind = kind;
		strcpy(key.host, host);
		HASH_FIND(hh, learn->entries, &key, sizeof(key), entry);
		if (entry)
			return true;
	}
	return false;
}

static void print_entry(const struct learn *learn,
			const struct learn_entry *entry, FILE *out)
{
	char text[NAMES_TEXT_LEN];

	record_escape(entry->key.host, text, sizeof(text));
	switch (entry->key.kind) {
	case LEARN_TCP:
	case LEARN_UDP:
		print_allow(entry, out);
		break;
	case LEARN_ICMP:
		fprintf(out, "allow icmp:%s\n", text);
		break;
	case LEARN_NAME:
		if (!is_used(learn, entry->key.host))
			fprintf(out,
				"# allow tcp:%s:PORT  (only its name was asked "
				"for)\n",
				text);
		break;
	case LEARN_REBIND:
		fprintf(out,
			"# allow tcp:%s:PORT  (%s leads there, not a public "
			"address)\n",
			entry->key.addr, text);
		break;
	}
}

static int by_key(struct learn_entry *a, struct learn_entry *b)
{
	if (a->key.kind != b->key.kind)
		return a->key.kind < b->key.kind ? -1 : 1;
	return strcmp(a->key.host, b->key.host);
}

void learn_print(struct learn *learn, FILE *out)
{
	struct learn_entry *entry;

	fputs("# what this run needed, by fdnet --learn\n", out);
	HASH_SORT(learn->entries, by_key);
	for (entry = learn->entries; entry; entry = entry->hh.next)
		print_entry(learn, entry, out);
	if (learn->left_out)
		fprintf(out, "# and %" PRIu64 " more that found no place\n",
			learn->left_out);
}

/* ---- state.h ---- */

static void ports_state(struct fdnet_save *s, struct learn_entry *entry)
{
	uint32_t n = fdnet_save_count(s, entry->nports, LIMIT_LEARN_PORTS, 2);

	if (s->reading && n) {
		entry->ports = state_alloc(s, n * sizeof(*entry->ports));
		entry->nports = entry->room = entry->ports ? n : 0;
	}
	for (uint32_t i = 0; i < n && !s->rc; i++)
		entry->ports[i] = fdnet_save_u16(s, entry->ports[i]);
}

static void entry_state(struct fdnet_save *s, struct learn_entry *entry)
{
	struct learn_key *key = &entry->key;

	key->kind = (enum learn_kind)fdnet_save_int(s, (int)key->kind, 0,
						    LEARN_REBIND);
	state_chars(s, key->host, sizeof(key->host));
	state_chars(s, key->addr, sizeof(key->addr));
	ports_state(s, entry);
}

static void read_entry(struct fdnet_save *s, struct learn *learn)
{
	struct learn_entry *entry = state_alloc(s, sizeof(*entry));

	if (!entry)
		return;
	entry_state(s, entry);
	if (!s->rc) {
		HASH_ADD(hh, learn->entries, key, sizeof(entry->key), entry);
		if (!hash_added(entry))
			fdnet_save_fail(s, -ENOMEM);
	}
	if (s->rc) {
		free(entry->ports);
		free(entry);
	}
}

void learn_state(struct learn *learn, struct fdnet_save *s)
{
	bool has = fdnet_save_bool(s, learn);
	struct learn_entry *entry;
	uint32_t n;

	fdnet_save_check(s, has == (learn != NULL));
	if (!has || !learn)
		return;
	n = fdnet_save_count(s, HASH_COUNT(learn->entries), LIMIT_LEARN, 300);
	if (s->reading)
		for (; n && !s->rc; n--)
			read_entry(s, learn);
	else
		for (entry = learn->entries; entry; entry = entry->hh.next)
			entry_state(s, entry);
	learn->left_out = fdnet_save_u64(s, learn->left_out);
}
