/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Urgent data of a pumped stream: A and B carry it as the kernel does on
 * AF_UNIX (MSG_OOB, since Linux 5.15), so that mark, POLLPRI, SIGURG and
 * SO_OOBINLINE are the kernel's to those who hold A. Where the kernel has no
 * such thing the byte is left out, as by a TCP that reads over its mark.
 */
#include "config.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "relay/pumped_internal.h"
#include "relay/sys.h"

static bool is_inline(struct fdnet_sock *so)
{
	uint32_t len = sizeof(int);
	int on = 0;

	return !fdnet_sock_getopt(so, SOL_SOCKET, SO_OOBINLINE, &on, &len) &&
	       on;
}

/* The byte at the mark: beside the stream, or part of it (SO_OOBINLINE). */
static bool peek_byte(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	msg->flags = FDNET_MSG_OOB | FDNET_MSG_PEEK;
	if (fdnet_sock_recv(so, msg) == 1) {
		msg->flags = FDNET_MSG_OOB;
		return true;
	}
	msg->flags = FDNET_MSG_PEEK;
	if (!is_inline(so) || fdnet_sock_recv(so, msg) != 1)
		return false;
	msg->flags = 0;
	return true;
}

bool pumped_urgent_in(struct pumped *sock)
{
	uint8_t byte;
	struct iovec iov = { &byte, sizeof(byte) };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };

	if (!fdnet_sock_at_mark(sock->so) || !peek_byte(sock->so, &msg))
		return true;
	if (SYS_RETRY(send(sock->src.fd, &byte, 1,
			   MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL)) == -EAGAIN)
		return false;
	fdnet_sock_recv(sock->so, &msg);
	return true;
}

bool pumped_urgent_out(struct pumped *sock)
{
	uint8_t byte;
	struct iovec iov = { &byte, sizeof(byte) };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.flags = FDNET_MSG_OOB,
	};
	int at_mark = 0;

	if (ioctl(sock->src.fd, SIOCATMARK, &at_mark) < 0 || !at_mark)
		return true;
	if (!(fdnet_sock_poll(sock->so) & (FDNET_EV_OUT | FDNET_EV_ERR)))
		return false;
	/* nothing: it has been passed on, and what follows is to come */
	if (SYS_RETRY(recv(sock->src.fd, &byte, 1, MSG_OOB | MSG_DONTWAIT)) ==
	    1)
		fdnet_sock_send(sock->so, &msg);
	return true;
}
