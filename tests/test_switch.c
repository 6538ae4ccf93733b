/* SPDX-License-Identifier: Apache-2.0 */
/* Packets between guests: headers, where they go, what the dead still say. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/limits.h"
#include "relay/switch.h"
#include "relay/synth.h"
#include "stack/wire/bytes.h"
#include "stack/wire/tcp.h"

#define SECOND 1000000ull
#define SYN FDNET_TH_SYN
#define ACK FDNET_TH_ACK
#define FIN FDNET_TH_FIN
#define RST FDNET_TH_RST

/* Guests: A listens on TCP 80 and has UDP 53, B and C only lease ports. */
#define A 1
#define B 2
#define C 3

static struct net net;
static struct registry registry;
static struct counters counters;
static struct switch_table sw;
static struct fdnet_pkt_pool *pool;
static uint16_t port_b, port_c;

/* The last packet that the switch made itself. */
static struct head said;
static uint32_t said_to;
static unsigned int nsaid;

static void take_said(void *arg, uint32_t guest, struct fdnet_pkt *pkt)
{
	ck_assert_int_eq(head_parse_pkt(pkt, &said), 0);
	said_to = guest;
	nsaid++;
	fdnet_pkt_free(pkt);
}

static void claim(uint32_t guest, uint8_t proto, uint16_t port)
{
	struct registry_claim c = { .proto = proto,
				    .ip.family = 4,
				    .port = port };

	ck_assert_int_eq(proto == 6 ? registry_listen(&registry, guest, &c) :
				      registry_bind(&registry, guest, &c),
			 0);
}

static void setup(void)
{
	uint16_t hi;

	net_init(&net);
	registry_init(&registry);
	memset(&counters, 0, sizeof(counters));
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 4, 0);
	sw = (struct switch_table){
		.net = &net,
		.registry = &registry,
		.counters = &counters,
		.pool = pool,
		.send = take_said,
	};
	switch_init(&sw);
	nsaid = 0;
	claim(A, 6, 80);
	claim(A, 17, 53);
	claim(A, 136, 77);
	ck_assert_int_eq(registry_lease_both(&registry, B, &port_b, &hi), 0);
	ck_assert_int_eq(registry_lease_both(&registry, C, &port_c, &hi), 0);
}

static void teardown(void)
{
	switch_done(&sw);
	ck_assert_uint_eq(sw.count, 0);
	registry_done(&registry);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(pool), 0);
	fdnet_pkt_pool_free(pool);
}

static struct fdnet_ip ip(const char *text)
{
	struct fdnet_ip ret;

	ck_assert_int_eq(fdnet_ip_parse(text, &ret), 0);
	return ret;
}

static struct head packet(uint8_t proto, const char *src, uint16_t sport,
			  const char *dst, uint16_t dport)
{
	return (struct head){
		.src = ip(src),
		.dst = ip(dst),
		.proto = proto,
		.has_ports = true,
		.sport = sport,
		.dport = dport,
	};
}

static enum switch_verdict route(uint32_t from, const struct head *head,
				 uint32_t *to)
{
	*to = 0;
	return switch_route(&sw, from, head, 0, to);
}

/* A segment between B's port and A's 80 over 127.0.0.1; @from_a: which way.
 * Returns who got it, or 0. */
static uint32_t segment(bool from_a, uint8_t flags, uint32_t seq, uint32_t ack,
			uint32_t len, uint64_t now_us)
{
	struct head head = packet(6, "127.0.0.1", from_a ? 80 : port_b,
				  "127.0.0.1", from_a ? port_b : 80);
	uint32_t to = 0;

	head.flags = flags;
	head.seq = seq;
	head.ack = ack;
	head.seg_len = len + !!(flags & SYN) + !!(flags & FIN);
	if (switch_route(&sw, from_a ? A : B, &head, now_us, &to) !=
	    SWITCH_FORWARD)
		return 0;
	return to;
}

/* B at 101, A at 501, nothing under way. */
static void establish(void)
{
	ck_assert_uint_eq(segment(false, SYN, 100, 0, 0, 0), A);
	ck_assert_uint_eq(segment(true, SYN | ACK, 500, 101, 0, 0), B);
	ck_assert_uint_eq(segment(false, ACK, 101, 501, 0, 0), A);
}

