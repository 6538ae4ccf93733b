/* SPDX-License-Identifier: Apache-2.0 */
/* Datagram sockets: boundaries, names, sizes, refusals. */
#include "probe.h"

static char data[70000], back[70000];

static void boundaries(void)
{
	int fds[2];
	struct iovec iov = {back, 4};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	udp_pair(fds);
	say(send(fds[0], data, 10, 0), "send 10");
	say(send(fds[0], data, 20, 0), "send 20");
	say(send(fds[0], data, 0, 0), "send none");
	say(recv(fds[1], back, 100, 0), "first");
	say(recv(fds[1], back, 5, 0), "second, cut");
	say(recv(fds[1], back, 100, 0), "third, empty");
	say(recv(fds[1], back, 100, MSG_DONTWAIT), "no fourth");
	send(fds[0], data, 30, 0);
	say(recv(fds[1], back, 5, MSG_TRUNC), "real length");
	send(fds[0], data, 30, 0);
	say(recv(fds[1], back, 5, MSG_PEEK), "peek");
	say(recv(fds[1], back, 100, MSG_PEEK | MSG_TRUNC), "peek at length");
	say(recvmsg(fds[1], &msg, 0), "message, cut");
	say(msg.msg_flags == MSG_TRUNC, "says that it is cut");
	close_pair(fds);
}

static void sizes(void)
{
	static const size_t all[] = {1,	    1472,  1473,  8000, 32768,
				     65506, 65507, 65508, 70000};
	int fds[2], big = 1 << 20;
	size_t i;

	udp_pair(fds);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		say(send(fds[0], data, all[i], 0), "send %zu", all[i]);
		if (all[i] <= 65507)
			say(recv(fds[1], back, sizeof(back), 0), "recv %zu",
			    all[i]);
	}
	close_pair(fds);
}

