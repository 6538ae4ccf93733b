/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules (D13): what may leave. fdnet-policy(5) has the words.
 *
 * How it works: rules stand in one list, those of the command line before
 * those of the policy file; the first that covers a destination decides, and
 * none means no. An allow rule covers an address that is not public only if
 * it names it (addrclass.h); a deny rule covers whatever it matches. A rule by
 * name covers the addresses that the forwarder answered for that name.
 */
#ifndef RELAY_POLICY_H
#define RELAY_POLICY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <fdnet/stack.h>

#include "relay/addrclass.h"
#include "relay/bucket.h"
#include "relay/impair.h"
#include "relay/names.h"

#define POLICY_MAX_PORTS 8
#define POLICY_ICMP 1 /* echo requests, over IPv6 too */
#define POLICY_TCP 6
#define POLICY_UDP 17

enum rule_kind {
	RULE_ANY,    /* "any", "*": every public address, every name */
	RULE_HOST,   /* "host": the machine's loopback at the gateway */
	RULE_PREFIX, /* an address or a network */
	RULE_NAME,   /* exactly this name */
	RULE_SUFFIX, /* "*.example.com": names below, not the name itself */
};

/**
 * struct rule - one line of the policy
 * @in:      about clients of published ports; else about destinations
 * @proto:   POLICY_TCP, POLICY_UDP, POLICY_ICMP, or 0 for all
 * @net, @bits:  RULE_PREFIX
 * @name:    RULE_NAME, RULE_SUFFIX: lower case, without "*." and last dot
 * @ports:   @nports ranges, inclusive; 0: all ports
 * @max_flows:  at once, 0: no limit; @flows: how many there are
 * @fresh:   new flows
 * @rate:    bytes, [0] from the guest, [1] to it
 * @text:    as it was written, for the record
 */
struct rule {
	bool allow, in;
	enum rule_kind kind;
	uint8_t proto;
	struct fdnet_ip net;
	uint8_t bits;
	char *name;
	unsigned int nports;
	struct {
		uint16_t lo, hi;
	} ports[POLICY_MAX_PORTS];
	uint32_t max_flows, flows;
	struct bucket fresh, rate[2];
	struct impair impair;
	char *text;
	uint64_t hits;
};

struct policy {
	struct rule *rules;
	unsigned int count, room;
};

/* What is wrong with a rule, and where: columns count from 1. */
struct policy_error {
	unsigned int line; /* of a file, else 0 */
	unsigned int column;
	char text[200];
};

/* A destination somebody asked for, or a client that comes (@in), whose
 * machine's own addresses are ADDR_GATEWAY and all others ADDR_PUBLIC. */
struct policy_query {
	bool in;
	uint8_t proto;
	struct fdnet_ip ip; /* normalised */
	uint16_t port;
	enum addr_class cls;
	struct names *names; /* or NULL: no rule by name covers it */
	const char *name;    /* one more name of it, or NULL */
	uint64_t now_us;
};

/** policy_init - no rules: nothing may leave; policy_done - drop all */
void policy_init(struct policy *policy);
void policy_done(struct policy *policy);

/**
 * policy_add - one more rule, after those there are
 * @text:     "tcp:example.com:443" and so on, without the verb; copied
 * @ret_err:  written when it fails
 *
 * Returns 0, -EINVAL, -ENOSPC (LIMIT_RULES), -ENOMEM.
 */
int policy_add(struct policy *policy, bool allow, const char *text,
	       struct policy_error *ret_err);

/* A word that may begin a line besides "allow" and "deny", with what takes
 * the rest of it; where that begins is in @ret_err then, and its error text is
 * taken over. Ends with a NULL name. */
struct policy_word {
	const char *name;
	int (*take)(void *arg, const char *text, struct policy_error *ret_err);
};

/**
 * policy_add_all - the rules of FDNET_ALLOW
 * @text:  rules with blanks or commas between them; "deny" and "allow" are
 *         about the rule that follows
 *
 * A comma in front of a port or range goes on with a rule's list of ports.
 * Returns as policy_add().
 */
int policy_add_all(struct policy *policy, const char *text,
		   struct policy_error *ret_err);

/**
 * policy_read - the lines of a policy file
 * @words:  what is no rule
 *
 * Returns as policy_add(), with the line in @ret_err; or -EIO.
 */
int policy_read(struct policy *policy, FILE *file,
		const struct policy_word *words, void *arg, struct policy_error *ret_err);

/** policy_find - the first rule that covers it, or NULL; counts no hit */
struct rule *policy_find(struct policy *policy,
			 const struct policy_query *query);

/**
 * policy_decide - may it leave?
 * @ret_rule:  the rule that decided, or NULL when none did
 */
bool policy_decide(struct policy *policy, const struct policy_query *query,
		   struct rule **ret_rule);

/**
 * policy_decide_name - may this name be asked for?
 * @name:  lower case, without the last dot
 *
 * Yes if some port of it may be reachable: a deny rule for single ports or
 * one protocol does not decide.
 */
bool policy_decide_name(struct policy *policy, const char *name,
			struct rule **ret_rule);

/** policy_decide_addr - may this address's name be asked for? Likewise; the
 * query's protocol and port do not count. */
bool policy_decide_addr(struct policy *policy,
			const struct policy_query *query);

/**
 * policy_names_addr - does an allow rule name this very address or network?
 *
 * Ports and protocol do not count, names neither: whether a name may lead
 * to a private address (rebinding).
 */
bool policy_names_addr(struct policy *policy,
		       const struct policy_query *query);

/**
 * rule_admit - may one more flow begin under @rule?
 *
 * Returns NULL, or which of its limits says no; static.
 */
const char *rule_admit(struct rule *rule, uint64_t now_us);
/** rule_pass - may @n bytes pass at once? @dir as in rule->rate; @rule may be
 * NULL */
static inline bool rule_pass(struct rule *rule, int dir, uint64_t n,
			     uint64_t now_us)
{
	return !rule || !rule->rate[dir].rate ||
	       bucket_take(&rule->rate[dir], n, now_us);
}

/** rule_take, rule_drop - a flow begins and ends; @rule may be NULL */
void rule_take(struct rule *rule);
void rule_drop(struct rule *rule);

/**
 * policy_port_parse - a decimal port
 * @ret_port:  1..65535, or 0 if @zero_ok
 *
 * Returns the characters used, 0 when there is no such number.
 */
size_t policy_port_parse(const char *text, bool zero_ok, uint16_t *ret_port);

/** policy_fail - fill in @ret_err; returns -EINVAL */
int policy_fail(struct policy_error *ret_err, size_t column, const char *fmt,
		...) __attribute__((format(printf, 3, 4)));

struct fdnet_save;
/** policy_state - the rules, with what is left of their rates (state.h);
 * flows count themselves */
void policy_state(struct policy *policy, struct fdnet_save *s);

#endif
