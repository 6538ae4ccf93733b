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

static void set_counter(struct counters *counters, const char *name,
			uint64_t value)
{
	for (int i = 0; i < C_MAX; i++)
		if (!strcmp(name, counter_name((enum counter)i)))
			counters->n[i] = value;
}

/* By name: another version may have more, or in another order. */
void counters_state(struct counters *counters, struct fdnet_save *s)
{
	uint32_t n = 0;

	for (int i = 0; i < C_MAX; i++)
		n += counters->n[i] != 0;
	n = fdnet_save_count(s, n, 4096, 12);
	for (int i = 0; !s->reading && i < C_MAX; i++) {
		if (!counters->n[i])
			continue;
		state_text(s, counter_name((enum counter)i), 64);
		fdnet_save_u64(s, counters->n[i]);
	}
	for (; s->reading && n && !s->rc; n--) {
		char *name = state_text(s, NULL, 64);
		uint64_t value = fdnet_save_u64(s, 0);

		fdnet_save_check(s, name);
		if (name)
			set_counter(counters, name, value);
		free(name);
	}
}
