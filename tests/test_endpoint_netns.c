/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fd endpoints on AF_PACKET and TUN/TAP, inside a network namespace that each
 * test makes for itself. Skipped (77) where that is forbidden.
 */
#include "config.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include "tests/ep_util.h"

static void new_netns(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
}

static int ctl(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd;
}

static void set_up(const char *name, bool up)
{
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	ck_assert_int_eq(ioctl(ctl(), SIOCGIFFLAGS, &ifr), 0);
	ifr.ifr_flags =
		(short)(up ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP);
	ck_assert_int_eq(ioctl(ctl(), SIOCSIFFLAGS, &ifr), 0);
}

static void set_addr(const char *name, const char *addr)
{
	struct sockaddr_in *sin;
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	sin = (struct sockaddr_in *)&ifr.ifr_addr;
	sin->sin_family = AF_INET;
	inet_pton(AF_INET, addr, &sin->sin_addr);
	ck_assert_int_eq(ioctl(ctl(), SIOCSIFADDR, &ifr), 0);
	inet_pton(AF_INET, "255.255.255.0", &sin->sin_addr);
	ck_assert_int_eq(ioctl(ctl(), SIOCSIFNETMASK, &ifr), 0);
}

static void get_mac(const char *name, uint8_t *mac)
{
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	ck_assert_int_eq(ioctl(ctl(), SIOCGIFHWADDR, &ifr), 0);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
}

static int tun_open(const char *name, short flags)
{
	struct ifreq ifr = {.ifr_flags = (short)(flags | IFF_NO_PI)};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	ck_assert_int_eq(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

/* No router solicitations and the like between our frames. */
static void be_quiet(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6",
		 name);
	fd = open(path, O_WRONLY);
	if (fd >= 0) {
		ck_assert_int_eq(write(fd, "1", 1), 1);
		close(fd);
	}
}

/* A TAP interface: what is written to it can be seen by AF_PACKET. */
static int tap_up(void)
{
	int tap = tun_open("tap0", IFF_TAP);

	be_quiet("tap0");
	set_up("tap0", true);
	return tap;
}

static int packet_socket(const char *name)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ll.sll_ifindex = (int)if_nametoindex(name);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	return fd;
}

/* An Ethernet frame with an IPv4 UDP packet of flow @flow. */
static uint32_t make_frame(uint8_t *dst, const uint8_t *to, uint32_t len,
			   uint16_t flow)
{
	memcpy(dst, to, 6);
	memcpy(dst + 6, "\2\0\0\0\0\x77", 6);
	dst[12] = 8;
	dst[13] = 0;
	fill_frame(dst + 14, len, 4);
	dst[16] = (uint8_t)(len >> 8);
	dst[17] = (uint8_t)len;
	dst[20] = dst[21] = 0;
	dst[14 + 9] = 17;
	memcpy(dst + 26, "\x0a\1\1\1\x0a\1\1\2", 8);
	dst[34] = (uint8_t)(flow >> 8);
	dst[35] = (uint8_t)flow;
	return 14 + len;
}

static void tap_send(int tap, const uint8_t *to, uint32_t len, uint16_t flow)
{
	uint8_t frame[2048];
	uint32_t n = make_frame(frame, to, len, flow);

	ck_assert_int_eq(write(tap, frame, n), (ssize_t)n);
}

static struct fdnet_fd_options packet_options(const int *fds, unsigned int n,
					      int mode, const uint8_t *mac)
{
	struct fdnet_fd_options o = options(fds, n);

	o.ethernet_header = true;
	o.packet_dispatch_mode = (enum fdnet_dispatch_mode)mode;
	o.address = mac;
	o.address_len = 6;
	return o;
}

