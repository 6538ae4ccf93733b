/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/counters.h"

#include <inttypes.h>

const char *counter_name(enum counter which)
{
	static const char *const names[C_MAX] = {
#define COUNTER_NAME(id, name) name,
		COUNTERS(COUNTER_NAME)
#undef COUNTER_NAME
	};

	return which < C_MAX ? names[which] : "?";
}

void counters_print(const struct counters *counters, FILE *out)
{
	fputs("fdnet-relay: counters:", out);
	for (int i = 0; i < C_MAX; i++)
		if (counters->n[i])
			fprintf(out, " %s=%" PRIu64, counter_name(i),
				counters->n[i]);
	fputc('\n', out);
}
