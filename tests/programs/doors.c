/* SPDX-License-Identifier: Apache-2.0 */
/* The less used doors: syscall(), vectors with offsets, printing, spawning. */
#include "probe.h"

#include <spawn.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

extern char **environ;

static char data[4096];

/* Everything by number. */
static void by_number(void)
{
	struct sockaddr_in sin = loopback(0);
	socklen_t len = sizeof(sin);
	struct iovec iov[2] = {{data, 3}, {data + 3, 5}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	struct timespec soon = {1, 0};
	struct epoll_event ev = {.events = EPOLLIN};
	struct pollfd p;
	int listener, fd, conn, value = 1, ep, copy;

	listener = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	say(listener >= 0 ? 0 : -1, "socket");
	say(syscall(SYS_setsockopt, listener, SOL_SOCKET, SO_REUSEADDR, &value,
		    sizeof(value)), "setsockopt");
	say(syscall(SYS_bind, listener, &sin, sizeof(sin)), "bind");
	say(syscall(SYS_listen, listener, 5), "listen");
	say(syscall(SYS_getsockname, listener, &sin, &len), "getsockname");
	fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	say(syscall(SYS_connect, fd, &sin, sizeof(sin)), "connect");
	len = sizeof(sin);
	conn = (int)syscall(SYS_accept4, listener, &sin, &len, SOCK_CLOEXEC);
	say(conn >= 0 ? 0 : -1, "accept4");
	say(syscall(SYS_write, fd, "hello", 5), "write");
	say(syscall(SYS_read, conn, data, 5), "read");
	say(syscall(SYS_sendto, conn, "goodbye", 7, 0, NULL, 0), "sendto");
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	say(syscall(SYS_ppoll, &p, 1, &soon, NULL, 8), "ppoll");
	say(syscall(SYS_recvfrom, fd, data, sizeof(data), 0, NULL, NULL),
	    "recvfrom");
	say(syscall(SYS_writev, fd, iov, 2), "writev");
	ready(conn, POLLIN);
	say(syscall(SYS_readv, conn, iov, 2), "readv");
	say(syscall(SYS_sendmsg, conn, &msg, 0), "sendmsg");
	ready(fd, POLLIN);
	say(syscall(SYS_recvmsg, fd, &msg, 0), "recvmsg");
	ep = (int)syscall(SYS_epoll_create1, 0);
	say(syscall(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd, &ev), "epoll_ctl");
	say(syscall(SYS_write, conn, "x", 1), "write again");
	say(syscall(SYS_epoll_pwait, ep, &ev, 1, 1000, NULL, 8),
	    "epoll_pwait");
	copy = (int)syscall(SYS_dup, fd);
	say(syscall(SYS_close, fd), "close");
	say(syscall(SYS_read, copy, data, 9), "read the copy");
	say(syscall(SYS_fcntl, copy, F_SETFL, O_NONBLOCK), "fcntl");
	say(syscall(SYS_read, copy, data, 9), "read nothing");
	say(syscall(SYS_ioctl, copy, FIONREAD, &value), "ioctl");
	say(syscall(SYS_shutdown, copy, SHUT_WR), "shutdown");
	say(syscall(SYS_read, conn, data, 9), "read the end");
	say(syscall(SYS_close_range, copy, copy, 0), "close_range");
	say(syscall(SYS_close, copy), "close again");
	say(syscall(SYS_getpid) == getpid() ? 0 : -1, "getpid");
	say(syscall(10000, 1, 2, 3), "no such call");
	close(conn);
	close(listener);
	close(ep);
}

static void vectors(void)
{
	struct iovec iov[2] = {{data, 3}, {data + 3, 5}};
	int fds[2];

	tcp_pair(fds);
	say(preadv(fds[0], iov, 2, 0), "preadv");
	say(pwritev(fds[0], iov, 2, 0), "pwritev");
	say(pread(fds[0], data, 1, -1), "pread at -1");
	say(preadv2(fds[0], iov, 2, 0, 0), "preadv2 at 0");
	say(preadv2(fds[0], iov, 2, -1, RWF_NOWAIT), "preadv2, no wait");
	say(pwritev2(fds[1], iov, 2, -1, 0), "pwritev2");
	ready(fds[0], POLLIN);
	say(preadv2(fds[0], iov, 2, -1, 0), "preadv2");
	say(preadv2(fds[0], iov, 2, -1, 0x40000000), "preadv2, bad flag");
	say(preadv2(fds[0], iov, -1, -1, RWF_NOWAIT), "preadv2, bad count");
	say(readv(fds[0], iov, 2000), "readv, too many");
	say(readv(fds[0], iov, -1), "readv, negative");
	say(readv(fds[0], iov, 0), "readv, none");
	say(writev(fds[0], iov, 0), "writev, none");
	iov[0].iov_len = (size_t)-1;
	say(readv(fds[0], iov, 2), "readv, negative length");
	say(writev(fds[0], iov, 2), "writev, negative length");
	close_pair(fds);
}

static void odd_files(void)
{
	struct stat st;
	struct statx stx;
	int fds[2], pipes[2], udp = new_udp(0);
	off_t at = 0;
	char name[64];

	tcp_pair(fds);
	need(pipe(pipes), "pipe");
	say(fstat(fds[0], &st), "fstat");
	say(S_ISSOCK(st.st_mode), "is a socket");
	say(statx(fds[0], "", AT_EMPTY_PATH, STATX_TYPE, &stx), "statx");
	say(S_ISSOCK(stx.stx_mode), "is a socket too");
	say(isfdtype(fds[0], S_IFSOCK), "isfdtype");
	say(isatty(fds[0]) ? 0 : -1, "isatty");
	say(-(errno = ttyname_r(fds[0], name, sizeof(name))), "ttyname_r");
	say(ftruncate(fds[0], 5), "ftruncate");
	say(fsync(fds[0]), "fsync");
	say(lseek(fds[0], 0, SEEK_CUR), "lseek");
	say(fchdir(fds[0]), "fchdir");
	say(posix_fadvise(fds[0], 0, 0, 0) == ESPIPE, "posix_fadvise");
	say(tee(fds[0], pipes[1], 10, SPLICE_F_NONBLOCK), "tee");
	say(copy_file_range(fds[0], NULL, fds[1], NULL, 10, 0),
	    "copy_file_range");
	say(copy_file_range(fds[0], &at, fds[1], NULL, 10, 0),
	    "copy_file_range at");
	say(fcntl(fds[0], F_GETLK, &(struct flock){.l_type = F_WRLCK}),
	    "F_GETLK");
	say(fcntl(fds[0], F_SETPIPE_SZ, 4096), "F_SETPIPE_SZ");
	say(fcntl(fds[0], F_GETPIPE_SZ), "F_GETPIPE_SZ");
	say(fcntl(fds[0], F_GET_SEALS), "F_GET_SEALS");
	say(fcntl(fds[0], 9999), "unknown fcntl");
	say(fcntl(fds[0], F_DUPFD, 1 << 30), "F_DUPFD too high");
	say(fcntl(fds[0], F_DUPFD, -1), "F_DUPFD negative");
	say(mkdir("/proc/self/fd/0/x", 0700) < 0, "mkdir");
	say(dprintf(fds[0], "%s %d\n", "printed", 42), "dprintf");
	say(ready(fds[1], POLLIN) & POLLIN, "there is something");
	say(read(fds[1], data, sizeof(data)), "what was printed");
	say(data[8], "a byte of it");
	close(udp);
	close_pair(fds);
	close_pair(pipes);
}

/* A child that is given the socket as its standard output. */
static void spawned(int cloexec, const char *label)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)"echo spawned",
			NULL};
	posix_spawn_file_actions_t actions;
	int fds[2], status = -1;
	pid_t pid;

	tcp_pair(fds);
	fcntl(fds[0], F_SETFD, cloexec);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[0], 1);
	errno = posix_spawnp(&pid, "sh", &actions, NULL, argv, environ);
	say(errno ? -1 : 0, "%s", label);
	close(fds[0]);
	waitpid(pid, &status, 0);
	say(WEXITSTATUS(status), "%s, exit status", label);
	say(recv(fds[1], data, 8, MSG_WAITALL), "%s, bytes", label);
	say(recv(fds[1], data, 8, 0), "%s, the end", label);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
}

