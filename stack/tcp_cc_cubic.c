/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUBIC (RFC 9438) in whole numbers: windows in bytes, times in microseconds,
 * C = 0.4 segments/s^3, beta = 0.7.
 */
#include "config.h"

#include "stack/tcp_internal.h"

/* tp->cc_priv, two halves each. */
enum cubic_slot {
	SLOT_EPOCH,    /* when this growth began, us; 0: not yet */
	SLOT_WMAX_K,   /* W_max in bytes | K in ms << 32 */
	SLOT_WEST_ACC, /* Reno-friendly window | remainder << 32 */
};

static uint32_t low(uint64_t v)
{
	return (uint32_t)v;
}

static uint32_t high(uint64_t v)
{
	return (uint32_t)(v >> 32);
}

static uint64_t pair(uint32_t lo, uint32_t hi)
{
	return (uint64_t)hi << 32 | lo;
}

/* Integer cube root. */
static uint32_t cbrt_u64(uint64_t v)
{
	uint64_t lo = 0, hi = 2642245; /* cube root of 2^64 */

	while (lo < hi) {
		uint64_t mid = (lo + hi + 1) / 2;

		if (mid * mid * mid <= v)
			lo = mid;
		else
			hi = mid - 1;
	}
	return (uint32_t)lo;
}

static void cubic_init(struct fdnet_tcp *tp)
{
	for (int i = 0; i < 3; i++)
		tp->cc_priv[i] = 0;
}

/* K = cbrt((W_max - cwnd) / C), in ms: C is 0.4 mss per s^3, so the radicand
 * in ms^3 is bytes / mss * 2.5e9. */
static uint32_t cubic_k_ms(const struct fdnet_tcp *tp, uint32_t wmax)
{
	uint64_t gap = wmax > tp->cwnd ? wmax - tp->cwnd : 0;

	return cbrt_u64(gap * 2500000000ull / tp->mss);
}

static void epoch_start(struct fdnet_tcp *tp)
{
	uint32_t wmax = low(tp->cc_priv[SLOT_WMAX_K]);

	if (wmax < tp->cwnd)
		wmax = tp->cwnd;
	tp->cc_priv[SLOT_EPOCH] = tcp_now(tp) ? tcp_now(tp) : 1;
	tp->cc_priv[SLOT_WMAX_K] = pair(wmax, cubic_k_ms(tp, wmax));
	tp->cc_priv[SLOT_WEST_ACC] = pair(tp->cwnd, 0);
}

/* W_cubic(t) = C * (t - K)^3 + W_max, bytes. */
static uint64_t cubic_window(const struct fdnet_tcp *tp, uint64_t t_ms)
{
	uint64_t k = high(tp->cc_priv[SLOT_WMAX_K]);
	uint64_t wmax = low(tp->cc_priv[SLOT_WMAX_K]);
	uint64_t d = t_ms > k ? t_ms - k : k - t_ms, delta;

	if (d > 100000) /* 100 s: far beyond any window */
		d = 100000;
	delta = d * d * d / 1000000 * tp->mss / 2500; /* 0.4 / 1e9 */
	if (t_ms > k)
		return wmax + delta;
	return wmax > delta ? wmax - delta : 0;
}

/* RFC 9438 4.3: what Reno with this beta would have; alpha is
 * 3 (1 - 0.7) / (1 + 0.7) = 9/17 until W_max is reached again. */
static uint32_t friendly_window(struct fdnet_tcp *tp, uint32_t bytes)
{
	uint32_t west = low(tp->cc_priv[SLOT_WEST_ACC]);
	uint64_t acc = high(tp->cc_priv[SLOT_WEST_ACC]) + (uint64_t)bytes;

	if (acc >= tp->cwnd) {
		acc -= tp->cwnd;
		west += west < low(tp->cc_priv[SLOT_WMAX_K]) ? tp->mss * 9u / 17
							     : tp->mss;
	}
	tp->cc_priv[SLOT_WEST_ACC] = pair(west, low(acc));
	return west;
}

static void cubic_acked(struct fdnet_tcp *tp, uint32_t bytes)
{
	uint64_t t_ms, target, step;
	uint32_t west;

	bytes = fdnet_tcp_cc_slow_start(tp, bytes);
	if (!bytes)
		return;
	if (!tp->cc_priv[SLOT_EPOCH])
		epoch_start(tp);
	t_ms = (tcp_now(tp) - tp->cc_priv[SLOT_EPOCH] + tp->rtt.srtt_us) / 1000;
	target = cubic_window(tp, t_ms);
	if (target > tp->cwnd + (uint64_t)tp->cwnd / 2)
		target = tp->cwnd + (uint64_t)tp->cwnd / 2;
	west = friendly_window(tp, bytes);
	if (west > target)
		target = west;
	/* (target - cwnd) / cwnd for each byte; at least 1 % a window */
	step = target > tp->cwnd ? target - tp->cwnd : 0;
	if (step < tp->cwnd / 100)
		step = tp->cwnd / 100;
	step = step * bytes / tp->cwnd;
	tp->cwnd = tp->cwnd + step < FDNET_TCP_CWND_MAX
			   ? tp->cwnd + (uint32_t)step
			   : FDNET_TCP_CWND_MAX;
}

static uint32_t cubic_ssthresh(struct fdnet_tcp *tp)
{
	uint32_t wmax = low(tp->cc_priv[SLOT_WMAX_K]), thresh;
	uint32_t cwnd = tp->cwnd < FDNET_TCP_CWND_MAX
				? tp->cwnd
				: tp->snd_nxt - tp->snd_una;

	tp->cc_priv[SLOT_EPOCH] = 0;
	/* RFC 9438 4.7, fast convergence: leave room for newcomers. */
	if (cwnd < wmax)
		wmax = (uint32_t)((uint64_t)cwnd * 17 / 20);
	else
		wmax = cwnd;
	tp->cc_priv[SLOT_WMAX_K] = pair(wmax, 0);
	thresh = (uint32_t)((uint64_t)cwnd * 7 / 10);
	return thresh > 2u * tp->mss ? thresh : 2u * tp->mss;
}

static void cubic_restart(struct fdnet_tcp *tp, uint64_t idle_us)
{
	uint64_t epoch = 0;

	/* Idle time must not count as growth. */
	if (tp->cc_priv[SLOT_EPOCH] && idle_us > fdnet_tcp_rto_us(tp))
		epoch = tp->cc_priv[SLOT_EPOCH] + idle_us;
	if (epoch > tcp_now(tp)) /* it began with the ACK before the idling */
		epoch = tcp_now(tp);
	if (epoch)
		tp->cc_priv[SLOT_EPOCH] = epoch;
	fdnet_tcp_cc_idle(tp, idle_us);
}

const struct fdnet_tcp_cc fdnet_tcp_cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.acked = cubic_acked,
	.ssthresh = cubic_ssthresh,
	.restart = cubic_restart,
};
