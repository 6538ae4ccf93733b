/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/endpoint - frames over a SEQPACKET pair, a process at each end.
 *
 * Moves frames of 64, 1500, 9000 and 65520 bytes through fd endpoints in each
 * mode and batch size, and in the same round through a bare loop of sendmmsg()
 * and recvmmsg() with the same batch size, both with 256 KiB socket buffers
 * (the default) and poll() when there is nothing to do. Prints one line per
 * combination: medians over the rounds of frames/s and Gbit/s, system calls per
 * frame (poll included), CPU time per frame of the sender and of the receiver,
 * allocations per frame after warm-up, and the ratio to the bare loop.
 *
 * usage: bench/endpoint [-r rounds] [-t ms per run] [-s size] [-b batch] [-p]
 *                       [-x]
 *        -p pins the sender to CPU 0 and the receiver to CPU 1
 *        -x also measures each side of ours against the other side's bare loop
 * On a machine with other work, `chrt -r 1` keeps that off the two CPUs.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fdnet/endpoint.h>

#define MAX_BATCH  64
#define MAX_FRAME  65520
#define SNDBUF	   (256 << 10)
#define MAX_ROUNDS 101

enum how { BARE, POLLED, THREADS };

struct combo {
	const char *name;
	enum how tx, rx;
	unsigned int batch;
};

static const struct combo combos[] = {
	{"bare", BARE, BARE, 1},
	{"readv", POLLED, POLLED, 1},
	{"readv-threads", POLLED, THREADS, 1},
	{"send-only", POLLED, BARE, 1},
	{"receive-only", BARE, POLLED, 1},
	{"bare", BARE, BARE, 8},
	{"recvmmsg", POLLED, POLLED, 8},
	{"recvmmsg-threads", POLLED, THREADS, 8},
	{"send-only", POLLED, BARE, 8},
	{"receive-only", BARE, POLLED, 8},
	{"bare", BARE, BARE, 32},
	{"recvmmsg", POLLED, POLLED, 32},
	{"recvmmsg-threads", POLLED, THREADS, 32},
	{"send-only", POLLED, BARE, 32},
	{"receive-only", BARE, POLLED, 32},
	{"bare", BARE, BARE, 64},
	{"recvmmsg", POLLED, POLLED, 64},
	{"recvmmsg-threads", POLLED, THREADS, 64},
	{"send-only", POLLED, BARE, 64},
	{"receive-only", BARE, POLLED, 64},
};
#define NCOMBOS (sizeof(combos) / sizeof(combos[0]))

/* What one side counts. */
struct tally {
	uint64_t frames, bytes, calls, warm_allocs, warm_frames;
	double cpu_s;
};

struct result {
	double frames_s, gbit_s, calls, tx_ns, rx_ns, allocs;
};

