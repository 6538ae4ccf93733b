/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum option_id {
	OPT_ALLOW = 256,
	OPT_DENY,
	OPT_PUBLISH,
	OPT_POLICY,
	OPT_ADDR,
	OPT_MTU,
	OPT_DNS,
	OPT_HOSTS,
	OPT_RECORD,
	OPT_QUIET,
	OPT_VERBOSE,
	OPT_ATTACH_FD,
	OPT_LISTEN,
	OPT_STATUS_FD,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option options[] = {
	{ "allow", required_argument, NULL, OPT_ALLOW },
	{ "deny", required_argument, NULL, OPT_DENY },
	{ "publish", required_argument, NULL, OPT_PUBLISH },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "addr", required_argument, NULL, OPT_ADDR },
	{ "mtu", required_argument, NULL, OPT_MTU },
	{ "dns", required_argument, NULL, OPT_DNS },
	{ "hosts", required_argument, NULL, OPT_HOSTS },
	{ "record", required_argument, NULL, OPT_RECORD },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "attach-fd", required_argument, NULL, OPT_ATTACH_FD },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "status-fd", required_argument, NULL, OPT_STATUS_FD },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static const char usage[] =
	"usage: fdnet-relay [options] (--attach-fd N | --listen PATH)\n"
	"\n"
	"  --allow RULE      let the sandbox reach: [tcp:]HOST:PORTS,\n"
	"                    udp:HOST:PORTS, host:PORT[/udp], any\n"
	"  --deny RULE       the same words; the first rule that fits decides\n"
	"  --publish SPEC    [ADDR:]HOSTPORT:PORT[/udp]\n"
	"  --policy FILE     more rules, one a line: fdnet-policy(5)\n"
	"  --addr ADDR/BITS  the sandbox's address (10.0.2.15/24, fd00::15/64)\n"
	"  --mtu N           largest packet on a link, 1280 to 65520\n"
	"  --dns ADDR[:PORT] name server instead of the host's\n"
	"  --hosts FILE      instead of /etc/hosts\n"
	"  --record FILE     events as JSON Lines\n"
	"  --quiet           no summary at the end\n"
	"  --verbose         a line for each event\n"
	"  --attach-fd N     attach channel, a SEQPACKET socket\n"
	"  --listen PATH     or where guests connect to get one\n"
	"  --status-fd N     launcher's channel, a SEQPACKET socket\n"
	"  --help, --version\n";

/* The one place that tells what is wrong with an option. */
static int wrong(const char *option, const char *value,
		 const struct policy_error *err)
{
	fprintf(stderr, "fdnet-relay: --%s %s: column %u: %s\n", option, value,
		err->column, err->text);
	return -EINVAL;
}

static int wrong_value(const char *option, const char *value,
		       const char *expected)
{
	fprintf(stderr, "fdnet-relay: --%s %s: %s is expected\n", option,
		value, expected);
	return -EINVAL;
}

/* ---- publish ---- */

/* "127.0.0.1:" or "[::1]:" at @at. Returns the offset behind, @at: none. */
static int parse_publish_addr(const char *text, size_t at,
			      struct publish_spec *spec,
			      struct policy_error *ret_err)
{
	bool bracket = text[at] == '[';
	size_t start = at + bracket;
	size_t len = strcspn(text + start, bracket ? "]" : ":");
	char copy[FDNET_IP_STRLEN];

	spec->host.ip = fdnet_ip4(0x7f000001);
	if (!bracket && !memchr(text + at, '.', len) && text[at] != '*')
		return (int)at;
	if (!bracket && len == 1 && text[at] == '*') {
		spec->host.ip = fdnet_ip4(0);
		if (text[at + 1] == ':')
			return (int)at + 2;
		return policy_fail(ret_err, at + 1, "':' is expected");
	}
	if (bracket && !text[start + len])
		return policy_fail(ret_err, at, "']' is missing");
	if (len < sizeof(copy)) {
		memcpy(copy, text + start, len);
		copy[len] = '\0';
	}
	if (len >= sizeof(copy) || fdnet_ip_parse(copy, &spec->host.ip))
		return policy_fail(ret_err, start,
				   "an address of this host is expected");
	start += len + bracket;
	if (text[start] != ':')
		return policy_fail(ret_err, start, "':' is expected");
	return (int)start + 1;
}

