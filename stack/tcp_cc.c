/* SPDX-License-Identifier: Apache-2.0 */
/* Congestion control: the table, the initial window (RFC 6928), NewReno
 * (RFC 5681). */
#include "config.h"

#include <string.h>

#include "stack/tcp_internal.h"

#define INITIAL_SEGMENTS 10u

static const struct fdnet_tcp_cc *const algorithms[] = {
	&fdnet_tcp_cc_cubic,
	&fdnet_tcp_cc_reno,
};

const struct fdnet_tcp_cc *fdnet_tcp_cc_find(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++) {
		const char *have = algorithms[i]->name;

		if (strnlen(name, len) == strlen(have) &&
		    !strncmp(name, have, len))
			return algorithms[i];
	}
	return NULL;
}

static uint32_t initial_window(const struct fdnet_tcp *tp)
{
	return INITIAL_SEGMENTS * tp->mss;
}

void fdnet_tcp_cc_start(struct fdnet_tcp *tp)
{
	tp->ssthresh = FDNET_TCP_CWND_MAX;
	tp->cwnd = tp->lossless ? FDNET_TCP_CWND_MAX : initial_window(tp);
	tp->cc->init(tp);
	tp->hystart.end = tp->snd_nxt;
}

void fdnet_tcp_cc_leave_start(struct fdnet_tcp *tp)
{
	if (tp->ssthresh >= FDNET_TCP_CWND_MAX)
		memset(tp->cc_priv, 0, sizeof(tp->cc_priv));
}

uint32_t fdnet_tcp_cc_slow_start(struct fdnet_tcp *tp, uint32_t bytes)
{
	uint32_t room;

	if (tp->cwnd >= tp->ssthresh)
		return bytes;
	if (tp->ssthresh >= FDNET_TCP_CWND_MAX && tp->hystart.base_us) { /* RFC 9406 4.2: a quarter */
		tp->cwnd += bytes / 4;
		return 0;
	}
	room = tp->ssthresh - tp->cwnd;
	if (bytes < room)
		room = bytes;
	tp->cwnd += room;
	if (tp->cwnd > FDNET_TCP_CWND_MAX)
		tp->cwnd = FDNET_TCP_CWND_MAX;
	return bytes - room;
}

/* RFC 5681 4.1: after an idle time the old window means nothing. It decays
 * by half for each timeout spent idle, as the kernel does. */
static void idle_restart(struct fdnet_tcp *tp, uint64_t idle_us)
{
	uint64_t rto = fdnet_tcp_rto_us(tp);
	uint32_t floor = initial_window(tp);

	if (idle_us < rto || tp->cwnd <= floor)
		return;
	if (tp->ssthresh < tp->cwnd * 3 / 4)
		tp->ssthresh = tp->cwnd * 3 / 4;
	while (idle_us >= rto && tp->cwnd > floor) {
		tp->cwnd /= 2;
		idle_us -= rto;
	}
	if (tp->cwnd < floor)
		tp->cwnd = floor;
}

void fdnet_tcp_cc_idle(struct fdnet_tcp *tp, uint64_t idle_us)
{
	idle_restart(tp, idle_us);
}

static void reno_init(struct fdnet_tcp *tp)
{
	tp->cc_priv[0] = 0; /* bytes acknowledged towards the next segment */
}

static void reno_acked(struct fdnet_tcp *tp, uint32_t bytes)
{
	bytes = fdnet_tcp_cc_slow_start(tp, bytes);
	if (!bytes)
		return;
	/* RFC 5681 3.1: one segment a window, counted in bytes (RFC 3465) */
	tp->cc_priv[0] += bytes;
	if (tp->cc_priv[0] >= tp->cwnd) {
		tp->cc_priv[0] -= tp->cwnd;
		tp->cwnd += tp->mss;
	}
}

static uint32_t reno_ssthresh(struct fdnet_tcp *tp)
{
	uint32_t half = (tp->snd_nxt - tp->snd_una) / 2;

	return half > 2u * tp->mss ? half : 2u * tp->mss;
}

const struct fdnet_tcp_cc fdnet_tcp_cc_reno = {
	.name = "reno",
	.init = reno_init,
	.acked = reno_acked,
	.ssthresh = reno_ssthresh,
	.restart = fdnet_tcp_cc_idle,
};
