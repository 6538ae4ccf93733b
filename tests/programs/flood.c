/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that start programs beside threads that use sockets without
 * close-on-exec: every such socket is handed over while some call on it is
 * under way (exec_fork_multithread, popen_multithread_flood). None may fail,
 * fall short or hang.
 */
#include "probe.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/select.h>

#define PROGRAMS 6 /* of each way, by each of the threads that start them */
#define TALKERS	 2 /* of each kind */
#define CHUNK	 (192 * 1024)

extern char **environ;

static volatile bool stop;

/* A talker's turn; false: something was not as it has to be. */
struct kind {
	const char *name;
	bool (*turn)(void *state);
	void *(*open)(void);
	void (*close)(void *state);
};

static void *open_tcp(void)
{
	int *fds = malloc(2 * sizeof(*fds));

	tcp_pair(fds);
	return fds;
}

static void *open_udp(void)
{
	int *fds = malloc(2 * sizeof(*fds));

	udp_pair(fds);
	return fds;
}

static void *open_loose(void)
{
	int *fds = malloc(2 * sizeof(*fds));

	fds[0] = new_udp(0);
	fds[1] = new_udp(0);
	need(bind_loopback(fds[0], 0), "bind");
	need(bind_loopback(fds[1], 0), "bind");
	return fds;
}

static void close_fds(void *state)
{
	close_pair(state);
	free(state);
}

static bool wait_in(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 20000) == 1 && p.revents == POLLIN;
}

static bool stream(void *state)
{
	int *fds = state;
	char buf[64] = "stream";

	return send(fds[0], buf, 64, 0) == 64 &&
	       recv(fds[1], buf, 64, MSG_WAITALL) == 64;
}

static bool polled(void *state)
{
	int *fds = state;
	char buf[64] = "polled";

	return write(fds[0], buf, 64) == 64 && wait_in(fds[1]) &&
	       read(fds[1], buf, 64) == 64;
}

static bool selected(void *state)
{
	struct timeval tv = { .tv_sec = 20 };
	int *fds = state;
	char buf[64] = "selected";
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	return write(fds[1], buf, 64) == 64 &&
	       select(fds[0] + 1, &set, NULL, NULL, &tv) == 1 &&
	       read(fds[0], buf, 64) == 64;
}

static bool waited(void *state)
{
	struct epoll_event event = { .events = EPOLLIN };
	int *fds = state, ep = epoll_create1(0);
	char buf[64] = "waited";
	bool good;

	good = epoll_ctl(ep, EPOLL_CTL_ADD, fds[1], &event) == 0 &&
	       send(fds[0], buf, 64, 0) == 64 &&
	       epoll_wait(ep, &event, 1, 20000) == 1 &&
	       event.events == EPOLLIN && recv(fds[1], buf, 64, 0) == 64;
	close(ep);
	return good;
}

static bool datagram(void *state)
{
	int *fds = state;
	char buf[64] = "datagram";

	return send(fds[0], buf, 64, 0) == 64 &&
	       recv(fds[1], buf, sizeof(buf), 0) == 64;
}

static bool loose(void *state)
{
	struct sockaddr_in sin = loopback(port_of(((int *)state)[1]));
	socklen_t len = sizeof(sin);
	int *fds = state;
	char buf[100] = "loose";

	return sendto(fds[0], buf, 64, 0, (void *)&sin, len) == 64 &&
	       recvfrom(fds[1], buf, sizeof(buf), 0, (void *)&sin, &len) ==
		       64 &&
	       ntohs(sin.sin_port) == port_of(fds[0]);
}

/* All of a connection's life. */
static bool life(void *state)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int l = socket(AF_INET, SOCK_STREAM, 0), a, b;
	char byte = 0;
	bool good;

	(void)state;
	good = l >= 0 && bind_loopback(l, 0) == 0 && listen(l, 4) == 0 &&
	       getsockname(l, (void *)&sin, &len) == 0 && sin.sin_port;
	a = socket(AF_INET, SOCK_STREAM, 0);
	good = good && a >= 0 &&
	       connect_loopback(a, ntohs(sin.sin_port)) == 0;
	b = good ? accept(l, NULL, NULL) : -1;
	good = good && b >= 0 && send(b, "x", 1, 0) == 1 &&
	       recv(a, &byte, 1, 0) == 1 && byte == 'x' &&
	       shutdown(a, SHUT_WR) == 0 && recv(b, &byte, 1, 0) == 0;
	close(l);
	close(a);
	close(b);
	return good;
}

