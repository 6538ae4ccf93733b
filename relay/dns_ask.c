/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/dns_internal.h"
#include "relay/peer.h"
#include "relay/hash.h"
#include "relay/state.h"

/* Answers of our own are not to be kept for long. */
#define OWN_TTL_S 60

/**
 * struct dns_query - a question that the name servers have
 * @relay:  NULL when nobody waits for the answer any more
 */
struct dns_query {
	struct relay *relay;
	struct dns_asker asker;
	struct dns_question q;
	struct dns_query *prev, *next;
};

/* ---- record ---- */

static void note(struct relay *relay, const struct dns_asker *asker,
		 enum record_kind kind, const char *name,
		 const struct fdnet_ip *ip, const char *rule)
{
	struct guest *guest = guest_find(relay, asker->guest);
	struct record_event event = {
		.kind = kind,
		.guest = asker->guest,
		.pid = guest ? guest->pid : 0,
		.comm = guest ? guest->comm : NULL,
		.name = name,
		.rule = rule,
	};

	if (ip)
		event.dst.ip = *ip;
	record_event(&relay->record, relay->now_us, &event);
}

/* ---- answers ---- */

static void reply_error(struct relay *relay, const struct dns_asker *asker,
			const struct dns_question *q, enum dns_rcode rcode)
{
	uint8_t msg[DNS_QUESTION_MAX];

	dns_reply(relay, asker, q, msg, dns_answer_error(msg, q, rcode));
}

static void reply_addrs(struct relay *relay, const struct dns_asker *asker,
			const struct dns_question *q,
			const struct fdnet_ip *ips, unsigned int n)
{
	uint8_t msg[DNS_QUESTION_MAX + DNS_ANSWER_ADDRS_MAX * 28];

	dns_reply(relay, asker, q, msg,
		  dns_answer_addrs(msg, q, ips, n, OWN_TTL_S));
}

static void reply_ptr(struct relay *relay, const struct dns_asker *asker,
		      const struct dns_question *q, const char *name)
{
	uint8_t msg[DNS_QUESTION_MAX + NAMES_MAX_LEN + 16];

	dns_reply(relay, asker, q, msg,
		  dns_answer_ptr(msg, q, name, OWN_TTL_S));
}

/* ---- names that mean something inside only ---- */

static bool is_localhost(const char *name)
{
	size_t len = strlen(name);

	return !strcmp(name, "localhost") ||
	       (len > 10 && !strcmp(name + len - 10, ".localhost"));
}

static bool is_host_name(const char *name)
{
	return !strcmp(name, "host.fdnet") || !strcmp(name, "gateway");
}

static int question_family(const struct dns_question *q)
{
	if (q->type == DNS_A)
		return 4;
	return q->type == DNS_AAAA ? 6 : 0;
}

/* RFC 6761 6.3 for localhost; the gateway's names are ours. */
static bool answer_inside(struct relay *relay, const struct dns_asker *asker,
			  const struct dns_question *q)
{
	int family = question_family(q);
	struct fdnet_ip ip = fdnet_ip4(0x7f000001);

	if (peer_lookup(relay, q->name, family ? family : 4, &ip)) {
		if (family)
			reply_addrs(relay, asker, q, &ip, 1);
		else
			reply_error(relay, asker, q, DNS_NOERROR);
		return true;
	}
	if (!is_localhost(q->name) && !is_host_name(q->name))
		return false;
	/* most services on a machine's loopback are on 127.0.0.1 only, and
	 * many programs try one address: the gateway's IPv6 address has no
	 * name */
	if (!family || (family == 6 && is_host_name(q->name))) {
		reply_error(relay, asker, q, DNS_NOERROR);
		return true;
	}
	if (is_host_name(q->name))
		ip = relay->opts->net.v4.gateway;
	else if (family == 6)
		ip = (struct fdnet_ip){ .family = 6, .bytes[15] = 1 };
	reply_addrs(relay, asker, q, &ip, 1);
	return true;
}

