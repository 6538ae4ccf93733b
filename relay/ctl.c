/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/ctl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "relay/attach.h"
#include "relay/ctl_msg.h"
#include "relay/ctl_show.h"
#include "relay/guest.h"
#include "relay/hash.h"
#include "relay/learn.h"
#include "relay/metrics.h"
#include "relay/publish.h"
#include "relay/reload.h"
#include "relay/state.h"
#include "relay/sys.h"
#include "relay/takeover.h"
#include "relay/throttle.h"
#include "relay/unixsock.h"

struct ctl_client {
	struct source src;
	struct throttle throttle;
	struct ctl_client *prev, *next;
};

/* A question that is being answered; @body has CTL_BODY_MAX bytes. */
struct ask {
	struct relay *relay;
	struct ctl_request request;
	int fd; /* that came with it, or -1; whoever uses it sets -1 */
	struct ctl_reply reply;
	char *body;
};

/* ---- clients ---- */

static void free_source(struct source *src)
{
	free((struct ctl_client *)src);
}

static void client_free(struct relay *relay, struct ctl_client *client)
{
	throttle_done(relay, &client->throttle);
	DL_DELETE(relay->ctl_clients, client);
	loop_remove(&relay->loop, &client->src);
	close(client->src.fd);
	loop_bury(&relay->loop, &client->src, free_source);
}

static int client_new(struct relay *relay, int fd)
{
	struct ctl_client *client, *other;
	unsigned int n = 0;

	DL_FOREACH(relay->ctl_clients, other)
		n++;
	if (n >= LIMIT_CTL_CLIENTS)
		return -ENOBUFS;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->src = (struct source){ .type = SOURCE_CTL, .fd = fd };
	throttle_init(&client->throttle, relay, &client->src, LIMIT_CTL_RATE,
		      EPOLLIN);
	if (loop_add(&relay->loop, &client->src, EPOLLIN)) {
		free(client);
		return -ENOMEM;
	}
	DL_APPEND(relay->ctl_clients, client);
	return 0;
}

void ctl_listen_event(struct relay *relay)
{
	int fd;

	/* an edge for each newcomer: without descriptors they wait for the
	 * next one, and we for nothing */
	while ((fd = sys_accept(relay->ctl.fd, NULL, NULL)) >= 0 ||
	       fd == -ECONNABORTED) {
		if (fd < 0)
			continue;
		if (!unixsock_is_ours(fd) || client_new(relay, fd)) {
			count(&relay->counters, C_CTL_LIMIT);
			close(fd);
		}
	}
}

int ctl_open(struct relay *relay)
{
	const char *path = relay->opts->control;
	int rc;

	if (!path)
		return 0;
	relay->ctl.type = SOURCE_CTL_LISTEN;
	relay->ctl.fd = unixsock_listen(path, SOCK_SEQPACKET,
					LIMIT_CTL_CLIENTS);
	rc = relay->ctl.fd < 0 ? relay->ctl.fd :
				 loop_add(&relay->loop, &relay->ctl,
					  EPOLLIN | EPOLLET);
	if (rc)
		fprintf(stderr, "fdnet-relay: --control %s: %s\n", path,
			strerror(-rc));
	else
		files_tell(&relay->files, FILES_OURS);
	return rc;
}

void ctl_close(struct relay *relay)
{
	while (relay->ctl_clients)
		client_free(relay, relay->ctl_clients);
	if (relay->ctl.fd >= 0)
		close(relay->ctl.fd);
	relay->ctl.fd = -1;
}

/* ---- answers ---- */

__attribute__((format(printf, 3, 4))) static void
tell(struct ask *ask, int error, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ask->body, CTL_BODY_MAX, fmt, ap);
	va_end(ap);
	ask->reply.error = (uint16_t)error;
	ask->reply.len = n > 0 ? (size_t)n : 0;
}

