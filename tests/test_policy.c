/* SPDX-License-Identifier: Apache-2.0 */
/* Rules: the words, their errors, what they cover; names and addresses. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/options.h"
#include "relay/policy.h"

#define SECOND 1000000ull

static struct policy policy;
static struct names names;

static void setup(void)
{
	policy_init(&policy);
	names_init(&names);
}

static void teardown(void)
{
	policy_done(&policy);
	names_done(&names);
	ck_assert_uint_eq(names.count, 0);
}

static struct fdnet_ip ip(const char *text)
{
	struct fdnet_ip ret;

	ck_assert_msg(!fdnet_ip_parse(text, &ret), "%s", text);
	return ret;
}

/* "allow A; deny B; ..." in order */
static void rules(const char *text)
{
	char copy[512], *save, *one;
	struct policy_error err;

	ck_assert_uint_lt(strlen(text), sizeof(copy));
	strcpy(copy, text);
	for (one = strtok_r(copy, ";", &save); one;
	     one = strtok_r(NULL, ";", &save)) {
		bool allow;
		int rc;

		one += strspn(one, " ");
		allow = !strncmp(one, "allow ", 6);
		rc = policy_add(&policy, allow, one + (allow ? 6 : 5), &err);
		ck_assert_msg(!rc, "%s: %u: %s", one, err.column, err.text);
	}
}

/* ---- the words ---- */

static const struct {
	const char *text;
	unsigned int column; /* 0: fine */
	const char *message; /* a part of it */
} words[] = {
	{ "any", 0, NULL },
	{ "host:8080", 0, NULL },
	{ "host:53/udp", 0, NULL },
	{ "host:80/tcp", 0, NULL },
	{ "host:*", 0, NULL },
	{ "tcp:example.com:443", 0, NULL },
	{ "tcp:Example.COM.:443", 0, NULL },
	{ "tcp:*.example.com:443", 0, NULL },
	{ "udp:*:123", 0, NULL },
	{ "tcp:192.0.2.0/24:80-90", 0, NULL },
	{ "tcp:192.0.2.1:80,443,8000-8100", 0, NULL },
	{ "tcp:[2001:db8::1]:443", 0, NULL },
	{ "tcp:[2001:db8::]/32:443", 0, NULL },
	{ "tcp:[2001:db8::/32]:443", 0, NULL },
	{ "tcp:my_host-1:*", 0, NULL },
	{ "tcp:1.example.com:1", 0, NULL },
	{ "", 1, "accepted" },
	{ "all", 1, "accepted" },
	{ "anyone", 1, "accepted" },
	{ "icmp:1.2.3.4:1", 13, "nothing is expected" },
	{ "example.com:443", 0, NULL },
	{ "[2001:db8::1]:443", 0, NULL },
	{ "example.com", 1, "accepted" },
	{ "sctp:example.com:443", 1, "accepted" },
	{ "TCP:example.com:443", 1, "accepted" },
	{ "tcp:", 5, "a host is expected" },
	{ "tcp::443", 5, "a host is expected" },
	{ "tcp:example.com", 16, "port is missing" },
	{ "tcp:example.com:", 17, "a port is expected" },
	{ "tcp:example.com:0", 17, "a port is expected" },
	{ "tcp:example.com:65536", 17, "a port is expected" },
	{ "tcp:example.com:http", 17, "a port is expected" },
	{ "tcp:example.com:90-80", 20, "not below 90" },
	{ "tcp:example.com:80-", 20, "not below 80" },
	{ "tcp:example.com:80,", 20, "a port is expected" },
	{ "tcp:example.com:80x", 19, "nothing is expected" },
	{ "tcp:example.com:*x", 18, "nothing is expected" },
	{ "tcp:a:1,2,3,4,5,6,7,8,9", 23, "write another rule" },
	{ "tcp:exa mple.com:80", 8, "port is missing" },
	{ "tcp:a..b:80", 7, "not a name" },
	{ "tcp:.a:80", 5, "not a name" },
	{ "tcp:a*b:80", 6, "not a name" },
	{ "tcp:b\xc3\xbc" "cher.example:80", 6, "xn--" },
	{ "tcp:10.1:80", 5, "not a complete IPv4" },
	{ "tcp:1.2.3.400:80", 5, "not a complete IPv4" },
	{ "tcp:10.0.0.0/33:80", 14, "0 to 32" },
	{ "tcp:10.0.0.0/:80", 14, "0 to 32" },
	{ "tcp:10.0.0.0/8x:80", 14, "0 to 32" },
	{ "tcp:2001:db8::1:80", 5, "brackets" },
	{ "tcp:[2001:db8::1:80", 5, "']' is missing" },
	{ "tcp:[1.2.3.4]:80", 6, "IPv6" },
	{ "tcp:[::1]80", 10, "port is missing" },
	{ "tcp:[2001:db8::]/129:80", 18, "0 to 128" },
	{ "host:", 6, "a port is expected" },
	{ "host:80/sctp", 9, "tcp or udp" },
	{ "host:80/udpx", 12, "nothing is expected" },
	{ "icmp:example.com", 0, NULL },
	{ "icmp:[2001:db8::]/32", 0, NULL },
	{ "icmp:*", 0, NULL },
	{ "icmp:", 6, "a host is expected" },
	{ "out:tcp:example.com:443", 0, NULL },
	{ "in:any", 0, NULL },
	{ "in:*:80", 0, NULL },
	{ "in:udp:192.0.2.0/24:53", 0, NULL },
	{ "in:host:80", 0, NULL },
	{ "in:example.com:80", 4, "a client is" },
	{ "in:icmp:*", 4, "echo" },
	{ "in:192.0.2.1", 4, "accepted" },
	{ "in:tcp:1.2.3.4:x", 16, "a port is expected" },
	{ "tcp:a:1 conns=5", 0, NULL },
	{ "tcp:a:1  conns=5 new=30/m\trate=1.5mbit", 0, NULL },
	{ "any new=1/s", 0, NULL },
	{ "any impair=delay=50ms,jitter=5ms,loss=0.1%,rate=10mbit,seed=7", 0,
	  NULL },
	{ "tcp:a:1 conns=0", 15, "a number from 1" },
	{ "tcp:a:1 conns=5x", 15, "a number from 1" },
	{ "tcp:a:1 new=5", 13, "a second or minute" },
	{ "tcp:a:1 new=0/s", 13, "a second or minute" },
	{ "tcp:a:1 rate=10", 14, "a rate" },
	{ "tcp:a:1 rate=0mbit", 14, "a rate" },
	{ "tcp:a:1 rate=99999gbit", 14, "a rate" },
	{ "tcp:a:1 speed=10", 9, "is expected" },
	{ "any impair=", 12, "delay=TIME" },
	{ "any impair=delay=5", 12, "delay=TIME" },
	{ "any impair=delay=5ms,", 22, "delay=TIME" },
	{ "any impair=loss=101%", 12, "delay=TIME" },
	{ "any impair=delay=5msx", 12, "delay=TIME" },
};