/* three modes x one or two fds x threads or polled */
START_TEST(af_packet_reads_and_writes)
{
	int mode = _i % 3, n = _i / 3 % 2 + 1, tap, fds[2], i, got;
	bool threads = _i / 6;
	struct fdnet_link_route route = {.remote = {2, 0, 0, 0, 0, 9}};
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep;
	struct pollfd pfd[2];
	uint8_t mac[6], buf[4096];

	new_netns();
	tap = tap_up();
	get_mac("tap0", mac);
	for (i = 0; i < n; i++)
		fds[i] = packet_socket("tap0");
	o = packet_options(fds, (unsigned int)n, mode, mac);
	ep = endpoint(&o);
	if (threads)
		attach_threads(ep);
	else
		attach_polled(ep);
	for (i = 0; i < 100; i++) {
		tap_send(tap, mac, 60 + (uint32_t)i * 10, (uint16_t)i);
		if (threads) /* a ring of 32 frames does not wait for us */
			sink_wait_pkts((unsigned int)i + 1);
		while (!threads && sink.pkts <= (unsigned int)i) {
			fdnet_endpoint_poll_set(ep, pfd, 2);
			ck_assert_int_ge(poll(pfd, (nfds_t)n, 10000), 1);
			ck_assert_int_ge(fdnet_endpoint_dispatch(ep, 0, 64), 0);
		}
	}
	sink_wait_pkts(100);
	if (n == 1) /* one fd: order */
		for (i = 0; i < 100; i++) {
			struct fdnet_pkt *pkt = sink_take();

			ck_assert_uint_eq(fdnet_pkt_total(pkt), 60 + i * 10);
			ck_assert_uint_eq(pkt->ethertype, 0x0800);
			ck_assert_int_eq(memcmp(pkt->link_dst, mac, 6), 0);
			fdnet_pkt_free(pkt);
		}
	/* out through the interface */
	ck_assert_int_eq(fdnet_endpoint_write_packet(ep, &route, NULL, 0x0800,
						     packet(ep, 200, 4)),
			 0);
	got = (int)read(tap, buf, sizeof(buf));
	ck_assert_int_eq(got, 214);
	ck_assert_int_eq(memcmp(buf, route.remote, 6), 0);
	ck_assert_int_eq(memcmp(buf + 6, mac, 6), 0);
	if (n == 2) { /* both were used */
		struct fdnet_endpoint_stats one, two;

		fdnet_endpoint_stats(ep, 0, &one);
		fdnet_endpoint_stats(ep, 1, &two);
		ck_assert_uint_gt(one.count[FDNET_EP_RX_PKTS], 10);
		ck_assert_uint_gt(two.count[FDNET_EP_RX_PKTS], 10);
	}
	fdnet_endpoint_free(ep);
	sink_clear();
}
END_TEST

START_TEST(foreign_unicast_is_dropped)
{
	static const uint8_t other[6] = {2, 1, 1, 1, 1, 1};
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep;
	uint8_t mac[6];
	int tap, fd;

	new_netns();
	tap = tap_up();
	get_mac("tap0", mac);
	fd = packet_socket("tap0");
	o = packet_options(&fd, 1, _i, mac);
	ep = endpoint(&o);
	attach_threads(ep);
	tap_send(tap, other, 100, 1);
	tap_send(tap, mac, 100, 1);
	sink_wait_pkts(1);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_FOREIGN), 1);
	fdnet_endpoint_free(ep);
	sink_clear();
}
END_TEST

