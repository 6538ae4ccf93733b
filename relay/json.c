/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "relay/record.h"
#include "relay/summary.h"

void json_init(struct json *json, char *buf, size_t size)
{
	*json = (struct json){ .buf = buf, .size = size };
}

__attribute__((format(printf, 2, 3))) static void
put(struct json *json, const char *fmt, ...)
{
	size_t room = json->size - json->len;
	va_list ap;
	int n;

	if (json->full)
		return;
	va_start(ap, fmt);
	n = vsnprintf(json->buf + json->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		json->full = true;
	else
		json->len += (size_t)n;
}

static void put_key(struct json *json, const char *key)
{
	if (json->comma)
		put(json, ",");
	json->comma = true;
	if (key)
		put(json, "\"%s\":", key);
}

void json_open(struct json *json, const char *key, char bracket)
{
	put_key(json, key);
	put(json, "%c", bracket);
	json->comma = false;
}

void json_close(struct json *json, char bracket)
{
	put(json, "%c", bracket);
	json->comma = true;
}

void json_text(struct json *json, const char *key, const char *value)
{
	char text[1024];

	if (!value || !*value)
		return;
	put_key(json, key);
	put(json, "\"%s\"", record_escape(value, text, sizeof(text)));
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
	put_key(json, key);
	put(json, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	put_key(json, key);
	put(json, value ? "true" : "false");
}

void json_name(struct json *json, const char *key,
	       const struct fdnet_name *name)
{
	char text[RECORD_NAME_LEN];

	if (name->ip.family)
		json_text(json, key, record_name(name, text));
}

struct json json_mark(const struct json *json)
{
	return *json;
}

void json_rewind(struct json *json, const struct json *mark)
{
	*json = *mark;
}
