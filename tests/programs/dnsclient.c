/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver's calls, against a name server of the program's own. */
#include "probe.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <pthread.h>
#include <resolv.h>

/* ---- the server ---- */

struct record {
	const char *name;
	int type;
	const char *value; /* an address or a name; NULL: see rcode */
	int rcode;
	bool only_tcp; /* truncated by datagram */
};

static const struct record zone[] = {
	{"one.test", ns_t_a, "192.0.2.1", 0, false},
	{"two.test", ns_t_a, "192.0.2.2", 0, false},
	{"two.test", ns_t_a, "192.0.2.3", 0, false},
	{"six.test", ns_t_aaaa, "2001:db8::6", 0, false},
	{"cname.test", ns_t_cname, "one.test", 0, false},
	{"cname.test", ns_t_a, "192.0.2.1", 0, false},
	{"big.test", ns_t_a, "192.0.2.4", 0, true},
	{"host.sub.test", ns_t_a, "192.0.2.5", 0, false},
	{"x.y.sub.test", ns_t_a, "192.0.2.7", 0, false},
	{"nodata.test", 0, NULL, 0, false},
	{"fail.test", 0, NULL, ns_r_servfail, false},
	{"refused.test", 0, NULL, ns_r_refused, false},
	{"1.2.0.192.in-addr.arpa", ns_t_ptr, "one.test", 0, false},
};

static size_t put_record(unsigned char *at, const struct record *r,
			 const unsigned char *owner)
{
	unsigned char *start = at, *len;
	int n;

	*at++ = 0xc0; /* the question's name, which is at 12 */
	*at++ = 12;
	(void)owner;
	ns_put16((unsigned int)r->type, at);
	ns_put16(ns_c_in, at + 2);
	ns_put32(60, at + 4);
	len = at + 8;
	at += 10;
	if (r->type == ns_t_a || r->type == ns_t_aaaa) {
		inet_pton(r->type == ns_t_a ? AF_INET : AF_INET6, r->value, at);
		n = r->type == ns_t_a ? 4 : 16;
	} else {
		n = ns_name_compress(r->value, at, 256, NULL, NULL);
	}
	ns_put16((unsigned int)n, len);
	return (size_t)(at + n - start);
}

/* Turns the question in @msg into its answer; returns the length. */
static size_t answer(unsigned char *msg, size_t len, bool tcp)
{
	char name[256];
	int n = ns_name_uncompress(msg, msg + len, msg + 12, name, 256);
	int type = ns_get16(msg + 12 + n);
	size_t at = 12 + (size_t)n + 4, i;
	int rcode = ns_r_nxdomain, count = 0;

	for (i = 0; i < sizeof(zone) / sizeof(*zone); i++) {
		if (strcasecmp(zone[i].name, name))
			continue;
		rcode = zone[i].rcode;
		if (zone[i].only_tcp && !tcp) {
			msg[2] |= 0x82;
			break;
		}
		if (!zone[i].value || (zone[i].type != type &&
				       zone[i].type != ns_t_cname))
			continue;
		at += put_record(msg + at, &zone[i], msg + 12);
		count++;
	}
	msg[2] |= 0x80;
	msg[3] = (unsigned char)(0x80 | rcode);
	ns_put16((unsigned int)count, msg + 6);
	memset(msg + 8, 0, 4);
	return at;
}

static int udp, tcp;

static void *serve(void *unused)
{
	unsigned char msg[4096];
	struct pollfd p[2] = {{.fd = udp, .events = POLLIN},
			      {.fd = tcp, .events = POLLIN}};

	(void)unused;
	while (poll(p, 2, -1) > 0) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n;

		if (p[0].revents) {
			n = recvfrom(udp, msg, 512, 0,
				     (struct sockaddr *)&from, &len);
			if (n < 12)
				continue;
			sendto(udp, msg, answer(msg, (size_t)n, false), 0,
			       (struct sockaddr *)&from, len);
		}
		if (p[1].revents) {
			int fd = accept(tcp, NULL, NULL);
			size_t size;

			recv(fd, msg, 2, MSG_WAITALL);
			n = recv(fd, msg + 2, (size_t)ns_get16(msg),
				 MSG_WAITALL);
			size = answer(msg + 2, (size_t)n, true);
			ns_put16((unsigned int)size, msg);
			send(fd, msg, size + 2, MSG_NOSIGNAL);
			close(fd);
		}
	}
	return NULL;
}

