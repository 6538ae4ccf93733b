/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/policy.h"

#include <stdlib.h>
#include <string.h>

#include "relay/policy_internal.h"
#include "relay/limits.h"
#include "relay/state.h"

void policy_init(struct policy *policy)
{
	memset(policy, 0, sizeof(*policy));
}

void policy_done(struct policy *policy)
{
	for (unsigned int i = 0; i < policy->count; i++) {
		free(policy->rules[i].name);
		free(policy->rules[i].text);
	}
	free(policy->rules);
	policy_init(policy);
}

static bool name_matches(const char *name, const void *arg)
{
	const struct rule *rule = arg;
	size_t len = strlen(name), suffix;

	if (rule->kind == RULE_NAME)
		return !strcmp(name, rule->name);
	suffix = strlen(rule->name);
	return len > suffix + 1 && name[len - suffix - 1] == '.' &&
	       !strcmp(name + len - suffix, rule->name);
}

static bool port_matches(const struct rule *rule, uint16_t port)
{
	for (unsigned int i = 0; i < rule->nports; i++)
		if (port >= rule->ports[i].lo && port <= rule->ports[i].hi)
			return true;
	return !rule->nports;
}

/* Does an allow rule for a network name the special range @query is in? */
static bool prefix_is_explicit(const struct rule *rule,
			       const struct policy_query *query)
{
	unsigned int whole = query->ip.family == 4 ? 32 : 128;

	/* who comes in was invited by --publish */
	if (rule->in)
		return true;
	switch (query->cls) {
	case ADDR_PUBLIC:
		return true;
	case ADDR_PRIVATE:
	case ADDR_LINKLOCAL:
		/* lies wholly inside: 0.0.0.0/0 and 8.0.0.0/6 do not, as
		 * their first address is of another kind */
		return rule->bits >= 7 &&
		       addr_classify(&rule->net) == query->cls;
	case ADDR_HOST:
	case ADDR_GATEWAY:
		return rule->bits == whole;
	case ADDR_NEVER:
		break;
	}
	return false;
}

static bool prefix_matches(const struct rule *rule,
			   const struct policy_query *query)
{
	struct fdnet_ip inside;

	if (fdnet_ip_in_prefix(&query->ip, &rule->net, rule->bits))
		return !rule->allow || prefix_is_explicit(rule, query);
	/* another spelling of a denied IPv4 address */
	return !rule->allow && addr_embedded(&query->ip, &inside) &&
	       fdnet_ip_in_prefix(&inside, &rule->net, rule->bits);
}

/* By what the forwarder answered, or by the name that is given. */
static bool has_name(const struct rule *rule, const struct policy_query *query)
{
	if (rule->allow && query->cls == ADDR_NEVER)
		return false;
	if (query->name && name_matches(query->name, rule))
		return true;
	return query->names &&
	       names_match(query->names, &query->ip, query->now_us,
			   name_matches, rule);
}

static bool host_matches(const struct rule *rule,
			 const struct policy_query *query)
{
	switch (rule->kind) {
	case RULE_ANY:
		return !rule->allow || rule->in || query->cls == ADDR_PUBLIC;
	case RULE_HOST:
		return query->cls == ADDR_GATEWAY;
	case RULE_PREFIX:
		return prefix_matches(rule, query);
	case RULE_NAME:
	case RULE_SUFFIX:
		return has_name(rule, query);
	}
	return false;
}

struct rule *policy_find(struct policy *policy,
			 const struct policy_query *query)
{
	for (unsigned int i = 0; i < policy->count; i++) {
		struct rule *rule = &policy->rules[i];

		if (rule->in != query->in ||
		    (rule->proto && rule->proto != query->proto))
			continue;
		if (port_matches(rule, query->port) &&
		    host_matches(rule, query))
			return rule;
	}
	return NULL;
}

bool policy_decide(struct policy *policy, const struct policy_query *query,
		   struct rule **ret_rule)
{
	struct rule *rule = policy_find(policy, query);

