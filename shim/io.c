/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The read, write, send and receive families: each fills in a msghdr and
 * comes to do_send() or do_recv().
 */
#include "config.h"

#include "shim/io.h"

#include <limits.h>
#include <string.h>

#include "shim/addr.h"
#include "shim/call.h"
#include "shim/cmsg.h"
#include "shim/direct.h"
#include "shim/frame.h"
#include "shim/helper.h"
#include "shim/mirror.h"
#include "shim/netlink.h"
#include "shim/node.h"
#include "shim/pass.h"
#include "shim/raw.h"
#include "shim/shared.h"
#include "shim/uaccess.h"

#define IOV_LIMIT 1024

static struct shim_file *begin(int fd, struct shim_guard *guard)
{
	shim_cancel_point(fd);
	return shim_begin_io(fd, guard);
}

/* The parts of an iovec from byte @done on, at most @max entries. */
static int iov_rest(const struct iovec *iov, size_t cnt, size_t done,
		    struct iovec *out, int max)
{
	int n = 0;
	size_t i;

	for (i = 0; i < cnt && n < max; i++) {
		if (done >= iov[i].iov_len) {
			done -= iov[i].iov_len;
			continue;
		}
		out[n].iov_base = (char *)iov[i].iov_base + done;
		out[n++].iov_len = iov[i].iov_len - done;
		done = 0;
	}
	return n;
}

/* What a call is to move, and whether its buffers can be used. The kernel
 * finds that out late: what else is wrong comes first. */
struct extent {
	size_t total;
	bool bad;
};

static int measure(const struct msghdr *hdr,
		   bool (*can_touch)(const void *, size_t), struct extent *ret)
{
	struct extent e = { 0 };
	size_t i;

	if (hdr->msg_iovlen > IOV_LIMIT)
		return -EMSGSIZE;
	if (!shim_can_read(hdr->msg_iov,
			   hdr->msg_iovlen * sizeof(*hdr->msg_iov)))
		return -EFAULT;
	for (i = 0; i < hdr->msg_iovlen; i++) {
		const struct iovec *v = &hdr->msg_iov[i];

		if ((ssize_t)v->iov_len < 0)
			return -EINVAL;
		if ((intptr_t)v->iov_base < 0) /* the kernel's half: at once */
			return -EFAULT;
		if (!can_touch(v->iov_base, v->iov_len))
			e.bad = true;
		e.total += v->iov_len;
	}
	if (e.total > INT_MAX - 4096)
		e.total = INT_MAX - 4096;
	*ret = e;
	return 0;
}

/* The socket became pumped while we were blocked: on with it in the kernel. */
#define PUMPED (-4095)

static bool may_block(const struct shim_file *file, int flags)
{
	return !file->nonblock && !(flags & MSG_DONTWAIT);
}

/* A stream's blocking send goes on until everything is in the buffer. */
static ssize_t send_stream(struct shim_file *file, const struct msghdr *hdr,
			   size_t total, int flags, struct shim_guard *guard,
			   size_t *ret_done)
{
	struct shim_waiter w = { 0 };
	struct iovec some[16];
	uint64_t deadline = 0;
	size_t done = 0;
	ssize_t rc;

	for (;;) {
		struct fdnet_msg msg = { .flags = flags, .ttl = -1,
					 .tos = -1 };

		if (file->pumped && (!file->remote || file->in_node)) {
			rc = PUMPED;
			break;
		}
		if (!file->so) {
			rc = file->joined ? -ECONNRESET : -EPIPE;
			break;
		}
		msg.iov = some;
		msg.iovcnt = iov_rest(hdr->msg_iov, hdr->msg_iovlen, done,
				      some, 16);
		rc = may_block(file, flags)
			     ? (ssize_t)shim_direct_send(file, some,
							 msg.iovcnt, flags)
			     : 0;
		/* the lock was released meanwhile */
		if (rc == 0 && !file->so)
			continue;
		if (rc == 0)
			rc = fdnet_sock_send(file->so, &msg);
		if (rc > 0) {
			done += (size_t)rc;
			flags &= ~MSG_ZEROCOPY; /* is told once a call */
		}
		if (rc >= 0 && (done >= total || msg.iovcnt == 0))
			break;
		if (rc > 0)
			continue;
		shim_net_drive();
		if (rc != -EAGAIN)
			break;
		if (fdnet_sock_poll(file->so) & FDNET_EV_OUT)
			continue;
		if (!may_block(file, flags))
			break;
		rc = shim_block(file, FDNET_EV_OUT, file->sndtimeo_us,
				&deadline, &w, guard);
		if (rc < 0)
			break;
	}
	shim_wait_end(&w);
	*ret_done = done;
	return done > 0 && rc != PUMPED ? (ssize_t)done : rc;
}

