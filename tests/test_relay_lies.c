/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that lies, in packets, messages, shared memory and names: as in
 * test_relay_hostile.c.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/hostile_case.h"
#include "tests/suite_main.h"

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

static Suite *relay_lies_suite(void)
{
	Suite *s = suite_create("relay_lies");
	TCase *tc = tcase_create("relay_lies");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, hostile_setup, hostile_teardown);
	tcase_add_loop_test(tc, packets_that_lie, 0, N_ROWS(lies));
	tcase_add_loop_test(tc, message_headers_that_lie, 0, N_ROWS(heads));
	tcase_add_loop_test(tc, references_that_lie, 0, N_ROWS(bad_refs));
	tcase_add_test(tc, rings_that_lie);
	tcase_add_test(tc, sequence_numbers_that_lie);
	tcase_add_test(tc, others_ports_cannot_be_given_away);
	tcase_add_test(tc, names_of_processes_are_escaped);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(relay_lies_suite());
}
