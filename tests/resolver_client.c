/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the resolver, read from standard input, one a line; each line comes
 * back with its result. test_resolver.sh runs it on a machine made for it and
 * in the sandbox.
 *
 *   gai NAME SERVICE FAMILY TYPE FLAGS     getaddrinfo(); "-" is NULL
 *   gni ADDRESS PORT FLAGS HOSTLEN SERVLEN getnameinfo()
 *   host NAME, host2 NAME FAMILY           gethostbyname(), _r, 2, 2_r
 *   addr ADDRESS                           gethostbyaddr(), _r
 *   query|search NAME TYPE, domain NAME DOMAIN TYPE
 *                                          each by all of its names
 *   make NAME TYPE                         res_mkquery() and res_send()
 *   option WORD                            a bit of _res.options, or res_init
 *   room NAME FROM TO                      gethostbyname_r() with little room
 *   ent                                    gethostent() to its end
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <locale.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
	const char *name;
	long value;
};

#define W(name) {#name, name}
static const struct word words[] = {
	W(AI_PASSIVE),	    W(AI_CANONNAME), W(AI_NUMERICHOST),
	W(AI_V4MAPPED),	    W(AI_ALL),	     W(AI_ADDRCONFIG),
	W(AI_IDN),	    W(AI_CANONIDN),  W(AI_NUMERICSERV),
	W(NI_NUMERICHOST),  W(NI_NUMERICSERV), W(NI_NOFQDN),
	W(NI_NAMEREQD),	    W(NI_DGRAM),     W(NI_IDN),
	W(SOCK_STREAM),	    W(SOCK_DGRAM),   W(SOCK_RAW),
	W(RES_USEVC),	    W(RES_IGNTC),    W(RES_DEFNAMES),
	W(RES_DNSRCH),	    W(RES_RECURSE),  W(RES_USE_EDNS0),
	W(RES_NOALIASES),   W(RES_ROTATE),   W(RES_STAYOPEN),
	W(RES_NOTLDQUERY),  W(RES_TRUSTAD),  W(RES_USE_DNSSEC),
	{"any", AF_UNSPEC}, {"v4", AF_INET}, {"v6", AF_INET6},
	{"unix", AF_UNIX},  {"A", ns_t_a},   {"AAAA", ns_t_aaaa},
	{"PTR", ns_t_ptr},  {"TXT", ns_t_txt}, {"CNAME", ns_t_cname},
	{"ANY", ns_t_any},  {"0", 0},
};

/* "A|B", or a number */
static int value_of(const char *text)
{
	char copy[256], *word, *rest;
	int value = 0;
	size_t i;

	snprintf(copy, sizeof(copy), "%s", text ? text : "0");
	for (word = strtok_r(copy, "|", &rest); word;
	     word = strtok_r(NULL, "|", &rest)) {
		for (i = 0; i < sizeof(words) / sizeof(*words); i++)
			if (!strcmp(words[i].name, word))
				break;
		value |= i < sizeof(words) / sizeof(*words) ?
				 (int)words[i].value :
				 (int)strtol(word, NULL, 0);
	}
	return value;
}

static const char *or_null(const char *text)
{
	if (!text || !strcmp(text, "-"))
		return NULL;
	return strcmp(text, "empty") ? text : "";
}

/* ---- getaddrinfo, getnameinfo ---- */

static void show_info(const struct addrinfo *ai)
{
	char host[NI_MAXHOST], port[16];

	getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), port,
		    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	printf(" %s/%s,%d,%d,%d,%x", host, port, ai->ai_family,
	       ai->ai_socktype, ai->ai_protocol, (unsigned int)ai->ai_flags);
	if (ai->ai_canonname)
		printf(",%s", ai->ai_canonname);
}

