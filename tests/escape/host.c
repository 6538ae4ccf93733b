/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an escape would reach: `host DIR COMMAND...` starts services of the
 * host, tells by the environment where they are, leaves a connected stream
 * open as descriptor 10 (and with --stdin as standard input), and becomes
 * COMMAND. The services end with it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/escape/escape.h"

#define VICTIM_FD 20

enum service { TCP4, TCP6, UDP4, UDP6, STREAM, SEQ, DGRAM, GIVER, SEQ_GIVER,
	       ABS, ABS_DGRAM, SERVICES };

static char victim_secret[64] = SECRET;

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static void set_env(const char *name, const char *format, long value)
{
	char text[64];

	snprintf(text, sizeof(text), format, value);
	setenv(name, text, 1);
}

/* IPv6 gets the port that IPv4 has; without IPv6 there is no such service. */
static int inet_service(int family, int type, int *port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(*port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(*port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	socklen_t len = family == AF_INET ? sizeof(sin) : sizeof(sin6);
	void *sa = family == AF_INET ? (void *)&sin : (void *)&sin6;
	int fd = socket(family, type, 0), one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* 127.1.2.3 too */
	if (family == AF_INET)
		sin.sin_addr.s_addr = 0;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, sa, len) < 0) {
		close(fd);
		return -1;
	}
	if (type == SOCK_STREAM)
		listen(fd, 64);
	if (getsockname(fd, sa, &len) == 0)
		*port = ntohs(family == AF_INET ? sin.sin_port
						: sin6.sin6_port);
	return fd;
}

static int unix_service(int type, const char *path, bool abstract)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(sun);
	int fd = socket(AF_UNIX, type, 0), one = 1;

	strcpy(sun.sun_path + abstract, path);
	if (abstract)
		len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(path);
	else
		unlink(path);
	setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, len) < 0)
		die(path);
	if (type != SOCK_DGRAM)
		listen(fd, 64);
	if (!abstract)
		chmod(path, 0777);
	return fd;
}

static int connect_self(int port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		die("connect");
	return fd;
}

static void pass(int conn, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = {(void *)"x", 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	sendmsg(conn, &msg, MSG_NOSIGNAL);
	close(fd);
}

/* A pair's end, over whose other end the socket comes. */
static void give_by_pair(int conn, int port)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return;
	pass(conn, pair[1]);
	pass(pair[0], connect_self(port));
}

/* What the client asks for, by a letter. */
static void give(int conn, int port)
{
	char params[120] = "", what = 0;
	int pair[2], own = port;

	if (recv(conn, &what, 1, 0) != 1)
		return;
	switch (what) {
	case GIVE_STREAM:
		pass(conn, connect_self(port));
		break;
	case GIVE_BY_PAIR:
		give_by_pair(conn, port);
		break;
	case GIVE_UDP:
		pass(conn, socket(AF_INET, SOCK_DGRAM, 0));
		break;
	case GIVE_LISTENER:
		own = 0;
		pass(conn, inet_service(AF_INET, SOCK_STREAM, &own));
		break;
	case GIVE_NETLINK:
		pass(conn, socket(AF_NETLINK, SOCK_RAW, 0));
		break;
	case GIVE_UNIX_DGRAM:
		pass(conn, socket(AF_UNIX, SOCK_DGRAM, 0));
		break;
	case GIVE_PIDFD:
		pass(conn, syscall(SYS_pidfd_open, getppid(), 0));
		break;
	case GIVE_RING:
		pass(conn, syscall(SYS_io_uring_setup, 4, params));
		break;
	case GIVE_NETNS:
		pass(conn, open("/proc/self/ns/net", O_RDONLY));
		break;
	case GIVE_FOLDER:
		pass(conn, open("/", O_RDONLY | O_DIRECTORY));
		break;
	case GIVE_PIPE:
		if (pipe(pair) == 0)
			pass(conn, pair[0]);
		break;
	}
}

/* Connects to whoever listens here, and hands over a stream. */
/* Those who serve end with who started them. PR_SET_PDEATHSIG alone would hang
 * on whom fdnet-run, which that becomes, may signal. */
static pid_t parent;

static bool is_orphan(void)
{
	return getppid() != parent;
}

static void call_back(const char *dir, int port)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/called", dir);
	for (; !is_orphan(); usleep(20000)) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
			pass(fd, connect_self(port));
		close(fd);
	}
	_exit(0);
}

/* Who cannot be answered sees by a file that he was heard. */
static void note_heard(const char *dir)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/heard", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0666);
	if (fd >= 0)
		close(fd);
}

