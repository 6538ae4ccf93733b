/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that lies: after each try the relay lives, its descriptors and
 * memory are what they were, and another guest's connection goes on.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/limits.h"
#include "stack/wire/node.h"
#include "tests/relay_case.h"
#include "tests/suite_main.h"

static struct rg *honest;
static struct fdnet_sock *honest_so;
static int listener, honest_fd;
static int fds_before;
static long kib_before;

static void ping_pong(void)
{
	char data[8];

	ck_assert_int_eq(rg_send(honest, honest_so, "ping", 4), 0);
	ck_assert_int_eq(rg_host_recv(&relay, honest_fd, data, 4), 4);
	ck_assert_int_eq(send(honest_fd, "pong", 4, MSG_NOSIGNAL), 4);
	ck_assert_int_eq(rg_recv(honest, honest_so, data, 4), 4);
}

static void setup(void)
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

static void teardown(void)
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

static uint8_t random_byte(void)
{
	seed = seed * 1664525 + 1013904223;
	return (uint8_t)(seed >> 24);
}

/* Wait for the relay to close a link. */
static void expect_closed(int fd)
{
	for (int i = 0; i < 4000; i++) {
		struct pollfd pfd = { fd, POLLIN, 0 };

		if (poll(&pfd, 1, 0) == 1 && pfd.revents & POLLHUP)
			return;
		rg_drive(&relay, 5);
	}
	ck_abort_msg("the link stays open");
}

static void say(int fd, const void *data, size_t len)
{
	while (send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
	       errno == EAGAIN)
		rg_drive(&relay, 1);
}

static size_t typed(uint8_t *dst, uint8_t type, const void *body, size_t len)
{
	struct fdnet_link_hdr hdr = { .type = type,
				      .hdr_len = (uint16_t)len };

	fdnet_link_hdr_encode(dst, &hdr);
	memcpy(dst + FDNET_LINK_HDR_LEN, body, len);
	return FDNET_LINK_HDR_LEN + len;
}

static size_t hello(uint8_t *dst)
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
static int greeted_link(void)
{
	uint8_t msg[128];
	int fd = rg_link(&relay);

	say(fd, msg, hello(msg));
	return fd;
}