static void do_close(struct ask *ask)
{
	struct relay *relay = ask->relay;
	uint64_t id = ask->request.arg;
	struct flow *flow = id ? flows_after(&relay->flows, id - 1) : NULL;

	if (!flow || flow->id != id) {
		tell(ask, ENOENT, "there is no flow of this number");
		return;
	}
	flows_end(relay, flow, "closed by fdnet-ctl");
}

static void do_reload(struct ask *ask)
{
	struct relay *relay = ask->relay;
	struct policy_error err;
	int rc, fd = ask->fd;

	ask->fd = -1;
	if (fd < 0 && !relay->opts->policy_path) {
		tell(ask, EINVAL, "the relay was started without --policy; "
				  "name a file");
		return;
	}
	rc = fd >= 0 ? reload_from(relay, fd, &err) :
		       reload_again(relay, &err);
	if (rc >= 0) {
		tell(ask, 0, "%u rules; %d flows closed", relay->policy->count,
		     rc);
		ask->reply.next = (uint64_t)rc;
	} else if (err.line) {
		tell(ask, EINVAL, "%u:%u: %s", err.line, err.column, err.text);
	} else {
		tell(ask, -rc, "%s", err.text[0] ? err.text : strerror(-rc));
	}
}

static void show(struct ask *ask)
{
	struct json json;

	json_init(&json, ask->body, CTL_BODY_MAX);
	switch (ask->request.op) {
	case CTL_STATUS:
		ctl_show_status(ask->relay, &json);
		break;
	case CTL_FLOWS:
		ask->reply.next = ctl_show_flows(ask->relay, &json,
						 ask->request.arg);
		break;
	default:
		ask->reply.next = ctl_show_rules(ask->relay, &json,
						 ask->request.arg);
	}
	ask->reply.more = ask->reply.next != 0;
	ask->reply.len = json.len;
}

static void note_capture(struct relay *relay, const char *what)
{
	struct record_event event = {
		.kind = RECORD_CAPTURE,
		.reason = what,
	};

	record_event(&relay->record, relay->now_us, &event);
}

static void do_capture_on(struct ask *ask)
{
	struct relay *relay = ask->relay;

	if (ask->fd < 0 || attach_check(ask->fd)) {
		tell(ask, EINVAL, "the writer's socket is expected");
		return;
	}
	capture_start(&relay->capture, ask->fd);
	ask->fd = -1;
	note_capture(relay, "on, by fdnet-ctl");
}

static void do_capture_off(struct ask *ask)
{
	struct relay *relay = ask->relay;

	if (relay->capture.fd < 0) {
		tell(ask, EINVAL, "there is no capture");
		return;
	}
	tell(ask, 0, "%" PRIu64 " packets before the filter",
	     relay->capture.packets);
	capture_stop(&relay->capture);
	note_capture(relay, "off, by fdnet-ctl");
}

static void do_learned(struct ask *ask)
{
	struct relay *relay = ask->relay;
	FILE *out;

	if (!relay->learn) {
		tell(ask, EINVAL, "the relay was started without --learn");
		return;
	}
	out = fmemopen(ask->body, CTL_BODY_MAX, "w");
	if (!out) {
		tell(ask, ENOMEM, "out of memory");
		return;
	}
	learn_print(relay->learn, out);
	publish_learned(relay, out);
	fflush(out);
	ask->reply.len = strnlen(ask->body, CTL_BODY_MAX);
	fclose(out);
}

static void do_takeover(struct ask *ask)
{
	int rc;

	if (ask->fd < 0 || attach_check(ask->fd)) {
		tell(ask, EINVAL, "one end of a pair is expected");
		return;
	}
	rc = takeover_offer(ask->relay, ask->fd);
	if (rc)
		tell(ask, -rc, "%s",
		     rc == -EBUSY ? "another is taking over" : strerror(-rc));
	else
		ask->fd = -1;
}

