/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's life: notifications in, answers out; see supervise.h. */
#include "config.h"

#include "sandbox/supervise.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <utlist.h>

#include "endpoint/link.h"
#include "sandbox/notify.h"
#include "sandbox/outside.h"
#include "sandbox/say.h"
#include "sandbox/udgram.h"
#include "sandbox/weaken.h"
#include "stack/wire/control.h"

/* Debian 12's headers have it, older ones not (Linux 5.14). */
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND 2
#endif

/* Linux 6.6: the caller's processor is handed over to us, and back. */
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS	   SECCOMP_IOW(4, __u64)
#endif

/* How often those that wait are asked whether they still do. */
#define TICK_MS 100
/* How long an answer is kept whose caller was interrupted. */
#define LOST_MS 1000
/* A relay that does not answer is as good as none. */
#define PATIENCE_MS 10000

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- kinds ---- */

static unsigned int kind_slot(uint64_t cookie)
{
	return (unsigned int)((cookie * UINT64_C(0x9e3779b97f4a7c15)) >> 40) &
	       (KINDS - 1);
}

struct kind *kind_find(struct supervisor *sup, uint64_t cookie)
{
	struct kind *kind = &sup->kinds[kind_slot(cookie)];

	return kind->cookie == cookie ? kind : NULL;
}

void kind_put(struct supervisor *sup, const struct kind *kind)
{
	sup->kinds[kind_slot(kind->cookie)] = *kind;
}

/* ---- the end of a call ---- */

static void call_end(struct call *call)
{
	struct supervisor *sup = call->sup;

	watch_remove(sup->loop, &call->watch);
	if (call->fd >= 0)
		close(call->fd);
	if (call->spare_fd >= 0)
		close(call->spare_fd);
	call->fd = call->spare_fd = -1;
	call->done = true;
	free(call->data);
	call->data = NULL;
	DL_DELETE(sup->calls, call);
	sup->count--;
	/* the loop may still hold it in this round */
	LL_PREPEND(sup->done, call);
}

static void free_done(struct supervisor *sup)
{
	struct call *call, *next;

	LL_FOREACH_SAFE(sup->done, call, next)
		free(call);
	sup->done = NULL;
}

/* ---- answers that came too late ---- */

static void forget_lost(struct lost *lost)
{
	if (lost->tid && lost->fd >= 0)
		close(lost->fd);
	lost->tid = 0;
}

/* @fd: taken */
static void keep_lost(struct call *call, long value, int fd, bool close_on_exec)
{
	struct supervisor *sup = call->sup;
	struct lost *lost = &sup->lost[sup->next_lost++ % LOST_MAX];

	forget_lost(lost);
	*lost = (struct lost){
		.tid = call->tid,
		.nr = call->nr,
		.value = value,
		.fd = fd,
		.close_on_exec = close_on_exec,
		.at_ms = now_ms(),
	};
	memcpy(lost->args, call->args, sizeof(lost->args));
}

/* The thread's next call decides: the same one again, or none. */
static bool give_lost(struct call *call)
{
	struct supervisor *sup = call->sup;
	int fd;

	for (unsigned int i = 0; i < LOST_MAX; i++) {
		struct lost *lost = &sup->lost[i];

		if (lost->tid != call->tid)
			continue;
		if (lost->nr != call->nr || now_ms() - lost->at_ms > LOST_MS ||
		    memcmp(lost->args, call->args, sizeof(lost->args)) != 0) {
			forget_lost(lost);
			continue;
		}
		fd = lost->fd;
		lost->tid = 0;
		if (fd >= 0)
			call_reply_fd(call, fd, lost->close_on_exec);
		else
			call_reply(call, lost->value);
		return true;
	}
	return false;
}

