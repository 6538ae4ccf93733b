/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay/limits.h"

enum option_id {
	OPT_ALLOW = 256,
	OPT_DENY,
	OPT_RULES,
	OPT_PUBLISH,
	OPT_POLICY,
	OPT_ADDR,
	OPT_MTU,
	OPT_IMPAIR,
	OPT_DNS,
	OPT_HOSTS,
	OPT_RECORD,
	OPT_RECORD_KEEP,
	OPT_RECORD_SIZE,
	OPT_LEARN,
	OPT_PCAP,
	OPT_PCAP_FILTER,
	OPT_PCAP_KEEP,
	OPT_PCAP_SIZE,
	OPT_METRICS,
	OPT_METRICS_FILE,
	OPT_CONTROL,
	OPT_QUIET,
	OPT_VERBOSE,
	OPT_ATTACH_FD,
	OPT_SHARE_FD,
	OPT_LISTEN,
	OPT_STATUS_FD,
	OPT_TAKEOVER,
	OPT_TAKEOVER_FD,
	OPT_SANDBOX,
	OPT_LIMIT,
	OPT_POLICY_DIR,
	OPT_MODE,
	OPT_USER,
	OPT_MAX,
	OPT_PER_USER,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option options[] = {
	{ "allow", required_argument, NULL, OPT_ALLOW },
	{ "deny", required_argument, NULL, OPT_DENY },
	{ "rules", required_argument, NULL, OPT_RULES },
	{ "publish", required_argument, NULL, OPT_PUBLISH },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "addr", required_argument, NULL, OPT_ADDR },
	{ "mtu", required_argument, NULL, OPT_MTU },
	{ "impair", required_argument, NULL, OPT_IMPAIR },
	{ "dns", required_argument, NULL, OPT_DNS },
	{ "hosts", required_argument, NULL, OPT_HOSTS },
	{ "record", required_argument, NULL, OPT_RECORD },
	{ "record-keep", required_argument, NULL, OPT_RECORD_KEEP },
	{ "record-size", required_argument, NULL, OPT_RECORD_SIZE },
	{ "pcap", required_argument, NULL, OPT_PCAP },
	{ "pcap-filter", required_argument, NULL, OPT_PCAP_FILTER },
	{ "pcap-keep", required_argument, NULL, OPT_PCAP_KEEP },
	{ "pcap-size", required_argument, NULL, OPT_PCAP_SIZE },
	{ "learn", optional_argument, NULL, OPT_LEARN },
	{ "metrics", required_argument, NULL, OPT_METRICS },
	{ "metrics-file", required_argument, NULL, OPT_METRICS_FILE },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "attach-fd", required_argument, NULL, OPT_ATTACH_FD },
	{ "share-fd", required_argument, NULL, OPT_SHARE_FD },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "status-fd", required_argument, NULL, OPT_STATUS_FD },
	{ "takeover", required_argument, NULL, OPT_TAKEOVER },
	{ "takeover-fd", required_argument, NULL, OPT_TAKEOVER_FD },
	{ "limit", required_argument, NULL, OPT_LIMIT },
	{ "sandbox", required_argument, NULL, OPT_SANDBOX },
	{ "policy-dir", required_argument, NULL, OPT_POLICY_DIR },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "user", required_argument, NULL, OPT_USER },
	{ "max-sandboxes", required_argument, NULL, OPT_MAX },
	{ "max-per-user", required_argument, NULL, OPT_PER_USER },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static const char usage[] =
	"usage: fdnet-relay [options] --attach-fd N\n"
	"       fdnet-relay [options] --listen PATH\n"
	"       fdnet-relay --takeover PATH\n"
	"\n"
	"  --allow RULE      let the sandbox reach: [tcp:]HOST:PORTS,\n"
	"                    udp:HOST:PORTS, icmp:HOST, host:PORT[/udp], any;\n"
	"                    let clients come: in:CLIENT:PORTS\n"
	"  --deny RULE       the same words; the first rule that fits decides\n"
	"  --rules TEXT      several rules, as in FDNET_ALLOW\n"
	"  --publish SPEC    [ADDR:]HOSTPORT:PORT[/udp]; ranges as 80-90:80-90\n"
	"  --policy FILE     more rules, one a line: fdnet-policy(5)\n"
	"  --addr ADDR/BITS  the sandbox's address (10.0.2.15/24, fd00::15/64)\n"
	"  --mtu N           largest packet on a link, 1280 to 65520\n"
	"  --impair SPEC     delay=50ms,jitter=5ms,loss=1%,rate=10mbit,seed=N\n"
	"  --dns ADDR[:PORT] name server instead of the host's\n"
	"  --hosts FILE      instead of /etc/hosts\n"
	"  --record FILE     events as JSON Lines\n"
	"  --record-size N   largest record, in KiB (262144)\n"
	"  --record-keep N   old records kept as FILE.1 ... FILE.N (0)\n"
	"  --pcap FILE       what crosses the links, for tcpdump or Wireshark\n"
	"  --pcap-filter X   only what pcap-filter(7) X matches\n"
	"  --pcap-size N     largest capture, in KiB (1048576)\n"
	"  --pcap-keep N     old captures kept as FILE.1 ... FILE.N (0)\n"
	"  --learn[=FILE]    what was needed, as a policy file, at the end\n"
	"  --metrics WHERE   counters for Prometheus at PATH or ADDR:PORT\n"
	"  --metrics-file FILE   the same, every 10 s and at the end\n"
	"  --control PATH    socket for fdnet-ctl(1)\n"
	"  --quiet           no summary at the end\n"
	"  --verbose         a line for each event\n"
	"  --attach-fd N     attach channel, a SEQPACKET socket\n"
	"  --share-fd N      where others of the sandbox connect for one\n"
	"  --status-fd N     launcher's channel, a SEQPACKET socket\n"
	"  --takeover PATH   go on in the place of the relay whose control\n"
	"                    socket this is, with all that it has\n"
	"  --limit NAME=N    memory, flow-memory, tcp-flows, udp-idle ...\n"
	"\n"
	"as a service, one process for each sandbox that connects:\n"
	"  --listen [NAME=]PATH  where sandboxes connect; may be repeated\n"
	"  --policy-dir DIR  NAME.policy, USER.policy or default.policy of it\n"
	"  --mode OCTAL      of the path, 0600\n"
	"  --user NAME       who serves the sandboxes, when started by root\n"
	"  --max-sandboxes N, --max-per-user N   256 and 64\n"
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