int options_publish(const char *text, struct publish_spec *ret_spec,
		    struct policy_error *ret_err)
{
	struct publish_spec spec = { .proto = POLICY_TCP };
	size_t start = 0, used;
	int at;

	if (!strncmp(text, "udp:", 4) || !strncmp(text, "tcp:", 4)) {
		spec.proto = *text == 'u' ? POLICY_UDP : POLICY_TCP;
		start = 4;
	}
	at = parse_publish_addr(text, start, &spec, ret_err);
	if (at < 0)
		return at;
	used = policy_port_parse(text + at, true, &spec.host.port);
	if (!used || text[(size_t)at + used] != ':')
		return policy_fail(ret_err, (size_t)at + used,
				   "[ADDR:]HOSTPORT:PORT[/udp] is expected; "
				   "HOSTPORT 0 takes any free port");
	at += (int)used + 1;
	used = policy_port_parse(text + at, false, &spec.port);
	if (!used)
		return policy_fail(ret_err, (size_t)at,
				   "the sandbox's port is expected: 1 to "
				   "65535");
	at += (int)used;
	if (!strcmp(text + at, "/udp"))
		spec.proto = POLICY_UDP;
	else if (text[at] && strcmp(text + at, "/tcp"))
		return policy_fail(ret_err, (size_t)at,
				   "/tcp, /udp or the end is expected");
	*ret_spec = spec;
	return 0;
}

static int add_publish(void *arg, const char *text,
		       struct policy_error *ret_err)
{
	struct options *opts = arg;

	if (opts->npublish == OPTIONS_MAX_PUBLISH)
		return policy_fail(ret_err, 0, "more than %d published ports",
				   OPTIONS_MAX_PUBLISH);
	if (options_publish(text, &opts->publish[opts->npublish], ret_err))
		return -EINVAL;
	opts->npublish++;
	return 0;
}

/* ---- the others ---- */

static int add_dns(struct options *opts, const char *text)
{
	static const char expected[] = "ADDR, ADDR:PORT or [ADDR]:PORT, at "
				       "most three times,";
	struct fdnet_name name = { .port = 53 };
	char copy[FDNET_IP_STRLEN + 16], *port = NULL, *ip = copy;

	if (opts->ndns == OPTIONS_MAX_DNS || strlen(text) >= sizeof(copy))
		return wrong_value("dns", text, expected);
	strcpy(copy, text);
	if (copy[0] == '[') {
		char *close = strchr(copy, ']');

		if (!close || (close[1] && close[1] != ':'))
			return wrong_value("dns", text, expected);
		port = close[1] ? close + 2 : NULL;
		*close = '\0';
		ip++;
	} else if (strchr(copy, ':') == strrchr(copy, ':')) {
		port = strchr(copy, ':');
		if (port)
			*port++ = '\0';
	}
	if (fdnet_ip_parse(ip, &name.ip) ||
	    (port && (!policy_port_parse(port, false, &name.port) ||
		      port[policy_port_parse(port, false, &name.port)])))
		return wrong_value("dns", text, expected);
	opts->dns[opts->ndns++] = name;
	return 0;
}

static int parse_number(const char *option, const char *text, unsigned int lo,
			unsigned int hi, const char *expected,
			unsigned int *ret_value)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || !*text || *end || *text == '-' || value < lo ||
	    value > hi)
		return wrong_value(option, text, expected);
	*ret_value = (unsigned int)value;
	return 0;
}

static int parse_fd(const char *option, const char *text, int *ret_fd)
{
	unsigned int value;
	int rc = parse_number(option, text, 0, 1u << 20, "a descriptor number",
			      &value);

	if (!rc)
		*ret_fd = (int)value;
	return rc;
}

