/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/hash.h"
#include "relay/limits.h"
#include "relay/state.h"

struct pin {
	char *name;
	uint64_t end_us;
};

struct names_entry {
	struct fdnet_ip ip;
	unsigned int npins;
	struct pin pins[LIMIT_NAMES_PER_ADDR]; /* the latest first */
	struct names_entry *prev, *next;
	UT_hash_handle hh;
};

void names_init(struct names *names)
{
	memset(names, 0, sizeof(*names));
}

static void entry_free(struct names *names, struct names_entry *entry)
{
	HASH_DEL(names->table, entry);
	DL_DELETE(names->lru, entry);
	names->count--;
	for (unsigned int i = 0; i < entry->npins; i++)
		free(entry->pins[i].name);
	free(entry);
}

void names_done(struct names *names)
{
	while (names->lru)
		entry_free(names, names->lru);
}

static struct names_entry *entry_find(struct names *names,
				      const struct fdnet_ip *ip)
{
	struct names_entry *entry;

	HASH_FIND(hh, names->table, ip, sizeof(*ip), entry);
	if (entry) {
		DL_DELETE(names->lru, entry);
		DL_APPEND(names->lru, entry);
	}
	return entry;
}

static struct names_entry *entry_new(struct names *names,
				     const struct fdnet_ip *ip)
{
	struct names_entry *entry;

	if (names->count >= LIMIT_NAMES)
		entry_free(names, names->lru);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->ip = *ip;
	HASH_ADD(hh, names->table, ip, sizeof(entry->ip), entry);
	if (!hash_added(entry)) {
		free(entry);
		return NULL;
	}
	DL_APPEND(names->lru, entry);
	names->count++;
	return entry;
}

static uint64_t pin_life(uint32_t ttl_s)
{
	uint64_t life_us = ttl_s * 1000000ull;

	if (life_us < NAMES_MIN_US)
		return NAMES_MIN_US;
	return life_us > NAMES_MAX_US ? NAMES_MAX_US : life_us;
}

/* Take the pin of @name out, or the oldest when all places are in use. */
static struct pin pin_take(struct names_entry *entry, const char *name)
{
	struct pin pin = { 0 };
	unsigned int i;

	for (i = 0; i < entry->npins; i++)
		if (!strcmp(entry->pins[i].name, name))
			break;
	if (i == entry->npins) {
		if (entry->npins < LIMIT_NAMES_PER_ADDR)
			return pin;
		free(entry->pins[--entry->npins].name);
		return pin;
	}
	pin = entry->pins[i];
	memmove(&entry->pins[i], &entry->pins[i + 1],
		(entry->npins - i - 1) * sizeof(pin));
	entry->npins--;
	return pin;
}

int names_pin(struct names *names, const struct fdnet_ip *ip, const char *name,
	      uint32_t ttl_s, uint64_t now_us)
{
	struct names_entry *entry;
	uint64_t end_us = now_us + pin_life(ttl_s);
	struct pin pin;

	if (strlen(name) >= NAMES_MAX_LEN)
		return -EINVAL;
	entry = entry_find(names, ip);
	if (!entry)
		entry = entry_new(names, ip);
	if (!entry)
		return -ENOMEM;
	pin = pin_take(entry, name);
	if (!pin.name)
		pin.name = strdup(name);
	if (!pin.name)
		return -ENOMEM;
	if (pin.end_us < end_us)
		pin.end_us = end_us;
	memmove(&entry->pins[1], &entry->pins[0],
		entry->npins * sizeof(pin));
	entry->pins[0] = pin;
	entry->npins++;
	return 0;
}

bool names_match(struct names *names, const struct fdnet_ip *ip,
		 uint64_t now_us,
		 bool (*match)(const char *name, const void *arg),
		 const void *arg)
{
	struct names_entry *entry = entry_find(names, ip);

	for (unsigned int i = 0; entry && i < entry->npins; i++)
		if (entry->pins[i].end_us > now_us &&
		    match(entry->pins[i].name, arg))
			return true;
	return false;
}

const char *names_of(struct names *names, const struct fdnet_ip *ip,
		     uint64_t now_us)
{
	struct names_entry *entry = entry_find(names, ip);

	for (unsigned int i = 0; entry && i < entry->npins; i++)
		if (entry->pins[i].end_us > now_us)
			return entry->pins[i].name;
	return NULL;
}

/* ---- state.h ---- */

static void pins_state(struct fdnet_save *s, struct names_entry *entry)
{
	uint32_t n = fdnet_save_count(s, entry->npins, LIMIT_NAMES_PER_ADDR,
				      12);

	for (uint32_t i = 0; i < n && !s->rc; i++) {
		struct pin *pin = &entry->pins[i];

		pin->name = state_text(s, pin->name, NAMES_MAX_LEN);
		pin->end_us = fdnet_save_u64(s, pin->end_us);
		fdnet_save_check(s, pin->name);
		if (s->reading && pin->name)
			entry->npins++;
	}
}

void names_state(struct names *names, struct fdnet_save *s)
{
	uint32_t n = fdnet_save_count(s, names->count, LIMIT_NAMES, 9);
	struct names_entry *entry = s->reading ? NULL : names->lru, *next;

	for (; n && !s->rc; n--, entry = next) {
		struct fdnet_ip ip = { 0 };

		next = entry ? entry->next : NULL;
		if (entry)
			ip = entry->ip;
		fdnet_save_ip(s, &ip);
		if (s->reading && !s->rc) {
			entry = entry_new(names, &ip);
			if (!entry)
				fdnet_save_fail(s, -ENOMEM);
		}
		if (entry && !s->rc)
			pins_state(s, entry);
	}
}
