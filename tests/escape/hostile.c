/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket calls with arguments of an enemy, made by raw system calls so that
 * the supervisor has them: `hostile SECONDS SEED`. Random descriptors,
 * lengths and pointers (good ones, unmapped ones, ones at the end of a page,
 * ones whose memory another thread changes), from several threads, which are
 * interrupted by signals, and processes, which are killed while they call.
 * What the calls answer does not matter here; that others are still served
 * afterwards does.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096
#define THREADS 3

static unsigned char *pages; /* one that is there, one that is not */

static const int calls[] = {
	SYS_socket,	 SYS_connect,	  SYS_bind,	   SYS_listen,
	SYS_accept,	 SYS_accept4,	  SYS_getsockname, SYS_getpeername,
	SYS_getsockopt,	 SYS_setsockopt,  SYS_sendto,	   SYS_recvfrom,
	SYS_sendmsg,	 SYS_recvmsg,	  SYS_sendmmsg,	   SYS_recvmmsg,
	SYS_shutdown,
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static long some_pointer(uint64_t *state)
{
	switch (next_random(state) % 8) {
	case 0:
		return 0;
	case 1:
		return (long)next_random(state);
	case 2: /* the last bytes before nothing */
		return (long)pages + PAGE - (long)(next_random(state) % 64);
	case 3:
		return 8;
	default:
		return (long)pages + (long)(next_random(state) % (PAGE / 2));
	}
}

static long some_number(uint64_t *state)
{
	static const long odd[] = {0,  1,    2,	      4,     10,	 16,
				   17, 28,   110,     128,   129,	 512,
				   -1, 4096, INT32_MAX, INT32_MIN, UINT32_MAX,
				   (long)1 << 32};

	return odd[next_random(state) % (sizeof(odd) / sizeof(*odd))];
}

/* A socket now and then, so that there are some to be called upon. */
static void some_socket(uint64_t *state)
{
	static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW,
				    SOCK_SEQPACKET};

	syscall(SYS_socket, families[next_random(state) % 4],
		types[next_random(state) % 4] | SOCK_NONBLOCK, 0);
}

static void one_call(uint64_t *state)
{
	long args[6], nr = calls[next_random(state) % 16];
	int i;

	for (i = 0; i < 6; i++)
		args[i] = next_random(state) & 1 ? some_pointer(state)
						 : some_number(state);
	args[0] = next_random(state) % 32;
	/* not for ever */
	if (args[0] < 3)
		args[0] = -1;
	if (next_random(state) % 16 == 0)
		some_socket(state);
	if (nr == SYS_socket)
		args[0] = (long)(next_random(state) % 20);
	syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	if (next_random(state) % 64 == 0)
		close(3 + (int)(next_random(state) % 29));
}

/* Headers and addresses that are nearly right, and change all the time. */
static void scribble(uint64_t *state)
{
	struct sockaddr_in sin = {
		.sin_family = (sa_family_t)(next_random(state) % 3 * 4 + 2),
		.sin_port = (in_port_t)next_random(state),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct msghdr msg = {
		.msg_name = (void *)some_pointer(state),
		.msg_namelen = (socklen_t)some_number(state),
		.msg_iov = (void *)some_pointer(state),
		.msg_iovlen = (size_t)some_number(state),
		.msg_control = (void *)some_pointer(state),
		.msg_controllen = (size_t)some_number(state),
	};
	size_t at = next_random(state) % (PAGE / 2);

	switch (next_random(state) % 3) {
	case 0:
		memcpy(pages + at, &sin, sizeof(sin));
		break;
	case 1:
		memcpy(pages + at, &msg, sizeof(msg));
		break;
	default:
		memset(pages + at, (int)next_random(state), 64);
		break;
	}
}

static void nothing(int signo)
{
}

static void *call_for_ever(void *arg)
{
	uint64_t state = (uintptr_t)arg;

	for (;;) {
		scribble(&state);
		one_call(&state);
	}
	return NULL;
}

/* One process: threads that call, and one that interrupts them. */
static void child(uint64_t seed)
{
	struct sigaction act = {.sa_handler = nothing};
	pthread_t threads[THREADS];
	struct rlimit files = {64, 64};
	uintptr_t i;

	setrlimit(RLIMIT_NOFILE, &files);
	if (seed & 1)
		act.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &act, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, call_for_ever,
			       (void *)(uintptr_t)(seed * 8 + i + 1));
	for (;;) {
		usleep(500);
		for (i = 0; i < THREADS; i++)
			pthread_kill(threads[i], SIGUSR1);
	}
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	unsigned long rounds = 0;
	int status;
	pid_t pid;

	pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_NONE) < 0)
		return 1;
	for (; time(NULL) < end; rounds++) {
		pid = fork();
		if (pid == 0)
			child(seed + rounds);
		usleep(20000 + (useconds_t)(rounds * 7919 % 30000));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	printf("%s\n", rounds ? "over" : "nothing done");
	return 0;
}