START_TEST(words_are_read_or_told_where_they_are_wrong)
{
	struct policy_error err = { 0 };
	int rc = policy_add(&policy, true, words[_i].text, &err);

	if (!words[_i].column) {
		ck_assert_msg(!rc, "%s: %u: %s", words[_i].text, err.column,
			      err.text);
		ck_assert_str_eq(policy.rules[0].text, words[_i].text);
		return;
	}
	ck_assert_msg(rc == -EINVAL, "%s", words[_i].text);
	ck_assert_msg(err.column == words[_i].column, "%s: column %u: %s",
		      words[_i].text, err.column, err.text);
	ck_assert_msg(strstr(err.text, words[_i].message) != NULL, "%s: %s",
		      words[_i].text, err.text);
	ck_assert_uint_eq(policy.count, 0);
}
END_TEST

START_TEST(nothing_follows_a_deny_rule)
{
	struct policy_error err;

	ck_assert_int_eq(policy_add(&policy, false, "any conns=5", &err),
			 -EINVAL);
	ck_assert_uint_eq(err.column, 5);
}
END_TEST

START_TEST(what_follows_a_rule_is_kept)
{
	struct policy_error err;
	struct rule *rule;

	ck_assert_int_eq(policy_add(&policy, true,
				    "any conns=5 new=30/m rate=8kbit "
				    "impair=delay=1.5s,loss=25%,seed=3",
				    &err),
			 0);
	rule = &policy.rules[0];
	ck_assert_uint_eq(rule->max_flows, 5);
	ck_assert_uint_eq(rule->rate[0].rate, 1000);
	ck_assert_uint_eq(rule->rate[1].rate, 1000);
	ck_assert(rule->impair.on);
	ck_assert_uint_eq(rule->impair.delay_us, 1500000);
	ck_assert_uint_eq(rule->impair.loss_ppm, 250000);
	ck_assert_uint_eq(rule->impair.seed, 3);
	/* thirty at once, then one each two seconds */
	for (int i = 0; i < 30; i++)
		ck_assert(!rule_admit(rule, 1000000));
	ck_assert(rule_admit(rule, 2000000) != NULL);
	ck_assert(!rule_admit(rule, 3000000));
	ck_assert(rule_admit(rule, 3000000) != NULL);
	/* five at the same time */
	for (int i = 0; i < 5; i++)
		rule_take(rule);
	ck_assert(rule_admit(rule, 1000000000) != NULL);
	rule_drop(rule);
	ck_assert(!rule_admit(rule, 1000000000));
}
END_TEST

