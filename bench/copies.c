/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a relay may send what a program has written into memory of both, and
 * what each copy of a bulk byte costs: an upload over the kernel's loopback.
 *
 *   copies [-t SECONDS]          all ways, in Gbit/s
 *
 * native     the program sends by itself: two copies, two processes
 * send       the program copies into a block, the relay sends it: three
 *            copies, three processes; fdnet's way, and any relay's that must
 *            not trust the program
 * zerocopy   likewise with MSG_ZEROCOPY; the block is free again when the
 *            kernel says so
 * sendfile   likewise, by reference to the block's pages. On loopback the
 *            receiver reads those, which by then may have been written again:
 *            what arrives is wrong, and the figure is a bound
 * splice     likewise, by vmsplice() and splice()
 * lend       the relay sends out of the program's own memory: no copy into a
 *            block. Only where a program's buffers are shared memory, and it
 *            does not touch them again: no libc call promises that
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/floor.h"
#include "bench/load.h"

#define BLOCKS	   32u
#define BLOCK_SIZE (64u << 10)
#define AREA	   (BLOCKS * BLOCK_SIZE)

enum way { NATIVE, SEND, ZEROCOPY, SENDFILE, SPLICE, LEND, WAYS };
static const char *const names[WAYS] = {
	"native", "send", "zerocopy", "sendfile", "splice", "lend",
};

static double secs = 1;
static uint8_t *area, *own;
static int area_fd, sock, pipe_fds[2];

/* ---- the server ---- */

static void serve(int listener, int result)
{
	uint8_t *buf = malloc(LOAD_BUF);
	uint64_t bytes = 0;
	double start;
	int fd = accept(listener, NULL, NULL);
	ssize_t n;

	load_check(fd >= 0 && buf, "accept");
	start = load_now();
	while ((n = recv(fd, buf, LOAD_BUF, 0)) > 0)
		bytes += (uint64_t)n;
	start = (double)bytes * 8 / (load_now() - start) / 1e9;
	load_check(write(result, &start, sizeof(start)) == sizeof(start),
		   "result");
	_exit(0);
}

/* ---- the relay ---- */

static void give_back(uint32_t block)
{
	while (!floor_put(&block, sizeof(block), NULL, 0))
		;
}

/* The kernel's word that blocks are free, which it gives in order. Returns how
 * many. */