	*ret_rule = rule;
	if (!rule)
		return false;
	rule->hits++;
	return rule->allow;
}

/* Leaves a deny rule something to be reached at? Then it does not decide. */
static bool is_partial_deny(const struct rule *rule)
{
	return !rule->allow && (rule->proto || rule->nports);
}

bool policy_decide_name(struct policy *policy, const char *name,
			struct rule **ret_rule)
{
	*ret_rule = NULL;
	for (unsigned int i = 0; i < policy->count; i++) {
		struct rule *rule = &policy->rules[i];

		if (rule->in || is_partial_deny(rule) ||
		    rule->kind == RULE_HOST || rule->kind == RULE_PREFIX)
			continue;
		if (rule->kind != RULE_ANY && !name_matches(name, rule))
			continue;
		*ret_rule = rule;
		return rule->allow;
	}
	return false;
}

bool policy_decide_addr(struct policy *policy,
			const struct policy_query *query)
{
	for (unsigned int i = 0; i < policy->count; i++) {
		struct rule *rule = &policy->rules[i];

		if (!rule->in && !is_partial_deny(rule) &&
		    host_matches(rule, query))
			return rule->allow;
	}
	return false;
}

bool policy_names_addr(struct policy *policy, const struct policy_query *query)
{
	for (unsigned int i = 0; i < policy->count; i++) {
		struct rule *rule = &policy->rules[i];

		if (rule->kind == RULE_PREFIX && rule->allow && !rule->in &&
		    prefix_matches(rule, query))
			return true;
	}
	return false;
}

/* ---- limits ---- */

const char *rule_admit(struct rule *rule, uint64_t now_us)
{
	if (rule->max_flows && rule->flows >= rule->max_flows)
		return "as many flows at once as the rule allows";
	if (!bucket_take(&rule->fresh, RULE_FRESH, now_us))
		return "as many new flows in that time as the rule allows";
	return NULL;
}

void rule_take(struct rule *rule)
{
	if (rule)
		rule->flows++;
}

void rule_drop(struct rule *rule)
{
	if (rule)
		rule->flows--;
}

/* ---- state.h ---- */

static void bucket_state(struct fdnet_save *s, struct bucket *bucket)
{
	int64_t full, least;

	bucket->level = state_i64(s, bucket->level);
	bucket->last_us = fdnet_save_u64(s, bucket->last_us);
	if (!s->reading)
		return;
	/* what the rule's own text says holds the arithmetic together */
	full = (int64_t)(bucket->burst * 1000000);
	least = -(int64_t)(bucket->rate * 61) * 1000000;
	if (bucket->level > full || !bucket->rate)
		bucket->level = full;
	if (bucket->level < least)
		bucket->level = least;
}

static void rule_state(struct fdnet_save *s, struct policy *policy,
		       unsigned int at)
{
	const struct rule *old = s->reading ? NULL : &policy->rules[at];
	bool allow = fdnet_save_bool(s, old && old->allow);
	char *text = state_text(s, old ? old->text : NULL, RULE_TEXT_MAX);
	struct policy_error err;
	struct rule *rule;

	if (s->reading) {
		fdnet_save_check(s, text);
		if (!s->rc)
			fdnet_save_fail(s, policy_add(policy, allow, text,
						      &err));
		free(text);
		if (s->rc)
			return;
	}
	rule = &policy->rules[at];
	bucket_state(s, &rule->fresh);
	bucket_state(s, &rule->rate[0]);
	bucket_state(s, &rule->rate[1]);
	rule->hits = fdnet_save_u64(s, rule->hits);
}

void policy_state(struct policy *policy, struct fdnet_save *s)
{
	uint32_t n;

	if (s->reading)
		policy_done(policy);
	n = fdnet_save_count(s, policy->count, LIMIT_RULES, 8);
	for (uint32_t i = 0; i < n && !s->rc; i++)
		rule_state(s, policy, i);
}
