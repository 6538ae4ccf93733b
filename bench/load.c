/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for bench/run: a client and a server on plain sockets, so that the same
 * program runs natively, in a namespace, under the preload and in the sandbox.
 *
 *   load server PORT [-B ADDR]
 *   load stream|maerts|rr|crr|udprr|udpstream|udpmaerts ADDR PORT
 *   load manyconn N ADDR PORT
 *   load spawn -- COMMAND...          wall time of a command
 *   load loopbulk|looprr              both ends in this process, two threads
 *   load pairbulk|pairrr              in two processes
 *   -t SECONDS  -l BYTES  -n CONNECTIONS  -e (epoll)  -j THREADS
 *
 * Each prints one line of key=value.
 */
#include "config.h"

#include "bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUCKETS 100000 /* of a tenth of a microsecond */

static struct {
	const char *mode;
	double secs;
	size_t size;
	int conns, threads;
	bool epoll;
} opt = {.secs = 1, .conns = 1, .threads = 1};

static struct sockaddr_in server;
static uint32_t buckets[BUCKETS];
static uint64_t nsamples;
static double slowest_us;

static void sample(double secs)
{
	double us = secs * 1e6;
	size_t i = (size_t)(us * 10);

	__atomic_add_fetch(&buckets[i < BUCKETS ? i : BUCKETS - 1], 1,
			   __ATOMIC_RELAXED);
	__atomic_add_fetch(&nsamples, 1, __ATOMIC_RELAXED);
	if (us > slowest_us)
		slowest_us = us;
}

static double percentile(double p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		sum += buckets[i];
		if (sum && (double)sum >= p * (double)nsamples)
			return (double)i / 10;
	}
	return 0;
}

static void print_cpu(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	printf(" cpu_user=%.3f cpu_sys=%.3f maxrss_kb=%ld\n",
	       (double)ru.ru_utime.tv_sec + (double)ru.ru_utime.tv_usec / 1e6,
	       (double)ru.ru_stime.tv_sec + (double)ru.ru_stime.tv_usec / 1e6,
	       ru.ru_maxrss);
}

static uint64_t total; /* operations, or bytes */

static void report_rate(double secs)
{
	uint64_t ops = total;

	printf("mode=%s secs=%.3f ops=%llu tps=%.1f p50_us=%.1f p99_us=%.1f "
	       "max_us=%.1f",
	       opt.mode, secs, (unsigned long long)ops, (double)ops / secs,
	       percentile(0.5), percentile(0.99), slowest_us);
	print_cpu();
}

static void report_bulk(double secs)
{
	uint64_t bytes = total;

	printf("mode=%s secs=%.3f bytes=%llu gbps=%.3f", opt.mode, secs,
	       (unsigned long long)bytes, (double)bytes * 8 / secs / 1e9);
	print_cpu();
}

static int dial(int type)
{
	int fd = socket(AF_INET, type, 0);

	load_check(fd >= 0, "socket");
	load_check(!connect(fd, (struct sockaddr *)&server, sizeof(server)) ||
			   errno == EINPROGRESS,
		   "connect");
	return fd;
}

static int open_stream(char kind)
{
	int fd = dial(SOCK_STREAM), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	load_check(send(fd, &kind, 1, MSG_NOSIGNAL) == 1, "send");
	return fd;
}

static void send_whole(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		load_check(n > 0, "send");
		data += n;
		len -= (size_t)n;
	}
}

static void recv_whole(int fd, char *data, size_t len)
{
	while (len) {
		ssize_t n = recv(fd, data, len, 0);

		load_check(n > 0, "recv");
		data += n;
		len -= (size_t)n;
	}
}

/* ---- blocking, one connection for each thread ---- */

