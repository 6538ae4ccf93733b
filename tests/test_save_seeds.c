/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The corpus of fuzz_save, sockets and stacks of every kind: that it is of this
 * version of the library (an older one tests nothing), and how it is made.
 * Whoever raises FDNET_SAVE_VERSION makes it anew:
 *
 *	FDNET_WRITE_SEEDS=fuzz/corpus/save tests/test_save_seeds
 */
#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/save.h"
#include "tests/stack_pair.h"
#include "tests/suite_main.h"

/* As fuzz_save.c reads the first byte. */
#define LOSSLESS 1
#define GATEWAY	 2
#define STACK	 4
/* Not looked at there: a saved stack brings its settings along. */
#define ETHERNET 64

#define PORT 80
#define MS   1000ull

static struct stack_pair *pair;
static char data[3000];

static struct fdnet_sock *stream(int side)
{
	return sock_open(pair->s[side], 4, FDNET_SOCK_STREAM, 6);
}

static struct fdnet_sock *listener(int side)
{
	struct fdnet_sock *so = stream(side);

	sock_bind(so, "0.0.0.0", PORT);
	ck_assert_int_eq(fdnet_sock_listen(so, 4), 0);
	return so;
}

static struct fdnet_sock *connect_to(int side)
{
	struct fdnet_name to = name_of(side ? "10.0.0.2" : "10.0.0.1", PORT);
	struct fdnet_sock *so = stream(!side);

	fdnet_sock_connect(so, &to);
	return so;
}

/* Side 0's end; the other end is @far. */
static struct fdnet_sock *far;

static struct fdnet_sock *established(void)
{
	struct fdnet_sock *l = listener(1), *so = connect_to(1);

	stack_pair_pass(pair, 50 * MS);
	ck_assert_int_eq(fdnet_sock_accept(l, &far), 0);
	fdnet_sock_close(l);
	return so;
}

static struct fdnet_sock *both_ways(void)
{
	struct fdnet_sock *so = established();

	sock_send(so, data, sizeof(data), NULL);
	sock_send(far, data, 1000, NULL);
	stack_pair_pass(pair, 5 * MS);
	sock_send(so, data, sizeof(data), NULL);
	return so;
}

static struct fdnet_sock *syn_due(void)
{
	return connect_to(1);
}

static bool nothing(void *arg, int from, struct fdnet_pkt *pkt)
{
	return false;
}

static struct fdnet_sock *syn_sent(void)
{
	struct fdnet_sock *so = connect_to(1);

	pair->filter = nothing;
	stack_pair_pass(pair, 50 * MS);
	return so;
}

static struct fdnet_sock *deferred_syn(void)
{
	struct fdnet_name to = name_of("10.0.0.2", PORT);
	struct fdnet_sock *so = stream(0);

	sock_set_int(so, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
	fdnet_sock_connect(so, &to);
	return so;
}

static bool every_third(void *arg, int from, struct fdnet_pkt *pkt)
{
	static unsigned int n;

	return from == 0 || pkt->len + pkt->nslices * 1000 < 200 || ++n % 3;
}

/* Out of order data in, and a lost segment out. */
static struct fdnet_sock *holes(void)
{
	struct fdnet_sock *so = established();

	pair->filter = every_third;
	for (int i = 0; i < 4; i++)
		sock_send(far, data, sizeof(data), NULL);
	stack_pair_pass(pair, 5 * MS);
	pair->filter = nothing;
	sock_send(so, data, 700, NULL);
	stack_pair_pass(pair, 5 * MS);
	return so;
}

static struct fdnet_sock *urgent(void)
{
	struct fdnet_sock *so = established();
	struct iovec iov = {data, 3};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1, .flags = FDNET_MSG_OOB};

	fdnet_sock_send(far, &msg);
	fdnet_sock_send(so, &msg);
	stack_pair_pass(pair, 50 * MS);
	return so;
}

static struct fdnet_sock *fin_wait1(void)
{
	struct fdnet_sock *so = both_ways();

	fdnet_sock_shutdown(so, FDNET_SHUT_WR);
	return so;
}

static struct fdnet_sock *close_wait(void)
{
	struct fdnet_sock *so = both_ways();

	fdnet_sock_shutdown(far, FDNET_SHUT_WR);
	stack_pair_pass(pair, 50 * MS);
	sock_send(so, data, 500, NULL);
	return so;
}

static struct fdnet_sock *last_ack(void)
{
	struct fdnet_sock *so = close_wait();