static bool answer_inside_ptr(struct relay *relay,
			      const struct dns_asker *asker,
			      const struct dns_question *q,
			      const struct fdnet_ip *ip)
{
	const struct net *net = &relay->opts->net;

	if (net_is_sandbox(net, ip))
		reply_ptr(relay, asker, q, "localhost");
	else if (net_is_gateway(net, ip))
		reply_ptr(relay, asker, q, "host.fdnet");
	else if (net_is_dns(net, ip))
		reply_error(relay, asker, q, DNS_NXDOMAIN);
	else
		return false;
	return true;
}

/* ---- /etc/hosts ---- */

static bool answer_hosts(struct relay *relay, const struct dns_asker *asker,
			 const struct dns_question *q)
{
	int family = question_family(q);
	struct fdnet_ip ips[HOSTS_ADDRS];
	int n = hosts_find(&relay->dns->hosts, q->name, family, ips);

	/* for other types the name servers may know more */
	if (n < 0 || !family)
		return false;
	for (int i = 0; i < n; i++) {
		addr_normalise(&ips[i]);
		names_pin(&relay->names, &ips[i], q->name, OWN_TTL_S,
			  relay->now_us);
	}
	if (n)
		note(relay, asker, RECORD_NAME, q->name, &ips[0], NULL);
	reply_addrs(relay, asker, q, ips, (unsigned int)n);
	return true;
}

/* ---- the name servers ---- */

struct pinning {
	struct relay *relay;
	const struct dns_question *q;
	struct fdnet_ip refused; /* family 0: none */
};

/* May this name lead there? The special kinds of address need a rule. */
static bool check_addr(void *arg, const struct fdnet_ip *answer,
		       uint32_t ttl_s)
{
	struct pinning *pinning = arg;
	struct relay *relay = pinning->relay;
	struct policy_query query = { .ip = *answer };

	addr_normalise(&query.ip);
	query.cls = relay_classify(relay, &query.ip);
	if (query.cls == ADDR_PUBLIC ||
	    policy_names_addr(relay->policy, &query))
		return true;
	pinning->refused = query.ip;
	return false;
}

static bool pin_addr(void *arg, const struct fdnet_ip *answer, uint32_t ttl_s)
{
	struct pinning *pinning = arg;
	struct relay *relay = pinning->relay;
	struct fdnet_ip ip = *answer;

	addr_normalise(&ip);
	names_pin(&relay->names, &ip, pinning->q->name, ttl_s,
		  relay->now_us);
	return true;
}

/* An answer of a name server or of the cache: may it be given, and to whom do
 * its addresses belong? */
static void give_answer(struct relay *relay, const struct dns_asker *asker,
			const struct dns_question *q, const uint8_t *answer,
			size_t len)
{
	struct pinning pinning = { .relay = relay, .q = q };
	uint8_t *msg = malloc(len + DNS_OPT_LEN);

	if (!msg) {
		reply_error(relay, asker, q, DNS_SERVFAIL);
		return;
	}
	memcpy(msg, answer, len);
	if (dns_answer_adopt(msg, len, q)) {
		reply_error(relay, asker, q, DNS_SERVFAIL);
	} else if (dns_answer_walk(msg, len, check_addr, &pinning)) {
		count(&relay->counters, C_DNS_REBIND);
		note(relay, asker, RECORD_REBIND, q->name, &pinning.refused,
		     NULL);
		reply_error(relay, asker, q, DNS_REFUSED);
	} else {
		dns_answer_walk(msg, len, pin_addr, &pinning);
		note(relay, asker, RECORD_NAME, q->name, NULL, NULL);
		dns_reply(relay, asker, q, msg, len);
	}
	free(msg);
}

/* Keep it for the next who asks; only what is in order can be kept. */
static void keep_answer(struct relay *relay, const struct dns_question *q,
			const uint8_t *answer, size_t len)
{
	uint8_t *msg = malloc(len);

	if (!msg)
		return;
	memcpy(msg, answer, len);
	if (!dns_answer_adopt(msg, len, q))
		dns_cache_put(&relay->dns->cache, q, msg, len, relay->now_us);
	free(msg);
}