static void *stream_thread(void *arg)
{
	char *data = calloc(1, LOAD_BUF);
	size_t size = opt.size ? opt.size : LOAD_BUF / 2;
	int fd = open_stream(LOAD_SINK);
	double end = load_now() + opt.secs;
	uint64_t count = 0;

	(void)arg;
	load_cubic(fd);
	while (load_now() < end)
		send_whole(fd, data, size);
	shutdown(fd, SHUT_WR);
	recv_whole(fd, (char *)&count, sizeof(count));
	__atomic_add_fetch(&total, count, __ATOMIC_RELAXED);
	close(fd);
	free(data);
	return NULL;
}

static void *maerts_thread(void *arg)
{
	char *data = calloc(1, LOAD_BUF);
	size_t size = opt.size ? opt.size : LOAD_BUF / 2;
	int fd = open_stream(LOAD_SOURCE);
	double end = load_now() + opt.secs;
	uint64_t count = 0;

	(void)arg;
	while (load_now() < end) {
		ssize_t n = recv(fd, data, size, 0);

		load_check(n > 0, "recv");
		count += (uint64_t)n;
	}
	__atomic_add_fetch(&total, count, __ATOMIC_RELAXED);
	close(fd);
	free(data);
	return NULL;
}

static void *rr_thread(void *arg)
{
	size_t size = opt.size ? opt.size : 1;
	char *data = calloc(1, LOAD_BUF);
	int fd = open_stream(LOAD_ECHO);
	double now = load_now(), end = now + opt.secs;

	(void)arg;
	while (now < end) {
		double start = now;

		send_whole(fd, data, size);
		recv_whole(fd, data, size);
		now = load_now();
		sample(now - start);
		__atomic_add_fetch(&total, 1, __ATOMIC_RELAXED);
	}
	close(fd);
	free(data);
	return NULL;
}

