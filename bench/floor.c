/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a relay costs if it is nothing but a relay: the traffic of bench/load,
 * from a process that has no stack, by way of one that has none either.
 *
 *   floor rr ADDR PORT [-n CONNECTIONS | -j THREADS]   1 byte there and back
 *   floor crr ADDR PORT [-n CONNECTIONS]       a connection for each
 *   floor stream|maerts ADDR PORT              bulk up, down
 *   floor udpstream|udpmaerts ADDR PORT -l BYTES
 *   -t SECONDS   -w MICROSECONDS that both wait awake before they sleep
 *
 * How it works: as fdnet does where it is fastest. The two processes share
 * memory, which has a ring each way (endpoint/ring.h) for messages, and blocks
 * of 64 KiB for bulk, which is copied into one, sent from there, and the other
 * way round. Whoever sleeps is woken by an eventfd. What fdnet takes more time
 * for than this is its own; what this takes more time for than the native
 * loopback is what two more hops cost on this machine. The server is load's,
 * and so is what is printed.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/floor.h"
#include "bench/load.h"

#define BLOCKS	   96
#define BLOCK_SIZE 65536u
#define CONNS_MAX  1024
#define BATCH	   FLOOR_BATCH

static struct {
	const char *mode;
	double secs;
	size_t size;
	int conns, threads;
} opt = {.secs = 1, .size = 64, .conns = 1, .threads = 1};

static uint8_t *blocks;
static uint32_t spare[BLOCKS], nspare;
static struct sockaddr_in server;
static uint8_t scratch[LOAD_BUF];

/* ---- the program's side ---- */

static uint64_t program_rr(double end)
{
	uint64_t n = 0;
	struct floor_note note;

	if (opt.threads > 1)
		return floor_threads_program(opt.threads, end);
	for (int i = 0; i < opt.conns; i++)
		floor_put_note((uint32_t)i, 1);
	while (load_now() < end) {
		bool any = false;

		while (floor_get_note(&note)) {
			any = true;
			n++;
			floor_put_note(note.what, 1);
		}
		if (!any)
			floor_sleep();
	}
	return n;
}

static uint64_t program_crr(double end)
{
	return floor_crr_program(opt.conns, end);
}

static uint64_t program_up(double end)
{
	uint64_t bytes = 0;
	struct floor_note note;

	while (load_now() < end) {
		while (floor_get_note(&note))
			spare[nspare++] = note.what;
		if (!nspare) {
			floor_sleep();
			continue;
		}
		for (uint32_t at = 0; at < 2 * BLOCK_SIZE && nspare;
		     at += BLOCK_SIZE) {
			uint32_t b = spare[--nspare];

			memcpy(blocks + b * BLOCK_SIZE, scratch + at,
			       BLOCK_SIZE);
			floor_put_note(b, BLOCK_SIZE);
			bytes += BLOCK_SIZE;
		}
	}
	return bytes;
}

static uint64_t program_down(double end)
{
	uint64_t bytes = 0;
	struct floor_note note;

	while (load_now() < end) {
		if (!floor_get_note(&note)) {
			floor_sleep();
			continue;
		}
		memcpy(scratch + bytes % 2 * BLOCK_SIZE,
		       blocks + note.what * BLOCK_SIZE, note.len);
		bytes += note.len;
		floor_put_note(note.what, 0);
	}
	return bytes;
}

static uint64_t program_udp_out(double end)
{
	uint64_t n = 0;

	while (load_now() < end) {
		scratch[0] = LOAD_SINK;
		if (floor_put(scratch, (uint32_t)opt.size, NULL, 0))
			n++;
		else
			sched_yield();
	}
	return n;
}

static uint64_t program_udp_in(double end)
{
	uint64_t n = 0;

	while (load_now() < end)
		if (floor_get(scratch))
			n++;
		else
			floor_sleep();
	return n;
}

/* ---- the relay's side ---- */

static int fds[CONNS_MAX];

static int dial(int type, char kind)
{
	int fd = socket(AF_INET, type, 0), one = 1;

	load_check(fd >= 0 && !connect(fd, (struct sockaddr *)&server,
				       sizeof(server)),
		   "connect");
	if (type == SOCK_DGRAM)
		return fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
	load_check(send(fd, &kind, 1, 0) == 1, "send");
	return fd;
}