/* ---- headers ---- */

static const uint8_t tcp4[] = {
	0x45, 0, 0, 42, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2,
	0x12, 0x34, 0, 80, 0, 0, 0, 9, 0, 0, 0, 7, 0x50, 0x19, 1, 0, 0, 0, 0,
	0, 'h', 'i',
};

static const uint8_t udp6_frag[] = {
	0x60, 0, 0, 0, 0, 24, 0, 64, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0x15, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x03,
	44, 0, 0, 0, 0, 0, 0, 0,
	17, 0, 0, 1, 0, 0, 0, 5,
	0, 53, 0, 54, 0, 8, 0, 0,
};

static const uint8_t icmp4[] = {
	0x45, 0, 0, 56, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2,
	3, 3, 0, 0, 0, 0, 0, 0,
	0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 2, 2, 10, 0, 2, 15,
	0, 7, 0, 8, 0, 9, 0, 0,
};

START_TEST(headers_are_read)
{
	struct head head;

	ck_assert_int_eq(head_parse(tcp4, sizeof(tcp4), sizeof(tcp4), &head),
			 0);
	ck_assert_int_eq(head.proto, 6);
	ck_assert_int_eq(head.sport, 0x1234);
	ck_assert_int_eq(head.dport, 80);
	ck_assert_uint_eq(head.seq, 9);
	ck_assert_uint_eq(head.ack, 7);
	ck_assert_uint_eq(head.seg_len, 3);
	ck_assert_int_eq(head_parse(udp6_frag, sizeof(udp6_frag),
				    sizeof(udp6_frag), &head),
			 0);
	ck_assert_int_eq(head.proto, 17);
	ck_assert(head.fragment && head.has_ports);
	ck_assert_uint_eq(head.frag_id, 5);
	ck_assert_int_eq(head.dport, 54);
	ck_assert_int_eq(head_parse(icmp4, sizeof(icmp4), sizeof(icmp4),
				    &head),
			 0);
	ck_assert(head.icmp_error && head.has_inner);
	ck_assert_int_eq(head.inner.sport, 7);
	ck_assert_int_eq(head.inner.dport, 8);
}
END_TEST

static const struct {
	const uint8_t *data;
	uint32_t len;
} goods[] = {
	{ tcp4, sizeof(tcp4) },
	{ udp6_frag, sizeof(udp6_frag) },
	{ icmp4, sizeof(icmp4) },
};

START_TEST(mangled_headers_never_hurt)
{
	uint32_t len = goods[_i].len;
	struct head head;

	for (uint32_t cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc(cut ? cut : 1);

		memcpy(copy, goods[_i].data, cut);
		ck_assert_int_eq(head_parse(copy, cut, cut, &head), -EBADMSG);
		free(copy);
	}
	for (uint32_t at = 0; at < len; at++) {
		uint8_t *copy = malloc(len);

		memcpy(copy, goods[_i].data, len);
		for (int v = 0; v < 256; v++) {
			copy[at] = (uint8_t)v;
			if (!head_parse(copy, len, len, &head))
				ck_assert_uint_le(head.len, len);
		}
		free(copy);
	}
}
END_TEST

/* A header that says nothing of its length: the message's counts. */
START_TEST(big_packets_have_the_messages_length)
{
	uint8_t copy[sizeof(tcp4)];
	struct head head;

	memcpy(copy, tcp4, sizeof(copy));
	copy[2] = copy[3] = 0;
	ck_assert_int_eq(head_parse(copy, sizeof(copy), 200000, &head), 0);
	ck_assert_uint_eq(head.seg_len, 200000 - 40 + 1);
}
END_TEST

/* ---- who gets it ---- */