static const struct {
	const char *text;
	const char *rules; /* "+" allow, "-" deny; NULL: wrong */
	unsigned int column;
} lists[] = {
	{ "", "", 0 },
	{ " , ", "", 0 },
	{ "any", "+any", 0 },
	{ "tcp:a:1 udp:b:2", "+tcp:a:1 +udp:b:2", 0 },
	{ "tcp:a:1,udp:b:2", "+tcp:a:1 +udp:b:2", 0 },
	{ "tcp:a:80,443,8000-8010", "+tcp:a:80,443,8000-8010", 0 },
	{ "a:80,443,10.0.0.1:80", "+a:80,443 +10.0.0.1:80", 0 },
	{ "deny tcp:*:25 any", "-tcp:*:25 +any", 0 },
	{ "deny a:1,b:2", "-a:1 +b:2", 0 },
	{ "any conns=5\trate=1mbit,host:80", NULL, 18 },
	{ "any conns=5\nhost:80", "+any conns=5 +host:80", 0 },
	{ "any impair=delay=1ms,loss=1% host:80",
	  "+any impair=delay=1ms,loss=1% +host:80", 0 },
	{ "any a:x", NULL, 7 },
	{ "any nonsense", NULL, 5 },
};

START_TEST(a_list_has_rules_with_blanks_or_commas_between)
{
	struct policy_error err = { 0 };
	char got[256] = "";
	int rc = policy_add_all(&policy, lists[_i].text, &err);

	ck_assert_msg(!rc == !!lists[_i].rules, "%s: %u: %s", lists[_i].text,
		      err.column, err.text);
	ck_assert_msg(err.column == lists[_i].column, "%s: column %u: %s",
		      lists[_i].text, err.column, err.text);
	for (unsigned int i = 0; i < policy.count; i++) {
		strcat(got, i ? " " : "");
		strcat(got, policy.rules[i].allow ? "+" : "-");
		strcat(got, policy.rules[i].text);
	}
	if (lists[_i].rules)
		ck_assert_str_eq(got, lists[_i].rules);
}
END_TEST

/* Who may come to a published port: [0] from outside, [1] from this machine,
 * [2] from 192.0.2.7; a letter for allowed, denied, not decided. */
static const struct {
	const char *rules;
	const char *expected;
} clients[] = {
	{ "", "..." },
	{ "allow any; deny tcp:*:*", "..." },
	{ "allow in:any", "aaa" },
	{ "deny in:*:80", "ddd" },
	{ "deny in:*:81", "..." },
	{ "deny in:udp:*:80", "..." },
	{ "allow in:192.0.2.0/24:80; deny in:any", "dda" },
	{ "allow in:host:80; deny in:any", "dad" },
	{ "allow in:127.0.0.1:*; deny in:any", "dad" },
	{ "deny in:192.0.2.7:80", "..d" },
};

START_TEST(rules_about_clients_are_apart_from_the_others)
{
	static const struct {
		const char *ip;
		enum addr_class cls;
	} who[] = {
		{ "198.51.100.1", ADDR_PUBLIC },
		{ "127.0.0.1", ADDR_GATEWAY },
		{ "192.0.2.7", ADDR_PUBLIC },
	};
	char got[4] = "";

	rules(clients[_i].rules);
	for (int i = 0; i < 3; i++) {
		struct policy_query query = {
			.in = true,
			.proto = POLICY_TCP,
			.ip = ip(who[i].ip),
			.port = 80,
			.cls = who[i].cls,
		};
		struct rule *rule = policy_find(&policy, &query);

		got[i] = !rule ? '.' : rule->allow ? 'a' : 'd';
	}
	ck_assert_msg(!strcmp(got, clients[_i].expected), "%s: %s",
		      clients[_i].rules, got);
}
END_TEST

