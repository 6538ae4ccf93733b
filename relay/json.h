/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON into a buffer of fixed size. What does not fit is left out as a whole:
 * json_mark() and json_rewind() take back an element that was begun.
 */
#ifndef RELAY_JSON_H
#define RELAY_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fdnet/stack.h>

/**
 * struct json - @buf[0, @len) is what was written
 * @full:   something did not fit; nothing more is written
 * @comma:  the next element follows another one
 */
struct json {
	char *buf;
	size_t len, size;
	bool full, comma;
};

/** json_init - write into @buf of @size bytes; borrowed */
void json_init(struct json *json, char *buf, size_t size);

/** json_open - begin an object '{' or an array '['; json_close - end it
 * @key:  NULL inside an array, and outermost */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

/** json_text - a string, escaped; nothing when @value is NULL or empty */
void json_text(struct json *json, const char *key, const char *value);
void json_u64(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);
/** json_name - "10.0.2.15:80"; nothing when it has no family */
void json_name(struct json *json, const char *key,
	       const struct fdnet_name *name);

/** json_mark - a place to come back to; json_rewind - forget what follows */
struct json json_mark(const struct json *json);
void json_rewind(struct json *json, const struct json *mark);

#endif