static void start_server(void)
{
	struct sockaddr_in sin;
	pthread_t thread;

	tcp = new_udp(0);
	close(tcp);
	for (;;) { /* one port for both */
		udp = new_udp(0);
		need(bind_loopback(udp, 0), "bind");
		tcp = new_tcp(0);
		sin = loopback(port_of(udp));
		if (bind(tcp, (struct sockaddr *)&sin, sizeof(sin)) == 0)
			break;
		close(udp);
		close(tcp);
	}
	need(listen(tcp, 5), "listen");
	pthread_create(&thread, NULL, serve, NULL);
	need(res_init(), "res_init");
	_res.nscount = 1;
	_res.nsaddr_list[0] = sin;
	_res.retrans = 2;
	_res.retry = 1;
	strcpy(_res.defdname, "sub.test");
	_res.dnsrch[0] = _res.defdname;
	_res.dnsrch[1] = NULL;
	_res.options |= RES_DEFNAMES | RES_DNSRCH;
}

/* ---- the questions ---- */

static void raw_queries(void)
{
	static const char *const names[] = {
		"one.test", "one.test.", "two.test", "none.test", "nodata.test",
		"fail.test", "refused.test", "big.test", "cname.test", "host",
		"x.y", "",
	};
	unsigned char buf[1024];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		h_errno = 0;
		printf("query %s: %d", names[i],
		       res_query(names[i], ns_c_in, ns_t_a, buf, sizeof(buf)));
		printf(" h_errno %d\n", h_errno);
		h_errno = 0;
		printf("search %s: %d", names[i],
		       res_search(names[i], ns_c_in, ns_t_a, buf, sizeof(buf)));
		printf(" h_errno %d\n", h_errno);
	}
	say(res_querydomain("host", "sub.test", ns_c_in, ns_t_a, buf,
			    sizeof(buf)), "querydomain");
	say(res_nquery(&_res, "six.test", ns_c_in, ns_t_aaaa, buf, sizeof(buf)),
	    "nquery");
	say(res_nsearch(&_res, "host", ns_c_in, ns_t_a, buf, sizeof(buf)),
	    "nsearch");
	say(res_query("two.test", ns_c_in, ns_t_a, buf, 20) > 0,
	    "too little room");
	_res.options |= RES_USEVC;
	say(res_query("one.test", ns_c_in, ns_t_a, buf, sizeof(buf)),
	    "by stream");
	_res.options &= ~(unsigned long)RES_USEVC;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The addresses in a fixed order: which comes first depends on routes. */