/* Whatever is cut off or changed, there is a rule or a reason. */
START_TEST(mangled_words_never_hurt)
{
	char text[128];
	size_t len = strlen(words[_i].text);
	struct policy_error err;

	for (size_t cut = 0; cut < len; cut++) {
		memcpy(text, words[_i].text, cut);
		text[cut] = '\0';
		if (policy_add(&policy, true, text, &err))
			ck_assert_uint_le(err.column, cut + 1);
	}
	for (size_t at = 0; at < len; at++) {
		static const char by[] = ":.*-/,[]0x\xff ";

		for (size_t i = 0; i < sizeof(by) - 1; i++) {
			strcpy(text, words[_i].text);
			text[at] = by[i];
			policy_add(&policy, false, text, &err);
		}
	}
}
END_TEST

START_TEST(rules_are_limited)
{
	struct policy_error err;

	for (unsigned int i = 0; i < 4096; i++)
		ck_assert_int_eq(policy_add(&policy, true, "any", &err), 0);
	ck_assert_int_eq(policy_add(&policy, true, "any", &err), -ENOSPC);
}
END_TEST

/* ---- what they cover ---- */

static const struct {
	const char *rules;
	uint8_t proto;
	const char *dst;
	uint16_t port;
	enum addr_class cls; /* as the relay finds out; PUBLIC: by address */
	bool allow;
} cases[] = {
	{ "", 6, "93.184.216.34", 443, ADDR_PUBLIC, false },
	{ "allow any", 6, "93.184.216.34", 443, ADDR_PUBLIC, true },
	{ "allow any", 17, "2606:2800:220:1::1", 53, ADDR_PUBLIC, true },
	{ "allow any", 6, "10.1.2.3", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "172.31.255.255", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "172.32.0.0", 80, ADDR_PUBLIC, true },
	{ "allow any", 6, "192.168.1.1", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "100.64.0.1", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "169.254.169.254", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "127.0.0.1", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "0.0.0.0", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "255.255.255.255", 80, ADDR_PUBLIC, false },
	{ "allow any", 17, "224.0.0.251", 5353, ADDR_PUBLIC, false },
	{ "allow any", 6, "::1", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "::", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "fe80::1", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "fd00::1234", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "ff02::1", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "64:ff9b::8.8.8.8", 80, ADDR_PUBLIC, true },
	{ "allow any", 6, "64:ff9b::10.0.0.1", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "64:ff9b::169.254.169.254", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "2002:7f00:1::", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "::ffff:10.0.0.1", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "::10.0.0.1", 80, ADDR_PUBLIC, false },
	{ "allow any", 6, "93.184.216.34", 80, ADDR_HOST, false },
	{ "allow any", 6, "10.0.2.2", 80, ADDR_GATEWAY, false },
	{ "allow tcp:*:*", 6, "93.184.216.34", 80, ADDR_PUBLIC, true },
	{ "allow tcp:*:*", 17, "93.184.216.34", 80, ADDR_PUBLIC, false },
	{ "allow udp:*:123", 17, "93.184.216.34", 123, ADDR_PUBLIC, true },
	{ "allow udp:*:123", 17, "93.184.216.34", 124, ADDR_PUBLIC, false },
	{ "allow tcp:0.0.0.0/0:*", 6, "93.184.216.34", 1, ADDR_PUBLIC, true },
	{ "allow tcp:0.0.0.0/0:*", 6, "10.0.0.1", 1, ADDR_PUBLIC, false },
	{ "allow tcp:0.0.0.0/0:*", 6, "127.0.0.1", 1, ADDR_PUBLIC, false },
	{ "allow tcp:0.0.0.0/0:*", 6, "169.254.1.1", 1, ADDR_PUBLIC, false },
	{ "allow tcp:127.0.0.0/8:*", 6, "127.0.0.1", 1, ADDR_PUBLIC, false },
	{ "allow tcp:10.0.0.0/8:*", 6, "10.200.0.1", 1, ADDR_PUBLIC, true },
	{ "allow tcp:10.0.0.0/8:*", 6, "10.0.0.1", 1, ADDR_HOST, false },
	{ "allow tcp:10.0.0.1:*", 6, "10.0.0.1", 1, ADDR_HOST, true },
	{ "allow tcp:10.0.0.0/8:*", 6, "10.0.2.2", 1, ADDR_GATEWAY, false },
	{ "allow tcp:10.0.2.2:80", 6, "10.0.2.2", 80, ADDR_GATEWAY, true },
	{ "allow tcp:169.254.169.254:80", 6, "169.254.169.254", 80,
	  ADDR_PUBLIC, true },
	{ "allow tcp:[fd00::]/8:*", 6, "fd12::1", 1, ADDR_PUBLIC, true },
	{ "allow tcp:[::]/0:*", 6, "fd12::1", 1, ADDR_PUBLIC, false },
	{ "allow tcp:192.0.2.7/24:80-90", 6, "192.0.2.200", 85, ADDR_PUBLIC,
	  true },
	{ "allow tcp:192.0.2.7/24:80-90", 6, "192.0.2.200", 91, ADDR_PUBLIC,
	  false },
	{ "allow tcp:192.0.2.7/24:80-90", 6, "192.0.3.1", 85, ADDR_PUBLIC,
	  false },
	{ "allow tcp:192.0.2.0/24:22,80-90,443", 6, "192.0.2.1", 443,
	  ADDR_PUBLIC, true },
	{ "allow tcp:192.0.2.0/24:22,80-90,443", 6, "192.0.2.1", 444,
	  ADDR_PUBLIC, false },
	{ "allow host:8080", 6, "10.0.2.2", 8080, ADDR_GATEWAY, true },
	{ "allow host:8080", 17, "10.0.2.2", 8080, ADDR_GATEWAY, false },
	{ "allow host:8080/udp", 17, "10.0.2.2", 8080, ADDR_GATEWAY, true },
	{ "allow host:8080", 6, "10.0.2.2", 8081, ADDR_GATEWAY, false },
	{ "allow host:*", 6, "10.0.2.2", 8081, ADDR_GATEWAY, true },
	{ "allow host:8080", 6, "10.0.2.3", 8080, ADDR_PUBLIC, false },
	{ "allow tcp:host.fdnet:1", 6, "10.0.2.2", 1, ADDR_GATEWAY, true },
	{ "allow tcp:gateway:1", 6, "10.0.2.2", 1, ADDR_GATEWAY, true },
	/* the first that fits decides */
	{ "deny tcp:*:25; allow any", 6, "93.184.216.34", 25, ADDR_PUBLIC,
	  false },
	{ "deny tcp:*:25; allow any", 6, "93.184.216.34", 26, ADDR_PUBLIC,
	  true },
	{ "allow any; deny tcp:*:25", 6, "93.184.216.34", 25, ADDR_PUBLIC,
	  true },
	{ "deny any; allow host:80", 6, "10.0.2.2", 80, ADDR_GATEWAY, false },
	{ "deny tcp:192.0.2.0/24:*; allow any", 6, "192.0.2.1", 1,
	  ADDR_PUBLIC, false },
	{ "deny tcp:192.0.2.0/24:*; allow any", 6, "64:ff9b::192.0.2.1", 1,
	  ADDR_PUBLIC, false },
	{ "deny tcp:192.0.2.0/24:*; allow any", 6, "2002:c000:201::", 1,
	  ADDR_PUBLIC, false },
	{ "deny tcp:192.0.2.0/24:*; allow any", 6, "::ffff:192.0.2.1", 1,
	  ADDR_PUBLIC, false },
	/* names: an address nobody looked up has none */
	{ "allow tcp:example.com:443", 6, "93.184.216.34", 443, ADDR_PUBLIC,
	  true },
	{ "allow example.com:443", 6, "93.184.216.34", 443, ADDR_PUBLIC,
	  true },
	{ "allow example.com:443", 17, "93.184.216.34", 443, ADDR_PUBLIC,
	  false },
	{ "allow tcp:example.com:443", 6, "93.184.216.35", 443, ADDR_PUBLIC,
	  false },
	{ "allow tcp:*.example.com:443", 6, "93.184.216.34", 443, ADDR_PUBLIC,
	  false },
	{ "allow tcp:*.example.com:443", 6, "203.0.113.9", 443, ADDR_PUBLIC,
	  true },
	{ "allow tcp:*.ample.com:443", 6, "203.0.113.9", 443, ADDR_PUBLIC,
	  false },
	{ "deny tcp:www.example.com:*; allow any", 6, "203.0.113.9", 443,
	  ADDR_PUBLIC, false },
	{ "deny tcp:www.example.com:*; allow any", 6, "93.184.216.34", 443,
	  ADDR_PUBLIC, true },
	{ "allow tcp:inner.corp:443", 6, "10.9.9.9", 443, ADDR_PUBLIC, true },
	{ "allow tcp:inner.corp:443", 6, "127.0.0.9", 443, ADDR_PUBLIC,
	  false },
};

