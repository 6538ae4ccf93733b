/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/impair.h"

#include <errno.h>
#include <string.h>

#include <fdnet/stack.h>

#include "relay/measure.h"
#include "relay/policy.h"

#define MILLION 1000000ull

/* ---- words ---- */

/* One KEY=VALUE at @text. Returns what the value used, 0: no such thing. */
static size_t parse_word(const char *text, size_t key_len, struct impair *how)
{
	const char *value = text + key_len + 1;
	uint64_t seed;
	size_t used;

	if (key_len == 5 && !strncmp(text, "delay", key_len))
		return measure_time(value, &how->delay_us);
	if (key_len == 6 && !strncmp(text, "jitter", key_len))
		return measure_time(value, &how->jitter_us);
	if (key_len == 4 && !strncmp(text, "loss", key_len))
		return measure_share(value, &how->loss_ppm);
	if (key_len == 4 && !strncmp(text, "rate", key_len))
		return measure_rate(value, &how->rate);
	if (key_len == 4 && !strncmp(text, "seed", key_len)) {
		used = measure_number(value, UINT64_MAX, &seed);
		if (used)
			how->seed = seed;
		return used;
	}
	return 0;
}

int impair_parse(const char *text, size_t at, struct impair *ret_impair,
		 struct policy_error *ret_err)
{
	struct impair how = { .on = true };

	for (;;) {
		size_t key = strcspn(text + at, "=, \t"), used = 0;

		if (text[at + key] == '=')
			used = parse_word(text + at, key, &how);
		if (!used)
			return policy_fail(ret_err, at,
					   "delay=TIME, jitter=TIME, loss=N%%, "
					   "rate=Nmbit or seed=N is expected; "
					   "times as 50ms");
		at += key + 1 + used;
		if (text[at] != ',')
			break;
		at++;
	}
	if (text[at] && text[at] != ' ' && text[at] != '\t')
		return policy_fail(ret_err, at, "',' or the end is expected");
	*ret_impair = how;
	return (int)at;
}

/* ---- lines ---- */

/* splitmix64 */
static uint64_t next_random(struct impair_line *line)
{
	uint64_t z = line->rng += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void impair_line_init(struct impair_line *line, const struct impair *how,
		      uint64_t salt)
{
	*line = (struct impair_line){
		.how = *how,
		.rng = how->seed ^ salt * 0xd6e8feb86659fd93ull,
	};
}

void impair_line_done(struct impair_line *line)
{
	struct fdnet_pkt *pkt;

	while ((pkt = line->head)) {
		line->head = pkt->next;
		pkt->next = NULL;
		fdnet_pkt_free(pkt);
	}
	line->tail = NULL;
	line->n = 0;
}

/* When is it at the other end? The line sends one after the other. */
static uint64_t due_at(struct impair_line *line, uint32_t bytes,
		       uint64_t jitter_us, uint64_t now_us)
{
	uint64_t due_us = now_us;

	if (line->how.rate) {
		if (line->free_us < now_us)
			line->free_us = now_us;
		line->free_us += bytes * MILLION / line->how.rate;
		due_us = line->free_us;
	}
	due_us += line->how.delay_us + jitter_us;
	if (due_us < line->last_us)
		due_us = line->last_us;
	line->last_us = due_us;
	return due_us;
}

void impair_line_append(struct impair_line *line, struct fdnet_pkt *pkt)
{
	pkt->next = NULL;
	if (line->head)
		line->tail->next = pkt;
	else
		line->head = pkt;
	line->tail = pkt;
	line->n++;
}

void impair_put(struct impair_line *line, struct fdnet_pkt *pkt,
		uint64_t now_us)
{
	bool lose = next_random(line) % MILLION < line->how.loss_ppm;
	uint64_t jitter_us = next_random(line);

	if (lose || line->n >= IMPAIR_QUEUE) {
		line->lost++;
		fdnet_pkt_free(pkt);
		return;
	}
	jitter_us = line->how.jitter_us ? jitter_us % line->how.jitter_us : 0;
	pkt->user[2].u64 = due_at(line, fdnet_pkt_total(pkt), jitter_us,
				  now_us);
	impair_line_append(line, pkt);
}

struct fdnet_pkt *impair_get(struct impair_line *line, uint64_t now_us)
{
	struct fdnet_pkt *pkt = line->head;

	if (!pkt || pkt->user[2].u64 > now_us)
		return NULL;
	line->head = pkt->next;
	pkt->next = NULL;
	line->n--;
	return pkt;
}

uint64_t impair_expiry(const struct impair_line *line)
{
	return line->head ? line->head->user[2].u64 : FDNET_NEVER;
}
