/* SPDX-License-Identifier: Apache-2.0 */
/* fdnet-ctl: look at a running relay and change it. fdnet-ctl(1). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/show.h"
#include "ctl/top.h"
#include "relay/pcap_proc.h"

enum exit_status {
	EXIT_OK = 0,
	EXIT_REFUSED = 1, /* the relay said no, or is not there */
	EXIT_USAGE = 2,
};

struct context {
	struct client client;
	bool json;
	unsigned int interval_s;
	struct pcap_target capture;
	int argc; /* of the command's own words */
	char **argv;
};

static const char usage[] =
	"usage: fdnet-ctl [options] COMMAND\n"
	"\n"
	"  status            the relay: addresses, ports, programs, counters\n"
	"  flows             what is connected\n"
	"  rules             the rules in force, and how often each decided\n"
	"  top               flows, live, the busiest first\n"
	"  close FLOW...     reset flows, by their number\n"
	"  metrics           counters, as Prometheus reads them\n"
	"  learned           what was needed so far, as a policy file\n"
	"  capture on FILE [FILTER], capture off\n"
	"                    what crosses the links, as pcap-filter(7) has it\n"
	"  reload [FILE]     new rules: the policy file again, or another one\n"
	"\n"
	"  -c, --control PATH   the relay's --control; else $FDNET_CONTROL\n"
	"  -j, --json           the answer as JSON\n"
	"  -n, --interval S     seconds between two looks of top (1)\n"
	"  -s, --size KIB       a capture is full then (1048576), and\n"
	"  -k, --keep N         N older ones are kept; with 0 it ends (0)\n"
	"  -h, --help, -V, --version\n";

static int say(int rc, const char *what)
{
	fprintf(stderr, "fdnet-ctl: %s: %s\n", what,
		rc == -EPIPE  ? "the relay has ended" :
		rc == -EPROTO ? "the relay is of another version" :
				strerror(-rc));
	return EXIT_REFUSED;
}

/* An answer without a listing: its text for the user. */
static int finish(struct context *ctx, int rc, const char *what)
{
	const struct ctl_reply *reply = &ctx->client.reply;

	if (rc)
		return say(rc, what);
	if (reply->error) {
		if (!reply->len)
			return say(-(int)reply->error, what);
		fprintf(stderr, "fdnet-ctl: %s: %s\n", what,
			(const char *)reply->body);
		return EXIT_REFUSED;
	}
	if (ctx->json)
		printf("{\"ok\":true}\n");
	else if (reply->len)
		printf("%s\n", (const char *)reply->body);
	return EXIT_OK;
}

static int list(struct context *ctx, enum ctl_op op, const char *what,
		void (*show)(const json_t *json, FILE *out))
{
	json_t *json;
	int rc = client_fetch(&ctx->client, op, &json);

	if (rc)
		return say(rc, what);
	if (ctx->json)
		show_json(json, stdout);
	else
		show(json, stdout);
	json_decref(json);
	return EXIT_OK;
}

static int do_status(struct context *ctx)
{
	return list(ctx, CTL_STATUS, "status", show_status);
}

static int do_flows(struct context *ctx)
{
	return list(ctx, CTL_FLOWS, "flows", show_flows);
}

static int do_rules(struct context *ctx)
{
	return list(ctx, CTL_RULES, "rules", show_rules);
}

static int do_top(struct context *ctx)
{
	int rc = top_run(&ctx->client, ctx->interval_s);

	if (rc == -ENOTTY) {
		fputs("fdnet-ctl: top: it needs a terminal\n", stderr);
		return EXIT_REFUSED;
	}
	return rc ? say(rc, "top") : EXIT_OK;
}

static int do_close(struct context *ctx)
{
	int status = EXIT_OK;

	for (int i = 0; i < ctx->argc; i++) {
		struct ctl_request request = { .op = CTL_CLOSE };
		char *end;

		errno = 0;
		request.arg = strtoull(ctx->argv[i], &end, 10);
		if (errno || *end || end == ctx->argv[i] || !request.arg) {
			fprintf(stderr,
				"fdnet-ctl: close %s: a flow's number is "
				"expected, see fdnet-ctl flows\n",
				ctx->argv[i]);
			return EXIT_USAGE;
		}
		if (finish(ctx, client_ask(&ctx->client, &request, -1),
			   ctx->argv[i]))
			status = EXIT_REFUSED;
	}
	return status;
}

/* An answer that is a text of its own, with --json too. */
static int print_text(struct context *ctx, enum ctl_op op, const char *what)
{
	struct ctl_request request = { .op = op };
	int rc = client_ask(&ctx->client, &request, -1);

	if (rc || ctx->client.reply.error)
		return finish(ctx, rc, what);
	fwrite(ctx->client.reply.body, 1, ctx->client.reply.len, stdout);
	return EXIT_OK;
}

static int do_metrics(struct context *ctx)
{
	return print_text(ctx, CTL_METRICS, "metrics");
}

static int do_learned(struct context *ctx)
{
	return print_text(ctx, CTL_LEARNED, "learned");
}