	fdnet_sock_shutdown(so, FDNET_SHUT_WR);
	return so;
}

/* One accepted by nobody, with data, and one half open. */
static struct fdnet_sock *full_listener(void)
{
	struct fdnet_sock *l = listener(0), *a = connect_to(0);

	sock_set_int(l, IPPROTO_TCP, TCP_FASTOPEN, 5);
	stack_pair_pass(pair, 50 * MS);
	sock_send(a, data, 1000, NULL);
	stack_pair_pass(pair, 50 * MS);
	connect_to(0);
	while (stack_pair_step(pair, 3 * MS / 2))
		;
	return l;
}

static struct fdnet_sock *request(void)
{
	struct fdnet_name to = name_of("192.0.2.1", PORT);

	fdnet_sock_connect(stream(1), &to);
	stack_pair_pass(pair, 50 * MS);
	return fdnet_stack_next_request(pair->s[0]);
}

static struct fdnet_sock *admitted(void)
{
	struct fdnet_sock *so = request();

	ck_assert_int_eq(fdnet_sock_admit(so), 0);
	stack_pair_pass(pair, 50 * MS);
	sock_send(so, data, 1000, NULL);
	return so;
}

static struct fdnet_sock *dgram(int family, int type, int proto)
{
	struct fdnet_sock *so = sock_open(pair->s[0], family, type, proto);
	struct fdnet_sock *from = sock_open(pair->s[1], family, type, proto);
	struct fdnet_name to = name_of(family == 4 ? "10.0.0.1" : "fd00::1",
				       proto == 17 ? 9 : 0);

	sock_set_int(so, SOL_SOCKET, SO_REUSEADDR, 1);
	sock_bind(so, family == 4 ? "10.0.0.1" : "fd00::1",
		  proto == 17 ? 9 : 0);
	sock_set_int(so, IPPROTO_IP, IP_RECVERR, 1);
	sock_set_int(so, IPPROTO_IP, IP_PKTINFO, 1);
	sock_send(from, data, 40, &to);
	sock_send(from, data, 20, &to);
	stack_pair_pass(pair, 50 * MS);
	return so;
}

static struct fdnet_sock *udp(void)
{
	return dgram(4, FDNET_SOCK_DGRAM, 17);
}

static struct fdnet_sock *udp6(void)
{
	return dgram(6, FDNET_SOCK_DGRAM, 17);
}

static struct fdnet_sock *raw(void)
{
	return dgram(4, FDNET_SOCK_RAW, 99);
}

static struct fdnet_sock *ping(void)
{
	static const char echo[12] = {8};
	struct fdnet_sock *so = sock_open(pair->s[0], 4, FDNET_SOCK_DGRAM, 1);
	struct fdnet_name to = name_of("10.0.0.2", 0);

	sock_send(so, echo, sizeof(echo), &to);
	stack_pair_pass(pair, 50 * MS);
	return so;
}

static struct fdnet_sock *udp_error(void)
{
	struct fdnet_sock *so = udp();
	struct fdnet_name to = name_of("10.0.0.2", 9);

	fdnet_sock_connect(so, &to);
	sock_send(so, data, 10, NULL);
	stack_pair_pass(pair, 50 * MS);
	return so;
}

static struct fdnet_sock *groups(void)
{
	struct group_source_req req = {.gsr_interface = 2};
	struct sockaddr_in group = {AF_INET, 0, {htonl(0xe8010101)}, {0}};
	struct sockaddr_in from = {AF_INET, 0, {htonl(0x0a000007)}, {0}};
	struct fdnet_sock *so = udp();

	memcpy(&req.gsr_group, &group, sizeof(group));
	memcpy(&req.gsr_source, &from, sizeof(from));
	fdnet_sock_setopt(so, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &req,
			  sizeof(req));
	return so;
}

static struct fdnet_sock *time_wait(void)
{
	struct fdnet_sock *so = established();

	fdnet_sock_close(so);
	fdnet_sock_close(far);
	stack_pair_pass(pair, 200 * MS);
	return NULL;
}

static struct fdnet_sock *everything(void)
{
	struct fdnet_ip dst = fdnet_ip4(0x0a000002);

	both_ways();
	full_listener();
	udp();
	udp6();
	udp_error();
	groups();
	fdnet_pmtu_update(pair->s[0], &dst, 1000);
	return NULL;
}

