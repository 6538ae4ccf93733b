/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pacing: how fast, and in how large pieces, a connection sends.
 *
 * How it works: the rate is the window in a round trip, and some more so that
 * the window can grow: twice in slow start, 1.2 times later, as Linux has it;
 * and what SO_MAX_PACING_RATE allows at most. It always bounds the size of
 * bursts, to what goes in a millisecond. Packets are kept apart only where
 * that is asked for, by SO_MAX_PACING_RATE or the setting: each packet moves
 * the deadline FDNET_TCP_DUE_PACE by the time it takes at that rate, and
 * before it nothing but ACKs is sent. A clock that wakes us late costs
 * little: up to half a packet's time is made good with the next.
 */
#include "config.h"

#include "stack/tcp_internal.h"

#define SLOW_START_PCT 200
#define AVOIDANCE_PCT  120
#define BURST_SHIFT    10 /* 1/1024 s of the rate */
#define RTT_SHIFT      9  /* larger bursts where round trips are < 16 ms */
#define BURST_SEGMENTS 2u
#define FREE_SEGMENTS  10 /* at first, as many as an initial window */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t fdnet_tcp_pace_rate(const struct fdnet_tcp *tp)
{
	uint32_t out = tp->snd_nxt - tp->snd_una;
	uint32_t wnd = tp->cwnd > out ? tp->cwnd : out;
	uint32_t pct = tp->cwnd < tp->ssthresh / 2 ? SLOW_START_PCT
						   : AVOIDANCE_PCT;
	uint64_t rate = UINT64_MAX;

	if (!tp->lossless && tp->rtt.srtt_us)
		rate = (uint64_t)wnd * pct * (FDNET_SEC / 100) /
		       tp->rtt.srtt_us;
	return min_u64(rate, tp->so.opts.max_pacing);
}

uint32_t fdnet_tcp_pace_burst(const struct fdnet_tcp *tp, uint32_t mss,
			      uint32_t gso)
{
	const struct fdnet_tcp_settings *cfg =
		&fdnet_stack_cfg(tp->so.stack)->tcp;
	uint32_t least = cfg->burst_min ? cfg->burst_min : BURST_SEGMENTS;
	uint64_t rate = fdnet_tcp_pace_rate(tp), bytes = rate >> BURST_SHIFT;
	uint32_t rtt = tp->rtt.min_us >> RTT_SHIFT;

	if (rate == UINT64_MAX)
		return gso;
	if (rtt < 32 && !tp->lossless)
		bytes += gso >> rtt;
	if (bytes < (uint64_t)least * mss)
		bytes = (uint64_t)least * mss;
	return (uint32_t)min_u64(bytes, gso);
}

static bool is_paced(const struct fdnet_tcp *tp)
{
	if (tp->so.opts.max_pacing != UINT64_MAX)
		return true;
	return fdnet_stack_cfg(tp->so.stack)->tcp.pacing && !tp->lossless &&
	       tp->data_segs_out >= FREE_SEGMENTS;
}

void fdnet_tcp_pace_sent(struct fdnet_tcp *tp, uint32_t len)
{
	uint64_t rate, slot, credit = tp->pace_late_us;

	tp->pace_late_us = 0;
	if (!len || !is_paced(tp))
		return;
	rate = fdnet_tcp_pace_rate(tp);
	if (rate == UINT64_MAX)
		return;
	slot = len * FDNET_SEC / (rate ? rate : 1);
	slot -= min_u64(slot / 2, credit);
	if (slot)
		fdnet_tcp_due(tp, FDNET_TCP_DUE_PACE, tcp_now(tp) + slot);
}

void fdnet_tcp_pace_fire(struct fdnet_tcp *tp)
{
	uint64_t late = tcp_now(tp) - tp->due_us[FDNET_TCP_DUE_PACE];

	tp->pace_late_us = (uint32_t)min_u64(late, UINT32_MAX);
	fdnet_tcp_due(tp, FDNET_TCP_DUE_PACE, FDNET_NEVER);
}