static void pin_some(void)
{
	static const struct {
		const char *name, *address;
	} pins[] = {
		{ "example.com", "93.184.216.34" },
		{ "www.example.com", "203.0.113.9" },
		{ "inner.corp", "10.9.9.9" },
		{ "inner.corp", "127.0.0.9" },
	};

	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
		struct fdnet_ip address = ip(pins[i].address);

		ck_assert_int_eq(names_pin(&names, &address, pins[i].name, 60,
					   0),
				 0);
	}
}

START_TEST(rules_decide)
{
	struct policy_query query = {
		.proto = cases[_i].proto,
		.ip = ip(cases[_i].dst),
		.port = cases[_i].port,
		.cls = cases[_i].cls,
		.names = &names,
	};
	struct rule *rule;
	bool allow;

	pin_some();
	rules(cases[_i].rules);
	addr_normalise(&query.ip);
	if (query.cls == ADDR_PUBLIC)
		query.cls = addr_classify(&query.ip);
	allow = policy_decide(&policy, &query, &rule);
	ck_assert_msg(allow == cases[_i].allow, "%s: %s port %u",
		      cases[_i].rules, cases[_i].dst, cases[_i].port);
	if (allow)
		ck_assert_uint_eq(rule->hits, 1);
}
END_TEST

static const struct {
	const char *rules, *name;
	bool allow;
} name_cases[] = {
	{ "", "example.com", false },
	{ "allow any", "example.com", true },
	{ "allow udp:*:123", "example.com", true },
	{ "allow host:80", "example.com", false },
	{ "allow tcp:192.0.2.1:80", "example.com", false },
	{ "allow tcp:example.com:1", "example.com", true },
	{ "allow tcp:example.com:1", "www.example.com", false },
	{ "allow tcp:*.example.com:1", "www.example.com", true },
	{ "allow tcp:*.example.com:1", "a.b.example.com", true },
	{ "allow tcp:*.example.com:1", "example.com", false },
	{ "allow tcp:*.example.com:1", "badexample.com", false },
	/* some of it may still be reached */
	{ "deny tcp:example.com:25; allow any", "example.com", true },
	{ "deny tcp:example.com:*; allow any", "example.com", true },
	{ "deny any; allow tcp:example.com:1", "example.com", false },
};

