/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_ROUTE and the older ways to ask for interfaces: what is true of lo. */
#include "probe.h"

#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/epoll.h>
#include <sys/wait.h>

static int nl;
static char answer[65536];

struct request {
	struct nlmsghdr h;
	char body[64];
};

static long ask(int type, int flags, int family, size_t size)
{
	struct request r = {.h = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
				  .nlmsg_type = (uint16_t)type,
				  .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
				  .nlmsg_seq = 5}};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	r.body[0] = (char)family;
	return sendto(nl, &r, r.h.nlmsg_len, 0, (struct sockaddr *)&kernel,
		      sizeof(kernel)) == (ssize_t)r.h.nlmsg_len
		       ? 0
		       : -1;
}

/* The error the next datagram carries; 1: it is something else. */
static long error_in(void)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)answer;
	ssize_t len = recv(nl, answer, sizeof(answer), 0);

	if (len < (ssize_t)sizeof(*h) || h->nlmsg_type != NLMSG_ERROR)
		return 1;
	errno = -((struct nlmsgerr *)NLMSG_DATA(h))->error;
	return errno ? -1 : 0;
}

/* Reads a dump; is @type among it, and does it end? */
static void dump(const char *label, uint16_t type)
{
	struct sockaddr_nl from;
	socklen_t len;
	bool found = false, done = false, kernels = true, mine = true;
	struct sockaddr_nl own = {0};

	len = sizeof(own);
	getsockname(nl, (struct sockaddr *)&own, &len);
	while (!done) {
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)answer;
		ssize_t n;

		len = sizeof(from);
		n = recvfrom(nl, answer, sizeof(answer), 0,
			     (struct sockaddr *)&from, &len);
		if (n <= 0)
			break;
		kernels = kernels && len == sizeof(from) && from.nl_pid == 0 &&
			  from.nl_family == AF_NETLINK;
		for (; NLMSG_OK(h, (uint32_t)n); h = NLMSG_NEXT(h, n)) {
			found |= h->nlmsg_type == type;
			done |= h->nlmsg_type == NLMSG_DONE;
			mine = mine && h->nlmsg_pid == own.nl_pid &&
			       h->nlmsg_seq == 5 &&
			       (h->nlmsg_flags & NLM_F_MULTI);
		}
	}
	printf("%s: found %d done %d kernels %d mine %d\n", label, found, done,
	       kernels, mine);
}

static void sockets(void)
{
	struct sockaddr_nl name = {.nl_family = AF_NETLINK}, own;
	socklen_t len = sizeof(own);
	int value = 0, other;

	say(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE), "a stream");
	say(socket(AF_NETLINK, SOCK_RAW, 31), "an unknown family");
	nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	need(nl, "netlink socket");
	say(fcntl(nl, F_GETFD), "close-on-exec");
	say(getsockname(nl, (struct sockaddr *)&own, &len), "name, unbound");
	say(own.nl_pid, "port, unbound");
	say(bind(nl, (struct sockaddr *)&name, 4), "bind short");
	name.nl_family = AF_INET;
	say(bind(nl, (struct sockaddr *)&name, sizeof(name)), "bind wrong");
	name.nl_family = AF_NETLINK;
	say(bind(nl, (struct sockaddr *)&name, sizeof(name)), "bind");
	len = sizeof(own);
	say(getsockname(nl, (struct sockaddr *)&own, &len), "name");
	say(len, "length of the name");
	say(own.nl_pid == (uint32_t)getpid(), "port is the process");
	other = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE);
	say(bind(other, (struct sockaddr *)&own, sizeof(own)), "same port");
	say(bind(other, (struct sockaddr *)&name, sizeof(name)), "another");
	len = sizeof(own);
	getsockname(other, (struct sockaddr *)&own, &len);
	say((int32_t)own.nl_pid < 0, "its port is negative");
	len = sizeof(value);
	say(getsockopt(other, SOL_SOCKET, SO_TYPE, &value, &len), "SO_TYPE");
	say(value, "type");
	getsockopt(other, SOL_SOCKET, SO_DOMAIN, &value, &len);
	say(value, "domain");
	getsockopt(other, SOL_SOCKET, SO_PROTOCOL, &value, &len);
	say(value, "protocol");
	value = 1;
	say(setsockopt(nl, SOL_NETLINK, NETLINK_EXT_ACK, &value, sizeof(value)),
	    "extended acknowledgements");
	say(setsockopt(nl, SOL_NETLINK, 99, &value, sizeof(value)),
	    "unknown option");
	len = sizeof(value);
	say(getsockopt(nl, SOL_NETLINK, NETLINK_EXT_ACK, &value, &len),
	    "get it");
	say(value, "it is on");
	value = 0;
	setsockopt(nl, SOL_NETLINK, NETLINK_EXT_ACK, &value, sizeof(value));
	value = 32768;
	say(setsockopt(nl, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value)),
	    "SO_RCVBUF");
	say(listen(nl, 1), "listen");
	say(accept(nl, NULL, NULL), "accept");
	say(shutdown(nl, SHUT_WR), "shutdown");
	name.nl_family = AF_UNSPEC;
	say(connect(nl, (struct sockaddr *)&name, sizeof(name)), "disconnect");
	close(other);
}