static void answer(int fd, int port, bool stream, bool giver, const char *dir)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char byte;
	int conn;

	if (!stream) {
		if (recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&from, &len) <
		    0)
			return;
		note_heard(dir);
		sendto(fd, GREETING, strlen(GREETING), MSG_DONTWAIT,
		       (struct sockaddr *)&from, len);
		return;
	}
	conn = accept(fd, NULL, NULL);
	if (conn < 0)
		return;
	/* In a process of its own: a giver connects to us. */
	if (fork() == 0) {
		if (giver)
			give(conn, port);
		else
			send(conn, GREETING, strlen(GREETING), MSG_NOSIGNAL);
		shutdown(conn, SHUT_WR);
		poll(&(struct pollfd){.fd = conn, .events = POLLIN}, 1, 3000);
		_exit(0);
	}
	close(conn);
}

static int shm_id = -1, msg_id = -1, sem_id = -1;
static char queues[2][64];

/* Outlives nobody: what the kernel would keep is taken away. */
static void end(int signo)
{
	if (shm_id >= 0)
		shmctl(shm_id, IPC_RMID, NULL);
	if (msg_id >= 0)
		msgctl(msg_id, IPC_RMID, NULL);
	if (sem_id >= 0)
		semctl(sem_id, 0, IPC_RMID);
	syscall(SYS_mq_unlink, queues[0]);
	syscall(SYS_mq_unlink, queues[1]);
	_exit(0);
}