START_TEST(names_are_asked_for_only_if_a_rule_names_them)
{
	struct rule *rule;

	rules(name_cases[_i].rules);
	ck_assert_msg(policy_decide_name(&policy, name_cases[_i].name,
					 &rule) == name_cases[_i].allow,
		      "%s: %s", name_cases[_i].rules, name_cases[_i].name);
}
END_TEST

START_TEST(private_answers_need_a_rule_for_the_address)
{
	struct policy_query query = {
		.ip = ip("10.1.2.3"),
		.cls = ADDR_PRIVATE,
	};

	rules("allow any; allow tcp:*.corp:443; allow tcp:0.0.0.0/0:1");
	ck_assert(!policy_names_addr(&policy, &query));
	rules("allow tcp:10.1.0.0/16:443");
	ck_assert(policy_names_addr(&policy, &query));
}
END_TEST

/* ---- files ---- */

static char published[128];

static int take_publish(void *arg, const char *spec,
			struct policy_error *ret_err)
{
	if (!strcmp(spec, "bad"))
		return policy_fail(ret_err, 1, "no port");
	strcat(published, spec);
	return 0;
}

static const struct policy_word file_words[] = {
	{ "publish", take_publish },
	{ NULL, NULL },
};

static int read_text(const char *text, struct policy_error *err)
{
	FILE *file = fmemopen((void *)text, strlen(text), "r");
	int rc;

	ck_assert_ptr_nonnull(file);
	published[0] = '\0';
	rc = policy_read(&policy, file, file_words, NULL, err);
	fclose(file);
	return rc;
}

START_TEST(file_has_one_rule_a_line)
{
	struct policy_error err;

	ck_assert_int_eq(read_text("# comment\n\n"
				   "allow tcp:example.com:443 # why\r\n"
				   "\t deny   any\n"
				   "publish 8080:80\n"
				   "allow host:1",
				   &err),
			 0);
	ck_assert_uint_eq(policy.count, 3);
	ck_assert(policy.rules[0].allow);
	ck_assert_str_eq(policy.rules[0].text, "tcp:example.com:443");
	ck_assert(!policy.rules[1].allow);
	ck_assert_str_eq(published, "8080:80");
}
END_TEST

static const struct {
	const char *text;
	unsigned int line, column;
} bad_files[] = {
	{ "allow any\nalow any\n", 2, 1 },
	{ "\n\n  permit any\n", 3, 3 },
	{ "allow tcp:example.com:0\n", 1, 23 },
	{ "  allow   tcp:a:x\n", 1, 17 },
	{ "allow\n", 1, 6 },
	{ "allow any any\n", 1, 11 },
	{ "allow any\npublish bad\n", 2, 10 },
};