static const struct {
	const char *label;
	uint32_t from;
	uint8_t proto;
	const char *src;
	int sport; /* -2: B's port, -3: C's */
	const char *dst;
	int dport;
	enum switch_verdict verdict;
	uint32_t to;
} routes[] = {
	{ "to the world", B, 6, "10.0.2.15", -2, "8.8.8.8", 53, SWITCH_ENGINE,
	  0 },
	{ "v6 to the world", B, 6, "fd00::15", -2, "2001:db8::1", 53,
	  SWITCH_ENGINE, 0 },
	{ "to the gateway", B, 17, "10.0.2.15", -2, "10.0.2.2", 53,
	  SWITCH_ENGINE, 0 },
	{ "forged source", B, 6, "10.0.2.16", -2, "8.8.8.8", 53, SWITCH_DROP,
	  0 },
	{ "the gateway's source", B, 6, "10.0.2.2", -2, "10.0.2.15", 80,
	  SWITCH_DROP, 0 },
	{ "loopback to the world", B, 6, "127.0.0.1", -2, "8.8.8.8", 53,
	  SWITCH_DROP, 0 },
	{ "multicast", B, 17, "10.0.2.15", -2, "224.0.0.251", 5353,
	  SWITCH_DROP, 0 },
	{ "datagram to A", B, 17, "127.0.0.1", -2, "127.0.0.1", 53,
	  SWITCH_FORWARD, A },
	{ "datagram to A's address", B, 17, "10.0.2.15", -2, "10.0.2.15", 53,
	  SWITCH_FORWARD, A },
	{ "datagram to C's lease", B, 17, "127.0.0.1", -2, "127.0.0.1", -3,
	  SWITCH_FORWARD, C },
	{ "datagram to nobody", B, 17, "127.0.0.1", -2, "127.0.0.1", 54,
	  SWITCH_REFUSE, 0 },
	{ "datagram to itself", B, 17, "127.0.0.1", -2, "127.0.0.1", -2,
	  SWITCH_REFUSE, 0 },
	{ "datagram from another's port", B, 17, "127.0.0.1", -3, "127.0.0.1",
	  53, SWITCH_DROP, 0 },
	{ "datagram from A's port", B, 17, "127.0.0.1", 53, "127.0.0.1", -3,
	  SWITCH_DROP, 0 },
	{ "no v6 listener", B, 17, "::1", -2, "::1", 53, SWITCH_REFUSE, 0 },
	{ "UDP-Lite to A", B, 136, "127.0.0.1", -2, "127.0.0.1", 77,
	  SWITCH_FORWARD, A },
	{ "UDP-Lite to C's lease", B, 136, "10.0.2.15", -2, "10.0.2.15", -3,
	  SWITCH_FORWARD, C },
	{ "UDP-Lite to a port of UDP", B, 136, "127.0.0.1", -2, "127.0.0.1", 53,
	  SWITCH_REFUSE, 0 },
	{ "UDP-Lite from another's port", B, 136, "127.0.0.1", -3, "127.0.0.1",
	  77, SWITCH_DROP, 0 },
	{ "UDP-Lite to the world", B, 136, "10.0.2.15", -2, "8.8.8.8", 53,
	  SWITCH_PROHIBIT, 0 },
	{ "UDP-Lite to the gateway", B, 136, "10.0.2.15", -2, "10.0.2.2", 53,
	  SWITCH_PROHIBIT, 0 },
	{ "another protocol", B, 132, "10.0.2.15", -2, "8.8.8.8", 53,
	  SWITCH_DROP, 0 },
	{ "another protocol inside", B, 132, "127.0.0.1", -2, "127.0.0.1", 53,
	  SWITCH_DROP, 0 },
};

static uint16_t real_port(int port)
{
	return port == -2 ? port_b : port == -3 ? port_c : (uint16_t)port;
}

START_TEST(packets_go_where_they_belong)
{
	struct head head = packet(routes[_i].proto, routes[_i].src,
				  real_port(routes[_i].sport), routes[_i].dst,
				  real_port(routes[_i].dport));
	uint32_t to;

	ck_assert_msg(route(routes[_i].from, &head, &to) == routes[_i].verdict,
		      "%s", routes[_i].label);
	if (routes[_i].verdict == SWITCH_FORWARD)
		ck_assert_msg(to == routes[_i].to, "%s", routes[_i].label);
}
END_TEST

START_TEST(the_machines_name_servers_are_the_forwarder)
{
	struct head tcp = packet(6, "127.0.0.1", port_b, "127.0.0.53", 53);
	struct head udp = packet(17, "127.0.0.1", port_b, "127.0.0.53", 53);
	uint32_t to;

	tcp.flags = SYN;
	ck_assert_int_eq(route(B, &tcp, &to), SWITCH_REFUSE);
	net.host_dns[net.nhost_dns++] = ip("127.0.0.53");
	ck_assert_int_eq(route(B, &tcp, &to), SWITCH_ENGINE);
	/* a name server inside the sandbox comes first */
	ck_assert_int_eq(route(B, &udp, &to), SWITCH_FORWARD);
	ck_assert_uint_eq(to, A);
	tcp.dport = 54;
	ck_assert_int_eq(route(B, &tcp, &to), SWITCH_REFUSE);
}
END_TEST

