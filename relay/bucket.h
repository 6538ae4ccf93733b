/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token buckets: so much a second, and a burst. Time is given, so that a day
 * of it can be tested in no time.
 */
#ifndef RELAY_BUCKET_H
#define RELAY_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Rates up to here; more would not fit the arithmetic. */
#define BUCKET_MAX_RATE (1ull << 36)

/**
 * struct bucket
 * @rate:   tokens a second; 0: no limit
 * @burst:  tokens when it is full
 * @level:  millionths of a token; below zero: in debt
 */
struct bucket {
	uint64_t rate, burst;
	int64_t level;
	uint64_t last_us;
};

/** bucket_init - full at @now_us */
void bucket_init(struct bucket *bucket, uint64_t rate, uint64_t burst,
		 uint64_t now_us);

/** bucket_take - take @n tokens, if they are there */
bool bucket_take(struct bucket *bucket, uint64_t n, uint64_t now_us);

/** bucket_spend - take them in any case: what is missing is a debt, no more
 * than a minute's */
void bucket_spend(struct bucket *bucket, uint64_t n, uint64_t now_us);

/** bucket_wait_us - how long until there is no debt, 0: there is none */
uint64_t bucket_wait_us(struct bucket *bucket, uint64_t now_us);

#endif