START_TEST(file_errors_have_line_and_column)
{
	struct policy_error err;

	ck_assert_int_eq(read_text(bad_files[_i].text, &err), -EINVAL);
	ck_assert_msg(err.line == bad_files[_i].line &&
			      err.column == bad_files[_i].column,
		      "%s: %u:%u: %s", bad_files[_i].text, err.line,
		      err.column, err.text);
}
END_TEST

/* ---- publish ---- */

static const struct {
	const char *text;
	unsigned int column; /* 0: fine */
	const char *host;
	uint16_t host_port, port;
	uint8_t proto;
	unsigned int count; /* 0: one */
} publishes[] = {
	{ "8080:80", 0, "127.0.0.1", 8080, 80, 6 },
	{ "0:80", 0, "127.0.0.1", 0, 80, 6 },
	{ "8080:80/tcp", 0, "127.0.0.1", 8080, 80, 6 },
	{ "udp:53:53", 0, "127.0.0.1", 53, 53, 17 },
	{ "tcp:*:53:53", 0, "0.0.0.0", 53, 53, 6 },
	{ "53:53/udp", 0, "127.0.0.1", 53, 53, 17 },
	{ "0.0.0.0:1:2", 0, "0.0.0.0", 1, 2, 6 },
	{ "*:1:2", 0, "0.0.0.0", 1, 2, 6 },
	{ "[::1]:1:2", 0, "::1", 1, 2, 6 },
	{ "", 1, NULL, 0, 0, 0 },
	{ "80", 3, NULL, 0, 0, 0 },
	{ "80:", 4, NULL, 0, 0, 0 },
	{ "80:0", 4, NULL, 0, 0, 0 },
	{ "80:99999", 4, NULL, 0, 0, 0 },
	{ "99999:80", 1, NULL, 0, 0, 0 },
	{ "80:80/sctp", 6, NULL, 0, 0, 0 },
	{ "1.2.3:80:80", 1, NULL, 0, 0, 0 },
	{ "[::1:80:80", 1, NULL, 0, 0, 0 },
	{ "[::1]80:80", 6, NULL, 0, 0, 0 },
	{ "8000-8010:80-90", 0, "127.0.0.1", 8000, 80, 6, 11 },
	{ "127.0.0.1:8000-8010:80-90", 0, "127.0.0.1", 8000, 80, 6, 11 },
	{ "[::1]:53-54:53-54/udp", 0, "::1", 53, 53, 17, 2 },
	{ "80-80:80", 0, "127.0.0.1", 80, 80, 6, 1 },
	{ "80-90:80", 7, NULL, 0, 0, 0, 0 },
	{ "80:80-90", 4, NULL, 0, 0, 0, 0 },
	{ "80-90:80-91", 7, NULL, 0, 0, 0, 0 },
	{ "0-5:80-85", 3, NULL, 0, 0, 0, 0 },
	{ "90-80:80-90", 4, NULL, 0, 0, 0, 0 },
	{ "80-:80-90", 4, NULL, 0, 0, 0, 0 },
};

START_TEST(publish_is_read_or_told_where_it_is_wrong)
{
	struct policy_error err = { 0 };
	struct publish_spec spec;
	int rc = options_publish(publishes[_i].text, &spec, &err);
	char text[FDNET_IP_STRLEN];

	if (publishes[_i].column) {
		ck_assert_int_eq(rc, -EINVAL);
		ck_assert_msg(err.column == publishes[_i].column,
			      "%s: %u: %s", publishes[_i].text, err.column,
			      err.text);
		return;
	}
	ck_assert_msg(!rc, "%s: %s", publishes[_i].text, err.text);
	ck_assert_str_eq(fdnet_ip_format(&spec.host.ip, text),
			 publishes[_i].host);
	ck_assert_int_eq(spec.host.port, publishes[_i].host_port);
	ck_assert_int_eq(spec.port, publishes[_i].port);
	ck_assert_int_eq(spec.proto, publishes[_i].proto);
	ck_assert_uint_eq(spec.count,
			  publishes[_i].count ? publishes[_i].count : 1);
}
END_TEST

/* ---- names ---- */

START_TEST(names_end_but_not_before_programs_forget_them)
{
	struct fdnet_ip a = ip("192.0.2.1");

	names_pin(&names, &a, "short", 1, 0);
	ck_assert_str_eq(names_of(&names, &a, 299 * SECOND), "short");
	ck_assert_ptr_null(names_of(&names, &a, 300 * SECOND));
	names_pin(&names, &a, "long", 0x7fffffff, 0);
	ck_assert_ptr_nonnull(names_of(&names, &a, 86399 * SECOND));
	ck_assert_ptr_null(names_of(&names, &a, 86400 * SECOND));
}
END_TEST