START_TEST(noise_on_a_link)
{
	static uint8_t msg[70000];
	int fd = _i ? greeted_link() : rg_link(&relay);

	for (int i = 0; i < 20000; i++) {
		size_t len = random_byte() | (random_byte() & 7) << 8;

		for (size_t at = 0; at < len; at++)
			msg[at] = random_byte();
		/* mostly near the truth */
		if (i % 4 && len >= 16) {
			msg[0] = (uint8_t)(0xf1 + random_byte() % 5);
			msg[1] &= 1;
			msg[3] = msg[6] = msg[7] = 0;
			if (i % 4 == 2)
				typed(msg, FDNET_LINK_PACKET, msg + 16,
				      len - 16);
		}
		if (send(fd, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
		    errno == EAGAIN)
			rg_drive(&relay, 1);
		if (i % 1000 == 0)
			ping_pong();
	}
	close(fd);
}
END_TEST

START_TEST(noise_on_the_attach_channel)
{
	static uint8_t msg[70000];

	for (int i = 0; i < 3000; i++) {
		size_t len = random_byte() % 40;

		for (size_t at = 0; at < len; at++)
			msg[at] = random_byte();
		if (i % 2)
			msg[0] = FDNET_LINK_ATTACH;
		say(relay.attach_fd, msg, i % 100 ? len : sizeof(msg));
	}
	/* it still works */
	close(greeted_link());
}
END_TEST

static void pass(const int *fds, int n)
{
	union {
		char buf[CMSG_SPACE(32 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	uint8_t data[64], body[FDNET_ATTACH_LEN];
	struct fdnet_attach attach = { .version = FDNET_CTL_VERSION };
	struct iovec iov = { data, 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	fdnet_attach_encode(body, &attach);
	iov.iov_len = typed(data, FDNET_LINK_ATTACH, body, sizeof(body));
	if (n) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, (size_t)n * sizeof(int));
	}
	while (sendmsg(relay.attach_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		rg_drive(&relay, 1);
}

START_TEST(descriptors_of_all_kinds)
{
	int pipes[2], dgram[2], stream[2], seq[2], many[32];
	int others[] = {
		open("/dev/null", O_RDWR | O_CLOEXEC),
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
		open("/", O_RDONLY | O_CLOEXEC),
	};

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, dgram);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream);
	socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, seq);
	for (int i = 0; i < 32; i++)
		many[i] = seq[1];
	for (int round = 0; round < 50; round++) {
		pass(NULL, 0);
		pass(&pipes[0], 1);
		pass(&dgram[0], 1);
		pass(&stream[0], 1);
		for (int i = 0; i < 4; i++)
			pass(&others[i], 1);
		pass(many, 2);
		pass(many, 32);
	}
	/* its own attach channel, and a listening socket */
	pass(&relay.attach_fd, 1);
	for (int i = 0; i < 4; i++)
		close(others[i]);
	for (int i = 0; i < 2; i++) {
		close(pipes[i]);
		close(dgram[i]);
		close(stream[i]);
		close(seq[i]);
	}
	rg_drive(&relay, 50);
	close(greeted_link());
}
END_TEST

START_TEST(empty_messages_end_nothing)
{
	int fd = greeted_link();

	for (int i = 0; i < 100; i++) {
		send(relay.attach_fd, "", 0, MSG_NOSIGNAL);
		send(fd, "", 0, MSG_NOSIGNAL);
	}
	rg_drive(&relay, 50);
	close(fd);
	close(greeted_link());
}
END_TEST

START_TEST(contradictions_cost_the_link)
{
	uint8_t msg[128], body[FDNET_CTL_MAX_LEN] = { 0 };
	int fd = greeted_link();

	say(fd, msg, hello(msg));
	expect_closed(fd); /* HELLO twice */
	close(fd);
	fd = greeted_link();
	say(fd, msg, typed(msg, FDNET_LINK_CONTROL, body, 3));
	expect_closed(fd); /* a body that is none */
	close(fd);
	fd = greeted_link();
	say(fd, msg, typed(msg, FDNET_LINK_WELCOME, body, 32));
	expect_closed(fd); /* the relay's own word */
	close(fd);
	fd = rg_link(&relay);
	memset(body, 0xff, sizeof(body));
	say(fd, msg, typed(msg, FDNET_LINK_HELLO, body, 32));
	expect_closed(fd); /* a hello that is none */
	close(fd);
}
END_TEST

START_TEST(replies_that_nobody_reads)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_LEASE,
				 .proto = 6,
				 .count = 1 };
	uint8_t msg[128], body[FDNET_CTL_MAX_LEN];
	size_t len = fdnet_ctl_encode(body, &ctl);
	int fd = greeted_link();
	int i;

	len = typed(msg, FDNET_LINK_CONTROL, body, len);
	for (i = 0; i < 200000; i++) {
		ssize_t rc = send(fd, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (rc < 0 && errno == EAGAIN)
			rg_drive(&relay, 1);
		else if (rc < 0)
			break;
	}
	ck_assert_int_lt(i, 200000);
	expect_closed(fd);
	close(fd);
}
END_TEST

START_TEST(ports_claimed_without_end)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_BIND,
				 .id = 1,
				 .proto = 17,
				 .family = 4 };
	struct rg *liar = rg_attach(&relay);
	int refused = 0;

	for (int i = 1; i <= (int)LIMIT_BINDS + 100; i++) {
		ctl.port = (uint16_t)i;
		refused += rg_ask(liar, &ctl) == -ENOBUFS;
	}
	ck_assert_int_eq(refused, 100);
	rg_kill(liar);
	ctl.port = 5;
	rg_drive(&relay, 20);
	ck_assert_int_eq(rg_ask(honest, &ctl), 0);
}
END_TEST

