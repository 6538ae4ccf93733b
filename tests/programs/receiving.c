/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams by every call that can send or receive one: unconnected and
 * connected, IPv4 and IPv6, whole, peeked at, cut, not there.
 */
#include "probe.h"

#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>

#define ROOM 64

static int family;
static char room[ROOM];

static socklen_t local(struct sockaddr_storage *sa, uint16_t port)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)sa;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)sa;

	memset(sa, 0, sizeof(*sa));
	if (family == AF_INET) {
		sin->sin_family = AF_INET;
		sin->sin_port = port;
		sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = port;
	sin6->sin6_addr = in6addr_loopback;
	return sizeof(*sin6);
}

/* Where the port is the same in both families. */
static uint16_t port_in(const struct sockaddr_storage *sa)
{
	return ((const struct sockaddr_in *)sa)->sin_port;
}

static int new_bound(struct sockaddr_storage *ret_name)
{
	int fd = socket(family, SOCK_DGRAM, 0);
	struct timeval patience = {5, 0};
	struct sockaddr_storage sa;
	socklen_t len = local(&sa, 0);

	need(fd, "socket");
	need(bind(fd, (struct sockaddr *)&sa, len), "bind");
	len = sizeof(*ret_name);
	need(getsockname(fd, (struct sockaddr *)ret_name, &len), "getsockname");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* What came, and how much of it; the rest of the room is as it was. */
static void came(long rc, const char *how, const char *by)
{
	char text[ROOM + 32];
	size_t i, end = 0;

	for (i = 0; i < sizeof(room); i++)
		if (room[i] != '.')
			end = i + 1;
	snprintf(text, sizeof(text), "%ld \"%.*s\"", rc, (int)end, room);
	printf("%s, %s: %s\n", how, by, rc < 0 ? strerrorname_np(errno) : text);
	fflush(stdout);
	memset(room, '.', sizeof(room));
}

static const char *whose(const struct sockaddr_storage *sa, socklen_t len,
			 const struct sockaddr_storage *other)
{
	if (!len)
		return "nobody's";
	return sa->ss_family == family && port_in(sa) == port_in(other) ?
		       "the other's" :
		       "another's";
}

static long by_splice(int fd)
{
	int pipes[2];
	long rc;

	need(pipe(pipes), "pipe");
	rc = splice(fd, NULL, pipes[1], NULL, 5, 0);
	if (rc > 0)
		rc = read(pipes[0], room, sizeof(room));
	close_pair(pipes);
	return rc;
}

/* Seven datagrams, "one" to "seven", are there. */
static void receive(int fd, const struct sockaddr_storage *other,
		    const char *how)
{
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);
	struct iovec two[2] = {{room, 2}, {room + 2, ROOM - 2}};
	struct msghdr msg = {.msg_name = &from,
			     .msg_namelen = sizeof(from),
			     .msg_iov = two,
			     .msg_iovlen = 2};
	struct mmsghdr several[4] = {{.msg_hdr = msg}, {.msg_hdr = msg}};
	long rc;

	came(recv(fd, room, ROOM, MSG_PEEK), how, "peek");
	came(read(fd, room, ROOM), how, "read");
	came(recv(fd, room, 2, MSG_PEEK | MSG_TRUNC), how, "peek at the length");
	came(recv(fd, room, 2, 0), how, "recv, cut");
	rc = recvfrom(fd, room, ROOM, 0, (struct sockaddr *)&from, &len);
	came(rc, how, "recvfrom");
	say_text(whose(&from, len, other), "whose");
	came(recvfrom(fd, room, ROOM, 0, NULL, NULL), how, "recvfrom nobody");
	rc = recvmsg(fd, &msg, 0);
	came(rc, how, "recvmsg");
	say_text(whose(&from, msg.msg_namelen, other), "whose");
	say(msg.msg_flags, "flags");
	rc = recvmmsg(fd, several, 1, 0, NULL);
	came(rc, how, "recvmmsg");
	say(several[0].msg_len, "its length");
	say_text(whose(&from, several[0].msg_hdr.msg_namelen, other), "whose");
	came(readv(fd, two, 2), how, "readv");
	came(recv(fd, room, ROOM, MSG_DONTWAIT), how, "no more");
}

