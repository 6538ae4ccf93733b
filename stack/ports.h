/* SPDX-License-Identifier: Apache-2.0 */
/* Automatic ports: what the stack's owner has to say to the choice. */
#ifndef FDNET_STACK_PORTS_H
#define FDNET_STACK_PORTS_H

#include <stdbool.h>
#include <stdint.h>

struct fdnet_stack;

/**
 * fdnet_stack_avoid - a port that is not to be chosen for the time being
 * @proto:  6 or 17
 * @avoid:  false: it may be again
 *
 * Somebody else has it, of whom the stack does not know. bind() to it by
 * number is not affected; nor is it part of a saved stack.
 * Returns 0; -ERANGE for one that is not leased, and so never chosen; -ENOMEM.
 * Then nothing is avoided.
 */
int fdnet_stack_avoid(struct fdnet_stack *stack, uint8_t proto, uint16_t port,
		      bool avoid);

/** fdnet_ports_done - with the stack */
void fdnet_ports_done(struct fdnet_stack *stack);

#endif