static bool answer_cached(struct relay *relay, const struct dns_asker *asker,
			  const struct dns_question *q)
{
	uint8_t msg[DNS_CACHE_MSG_MAX];
	size_t len = dns_cache_get(&relay->dns->cache, q, relay->now_us, msg);

	if (!len)
		return false;
	count(&relay->counters, C_DNS_CACHED);
	give_answer(relay, asker, q, msg, len);
	return true;
}

static void answered(void *arg, enum resolver_result result,
		     const uint8_t *msg, size_t len)
{
	struct dns_query *query = arg;
	struct relay *relay = query->relay;

	if (relay) {
		DL_DELETE(relay->dns->queries, query);
		relay->dns->nqueries--;
		if (msg && (result == RESOLVER_ANSWER ||
			    result == RESOLVER_NONAME))
			keep_answer(relay, &query->q, msg, len);
		if (result == RESOLVER_ANSWER)
			give_answer(relay, &query->asker, &query->q, msg, len);
		else if (result == RESOLVER_NONAME)
			reply_error(relay, &query->asker, &query->q,
				    DNS_NXDOMAIN);
		else
			reply_error(relay, &query->asker, &query->q,
				    DNS_SERVFAIL);
	}
	free(query);
}

void dns_forget(struct relay *relay, uint32_t guest)
{
	struct dns_query *query, *tmp;

	DL_FOREACH_SAFE(relay->dns->queries, query, tmp) {
		if (guest && query->asker.guest != guest)
			continue;
		DL_DELETE(relay->dns->queries, query);
		relay->dns->nqueries--;
		query->relay = NULL;
	}
}

static void ask_servers(struct relay *relay, const struct dns_asker *asker,
			const struct dns_question *q)
{
	struct dns_query *query;

	if (relay->dns->nqueries >= LIMIT_DNS_QUERIES) {
		count(&relay->counters, C_DNS_LIMIT);
		reply_error(relay, asker, q, DNS_SERVFAIL);
		return;
	}
	query = calloc(1, sizeof(*query));
	if (!query) {
		reply_error(relay, asker, q, DNS_SERVFAIL);
		return;
	}
	query->relay = relay;
	query->asker = *asker;
	query->q = *q;
	DL_APPEND(relay->dns->queries, query);
	relay->dns->nqueries++;
	resolver_ask(relay->dns->resolver, q->name, q->type, answered, query);
}

/* ---- all ---- */

/* A program in a loop must not make us flood the name servers. */
static bool take_token(struct relay *relay)
{
	struct dns *dns = relay->dns;
	uint64_t max = 2 * LIMIT_DNS_RATE * 1000000ull;

	dns->tokens += (relay->now_us - dns->tokens_us) * LIMIT_DNS_RATE;
	dns->tokens_us = relay->now_us;
	if (dns->tokens > max)
		dns->tokens = max;
	if (dns->tokens < 1000000)
		return false;
	dns->tokens -= 1000000;
	return true;
}

static bool is_allowed(struct relay *relay, const struct dns_question *q,
		       const struct fdnet_ip *ptr, struct rule **ret_rule)
{
	struct policy_query query = {
		.names = &relay->names,
		.now_us = relay->now_us,
	};

	*ret_rule = NULL;
	if (!ptr)
		return policy_decide_name(relay->policy, q->name, ret_rule);
	query.ip = *ptr;
	addr_normalise(&query.ip);
	query.cls = relay_classify(relay, &query.ip);
	return policy_decide_addr(relay->policy, &query);
}

