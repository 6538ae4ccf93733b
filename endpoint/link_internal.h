/* SPDX-License-Identifier: Apache-2.0 */
/* What link.c and link_rx.c share. */
#ifndef ENDPOINT_LINK_INTERNAL_H
#define ENDPOINT_LINK_INTERNAL_H

#include "endpoint/link.h"

/* One more than one, so that a single message ends the read without a second
 * call. */
#define FDNET_LINK_BATCH_MIN 2

struct fdnet_link {
	struct fdnet_link_config cfg;
	uint32_t features;
	bool greeted; /* features were agreed, or the link is plain */
	bool is_sock;
	unsigned int batch; /* messages to ask for in one call */
	unsigned int extra; /* packets of this read beyond its messages */
	struct fdnet_area *area;
	int end;	    /* negative errno once the end was seen */
	struct fdnet_link_stats stats;
};

#endif