START_TEST(links_without_end)
{
	static int fds[LIMIT_GUESTS + 50];
	int closed = 0;

	for (int i = 0; i < (int)LIMIT_GUESTS + 50; i++) {
		fds[i] = rg_link(&relay);
		if (i % 64 == 0)
			rg_drive(&relay, 5);
	}
	rg_drive(&relay, 100);
	for (int i = 0; i < (int)LIMIT_GUESTS + 50; i++) {
		struct pollfd pfd = { fds[i], POLLIN, 0 };

		closed += poll(&pfd, 1, 0) == 1;
		close(fds[i]);
	}
	ck_assert_int_eq(closed, 51);
}
END_TEST

/* An IPv4 packet in a PACKET message. */
static size_t packet(uint8_t *dst, uint8_t proto, const char *src,
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

START_TEST(packets_in_others_names)
{
	uint8_t msg[128], rst[20] = { 0 };
	struct fdnet_name name;
	int fd = greeted_link();
	static const char *const sources[] = { "10.0.2.15", "10.0.2.2",
					       "8.8.8.8", "127.0.0.1",
					       "255.255.255.255", "0.0.0.0" };

	/* resets for the honest guest's connection, all over the window */
	fdnet_sock_name(honest_so, &name);
	rst[0] = (uint8_t)(name.port >> 8);
	rst[1] = (uint8_t)name.port;
	rst[12] = 0x50;
	rst[13] = 4;
	fdnet_sock_peer(honest_so, &name);
	rst[2] = (uint8_t)(name.port >> 8);
	rst[3] = (uint8_t)name.port;
	for (uint32_t i = 0; i < 65536; i++) {
		rst[4] = (uint8_t)(i >> 8);
		rst[5] = (uint8_t)i;
		say(fd, msg, packet(msg, 6, sources[i % 6], "10.0.2.2", rst,
				    20));
		if (i % 8192 == 0)
			ping_pong();
	}
	close(fd);
}
END_TEST

START_TEST(half_open_connections_without_end)
{
	uint8_t msg[128], syn[20] = { 0x80, 0, 0, 80 };
	int fd = greeted_link();

	syn[12] = 0x50;
	syn[13] = 2;
	for (uint32_t i = 0; i < 60000; i++) {
		syn[0] = (uint8_t)(i >> 8);
		syn[1] = (uint8_t)i;
		syn[2] = (uint8_t)(i >> 4);
		say(fd, msg,
		    packet(msg, 6, "10.0.2.15", i % 2 ? "10.0.2.2" : "8.8.8.8",
			   syn, 20));
		if (i % 8192 == 0)
			ping_pong();
	}
	close(fd);
}
END_TEST

START_TEST(a_stopped_guest_holds_up_nobody)
{
	struct fdnet_sock *so = rg_udp(honest), *bound;
	struct fdnet_name name = rg_name("0.0.0.0", 5000);
	static char data[60000];
	struct rg *stopped = rg_attach(&relay);

	ck_assert_int_eq(fdnet_sock_open(stopped->stack, 4, FDNET_SOCK_DGRAM,
					 17, &bound),
			 0);
	ck_assert_int_eq(fdnet_sock_bind(bound, &name), 0);
	ck_assert_int_eq(rg_claim(stopped, FDNET_CTL_BIND, 17, 5000), 0);
	/* it reads nothing from now on */
	for (int i = 0; i < RG_GUESTS; i++)
		if (relay.guests[i] == stopped)
			relay.guests[i] = NULL;
	for (int i = 0; i < 3000; i++) {
		rg_sendto(honest, so, "127.0.0.1", 5000, data, sizeof(data));
		if (i % 16 == 0)
			rg_drive(&relay, 0);
		if (i % 500 == 0)
			ping_pong();
	}
	fdnet_sock_close(so);
	rg_kill(stopped);
}
END_TEST

/* ---- lies about lengths, offsets and checksums ---- */

/* A good datagram or segment to the honest guest's service, of which one
 * field lies. Offsets count from the IP header. */
static const struct {
	const char *what;
	uint8_t proto;
	unsigned int at, bytes;
	uint32_t value;
} lies[] = {
	{ "version 0", 17, 0, 1, 0x05 },
	{ "version 15", 17, 0, 1, 0xf5 },
	{ "header of no length", 17, 0, 1, 0x40 },
	{ "header longer than the packet", 17, 0, 1, 0x4f },
	{ "total length 0", 17, 2, 2, 0 },
	{ "total length short of the header", 17, 2, 2, 19 },
	{ "total length beyond the message", 17, 2, 2, 65535 },
	{ "a later fragment of nothing", 17, 6, 2, 0x1fff },
	{ "a first fragment", 17, 6, 2, 0x2000 },
	{ "no time to live", 17, 8, 1, 0 },
	{ "an unknown protocol", 17, 9, 1, 253 },
	{ "a bad header checksum", 17, 10, 2, 0xdead },
	{ "from multicast", 17, 12, 4, 0xe0000001 },
	{ "from broadcast", 17, 12, 4, 0xffffffff },
	{ "from nobody", 17, 12, 4, 0 },
	{ "to nobody", 17, 16, 4, 0 },
	{ "to class E", 17, 16, 4, 0xf0000001 },
	{ "UDP length 0", 17, 24, 2, 0 },
	{ "UDP length beyond", 17, 24, 2, 65535 },
	{ "UDP port 0", 17, 22, 2, 0 },
	{ "TCP offset 0", 6, 32, 1, 0 },
	{ "TCP offset beyond", 6, 32, 1, 0xf0 },
	{ "all TCP flags", 6, 33, 1, 0xff },
	{ "no TCP flag", 6, 33, 1, 0 },
	{ "TCP port 0", 6, 22, 2, 0 },
	{ "ICMP cut short", 1, 20, 1, 3 },
	{ "ICMP about nothing", 1, 20, 4, 0x03010000 },
};

START_TEST(packets_that_lie)
{
	uint8_t msg[256], body[64] = { 0 };
	int fd = greeted_link();
	size_t len;

	/* ports of a well-formed packet */
	body[0] = 0x80;
	body[3] = 53;
	body[5] = 64; /* UDP length */
	body[12] = 0x50;
	body[13] = 2;
	for (int round = 0; round < 20; round++) {
		len = packet(msg, lies[_i].proto, "10.0.2.15",
			     round % 2 ? "10.0.2.2" : "10.0.2.15", body,
			     round % 3 ? sizeof(body) : 20);
		for (unsigned int i = 0; i < lies[_i].bytes; i++)
			msg[FDNET_LINK_HDR_LEN + lies[_i].at + i] =
				(uint8_t)(lies[_i].value >>
					  8 * (lies[_i].bytes - 1 - i));
		say(fd, msg, len);
	}
	rg_drive(&relay, 5);
	close(fd);
}
END_TEST

/* The message header's own fields, on a packet that is well. */
static const struct fdnet_link_hdr heads[] = {
	{ .hdr_len = 0, .payload_len = 84 },
	{ .hdr_len = 1, .payload_len = 83 },
	{ .hdr_len = 65535, .payload_len = 0 },
	{ .hdr_len = 20, .payload_len = UINT32_MAX },
	{ .hdr_len = 20, .payload_len = UINT32_MAX - 15 },
	{ .hdr_len = 84, .gso_size = 1, .gso_type = 1 },
	{ .hdr_len = 84, .gso_size = 65535, .gso_type = 5 },
	{ .hdr_len = 84, .gso_size = 8, .gso_type = 255 },
	{ .hdr_len = 84, .gso_size = 0, .gso_type = 4 },
	{ .hdr_len = 84, .flags = 2, .csum_start = 65535, .csum_offset = 65535 },
	{ .hdr_len = 84, .flags = 2, .csum_start = 83, .csum_offset = 1 },
	{ .hdr_len = 84, .flags = 2, .csum_start = 0, .csum_offset = 0 },
	{ .hdr_len = 84, .flags = 0xff },
	{ .hdr_len = 84, .nrefs = 1 },
	{ .hdr_len = 20, .payload_len = 64, .nrefs = 255 },
};

START_TEST(message_headers_that_lie)
{
	uint8_t msg[256], body[64] = { 0x80, 0, 0, 53, 0, 64 };
	int fd = greeted_link();
	struct fdnet_link_hdr hdr = heads[_i];

	for (int round = 0; round < 20; round++) {
		size_t len = packet(msg, round % 2 ? 17 : 6, "10.0.2.15",
				    "10.0.2.2", body, sizeof(body));

		hdr.type = FDNET_LINK_PACKET;
		fdnet_link_hdr_encode(msg, &hdr);
		say(fd, msg, len);
	}
	rg_drive(&relay, 5);
	close(fd);
}
END_TEST

/* ---- lies about the payload area ---- */

/* A link with an area: the WELCOME's descriptor is @ret_area. */
static int area_link(uint32_t features, int *ret_area)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct fdnet_hello hi = { .version = FDNET_CTL_VERSION,
				  .features = features,
				  .max_msg = 256u << 10 };
	uint8_t msg[256], body[FDNET_HELLO_LEN];
	struct iovec iov = { msg, sizeof(msg) };
	struct msghdr in = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control) };
	struct pollfd pfd = { .events = POLLIN };
	int fd = rg_link(&relay);

	fdnet_hello_encode(body, &hi);
	say(fd, msg, typed(msg, FDNET_LINK_HELLO, body, sizeof(body)));
	pfd.fd = fd;
	ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
	ck_assert_int_gt(recvmsg(fd, &in, 0), 0);
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&in));
	memcpy(ret_area, CMSG_DATA(CMSG_FIRSTHDR(&in)), sizeof(int));
	return fd;
}