static void find_answer(struct relay *relay, const struct dns_asker *asker,
			const struct dns_question *q)
{
	bool is_ptr = q->type == DNS_PTR;
	struct fdnet_ip ip;
	const char *name;
	struct rule *rule;

	if (is_ptr && dns_ptr_address(q->name, &ip))
		is_ptr = false;
	if (is_ptr ? answer_inside_ptr(relay, asker, q, &ip) :
		     answer_inside(relay, asker, q))
		return;
	if (!is_allowed(relay, q, is_ptr ? &ip : NULL, &rule)) {
		count(&relay->counters, C_DNS_DENIED);
		if (!is_ptr)
			note(relay, asker, RECORD_NONAME, q->name, NULL,
			     rule ? rule->text : NULL);
		reply_error(relay, asker, q, DNS_REFUSED);
		return;
	}
	name = is_ptr ? hosts_name(&relay->dns->hosts, &ip) : NULL;
	if (name)
		reply_ptr(relay, asker, q, name);
	else if (!answer_hosts(relay, asker, q) &&
		 !answer_cached(relay, asker, q))
		ask_servers(relay, asker, q);
}

int dns_ask(struct guest *guest, const struct dns_asker *asker,
	    const uint8_t *msg, size_t len)
{
	struct relay *relay = guest->relay;
	struct dns_question q;
	int rc = dns_question_parse(msg, len, &q);

	count(&relay->counters, C_DNS_QUERY);
	if (rc) {
		count(&relay->counters, C_DNS_BAD);
		if (rc > 0)
			reply_error(relay, asker, &q, (enum dns_rcode)rc);
		return rc < 0 ? rc : 0;
	}
	if (!take_token(relay)) {
		count(&relay->counters, C_DNS_LIMIT);
		reply_error(relay, asker, &q, DNS_SERVFAIL);
		return 0;
	}
	find_answer(relay, asker, &q);
	return 0;
}

/* ---- state.h ---- */

static void question_state(struct fdnet_save *s, struct dns_question *q)
{
	q->id = fdnet_save_u16(s, q->id);
	q->flags = fdnet_save_u16(s, q->flags);
	q->type = fdnet_save_u16(s, q->type);
	q->class = fdnet_save_u16(s, q->class);
	state_chars(s, q->name, sizeof(q->name));
	q->raw_len = fdnet_save_count(s, (uint32_t)q->raw_len, sizeof(q->raw),
				      1);
	fdnet_save_bytes(s, q->raw, q->raw_len);
	q->udp_max = fdnet_save_u16(s, q->udp_max);
	q->edns = fdnet_save_bool(s, q->edns);
}

static void query_state(struct fdnet_save *s, struct dns_query *query)
{
	query->asker.guest = fdnet_save_u32(s, query->asker.guest);
	query->asker.conn = fdnet_save_u32(s, query->asker.conn);
	fdnet_save_name(s, &query->asker.from);
	fdnet_save_name(s, &query->asker.to);
	question_state(s, &query->q);
}

/* They are asked when the walk is done, and all is in its place. */
void dns_queries_state(struct relay *relay, struct fdnet_save *s)
{
	struct dns *dns = relay->dns;
	uint32_t n = fdnet_save_count(s, dns->nqueries, LIMIT_DNS_QUERIES, 270);
	struct dns_query *query;

	if (!s->reading) {
		DL_FOREACH(dns->queries, query)
			query_state(s, query);
		return;
	}
	for (; n && !s->rc; n--) {
		query = state_alloc(s, sizeof(*query));
		if (!query)
			return;
		query_state(s, query);
		if (s->rc) {
			free(query);
			return;
		}
		query->relay = relay;
		DL_APPEND(dns->restored, query);
	}
}

void dns_ask_again(struct relay *relay)
{
	struct dns_query *query, *tmp;

	DL_FOREACH_SAFE(relay->dns->restored, query, tmp) {
		DL_DELETE(relay->dns->restored, query);
		find_answer(relay, &query->asker, &query->q);
		free(query);
	}
}

void dns_forget_restored(struct relay *relay)
{
	struct dns_query *query, *tmp;

	DL_FOREACH_SAFE(relay->dns->restored, query, tmp) {
		DL_DELETE(relay->dns->restored, query);
		free(query);
	}
}
