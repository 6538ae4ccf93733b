/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shim leaves to the kernel (shim/doors.txt, K): calls on files that
 * meet a socket, and descriptors of other kinds that take a socket's number.
 */
#include "probe.h"

#include <dirent.h>
#include <sched.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <termios.h>

static int peer;

static int new_stream(void)
{
	int pair[2];

	tcp_pair(pair);
	peer = pair[1];
	return pair[0];
}

/* ---- calls on files ---- */

static void asked(int fd, const char *what)
{
	struct statvfs vfs;
	struct stat64 st64;
	struct statx stx;
	struct statfs fs;
	struct stat st;
	char path[64];

	say(fstat(fd, &st), "%s, fstat", what);
	say(S_ISSOCK(st.st_mode), "%s, a socket", what);
	say((long)st.st_size, "%s, its size", what);
	say((long)st.st_blksize, "%s, its blocks", what);
	say(st.st_uid == geteuid(), "%s, its owner", what);
	say(fstat64(fd, &st64) || st64.st_ino != st.st_ino, "%s, fstat64",
	    what);
	say(fstatat(fd, "", &st, AT_EMPTY_PATH), "%s, fstatat", what);
	say(fstatat64(fd, "", &st64, AT_EMPTY_PATH), "%s, fstatat64", what);
	say(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &stx), "%s, statx", what);
	say(S_ISSOCK(stx.stx_mode), "%s, a socket to statx", what);
	say(fstatfs(fd, &fs), "%s, fstatfs", what);
	say((long)fs.f_type, "%s, file system", what);
	say(fstatvfs(fd, &vfs), "%s, fstatvfs", what);
	say((long)vfs.f_namemax, "%s, length of names", what);
	say(fpathconf(fd, _PC_PIPE_BUF), "%s, fpathconf", what);
	say(isatty(fd), "%s, isatty", what);
	say(ttyname_r(fd, path, sizeof(path)), "%s, ttyname_r", what);
	say(tcgetpgrp(fd), "%s, tcgetpgrp", what);
	say(fgetxattr(fd, "user.none", path, sizeof(path)), "%s, fgetxattr",
	    what);
	say(fsetxattr(fd, "user.none", "x", 1, 0), "%s, fsetxattr", what);
}

static void terminals(int fd, const char *what)
{
	struct termios t = {0};

	say(tcgetattr(fd, &t), "%s, tcgetattr", what);
	say(tcsetattr(fd, TCSANOW, &t), "%s, tcsetattr", what);
	say(tcdrain(fd), "%s, tcdrain", what);
	say(tcflow(fd, TCOON), "%s, tcflow", what);
	say(tcflush(fd, TCIFLUSH), "%s, tcflush", what);
	say(tcsendbreak(fd, 0), "%s, tcsendbreak", what);
	say(tcgetsid(fd), "%s, tcgetsid", what);
	say(tcsetpgrp(fd, getpgrp()), "%s, tcsetpgrp", what);
}

static void as_file(int fd, const char *what)
{
	struct timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	char byte = 0;
	struct iovec iov = {&byte, 1};

	say(lseek(fd, 0, SEEK_CUR), "%s, lseek", what);
	say(lseek64(fd, 0, SEEK_END), "%s, lseek64", what);
	say(ftruncate(fd, 0), "%s, ftruncate", what);
	say(ftruncate64(fd, 0), "%s, ftruncate64", what);
	say(fallocate(fd, 0, 0, 1), "%s, fallocate", what);
	say(posix_fallocate(fd, 0, 1), "%s, posix_fallocate", what);
	say(posix_fadvise(fd, 0, 1, POSIX_FADV_NORMAL), "%s, posix_fadvise",
	    what);
	say(readahead(fd, 0, 1), "%s, readahead", what);
	say(sync_file_range(fd, 0, 1, 0), "%s, sync_file_range", what);
	say(fsync(fd), "%s, fsync", what);
	say(fdatasync(fd), "%s, fdatasync", what);
	say(syncfs(fd), "%s, syncfs", what);
	say(flock(fd, LOCK_EX | LOCK_NB), "%s, flock", what);
	say(lockf(fd, F_TLOCK, 1), "%s, lockf", what);
	say(fchdir(fd), "%s, fchdir", what);
	say(fchmod(fd, 0600), "%s, fchmod", what);
	say(fchown(fd, (uid_t)-1, (gid_t)-1), "%s, fchown", what);
	say(futimens(fd, now), "%s, futimens", what);
	say(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ?
		    -1 :
		    0,
	    "%s, mmap", what);
	say(pread64(fd, &byte, 1, 0), "%s, pread64", what);
	say(pwrite64(fd, &byte, 1, 0), "%s, pwrite64", what);
	say(preadv64(fd, &iov, 1, 0), "%s, preadv64", what);
	say(pwritev64(fd, &iov, 1, 0), "%s, pwritev64", what);
	say(getdents64(fd, &byte, 1), "%s, getdents64", what);
	say(inotify_rm_watch(fd, 1), "%s, inotify_rm_watch", what);
	say(openat(fd, "x", O_RDONLY), "%s, openat", what);
}

/* ---- a socket's number, taken by another kind ---- */