static unsigned int run_ms = 300;
static bool pin, halves;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void pin_to(int n)
{
	cpu_set_t set;

	if (!pin)
		return;
	CPU_ZERO(&set);
	CPU_SET(n, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void wait_for(int fd, short events, struct tally *t)
{
	struct pollfd pfd = {.fd = fd, .events = events};

	t->calls++;
	if (poll(&pfd, 1, -1) < 0)
		die("poll");
}

/* ---- an allocator that counts ---- */

static uint64_t allocs;

static void *count_alloc(void *arg, size_t size)
{
	__atomic_fetch_add(&allocs, 1, __ATOMIC_RELAXED);
	return calloc(1, size);
}

static void *count_alloc_raw(void *arg, size_t size)
{
	__atomic_fetch_add(&allocs, 1, __ATOMIC_RELAXED);
	return malloc(size);
}

static void count_free(void *arg, void *ptr, size_t size)
{
	free(ptr);
}

static const struct fdnet_mem mem = {
	.alloc = count_alloc, .free = count_free, .alloc_raw = count_alloc_raw};

static void note_warm(struct tally *t)
{
	/* Warm when a fair number has passed; the rest must allocate none. */
	if (!t->warm_frames && t->frames > 20000) {
		t->warm_frames = t->frames;
		t->warm_allocs = __atomic_load_n(&allocs, __ATOMIC_RELAXED);
	}
}

static void end_warm(struct tally *t)
{
	uint64_t all = __atomic_load_n(&allocs, __ATOMIC_RELAXED);

	t->warm_allocs = t->warm_frames ? all - t->warm_allocs : 0;
	t->warm_frames = t->warm_frames ? t->frames - t->warm_frames : 0;
}

/* ---- the bare loop ---- */

static void bare_send(int fd, const struct combo *c, uint32_t size,
		      struct tally *t)
{
	static uint8_t frame[MAX_FRAME];
	struct iovec iov[2] = {{frame, size < 40 ? size : 40},
			       {frame + 40, size - 40}};
	struct mmsghdr msgs[MAX_BATCH] = {0};
	double end = now() + run_ms / 1e3;
	unsigned int i, done;
	int rc;

	frame[0] = 0x45;
	for (i = 0; i < c->batch; i++) {
		msgs[i].msg_hdr.msg_iov = iov;
		msgs[i].msg_hdr.msg_iovlen = 2;
	}
	while (now() < end) {
		for (done = 0; done < c->batch; done += (unsigned int)rc) {
			t->calls++;
			rc = sendmmsg(fd, msgs + done, c->batch - done,
				      MSG_DONTWAIT | MSG_NOSIGNAL);
			if (rc < 0 && errno != EAGAIN)
				die("sendmmsg");
			if (rc < 0) {
				wait_for(fd, POLLOUT, t);
				rc = 0;
			}
		}
		t->frames += c->batch;
	}
}

static void bare_receive(int fd, const struct combo *c, struct tally *t)
{
	static uint8_t frames[MAX_BATCH][FDNET_BUF_CONFIG_SUM];
	struct mmsghdr msgs[MAX_BATCH] = {0};
	struct iovec iov[MAX_BATCH];
	unsigned int ends = 0;
	int rc, i;

	for (i = 0; i < (int)c->batch; i++) {
		iov[i] = (struct iovec){frames[i], sizeof(frames[i])};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;) {
		t->calls++;
		rc = recvmmsg(fd, msgs, c->batch, MSG_DONTWAIT, NULL);
		if (rc < 0 && errno != EAGAIN)
			die("recvmmsg");
		for (i = 0; i < rc && msgs[i].msg_len; i++)
			t->bytes += msgs[i].msg_len;
		t->frames += i > 0 ? (uint64_t)i : 0;
		/* The first sign of the end may overtake what was sent last:
		 * the kernel looks at the queue, then whether the peer is
		 * there. */
		if (rc > 0 && !msgs[0].msg_len && ends++)
			return;
		if (rc < (int)c->batch)
			wait_for(fd, POLLIN, t);
	}
}

/* ---- endpoints ---- */

static uint64_t count(struct fdnet_endpoint *ep, enum fdnet_endpoint_counter which)
{
	struct fdnet_endpoint_stats stats;

	fdnet_endpoint_stats(ep, -1, &stats);
	return stats.count[which];
}

static struct fdnet_pkt *make_packet(struct fdnet_pkt_pool *pool,
				     struct fdnet_buf *payload, uint32_t size)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	uint8_t *hdr = fdnet_pkt_put(pkt, 40);

	memset(hdr, 0, 40);
	hdr[0] = 0x45;
	fdnet_pkt_add_slice(pkt, payload, payload->data, size - 40);
	return pkt;
}

static void endpoint_send(int fd, const struct combo *c, uint32_t size,
			  struct tally *t)
{
	struct fdnet_pkt_pool *pool = fdnet_pkt_pool_new(&mem, 256, 0);
	struct fdnet_fd_options o = {.fds = &fd,
				     .nfds = 1,
				     .mem = &mem,
				     .pool = pool,
				     .sndbuf = SNDBUF,
				     .tx_policy = FDNET_TX_RETURN};
	struct fdnet_buf *payload = fdnet_buf_new(pool);
	double end = now() + run_ms / 1e3;
	struct fdnet_pkt *pkts[MAX_BATCH];
	struct fdnet_endpoint *ep;
	int status[MAX_BATCH];
	unsigned int i, n = 0, kept;

	if (fdnet_fd_endpoint_new(&o, &ep, NULL))
		die("endpoint");
	while (now() < end) {
		for (i = n; i < c->batch; i++)
			pkts[i] = make_packet(pool, payload, size);
		n = c->batch;
		while (n) {
			fdnet_endpoint_write_list(ep, pkts, n, status);
			for (i = kept = 0; i < n; i++) {
				if (status[i] == -EAGAIN)
					pkts[kept++] = pkts[i];
				else if (status[i])
					die("write");
			}
			n = kept;
			if (n)
				wait_for(fd, POLLOUT, t);
		}
		t->frames += c->batch;
		note_warm(t);
	}
	end_warm(t);
	t->calls += count(ep, FDNET_EP_TX_CALLS);
	fdnet_endpoint_free(ep);
	fdnet_buf_unref(payload);
	fdnet_pkt_pool_free(pool);
}

static void on_packet(void *arg, struct fdnet_endpoint *ep, struct fdnet_pkt *pkt)
{
	struct tally *t = arg;

	t->frames++;
	t->bytes += fdnet_pkt_total(pkt);
	note_warm(t);
	fdnet_pkt_free(pkt);
}

static void endpoint_receive(int fd, const struct combo *c, struct tally *t)
{
	static const struct fdnet_dispatcher disp = {.deliver = on_packet};
	struct fdnet_pkt_pool *pool =
		fdnet_pkt_pool_new(&mem, 1024, c->rx == THREADS);
	struct fdnet_fd_options o = {
		.fds = &fd,
		.nfds = 1,
		.mem = &mem,
		.pool = pool,
		.packet_dispatch_mode = c->batch > 1 ? FDNET_DISPATCH_RECVMMSG
						     : FDNET_DISPATCH_READV,
		.max_msgs_per_recv = c->batch};
	struct fdnet_endpoint *ep;
	int rc;

	if (fdnet_fd_endpoint_new(&o, &ep, NULL))
		die("endpoint");
	if (c->rx == THREADS) {
		fdnet_endpoint_attach(ep, &disp, t, FDNET_ATTACH_THREADS);
		fdnet_endpoint_wait(ep);
		t->calls += count(ep, FDNET_EP_RX_WAKEUPS);
	} else {
		fdnet_endpoint_attach(ep, &disp, t, FDNET_ATTACH_POLLED);
		while ((rc = fdnet_endpoint_dispatch(ep, 0, 64)) >= 0)
			if (rc < 64)
				wait_for(fd, POLLIN, t);
	}
	end_warm(t);
	t->calls += count(ep, FDNET_EP_RX_CALLS);
	fdnet_endpoint_free(ep);
	fdnet_pkt_pool_free(pool);
}

/* ---- one run ---- */

static void receiver(int fd, int report, const struct combo *c)
{
	struct tally t = {0};

	pin_to(1);
	if (c->rx == BARE)
		bare_receive(fd, c, &t);
	else
		endpoint_receive(fd, c, &t);
	t.cpu_s = cpu();
	if (write(report, &t, sizeof(t)) != sizeof(t))
		die("report");
	_exit(0);
}

static struct result run(const struct combo *c, uint32_t size)
{
	struct tally tx = {0}, rx;
	int fds[2], report[2], sndbuf = SNDBUF;
	double start, cpu_start, wall;
	struct result r = {0};
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) ||
	    pipe(report))
		die("socketpair");
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf, sizeof(sndbuf));
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(fds[0]);
		receiver(fds[1], report[1], c);
	}
	close(fds[1]);
	close(report[1]);
	pin_to(0);
	start = now();
	cpu_start = cpu();
	if (c->tx == BARE)
		bare_send(fds[0], c, size, &tx);
	else
		endpoint_send(fds[0], c, size, &tx);
	close(fds[0]);
	tx.cpu_s = cpu() - cpu_start;
	if (read(report[0], &rx, sizeof(rx)) != sizeof(rx))
		die("report");
	wall = now() - start;
	waitpid(pid, NULL, 0);
	close(report[0]);
	if (rx.frames != tx.frames || rx.bytes != tx.frames * size) {
		fprintf(stderr, "%s/%u/%u: %llu sent, %llu received\n", c->name,
			c->batch, size, (unsigned long long)tx.frames,
			(unsigned long long)rx.frames);
		exit(1);
	}
	r.frames_s = (double)rx.frames / wall;
	r.gbit_s = (double)rx.bytes * 8 / wall / 1e9;
	r.calls = (double)(tx.calls + rx.calls) / (double)rx.frames;
	r.tx_ns = tx.cpu_s * 1e9 / (double)rx.frames;
	r.rx_ns = rx.cpu_s * 1e9 / (double)rx.frames;
	if (tx.warm_frames + rx.warm_frames)
		r.allocs = (double)(tx.warm_allocs + rx.warm_allocs) /
			   (double)(tx.warm_frames + rx.warm_frames);
	return r;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static struct result results[NCOMBOS][MAX_ROUNDS];

