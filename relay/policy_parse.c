/* SPDX-License-Identifier: Apache-2.0 */
/* The words of rules and policy files: fdnet-policy(5). */
#include "config.h"

#include "relay/policy.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "relay/measure.h"
#include "relay/policy_internal.h"

#define RULE_FORMS                                                             \
	"accepted: [tcp:]HOST:PORTS, udp:HOST:PORTS, icmp:HOST, "              \
	"host:PORT[/udp], any, in:CLIENT:PORTS"

#define WORD_MAX 1024
/* What a rate may exceed for a moment, at least: some large segments. */
#define RATE_BURST (256u << 10)

int policy_fail(struct policy_error *ret_err, size_t column, const char *fmt,
		...)
{
	va_list ap;

	ret_err->column = (unsigned int)column + 1;
	va_start(ap, fmt);
	vsnprintf(ret_err->text, sizeof(ret_err->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

size_t policy_port_parse(const char *text, bool zero_ok, uint16_t *ret_port)
{
	unsigned int value = 0;
	size_t i;

	for (i = 0; isdigit((unsigned char)text[i]); i++) {
		value = value * 10 + (unsigned int)(text[i] - '0');
		if (value > 65535)
			return 0;
	}
	if (!i || (!value && !zero_ok))
		return 0;
	*ret_port = (uint16_t)value;
	return i;
}

/* PORTS: "*", or numbers and ranges separated by commas. Returns the offset
 * behind them, or -EINVAL. */
static int parse_ports(const char *text, size_t at, struct rule *rule,
		       struct policy_error *ret_err)
{
	size_t used;

	if (text[at] == '*') {
		rule->nports = 0;
		return (int)at + 1;
	}
	for (;;) {
		uint16_t lo, hi;

		if (rule->nports == POLICY_MAX_PORTS)
			return policy_fail(ret_err, at,
					   "more than %d ports or ranges; "
					   "write another rule",
					   POLICY_MAX_PORTS);
		used = policy_port_parse(text + at, false, &lo);
		if (!used)
			return policy_fail(ret_err, at,
					   "a port is expected: 1 to 65535, a "
					   "range as 80-90, a list as 80,443, "
					   "or *");
		at += used;
		hi = lo;
		if (text[at] == '-') {
			at++;
			used = policy_port_parse(text + at, false, &hi);
			if (!used || hi < lo)
				return policy_fail(ret_err, at,
						   "a range ends with a port "
						   "not below %u", lo);
			at += used;
		}
		rule->ports[rule->nports].lo = lo;
		rule->ports[rule->nports++].hi = hi;
		if (text[at] != ',')
			return (int)at;
		at++;
	}
}

/* Clear the bits behind the prefix: 10.1.2.3/8 means 10.0.0.0/8. */
static void mask_prefix(struct fdnet_ip *net, unsigned int bits)
{
	unsigned int size = net->family == 4 ? 4 : 16;

	for (unsigned int i = 0; i < size; i++) {
		unsigned int keep = bits > i * 8 ? bits - i * 8 : 0;

		if (keep < 8)
			net->bytes[i] &= (uint8_t)(0xff00u >> keep);
	}
}

static int parse_bits(const char *text, size_t at, size_t end,
		      struct rule *rule, struct policy_error *ret_err)
{
	unsigned int max = rule->net.family == 4 ? 32 : 128;
	uint16_t bits;

	if (at >= end ||
	    policy_port_parse(text + at, true, &bits) != end - at ||
	    bits > max)
		return policy_fail(ret_err, at,
				   "a prefix length is expected: 0 to %u", max);
	rule->bits = (uint8_t)bits;
	mask_prefix(&rule->net, bits);
	return 0;
}

/* An address with an optional prefix length in text[at, end). 1: it is none */
static int parse_address(const char *text, size_t at, size_t end,
			 struct rule *rule, struct policy_error *ret_err)
{
	const char *slash = memchr(text + at, '/', end - at);
	size_t stop = slash ? (size_t)(slash - text) : end;
	char copy[FDNET_IP_STRLEN];

	if (stop - at >= sizeof(copy))
		return 1;
	memcpy(copy, text + at, stop - at);
	copy[stop - at] = '\0';
	if (fdnet_ip_parse(copy, &rule->net))
		return 1;
	rule->kind = RULE_PREFIX;
	rule->bits = rule->net.family == 4 ? 32 : 128;
	if (slash)
		return parse_bits(text, stop + 1, end, rule, ret_err);
	addr_normalise(&rule->net);
	rule->bits = rule->net.family == 4 ? 32 : 128;
	return 0;
}

static int check_name(const char *text, size_t at, size_t end,
		      struct policy_error *ret_err)
{
	size_t label = 0;

	for (size_t i = at; i < end; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '.' ? !label : !isalnum(c) && c != '-' && c != '_')
			return policy_fail(ret_err, i,
					   c >= 0x80 ? "a name is expected in "
						       "its xn-- form" :
						       "not a name or address");
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return policy_fail(ret_err, i, "a label is longer "
						       "than 63 characters");
	}
	if (end - at >= NAMES_MAX_LEN)
		return policy_fail(ret_err, at, "a name is longer than 253 "
						"characters");
	return 0;
}

static int parse_name(const char *text, size_t at, size_t end,
		      struct rule *rule, struct policy_error *ret_err)
{
	int rc;

	rule->kind = RULE_NAME;
	if (end - at > 2 && !strncmp(text + at, "*.", 2)) {
		rule->kind = RULE_SUFFIX;
		at += 2;
	}
	if (end > at && text[end - 1] == '.')
		end--;
	if (end == at)
		return policy_fail(ret_err, at, "a host is expected: a name, "
						"*.NAME, an address, a "
						"network, or *");
	rc = check_name(text, at, end, ret_err);
	if (rc)
		return rc;
	/* 10.1 or 1.2.3.400 is a mistake, and no top domain is a number */
	if (isdigit((unsigned char)text[end - 1])) {
		size_t i = end;

		while (i > at && isdigit((unsigned char)text[i - 1]))
			i--;
		if (i == at || text[i - 1] == '.')
			return policy_fail(ret_err, at,
					   "not a complete IPv4 address; "
					   "networks are written as "
					   "10.0.0.0/8");
	}
	rule->name = strndup(text + at, end - at);
	if (!rule->name)
		return -ENOMEM;
	for (char *p = rule->name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (rule->kind == RULE_NAME && (!strcmp(rule->name, "gateway") ||
					!strcmp(rule->name, "host.fdnet")))
		rule->kind = RULE_HOST;
	return 0;
}

/* HOST up to its colon. Returns the colon's offset or a negative errno. */
static int parse_host(const char *text, size_t at, struct rule *rule,
		      struct policy_error *ret_err)
{
	size_t start = at, end;
	int rc;

	if (text[at] == '[') {
		const char *close = strchr(text + at, ']');

		if (!close)
			return policy_fail(ret_err, at, "']' is missing");
		start++;
		end = (size_t)(close - text);
		at = end + 1;
		rc = parse_address(text, start, end, rule, ret_err);
		if (rc > 0 || (!rc && !memchr(text + start, ':', end - start)))
			return policy_fail(ret_err, start,
					   "an IPv6 address or network is "
					   "expected between [ and ]");
		if (!rc && text[at] == '/') {
			end = at + 1 + strcspn(text + at + 1, ":");
			rc = parse_bits(text, at + 1, end, rule, ret_err);
			at = end;
		}
		return rc ? rc : (int)at;
	}
	end = at + strcspn(text + at, ":");
	if (strchr(text + end, ':') && strchr(text + end + 1, ':'))
		return policy_fail(ret_err, at, "an IPv6 address stands in "
						"brackets: [fd00::1]");
	if (end - at == 1 && text[at] == '*') {
		rule->kind = RULE_ANY;
		return (int)end;
	}
	rc = parse_address(text, at, end, rule, ret_err);
	if (rc > 0)
		rc = parse_name(text, at, end, rule, ret_err);
	return rc ? rc : (int)end;
}

static int parse_proto(const char *text, size_t at, struct rule *rule,
		       struct policy_error *ret_err)
{
	if (!strncmp(text + at, "tcp", 3))
		rule->proto = POLICY_TCP;
	else if (!strncmp(text + at, "udp", 3))
		rule->proto = POLICY_UDP;
	else
		return policy_fail(ret_err, at, "tcp or udp is expected");
	return (int)at + 3;
}

/* host:PORTS[/udp] */
static int parse_host_rule(const char *text, struct rule *rule,
			   struct policy_error *ret_err)
{
	int at = parse_ports(text, strlen("host:"), rule, ret_err);

	rule->kind = RULE_HOST;
	rule->proto = POLICY_TCP;
	if (at > 0 && text[at] == '/')
		at = parse_proto(text, (size_t)at + 1, rule, ret_err);
	return at;
}

/* HOST:PORTS, behind the protocol if there was one. */
static int parse_target(const char *text, size_t at, struct rule *rule,
			struct policy_error *ret_err)
{
	int end = parse_host(text, at, rule, ret_err);

	if (end < 0)
		return end;
	if (text[end] != ':')
		return policy_fail(ret_err, (size_t)end,
				   "a port is missing: :443, :80-90, or :* "
				   "for all");
	return parse_ports(text, (size_t)end + 1, rule, ret_err);
}

/* Is there a word and a colon in front of HOST:PORTS? */
static bool has_prefix(const char *text)
{
	size_t word = strcspn(text, ":[");

	return text[word] == ':' && (strchr(text + word + 1, ':') ||
				     !text[word + 1]);
}

/* icmp:HOST */
static int parse_icmp(const char *text, struct rule *rule,
		      struct policy_error *ret_err)
{
	rule->proto = POLICY_ICMP;
	return parse_host(text, strlen("icmp:"), rule, ret_err);
}

static int parse_word(const char *text, struct rule *rule,
		      struct policy_error *ret_err)
{
	int at;

	if (!strcmp(text, "any")) {
		rule->kind = RULE_ANY;
		return 0;
	}
	if (!strncmp(text, "host:", 5)) {
		at = parse_host_rule(text, rule, ret_err);
	} else if (!strncmp(text, "tcp:", 4) || !strncmp(text, "udp:", 4)) {
		parse_proto(text, 0, rule, ret_err);
		at = parse_target(text, 4, rule, ret_err);
	} else if (!strncmp(text, "icmp:", 5)) {
		at = parse_icmp(text, rule, ret_err);
	} else if (strchr(text, ':') && !has_prefix(text)) {
		rule->proto = POLICY_TCP;
		at = parse_target(text, 0, rule, ret_err);
	} else {
		return policy_fail(ret_err, 0, "'%.60s' is no rule; %s", text,
				   RULE_FORMS);
	}
	if (at >= 0 && text[at])
		return policy_fail(ret_err, (size_t)at,
				   "nothing is expected here, but '%.40s'",
				   text + at);
	return at < 0 ? at : 0;
}

/* ---- what may follow a rule ---- */

/* Returns what the value used, 0 when it is no such amount. */
static size_t parse_conns(struct rule *rule, const char *value)
{
	uint64_t number;
	size_t used = measure_number(value, UINT32_MAX, &number);

	if (!used || !number)
		return 0;
	rule->max_flows = (uint32_t)number;
	return used;
}

static size_t parse_new(struct rule *rule, const char *value)
{
	uint32_t times, seconds;
	size_t used = measure_often(value, &times, &seconds);

	if (used)
		bucket_init(&rule->fresh, (uint64_t)times * RULE_FRESH / seconds,
			    (uint64_t)times * RULE_FRESH, 0);
	return used;
}

static size_t parse_rate(struct rule *rule, const char *value)
{
	uint64_t rate, burst;
	size_t used = measure_rate(value, &rate);

	if (!used)
		return 0;
	burst = rate / 8 > RATE_BURST ? rate / 8 : RATE_BURST;
	bucket_init(&rule->rate[0], rate, burst, 0);
	bucket_init(&rule->rate[1], rate, burst, 0);
	return used;
}

static const struct {
	const char *key;
	size_t (*parse)(struct rule *rule, const char *value);
	const char *expected;
} limits[] = {
	{ "conns=", parse_conns, "a number from 1" },
	{ "new=", parse_new, "a number a second or minute, as 5/s or 30/m," },
	{ "rate=", parse_rate, "a rate as 10mbit or 500kbit" },
};
#define LIMITS (sizeof(limits) / sizeof(limits[0]))

static int parse_option(const char *text, size_t at, struct rule *rule,
			struct policy_error *ret_err)
{
	if (!strncmp(text + at, "impair=", 7))
		return impair_parse(text, at + 7, &rule->impair, ret_err);
	for (size_t i = 0; i < LIMITS; i++) {
		size_t key = strlen(limits[i].key), used;

		if (strncmp(text + at, limits[i].key, key))
			continue;
		at += key;
		used = limits[i].parse(rule, text + at);
		if (!used || !strchr(" \t", text[at + used]))
			return policy_fail(ret_err, at, "%s is expected",
					   limits[i].expected);
		return (int)(at + used);
	}
	return policy_fail(ret_err, at,
			   "conns=N, new=N/s, rate=Nmbit or impair=... is "
			   "expected");
}

static int parse_options(const char *text, size_t at, struct rule *rule,
			 struct policy_error *ret_err)
{
	for (;;) {
		int rc;

		at += strspn(text + at, " \t");
		if (!text[at])
			return 0;
		if (!rule->allow)
			return policy_fail(ret_err, at,
					   "nothing may follow a deny rule");
		rc = parse_option(text, at, rule, ret_err);
		if (rc < 0)
			return rc;
		at = (size_t)rc;
	}
}

/* ---- all ---- */

/* "in:" or "out:". Returns how long it is. */
static size_t parse_direction(const char *text, struct rule *rule)
{
	rule->in = !strncmp(text, "in:", 3);
	if (rule->in)
		return 3;
	return strncmp(text, "out:", 4) ? 0 : 4;
}

static int check_in(const struct rule *rule, size_t at,
		    struct policy_error *ret_err)
{
	if (!rule->in)
		return 0;
	if (rule->kind == RULE_NAME || rule->kind == RULE_SUFFIX)
		return policy_fail(ret_err, at,
				   "a client is an address, a network or *");
	if (rule->proto == POLICY_ICMP)
		return policy_fail(ret_err, at, "nobody can send echo "
						"requests in");
	return 0;
}

int policy_parse(const char *text, struct rule *rule,
		 struct policy_error *ret_err)
{
	char word[WORD_MAX];
	size_t start = parse_direction(text, rule);
	size_t len = strcspn(text + start, " \t");
	int rc;

	if (len >= sizeof(word))
		return policy_fail(ret_err, start, "the rule is too long");
	memcpy(word, text + start, len);
	word[len] = '\0';
	rc = parse_word(word, rule, ret_err);
	if (rc) {
		if (rc == -EINVAL)
			ret_err->column += (unsigned int)start;
		return rc;
	}
	rc = check_in(rule, start, ret_err);
	return rc ? rc : parse_options(text, start + len, rule, ret_err);
}