static const struct fdnet_area_ref bad_refs[] = {
	{ 0, 1000 },			       /* the counters */
	{ FDNET_AREA_HEAD - 1, 2 },	       /* half of them */
	{ FDNET_AREA_HEAD, 0 },		       /* nothing */
	{ FDNET_AREA_HEAD, UINT32_MAX },       /* everything */
	{ FDNET_AREA_HEAD, FDNET_BUF_SIZE + 1 }, /* into the next block */
	{ FDNET_AREA_HEAD + FDNET_BUF_SIZE - 1, 2 },
	{ FDNET_AREA_HEAD + FDNET_AREA_BLOCKS * FDNET_BUF_SIZE, 8 }, /* theirs */
	{ FDNET_AREA_SIZE - 1, 2 },
	{ FDNET_AREA_SIZE, 1 },
	{ UINT32_MAX, 1 },
	{ UINT32_MAX, UINT32_MAX },
	{ FDNET_AREA_HEAD + 8, 100 }, /* good */
};

START_TEST(references_that_lie)
{
	uint8_t msg[256], *map;
	struct fdnet_link_hdr hdr = { .type = FDNET_LINK_PACKET,
				      .hdr_len = 28,
				      .nrefs = 1 };
	int area, fd = area_link(7 | FDNET_LINK_F_AREA, &area);

	/* it cannot be made to fault */
	ck_assert_int_lt(ftruncate(area, 4096), 0);
	map = mmap(NULL, FDNET_AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		   area, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	for (int round = 0; round < 200; round++) {
		const struct fdnet_area_ref *ref = &bad_refs[_i];
		uint8_t udp[8] = { 0x80, 0, 0, 53, 0, 108 };

		packet(msg, 17, "10.0.2.15", "10.0.2.2", udp, 8);
		msg[FDNET_LINK_HDR_LEN + 3] = 128;
		hdr.payload_len = ref->len;
		hdr.nrefs = round % 7 == 6 ? 16 : 1;
		fdnet_link_hdr_encode(msg, &hdr);
		memcpy(msg + FDNET_LINK_HDR_LEN + 28, ref, 8);
		send(fd, msg, FDNET_LINK_HDR_LEN + 36,
		     MSG_NOSIGNAL | MSG_DONTWAIT);
		/* all counters, at any time */
		memset(map, random_byte(), FDNET_AREA_HEAD);
		if (round % 50 == 0)
			ping_pong();
	}
	munmap(map, FDNET_AREA_SIZE);
	close(area);
	close(fd);
}
END_TEST

/* Anything may stand in the memory of both, at any time. */
START_TEST(rings_that_lie)
{
	const uint32_t features = 7 | FDNET_LINK_F_AREA | FDNET_LINK_F_RING;
	uint8_t sign[FDNET_LINK_HDR_LEN] = { FDNET_LINK_RING };

	for (int round = 0; round < 40; round++) {
		int area, fd = area_link(features, &area);
		uint8_t *map = mmap(NULL, FDNET_AREA_SIZE,
				    PROT_READ | PROT_WRITE, MAP_SHARED, area,
				    0);

		ck_assert_ptr_ne(map, MAP_FAILED);
		for (int i = 0; i < 20; i++) {
			uint32_t *words = (void *)(map + 8192);
			uint32_t at = (uint32_t)(rand() % 4096) * 8;

			sign[0] = i ? FDNET_LINK_KICK : FDNET_LINK_RING;
			send(fd, sign, sizeof(sign),
			     MSG_NOSIGNAL | MSG_DONTWAIT);
			/* now and then a length that can be, and a header */
			for (uint32_t n = at; n < at + 3000; n++)
				map[65536 + n] = random_byte();
			words[32] = (uint32_t)rand();
			words[64] = 1;
			if (i % 3) {
				words[0] += (uint32_t)(rand() % 512) * 8;
				map[65536 + at + 1] %= 8;
				map[65536 + at + 2] = map[65536 + at + 3] = 0;
				map[65536 + at + 8] = 0xf0 + random_byte() % 10;
			} else if (round % 2) {
				words[0] = (uint32_t)rand();
			}
			rg_drive(&relay, 1);
		}
		if (round % 10 == 0)
			ping_pong();
		munmap(map, FDNET_AREA_SIZE);
		close(area);
		close(fd);
		rg_drive(&relay, 5);
	}
}
END_TEST

/* ---- lies about sequence numbers, in a connection of its own ---- */

START_TEST(sequence_numbers_that_lie)
{
	uint8_t msg[256], tcp[40] = { 0x90 }, got[512];
	int fd = greeted_link(), client, len;
	uint32_t seq = 1000, ack = 0;

	tcp[2] = (uint8_t)(port >> 8);
	tcp[3] = (uint8_t)port;
	tcp[12] = 0x50;
	tcp[13] = 2;
	tcp[14] = 0x20;
	say(fd, msg, packet(msg, 6, "10.0.2.15", "10.0.2.2", tcp, 20));
	client = rg_host_accept(&relay, listener);
	for (int tries = 0; !ack && tries < 200; tries++) {
		rg_drive(&relay, 5);
		len = (int)recv(fd, got, sizeof(got), MSG_DONTWAIT);
		if (len >= FDNET_LINK_HDR_LEN + 40 &&
		    got[0] == FDNET_LINK_PACKET)
			memcpy(&ack, got + FDNET_LINK_HDR_LEN + 24, 4);
	}
	ack = ntohl(ack) + 1;
	for (int i = 0; i < 20000; i++) {
		uint32_t s = seq, a = ack, jump = (uint32_t)random_byte()
						  << (i % 32);

		if (i % 3 != 1)
			s += i % 2 ? jump : -jump;
		if (i % 3 != 2)
			a += i % 5 ? jump : -jump;
		s = htonl(s);
		a = htonl(a);
		memcpy(tcp + 4, &s, 4);
		memcpy(tcp + 8, &a, 4);
		tcp[13] = (uint8_t)(0x10 | (i % 17 ? 0 : random_byte() & 0x3b));
		tcp[14] = random_byte();
		tcp[18] = random_byte(); /* urgent */
		say(fd, msg,
		    packet(msg, 6, "10.0.2.15", "10.0.2.2", tcp,
			   20 + random_byte() % 20));
		send(client, "noise", 5, MSG_NOSIGNAL | MSG_DONTWAIT);
		while (recv(client, got, sizeof(got), MSG_DONTWAIT) > 0)
			;
		if (i % 5000 == 0)
			ping_pong();
	}
	close(client);
	close(fd);
}
END_TEST

/* ---- lies about ports and processes ---- */

START_TEST(others_ports_cannot_be_given_away)
{
	struct rg *liar = rg_attach(&relay);
	struct fdnet_ctl ctl = { .proto = 6, .family = 4, .id = 1 };
	struct fdnet_sock *so;

	ck_assert_int_eq(rg_claim(honest, FDNET_CTL_LISTEN, 6, 8080), 0);
	for (uint32_t lease = 64; lease < 65536; lease += 64) {
		uint8_t body[FDNET_CTL_MAX_LEN];
		struct fdnet_ctl lie = { .op = FDNET_CTL_RELEASE,
					 .proto = lease & 64 ? 17 : 6,
					 .lo = (uint16_t)lease };

		fdnet_link_send_control(liar->link, FDNET_LINK_CONTROL, body,
					fdnet_ctl_encode(body, &lie), -1);
		lie = (struct fdnet_ctl){ .op = FDNET_CTL_UNBIND,
					  .proto = 6,
					  .family = 4,
					  .port = 8080 };
		fdnet_link_send_control(liar->link, FDNET_LINK_CONTROL, body,
					fdnet_ctl_encode(body, &lie), -1);
		if (lease % 1024 == 0)
			rg_drive(&relay, 1);
	}
	ck_assert_int_eq(rg_claim(liar, FDNET_CTL_LISTEN, 6, 8080),
			 -EADDRINUSE);
	/* what the honest one leased is not given to somebody else */
	ctl.op = FDNET_CTL_LEASE;
	for (int i = 0; i < 30; i++) {
		ctl.count = 128;
		if (rg_ask(liar, &ctl))
			break;
		ck_assert(liar->reply.lo > honest->welcome.lease_hi ||
			  liar->reply.hi < honest->welcome.lease_lo);
	}
	ck_assert_int_eq(rg_connect(honest, "10.0.2.2", port, &so), 0);
	fdnet_sock_close(so);
	close(rg_host_accept(&relay, listener));
	rg_kill(liar);
}
END_TEST

/* What it says of itself is shown, but as a claim, and not as it stands. */
START_TEST(names_of_processes_are_escaped)
{
	struct fdnet_hello hi = { .version = FDNET_CTL_VERSION,
				  .features = 7,
				  .max_msg = 256u << 10,
				  .pid = 1 };
	uint8_t msg[128], body[FDNET_HELLO_LEN];
	uint8_t syn[20] = { 0x90, 0, 0, 99, [12] = 0x50, [13] = 2 };
	const char *said;
	int fd = rg_link(&relay);

	memcpy(hi.comm, "\033]0;x\007\n\"},\\{", 12);
	fdnet_hello_encode(body, &hi);
	say(fd, msg, typed(msg, FDNET_LINK_HELLO, body, sizeof(body)));
	say(fd, msg, packet(msg, 6, "10.0.2.15", "8.8.8.8", syn, 20));
	rg_drive(&relay, 50);
	close(fd);
	said = rg_finish(&relay);
	ck_assert_ptr_nonnull(strstr(said, "8.8.8.8"));
	for (; *said; said++)
		ck_assert_msg(*said == '\n' || (*said >= ' ' && *said < 127),
			      "byte %#x in what is said", *said);
}
END_TEST

/* ---- floods ---- */

static uint64_t counter(const char *said, const char *name)
{
	const char *at = strstr(said, name);

	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static size_t unbind(uint8_t *dst)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_UNBIND,
				 .proto = 6,
				 .family = 4,
				 .port = 1 };
	uint8_t body[FDNET_CTL_MAX_LEN];

	return typed(dst, FDNET_LINK_CONTROL, body,
		     fdnet_ctl_encode(body, &ctl));
}

