/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/relay_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

struct rg_relay relay;
uint16_t port;
char text[65536];

void start(const char *options)
{
	char line[1024];

	snprintf(line, sizeof(line), options, port, port, port);
	rg_start(&relay, line);
}

int run_relay(const char *args)
{
	const char *dir = getenv("top_builddir");
	char command[512];
	FILE *pipe;
	size_t len;

	snprintf(command, sizeof(command), "%s/fdnet-relay %s 2>&1",
		 dir ? dir : ".", args);
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	len = fread(text, 1, sizeof(text) - 1, pipe);
	text[len] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

int connected_pair(struct rg *g, int listener, struct fdnet_sock **so)
{
	ck_assert_int_eq(rg_connect(g, GATEWAY, port, so), 0);
	return rg_host_accept(&relay, listener);
}

int relay_case_main(Suite *suite)
{
	SRunner *sr;
	int failed;

	if (!rg_namespace()) {
		puts("no network namespace can be made here: skipped");
		return 77;
	}
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
