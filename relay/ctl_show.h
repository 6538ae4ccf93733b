/* SPDX-License-Identifier: Apache-2.0 */
/* What fdnet-ctl(1) shows, as JSON: fdnet-ctl(1) lists the keys. */
#ifndef RELAY_CTL_SHOW_H
#define RELAY_CTL_SHOW_H

#include "relay/json.h"
#include "relay/relay.h"

/** ctl_show_status - the relay as a whole: one object */
void ctl_show_status(struct relay *relay, struct json *json);

/**
 * ctl_show_flows - an array of as many flows as there is room for
 * @after:  the number of the last one seen; 0: from the beginning
 *
 * Returns where to go on, or 0 at the end.
 */
uint64_t ctl_show_flows(struct relay *relay, struct json *json,
			uint64_t after);

/** ctl_show_rules - likewise the rules, numbered from 1 */
uint64_t ctl_show_rules(struct relay *relay, struct json *json,
			uint64_t after);

#endif
