/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that fork, execute, duplicate, pass, close and die at random, with
 * listeners and connections between them; what each step gave is printed.
 *
 * usage: steps [-s seed] [-n steps] [-x op]...     -x leaves a kind of step out
 *
 * A coordinator holds no network socket. It tells one process at a time what
 * to do, over a channel, and keeps account of who holds what: how many bytes
 * are on their way, who has closed, whom a close resets. So every step has one
 * right answer, whatever the timing, and steps that the account says must see
 * something are given time to. tests/programs/random compares many seeds.
 */
#include "probe.h"

#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <spawn.h>

extern char **environ;

enum {
	PROCS = 6,
	FDS = 24,    /* network fds of a process: numbers 3 .. 2 + FDS */
	ENDS = 64,   /* connections, two ends each, at a time */
	LISTENERS = 6,
	QUEUE = 8,   /* connections waiting to be accepted */
	MAIL = 4,    /* fds in flight to one process */
	WINDOW = 3000, /* unread bytes of one direction, at most */
	PATIENCE_MS = 10000,
	CHANNEL = 60, /* fd of a process's channel: CHANNEL + its number */
	BOSS = 80,    /* the coordinator's end */
	MAILBOX = 100 /* two fds each: what to read from, what to write to */
};

/* ---- between coordinator and process ---- */

enum op {
	LISTEN, CONNECT, ACCEPT, SEND, RECV, SHUTDOWN, POLL, NAMES, DUP, DUP2,
	CLOSE, FORK, EXEC, SPAWN, PASS, TAKE, CLOEXEC, EXIT, KILL, IDLE, NOPS
};

static const char *const op_names[NOPS] = {
	"listen", "connect", "accept", "send", "recv", "shutdown", "poll",
	"names", "dup", "dup2", "close", "fork", "exec", "spawn", "pass",
	"take", "cloexec", "exit", "kill", "idle",
};

struct order {
	int op, fd, arg, variant;
	int size;	/* bytes to move */
	unsigned int from, key; /* of the pattern they have */
	int wait_ms;	/* there must be something to see: wait this long */
};

struct report {
	int rc, error;
	int port;
	long extra;
};

static unsigned char pattern(unsigned int key, unsigned int at)
{
	return (unsigned char)(key * 31 + at * 7 + (at >> 8));
}

/* ---- a process ---- */

static int me;

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

	wait_for(o->fd, (short)o->arg, o->wait_ms);
	r->rc = poll(&p, 1, 0);
	r->extra = p.revents;
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

static void self(char *argv[3], char number[8], int who)
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

static int be_process(int number)
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

/* ---- the coordinator's account ---- */

struct end {
	bool used;
	int refs;
	bool reset;	 /* the next receive beyond the data says so */
	bool shut;	 /* its writing direction is shut */
	bool closed;	 /* nobody holds it */
	bool said_eof;
	unsigned int sent, got; /* bytes, ever */
	int port, peer_port;
	unsigned int key;
};

struct listener {
	int refs, port;
	int queue[QUEUE], waiting; /* server ends */
	bool used;
	int died; /* the step at which it was closed */
};

/* What an fd number refers to: 0 nothing, e + 1 an end, -(l + 1) a listener */
struct holding {
	int what;
	bool cloexec;
};

struct process {
	bool alive;
	pid_t pid;
	struct holding fds[FDS];
	int mail[MAIL], mails;
};

static struct end ends[ENDS * 2];
static struct listener listeners[LISTENERS];
static struct process procs[PROCS];
static bool left_out[NOPS];
static unsigned long long state = 88172645463325252;
static int step_no;

static unsigned int dice(unsigned int n)
{
	state ^= state << 13; /* xorshift64, Marsaglia 2003 */
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 33) % n;
}

static int peer_of(int e)
{
	return e ^ 1;
}

static void drop(int what);

/* Nobody holds the end any more. */
static void end_closed(int e)
{
	struct end *mine = &ends[e], *peer = &ends[peer_of(e)];

	mine->closed = true;
	if (peer->closed) {
		mine->used = peer->used = false;
		return;
	}
	if (peer->sent != mine->got)
		peer->reset = true; /* closed with data unread */
}

static void hold(int what)
{
	if (what > 0)
		ends[what - 1].refs++;
	else if (what < 0)
		listeners[-what - 1].refs++;
}

