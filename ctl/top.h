/* SPDX-License-Identifier: Apache-2.0 */
/* The live view: the busiest flows first. */
#ifndef CTL_TOP_H
#define CTL_TOP_H

#include "ctl/client.h"

/**
 * top_run - show flows in the terminal until the user has enough
 * @interval_s:  between two looks
 *
 * Returns 0, or a negative errno: -EPIPE when the relay has ended, -ENOTTY
 * where there is no terminal.
 */
int top_run(struct client *client, unsigned int interval_s);

#endif