static ssize_t send_datagram(struct shim_file *file, const struct msghdr *hdr,
			     int flags, struct shim_guard *guard)
{
	struct fdnet_msg msg = {
		.iov = hdr->msg_iov,
		.iovcnt = (int)hdr->msg_iovlen,
		.flags = flags,
		.ttl = -1,
		.tos = -1,
	};
	struct shim_waiter w = { 0 };
	uint64_t deadline = 0;
	ssize_t rc;

	if (hdr->msg_name) {
		rc = shim_name_from(file->domain, hdr->msg_name,
				    hdr->msg_namelen, &msg.to_from);
		if (rc < 0)
			return rc;
	}
	rc = shim_cmsg_parse(hdr, &msg);
	if (rc < 0)
		return rc;
	for (;;) {
		if (!file->so) {
			rc = file->in_node ? PUMPED : -ENETDOWN;
			break;
		}
		rc = fdnet_sock_send(file->so, &msg);
		if (rc == -EADDRNOTAVAIL &&
		    shim_net_lease((uint8_t)fdnet_sock_proto(file->so)) == 0)
			continue;
		if (rc != -EAGAIN)
			break;
		shim_net_drive();
		if (fdnet_sock_poll(file->so) & FDNET_EV_OUT)
			continue;
		if (!may_block(file, flags))
			break;
		rc = shim_block(file, FDNET_EV_OUT, file->sndtimeo_us,
				&deadline, &w, guard);
		if (rc < 0)
			break;
	}
	shim_wait_end(&w);
	return rc;
}

/* Bad buffers: what a stream says to nothing, then that they are bad. */
static ssize_t send_bad(struct shim_file *file)
{
	struct fdnet_msg nothing = { .ttl = -1, .tos = -1 };
	ssize_t rc = 0;

	if (file->is_stream && file->so)
		rc = fdnet_sock_send(file->so, &nothing);
	return rc < 0 ? rc : -EFAULT;
}

/* One message, with @file held. @ret_done: as much before PUMPED. */
static ssize_t do_send(struct shim_file *file, const struct msghdr *hdr,
		       int flags, struct shim_guard *guard, size_t *ret_done)
{
	struct extent e;
	ssize_t rc = measure(hdr, shim_can_read, &e);

	if (rc < 0)
		return rc;
	if (e.bad)
		return send_bad(file);
	rc = file->is_stream ? send_stream(file, hdr, e.total, flags, guard,
					   ret_done)
			     : send_datagram(file, hdr, flags, guard);
	shim_mirror_touch(file);
	shim_net_flush();
	if (!file->is_stream && may_block(file, flags))
		shim_net_pace();
	return rc;
}

/* What a receive on a file without a socket gives. */
static ssize_t recv_lost(const struct shim_file *file)
{
	return file->is_stream ? -ECONNRESET : -ENETDOWN;
}

static ssize_t do_recv(struct shim_file *file, struct msghdr *hdr, int flags,
		       struct shim_guard *guard, size_t *ret_done);

/* Bad buffers: only when there is something for them does it matter. A stream
 * keeps it, a datagram is gone. */
static ssize_t recv_bad(struct shim_file *file, int flags,
			struct shim_guard *guard)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t done = 0;
	ssize_t rc;

	flags &= ~(MSG_WAITALL | MSG_TRUNC);
	if (file->is_stream)
		flags |= MSG_PEEK;
	rc = do_recv(file, &hdr, flags, guard, &done);
	return rc > 0 ? -EFAULT : rc;
}

/* Flags of a receive that may take what is lent (direct.h). */
#define LENDABLE (MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL)

/* One message, with @file held. @ret_done: as much before PUMPED, and more is
 * wanted. */
static ssize_t do_recv(struct shim_file *file, struct msghdr *hdr, int flags,
		       struct shim_guard *guard, size_t *ret_done)
{
	struct shim_waiter w = { 0 };
	struct fdnet_msg msg;
	struct iovec some[16];
	uint64_t deadline = 0;
	size_t done = 0;
	struct extent e;
	ssize_t rc = measure(hdr, shim_can_write, &e);
	bool all = file->is_stream && (flags & MSG_WAITALL) &&
		   !(flags & MSG_PEEK);

