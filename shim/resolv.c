/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolver's calls: queries made by libc, which is mere bytes, and sent by
 * us, because libc's own sockets are inside libc (RFC 1035; RFC 7766 for TCP).
 */
#include "config.h"

#include "shim/resolv.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "shim/call.h"

#define QUERY_MAX 1024
#define TRIES 2

/* ---- whom to ask ---- */

static bool same_servers(const struct __res_state *a,
			 const struct __res_state *b)
{
	return a->nscount == b->nscount &&
	       memcmp(a->nsaddr_list, b->nsaddr_list,
		      sizeof(a->nsaddr_list[0]) * (size_t)a->nscount) == 0;
}

static bool is_changed(const struct __res_state *state)
{
	struct __res_state file;
	bool changed;

	if (!(state->options & RES_INIT))
		return false;
	memset(&file, 0, sizeof(file));
	if (res_ninit(&file) < 0)
		return false;
	changed = !same_servers(state, &file);
	res_nclose(&file);
	return changed;
}

struct __res_state *shim_resolv_own(void)
{
	return is_changed(&_res) ? &_res : NULL;
}

/* Name servers in the order in which to ask them. */
static int servers_of(const struct __res_state *state, struct sockaddr_in *list)
{
	const struct fdnet_welcome *w = shim_net_welcome();
	struct shim_guard guard;
	bool relay;
	int i, rc;

	shim_enter(&guard);
	rc = shim_net_start();
	relay = rc == 0 && shim_net_has_relay();
	shim_leave(&guard);
	shim_net_publish_env();
	if (rc < 0)
		return rc;
	if (relay && !is_changed(state)) {
		memset(list, 0, sizeof(*list));
		list->sin_family = AF_INET;
		list->sin_port = htons(NAMESERVER_PORT);
		memcpy(&list->sin_addr, w->dns4, 4);
		return 1;
	}
	for (i = 0; i < state->nscount && i < MAXNS; i++)
		list[i] = state->nsaddr_list[i];
	return i;
}

/* ---- one question, one answer ---- */

struct question {
	const unsigned char *msg;
	int len;
	unsigned char *answer;
	int room;
	int timeout_ms;
};

static bool is_answer(const struct question *q, ssize_t n)
{
	return n >= NS_HFIXEDSZ && memcmp(q->msg, q->answer, 2) == 0 &&
	       (q->answer[2] & 0x80);
}

static int open_to(const struct sockaddr_in *server, int type)
{
	int fd = shim_socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (shim_connect(fd, (const struct sockaddr *)server,
			 sizeof(*server)) == 0)
		return fd;
	shim_close(fd);
	return -errno;
}

/* By datagram. Bytes of the answer, or -E. */
static ssize_t ask_udp(const struct question *q,
		       const struct sockaddr_in *server)
{
	struct pollfd p = { .events = POLLIN };
	ssize_t n;
	int fd = open_to(server, SOCK_DGRAM);

	if (fd < 0)
		return fd;
	p.fd = fd;
	n = shim_send(fd, q->msg, (size_t)q->len, MSG_NOSIGNAL);
	while (n >= 0) {
		if (shim_poll(&p, 1, q->timeout_ms) <= 0) {
			n = -1;
			errno = ETIMEDOUT;
			break;
		}
		n = shim_recv(fd, q->answer, (size_t)q->room, 0);
		if (n < 0 || is_answer(q, n))
			break;
		/* a stray one: go on waiting */
	}
	n = n < 0 ? -errno : n;
	shim_close(fd);
	return n;
}

static int read_all(int fd, unsigned char *dst, size_t len, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		if (shim_poll(&p, 1, timeout_ms) <= 0)
			return -ETIMEDOUT;
		n = shim_recv(fd, dst + done, len - done, 0);
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		done += (size_t)n;
	}
	return 0;
}

/* By stream: each message after its length in two bytes. What is longer than
 * the program's room is cut, and marked so. */
