/* SPDX-License-Identifier: Apache-2.0 */
/* fdnet-run: run a program with a network of its own. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "sandbox/exit_status.h"
#include "sandbox/confine.h"
#include "sandbox/fds.h"
#include "sandbox/filter.h"
#include "sandbox/layers.h"
#include "sandbox/options.h"
#include "sandbox/run.h"
#include "sandbox/say.h"
#include "sandbox/spaces.h"

static int show_filter(const struct options *opts)
{
	struct spaces spaces = spaces_first();
	struct filter filter;
	int rc;

	spaces.set = LAYERS_SPACES;
	rc = filter_build(run_filter_facts(opts, &spaces), &filter);
	if (rc < 0) {
		say("cannot build the system call filter: %s", strerror(-rc));
		return EXIT_OWN_FAILURE;
	}
	filter_show(&filter, stdout);
	confine_show(stdout);
	filter_done(&filter);
	return 0;
}

static int act(const struct options *opts)
{
	switch (opts->action) {
	case OPTIONS_HELP:
		options_help();
		return 0;
	case OPTIONS_VERSION:
		puts(PACKAGE_STRING);
		return 0;
	case OPTIONS_SHOW_FILTER:
		return show_filter(opts);
	case OPTIONS_CHECK:
		return ~layers_check(stdout) & opts->required ?
			       EXIT_OWN_FAILURE :
			       0;
	case OPTIONS_RUN:
		return run_program(opts);
	}
	return EXIT_OWN_FAILURE;
}

int main(int argc, char **argv)
{
	struct options opts;
	int status;

	/* Before anything is opened, or it could become 0, 1 or 2. */
	if (fds_open_stdio() < 0)
		return EXIT_OWN_FAILURE;
	if (options_parse(argc, argv, &opts) < 0)
		return EXIT_OWN_FAILURE;
	status = act(&opts);
	options_done(&opts);
	return status;
}
