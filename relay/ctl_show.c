/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/ctl_show.h"

#include <unistd.h>

#include "relay/flow_udp.h"
#include "relay/guest.h"
#include "relay/hash.h"
#include "relay/publish.h"
#include "relay/status.h"
#include "relay/summary.h"

/* ---- status ---- */

static void show_net(const struct relay *relay, struct json *json)
{
	const struct net *net = &relay->opts->net;

	for (int i = 0; i < 2; i++) {
		const struct net_family *half = i ? &net->v6 : &net->v4;
		struct fdnet_name ip = { .ip = half->ip };
		struct fdnet_name gateway = { .ip = half->gateway };
		struct fdnet_name dns = { .ip = half->dns };

		json_open(json, i ? "ipv6" : "ipv4", '{');
		json_name(json, "address", &ip);
		json_u64(json, "bits", half->bits);
		json_name(json, "gateway", &gateway);
		json_name(json, "name_server", &dns);
		json_close(json, '}');
	}
}

static void show_counters(const struct relay *relay, struct json *json)
{
	json_open(json, "counters", '{');
	for (int i = 0; i < C_MAX; i++)
		if (relay->counters.n[i])
			json_u64(json, counter_name(i), relay->counters.n[i]);
	json_close(json, '}');
}

static void show_programs(const struct relay *relay, struct json *json)
{
	const struct guest *guest;

	json_open(json, "programs", '[');
	for (guest = relay->guests; guest; guest = guest->hh.next) {
		struct json mark = json_mark(json);

		json_open(json, NULL, '{');
		json_u64(json, "guest", guest->id);
		json_u64(json, "claimed_pid", guest->pid);
		json_text(json, "claimed_command", guest->comm);
		json_bool(json, "attached", guest->link);
		json_u64(json, "tcp_flows", guest->nflows);
		json_close(json, '}');
		/* leave room for what follows */
		if (json->full || json->size - json->len < json->size / 4) {
			json_rewind(json, &mark);
			break;
		}
	}
	json_close(json, ']');
}

void ctl_show_status(struct relay *relay, struct json *json)
{
	json_open(json, NULL, '{');
	json_text(json, "version", PACKAGE_VERSION);
	json_u64(json, "pid", (uint64_t)getpid());
	json_u64(json, "uptime_us", relay->now_us - relay->start_us);
	show_net(relay, json);
	json_u64(json, "mtu", relay->opts->mtu);
	json_u64(json, "programs_attached", relay->nguests);
	json_u64(json, "tcp_flows", relay->tcp_flows);
	json_u64(json, "tcp_pending", relay->tcp_pending);
	json_u64(json, "udp_flows", flow_udp_count(relay));
	json_u64(json, "flows_ever", relay->flows.last_id);
	json_u64(json, "queued_bytes", relay->txq_bytes);
	json_u64(json, "descriptors", status_descriptors(relay));
	json_u64(json, "rules", relay->policy->count);
	json_text(json, "policy", relay->opts->policy_path);
	json_text(json, "record", relay->opts->record);
	if (relay->capture.fd >= 0) {
		json_open(json, "capture", '{');
		json_u64(json, "packets", relay->capture.packets);
		json_u64(json, "bytes", relay->capture.bytes);
		json_close(json, '}');
	}
	publish_show(relay, json);
	show_counters(relay, json);
	show_programs(relay, json);
	json_close(json, '}');
}

/* ---- flows ---- */

static void show_flow(struct relay *relay, struct json *json,
		      struct flow *flow)
{
	struct flow_info info;

	flows_describe(relay, flow, &info);
	json_open(json, NULL, '{');
	json_u64(json, "flow", flow->id);
	json_text(json, "proto", record_proto(info.proto));
	json_text(json, "state", info.state);
	json_u64(json, "guest", info.guest);
	json_u64(json, "claimed_pid", info.pid);
	json_text(json, "claimed_command", info.comm);
	json_name(json, "src", &info.src);
	json_name(json, info.published ? "client" : "dst", &info.dst);
	json_text(json, "name", info.name);
	json_text(json, "rule", info.rule ? info.rule->text : NULL);
	json_u64(json, "bytes_out", info.bytes_out);
	json_u64(json, "bytes_in", info.bytes_in);
	json_u64(json, "packets_out", info.pkts_out);
	json_u64(json, "packets_in", info.pkts_in);
	json_u64(json, "age_us", relay->now_us - info.start_us);
	json_close(json, '}');
}

uint64_t ctl_show_flows(struct relay *relay, struct json *json,
			uint64_t after)
{
	struct flow *flow = flows_after(&relay->flows, after);
	uint64_t last = after;

	json_open(json, NULL, '[');
	for (; flow; flow = flow->next) {
		struct json mark = json_mark(json);

		show_flow(relay, json, flow);
		if (json->full || json->size - json->len < 2) {
			json_rewind(json, &mark);
			break;
		}
		last = flow->id;
	}
	json_close(json, ']');
	return flow ? last : 0;
}

/* ---- rules ---- */

static void show_rule(struct json *json, const struct rule *rule,
		      uint64_t number)
{
	json_open(json, NULL, '{');
	json_u64(json, "number", number);
	json_text(json, "verb", rule->allow ? "allow" : "deny");
	json_text(json, "rule", rule->text);
	json_u64(json, "hits", rule->hits);
	json_close(json, '}');
}

uint64_t ctl_show_rules(struct relay *relay, struct json *json,
			uint64_t after)
{
	uint64_t i = after, count = relay->policy->count;

	json_open(json, NULL, '[');
	for (; i < count; i++) {
		struct json mark = json_mark(json);

		show_rule(json, &relay->policy->rules[i], i + 1);
		if (json->full || json->size - json->len < 2) {
			json_rewind(json, &mark);
			break;
		}
	}
	json_close(json, ']');
	return i < count ? i : 0;
}