START_TEST(echo_requests_stay_at_the_gateway)
{
	struct head head = packet(1, "10.0.2.15", 0, "10.0.2.2", 0);
	uint32_t to;

	head.has_ports = false;
	head.type = 8;
	ck_assert_int_eq(route(B, &head, &to), SWITCH_ENGINE);
	head.dst = ip("8.8.8.8");
	ck_assert_int_eq(route(B, &head, &to), SWITCH_PROHIBIT);
}
END_TEST

/* D is another sandbox's, at 10.0.2.16. */
#define D 9

static uint32_t the_peer(void *arg, const struct fdnet_ip *addr)
{
	struct fdnet_ip peer = ip("10.0.2.16");

	return fdnet_ip_equal(addr, &peer) ? D : 0;
}

static struct head echo(uint8_t type, const char *src, const char *dst,
			uint16_t id)
{
	struct head head = packet(1, src, 0, dst, 0);

	head.has_ports = false;
	head.type = type;
	head.echo_id = id;
	return head;
}

START_TEST(echo_requests_reach_other_sandboxes_and_answers_come_back)
{
	struct head ask = echo(8, "10.0.2.15", "10.0.2.16", 7);
	struct head told = echo(0, "10.0.2.16", "10.0.2.15", 7);
	uint32_t to;

	sw.find_peer = the_peer;
	/* nobody has asked */
	ck_assert_int_eq(route(D, &told, &to), SWITCH_DROP);
	ck_assert_int_eq(route(B, &ask, &to), SWITCH_FORWARD);
	ck_assert_uint_eq(to, D);
	ck_assert_int_eq(route(D, &told, &to), SWITCH_FORWARD);
	ck_assert_uint_eq(to, B);
	told.echo_id = 8;
	ck_assert_int_eq(route(D, &told, &to), SWITCH_DROP);
	/* asked by it, answered for all of us */
	ask = echo(8, "10.0.2.16", "10.0.2.15", 7);
	ck_assert_int_eq(route(D, &ask, &to), SWITCH_ECHO);
	/* in its name by one of our own */
	ck_assert_int_eq(route(B, &ask, &to), SWITCH_DROP);
	told.echo_id = 7;
	ck_assert_int_eq(route(B, &told, &to), SWITCH_DROP);
	/* our loopback is not its */
	ask.dst = ip("127.0.0.1");
	ck_assert_int_eq(route(D, &ask, &to), SWITCH_DROP);
	/* not asked for, from us */
	told = echo(0, "10.0.2.15", "10.0.2.16", 7);
	ck_assert_int_eq(route(B, &told, &to), SWITCH_DROP);
	/* the oldest is forgotten when too many were asked */
	ask = echo(8, "10.0.2.15", "10.0.2.16", 0);
	for (uint16_t id = 100; id < 100 + SWITCH_PINGS; id++) {
		ask.echo_id = id;
		ck_assert_int_eq(route(B, &ask, &to), SWITCH_FORWARD);
	}
	told = echo(0, "10.0.2.16", "10.0.2.15", 7);
	ck_assert_int_eq(route(D, &told, &to), SWITCH_DROP);
	told.echo_id = 100;
	ck_assert_int_eq(route(D, &told, &to), SWITCH_FORWARD);
}
END_TEST

START_TEST(errors_about_datagrams_find_the_sender)
{
	struct head head = packet(1, "127.0.0.1", 0, "127.0.0.1", 0);
	uint32_t to;

	head.icmp_error = head.has_inner = true;
	head.inner = (struct head_inner){ 17, ip("127.0.0.1"),
					  ip("127.0.0.1"), port_b, 53 };
	ck_assert_int_eq(route(A, &head, &to), SWITCH_FORWARD);
	ck_assert_uint_eq(to, B);
	/* C has nothing to do with it */
	ck_assert_int_eq(route(C, &head, &to), SWITCH_DROP);
	head.inner.proto = 6;
	ck_assert_int_eq(route(A, &head, &to), SWITCH_DROP);
}
END_TEST