static const struct seed {
	const char *name;
	uint8_t how;
	struct fdnet_sock *(*make)(void);
} seeds[] = {
	{"established", 0, established},
	{"both-ways", 0, both_ways},
	{"lossless-both-ways", LOSSLESS, both_ways},
	{"syn-due", 0, syn_due},
	{"syn-sent", 0, syn_sent},
	{"deferred-syn", 0, deferred_syn},
	{"holes", 0, holes},
	{"urgent", 0, urgent},
	{"fin-wait1", 0, fin_wait1},
	{"lossless-fin-wait1", LOSSLESS, fin_wait1},
	{"close-wait", 0, close_wait},
	{"last-ack", 0, last_ack},
	{"listener", 0, full_listener},
	{"lossless-listener", LOSSLESS, full_listener},
	{"request", GATEWAY, request},
	{"gateway", GATEWAY, admitted},
	{"udp", 0, udp},
	{"udp6", 0, udp6},
	{"udp-error", 0, udp_error},
	{"groups", 0, groups},
	{"ping", 0, ping},
	{"raw", 0, raw},
	{"stack-established", STACK, both_ways},
	{"stack-connecting", STACK, syn_sent},
	{"stack-dgrams", STACK, udp_error},
	{"stack-ethernet", STACK | ETHERNET, groups},
	{"stack-groups", STACK, groups},
	{"stack-listener", STACK, full_listener},
	{"stack-lossless", STACK | LOSSLESS, everything},
	{"stack-request", STACK | GATEWAY, request},
	{"stack-time-wait", STACK, time_wait},
	{"stack-everything", STACK, everything},
};

static void begin(uint8_t how)
{
	struct fdnet_stack_config cfg[2];

	for (int i = 0; i < 2; i++) {
		stack_pair_config(&cfg[i], i);
		cfg[i].lossless = how & LOSSLESS;
		cfg[i].gso_max = how & LOSSLESS ? 65000 : 0;
		cfg[i].ethernet = how & ETHERNET;
		memset(cfg[i].link_addr, 2 + 4 * i, 6);
	}
	cfg[0].gateway = cfg[0].forward = how & GATEWAY;
	pair = stack_pair_new(&cfg[0], &cfg[1]);
	pair->delay_us = MS;
}

static ssize_t save(const struct seed *seed, struct fdnet_sock *so, void *dst,
		    size_t len)
{
	return seed->how & STACK ?
		       fdnet_stack_save(pair->s[0], NULL, NULL, dst, len) :
		       fdnet_sock_save(so, dst, len);
}

static void write_seed(const char *dir, const char *name, const void *bytes,
		       size_t len)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = fopen(path, "wb");
	ck_assert_msg(out && fwrite(bytes, 1, len, out) == len && !fclose(out),
		      "%s", path);
}

/* Behind the first byte: four of a mark, and the version. */
static void check_seed(const char *name, const uint8_t *bytes)
{
	const char *src = getenv("srcdir");
	uint8_t head[9] = {0};
	char path[4096];
	FILE *in;

	snprintf(path, sizeof(path), "%s/fuzz/corpus/save/%s", src ? src : ".",
		 name);
	in = fopen(path, "rb");
	ck_assert_msg(in && fread(head, 1, sizeof(head), in) == sizeof(head),
		      "%s is missing: FDNET_WRITE_SEEDS makes it", path);
	fclose(in);
	ck_assert_msg(!memcmp(head, bytes, sizeof(head)),
		      "%s is of an older version: FDNET_WRITE_SEEDS makes it",
		      path);
}

START_TEST(the_corpus_is_of_this_version)
{
	const char *dir = getenv("FDNET_WRITE_SEEDS");
	const struct seed *seed = &seeds[_i];
	struct fdnet_sock *so;
	uint8_t *bytes;
	ssize_t len;

	begin(seed->how);
	so = seed->make();
	len = save(seed, so, NULL, 0);
	ck_assert_int_gt(len, 8);
	bytes = malloc((size_t)len + 1);
	bytes[0] = seed->how;
	ck_assert_int_eq(save(seed, so, bytes + 1, (size_t)len), len);
	if (dir)
		write_seed(dir, seed->name, bytes, (size_t)len + 1);
	else
		check_seed(seed->name, bytes);
	free(bytes);
	stack_pair_free(pair);
}
END_TEST

static Suite *save_seeds_suite(void)
{
	Suite *s = suite_create("save_seeds");
	TCase *tc = tcase_create("save_seeds");

	tcase_add_loop_test(tc, the_corpus_is_of_this_version, 0, N_ROWS(seeds));
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(save_seeds_suite)
