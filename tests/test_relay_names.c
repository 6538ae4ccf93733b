/* SPDX-License-Identifier: Apache-2.0 */
/* The name forwarder. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/relay_case.h"
#include "tests/suite_main.h"

static size_t put_question(uint8_t *dst, const char *name, uint8_t type)
{
	size_t at = 12;

	memset(dst, 0, 12);
	dst[1] = 42;
	dst[2] = 1;
	dst[5] = 1;
	while (*name) {
		size_t label = strcspn(name, ".");

		dst[at++] = (uint8_t)label;
		memcpy(dst + at, name, label);
		at += label;
		name += label + (name[label] == '.');
	}
	dst[at++] = 0;
	dst[at++] = 0;
	dst[at++] = type;
	dst[at++] = 0;
	dst[at++] = 1;
	return at;
}

/* Ask for A; returns the rcode. */
static int lookup_at(struct rg *g, struct fdnet_sock *so, const char *server,
		     const char *name, uint8_t *ret_ip)
{
	uint8_t msg[2048];
	size_t len = put_question(msg, name, 1);
	struct fdnet_name from;
	ssize_t rc;

	ck_assert_int_eq(rg_sendto(g, so, server, 53, msg, len), (int)len);
	rc = rg_recvfrom(g, so, msg, sizeof(msg), &from);
	ck_assert_int_ge(rc, (int)len);
	fdnet_ip_format(&from.ip, text);
	ck_assert_str_eq(text, server);
	ck_assert_int_eq(msg[1], 42);
	ck_assert_int_eq(msg[2] & 0x80, 0x80);
	if (ret_ip && msg[7])
		memcpy(ret_ip, msg + rc - 4, 4);
	return msg[3] & 15;
}

static int lookup(struct rg *g, struct fdnet_sock *so, const char *name,
		  uint8_t *ret_ip)
{
	return lookup_at(g, so, DNS, name, ret_ip);
}

/* One question at the name server: answered with @count records. */
static void serve_bytes(int fd, const char *records, size_t size,
			uint8_t count)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	uint8_t msg[512];
	struct pollfd pfd = { fd, POLLIN, 0 };
	ssize_t rc;

	while (poll(&pfd, 1, 0) < 1)
		rg_drive(&relay, 1);
	rc = recvfrom(fd, msg, sizeof(msg), 0, (struct sockaddr *)&from, &len);
	ck_assert_int_gt(rc, 12);
	msg[2] |= 0x80;
	msg[7] = count;
	memcpy(msg + rc, records, size);
	sendto(fd, msg, (size_t)rc + size, 0, (struct sockaddr *)&from, len);
}

static void serve_name(int fd, const char *ip_bytes)
{
	char record[16] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4";

	memcpy(record + 12, ip_bytes, 4);
	serve_bytes(fd, record, sizeof(record), 1);
}

static int lookup_served(struct rg *g, struct fdnet_sock *so, int server,
			 const char *name, const char *served, uint8_t *ret_ip)
{
	uint8_t msg[2048];
	size_t len = put_question(msg, name, 1);
	ssize_t rc;

	ck_assert_int_eq(rg_sendto(g, so, DNS, 53, msg, len), (int)len);
	serve_name(server, served);
	rc = rg_recvfrom(g, so, msg, sizeof(msg), NULL);
	ck_assert_int_ge(rc, (int)len);
	if (msg[7])
		memcpy(ret_ip, msg + rc - 4, 4);
	return msg[3] & 15;
}

static void write_hosts(char *path)
{
	int fd = mkostemp(path, O_CLOEXEC);
	static const char hosts[] = "203.0.113.5 www.test other.test\n"
				    "127.0.0.1 selfie.test\n";

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, hosts, sizeof(hosts) - 1),
			 sizeof(hosts) - 1);
	close(fd);
}

START_TEST(names_are_answered_if_a_rule_names_them)
{
	char path[] = "/tmp/fdnet-test-hosts-XXXXXX", options[256];
	struct fdnet_sock *so, *tcp;
	uint8_t ip[4] = { 0 };
	const char *said;
	struct rg *g;
	int listener = rg_host_listen("203.0.113.5", &port);

	write_hosts(path);
	snprintf(options, sizeof(options),
		 "--hosts %s --dns 127.0.0.1:1 --allow tcp:www.test:%u "
		 "--allow tcp:*.sub.test:1 --allow tcp:selfie.test:1",
		 path, port);
	rg_start(&relay, options);
	unlink(path);
	g = rg_attach(&relay);
	so = rg_udp(g);
	/* an address that nobody looked up is not covered by a name */
	ck_assert_int_eq(rg_connect(g, "203.0.113.5", port, &tcp),
			 -EHOSTUNREACH);
	ck_assert_int_eq(lookup(g, so, "WWW.test", ip), 0);
	ck_assert_mem_eq(ip, "\xcb\x00\x71\x05", 4);
	ck_assert_int_eq(rg_connect(g, "203.0.113.5", port, &tcp), 0);
	fdnet_sock_close(tcp);
	ck_assert_int_eq(lookup(g, so, "localhost", ip), 0);
	ck_assert_mem_eq(ip, "\x7f\0\0\1", 4);
	ck_assert_int_eq(lookup(g, so, "host.fdnet", ip), 0);
	ck_assert_mem_eq(ip, "\x0a\0\2\2", 4);
	/* names in which the records cannot be told apart do not exist */
	ck_assert_int_eq(lookup(g, so, "a b.test", ip), 3);
	ck_assert_int_eq(lookup(g, so, "other.test", ip), 5);
	ck_assert_int_eq(lookup(g, so, "other.test", ip), 5);
	/* allowed, but the name server is not there */
	ck_assert_int_eq(lookup(g, so, "a.sub.test", ip), 2);
	said = rg_finish(&relay);
	ck_assert_msg(strstr(said, "denied name other.test, 2 times: allow "
				   "with --allow tcp:other.test:PORT\n") !=
			      NULL,
		      "%s", said);
	rg_stop(&relay);
	close(listener);
}
END_TEST

