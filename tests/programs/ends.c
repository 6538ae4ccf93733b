/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection ends when its last holder goes: by close, dup2, exec, exit,
 * in whichever process that is, with data unread or nobody to accept. */
#include "probe.h"

#include <sys/wait.h>

/* A child with a listener of its own, whose port it has told: it does @fn with
 * an accepted connection, and then what it is told by a byte of @go. */
struct served {
	pid_t pid;
	int conn;      /* to it */
	int go, ready; /* write to let it go on; read to know that it has */
};

static char heard; /* the last byte: 'u', there will be data unread */

static void tell_byte(int fd)
{
	write(fd, "g", 1);
}

static void hear_byte(int fd)
{
	read(fd, &heard, 1);
}

static struct served serve(void (*fn)(int listener, int ready, int go))
{
	int ready[2], go[2], listener;
	struct served s;
	uint16_t port;

	need(pipe(ready), "pipe");
	need(pipe(go), "pipe");
	s.pid = fork();
	if (s.pid == 0) {
		alarm(30); /* whatever becomes of the parent */
		close(ready[0]);
		close(go[1]);
		listener = new_listener(&port);
		write(ready[1], &port, sizeof(port));
		fn(listener, ready[1], go[0]);
		_exit(0);
	}
	close(ready[1]);
	close(go[0]);
	s.ready = ready[0];
	s.go = go[1];
	read(s.ready, &port, sizeof(port));
	s.conn = new_tcp(0);
	need(connect_loopback(s.conn, port), "connect");
	return s;
}

static void done(struct served *s)
{
	close(s->conn);
	close(s->go);
	close(s->ready);
	waitpid(s->pid, NULL, 0);
}

/* What the connection says when the child has done it. */
static void ends(void (*fn)(int, int, int), bool unread, const char *what)
{
	struct served s = serve(fn);
	char byte;

	hear_byte(s.ready); /* accepted, if it does that */
	if (unread)
		send(s.conn, "unread", 6, 0);
	write(s.go, unread ? "u" : "g", 1);
	ready(s.conn, POLLIN);
	say(recv(s.conn, &byte, 1, 0), "%s%s", what,
	    unread ? ", data unread" : "");
	done(&s);
}

/* The data have come, if there will be any. */
static void wait_for_data(int conn)
{
	if (heard == 'u')
		ready(conn, POLLIN);
}

static void by_dup2(int listener, int told, int go)
{
	int conn = accept(listener, NULL, NULL), other = new_tcp(0);

	tell_byte(told);
	hear_byte(go);
	wait_for_data(conn);
	dup2(other, conn);
	hear_byte(go); /* no call on any socket from here */
}

static void by_close_range(int listener, int told, int go)
{
	int conn = accept(listener, NULL, NULL);

	tell_byte(told);
	hear_byte(go);
	wait_for_data(conn);
	close_range((unsigned int)conn, (unsigned int)conn, 0);
	hear_byte(go);
}

static void by_exit(int listener, int told, int go)
{
	int conn = accept(listener, NULL, NULL);

	tell_byte(told);
	hear_byte(go);
	wait_for_data(conn);
	exit(0);
}

static void execute(int go)
{
	char text[12];

	dup2(go, 100);
	snprintf(text, sizeof(text), "%d", 100);
	execl("/proc/self/exe", "ends", text, (char *)NULL);
	_exit(1);
}

static void by_exec(int listener, int told, int go)
{
	int conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	tell_byte(told);
	hear_byte(go);
	wait_for_data(conn);
	execute(go);
}

static void by_exec_of_another(int listener, int told, int go)
{
	int conn = accept(listener, NULL, NULL);

	tell_byte(told);
	hear_byte(go);
	wait_for_data(conn);
	if (fork() == 0)
		execute(go); /* which keeps it */
	close(conn);
	hear_byte(go);
}

static void listener_closes(int listener, int told, int go)
{
	tell_byte(told);
	hear_byte(go);
	close(listener);
	hear_byte(go);
}

static void listener_exits(int listener, int told, int go)
{
	tell_byte(told);
	hear_byte(go);
	exit(0);
}

static void listener_execs(int listener, int told, int go)
{
	fcntl(listener, F_SETFD, FD_CLOEXEC);
	tell_byte(told);
	hear_byte(go);
	execute(go);
}

