/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/net's files as the kernel writes them; lines below were copied from a
 * kernel's, the inode and the pointer apart. */
#include "config.h"

#include "base/procnet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "tests/suite_main.h"

static const struct {
	const char *path;
	int file;
} paths[] = {
	{ "/proc/net/tcp", FDNET_PROCNET_TCP },
	{ "/proc/net/tcp6", FDNET_PROCNET_TCP6 },
	{ "/proc/self/net/udp", FDNET_PROCNET_UDP },
	{ "/proc/thread-self/net/dev", FDNET_PROCNET_DEV },
	{ "/proc/77/net/route", FDNET_PROCNET_ROUTE },
	{ "/proc/net/if_inet6", FDNET_PROCNET_IF_INET6 },
	{ "/proc/net/arp", FDNET_PROCNET_ARP },
	{ "/proc/78/net/route", -1 },
	{ "/proc/net/tcp7", -1 },
	{ "/proc/net/tc", -1 },
	{ "/proc/net/", -1 },
	{ "/proc/self/77/net/tcp", -1 },
	{ "/proc/", -1 },
	{ "proc/net/tcp", -1 },
	{ "", -1 },
};

START_TEST(paths_are_told_apart)
{
	ck_assert_int_eq(fdnet_procnet_find(paths[_i].path, 77),
			 paths[_i].file);
}
END_TEST

static const struct {
	const char *label;
	enum fdnet_procnet file;
	struct fdnet_sockrow row;
	const char *text;
	size_t len; /* of the line, with what pads it */
} sockets[] = {
	{ "a listener",
	  FDNET_PROCNET_TCP,
	  { .proto = 6, .kind = 1, .family = AF_INET, .state = 10,
	    .port = 0x92f5, .inode = 175857556 },
	  "   0: 00000000:92F5 00000000:0000 0A 00000000:00000000 00:00000000 "
	  "00000000     0        0 175857556 1 0000000000000000 100 0 0 10 0 ",
	  150 },
	{ "a datagram socket",
	  FDNET_PROCNET_UDP,
	  { .proto = 17, .kind = 2, .family = AF_INET, .state = 1,
	    .local = { 127, 0, 0, 1 }, .peer = { 127, 0, 0, 1 },
	    .port = 0xc3c4, .peer_port = 0xeb3f, .inode = 175863530 },
	  "    0: 0100007F:C3C4 0100007F:EB3F 01 00000000:00000000 00:00000000 "
	  "00000000     0        0 175863530 2 0000000000000000 0 ",
	  128 },
	{ "bytes in queues",
	  FDNET_PROCNET_TCP6,
	  { .proto = 6, .kind = 1, .family = AF_INET6, .state = 1,
	    .local = { [15] = 1 }, .peer = { [10] = 0xff, 0xff, 10, 0, 2, 2 },
	    .port = 80, .peer_port = 1, .tx = 0x10, .rx = 0x200, .uid = 1000 },
	  "   0: 00000000000000000000000001000000:0050 "
	  "0000000000000000FFFF00000202000A:0001 01 00000010:00000200 "
	  "00:00000000 00000000  1000        0 0 1 0000000000000000 20 4 30 10 "
	  "-1\n",
	  0 },
};

START_TEST(sockets_are_rows)
{
	char line[FDNET_PROCNET_ROW + 1];
	size_t len;

	ck_assert(fdnet_procnet_shows(sockets[_i].file, &sockets[_i].row));
	len = fdnet_procnet_socket(sockets[_i].file, 0, &sockets[_i].row,
				   line);
	ck_assert_uint_le(len, FDNET_PROCNET_ROW);
	line[len] = '\0';
	ck_assert_msg(!strncmp(line, sockets[_i].text,
			       strlen(sockets[_i].text)),
		      "%s: %s", sockets[_i].label, line);
	if (sockets[_i].len)
		ck_assert_uint_eq(len, sockets[_i].len);
	ck_assert_int_eq(line[len - 1], '\n');
}
END_TEST

