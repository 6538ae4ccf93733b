/* SPDX-License-Identifier: Apache-2.0 */
/* fdnet-relay: the sandbox's way out. fdnet-relay(8) has the options. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "relay/harden.h"
#include "relay/relay.h"
#include "relay/status.h"

enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

static int fail(const char *what, int rc)
{
	fprintf(stderr, "fdnet-relay: %s: %s\n", what, strerror(-rc));
	return EXIT_FAILED;
}

static int serve(struct relay *relay)
{
	int rc = harden_late();

	if (rc)
		return fail("system call filter", rc);
	/* the launcher starts the program now: nothing may come after */
	status_ready(relay);
	rc = relay_run(relay);
	if (relay->opts->status_fd < 0 && relay->opts->verbose)
		record_summary(&relay->record, stderr);
	return rc ? fail("loop", rc) : EXIT_OK;
}

int main(int argc, char **argv)
{
	struct options opts;
	struct relay relay;
	int rc, status = EXIT_FAILED;

	switch (options_parse(argc, argv, &opts)) {
	case OPTIONS_RUN:
		break;
	case OPTIONS_HELP:
	case OPTIONS_VERSION:
		options_done(&opts);
		return EXIT_OK;
	case OPTIONS_WRONG:
		options_done(&opts);
		return EXIT_USAGE;
	}
	rc = harden_early(&opts);
	if (rc)
		return fail("start", rc);
	rc = relay_open(&relay, &opts);
	if (!rc)
		status = serve(&relay);
	relay_close(&relay);
	options_done(&opts);
	return status;
}