static void answer(struct ask *ask)
{
	switch (ask->request.op) {
	case CTL_STATUS:
	case CTL_FLOWS:
	case CTL_RULES:
		show(ask);
		return;
	case CTL_CLOSE:
		do_close(ask);
		return;
	case CTL_CAPTURE_ON:
		do_capture_on(ask);
		return;
	case CTL_CAPTURE_OFF:
		do_capture_off(ask);
		return;
	case CTL_METRICS:
		ask->reply.len =
			metrics_print(ask->relay, ask->body, CTL_BODY_MAX);
		return;
	case CTL_LEARNED:
		do_learned(ask);
		return;
	case CTL_RELOAD:
		do_reload(ask);
		return;
	case CTL_TAKEOVER:
		do_takeover(ask);
		return;
	default:
		tell(ask, EOPNOTSUPP, "this relay cannot do that");
	}
}

/* ---- messages ---- */

/* One message: its length, and the fd that came with it or -1. */
static ssize_t client_recv(int client_fd, uint8_t *data, size_t size,
			   int *ret_fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { data, size };
	/* CMSG_LEN: with CMSG_SPACE there would be room for a second fd */
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	struct cmsghdr *cmsg;
	ssize_t len = SYS_RETRY(
		recvmsg(client_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));

	*ret_fd = -1;
	if (len < 0)
		return len;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET &&
	    cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(cmsg), sizeof(int));
	return msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EBADMSG : len;
}

/* The client waits for this one answer, so there is room for it. */
static int client_send(int fd, const struct ask *ask)
{
	uint8_t header[CTL_REPLY_LEN];
	struct iovec iov[2] = {
		{ header, sizeof(header) },
		{ ask->body, ask->reply.len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t rc;

	ctl_reply_encode(header, &ask->reply);
	rc = sys_sendmsg(fd, &msg);
	return rc < 0 ? (int)rc : 0;
}

void ctl_event(struct relay *relay, struct source *src, uint32_t events)
{
	/* of the process: one question at a time */
	static uint8_t question[CTL_REQUEST_LEN + CTL_BODY_MAX];
	static char body[CTL_BODY_MAX];
	struct ctl_client *client = (struct ctl_client *)src;
	struct ask ask = { .relay = relay, .body = body };
	ssize_t len;
	int rc;

	if (throttle_holds(relay, &client->throttle, events))
		return;
	throttle_spend(relay, &client->throttle);
	len = client_recv(src->fd, question, sizeof(question), &ask.fd);
	if (unixsock_is_later(len))
		return;
	rc = len <= 0 ? -EPIPE :
			ctl_request_decode(question, (size_t)len,
					   &ask.request);
	if (!rc) {
		ask.reply.op = ask.request.op;
		answer(&ask);
		rc = client_send(src->fd, &ask);
	}
	if (ask.fd >= 0)
		close(ask.fd);
	if (rc)
		client_free(relay, client);
}

/* ---- state.h ---- */

static void read_clients(struct state *st, uint32_t n)
{
	for (; n && !st->s.rc; n--) {
		int fd = state_socket(st, -1, AF_UNIX, SOCK_SEQPACKET);

		fdnet_save_check(&st->s, fd >= 0);
		if (!st->s.rc && client_new(st->relay, fd))
			close(fd);
	}
}

void ctl_state(struct state *st)
{
	struct relay *relay = st->relay;
	struct ctl_client *client;
	uint32_t n = 0;

	relay->ctl.type = SOURCE_CTL_LISTEN;
	relay->ctl.fd = state_socket(st, relay->ctl.fd, AF_UNIX,
				     SOCK_SEQPACKET);
	if (st->s.reading && relay->ctl.fd >= 0)
		fdnet_save_fail(&st->s, loop_add(&relay->loop, &relay->ctl,
						 EPOLLIN | EPOLLET));
	DL_COUNT(relay->ctl_clients, client, n);
	n = fdnet_save_count(&st->s, n, LIMIT_CTL_CLIENTS, 1);
	if (st->s.reading)
		read_clients(st, n);
	else
		DL_FOREACH(relay->ctl_clients, client)
			state_socket(st, client->src.fd, AF_UNIX,
				     SOCK_SEQPACKET);
}
