/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay/guest.h"
#include "relay/hash.h"
#include "relay/impair_link.h"
#include "relay/node_chan.h"
#include "relay/publish.h"

static int read_file(struct relay *relay, int fd, struct options *ret_fresh,
		     struct policy_error *ret_err)
{
	FILE *file = fdopen(fd, "r");
	int rc;

	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	rc = options_reread(relay->opts, file, ret_fresh, ret_err);
	fclose(file);
	return rc;
}

/* ---- what is not for a sandbox that runs ---- */

static int refuse(const struct options_place *at, const char *why,
		  struct policy_error *ret_err)
{
	policy_fail(ret_err, 0, "%s", why);
	ret_err->line = at->line;
	ret_err->column = at->column;
	return -EBUSY;
}

static bool is_same_half(const struct net_family *a, const struct net_family *b)
{
	return fdnet_ip_equal(&a->ip, &b->ip) && a->bits == b->bits;
}

static bool is_same_label(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/* Programs know their addresses, and peers the sandbox's. */
static int check_net(const struct relay *relay, const struct options *fresh,
		     struct policy_error *ret_err)
{
	const struct options *opts = relay->opts;

	if (!is_same_label(fresh->network, opts->network) ||
	    !is_same_label(fresh->name, opts->name))
		return refuse(&fresh->network_at,
			      "a sandbox joins a network when it starts only",
			      ret_err);
	if ((is_same_half(&fresh->net.v4, &opts->wanted.v4) &&
	     is_same_half(&fresh->net.v6, &opts->wanted.v6)) ||
	    (!relay->guests && !relay->node && !opts->network))
		return 0;
	return refuse(&fresh->net_at,
		      "the sandbox's address cannot change while programs "
		      "have it",
		      ret_err);
}

static void set_net(struct options *opts, const struct net *net)
{
	if (is_same_half(&net->v4, &opts->wanted.v4) &&
	    is_same_half(&net->v6, &opts->wanted.v6))
		return;
	/* the machine's name servers stay */
	opts->net.v4 = net->v4;
	opts->net.v6 = net->v6;
	opts->wanted = *net;
}

/* ---- rules ---- */

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
	if (info->published &&
	    !publish_is_wanted(relay, info->proto, info->host_fd,
			       info->src.port))
		return false;
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

/* ---- limits ---- */

static void set_limits(struct relay *relay, const struct limits *limits)
{
	struct options *opts = relay->opts;
	struct guest *guest, *tmp;

	if (limits->control_rate != opts->limits.control_rate) {
		HASH_ITER(hh, relay->guests, guest, tmp)
			throttle_change(&guest->throttle, relay,
					limits->control_rate);
		if (relay->node)
			node_chan_limit(relay->node, limits->control_rate);
	}
	relay->budget.limit = limits->bytes;
	opts->limits = *limits;
}

/* ---- all ---- */

static void note(struct relay *relay, const char *reason)
{
	struct record_event event = {
		.kind = RECORD_RELOAD,
		.reason = reason,
	};

	record_event(&relay->record, relay->now_us, &event);
}

/* All that can fail comes first. */
static int prepare(struct relay *relay, int fd, struct options *fresh,
		   struct policy_error *ret_err)
{
	int rc = read_file(relay, fd, fresh, ret_err);

	if (!rc)
		rc = check_net(relay, fresh, ret_err);
	return rc ? rc :
		    publish_prepare(relay, fresh->publish, fresh->npublish,
				    ret_err);
}

/* Returns how many flows were closed. */
static unsigned int commit(struct relay *relay, struct options *fresh)
{
	unsigned int closed;

	keep_hits(&fresh->policy, relay->policy);
	closed = judge_flows(relay, &fresh->policy);
	forget_impaired(relay);
	policy_done(relay->policy);
	*relay->policy = fresh->policy;
	policy_init(&fresh->policy);
	relay->impairing = impair_any(relay);
	publish_commit(relay);
	set_limits(relay, &fresh->limits);
	set_net(relay->opts, &fresh->net);
	return closed;
}

/* "line 3, column 9: why", or the reason alone. */
static void note_refusal(struct relay *relay, int rc,
			 struct policy_error *err)
{
	char text[300];

	if (!err->text[0])
		policy_fail(err, 0, "%s", strerror(-rc));
	if (err->line)
		snprintf(text, sizeof(text),
			 "not done: line %u, column %u: %s", err->line,
			 err->column, err->text);
	else
		snprintf(text, sizeof(text), "not done: %s", err->text);
	note(relay, text);
}

int reload_from(struct relay *relay, int fd, struct policy_error *ret_err)
{
	struct options *fresh = calloc(1, sizeof(*fresh));
	char text[64];
	int rc;

	memset(ret_err, 0, sizeof(*ret_err));
	if (!fresh) {
		close(fd);
		return -ENOMEM;
	}
	rc = prepare(relay, fd, fresh, ret_err);
	if (!rc) {
		rc = (int)commit(relay, fresh);
		snprintf(text, sizeof(text), "%u rules, %d flows closed",
			 relay->policy->count, rc);
		note(relay, text);
	} else {
		note_refusal(relay, rc, ret_err);
	}
	options_done(fresh);
	free(fresh);
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
	if (rc < 0 && ret_err->line)
		fprintf(stderr, "%s:%u:%u: %s; all is as before\n", path,
			ret_err->line, ret_err->column, ret_err->text);
	else if (rc < 0)
		fprintf(stderr, "fdnet-relay: --policy %s: %s; all is as "
				"before\n",
			path, ret_err->text);
	return rc;
}