static void drop(int what)
{
	struct listener *l;

	if (what > 0 && --ends[what - 1].refs == 0)
		end_closed(what - 1);
	if (what >= 0)
		return;
	l = &listeners[-what - 1];
	if (--l->refs > 0)
		return;
	l->used = false;
	l->died = step_no;
	while (l->waiting > 0) {
		int e = l->queue[--l->waiting];

		ends[peer_of(e)].reset = true;
		ends[e].closed = true;
		if (ends[peer_of(e)].closed)
			ends[e].used = ends[peer_of(e)].used = false;
	}
	/* the sandbox needs a moment until the port refuses */
	sleep_ms(20);
}

static void set_fd(int p, int fd, int what, bool cloexec)
{
	struct holding *h;

	if (fd < 3 || fd >= FDS + 3)
		return;
	h = &procs[p].fds[fd - 3];
	hold(what);
	drop(h->what);
	h->what = what;
	h->cloexec = cloexec;
}

static void print_line(int p, int op, int fd, const struct report *r)
{
	printf("%05d %d %s %d: ", step_no, p, op_names[op], fd);
	if (r->rc < 0)
		printf("%s", strerrorname_np(r->error));
	else
		printf("%d", r->rc);
}

static void finish(const char *why)
{
	int p;

	printf("\n%05d the end: %s\n", step_no, why);
	fflush(stdout);
	for (p = 0; p < PROCS; p++)
		if (procs[p].alive)
			kill(procs[p].pid, SIGKILL);
	exit(0);
}

static void hear(int p, const struct order *o, struct report *r)
{
	struct pollfd c = {.fd = BOSS + p, .events = POLLIN};

	if (poll(&c, 1, PATIENCE_MS) != 1) {
		printf("%05d %d %s %d %d: hangs\n", step_no, p,
		       op_names[o->op], o->fd, o->arg);
		finish("no answer");
	}
	if (recv(BOSS + p, r, sizeof(*r), 0) != sizeof(*r))
		finish("half an answer");
}

static struct report tell(int p, const struct order *o)
{
	struct report r = {0};

	if (send(BOSS + p, o, sizeof(*o), MSG_NOSIGNAL) != sizeof(*o))
		finish("not to be told");
	if (o->op != EXIT)
		hear(p, o, &r);
	return r;
}

static int free_process(void)
{
	int p;

	for (p = 0; p < PROCS; p++)
		if (!procs[p].alive && procs[p].mails == 0)
			return p;
	return -1;
}

static int free_pair(void)
{
	int e;

	for (e = 0; e < ENDS * 2; e += 2)
		if (!ends[e].used && !ends[e + 1].used)
			return e;
	return -1;
}

/* A random fd number of @p of the kind asked: 'l', 'e' or both; or -1. */
static int pick_fd(int p, char kind)
{
	int i, n = 0, found = -1;

	for (i = 0; i < FDS; i++) {
		int what = procs[p].fds[i].what;

		if (!what || (kind == 'l' && what > 0) ||
		    (kind == 'e' && what < 0))
			continue;
		if (dice((unsigned int)++n) == 0)
			found = i + 3;
	}
	return found;
}

static int held(int p)
{
	int i, n = 0;

	for (i = 0; i < FDS; i++)
		n += procs[p].fds[i].what != 0;
	return n;
}

static int what_of(int p, int fd)
{
	return procs[p].fds[fd - 3].what;
}

/* ---- steps ---- */

static bool step_listen(int p)
{
	struct order o = {.op = LISTEN};
	struct report r;
	int l;

	for (l = 0; l < LISTENERS && listeners[l].used; l++)
		;
	if (l == LISTENERS || held(p) >= FDS - 4)
		return false;
	r = tell(p, &o);
	print_line(p, LISTEN, 0, &r);
	if (r.rc < 0)
		finish("cannot listen");
	listeners[l] = (struct listener){.used = true, .port = r.port};
	set_fd(p, r.rc, -(l + 1), false);
	return true;
}

static bool step_connect(int p)
{
	int l = (int)dice(LISTENERS), e = free_pair();
	struct order o = {.op = CONNECT, .arg = listeners[l].port};
	struct report r;

	if (e < 0 || !o.arg || held(p) >= FDS - 4 ||
	    (listeners[l].used && listeners[l].waiting == QUEUE))
		return false;
	/* later, its port may be somebody else's */
	if (!listeners[l].used && step_no - listeners[l].died > 20)
		return false;
	r = tell(p, &o);
	print_line(p, CONNECT, 0, &r);
	if (!listeners[l].used)
		return true;
	if (r.rc < 0)
		finish("cannot connect");
	ends[e] = (struct end){.used = true, .port = r.port,
			       .peer_port = o.arg,
			       .key = dice(200)};
	ends[e + 1] = (struct end){.used = true, .port = o.arg,
				   .peer_port = r.port,
				   .key = dice(200)};
	listeners[l].queue[listeners[l].waiting++] = e + 1;
	set_fd(p, r.rc, e + 1, false);
	return true;
}

