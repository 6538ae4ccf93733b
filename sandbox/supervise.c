/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's life: notifications in, answers out; see supervise.h. */
#include "config.h"

#include "sandbox/supervise.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <utlist.h>

#include "sandbox/look.h"
#include "sandbox/notify.h"
#include "sandbox/outside.h"
#include "sandbox/root.h"
#include "sandbox/say.h"
#include "sandbox/udgram.h"
#include "sandbox/weaken.h"

/* Linux 6.6: the caller's processor is handed over to us, and back. */
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS	   SECCOMP_IOW(4, __u64)
#endif

/* How often those that wait are asked whether they still do. */
#define TICK_MS 100

uint64_t supervise_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- waiting for a descriptor ---- */

static void on_call(struct watch *watch, uint32_t events)
{
	struct call *call =
		(struct call *)((char *)watch - offsetof(struct call, watch));

	watch_remove(call->sup->loop, watch);
	call->ready(call);
}

void call_wait(struct call *call, uint32_t events, uint64_t timeout_ms,
	       call_ready_fn *ready)
{
	int rc;

	/* from the first wait on: what was waited for may be taken by another */
	if (timeout_ms && !call->deadline_ms)
		call->deadline_ms = supervise_now_ms() + timeout_ms;
	call->ready = ready;
	call->watch = (struct watch){call->fd, on_call};
	rc = watch_add(call->sup->loop, &call->watch, events);
	if (rc < 0) {
		call->watch.fd = -1;
		call_reply(call, rc);
	}
}

int supervise_timeout(void *arg)
{
	struct supervisor *sup = arg;

	return sup->calls || lost_is_any(sup) ? TICK_MS : -1;
}

/* Numbers are used again, but not as soon as within a tick. */
static void note_born(struct call *call)
{
	uint64_t born = caller_born(call->tid);

	if (call_is_valid(call))
		call->born = born;
}

/* Callers that were interrupted are not told to us: we ask. */
static void tick(struct supervisor *sup)
{
	uint64_t now = supervise_now_ms();
	struct call *call, *next;

	DL_FOREACH_SAFE(sup->calls, call, next) {
		if (!call->born)
			note_born(call);
		if (!call_is_valid(call)) {
			/* for a tick it may be made again */
			if (call->gone)
				call_end(call);
			call->gone = true;
		} else if (call->ask_id && call->ask_deadline_ms &&
			   call->ask_deadline_ms <= now) {
			call_reply(call, -ENETDOWN);
		} else if (call->deadline_ms && call->deadline_ms <= now) {
			watch_remove(sup->loop, &call->watch);
			call->timed_out = true;
			call->ready(call);
		}
	}
}

void supervise_round(void *arg)
{
	struct supervisor *sup = arg;
	static uint64_t last;
	uint64_t now = supervise_now_ms();

	if (now - last >= TICK_MS) {
		last = now;
		if (sup->calls)
			tick(sup);
		lost_forget_old(sup, now);
	}
	calls_free_done(sup);
	joins_round(&sup->joins);
	udgram_round(sup);
}

/* ---- notifications ---- */

static void handle_socket(struct call *call)
{
	int family = (int)call->args[0], type = (int)call->args[1] & 0xf;

	switch (family) {
	case AF_UNIX:
		if (type == SOCK_STREAM || type == SOCK_SEQPACKET ||
		    weaken("dgram", ""))
			call_continue(call, "decided by registers alone: an "
					    "unconnected AF_UNIX stream");
		else if (type == SOCK_DGRAM || type == SOCK_RAW)
			udgram_socket(call);
		else
			call_reply(call, -ESOCKTNOSUPPORT);
		break;
	case AF_NETLINK:
		netlink_socket(call);
		break;
	case AF_INET:
	case AF_INET6:
		inet_socket(call);
		break;
	default:
		call_reply(call, -EAFNOSUPPORT);
		break;
	}
}

static const struct {
	int nr;
	void (*handle)(struct call *call);
} handlers[] = {
	{SYS_socket, handle_socket},
	{SYS_connect, handle_connect},
	{SYS_bind, handle_bind},
	{SYS_listen, handle_listen},
	{SYS_accept, handle_accept},
	{SYS_accept4, handle_accept},
	{SYS_getsockname, handle_name},
	{SYS_getpeername, handle_name},
	{SYS_getsockopt, handle_getsockopt},
	{SYS_setsockopt, handle_setsockopt},
	{SYS_shutdown, handle_shutdown},
	{SYS_ioctl, handle_ioctl},
	{SYS_sendto, handle_send},
	{SYS_sendmsg, handle_send},
	{SYS_sendmmsg, handle_send},
	{SYS_recvfrom, handle_recv},
	{SYS_recvmsg, handle_recv},
	{SYS_recvmmsg, handle_recv},
};

static void dispatch(struct call *call)
{
	size_t i;

	for (i = 0; i < sizeof(handlers) / sizeof(*handlers); i++) {
		if (handlers[i].nr == call->nr) {
			handlers[i].handle(call);
			return;
		}
	}
	call_reply(call, -ENOSYS);
}

/*
 * A thread makes one call at a time. If one of its calls is still under way
 * here, it was interrupted, and this is either the same one made again, which
 * takes over all that was begun, or another, and that one has ended. Programs
 * whose threads are interrupted all the time (Go's, while it collects) would
 * else begin anew each time and never come to an end. A thread that only has
 * the number of one that was killed gets nothing of it.
 */