static void serve(const int *fds, int port, const char *dir)
{
	struct pollfd pfd[SERVICES];
	int i;

	signal(SIGCHLD, SIG_IGN);
	for (i = 0; i < SERVICES; i++)
		pfd[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	while (!is_orphan() &&
	       (poll(pfd, SERVICES, 500) >= 0 || errno == EINTR))
		for (i = 0; i < SERVICES; i++)
			if (pfd[i].revents & POLLIN)
				answer(fds[i], port,
				       i != UDP4 && i != UDP6 && i != DGRAM &&
					       i != ABS_DGRAM,
				       i == GIVER || i == SEQ_GIVER, dir);
	end(0);
}

static void nothing(int signo)
{
}

/* Has what others would like to have, and does nothing. */
/* A signal that is not an error to send may yet not come: this one is told. */
static char signalled[128];

static void tell(int signal)
{
	(void)signal;
	close(open(signalled, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static pid_t start_victim(int port, const char *dir)
{
	char path[128];
	int fd, ready[2];
	pid_t pid;
	char byte;

	if (pipe(ready) < 0)
		die("pipe");
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (is_orphan())
			_exit(0);
		signal(SIGUSR1, nothing);
		snprintf(signalled, sizeof(signalled), "%s/signalled", dir);
		signal(SIGUSR2, tell);
		dup2(connect_self(port), VICTIM_FD);
		snprintf(path, sizeof(path), "%s/secret", dir);
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		if (write(fd, SECRET, sizeof(SECRET)) < 0)
			_exit(1);
		dup2(fd, VICTIM_FD + 1);
		unlink(path);
		/* its environment is what it was started with */
		setenv("ESCAPE_SECRET_ENV", SECRET, 1);
		if (write(ready[1], "x", 1) < 0)
			_exit(1);
		while (!is_orphan())
			usleep(500000);
		_exit(0);
	}
	if (read(ready[0], &byte, 1) != 1)
		die("victim");
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void start_channels(void)
{
	int key = 0x46440000 | (getpid() & 0xffff);
	char *memory;

	shm_id = shmget(key, 4096, IPC_CREAT | 0600);
	msg_id = msgget(key, IPC_CREAT | 0600);
	sem_id = semget(key, 1, IPC_CREAT | 0600);
	snprintf(queues[0], sizeof(queues[0]), "fdnet-escape-%d", getpid());
	snprintf(queues[1], sizeof(queues[1]), "fdnet-escape-%d-2", getpid());
	close(syscall(SYS_mq_open, queues[0], O_CREAT | O_RDWR, 0600, NULL));
	close(syscall(SYS_mq_open, queues[1], O_CREAT | O_RDWR, 0600, NULL));
	if (shm_id < 0 || msg_id < 0)
		return;
	memory = shmat(shm_id, NULL, 0);
	if (memory != (void *)-1)
		strcpy(memory, SECRET);
	set_env("ESCAPE_SHM", "%ld", key);
	set_env("ESCAPE_MSG", "%ld", key);
	set_env("ESCAPE_SHM_ID", "%ld", shm_id);
	set_env("ESCAPE_MSG_ID", "%ld", msg_id);
	set_env("ESCAPE_SEM_ID", "%ld", sem_id);
}

static const char *in_dir(const char *dir, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static const char *abstract(const char *name)
{
	static char text[64];

	snprintf(text, sizeof(text), "fdnet-escape-%d-%s", getpid(), name);
	return text;
}

static int start_services(const char *dir)
{
	int fds[SERVICES], port = 0, i;

	fds[TCP4] = inet_service(AF_INET, SOCK_STREAM, &port);
	fds[UDP4] = inet_service(AF_INET, SOCK_DGRAM, &port);
	fds[TCP6] = inet_service(AF_INET6, SOCK_STREAM, &port);
	fds[UDP6] = inet_service(AF_INET6, SOCK_DGRAM, &port);
	fds[STREAM] = unix_service(SOCK_STREAM, in_dir(dir, "stream"), false);
	fds[SEQ] = unix_service(SOCK_SEQPACKET, in_dir(dir, "seq"), false);
	fds[DGRAM] = unix_service(SOCK_DGRAM, in_dir(dir, "dgram"), false);
	fds[GIVER] = unix_service(SOCK_STREAM, in_dir(dir, "giver"), false);
	fds[SEQ_GIVER] = unix_service(SOCK_SEQPACKET,
				      in_dir(dir, "seqgiver"), false);
	fds[ABS] = unix_service(SOCK_STREAM, abstract("stream"), true);
	fds[ABS_DGRAM] = unix_service(SOCK_DGRAM, abstract("dgram"), true);
	if (fork() == 0) {
		signal(SIGTERM, end);
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (is_orphan())
			end(0);
		serve(fds, port, dir);
	}
	for (i = 0; i < SERVICES; i++)
		close(fds[i]);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (is_orphan())
			_exit(0);
		call_back(dir, port);
	}
	return port;
}

static void leave(int number, int fd)
{
	if (fd < 0)
		return;
	dup2(fd, number);
	if (fd != number)
		close(fd);
}

/* What whoever becomes COMMAND might forget to close. */
static void leave_open(const char *dir, int port, pid_t victim)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int bound = socket(AF_INET, SOCK_STREAM, 0), own = 0;
	char params[120] = "";

	if (bind(bound, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		die("bind");
	leave(LEFT_STREAM, connect_self(port));
	leave(LEFT_BOUND, bound);
	leave(LEFT_LISTENER, inet_service(AF_INET, SOCK_STREAM, &own));
	connect_self(own);
	leave(LEFT_UDP, socket(AF_INET, SOCK_DGRAM, 0));
	leave(LEFT_PIDFD, syscall(SYS_pidfd_open, victim, 0));
	fcntl(LEFT_PIDFD, F_SETFD, 0);
	leave(LEFT_NETNS, open("/proc/self/ns/net", O_RDONLY));
	leave(LEFT_UNIX, socket(AF_UNIX, SOCK_DGRAM, 0));
	leave(LEFT_FOLDER, open(dir, O_RDONLY | O_DIRECTORY));
	leave(LEFT_RING, syscall(SYS_io_uring_setup, 4, params));
	fcntl(LEFT_RING, F_SETFD, 0);
}

int main(int argc, char **argv)
{
	bool as_stdin = argc > 1 && !strcmp(argv[1], "--stdin");
	char text[64];
	pid_t victim;
	int port;

	argv += 1 + as_stdin;
	if (!argv[0] || !argv[1])
		die("usage: host [--stdin] DIR COMMAND");
	/* read from /proc/PID/environ, so it must be there from the start */
	if (!getenv("ESCAPE_SECRET_ENV")) {
		setenv("ESCAPE_SECRET_ENV", SECRET, 1);
		execv("/proc/self/exe", argv - 1 - as_stdin);
		die("exec");
	}
	parent = getpid();
	/* by which attempts look for its processes */
	prctl(PR_SET_NAME, "host");
	start_channels();
	port = start_services(argv[0]);
	set_env("ESCAPE_PORT", "%ld", port);
	setenv("ESCAPE_DIR", argv[0], 1);
	snprintf(text, sizeof(text), "fdnet-escape-%d", getpid());
	setenv("ESCAPE_ABS", text, 1);
	victim = start_victim(port, argv[0]);
	set_env("ESCAPE_VICTIM", "%ld", victim);
	set_env("ESCAPE_SECRET", "%lx", (long)victim_secret);
	set_env("ESCAPE_VICTIM_FD", "%ld", VICTIM_FD);
	setenv("SSH_AUTH_SOCK", "/nonexistent/agent", 1);
	unsetenv("ESCAPE_SECRET_ENV");
	leave_open(argv[0], port, victim);
	if (as_stdin)
		dup2(LEFT_STREAM, STDIN_FILENO);
	execvp(argv[1], argv + 1);
	die(argv[1]);
}