START_TEST(fragments_follow_the_first)
{
	struct head head = packet(17, "127.0.0.1", port_b, "127.0.0.1", 53);
	uint32_t to;

	head.fragment = true;
	head.frag_id = 9;
	head.has_ports = false;
	ck_assert_int_eq(route(B, &head, &to), SWITCH_DROP);
	head.has_ports = true;
	ck_assert_int_eq(route(B, &head, &to), SWITCH_FORWARD);
	head.has_ports = false;
	ck_assert_int_eq(route(B, &head, &to), SWITCH_FORWARD);
	ck_assert_uint_eq(to, A);
	ck_assert_int_eq(route(C, &head, &to), SWITCH_DROP);
	switch_gone(&sw, A, 0);
	ck_assert_int_eq(route(B, &head, &to), SWITCH_DROP);
	head.proto = 6;
	head.has_ports = true;
	ck_assert_int_eq(route(B, &head, &to), SWITCH_DROP);
}
END_TEST

/* ---- TCP between guests ---- */

START_TEST(replies_follow_the_connection)
{
	struct registry_claim c = { .proto = 6, .ip.family = 4, .port = 80 };

	/* nothing before the SYN */
	ck_assert_uint_eq(segment(false, ACK, 101, 501, 5, 0), 0);
	ck_assert_uint_eq(segment(true, ACK, 501, 101, 5, 0), 0);
	establish();
	/* also when the listener has been closed */
	registry_unbind(&registry, A, &c);
	ck_assert_uint_eq(segment(false, ACK, 101, 501, 5, 0), A);
	ck_assert_uint_eq(segment(true, ACK, 501, 106, 5, 0), B);
	ck_assert_uint_eq(sw.count, 1);
	ck_assert_uint_eq(segment(true, RST, 506, 0, 0, 0), B);
	ck_assert_uint_eq(sw.count, 0);
}
END_TEST

START_TEST(both_sides_are_listed)
{
	struct fdnet_name local, peer;
	uint32_t n, guest, seen = 0;

	establish();
	for (n = 0; n < 2; n++) {
		uint32_t at = n;

		ck_assert_int_eq(switch_nth(&sw, &at, &guest, &local, &peer),
				 TCP_ESTABLISHED);
		ck_assert_uint_eq(local.port, guest == A ? 80 : port_b);
		ck_assert_uint_eq(peer.port, guest == A ? port_b : 80);
		seen |= 1u << guest;
	}
	ck_assert_uint_eq(seen, 1u << A | 1u << B);
	n = 5;
	ck_assert_int_eq(switch_nth(&sw, &n, &guest, &local, &peer), -ENOENT);
	ck_assert_uint_eq(n, 3);
}
END_TEST

START_TEST(others_cannot_speak_in_a_connection)
{
	struct head head = packet(6, "127.0.0.1", port_b, "127.0.0.1", 80);
	uint32_t to;

	establish();
	head.flags = RST;
	head.seq = 101;
	ck_assert_int_eq(route(C, &head, &to), SWITCH_DROP);
	ck_assert_int_eq(route(A, &head, &to), SWITCH_DROP);
	ck_assert_uint_eq(sw.count, 1);
	/* nor connect from a port that is not theirs */
	head = packet(6, "127.0.0.1", port_b + 1, "127.0.0.1", 80);
	head.flags = SYN;
	ck_assert_int_eq(route(C, &head, &to), SWITCH_DROP);
	head.dport = 81;
	ck_assert_int_eq(route(B, &head, &to), SWITCH_REFUSE);
}
END_TEST

/* ---- moving ---- */

/* @of_b: the initiator's side. */
static int move_side(bool of_b, uint32_t snd, uint32_t rcv, uint32_t from,
		     uint32_t to)
{
	struct switch_seqs seqs = { .snd = snd, .rcv = rcv };
	struct head head = packet(6, "127.0.0.1", port_b, "127.0.0.1", 80);
	struct fdnet_name b = { .ip = head.src, .port = port_b };
	struct fdnet_name a = { .ip = head.dst, .port = 80 };

	return switch_move(&sw, of_b ? &b : &a, of_b ? &a : &b, &seqs, from,
			   to, 0);
}

