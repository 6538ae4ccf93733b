/* SPDX-License-Identifier: Apache-2.0 */
/* Round trip time and retransmission timeout (RFC 6298). */
#include "config.h"

#include "stack/tcp_rtt.h"

void fdnet_tcp_rtt_init(struct fdnet_tcp_rtt *rtt, uint32_t initial_us,
			uint32_t min_us)
{
	*rtt = (struct fdnet_tcp_rtt){
		.rto_us = initial_us,
		.rto_min_us = min_us,
	};
}

void fdnet_tcp_rtt_sample(struct fdnet_tcp_rtt *rtt, uint64_t sample_us)
{
	uint32_t r = sample_us > FDNET_TCP_RTO_MAX_US ? FDNET_TCP_RTO_MAX_US
						      : (uint32_t)sample_us;
	uint32_t diff, var;

	if (!r)
		r = 1;
	if (!rtt->min_us || r < rtt->min_us)
		rtt->min_us = r;
	if (!rtt->srtt_us) { /* RFC 6298 2.2 */
		rtt->srtt_us = r;
		rtt->rttvar_us = r / 2;
	} else { /* 2.3 */
		diff = rtt->srtt_us > r ? rtt->srtt_us - r : r - rtt->srtt_us;
		rtt->rttvar_us += (diff + 2) / 4 - (rtt->rttvar_us + 2) / 4;
		rtt->srtt_us += (r + 4) / 8 - (rtt->srtt_us + 4) / 8;
		if (!rtt->srtt_us)
			rtt->srtt_us = 1;
	}
	/* The floor is on the variance part, as the kernel has it: a path
	 * with a steady long delay keeps its room. */
	var = rtt->rttvar_us * 4;
	if (var < rtt->rto_min_us)
		var = rtt->rto_min_us;
	rtt->rto_us = rtt->srtt_us + var;
	if (rtt->rto_us > FDNET_TCP_RTO_MAX_US)
		rtt->rto_us = FDNET_TCP_RTO_MAX_US;
}

uint64_t fdnet_tcp_rtt_backoff(const struct fdnet_tcp_rtt *rtt, unsigned int n)
{
	uint64_t rto = rtt->rto_us;

	while (n-- && rto < FDNET_TCP_RTO_MAX_US)
		rto *= 2;
	return rto < FDNET_TCP_RTO_MAX_US ? rto : FDNET_TCP_RTO_MAX_US;
}