static void relay_rr(void)
{
	struct epoll_event events[BATCH];
	struct floor_note note;
	char byte = 0;

	for (int i = 0; i < opt.conns; i++)
		floor_watch(fds[i], (uint32_t)i);
	for (;;) {
		int n = floor_wait(events);

		for (int i = 0; i < n; i++) {
			uint32_t c = events[i].data.u32;

			if (c == FLOOR_BELL)
				floor_still_bell();
			else if (events[i].events & EPOLLIN &&
				 recv(fds[c], scratch, BLOCK_SIZE,
				      MSG_DONTWAIT) > 0)
				floor_put_note(c, 1);
		}
		while (floor_get_note(&note))
			send(fds[note.what], &byte, 1, MSG_DONTWAIT);
	}
}

static void relay_crr(void)
{
	floor_crr_relay(&server);
}

/* Blocks that the program has filled, in order; gone when the socket has
 * taken them. */
static void relay_up(void)
{
	static struct floor_note queue[BLOCKS];
	struct epoll_event events[BATCH];
	unsigned int first = 0, n = 0;
	uint32_t done = 0;
	bool writable = true;

	floor_watch(fds[0], 0);
	for (;;) {
		int got = floor_wait(events);

		for (int i = 0; i < got; i++)
			if (events[i].data.u32 == FLOOR_BELL)
				floor_still_bell();
			else if (events[i].events & EPOLLOUT)
				writable = true;
		while (floor_get_note(&queue[(first + n) % BLOCKS]))
			n++;
		while (writable && n) {
			struct iovec iov[16];
			unsigned int k;
			ssize_t rc;

			for (k = 0; k < n && k < 16; k++) {
				struct floor_note *q = &queue[(first + k) % BLOCKS];

				iov[k].iov_base = blocks + q->what * BLOCK_SIZE;
				iov[k].iov_len = q->len;
			}
			iov[0].iov_base = (uint8_t *)iov[0].iov_base + done;
			iov[0].iov_len -= done;
			rc = sendmsg(fds[0],
				     &(struct msghdr){.msg_iov = iov,
						      .msg_iovlen = k},
				     MSG_DONTWAIT);
			if (rc < 0) {
				writable = false;
				break;
			}
			done += (uint32_t)rc;
			while (n && done >= queue[first].len) {
				done -= queue[first].len;
				floor_put_note(queue[first].what, 0);
				first = (first + 1) % BLOCKS;
				n--;
			}
		}
	}
}

static void relay_down(void)
{
	struct epoll_event events[BATCH];
	bool readable = true;
	struct floor_note note;

	floor_watch(fds[0], 0);
	for (;;) {
		int got = readable && nspare ? 0 : floor_wait(events);

		for (int i = 0; i < got; i++)
			if (events[i].data.u32 == FLOOR_BELL)
				floor_still_bell();
			else if (events[i].events & EPOLLIN)
				readable = true;
		while (floor_get_note(&note))
			spare[nspare++] = note.what;
		while (readable && nspare) {
			unsigned int k, most = nspare < 4 ? nspare : 4;
			struct iovec iov[4];
			ssize_t rc;

			for (k = 0; k < most; k++)
				iov[k] = (struct iovec){
					blocks + spare[nspare - 1 - k] *
							 BLOCK_SIZE,
					BLOCK_SIZE};
			rc = readv(fds[0], iov, (int)most);
			readable = rc > 0;
			for (; rc > 0; rc -= (ssize_t)BLOCK_SIZE)
				floor_put_note(spare[--nspare],
					 rc < (ssize_t)BLOCK_SIZE ?
						 (uint32_t)rc :
						 BLOCK_SIZE);
		}
	}
}

/* As many as are there, in one call. */
static void relay_udp_out(void)
{
	struct epoll_event events[BATCH];
	union {
		char buf[CMSG_SPACE(sizeof(uint16_t))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {scratch, 0};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = IPPROTO_UDP;
	cmsg->cmsg_type = UDP_SEGMENT;
	cmsg->cmsg_len = CMSG_LEN(sizeof(uint16_t));
	memcpy(CMSG_DATA(cmsg), &(uint16_t){(uint16_t)opt.size},
	       sizeof(uint16_t));
	for (;;) {
		unsigned int most = 65000 / (unsigned int)opt.size, k = 0;
		int got = floor_wait(events);

		most = most < BATCH ? most : BATCH;
		for (int i = 0; i < got; i++)
			if (events[i].data.u32 == FLOOR_BELL)
				floor_still_bell();
		do {
			for (k = 0, iov.iov_len = 0; k < most; k++) {
				uint32_t n = floor_get(scratch + iov.iov_len);

				if (!n)
					break;
				iov.iov_len += n;
			}
			if (k)
				sendmsg(fds[0], &msg, 0);
		} while (k == most);
	}
}

static void relay_udp_in(void)
{
	static uint8_t data[BATCH][2048];
	struct epoll_event events[BATCH];
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH];

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){data[i], sizeof(data[i])};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	floor_watch(fds[0], 0);
	for (;;) {
		int n;

		floor_wait(events);
		do {
			n = recvmmsg(fds[0], msgs, BATCH, MSG_DONTWAIT, NULL);
			for (int i = 0; i < n; i++)
				floor_put(data[i], msgs[i].msg_len, NULL, 0);
		} while (n == BATCH);
	}
}

