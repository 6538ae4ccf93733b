/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/limits.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/policy.h"

#define SECOND_US 1000000ull

/* Settings by name; @scale turns the number given into the member. */
static const struct limit_row {
	const char *name;
	size_t offset;
	uint64_t lo, hi, scale;
} rows[] = {
	{ "guests", offsetof(struct limits, guests), 1, LIMIT_GUESTS, 1 },
	{ "control-rate", offsetof(struct limits, control_rate), 10, 1u << 30,
	  1 },
	{ "tcp-flows", offsetof(struct limits, tcp_flows), 1, 1u << 20, 1 },
	{ "tcp-pending", offsetof(struct limits, tcp_pending), 1, 1u << 20, 1 },
	{ "udp-flows", offsetof(struct limits, udp_flows), 1, 1u << 20, 1 },
	{ "udp-idle", offsetof(struct limits, udp_one_way_us), 1, 86400,
	  SECOND_US },
	{ "udp-idle-answered", offsetof(struct limits, udp_two_way_us), 1,
	  86400, SECOND_US },
	{ "flow-memory", offsetof(struct limits, flow_bytes), 8192, 64u << 20,
	  1 },
	{ "memory", offsetof(struct limits, bytes), 8u << 20, 1ull << 40, 1 },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

void limits_init(struct limits *limits)
{
	*limits = (struct limits){
		.guests = LIMIT_GUESTS,
		.control_rate = LIMIT_CONTROL_RATE,
		.tcp_flows = LIMIT_TCP_FLOWS,
		.tcp_pending = LIMIT_TCP_PENDING,
		.udp_flows = LIMIT_UDP_FLOWS,
		.udp_one_way_us = LIMIT_UDP_ONE_WAY_US,
		.udp_two_way_us = LIMIT_UDP_TWO_WAY_US,
		.bytes = LIMIT_BYTES,
	};
}

static const struct limit_row *find_row(const char *text, size_t len)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].name) == len &&
		    !memcmp(rows[i].name, text, len))
			return &rows[i];
	return NULL;
}

static uint64_t unit_of(const char *end)
{
	switch (*end) {
	case '\0':
		return 1;
	case 'K':
	case 'M':
	case 'G':
		return end[1] ? 0 :
		       *end == 'K' ? 1ull << 10 :
		       *end == 'M' ? 1ull << 20 :
				     1ull << 30;
	}
	return 0;
}

int limits_set(struct limits *limits, const char *text,
	       struct policy_error *ret_err)
{
	size_t len = strcspn(text, "=");
	const struct limit_row *row = find_row(text, len);
	const char *number = text + len + 1;
	uint64_t value, unit;
	char *end;

	if (!row || !text[len]) {
		char names[192] = "";

		for (size_t i = 0; i < ROWS; i++)
			snprintf(names + strlen(names),
				 sizeof(names) - strlen(names), "%s%s",
				 i ? ", " : "", rows[i].name);
		return policy_fail(ret_err, row ? len : 0,
				   "NAME=NUMBER is expected, NAME one of %s",
				   names);
	}
	errno = 0;
	value = strtoull(number, &end, 10);
	unit = unit_of(end);
	if (errno || *number < '0' || *number > '9' || !unit ||
	    value < (row->lo + unit - 1) / unit || value > row->hi / unit)
		return policy_fail(ret_err, len + 1,
				   "%llu to %llu is expected; K, M and G are "
				   "units",
				   (unsigned long long)row->lo,
				   (unsigned long long)row->hi);
	*(uint64_t *)((char *)limits + row->offset) = value * unit * row->scale;
	return 0;
}