	if (rc < 0)
		return rc;
	/* a stream's MSG_TRUNC throws away and touches nothing */
	if (e.bad && !(file->is_stream && (flags & MSG_TRUNC)))
		return recv_bad(file, flags, guard);
	if (hdr->msg_name && !shim_can_write(hdr->msg_name, hdr->msg_namelen))
		return recv_bad(file, flags, guard);
	for (;;) {
		memset(&msg, 0, sizeof(msg));
		if (file->pumped && (!file->remote || file->in_node)) {
			rc = PUMPED;
			break;
		}
		msg.flags = flags;
		shim_cmsg_begin(hdr, &msg);
		msg.iov = some;
		msg.iovcnt = iov_rest(hdr->msg_iov, hdr->msg_iovlen, done,
				      some, 16);
		if (file->loan && flags & ~LENDABLE)
			shim_direct_settle(file);
		rc = file->so ? fdnet_sock_recv(file->so, &msg)
			      : recv_lost(file);
		if (rc == -EAGAIN && file->loan) {
			rc = (ssize_t)shim_direct_recv(file, some, msg.iovcnt);
			rc = rc ? rc : -EAGAIN;
		}
		if (rc > 0 && file->is_stream) {
			done += (size_t)rc;
			if (done < e.total &&
			    (all || hdr->msg_iovlen > 16))
				continue;
			break;
		}
		if (rc != -EAGAIN || (flags & MSG_ERRQUEUE) ||
		    (done > 0 && !all))
			break;
		/* nothing yet: see what the link has before giving up */
		shim_net_drive();
		if (file->so &&
		    (shim_direct_poll(file) &
		     (flags & MSG_OOB ? FDNET_EV_PRI : FDNET_EV_IN)))
			continue;
		if (!may_block(file, flags))
			break;
		rc = shim_block(file,
				flags & MSG_OOB ? FDNET_EV_PRI : FDNET_EV_IN,
				file->rcvtimeo_us, &deadline, &w, guard);
		if (rc < 0)
			break;
	}
	shim_mirror_touch(file);
	shim_net_flush(); /* window updates */
	shim_wait_end(&w);
	if (rc == PUMPED && all)
		*ret_done = done;
	else if (done > 0)
		rc = (ssize_t)done;
	if (rc < 0)
		return rc;
	hdr->msg_flags = msg.flags &
			 (MSG_TRUNC | MSG_CTRUNC | MSG_ERRQUEUE | MSG_OOB);
	if (file->is_stream)
		hdr->msg_namelen = 0;
	else
		shim_name_to(file->domain, &msg.to_from, hdr->msg_name,
			     &hdr->msg_namelen);
	hdr->msg_controllen = msg.control_len;
	return rc;
}

/* The end of a stream that the relay has: or was it a reset? */
static int error_at_end(int fd, bool was_reset)
{
	struct shim_guard guard;
	struct shim_file *file;
	uint32_t len = sizeof(int);
	int error = 0;
	char byte;

	/* who confined itself may not ask */
	if (!shim_file_maybe(fd) || shim_file_trusts())
		return 0;
	file = shim_begin(fd, &guard);
	if (!file)
		return 0;
	/* nothing was asked for, or there is more */
	if (file->in_node && file->is_stream &&
	    (was_reset || raw_recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0))
		shim_node_getopt(file, SOL_SOCKET, SO_ERROR, &error, &len);
	shim_end(&guard);
	return error;
}

/* What the kernel's call on A gave. Its own ECONNRESET (B was closed with
 * something unread) stands for the relay's error, which is told only once. */
static ssize_t received(int fd, ssize_t rc)
{
	bool was_reset = rc < 0 && errno == ECONNRESET;
	int error;

	if (rc > 0 || (rc < 0 && !was_reset))
		return rc;
	error = error_at_end(fd, was_reset);
	if (!error && was_reset)
		error = ECONNRESET;
	return shim_ret(-error);
}

/*
 * MSG_FASTOPEN on a socket that is not connected: connect() and send() in one.
 * Over our link a SYN with data would save nothing, and the relay, which opens
 * the connection to the host, has its own; so it is what the kernel makes of
 * it without a cookie. Returns 0 when there is something to send to, and -1
 * with errno when connect() refused, or goes on in the background.
 */