static void requests(void)
{
	struct pollfd p = {.fd = nl, .events = POLLIN};
	struct epoll_event ev = {.events = EPOLLIN};
	struct ifinfomsg link = {.ifi_index = 1};
	struct request r = {.h = {.nlmsg_len = NLMSG_LENGTH(sizeof(link)),
				  .nlmsg_type = RTM_GETLINK,
				  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
				  .nlmsg_seq = 5}};
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)answer;
	int ep = epoll_create1(0);

	say(recv(nl, answer, sizeof(answer), MSG_DONTWAIT), "nothing asked");
	say(poll(&p, 1, 0), "nothing to read");
	say(ask(RTM_GETLINK, NLM_F_DUMP, AF_UNSPEC, sizeof(link)), "links");
	say(poll(&p, 1, 1000), "something to read");
	say(epoll_ctl(ep, EPOLL_CTL_ADD, nl, &ev), "epoll_ctl");
	say(epoll_wait(ep, &ev, 1, 1000), "epoll_wait");
	say(recv(nl, answer, 1, MSG_PEEK), "peek");
	say(recv(nl, answer, 1, MSG_PEEK | MSG_TRUNC) > 100, "true length");
	dump("links", RTM_NEWLINK);
	ask(RTM_GETADDR, NLM_F_DUMP, AF_INET, 8);
	dump("IPv4 addresses", RTM_NEWADDR);
	ask(RTM_GETADDR, NLM_F_DUMP, AF_UNSPEC, 1);
	dump("addresses, short form", RTM_NEWADDR);
	ask(RTM_GETROUTE, NLM_F_DUMP, AF_INET, 12);
	dump("routes", RTM_NEWROUTE);
	say(ask(RTM_MAX + 10, 0, 0, 16), "unknown request");
	say(error_in(), "unknown request, error");
	say(ask(RTM_GETLINK, 0, 0, 16), "no link");
	say(error_in(), "no link, error");
	say(ask(NLMSG_NOOP, NLM_F_ACK, 0, 0), "nothing");
	say(error_in(), "nothing, acknowledged");
	say(ask(RTM_GETADDR, 0, AF_INET, 8), "one address");
	say(error_in(), "one address, error");
	memcpy(r.body, &link, sizeof(link));
	say(write(nl, &r, r.h.nlmsg_len), "lo by index");
	say(recv(nl, answer, sizeof(answer), 0) > 0, "lo came");
	say(h->nlmsg_type, "lo, type");
	say(h->nlmsg_flags, "lo, flags");
	memcpy(&link, NLMSG_DATA(h), sizeof(link));
	say(link.ifi_index, "lo, index");
	say(link.ifi_type, "lo, hardware");
	say(link.ifi_flags & (IFF_UP | IFF_LOOPBACK), "lo, interface flags");
	say(error_in(), "lo, acknowledged");
	link = (struct ifinfomsg){.ifi_index = 999999};
	memcpy(r.body, &link, sizeof(link));
	say(send(nl, &r, r.h.nlmsg_len, 0), "no such index");
	say(error_in(), "no such index, error");
	say(send(nl, &r, 7, 0), "too short");
	say(recv(nl, answer, sizeof(answer), MSG_DONTWAIT), "and no answer");
	say(send(nl, &r, 8, MSG_OOB), "urgent");
	close(ep);
}

