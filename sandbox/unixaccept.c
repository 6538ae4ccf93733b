/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX sockets that listen, what they accept, and who is at the other end. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/bound.h"
#include "sandbox/notify.h"
#include "sandbox/outside.h"
#include "sandbox/udgram.h"

/* As the caller: those who connect see who listens. */
static int listen_now(struct call *call)
{
	int rc = identity_assume(call);
	struct ucred cred;

	if (rc < 0)
		return rc;
	rc = listen(call->fd, (int)call->args[1]) < 0 ? -errno : 0;
	identity_resume(call);
	cred = identity_peer(call);
	if (rc == 0)
		peers_listens(&call->sup->peers, call->fd, call->cookie, &cred);
	return rc;
}

void unix_listen(struct call *call)
{
	if (!unix_is_stream(call) || udgram_find(call->sup, call->cookie))
		call_reply(call, -EOPNOTSUPP);
	else
		call_reply(call, listen_now(call));
}

bool unix_peer(const struct call *call, struct ucred *ret_cred)
{
	const struct ucred *cred = joins_find(&call->sup->joins, call->cookie);
	socklen_t len = sizeof(*ret_cred);

	if (!cred)
		cred = peers_find(&call->sup->peers, call->cookie);
	if (cred) {
		*ret_cred = *cred;
		return true;
	}
	if (getsockopt(call->fd, SOL_SOCKET, SO_PEERCRED, ret_cred, &len) < 0 ||
	    ret_cred->pid != getpid())
		return false;
	/* of the sandbox, but forgotten who: the user is right */
	ret_cred->pid = 0;
	return true;
}

/* From the host, it is not the connection itself that the program gets. */
static int accepted_from(struct call *call, int fd, int flags)
{
	fd = outside_accepted(call, fd);
	if (fd >= 0 && flags & SOCK_NONBLOCK)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void try_accept(struct call *call)
{
	int flags = call->nr == SYS_accept4 ? (int)call->args[3] : 0;
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);
	int fd, rc;

	if (!call_is_valid(call)) {
		call_reply(call, -ESRCH);
		return;
	}
	/* it is ready, or somebody was quicker: never waited for here */
	rc = fcntl(call->fd, F_GETFL);
	fcntl(call->fd, F_SETFL, rc | O_NONBLOCK);
	fd = accept4(call->fd, (struct sockaddr *)&sa, &len,
		     SOCK_CLOEXEC | (flags & SOCK_NONBLOCK));
	if (fd < 0)
		fd = -errno;
	fcntl(call->fd, F_SETFL, rc);
	if (fd >= 0)
		fd = accepted_from(call, fd, flags);
	if (fd == -EAGAIN && !call_is_nonblocking(call, 0) && !call->timed_out) {
		call_wait(call, EPOLLIN, 0, try_accept);
		return;
	}
	if (fd < 0) {
		call_reply(call, fd);
		return;
	}
	rc = call->args[1] ? sockaddr_write(call, call->args[1], call->args[2],
					    &sa, len) :
			     0;
	if (rc < 0) {
		close(fd);
		call_reply(call, rc);
		return;
	}
	call_reply_fd(call, fd, flags & SOCK_CLOEXEC);
}

void unix_accept(struct call *call)
{
	try_accept(call);
}

void unix_end(struct supervisor *sup)
{
	bound_end(sup);
	peers_end(&sup->peers);
}
