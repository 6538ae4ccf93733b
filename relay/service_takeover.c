/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One service takes over from another (doc/takeover.md): the sockets that
 * sandboxes connect to, and the sandboxes.
 *
 * How it works: the service that goes gives its listeners away at once, and
 * for each of its workers a channel whose other end the worker has. The one
 * that comes starts a worker for each, which takes over from the old one by
 * itself. A worker that does not come through leaves its sandbox where it was:
 * the old service stays until the last of its workers has ended.
 */
#include "config.h"

#include "relay/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "relay/attach.h"
#include "relay/ctl_msg.h"
#include "relay/sys.h"
#include "relay/takeover.h"
#include "relay/unixsock.h"

/* ---- the control socket: nothing but this can be asked ---- */

/* --control's value with "service" for the sandbox's number, or NULL. */
static char *control_path(const struct options *opts)
{
	const char *mark = opts->control ? strstr(opts->control, "%s") : NULL;
	char *path;

	if (!mark ||
	    asprintf(&path, "%.*sservice%s", (int)(mark - opts->control),
		     opts->control, mark + 2) < 0)
		return NULL;
	return path;
}

static int watch_control(struct service *service, int fd)
{
	service->ctl = (struct source){ .type = SOURCE_CTL_LISTEN, .fd = fd };
	return loop_add(&service->loop, &service->ctl, EPOLLIN);
}

int service_ctl_open(struct service *service)
{
	int fd, rc;

	service->ctl_path = control_path(service->opts);
	if (!service->ctl_path)
		return service->opts->control ? -ENOMEM : 0;
	fd = unixsock_listen(service->ctl_path, SOCK_SEQPACKET, 4);
	rc = fd < 0 ? fd : watch_control(service, fd);
	if (rc)
		fprintf(stderr, "fdnet-relay: --control %s: %s\n",
			service->ctl_path, strerror(-rc));
	return rc;
}

void service_ctl_close(struct service *service)
{
	if (service->ctl.fd >= 0) {
		loop_remove(&service->loop, &service->ctl);
		close(service->ctl.fd);
		if (!service->leaving)
			unlink(service->ctl_path);
	}
	service->ctl.fd = -1;
	if (service->asker.fd >= 0)
		close(service->asker.fd);
	service->asker.fd = -1;
	free(service->ctl_path);
	service->ctl_path = NULL;
}

/* One at a time: a new one replaces the one before. */
void service_ctl_event(struct service *service)
{
	int fd = sys_accept(service->ctl.fd, NULL, NULL);

	if (fd < 0)
		return;
	if (!unixsock_is_ours(fd)) {
		close(fd);
		return;
	}
	if (service->asker.fd >= 0)
		close(service->asker.fd);
	service->asker = (struct source){ .type = SOURCE_CTL, .fd = fd };
	if (loop_add(&service->loop, &service->asker, EPOLLIN)) {
		close(fd);
		service->asker.fd = -1;
	}
}

static void reply(int fd, enum ctl_op op, int error, const char *text)
{
	struct ctl_reply answer = {
		.op = op,
		.error = (uint16_t)error,
		.len = strlen(text),
	};
	uint8_t header[CTL_REPLY_LEN];
	struct iovec iov[2] = {
		{ header, sizeof(header) },
		{ (void *)text, answer.len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	ctl_reply_encode(header, &answer);
	sys_sendmsg(fd, &msg);
}

/* ---- giving ---- */

static int give_part(int channel, struct takeover_msg *msg, const int *fds,
		     unsigned int nfds)
{
	int rc = takeover_send(channel, msg, fds, nfds);

	return rc ? rc : takeover_expect(channel, TAKEOVER_GOT);
}

static int give_listener(int channel, int fd, const char *name, bool ours_only,
			 bool is_control)
{
	struct takeover_msg msg = {
		.op = TAKEOVER_LISTENER,
		.a = ours_only,
		.b = is_control,
		.text = (char *)name,
		.len = name ? strlen(name) : 0,
	};

	return give_part(channel, &msg, &fd, 1);
}

static int give_worker(int channel, struct worker *worker)
{
	struct takeover_msg msg = {
		.op = TAKEOVER_WORKER,
		.a = worker->number,
		.b = worker->uid,
	};
	char text[512];
	int pair[2], rc;

	snprintf(text, sizeof(text), "%u %s %s %s %s", worker->place,
		 worker->network[0] ? worker->network : "-",
		 worker->name[0] ? worker->name : "-",
		 worker->ip[0][0] ? worker->ip[0] : "-",
		 worker->ip[1][0] ? worker->ip[1] : "-");
	msg.text = text;
	msg.len = strlen(text);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair) < 0)
		return -errno;
	rc = give_part(channel, &msg, &pair[0], 1);
	if (!rc && unixsock_send(worker->src.fd, "takeover", pair[1]) < 0)
		rc = -EPIPE;
	close(pair[0]);
	close(pair[1]);
	return rc;
}

