/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of fdnet-run; see options.h. */
#include "config.h"

#include "sandbox/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/say.h"

enum option_id {
	OPT_RELAY, /* handed to the relay */
	OPT_RELAY_WORD, /* the same, with or without =VALUE */
	OPT_ADDR,
	OPT_INHERIT,
	OPT_UNIX,
	OPT_ENV,
	OPT_STRICT,
	OPT_REQUIRE,
	OPT_NO_SPACES,
	OPT_NO_SUPERVISOR,
	OPT_KILL_REST,
	OPT_CHECK,
	OPT_QUIET,
	OPT_VERBOSE,
	OPT_SHOW_FILTER,
	OPT_HELP,
	OPT_VERSION,
};

struct option_row {
	const char *name;
	char letter;
	const char *arg; /* NULL: takes none */
	enum option_id id;
	const char *help;
	bool in_manual; /* and not on the one screen of --help */
};

static const struct option_row option_rows[] = {
	{"--allow", 'a', "RULE", OPT_RELAY,
	 "let the program reach what RULE names; may be repeated"},
	{"--deny", 'd', "RULE", OPT_RELAY,
	 "forbid it again; the first rule that matches decides"},
	{"--publish", 'p', "SPEC", OPT_RELAY,
	 "host port to sandbox port: 8080:80, 0.0.0.0:8080:80, 53:53/udp"},
	{"--policy", 0, "FILE", OPT_RELAY,
	 "read allow, deny and publish lines from FILE"},
	{"--addr", 0, "ADDR", OPT_ADDR,
	 "the sandbox's own address, such as 10.0.2.15/24"},
	{"--mtu", 0, "BYTES", OPT_RELAY, "largest packet on the link"},
	{"--limit", 0, "NAME=N", OPT_RELAY,
	 "memory, tcp-flows, udp-idle and others: fdnet-relay(8)"},
	{"--record", 0, "FILE", OPT_RELAY,
	 "write what the program tried; bounded by --record-size"},
	{"--record-keep", 0, "N", OPT_RELAY,
	 "keep N old records when FILE is full: FILE.1 ...", true},
	{"--record-size", 0, "KIB", OPT_RELAY, "FILE is full at this size",
	 true},
	{"--pcap", 0, "FILE", OPT_RELAY,
	 "capture what crosses the links; bounded by --pcap-size"},
	{"--pcap-filter", 0, "EXPR", OPT_RELAY,
	 "only packets that pcap-filter(7) EXPR matches"},
	{"--pcap-keep", 0, "N", OPT_RELAY,
	 "keep N old captures when FILE is full: FILE.1 ...", true},
	{"--pcap-size", 0, "KIB", OPT_RELAY, "FILE is full at this size", true},
	{"--dns", 0, "ADDR", OPT_RELAY,
	 "ask this name server, not the machine's; ADDR:PORT"},
	{"--impair", 0, "SPEC", OPT_RELAY,
	 "a worse network: delay=50ms,jitter=5ms,loss=1%,rate=10mbit"},
	{"--learn", 0, "[FILE]", OPT_RELAY_WORD,
	 "at the end, the policy that the run needed; --learn=FILE"},
	{"--metrics", 0, "WHERE", OPT_RELAY,
	 "counters for Prometheus at PATH or ADDR:PORT"},
	{"--metrics-file", 0, "FILE", OPT_RELAY,
	 "the same in a file, every 10 s and at the end"},
	{"--control", 0, "PATH", OPT_RELAY,
	 "a socket there, by which fdnet-ctl looks and changes"},
	{"--inherit", 0, "FD", OPT_INHERIT,
	 "leave this descriptor open in the program"},
	{"--unix", 0, "PATH", OPT_UNIX,
	 "let the program reach this AF_UNIX socket of the machine"},
	{"--env", 0, "NAME", OPT_ENV,
	 "keep a variable that points at a service of your session"},
	{"--strict", 0, NULL, OPT_STRICT,
	 "run nothing unless namespaces and Landlock are up"},
	{"--require", 0, "LAYER", OPT_REQUIRE,
	 "run nothing unless this layer is up; see --check"},
	{"--no-namespaces", 0, NULL, OPT_NO_SPACES,
	 "without namespaces, though they may be had"},
	{"--no-supervisor", 0, NULL, OPT_NO_SUPERVISOR,
	 "static programs stay without a network"},
	{"--kill-rest", 0, NULL, OPT_KILL_REST,
	 "kill what the program leaves behind when it ends"},
	{"--check", 0, NULL, OPT_CHECK,
	 "print which layers this machine can put up"},
	{"--quiet", 'q', NULL, OPT_QUIET, "no summary at the end"},
	{"--verbose", 'v', NULL, OPT_VERBOSE,
	 "say which layers of the fence are up, and each refusal"},
	{"--show-filter", 0, NULL, OPT_SHOW_FILTER,
	 "print the system call filter and its reasons"},
	{"--help", 'h', NULL, OPT_HELP, "this text"},
	{"--version", 'V', NULL, OPT_VERSION, "print the version"},
};