static void through_a_shell(void)
{
	char command[64];
	int fds[2];
	FILE *f;

	tcp_pair(fds);
	snprintf(command, sizeof(command), "echo system >&%d", fds[0]);
	say(system(command), "system");
	say(recv(fds[1], data, 7, MSG_WAITALL), "system, bytes");
	snprintf(command, sizeof(command), "echo popen >&%d; echo to the pipe",
		 fds[0]);
	f = popen(command, "r");
	say(f ? 0 : -1, "popen");
	say(f && fgets(data, sizeof(data), f) ? data[0] : -1, "from the pipe");
	say(recv(fds[1], data, 6, MSG_WAITALL), "popen, bytes");
	say(pclose(f), "pclose");
	say(send(fds[0], "still", 5, 0), "still mine");
	say(recv(fds[1], data, 5, MSG_WAITALL), "still there");
	close_pair(fds);
}

static void bare_fork(void)
{
	int fds[2], status;
	pid_t pid;

	tcp_pair(fds);
	pid = _Fork();
	if (pid == 0) {
		if (write(fds[0], "child", 5) != 5)
			_exit(1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	say(status, "_Fork, child");
	say(recv(fds[1], data, 5, MSG_WAITALL), "_Fork, bytes");
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		if (write(fds[0], "clone", 5) != 5)
			syscall(SYS_exit_group, 1);
		syscall(SYS_exit_group, 0);
	}
	waitpid(pid, &status, 0);
	say(status, "clone, child");
	say(recv(fds[1], data, 5, MSG_WAITALL), "clone, bytes");
	close_pair(fds);
}

static void streams_again(void)
{
	int fds[2], number;
	FILE *f;

	tcp_pair(fds);
	f = fdopen(fds[0], "w");
	fputs("a line\n", f);
	f = freopen("/dev/null", "w", f);
	say(f ? 0 : -1, "freopen");
	number = fileno(f);
	say(number == fds[0], "the same number");
	say(recv(fds[1], data, 7, MSG_WAITALL), "the line");
	say(recv(fds[1], data, 7, 0), "and the end");
	fclose(f);
	close(fds[1]);
}

static volatile sig_atomic_t signals;

static void on_io(int sig)
{
	(void)sig;
	signals++;
}

/* The kernel tells by a signal that something has come. */
static void told_by_signal(void)
{
	int fds[2], on = 1, tries;

	signal(SIGIO, on_io);
	tcp_pair(fds);
	say(fcntl(fds[0], F_SETOWN, getpid()), "F_SETOWN");
	say(fcntl(fds[0], F_GETOWN) == getpid(), "F_GETOWN");
	say(fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK), "F_SETFL O_ASYNC");
	say(fcntl(fds[0], F_GETFL) & O_ASYNC ? 1 : 0, "F_GETFL O_ASYNC");
	signals = 0;
	say(send(fds[1], "x", 1, 0), "send");
	for (tries = 0; tries < 200 && !signals; tries++)
		sleep_ms(10);
	say(signals > 0, "SIGIO came");
	say(recv(fds[0], data, 9, 0), "recv");
	close_pair(fds);
	tcp_pair(fds);
	say(ioctl(fds[0], FIOASYNC, &on), "FIOASYNC");
	on = getpid();
	say(ioctl(fds[0], SIOCSPGRP, &on), "SIOCSPGRP");
	say(ioctl(fds[0], SIOCGPGRP, &on), "SIOCGPGRP");
	say(on == getpid(), "it is us");
	signals = 0;
	say(send(fds[1], "x", 1, 0), "send, FIOASYNC");
	for (tries = 0; tries < 200 && !signals; tries++)
		sleep_ms(10);
	say(signals > 0, "SIGIO came, FIOASYNC");
	close_pair(fds);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	by_number();
	vectors();
	odd_files();
	spawned(0, "posix_spawn");
	spawned(FD_CLOEXEC, "posix_spawn, close-on-exec");
	through_a_shell();
	bare_fork();
	streams_again();
	told_by_signal();
	return 0;
}
