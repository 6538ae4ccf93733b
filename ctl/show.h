/* SPDX-License-Identifier: Apache-2.0 */
/* What the relay says, for people. */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/** show_json - as it is, indented */
void show_json(const json_t *json, FILE *out);
/** show_status, show_flows, show_rules - as text */
void show_status(const json_t *status, FILE *out);
void show_flows(const json_t *flows, FILE *out);
void show_rules(const json_t *rules, FILE *out);

/** show_get - an object's string, or "" */
const char *show_get(const json_t *object, const char *key);
/** show_num - an object's number, or 0 */
uint64_t show_num(const json_t *object, const char *key);

#define SHOW_AMOUNT 24
/** show_amount - bytes as "1.5M"; @dst has SHOW_AMOUNT bytes */
char *show_amount(uint64_t bytes, char *dst);
/** show_age - microseconds as "1m03s"; likewise */
char *show_age(uint64_t us, char *dst);
/** show_peer - a flow's other end, by name where it has one
 * @size:  of @dst */
char *show_peer(const json_t *flow, char *dst, size_t size);

#endif