#define OPTION_ROWS (sizeof(option_rows) / sizeof(*option_rows))

void options_help(void)
{
	char head[32], letter[8];
	size_t i;

	puts("usage: fdnet-run [options] -- program [argument...]\n"
	     "Run a program with a network of its own. Nothing leaves it but "
	     "what a rule allows.\n");
	for (i = 0; i < OPTION_ROWS; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->in_manual)
			continue;
		snprintf(letter, sizeof(letter), row->letter ? "-%c," : "",
			 row->letter);
		snprintf(head, sizeof(head), "%s %s", row->name,
			 row->arg ? row->arg : "");
		printf("  %3s %-17s %s\n", letter, head, row->help);
	}
	puts("\nrules: any, host:8080 (a service on this machine's loopback, "
	     "reached inside at\n"
	     "10.0.2.2:8080), example.com:443, tcp:10.1.0.0/16:80-90, "
	     "udp:*:123\n\n"
	     "  fdnet-run -- ./app                     no network but its own "
	     "loopback\n"
	     "  fdnet-run -a host:8000 -- curl http://10.0.2.2:8000/\n"
	     "  fdnet-run -p 8080:80 -- nginx          serve on the host's "
	     "port 8080\n\n"
	     "exit status: the program's; 128+n if signal n ended it; 125 if "
	     "fdnet-run failed;\n"
	     "126 if the program cannot be run; 127 if it is not found. "
	     "More: man fdnet-run");
}

/* Where a word stands, so that a script's author finds it. */
static void complain(const char *what, const char *word, int at)
{
	char known[1024] = "";
	size_t i, len = 0;

	for (i = 0; i < OPTION_ROWS && len < sizeof(known); i++)
		len += snprintf(known + len, sizeof(known) - len, " %s",
				option_rows[i].name);
	say("%s '%s' (argument %d); accepted are%s, then -- and the program",
	    what, word, at, known);
}

static const struct option_row *find_row(const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < OPTION_ROWS; i++) {
		const struct option_row *row = &option_rows[i];

		if (strlen(row->name) == len && !memcmp(row->name, word, len))
			return row;
		if (len == 2 && row->letter && word[1] == row->letter)
			return row;
	}
	return NULL;
}

static int add_inherit(struct options *opts, const char *value, int at)
{
	char *end;
	long fd;

	errno = 0;
	fd = strtol(value, &end, 10);
	if (errno || end == value || *end || fd < 0 || fd > 1 << 20) {
		say("--inherit '%s' (argument %d): a descriptor number is "
		    "accepted, such as 3",
		    value, at);
		return -EINVAL;
	}
	if (opts->inherit_count == OPTIONS_MAX_INHERIT) {
		say("--inherit '%s' (argument %d): at most %d are accepted",
		    value, at, OPTIONS_MAX_INHERIT);
		return -EINVAL;
	}
	opts->inherit[opts->inherit_count++] = fd;
	return 0;
}

static int add_text(const char **list, size_t max, size_t *count,
		    const struct option_row *row, const char *value, int at)
{
	if (*count == max || !*value) {
		say("%s '%s' (argument %d): at most %zu are accepted, and none "
		    "that is empty",
		    row->name, value, at, max);
		return -EINVAL;
	}
	list[(*count)++] = value;
	return 0;
}

static int add_required(struct options *opts, const char *value, int at)
{
	if (layers_parse(value, &opts->required) == 0)
		return 0;
	say("--require '%s' (argument %d): accepted are %s, also several with "
	    "commas between",
	    value, at, layers_names());
	return -EINVAL;
}