static void *crr_thread(void *arg)
{
	double now = load_now(), end = now + opt.secs;
	char byte;

	(void)arg;
	while (now < end) {
		double start = now;
		int fd = dial(SOCK_STREAM);

		load_check(send(fd, "o", 1, MSG_NOSIGNAL) == 1, "send");
		load_check(recv(fd, &byte, 1, 0) == 1, "recv");
		load_check(recv(fd, &byte, 1, 0) == 0, "end of file");
		close(fd);
		now = load_now();
		sample(now - start);
		__atomic_add_fetch(&total, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static double run_threads(void *(*fn)(void *))
{
	pthread_t *all = calloc((size_t)opt.threads, sizeof(*all));
	double start = load_now();

	if (opt.threads == 1) {
		fn(NULL);
	} else {
		for (int i = 0; i < opt.threads; i++)
			load_check(!pthread_create(&all[i], NULL, fn, NULL),
				   "pthread_create");
		for (int i = 0; i < opt.threads; i++)
			pthread_join(all[i], NULL);
	}
	free(all);
	return load_now() - start;
}

/* ---- epoll, many connections ---- */

enum step { CONNECTING, RUNNING, ENDING };

struct econn {
	int fd;
	enum step step;
	size_t got;
	double start;
};

static int epfd;
static char ebuf[LOAD_BUF];

static void e_watch(struct econn *c, int op, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = c};

	load_check(!epoll_ctl(epfd, op, c->fd, &ev), "epoll_ctl");
}

static void e_open(struct econn *c)
{
	*c = (struct econn){.fd = dial(SOCK_STREAM | SOCK_NONBLOCK),
			    .start = load_now()};
	e_watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

static void e_connected(struct econn *c, char kind)
{
	int error = 0, one = 1;
	socklen_t len = sizeof(error);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	errno = error;
	load_check(!error, "connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	load_check(send(c->fd, &kind, 1, MSG_NOSIGNAL) == 1, "send");
	c->step = RUNNING;
	if (kind == LOAD_SINK) {
		load_cubic(c->fd);
		return;
	}
	e_watch(c, EPOLL_CTL_MOD, EPOLLIN);
	if (kind == LOAD_ECHO) {
		c->start = load_now();
		send(c->fd, ebuf, opt.size, MSG_NOSIGNAL);
	}
}

static void e_echo(struct econn *c)
{
	ssize_t n = recv(c->fd, ebuf, opt.size - c->got, 0);
	double now;

	if (n < 0 && errno == EAGAIN)
		return;
	load_check(n > 0, "recv");
	c->got += (size_t)n;
	if (c->got < opt.size)
		return;
	now = load_now();
	sample(now - c->start);
	total++;
	c->start = now;
	c->got = 0;
	load_check(send(c->fd, ebuf, opt.size, MSG_NOSIGNAL) == (ssize_t)opt.size,
		   "send");
}

static void e_once(struct econn *c)
{
	ssize_t n = recv(c->fd, ebuf, 16, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	load_check(n >= 0, "recv");
	if (n)
		return;
	sample(load_now() - c->start);
	total++;
	close(c->fd);
	e_open(c);
}

static void e_bulk(struct econn *c, char kind)
{
	for (int i = 0; i < 8; i++) {
		ssize_t n = kind == LOAD_SINK
				    ? send(c->fd, ebuf, opt.size, MSG_NOSIGNAL)
				    : recv(c->fd, ebuf, opt.size, 0);

		if (n < 0 && errno == EAGAIN)
			return;
		load_check(n > 0, "bulk");
		if (kind == LOAD_SOURCE)
			total += (uint64_t)n;
	}
}

/* What the server has got of an upload. */
static void e_settle(struct econn *c)
{
	uint64_t count = 0;

	fcntl(c->fd, F_SETFL, 0);
	shutdown(c->fd, SHUT_WR);
	recv_whole(c->fd, (char *)&count, sizeof(count));
	total += count;
}

static double run_epoll(char kind)
{
	struct econn *all = calloc((size_t)opt.conns, sizeof(*all));
	double start = load_now(), end = start + opt.secs;
	struct epoll_event events[256];

	if (!opt.size)
		opt.size = kind == LOAD_ECHO ? 1 : LOAD_BUF / 2;
	epfd = epoll_create1(0);
	for (int i = 0; i < opt.conns; i++)
		e_open(&all[i]);
	while (load_now() < end) {
		int n = epoll_wait(epfd, events, 256, 100);

		for (int i = 0; i < n; i++) {
			struct econn *c = events[i].data.ptr;

			if (c->step == CONNECTING)
				e_connected(c, kind);
			else if (kind == LOAD_ECHO)
				e_echo(c);
			else if (kind == LOAD_ONCE)
				e_once(c);
			else
				e_bulk(c, kind);
		}
	}
	for (int i = 0; i < opt.conns && kind == LOAD_SINK; i++)
		e_settle(&all[i]);
	free(all);
	return load_now() - start;
}

static void many_connections(int n)
{
	int *fds = calloc((size_t)n, sizeof(*fds));
	struct rlimit files;
	double start, opened;
	char byte;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	start = load_now();
	for (int i = 0; i < n; i++)
		fds[i] = open_stream(LOAD_ECHO);
	opened = load_now();
	for (int i = 0; i < n; i++)
		send_whole(fds[i], "x", 1);
	for (int i = 0; i < n; i++)
		recv_whole(fds[i], &byte, 1);
	printf("mode=manyconn established=%d connect_ms=%.2f echo_ms=%.2f", n,
	       (opened - start) * 1e3, (load_now() - opened) * 1e3);
	print_cpu();
}

/* ---- datagrams ---- */

static ssize_t recv_in(int fd, void *data, size_t len, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) > 0 ? recv(fd, data, len, 0) : -1;
}

static void udp_rr(void)
{
	struct load_dgram d = {.kind = LOAD_ECHO};
	size_t size = opt.size ? opt.size : 1;
	int fd = dial(SOCK_DGRAM);
	struct timeval patience = {.tv_usec = 200000};
	double start = load_now(), now = start;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (now < start + opt.secs) {
		double sent = now;

		load_check(send(fd, &d, size, 0) > 0, "send");
		if (recv(fd, ebuf, sizeof(ebuf), 0) > 0)
			total++;
		now = load_now();
		sample(now - sent);
	}
	report_rate(now - start);
}

static uint64_t udp_query(int fd)
{
	struct load_dgram d = {.kind = LOAD_QUERY}, got;
	uint64_t last = UINT64_MAX;

	/* what is on its way still counts: ask until it stands */
	for (int i = 0; i < 50; i++) {
		send(fd, &d, sizeof(d), 0);
		if (recv_in(fd, &got, sizeof(got), 100) == sizeof(got)) {
			if (got.count == last)
				return last;
			last = got.count;
		}
		usleep(30000);
	}
	return last;
}

static void udp_stream(void)
{
	int fd = dial(SOCK_DGRAM);
	uint64_t before = udp_query(fd), sent = 0, got;
	size_t size = opt.size ? opt.size : 64;
	double start = load_now(), secs;

	((struct load_dgram *)(void *)ebuf)->kind = LOAD_SINK;
	while (load_now() < start + opt.secs)
		if (send(fd, ebuf, size, 0) > 0)
			sent++;
	secs = load_now() - start;
	got = udp_query(fd) - before;
	printf("mode=udpstream secs=%.3f sent=%llu rcvd=%llu tx_pps=%.0f "
	       "rx_pps=%.0f loss_pct=%.2f",
	       secs, (unsigned long long)sent, (unsigned long long)got,
	       (double)sent / secs, (double)got / secs,
	       sent ? 100.0 * (double)(sent - got) / (double)sent : 0);
	print_cpu();
}

static void udp_maerts(void)
{
	struct load_dgram d = {.kind = LOAD_SOURCE, .secs = opt.secs};
	int fd = dial(SOCK_DGRAM);
	uint64_t got = 0, sent = 0;
	double start, last;
	ssize_t n;

	d.size = (uint32_t)(opt.size ? opt.size : 64);
	start = last = load_now();
	send(fd, &d, sizeof(d), 0);
	while ((n = recv_in(fd, ebuf, sizeof(ebuf), 1500)) > 0) {
		if (ebuf[0] == LOAD_END) {
			sent = ((struct load_dgram *)(void *)ebuf)->count;
			break;
		}
		got++;
		last = load_now();
	}
	printf("mode=udpmaerts secs=%.3f sent=%llu rcvd=%llu rx_pps=%.0f "
	       "loss_pct=%.2f",
	       last - start, (unsigned long long)sent, (unsigned long long)got,
	       (double)got / (last - start),
	       sent ? 100.0 * (double)(sent - got) / (double)sent : 100);
	print_cpu();
}

/* ---- both ends here ---- */

static void *serve_thread(void *arg)
{
	int *fds = arg;

	load_serve(fds[0], fds[1]);
}

/* Start the server in a thread or a process of its own; then as a client. */
static pid_t serve_here(bool thread)
{
	static int fds[2];
	uint16_t port = 0;
	pthread_t id;
	pid_t pid = 0;

	if (thread) {
		fds[0] = load_listen("127.0.0.1", &port, &fds[1]);
		load_check(!pthread_create(&id, NULL, serve_thread, fds),
			   "pthread_create");
	} else {
		int ends[2];

		/* under the preload alone both share the relay of the first */
		close(socket(AF_INET, SOCK_DGRAM, 0));
		load_check(!pipe(ends), "pipe");
		pid = fork();
		load_check(pid >= 0, "fork");
		if (!pid) {
			fds[0] = load_listen("127.0.0.1", &port, &fds[1]);
			load_check(write(ends[1], &port, 2) == 2, "write");
			load_serve(fds[0], fds[1]);
		}
		load_check(read(ends[0], &port, 2) == 2, "read");
	}
	server = (struct sockaddr_in){.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return pid;
}

/* ---- the time of a command ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int spawn(char **argv)
{
	double *ms = calloc((size_t)opt.conns, sizeof(*ms));
	double end = load_now() + (opt.secs < 10 ? 10 : opt.secs);
	int n = 0, bad = 0, status;

	for (; n < opt.conns && load_now() < end; n++) {
		double start = load_now();
		pid_t pid = fork();

		load_check(pid >= 0, "fork");
		if (!pid) {
			if (!freopen("/dev/null", "r+", stdin) ||
			    dup2(0, 1) < 0 || dup2(0, 2) < 0)
				_exit(126);
			execvp(argv[0], argv);
			_exit(127);
		}
		load_check(waitpid(pid, &status, 0) == pid, "waitpid");
		ms[n] = (load_now() - start) * 1e3;
		bad += status != 0;
	}
	qsort(ms, (size_t)n, sizeof(*ms), by_value);
	printf("mode=spawn runs=%d median_ms=%.3f min_ms=%.3f max_ms=%.3f "
	       "err=%d\n",
	       n, ms[n / 2], ms[0], ms[n - 1], bad);
	return bad != 0;
}

/* ---- which ---- */

static int run_client(const char *mode)
{
	pid_t pid = 0;

	if (!strncmp(mode, "loop", 4) || !strncmp(mode, "pair", 4)) {
		pid = serve_here(mode[0] == 'l');
		mode = !strcmp(mode + 4, "bulk") ? "stream" : "rr";
	}
	if (!strcmp(mode, "stream"))
		report_bulk(opt.epoll ? run_epoll(LOAD_SINK)
				      : run_threads(stream_thread));
	else if (!strcmp(mode, "maerts"))
		report_bulk(opt.epoll ? run_epoll(LOAD_SOURCE)
				      : run_threads(maerts_thread));
	else if (!strcmp(mode, "rr"))
		report_rate(opt.epoll ? run_epoll(LOAD_ECHO)
				      : run_threads(rr_thread));
	else if (!strcmp(mode, "crr"))
		report_rate(opt.epoll ? run_epoll(LOAD_ONCE)
				      : run_threads(crr_thread));
	else if (!strcmp(mode, "udprr"))
		udp_rr();
	else if (!strcmp(mode, "udpstream"))
		udp_stream();
	else if (!strcmp(mode, "udpmaerts"))
		udp_maerts();
	else
		return 64;
	fflush(stdout);
	if (pid)
		kill(pid, SIGKILL);
	_exit(0); /* a server's thread may be left */
}

int main(int argc, char **argv)
{
	const char *bind_addr = "127.0.0.1";
	uint16_t port;
	int c, udp, tcp, at, n = 0;

	if (argc < 2)
		return 64;
	opt.mode = argv[1];
	while ((c = getopt(argc, argv, "t:l:n:j:B:e")) != -1) {
		if (c == 't')
			opt.secs = atof(optarg);
		else if (c == 'l')
			opt.size = (size_t)atoi(optarg);
		else if (c == 'n')
			opt.conns = atoi(optarg);
		else if (c == 'j')
			opt.threads = atoi(optarg);
		else if (c == 'B')
			bind_addr = optarg;
		else if (c == 'e')
			opt.epoll = true;
		else
			return 64;
	}
	/* getopt() has moved the words behind the options, the mode first */
	at = optind;
	if (at < argc && !strcmp(argv[at], opt.mode))
		at++;
	if (opt.size > LOAD_BUF || opt.conns < 1 || opt.threads < 1)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, SIG_DFL);
	if (!strcmp(opt.mode, "spawn"))
		return at < argc ? spawn(argv + at) : 64;
	if (!strcmp(opt.mode, "server")) {
		port = (uint16_t)(at < argc ? atoi(argv[at]) : 0);
		tcp = load_listen(bind_addr, &port, &udp);
		load_serve(tcp, udp);
	}
	alarm((unsigned int)(3 * opt.secs) + 20);
	if (!strcmp(opt.mode, "manyconn") && at < argc)
		n = atoi(argv[at++]);
	if (at + 1 < argc) {
		server.sin_family = AF_INET;
		server.sin_port = htons((uint16_t)atoi(argv[at + 1]));
		load_check(inet_pton(AF_INET, argv[at], &server.sin_addr) == 1,
			   argv[at]);
	}
	if (n > 0)
		return many_connections(n), 0;
	return run_client(opt.mode);
}
