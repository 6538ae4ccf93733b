/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/harden.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay/options.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* the sanitizers' own system calls, and their leak check by ptrace */
#define HARDEN_FILTER 0
#else
#define HARDEN_FILTER 1
#endif

/* ---- early ---- */

/* Standard descriptors that are closed would be taken by our sockets. */
static int open_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

static void close_gap(unsigned int lo, unsigned int hi)
{
	if (lo <= hi)
		close_range(lo, hi, 0);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* All but standard descriptors and these; -1 is none. */
static void close_others(int *keep, unsigned int n)
{
	unsigned int next = STDERR_FILENO + 1, i;

	qsort(keep, n, sizeof(*keep), by_number);
	for (i = 0; i < n; i++) {
		if (keep[i] < (int)next)
			continue;
		close_gap(next, (unsigned int)keep[i] - 1);
		next = (unsigned int)keep[i] + 1;
	}
	close_gap(next, ~0u);
}

static void raise_limits(void)
{
	struct rlimit files, none = { 0, 0 };

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	setrlimit(RLIMIT_CORE, &none);
}

int harden_early(const struct options *opts)
{
	int keep[] = {
		opts->takeover_fd >= 0 ? opts->takeover_fd : opts->attach_fd,
		opts->share_fd,
		opts->status_fd,
	};
	int rc = open_standard();

	if (rc)
		return rc;
	close_others(keep, sizeof(keep) / sizeof(*keep));
	raise_limits();
	/* /proc/PID/mem, ptrace and pidfd_getfd fail for the same uid then */
	if (HARDEN_FILTER && prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	return 0;
}

/* ---- the filter ---- */

enum check {
	CHECK_NONE,
	CHECK_SOCKET, /* AF_INET, AF_INET6; stream and datagram */
	CHECK_UNIX, /* AF_UNIX */
	CHECK_NOEXEC, /* third argument without PROT_EXEC */
	CHECK_IOCTL, /* FIONREAD and SIOCATMARK only */
	CHECK_TCGETS,	/* likewise */
	CHECK_SEALS, /* F_GET_SEALS, F_ADD_SEALS, F_GETFL only */
};

static const struct allowed {
	int nr;
	enum check check;
	const char *why;
} allowed[] = {
	{ SCMP_SYS(epoll_wait), CHECK_NONE, "the loop" },
	{ SCMP_SYS(epoll_pwait), CHECK_NONE, "the loop, in other libcs" },
	{ SCMP_SYS(epoll_ctl), CHECK_NONE, "new and ended flows" },
	{ SCMP_SYS(recvmmsg), CHECK_NONE, "links, datagrams" },
	{ SCMP_SYS(recvmsg), CHECK_NONE, "attach channel, ICMP errors" },
	{ SCMP_SYS(recvfrom), CHECK_NONE, "published UDP, status, names" },
	{ SCMP_SYS(sendmsg), CHECK_NONE, "links, host sockets" },
	{ SCMP_SYS(sendmmsg), CHECK_NONE, "datagrams" },
	{ SCMP_SYS(sendto), CHECK_NONE, "status, urgent data" },
	{ SCMP_SYS(read), CHECK_NONE, "devices given as links" },
	{ SCMP_SYS(readv), CHECK_NONE, "host sockets" },
	{ SCMP_SYS(write), CHECK_NONE, "messages, the record" },
	{ SCMP_SYS(writev), CHECK_NONE, "stdio: the record" },
	{ SCMP_SYS(socket), CHECK_SOCKET, "flows to the host" },
	{ SCMP_SYS(socketpair), CHECK_UNIX, "connections of pumped listeners" },
	{ SCMP_SYS(pread64), CHECK_NONE, "state of a socket handed over" },
	{ SCMP_SYS(connect), CHECK_NONE, "flows to the host" },
	{ SCMP_SYS(bind), CHECK_NONE, "one port for a guest's datagrams" },
	{ SCMP_SYS(listen), CHECK_NONE, "ports that a reload publishes" },
	{ SCMP_SYS(accept4), CHECK_NONE, "published ports, --listen" },
	{ SCMP_SYS(shutdown), CHECK_NONE, "a guest's FIN" },
	{ SCMP_SYS(close), CHECK_NONE, "ended flows" },
	{ SCMP_SYS(dup3), CHECK_NONE, "/dev/null for standard error" },
	{ SCMP_SYS(getsockopt), CHECK_NONE, "SO_ERROR, checks of new links" },
	{ SCMP_SYS(setsockopt), CHECK_NONE, "TCP_NODELAY, SO_LINGER" },
	{ SCMP_SYS(getsockname), CHECK_NONE, "which address is our own" },
	{ SCMP_SYS(fcntl), CHECK_SEALS, "memfds; stdio" },
	{ SCMP_SYS(fstat), CHECK_NONE, "is a new link a socket?" },
	{ SCMP_SYS(newfstatat), CHECK_NONE, "the same, in newer libcs" },
	{ SCMP_SYS(poll), CHECK_NONE, "has a link ended?" },
	{ SCMP_SYS(ppoll), CHECK_NONE, "the same, on newer machines" },
	{ SCMP_SYS(ioctl), CHECK_IOCTL, "the same; urgent data" },
	{ SCMP_SYS(ioctl), CHECK_TCGETS, "stdio: is the record a terminal?" },
	{ SCMP_SYS(lseek), CHECK_NONE, "size of the record" },
	{ SCMP_SYS(getrandom), CHECK_NONE, "seeds of new engines" },
	{ SCMP_SYS(sched_yield), CHECK_NONE, "waiting awake, but not in the way" },
	{ SCMP_SYS(clock_gettime), CHECK_NONE, "where the vdso cannot" },
	{ SCMP_SYS(gettimeofday), CHECK_NONE, "c-ares, likewise" },
	{ SCMP_SYS(brk), CHECK_NONE, "memory" },
	{ SCMP_SYS(mmap), CHECK_NOEXEC, "memory" },
	{ SCMP_SYS(memfd_create), CHECK_NONE, "payload areas" },
	{ SCMP_SYS(ftruncate), CHECK_NONE, "their size" },
	{ SCMP_SYS(munmap), CHECK_NONE, "memory" },
	{ SCMP_SYS(mremap), CHECK_NONE, "memory" },
	{ SCMP_SYS(madvise), CHECK_NONE, "memory given back" },
	{ SCMP_SYS(futex), CHECK_NONE, "locks inside libc" },
	{ SCMP_SYS(restart_syscall), CHECK_NONE, "after SIGSTOP" },
	{ SCMP_SYS(rt_sigreturn), CHECK_NONE, "signals" },
	{ SCMP_SYS(getuid), CHECK_NONE, "is a client of our own user?" },
	{ SCMP_SYS(getpid), CHECK_NONE, "for fdnet-ctl status" },
	{ SCMP_SYS(wait4), CHECK_NONE, "the end of the files' helper" },
	{ SCMP_SYS(exit_group), CHECK_NONE, "the end" },
};

static const struct allowed files_allowed[] = {
	{ SCMP_SYS(recvfrom), CHECK_NONE, "what is asked" },
	{ SCMP_SYS(sendmsg), CHECK_NONE, "the answer" },
	{ SCMP_SYS(openat), CHECK_NONE, "the policy, the new record, counters" },
	{ SCMP_SYS(fstat), CHECK_NONE, "is the policy a file?" },
	{ SCMP_SYS(newfstatat), CHECK_NONE, "the same, in newer libcs" },
	{ SCMP_SYS(rename), CHECK_NONE, "the old records, new counters" },
	{ SCMP_SYS(renameat), CHECK_NONE, "the same, on newer machines" },
	{ SCMP_SYS(renameat2), CHECK_NONE, "likewise" },
	{ SCMP_SYS(unlink), CHECK_NONE, "the control socket" },
	{ SCMP_SYS(unlinkat), CHECK_NONE, "the same, on newer machines" },
	{ SCMP_SYS(close), CHECK_NONE, "what was handed over" },
	{ SCMP_SYS(restart_syscall), CHECK_NONE, "after SIGSTOP" },
	{ SCMP_SYS(exit_group), CHECK_NONE, "the end" },
};

static int allow_socket(scmp_filter_ctx ctx)
{
	static const int families[] = { AF_INET, AF_INET6 };
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	int rc = 0;

	for (int i = 0; !rc && i < 4; i++)
		rc = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i / 2]),
			SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf,
				(scmp_datum_t)types[i % 2]));
	return rc;
}

