/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and ending, control messages, the record. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/relay_case.h"
#include "tests/suite_main.h"

/* ---- starting and ending ---- */

START_TEST(relay_ends_with_its_launcher_and_guests)
{
	rg_start(&relay, "");
	ck_assert_str_eq(rg_finish(&relay), "");
	rg_stop(&relay);
}
END_TEST

static const struct {
	const char *args;
	int status;
	const char *says;
} usages[] = {
	{ "--help", 0, "usage" },
	{ "--version", 0, "fdnet-relay" },
	{ "", 2, "--attach-fd" },
	{ "--attach-fd 3 --listen /x", 2, "one of" },
	{ "--attach-fd x", 2, "a descriptor number is expected" },
	{ "--attach-fd 0 extra", 2, "extra" },
	{ "--bogus", 2, "--help" },
	{ "--attach-fd 0 --allow", 2, "argument" },
	{ "--attach-fd 0 --allow tcp:x", 2, "--allow tcp:x: column 6: a port" },
	{ "--attach-fd 0 --deny x", 2, "--deny x: column 1" },
	{ "--attach-fd 0 --publish x", 2, "--publish x: column 1" },
	{ "--attach-fd 0 --policy /none", 2, "/none: No such file" },
	{ "--attach-fd 0 --addr 1.2.3.4", 2, "--addr 1.2.3.4: ADDRESS/BITS" },
	{ "--attach-fd 0 --addr 10.0.0.2/24", 2, "neither .2" },
	{ "--attach-fd 0 --mtu 100", 2, "--mtu 100: 1280 to 65520" },
	{ "--attach-fd 0 --dns name", 2, "--dns name: ADDR" },
	{ "--attach-fd 0", 1, "SEQPACKET socket is expected" },
	{ "--attach-fd 99", 1, "SEQPACKET socket is expected" },
	{ "--listen /nowhere/x", 1, "--listen /nowhere/x: No such file" },
};

START_TEST(mistakes_are_told_with_status)
{
	int status = run_relay(usages[_i].args);

	ck_assert_msg(status == usages[_i].status, "%s: %d: %s",
		      usages[_i].args, status, text);
	ck_assert_msg(strstr(text, usages[_i].says) != NULL, "%s: %s",
		      usages[_i].args, text);
}
END_TEST

START_TEST(welcome_says_who_and_where_we_are)
{
	struct rg *g;

	rg_start(&relay, "--addr 192.168.7.20/24 --mtu 9000");
	g = rg_attach(&relay);
	ck_assert_mem_eq(g->welcome.ip4, "\xc0\xa8\x07\x14", 4);
	ck_assert_mem_eq(g->welcome.gateway4, "\xc0\xa8\x07\x02", 4);
	ck_assert_mem_eq(g->welcome.dns4, "\xc0\xa8\x07\x03", 4);
	ck_assert_int_eq(g->welcome.bits4, 24);
	ck_assert_int_eq(g->welcome.bits6, 64);
	ck_assert_uint_eq(g->welcome.mtu, 9000);
	ck_assert_uint_eq(g->welcome.lease_hi - g->welcome.lease_lo, 127);
	ck_assert_uint_eq(g->welcome.features, 7);
	rg_stop(&relay);
}
END_TEST

/* ---- control ---- */

START_TEST(leases_are_given_and_ports_owned)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_LEASE,
				 .id = 5,
				 .proto = 6,
				 .count = 300 };
	struct rg *a, *b;

	rg_start(&relay, "");
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	ck_assert_uint_ne(a->welcome.lease_lo, b->welcome.lease_lo);
	ck_assert_int_eq(rg_ask(a, &ctl), 0);
	ck_assert_uint_eq(a->reply.hi - a->reply.lo + 1u, 384);
	ck_assert_int_eq(rg_claim(a, FDNET_CTL_LISTEN, 6, 80), 0);
	ck_assert_int_eq(rg_claim(b, FDNET_CTL_BIND, 6, 80), -EADDRINUSE);
	ck_assert_int_eq(rg_claim(b, FDNET_CTL_BIND, 17, 80), 0);
	rg_kill(a);
	rg_drive(&relay, 20);
	ck_assert_int_eq(rg_claim(b, FDNET_CTL_BIND, 6, 80), 0);
	rg_stop(&relay);
}
END_TEST