/* The same, not waiting in connect() and accept(). */
static bool started(void *state)
{
	int l = socket(AF_INET, SOCK_STREAM, 0), a, b = -1;
	struct pollfd p = { .events = POLLOUT };
	bool good;

	(void)state;
	set_nonblock(l);
	good = bind_loopback(l, 0) == 0 && listen(l, 4) == 0;
	a = p.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	good = good &&
	       (connect_loopback(a, port_of(l)) == 0 || errno == EINPROGRESS) &&
	       poll(&p, 1, 20000) == 1 && p.revents == POLLOUT &&
	       int_option(a, SOL_SOCKET, SO_ERROR) == 0 && wait_in(l);
	if (good)
		b = accept4(l, NULL, NULL, SOCK_NONBLOCK);
	good = good && b >= 0 && send(a, "x", 1, 0) == 1 && wait_in(b);
	close(l);
	close(a);
	close(b);
	return good;
}

static void *reader(void *arg)
{
	char *buf = malloc(CHUNK);
	ssize_t n = recv(*(int *)arg, buf, CHUNK, MSG_WAITALL);
	long bad = n != CHUNK;

	for (int i = 0; i < CHUNK && !bad; i++)
		bad = buf[i] != (char)(i * 7);
	free(buf);
	return (void *)bad;
}

/* A call that goes on for a while, at both ends. */
static bool bulk(void *state)
{
	int *fds = state;
	char *buf = malloc(CHUNK);
	pthread_t thread;
	ssize_t sent;
	void *bad;

	for (int i = 0; i < CHUNK; i++)
		buf[i] = (char)(i * 7);
	pthread_create(&thread, NULL, reader, &fds[1]);
	sent = send(fds[0], buf, CHUNK, 0);
	pthread_join(thread, &bad);
	free(buf);
	return sent == CHUNK && !bad;
}

static const struct kind kinds[] = {
	{ "streams", stream, open_tcp, close_fds },
	{ "poll()", polled, open_tcp, close_fds },
	{ "select()", selected, open_tcp, close_fds },
	{ "epoll_wait()", waited, open_tcp, close_fds },
	{ "connected datagrams", datagram, open_udp, close_fds },
	{ "datagrams", loose, open_loose, close_fds },
	{ "lives", life, NULL, NULL },
	{ "lives, not waiting", started, NULL, NULL },
	{ "long calls", bulk, open_tcp, close_fds },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* A new socket now and then: one that was handed over stays so. */
static void *talk(void *arg)
{
	const struct kind *kind = arg;
	long turns = 0;

	while (!stop || turns < 10) {
		void *state = kind->open ? kind->open() : NULL;
		bool good = true;

		for (int i = 0; i < 40 && good && (!stop || i < 10); i++) {
			good = kind->turn(state);
			turns++;
		}
		if (!good)
			return (void *)turns;
		if (kind->close)
			kind->close(state);
	}
	return NULL;
}

/* ---- programs ---- */

static int finish(pid_t pid)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static bool by_popen(void)
{
	FILE *out = popen("echo hello", "r");
	char text[16] = "";

	return out && fgets(text, sizeof(text), out) &&
	       strcmp(text, "hello\n") == 0 && pclose(out) == 0;
}

static bool by_system(void)
{
	return system("exit 3") == 3 << 8;
}

static bool by_spawn(void)
{
	char *argv[] = { (char *)"true", NULL };
	pid_t pid = -1;

	return posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) ==
		       0 &&
	       finish(pid) == 0;
}

static bool by_fork(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(99);
	}
	return finish(pid) == 0;
}

static bool by_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(99);
	}
	return finish(pid) == 0;
}

static bool (*const ways[])(void) = { by_popen, by_system, by_spawn, by_fork,
				      by_vfork };

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void *start_programs(void *arg)
{
	long bad = 0;

	for (size_t i = 0; i < PROGRAMS * WAYS; i++)
		if (!ways[(i + (size_t)arg) % WAYS]())
			bad++;
	return (void *)bad;
}

/* Arguments are kinds, by number: only those. */
static bool is_wanted(size_t kind, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strtoul(argv[i], NULL, 10) == kind)
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	pthread_t talkers[KINDS][TALKERS] = {{0}}, starters[3];
	long bad = 0;
	void *result;
	size_t i, k;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < KINDS; i++)
		for (k = 0; k < TALKERS && is_wanted(i, argc, argv); k++)
			pthread_create(&talkers[i][k], NULL, talk,
				       (void *)&kinds[i]);
	for (i = 0; i < 3; i++)
		pthread_create(&starters[i], NULL, start_programs, (void *)i);
	for (i = 0; i < 3; i++) {
		pthread_join(starters[i], &result);
		bad += (long)result;
	}
	say(bad, "programs that did not run");
	stop = true;
	for (i = 0; i < KINDS; i++) {
		bad = 0;
		for (k = 0; k < TALKERS && is_wanted(i, argc, argv); k++) {
			pthread_join(talkers[i][k], &result);
			bad += result != NULL;
		}
		say(bad, "%s beside programs that start: failures",
		    kinds[i].name);
	}
	return 0;
}