static int set_impair(struct options *opts, const char *text)
{
	struct policy_error err;
	int at = impair_parse(text, 0, &opts->impair, &err);

	if (at >= 0 && text[at])
		at = policy_fail(&err, (size_t)at, "the end is expected");
	return at < 0 ? wrong("impair", text, &err) : 0;
}

/* What is lost and delayed on a real network is no 64 KiB. */
static void choose_mtu(struct options *opts)
{
	bool impaired = opts->impair.on;

	for (unsigned int i = 0; i < opts->policy.count; i++)
		impaired |= opts->policy.rules[i].impair.on;
	opts->mtu = impaired ? OPTIONS_MTU_IMPAIRED : OPTIONS_MTU_DEFAULT;
}

static int add_publish(struct options *opts, const char *text,
		       struct policy_error *ret_err)
{
	struct publish_spec spec;

	if (options_publish(text, &spec, ret_err))
		return -EINVAL;
	if (opts->npublish + spec.count > OPTIONS_MAX_PUBLISH)
		return policy_fail(ret_err, 0, "more than %d published ports",
				   OPTIONS_MAX_PUBLISH);
	for (; spec.count; spec.count--) {
		opts->publish[opts->npublish++] = spec;
		spec.host.port++;
		spec.port++;
	}
	return 0;
}

/* ---- the others ---- */