static bool step_accept(int p)
{
	int fd = pick_fd(p, 'l'), e;
	struct order o = {.op = ACCEPT, .fd = fd, .variant = (int)dice(2)};
	struct listener *l;
	struct report r;

	if (fd < 0 || held(p) >= FDS - 4)
		return false;
	l = &listeners[-what_of(p, fd) - 1];
	o.wait_ms = l->waiting ? PATIENCE_MS / 2 : 0;
	r = tell(p, &o);
	print_line(p, ACCEPT, fd, &r);
	if (!l->waiting)
		return true;
	if (r.rc < 0)
		finish("cannot accept");
	e = l->queue[0];
	memmove(l->queue, l->queue + 1, sizeof(int) * (size_t)--l->waiting);
	set_fd(p, r.rc, e + 1, o.variant % 2);
	printf(" from %s", r.port == ends[e].peer_port ? "its turn"
						       : "somebody else");
	return true;
}

static bool step_send(int p)
{
	int fd = pick_fd(p, 'e'), e;
	struct order o = {.op = SEND, .fd = fd, .variant = (int)dice(4)};
	struct report r;

	if (fd < 0)
		return false;
	e = what_of(p, fd) - 1;
	o.size = 1 + (int)dice(dice(2) ? 20 : 1000);
	if (ends[e].shut || ends[e].reset || ends[peer_of(e)].closed ||
	    ends[e].sent - ends[peer_of(e)].got + (unsigned int)o.size >
		    WINDOW)
		return false;
	o.from = ends[e].sent;
	o.key = ends[e].key;
	r = tell(p, &o);
	print_line(p, SEND, fd, &r);
	if (r.rc > 0)
		ends[e].sent += (unsigned int)r.rc;
	return true;
}

static bool step_recv(int p)
{
	int fd = pick_fd(p, 'e'), e;
	struct order o = {.op = RECV, .fd = fd, .variant = (int)dice(4),
			  .wait_ms = PATIENCE_MS / 2};
	unsigned int there;
	struct end *from;
	struct report r;

	if (fd < 0)
		return false;
	e = what_of(p, fd) - 1;
	from = &ends[peer_of(e)];
	there = from->sent - ends[e].got;
	if (!there && !from->shut && !from->closed && !ends[e].reset)
		return false; /* would wait for ever */
	o.size = there ? 1 + (int)dice(there) : 10;
	o.from = ends[e].got;
	o.key = from->key;
	r = tell(p, &o);
	print_line(p, RECV, fd, &r);
	if (r.extra)
		printf(" wrong from byte %ld", r.extra);
	if (r.rc > 0)
		ends[e].got += (unsigned int)r.rc;
	else if (r.rc < 0)
		ends[e].reset = false, from->shut = true;
	return true;
}

static bool step_shutdown(int p)
{
	int fd = pick_fd(p, 'e'), e;
	struct order o = {.op = SHUTDOWN, .fd = fd};
	struct report r;

	if (fd < 0 || dice(4))
		return false;
	e = what_of(p, fd) - 1;
	if (ends[e].shut || ends[e].reset || ends[peer_of(e)].closed)
		return false;
	r = tell(p, &o);
	print_line(p, SHUTDOWN, fd, &r);
	ends[e].shut = true;
	return true;
}

static bool step_poll(int p)
{
	int fd = pick_fd(p, 0), what;
	struct order o = {.op = POLL, .fd = fd};
	struct report r;

	if (fd < 0)
		return false;
	what = what_of(p, fd);
	if (what > 0) {
		struct end *mine = &ends[what - 1];
		struct end *peer = &ends[peer_of(what - 1)];

		if (peer->closed || mine->reset)
			return false;
		if (peer->sent != mine->got)
			o.arg |= POLLIN;
		if (peer->shut)
			o.arg |= POLLRDHUP;
		if (peer->shut && mine->shut)
			o.arg |= POLLHUP;
	} else if (listeners[-what - 1].waiting) {
		o.arg = POLLIN;
	}
	o.wait_ms = o.arg ? PATIENCE_MS / 2 : 0;
	r = tell(p, &o);
	print_line(p, POLL, fd, &r);
	printf(" %#lx", r.extra);
	return true;
}

