/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host on a TAP device that gets its address from a DHCP server, says what
 * it got, and answers pings until it is ended (then it gives the lease back).
 * cc dhcp.c $(pkg-config --cflags --libs libfdnetstack)
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>

#include <fdnet/endpoint.h>
#include <fdnet/stack.h>

static volatile sig_atomic_t ended;

static void end(int sig)
{
	ended = 1;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void deliver(void *stack, struct fdnet_endpoint *e, struct fdnet_pkt *pkt)
{
	fdnet_stack_input(stack, pkt);
}

static int open_tap(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
	return fd < 0 || ioctl(fd, TUNSETIFF, &ifr) ? -1 : fd;
}

static void send_all(struct fdnet_stack *stack, struct fdnet_endpoint *ep)
{
	struct fdnet_pkt *pkt;

	while ((pkt = fdnet_stack_output(stack)))
		fdnet_endpoint_write_packet(ep, NULL, NULL, 0, pkt);
}

static void tell(const struct fdnet_lease *lease)
{
	char addr[FDNET_IP_STRLEN], via[FDNET_IP_STRLEN], dns[FDNET_IP_STRLEN];
	struct fdnet_ip none = { 0 };

	printf("%s/%u via %s dns %s mtu %u\n",
	       fdnet_ip_format(&lease->addr, addr), lease->bits,
	       fdnet_ip_format(&lease->router, via),
	       fdnet_ip_format(lease->ndns ? &lease->dns[0] : &none, dns),
	       lease->mtu);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const struct fdnet_dispatcher disp = { .deliver = deliver };
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	int fd = argc == 2 ? open_tap(argv[1]) : -1;
	struct fdnet_fd_options opts = { .fds = &fd, .nfds = 1, .mtu = 1500,
					 .ethernet_header = true,
					 .address = mac, .address_len = 6 };
	struct fdnet_stack_config cfg;
	struct fdnet_lease lease;
	struct fdnet_endpoint *ep;
	struct fdnet_stack *stack;
	bool told = false;

	signal(SIGTERM, end);
	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.mtu = 1500;
	cfg.ethernet = true;
	memcpy(cfg.link_addr, mac, 6);
	if (fd < 0 || getrandom(cfg.seed, sizeof(cfg.seed), 0) < 0 ||
	    fdnet_fd_endpoint_new(&opts, &ep, NULL)) {
		fprintf(stderr, "usage: dhcp TAP-DEVICE\n");
		return 2;
	}
	cfg.pool = fdnet_endpoint_pool(ep);
	if (fdnet_stack_new(&cfg, now_us(), &stack) ||
	    fdnet_endpoint_attach(ep, &disp, stack, FDNET_ATTACH_POLLED) ||
	    fdnet_stack_dhcp_start(stack))
		return 1;
	while (!ended) {
		struct pollfd pfd;

		send_all(stack, ep);
		fdnet_endpoint_poll_set(ep, &pfd, 1);
		poll(&pfd, 1, 50);
		fdnet_stack_set_time(stack, now_us());
		fdnet_endpoint_dispatch(ep, now_us(), 64);
		fdnet_stack_advance(stack);
		if (!told && !fdnet_stack_dhcp_lease(stack, &lease)) {
			told = true;
			tell(&lease);
		}
	}
	fdnet_stack_dhcp_stop(stack);
	send_all(stack, ep);
	fdnet_stack_free(stack);
	fdnet_endpoint_free(ep);
	return 0;
}
