/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients: each makes one connection after another, and says so if one ends
 * that nobody's death explains.
 */
#include "config.h"
#include "tests/kills/kills.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a connection is held. */
enum style {
	PLAIN,	  /* direct */
	ON_INPUT, /* dup2() onto descriptor 0: pumped from the start */
	HALVED,	  /* ends with shutdown() and waits for the server's end */
};

/* One connection, and whom it may be lost with. */
struct line {
	int fd;
	enum server to;
	int kills; /* of the server's processes, before it began */
	struct greeting with; /* slot -1 before the greeting */
	const char *doing;
};

static void sleep_ms(int ms)
{
	usleep((useconds_t)ms * 1000);
}

/* Was it nobody's fault? A death is marked before it happens, but an end
 * may be heard of by way of others, so it is asked about for a while. */
static bool explained(const struct line *l)
{
	int i;

	for (i = 0; i < 20; i++) {
		if (l->with.slot >= 0 ? is_dead(l->with.slot, l->with.pid) :
		    table->servers[l->to].kills != l->kills)
			return true;
		if (table->stop)
			return true;
		sleep_ms(10);
	}
	return false;
}

static void lost(struct line *l, int err)
{
	const char *why = err ? strerror(err) : "end of file";

	close(l->fd);
	l->fd = -1;
	if (!explained(l)) {
		atomic_fetch_add(&table->lost, 1);
		note("%s (pid %d) to server %d, pid %d: %s: %s", mine->what,
		     getpid(), l->to, l->with.pid, l->doing, why);
		return;
	}
	atomic_fetch_add(&table->ended, 1);
	if (l->with.slot < 0)
		atomic_fetch_add(&table->early, 1);
	moved();
}

static const char *where(enum server to)
{
	/* who is outside sees what is published on its own loopback */
	return to == HOST_SERVER && !mine->outside ? table->host : "127.0.0.1";
}

/* Connects and is greeted. The outside's port is there before its server:
 * a connection that ends before the greeting is no loss there. */
static bool begin(struct line *l, enum server to)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int port;

	*l = (struct line){.fd = -1, .to = to, .with = {.slot = -1},
			   .doing = "connect"};
	l->kills = table->servers[to].kills;
	port = table->servers[to].port;
	if (!port) {
		moved();
		sleep_ms(5);
		return false;
	}
	at.sin_port = htons((uint16_t)port);
	at.sin_addr.s_addr = inet_addr(where(to));
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(l->fd, (struct sockaddr *)&at, sizeof(at))) {
		lost(l, errno);
		return false;
	}
	l->doing = "greeting";
	if (!recv_all(l->fd, &l->with, sizeof(l->with))) {
		l->with.slot = -1;
		lost(l, errno);
		return false;
	}
	atomic_fetch_add(&table->connections, 1);
	moved();
	return true;
}

static bool exchange(struct line *l, size_t len)
{
	char out[MAX_TEXT], in[MAX_TEXT];
	size_t i;

	for (i = 0; i < len; i++)
		out[i] = (char)dice(256);
	l->doing = "send";
	if (!send_all(l->fd, out, len)) {
		lost(l, errno);
		return false;
	}
	l->doing = "recv";
	if (!recv_all(l->fd, in, len)) {
		lost(l, errno);
		return false;
	}
	if (memcmp(in, out, len) != 0) {
		atomic_fetch_add(&table->wrong, 1);
		note("%s: other bytes than were sent", mine->what);
	}
	atomic_fetch_add(&table->exchanges, 1);
	mine->ready = true;
	moved();
	return true;
}

static size_t some_len(void)
{
	return dice(16) ? 1 + dice(2000) : 1 + dice(MAX_TEXT);
}

static void finish(struct line *l, enum style style)
{
	char byte;

	if (l->fd < 0)
		return;
	if (style == HALVED) {
		l->doing = "end of file";
		shutdown(l->fd, SHUT_WR);
		errno = 0;
		if (recv(l->fd, &byte, 1, 0) != 0) {
			lost(l, errno);
			return;
		}
	}
	close(l->fd);
	moved();
}