static bool step_names(int p)
{
	int fd = pick_fd(p, 0), what;
	struct order o = {.op = NAMES, .fd = fd};
	struct report r;

	if (fd < 0)
		return false;
	what = what_of(p, fd);
	if (what > 0 && (ends[what - 1].reset || ends[what - 1].shut ||
			 ends[peer_of(what - 1)].closed ||
			 ends[peer_of(what - 1)].shut))
		return false;
	r = tell(p, &o);
	print_line(p, NAMES, fd, &r);
	if (what > 0)
		printf(" %s", r.port == ends[what - 1].port &&
					      r.extra == ends[what - 1].peer_port
				      ? "right"
				      : "wrong");
	else
		printf(" %s", r.port == listeners[-what - 1].port ? "right"
								  : "wrong");
	return true;
}

static bool step_dup(int p)
{
	int fd = pick_fd(p, 0);
	struct order o = {.op = DUP, .fd = fd, .variant = (int)dice(2)};
	struct report r;

	if (fd < 0 || held(p) >= FDS - 4)
		return false;
	r = tell(p, &o);
	print_line(p, DUP, fd, &r);
	set_fd(p, r.rc, what_of(p, fd), false);
	return true;
}

static bool step_dup2(int p)
{
	int fd = pick_fd(p, 0);
	struct order o = {.op = DUP2, .fd = fd, .variant = (int)dice(2),
			  .arg = 3 + (int)dice(FDS - 4)};
	struct report r;

	if (fd < 0 || o.arg == fd)
		return false;
	r = tell(p, &o);
	print_line(p, DUP2, fd, &r);
	set_fd(p, r.rc, what_of(p, fd), false);
	return true;
}

static bool step_close(int p)
{
	int fd = pick_fd(p, 0);
	struct order o = {.op = CLOSE, .fd = fd};
	struct report r;

	if (fd < 0)
		return false;
	r = tell(p, &o);
	print_line(p, CLOSE, fd, &r);
	set_fd(p, fd, 0, false);
	return true;
}

static void inherit(int p, int child, bool over_exec)
{
	int i;

	for (i = 0; i < FDS; i++) {
		struct holding *h = &procs[p].fds[i];

		if (!over_exec || !h->cloexec)
			set_fd(child, i + 3, h->what, h->cloexec);
	}
}

static bool step_birth(int p, int op)
{
	int child = free_process();
	struct order o = {.op = op, .arg = child};
	struct report r, born;

	if (child < 0)
		return false;
	r = tell(p, &o);
	print_line(p, op, child, &r);
	if (r.rc < 0)
		finish("cannot make a process");
	hear(child, &o, &born);
	procs[child].alive = true;
	procs[child].pid = (pid_t)born.extra;
	inherit(p, child, op == SPAWN);
	return true;
}

static bool step_exec(int p)
{
	struct order o = {.op = EXEC};
	struct report r = tell(p, &o);
	int i;

	print_line(p, EXEC, 0, &r);
	for (i = 0; i < FDS; i++)
		if (procs[p].fds[i].cloexec)
			set_fd(p, i + 3, 0, false);
	return true;
}

static bool step_pass(int p)
{
	int fd = pick_fd(p, 0), to = (int)dice(PROCS);
	struct order o = {.op = PASS, .fd = fd, .arg = to};
	struct report r;

	if (fd < 0 || !procs[to].alive || procs[to].mails == MAIL)
		return false;
	r = tell(p, &o);
	print_line(p, PASS, fd, &r);
	hold(what_of(p, fd));
	procs[to].mail[procs[to].mails++] = what_of(p, fd);
	return true;
}

static bool step_take(int p)
{
	struct order o = {.op = TAKE, .variant = (int)dice(2)};
	struct process *proc = &procs[p];
	struct report r;
	int what;

	if (!proc->mails || held(p) >= FDS - 4)
		return false;
	r = tell(p, &o);
	print_line(p, TAKE, 0, &r);
	what = proc->mail[0];
	memmove(proc->mail, proc->mail + 1,
		sizeof(int) * (size_t)--proc->mails);
	set_fd(p, r.rc, what, o.variant % 2);
	drop(what);
	return true;
}

static bool step_cloexec(int p)
{
	int fd = pick_fd(p, 0);
	struct order o = {.op = CLOEXEC, .fd = fd,
			  .arg = (int)dice(2) ? FD_CLOEXEC : 0};
	struct report r;

	if (fd < 0)
		return false;
	r = tell(p, &o);
	print_line(p, CLOEXEC, fd, &r);
	procs[p].fds[fd - 3].cloexec = o.arg != 0;
	return true;
}