START_TEST(interface_down_and_up_is_survived)
{
	struct timespec a, b, pause = {.tv_nsec = 100000000};
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep;
	uint8_t mac[6];
	int tap, fd;

	new_netns();
	tap = tap_up();
	get_mac("tap0", mac);
	fd = packet_socket("tap0");
	o = packet_options(&fd, 1, _i, mac);
	ep = endpoint(&o);
	attach_threads(ep);
	tap_send(tap, mac, 100, 1);
	sink_wait_pkts(1);
	set_up("tap0", false);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	nanosleep(&pause, NULL);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	/* the seed and its successors spin here */
	ck_assert_int_lt((b.tv_sec - a.tv_sec) * 1000 +
				 (b.tv_nsec - a.tv_nsec) / 1000000,
			 60);
	ck_assert_int_lt(fdnet_endpoint_write_packet(ep, NULL, NULL, 0x0800,
						     packet(ep, 200, 4)),
			 0);
	ck_assert_uint_eq(counter(ep, FDNET_EP_TX_DOWN), 1);
	set_up("tap0", true);
	tap_send(tap, mac, 100, 1);
	sink_wait_pkts(2);
	ck_assert_uint_eq(sink.closed, 0);
	fdnet_endpoint_free(ep);
	sink_clear();
}
END_TEST

START_TEST(fanout_survives_a_taken_group)
{
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep[3];
	uint8_t mac[6];
	int fds[3][2], i;

	new_netns();
	tap_up();
	tun_open("tap1", IFF_TAP);
	set_up("tap1", true);
	get_mac("tap0", mac);
	/* several at once, on two interfaces: the seed collides here */
	for (i = 0; i < 3; i++) {
		fds[i][0] = packet_socket(i == 1 ? "tap1" : "tap0");
		fds[i][1] = packet_socket(i == 1 ? "tap1" : "tap0");
		o = packet_options(fds[i], 2, i, mac);
		o.fanout_defrag = i == 2;
		ep[i] = endpoint(&o);
	}
	for (i = 0; i < 3; i++)
		fdnet_endpoint_free(ep[i]);
}
END_TEST

START_TEST(failing_ring_leaves_the_fds_as_they_were)
{
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep;
	const char *why;
	int fds[2], flags, vnet;
	socklen_t len = sizeof(vnet);

	new_netns();
	tap_up();
	fds[0] = packet_socket("tap0");
	fds[1] = packet_socket("tap0");
	flags = fcntl(fds[0], F_GETFL);
	o = packet_options(fds, 2, FDNET_DISPATCH_PACKET_MMAP,
			   (const uint8_t *)"\2\0\0\0\0\1");
	o.gso_max_size = 65536;
	o.ring_frames = 4096; /* 285 MB: one may do, the other is too much */
	if (fdnet_fd_endpoint_new(&o, &ep, &why) == 0) {
		fdnet_endpoint_free(ep); /* a large machine */
		return;
	}
	ck_assert_int_eq(fcntl(fds[0], F_GETFL), flags);
	ck_assert_int_eq(
		getsockopt(fds[0], SOL_PACKET, PACKET_VNET_HDR, &vnet, &len), 0);
	ck_assert_int_eq(vnet, 0);
	/* the ring is gone, so a new one can be made */
	o.ring_frames = 4;
	o.nfds = 1;
	ep = endpoint(&o);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(ring_overrun_is_counted)
{
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep;
	uint8_t mac[6];
	int tap, fd, i;

	new_netns();
	tap = tap_up();
	get_mac("tap0", mac);
	fd = packet_socket("tap0");
	o = packet_options(&fd, 1, FDNET_DISPATCH_PACKET_MMAP, mac);
	o.ring_frames = 8;
	ep = endpoint(&o);
	attach_polled(ep);
	for (i = 0; i < 50; i++)
		tap_send(tap, mac, 100, 1);
	ck_assert_int_ge(drain(ep), 0);
	ck_assert_uint_eq(sink.pkts, 8);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_RING_LOST), 42);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_RING_LOST), 42);
	/* and it goes on */
	tap_send(tap, mac, 100, 1);
	ck_assert_int_ge(drain(ep), 0);
	ck_assert_uint_eq(sink.pkts, 9);
	fdnet_endpoint_free(ep);
	sink_clear();
}
END_TEST