/* ADDR, ADDR:PORT or [ADDR]:PORT; the port in @ret_name is the default. */
static int parse_name(const char *text, struct fdnet_name *ret_name)
{
	char copy[FDNET_IP_STRLEN + 16], *port = NULL, *ip = copy;
	struct fdnet_name name = *ret_name;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	if (copy[0] == '[') {
		char *close = strchr(copy, ']');

		if (!close || (close[1] && close[1] != ':'))
			return -EINVAL;
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
		return -EINVAL;
	*ret_name = name;
	return 0;
}

static int add_dns(struct options *opts, const char *text)
{
	struct fdnet_name name = { .port = 53 };

	if (opts->ndns == OPTIONS_MAX_DNS || parse_name(text, &name))
		return wrong_value("dns", text,
				   "ADDR, ADDR:PORT or [ADDR]:PORT, at most "
				   "three times,");
	opts->dns[opts->ndns++] = name;
	return 0;
}

static int set_metrics(struct options *opts, const char *text)
{
	opts->metrics = text;
	if (strchr(text, '/'))
		return 0;
	if (parse_name(text, &opts->metrics_name) || !opts->metrics_name.port)
		return wrong_value("metrics", text,
				   "a path with a slash, or ADDR:PORT,");
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

static struct options_place place_of(const struct policy_error *err)
{
	return (struct options_place){ err->line, err->column };
}

static int word_publish(void *arg, const char *text,
			struct policy_error *ret_err)
{
	struct options_place at = place_of(ret_err);
	struct options *opts = arg;
	unsigned int i = opts->npublish;
	int rc = add_publish(opts, text, ret_err);

	for (; i < opts->npublish; i++)
		opts->publish[i].at = at;
	return rc;
}

static int word_limit(void *arg, const char *text,
		      struct policy_error *ret_err)
{
	struct options *opts = arg;

	return limits_set(&opts->limits, text, ret_err);
}

static int word_addr(void *arg, const char *text, struct policy_error *ret_err)
{
	struct options *opts = arg;

	opts->net_at = place_of(ret_err);
	return net_set(&opts->net, text) ?
		       policy_fail(ret_err, 0,
				   "ADDRESS/BITS as 10.0.2.15/24 is expected, "
				   "neither .2 nor .3 of its network") :
		       0;
}

/* Words that go through messages and the name server. */
static int take_label(const char *text, char **ret_label,
		      struct policy_error *ret_err)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (!len || text[len] || len > 40 || *text == '-')
		return policy_fail(ret_err, len,
				   "lower-case letters, digits and '-' are "
				   "expected, 40 at most");
	free(*ret_label);
	*ret_label = strdup(text);
	return *ret_label ? 0 : policy_fail(ret_err, 0, "out of memory");
}

static int word_network(void *arg, const char *text,
			struct policy_error *ret_err)
{
	struct options *opts = arg;

	opts->network_at = place_of(ret_err);
	return take_label(text, &opts->network, ret_err);
}

static int word_name(void *arg, const char *text, struct policy_error *ret_err)
{
	struct options *opts = arg;

	opts->network_at = place_of(ret_err);
	return take_label(text, &opts->name, ret_err);
}

/* What a policy file says besides rules. */
static const struct policy_word words[] = {
	{ "publish", word_publish },
	{ "limit", word_limit },
	{ "addr", word_addr },
	{ "network", word_network },
	{ "name", word_name },
	{ NULL, NULL },
};

int options_reread(const struct options *opts, FILE *file,
		   struct options *ret_fresh, struct policy_error *ret_err)
{
	const struct options_command *command = &opts->command;
	int rc = 0;

	*ret_fresh = (struct options){
		.net = command->net,
		.limits = command->limits,
		.npublish = command->npublish,
	};
	memcpy(ret_fresh->publish, opts->publish,
	       command->npublish * sizeof(*opts->publish));
	policy_init(&ret_fresh->policy);
	for (unsigned int i = 0; !rc && i < command->nrules; i++) {
		const struct rule *rule = &opts->policy.rules[i];

		rc = policy_add(&ret_fresh->policy, rule->allow, rule->text,
				ret_err);
	}
	return rc ? rc :
		    policy_read(&ret_fresh->policy, file, words, ret_fresh,
				ret_err);
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
	rc = policy_read(&opts->policy, file, words, opts, &err);
	fclose(file);
	if (rc)
		fprintf(stderr, "%s:%u:%u: %s\n", path, err.line, err.column,
			err.text);
	return rc;
}

static int add_listen(struct service_options *service, const char *value)
{
	const char *path = strchr(value, '=');

	path = path ? path + 1 : value;
	if (*path != '/' || *value == '=' ||
	    strcspn(value, "/") < (size_t)(path - value))
		return wrong_value("listen", value,
				   "PATH or NAME=PATH, beginning with /,");
	if (service->nlisten == OPTIONS_MAX_LISTEN)
		return wrong_value("listen", value, "at most sixteen paths");
	service->listen[service->nlisten++] = value;
	return 0;
}

static int parse_mode(const char *text, unsigned int *ret_mode)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (!*text || *end || mode > 0777 || !(mode & 0600))
		return wrong_value("mode", text, "0600, 0660 or 0666");
	*ret_mode = (unsigned int)mode;
	return 0;
}