static void shared_listener_closes(int listener, int told, int go)
{
	pid_t pid = fork();

	if (pid == 0) {
		ready(listener, POLLIN);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	listener_closes(listener, told, go);
}

static void last_closes(void)
{
	static const struct {
		void (*fn)(int, int, int);
		const char *what;
	} ways[] = {
		{by_dup2, "dup2 over it"},
		{by_close_range, "close_range"},
		{by_exit, "exit"},
		{by_exec, "an exec that closes it"},
	}, queued[] = {
		{listener_closes, "not accepted, the listener closes"},
		{listener_exits, "not accepted, the listener's process exits"},
		{listener_execs, "not accepted, an exec closes the listener"},
		{shared_listener_closes,
		 "not accepted, a listener that was shared closes"},
	};
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		ends(ways[i].fn, false, ways[i].what);
		ends(ways[i].fn, true, ways[i].what);
	}
	for (i = 0; i < sizeof(queued) / sizeof(*queued); i++) {
		ends(queued[i].fn, false, queued[i].what);
		ends(queued[i].fn, true, queued[i].what);
	}
}

static void kept_by_an_exec(void)
{
	struct served s = serve(by_exec_of_another);
	char byte;

	hear_byte(s.ready);
	tell_byte(s.go);
	sleep_ms(20);
	say(recv(s.conn, &byte, 1, MSG_DONTWAIT), "closed, kept by a program");
	tell_byte(s.go);
	tell_byte(s.go);
	ready(s.conn, POLLIN);
	say(recv(s.conn, &byte, 1, 0), "and when that ends");
	done(&s);
}

/* A child reads what is left of a connection that ended before. */
static void in_a_child(int conn, size_t size, const char *what)
{
	char buf[16];
	pid_t pid = fork();

	if (pid == 0) {
		say(recv(conn, buf, size, 0), "%s", what);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void both_ends_here(void)
{
	int fds[2], listener;
	uint16_t port;

	listener = new_listener(&port);
	fds[0] = new_tcp(0);
	need(connect_loopback(fds[0], port), "connect");
	fds[1] = accept(listener, NULL, NULL);
	send(fds[1], "abc", 3, 0);
	in_a_child(fds[0], 16, "in a child, the other end here");
	send(fds[0], "def", 3, 0);
	in_a_child(fds[1], 2, "in a child, the other end pumped");
	close(fds[0]);
	in_a_child(fds[1], 16, "in a child, the rest");
	in_a_child(fds[1], 16, "in a child, the end");
	close(fds[1]);
	close(listener);
}

static void reset_before(int listener, int told, int go)
{
	int conn = accept(listener, NULL, NULL);

	tell_byte(told);
	hear_byte(go);
	send(conn, "last words", 10, 0);
	reset(conn);
	tell_byte(told);
	hear_byte(go);
}

static void ended_before(void)
{
	struct served s = serve(reset_before);

	hear_byte(s.ready);
	tell_byte(s.go);
	hear_byte(s.ready);
	sleep_ms(20);
	in_a_child(s.conn, 4, "in a child, after a reset");
	in_a_child(s.conn, 16, "in a child, the rest of it");
	in_a_child(s.conn, 16, "in a child, the reset");
	in_a_child(s.conn, 16, "in a child, after the reset");
	done(&s);
}

static void half_closed_before(void)
{
	struct served s = serve(by_exit);
	char buf[16];

	hear_byte(s.ready);
	shutdown(s.conn, SHUT_WR);
	tell_byte(s.go);
	waitpid(s.pid, NULL, 0);
	sleep_ms(20);
	in_a_child(s.conn, 16, "in a child, closed both ways");
	say(recv(s.conn, buf, 16, 0), "and again here");
	done(&s);
}

/* A connection that begins while its listener's process forks. */
static void while_it_forks(void)
{
	int i, good = 0, told[2], go[2], conn;
	uint16_t port;
	pid_t pid;

	for (i = 0; i < 40; i++) {
		need(pipe(told), "pipe");
		need(pipe(go), "pipe");
		pid = fork();
		if (pid == 0) {
			new_listener(&port);
			write(told[1], &port, sizeof(port));
			if (fork() == 0)
				_exit(0);
			hear_byte(go[0]);
			_exit(0);
		}
		read(told[0], &port, sizeof(port));
		conn = new_tcp(0);
		good += connect_loopback(conn, port) == 0;
		tell_byte(go[1]);
		waitpid(pid, NULL, 0);
		close(conn);
		close_pair(told);
		close_pair(go);
	}
	say(good, "connects while the listener's process forks");
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		alarm(30);
		hear_byte(atoi(argv[1]));
		return 0;
	}
	close(new_tcp(0)); /* the children are to be in one sandbox */
	last_closes();
	kept_by_an_exec();
	both_ends_here();
	ended_before();
	half_closed_before();
	while_it_forks();
	return 0;
}
