/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redirects (RFC 1122 3.2.2.2, RFC 4861 8.3): for one destination another
 * first hop is better. A small table indexed by a keyed hash of the
 * destination, like the path MTUs; what was told is forgotten after five
 * minutes, as Linux does, or when the new hop does not answer.
 */
#ifndef STACK_REDIRECT_H
#define STACK_REDIRECT_H

#include "stack/internal.h"

#define FDNET_REDIRECT_US 300000000

struct fdnet_redirect {
	struct fdnet_ip dst; /* family 0: unused */
	struct fdnet_ip hop;
	uint64_t expiry_us;
};

/** fdnet_redirect_find - the hop to use towards @dst, or NULL */
const struct fdnet_ip *fdnet_redirect_find(const struct fdnet_stack *stack,
					   const struct fdnet_ip *dst);

/**
 * fdnet_redirect_take - @from, whose message was well-formed, says that @dst
 * is better reached through @hop
 *
 * Believed if the settings allow it, @from is the present hop towards @dst
 * and @hop is on our link; counted either way. Returns whether it was.
 */
bool fdnet_redirect_take(struct fdnet_stack *stack,
			 const struct fdnet_ip *from,
			 const struct fdnet_ip *dst,
			 const struct fdnet_ip *hop);

void fdnet_redirect_done(struct fdnet_stack *stack);

/** fdnet_redirect_forget - @hop does not answer, or is no router any more */
void fdnet_redirect_forget(struct fdnet_stack *stack,
			   const struct fdnet_ip *hop);

#endif