static ssize_t ask_tcp(const struct question *q,
		       const struct sockaddr_in *server)
{
	unsigned char head[2] = { (unsigned char)(q->len >> 8),
				  (unsigned char)q->len };
	struct iovec iov[2] = { { head, 2 }, { (void *)q->msg,
					      (size_t)q->len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int fd = open_to(server, SOCK_STREAM), rc = 0, len = 0;

	if (fd < 0)
		return fd;
	if (shim_sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
		rc = -errno;
	if (rc == 0)
		rc = read_all(fd, head, 2, q->timeout_ms);
	if (rc == 0) {
		len = head[0] << 8 | head[1];
		rc = read_all(fd, q->answer,
			      (size_t)(len < q->room ? len : q->room),
			      q->timeout_ms);
	}
	shim_close(fd);
	if (rc < 0)
		return rc;
	if (!is_answer(q, len < q->room ? len : q->room))
		return -EBADMSG;
	if (len > q->room)
		q->answer[2] |= 0x02;
	return len < q->room ? len : q->room;
}

static ssize_t ask(const struct __res_state *state, const struct question *q,
		   const struct sockaddr_in *server)
{
	ssize_t n = 0;

	if (!(state->options & RES_USEVC)) {
		n = ask_udp(q, server);
		if (n < 0 || !(q->answer[2] & 0x02) ||
		    (state->options & RES_IGNTC))
			return n;
	}
	return ask_tcp(q, server);
}

/* A server that cannot answer: perhaps another can. The relay's refusal is an
 * answer: no rule allows the name. */
static bool is_unwilling(const unsigned char *answer, bool own)
{
	int rcode = answer[3] & 0xf;

	return rcode == ns_r_servfail || rcode == ns_r_notimpl ||
	       (own && rcode == ns_r_refused);
}

int shim_res_nsend(struct __res_state *state, const unsigned char *msg,
		   int len, unsigned char *answer, int room)
{
	struct sockaddr_in list[MAXNS];
	struct question q = {
		.msg = msg,
		.len = len,
		.answer = answer,
		.room = room,
		.timeout_ms = (state->retrans ? state->retrans : 5) * 1000,
	};
	int tries = state->retry ? state->retry : TRIES, i, n;
	bool own = is_changed(state);
	ssize_t rc = -ETIMEDOUT;

	if (len < NS_HFIXEDSZ || room < NS_HFIXEDSZ)
		return (int)shim_ret(-EINVAL);
	n = servers_of(state, list);
	if (n <= 0)
		return (int)shim_ret(n < 0 ? n : -ESRCH);
	while (tries-- > 0)
		for (i = 0; i < n; i++) {
			rc = ask(state, &q, &list[i]);
			if (rc >= 0 && !is_unwilling(answer, own))
				return (int)rc;
		}
	return (int)shim_ret(rc < 0 ? rc : -ETIMEDOUT);
}
SHIM_EXPORT(res_nsend);
SHIM_EXPORT_AS(__res_nsend, res_nsend);

/* ---- queries ---- */

static int give_up(struct __res_state *state, int error)
{
	state->res_h_errno = error;
	h_errno = error;
	return -1;
}

static int error_in(const unsigned char *answer)
{
	switch (answer[3] & 0xf) {
	case ns_r_nxdomain:
		return HOST_NOT_FOUND;
	case ns_r_servfail:
		return TRY_AGAIN;
	case ns_r_noerror:
		return NO_DATA;
	default:
		return NO_RECOVERY;
	}
}

int shim_res_nquery(struct __res_state *state, const char *name, int class,
		    int type, unsigned char *answer, int room)
{
	unsigned char msg[QUERY_MAX];
	int n;

	n = res_nmkquery(state, QUERY, name, class, type, NULL, 0, NULL, msg,
			 sizeof(msg));
	if (n <= 0)
		return give_up(state, NO_RECOVERY);
	n = shim_res_nsend(state, msg, n, answer, room);
	if (n < 0)
		return give_up(state, TRY_AGAIN);
	if ((answer[3] & 0xf) != ns_r_noerror || !(answer[6] | answer[7]))
		return give_up(state, error_in(answer));
	return n;
}
SHIM_EXPORT(res_nquery);
SHIM_EXPORT_AS(__res_nquery, res_nquery);

int shim_res_nquerydomain(struct __res_state *state, const char *name,
			  const char *domain, int class, int type,
			  unsigned char *answer, int room)
{
	char full[NS_MAXDNAME + 1];
	size_t n = strlen(name), d = domain ? strlen(domain) : 0;

	if (n + d + 2 > sizeof(full))
		return give_up(state, NO_RECOVERY);
	memcpy(full, name, n + 1);
	if (domain) {
		full[n] = '.';
		memcpy(full + n + 1, domain, d + 1);
	} else if (n > 0 && full[n - 1] == '.') {
		full[n - 1] = '\0';
	}
	return shim_res_nquery(state, full, class, type, answer, room);
}
SHIM_EXPORT(res_nquerydomain);
SHIM_EXPORT_AS(__res_nquerydomain, res_nquerydomain);

/* What the names tried in the search list came to. */
struct search {
	bool nodata, servfail, done;
};

/* After a failed try in the list: is it worth going on? */
static void note_failure(struct search *s, int error,
			 const unsigned char *answer, unsigned long options)
{
	if (error == NO_DATA)
		s->nodata = true;
	else if (error == TRY_AGAIN && (answer[3] & 0xf) == ns_r_servfail)
		s->servfail = true;
	else if (error != HOST_NOT_FOUND)
		s->done = true;
	if (!(options & RES_DNSRCH))
		s->done = true; /* the local domain only */
}

static unsigned int dots_in(const char *name, bool *ret_trailing)
{
	unsigned int dots = 0;

	*ret_trailing = false;
	for (; *name; name++) {
		dots += *name == '.';
		*ret_trailing = *name == '.';
	}
	return dots;
}

/* As res_nsearch(3) says, in the order that libc has. */
int shim_res_nsearch(struct __res_state *state, const char *name, int class,
		     int type, unsigned char *answer, int room)
{
	bool trailing, as_is = false;
	unsigned int dots = dots_in(name, &trailing);
	struct search s = { 0 };
	int n, saved = -1;
	char **domain;

	h_errno = HOST_NOT_FOUND;
	memset(answer, 0, room > NS_HFIXEDSZ ? NS_HFIXEDSZ : (size_t)room);
	if (dots >= state->ndots || trailing) {
		n = shim_res_nquerydomain(state, name, NULL, class, type,
					  answer, room);
		if (n > 0 || trailing)
			return n;
		saved = h_errno;
		as_is = true;
	}
	if ((!dots && (state->options & RES_DEFNAMES)) ||
	    (dots && !trailing && (state->options & RES_DNSRCH)))
		for (domain = state->dnsrch; *domain && !s.done; domain++) {
			n = shim_res_nquerydomain(state, name, *domain, class,
						  type, answer, room);
			if (n > 0)
				return n;
			if (errno == ECONNREFUSED)
				return give_up(state, TRY_AGAIN);
			note_failure(&s, h_errno, answer, state->options);
		}
	if (!as_is && dots) {
		n = shim_res_nquerydomain(state, name, NULL, class, type,
					  answer, room);
		if (n > 0)
			return n;
	}
	if (saved != -1)
		return give_up(state, saved);
	if (s.nodata)
		return give_up(state, NO_DATA);
	return give_up(state, s.servfail ? TRY_AGAIN : h_errno);
}
SHIM_EXPORT(res_nsearch);
SHIM_EXPORT_AS(__res_nsearch, res_nsearch);

/* ---- the same with the thread's state ---- */

static struct __res_state *state_or_null(void)
{
	struct __res_state *state = &_res;

	if (!(state->options & RES_INIT) && res_ninit(state) < 0) {
		h_errno = NETDB_INTERNAL;
		return NULL;
	}
	return state;
}

int shim_res_send(const unsigned char *msg, int len, unsigned char *answer,
		  int room)
{
	struct __res_state *state = state_or_null();

	return state ? shim_res_nsend(state, msg, len, answer, room) : -1;
}
SHIM_EXPORT(res_send);
SHIM_EXPORT_AS(__res_send, res_send);

int shim_res_query(const char *name, int class, int type,
		   unsigned char *answer, int room)
{
	struct __res_state *state = state_or_null();

	return state ? shim_res_nquery(state, name, class, type, answer, room)
		     : -1;
}
SHIM_EXPORT(res_query);
SHIM_EXPORT_AS(__res_query, res_query);

int shim_res_search(const char *name, int class, int type,
		    unsigned char *answer, int room)
{
	struct __res_state *state = state_or_null();

	return state ? shim_res_nsearch(state, name, class, type, answer, room)
		     : -1;
}
SHIM_EXPORT(res_search);
SHIM_EXPORT_AS(__res_search, res_search);

int shim_res_querydomain(const char *name, const char *domain, int class,
			 int type, unsigned char *answer, int room)
{
	struct __res_state *state = state_or_null();

	return state ? shim_res_nquerydomain(state, name, domain, class, type,
					     answer, room)
		     : -1;
}
SHIM_EXPORT(res_querydomain);
SHIM_EXPORT_AS(__res_querydomain, res_querydomain);