/* Who gets what @from says as the one side or the other; 0: nobody. */
static uint32_t heard_by(bool of_b, uint32_t from)
{
	struct head head = packet(6, "127.0.0.1", of_b ? port_b : 80,
				  "127.0.0.1", of_b ? 80 : port_b);
	uint32_t to = 0;

	head.flags = ACK;
	return route(from, &head, &to) == SWITCH_FORWARD ? to : 0;
}

START_TEST(a_side_that_moved_speaks_for_itself)
{
	establish();
	ck_assert_int_eq(move_side(true, 101, 501, A, C), -EPERM);
	ck_assert_int_eq(move_side(true, 101, 501, B, C), 0);
	ck_assert_uint_eq(heard_by(false, A), C);
	ck_assert_uint_eq(heard_by(true, C), A);
	ck_assert_uint_eq(heard_by(true, B), 0);
	/* both in one engine */
	ck_assert_int_eq(move_side(false, 501, 101, A, C), 0);
	ck_assert_uint_eq(sw.count, 0);
}
END_TEST

/* The switch knows one that has moved half, and ended unseen. The same names
 * are used again, inside A. */
START_TEST(an_earlier_connection_is_not_the_one_that_moves)
{
	bool of_b = _i;

	establish();
	ck_assert_int_eq(move_side(true, 101, 501, B, C), 0);
	ck_assert_int_eq(move_side(of_b, 7001, 9001, A, C), 0);
	ck_assert_uint_eq(sw.count, 1);
	ck_assert_uint_eq(heard_by(of_b, C), A);
	ck_assert_uint_eq(heard_by(!of_b, A), C);
	ck_assert_int_eq(move_side(!of_b, 9001, 7001, A, C), 0);
	ck_assert_uint_eq(sw.count, 0);
}
END_TEST

START_TEST(closed_connections_are_forgotten_after_a_while)
{
	establish();
	segment(false, FIN | ACK, 101, 501, 0, SECOND);
	ck_assert_uint_eq(switch_expiry(&sw), FDNET_NEVER);
	segment(true, FIN | ACK, 501, 102, 0, SECOND);
	ck_assert_uint_eq(segment(false, ACK, 102, 502, 0, SECOND), A);
	ck_assert_uint_eq(sw.count, 1);
	switch_advance(&sw, switch_expiry(&sw) - 1);
	ck_assert_uint_eq(sw.count, 1);
	switch_advance(&sw, switch_expiry(&sw));
	ck_assert_uint_eq(sw.count, 0);
	/* and the ports may be used again at once */
	establish();
	segment(false, FIN | ACK, 101, 501, 0, SECOND);
	segment(true, FIN | ACK, 501, 102, 0, SECOND);
	establish();
}
END_TEST

START_TEST(a_dead_side_says_fin_and_is_answered_for)
{
	establish();
	segment(true, ACK, 501, 101, 10, 0);
	switch_gone(&sw, A, 0);
	ck_assert_uint_eq(nsaid, 1);
	ck_assert_uint_eq(said_to, B);
	ck_assert_int_eq(said.flags, FIN | ACK);
	ck_assert_uint_eq(said.seq, 511);
	ck_assert_uint_eq(said.ack, 101);
	/* not acknowledged yet: it is repeated */
	ck_assert_uint_eq(segment(false, ACK, 101, 511, 0, 0), 0);
	switch_advance(&sw, SECOND);
	ck_assert_uint_eq(nsaid, 2);
	ck_assert_uint_eq(segment(false, ACK, 101, 512, 0, SECOND), 0);
	ck_assert_uint_eq(switch_expiry(&sw), FDNET_NEVER);
	/* B closes: its FIN is taken */
	segment(false, FIN | ACK, 101, 512, 0, SECOND);
	ck_assert_uint_eq(nsaid, 3);
	ck_assert_int_eq(said.flags, ACK);
	ck_assert_uint_eq(said.seq, 512);
	ck_assert_uint_eq(said.ack, 102);
	switch_advance(&sw, switch_expiry(&sw));
	ck_assert_uint_eq(sw.count, 0);
}
END_TEST