/* Options of the service itself. Returns 1 if it is none of them. */
static int take_service(struct options *opts, int id, const char *value)
{
	struct service_options *service = &opts->service;

	switch (id) {
	case OPT_LISTEN:
		return add_listen(service, value);
	case OPT_POLICY_DIR:
		service->policy_dir = value;
		return 0;
	case OPT_MODE:
		return parse_mode(value, &service->mode);
	case OPT_USER:
		service->user = value;
		return 0;
	case OPT_MAX:
		return parse_number("max-sandboxes", value, 1, 65536,
				    "1 to 65536", &service->max);
	case OPT_PER_USER:
		return parse_number("max-per-user", value, 1, 65536,
				    "1 to 65536", &service->per_user);
	}
	return 1;
}

static int take_option(struct options *opts, int id, const char *value)
{
	struct policy_error err = { 0 };
	unsigned int kib;

	switch (id) {
	case OPT_ALLOW:
	case OPT_DENY:
		if (policy_add(&opts->policy, id == OPT_ALLOW, value, &err))
			return wrong(id == OPT_ALLOW ? "allow" : "deny", value,
				     &err);
		return 0;
	case OPT_RULES:
		return policy_add_all(&opts->policy, value, &err) ?
			       wrong("rules", value, &err) :
			       0;
	case OPT_PUBLISH:
		return add_publish(opts, value, &err) ?
			       wrong("publish", value, &err) :
			       0;
	case OPT_POLICY:
		if (opts->policy_path)
			return wrong_value("policy", value, "one file only");
		opts->policy_path = value;
		return 0;
	case OPT_ADDR:
		if (net_set(&opts->net, value))
			return wrong_value(
				"addr", value,
				"ADDRESS/BITS as 10.0.2.15/24, neither .2 nor "
				".3 of its network,");
		return 0;
	case OPT_IMPAIR:
		return set_impair(opts, value);
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
	case OPT_RECORD_KEEP:
		return parse_number("record-keep", value, 0, 100, "0 to 100",
				    &opts->record_keep);
	case OPT_RECORD_SIZE:
		if (parse_number("record-size", value, 4, 1u << 30,
				 "a number of KiB from 4", &kib))
			return -EINVAL;
		opts->record_size = (uint64_t)kib << 10;
		return 0;
	case OPT_PCAP:
		opts->pcap.path = value;
		return 0;
	case OPT_PCAP_FILTER:
		opts->pcap.filter = value;
		return 0;
	case OPT_PCAP_KEEP:
		return parse_number("pcap-keep", value, 0, 100, "0 to 100",
				    &opts->pcap.keep);
	case OPT_PCAP_SIZE:
		return parse_number("pcap-size", value, 4, 1u << 30,
				    "a number of KiB from 4", &opts->pcap.kib);
	case OPT_LEARN:
		opts->learn = true;
		opts->learn_path = value;
		return 0;
	case OPT_METRICS:
		return set_metrics(opts, value);
	case OPT_METRICS_FILE:
		opts->metrics_file = value;
		return 0;
	case OPT_CONTROL:
		opts->control = value;
		return 0;
	case OPT_QUIET:
		opts->quiet = true;
		return 0;
	case OPT_VERBOSE:
		opts->verbose = true;
		return 0;
	case OPT_ATTACH_FD:
		return parse_fd("attach-fd", value, &opts->attach_fd);
	case OPT_SHARE_FD:
		return parse_fd("share-fd", value, &opts->share_fd);
	case OPT_LIMIT:
		return limits_set(&opts->limits, value, &err) ?
			       wrong("limit", value, &err) :
			       0;
	case OPT_SANDBOX:
		return parse_number("sandbox", value, 1, UINT32_MAX,
				    "a number", &opts->sandbox);
	case OPT_STATUS_FD:
		return parse_fd("status-fd", value, &opts->status_fd);
	case OPT_TAKEOVER:
		opts->takeover = value;
		return 0;
	case OPT_TAKEOVER_FD:
		return parse_fd("takeover-fd", value, &opts->takeover_fd);
	}
	fputs("fdnet-relay: --help lists the options\n", stderr);
	return -EINVAL;
}

