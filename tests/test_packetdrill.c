/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packetdrill's shared object, driven as packetdrill drives it: dlopen(), the
 * table, packets by hand, a second thread for calls that block.
 */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fdnet/stack.h>

#include "stack/wire/csum.h"
#include "stack/wire/tcp.h"
#include "tests/packetdrill/interface.h"
#include "tests/suite_main.h"

#define PEER_PORT  4000
#define LOCAL_PORT 8080
#define PEER_ISS   1000u

static void *lib;
static struct packetdrill_interface ifc;
static uint32_t their_seq, their_ack; /* the peer's, which is us */

static void setup(void)
{
	void (*init)(const char *flags, struct packetdrill_interface *ifc);
	const char *build = getenv("top_builddir");
	char path[4096];

	snprintf(path, sizeof(path),
		 "%s/tests/packetdrill/.libs/fdnet_packetdrill.so",
		 build ? build : ".");
	lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	ck_assert_msg(lib != NULL, "%s", dlerror());
	*(void **)&init = dlsym(lib, "packetdrill_interface_init");
	ck_assert_ptr_nonnull(init);
	memset(&ifc, 0xff, sizeof(ifc));
	init("mtu=1500,gso=0", &ifc);
	their_seq = PEER_ISS;
	their_ack = 0;
}

static void teardown(void)
{
	ifc.free(ifc.userdata);
	dlclose(lib);
}

#define UD ifc.userdata

static int64_t clock_us(void)
{
	struct timeval tv;

	ck_assert_int_eq(ifc.gettimeofday(UD, &tv, NULL), 0);
	return (int64_t)tv.tv_sec * 1000000 + tv.tv_usec;
}

/* A segment from 192.0.2.1 to the stack. */
static void inject(uint8_t flags, const void *data, size_t len)
{
	struct fdnet_tcp_hdr hdr = {
		.sport = PEER_PORT,
		.dport = LOCAL_PORT,
		.seq = their_seq,
		.ack = their_ack,
		.flags = flags,
		.wnd = 30000,
		.mss = flags & FDNET_TH_SYN ? 1000 : 0,
		.wscale = FDNET_TCP_WSCALE_NONE,
	};
	uint8_t pkt[2048] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0,
			     192, 0, 2, 1, 192, 168, 0, 1};
	uint8_t pseudo[12];
	uint32_t n = fdnet_tcp_hdr_encode(pkt + 20, &hdr);
	uint16_t total = htons((uint16_t)(20 + n + len));

	memcpy(pkt + 2, &total, 2);
	if (len)
		memcpy(pkt + 20 + n, data, len);
	fdnet_csum_store(pkt + 10, fdnet_csum_add(0, pkt, 20));
	memcpy(pseudo, pkt + 12, 8);
	pseudo[8] = 0;
	pseudo[9] = 6;
	pseudo[10] = (uint8_t)((n + len) >> 8);
	pseudo[11] = (uint8_t)(n + len);
	fdnet_csum_store(pkt + 36,
			 fdnet_csum_add(fdnet_csum_add(0, pseudo, 12), pkt + 20,
					n + len));
	ck_assert_int_eq(ifc.netdev_send(UD, pkt, 20 + n + len), 0);
	their_seq += (uint32_t)len + !!(flags & FDNET_TH_SYN) +
		     !!(flags & FDNET_TH_FIN);
}

/* The next packet out; @data gets its payload. Returns the payload's length. */
static size_t expect(uint8_t flags, void *data, long long *ret_us)
{
	uint8_t buf[70000];
	size_t n = sizeof(buf);
	struct fdnet_tcp_hdr hdr;
	long long at;

	ck_assert_int_eq(ifc.netdev_receive(UD, buf, &n, &at), 0);
	ck_assert_uint_ge(n, 40);
	ck_assert_int_eq(fdnet_tcp_hdr_decode(buf + 20, n - 20, &hdr), 0);
	ck_assert_uint_eq(hdr.flags & (uint8_t)~FDNET_TH_PSH, flags);
	n -= 20u + hdr.hdr_len;
	memcpy(data, buf + 20 + hdr.hdr_len, n);
	if (ret_us)
		*ret_us = at;
	their_ack = hdr.seq + (uint32_t)n + !!(flags & FDNET_TH_SYN) +
		    !!(flags & FDNET_TH_FIN);
	return n;
}

