/* SPDX-License-Identifier: Apache-2.0 */
/* The words of --publish: fdnet-policy(5). */
#include "config.h"

#include "relay/options.h"

#include <errno.h>
#include <string.h>

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

/* PORT or PORT-PORT at @at. Returns the offset behind. */
static int parse_range(const char *text, size_t at, bool zero_ok,
		       uint16_t *ret_port, unsigned int *ret_count,
		       struct policy_error *ret_err)
{
	size_t used = policy_port_parse(text + at, zero_ok, ret_port);
	uint16_t last;

	if (!used)
		return policy_fail(ret_err, at,
				   zero_ok ? "the host's port is expected: 1 to "
					     "65535, a range as 80-90, or 0 for "
					     "any free one" :
					     "the sandbox's port is expected: 1 "
					     "to 65535, or a range as 80-90");
	at += used;
	*ret_count = 1;
	if (text[at] != '-')
		return (int)at;
	at++;
	used = policy_port_parse(text + at, false, &last);
	if (!used || last < *ret_port || !*ret_port)
		return policy_fail(ret_err, at,
				   "a range ends with a port not below %u",
				   *ret_port ? *ret_port : 1);
	*ret_count = last - *ret_port + 1u;
	return (int)(at + used);
}

int options_publish(const char *text, struct publish_spec *ret_spec,
		    struct policy_error *ret_err)
{
	struct publish_spec spec = { .proto = POLICY_TCP };
	size_t start = 0;
	unsigned int nhost;
	int at;

	if (!strncmp(text, "udp:", 4) || !strncmp(text, "tcp:", 4)) {
		spec.proto = *text == 'u' ? POLICY_UDP : POLICY_TCP;
		start = 4;
	}
	at = parse_publish_addr(text, start, &spec, ret_err);
	if (at < 0)
		return at;
	at = parse_range(text, (size_t)at, true, &spec.host.port, &nhost,
			 ret_err);
	if (at >= 0 && text[at] != ':')
		at = policy_fail(ret_err, (size_t)at,
				 "[ADDR:]HOSTPORT:PORT[/udp] is expected; "
				 "HOSTPORT 0 takes any free port");
	if (at < 0)
		return at;
	start = (size_t)at + 1;
	at = parse_range(text, start, false, &spec.port, &spec.count, ret_err);
	if (at < 0)
		return at;
	if (nhost != spec.count)
		return policy_fail(ret_err, start,
				   "%u ports on the host need as many inside",
				   nhost);
	if (!strcmp(text + at, "/udp"))
		spec.proto = POLICY_UDP;
	else if (text[at] && strcmp(text + at, "/tcp"))
		return policy_fail(ret_err, (size_t)at,
				   "/tcp, /udp or the end is expected");
	*ret_spec = spec;
	return 0;
}