static int read_policy(struct options *opts, const char *path)
{
	struct policy_error err = { 0 };
	FILE *file = fopen(path, "re");
	int rc;

	if (!file) {
		fprintf(stderr, "fdnet-relay: --policy %s: %s\n", path,
			strerror(errno));
		return -EINVAL;
	}
	rc = policy_read(&opts->policy, file, add_publish, opts, &err);
	fclose(file);
	if (rc)
		fprintf(stderr, "%s:%u:%u: %s\n", path, err.line, err.column,
			err.text);
	return rc;
}

static int take_option(struct options *opts, int id, const char *value,
		       const char **policy)
{
	struct policy_error err = { 0 };

	switch (id) {
	case OPT_ALLOW:
	case OPT_DENY:
		if (policy_add(&opts->policy, id == OPT_ALLOW, value, &err))
			return wrong(id == OPT_ALLOW ? "allow" : "deny", value,
				     &err);
		return 0;
	case OPT_PUBLISH:
		return add_publish(opts, value, &err) ?
			       wrong("publish", value, &err) :
			       0;
	case OPT_POLICY:
		if (*policy)
			return wrong_value("policy", value, "one file only");
		*policy = value;
		return 0;
	case OPT_ADDR:
		if (net_set(&opts->net, value))
			return wrong_value(
				"addr", value,
				"ADDRESS/BITS as 10.0.2.15/24, neither .2 nor "
				".3 of its network,");
		return 0;
	case OPT_MTU:
		return parse_number("mtu", value, OPTIONS_MTU_MIN,
				    OPTIONS_MTU_MAX, "1280 to 65520",
				    &opts->mtu);
	case OPT_DNS:
		return add_dns(opts, value);
	case OPT_HOSTS:
		opts->hosts = value;
		return 0;
	case OPT_RECORD:
		opts->record = value;
		return 0;
	case OPT_QUIET:
		opts->quiet = true;
		return 0;
	case OPT_VERBOSE:
		opts->verbose = true;
		return 0;
	case OPT_ATTACH_FD:
		return parse_fd("attach-fd", value, &opts->attach_fd);
	case OPT_LISTEN:
		opts->listen = value;
		return 0;
	case OPT_STATUS_FD:
		return parse_fd("status-fd", value, &opts->status_fd);
	}
	fputs("fdnet-relay: --help lists the options\n", stderr);
	return -EINVAL;
}

static int check(const struct options *opts, int argc, char **argv)
{
	if (optind < argc) {
		fprintf(stderr,
			"fdnet-relay: '%s': only options are expected\n",
			argv[optind]);
		return -EINVAL;
	}
	if ((opts->attach_fd >= 0) == (opts->listen != NULL)) {
		fputs("fdnet-relay: one of --attach-fd N and --listen PATH is "
		      "expected\n",
		      stderr);
		return -EINVAL;
	}
	return 0;
}

enum options_result options_parse(int argc, char **argv,
				  struct options *ret_opts)
{
	struct options *opts = ret_opts;
	const char *policy = NULL;
	int id, rc = 0;

	*opts = (struct options){
		.hosts = "/etc/hosts",
		.mtu = OPTIONS_MTU_DEFAULT,
		.attach_fd = -1,
		.status_fd = -1,
	};
	policy_init(&opts->policy);
	net_init(&opts->net);
	optind = 0;
	while (!rc && (id = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (id == OPT_HELP) {
			fputs(usage, stdout);
			return OPTIONS_HELP;
		}
		if (id == OPT_VERSION) {
			puts("fdnet-relay " PACKAGE_VERSION);
			return OPTIONS_VERSION;
		}
		rc = take_option(opts, id, optarg, &policy);
	}
	if (!rc)
		rc = check(opts, argc, argv);
	/* the command line's rules come before the file's */
	if (!rc && policy)
		rc = read_policy(opts, policy);
	return rc ? OPTIONS_WRONG : OPTIONS_RUN;
}

void options_done(struct options *opts)
{
	policy_done(&opts->policy);
}
