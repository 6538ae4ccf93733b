/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SYN cookies (RFC 4987 3.6): a half-open connection kept in the peer's hands.
 *
 * The initial sequence number is 5 bits of minutes, 3 bits of MSS and 24 bits
 * of a keyed hash over names, the peer's sequence number and the minute.
 * Options other than MSS are lost, as they always were with cookies.
 */
#include "config.h"

#include <string.h>

#include "stack/tcp_internal.h"

#define MINUTE_US (60 * FDNET_SEC)

static const uint16_t mss_table[8] = {216,  536,  1220, 1300,
				      1440, 1460, 4312, 8960};

static uint32_t cookie_hash(struct fdnet_stack *stack,
			    const struct fdnet_name *local,
			    const struct fdnet_name *peer, uint32_t irs,
			    uint32_t minute)
{
	uint8_t key[45];

	memcpy(key, local->ip.bytes, 16);
	memcpy(key + 16, peer->ip.bytes, 16);
	memcpy(key + 32, &local->port, 2);
	memcpy(key + 34, &peer->port, 2);
	memcpy(key + 36, &irs, 4);
	memcpy(key + 40, &minute, 4);
	key[44] = 'C'; /* not the hash that makes other sequence numbers */
	return (uint32_t)fdnet_stack_hash(stack, key, sizeof(key)) & 0xffffff;
}

static uint32_t minute_now(const struct fdnet_stack *stack)
{
	return (uint32_t)(fdnet_stack_time(stack) / MINUTE_US);
}

static uint32_t mss_index(uint16_t mss)
{
	uint32_t i = 7;

	while (i && mss_table[i] > mss)
		i--;
	return i;
}

uint32_t fdnet_tcp_cookie_make(struct fdnet_stack *stack,
			       const struct fdnet_name *local,
			       const struct fdnet_name *peer,
			       const struct fdnet_tcp_hdr *syn)
{
	uint32_t minute = minute_now(stack);
	uint16_t mss = syn->mss ? syn->mss : FDNET_TCP_MSS_DEFAULT;

	return (minute & 31) << 27 | mss_index(mss) << 24 |
	       cookie_hash(stack, local, peer, syn->seq, minute);
}

bool fdnet_tcp_cookie_check(struct fdnet_stack *stack,
			    const struct fdnet_name *local,
			    const struct fdnet_name *peer,
			    const struct fdnet_tcp_hdr *ack,
			    struct fdnet_tcp_hdr *ret_syn)
{
	uint32_t cookie = ack->ack - 1, minute = minute_now(stack);
	uint32_t age = (minute - (cookie >> 27)) & 31;

	if (age > 2 ||
	    (cookie & 0xffffff) !=
		    cookie_hash(stack, local, peer, ack->seq - 1, minute - age))
		return false;
	*ret_syn = (struct fdnet_tcp_hdr){
		.sport = ack->sport,
		.dport = ack->dport,
		.seq = ack->seq - 1,
		.flags = FDNET_TH_SYN,
		.wnd = ack->wnd,
		.wscale = FDNET_TCP_WSCALE_NONE,
		.mss = mss_table[cookie >> 24 & 7],
	};
	return true;
}