static void send_all(int fd)
{
	static const char *const words[] = {"one",  "two", "three", "four",
					    "five", "six", "seven"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		say(send(fd, words[i], strlen(words[i]), 0), "send %s",
		    words[i]);
}

static void waiting(int fd, int other)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	struct timeval soon = {0, 10000}, patience = {5, 0};
	int ep = epoll_create1(0);

	memset(room, '.', sizeof(room));
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	say(epoll_wait(ep, &ev, 1, 0), "epoll, nothing");
	say(send(other, "", 0, 0), "send nothing");
	say(epoll_wait(ep, &ev, 1, 5000), "epoll, one");
	say(epoll_wait(ep, &ev, 1, 0), "epoll, the same");
	came(read(fd, room, ROOM), "nothing", "read");
	say(ready(fd, 0) & POLLIN, "poll after it");
	set_nonblock(fd);
	came(read(fd, room, ROOM), "not blocking", "read");
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	came(read(fd, room, ROOM), "in time", "read");
	came(recvfrom(fd, room, ROOM, 0, NULL, NULL), "in time", "recvfrom");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	say(send(other, "late", 4, 0), "send");
	came(by_splice(fd), "a pipe", "splice");
	recv(fd, room, ROOM, MSG_DONTWAIT); /* if it is still there */
	memset(room, '.', sizeof(room));
	close(ep);
}

/* To where the socket is connected, and elsewhere. */
static void sending(int fd, int third, const struct sockaddr_storage *where)
{
	char ab[] = "ab", cd[] = "cd";
	struct iovec two[2] = {{ab, 2}, {cd, 2}};
	struct msghdr msg = {.msg_iov = two, .msg_iovlen = 2};
	struct mmsghdr several[2] = {{.msg_hdr = msg}, {.msg_hdr = msg}};
	struct sockaddr_storage sa;
	char path[] = "/tmp/fdnet-receiving.XXXXXX";
	int file = mkstemp(path);
	socklen_t len = local(&sa, port_in(where));

	need(file, "mkstemp");
	unlink(path);
	need(write(file, "of a file", 9), "write");
	lseek(file, 0, SEEK_SET);
	say(write(fd, "written", 7), "write");
	say(writev(fd, two, 2), "writev");
	say(sendmsg(fd, &msg, 0), "sendmsg");
	say(sendmmsg(fd, several, 2, 0), "sendmmsg");
	say(several[1].msg_len, "of the second");
	say(sendfile(fd, file, NULL, 9), "sendfile");
	if (lseek(file, 0, SEEK_CUR) < 9)
		send(fd, "of a file", 9, 0);
	say(sendto(fd, "past", 4, 0, (struct sockaddr *)&sa, len),
	    "sendto another");
	came(recv(third, room, ROOM, 0), "another", "recv");
	msg.msg_name = &sa;
	msg.msg_namelen = len;
	say(sendmsg(fd, &msg, 0), "sendmsg to another");
	came(recv(third, room, ROOM, 0), "another", "recv");
	close(file);
}

static void sent(int fd)
{
	int i;

	for (i = 0; i < 6; i++)
		came(recv(fd, room, ROOM, 0), "sent", "recv");
}

int main(void)
{
	static const int families[] = {AF_INET, AF_INET6};
	struct sockaddr_storage a_name, b_name, c_name;
	int i, a, b, c;

	memset(room, '.', sizeof(room));
	for (i = 0; i < 2; i++) {
		family = families[i];
		a = new_bound(&a_name);
		b = new_bound(&b_name);
		c = new_bound(&c_name);
		need(connect(b, (struct sockaddr *)&a_name,
			     family == AF_INET ? sizeof(struct sockaddr_in) :
						 sizeof(struct sockaddr_in6)),
		     "connect");
		send_all(b);
		receive(a, &b_name, "unconnected");
		waiting(a, b);
		need(connect(a, (struct sockaddr *)&b_name,
			     family == AF_INET ? sizeof(struct sockaddr_in) :
						 sizeof(struct sockaddr_in6)),
		     "connect");
		send_all(b);
		receive(a, &b_name, "connected");
		waiting(a, b);
		sending(b, c, &c_name);
		sent(a);
		close(a);
		close(b);
		close(c);
	}
	return 0;
}
