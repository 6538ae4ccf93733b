/* SPDX-License-Identifier: Apache-2.0 */
/* A process of the random driver: it does what it is told. */
#include "tests/random/steps.h"

#include <spawn.h>
#include <sys/uio.h>

extern char **environ;

static int me;

static unsigned char pattern(unsigned int key, unsigned int at)
{
	return (unsigned char)(key * 31 + at * 7 + (at >> 8));
}

static void wait_for(int fd, short events, int ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	if (ms)
		poll(&p, 1, ms);
}

static int move(int fd, const struct order *o, unsigned char *buf, int sending)
{
	int done = 0, rc = 0;

	while (done < o->size) {
		struct iovec iov[2] = {{buf + done, (size_t)1},
				       {buf + done + 1,
					(size_t)(o->size - done - 1)}};
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
		size_t left = (size_t)(o->size - done);

		switch (o->variant % 4) {
		case 0:
			rc = (int)(sending ? write(fd, buf + done, left)
					   : read(fd, buf + done, left));
			break;
		case 1:
			rc = (int)(sending ? send(fd, buf + done, left,
						  MSG_NOSIGNAL)
					   : recv(fd, buf + done, left, 0));
			break;
		case 2:
			rc = (int)(sending ? writev(fd, iov, 2)
					   : readv(fd, iov, 2));
			break;
		default:
			rc = (int)(sending ? sendmsg(fd, &msg, MSG_NOSIGNAL)
					   : recvmsg(fd, &msg, 0));
		}
		if (rc <= 0)
			break;
		done += rc;
	}
	return done ? done : rc;
}

static void do_send(const struct order *o, struct report *r)
{
	static unsigned char buf[WINDOW];
	int i;

	for (i = 0; i < o->size; i++)
		buf[i] = pattern(o->key, o->from + (unsigned int)i);
	r->rc = move(o->fd, o, buf, 1);
}

static void do_recv(const struct order *o, struct report *r)
{
	static unsigned char buf[WINDOW];
	int i;

	wait_for(o->fd, POLLIN, o->wait_ms);
	r->rc = move(o->fd, o, buf, 0);
	for (i = 0; i < r->rc; i++)
		if (buf[i] != pattern(o->key, o->from + (unsigned int)i)) {
			r->extra = i + 1; /* the first wrong byte */
			break;
		}
}

static void do_pass(const struct order *o, struct report *r)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 'f';
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &o->fd, sizeof(int));
	r->rc = (int)sendmsg(MAILBOX + 2 * o->arg + 1, &msg, 0);
}

static void do_take(const struct order *o, struct report *r)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	r->rc = (int)recvmsg(MAILBOX + 2 * me, &msg,
			     o->variant % 2 ? MSG_CMSG_CLOEXEC : 0);
	c = CMSG_FIRSTHDR(&msg);
	if (r->rc == 1 && c)
		memcpy(&r->rc, CMSG_DATA(c), sizeof(int));
	else
		r->rc = -1;
}

static void do_poll(const struct order *o, struct report *r)
{
	struct pollfd p = {.fd = o->fd,
			   .events = POLLIN | POLLOUT | POLLRDHUP};
	int tries;

	/* all that is expected, not the first of it */
	for (tries = 0;; tries++) {
		r->rc = poll(&p, 1, 0);
		r->extra = p.revents;
		if ((p.revents & o->arg) == o->arg || tries >= o->wait_ms)
			break;
		sleep_ms(1);
	}
}

/* What is on its way has come: a close then sees it unread. */
static void do_settle(const struct order *o, struct report *r)
{
	int there = 0, tries;

	for (tries = 0; tries < o->wait_ms; tries++) {
		if (ioctl(o->fd, FIONREAD, &there) < 0 || there >= o->size)
			break;
		sleep_ms(1);
	}
	r->rc = there;
}

static void do_names(const struct order *o, struct report *r)
{
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);

	r->port = port_of(o->fd);
	r->rc = getpeername(o->fd, (struct sockaddr *)&sin, &len);
	r->extra = ntohs(sin.sin_port);
}

/* A stream that sends at once, so that a close which resets the connection
 * never finds bytes that were still waiting for an acknowledgement. */
