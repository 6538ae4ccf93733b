/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "relay/hash.h"
#include "relay/names.h"
#include "relay/state.h"

struct summary_key {
	enum record_kind kind;
	uint8_t proto;
	struct fdnet_ip ip;
	uint16_t port;
	char name[NAMES_MAX_LEN];
};

struct summary_entry {
	struct summary_key key;
	char *rule; /* that said no, or NULL: none said yes */
	bool gateway, forbidden, published, limited;
	uint64_t times;
	uint64_t told; /* of these, in a summary before */
	UT_hash_handle hh;
};

static bool is_refusal(const struct record_event *event)
{
	return event->kind == RECORD_DENY || event->kind == RECORD_NONAME ||
	       event->kind == RECORD_REBIND;
}

static void make_key(const struct record_event *event,
		     struct summary_key *key)
{
	memset(key, 0, sizeof(*key));
	key->kind = event->kind;
	key->proto = event->proto;
	memcpy(&key->ip, &event->dst.ip, sizeof(key->ip));
	key->port = event->dst.port;
	if (event->name)
		strncpy(key->name, event->name, sizeof(key->name) - 1);
}

void summary_add(struct record *record, const struct record_event *event)
{
	struct summary_entry *entry;
	struct summary_key key;

	if (!is_refusal(event))
		return;
	make_key(event, &key);
	HASH_FIND(hh, record->summary, &key, sizeof(key), entry);
	if (entry) {
		entry->times++;
		return;
	}
	entry = record->nsummary < LIMIT_SUMMARY ? calloc(1, sizeof(*entry)) :
						   NULL;
	if (!entry) {
		record->unsorted++;
		return;
	}
	memcpy(&entry->key, &key, sizeof(key));
	entry->rule = event->rule ? strdup(event->rule) : NULL;
	entry->gateway = event->gateway;
	entry->forbidden = event->forbidden;
	entry->published = event->published;
	entry->limited = event->limited;
	entry->times = 1;
	HASH_ADD(hh, record->summary, key, sizeof(entry->key), entry);
	if (!hash_added(entry)) {
		free(entry->rule);
		free(entry);
		record->unsorted++;
		return;
	}
	record->nsummary++;
}

void summary_free(struct record *record)
{
	struct summary_entry *entry, *tmp;

	HASH_ITER(hh, record->summary, entry, tmp) {
		HASH_DEL(record->summary, entry);
		free(entry->rule);
		free(entry);
	}
	record->nsummary = 0;
	record->unsorted = 0;
	record->unsorted_told = 0;
}

bool record_has_refusals(const struct record *record)
{
	return record->nsummary || record->unsorted;
}

/* The option's host: a name if the program used one, else the address. */
static void print_host(FILE *out, const struct summary_key *key)
{
	char text[NAMES_TEXT_LEN];

	if (key->name[0] && key->kind != RECORD_REBIND) {
		fputs(record_escape(key->name, text, sizeof(text)), out);
		return;
	}
	fdnet_ip_format(&key->ip, text);
	fprintf(out, key->ip.family == 6 ? "[%s]" : "%s", text);
}

static void print_advice(FILE *out, const struct summary_entry *entry)
{
	const struct summary_key *key = &entry->key;
	char text[NAMES_TEXT_LEN];

	if (entry->rule) {
		fprintf(out, "by %s %s",
			entry->limited ? "a limit of the rule allow" :
					 "the rule deny",
			record_escape(entry->rule, text, sizeof(text)));
	} else if (entry->forbidden) {
		fputs("no rule can allow it", out);
	} else if (entry->gateway) {
		fprintf(out, "allow with --allow host:%u%s", key->port,
			key->proto == 17 ? "/udp" : "");
	} else {
		fprintf(out, "allow with --allow %s:",
			key->proto == 1	 ? "icmp" :
			key->proto == 17 ? "udp" :
					   "tcp");
		print_host(out, key);
		if (key->proto == 1)
			return;
		if (key->port)
			fprintf(out, ":%u", key->port);
		else
			fputs(":PORT", out);
	}
}

