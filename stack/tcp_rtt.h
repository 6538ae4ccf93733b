/* SPDX-License-Identifier: Apache-2.0 */
/* Round trip time and retransmission timeout (RFC 6298). */
#ifndef STACK_TCP_RTT_H
#define STACK_TCP_RTT_H

#include <stdint.h>

/* Zeroed except for @rto_us and @rto_min_us: nothing was measured. */
struct fdnet_tcp_rtt {
	uint32_t srtt_us; /* 0: no sample yet */
	uint32_t rttvar_us;
	uint32_t min_us; /* smallest sample, 0: none */
	uint32_t rto_us; /* without backoff */
	uint32_t rto_min_us;
};

#define FDNET_TCP_RTO_MAX_US 120000000u

/** fdnet_tcp_rtt_init - @initial_us: RTO before the first sample */
void fdnet_tcp_rtt_init(struct fdnet_tcp_rtt *rtt, uint32_t initial_us,
			uint32_t min_us);

/** fdnet_tcp_rtt_sample - a measurement; never of a retransmitted segment
 * unless a timestamp tells which copy it was (Karn) */
void fdnet_tcp_rtt_sample(struct fdnet_tcp_rtt *rtt, uint64_t sample_us);

/** fdnet_tcp_rtt_backoff - the timeout after @n timeouts in a row */
uint64_t fdnet_tcp_rtt_backoff(const struct fdnet_tcp_rtt *rtt, unsigned int n);

#endif
