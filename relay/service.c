/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/service.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <utlist.h>

#include "relay/attach.h"
#include "relay/sys.h"
#include "relay/unixsock.h"

#define EVENTS 64
#define BACKLOG 128
/* Without descriptors or processes there is no use in trying again at once. */
#define PAUSE_US 100000
/* Workers get this long to end when we do. */
#define STOP_MS 3000

static int fail(const char *what, int rc)
{
	fprintf(stderr, "fdnet-relay: %s: %s\n", what, strerror(-rc));
	return rc;
}

/* ---- where sandboxes connect ---- */

int service_listen(struct service *service, int fd, char *name, bool ours_only)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int rc;

	if (!listener)
		return -ENOMEM;
	listener->src = (struct source){ .type = SOURCE_LISTEN, .fd = fd };
	listener->name = name;
	listener->ours_only = ours_only;
	rc = loop_add(&service->loop, &listener->src, EPOLLIN);
	if (rc) {
		free(listener);
		return rc;
	}
	LL_APPEND(service->listeners, listener);
	return 0;
}

static int open_path(struct service *service, const char *spec)
{
	const char *path = strchr(spec, '/');
	unsigned int mode = service->opts->service.mode;
	char *name = NULL;
	int fd, rc = 0;

	if (path > spec) {
		name = strndup(spec, (size_t)(path - spec) - 1);
		if (!name)
			return -ENOMEM;
	}
	fd = unixsock_listen(path, SOCK_SEQPACKET, BACKLOG);
	if (fd >= 0 && mode != 0600 && chmod(path, mode) < 0)
		rc = -errno;
	if (fd < 0)
		rc = fd;
	if (!rc)
		rc = service_listen(service, fd, name, !(mode & 066));
	if (!rc)
		return 0;
	if (fd >= 0)
		close(fd);
	free(name);
	fprintf(stderr, "fdnet-relay: --listen %s: %s\n", spec, strerror(-rc));
	return rc;
}

/* Names that the manager invents are none. */
static bool is_chosen(const char *name)
{
	size_t len = strlen(name);

	return strcmp(name, "unknown") && strcmp(name, "connection") &&
	       strcmp(name, "stored") &&
	       (len < 7 || strcmp(name + len - 7, ".socket"));
}

static int take_given(struct service *service, unsigned int i)
{
	int fd = NOTIFY_LISTEN_FD + (int)i, listens = 0, rc;
	char *name = notify_name(&service->notify, i);

	if (name && !is_chosen(name)) {
		free(name);
		name = NULL;
	}
	rc = attach_check(fd);
	if (!rc)
		rc = sys_get_int(fd, SO_ACCEPTCONN, &listens);
	if (!rc && !listens)
		rc = -EINVAL;
	if (!rc && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
		    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0))
		rc = -errno;
	if (!rc)
		rc = service_listen(service, fd, name, false);
	if (rc) {
		free(name);
		fprintf(stderr,
			"fdnet-relay: descriptor %d of the service manager: a "
			"listening SEQPACKET socket is expected: %s\n",
			fd, strerror(-rc));
	}
	return rc;
}

static int open_listeners(struct service *service)
{
	const struct service_options *opts = &service->opts->service;
	int rc = 0;

	for (unsigned int i = 0; !rc && i < service->notify.nfds; i++)
		rc = take_given(service, i);
	for (unsigned int i = 0; !rc && i < opts->nlisten; i++)
		rc = open_path(service, opts->listen[i]);
	if (!rc && !service->listeners) {
		fputs("fdnet-relay: the service manager has given no socket\n",
		      stderr);
		rc = -EINVAL;
	}
	return rc;
}

/* ---- a sandbox comes ---- */

static void refuse(struct service *service, uid_t uid, const char *why)
{
	service->refused++;
	/* a line a second: whoever is refused may try without end */
	if (service->now_us < service->said_us + 1000000)
		return;
	service->said_us = service->now_us;
	fprintf(stderr, "fdnet-relay: user %u refused: %s (%u since the last "
			"line)\n",
		uid, why, service->refused);
	service->refused = 0;
}

static bool take_token(struct service *service)
{
	const uint64_t cost_us = 1000000 / SERVICE_RATE;
	uint64_t oldest_us = service->now_us - SERVICE_BURST * cost_us;

	/* tokens_us: up to when tokens have been spent */
	if (service->tokens_us < oldest_us)
		service->tokens_us = oldest_us;
	if (service->tokens_us + cost_us > service->now_us)
		return false;
	service->tokens_us += cost_us;
	return true;
}

