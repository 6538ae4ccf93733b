/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the preload library costs a program that does not use it: each wrapper
 * on an fd that is not ours against libc's own function, in one process, in
 * turns; and the start of a program with and without the library.
 *
 * usage: LD_PRELOAD=.libs/libfdnet.so bench/shim_calls
 *
 * Prints one line a call: name, libc's ns, ours, the difference (medians of
 * the fastest of many rounds), then what the library holds when nothing was
 * asked of it, and what it adds to the start of `true`.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 201
#define BATCH 400
#define STARTS 101

static int fd; /* /dev/null: the kernel does as little as it can */
static char buf[16];
static struct iovec iov = { buf, 0 };
static struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

/* Each call through a pointer, so that both ways cost the same. */
#define CALLS(X)                                                               \
	X(read, ssize_t, (int, void *, size_t), (fd, buf, 0))                  \
	X(write, ssize_t, (int, const void *, size_t), (fd, buf, 0))           \
	X(readv, ssize_t, (int, const struct iovec *, int), (fd, &iov, 1))     \
	X(writev, ssize_t, (int, const struct iovec *, int), (fd, &iov, 1))    \
	X(send, ssize_t, (int, const void *, size_t, int), (fd, buf, 0, 0))    \
	X(recv, ssize_t, (int, void *, size_t, int), (fd, buf, 0, 0))          \
	X(sendmsg, ssize_t, (int, const struct msghdr *, int), (fd, &msg, 0))  \
	X(recvmsg, ssize_t, (int, struct msghdr *, int), (fd, &msg, 0))        \
	X(close, int, (int), (-1))                                             \
	X(fcntl, int, (int, int, ...), (fd, F_GETFD))                          \
	X(ioctl, int, (int, unsigned long, ...), (fd, FIONREAD, buf))          \
	X(getsockopt, int, (int, int, int, void *, socklen_t *),               \
	  (fd, 1, 1, buf, NULL))                                               \
	X(poll, int, (struct pollfd *, nfds_t, int), (&one, 1, 0))             \
	X(select, int, (int, fd_set *, fd_set *, fd_set *, struct timeval *),  \
	  (fd + 1, &set, NULL, NULL, &now))                                    \
	X(epoll_wait, int, (int, struct epoll_event *, int, int),              \
	  (ep, &event, 1, 0))                                                  \
	X(recvfrom, ssize_t, (int, void *, size_t, int, void *, void *),       \
	  (fd, buf, 0, 0, NULL, NULL))                                         \
	X(sendto, ssize_t,                                                     \
	  (int, const void *, size_t, int, const void *, socklen_t),           \
	  (fd, buf, 0, 0, NULL, 0))                                            \
	X(preadv2, ssize_t, (int, const struct iovec *, int, off_t, int),      \
	  (fd, &iov, 1, 0, 0))                                                 \
	X(pwritev2, ssize_t, (int, const struct iovec *, int, off_t, int),     \
	  (fd, &iov, 1, 0, 0))                                                 \
	X(sendfile, ssize_t, (int, int, off_t *, size_t), (fd, fd, NULL, 0))   \
	X(splice, ssize_t,                                                     \
	  (int, off_t *, int, off_t *, size_t, unsigned int),                  \
	  (fd, NULL, fd, NULL, 0, 0))                                          \
	X(setsockopt, int, (int, int, int, const void *, socklen_t),           \
	  (fd, 1, 1, buf, 4))                                                  \
	X(getsockname, int, (int, void *, void *), (fd, NULL, NULL))           \
	X(shutdown, int, (int, int), (fd, 0))                                  \
	X(bind, int, (int, const void *, socklen_t), (fd, buf, 16))            \
	X(listen, int, (int, int), (fd, 1))                                    \
	X(connect, int, (int, const void *, socklen_t), (fd, buf, 16))         \
	X(accept4, int, (int, void *, void *, int), (fd, NULL, NULL, 0))       \
	X(ppoll, int,                                                          \
	  (struct pollfd *, nfds_t, const struct timespec *,                   \
	   const sigset_t *),                                                  \
	  (&one, 1, &no_time, NULL))                                           \
	X(epoll_ctl, int, (int, int, int, struct epoll_event *),               \
	  (ep, EPOLL_CTL_MOD, pipes[0], &event))                               \
	X(dup2, int, (int, int), (fd, 90))                                     \
	X(dup3, int, (int, int, int), (fd, 90, 0))                             \
	X(close_range, int, (unsigned int, unsigned int, int), (91, 95, 0))    \
	X(open, int, (const char *, int, ...), ("", O_RDONLY))                 \
	X(openat, int, (int, const char *, int, ...), (fd, "", O_RDONLY))      \
	X(sigaction, int, (int, const void *, void *), (SIGUSR1, NULL, NULL))  \
	X(syscall, long, (long, ...), (SYS_getppid))