static int open_first(int fd, const struct msghdr *hdr)
{
	struct shim_guard guard;
	struct shim_file *file;
	bool fresh;

	if (!shim_can_read(hdr, sizeof(*hdr)))
		return (int)shim_ret(-EFAULT);
	file = shim_begin(fd, &guard);
	if (!file)
		return 0;
	fresh = file->is_stream && !file->joined && !file->netlink;
	shim_end(&guard);
	if (!fresh)
		return 0;
	if (!hdr->msg_name)
		return (int)shim_ret(-EINVAL);
	return shim_connect(fd, hdr->msg_name, hdr->msg_namelen);
}

/* Datagrams that the relay has go with a name, which the kernel's calls know
 * nothing of. */
static bool is_framed(const struct shim_file *file)
{
	return file->in_node && !file->is_stream;
}

/* What was begun here goes on in the kernel, from byte @done on. A datagram
 * begins again: there it is put into a frame. */
static ssize_t send_on(int fd, const struct msghdr *hdr, int flags, size_t done)
{
	struct iovec some[16];
	struct msghdr rest = { .msg_iov = some };
	size_t asked;
	ssize_t n;

	if (!done)
		return shim_sendmsg(fd, hdr, flags);
	do {
		rest.msg_iovlen = (size_t)iov_rest(hdr->msg_iov,
						   hdr->msg_iovlen, done, some,
						   16);
		asked = shim_msg_len(&rest);
		n = asked ? LIBC(sendmsg)(fd, &rest, flags) : 0;
		done += n > 0 ? (size_t)n : 0;
	} while (n > 0 && (size_t)n == asked);
	return (ssize_t)done;
}

static ssize_t recv_on(int fd, struct msghdr *hdr, int flags, size_t done)
{
	struct iovec some[16];
	struct msghdr rest = { .msg_iov = some };
	size_t asked;
	ssize_t n;

	if (!done)
		return shim_recvmsg(fd, hdr, flags);
	do {
		rest.msg_iovlen = (size_t)iov_rest(hdr->msg_iov,
						   hdr->msg_iovlen, done, some,
						   16);
		asked = shim_msg_len(&rest);
		n = asked ? LIBC(recvmsg)(fd, &rest, flags) : 0;
		done += n > 0 ? (size_t)n : 0;
	} while (n > 0 && (size_t)n == asked);
	hdr->msg_flags = 0;
	hdr->msg_namelen = 0;
	hdr->msg_controllen = 0;
	return (ssize_t)done;
}

/* A whole call on @fd that sends (or receives) what @hdr says. */
static ssize_t send_call(int fd, struct shim_file *file,
			 struct shim_guard *guard, const struct msghdr *hdr,
			 int flags)
{
	bool is_stream = file->is_stream;
	size_t done = 0;
	ssize_t rc;

	if (is_framed(file))
		return shim_ret(shim_frame_send(fd, file, hdr, flags, guard));
	if (file->netlink) {
		rc = shim_netlink_send(fd, file, hdr, flags);
		shim_end(guard);
		return shim_ret(rc);
	}
	shim_file_hold(file);
	rc = do_send(file, hdr, flags, guard, &done);
	if (!file->nonblock)
		shim_helper_want();
	shim_file_put(file);
	shim_end(guard);
	shim_helper_start();
	if (rc == PUMPED)
		return send_on(fd, hdr, flags, done);
	if (rc == -EPIPE && is_stream && !(flags & MSG_NOSIGNAL))
		shim_raise_sigpipe();
	return shim_ret(rc);
}

static ssize_t recv_call(int fd, struct shim_file *file,
			 struct shim_guard *guard, struct msghdr *hdr,
			 int flags)
{
	size_t done = 0;
	ssize_t rc;

	if (is_framed(file))
		return shim_ret(shim_frame_recv(fd, file, hdr, flags, guard));
	if (file->netlink) {
		shim_end(guard);
		return shim_netlink_recv(fd, hdr, flags);
	}
	shim_file_hold(file);
	rc = do_recv(file, hdr, flags, guard, &done);
	shim_file_put(file);
	shim_end(guard);
	if (rc == PUMPED)
		return recv_on(fd, hdr, flags, done);
	return shim_ret(rc);
}

ssize_t shim_send(int fd, const void *buf, size_t len, int flags)
{
	struct shim_guard guard;
	struct shim_file *file = begin(fd, &guard);
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!file)
		return LIBC(send)(fd, buf, len, flags);
	return send_call(fd, file, &guard, &hdr, flags);
}
SHIM_EXPORT(send);
SHIM_EXPORT_AS(__send, send);

