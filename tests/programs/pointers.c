/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers that point nowhere, in every argument that is one. */
#include "probe.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static char data[64];

static void each_call(char *bad, const char *kind)
{
	struct iovec iov = {data, 8}, bad_iov = {bad, 8};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr vec = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	struct sockaddr_in sin = loopback(9);
	socklen_t len = sizeof(sin);
	int fds[2], udps[2], fd = new_tcp(0), file, value = 1;
	uint16_t port;
	int listener = new_listener(&port), client = new_tcp(0);

	tcp_pair(fds);
	udp_pair(udps);
	say(bind(fd, (void *)bad, sizeof(sin)), "%s, bind", kind);
	say(connect(fd, (void *)bad, sizeof(sin)), "%s, connect", kind);
	say(getsockname(fds[0], (void *)bad, &len), "%s, getsockname", kind);
	say(getsockname(fds[0], (void *)&sin, (void *)bad),
	    "%s, getsockname length", kind);
	say(getpeername(fds[0], (void *)bad, &len), "%s, getpeername", kind);
	say(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, bad, sizeof(int)),
	    "%s, setsockopt", kind);
	len = sizeof(int);
	say(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, bad, &len),
	    "%s, getsockopt", kind);
	say(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, (void *)bad),
	    "%s, getsockopt length", kind);

	say(send(fds[0], bad, 8, 0), "%s, send", kind);
	say(send(fds[0], bad, 0, 0), "%s, send nothing", kind);
	say(write(fds[0], bad, 8), "%s, write", kind);
	say(writev(fds[0], (void *)bad, 1), "%s, writev", kind);
	say(writev(fds[0], &bad_iov, 1), "%s, writev base", kind);
	say(sendto(udps[0], data, 8, 0, (void *)bad, sizeof(sin)),
	    "%s, sendto name", kind);
	say(sendto(udps[0], bad, 8, 0, NULL, 0), "%s, sendto", kind);
	say(sendmsg(fds[0], (void *)bad, 0), "%s, sendmsg", kind);
	msg.msg_iov = (void *)bad;
	say(sendmsg(fds[0], &msg, 0), "%s, sendmsg vector", kind);
	msg.msg_iov = &bad_iov;
	say(sendmsg(fds[0], &msg, 0), "%s, sendmsg base", kind);
	msg.msg_iov = &iov;
	msg.msg_control = bad;
	msg.msg_controllen = 32;
	say(sendmsg(udps[0], &msg, 0), "%s, sendmsg control", kind);
	msg.msg_control = NULL;
	msg.msg_controllen = 0;
	say(sendmmsg(udps[0], (void *)bad, 1, 0), "%s, sendmmsg", kind);

	say(recv(fds[1], bad, 8, MSG_DONTWAIT), "%s, recv, nothing there",
	    kind);
	need(send(fds[0], data, 16, 0), "send");
	ready(fds[1], POLLIN);
	say(recv(fds[1], bad, 8, 0), "%s, recv", kind);
	say(read(fds[1], bad, 8), "%s, read", kind);
	say(readv(fds[1], &bad_iov, 1), "%s, readv base", kind);
	say(readv(fds[1], (void *)bad, 1), "%s, readv", kind);
	say(recvmsg(fds[1], (void *)bad, 0), "%s, recvmsg", kind);
	say(recv(fds[1], bad, 4, MSG_TRUNC), "%s, recv to throw away", kind);
	say(recv(fds[1], data, sizeof(data), 0), "%s, what is left", kind);
	need(send(udps[0], data, 8, 0), "send");
	ready(udps[1], POLLIN);
	say(recv(udps[1], bad, 8, 0), "%s, recv datagram", kind);
	say(recv(udps[1], data, 8, MSG_DONTWAIT), "%s, it is gone", kind);
	need(send(udps[0], data, 8, 0), "send");
	ready(udps[1], POLLIN);
	len = sizeof(sin);
	say(recvfrom(udps[1], data, 8, 0, (void *)bad, &len),
	    "%s, recvfrom name", kind);
	need(send(udps[0], data, 8, 0), "send");
	ready(udps[1], POLLIN);
	say(recvfrom(udps[1], data, 8, 0, (void *)&sin, (void *)bad),
	    "%s, recvfrom length", kind);
	say(recvmmsg(udps[1], (void *)bad, 1, MSG_DONTWAIT, NULL),
	    "%s, recvmmsg", kind);
	say(recvmmsg(udps[1], &vec, 1, MSG_DONTWAIT, (void *)bad),
	    "%s, recvmmsg time", kind);

	say(poll((void *)bad, 1, 0), "%s, poll", kind);
	say(select(fds[0] + 1, (void *)bad, NULL, NULL,
		   &(struct timeval){0, 0}), "%s, select", kind);
	value = epoll_create1(0);
	say(epoll_ctl(value, EPOLL_CTL_ADD, fds[0], (void *)bad),
	    "%s, epoll_ctl", kind);
	epoll_ctl(value, EPOLL_CTL_ADD, fds[0],
		  &(struct epoll_event){.events = EPOLLOUT});
	say(epoll_wait(value, (void *)bad, 1, 0), "%s, epoll_wait", kind);
	close(value);
	say(ioctl(fds[0], FIONREAD, bad), "%s, FIONREAD", kind);
	say(ioctl(fds[0], FIONBIO, bad), "%s, FIONBIO", kind);
	say(ioctl(fds[0], SIOCATMARK, bad), "%s, SIOCATMARK", kind);
	say(ioctl(fds[0], 0x8913, bad), "%s, SIOCGIFFLAGS", kind);
	file = open("/proc/self/exe", O_RDONLY);
	say(sendfile(fds[0], file, (void *)bad, 8), "%s, sendfile", kind);
	close(file);

	need(connect_loopback(client, port), "connect");
	len = sizeof(sin);
	say(accept(listener, (void *)bad, &len) < 0 ? -1 : 0, "%s, accept",
	    kind);
	need(connect_loopback(fd, port), "connect");
	say(accept(listener, (void *)&sin, (void *)bad) < 0 ? -1 : 0,
	    "%s, accept length", kind);
	close(listener);
	close(client);
	close(fd);
	close_pair(fds);
	close_pair(udps);
}

/* A buffer that begins well and ends badly. */
static void half(char *page, long size)
{
	int fds[2];

	tcp_pair(fds);
	say(getsockopt(fds[0], SOL_SOCKET, SO_ERROR, page + size - 2,
		       &(socklen_t){4}), "half, getsockopt");
	say(send(fds[0], page + size - 4, 4, 0), "just before the end, send");
	ready(fds[1], POLLIN);
	say(recv(fds[1], page + size - 4, 4, 0), "just before the end, recv");
	close_pair(fds);
}

int main(void)
{
	long size = sysconf(_SC_PAGESIZE);
	char *closed = mmap(NULL, (size_t)size, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *two = mmap(NULL, (size_t)size * 2, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	signal(SIGPIPE, SIG_IGN);
	each_call(NULL, "null");
	each_call((char *)8, "eight");
	each_call((char *)-4096, "minus");
	each_call(closed, "closed");
	mprotect(two + size, (size_t)size, PROT_NONE);
	half(two, size);
	munmap(closed, (size_t)size);
	each_call(closed, "unmapped");
	return 0;
}
