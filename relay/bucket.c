/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/bucket.h"

#define MILLION 1000000ull
#define DEBT_MAX_S 60

void bucket_init(struct bucket *bucket, uint64_t rate, uint64_t burst,
		 uint64_t now_us)
{
	*bucket = (struct bucket){
		.rate = rate,
		.burst = burst,
		.level = (int64_t)(burst * MILLION),
		.last_us = now_us,
	};
}

static void fill(struct bucket *bucket, uint64_t now_us)
{
	uint64_t gone_us = now_us - bucket->last_us;
	int64_t full = (int64_t)(bucket->burst * MILLION);
	uint64_t missing = (uint64_t)(full - bucket->level);

	if (now_us <= bucket->last_us)
		return;
	bucket->last_us = now_us;
	/* the product may not fit, and then it is full in any case */
	if (gone_us > missing / bucket->rate)
		bucket->level = full;
	else
		bucket->level += (int64_t)(gone_us * bucket->rate);
}

bool bucket_take(struct bucket *bucket, uint64_t n, uint64_t now_us)
{
	if (!bucket->rate)
		return true;
	fill(bucket, now_us);
	if (bucket->level < (int64_t)(n * MILLION))
		return false;
	bucket->level -= (int64_t)(n * MILLION);
	return true;
}

void bucket_spend(struct bucket *bucket, uint64_t n, uint64_t now_us)
{
	int64_t most = -(int64_t)(bucket->rate * DEBT_MAX_S);

	if (!bucket->rate)
		return;
	fill(bucket, now_us);
	bucket->level -= (int64_t)(n * MILLION);
	/* in tokens, as a minute's millionths might not fit */
	if (bucket->level / (int64_t)MILLION < most)
		bucket->level = most * (int64_t)MILLION;
}

uint64_t bucket_wait_us(struct bucket *bucket, uint64_t now_us)
{
	if (!bucket->rate)
		return 0;
	fill(bucket, now_us);
	if (bucket->level > 0)
		return 0;
	return (uint64_t)-bucket->level / bucket->rate + 1;
}