static int allow_fcntl(scmp_filter_ctx ctx)
{
	static const int commands[] = { F_GET_SEALS, F_ADD_SEALS, F_GETFL };
	int rc = 0;

	for (size_t i = 0; !rc && i < 3; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				      SCMP_A1(SCMP_CMP_EQ,
					      (scmp_datum_t)commands[i]));
	return rc;
}

static int allow(scmp_filter_ctx ctx, const struct allowed *call)
{
	int rc;

	switch (call->check) {
	case CHECK_NONE:
		return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call->nr, 0);
	case CHECK_SOCKET:
		return allow_socket(ctx);
	case CHECK_UNIX:
		return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call->nr, 1,
					SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	case CHECK_NOEXEC:
		return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call->nr, 1,
					SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC,
						0));
	case CHECK_IOCTL:
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call->nr, 1,
				      SCMP_A1(SCMP_CMP_EQ, FIONREAD));
		return rc ? rc :
			    seccomp_rule_add(
				    ctx, SCMP_ACT_ALLOW, call->nr, 1,
				    SCMP_A1(SCMP_CMP_EQ, SIOCATMARK));
	case CHECK_TCGETS:
		return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call->nr, 1,
					SCMP_A1(SCMP_CMP_EQ, TCGETS));
	case CHECK_SEALS:
		return allow_fcntl(ctx);
	}
	return -EINVAL;
}

static int load_filter(const struct allowed *calls, size_t n)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = ctx ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < n; i++)
		rc = allow(ctx, &calls[i]);
	/* most calls are these few: a tree rather than a list */
	if (!rc)
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!rc)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}

int harden_late(void)
{
	clearenv();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return HARDEN_FILTER ? load_filter(allowed, sizeof(allowed) /
							sizeof(allowed[0])) :
			       0;
}

int harden_files(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return HARDEN_FILTER ? load_filter(files_allowed,
					   sizeof(files_allowed) /
						   sizeof(files_allowed[0])) :
			       0;
}