static bool step_death(int p, int op)
{
	struct order o = {.op = EXIT, .variant = (int)dice(2)};
	struct report r = {0};
	int i, n = 0, tries;

	for (i = 0; i < PROCS; i++)
		n += procs[i].alive;
	if (n < 2 || procs[p].mails || dice(3))
		return false;
	if (op == KILL)
		kill(procs[p].pid, SIGKILL);
	else
		tell(p, &o);
	for (tries = 0; kill(procs[p].pid, 0) == 0; tries++) {
		if (tries == PATIENCE_MS)
			finish("does not die");
		sleep_ms(1);
	}
	print_line(p, op, 0, &r);
	procs[p].alive = false;
	for (i = 0; i < FDS; i++)
		set_fd(p, i + 3, 0, false);
	return true;
}

static bool step_of(int op, int p)
{
	static bool (*const steps[NOPS])(int) = {
		[LISTEN] = step_listen, [CONNECT] = step_connect,
		[ACCEPT] = step_accept, [SEND] = step_send,
		[RECV] = step_recv,	[SHUTDOWN] = step_shutdown,
		[POLL] = step_poll,	[NAMES] = step_names,
		[DUP] = step_dup,	[DUP2] = step_dup2,
		[CLOSE] = step_close,	[EXEC] = step_exec,
		[PASS] = step_pass,	[TAKE] = step_take,
		[CLOEXEC] = step_cloexec,
	};

	if (left_out[op])
		return false;
	if (op == FORK || op == SPAWN)
		return step_birth(p, op);
	if (op == EXIT || op == KILL)
		return step_death(p, op);
	return steps[op] && steps[op](p);
}

/* How often each kind is tried, of the sum. */
static const int weight[NOPS] = {
	[LISTEN] = 2, [CONNECT] = 10, [ACCEPT] = 10, [SEND] = 25, [RECV] = 25,
	[SHUTDOWN] = 6, [POLL] = 8, [NAMES] = 3, [DUP] = 4, [DUP2] = 3,
	[CLOSE] = 9, [FORK] = 3, [EXEC] = 2, [SPAWN] = 2, [PASS] = 4,
	[TAKE] = 6, [CLOEXEC] = 3, [EXIT] = 4, [KILL] = 4,
};

static int pick_op(void)
{
	int op, sum = 0;

	for (op = 0; op < NOPS; op++)
		sum += weight[op];
	sum = (int)dice((unsigned int)sum);
	for (op = 0; sum >= weight[op]; op++)
		sum -= weight[op];
	return op;
}

static void channels(void)
{
	int p, sv[2];

	for (p = 0; p < PROCS; p++) {
		need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), "channel");
		dup2(sv[0], BOSS + p);
		dup2(sv[1], CHANNEL + p);
		close_pair(sv);
		need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), "mailbox");
		dup2(sv[0], MAILBOX + 2 * p);
		dup2(sv[1], MAILBOX + 2 * p + 1);
		close_pair(sv);
	}
}

static void first_process(void)
{
	struct order start = {.op = EXEC};
	struct report r;
	char number[8], *argv[3];
	int p, pid = fork();

	if (pid == 0) {
		for (p = 0; p < PROCS; p++)
			close(BOSS + p);
		self(argv, number, 0);
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	hear(0, &start, &r);
	procs[0].alive = true;
	procs[0].pid = pid;
}

/* Near seeds are to give different runs (the finalizer of splitmix64). */
static unsigned long long mixed(unsigned long long seed)
{
	seed += 0x9e3779b97f4a7c15;
	seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
	seed = (seed ^ (seed >> 27)) * 0x94d049bb133111eb;
	seed ^= seed >> 31;
	return seed ? seed : 1;
}

static int option(int argc, char **argv)
{
	int c, op, steps = 300;

	while ((c = getopt(argc, argv, "s:n:x:")) != -1) {
		if (c == 's')
			state = mixed(strtoull(optarg, NULL, 0));
		else if (c == 'n')
			steps = atoi(optarg);
		else if (c != 'x')
			exit(2);
		for (op = 0; c == 'x' && op < NOPS; op++)
			if (strcmp(optarg, op_names[op]) == 0)
				left_out[op] = true;
	}
	return steps;
}

int main(int argc, char **argv)
{
	int steps, p;

	if (argc == 2 && argv[1][0] != '-')
		return be_process(atoi(argv[1]));
	steps = option(argc, argv);
	for (p = 3; p < 128; p++)
		close(p);
	signal(SIGCHLD, SIG_IGN); /* inherited: nobody becomes a zombie */
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	channels();
	first_process();
	while (step_no < steps) {
		p = (int)dice(PROCS);
		if (!procs[p].alive || !step_of(pick_op(), p))
			continue;
		putchar('\n');
		fflush(stdout);
		step_no++;
	}
	finish("all steps");
}
