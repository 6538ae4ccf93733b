/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/counters.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "relay/state.h"

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

/* By name: another version may have more, or in another order. */
void counters_state(struct counters *counters, struct fdnet_save *s)
{
	uint32_t n = fdnet_save_count(s, C_MAX, 4096, 12);

	for (uint32_t i = 0; i < n && !s->rc; i++) {
		const char *known = s->reading ? NULL :
						 counter_name((enum counter)i);
		char *name = state_text(s, known, 64);
		uint64_t value = fdnet_save_u64(
			s, s->reading ? 0 : counters->n[i]);

		if (!s->reading)
			continue;
		fdnet_save_check(s, name);
		for (int k = 0; name && k < C_MAX; k++)
			if (!strcmp(name, counter_name((enum counter)k)))
				counters->n[k] = value;
		free(name);
	}
}
