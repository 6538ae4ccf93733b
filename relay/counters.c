/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/counters.h"

const char *counter_name(enum counter which)
{
	static const char *const names[C_MAX] = {
#define COUNTER_NAME(id, name) name,
		COUNTERS(COUNTER_NAME)
#undef COUNTER_NAME
	};

	return which < C_MAX ? names[which] : "?";
}