START_TEST(name_servers_are_asked_and_not_believed_everything)
{
	uint16_t dns_port;
	int server = rg_host_udp("127.0.0.1", &dns_port);
	struct fdnet_sock *so, *tcp;
	uint8_t ip[4] = { 0 };
	char options[256];
	const char *said;
	struct rg *g;

	snprintf(options, sizeof(options),
		 "--hosts= --dns 127.0.0.1:%u --allow tcp:*.test:443 "
		 "--allow tcp:10.1.0.0/16:1",
		 dns_port);
	rg_start(&relay, options);
	g = rg_attach(&relay);
	so = rg_udp(g);
	ck_assert_int_eq(lookup_served(g, so, server, "a.test",
				       "\xc6\x33\x64\x09", ip),
			 0);
	ck_assert_mem_eq(ip, "\xc6\x33\x64\x09", 4);
	/* allowed by name: the host says that there is no way */
	ck_assert_int_eq(rg_connect(g, "198.51.100.9", 443, &tcp),
			 -ENETUNREACH);
	ck_assert_int_eq(rg_connect(g, "198.51.100.9", 444, &tcp),
			 -EHOSTUNREACH);
	/* names that lead into private networks */
	ck_assert_int_eq(lookup_served(g, so, server, "evil.test",
				       "\x0a\x02\x00\x01", ip),
			 5);
	ck_assert_int_eq(lookup_served(g, so, server, "evil2.test",
				       "\x7f\x00\x00\x01", ip),
			 5);
	ck_assert_int_eq(lookup_served(g, so, server, "meta.test",
				       "\xa9\xfe\xa9\xfe", ip),
			 5);
	ck_assert_int_eq(lookup_served(g, so, server, "own.test",
				       "\xcb\x00\x71\x05", ip),
			 5);
	ck_assert_int_eq(lookup_served(g, so, server, "intra.test",
				       "\x0a\x01\x00\x01", ip),
			 0);
	said = rg_finish(&relay);
	ck_assert_msg(strstr(said, "denied name evil.test at 10.2.0.1, not a "
				   "public address: allow with --allow "
				   "tcp:10.2.0.1:PORT") != NULL,
		      "%s", said);
	ck_assert_ptr_nonnull(strstr(said, "denied tcp 198.51.100.9:444 "
					   "(a.test): allow with --allow "
					   "tcp:a.test:444\n"));
	rg_stop(&relay);
	close(server);
}
END_TEST

START_TEST(names_are_answered_over_tcp_too)
{
	uint8_t msg[1024];
	struct fdnet_sock *so;
	struct rg *g;
	size_t len;

	rg_start(&relay, "--dns 127.0.0.1:1");
	g = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(g, DNS, 53, &so), 0);
	/* two questions in one segment, in one go and byte by byte */
	len = put_question(msg + 2, "host.fdnet", 1);
	msg[0] = 0;
	msg[1] = (uint8_t)len;
	memcpy(msg + 2 + len, msg, 2 + len);
	ck_assert_int_eq(rg_send(g, so, msg, 2 * (2 + len) - 1), 0);
	for (size_t got = 0; got < len + 18;) {
		ssize_t rc = rg_recv(g, so, text + got, sizeof(text));

		ck_assert_int_gt(rc, 0);
		got += (size_t)rc;
	}
	ck_assert_mem_eq(text + len + 14, "\x0a\0\2\2", 4);
	ck_assert_int_eq(rg_send(g, so, msg + 1 + len, 1), 0);
	ck_assert_int_gt(rg_recv(g, so, text, sizeof(text)), 0);
	/* nonsense ends the connection, not the forwarder */
	memset(msg, 0xff, sizeof(msg));
	ck_assert_int_eq(rg_send(g, so, msg, sizeof(msg)), 0);
	ck_assert_int_le(rg_recv(g, so, text, sizeof(text)), 0);
	fdnet_sock_close(so);
	ck_assert_int_eq(rg_connect(g, DNS, 53, &so), 0);
	fdnet_sock_close(so);
	ck_assert_int_eq(rg_connect(g, DNS, 54, &so), -ECONNREFUSED);
	rg_stop(&relay);
}
END_TEST

