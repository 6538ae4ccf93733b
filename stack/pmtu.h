/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path MTUs learned from ICMP (RFC 1191, RFC 8201): a small table indexed by
 * a keyed hash of the destination, made when there is something to remember; a
 * newer one takes the place of another.
 * What was learned is forgotten after ten minutes, so that a larger one is
 * tried again.
 */
#ifndef STACK_PMTU_H
#define STACK_PMTU_H

#include "stack/internal.h"

#define FDNET_PMTU_US 600000000
/* Smaller ones are not believed: net.ipv4.route.min_pmtu, RFC 8200 5. */
#define FDNET_PMTU_MIN4 552
#define FDNET_PMTU_MIN6 1280

struct fdnet_pmtu {
	struct fdnet_ip dst; /* family 0: unused */
	uint32_t mtu;
	uint64_t expiry_us;
};

/** fdnet_pmtu_find - what was learned about @dst, or 0 */
uint32_t fdnet_pmtu_find(const struct fdnet_stack *stack,
			 const struct fdnet_ip *dst);

/** fdnet_pmtu_slot - where that of @dst stands, if it does; the table is made
 * if need be. NULL: no memory */
struct fdnet_pmtu *fdnet_pmtu_slot(struct fdnet_stack *stack,
				   const struct fdnet_ip *dst);
void fdnet_pmtu_done(struct fdnet_stack *stack);

/** fdnet_pmtu_plateau - the next smaller common size than @len, for routers
 * that do not tell one (RFC 1191 7.1) */
uint32_t fdnet_pmtu_plateau(uint32_t len);

#endif