static int listener(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int fd = ifc.socket(UD, AF_INET, SOCK_STREAM, IPPROTO_TCP);

	sin.sin_port = htons(LOCAL_PORT);
	inet_pton(AF_INET, "192.168.0.1", &sin.sin_addr);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ifc.bind(UD, fd, (void *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(ifc.listen(UD, fd, 1), 0);
	return fd;
}

static int connection(int lfd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	char none[1];
	int fd;

	inject(FDNET_TH_SYN, NULL, 0);
	expect(FDNET_TH_SYN | FDNET_TH_ACK, none, NULL);
	inject(FDNET_TH_ACK, NULL, 0);
	fd = ifc.accept(UD, lfd, (void *)&sin, &len);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(len, sizeof(sin));
	ck_assert_uint_eq(ntohs(sin.sin_port), PEER_PORT);
	return fd;
}

START_TEST(data_go_both_ways)
{
	int lfd = listener(), fd = connection(lfd);
	char buf[64];

	ck_assert_int_eq(ifc.write(UD, fd, "hello", 5), 5);
	ck_assert_uint_eq(expect(FDNET_TH_ACK, buf, NULL), 5);
	ck_assert_mem_eq(buf, "hello", 5);
	inject(FDNET_TH_ACK, "world", 5);
	ck_assert_int_eq(ifc.read(UD, fd, buf, sizeof(buf)), 5);
	ck_assert_mem_eq(buf, "world", 5);
	ck_assert_int_eq(ifc.close(UD, fd), 0);
	ck_assert_int_eq(ifc.close(UD, fd), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(ifc.close(UD, lfd), 0);
}
END_TEST

START_TEST(the_clock_moves_only_when_asked)
{
	int64_t t = clock_us(), late;
	long long first, again;
	char buf[64];
	int fd;

	ck_assert_int_le(clock_us() - t, 10);
	ck_assert_int_eq(ifc.usleep(UD, 250000), 0);
	late = clock_us() - t;
	ck_assert_int_ge(late, 250000);
	ck_assert_int_le(late, 250010);
	fd = connection(listener());
	/* nobody answers: the packet comes again when its timeout is over */
	ck_assert_int_eq(ifc.write(UD, fd, "x", 1), 1);
	expect(FDNET_TH_ACK, buf, &first);
	expect(FDNET_TH_ACK, buf, &again);
	ck_assert_int_ge(again - first, 190000);
}
END_TEST

START_TEST(calls_that_cannot_go_on_say_so)
{
	struct pollfd pfd = {.events = POLLIN | POLLOUT};
	int fd = connection(listener());
	char buf[8];

	ck_assert_int_eq(ifc.fcntl(UD, fd, F_GETFL), O_RDWR);
	ck_assert_int_eq(ifc.fcntl(UD, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	ck_assert_int_eq(ifc.read(UD, fd, buf, 8), -1);
	ck_assert_int_eq(errno, EAGAIN);
	pfd.fd = fd;
	ck_assert_int_eq(ifc.poll(UD, &pfd, 1, 0), 1);
	ck_assert_int_eq(pfd.revents, POLLOUT);
	ck_assert_int_eq(ifc.read(UD, 900, buf, 8), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(edges_are_told_once)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	int fd = connection(listener()), ep = ifc.epoll_create(UD, 1);

	ev.data.fd = 7;
	ck_assert_int_ge(ep, 0);
	ck_assert_int_eq(ifc.epoll_ctl(UD, ep, EPOLL_CTL_ADD, fd, &ev), 0);
	ck_assert_int_eq(ifc.epoll_ctl(UD, ep, EPOLL_CTL_ADD, fd, &ev), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(ifc.epoll_wait(UD, ep, &ev, 1, 0), 0);
	inject(FDNET_TH_ACK, "1", 1);
	memset(&ev, 0, sizeof(ev));
	ck_assert_int_eq(ifc.epoll_wait(UD, ep, &ev, 1, 0), 1);
	ck_assert_uint_eq(ev.events, EPOLLIN);
	ck_assert_int_eq(ev.data.fd, 7);
	ck_assert_int_eq(ifc.epoll_wait(UD, ep, &ev, 1, 0), 0);
	inject(FDNET_TH_ACK, "2", 1);
	ck_assert_int_eq(ifc.epoll_wait(UD, ep, &ev, 1, 0), 1);
}
END_TEST

struct reader {
	int fd;
	ssize_t got;
	int64_t at_us;
	char buf[8];
};

static void *read_later(void *arg)
{
	struct reader *r = arg;

	r->got = ifc.read(UD, r->fd, r->buf, sizeof(r->buf));
	r->at_us = clock_us(); /* as packetdrill does, at once */
	return NULL;
}

START_TEST(a_blocked_call_ends_at_the_right_time)
{
	struct reader r = {.fd = connection(listener())};
	pthread_t thread;
	int64_t t;

	ck_assert_int_eq(pthread_create(&thread, NULL, read_later, &r), 0);
	usleep(50000); /* it has to block first, or it does not matter */
	ck_assert_int_eq(ifc.usleep(UD, 100000), 0);
	t = clock_us();
	inject(FDNET_TH_ACK, "abc", 3);
	ck_assert_int_eq(ifc.usleep(UD, 500000), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(r.got, 3);
	ck_assert_int_ge(r.at_us - t, 0);
	/* or after the sleep, when the thread had not started yet */
	ck_assert_int_le(r.at_us - t, 500100);
}
END_TEST

START_TEST(bad_memory_is_refused)
{
	int fd = connection(listener());

	ck_assert_int_eq(ifc.write(UD, fd, (void *)-1, 1), -1);
	ck_assert_int_eq(errno, EFAULT);
	inject(FDNET_TH_ACK, "abc", 3);
	ck_assert_int_eq(ifc.read(UD, fd, (void *)-1, 1), -1);
	ck_assert_int_eq(errno, EFAULT);
}
END_TEST

static Suite *packetdrill_suite(void)
{
	Suite *s = suite_create("packetdrill");
	TCase *tc = tcase_create("adapter");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, data_go_both_ways);
	tcase_add_test(tc, the_clock_moves_only_when_asked);
	tcase_add_test(tc, calls_that_cannot_go_on_say_so);
	tcase_add_test(tc, edges_are_told_once);
	tcase_add_test(tc, a_blocked_call_ends_at_the_right_time);
	tcase_add_test(tc, bad_memory_is_refused);
	suite_add_tcase(s, tc);
	return s;
}

SUITE_MAIN(packetdrill_suite)