ssize_t shim_sendto(int fd, const void *buf, size_t len, int flags,
		    const struct sockaddr *addr, socklen_t addrlen)
{
	struct shim_guard guard;
	struct shim_file *file;
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_name = (void *)addr,
		.msg_namelen = addrlen,
	};

	if (flags & MSG_FASTOPEN && open_first(fd, &hdr))
		return -1;
	file = begin(fd, &guard);
	if (!file)
		return LIBC(sendto)(fd, buf, len, flags, addr, addrlen);
	return send_call(fd, file, &guard, &hdr, flags);
}
SHIM_EXPORT(sendto);

ssize_t shim_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct shim_guard guard;
	struct shim_file *file;

	if (flags & MSG_FASTOPEN && open_first(fd, msg))
		return -1;
	file = begin(fd, &guard);
	if (!file) {
		shim_pass_out(msg);
		return LIBC(sendmsg)(fd, msg, flags);
	}
	if (!shim_can_read(msg, sizeof(*msg))) {
		shim_end(&guard);
		return shim_ret(-EFAULT);
	}
	return send_call(fd, file, &guard, msg, flags);
}
SHIM_EXPORT(sendmsg);

int shim_sendmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags)
{
	unsigned int i;
	ssize_t rc;

	if (shim_is_kernels(fd)) {
		for (i = 0; i < n && shim_can_read(vec, n * sizeof(*vec)); i++)
			shim_pass_out(&vec[i].msg_hdr);
		return LIBC(sendmmsg)(fd, vec, n, flags);
	}
	if (n > IOV_LIMIT)
		n = IOV_LIMIT;
	if (!shim_can_write(vec, n * sizeof(*vec)))
		return (int)shim_ret(-EFAULT);
	for (i = 0; i < n; i++) {
		rc = shim_sendmsg(fd, &vec[i].msg_hdr, flags);
		if (rc < 0)
			return i > 0 ? (int)i : -1;
		vec[i].msg_len = (unsigned int)rc;
	}
	return (int)i;
}
SHIM_EXPORT(sendmmsg);
SHIM_EXPORT_AS(__sendmmsg, sendmmsg);

ssize_t shim_write(int fd, const void *buf, size_t len)
{
	struct shim_guard guard;
	struct shim_file *file = begin(fd, &guard);
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!file)
		return LIBC(write)(fd, buf, len);
	return send_call(fd, file, &guard, &hdr, 0);
}
SHIM_EXPORT(write);
SHIM_EXPORT_AS(__write, write);

ssize_t shim_writev(int fd, const struct iovec *iov, int iovcnt)
{
	struct shim_guard guard;
	struct shim_file *file = begin(fd, &guard);
	struct msghdr hdr = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)iovcnt,
	};

	if (!file)
		return LIBC(writev)(fd, iov, iovcnt);
	if (iovcnt < 0 || iovcnt > IOV_LIMIT) {
		shim_end(&guard);
		return shim_ret(-EINVAL);
	}
	return send_call(fd, file, &guard, &hdr, 0);
}
SHIM_EXPORT(writev);

ssize_t shim_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct shim_guard guard;
	struct shim_file *file = begin(fd, &guard);

	if (!file) {
		ssize_t n;

		if (shim_shared_recv(fd, msg, flags, &n))
			return received(fd, n);
		n = LIBC(recvmsg)(fd, msg, flags);
		if (n >= 0)
			shim_pass_in(msg);
		return received(fd, n);
	}
	if (!shim_can_read(msg, sizeof(*msg))) {
		shim_end(&guard);
		return shim_ret(-EFAULT);
	}
	return recv_call(fd, file, &guard, msg, flags);
}
SHIM_EXPORT(recvmsg);

ssize_t shim_recvfrom(int fd, void *buf, size_t len, int flags,
		      struct sockaddr *addr, socklen_t *addrlen)
{
	struct shim_guard guard;
	struct shim_file *file = begin(fd, &guard);
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr hdr = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_name = addr,
	};
	ssize_t rc;

	if (!file) {
		if (shim_shared_recv(fd, &hdr, flags, &rc))
			return received(fd, rc);
		return received(fd, LIBC(recvfrom)(fd, buf, len, flags, addr,
						   addrlen));
	}
	if (addr && shim_can_write(addrlen, sizeof(*addrlen)))
		hdr.msg_namelen = *addrlen;
	else if (addr)
		iov = (struct iovec){ .iov_len = 1 }; /* EFAULT, in its turn */
	rc = recv_call(fd, file, &guard, &hdr, flags);
	if (rc >= 0 && addr && addrlen)
		*addrlen = hdr.msg_namelen;
	return rc;
}
SHIM_EXPORT(recvfrom);

