/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HyStart++ (RFC 9406): leave the first slow start before the queue on the way
 * is full.
 *
 * How it works: in each round trip the smallest of the samples is compared
 * with that of the round before. When it has risen, a queue is building up, and
 * growth slows down to a quarter ("conservative slow start"); if it falls again
 * that was noise, and if it does not for five rounds slow start is over.
 */
#include "config.h"

#include "stack/tcp_internal.h"

#define THRESH_MIN_US 4000u
#define THRESH_MAX_US 16000u
#define THRESH_DIV    8
#define SAMPLES	      8
#define CSS_ROUNDS    5

static uint32_t threshold(const struct fdnet_tcp_hystart *hs)
{
	uint32_t t = hs->last_us / THRESH_DIV;

	return t < THRESH_MIN_US ? THRESH_MIN_US
	       : t > THRESH_MAX_US ? THRESH_MAX_US
				   : t;
}

static void next_round(struct fdnet_tcp *tp, struct fdnet_tcp_hystart *hs)
{
	if (hs->base_us && ++hs->rounds >= CSS_ROUNDS) {
		fdnet_tcp_cc_leave_start(tp);
		tp->ssthresh = tp->cwnd;
		return;
	}
	hs->end = tp->snd_nxt;
	hs->last_us = hs->now_us;
	hs->now_us = 0;
	hs->samples = 0;
}

void fdnet_tcp_hystart(struct fdnet_tcp *tp, uint64_t rtt_us)
{
	struct fdnet_tcp_hystart *hs = &tp->hystart;
	uint32_t rtt = rtt_us < UINT32_MAX ? (uint32_t)rtt_us : UINT32_MAX;

	if (tp->ssthresh < FDNET_TCP_CWND_MAX)
		return; /* only the first one */
	if (seq_geq(tp->snd_una, hs->end))
		next_round(tp, hs);
	if (!rtt || tp->ssthresh < FDNET_TCP_CWND_MAX)
		return;
	if (!hs->now_us || rtt < hs->now_us)
		hs->now_us = rtt;
	if (hs->samples < SAMPLES)
		hs->samples++;
	if (hs->samples < SAMPLES || !hs->last_us)
		return;
	if (hs->base_us) {
		if (hs->now_us < hs->base_us) /* it was noise */
			hs->base_us = hs->rounds = 0;
	} else if (hs->now_us >= hs->last_us + threshold(hs)) {
		hs->base_us = hs->now_us;
		hs->rounds = 0;
	}
}
