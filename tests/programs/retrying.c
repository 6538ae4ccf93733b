/* SPDX-License-Identifier: Apache-2.0 */
/* connect() after a connect() that failed or was interrupted: blocking or not,
 * of a socket of this process alone or one that a child has used too. */
#include "probe.h"

#include <sys/epoll.h>
#include <sys/wait.h>

static void share(int fd)
{
	pid_t pid = fork();
	char byte;

	if (pid == 0) {
		recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static int error_of(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

/* A connect that goes on or has failed already. */
static void try_to_fail(int fd, uint16_t port, const char *what)
{
	int rc = connect_loopback(fd, port);

	say_bool(rc < 0 && (errno == EINPROGRESS || errno == ECONNREFUSED),
		 what);
	if (rc < 0 && errno == EINPROGRESS)
		ready(fd, POLLERR);
	else
		return;
}

static void talk(int fd, int listener, const char *what)
{
	char buf[4] = "";
	int conn;

	if (connect_loopback(fd, port_of(listener)) < 0 &&
	    errno != EINPROGRESS)
		say(-1, "%s, connect", what);
	ready(fd, POLLOUT);
	say(error_of(fd), "%s, error", what);
	set_nonblock(listener);
	ready(listener, POLLIN);
	conn = accept(listener, NULL, NULL);
	if (conn < 0) {
		say(conn, "%s, accept", what);
		return;
	}
	say(send(conn, "abc", 3, 0), "%s, send", what);
	ready(fd, POLLIN);
	say(recv(fd, buf, 4, MSG_DONTWAIT), "%s, recv", what);
	say(send(fd, "x", 1, 0), "%s, and back", what);
	ready(conn, POLLIN);
	say(recv(conn, buf, 4, MSG_DONTWAIT), "%s, came", what);
	close(conn);
}

static void after_a_failure(bool shared, bool nonblock, bool asks,
			    const char *what)
{
	uint16_t closed, open;
	int fd = new_tcp(0), listener = new_listener(&open), on = 1;
	int blocked = new_tcp(0);
	socklen_t len = sizeof(on);

	need(bind_loopback(blocked, 0), "bind"); /* and nobody listens */
	closed = port_of(blocked);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (shared)
		share(fd);
	if (nonblock)
		set_nonblock(fd);
	try_to_fail(fd, closed, what);
	if (asks && nonblock)
		error_of(fd);
	else if (nonblock)
		/* the error, once; or the attempt itself */
		connect_loopback(fd, closed);
	talk(fd, listener, what);
	on = 0;
	getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len);
	say(on, "%s, its option", what);
	close(fd);
	close(listener);
	close(blocked);
}

static void bits_of_a_failure(bool shared, const char *what)
{
	int fd = new_tcp(0), blocked = new_tcp(0), ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT};
	char byte;

	need(bind_loopback(blocked, 0), "bind");
	if (shared)
		share(fd);
	set_nonblock(fd);
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	if (connect_loopback(fd, port_of(blocked)) < 0 && errno == EINPROGRESS)
		ready(fd, POLLERR | POLLHUP);
	say_bool(epoll_wait(ep, &ev, 1, 1000) == 1, what);
	say_bool(ev.events & EPOLLHUP, "it has hung up");
	say_bool(ready(fd, 0) & POLLHUP, "poll says so too");
	errno = 0;
	say(send(fd, "x", 1, MSG_NOSIGNAL) < 0, "%s, send", what);
	say(recv(fd, &byte, 1, 0) <= 0, "%s, recv", what);
	close(fd);
	close(blocked);
	close(ep);
}

static void in_progress(bool shared, const char *what)
{
	uint16_t port;
	int fd = new_tcp(0), listener = new_listener(&port), rc;

	if (shared)
		share(fd);
	set_nonblock(fd);
	rc = connect_loopback(fd, port);
	if (rc < 0 && errno == EINPROGRESS)
		ready(fd, POLLOUT);
	rc = connect_loopback(fd, port);
	say_bool(rc == 0 || errno == EISCONN, what);
	say(connect_loopback(fd, port), "%s, once more", what);
	close(fd);
	close(listener);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	after_a_failure(false, false, false, "blocking");
	after_a_failure(false, true, true, "not blocking, asked");
	after_a_failure(false, true, false, "not blocking");
	after_a_failure(true, false, false, "shared, blocking");
	after_a_failure(true, true, true, "shared, not blocking, asked");
	after_a_failure(true, true, false, "shared, not blocking");
	bits_of_a_failure(false, "a failure");
	bits_of_a_failure(true, "a shared failure");
	in_progress(false, "again while it goes on");
	in_progress(true, "shared, again while it goes on");
	return 0;
}
