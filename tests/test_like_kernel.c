/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same calls on the kernel's sockets and on ours, in a network namespace
 * of our own: which pairs of sockets may share a port, each with every
 * combination of options. Skipped where no namespace can be made.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/stack_pair.h"
#include "tests/suite_main.h"

enum { RA = 1, RP = 2, V6ONLY = 4, COMBINATIONS = 8 };

static const char *const addrs[] = {
	"0.0.0.0", "127.0.0.1", "127.0.0.2",	    "::",
	"::1",	   "::ffff:0.0.0.0", "::ffff:127.0.0.1",
};

#define N_ADDRS ((int)(sizeof(addrs) / sizeof(addrs[0])))

static struct stack_pair *pair;

/* One socket there and here. */
struct twin {
	int fd;
	struct fdnet_sock *so;
	const char *addr;
};

static bool is_v6(const char *addr)
{
	return strchr(addr, ':');
}

static void set_both(struct twin *t, int level, int name, int value)
{
	ck_assert_int_eq(setsockopt(t->fd, level, name, &value,
				    sizeof(value)),
			 0);
	ck_assert_int_eq(sock_set_int(t->so, level, name, value), 0);
}

static void open_twin(struct twin *t, const char *addr, int type, int flags)
{
	t->addr = addr;
	t->fd = socket(is_v6(addr) ? AF_INET6 : AF_INET, type, 0);
	ck_assert_int_ge(t->fd, 0);
	t->so = sock_open(pair->s[0], is_v6(addr) ? 6 : 4, type,
			  type == SOCK_STREAM ? 6 : 17);
	set_both(t, SOL_SOCKET, SO_REUSEADDR, flags & RA ? 1 : 0);
	set_both(t, SOL_SOCKET, SO_REUSEPORT, flags & RP ? 1 : 0);
	if (is_v6(addr))
		set_both(t, IPPROTO_IPV6, IPV6_V6ONLY,
			 flags & V6ONLY ? 1 : 0);
}

static void close_twin(struct twin *t)
{
	close(t->fd);
	fdnet_sock_close(t->so);
}

static int kernel_bind(const struct twin *t, uint16_t port)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
	};
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int rc;

	if (is_v6(t->addr)) {
		inet_pton(AF_INET6, t->addr, &sin6.sin6_addr);
		rc = bind(t->fd, (struct sockaddr *)&sin6, sizeof(sin6));
	} else {
		inet_pton(AF_INET, t->addr, &sin.sin_addr);
		rc = bind(t->fd, (struct sockaddr *)&sin, sizeof(sin));
	}
	return rc ? -errno : 0;
}

/* The shim's job: a mapped address is an IPv4 name. */
static int our_bind(const struct twin *t, uint16_t port)
{
	const char *text = strncmp(t->addr, "::ffff:", 7) ? t->addr :
							    t->addr + 7;
	struct fdnet_name name = name_of(text, port);

	return fdnet_sock_bind(t->so, &name);
}

/* Binds, and perhaps listens, both; what they say must be the same. */
static void try_bind(const struct twin *t, bool listens, uint16_t port,
		     const char *label)
{
	int kernel = kernel_bind(t, port), ours = our_bind(t, port);

	ck_assert_msg(kernel == ours, "%s: bind %d, not %d", label, ours,
		      kernel);
	if (kernel || !listens)
		return;
	kernel = listen(t->fd, 5) ? -errno : 0;
	ours = fdnet_sock_listen(t->so, 5);
	ck_assert_msg(kernel == ours, "%s: listen %d, not %d", label, ours,
		      kernel);
}

static void try_pair(int type, const char *a, int fa, bool la, const char *b,
		     int fb, bool lb)
{
	struct twin first, second;
	char label[128];

	snprintf(label, sizeof(label), "type %d: %s %d%s, then %s %d%s", type,
		 a, fa, la ? " listening" : "", b, fb,
		 lb ? " listening" : "");
	open_twin(&first, a, type, fa);
	open_twin(&second, b, type, fb);
	try_bind(&first, la, 7000, label);
	try_bind(&second, lb, 7000, label);
	close_twin(&first);
	close_twin(&second);
}

static void try_flags(int type, const char *a, const char *b)
{
	int fa, fb, l;

	for (fa = 0; fa < COMBINATIONS; fa++) {
		if (fa & V6ONLY && !is_v6(a))
			continue;
		for (fb = 0; fb < COMBINATIONS; fb++) {
			if (fb & V6ONLY && !is_v6(b))
				continue;
			for (l = 0; l < (type == SOCK_STREAM ? 4 : 1); l++)
				try_pair(type, a, fa, l & 1, b, fb, l & 2);
		}
	}
}

START_TEST(ports_are_shared_as_the_kernel_does)
{
	int b;

	pair = stack_pair_new(NULL, NULL);
	for (b = 0; b < N_ADDRS; b++)
		try_flags(_i / N_ADDRS ? SOCK_DGRAM : SOCK_STREAM,
			  addrs[_i % N_ADDRS], addrs[b]);
	stack_pair_free(pair);
}
END_TEST

/* A namespace with its loopback up. */
static bool own_network(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd, rc;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) && unshare(CLONE_NEWNET))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		return false;
	ifr.ifr_flags = IFF_UP;
	rc = ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return !rc;
}

static Suite *like_kernel_suite(void)
{
	Suite *s = suite_create("like_kernel");
	TCase *tc = tcase_create("like_kernel");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, ports_are_shared_as_the_kernel_does, 0,
			    2 * N_ADDRS);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr;
	int failed;

	if (!own_network())
		return 77;
	sr = srunner_create(like_kernel_suite());
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
