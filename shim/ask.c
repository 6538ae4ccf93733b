/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/ask.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <string.h>

#include "shim/call.h"

#define TRIES 2
#define QUESTIONS 2

struct server {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* ---- whom to ask ---- */

static bool same_servers(const struct __res_state *a,
			 const struct __res_state *b)
{
	return a->nscount == b->nscount &&
	       memcmp(a->nsaddr_list, b->nsaddr_list,
		      sizeof(a->nsaddr_list[0]) * (size_t)a->nscount) == 0;
}

/* Has the program put servers of its own there? */
static bool is_changed(const struct __res_state *state)
{
	struct __res_state file;
	bool changed;

	memset(&file, 0, sizeof(file));
	if (res_ninit(&file) < 0)
		return false;
	changed = !same_servers(state, &file);
	res_nclose(&file);
	return changed;
}

/* libc keeps IPv6 servers beside its list. */
static int listed_servers(const struct __res_state *state, struct server *list)
{
	int i;

	for (i = 0; i < state->nscount && i < MAXNS; i++) {
		const struct sockaddr_in6 *sin6 = state->_u._ext.nsaddrs[i];

		list[i] = (struct server){ .len = sizeof(struct sockaddr_in) };
		if (state->nsaddr_list[i].sin_family == 0 && sin6) {
			list[i].len = sizeof(*sin6);
			memcpy(&list[i].addr, sin6, sizeof(*sin6));
		} else {
			memcpy(&list[i].addr, &state->nsaddr_list[i],
			       sizeof(struct sockaddr_in));
		}
	}
	return i;
}

/* In the order in which to ask them. */
static int servers_of(const struct __res_state *state, bool own,
		      struct server *list)
{
	const struct fdnet_welcome *w = shim_net_welcome();
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct shim_guard guard;
	bool relay;
	int rc;