/* The longest row that there can be fits. */
START_TEST(rows_have_room)
{
	struct fdnet_sockrow row = {
		.state = 0xff, .port = 0xffff, .peer_port = 0xffff,
		.tx = UINT32_MAX, .rx = UINT32_MAX, .uid = UINT32_MAX,
		.inode = UINT64_MAX,
	};
	char line[FDNET_PROCNET_ROW];

	row.family = _i == FDNET_PROCNET_TCP6 ? AF_INET6 : AF_INET;
	ck_assert_uint_lt(fdnet_procnet_socket((enum fdnet_procnet)_i,
					       UINT32_MAX, &row, line),
			  FDNET_PROCNET_ROW);
	ck_assert_uint_lt(fdnet_procnet_head((enum fdnet_procnet)_i, line),
			  FDNET_PROCNET_ROW);
}
END_TEST

START_TEST(a_socket_is_in_one_file)
{
	struct fdnet_sockrow row = { .proto = 6, .kind = 1,
				     .family = AF_INET };
	int file, seen = 0;

	for (file = 0; file < FDNET_PROCNET_FILES; file++)
		seen += fdnet_procnet_shows((enum fdnet_procnet)file, &row);
	ck_assert_int_eq(seen, 1);
}
END_TEST

static struct fdnet_rtnl_ip ip_of(const char *text, uint8_t bits)
{
	struct fdnet_rtnl_ip ip = { .family = AF_INET, .bits = bits };

	if (inet_pton(AF_INET, text, ip.bytes) == 1)
		return ip;
	ip.family = AF_INET6;
	ck_assert_int_eq(inet_pton(AF_INET6, text, ip.bytes), 1);
	return ip;
}

static const struct {
	enum fdnet_procnet file;
	const char *text;
} tables[] = {
	{ FDNET_PROCNET_DEV,
	  "    lo:       0       0    0    0    0     0          0         0 "
	  "       0       0    0    0    0     0       0          0\n"
	  "  eth0:       0       0    0    0    0     0          0         0 "
	  "       0       0    0    0    0     0       0          0\n" },
	{ FDNET_PROCNET_ROUTE,
	  "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0" },
	{ FDNET_PROCNET_ROUTE,
	  "eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0" },
	{ FDNET_PROCNET_IF_INET6,
	  "00000000000000000000000000000001 01 80 10 80       lo\n"
	  "fd000000000000000000000000000015 02 40 00 80     eth0\n" },
	{ FDNET_PROCNET_IPV6_ROUTE,
	  "00000000000000000000000000000000 00 00000000000000000000000000000000 "
	  "00 fd000000000000000000000000000002 00000100 00000001 00000000 "
	  "00000003     eth0\n" },
};

START_TEST(interfaces_and_routes)
{
	struct fdnet_rtnl_ip ip4 = ip_of("10.0.2.15", 24);
	struct fdnet_rtnl_ip gw4 = ip_of("10.0.2.2", 32);
	struct fdnet_rtnl_ip ip6 = ip_of("fd00::15", 64);
	struct fdnet_rtnl_ip gw6 = ip_of("fd00::2", 128);
	char text[8192], line[FDNET_PROCNET_ROW];
	size_t used = 0;
	unsigned int i;
	int len;
	struct fdnet_rtnl net;

	fdnet_rtnl_sandbox(&net, &ip4, &gw4, &ip6, &gw6, 1500);
	for (i = 0; (len = fdnet_procnet_net(tables[_i].file, &net, i,
					     line)) >= 0;
	     i++) {
		ck_assert_int_lt(len, FDNET_PROCNET_ROW);
		memcpy(text + used, line, (size_t)len);
		used += (size_t)len;
	}
	text[used] = '\0';
	ck_assert_msg(strstr(text, tables[_i].text) != NULL, "%s", text);
}
END_TEST

static Suite *procnet_suite(void)
{
	Suite *s = suite_create("procnet");
	TCase *tc = tcase_create("procnet");

	tcase_add_loop_test(tc, paths_are_told_apart, 0, N_ROWS(paths));
	tcase_add_loop_test(tc, sockets_are_rows, 0, N_ROWS(sockets));
	tcase_add_loop_test(tc, rows_have_room, 0, FDNET_PROCNET_DEV);
	tcase_add_test(tc, a_socket_is_in_one_file);
	tcase_add_loop_test(tc, interfaces_and_routes, 0, N_ROWS(tables));
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(procnet_suite)