void be_client(enum server to, int style)
{
	struct line l;
	unsigned int n;

	while (!table->stop) {
		if (!begin(&l, to))
			continue;
		if (style == ON_INPUT && l.fd != 0) {
			dup2(l.fd, 0);
			close(l.fd);
			l.fd = 0;
		}
		for (n = dice(60); n && exchange(&l, some_len()); n--)
			if (dice(8) == 0)
				sleep_ms(1);
		finish(&l, (enum style)style);
	}
}

/* ---- two processes on one connection ---- */

/* What the other had asked, or half of it, may still be on its way: the
 * connection lives if what is sent now comes back at last. */
static bool still_there(struct line *l)
{
	char word[16], seen[16] = {0};
	size_t i;

	for (i = 0; i < sizeof(word); i++)
		word[i] = (char)dice(256);
	l->doing = "send after the other's death";
	if (!send_all(l->fd, word, sizeof(word))) {
		lost(l, errno);
		return false;
	}
	l->doing = "recv after the other's death";
	while (memcmp(word, seen, sizeof(word)) != 0) {
		memmove(seen, seen + 1, sizeof(seen) - 1);
		if (!recv_all(l->fd, seen + sizeof(seen) - 1, 1)) {
			lost(l, errno);
			return false;
		}
	}
	moved();
	return true;
}

/* By turns, for as long as both are there; then the other alone. */
static void take_turns(struct line *l, int token, bool first)
{
	int turns = 10 + (int)dice(10), n;
	char byte = 0;

	while (turns-- && !table->stop) {
		if (!first && recv(token, &byte, 1, 0) <= 0) {
			if (!still_there(l))
				return;
			while (turns-- > 0 && exchange(l, some_len()))
				;
			break;
		}
		first = false;
		for (n = 0; n < 3; n++)
			if (!exchange(l, some_len()))
				return;
		send(token, &byte, 1, MSG_NOSIGNAL);
	}
	if (l->fd >= 0)
		close(l->fd);
}

/*
 * The child uses the connection first: from then on it is shared, and lives
 * on whoever of the two dies. If the parent is killed before, it is the
 * parent's own connection that ends.
 */
void be_sharer(enum server to)
{
	int parent_slot = (int)(mine - table->slots), parent = getpid();
	struct slot *child_slot;
	int token[2], pid;
	struct line l;

	while (!table->stop) {
		if (!begin(&l, to) || !exchange(&l, some_len()))
			continue;
		socketpair(AF_UNIX, SOCK_STREAM, 0, token);
		pid = fork();
		if (pid == 0) {
			close(token[0]);
			child_slot = slot_take("sharing child", -1);
			l.doing = "first use by a child";
			if (!send_all(l.fd, "x", 1) ||
			    !recv_all(l.fd, &(char){0}, 1)) {
				if (is_dead(parent_slot, parent))
					close(l.fd);
				else
					lost(&l, errno);
			} else {
				child_slot->ready = true;
				take_turns(&l, token[1], true);
			}
			slot_drop();
			_exit(0);
		}
		close(token[1]);
		take_turns(&l, token[0], false);
		close(token[0]);
		if (l.fd >= 0)
			close(l.fd);
		while (waitpid(pid, NULL, WNOHANG) == 0) {
			moved();
			sleep_ms(2);
		}
	}
}

/* ---- datagrams ---- */

void be_udp_client(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	char out[1400], in[1400];
	struct pollfd p = {.events = POLLIN};
	size_t len;
	int port, n;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	while (!table->stop) {
		port = table->servers[UDP_SERVER].port;
		if (!port) {
			moved();
			sleep_ms(5);
			continue;
		}
		at.sin_port = htons((uint16_t)port);
		p.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (dice(2))
			connect(p.fd, (struct sockaddr *)&at, sizeof(at));
		for (n = 0; n < 50; n++) {
			len = 8 + dice(sizeof(out) - 8);
			snprintf(out, 8, "%07d", n);
			sendto(p.fd, out, len, 0, (struct sockaddr *)&at,
			       sizeof(at));
			if (table->servers[UDP_SERVER].port != port)
				break;
			if (poll(&p, 1, 300) > 0 &&
			    recv(p.fd, in, sizeof(in), 0) == (ssize_t)len) {
				atomic_fetch_add(&table->exchanges, 1);
				moved();
			}
		}
		close(p.fd);
	}
}