/* What is sent too fast waits, and so does its sender in the end; all of it
 * is taken, and meanwhile the others are served. */
START_TEST(control_floods_are_slowed)
{
	uint8_t msg[128], hi[128];
	size_t len = unbind(msg);
	int fd, full = 0;

	start("--limit control-rate=100 --verbose");
	honest = rg_attach(&relay);
	fd = rg_link(&relay);
	say(fd, hi, hello(hi));
	for (int i = 0; i < 20000 && full < 20; i++) {
		if (send(fd, msg, len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
			continue;
		ck_assert_int_eq(errno, EAGAIN);
		full++;
		ck_assert_int_eq(rg_claim(honest, FDNET_CTL_BIND, 6,
					  (uint16_t)full),
				 0);
	}
	/* 20,000 messages are not taken in an instant */
	ck_assert_int_eq(full, 20);
	close(fd);
	rg_drive(&relay, 20);
	ck_assert_int_eq(rg_claim(honest, FDNET_CTL_BIND, 6, 80), 0);
	ck_assert_uint_ge(counter(rg_finish(&relay), "control_slowed="), 1);
	rg_stop(&relay);
}
END_TEST

START_TEST(slowed_requests_are_all_answered)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_BIND,
				 .proto = 6,
				 .family = 4 };
	struct rg *hasty;

	start("--limit control-rate=100 --verbose");
	hasty = rg_attach(&relay);
	for (uint16_t i = 1; i <= 250; i++) {
		ctl.port = i;
		ck_assert_int_eq(rg_ask(hasty, &ctl), 0);
	}
	ck_assert_uint_ge(counter(rg_finish(&relay), "control_slowed="), 1);
	rg_stop(&relay);
}
END_TEST