/* What each of a service's sandboxes needs of its own has its number. */
static int check_own(const struct options *opts)
{
	const char *const values[] = { opts->control, opts->metrics,
				       opts->metrics_file, opts->pcap.path };
	static const char *const names[] = { "control", "metrics",
					     "metrics-file", "pcap" };

	for (int i = 0; opts->is_service && i < 4; i++)
		if (values[i] && !strstr(values[i], "%s"))
			return wrong_value(names[i], values[i],
					   "%s, for the sandbox's number,");
	return 0;
}

/* All else is as the other relay has it. */
static int check_takeover(struct options *opts, int argc)
{
	if (!opts->takeover || argc <= 3)
		return 0;
	fputs("fdnet-relay: --takeover stands alone: the options are those of "
	      "the relay that runs\n",
	      stderr);
	return -EINVAL;
}

static int check(struct options *opts, int argc, char **argv)
{
	if (optind < argc) {
		fprintf(stderr,
			"fdnet-relay: '%s': only options are expected\n",
			argv[optind]);
		return -EINVAL;
	}
	if (opts->takeover || opts->takeover_fd >= 0)
		return check_takeover(opts, argc);
	if (opts->service.policy_dir && opts->policy_path) {
		fputs("fdnet-relay: either --policy or --policy-dir is "
		      "expected\n",
		      stderr);
		return -EINVAL;
	}
	if (opts->attach_fd >= 0 && !opts->is_service)
		return 0;
	if (opts->share_fd >= 0) {
		fputs("fdnet-relay: --share-fd is for --attach-fd\n", stderr);
		return -EINVAL;
	}
	if (opts->attach_fd < 0 &&
	    (opts->service.nlisten || getenv("LISTEN_FDS"))) {
		opts->is_service = true;
		return 0;
	}
	fputs("fdnet-relay: one of --attach-fd N and --listen PATH is "
	      "expected\n",
	      stderr);
	return -EINVAL;
}

/* What a service's relays are given. */
static void pass_on(struct service_options *service, int id, const char *value)
{
	const struct option *option = options;

	if (id == OPT_STATUS_FD)
		return;
	while (option->name && option->val != id)
		option++;
	if (!option->name)
		return;
	service->pass[service->npass++] = option->name;
	service->pass[service->npass++] = value;
}

enum options_result options_parse(int argc, char **argv,
				  struct options *ret_opts)
{
	struct options *opts = ret_opts;
	int id, rc = 0;

	*opts = (struct options){
		.hosts = "/etc/hosts",
		.record_size = LIMIT_RECORD_BYTES,
		.pcap.kib = PCAP_PROC_KIB,
		.attach_fd = -1,
		.share_fd = -1,
		.status_fd = -1,
		.takeover_fd = -1,
		.argc = argc,
		.argv = argv,
		.cwd = getcwd(NULL, 0),
		.service.mode = 0600,
		.service.max = OPTIONS_SANDBOXES,
		.service.per_user = OPTIONS_PER_USER,
	};
	policy_init(&opts->policy);
	net_init(&opts->net);
	limits_init(&opts->limits);
	opts->service.pass = calloc(2 * (size_t)argc,
				    sizeof(*opts->service.pass));
	if (!opts->service.pass)
		return OPTIONS_WRONG;
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
		rc = take_service(opts, id, optarg);
		if (rc <= 0) {
			opts->is_service = true;
			continue;
		}
		rc = take_option(opts, id, optarg);
		pass_on(&opts->service, id, optarg);
	}
	if (!rc)
		rc = check(opts, argc, argv);
	if (!rc)
		rc = check_own(opts);
	/* the command line's rules come before the file's */
	opts->command = (struct options_command){
		.net = opts->net,
		.limits = opts->limits,
		.nrules = opts->policy.count,
		.npublish = opts->npublish,
	};
	if (!rc && opts->policy_path)
		rc = read_policy(opts, opts->policy_path);
	opts->wanted = opts->net;
	if (!opts->mtu)
		choose_mtu(opts);
	return rc ? OPTIONS_WRONG : OPTIONS_RUN;
}

void options_done(struct options *opts)
{
	policy_done(&opts->policy);
	free(opts->network);
	free(opts->name);
	free(opts->cwd);
	opts->cwd = NULL;
	free(opts->service.pass);
	opts->service.pass = NULL;
}