static const char *why_not(struct service *service,
			   const struct listener *listener,
			   const struct ucred *cred)
{
	const struct worker *worker;
	unsigned int n = 0;

	if (listener->ours_only && cred->uid && cred->uid != getuid())
		return "another user's";
	if (service->nworkers >= service->opts->service.max)
		return "--max-sandboxes";
	DL_FOREACH(service->workers, worker)
		n += worker->uid == cred->uid;
	if (n >= service->opts->service.per_user)
		return "--max-per-user";
	return take_token(service) ? NULL : "too many at once";
}

static void pause_listeners(struct service *service)
{
	struct listener *listener;

	service->again_us = service->now_us + PAUSE_US;
	LL_FOREACH(service->listeners, listener)
		loop_change(&service->loop, &listener->src, 0);
}

static void take_sandbox(struct service *service, struct listener *listener)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(cred);
	const char *why;
	int rc, fd = sys_accept(listener->src.fd, NULL, NULL);

	if (fd < 0) {
		if (fd != -EAGAIN && fd != -ECONNABORTED)
			pause_listeners(service);
		return;
	}
	rc = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ? -errno :
									 0;
	why = rc ? "unknown" : why_not(service, listener, &cred);
	if (!why) {
		rc = worker_start(service, fd, cred.uid, listener->name);
		why = rc ? strerror(-rc) : NULL;
	}
	if (why)
		refuse(service, cred.uid, why);
	else if (service->opts->verbose)
		fprintf(stderr, "fdnet-relay: sandbox %u: user %u, process %d"
				"%s%s\n",
			service->last_number, cred.uid, cred.pid,
			listener->name ? ", at " : "",
			listener->name ? listener->name : "");
	close(fd);
}

/* ---- and goes ---- */

static void status_event(struct service *service, struct worker *worker)
{
	char word[256];
	ssize_t len = SYS_RETRY(recv(worker->src.fd, word, sizeof(word) - 1,
				     MSG_DONTWAIT));

	if (len == -EAGAIN)
		return;
	word[len > 0 ? len : 0] = '\0';
	if (!strncmp(word, "join ", 5))
		service_net_join(service, worker, word);
	if (!strcmp(word, "ready"))
		service_net_ready(service, worker);
	if (len > 0)
		return;
	if (worker->pid)
		worker_close(service, worker);
	else
		worker_gone(service, worker);
}

static void reap(struct service *service)
{
	struct worker *worker;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		DL_SEARCH_SCALAR(service->workers, worker, pid, pid);
		if (!worker)
			continue;
		if (WIFSIGNALED(status) && !service->stop)
			fprintf(stderr,
				"fdnet-relay: sandbox %u was ended by signal "
				"%d\n",
				worker->number, WTERMSIG(status));
		worker->pid = 0;
		if (worker->src.fd < 0)
			worker_gone(service, worker);
	}
}

static void tell_workers(struct service *service, int sig)
{
	struct worker *worker;

	DL_FOREACH(service->workers, worker)
		if (worker->pid > 0)
			kill(worker->pid, sig);
}

static void signal_event(struct service *service)
{
	struct signalfd_siginfo info;

	while (SYS_RETRY(read(service->signals.fd, &info, sizeof(info))) ==
	       sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(service);
			break;
		case SIGHUP:
			tell_workers(service, SIGHUP);
			break;
		default:
			service->stop = true;
		}
	}
}

/* ---- the loop ---- */

static int open_signals(struct service *service)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	service->signals.type = SOURCE_SIGNAL;
	service->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (service->signals.fd < 0)
		return -errno;
	return loop_add(&service->loop, &service->signals, EPOLLIN);
}

static int service_open(struct service *service, struct options *opts)
{
	int rc;

	*service = (struct service){
		.opts = opts,
		.signals.fd = -1,
		.ctl.fd = -1,
		.asker.fd = -1,
		.taker = -1,
		.loop.epfd = -1,
		.now_us = sys_now_us(CLOCK_MONOTONIC),
	};
	rc = notify_init(&service->notify);
	if (!rc)
		rc = loop_open(&service->loop);
	if (!rc)
		rc = open_signals(service);
	/* what we start is not dumpable either, by its own doing */
	if (!rc && prctl(PR_SET_DUMPABLE, 0) < 0)
		rc = -errno;
	return rc ? fail("start", rc) : 0;
}

static void dispatch(struct service *service, struct source *src)
{
	switch (src->type) {
	case SOURCE_LISTEN:
		take_sandbox(service, (struct listener *)src);
		break;
	case SOURCE_STATUS:
		status_event(service, (struct worker *)src);
		break;
	case SOURCE_SIGNAL:
		signal_event(service);
		break;
	case SOURCE_CTL_LISTEN:
		service_ctl_event(service);
		break;
	case SOURCE_CTL:
		service_asked(service);
		break;
	default:
		break;
	}
}

