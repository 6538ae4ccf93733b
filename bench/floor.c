/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a relay costs if it is nothing but a relay: the traffic of bench/load,
 * from a process that has no stack, by way of one that has none either.
 *
 *   floor rr ADDR PORT [-n CONNECTIONS]        1 byte there and back
 *   floor stream|maerts ADDR PORT              bulk up, down
 *   floor udpstream|udpmaerts ADDR PORT -l BYTES
 *   -t SECONDS   -w MICROSECONDS that the relay waits awake before it sleeps
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
#include <errno.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/load.h"
#include "endpoint/ring.h"

#define BLOCKS	   96
#define BLOCK_SIZE 65536u
#define CONNS_MAX  1024
#define BATCH	   64

/* A message: of which connection, and a byte; or a block and how much of it. */
struct note {
	uint32_t what, len;
};

static struct {
	const char *mode;
	double secs;
	size_t size;
	int conns, awake_us;
} opt = {.secs = 1, .size = 64, .conns = 1};

/* One process's end. */
static struct fdnet_ring in, out;
static int my_bell, other_bell;
static uint8_t *blocks;
static uint32_t spare[BLOCKS], nspare;
static struct sockaddr_in server;
static uint8_t scratch[LOAD_BUF];

static void ring_bell(void)
{
	uint64_t one = 1;

	load_check(write(other_bell, &one, sizeof(one)) == sizeof(one), "bell");
}

/* false: no room */
static bool put(const void *head, uint32_t head_len, const void *data,
		uint32_t len)
{
	struct iovec iov[2] = {{(void *)head, head_len}, {(void *)data, len}};
	int rc = fdnet_ring_put(&out, iov, len ? 2 : 1, head_len + len);

	if (rc > 0)
		ring_bell();
	return rc >= 0;
}

static void put_note(uint32_t what, uint32_t len)
{
	struct note note = {what, len};

	while (!put(&note, sizeof(note), NULL, 0))
		sched_yield();
}

/* The length of the next message, 0: none. */
static uint32_t get(void *data)
{
	int64_t len = fdnet_ring_next(&in);

	if (len <= 0)
		return 0;
	fdnet_ring_get(&in, 0, data, (uint32_t)len);
	fdnet_ring_done(&in);
	return (uint32_t)len;
}

static bool get_note(struct note *note)
{
	return get(note) > 0;
}

static void still_bell(void)
{
	uint64_t n;

	if (read(my_bell, &n, sizeof(n)) < 0)
		load_check(errno == EAGAIN, "bell");
}

/* ---- the program's side ---- */

static void program_sleep(void)
{
	struct pollfd p = {.fd = my_bell, .events = POLLIN};

	if (fdnet_ring_sleep(&in) && poll(&p, 1, 100) > 0)
		still_bell();
	fdnet_ring_awake(&in);
}

static uint64_t program_rr(double end)
{
	uint64_t n = 0;
	struct note note;

	for (int i = 0; i < opt.conns; i++)
		put_note((uint32_t)i, 1);
	while (load_now() < end) {
		bool any = false;

		while (get_note(&note)) {
			any = true;
			n++;
			put_note(note.what, 1);
		}
		if (!any)
			program_sleep();
	}
	return n;
}

static uint64_t program_up(double end)
{
	uint64_t bytes = 0;
	struct note note;

	while (load_now() < end) {
		while (get_note(&note))
			spare[nspare++] = note.what;
		if (!nspare) {
			program_sleep();
			continue;
		}
		for (uint32_t at = 0; at < 2 * BLOCK_SIZE && nspare;
		     at += BLOCK_SIZE) {
			uint32_t b = spare[--nspare];

			memcpy(blocks + b * BLOCK_SIZE, scratch + at,
			       BLOCK_SIZE);
			put_note(b, BLOCK_SIZE);
			bytes += BLOCK_SIZE;
		}
	}
	return bytes;
}

static uint64_t program_down(double end)
{
	uint64_t bytes = 0;
	struct note note;

	while (load_now() < end) {
		if (!get_note(&note)) {
			program_sleep();
			continue;
		}
		memcpy(scratch + bytes % 2 * BLOCK_SIZE,
		       blocks + note.what * BLOCK_SIZE, note.len);
		bytes += note.len;
		put_note(note.what, 0);
	}
	return bytes;
}

static uint64_t program_udp_out(double end)
{
	uint64_t n = 0;

	while (load_now() < end) {
		scratch[0] = LOAD_SINK;
		if (put(scratch, (uint32_t)opt.size, NULL, 0))
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
		if (get(scratch))
			n++;
		else
			program_sleep();
	return n;
}

/* ---- the relay's side ---- */

static int epfd, fds[CONNS_MAX];

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

static void watch(int fd, uint32_t what)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
				 .data.u32 = what};

	if (what == UINT32_MAX)
		ev.events = EPOLLIN;
	load_check(!epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev), "epoll_ctl");
}

/* Events of the host's sockets, or something in the ring. */
static int relay_wait(struct epoll_event *events)
{
	double now = load_now(), end = now + opt.awake_us * 1e-6;
	int n;

	if (fdnet_ring_has(&in))
		return epoll_wait(epfd, events, BATCH, 0);
	for (; now < end; now = load_now()) {
		n = epoll_wait(epfd, events, BATCH, 0);
		if (n || fdnet_ring_has(&in))
			return n;
		sched_yield();
	}
	n = epoll_wait(epfd, events, BATCH, fdnet_ring_sleep(&in) ? -1 : 0);
	fdnet_ring_awake(&in);
	return n;
}