START_TEST(who_talks_to_the_dead_is_reset)
{
	establish();
	switch_gone(&sw, A, 0);
	ck_assert_uint_eq(segment(false, ACK, 101, 502, 5, 0), 0);
	ck_assert_uint_eq(nsaid, 2);
	ck_assert_int_eq(said.flags, RST | ACK);
	ck_assert_uint_eq(said.seq, 502);
	ck_assert_uint_eq(sw.count, 0);
}
END_TEST

START_TEST(unread_data_and_half_open_ones_are_reset)
{
	establish();
	segment(false, ACK, 101, 501, 5, 0);
	switch_gone(&sw, A, 0);
	ck_assert_int_eq(said.flags, RST | ACK);
	ck_assert_uint_eq(said.seq, 501);
	ck_assert_uint_eq(sw.count, 0);
	/* the SYN has not been answered */
	segment(false, SYN, 100, 0, 0, 0);
	switch_gone(&sw, A, 0);
	ck_assert_uint_eq(nsaid, 2);
	ck_assert_int_eq(said.flags, RST | ACK);
	ck_assert_uint_eq(said.seq, 0);
	ck_assert_uint_eq(said.ack, 101);
	ck_assert_uint_eq(sw.count, 0);
}
END_TEST

START_TEST(an_unanswered_fin_ends_in_a_reset)
{
	establish();
	switch_gone(&sw, A, 0);
	for (int i = 0; sw.count && i < 100; i++)
		switch_advance(&sw, switch_expiry(&sw));
	ck_assert_uint_eq(sw.count, 0);
	ck_assert_uint_eq(nsaid, 61);
	ck_assert_int_eq(said.flags, RST | ACK);
}
END_TEST

START_TEST(both_dead_leave_nothing)
{
	establish();
	switch_gone(&sw, A, 0);
	switch_gone(&sw, B, 0);
	ck_assert_uint_eq(sw.count, 0);
	ck_assert_uint_eq(switch_expiry(&sw), FDNET_NEVER);
}
END_TEST

/* Across the wrap-around of the sequence numbers. */
START_TEST(sequence_numbers_wrap)
{
	segment(false, SYN, 0xfffffff0, 0, 0, 0);
	segment(true, SYN | ACK, 0xfffffffe, 0xfffffff1, 0, 0);
	segment(false, ACK, 0xfffffff1, 0xffffffff, 32, 0);
	segment(true, ACK, 0xffffffff, 0x11, 16, 0);
	switch_gone(&sw, A, 0);
	ck_assert_int_eq(said.flags, FIN | ACK);
	ck_assert_uint_eq(said.seq, 15);
	ck_assert_uint_eq(said.ack, 0x11);
}
END_TEST

/* The initiator's SYN has no acknowledgment to compare the first one with,
 * which may be in the upper half of the numbers. */
START_TEST(a_dead_initiator_had_read_all)
{
	segment(false, SYN, 100, 0, 0, 0);
	segment(true, SYN | ACK, 0x90000000, 101, 0, 0);
	segment(false, ACK, 101, 0x90000001, 20, 0);
	segment(true, ACK, 0x90000001, 121, 0, 0);
	switch_gone(&sw, B, 0);
	ck_assert_uint_eq(said_to, A);
	ck_assert_int_eq(said.flags, FIN | ACK);
	ck_assert_uint_eq(said.seq, 121);
	ck_assert_uint_eq(said.ack, 0x90000001);
}
END_TEST

START_TEST(flows_are_limited_and_closed_ones_make_room)
{
	struct head head = packet(6, "127.0.0.1", port_b, "127.0.0.1", 80);
	uint32_t to;
	unsigned int n = 0;

	head.flags = SYN;
	head.seg_len = 1;
	/* other loopback addresses make other connections */
	for (uint32_t i = 0; i < LIMIT_SWITCH_FLOWS; i++) {
		fdnet_put32(head.src.bytes, 0x7f010000 + i);
		n += route(B, &head, &to) == SWITCH_FORWARD;
	}
	ck_assert_uint_eq(n, LIMIT_SWITCH_FLOWS);
	fdnet_put32(head.src.bytes, 0x7f020000);
	ck_assert_int_eq(route(B, &head, &to), SWITCH_REFUSE);
	ck_assert_uint_eq(counters.n[C_SWITCH_LIMIT], 1);
	/* one closes */
	fdnet_put32(head.src.bytes, 0x7f010000);
	head.flags = FIN | ACK;
	route(B, &head, &to);
	head = packet(6, "127.0.0.1", 80, "127.0.0.1", port_b);
	fdnet_put32(head.dst.bytes, 0x7f010000);
	head.flags = FIN | ACK;
	route(A, &head, &to);
	head = packet(6, "127.2.0.0", port_b, "127.0.0.1", 80);
	head.flags = SYN;
	ck_assert_int_eq(route(B, &head, &to), SWITCH_FORWARD);
}
END_TEST

