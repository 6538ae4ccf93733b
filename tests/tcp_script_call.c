/* SPDX-License-Identifier: Apache-2.0 */
/* The socket calls of TCP scripts (tcp_script.c). */
#include "config.h"

#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tcp_script.h"

/* ---- names ---- */

struct name {
	const char *name;
	int value;
};

static const struct name errnos[] = {
	{"EAGAIN", EAGAIN},
	{"EALREADY", EALREADY},
	{"ECONNABORTED", ECONNABORTED},
	{"ECONNREFUSED", ECONNREFUSED},
	{"ECONNRESET", ECONNRESET},
	{"EHOSTUNREACH", EHOSTUNREACH},
	{"EINPROGRESS", EINPROGRESS},
	{"EINVAL", EINVAL},
	{"EISCONN", EISCONN},
	{"ENETUNREACH", ENETUNREACH},
	{"ENOPROTOOPT", ENOPROTOOPT},
	{"ENOTCONN", ENOTCONN},
	{"EOPNOTSUPP", EOPNOTSUPP},
	{"EPIPE", EPIPE},
	{"ETIMEDOUT", ETIMEDOUT},
	{"EACCES", EACCES},
	{"EADDRINUSE", EADDRINUSE},
	{"ENOENT", ENOENT},
	{NULL, 0},
};

static const struct name states[] = {
	{"ESTABLISHED", FDNET_TCP_ESTABLISHED},
	{"SYN_SENT", FDNET_TCP_SYN_SENT},
	{"SYN_RECV", FDNET_TCP_SYN_RECV},
	{"FIN_WAIT1", FDNET_TCP_FIN_WAIT1},
	{"FIN_WAIT2", FDNET_TCP_FIN_WAIT2},
	{"TIME_WAIT", FDNET_TCP_TIME_WAIT},
	{"CLOSE", FDNET_TCP_CLOSE},
	{"CLOSE_WAIT", FDNET_TCP_CLOSE_WAIT},
	{"LAST_ACK", FDNET_TCP_LAST_ACK},
	{"LISTEN", FDNET_TCP_LISTEN},
	{"CLOSING", FDNET_TCP_CLOSING},
	{NULL, 0},
};

static const struct name polls[] = {
	{"IN", FDNET_EV_IN},
	{"OUT", FDNET_EV_OUT},
	{"PRI", FDNET_EV_PRI},
	{"ERR", FDNET_EV_ERR},
	{"HUP", FDNET_EV_HUP},
	{"RDHUP", FDNET_EV_RDHUP},
	{"0", 0},
	{NULL, 0},
};

static const struct {
	const char *name;
	int level, opt;
} options[] = {
	{"NODELAY", 6, TCP_NODELAY},
	{"CORK", 6, TCP_CORK},
	{"MAXSEG", 6, TCP_MAXSEG},
	{"KEEPIDLE", 6, TCP_KEEPIDLE},
	{"KEEPINTVL", 6, TCP_KEEPINTVL},
	{"KEEPCNT", 6, TCP_KEEPCNT},
	{"SYNCNT", 6, TCP_SYNCNT},
	{"LINGER2", 6, TCP_LINGER2},
	{"DEFER_ACCEPT", 6, TCP_DEFER_ACCEPT},
	{"WINDOW_CLAMP", 6, TCP_WINDOW_CLAMP},
	{"QUICKACK", 6, TCP_QUICKACK},
	{"USER_TIMEOUT", 6, TCP_USER_TIMEOUT},
	{"NOTSENT_LOWAT", 6, TCP_NOTSENT_LOWAT},
	{"FASTOPEN", 6, TCP_FASTOPEN},
	{"FASTOPEN_CONNECT", 6, TCP_FASTOPEN_CONNECT},
	{"FASTOPEN_NO_COOKIE", 6, TCP_FASTOPEN_NO_COOKIE},
	{"KEEPALIVE", 1, 9},
	{"SNDBUF", 1, 7},
	{"RCVBUF", 1, 8},
	{"OOBINLINE", 1, 10},
	{"RCVLOWAT", 1, 18},
	{"MAX_PACING_RATE", 1, 47},
};