/* One end closed, its number given to @fd: is it that kind, and no socket? */
static void taken(int number, int fd, const char *what)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	say(fd == number, "%s: the number", what);
	say(getsockname(fd, (struct sockaddr *)&sin, &len), "%s: getsockname",
	    what);
	say(send(fd, "x", 1, MSG_DONTWAIT), "%s: send", what);
	say(listen(fd, 1), "%s: listen", what);
}

static int free_number(void)
{
	int fd = new_stream();

	say(send(fd, "x", 1, 0), "a socket");
	close(fd);
	close(peer);
	return fd;
}

static void other_kinds(void)
{
	struct itimerspec soon = {.it_value = {0, 1000}};
	uint64_t count = 3;
	sigset_t set;
	int number, fd, pair[2];

	number = free_number();
	fd = eventfd(0, 0);
	taken(number, fd, "eventfd");
	say(write(fd, &count, 8), "eventfd: write");
	say(read(fd, &count, 8), "eventfd: read");
	say((long)count, "eventfd: count");
	say(eventfd_write(fd, 5), "eventfd_write");
	say(eventfd_read(fd, &count), "eventfd_read");
	close(fd);

	number = free_number();
	fd = timerfd_create(CLOCK_MONOTONIC, 0);
	taken(number, fd, "timerfd");
	say(timerfd_settime(fd, 0, &soon, NULL), "timerfd_settime");
	say(read(fd, &count, 8), "timerfd: read");
	say(timerfd_gettime(fd, &soon), "timerfd_gettime");
	close(fd);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	number = free_number();
	fd = signalfd(-1, &set, 0);
	taken(number, fd, "signalfd");
	raise(SIGUSR2);
	say(read(fd, (char[256]){0}, 256) > 0, "signalfd: read");
	close(fd);

	number = free_number();
	fd = memfd_create("x", 0);
	taken(number, fd, "memfd");
	say(write(fd, "abc", 3), "memfd: write");
	say(lseek(fd, 0, SEEK_CUR), "memfd: lseek");
	close(fd);

	number = free_number();
	need(pipe2(pair, O_CLOEXEC), "pipe2");
	taken(number, pair[0], "pipe");
	say(write(pair[1], "abc", 3), "pipe: write");
	say(read(pair[0], (char[8]){0}, 8), "pipe: read");
	close(pair[0]);
	close(pair[1]);

	number = free_number();
	fd = inotify_init1(IN_NONBLOCK);
	taken(number, fd, "inotify");
	say(read(fd, (char[256]){0}, 256), "inotify: read");
	close(fd);

	number = free_number();
	fd = epoll_create1(0);
	taken(number, fd, "epoll");
	close(fd);

	number = free_number();
	fd = posix_openpt(O_RDWR | O_NOCTTY);
	taken(number, fd, "a terminal");
	say(isatty(fd), "a terminal: isatty");
	close(fd);

	number = free_number();
	fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	taken(number, fd, "pidfd");
	close(fd);
}

/* ---- what a new program gets ---- */

static void with_actions(void)
{
	char shell[] = "sh", option[] = "-c",
	     script[] = "echo kept >&8; [ -e /dev/fd/9 ] || exit 7";
	char *argv[] = {shell, option, script, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int status = 0, fd = new_stream();
	char text[16] = "";
	sigset_t none;
	pid_t pid;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	say(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK),
	    "posix_spawnattr_setflags");
	say(posix_spawnattr_setsigmask(&attr, &none),
	    "posix_spawnattr_setsigmask");
	say(posix_spawn_file_actions_adddup2(&actions, fd, 8), "adddup2");
	say(posix_spawn_file_actions_addopen(&actions, 9, "/dev/null",
					     O_RDONLY, 0), "addopen");
	say(posix_spawn_file_actions_addclose(&actions, 9), "addclose");
	say(posix_spawn_file_actions_addchdir_np(&actions, "/"), "addchdir");
	say(posix_spawn(&pid, "/bin/sh", &actions, &attr, argv, environ),
	    "posix_spawn");
	waitpid(pid, &status, 0);
	say(WEXITSTATUS(status), "its end");
	say(recv(peer, text, sizeof(text), 0), "what it sent");
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	close(fd);
	close(peer);
}

/* ---- limits ---- */

static void limits(void)
{
	struct rlimit64 old, low = {8, 8};
	int fd = new_stream();

	getrlimit64(RLIMIT_NOFILE, &old);
	low.rlim_max = old.rlim_max;
	say(setrlimit64(RLIMIT_NOFILE, &low), "setrlimit64");
	say(getdtablesize(), "getdtablesize");
	say(sysconf(_SC_OPEN_MAX), "sysconf");
	say(send(fd, "x", 1, 0), "a socket goes on");
	say(recv(peer, (char[4]){0}, 4, 0), "and its peer");
	say(prlimit64(0, RLIMIT_NOFILE, &old, NULL), "prlimit64");
	close(fd);
	close(peer);
}

int main(void)
{
	int fd = new_stream();
	int udp = new_udp(0);

	signal(SIGTTOU, SIG_IGN);
	asked(fd, "stream");
	terminals(fd, "stream");
	as_file(fd, "stream");
	asked(udp, "datagram");
	as_file(udp, "datagram");
	close(udp);
	close(fd);
	close(peer);
	other_kinds();
	with_actions();
	limits();
	return 0;
}
