/* SPDX-License-Identifier: Apache-2.0 */
/* Which address to send from, and which to try first: RFC 6724. */
#ifndef STACK_IP_SELECT_H
#define STACK_IP_SELECT_H

#include "stack/internal.h"

/* One of our addresses, as a candidate. */
struct fdnet_source {
	struct fdnet_ip ip;
	unsigned int bits; /* of its network */
	bool deprecated;
	bool on_way; /* its network is the next hop's (rule 5.5) */
};

/** fdnet_source_better - is @a to be preferred to @b for @dst? Section 5; the
 * first of equals stays (rules 4 and 7 have nothing to tell here) */
bool fdnet_source_better(const struct fdnet_source *a,
			 const struct fdnet_source *b,
			 const struct fdnet_ip *dst);

/* A destination with the source it would have. */
struct fdnet_dest {
	struct fdnet_ip ip;
	struct fdnet_source src; /* family 0: it cannot be reached */
};

/** fdnet_dest_better - is @a to be tried before @b? Section 6 */
bool fdnet_dest_better(const struct fdnet_dest *a, const struct fdnet_dest *b);

#endif