/* ---- both ---- */

static const struct mode {
	const char *name;
	char kind;
	bool udp;
	void (*relay)(void);
	uint64_t (*program)(double end);
} modes[] = {
	{"rr", LOAD_ECHO, false, relay_rr, program_rr},
	{"crr", LOAD_ONCE, false, relay_crr, program_crr},
	{"stream", LOAD_SINK, false, relay_up, program_up},
	{"maerts", LOAD_SOURCE, false, relay_down, program_down},
	{"udpstream", LOAD_SINK, true, relay_udp_out, program_udp_out},
	{"udpmaerts", LOAD_SOURCE, true, relay_udp_in, program_udp_in},
};

/* How many datagrams the server has got. */
static uint64_t udp_count(int fd)
{
	struct load_dgram d = {.kind = LOAD_QUERY};

	usleep(50000);
	send(fd, &d, sizeof(d), 0);
	load_check(recv(fd, &d, sizeof(d), 0) == sizeof(d), "query");
	return d.count;
}

static void run_relay(const struct mode *m)
{
	/* the side that fills blocks has them at first */
	if (m->kind == LOAD_SOURCE)
		while (nspare < BLOCKS)
			spare[nspare] = nspare, nspare++;
	m->relay();
}

static void report(const struct mode *m, uint64_t n, double secs)
{
	if (m->udp)
		printf("mode=%s secs=%.3f rx_pps=%.0f\n", m->name, secs,
		       (double)n / secs);
	else if (m->kind == LOAD_ECHO || m->kind == LOAD_ONCE)
		printf("mode=%s secs=%.3f ops=%llu tps=%.1f\n", m->name, secs,
		       (unsigned long long)n, (double)n / secs);
	else
		printf("mode=%s secs=%.3f bytes=%llu gbps=%.3f\n", m->name,
		       secs, (unsigned long long)n, (double)n * 8 / secs / 1e9);
}

static void run(const struct mode *m)
{
	struct load_dgram ask = {.kind = LOAD_SOURCE,
				 .size = (uint32_t)opt.size,
				 .secs = opt.secs};
	uint64_t before = 0, n;
	double start;
	pid_t pid;

	/* else the relay opens them when it is asked to */
	for (int i = 0; i < opt.conns && m->kind != LOAD_ONCE; i++)
		fds[i] = dial(m->udp ? SOCK_DGRAM : SOCK_STREAM, m->kind);
	if (m->udp && m->kind == LOAD_SINK)
		before = udp_count(fds[0]);
	if (m->udp && m->kind == LOAD_SOURCE) {
		int room = 4 << 20;

		setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		send(fds[0], &ask, sizeof(ask), 0);
	}
	pid = floor_fork(BLOCKS * BLOCK_SIZE, &blocks);
	if (!pid)
		run_relay(m);
	if (m->kind == LOAD_SINK)
		while (nspare < BLOCKS)
			spare[nspare] = nspare, nspare++;
	start = load_now();
	n = m->program(start + opt.secs);
	start = load_now() - start;
	if (m->udp && m->kind == LOAD_SINK)
		n = udp_count(fds[0]) - before;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	report(m, n, start);
}

int main(int argc, char **argv)
{
	int c, at;

	while ((c = getopt(argc, argv, "t:l:n:j:w:e")) != -1) {
		if (c == 't')
			opt.secs = atof(optarg);
		else if (c == 'l')
			opt.size = (size_t)atoi(optarg);
		else if (c == 'n')
			opt.conns = atoi(optarg);
		else if (c == 'j')
			opt.threads = opt.conns = atoi(optarg);
		else if (c == 'w')
			floor_awake_us = atoi(optarg);
		else if (c != 'e')
			return 64;
	}
	/* getopt() has moved the words behind the options */
	at = optind + 1;
	if (at + 1 >= argc || opt.conns < 1 || opt.conns > CONNS_MAX ||
	    opt.size < 1 || opt.size > 1400)
		return 64;
	opt.mode = argv[optind];
	server = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(argv[at + 1])),
	};
	load_check(inet_pton(AF_INET, argv[at], &server.sin_addr) == 1,
		   argv[at]);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, opt.mode))
			return run(&modes[i]), 0;
	return 64;
}