static void in_a_child(void)
{
	int status = 0;

	if (fork() == 0) {
		int fresh = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
		int copy = dup2(fresh, nl);

		if (copy != nl || ask(RTM_GETLINK, NLM_F_DUMP, 0, 16) < 0)
			_exit(1);
		dump("in a child", RTM_NEWLINK);
		_exit(0);
	}
	wait(&status);
	say(status, "child");
	ask(RTM_GETLINK, NLM_F_DUMP, 0, 16);
	dump("and here", RTM_NEWLINK);
}

static void ioctls(void)
{
	struct ifreq req = {.ifr_name = "lo"};
	struct in_addr addr;
	int fd = new_udp(0);

	say(ioctl(fd, SIOCGIFINDEX, &req), "SIOCGIFINDEX");
	say(req.ifr_ifindex, "index of lo");
	say(ioctl(fd, SIOCGIFADDR, &req), "SIOCGIFADDR");
	memcpy(&addr, &((struct sockaddr_in *)(void *)&req.ifr_addr)->sin_addr,
	       sizeof(addr));
	say_text(inet_ntoa(addr), "address of lo");
	say(ioctl(fd, SIOCGIFMTU, &req), "SIOCGIFMTU");
	say(req.ifr_mtu, "mtu of lo");
	say(ioctl(fd, SIOCGIFHWADDR, &req), "SIOCGIFHWADDR");
	say(req.ifr_hwaddr.sa_family, "hardware of lo");
	say(ioctl(fd, SIOCGIFTXQLEN, &req), "SIOCGIFTXQLEN");
	strcpy(req.ifr_name, "none0");
	say(ioctl(fd, SIOCGIFFLAGS, &req), "flags of none");
	say(ioctl(fd, SIOCGIFADDR, &req), "address of none");
	req.ifr_ifindex = 4444;
	say(ioctl(fd, SIOCGIFNAME, &req), "name of none");
	say(if_nametoindex("lo"), "if_nametoindex");
	say(if_nametoindex("none0") ? 0 : -1, "if_nametoindex of none");
	say_text(if_indextoname(1, answer) ? answer : "-", "if_indextoname");
	say(if_indextoname(4444, answer) ? 0 : -1, "if_indextoname of none");
	close(fd);
}

static void list(void)
{
	struct ifaddrs *all, *ifa;
	struct if_nameindex *names;
	bool packet = false, v4 = false;

	say(getifaddrs(&all), "getifaddrs");
	for (ifa = all; ifa; ifa = ifa->ifa_next) {
		if (strcmp(ifa->ifa_name, "lo") || !ifa->ifa_addr)
			continue;
		packet |= ifa->ifa_addr->sa_family == AF_PACKET &&
			  ifa->ifa_data;
		v4 |= ifa->ifa_addr->sa_family == AF_INET && ifa->ifa_netmask;
	}
	say_bool(packet, "lo as a link");
	say_bool(v4, "lo with an address");
	say_bool(all->ifa_flags & IFF_LOOPBACK, "the first is lo");
	freeifaddrs(all);
	names = if_nameindex();
	say_text(names[0].if_name, "if_nameindex");
	say(names[0].if_index, "its index");
	if_freenameindex(names);
}

int main(void)
{
	sockets();
	requests();
	in_a_child();
	ioctls();
	list();
	return 0;
}