static int find_name(const struct name *table, const char *text, int *ret)
{
	for (; table->name; table++) {
		if (!strcmp(table->name, text)) {
			*ret = table->value;
			return 0;
		}
	}
	return -1;
}

/* ---- calls ---- */

void do_socket(void)
{
	if (fdnet_sock_open(t.stack, 4, FDNET_SOCK_STREAM, 6, &t.so))
		fail("socket");
}

/* Compares with what stands behind "=", if anything. */
static void result(long rc)
{
	int want;

	for (int i = 0; i + 1 < t.words; i++) {
		if (strcmp(t.word[i], "="))
			continue;
		if (!find_name(errnos, t.word[i + 1], &want))
			want = -want;
		else
			want = (int)number(t.word[i + 1]);
		if (rc != want)
			fail("%s gives %ld (%s), expected %s", t.word[0], rc,
			     rc < 0 ? strerror((int)-rc) : "ok", t.word[i + 1]);
		return;
	}
	if (rc < 0)
		fail("%s: %s", t.word[0], strerror((int)-rc));
}

void do_bind(void)
{
	struct fdnet_name name = {.ip = {.family = 4}, .port = STACK_PORT};

	result(fdnet_sock_bind(t.so, &name));
}

void listen_with(int backlog)
{
	if (!t.so) {
		do_socket();
		do_bind();
	}
	result(fdnet_sock_listen(t.so, backlog));
	t.listener = t.so;
	t.so = NULL;
}

void do_listen(void)
{
	listen_with((int)number(t.word[1]));
}

void do_connect(void)
{
	struct fdnet_name name = {.ip = fdnet_ip4(0x0a000002),
				  .port = STACK_PORT};
	long rc;

	if (!t.so)
		do_socket();
	t.active = true;
	rc = fdnet_sock_connect(t.so, &name);
	collect();
	if (t.words == 1 && rc == -EINPROGRESS)
		return;
	result(rc);
}

void do_accept(void)
{
	struct fdnet_sock *so = NULL;
	long rc = fdnet_sock_accept(t.listener, &so);

	if (so)
		t.so = so;
	result(rc);
}

static int msg_flag(void)
{
	for (int i = 2; i < t.words; i++) {
		if (!strcmp(t.word[i], "more"))
			return FDNET_MSG_MORE;
		if (!strcmp(t.word[i], "eor"))
			return FDNET_MSG_EOR;
		if (!strcmp(t.word[i], "oob"))
			return FDNET_MSG_OOB;
		if (!strcmp(t.word[i], "fastopen"))
			return FDNET_MSG_FASTOPEN;
		if (!strcmp(t.word[i], "peek"))
			return FDNET_MSG_PEEK;
		if (!strcmp(t.word[i], "trunc"))
			return FDNET_MSG_TRUNC;
	}
	return 0;
}

static void transfer(bool sending)
{
	size_t len = (size_t)number(t.word[1]);
	char *buf = calloc(1, len + 1);
	struct iovec iov = {buf, len};
	struct fdnet_msg msg = {.iov = &iov,
				.iovcnt = 1,
				.flags = msg_flag(),
				.ttl = -1,
				.tos = -1};

	if (msg.flags & FDNET_MSG_FASTOPEN) {
		if (!t.so)
			do_socket();
		t.active = true;
		msg.to_from = (struct fdnet_name){.ip = fdnet_ip4(0x0a000002),
						  .port = STACK_PORT};
	}
	for (size_t i = 0; sending && i < len; i++)
		buf[i] = (char)i;
	result(sending ? fdnet_sock_send(t.so, &msg)
		       : fdnet_sock_recv(t.so, &msg));
	free(buf);
	collect();
}

void do_send(void)
{
	transfer(true);
}