/* What makes a descriptor, with a close() of the kernel's behind it. */
#define MAKERS(X)                                                              \
	X(dup, int, (int), (fd))                                               \
	X(epoll_create1, int, (int), (0))                                      \
	X(socket, int, (int, int, int), (AF_UNIX, SOCK_STREAM, 0))

static struct pollfd one;
static fd_set set;
static struct timeval now;
static const struct timespec no_time;
static struct epoll_event event;
static int ep, pipes[2];
static long (*libc_syscall)(long, ...);

static double ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The first quarter's middle: what it costs when nobody disturbs. */
static double typical(double *t, size_t n)
{
	qsort(t, n, sizeof(*t), by_size);
	return t[n / 8];
}

#define BENCH_OF(name, ret, args, with, use)                                   \
	static void bench_##name(void *libc)                                   \
	{                                                                      \
		ret(*own) args = (ret(*) args)dlsym(libc, #name);              \
		ret(*ours) args = (ret(*) args)(void *)name;                   \
		double a[ROUNDS], b[ROUNDS], t, x, y;                          \
		int i, j;                                                      \
                                                                               \
		for (i = 0; i < ROUNDS; i++) {                                 \
			FD_SET(fd, &set);                                      \
			t = ns();                                              \
			for (j = 0; j < BATCH; j++)                            \
				use(own with);                                 \
			a[i] = (ns() - t) / BATCH;                             \
			t = ns();                                              \
			for (j = 0; j < BATCH; j++)                            \
				use(ours with);                                \
			b[i] = (ns() - t) / BATCH;                             \
		}                                                              \
		x = typical(a, ROUNDS);                                        \
		y = typical(b, ROUNDS);                                        \
		printf("%-12s libc %7.1f ours %7.1f more %6.1f ns%s\n", #name, \
		       x, y, y - x, (void *)own == (void *)ours ? " (same)" : ""); \
	}
#define NOT_USED(value) ((void)(value))
#define CLOSED(value) libc_syscall(SYS_close, value)
#define BENCH(name, ret, args, with) BENCH_OF(name, ret, args, with, NOT_USED)
CALLS(BENCH)
#undef BENCH
#define BENCH(name, ret, args, with) BENCH_OF(name, ret, args, with, CLOSED)
MAKERS(BENCH)

static int count(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n - 2;
}

static double start(char *const envp[])
{
	char *argv[] = { (char *)"true", NULL };
	double t = ns();
	pid_t pid;

	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, envp))
		return 0;
	waitpid(pid, NULL, 0);
	return (ns() - t) / 1e6;
}

static void starts(const char *preload)
{
	char entry[4096];
	/* FDNET_RELAY keeps posix_spawn() from adding an LD_PRELOAD */
	char *without[] = { (char *)"LD_PRELOAD=", (char *)"A=b", NULL };
	char *with[] = { entry, (char *)"A=b", NULL };
	double a[STARTS], b[STARTS], x, y;
	int i;

	snprintf(entry, sizeof(entry), "LD_PRELOAD=%s", preload);
	for (i = 0; i < STARTS; i++) {
		a[i] = start(without);
		b[i] = start(with);
	}
	x = typical(a, STARTS);
	y = typical(b, STARTS);
	printf("start of true: without %.2f with %.2f more %.2f ms\n", x, y,
	       y - x);
}

int main(void)
{
	const char *preload = getenv("LD_PRELOAD");
	void *libc = dlopen("libc.so.6", RTLD_LAZY);

	printf("threads %d, fds %d (three and the folder's own)\n",
	       count("/proc/self/task"), count("/proc/self/fd"));
	fd = open("/dev/null", O_RDWR);
	ep = epoll_create1(0);
	one = (struct pollfd){ .fd = fd, .events = POLLPRI };
	libc_syscall = (long (*)(long, ...))dlsym(libc, "syscall");
	if (pipe(pipes) || epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &event))
		return 1;
#define RUN(name, ret, args, with) bench_##name(libc);
	CALLS(RUN)
	MAKERS(RUN)
	if (preload)
		starts(preload);
	return 0;
}
