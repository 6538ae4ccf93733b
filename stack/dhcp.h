/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DHCP client for an Ethernet link (RFC 2131, RFC 2132).
 *
 * How it works: DISCOVER, the first OFFER that makes sense is asked for with
 * REQUEST, the address of the ACK is probed (RFC 5227, as autoconf.h does it)
 * and used: the address, a default route unless there is one, a smaller MTU.
 * When somebody has it already it is declined, and ten seconds later all
 * begins anew. Half of the lease later the server is asked again (RENEWING),
 * after seven eighths all are (REBINDING); at its end address and route go.
 * One timer stands at whatever comes next. Answers are asked to be broadcast,
 * for we take no packets to an address that is not ours.
 */
#ifndef STACK_DHCP_H
#define STACK_DHCP_H

#include "stack/internal.h"

enum fdnet_dhcp_state {
	FDNET_DHCP_OFF,
	FDNET_DHCP_INIT,	/* waits to begin */
	FDNET_DHCP_SELECTING,	/* DISCOVER is out */
	FDNET_DHCP_REQUESTING,	/* REQUEST is out */
	FDNET_DHCP_PROBING,	/* granted; has somebody else the address? */
	FDNET_DHCP_BOUND,
	FDNET_DHCP_RENEWING,
	FDNET_DHCP_REBINDING,
};

struct fdnet_dhcp {
	struct fdnet_timer timer;
	uint8_t state; /* enum fdnet_dhcp_state */
	uint8_t tries;
	bool routed; /* the default route is of this lease */
	uint32_t xid;
	uint64_t begun_us; /* of the exchange, for its secs */
	uint64_t due_us;
	/* of the lease; 0: never. Wanted, from REQUESTING on */
	uint64_t t1_us, t2_us, expiry_us;
	struct fdnet_lease lease;
	uint32_t base_mtu; /* of the settings */
};

struct fdnet_save;

int fdnet_dhcp_init(struct fdnet_stack *stack);
void fdnet_save_dhcp(struct fdnet_save *s, struct fdnet_stack *stack);

/** fdnet_dhcp_input - a datagram to the port of a client that was started, its
 * UDP header pulled off; borrowed */
void fdnet_dhcp_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt);

/** fdnet_dhcp_probed - autoconf.c has found out that @ip is free, or is not */
void fdnet_dhcp_probed(struct fdnet_stack *stack, const struct fdnet_ip *ip,
		       bool is_free);

#endif