static int apply(struct options *opts, const struct option_row *row,
		 const char *word, const char *value, int at)
{
	switch (row->id) {
	case OPT_RELAY:
		opts->relay_args[opts->relay_argc++] = row->name;
		opts->relay_args[opts->relay_argc++] = value;
		return 0;
	case OPT_RELAY_WORD:
		opts->relay_args[opts->relay_argc++] = word;
		return 0;
	case OPT_ADDR:
		/* resolv.conf names the server that goes with it */
		opts->addr = value;
		opts->relay_args[opts->relay_argc++] = row->name;
		opts->relay_args[opts->relay_argc++] = value;
		return 0;
	case OPT_INHERIT:
		return add_inherit(opts, value, at);
	case OPT_UNIX:
		return add_text(opts->unix_paths, OPTIONS_MAX_UNIX,
				&opts->unix_count, row, value, at);
	case OPT_ENV:
		return add_text(opts->env, OPTIONS_MAX_ENV, &opts->env_count,
				row, value, at);
	case OPT_STRICT:
		opts->required |= LAYERS_STRICT;
		return 0;
	case OPT_REQUIRE:
		return add_required(opts, value, at);
	case OPT_NO_SPACES:
		opts->no_spaces = true;
		return 0;
	case OPT_NO_SUPERVISOR:
		opts->no_supervisor = true;
		return 0;
	case OPT_KILL_REST:
		/* it is the kernel that ends all of a pid namespace */
		opts->kill_rest = true;
		opts->required |= LAYER_BIT(LAYER_PID);
		return 0;
	case OPT_CHECK:
		opts->action = OPTIONS_CHECK;
		return 0;
	case OPT_QUIET:
		opts->quiet = true;
		opts->relay_args[opts->relay_argc++] = row->name;
		return 0;
	case OPT_VERBOSE:
		opts->verbose = true;
		opts->relay_args[opts->relay_argc++] = row->name;
		return 0;
	case OPT_SHOW_FILTER:
		opts->action = OPTIONS_SHOW_FILTER;
		return 0;
	case OPT_HELP:
		opts->action = OPTIONS_HELP;
		return 0;
	case OPT_VERSION:
		opts->action = OPTIONS_VERSION;
		return 0;
	}
	return -EINVAL;
}

/* Returns how many words were used, or -EINVAL. */
static int parse_option(struct options *opts, char **argv, int at)
{
	const char *word = argv[at];
	const char *equals = strchr(word, '=');
	const struct option_row *row;
	const char *value = NULL;
	int rc, used = 1;

	row = find_row(word, equals ? (size_t)(equals - word) : strlen(word));
	if (!row) {
		complain("unknown option", word, at);
		return -EINVAL;
	}
	if (!row->arg && equals) {
		say("%s (argument %d) takes no value", row->name, at);
		return -EINVAL;
	}
	if (row->id == OPT_RELAY_WORD) {
		value = NULL;
	} else if (row->arg && equals) {
		value = equals + 1;
	} else if (row->arg) {
		value = argv[at + 1];
		if (!value || !strcmp(value, "--")) {
			say("%s (argument %d) needs a %s: %s", row->name, at,
			    row->arg, row->help);
			return -EINVAL;
		}
		used = 2;
	}
	rc = apply(opts, row, word, value, at);
	return rc < 0 ? rc : used;
}

int options_parse(int argc, char **argv, struct options *ret_opts)
{
	struct options opts = {.action = OPTIONS_RUN};
	int at = 1, used;

	/* Each word of ours becomes at most two of the relay's. */
	opts.relay_args = calloc(2 * argc + 1, sizeof(*opts.relay_args));
	if (!opts.relay_args)
		return -ENOMEM;
	while (at < argc && argv[at][0] == '-' && argv[at][1] != '\0') {
		if (!strcmp(argv[at], "--")) {
			at++;
			break;
		}
		used = parse_option(&opts, argv, at);
		if (used < 0) {
			options_done(&opts);
			return used;
		}
		at += used;
	}
	opts.program = argv + at;
	if (opts.action == OPTIONS_RUN && !opts.program[0]) {
		say("no program given; usage: fdnet-run [options] -- program "
		    "[argument...], see --help");
		options_done(&opts);
		return -EINVAL;
	}
	*ret_opts = opts;
	return 0;
}

void options_done(struct options *opts)
{
	free(opts->relay_args);
	opts->relay_args = NULL;
}