static void gai(char *arg[])
{
	struct addrinfo hints = {.ai_family = value_of(arg[2]),
				 .ai_socktype = value_of(arg[3]),
				 .ai_flags = value_of(arg[4])};
	struct addrinfo *list = NULL, *ai;
	int rc;

	if (arg[3] && !strcmp(arg[3], "none"))
		rc = getaddrinfo(or_null(arg[0]), or_null(arg[1]), NULL, &list);
	else
		rc = getaddrinfo(or_null(arg[0]), or_null(arg[1]), &hints,
				 &list);
	if (rc) {
		printf(" %s", gai_strerror(rc));
		return;
	}
	for (ai = list; ai; ai = ai->ai_next)
		show_info(ai);
	freeaddrinfo(list);
}

static socklen_t address_of(const char *text, const char *port,
			    struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *sin6 = (void *)ret;
	struct sockaddr_in *sin = (void *)ret;
	char *percent = strchr(text, '%');

	memset(ret, 0, sizeof(*ret));
	sin->sin_port = htons((uint16_t)value_of(port));
	if (percent) {
		*percent = '\0';
		sin6->sin6_scope_id = (uint32_t)atoi(percent + 1);
	}
	if (inet_pton(AF_INET, text, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		return sizeof(*sin);
	}
	inet_pton(AF_INET6, text, &sin6->sin6_addr);
	sin6->sin6_family = AF_INET6;
	return sizeof(*sin6);
}

static void gni(char *arg[])
{
	struct sockaddr_storage ss;
	char host[NI_MAXHOST] = "-", serv[NI_MAXSERV] = "-";
	socklen_t hostlen = arg[3] ? (socklen_t)atoi(arg[3]) : sizeof(host);
	socklen_t servlen = arg[4] ? (socklen_t)atoi(arg[4]) : sizeof(serv);
	socklen_t len = address_of(arg[0], arg[1], &ss);
	int rc = getnameinfo((struct sockaddr *)&ss, len,
			     hostlen ? host : NULL, hostlen,
			     servlen ? serv : NULL, servlen, value_of(arg[2]));

	if (rc)
		printf(" %s", gai_strerror(rc));
	else
		printf(" %s %s", host, serv);
}

/* ---- gethostby... ---- */

static void show_host(const struct hostent *he)
{
	char text[INET6_ADDRSTRLEN];
	char **p;

	if (!he) {
		printf(" none %d;", h_errno);
		return;
	}
	printf(" %s", he->h_name);
	for (p = he->h_aliases; *p; p++)
		printf(" aka %s", *p);
	for (p = he->h_addr_list; *p; p++)
		printf(" %s", inet_ntop(he->h_addrtype, *p, text,
					sizeof(text)));
	printf(" %d;", he->h_addrtype);
}

static void host(char *arg[])
{
	struct hostent he, *result = NULL;
	static char buf[16384];
	int error = 0;

	h_errno = 0;
	show_host(gethostbyname(or_null(arg[0])));
	if (gethostbyname_r(or_null(arg[0]), &he, buf, sizeof(buf), &result,
			    &error))
		printf(" rc");
	h_errno = error;
	show_host(result);
}

static void host2(char *arg[])
{
	struct hostent he, *result = NULL;
	static char buf[16384];
	int error = 0;

	h_errno = 0;
	show_host(gethostbyname2(or_null(arg[0]), value_of(arg[1])));
	if (gethostbyname2_r(or_null(arg[0]), value_of(arg[1]), &he, buf,
			     sizeof(buf), &result, &error))
		printf(" rc");
	h_errno = error;
	show_host(result);
}

static void addr(char *arg[])
{
	struct hostent he, *result = NULL;
	struct sockaddr_storage ss;
	static char buf[16384];
	socklen_t size = 4;
	void *at = &((struct sockaddr_in *)(void *)&ss)->sin_addr;
	int error = 0;

	address_of(arg[0], "0", &ss);
	if (ss.ss_family == AF_INET6) {
		at = &((struct sockaddr_in6 *)(void *)&ss)->sin6_addr;
		size = 16;
	}
	h_errno = 0;
	show_host(gethostbyaddr(at, size, ss.ss_family));
	if (gethostbyaddr_r(at, size, ss.ss_family, &he, buf, sizeof(buf),
			    &result, &error))
		printf(" rc");
	h_errno = error;
	show_host(result);
}

/* The least room that is enough is no promise; what comes with less is. */
static void room(char *arg[])
{
	static char buf[16384];
	struct hostent he, *result;
	int size, rc, error, bad = 0, enough = 0;

	for (size = value_of(arg[1]); size <= value_of(arg[2]); size += 9) {
		memset(buf, 0x5a, sizeof(buf));
		rc = gethostbyname_r(arg[0], &he, buf, (size_t)size, &result,
				     &error);
		bad |= buf[size] != 0x5a;
		bad |= rc == 0 ? !result : rc != ERANGE || result ||
					   error != NETDB_INTERNAL;
		enough |= rc == 0;
	}
	printf(" %s %s", bad ? "bad" : "good", enough ? "enough" : "little");
}

static void ent(char *arg[])
{
	struct hostent *he;

	(void)arg;
	sethostent(1);
	while ((he = gethostent()))
		show_host(he);
	endhostent();
}

/* ---- res_* ---- */

/* The names of old programs: the linker knows them by their version only. */
#ifdef __x86_64__
#define FIRST_VERSION "GLIBC_2.2.5"
#else
#define FIRST_VERSION "GLIBC_2.17"
#endif
#define OLD(name, old) \
	__asm__(".symver " #name ", " #old "@" FIRST_VERSION)
int old_query(const char *, int, int, unsigned char *, int);
int old_search(const char *, int, int, unsigned char *, int);
int old_domain(const char *, const char *, int, int, unsigned char *,
	       int);
int old_nquery(res_state, const char *, int, int, unsigned char *, int);
int old_nsearch(res_state, const char *, int, int, unsigned char *, int);
int old_ndomain(res_state, const char *, const char *, int, int,
		unsigned char *, int);
int old_send(const unsigned char *, int, unsigned char *, int);
int old_nsend(res_state, const unsigned char *, int, unsigned char *, int);
int old_mkquery(int, const char *, int, int, const unsigned char *, int,
		const unsigned char *, unsigned char *, int);
int old_nmkquery(res_state, int, const char *, int, int, const unsigned char *,
		 int, const unsigned char *, unsigned char *, int);
int old_init(void);
int old_ninit(res_state);
void old_nclose(res_state);
OLD(old_query, __res_query);
OLD(old_search, __res_search);
OLD(old_domain, __res_querydomain);
OLD(old_nquery, __res_nquery);
OLD(old_nsearch, __res_nsearch);
OLD(old_ndomain, __res_nquerydomain);
OLD(old_send, __res_send);
OLD(old_nsend, __res_nsend);
OLD(old_mkquery, __res_mkquery);
OLD(old_nmkquery, __res_nmkquery);
OLD(old_init, __res_init);
OLD(old_ninit, __res_ninit);
OLD(old_nclose, __res_nclose);

static unsigned char answer[65536];

static void show_answer(int n)
{
	if (n < 0) {
		printf(" none %d;", h_errno);
		return;
	}
	printf(" rcode %d, %d answers, tc %d;", answer[3] & 15,
	       ns_get16(answer + 6), !!(answer[2] & 2));
}

typedef int (*ask_fn)(const char *, int, int, unsigned char *, int);
typedef int (*nask_fn)(res_state, const char *, int, int, unsigned char *, int);

static void ask_all(char *arg[], const ask_fn ask[2], const nask_fn nask[2])
{
	struct __res_state state;
	int i;

	for (i = 0; i < 2; i++) {
		h_errno = 0;
		show_answer(ask[i](or_null(arg[0]), ns_c_in, value_of(arg[1]),
				   answer, sizeof(answer)));
	}
	for (i = 0; i < 2; i++) {
		memset(&state, 0, sizeof(state));
		if (i ? old_ninit(&state) : res_ninit(&state))
			printf(" init");
		h_errno = 0;
		show_answer(nask[i](&state, or_null(arg[0]), ns_c_in,
				    value_of(arg[1]), answer, sizeof(answer)));
		if (i)
			old_nclose(&state);
		else
			res_nclose(&state);
	}
}

static void query(char *arg[])
{
	ask_all(arg, (ask_fn[]){res_query, old_query},
		(nask_fn[]){res_nquery, old_nquery});
}

static void search(char *arg[])
{
	ask_all(arg, (ask_fn[]){res_search, old_search},
		(nask_fn[]){res_nsearch, old_nsearch});
}

static void domain(char *arg[])
{
	int type = value_of(arg[2]);
	const char *name = arg[0], *under = or_null(arg[1]);

	show_answer(res_querydomain(name, under, ns_c_in, type, answer,
				    sizeof(answer)));
	show_answer(old_domain(name, under, ns_c_in, type, answer,
			       sizeof(answer)));
	show_answer(res_nquerydomain(&_res, name, under, ns_c_in, type, answer,
				     sizeof(answer)));
	show_answer(old_ndomain(&_res, name, under, ns_c_in, type, answer,
				sizeof(answer)));
}

static void make(char *arg[])
{
	int type = value_of(arg[1]), n, i;
	const char *name = arg[0];
	unsigned char msg[512];

	for (i = 0; i < 4; i++) {
		if (i == 0)
			n = res_mkquery(QUERY, name, ns_c_in, type, NULL, 0,
					NULL, msg, sizeof(msg));
		else if (i == 1)
			n = old_mkquery(QUERY, name, ns_c_in, type, NULL, 0,
					NULL, msg, sizeof(msg));
		else if (i == 2)
			n = res_nmkquery(&_res, QUERY, name, ns_c_in, type,
					 NULL, 0, NULL, msg, sizeof(msg));
		else
			n = old_nmkquery(&_res, QUERY, name, ns_c_in, type,
					 NULL, 0, NULL, msg, sizeof(msg));
		printf(" made %d", n);
		if (n < 0)
			continue;
		h_errno = 0;
		if (i == 0)
			n = res_send(msg, n, answer, sizeof(answer));
		else if (i == 1)
			n = old_send(msg, n, answer, sizeof(answer));
		else if (i == 2)
			n = res_nsend(&_res, msg, n, answer, sizeof(answer));
		else
			n = old_nsend(&_res, msg, n, answer, sizeof(answer));
		show_answer(n);
	}
}

static void option(char *arg[])
{
	if (!strcmp(arg[0], "init"))
		printf(" %d", res_init());
	else if (!strcmp(arg[0], "__init"))
		printf(" %d", old_init());
	else if (arg[0][0] == '-')
		_res.options &= ~(unsigned long)(unsigned int)
			value_of(arg[0] + 1);
	else
		_res.options |= (unsigned long)(unsigned int)value_of(arg[0]);
}

static const struct {
	const char *name;
	void (*run)(char *arg[]);
} commands[] = {
	{"gai", gai},	    {"gni", gni},	{"host", host},
	{"host2", host2},   {"addr", addr},	{"room", room},
	{"ent", ent},	    {"query", query},	{"search", search},
	{"domain", domain}, {"make", make},	{"option", option},
};

int main(void)
{
	char line[1024], *arg[8], *rest, *at;
	size_t i;
	int n;

	setlocale(LC_ALL, "");
	res_init();
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		printf("%s:", line);
		memset(arg, 0, sizeof(arg));
		n = 0;
		for (at = strtok_r(line, " ", &rest); at && n < 7;
		     at = strtok_r(NULL, " ", &rest))
			arg[n++] = at;
		for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
			if (!strcmp(commands[i].name, arg[0]))
				commands[i].run(arg + 1);
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