static int prompt_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void do_listen(struct report *r)
{
	struct sockaddr_in sin = loopback(0);
	int fd = prompt_socket();

	r->rc = fd;
	if (fd < 0)
		return;
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
	    listen(fd, QUEUE * 2) < 0) {
		r->rc = -1;
		return;
	}
	r->port = port_of(fd);
}

static void do_connect(const struct order *o, struct report *r)
{
	int fd = prompt_socket(), error;

	r->rc = fd;
	if (fd < 0)
		return;
	if (connect_loopback(fd, (uint16_t)o->arg) == 0) {
		r->port = port_of(fd);
		return;
	}
	error = errno;
	close(fd);
	errno = error;
	r->rc = -1;
}

static void do_accept(const struct order *o, struct report *r)
{
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);

	wait_for(o->fd, POLLIN, o->wait_ms);
	if (!o->wait_ms) { /* nobody is there: a look, not a wait */
		struct pollfd p = {.fd = o->fd, .events = POLLIN};

		r->rc = poll(&p, 1, 0);
		return;
	}
	r->rc = o->variant % 2 ? accept4(o->fd, (struct sockaddr *)&sin, &len,
					 SOCK_CLOEXEC)
			       : accept(o->fd, (struct sockaddr *)&sin, &len);
	r->port = ntohs(sin.sin_port);
}

static void say_to_boss(const struct report *r)
{
	if (send(CHANNEL + me, r, sizeof(*r), MSG_NOSIGNAL) != sizeof(*r))
		_exit(3);
}

/* Returns in the child, which is process o->arg, too. */
static void do_fork(const struct order *o, struct report *r)
{
	int pid = fork();

	r->rc = pid < 0 ? -1 : 0;
	r->extra = pid;
	if (pid == 0) {
		me = o->arg;
		r->extra = getpid();
	}
}

void self(char *argv[3], char number[8], int who)
{
	snprintf(number, 8, "%d", who);
	argv[0] = (char *)"steps";
	argv[1] = number;
	argv[2] = NULL;
}

static void do_exec(struct report *r)
{
	char number[8], *argv[3];

	self(argv, number, me);
	execv("/proc/self/exe", argv);
	r->rc = -1;
}

static void do_spawn(const struct order *o, struct report *r)
{
	char number[8], *argv[3];
	pid_t pid = 0;

	self(argv, number, o->arg);
	errno = posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ);
	r->rc = errno ? -1 : 0;
	r->extra = pid;
}

static void obey(const struct order *o, struct report *r)
{
	switch (o->op) {
	case LISTEN:
		do_listen(r);
		break;
	case CONNECT:
		do_connect(o, r);
		break;
	case ACCEPT:
		do_accept(o, r);
		break;
	case SEND:
		do_send(o, r);
		break;
	case RECV:
		do_recv(o, r);
		break;
	case SHUTDOWN:
		r->rc = shutdown(o->fd, SHUT_WR);
		break;
	case POLL:
		do_poll(o, r);
		break;
	case SETTLE:
		do_settle(o, r);
		break;
	case NAMES:
		do_names(o, r);
		break;
	case DUP:
		r->rc = o->variant % 2 ? dup(o->fd)
				       : fcntl(o->fd, F_DUPFD, 3);
		break;
	case DUP2:
		r->rc = o->variant % 2 ? dup2(o->fd, o->arg)
				       : dup3(o->fd, o->arg, 0);
		break;
	case CLOSE:
		r->rc = close(o->fd);
		break;
	case FORK:
		do_fork(o, r);
		break;
	case EXEC:
		do_exec(r);
		break;
	case SPAWN:
		do_spawn(o, r);
		break;
	case PASS:
		do_pass(o, r);
		break;
	case TAKE:
		do_take(o, r);
		break;
	case CLOEXEC:
		r->rc = fcntl(o->fd, F_SETFD, o->arg);
		break;
	case EXIT:
		if (o->variant % 2)
			exit(0);
		_exit(0);
	default:
		break;
	}
}

int be_process(int number)
{
	struct report r = {.extra = getpid()};
	struct order o;

	me = number;
	signal(SIGPIPE, SIG_IGN);
	say_to_boss(&r); /* here I am */
	while (recv(CHANNEL + me, &o, sizeof(o), 0) == sizeof(o)) {
		memset(&r, 0, sizeof(r));
		obey(&o, &r);
		r.error = r.rc < 0 ? errno : 0;
		say_to_boss(&r);
	}
	return 0;
}