static void print_what(FILE *out, const struct summary_entry *entry)
{
	const struct summary_key *key = &entry->key;
	char text[NAMES_TEXT_LEN];
	struct fdnet_name dst = { .ip = key->ip, .port = key->port };

	switch (key->kind) {
	case RECORD_NONAME:
		fprintf(out, "denied name %s",
			record_escape(key->name, text, sizeof(text)));
		break;
	case RECORD_REBIND:
		fprintf(out, "denied name %s",
			record_escape(key->name, text, sizeof(text)));
		fprintf(out, " at %s, not a public address",
			record_name(&dst, text));
		break;
	default:
		fprintf(out, "denied %s %s%s", record_proto(key->proto),
			entry->published ? "from " : "",
			record_name(&dst, text));
		if (key->name[0])
			fprintf(out, " (%s)",
				record_escape(key->name, text, sizeof(text)));
	}
}

void record_summary(const struct record *record, FILE *out)
{
	const struct summary_entry *entry;
	uint64_t rest = record->unsorted - record->unsorted_told, times;
	unsigned int lines = 0;

	for (entry = record->summary; entry; entry = entry->hh.next) {
		times = entry->times - entry->told;
		if (!times)
			continue;
		if (lines++ >= LIMIT_SUMMARY_LINES) {
			rest += times;
			continue;
		}
		fputs("fdnet: ", out);
		print_what(out, entry);
		if (times > 1)
			fprintf(out, ", %" PRIu64 " times", times);
		fputs(": ", out);
		print_advice(out, entry);
		fputc('\n', out);
	}
	if (rest)
		fprintf(out,
			"fdnet: and %" PRIu64
			" more; --record FILE keeps them all\n",
			rest);
	fflush(out);
}

void record_told(struct record *record)
{
	struct summary_entry *entry;

	for (entry = record->summary; entry; entry = entry->hh.next)
		entry->told = entry->times;
	record->unsorted_told = record->unsorted;
}

/* ---- state.h: whoever takes over tells all of it again ---- */

static void entry_state(struct fdnet_save *s, struct summary_entry *entry)
{
	struct summary_key *key = &entry->key;

	key->kind = (enum record_kind)fdnet_save_int(s, (int)key->kind, 0,
						     RECORD_KINDS - 1);
	key->proto = fdnet_save_u8(s, key->proto);
	fdnet_save_ip(s, &key->ip);
	key->port = fdnet_save_u16(s, key->port);
	state_chars(s, key->name, sizeof(key->name));
	entry->rule = state_text(s, entry->rule, RULE_TEXT_MAX);
	entry->gateway = fdnet_save_bool(s, entry->gateway);
	entry->forbidden = fdnet_save_bool(s, entry->forbidden);
	entry->published = fdnet_save_bool(s, entry->published);
	entry->limited = fdnet_save_bool(s, entry->limited);
	entry->times = fdnet_save_u64(s, entry->times);
}

static void read_entry(struct fdnet_save *s, struct record *record)
{
	struct summary_entry *entry = state_alloc(s, sizeof(*entry));

	if (!entry)
		return;
	entry_state(s, entry);
	if (!s->rc) {
		HASH_ADD(hh, record->summary, key, sizeof(entry->key), entry);
		if (!hash_added(entry))
			fdnet_save_fail(s, -ENOMEM);
	}
	if (s->rc) {
		free(entry->rule);
		free(entry);
		return;
	}
	record->nsummary++;
}

void summary_state(struct record *record, struct fdnet_save *s)
{
	uint32_t n = fdnet_save_count(s, record->nsummary, LIMIT_SUMMARY, 280);
	struct summary_entry *entry;

	if (s->reading)
		for (; n && !s->rc; n--)
			read_entry(s, record);
	else
		for (entry = record->summary; entry; entry = entry->hh.next)
			entry_state(s, entry);
	record->unsorted = fdnet_save_u64(s, record->unsorted);
	for (int i = 0; i < 3; i++) {
		struct record_totals *total = &record->totals[i];

		total->bytes_out = fdnet_save_u64(s, total->bytes_out);
		total->bytes_in = fdnet_save_u64(s, total->bytes_in);
	}
}