static int do_reload(struct context *ctx)
{
	struct ctl_request request = { .op = CTL_RELOAD };
	const char *path = ctx->argc ? ctx->argv[0] : "reload";
	int fd = -1, rc;

	if (ctx->argc) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return say(-errno, path);
	}
	rc = client_ask(&ctx->client, &request, fd);
	if (fd >= 0)
		close(fd);
	return finish(ctx, rc, path);
}

static int capture_on(struct context *ctx)
{
	struct ctl_request request = { .op = CTL_CAPTURE_ON };
	const char *path = ctx->argv[1];
	int rc, fd;

	ctx->capture.path = path;
	ctx->capture.filter = ctx->argc > 2 ? ctx->argv[2] : NULL;
	fd = pcap_proc_start(&ctx->capture);
	/* what is wrong with the file or the filter has been said */
	if (fd == -EINVAL)
		return EXIT_REFUSED;
	if (fd < 0)
		return say(fd, path);
	rc = client_ask(&ctx->client, &request, fd);
	close(fd);
	return finish(ctx, rc, path);
}

static int do_capture(struct context *ctx)
{
	struct ctl_request off = { .op = CTL_CAPTURE_OFF };

	if (!strcmp(ctx->argv[0], "on") && ctx->argc > 1)
		return capture_on(ctx);
	if (!strcmp(ctx->argv[0], "off") && ctx->argc == 1)
		return finish(ctx, client_ask(&ctx->client, &off, -1),
			      "capture off");
	fputs("fdnet-ctl: capture on FILE [FILTER] or capture off is "
	      "expected\n",
	      stderr);
	return EXIT_USAGE;
}

static const struct command {
	const char *name;
	int (*run)(struct context *ctx);
	int min_args, max_args;
} commands[] = {
	{ "status", do_status, 0, 0 },
	{ "flows", do_flows, 0, 0 },
	{ "rules", do_rules, 0, 0 },
	{ "top", do_top, 0, 0 },
	{ "close", do_close, 1, 10000 },
	{ "reload", do_reload, 0, 1 },
	{ "capture", do_capture, 1, 3 },
	{ "metrics", do_metrics, 0, 0 },
	{ "learned", do_learned, 0, 0 },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int run(struct context *ctx, const char *path, int argc, char **argv)
{
	const struct command *command = argc ? find_command(argv[0]) : NULL;
	int rc, status;

	if (!command || argc - 1 < command->min_args ||
	    argc - 1 > command->max_args) {
		fprintf(stderr, "fdnet-ctl: %s%s; --help lists the commands\n",
			argc ? argv[0] : "a command is expected",
			argc ? command ? ": not these arguments" :
					 ": no such command" :
			       "");
		return EXIT_USAGE;
	}
	if (!path) {
		fputs("fdnet-ctl: which relay? --control PATH or FDNET_CONTROL "
		      "is expected, as given to fdnet-run --control\n",
		      stderr);
		return EXIT_USAGE;
	}
	ctx->argc = argc - 1;
	ctx->argv = argv + 1;
	rc = client_open(&ctx->client, path);
	if (rc) {
		fprintf(stderr, "fdnet-ctl: %s: %s\n", path,
			rc == -ECONNREFUSED ? "no relay is there any more" :
					      strerror(-rc));
		return EXIT_REFUSED;
	}
	status = command->run(ctx);
	client_close(&ctx->client);
	return status;
}

static int parse_number(const char *option, const char *text, unsigned int lo,
			unsigned int hi, unsigned int *ret_value)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || *text == '-' || n < lo || n > hi) {
		fprintf(stderr,
			"fdnet-ctl: --%s %s: a number from %u to %u is "
			"expected\n",
			option, text, lo, hi);
		return -EINVAL;
	}
	*ret_value = (unsigned int)n;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "control", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "interval", required_argument, NULL, 'n' },
		{ "size", required_argument, NULL, 's' },
		{ "keep", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	const char *path = getenv("FDNET_CONTROL");
	static struct context ctx = {
		.interval_s = 1,
		.capture.kib = PCAP_PROC_KIB,
	};
	int id;

	while ((id = getopt_long(argc, argv, "+c:jn:s:k:hV", options, NULL)) >=
	       0) {
		switch (id) {
		case 'c':
			path = optarg;
			break;
		case 'j':
			ctx.json = true;
			break;
		case 'n':
			if (parse_number("interval", optarg, 1, 3600,
					 &ctx.interval_s))
				return EXIT_USAGE;
			break;
		case 's':
			if (parse_number("size", optarg, 4, 1u << 30,
					 &ctx.capture.kib))
				return EXIT_USAGE;
			break;
		case 'k':
			if (parse_number("keep", optarg, 0, 100,
					 &ctx.capture.keep))
				return EXIT_USAGE;
			break;
		case 'h':
			fputs(usage, stdout);
			return EXIT_OK;
		case 'V':
			puts("fdnet-ctl " PACKAGE_VERSION);
			return EXIT_OK;
		default:
			return EXIT_USAGE;
		}
	}
	return run(&ctx, path, argc - optind, argv + optind);
}