	shim_enter(&guard);
	rc = shim_net_start();
	relay = rc == 0 && shim_net_has_relay();
	shim_leave(&guard);
	shim_net_publish_env();
	if (rc < 0)
		return rc;
	if (!relay || own)
		return listed_servers(state, list);
	sin.sin_port = htons(NAMESERVER_PORT);
	memcpy(&sin.sin_addr, w->dns4, 4);
	memset(list, 0, sizeof(*list));
	memcpy(&list->addr, &sin, sizeof(sin));
	list->len = sizeof(sin);
	return 1;
}

/* ---- questions to one server ---- */

static bool is_answer(const struct shim_question *q,
		      const unsigned char *answer, ssize_t n)
{
	return n >= NS_HFIXEDSZ && memcmp(q->msg, answer, 2) == 0 &&
	       (answer[2] & 0x80);
}

static bool is_cut(const struct shim_question *q)
{
	return q->n > 0 && (q->answer[2] & 0x02);
}

static int open_to(const struct server *server, int type)
{
	int fd = shim_socket(server->addr.ss_family, type | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	if (shim_connect(fd, (const struct sockaddr *)&server->addr,
			 server->len) == 0)
		return fd;
	rc = -errno;
	shim_close(fd);
	return rc;
}

/* Puts what came where it belongs. Answers come in any order, and strays. */
static bool take_answer(struct shim_question *q, unsigned int n,
			unsigned char *msg, ssize_t len)
{
	for (unsigned int i = 0; i < n; i++) {
		if (q[i].n > 0 || !is_answer(&q[i], msg, len))
			continue;
		q[i].n = (int)(len < q[i].room ? len : q[i].room);
		if (msg != q[i].answer)
			memmove(q[i].answer, msg, (size_t)q[i].n);
		return true;
	}
	return false;
}

/* Of those not answered yet, the first, or NULL. */
static struct shim_question *unanswered(struct shim_question *q,
					unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (q[i].n <= 0)
			return &q[i];
	return NULL;
}

static void give_error(struct shim_question *q, unsigned int n, int error)
{
	for (unsigned int i = 0; i < n; i++)
		if (q[i].n <= 0)
			q[i].n = error;
}

/* By datagrams, all questions at once. */
static void ask_udp(struct shim_question *q, unsigned int n,
		    const struct server *server, int timeout_ms)
{
	uint64_t end = shim_now_us() + (uint64_t)timeout_ms * 1000, now;
	struct pollfd p = { .events = POLLIN };
	struct shim_question *next;
	int fd = open_to(server, SOCK_DGRAM), error = 0;
	ssize_t len;

	if (fd < 0) {
		give_error(q, n, fd);
		return;
	}
	p.fd = fd;
	for (unsigned int i = 0; i < n && !error; i++)
		if (q[i].n <= 0 && shim_send(fd, q[i].msg, (size_t)q[i].len,
					     MSG_NOSIGNAL) < 0)
			error = -errno;
	while (!error && (next = unanswered(q, n))) {
		now = shim_now_us();
		if (now >= end ||
		    shim_poll(&p, 1, (int)((end - now + 999) / 1000)) == 0)
			error = -ETIMEDOUT;
		else if ((len = shim_recv(fd, next->answer, (size_t)next->room,
					  MSG_DONTWAIT)) >= 0)
			take_answer(q, n, next->answer, len);
		else if (errno != EAGAIN && errno != EINTR)
			error = -errno;
	}
	give_error(q, n, error);
	shim_close(fd);
}

static int read_all(int fd, unsigned char *dst, size_t len, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = shim_poll(&p, 1, timeout_ms);
		if (n == 0)
			return -ETIMEDOUT;
		n = shim_recv(fd, dst + done, len - done, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		done += (size_t)n;
	}
	return 0;
}

/* By stream: each message after its length in two bytes. What is longer than
 * the program's room is cut, and marked so. */
static int ask_tcp(struct shim_question *q, const struct server *server,
		   int timeout_ms)
{
	unsigned char head[2] = { (unsigned char)(q->len >> 8),
				  (unsigned char)q->len };
	struct iovec iov[2] = { { head, 2 },
				{ (void *)q->msg, (size_t)q->len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int fd = open_to(server, SOCK_STREAM), rc = 0, len = 0;

	if (fd < 0)
		return fd;
	if (shim_sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
		rc = -errno;
	if (rc == 0)
		rc = read_all(fd, head, 2, timeout_ms);
	if (rc == 0) {
		len = head[0] << 8 | head[1];
		rc = read_all(fd, q->answer,
			      (size_t)(len < q->room ? len : q->room),
			      timeout_ms);
	}
	shim_close(fd);
	if (rc < 0)
		return rc;
	if (!is_answer(q, q->answer, len < q->room ? len : q->room))
		return -EBADMSG;
	if (len > q->room)
		q->answer[2] |= 0x02;
	return len < q->room ? len : q->room;
}

/* What is not answered yet. */
static void ask_server(const struct __res_state *state,
		       struct shim_question *q, unsigned int n,
		       const struct server *server, int timeout_ms)
{
	bool stream = state->options & RES_USEVC;

	if (!stream)
		ask_udp(q, n, server, timeout_ms);
	for (unsigned int i = 0; i < n; i++)
		if ((stream && q[i].n <= 0) ||
		    (is_cut(&q[i]) && !(state->options & RES_IGNTC)))
			q[i].n = ask_tcp(&q[i], server, timeout_ms);
}

/* A server that cannot answer: perhaps another can. The relay's refusal is an
 * answer: no rule allows the name. */
static bool is_unwilling(const struct shim_question *q, bool own)
{
	int rcode = q->answer[3] & 0xf;

	return rcode == ns_r_servfail || rcode == ns_r_notimpl ||
	       (own && rcode == ns_r_refused);
}

/* Those whom the server could not answer are to be asked again. How many have
 * an answer? */
static unsigned int keep_willing(struct shim_question *q, unsigned int n,
				 bool own)
{
	unsigned int good = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (q[i].n > 0 && is_unwilling(&q[i], own))
			q[i].n = -ETIMEDOUT;
		good += q[i].n > 0;
	}
	return good;
}

/* Longer with each round, over all servers together. */
static int patience_ms(const struct __res_state *state, int round, int servers)
{
	int s = (state->retrans > 0 ? state->retrans : RES_TIMEOUT) << round;

	if (round > 0)
		s /= servers;
	return (s > 0 ? s : 1) * 1000;
}

/* RES_ROTATE: each question begins with another server. */
static int first_server(const struct __res_state *state, int n)
{
	static unsigned int turn;

	if (!(state->options & RES_ROTATE))
		return 0;
	return (int)(__atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) %
		     (unsigned int)n);
}

/* Callers want to know these from a name server's silence. */
static bool is_telling(int error)
{
	return error == -ECONNREFUSED || error == -EMFILE || error == -ENFILE;
}

int shim_ask(struct __res_state *state, struct shim_question *q,
	     unsigned int n)
{
	int tries = state->retry > 0 ? state->retry : TRIES;
	struct server list[MAXNS];
	bool own = is_changed(state);
	int servers = servers_of(state, own, list), first;

	if (servers <= 0)
		return servers < 0 ? servers : -ESRCH;
	if (tries > RES_MAXRETRY)
		tries = RES_MAXRETRY;
	for (unsigned int i = 0; i < n; i++)
		q[i].n = 0;
	first = first_server(state, servers);
	for (int round = 0; round < tries; round++)
		for (int i = 0; i < servers; i++) {
			ask_server(state, q, n, &list[(first + i) % servers],
				   patience_ms(state, round, servers));
			if (keep_willing(q, n, own))
				return 0;
		}
	return is_telling(q[0].n) ? q[0].n : -ETIMEDOUT;
}
