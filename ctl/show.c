/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ctl/show.h"

#include <inttypes.h>
#include <string.h>

const char *show_get(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

uint64_t show_num(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

char *show_amount(uint64_t bytes, char *dst)
{
	static const char units[] = "BKMGTPE";
	double value = (double)bytes;
	int unit = 0;

	while (value >= 1000 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	if (unit)
		snprintf(dst, SHOW_AMOUNT, "%.*f%c", (int)(value < 10),
			 value < 1000 ? value : 999.0, units[unit]);
	else
		snprintf(dst, SHOW_AMOUNT, "%" PRIu64, bytes);
	return dst;
}

char *show_age(uint64_t us, char *dst)
{
	uint64_t s = us / 1000000;

	if (s < 60)
		snprintf(dst, SHOW_AMOUNT, "%" PRIu64 ".%us", s,
			 (unsigned int)(us / 100000 % 10));
	else if (s < 3600)
		snprintf(dst, SHOW_AMOUNT, "%" PRIu64 "m%02us", s / 60,
			 (unsigned int)(s % 60));
	else
		snprintf(dst, SHOW_AMOUNT, "%" PRIu64 "h%02um",
			 s / 3600 % 100000, (unsigned int)(s / 60 % 60));
	return dst;
}

char *show_peer(const json_t *flow, char *dst, size_t size)
{
	const char *client = show_get(flow, "client");
	const char *to = show_get(flow, "dst"), *name = show_get(flow, "name");
	const char *port = strrchr(to, ':');

	if (*client)
		snprintf(dst, size, "<- %s", client);
	else if (*name && port)
		snprintf(dst, size, "%s%s", name, port);
	else
		snprintf(dst, size, "%s", to);
	return dst;
}

void show_json(const json_t *json, FILE *out)
{
	json_dumpf(json, out, JSON_INDENT(2) | JSON_ENCODE_ANY);
	fputc('\n', out);
}

static void show_published(const json_t *status, FILE *out)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(status, "published"), i, one)
		fprintf(out, "published   %s -> %" PRIu64 "/%s\n",
			show_get(one, "host"), show_num(one, "port"),
			show_get(one, "proto"));
}

static void show_programs(const json_t *status, FILE *out)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(status, "programs"), i, one)
		fprintf(out, "program     %s, pid %" PRIu64
			", as it says; %" PRIu64 " TCP flows%s\n",
			show_get(one, "claimed_command"),
			show_num(one, "claimed_pid"),
			show_num(one, "tcp_flows"),
			json_is_true(json_object_get(one, "attached")) ?
				"" :
				"; ended");
}

void show_status(const json_t *status, FILE *out)
{
	const json_t *v4 = json_object_get(status, "ipv4");
	const json_t *v6 = json_object_get(status, "ipv6"), *value;
	const char *key;
	char age[SHOW_AMOUNT];

	fprintf(out, "relay       pid %" PRIu64 ", version %s, up %s\n",
		show_num(status, "pid"), show_get(status, "version"),
		show_age(show_num(status, "uptime_us"), age));
	fprintf(out, "sandbox     %s/%" PRIu64 " %s/%" PRIu64
		", gateway %s, name server %s\n",
		show_get(v4, "address"), show_num(v4, "bits"),
		show_get(v6, "address"), show_num(v6, "bits"),
		show_get(v4, "gateway"), show_get(v4, "name_server"));
	fprintf(out, "flows       %" PRIu64 " TCP (%" PRIu64
		" connecting), %" PRIu64 " UDP; %" PRIu64 " ever\n",
		show_num(status, "tcp_flows"), show_num(status, "tcp_pending"),
		show_num(status, "udp_flows"), show_num(status, "flows_ever"));
	fprintf(out, "rules       %" PRIu64 "%s%s\n",
		show_num(status, "rules"),
		*show_get(status, "policy") ? ", policy file " : "",
		show_get(status, "policy"));
	if (*show_get(status, "record"))
		fprintf(out, "record      %s\n", show_get(status, "record"));
	if (json_object_get(status, "capture")) {
		const json_t *capture = json_object_get(status, "capture");

		fprintf(out, "capture     %" PRIu64 " packets, %s\n",
			show_num(capture, "packets"),
			show_amount(show_num(capture, "bytes"), age));
	}
	show_published(status, out);
	show_programs(status, out);
	json_object_foreach((json_t *)json_object_get(status, "counters"), key,
			    value)
		fprintf(out, "counter     %s %" JSON_INTEGER_FORMAT "\n", key,
			json_integer_value(value));
}

void show_flows(const json_t *flows, FILE *out)
{
	const json_t *flow;
	char peer[300], sent[SHOW_AMOUNT], got[SHOW_AMOUNT], age[SHOW_AMOUNT];
	size_t i;

	fprintf(out, "%6s %-5s %-10s %-28s %8s %8s %7s  %s\n", "FLOW", "PROTO",
		"STATE", "PEER", "SENT", "GOT", "AGE", "PROGRAM");
	json_array_foreach(flows, i, flow)
		fprintf(out, "%6" PRIu64 " %-5s %-10s %-28s %8s %8s %7s  "
			     "%s[%" PRIu64 "]\n",
			show_num(flow, "flow"), show_get(flow, "proto"),
			show_get(flow, "state"),
			show_peer(flow, peer, sizeof(peer)),
			show_amount(show_num(flow, "bytes_out"), sent),
			show_amount(show_num(flow, "bytes_in"), got),
			show_age(show_num(flow, "age_us"), age),
			show_get(flow, "claimed_command"),
			show_num(flow, "claimed_pid"));
}

void show_rules(const json_t *rules, FILE *out)
{
	const json_t *rule;
	size_t i;

	fprintf(out, "%4s %8s  %s\n", "NO.", "HITS", "RULE");
	json_array_foreach(rules, i, rule)
		fprintf(out, "%4" PRIu64 " %8" PRIu64 "  %s %s\n",
			show_num(rule, "number"), show_num(rule, "hits"),
			show_get(rule, "verb"), show_get(rule, "rule"));
}