static unsigned int completed(void)
{
	char control[128];
	struct msghdr msg = {.msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct sock_extended_err err;

	if (recvmsg(sock, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return 0;
	memcpy(&err, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(err));
	return err.ee_data - err.ee_info + 1;
}

static void send_copied(enum way way, uint32_t block)
{
	const uint8_t *base = way == LEND ? own : area;
	int flags = way == ZEROCOPY ? MSG_ZEROCOPY : 0;

	load_check(send(sock, base + block * BLOCK_SIZE, BLOCK_SIZE, flags) ==
			   BLOCK_SIZE,
		   "send");
}

static void send_pages(enum way way, uint32_t block)
{
	struct iovec iov = {area + block * BLOCK_SIZE, BLOCK_SIZE};
	off_t at = (off_t)block * BLOCK_SIZE;
	ssize_t n;

	for (size_t done = 0; done < BLOCK_SIZE; done += (size_t)n) {
		if (way == SENDFILE) {
			n = sendfile(sock, area_fd, &at, BLOCK_SIZE - done);
		} else {
			if (iov.iov_len) {
				n = vmsplice(pipe_fds[1], &iov, 1, 0);
				load_check(n > 0, "vmsplice");
				iov.iov_base = (uint8_t *)iov.iov_base + n;
				iov.iov_len -= (size_t)n;
			}
			n = splice(pipe_fds[0], NULL, sock, NULL,
				   BLOCK_SIZE - done, 0);
		}
		load_check(n > 0, "sendfile");
	}
}

static void run_relay(enum way way)
{
	uint32_t block, sent[BLOCKS], first = 0, n = 0;
	struct epoll_event events[FLOOR_BATCH];

	for (;;) {
		for (int i = floor_wait(events); i > 0; i--)
			floor_still_bell();
		while (floor_get(&block)) {
			if (way == SENDFILE || way == SPLICE)
				send_pages(way, block);
			else
				send_copied(way, block);
			if (way != ZEROCOPY) {
				give_back(block);
				continue;
			}
			sent[(first + n++) % BLOCKS] = block;
		}
		for (unsigned int k = n ? completed() : 0; k > 0; k--, n--)
			give_back(sent[first++ % BLOCKS]);
		while (n == BLOCKS) {
			unsigned int k = completed();

			for (; k > 0; k--, n--)
				give_back(sent[first++ % BLOCKS]);
		}
	}
}

/* ---- the program ---- */

static void run_program(enum way way, double end)
{
	uint32_t spare[BLOCKS], n = 0, block, at = 0;

	while (n < BLOCKS)
		spare[n] = n, n++;
	while (load_now() < end) {
		while (floor_get(&block))
			spare[n++] = block;
		if (!n) {
			floor_sleep();
			continue;
		}
		block = spare[--n];
		if (way != LEND)
			memcpy(area + block * BLOCK_SIZE,
			       own + at++ % 4 * BLOCK_SIZE, BLOCK_SIZE);
		while (!floor_put(&block, sizeof(block), NULL, 0))
			;
	}
}

static void run_native(double end)
{
	for (uint32_t at = 0; load_now() < end; at += 2)
		load_check(send(sock, own + at % 4 * BLOCK_SIZE, 2 * BLOCK_SIZE,
				0) > 0,
			   "send");
}

/* ---- all three ---- */

static void dial(int listener, enum way way)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int one = 1;

	getsockname(listener, (struct sockaddr *)&sin, &len);
	sock = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(sock, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (way == ZEROCOPY)
		load_check(!setsockopt(sock, SOL_SOCKET, SO_ZEROCOPY, &one,
				       sizeof(one)),
			   "SO_ZEROCOPY");
	load_check(!connect(sock, (struct sockaddr *)&sin, len), "connect");
}

static double measure(enum way way)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), result[2];
	pid_t server, relay = 0;
	uint8_t *none;
	double gbps = 0;

	load_check(!bind(listener, (struct sockaddr *)&sin, sizeof(sin)) &&
			   !listen(listener, 1) && !pipe(result),
		   "listen");
	server = fork();
	if (!server)
		serve(listener, result[1]);
	dial(listener, way);
	if (way != NATIVE) {
		relay = floor_fork(0, &none);
		if (!relay)
			run_relay(way);
		close(sock);
		run_program(way, load_now() + secs);
		kill(relay, SIGKILL);
		waitpid(relay, NULL, 0);
	} else {
		run_native(load_now() + secs);
		close(sock);
	}
	if (read(result[0], &gbps, sizeof(gbps)) != sizeof(gbps))
		gbps = 0;
	waitpid(server, NULL, 0);
	close(result[0]);
	close(result[1]);
	close(listener);
	return gbps;
}

int main(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "t:w:")) != -1) {
		if (c == 't')
			secs = atof(optarg);
		else if (c == 'w')
			floor_awake_us = atoi(optarg);
		else
			return 64;
	}
	area_fd = memfd_create("copies", MFD_CLOEXEC);
	load_check(area_fd >= 0 && !ftruncate(area_fd, AREA) && !pipe(pipe_fds),
		   "memfd_create");
	fcntl(pipe_fds[1], F_SETPIPE_SZ, 1 << 20);
	area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED, area_fd, 0);
	own = mmap(NULL, AREA, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	load_check(area != MAP_FAILED && own != MAP_FAILED, "mmap");
	memset(own, 'x', AREA);
	memset(area, 'y', AREA);
	for (enum way way = 0; way < WAYS; way++)
		printf("%s=%.1f%s", names[way], measure(way),
		       way + 1 < WAYS ? " " : "\n");
	return 0;
}