static void relay_rr(void)
{
	struct epoll_event events[BATCH];
	struct note note;
	char byte = 0;

	for (int i = 0; i < opt.conns; i++)
		watch(fds[i], (uint32_t)i);
	for (;;) {
		int n = relay_wait(events);

		for (int i = 0; i < n; i++) {
			uint32_t c = events[i].data.u32;

			if (c == UINT32_MAX)
				still_bell();
			else if (events[i].events & EPOLLIN &&
				 recv(fds[c], scratch, BLOCK_SIZE,
				      MSG_DONTWAIT) > 0)
				put_note(c, 1);
		}
		while (get_note(&note))
			send(fds[note.what], &byte, 1, MSG_DONTWAIT);
	}
}

/* Blocks that the program has filled, in order; gone when the socket has
 * taken them. */
static void relay_up(void)
{
	static struct note queue[BLOCKS];
	struct epoll_event events[BATCH];
	unsigned int first = 0, n = 0;
	uint32_t done = 0;
	bool writable = true;

	watch(fds[0], 0);
	for (;;) {
		int got = relay_wait(events);

		for (int i = 0; i < got; i++)
			if (events[i].data.u32 == UINT32_MAX)
				still_bell();
			else if (events[i].events & EPOLLOUT)
				writable = true;
		while (get_note(&queue[(first + n) % BLOCKS]))
			n++;
		while (writable && n) {
			struct iovec iov[16];
			unsigned int k;
			ssize_t rc;

			for (k = 0; k < n && k < 16; k++) {
				struct note *q = &queue[(first + k) % BLOCKS];

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
				put_note(queue[first].what, 0);
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
	struct note note;

	watch(fds[0], 0);
	for (;;) {
		int got = readable && nspare ? 0 : relay_wait(events);

		for (int i = 0; i < got; i++)
			if (events[i].data.u32 == UINT32_MAX)
				still_bell();
			else if (events[i].events & EPOLLIN)
				readable = true;
		while (get_note(&note))
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
				put_note(spare[--nspare],
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
		int got = relay_wait(events);

		most = most < BATCH ? most : BATCH;
		for (int i = 0; i < got; i++)
			if (events[i].data.u32 == UINT32_MAX)
				still_bell();
		do {
			for (k = 0, iov.iov_len = 0; k < most; k++) {
				uint32_t n = get(scratch + iov.iov_len);

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
	watch(fds[0], 0);
	for (;;) {
		int n;

		relay_wait(events);
		do {
			n = recvmmsg(fds[0], msgs, BATCH, MSG_DONTWAIT, NULL);
			for (int i = 0; i < n; i++)
				put(data[i], msgs[i].msg_len, NULL, 0);
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

static void share(bool relay, uint8_t *mem, const int *bells)
{
	uint8_t *states = mem, *data = mem + 2 * FDNET_RING_STATE;
	unsigned int mine = relay ? 1 : 0, other = 1 - mine;

	fdnet_ring_init(&out, states + mine * FDNET_RING_STATE,
			data + mine * FDNET_RING_SIZE);
	fdnet_ring_init(&in, states + other * FDNET_RING_STATE,
			data + other * FDNET_RING_SIZE);
	blocks = data + 2 * FDNET_RING_SIZE;
	my_bell = bells[mine];
	other_bell = bells[other];
}

static void run_relay(const struct mode *m)
{
	epfd = epoll_create1(0);
	watch(my_bell, UINT32_MAX);
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
	else if (m->kind == LOAD_ECHO)
		printf("mode=%s secs=%.3f ops=%llu tps=%.1f\n", m->name, secs,
		       (unsigned long long)n, (double)n / secs);
	else
		printf("mode=%s secs=%.3f bytes=%llu gbps=%.3f\n", m->name,
		       secs, (unsigned long long)n, (double)n * 8 / secs / 1e9);
}

static void run(const struct mode *m)
{
	size_t size = 2 * FDNET_RING_STATE + 2 * FDNET_RING_SIZE +
		      BLOCKS * BLOCK_SIZE;
	int bells[2] = {eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK)};
	uint8_t *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct load_dgram ask = {.kind = LOAD_SOURCE,
				 .size = (uint32_t)opt.size,
				 .secs = opt.secs};
	uint64_t before = 0, n;
	double start;
	pid_t pid;

	load_check(mem != MAP_FAILED, "mmap");
	memset(mem, 0, size);
	for (int i = 0; i < opt.conns; i++)
		fds[i] = dial(m->udp ? SOCK_DGRAM : SOCK_STREAM, m->kind);
	if (m->udp && m->kind == LOAD_SINK)
		before = udp_count(fds[0]);
	if (m->udp && m->kind == LOAD_SOURCE) {
		int room = 4 << 20;

		setsockopt(fds[0], SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
		send(fds[0], &ask, sizeof(ask), 0);
	}
	pid = fork();
	load_check(pid >= 0, "fork");
	share(!pid, mem, bells);
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

	while ((c = getopt(argc, argv, "t:l:n:w:e")) != -1) {
		if (c == 't')
			opt.secs = atof(optarg);
		else if (c == 'l')
			opt.size = (size_t)atoi(optarg);
		else if (c == 'n')
			opt.conns = atoi(optarg);
		else if (c == 'w')
			opt.awake_us = atoi(optarg);
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