static void names(void)
{
	int a = new_udp(0), b = new_udp(0), c = new_udp(0);
	struct sockaddr_in sin = loopback(0), from = {0}, none = {0};
	socklen_t len = sizeof(from);

	need(bind_loopback(a, 0), "bind");
	need(bind_loopback(b, 0), "bind");
	sin.sin_port = htons(port_of(b));
	say(sendto(a, data, 5, 0, (struct sockaddr *)&sin, sizeof(sin)),
	    "sendto");
	say(recvfrom(b, back, 10, 0, (struct sockaddr *)&from, &len),
	    "recvfrom");
	say(len, "length of the name");
	say_bool(ntohs(from.sin_port) == port_of(a), "name of the sender");
	say_text(inet_ntoa(from.sin_addr), "its address");
	len = 4;
	sendto(a, data, 5, 0, (struct sockaddr *)&sin, sizeof(sin));
	say(recvfrom(b, back, 10, 0, (struct sockaddr *)&from, &len),
	    "recvfrom, short name");
	say(len, "full length of the name");
	say(sendto(a, data, 5, 0, NULL, 0), "sendto nobody");
	say(send(a, data, 5, 0), "send to nobody");
	say(sendto(c, data, 5, 0, (struct sockaddr *)&sin, 4),
	    "sendto, short name");
	sin.sin_port = 0;
	say(sendto(c, data, 5, 0, (struct sockaddr *)&sin, sizeof(sin)),
	    "sendto port 0");
	sin.sin_family = 77;
	say(sendto(c, data, 5, 0, (struct sockaddr *)&sin, sizeof(sin)),
	    "sendto another family");
	say(connect_loopback(c, port_of(b)), "connect");
	say(getpeername(c, (struct sockaddr *)&from, &len), "getpeername");
	sendto(a, data, 5, 0,
	       (struct sockaddr *)&(struct sockaddr_in){
		       .sin_family = AF_INET,
		       .sin_port = htons(port_of(c)),
		       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
	       sizeof(sin));
	sleep_ms(20);
	say(recv(c, back, 10, MSG_DONTWAIT),
	    "a connected one hears its peer only");
	none.sin_family = AF_UNSPEC;
	say(connect(c, (struct sockaddr *)&none, sizeof(none)), "disconnect");
	len = sizeof(from);
	say(getpeername(c, (struct sockaddr *)&from, &len),
	    "getpeername after it");
	say(send(c, data, 5, 0), "send after it");
	close(a);
	close(b);
	close(c);
}

static void refusals(void)
{
	int fd = new_udp(0), error = 0;
	socklen_t len = sizeof(error);
	struct sockaddr_in sin = loopback(9);

	need(connect_loopback(fd, closed_port(SOCK_DGRAM)), "connect");
	say(send(fd, data, 5, 0), "send to a closed port");
	ready(fd, POLLERR);
	say(recv(fd, back, 5, MSG_DONTWAIT), "it is refused");
	say(recv(fd, back, 5, MSG_DONTWAIT), "once");
	say(send(fd, data, 5, 0), "send again");
	ready(fd, POLLERR);
	say(send(fd, data, 5, 0), "refused at the next send");
	ready(fd, POLLERR);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	say(error == 0 || error == ECONNREFUSED, "SO_ERROR");
	close(fd);
	fd = new_udp(0);
	sin.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	say(sendto(fd, data, 5, 0, (struct sockaddr *)&sin, sizeof(sin)),
	    "broadcast without leave");
	sin.sin_port = htons(closed_port(SOCK_DGRAM));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	say(sendto(fd, data, 5, 0, (struct sockaddr *)&sin, sizeof(sin)),
	    "unconnected, to a closed port");
	sleep_ms(20);
	say(recv(fd, back, 5, MSG_DONTWAIT), "unconnected hears nothing of it");
	close(fd);
}

static void many(void)
{
	int fds[2], i;
	struct mmsghdr msgs[8];
	struct iovec iovs[8];

	udp_pair(fds);
	memset(msgs, 0, sizeof(msgs));
	for (i = 0; i < 8; i++) {
		iovs[i] = (struct iovec){data + i, i + 1};
		msgs[i].msg_hdr.msg_iov = &iovs[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	say(sendmmsg(fds[0], msgs, 8, 0), "sendmmsg");
	for (i = 0; i < 8; i++)
		iovs[i] = (struct iovec){back + 100 * i, 100};
	sleep_ms(20);
	say(recvmmsg(fds[1], msgs, 8, MSG_DONTWAIT, NULL), "recvmmsg");
	say(msgs[0].msg_len, "first length");
	say(msgs[7].msg_len, "last length");
	send(fds[0], data, 3, 0);
	say(recvmmsg(fds[1], msgs, 8, MSG_WAITFORONE, NULL),
	    "recvmmsg for one");
	close_pair(fds);
}

static void information(void)
{
	int fds[2], on = 1, value;
	char control[256];
	struct iovec iov = {back, 100};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg;

	udp_pair(fds);
	say(setsockopt(fds[1], IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)),
	    "ask for packet information");
	say(setsockopt(fds[1], IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)),
	    "ask for the TTL");
	send(fds[0], data, 7, 0);
	say(ready(fds[1], POLLIN) & POLLIN, "arrived");
	say(ioctl(fds[1], FIONREAD, &value), "FIONREAD");
	say(value, "length of the next");
	say(recvmsg(fds[1], &msg, 0), "recvmsg");
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg))
		say(cmsg->cmsg_level, "control message of type %d",
		    cmsg->cmsg_type);
	close_pair(fds);
}

/* A child uses the socket while this process sleeps in a call on it. */
static void touched_while_it_waits(void)
{
	int a = new_udp(0), status;
	struct sockaddr_in from = {0};
	socklen_t len = sizeof(from);
	pid_t pid;

	bind_loopback(a, 0);
	pid = fork();
	if (pid == 0) {
		int own = new_udp(0);
		struct sockaddr_in sin;

		sleep_ms(30);
		sin = loopback(port_of(a));
		sendto(own, data, 7, 0, (struct sockaddr *)&sin, sizeof(sin));
		_exit(recv(own, back, 100, 0) == 9 ? 0 : 1);
	}
	say(recvfrom(a, back, 100, 0, (struct sockaddr *)&from, &len),
	    "touched by a child while it waits");
	say(from.sin_family, "whom it is from");
	say(sendto(a, data, 9, 0, (struct sockaddr *)&from, len), "to him");
	waitpid(pid, &status, 0);
	say(status, "he has it");
	close(a);
}

int main(void)
{
	boundaries();
	sizes();
	names();
	refusals();
	many();
	information();
	touched_while_it_waits();
	return 0;
}