static int timeout_ms(const struct service *service)
{
	uint64_t left_us = UINT64_MAX;

	if (service->again_us)
		left_us = service->again_us > service->now_us ?
				  service->again_us - service->now_us :
				  0;
	/* twice as often as it wants to hear */
	if (service->notify.watchdog_us &&
	    service->notify.watchdog_us / 2 < left_us)
		left_us = service->notify.watchdog_us / 2;
	return left_us == UINT64_MAX ? -1 : (int)(left_us / 1000) + 1;
}

static void accept_again(struct service *service)
{
	struct listener *listener;

	if (!service->again_us || service->again_us > service->now_us)
		return;
	service->again_us = 0;
	LL_FOREACH(service->listeners, listener)
		loop_change(&service->loop, &listener->src, EPOLLIN);
}

static int turn(struct service *service)
{
	struct epoll_event events[EVENTS];
	unsigned int before = service->nworkers;
	int n = epoll_wait(service->loop.epfd, events, EVENTS,
			   timeout_ms(service));

	if (n < 0 && errno != EINTR)
		return -errno;
	service->now_us = sys_now_us(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++)
		dispatch(service, events[i].data.ptr);
	accept_again(service);
	service_give(service);
	loop_sweep(&service->loop);
	if (before != service->nworkers && !service->leaving)
		notify_say(&service->notify, "STATUS=%u sandboxes",
			   service->nworkers);
	if (service->notify.watchdog_us && !service->leaving)
		notify_say(&service->notify, "WATCHDOG=1");
	if (service->leaving && !service->workers)
		service->stop = true;
	return 0;
}

/* The sandboxes end with us, as far as they obey. */
static void end_workers(struct service *service)
{
	uint64_t end_us = sys_now_us(CLOCK_MONOTONIC) + STOP_MS * 1000;

	tell_workers(service, SIGTERM);
	while (service->workers && sys_now_us(CLOCK_MONOTONIC) < end_us) {
		struct epoll_event events[EVENTS];
		int n = epoll_wait(service->loop.epfd, events, EVENTS, 50);

		for (int i = 0; i < n; i++) {
			struct source *src = events[i].data.ptr;

			if (src->type != SOURCE_LISTEN)
				dispatch(service, src);
		}
		loop_sweep(&service->loop);
	}
	tell_workers(service, SIGKILL);
}

void service_close_listeners(struct service *service)
{
	while (service->listeners) {
		struct listener *listener = service->listeners;

		LL_DELETE(service->listeners, listener);
		/* another may have it */
		loop_remove(&service->loop, &listener->src);
		close(listener->src.fd);
		free(listener->name);
		free(listener);
	}
}

static void service_close(struct service *service)
{
	while (service->workers)
		worker_gone(service, service->workers);
	service_close_listeners(service);
	service_ctl_close(service);
	if (service->signals.fd >= 0)
		close(service->signals.fd);
	loop_close(&service->loop);
	notify_done(&service->notify);
}

static int serve(struct service *service)
{
	int rc = 0;

	notify_say(&service->notify, "READY=1\nSTATUS=%u sandboxes",
		   service->nworkers);
	while (!rc && !service->stop)
		rc = turn(service);
	if (rc)
		fail("loop", rc);
	if (!service->leaving)
		notify_say(&service->notify, "STOPPING=1");
	end_workers(service);
	return rc;
}

int service_run(struct options *opts)
{
	struct service service;
	int rc = service_open(&service, opts);

	if (!rc)
		rc = open_listeners(&service);
	if (!rc)
		rc = service_ctl_open(&service);
	if (!rc) {
		if (opts->status_fd >= 0)
			(void)!send(opts->status_fd, "ready", 5, MSG_NOSIGNAL);
		rc = serve(&service);
	}
	service_close(&service);
	return rc;
}

int service_run_taken(struct options *opts, int channel, uint64_t watchdog_us,
		      int told)
{
	struct service service;
	char word = 'y';
	int rc = service_open(&service, opts);

	if (!rc)
		rc = service_take(&service, channel, watchdog_us);
	close(channel);
	if (rc) {
		/* the names are the other's still */
		fail("takeover", rc);
		_exit(EXIT_FAILURE);
	}
	(void)!write(told, &word, 1);
	close(told);
	rc = serve(&service);
	service_close(&service);
	return rc;
}