void do_recv(void)
{
	transfer(false);
}

void do_shutdown(void)
{
	const char *how = t.word[1];

	result(fdnet_sock_shutdown(t.so, !strcmp(how, "rd")   ? FDNET_SHUT_RD
					 : !strcmp(how, "wr") ? FDNET_SHUT_WR
							      : FDNET_SHUT_RDWR));
	collect();
}

static void use_option(bool setting)
{
	int v = (int)number(t.word[2]);
	uint32_t len = sizeof(v);

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		struct fdnet_sock *so = t.so ? t.so : t.listener;
		int rc;

		if (strcmp(options[i].name, t.word[1]))
			continue;
		rc = setting ? fdnet_sock_setopt(so, options[i].level,
						 options[i].opt, &v, len)
			     : fdnet_sock_getopt(so, options[i].level,
						 options[i].opt, &v, &len);
		result(setting || rc ? rc : v);
		collect();
		return;
	}
	fail("option %s?", t.word[1]);
}

void do_set(void)
{
	use_option(true);
}

void do_get(void)
{
	use_option(false);
}

void do_cc(void)
{
	struct fdnet_sock *so = t.so ? t.so : t.listener;

	result(fdnet_sock_setopt(so, 6, TCP_CONGESTION, t.word[1],
				 (uint32_t)strlen(t.word[1])));
}

void do_cwnd(void)
{
	struct tcp_info info;
	uint32_t len = sizeof(info);

	if (fdnet_sock_getopt(t.so, 6, TCP_INFO, &info, &len))
		fail("no TCP_INFO");
	else if (info.tcpi_snd_cwnd != (uint32_t)number(t.word[1]))
		fail("cwnd is %u, expected %s", info.tcpi_snd_cwnd, t.word[1]);
}

void do_linger(void)
{
	int v[2] = {1, (int)number(t.word[1])};

	result(fdnet_sock_setopt(t.so, 1, 13, v, sizeof(v)));
}

static void end_socket(bool aborting)
{
	struct fdnet_sock **so = t.so ? &t.so : &t.listener;

	if (aborting)
		fdnet_sock_abort(*so);
	else
		fdnet_sock_close(*so);
	*so = NULL;
	collect();
}

void do_close(void)
{
	end_socket(false);
}

void do_abort(void)
{
	end_socket(true);
}

static void answer(bool admit)
{
	int error = 0;

	t.so = t.so ? t.so : fdnet_stack_next_request(t.stack);
	if (!t.so) {
		fail("no request");
		return;
	}
	if (admit) {
		result(fdnet_sock_admit(t.so));
	} else {
		find_name(errnos, t.word[1], &error);
		fdnet_sock_refuse(t.so, error);
		t.so = NULL;
	}
	collect();
}

void do_admit(void)
{
	answer(true);
}

void do_refuse(void)
{
	answer(false);
}

void do_state(void)
{
	int want = 0, got = fdnet_sock_state(t.so ? t.so : t.listener);

	if (find_name(states, t.word[1], &want))
		fail("state %s?", t.word[1]);
	else if (got != want)
		fail("state is %d, expected %s", got, t.word[1]);
}

void do_poll(void)
{
	uint32_t want = 0, got = fdnet_sock_poll(t.so ? t.so : t.listener);
	char *save, *word;
	int bit;

	for (word = strtok_r(t.word[1], ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		if (find_name(polls, word, &bit))
			fail("poll %s?", word);
		else
			want |= (uint32_t)bit;
	}
	if (got != want)
		fail("poll gives 0x%x, expected 0x%x", got, want);
}

void do_error(void)
{
	int got = 0, want = 0;
	uint32_t len = sizeof(got);

	fdnet_sock_getopt(t.so, 1, 4, &got, &len);
	if (find_name(errnos, t.word[1], &want))
		want = (int)number(t.word[1]);
	if (got != want)
		fail("SO_ERROR is %d (%s), expected %s", got, strerror(got),
		     t.word[1]);
}