static bool is_first(const char *name, const void *arg)
{
	return !strcmp(name, arg);
}

START_TEST(an_address_keeps_its_latest_names)
{
	struct fdnet_ip a = ip("192.0.2.1");
	char name[16];

	for (int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		names_pin(&names, &a, name, 60, 0);
		names_pin(&names, &a, name, 60, 0);
	}
	ck_assert_str_eq(names_of(&names, &a, 0), "n8");
	ck_assert(names_match(&names, &a, 0, is_first, "n1"));
	ck_assert(!names_match(&names, &a, 0, is_first, "n0"));
}
END_TEST

START_TEST(names_are_limited_and_the_unused_go)
{
	struct fdnet_ip used = ip("192.0.2.1");

	names_pin(&names, &used, "used", 60, 0);
	for (uint32_t i = 0; i < 20000; i++) {
		struct fdnet_ip a = fdnet_ip4(0x0b000000 + i);

		ck_assert_int_eq(names_pin(&names, &a, "x", 60, 0), 0);
		ck_assert_ptr_nonnull(names_of(&names, &used, 0));
	}
	ck_assert_uint_eq(names.count, 8192);
}
END_TEST

#define LOOP(tc, test, table)                                                  \
	tcase_add_loop_test(tc, test, 0, sizeof(table) / sizeof((table)[0]))

/* ---- limits ---- */

static const struct {
	const char *text;
	uint64_t value; /* 0: wrong */
	unsigned int column;
} limit_rows[] = {
	{ "memory=64M", 64u << 20, 0 },  { "memory=8388608", 8u << 20, 0 },
	{ "memory=2G", 2ull << 30, 0 },  { "memory=8192K", 8u << 20, 0 },
	{ "memory=1K", 0, 8 },		 { "memory=", 0, 8 },
	{ "memory=64m", 0, 8 },		 { "memory=64MB", 0, 8 },
	{ "memory=-1", 0, 8 },		 { "memory=99999999999G", 0, 8 },
	{ "memory", 0, 7 },		 { "memories=1", 0, 1 },
	{ "", 0, 1 },			 { "=5", 0, 1 },
};

START_TEST(limit_is_read_or_told_where_it_is_wrong)
{
	struct policy_error err = { 0 };
	struct limits limits;
	int rc;

	limits_init(&limits);
	rc = limits_set(&limits, limit_rows[_i].text, &err);
	if (limit_rows[_i].value) {
		ck_assert_int_eq(rc, 0);
		ck_assert_uint_eq(limits.bytes, limit_rows[_i].value);
		return;
	}
	ck_assert_int_eq(rc, -EINVAL);
	ck_assert_msg(err.column == limit_rows[_i].column, "%s: %u: %s",
		      limit_rows[_i].text, err.column, err.text);
	ck_assert_uint_eq(limits.bytes, LIMIT_BYTES);
}
END_TEST

static Suite *policy_suite(void)
{
	Suite *s = suite_create("policy");
	TCase *tc = tcase_create("policy");

	tcase_add_checked_fixture(tc, setup, teardown);
	LOOP(tc, words_are_read_or_told_where_they_are_wrong, words);
	LOOP(tc, mangled_words_never_hurt, words);
	tcase_add_test(tc, nothing_follows_a_deny_rule);
	tcase_add_test(tc, what_follows_a_rule_is_kept);
	tcase_add_loop_test(tc,
			    a_list_has_rules_with_blanks_or_commas_between, 0,
			    sizeof(lists) / sizeof(lists[0]));
	tcase_add_loop_test(tc,
			    rules_about_clients_are_apart_from_the_others, 0,
			    sizeof(clients) / sizeof(clients[0]));
	tcase_add_test(tc, rules_are_limited);
	LOOP(tc, rules_decide, cases);
	LOOP(tc, names_are_asked_for_only_if_a_rule_names_them, name_cases);
	tcase_add_test(tc, private_answers_need_a_rule_for_the_address);
	tcase_add_test(tc, file_has_one_rule_a_line);
	LOOP(tc, file_errors_have_line_and_column, bad_files);
	LOOP(tc, publish_is_read_or_told_where_it_is_wrong, publishes);
	LOOP(tc, limit_is_read_or_told_where_it_is_wrong, limit_rows);
	tcase_add_test(tc, names_end_but_not_before_programs_forget_them);
	tcase_add_test(tc, an_address_keeps_its_latest_names);
	tcase_add_test(tc, names_are_limited_and_the_unused_go);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(policy_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