static int give_all(struct service *service, int channel)
{
	struct takeover_msg msg = {
		.op = TAKEOVER_OFFER,
		.a = service->notify.watchdog_us,
		.b = 1,
	};
	const int said_at = STDERR_FILENO;
	struct listener *listener;
	struct worker *worker;
	int rc;

	msg.text = takeover_text(service->opts, &msg.len);
	if (!msg.text)
		return -E2BIG;
	rc = takeover_send(channel, &msg, NULL, 0);
	free(msg.text);
	if (!rc)
		rc = takeover_expect(channel, TAKEOVER_READY);
	LL_FOREACH(service->listeners, listener)
		if (!rc)
			rc = give_listener(channel, listener->src.fd,
					   listener->name, listener->ours_only,
					   false);
	if (!rc)
		rc = give_listener(channel, service->ctl.fd, NULL, true, true);
	DL_FOREACH(service->workers, worker)
		if (!rc && worker->src.fd >= 0 && worker->pid > 0)
			rc = give_worker(channel, worker);
	msg = (struct takeover_msg){
		.op = TAKEOVER_STATE,
		.a = service->last_number,
		.text = service->notify.socket,
		.len = service->notify.socket ?
			       strlen(service->notify.socket) :
			       0,
	};
	if (!rc)
		rc = takeover_send(channel, &msg, &said_at, 1);
	if (!rc)
		rc = takeover_expect(channel, TAKEOVER_HAVE);
	return rc ? rc : takeover_say(channel, TAKEOVER_YOURS);
}

static pid_t pid_of(int channel)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(channel, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ?
		       0 :
		       cred.pid;
}

static void give(struct service *service, int channel)
{
	struct worker *worker;
	int rc = give_all(service, channel);

	service->now_us = sys_now_us(CLOCK_MONOTONIC);
	if (rc) {
		fprintf(stderr,
			"fdnet-relay: another could not take over: %s\n",
			strerror(-rc));
		return;
	}
	notify_say(&service->notify, "MAINPID=%d", (int)pid_of(channel));
	service->leaving = true;
	service_close_listeners(service);
	service_ctl_close(service);
	/* what they have to say, they say to the other */
	DL_FOREACH(service->workers, worker)
		worker->ready = true;
}

/* Who comes while a network is being joined would not be introduced. */
static bool is_settled(const struct service *service)
{
	const struct worker *worker;

	DL_FOREACH(service->workers, worker)
		if (worker->network[0] && !worker->ready)
			return false;
	return true;
}

void service_asked(struct service *service)
{
	uint8_t question[CTL_REQUEST_LEN + 1];
	struct ctl_request request;
	int asker = service->asker.fd, pass = -1;
	ssize_t len = unixsock_recv(asker, question, sizeof(question), &pass);

	if (len == -EAGAIN)
		return;
	if (len <= 0 || ctl_request_decode(question, (size_t)len, &request)) {
		close(asker);
		service->asker.fd = -1;
	} else if (request.op != CTL_TAKEOVER || pass < 0 ||
		   attach_check(pass)) {
		reply(asker, request.op, EOPNOTSUPP,
		      "this is the service: ask one of its sandboxes");
	} else if (!is_settled(service) || service->taker >= 0) {
		reply(asker, request.op, EAGAIN,
		      "a sandbox is being started: try again");
	} else {
		reply(asker, request.op, 0, "");
		service->taker = pass;
		pass = -1;
	}
	if (pass >= 0)
		close(pass);
}