static void ask_info(const char *name, const char *service, int family,
		     int flags, const char *label)
{
	struct addrinfo hints = {.ai_family = family,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = flags}, *list, *ai;
	char texts[8][NI_MAXHOST + 8], *sorted[8];
	int n = 0, i, rc = getaddrinfo(name, service, &hints, &list);

	if (rc) {
		printf("%s: %s\n", label, gai_strerror(rc));
		return;
	}
	for (ai = list; ai && n < 8; ai = ai->ai_next) {
		char port[8];

		getnameinfo(ai->ai_addr, ai->ai_addrlen, texts[n], NI_MAXHOST,
			    port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
		strcat(strcat(texts[n], "/"), port);
		sorted[n] = texts[n];
		n++;
	}
	qsort(sorted, (size_t)n, sizeof(*sorted), by_text);
	printf("%s:", label);
	for (i = 0; i < n; i++)
		printf(" %s", sorted[i]);
	printf(" name %s\n", list->ai_canonname ? list->ai_canonname : "-");
	freeaddrinfo(list);
}

static void infos(void)
{
	ask_info("one.test", "80", AF_INET, 0, "one");
	ask_info("one.test", "http", AF_UNSPEC, 0, "one, by service");
	ask_info("two.test", "80", AF_INET, 0, "two");
	ask_info("six.test", "80", AF_INET6, 0, "six");
	ask_info("six.test", "80", AF_INET, 0, "six for IPv4");
	ask_info("one.test", "80", AF_INET6, 0, "one for IPv6");
	ask_info("one.test", "80", AF_INET6, AI_V4MAPPED, "one mapped");
	ask_info("six.test", "80", AF_INET6, AI_V4MAPPED, "six, mapped too");
	ask_info("one.test", NULL, AF_INET, AI_CANONNAME, "canonical");
	ask_info("cname.test", NULL, AF_INET, 0, "alias");
	ask_info("big.test", NULL, AF_INET, 0, "big");
	ask_info("host", NULL, AF_INET, 0, "by the search list");
	ask_info("host", NULL, AF_INET, AI_CANONNAME, "canonical, searched");
	ask_info("x.y", NULL, AF_INET, 0, "dots and the search list");
	ask_info("host.", NULL, AF_INET, 0, "not searched");
	ask_info("none.test", NULL, AF_INET, 0, "none");
	ask_info("nodata.test", NULL, AF_INET, 0, "no data");
	ask_info("fail.test", NULL, AF_INET, 0, "failure");
	ask_info("localhost", "80", AF_INET, 0, "localhost");
	ask_info("192.0.2.9", "80", AF_UNSPEC, 0, "a number");
	ask_info("192.0.2.9", "80", AF_INET6, 0, "a number for IPv6");
	ask_info("192.0.2.9", "80", AF_INET6, AI_V4MAPPED, "a number, mapped");
	ask_info("one.test", "no-such-service", AF_INET, 0, "bad service");
	ask_info("one.test", "80", 99, 0, "bad family");
	ask_info("one.test", "80", AF_INET, 0x8000000, "bad flag");
	ask_info("one.test", "80", AF_INET, AI_NUMERICHOST, "no number");
	ask_info(NULL, NULL, AF_INET, 0, "nothing");
	ask_info(NULL, "80", AF_INET, AI_CANONNAME, "no host, canonical");
	ask_info("", "80", AF_INET, 0, "empty");
	ask_info("one test", "80", AF_INET, 0, "with a blank");
}

static void hosts(void)
{
	struct hostent *he, room, *result;
	char buf[1024];
	struct in_addr addr;
	int error = 0, rc;

	he = gethostbyname("two.test");
	say_text(he ? he->h_name : "-", "gethostbyname");
	say(he && he->h_addr_list[0] && he->h_addr_list[1] ? 2 : -1,
	    "addresses");
	he = gethostbyname2("six.test", AF_INET6);
	say(he ? he->h_length : -1, "gethostbyname2");
	he = gethostbyname("none.test");
	say(he ? 0 : h_errno, "no such host");
	he = gethostbyname("nodata.test");
	say(he ? 0 : h_errno, "no such data");
	he = gethostbyname("192.0.2.77");
	say_text(he ? he->h_name : "-", "a number");
	rc = gethostbyname_r("one.test", &room, buf, sizeof(buf), &result,
			     &error);
	say(rc, "gethostbyname_r");
	say_text(result ? result->h_name : "-", "its name");
	rc = gethostbyname_r("one.test", &room, buf, 8, &result, &error);
	say(rc == ERANGE, "gethostbyname_r, no room");
	inet_pton(AF_INET, "192.0.2.1", &addr);
	he = gethostbyaddr(&addr, 4, AF_INET);
	say_text(he ? he->h_name : "-", "gethostbyaddr");
	rc = gethostbyaddr_r(&addr, 4, AF_INET, &room, buf, sizeof(buf),
			     &result, &error);
	say(rc, "gethostbyaddr_r");
	say_text(result ? result->h_name : "-", "its name again");
	say(result && memcmp(result->h_addr_list[0], &addr, 4) == 0,
	    "its address");
	inet_pton(AF_INET, "192.0.2.99", &addr);
	he = gethostbyaddr(&addr, 4, AF_INET);
	say(he ? 0 : h_errno, "nobody's address");
}

static void names_of(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(80)};
	char host[256], service[32];
	int rc;

	inet_pton(AF_INET, "192.0.2.1", &sin.sin_addr);
	rc = getnameinfo((struct sockaddr *)&sin, sizeof(sin), host,
			 sizeof(host), service, sizeof(service), 0);
	say_text(rc ? gai_strerror(rc) : host, "getnameinfo");
	say_text(rc ? "-" : service, "its service");
	rc = getnameinfo((struct sockaddr *)&sin, sizeof(sin), host, 4, NULL, 0,
			 0);
	say_text(gai_strerror(rc), "getnameinfo, no room");
	inet_pton(AF_INET, "192.0.2.99", &sin.sin_addr);
	rc = getnameinfo((struct sockaddr *)&sin, sizeof(sin), host,
			 sizeof(host), NULL, 0, 0);
	say_text(rc ? gai_strerror(rc) : host, "nobody's");
	rc = getnameinfo((struct sockaddr *)&sin, sizeof(sin), host,
			 sizeof(host), NULL, 0, NI_NAMEREQD);
	say_text(gai_strerror(rc), "nobody's, required");
	rc = getnameinfo((struct sockaddr *)&sin, 4, host, sizeof(host), NULL,
			 0, 0);
	say_text(gai_strerror(rc), "short");
	rc = getnameinfo((struct sockaddr *)&sin, sizeof(sin), NULL, 0, NULL, 0,
			 0);
	say_text(gai_strerror(rc), "nothing wanted");
}

int main(void)
{
	start_server();
	raw_queries();
	infos();
	hosts();
	names_of();
	return 0;
}