static bool take_over(struct supervisor *sup, const struct seccomp_notif *notif)
{
	struct call *call, *next;

	DL_FOREACH_SAFE(sup->calls, call, next) {
		if (call->tid != (pid_t)notif->pid)
			continue;
		if (call->nr == notif->data.nr &&
		    !memcmp(call->args, notif->data.args, sizeof(call->args)) &&
		    (!call->born || call->born == caller_born(call->tid))) {
			call->id = notif->id;
			call->gone = false;
			return true;
		}
		call_end(call);
	}
	return false;
}

static void take_notification(struct supervisor *sup)
{
	struct call *call;

	memset(sup->notif, 0, sup->notif_size);
	/* not waited for: somebody is there, or has just gone (ENOENT) */
	if (ioctl(sup->listener.fd, SECCOMP_IOCTL_NOTIF_RECV, sup->notif) < 0)
		return;
	if (take_over(sup, sup->notif))
		return;
	call = calloc(1, sizeof(*call));
	if (!call || sup->count >= CALLS_MAX) {
		free(call);
		notif_refuse(sup, sup->notif->id, -EAGAIN);
		return;
	}
	call->sup = sup;
	call->id = sup->notif->id;
	call->tid = (pid_t)sup->notif->pid;
	call->nr = sup->notif->data.nr;
	static_assert(sizeof(call->args) == sizeof(sup->notif->data.args),
		      "all of them");
	memcpy(call->args, sup->notif->data.args, sizeof(call->args));
	call->fd = call->spare_fd = call->watch.fd = -1;
	DL_APPEND(sup->calls, call);
	sup->count++;
	if (!lost_give(call))
		dispatch(call);
}

static void on_listener(struct watch *watch, uint32_t events)
{
	struct supervisor *sup =
		(struct supervisor *)((char *)watch -
				      offsetof(struct supervisor, listener));

	if (events & EPOLLIN)
		take_notification(sup);
	else if (events & (EPOLLHUP | EPOLLERR)) {
		/* nobody lives under the filter any more; the fd stays open
		 * for those who ask whether they are valid */
		watch_change(sup->loop, watch, 0);
		epoll_ctl(sup->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
		if (sup->alone_ends)
			sup->loop->stop = true;
	}
}

/* ---- start and end ---- */

bool supervise_is_possible(bool own_user)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ||
	    !look_is_possible(own_user))
		return false;
	/* SECCOMP_ADDFD_FLAG_SEND cannot be asked for without a listener */
	if (uname(&name) < 0 ||
	    sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 5 || (major == 5 && minor >= 14);
}

bool supervise_probe(bool own_user)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = {1, &allow};
	int status;
	pid_t pid;

	if (!supervise_is_possible(own_user))
		return false;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			      SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog) < 0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int make_room(struct supervisor *sup)
{
	struct seccomp_notif_sizes sizes = {0};

	syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
	sup->notif_size = sizes.seccomp_notif;
	if (sup->notif_size < sizeof(*sup->notif))
		sup->notif_size = sizeof(*sup->notif);
	sup->notif = malloc(sup->notif_size);
	return sup->notif ? 0 : -ENOMEM;
}

int supervise_start(const struct supervise_setup *setup,
		    struct watch_loop *loop, struct supervisor **ret_sup)
{
	struct supervisor *sup = calloc(1, sizeof(*sup));
	int rc;

	if (!sup)
		return -ENOMEM;
	sup->setup = *setup;
	sup->loop = loop;
	sup->node.fd = -1;
	sup->thread_pidfds = true;
	sup->listener = (struct watch){setup->listener_fd, on_listener};
	/* not in older kernels: then it only takes longer */
	ioctl(setup->listener_fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
	      SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	joins_init(&sup->joins, loop);
	for (unsigned int i = 0; i < 2; i++)
		sup->meetings[i] = (struct meeting){-1, -1};
	sup->root_fd = -1;
	rc = make_room(sup);
	if (rc == 0)
		rc = netlink_init(sup);
	if (rc == 0 && setup->roots)
		rc = root_open(sup);
	if (rc == 0 && setup->unix_count) {
		rc = outside_open(sup);
		if (rc < 0)
			say("--unix needs a folder for temporary files: %s",
			    strerror(-rc));
	}
	if (rc == 0)
		rc = watch_add(loop, &sup->listener, EPOLLIN);
	if (rc < 0) {
		outside_end(sup);
		root_close(sup);
		free(sup->notif);
		free(sup);
		return rc;
	}
	*ret_sup = sup;
	return 0;
}

int supervise_fds(const struct supervisor *sup, int *fds)
{
	fds[0] = sup->listener.fd;
	for (int i = 0; i < 2; i++) {
		fds[1 + 2 * i] = sup->meetings[i].fd;
		fds[2 + 2 * i] = sup->meetings[i].inode;
	}
	fds[5] = sup->root_fd;
	return SUPERVISE_FDS;
}

bool supervise_is_alone(struct supervisor *sup, int ms)
{
	struct pollfd pollfd = {.fd = sup->listener.fd}; /* the end only */

	return poll(&pollfd, 1, ms) == 1;
}

void supervise_until_alone(struct supervisor *sup)
{
	sup->alone_ends = true;
	sup->loop->stop = false;
	watch_run(sup->loop, supervise_timeout, supervise_round, sup);
}

void supervise_end(struct supervisor *sup)
{
	if (!sup)
		return;
	while (sup->calls)
		call_reply(sup->calls, -ENOSYS);
	calls_free_done(sup);
	lost_end(sup);
	netlink_end(sup);
	unix_end(sup);
	udgram_end(sup);
	joins_end(&sup->joins);
	outside_end(sup);
	root_close(sup);
	if (sup->node.fd >= 0)
		close(sup->node.fd);
	close(sup->listener.fd);
	free(sup->notif);
	free(sup);
}