/* For this process and the relay that it starts. */
static void set_resolv_conf(const char *conf)
{
	char path[] = "/tmp/fdnet-test-resolv-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, conf, strlen(conf)), (int)strlen(conf));
	close(fd);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL),
			 0);
	unlink(path);
}

START_TEST(the_machines_name_servers_are_the_forwarder)
{
	static const char *const servers[] = { "192.0.2.53", "127.0.0.53",
					       "127.0.0.54" };
	struct fdnet_sock *so, *tcp;
	uint8_t ip[4] = { 0 };
	struct rg *g;

	set_resolv_conf("nameserver 192.0.2.53\nnameserver 127.0.0.53\n"
			"nameserver 198.51.100.1\n");
	rg_start(&relay, "--dns 127.0.0.1:1 --allow udp:198.51.100.1:53");
	g = rg_attach(&relay);
	for (unsigned int i = 0; i < 2; i++) {
		so = rg_udp(g);
		ck_assert_int_eq(lookup_at(g, so, servers[i], "host.fdnet", ip),
				 0);
		ck_assert_mem_eq(ip, "\x0a\0\2\2", 4);
		fdnet_sock_close(so);
		ck_assert_int_eq(rg_connect(g, servers[i], 53, &tcp), 0);
		fdnet_sock_close(tcp);
		ck_assert_int_lt(rg_connect(g, servers[i], 54, &tcp), 0);
	}
	ck_assert_int_eq(rg_connect(g, servers[2], 53, &tcp), -ECONNREFUSED);
	/* a rule of its own: its answers are the server's, not ours */
	ck_assert_int_lt(rg_connect(g, "198.51.100.1", 53, &tcp), 0);
	rg_stop(&relay);
}
END_TEST

/* Served by a name server as serve_name() is one, and pinned. */
START_TEST(aliases_and_ipv6_addresses_are_pinned_to_what_was_asked)
{
	/* an alias, whose address is behind it */
	static const char answer[] = "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\7"
				     "\5other\0"
				     "\5other\0\0\1\0\1\0\0\0\x3c\0\4"
				     "\xcb\0\x71\5";
	uint16_t dns_port;
	int server = rg_host_udp("127.0.0.1", &dns_port);
	int listener = rg_host_listen("203.0.113.5", &port);
	struct fdnet_sock *so, *tcp;
	char options[256];
	uint8_t msg[512];
	struct rg *g;
	size_t len;

	/* the address is this machine's own, and so needs a rule; one for
	 * another port does not let anything out */
	snprintf(options, sizeof(options),
		 "--hosts= --dns 127.0.0.1:%u --allow tcp:www.test:%u "
		 "--allow tcp:203.0.113.5:1",
		 dns_port, port);
	rg_start(&relay, options);
	g = rg_attach(&relay);
	so = rg_udp(g);
	ck_assert_int_eq(rg_connect(g, "203.0.113.5", port, &tcp),
			 -EHOSTUNREACH);
	len = put_question(msg, "www.test", 1);
	ck_assert_int_eq(rg_sendto(g, so, DNS, 53, msg, len), (int)len);
	serve_bytes(server, answer, sizeof(answer) - 1, 2);
	ck_assert_int_gt(rg_recvfrom(g, so, msg, sizeof(msg), NULL), 0);
	ck_assert_int_eq(msg[3] & 15, 0);
	ck_assert_int_eq(rg_connect(g, "203.0.113.5", port, &tcp), 0);
	fdnet_sock_close(tcp);
	rg_stop(&relay);
	close(listener);
	close(server);
}
END_TEST

/* Without --dns those of resolv.conf are asked, the next when one is silent
 * or not there. */
START_TEST(the_machines_name_servers_are_asked)
{
	struct fdnet_sock *so;
	uint8_t ip[4] = { 0 };
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(53),
		.sin_addr.s_addr = htonl(0xcb007105),
	};
	int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct rg *g;

	set_resolv_conf("nameserver 127.0.0.9\nnameserver 203.0.113.5\n"
			"options timeout:1\n");
	ck_assert_int_eq(bind(server, (struct sockaddr *)&sin, sizeof(sin)), 0);
	rg_start(&relay, "--hosts= --allow *.test:443");
	g = rg_attach(&relay);
	so = rg_udp(g);
	ck_assert_int_eq(lookup_served(g, so, server, "a.test",
				       "\xc6\x33\x64\x09", ip),
			 0);
	ck_assert_mem_eq(ip, "\xc6\x33\x64\x09", 4);
	rg_stop(&relay);
	close(server);
}
END_TEST

static Suite *relay_names_suite(void)
{
	Suite *s = suite_create("relay_names");
	TCase *tc = tcase_create("relay_names");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, names_are_answered_if_a_rule_names_them);
	tcase_add_test(tc, name_servers_are_asked_and_not_believed_everything);
	tcase_add_test(tc, names_are_answered_over_tcp_too);
	tcase_add_test(tc, the_machines_name_servers_are_the_forwarder);
	tcase_add_test(tc, the_machines_name_servers_are_asked);
	tcase_add_test(
		tc, aliases_and_ipv6_addresses_are_pinned_to_what_was_asked);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(relay_names_suite());
}
