/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands beside datagrams of a socket that another process has used too:
 * control messages, errors, the error queue.
 */
#include "probe.h"

#include <linux/errqueue.h>
#include <sys/time.h>

/* Bound, and seen by a child; its port. */
static int shared_udp(uint16_t *ret_port)
{
	int fd = new_udp(0);
	struct timeval patience = {5, 0};

	need(bind_loopback(fd, 0), "bind");
	*ret_port = port_of(fd);
	use_in_child(fd);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void show(struct msghdr *msg, const char *what)
{
	struct in_pktinfo *info;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_SOCKET) {
			say(c->cmsg_type == SO_TIMESTAMP, "%s, its time", what);
			continue;
		}
		if (c->cmsg_level != IPPROTO_IP)
			continue;
		switch (c->cmsg_type) {
		case IP_TTL:
			say(*(int *)CMSG_DATA(c), "%s, ttl", what);
			break;
		case IP_TOS:
			say(*CMSG_DATA(c), "%s, tos", what);
			break;
		case IP_PKTINFO:
			info = (void *)CMSG_DATA(c);
			say(ntohl(info->ipi_addr.s_addr), "%s, to", what);
			say_bool(info->ipi_ifindex == 1, "on lo");
			break;
		default:
			say(c->cmsg_type, "%s, another", what);
		}
	}
	say(msg->msg_flags, "%s, flags", what);
}

static void receive(int fd, const char *what, size_t room)
{
	char buf[16], control[256];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = room};

	say(recvmsg(fd, &msg, 0), "%s", what);
	show(&msg, what);
}

static void control_in(void)
{
	int on = 1, tos = 8, ttl = 9, fd, other;
	uint16_t port;

	fd = shared_udp(&port);
	other = new_udp(0);
	say(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)),
	    "IP_PKTINFO");
	say(setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)),
	    "IP_RECVTTL");
	say(setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)),
	    "IP_RECVTOS");
	need(connect_loopback(other, port), "connect");
	send(other, "plain", 5, 0);
	receive(fd, "plain", 256);
	setsockopt(other, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	setsockopt(other, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	send(other, "marked", 6, 0);
	receive(fd, "marked", 256);
	send(other, "no room", 7, 0);
	receive(fd, "no room", 8);
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on));
	send(other, "time", 4, 0);
	receive(fd, "time", 256);
	on = 0;
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	send(other, "off", 3, 0);
	receive(fd, "off", 256);
	close(fd);
	close(other);
}

static long send_with(int fd, uint16_t port, int type, const void *data,
		      size_t len)
{
	union {
		struct cmsghdr align;
		char buf[64];
	} control = {0};
	struct sockaddr_in to = loopback(port);
	char out[] = "out";
	struct iovec iov = {out, 3};
	struct msghdr msg = {.msg_name = &to,
			     .msg_namelen = sizeof(to),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = CMSG_SPACE(len)};

	control.align.cmsg_level = IPPROTO_IP;
	control.align.cmsg_type = type;
	control.align.cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(&control.align), data, len);
	return sendmsg(fd, &msg, 0);
}

static void control_out(void)
{
	int on = 1, ttl = 17, tos = 24, bad = 999, fd, other;
	struct in_pktinfo from = {
		.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK)};
	uint16_t port, other_port;

	fd = shared_udp(&port);
	other = new_udp(0);
	need(bind_loopback(other, 0), "bind");
	other_port = port_of(other);
	setsockopt(other, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
	setsockopt(other, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
	say(send_with(fd, other_port, IP_TTL, &ttl, sizeof(ttl)),
	    "send with a ttl");
	receive(other, "of its ttl", 256);
	say(send_with(fd, other_port, IP_TOS, &tos, sizeof(tos)),
	    "send with a tos");
	receive(other, "of its tos", 256);
	say(send_with(fd, other_port, IP_PKTINFO, &from, sizeof(from)),
	    "send from an address");
	receive(other, "of its address", 256);
	say(send_with(fd, other_port, IP_TTL, &bad, sizeof(bad)),
	    "send with a bad ttl");
	say(send_with(fd, other_port, 77, &bad, sizeof(bad)),
	    "send with an unknown message");
	close(fd);
	close(other);
}

static void refused(void)
{
	uint16_t port = closed_port(SOCK_DGRAM);
	int fd = new_udp(0), i, rc;
	char buf[16];

	need(connect_loopback(fd, port), "connect");
	use_in_child(fd);
	say(send(fd, "x", 1, 0), "refused, send");
	say_bool(ready(fd, POLLIN | POLLERR) & (POLLIN | POLLERR),
		 "refused, something");
	say(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), "refused, recv");
	say(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), "refused, once");
	send(fd, "x", 1, 0);
	ready(fd, POLLIN | POLLERR);
	say(int_option(fd, SOL_SOCKET, SO_ERROR), "refused, SO_ERROR");
	say(int_option(fd, SOL_SOCKET, SO_ERROR), "refused, SO_ERROR again");
	say(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), "refused, told already");
	send(fd, "x", 1, 0);
	ready(fd, POLLIN | POLLERR);
	for (i = 0, rc = 0; i < 2 && rc >= 0; i++)
		rc = (int)send(fd, "x", 1, 0);
	say(rc, "refused, by a send");
	close(fd);
}

static void error_queue(void)
{
	uint16_t port = closed_port(SOCK_DGRAM);
	struct sockaddr_in to = loopback(port), about = {0};
	char buf[16], control[256];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_name = &about,
			     .msg_namelen = sizeof(about),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct sock_extended_err *ee;
	int fd = new_udp(0), on = 1;
	struct cmsghdr *c;

	need(bind_loopback(fd, 0), "bind");
	use_in_child(fd);
	say(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)),
	    "IP_RECVERR");
	say(recvmsg(fd, &msg, MSG_ERRQUEUE), "error queue, nothing");
	say(sendto(fd, "lost", 4, 0, (struct sockaddr *)&to, sizeof(to)),
	    "error queue, sendto");
	say_bool(ready(fd, POLLIN | POLLERR) & (POLLIN | POLLERR),
		 "error queue, something");
	msg.msg_controllen = sizeof(control);
	say(recvmsg(fd, &msg, MSG_ERRQUEUE), "error queue");
	say_bool(!memcmp(buf, "lost", 4), "what was lost");
	say(msg.msg_flags & MSG_ERRQUEUE, "its flag");
	say_bool(about.sin_port == to.sin_port, "where it was to go");
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR)
			continue;
		ee = (void *)CMSG_DATA(c);
		say(ee->ee_errno, "its error");
		say(ee->ee_origin, "its origin");
		say(ee->ee_type, "its type");
		say(ee->ee_code, "its code");
		say(ntohl(((struct sockaddr_in *)SO_EE_OFFENDER(ee))
				  ->sin_addr.s_addr),
		    "its offender");
	}
	msg.msg_controllen = sizeof(control);
	say(recvmsg(fd, &msg, MSG_ERRQUEUE), "error queue, no more");
	close(fd);
}

int main(void)
{
	control_in();
	control_out();
	refused();
	error_queue();
	return 0;
}