/* ---- packets of our own ---- */

START_TEST(refusals_are_what_a_kernel_sends)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool), *answer;
	struct head head;

	memcpy(fdnet_pkt_put(pkt, sizeof(tcp4)), tcp4, sizeof(tcp4));
	ck_assert_int_eq(head_parse_pkt(pkt, &head), 0);
	answer = synth_reset(pool, &head);
	ck_assert_int_eq(head_parse_pkt(answer, &said), 0);
	ck_assert_int_eq(said.flags, RST);
	ck_assert_uint_eq(said.seq, 7);
	ck_assert_int_eq(said.dport, 0x1234);
	fdnet_pkt_free(answer);
	head.flags = SYN;
	answer = synth_reset(pool, &head);
	ck_assert_int_eq(head_parse_pkt(answer, &said), 0);
	ck_assert_int_eq(said.flags, RST | ACK);
	ck_assert_uint_eq(said.ack, 9 + 3);
	fdnet_pkt_free(answer);
	head.flags = RST;
	ck_assert_ptr_null(synth_reset(pool, &head));
	answer = synth_unreachable(pool, SYNTH_PROHIBITED, &head.dst, &head,
				   pkt);
	ck_assert_int_eq(head_parse_pkt(answer, &said), 0);
	ck_assert_int_eq(said.type, 3);
	ck_assert_int_eq(said.code, 13);
	ck_assert_int_eq(said.inner.sport, 0x1234);
	fdnet_pkt_free(answer);
	fdnet_pkt_free(pkt);
}
END_TEST

#define LOOP(tc, test, table)                                                  \
	tcase_add_loop_test(tc, test, 0, sizeof(table) / sizeof((table)[0]))

static Suite *switch_suite(void)
{
	Suite *s = suite_create("switch");
	TCase *tc = tcase_create("switch");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, headers_are_read);
	LOOP(tc, mangled_headers_never_hurt, goods);
	tcase_add_test(tc, big_packets_have_the_messages_length);
	LOOP(tc, packets_go_where_they_belong, routes);
	tcase_add_test(tc, the_machines_name_servers_are_the_forwarder);
	tcase_add_test(tc, echo_requests_stay_at_the_gateway);
	tcase_add_test(
		tc, echo_requests_reach_other_sandboxes_and_answers_come_back);
	tcase_add_test(tc, errors_about_datagrams_find_the_sender);
	tcase_add_test(tc, fragments_follow_the_first);
	tcase_add_test(tc, replies_follow_the_connection);
	tcase_add_test(tc, both_sides_are_listed);
	tcase_add_test(tc, others_cannot_speak_in_a_connection);
	tcase_add_test(tc, a_side_that_moved_speaks_for_itself);
	tcase_add_loop_test(tc, an_earlier_connection_is_not_the_one_that_moves,
			    0, 2);
	tcase_add_test(tc, closed_connections_are_forgotten_after_a_while);
	tcase_add_test(tc, a_dead_side_says_fin_and_is_answered_for);
	tcase_add_test(tc, who_talks_to_the_dead_is_reset);
	tcase_add_test(tc, unread_data_and_half_open_ones_are_reset);
	tcase_add_test(tc, an_unanswered_fin_ends_in_a_reset);
	tcase_add_test(tc, both_dead_leave_nothing);
	tcase_add_test(tc, sequence_numbers_wrap);
	tcase_add_test(tc, a_dead_initiator_had_read_all);
	tcase_add_test(tc, flows_are_limited_and_closed_ones_make_room);
	tcase_add_test(tc, refusals_are_what_a_kernel_sends);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(switch_suite());
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
