/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts set sysctls for the kernel. run-packetdrill's stand-ins for sysctl,
 * ip and ethtool write them, a name=value each line, into the file that
 * FDNET_PD_SYSCTLS names; they become settings of the stack here.
 */
#include "config.h"

#include "tests/packetdrill/adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "stack/object.h"

/* "0-0-0-0", four words in hex, as the kernel lays them out. */
static void take_key(struct fdnet_tcp_settings *tcp, const char *value)
{
	unsigned int word[4];

	if (sscanf(value, "%x-%x-%x-%x", &word[0], &word[1], &word[2],
		   &word[3]) == 4)
		memcpy(tcp->fastopen_key, word, 16);
}

static void take_setting(struct pd *pd, const char *name, const char *value)
{
	static const uint8_t ecn[] = {FDNET_TCP_ECN_NEVER, FDNET_TCP_ECN_ASK,
				      FDNET_TCP_ECN_PASSIVE};
	static const uint8_t probing[] = {FDNET_TCP_PROBE_NEVER,
					  FDNET_TCP_PROBE_BLACK_HOLE,
					  FDNET_TCP_PROBE_ALWAYS};
	struct fdnet_tcp_settings *tcp = &pd->tcp;
	unsigned long n = strtoul(value, NULL, 0);

	if (!strcmp(name, "tcp_ecn"))
		tcp->ecn = n < 3 ? ecn[n] : FDNET_TCP_ECN_NEVER;
	else if (!strcmp(name, "tcp_timestamps"))
		tcp->no_timestamps = !n;
	else if (!strcmp(name, "tcp_sack"))
		tcp->no_sack = !n;
	else if (!strcmp(name, "tcp_window_scaling"))
		tcp->no_wscale = !n;
	else if (!strcmp(name, "tcp_fastopen"))
		tcp->fastopen = n ? (uint32_t)n : FDNET_TFO_OFF;
	else if (!strcmp(name, "tcp_min_tso_segs"))
		tcp->burst_min = (uint8_t)n;
	else if (!strcmp(name, "tcp_mtu_probing"))
		tcp->mtu_probing = n < 3 ? probing[n] : FDNET_TCP_PROBE_ALWAYS;
	else if (!strcmp(name, "tcp_base_mss"))
		tcp->base_mss = (uint16_t)n;
	else if (!strcmp(name, "tcp_fastopen_key"))
		take_key(tcp, value);
	else if (!strcmp(name, "gso")) /* ethtool */
		pd->stack->cfg.gso_max = 0;
	else if (!strcmp(name, "tcp_metrics") ||
		 !strcmp(name, "tcp_fastopen_cookies"))
		fdnet_tcp_fo_done(pd->stack); /* flushed */
}

void pd_read_sysctls(struct pd *pd)
{
	const char *path = getenv("FDNET_PD_SYSCTLS");
	char line[256], *eq;
	struct stat st;
	FILE *f;

	if (!path || stat(path, &st) || st.st_size == pd->sysctls_read)
		return;
	f = fopen(path, "re");
	if (!f)
		return;
	fseek(f, (long)pd->sysctls_read, SEEK_SET);
	while (fgets(line, sizeof(line), f)) {
		eq = strchr(line, '=');
		if (!eq)
			continue;
		*eq++ = '\0';
		eq[strcspn(eq, "\n")] = '\0';
		take_setting(pd, line, eq);
	}
	pd->sysctls_read = ftell(f);
	fclose(f);
	fdnet_stack_set_tcp(pd->stack, &pd->tcp);
}
