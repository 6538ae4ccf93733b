/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/hostile_case.h"

struct rg *honest;
struct fdnet_sock *honest_so;
int honest_fd, listener;
static int fds_before;
static long kib_before;

void ping_pong(void)
{
	char data[8];

	ck_assert_int_eq(rg_send(honest, honest_so, "ping", 4), 0);
	ck_assert_int_eq(rg_host_recv(&relay, honest_fd, data, 4), 4);
	ck_assert_int_eq(send(honest_fd, "pong", 4, MSG_NOSIGNAL), 4);
	ck_assert_int_eq(rg_recv(honest, honest_so, data, 4), 4);
}

void hostile_setup(void)
{
	char options[64];

	listener = rg_host_listen("127.0.0.1", &port);
	snprintf(options, sizeof(options), "--allow host:%u --verbose", port);
	rg_start(&relay, options);
	honest = rg_attach(&relay);
	ck_assert_int_eq(rg_connect(honest, "10.0.2.2", port, &honest_so), 0);
	honest_fd = rg_host_accept(&relay, listener);
	ping_pong();
	fds_before = rg_fds(&relay, NULL);
	kib_before = rg_rss_kib(&relay);
}

static bool fds_are_back(void *arg)
{
	return rg_fds(&relay, NULL) <= fds_before;
}

void hostile_teardown(void)
{
	ping_pong();
	ck_assert_msg(rg_until(&relay, 15000, fds_are_back, NULL),
		      "%d descriptors, then %d", fds_before, rg_fds(&relay, NULL));
	ck_assert_msg(rg_rss_kib(&relay) - kib_before <
			      (40 << 10) + RG_SLACK_KIB,
		      "%ld KiB, then %ld", kib_before, rg_rss_kib(&relay));
	rg_stop(&relay);
	close(honest_fd);
	close(listener);
}

static uint32_t seed = 1;

uint8_t random_byte(void)
{
	seed = seed * 1664525 + 1013904223;
	return (uint8_t)(seed >> 24);
}

/* Wait for the relay to close a link. */
void expect_closed(int fd)
{
	for (int i = 0; i < 4000; i++) {
		struct pollfd pfd = { fd, POLLIN, 0 };

		if (poll(&pfd, 1, 0) == 1 && pfd.revents & POLLHUP)
			return;
		rg_drive(&relay, 5);
	}
	ck_abort_msg("the link stays open");
}

void say(int fd, const void *data, size_t len)
{
	while (send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN)
		rg_drive(&relay, 1);
}

size_t typed(uint8_t *dst, uint8_t type, const void *body, size_t len)
{
	struct fdnet_link_hdr hdr = { .type = type,
				      .hdr_len = (uint16_t)len };

	fdnet_link_hdr_encode(dst, &hdr);
	memcpy(dst + FDNET_LINK_HDR_LEN, body, len);
	return FDNET_LINK_HDR_LEN + len;
}

size_t hello(uint8_t *dst)
{
	struct fdnet_hello hi = { .version = FDNET_CTL_VERSION,
				  .features = 7,
				  .max_msg = 256u << 10,
				  .comm = "liar" };
	uint8_t body[FDNET_HELLO_LEN];

	fdnet_hello_encode(body, &hi);
	return typed(dst, FDNET_LINK_HELLO, body, sizeof(body));
}

/* A link that was welcomed; what the relay says is not read. */
int greeted_link(void)
{
	uint8_t msg[128];
	int fd = rg_link(&relay);

	say(fd, msg, hello(msg));
	return fd;
}

/* An IPv4 packet in a PACKET message. */
size_t packet(uint8_t *dst, uint8_t proto, const char *src,
		     const char *to, const void *l4, size_t len)
{
	struct fdnet_name from = rg_name(src, 1), dest = rg_name(to, 1);
	struct fdnet_link_hdr hdr = { .type = FDNET_LINK_PACKET,
				      .flags = FDNET_LINK_HF_CSUM_TRUSTED,
				      .hdr_len = (uint16_t)(20 + len) };
	uint8_t *p = dst + FDNET_LINK_HDR_LEN;
	uint32_t sum = 0;

	fdnet_link_hdr_encode(dst, &hdr);
	memset(p, 0, 20);
	p[0] = 0x45;
	p[2] = (uint8_t)((20 + len) >> 8);
	p[3] = (uint8_t)(20 + len);
	p[8] = 64;
	p[9] = proto;
	memcpy(p + 12, from.ip.bytes, 4);
	memcpy(p + 16, dest.ip.bytes, 4);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16)) & 0xffff;
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)sum;
	memcpy(p + 20, l4, len);
	return FDNET_LINK_HDR_LEN + 20 + len;
}