#define MEDIAN(what)                                                           \
	({                                                                     \
		double v_[MAX_ROUNDS];                                         \
		unsigned int r_;                                               \
		for (r_ = 0; r_ < rounds; r_++)                                \
			v_[r_] = (what);                                       \
		median(v_, rounds);                                            \
	})

static bool is_wanted(const struct combo *c, unsigned int batch)
{
	if (batch && c->batch != batch)
		return false;
	return halves || c->rx == THREADS || c->tx == c->rx;
}

static void print_size(uint32_t size, unsigned int rounds, unsigned int batch)
{
	const struct result *bare = results[0];
	unsigned int i;

	for (i = 0; i < NCOMBOS; i++) {
		const struct result *r = results[i];

		if (!is_wanted(&combos[i], batch))
			continue;
		if (combos[i].tx == BARE && combos[i].rx == BARE)
			bare = r;
		printf("%5u %-16s %5u %10.0f %7.2f %11.3f %5.0f %5.0f %8.4f "
		       "%6.2f\n",
		       size, combos[i].name, combos[i].batch,
		       MEDIAN(r[r_].frames_s), MEDIAN(r[r_].gbit_s),
		       MEDIAN(r[r_].calls), MEDIAN(r[r_].tx_ns),
		       MEDIAN(r[r_].rx_ns), MEDIAN(r[r_].allocs),
		       MEDIAN(r[r_].frames_s / bare[r_].frames_s));
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = {64, 1500, 9000, 65520};
	unsigned int rounds = 5, only = 0, batch = 0, s, i, r;
	int opt;

	while ((opt = getopt(argc, argv, "r:t:s:b:px")) >= 0) {
		if (opt == 'r')
			rounds = (unsigned int)atoi(optarg);
		else if (opt == 't')
			run_ms = (unsigned int)atoi(optarg);
		else if (opt == 's')
			only = (unsigned int)atoi(optarg);
		else if (opt == 'b')
			batch = (unsigned int)atoi(optarg);
		else if (opt == 'p')
			pin = true;
		else if (opt == 'x')
			halves = true;
		else
			return 2;
	}
	if (!rounds || rounds > MAX_ROUNDS)
		rounds = 5;
	puts(" size mode             batch   frames/s  Gbit/s calls/frame "
	     "tx-ns rx-ns alloc/fr  ratio");
	for (s = 0; s < 4; s++) {
		if (only && only != sizes[s])
			continue;
		for (r = 0; r < rounds; r++)
			for (i = 0; i < NCOMBOS; i++)
				if (is_wanted(&combos[i], batch))
					results[i][r] = run(&combos[i], sizes[s]);
		print_size(sizes[s], rounds, batch);
	}
	return 0;
}
