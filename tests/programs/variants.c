/* SPDX-License-Identifier: Apache-2.0 */
/* Second names of calls: checked, 64-bit, internal and old ones, each exec. */
#include "probe.h"

#include <dlfcn.h>
#include <netdb.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>

/* By its name, which may be one that no header has. */
#define BY_NAME(name, ret, args)                                               \
	ret(*name##_) args = (ret(*) args)dlsym(RTLD_DEFAULT, #name);          \
	say(name##_ != NULL, #name " is there");                               \
	if (name##_)

static char buf[64];

static void write_to(int fd, const char *text)
{
	write(fd, text, strlen(text));
	ready(fd, 0);
}

static void reading(void)
{
	struct iovec iov = {buf, 4};
	struct pollfd pfd;
	int fds[2];

	tcp_pair(fds);
	write_to(fds[1], "0123456789012345678901234567890123456789");
	pfd = (struct pollfd){.fd = fds[0], .events = POLLIN};
	ready(fds[0], POLLIN);
	BY_NAME(__read_chk, ssize_t, (int, void *, size_t, size_t))
		say(__read_chk_(fds[0], buf, 4, sizeof(buf)), "__read_chk");
	BY_NAME(__recv_chk, ssize_t, (int, void *, size_t, size_t, int))
		say(__recv_chk_(fds[0], buf, 4, sizeof(buf), MSG_PEEK),
		    "__recv_chk");
	BY_NAME(__recvfrom_chk, ssize_t,
		(int, void *, size_t, size_t, int, void *, socklen_t *))
		say(__recvfrom_chk_(fds[0], buf, 4, sizeof(buf), 0, NULL, NULL),
		    "__recvfrom_chk");
	BY_NAME(__read, ssize_t, (int, void *, size_t))
		say(__read_(fds[0], buf, 4), "__read");
	BY_NAME(__recv, ssize_t, (int, void *, size_t, int))
		say(__recv_(fds[0], buf, 4, 0), "__recv");
	BY_NAME(preadv64v2, ssize_t,
		(int, const struct iovec *, int, off64_t, int))
		say(preadv64v2_(fds[0], &iov, 1, -1, 0), "preadv64v2");
	BY_NAME(__poll, int, (struct pollfd *, nfds_t, int))
		say(__poll_(&pfd, 1, 1000), "__poll");
	BY_NAME(__poll_chk, int, (struct pollfd *, nfds_t, int, size_t))
		say(__poll_chk_(&pfd, 1, 1000, sizeof(pfd)), "__poll_chk");
	BY_NAME(__ppoll_chk, int,
		(struct pollfd *, nfds_t, const struct timespec *,
		 const sigset_t *, size_t))
		say(__ppoll_chk_(&pfd, 1, NULL, NULL, sizeof(pfd)),
		    "__ppoll_chk");
	BY_NAME(__select, int,
		(int, fd_set *, fd_set *, fd_set *, struct timeval *)) {
		fd_set set;

		FD_ZERO(&set);
		FD_SET(fds[0], &set);
		say(__select_(fds[0] + 1, &set, NULL, NULL, NULL), "__select");
	}
	close_pair(fds);
}

/* What has been written so far, in the number of bytes. */
static void arrived(int fd, size_t want, const char *label)
{
	memset(buf, 0, sizeof(buf));
	recv(fd, buf, want, MSG_WAITALL);
	say_text(buf, label);
}

static void list_to(int fd, int (*fn)(int, const char *, va_list),
		    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fn(fd, format, args);
	va_end(args);
}

static void checked_list_to(int fd,
			    int (*fn)(int, int, const char *, va_list),
			    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fn(fd, 1, format, args);
	va_end(args);
}

static void writing(void)
{
	struct iovec iov = {(void *)"five5", 5};
	struct mmsghdr two[2] = {{.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}},
				 {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}}};
	int fds[2], file = open("/proc/self/exe", O_RDONLY);
	off64_t zero = 0;

	tcp_pair(fds);
	BY_NAME(__write, ssize_t, (int, const void *, size_t))
		__write_(fds[1], "abc", 3);
	arrived(fds[0], 3, "__write");
	BY_NAME(__send, ssize_t, (int, const void *, size_t, int))
		__send_(fds[1], "def", 3, 0);
	arrived(fds[0], 3, "__send");
	BY_NAME(__sendmmsg, int, (int, struct mmsghdr *, unsigned int, int))
		say(__sendmmsg_(fds[1], two, 2, 0), "__sendmmsg, messages");
	arrived(fds[0], 10, "__sendmmsg");
	BY_NAME(pwritev64v2, ssize_t,
		(int, const struct iovec *, int, off64_t, int))
		pwritev64v2_(fds[1], &iov, 1, -1, 0);
	arrived(fds[0], 5, "pwritev64v2");
	BY_NAME(vdprintf, int, (int, const char *, va_list))
		list_to(fds[1], vdprintf_, "%d-%s", 12, "x");
	arrived(fds[0], 4, "vdprintf");
	BY_NAME(__dprintf_chk, int, (int, int, const char *, ...))
		__dprintf_chk_(fds[1], 1, "%d+%s", 34, "y");
	arrived(fds[0], 4, "__dprintf_chk");
	BY_NAME(__vdprintf_chk, int, (int, int, const char *, va_list))
		checked_list_to(fds[1], __vdprintf_chk_, "%d*%s", 56, "z");
	arrived(fds[0], 4, "__vdprintf_chk");
	BY_NAME(sendfile64, ssize_t, (int, int, off64_t *, size_t))
		say(sendfile64_(fds[1], file, &zero, 1), "sendfile64");
	close(file);
	close_pair(fds);
}

static void descriptors(void)
{
	int fd, copy;
	uint16_t port;
	int listener = new_listener(&port);
	struct sockaddr_in sin = loopback(port);

	BY_NAME(__socket, int, (int, int, int)) {
		fd = __socket_(AF_INET, SOCK_STREAM, 0);
		BY_NAME(__connect, int, (int, const void *, socklen_t))
			say(__connect_(fd, &sin, sizeof(sin)), "__connect");
		BY_NAME(__fcntl, int, (int, int, ...))
			say(__fcntl_(fd, F_GETFD), "__fcntl");
		BY_NAME(fcntl64, int, (int, int, ...)) {
			copy = fcntl64_(fd, F_DUPFD, 100);
			say(int_option(copy, SOL_SOCKET, SO_TYPE),
			    "type of the copy");
			close(copy);
		}
		BY_NAME(__dup2, int, (int, int)) {
			say(__dup2_(fd, 200), "__dup2");
			say(int_option(200, SOL_SOCKET, SO_TYPE), "type of it");
		}
		BY_NAME(__close, int, (int)) {
			say(__close_(fd), "__close");
			say(send(200, "x", 1, 0), "the other is open");
			say(__close_(200), "__close of the other");
		}
	}
	close(listener);
}

/* Does a file that lists sockets list ours? */
static void lists(int fd, uint16_t port, const char *label)
{
	static char text[1 << 16];
	size_t len = 0;
	ssize_t n;
	char want[16];

	while (fd >= 0 && len < sizeof(text) - 1 &&
	       (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	snprintf(want, sizeof(want), "0100007F:%04X ", port);
	say_bool(fd >= 0 && strstr(text, want), label);
	if (fd >= 0)
		close(fd);
}

static void opening(void)
{
	static const char path[] = "/proc/self/net/tcp";
	uint16_t port;
	int listener = new_listener(&port);
	FILE *file;

#define OPEN(name)                                                             \
	BY_NAME(name, int, (const char *, int, ...))                           \
		lists(name##_(path, O_RDONLY), port, #name)
#define OPENAT(name)                                                           \
	BY_NAME(name, int, (int, const char *, int, ...))                      \
		lists(name##_(AT_FDCWD, path, O_RDONLY), port, #name)
	OPEN(open64);
	OPEN(__open);
	OPEN(__open64);
	OPEN(__open_2);
	OPEN(__open64_2);
	OPENAT(openat);
	OPENAT(openat64);
	OPENAT(__openat_2);
	OPENAT(__openat64_2);
	BY_NAME(fopen64, FILE *, (const char *, const char *)) {
		file = fopen64_(path, "r");
		lists(file ? dup(fileno(file)) : -1, port, "fopen64");
		if (file)
			fclose(file);
	}
	close(listener);
}

/* The program again, with a socket that it keeps. */
static void executing(void)
{
	static const char *const names[] = {"execv",   "execve",  "execvp",
					    "execvpe", "execl",	  "execle",
					    "execlp",  "fexecve", "execveat"};
	char self[] = "/proc/self/exe", number[12];
	char *argv[] = {self, number, NULL};
	int fds[2];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		tcp_pair(fds);
		snprintf(number, sizeof(number), "%d", fds[1]);
		if (fork() == 0) {
			int exe = open(self, O_RDONLY);

			switch (i) {
			case 0: execv(self, argv); break;
			case 1: execve(self, argv, environ); break;
			case 2: execvp(self, argv); break;
			case 3: execvpe(self, argv, environ); break;
			case 4: execl(self, self, number, NULL); break;
			case 5: execle(self, self, number, NULL, environ); break;
			case 6: execlp(self, self, number, NULL); break;
			case 7: fexecve(exe, argv, environ); break;
			case 8:
				execveat(exe, "", argv, environ, AT_EMPTY_PATH);
				break;
			}
			_exit(1);
		}
		close(fds[1]);
		arrived(fds[0], 4, names[i]);
		close(fds[0]);
		wait(NULL);
	}
}

static void exits(void)
{
	static const char *const names[] = {"_exit", "_Exit", "quick_exit",
					    "exit"};
	int fds[2];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		tcp_pair(fds);
		if (fork() == 0) {
			close(fds[0]);
			send(fds[1], "bye!", 4, 0);
			switch (i) {
			case 0: _exit(0);
			case 1: _Exit(0);
			case 2: quick_exit(0);
			case 3: exit(0);
			}
		}
		close(fds[1]);
		arrived(fds[0], 4, names[i]);
		say(recv(fds[0], buf, 1, 0), "and the end");
		close(fds[0]);
		wait(NULL);
	}
}

static void on_alarm(int signal)
{
}

/* Is a call begun again? */
static void handlers(void)
{
	static const char *const names[] = {"signal", "bsd_signal", "ssignal",
					    "sysv_signal", "__sysv_signal",
					    "sigset"};
	void (*(*install)(int, void (*)(int)))(int);
	int fds[2];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		install = (void (*(*)(int, void (*)(int)))(int))dlsym(
			RTLD_DEFAULT, names[i]);
		say(install != NULL, "%s is there", names[i]);
		if (!install)
			continue;
		tcp_pair(fds);
		install(SIGALRM, on_alarm);
		if (fork() == 0) {
			sleep_ms(500);
			send(fds[1], "x", 1, 0);
			_exit(0);
		}
		setitimer(ITIMER_REAL,
			  &(struct itimerval){.it_value = {0, 50000}}, NULL);
		say(recv(fds[0], buf, 1, 0), "%s, recv", names[i]);
		close_pair(fds);
		wait(NULL);
	}
	signal(SIGALRM, SIG_DFL);
}

/* A child that sends on the socket it has, and its memory is its own. */
static int cloned(void *arg)
{
	int fd = *(int *)arg;

	return send(fd, "cloned", 6, 0) == 6 ? 3 : 4;
}

static void more_names(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int (*start)(int (*)(void *), void *, int, void *, ...);
	int (*install)(int, const struct sigaction *, struct sigaction *);
	struct sigaction action = {.sa_handler = on_alarm}, old;
	int fds[2], status = 0;
	FILE *file;
	pid_t pid;

	tcp_pair(fds);
	start = (int (*)(int (*)(void *), void *, int, void *, ...))dlsym(
		RTLD_DEFAULT, "__clone");
	pid = start(cloned, stack + sizeof(stack), SIGCHLD, &fds[1]);
	say(pid > 0, "__clone");
	waitpid(pid, &status, 0);
	say(WEXITSTATUS(status), "__clone, its end");
	say(recv(fds[0], buf, sizeof(buf), 0), "__clone, recv");
	file = fdopen(fds[0], "r");
	say(file != NULL, "fdopen");
	file = freopen64("/dev/null", "r", file);
	say(file != NULL, "freopen64");
	say(file && getc(file) == EOF, "freopen64, read");
	say(recv(fds[1], buf, sizeof(buf), 0), "freopen64, the peer");
	fclose(file);
	close(fds[1]);
	install = (int (*)(int, const struct sigaction *, struct sigaction *))
		dlsym(RTLD_DEFAULT, "__sigaction");
	say(install(SIGALRM, &action, NULL), "__sigaction");
	say(install(SIGALRM, NULL, &old), "__sigaction, asked");
	say(old.sa_handler == on_alarm, "__sigaction, handler");
	signal(SIGALRM, SIG_DFL);
}

/* vfork() by its other name. */
pid_t __vfork(void) __attribute__((returns_twice));

static void vforked(void)
{
	int fds[2], status = -1;
	pid_t pid;

	tcp_pair(fds);
	pid = __vfork();
	if (pid == 0)
		_exit(7);
	waitpid(pid, &status, 0);
	say(WEXITSTATUS(status), "__vfork");
	send(fds[1], "a", 1, 0);
	say(recv(fds[0], buf, sizeof(buf), 0), "__vfork, recv");
	close(fds[0]);
	close(fds[1]);
}

/* Its descriptors, a connection and a listener among them, stay a daemon's. */
static void daemonized(void)
{
	uint16_t port;
	int fds[2], listener = new_listener(&port), fd;

	tcp_pair(fds);
	if (fork() == 0) {
		close(fds[0]);
		if (daemon(0, 0) == 0) {
			send(fds[1], "daemon", 6, 0);
			fd = accept(listener, NULL, NULL);
			send(fd, "served", 6, 0);
		}
		_exit(0);
	}
	wait(NULL);
	close(fds[1]);
	close(listener);
	say(recv(fds[0], buf, sizeof(buf), 0), "daemon, recv");
	fd = new_tcp(0);
	say(connect_loopback(fd, port), "daemon, connect");
	say(recv(fd, buf, sizeof(buf), 0), "daemon, served");
	say(recv(fd, buf, sizeof(buf), 0), "daemon, its end");
	close(fd);
	close(fds[0]);
}

static void names(void)
{
	struct hostent room, *host = NULL;
	int error = 0;

	say(gethostbyname2_r("127.0.0.1", AF_INET, &room, buf, sizeof(buf),
			     &host, &error),
	    "gethostbyname2_r");
	say_bool(host != NULL, "an address is one");
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		say(send(atoi(argv[1]), "kept", 4, 0) - 4, "child");
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	reading();
	writing();
	descriptors();
	opening();
	executing();
	exits();
	handlers();
	more_names();
	vforked();
	daemonized();
	names();
	return 0;
}