ssize_t shim_recv(int fd, void *buf, size_t len, int flags)
{
	if (!shim_file_maybe(fd))
		return LIBC(recv)(fd, buf, len, flags);
	return shim_recvfrom(fd, buf, len, flags, NULL, NULL);
}
SHIM_EXPORT(recv);
SHIM_EXPORT_AS(__recv, recv);

ssize_t shim_read(int fd, void *buf, size_t len)
{
	struct shim_guard guard;
	struct shim_file *file = begin(fd, &guard);
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!file)
		return received(fd, LIBC(read)(fd, buf, len));
	if (len == 0) {
		/* read() of nothing is 0; recv() of nothing would wait */
		shim_end(&guard);
		return 0;
	}
	return recv_call(fd, file, &guard, &hdr, 0);
}
SHIM_EXPORT(read);
SHIM_EXPORT_AS(__read, read);

ssize_t shim_readv(int fd, const struct iovec *iov, int iovcnt)
{
	struct shim_guard guard;
	struct shim_file *file = begin(fd, &guard);
	struct msghdr hdr = {
		.msg_iov = (struct iovec *)iov,
		.msg_iovlen = (size_t)iovcnt,
	};
	struct extent e;
	ssize_t rc;

	if (!file)
		return received(fd, LIBC(readv)(fd, iov, iovcnt));
	rc = iovcnt < 0 || iovcnt > IOV_LIMIT ? -EINVAL
					       : measure(&hdr, shim_can_write, &e);
	if (rc < 0 || e.total == 0) { /* nothing: as read() of nothing */
		shim_end(&guard);
		return shim_ret(rc);
	}
	return recv_call(fd, file, &guard, &hdr, 0);
}
SHIM_EXPORT(readv);

int shim_recvmmsg(int fd, struct mmsghdr *vec, unsigned int n, int flags,
		  struct timespec *timeout)
{
	uint64_t deadline = FDNET_NEVER;
	unsigned int i;
	ssize_t rc;

	if (shim_is_kernels(fd)) {
		int got = LIBC(recvmmsg)(fd, vec, n, flags, timeout);

		for (int k = 0; k < got; k++)
			shim_pass_in(&vec[k].msg_hdr);
		return got;
	}
	if (n > IOV_LIMIT)
		n = IOV_LIMIT;
	if (!shim_can_write(vec, n * sizeof(*vec)) ||
	    (timeout && !shim_can_write(timeout, sizeof(*timeout))))
		return (int)shim_ret(-EFAULT);
	if (timeout) {
		if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 ||
		    timeout->tv_nsec >= 1000000000)
			return (int)shim_ret(-EINVAL);
		deadline = shim_now_us() +
			   (uint64_t)timeout->tv_sec * 1000000 +
			   (uint64_t)timeout->tv_nsec / 1000;
	}
	for (i = 0; i < n; i++) {
		rc = shim_recvmsg(fd, &vec[i].msg_hdr,
				  flags & ~MSG_WAITFORONE);
		if (rc < 0)
			return i > 0 ? (int)i : -1;
		vec[i].msg_len = (unsigned int)rc;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		/* as the kernel: looked at after each datagram only */
		if (shim_now_us() >= deadline)
			return (int)i + 1;
	}
	return (int)i;
}
SHIM_EXPORT(recvmmsg);

/* The checked variants of _FORTIFY_SOURCE: the compiler knew the buffer's
 * size; a program that asks for more is stopped, as libc does. */
ssize_t shim___read_chk(int fd, void *buf, size_t len, size_t size)
{
	if (len > size)
		return LIBC(__read_chk)(fd, buf, len, size);
	return shim_read(fd, buf, len);
}
SHIM_EXPORT(__read_chk);

ssize_t shim___recv_chk(int fd, void *buf, size_t len, size_t size, int flags)
{
	if (len > size)
		return LIBC(__recv_chk)(fd, buf, len, size, flags);
	return shim_recv(fd, buf, len, flags);
}
SHIM_EXPORT(__recv_chk);

ssize_t shim___recvfrom_chk(int fd, void *buf, size_t len, size_t size,
			    int flags, struct sockaddr *addr,
			    socklen_t *addrlen)
{
	if (len > size)
		return LIBC(__recvfrom_chk)(fd, buf, len, size, flags, addr,
					    addrlen);
	return shim_recvfrom(fd, buf, len, flags, addr, addrlen);
}
SHIM_EXPORT(__recvfrom_chk);