START_TEST(host_gso_over_af_packet)
{
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep;
	uint8_t mac[6], buf[4096];
	struct fdnet_pkt *pkt;
	int tap, fd, n, i;

	new_netns();
	tap = tap_up();
	get_mac("tap0", mac);
	fd = packet_socket("tap0");
	o = packet_options(&fd, 1, _i, mac);
	o.gso_max_size = 65536;
	ep = endpoint(&o);
	ck_assert_uint_eq(fdnet_endpoint_capabilities(ep) & FDNET_CAP_HARDWARE_GSO,
			  FDNET_CAP_HARDWARE_GSO);
	attach_threads(ep);
	/* inbound frames come with a vnet header, which is taken off */
	tap_send(tap, mac, 300, 1);
	sink_wait_pkts(1);
	ck_assert_uint_eq(fdnet_pkt_total(sink.first), 300);
	/* a burst is split by the kernel, with right lengths */
	pkt = packet(ep, 40 + 5000, 4);
	pkt->data[2] = 5040 >> 8;
	pkt->data[3] = 5040 & 255;
	pkt->data[6] = pkt->data[7] = 0;
	pkt->data[9] = 6;
	pkt->data[32] = 0x50;
	pkt->data[33] = 0x10;
	pkt->gso_size = 1000;
	pkt->gso_type = FDNET_GSO_TCPV4;
	pkt->flags = FDNET_PKT_CSUM_PARTIAL;
	pkt->csum_start = 20;
	pkt->csum_offset = 16;
	pkt->ethertype = 0x0800;
	ck_assert_int_eq(fdnet_endpoint_write_packet(ep, NULL, NULL, 0, pkt), 0);
	for (i = 0; i < 5; i++) {
		n = (int)read(tap, buf, sizeof(buf));
		ck_assert_int_eq(n, 14 + 40 + 1000);
	}
	fdnet_endpoint_free(ep);
	sink_clear();
}
END_TEST

/* ---- TUN and TAP ---- */

/* vnet header or not; the kernel answers our ping */
START_TEST(tun_answers_pings)
{
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep;
	struct fdnet_pkt *pkts[3], *pkt;
	int status[3], fd, i;
	bool vnet = _i & 1;
	uint8_t ping[28] = {0x45, 0, 0, 28, 0,	0, 0, 0, 64, 1, 0,    0,
			    10,	  9, 9, 2,  10, 9, 9, 1, 8,  0, 0xf7, 0xff};
	uint32_t sum = 0;

	new_netns();
	fd = tun_open("tun0", (short)(IFF_TUN | (vnet ? IFF_VNET_HDR : 0)));
	be_quiet("tun0");
	set_addr("tun0", "10.9.9.1");
	set_up("tun0", true);
	for (i = 0; i < 20; i += 2)
		sum += (uint32_t)(ping[i] << 8 | ping[i + 1]);
	sum = (sum >> 16) + (sum & 0xffff);
	ping[10] = (uint8_t)(~sum >> 8);
	ping[11] = (uint8_t)~sum;
	o = options(&fd, 1);
	o.packet_dispatch_mode = (enum fdnet_dispatch_mode)(_i / 2);
	o.gso_max_size = vnet ? 65536 : 0;
	ep = endpoint(&o);
	ck_assert_uint_eq(fdnet_endpoint_gso_max_size(ep), vnet ? 65536 : 0);
	attach_threads(ep);
	for (i = 0; i < 3; i++) {
		pkts[i] = fdnet_pkt_new(fdnet_endpoint_pool(ep));
		memcpy(fdnet_pkt_put(pkts[i], 28), ping, 28);
		pkts[i]->ethertype = 0x0800;
	}
	/* a batch on a device: the seed gives ENOTSOCK */
	ck_assert_int_eq(fdnet_endpoint_write_list(ep, pkts, 3, status), 3);
	sink_wait_pkts(3);
	while ((pkt = sink_take())) {
		ck_assert_uint_eq(fdnet_pkt_total(pkt), 28);
		ck_assert_uint_eq(pkt->data[20], 0); /* echo reply */
		ck_assert_uint_eq(pkt->ethertype, 0x0800);
		fdnet_pkt_free(pkt);
	}
	/* down: the packet is lost, the link is not */
	set_up("tun0", false);
	pkt = fdnet_pkt_new(fdnet_endpoint_pool(ep));
	memcpy(fdnet_pkt_put(pkt, 28), ping, 28);
	ck_assert_int_lt(fdnet_endpoint_write_packet(ep, NULL, NULL, 0, pkt), 0);
	set_up("tun0", true);
	pkt = fdnet_pkt_new(fdnet_endpoint_pool(ep));
	memcpy(fdnet_pkt_put(pkt, 28), ping, 28);
	ck_assert_int_eq(fdnet_endpoint_write_packet(ep, NULL, NULL, 0, pkt), 0);
	sink_wait_pkts(4);
	ck_assert_uint_eq(sink.closed, 0);
	fdnet_endpoint_free(ep);
	sink_clear();
}
END_TEST

