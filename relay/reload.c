/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/reload.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "relay/guest.h"
#include "relay/hash.h"
#include "relay/impair_link.h"

/* The command line's rules, which no file replaces. */
static int copy_command_line(const struct relay *relay, struct policy *fresh,
			     struct policy_error *ret_err)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < relay->opts->ncommand; i++) {
		const struct rule *rule = &relay->policy->rules[i];

		rc = policy_add(fresh, rule->allow, rule->text, ret_err);
	}
	return rc;
}

static int read_rules(struct relay *relay, int fd, struct policy *fresh,
		      struct policy_error *ret_err)
{
	FILE *file = fdopen(fd, "r");
	int rc;

	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	rc = copy_command_line(relay, fresh, ret_err);
	if (!rc)
		rc = options_reread(fresh, file, ret_err);
	fclose(file);
	return rc;
}

/* Is a flow allowed now, by the name it was opened with too? @ret_rule is
 * NULL when --publish alone let it in. */
static bool is_allowed(struct relay *relay, struct policy *fresh,
		       const struct flow_info *info, struct rule **ret_rule)
{
	struct policy_query query = {
		.proto = info->proto,
		.ip = info->dst.ip,
		.port = info->dst.port,
		.cls = relay_classify(relay, &info->dst.ip),
		.names = &relay->names,
		.name = info->name,
		.now_us = relay->now_us,
	};

	if (info->published)
		query = relay_query_client(relay, info->proto, &info->dst,
					   info->src.port);
	*ret_rule = policy_find(fresh, &query);
	return *ret_rule ? (*ret_rule)->allow : info->published;
}

static unsigned int judge_flows(struct relay *relay, struct policy *fresh)
{
	struct flow *flow, *tmp;
	unsigned int closed = 0;

	DL_FOREACH_SAFE(relay->flows.list, flow, tmp) {
		struct flow_info info;
		struct rule *rule;

		flows_describe(relay, flow, &info);
		if (is_allowed(relay, fresh, &info, &rule)) {
			flows_set_rule(flow, rule);
			continue;
		}
		flows_end(relay, flow, "the rules changed");
		closed++;
	}
	return closed;
}

/* Lines are known by their rules, which go. */
static void forget_impaired(struct relay *relay)
{
	struct guest *guest, *tmp;

	HASH_ITER(hh, relay->guests, guest, tmp) {
		if (!guest->impaired)
			continue;
		fdnet_stack_set_time(guest->stack, relay->now_us);
		impair_forget(guest, false);
		guest_touch(guest);
	}
}

static void keep_hits(struct policy *fresh, const struct policy *old)
{
	for (unsigned int i = 0; i < fresh->count; i++)
		for (unsigned int k = 0; k < old->count; k++)
			if (fresh->rules[i].allow == old->rules[k].allow &&
			    !strcmp(fresh->rules[i].text, old->rules[k].text)) {
				fresh->rules[i].hits = old->rules[k].hits;
				break;
			}
}

static void note(struct relay *relay, const char *reason)
{
	struct record_event event = {
		.kind = RECORD_RELOAD,
		.reason = reason,
	};

	record_event(&relay->record, relay->now_us, &event);
}

int reload_from(struct relay *relay, int fd, struct policy_error *ret_err)
{
	struct policy fresh;
	char text[300];
	int rc;

	memset(ret_err, 0, sizeof(*ret_err));
	policy_init(&fresh);
	rc = read_rules(relay, fd, &fresh, ret_err);
	if (rc) {
		snprintf(text, sizeof(text), "not done: line %u, column %u: %s",
			 ret_err->line, ret_err->column, ret_err->text);
		note(relay, text);
		policy_done(&fresh);
		return rc;
	}
	keep_hits(&fresh, relay->policy);
	rc = (int)judge_flows(relay, &fresh);
	forget_impaired(relay);
	policy_done(relay->policy);
	*relay->policy = fresh;
	relay->impairing = impair_any(relay);
	snprintf(text, sizeof(text), "%u rules, %d flows closed", fresh.count,
		 rc);
	note(relay, text);
	return rc;
}

int reload_again(struct relay *relay, struct policy_error *ret_err)
{
	const char *path = relay->opts->policy_path;
	int fd, rc;

	memset(ret_err, 0, sizeof(*ret_err));
	fd = files_open(&relay->files, FILES_POLICY);
	if (fd < 0) {
		if (path)
			fprintf(stderr, "fdnet-relay: --policy %s: %s\n", path,
				strerror(-fd));
		return fd;
	}
	rc = reload_from(relay, fd, ret_err);
	if (rc < 0)
		fprintf(stderr, "%s:%u:%u: %s; the rules are as before\n",
			path, ret_err->line, ret_err->column, ret_err->text);
	return rc;
}