START_TEST(floods_of_node_requests_are_slowed)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_NAMES, .cookie = 1 };
	uint8_t buf[FDNET_NODE_MAX_LEN];
	size_t len = fdnet_node_req_encode(buf, &req);
	int fd, answers = 0;

	start("--limit control-rate=100 --verbose");
	honest = rg_attach(&relay);
	fd = rg_node(&relay);
	for (int i = 0; i < 250; i++)
		say(fd, buf, len);
	while (answers < 250) {
		if (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			answers++;
		else
			rg_drive(&relay, 5);
	}
	ck_assert_int_eq(rg_claim(honest, FDNET_CTL_BIND, 6, 80), 0);
	close(fd);
	ck_assert_uint_ge(counter(rg_finish(&relay), "control_slowed="), 1);
	rg_stop(&relay);
}
END_TEST

static Suite *hostile_suite(void)
{
	Suite *s = suite_create("relay_hostile");
	TCase *tc = tcase_create("relay_hostile");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, noise_on_a_link, 0, 2);
	tcase_add_test(tc, noise_on_the_attach_channel);
	tcase_add_test(tc, descriptors_of_all_kinds);
	tcase_add_test(tc, empty_messages_end_nothing);
	tcase_add_test(tc, contradictions_cost_the_link);
	tcase_add_test(tc, replies_that_nobody_reads);
	tcase_add_test(tc, ports_claimed_without_end);
	tcase_add_test(tc, links_without_end);
	tcase_add_test(tc, packets_in_others_names);
	tcase_add_test(tc, half_open_connections_without_end);
	tcase_add_test(tc, a_stopped_guest_holds_up_nobody);
	tcase_add_loop_test(tc, packets_that_lie, 0, N_ROWS(lies));
	tcase_add_loop_test(tc, message_headers_that_lie, 0, N_ROWS(heads));
	tcase_add_loop_test(tc, references_that_lie, 0, N_ROWS(bad_refs));
	tcase_add_test(tc, rings_that_lie);
	tcase_add_test(tc, sequence_numbers_that_lie);
	tcase_add_test(tc, others_ports_cannot_be_given_away);
	tcase_add_test(tc, names_of_processes_are_escaped);
	suite_add_tcase(s, tc);
	tc = tcase_create("floods");
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, control_floods_are_slowed);
	tcase_add_test(tc, slowed_requests_are_all_answered);
	tcase_add_test(tc, floods_of_node_requests_are_slowed);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(hostile_suite());
}