START_TEST(tun_without_vnet_header_has_no_gso)
{
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep;
	int fd;

	new_netns();
	fd = tun_open("tun0", IFF_TUN);
	o = options(&fd, 1);
	o.gso_max_size = 65536;
	o.packet_dispatch_mode = FDNET_DISPATCH_PACKET_MMAP; /* ignored */
	ep = endpoint(&o);
	ck_assert_uint_eq(fdnet_endpoint_capabilities(ep), 0);
	ck_assert_uint_eq(fdnet_endpoint_gso_max_size(ep), 0);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(tap_carries_ethernet)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 5};
	struct fdnet_fd_options o;
	struct fdnet_endpoint *ep;
	int fd, sock, i;
	uint8_t frame[256];

	new_netns();
	fd = tap_up();
	sock = packet_socket("tap0");
	o = packet_options(&fd, 1, _i, mac);
	ep = endpoint(&o);
	attach_threads(ep);
	make_frame(frame, mac, 100, 1);
	for (i = 0; i < 10; i++)
		ck_assert_int_eq(send(sock, frame, 114, 0), 114);
	sink_wait_pkts(10);
	ck_assert_uint_eq(fdnet_pkt_total(sink.first), 100);
	ck_assert_int_eq(memcmp(sink.first->link_dst, mac, 6), 0);
	fdnet_endpoint_free(ep);
	sink_clear();
}
END_TEST

static Suite *netns_suite(void)
{
	Suite *s = suite_create("endpoint_netns");
	TCase *tc = tcase_create("packet");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, af_packet_reads_and_writes, 0, 12);
	tcase_add_loop_test(tc, foreign_unicast_is_dropped, 0, 3);
	tcase_add_loop_test(tc, interface_down_and_up_is_survived, 0, 3);
	tcase_add_test(tc, fanout_survives_a_taken_group);
	tcase_add_test(tc, failing_ring_leaves_the_fds_as_they_were);
	tcase_add_test(tc, ring_overrun_is_counted);
	tcase_add_loop_test(tc, host_gso_over_af_packet, 0, 3);
	suite_add_tcase(s, tc);

	tc = tcase_create("tun");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, tun_answers_pings, 0, 4);
	tcase_add_test(tc, tun_without_vnet_header_has_no_gso);
	tcase_add_loop_test(tc, tap_carries_ethernet, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

/* A child tries, so that the parent stays where it is. */
static bool can_have_netns(void)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0)
		_exit(unshare(CLONE_NEWNET) || open("/dev/net/tun", O_RDWR) < 0 ||
		      socket(AF_PACKET, SOCK_RAW, 0) < 0);
	waitpid(pid, &status, 0);
	return status == 0;
}

int main(void)
{
	if (!can_have_netns()) {
		puts("SKIP: needs CAP_NET_ADMIN, CAP_SYS_ADMIN and "
		     "/dev/net/tun to make a network namespace");
		return 77;
	}
	return run_suite(netns_suite());
}