void service_give(struct service *service)
{
	if (service->taker < 0)
		return;
	give(service, service->taker);
	close(service->taker);
	service->taker = -1;
}

/* ---- taking ---- */

/* The channel of a sandbox, until its worker is started. */
struct part {
	struct worker like;
	int channel;
	struct part *next;
};

static int take_listener(struct service *service,
			 const struct takeover_msg *msg, int fd)
{
	char *name = msg->len ? strdup(msg->text) : NULL;
	int rc = attach_check(fd);

	if (!rc && msg->b) {
		free(name);
		return watch_control(service, fd);
	}
	if (!rc)
		rc = service_listen(service, fd, name, msg->a != 0);
	if (rc)
		free(name);
	return rc;
}

static int take_part(struct part **parts, const struct takeover_msg *msg,
		     int fd)
{
	struct part *part = calloc(1, sizeof(*part));
	struct worker *like;

	if (!part)
		return -ENOMEM;
	like = &part->like;
	like->number = (unsigned int)msg->a;
	like->uid = (uid_t)msg->b;
	if (attach_check(fd) ||
	    sscanf(msg->text, "%u %63s %63s %45s %45s", &like->place,
		   like->network, like->name, like->ip[0], like->ip[1]) != 5) {
		free(part);
		return -EPROTO;
	}
	if (!strcmp(like->network, "-"))
		like->network[0] = '\0';
	part->channel = fd;
	LL_APPEND(*parts, part);
	return 0;
}

/* 1: that was all. */
static int take_one(struct service *service, int channel, struct part **parts)
{
	struct takeover_msg msg;
	unsigned int n = 0;
	int fd = -1, rc;

	rc = takeover_recv(channel, &msg, &fd, 1, &n, TAKEOVER_WAIT_MS);
	if (rc)
		return rc;
	if (msg.op == TAKEOVER_LISTENER && n)
		rc = take_listener(service, &msg, fd);
	else if (msg.op == TAKEOVER_WORKER && n)
		rc = take_part(parts, &msg, fd);
	else if (msg.op == TAKEOVER_STATE && n)
		rc = 1;
	else
		rc = -EPROTO;
	if (rc == 1) {
		service->said_at = fd;
		service->last_number = (unsigned int)msg.a;
		if (msg.len && !service->notify.socket)
			service->notify.socket = strdup(msg.text);
	}
	free(msg.text);
	return rc ? rc : takeover_say(channel, TAKEOVER_GOT);
}

static void start_parts(struct service *service, struct part *parts)
{
	while (parts) {
		struct part *part = parts;
		int rc = worker_take(service, &part->like, part->channel);

		if (rc)
			fprintf(stderr,
				"fdnet-relay: sandbox %u stays with the old "
				"service: %s\n",
				part->like.number, strerror(-rc));
		close(part->channel);
		LL_DELETE(parts, part);
		free(part);
	}
}

int service_take(struct service *service, int channel, uint64_t watchdog_us)
{
	struct part *parts = NULL;
	int rc;

	service->ctl_path = control_path(service->opts);
	rc = takeover_say(channel, TAKEOVER_READY);
	while (!rc)
		rc = take_one(service, channel, &parts);
	if (rc < 0)
		return rc;
	if (watchdog_us)
		service->notify.watchdog_us = watchdog_us;
	rc = takeover_say(channel, TAKEOVER_HAVE);
	if (!rc)
		rc = takeover_expect(channel, TAKEOVER_YOURS);
	if (rc)
		return rc;
	/* what the other said was said there */
	dup2(service->said_at, STDERR_FILENO);
	close(service->said_at);
	start_parts(service, parts);
	return 0;
}
