/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP and ICMPv6, as the other parts of the stack see them. */
#ifndef STACK_ICMP_H
#define STACK_ICMP_H

#include "stack/internal.h"

struct fdnet_reass_entry;

/** fdnet_icmp_to_error - what an ICMP error message means to a socket, as the
 * kernel's icmp_err_convert and icmpv6_err_convert. @family: 4 or 6.
 * Returns the positive errno; @ret_fatal: also for established sockets. */
int fdnet_icmp_to_error(int family, uint8_t type, uint8_t code,
			bool *ret_fatal);

/** fdnet_icmp6_param_problem - code and pointer of ICMPv6 alone */
void fdnet_icmp6_param_problem(struct fdnet_stack *stack,
			       const struct fdnet_pkt *pkt,
			       const struct fdnet_ip_in *in, uint8_t code,
			       uint32_t pointer);

/** fdnet_icmp_reass_timeout - a datagram never became whole; said only when
 * its first fragment is there (RFC 792, RFC 8200 4.5) */
void fdnet_icmp_reass_timeout(struct fdnet_stack *stack,
			      const struct fdnet_reass_entry *entry);

/** fdnet_ping_input - an echo reply; in a gateway also a request to a foreign
 * address. 0: taken; -ENOENT: nobody's */
int fdnet_ping_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		     const struct fdnet_ip_in *in);

#endif
