/* SPDX-License-Identifier: Apache-2.0 */
/* fdnet-relay: the sandbox's way out. fdnet-relay(8) has the options. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay/harden.h"
#include "relay/peer.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/status.h"
#include "relay/takeover.h"

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

/* Many sandboxes share one standard error. */
static void sum_up(const struct relay *relay)
{
	char *text = NULL, *save, *line;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	record_summary(&relay->record, out);
	if (fclose(out) || !text)
		return;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		fprintf(stderr, "sandbox %u: %s\n", relay->opts->sandbox, line);
	free(text);
}

/* Everything is another's: nothing is to be closed with a word. */
static void leave(struct relay *relay)
{
	files_stop(&relay->files);
	fflush(NULL);
	_exit(EXIT_OK);
}

static int run(struct relay *relay)
{
	int rc = relay_run(relay);

	if (relay->taken)
		leave(relay);
	if (relay->opts->sandbox && !relay->opts->quiet)
		sum_up(relay);
	else if (relay->opts->status_fd < 0 && relay->opts->verbose)
		record_summary(&relay->record, stderr);
	/* what processes tried that outlived the program */
	else if (relay->finished && !relay->opts->quiet)
		record_summary(&relay->record, stderr);
	if (relay->opts->status_fd < 0 || relay->opts->sandbox)
		relay_learned(relay);
	return rc ? fail("loop", rc) : EXIT_OK;
}

static int serve(struct relay *relay)
{
	int rc = harden_late();

	if (rc)
		return fail("system call filter", rc);
	/* the launcher starts the program now: nothing may come after */
	status_ready(relay);
	return run(relay);
}

/* In the place of another. */
static int serve_taken(struct relay *relay)
{
	struct options *opts = relay->opts;
	int status;

	if (opts->sandbox)
		status_ready(relay);
	status = run(relay);
	relay_close(relay);
	options_done(opts);
	return status;
}

static int take_over(struct options *opts)
{
	int rc = harden_early(opts), status;

	if (rc)
		return fail("start", rc);
	status = opts->takeover ? takeover_command(opts, serve_taken) :
				  takeover_worker(opts, serve_taken);
	options_done(opts);
	return status;
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
	if (opts.takeover || opts.takeover_fd >= 0)
		return take_over(&opts);
	if (opts.is_service) {
		rc = service_run(&opts);
		options_done(&opts);
		return rc ? EXIT_FAILED : EXIT_OK;
	}
	rc = harden_early(&opts);
	if (rc)
		return fail("start", rc);
	if (opts.network && peer_join(&opts)) {
		options_done(&opts);
		return EXIT_FAILED;
	}
	rc = relay_open(&relay, &opts);
	if (!rc)
		status = serve(&relay);
	relay_close(&relay);
	options_done(&opts);
	return status;
}