static int send_answer(const struct call *call, long value, uint32_t flags)
{
	struct seccomp_notif_resp resp = {
		.id = call->id,
		.val = value < 0 ? 0 : value,
		.error = value < 0 ? (int)value : 0,
		.flags = flags,
	};

	/* the caller may have gone in between */
	return ioctl(call->sup->listener.fd, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}

void call_reply(struct call *call, long value)
{
	/* that it has gone is no answer */
	if (send_answer(call, value, 0) < 0 && value != -ESRCH)
		keep_lost(call, value, -1, false);
	call_end(call);
}

void call_continue(struct call *call, const char *why)
{
	(void)why;
	send_answer(call, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
	call_end(call);
}

void call_reply_fd(struct call *call, int fd, bool close_on_exec)
{
	struct seccomp_notif_addfd add = {
		.id = call->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = fd,
		.newfd_flags = close_on_exec ? O_CLOEXEC : 0,
	};
	int rc;

	rc = ioctl(call->sup->listener.fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	rc = rc < 0 ? -errno : 0;
	/* as the caller's own table says: EMFILE */
	if (rc < 0 && rc != -ENOENT && rc != -EINPROGRESS)
		send_answer(call, rc, 0);
	else if (rc < 0) {
		keep_lost(call, 0, fd, close_on_exec);
		fd = -1;
	}
	if (fd >= 0)
		close(fd);
	call_end(call);
}

bool call_is_valid(const struct call *call)
{
	uint64_t id = call->id;

	return ioctl(call->sup->listener.fd, SECCOMP_IOCTL_NOTIF_ID_VALID,
		     &id) == 0;
}

/* ---- the channel to the relay ---- */

static void on_node(struct watch *watch, uint32_t events);

static int send_fd(int channel, const void *data, size_t len, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {(void *)data, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	if (fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	return sendmsg(channel, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno
								       : 0;
}

static int attach(struct supervisor *sup, int fd)
{
	uint8_t msg[FDNET_LINK_HDR_LEN + FDNET_ATTACH_LEN];
	struct fdnet_link_hdr hdr = {
		.type = FDNET_LINK_ATTACH,
		.hdr_len = FDNET_ATTACH_LEN,
	};
	struct fdnet_attach body = {
		.version = FDNET_CTL_VERSION,
		.flags = FDNET_ATTACH_NODE,
		.pid = (uint32_t)getpid(),
	};

	fdnet_link_hdr_encode(msg, &hdr);
	fdnet_attach_encode(msg + FDNET_LINK_HDR_LEN, &body);
	return send_fd(sup->setup.attach_fd, msg, sizeof(msg), fd);
}

/* With the first socket: most programs have none that comes here. */
static int open_node(struct supervisor *sup)
{
	int pair[2], size = 1 << 20, rc;

	if (sup->node.fd >= 0)
		return 0;
	if (sup->node_failed)
		return -ENETDOWN;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* many questions may be under way, and their answers: the relay ends
	 * a channel that does not take them */
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	rc = attach(sup, pair[1]);
	close(pair[1]);
	sup->node = (struct watch){pair[0], on_node};
	if (rc == 0)
		rc = watch_add(sup->loop, &sup->node, EPOLLIN);
	if (rc < 0) {
		close(pair[0]);
		sup->node.fd = -1;
		sup->node_failed = true;
	}
	return rc < 0 ? -ENETDOWN : 0;
}

void call_ask(struct call *call, struct fdnet_node_req *req, int fd,
	      call_answered_fn *answered)
{
	struct supervisor *sup = call->sup;
	uint8_t msg[FDNET_NODE_MAX_LEN];
	int rc;

	rc = open_node(sup);
	if (rc == 0) {
		if (!++sup->next_ask)
			sup->next_ask = 1;
		req->id = sup->next_ask;
		req->cookie = call->cookie;
		rc = send_fd(sup->node.fd, msg,
			     fdnet_node_req_encode(msg, req), fd);
	}
	if (rc < 0) {
		call_reply(call, rc == -EAGAIN ? -ENOBUFS : -ENETDOWN);
		return;
	}
	call->ask_id = req->id;
	call->ask_deadline_ms = now_ms() + PATIENCE_MS;
	call->answered = answered;
}

static struct call *asked(struct supervisor *sup, uint32_t id)
{
	struct call *call;

	DL_FOREACH(sup->calls, call)
		if (call->ask_id == id)
			return call;
	return NULL;
}

/* Without a relay there is no network any more. */
static void node_lost(struct supervisor *sup)
{
	struct call *call, *next;
	int fd = sup->node.fd;

	watch_remove(sup->loop, &sup->node);
	close(fd);
	sup->node_failed = true;
	DL_FOREACH_SAFE(sup->calls, call, next)
		if (call->ask_id)
			call_reply(call, -ENETDOWN);
}

static void on_node(struct watch *watch, uint32_t events)
{
	struct supervisor *sup =
		(struct supervisor *)((char *)watch -
				      offsetof(struct supervisor, node));
	uint8_t msg[FDNET_NODE_MAX_LEN];
	struct fdnet_node_ans ans;
	struct call *call;
	ssize_t len;

	while (watch->fd >= 0) {
		len = recv(watch->fd, msg, sizeof(msg), MSG_DONTWAIT);
		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (len <= 0) {
			node_lost(sup);
			return;
		}
		if (fdnet_node_ans_decode(msg, len, &ans) < 0)
			continue;
		call = asked(sup, ans.id);
		if (!call)
			continue; /* its caller has gone */
		call->ask_id = 0;
		call->answered(call, &ans);
	}
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
		call->deadline_ms = now_ms() + timeout_ms;
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

	for (unsigned int i = 0; i < LOST_MAX; i++)
		if (sup->lost[i].tid)
			return TICK_MS;
	return sup->calls ? TICK_MS : -1;
}

/* Callers that were interrupted are not told to us: we ask. */
static void tick(struct supervisor *sup)
{
	uint64_t now = now_ms();
	struct call *call, *next;

	DL_FOREACH_SAFE(sup->calls, call, next) {
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

/* A connection that nobody comes back for is closed. */
static void forget_old(struct supervisor *sup, uint64_t now)
{
	for (unsigned int i = 0; i < LOST_MAX; i++)
		if (sup->lost[i].tid && now - sup->lost[i].at_ms > LOST_MS)
			forget_lost(&sup->lost[i]);
}

void supervise_round(void *arg)
{
	struct supervisor *sup = arg;
	static uint64_t last;
	uint64_t now = now_ms();

	if (now - last >= TICK_MS) {
		last = now;
		if (sup->calls)
			tick(sup);
		forget_old(sup, now);
	}
	free_done(sup);
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
 * else begin anew each time and never come to an end.
 */
static bool take_over(struct supervisor *sup, const struct seccomp_notif *notif)
{
	struct call *call, *next;

	DL_FOREACH_SAFE(sup->calls, call, next) {
		if (call->tid != (pid_t)notif->pid)
			continue;
		if (call->nr == notif->data.nr &&
		    !memcmp(call->args, notif->data.args, sizeof(call->args))) {
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
		struct call full = {.sup = sup, .id = sup->notif->id};

		free(call);
		send_answer(&full, -EAGAIN, 0);
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
	if (!give_lost(call))
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

bool supervise_is_possible(void)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0)
		return false;
	/* SECCOMP_ADDFD_FLAG_SEND cannot be asked for without a listener */
	if (uname(&name) < 0 ||
	    sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 5 || (major == 5 && minor >= 14);
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
	rc = make_room(sup);
	if (rc == 0)
		rc = netlink_init(sup);
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
	free_done(sup);
	for (unsigned int i = 0; i < LOST_MAX; i++)
		forget_lost(&sup->lost[i]);
	netlink_end(sup);
	unix_end(sup);
	udgram_end(sup);
	joins_end(&sup->joins);
	outside_end(sup);
	if (sup->node.fd >= 0)
		close(sup->node.fd);
	close(sup->listener.fd);
	free(sup->notif);
	free(sup);
}
