/* SPDX-License-Identifier: Apache-2.0 */
/* getaddrinfo and its relatives, where no name server is needed. */
#include "probe.h"

#include <netdb.h>

static const char *kind(const struct addrinfo *ai, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN] = "?";
	const void *at;
	uint16_t port;

	if (ai->ai_family == AF_INET) {
		struct sockaddr_in *sin = (void *)ai->ai_addr;

		at = &sin->sin_addr;
		port = ntohs(sin->sin_port);
	} else {
		struct sockaddr_in6 *sin6 = (void *)ai->ai_addr;

		at = &sin6->sin6_addr;
		port = ntohs(sin6->sin6_port);
	}
	inet_ntop(ai->ai_family, at, address, sizeof(address));
	snprintf(text, size, "%s port %u type %d proto %d len %u", address,
		 port, ai->ai_socktype, ai->ai_protocol, ai->ai_addrlen);
	return text;
}

static void resolve(const char *host, const char *service, int family, int type,
		    int flags)
{
	struct addrinfo hints = {.ai_family = family,
				 .ai_socktype = type,
				 .ai_flags = flags},
			*found = NULL, *ai;
	char label[128], text[128];
	int rc = getaddrinfo(host, service, &hints, &found), n = 0;

	snprintf(label, sizeof(label), "%s %s family %d type %d flags %x",
		 host ? host : "-", service ? service : "-", family, type, flags);
	if (rc) {
		printf("%s: error %d %s\n", label, rc, gai_strerror(rc));
		return;
	}
	for (ai = found; ai; ai = ai->ai_next) {
		printf("%s, %d: %s\n", label, n++, kind(ai, text, sizeof(text)));
		if (ai->ai_canonname)
			printf("%s, name: %s\n", label, ai->ai_canonname);
	}
	freeaddrinfo(found);
}

static void numbers(void)
{
	resolve("127.0.0.1", "80", AF_INET, SOCK_STREAM, 0);
	resolve("127.0.0.1", "80", AF_UNSPEC, 0, 0);
	resolve("127.1", "80", AF_INET, SOCK_STREAM, 0);
	resolve("0x7f.1", "80", AF_INET, SOCK_STREAM, 0);
	resolve("127.0.0.1", "http", AF_INET, SOCK_STREAM, 0);
	resolve("127.0.0.1", "domain", AF_INET, SOCK_DGRAM, 0);
	resolve("127.0.0.1", "no-such-service", AF_INET, SOCK_STREAM, 0);
	resolve("127.0.0.1", "http", AF_INET, SOCK_STREAM, AI_NUMERICSERV);
	resolve("127.0.0.1", NULL, AF_INET, SOCK_STREAM, AI_CANONNAME);
	resolve("::1", "80", AF_UNSPEC, SOCK_STREAM, 0);
	resolve("::1", "80", AF_INET, SOCK_STREAM, 0);
	resolve("127.0.0.1", "80", AF_INET6, SOCK_STREAM, 0);
	resolve("127.0.0.1", "80", AF_INET6, SOCK_STREAM, AI_V4MAPPED);
	resolve("a name", "80", AF_INET, SOCK_STREAM, AI_NUMERICHOST);
	resolve("256.1.1.1", "80", AF_INET, SOCK_STREAM, AI_NUMERICHOST);
	resolve(NULL, "80", AF_INET, SOCK_STREAM, 0);
	resolve(NULL, "80", AF_INET, SOCK_STREAM, AI_PASSIVE);
	resolve(NULL, NULL, AF_INET, SOCK_STREAM, 0);
	resolve("127.0.0.1", "80", AF_UNIX, SOCK_STREAM, 0);
	resolve("127.0.0.1", "80", AF_INET, SOCK_SEQPACKET, 0);
	resolve("127.0.0.1", "80", AF_INET, 0, 0x40000000);
	resolve("127.0.0.1", "99999", AF_INET, SOCK_STREAM, 0);
	resolve("localhost", "80", AF_INET, SOCK_STREAM, 0);
}

static void back(uint16_t port, int flags, socklen_t hostlen)
{
	struct sockaddr_in sin = loopback(port);
	char host[256] = "", service[64] = "";
	int rc = getnameinfo((struct sockaddr *)&sin, sizeof(sin), host,
			     hostlen, service, sizeof(service), flags);

	printf("getnameinfo %u %x %u: %d %s %s\n", port, flags, hostlen, rc,
	       host, service);
}

static void old_ones(void)
{
	struct hostent *host = gethostbyname("127.0.0.1");
	struct servent *service = getservbyname("http", "tcp");

	say_text(host ? inet_ntoa(*(struct in_addr *)host->h_addr) : "none",
		 "gethostbyname of a number");
	say(host ? host->h_length : -1, "its length");
	host = gethostbyname("localhost");
	say_text(host ? inet_ntoa(*(struct in_addr *)host->h_addr) : "none",
		 "gethostbyname of localhost");
	say(service ? ntohs(service->s_port) : -1, "getservbyname");
	host = gethostbyname("bad name");
	say(host ? 0 : h_errno, "h_errno of a bad name");
}

int main(void)
{
	numbers();
	back(80, NI_NUMERICHOST | NI_NUMERICSERV, 256);
	back(80, NI_NUMERICHOST, 256);
	back(80, NI_NUMERICHOST | NI_NUMERICSERV, 4);
	back(80, 0, 256);
	old_ones();
	return 0;
}