/* What a guest can list: claims, connections of two guests, flows. */
START_TEST(sockets_are_listed)
{
	struct fdnet_ctl ask = { .op = FDNET_CTL_SOCKET, .id = 6 };
	int listener = rg_host_listen("127.0.0.1", &port), fd, rc;
	unsigned int claims = 0, flows = 0;
	struct fdnet_sock *so;
	struct rg *a, *b;

	snprintf(text, sizeof(text), "--allow host:%u", port);
	rg_start(&relay, text);
	a = rg_attach(&relay);
	b = rg_attach(&relay);
	ck_assert_int_eq(rg_ask(a, &ask), -ENOENT);
	ck_assert_int_eq(rg_claim(a, FDNET_CTL_LISTEN, 6, 80), 0);
	ck_assert_int_eq(rg_claim(a, FDNET_CTL_BIND, 17, 53), 0);
	fd = connected_pair(a, listener, &so);
	for (;; ask.index++) {
		rc = rg_ask(b, &ask);
		if (rc == -ENOENT)
			break;
		ck_assert_int_eq(rc, 0);
		if (b->reply.flags == TCP_LISTEN) {
			ck_assert_uint_eq(b->reply.port, 80);
			claims++;
		} else if (b->reply.flags == TCP_CLOSE) {
			ck_assert_uint_eq(b->reply.proto, 17);
			ck_assert_uint_eq(b->reply.port, 53);
			claims++;
		} else {
			ck_assert_uint_eq(b->reply.flags, TCP_ESTABLISHED);
			ck_assert_uint_eq(b->reply.peer_port, port);
			flows++;
		}
	}
	ck_assert_uint_eq(claims, 2);
	ck_assert_uint_eq(flows, 1);
	ask.index = UINT32_MAX;
	ck_assert_int_eq(rg_ask(b, &ask), -ENOENT);
	close(fd);
	close(listener);
	fdnet_sock_close(so);
	rg_stop(&relay);
}
END_TEST

/* ---- the record ---- */

START_TEST(record_has_a_line_of_json_for_each_event)
{
	char path[] = "/tmp/fdnet-test-record-XXXXXX", options[128];
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct fdnet_sock *so;
	FILE *file;
	struct rg *g;
	size_t len;

	close(mkostemp(path, O_CLOEXEC));
	snprintf(options, sizeof(options), "--record %s --allow host:%u", path,
		 port);
	rg_start(&relay, options);
	g = rg_attach(&relay);
	fd = connected_pair(g, listener, &so);
	ck_assert_int_eq(rg_send(g, so, "12345", 5), 0);
	ck_assert_int_eq(rg_host_recv(&relay, fd, text, 5), 5);
	close(fd);
	ck_assert_int_eq(rg_recv(g, so, text, 5), 0);
	fdnet_sock_close(so);
	ck_assert_int_eq(rg_connect(g, "198.51.100.1", 443, &so),
			 -EHOSTUNREACH);
	rg_stop(&relay);
	file = fopen(path, "r");
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	unlink(path);
	ck_assert_msg(strstr(text, "\"event\":\"attach\",\"guest\":1,"
				   "\"claimed_pid\":4711,"
				   "\"claimed_command\":\"scripted\"") != NULL,
		      "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "\"event\":\"open\""));
	ck_assert_ptr_nonnull(strstr(text, "\"bytes_out\":5,\"bytes_in\":0"));
	ck_assert_ptr_nonnull(strstr(text, "\"event\":\"deny\""));
	ck_assert_ptr_nonnull(strstr(text, "\"dst\":\"198.51.100.1:443\""));
	close(listener);
}
END_TEST

static Suite *relay_suite(void)
{
	Suite *s = suite_create("relay");
	TCase *tc = tcase_create("relay");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, relay_ends_with_its_launcher_and_guests);
	tcase_add_loop_test(tc, mistakes_are_told_with_status, 0, N_ROWS(usages));
	tcase_add_test(tc, welcome_says_who_and_where_we_are);
	tcase_add_test(tc, leases_are_given_and_ports_owned);
	tcase_add_test(tc, sockets_are_listed);
	tcase_add_test(tc, record_has_a_line_of_json_for_each_event);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(relay_suite());
}
