/* SPDX-License-Identifier: Apache-2.0 */
/* The socket calls: blocking, timeouts and addresses around fdnet_sock_*(). */
#include "config.h"

#include "tests/packetdrill/adapter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "stack/object.h"

/* ---- names ---- */

static int name_from(const struct sockaddr *addr, socklen_t len,
		     struct fdnet_name *ret)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

	memset(ret, 0, sizeof(*ret));
	if (len < sizeof(sa_family_t))
		return -EINVAL;
	switch (addr->sa_family) {
	case AF_UNSPEC:
		return 0;
	case AF_INET:
		if (len < sizeof(*in))
			return -EINVAL;
		ret->ip.family = 4;
		memcpy(ret->ip.bytes, &in->sin_addr, 4);
		ret->port = ntohs(in->sin_port);
		return 0;
	case AF_INET6:
		if (len < 24)
			return -EINVAL;
		ret->port = ntohs(in6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			ret->ip.family = 4;
			memcpy(ret->ip.bytes, &in6->sin6_addr.s6_addr[12], 4);
			return 0;
		}
		ret->ip.family = 6;
		memcpy(ret->ip.bytes, &in6->sin6_addr, 16);
		return 0;
	}
	return -EAFNOSUPPORT;
}

static void name_to(const struct fdnet_name *name, int family,
		    struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	socklen_t size = family == AF_INET ? sizeof(in) : sizeof(in6);

	if (!addr || !len)
		return;
	in.sin_port = in6.sin6_port = htons(name->port);
	memcpy(&in.sin_addr, name->ip.bytes, 4);
	if (name->ip.family == 4) {
		in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
		memcpy(&in6.sin6_addr.s6_addr[12], name->ip.bytes, 4);
	} else {
		memcpy(&in6.sin6_addr, name->ip.bytes, 16);
	}
	memcpy(addr, family == AF_INET ? (void *)&in : (void *)&in6,
	       *len < size ? *len : size);
	*len = size;
}

/* ---- making ---- */

static int sock_file(struct pd *pd, struct fdnet_sock *so, int family)
{
	int fd = pd_file_new(pd, PD_SOCK);

	if (fd < 0)
		return fd;
	pd->files[fd].so = so;
	pd->files[fd].family = family;
	return fd;
}

static int c_socket(void *ud, int domain, int type, int protocol)
{
	struct pd *pd = ud;
	int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), rc;
	struct fdnet_sock *so;

	if (domain != AF_INET && domain != AF_INET6) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	if (!protocol)
		protocol = kind == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	pd_lock(pd);
	pd_read_sysctls(pd);
	rc = fdnet_sock_open(pd->stack, domain == AF_INET ? 4 : 6, kind,
			     protocol, &so);
	if (!rc) {
		rc = sock_file(pd, so, domain);
		if (rc < 0)
			fdnet_sock_close(so);
		else if (type & SOCK_NONBLOCK)
			pd->files[rc].flags |= O_NONBLOCK;
	}
	return (int)pd_unlock(pd, rc);
}

/* Enters, finds the socket; on failure leaves with the error. */
#define ENTER(pd, ud, f, fd)                                       \
	struct pd *pd = ud;                                        \
	struct pd_file *f;                                         \
	pd_lock(pd);                                               \
	pd_read_sysctls(pd);                                       \
	f = pd_file(pd, fd, PD_SOCK);                              \
	if (!f)                                                    \
	return (int)pd_unlock(pd, pd_file(pd, fd, PD_NONE) ? -EBADF \
							   : -ENOTSOCK)

static int c_bind(void *ud, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct fdnet_name name;
	int rc;

	ENTER(pd, ud, f, fd);
	rc = name_from(addr, len, &name);
	if (!rc)
		rc = fdnet_sock_bind(f->so, &name);
	/* packetdrill may choose the address (--local_ip) */
	if (rc == -EADDRNOTAVAIL && !fdnet_stack_add_addr(pd->stack, &name.ip,
							  16))
		rc = fdnet_sock_bind(f->so, &name);
	return (int)pd_unlock(pd, rc);
}

static int c_listen(void *ud, int fd, int backlog)
{
	int rc;

	ENTER(pd, ud, f, fd);
	rc = fdnet_sock_listen(f->so, backlog);
	return (int)pd_unlock(pd, rc);
}

static uint64_t patience(const struct pd_file *f, uint64_t timeo, int flags)
{
	if (f->flags & O_NONBLOCK || flags & MSG_DONTWAIT)
		return 0;
	return timeo ? timeo : FDNET_NEVER;
}

struct call {
	struct pd_file *f;
	struct fdnet_sock *ret_so;
	struct fdnet_name name;
	struct fdnet_msg msg;
	struct iovec rest;
	size_t done;
	int flags;
};

static ssize_t try_accept(struct pd *pd, void *arg)
{
	struct call *c = arg;

	(void)pd;
	return fdnet_sock_accept(c->f->so, &c->ret_so);
}

static int c_accept(void *ud, int fd, struct sockaddr *addr, socklen_t *len)
{
	struct call c = {0};
	int rc;

	ENTER(pd, ud, f, fd);
	c.f = f;
	rc = (int)pd_block(pd, patience(f, f->rcvtimeo_us, 0), try_accept, &c);
	if (rc)
		return (int)pd_unlock(pd, rc);
	rc = sock_file(pd, c.ret_so, f->family);
	/* told of one that was reset since, too, as accept(2) does */
	if (rc >= 0)
		name_to(&c.ret_so->peer, f->family, addr, len);
	return (int)pd_unlock(pd, rc);
}

/* -EAGAIN while it goes on, as pd_block() wants it; the outcome of a finished
 * attempt is fetched by asking once more. */
static ssize_t try_connect(struct pd *pd, void *arg)
{
	struct call *c = arg;
	int rc = fdnet_sock_connect(c->f->so, &c->name);

	(void)pd;
	if (rc == -EINPROGRESS || rc == -EALREADY) {
		if (!c->done)
			c->flags = rc;
		c->done = 1;
		return -EAGAIN;
	}
	return rc;
}

static int c_connect(void *ud, int fd, const struct sockaddr *addr,
		     socklen_t len)
{
	struct call c = {0};
	int rc;

	ENTER(pd, ud, f, fd);
	c.f = f;
	rc = name_from(addr, len, &c.name);
	if (!rc)
		rc = (int)pd_block(pd, patience(f, f->sndtimeo_us, 0),
				   try_connect, &c);
	return (int)pd_unlock(pd, rc == -EAGAIN ? c.flags : rc);
}

/* ---- data ---- */

/* Scripts pass bad pointers on purpose: look before we touch. */
static bool is_memory(const struct iovec *iov, int iovcnt)
{
	for (int i = 0; i < iovcnt; i++) {
		char byte;
		struct iovec here = {&byte, 1}, there = {iov[i].iov_base, 1};

		if (iov[i].iov_len &&
		    process_vm_readv(getpid(), &here, 1, &there, 1, 0) != 1)
			return false;
	}
	return true;
}

static ssize_t try_recv(struct pd *pd, void *arg)
{
	struct call *c = arg;

	(void)pd;
	c->msg.flags = c->flags;
	return fdnet_sock_recv(c->f->so, &c->msg);
}

static ssize_t do_recv(void *ud, int fd, const struct iovec *iov, int iovcnt,
		       int flags, struct msghdr *hdr, struct sockaddr *addr,
		       socklen_t *addrlen)
{
	struct call c = {.msg = {.iov = iov, .iovcnt = iovcnt}, .flags = flags};
	ssize_t rc;

	ENTER(pd, ud, f, fd);
	c.f = f;
	if (hdr) {
		c.msg.control = hdr->msg_control;
		c.msg.control_room = hdr->msg_controllen;
	}
	rc = -EFAULT;
	if (is_memory(iov, iovcnt) && flags & MSG_ERRQUEUE)
		rc = try_recv(pd, &c); /* it is never waited for */
	else if (is_memory(iov, iovcnt))
		rc = pd_block(pd, patience(f, f->rcvtimeo_us, flags), try_recv,
			      &c);
	if (rc >= 0)
		name_to(&c.msg.to_from, f->family, addr, addrlen);
	if (hdr && rc >= 0) {
		hdr->msg_controllen = c.msg.control_len;
		hdr->msg_flags = c.msg.flags;
	}
	return pd_unlock(pd, rc);
}

static ssize_t c_recvfrom(void *ud, int fd, void *buf, size_t n, int flags,
			  struct sockaddr *addr, socklen_t *len)
{
	struct iovec iov = {buf, n};

	return do_recv(ud, fd, &iov, 1, flags, NULL, addr, len);
}

static ssize_t c_recv(void *ud, int fd, void *buf, size_t n, int flags)
{
	return c_recvfrom(ud, fd, buf, n, flags, NULL, NULL);
}

static ssize_t c_read(void *ud, int fd, void *buf, size_t n)
{
	return c_recvfrom(ud, fd, buf, n, 0, NULL, NULL);
}

static ssize_t c_readv(void *ud, int fd, const struct iovec *iov, int iovcnt)
{
	return do_recv(ud, fd, iov, iovcnt, 0, NULL, NULL, NULL);
}

static ssize_t c_recvmsg(void *ud, int fd, struct msghdr *msg, int flags)
{
	return do_recv(ud, fd, msg->msg_iov, (int)msg->msg_iovlen, flags, msg,
		       msg->msg_name, &msg->msg_namelen);
}

/* Blocking sends take everything, as the kernel's. */
static ssize_t try_send(struct pd *pd, void *arg)
{
	struct call *c = arg;
	struct iovec left[IOV_MAX];
	size_t skip = c->done;
	struct fdnet_msg msg = c->msg;
	ssize_t rc;
	int n = 0;

	(void)pd;
	for (int i = 0; i < c->msg.iovcnt && n < IOV_MAX; i++) {
		struct iovec v = c->msg.iov[i];

		if (skip >= v.iov_len && v.iov_len) {
			skip -= v.iov_len;
			continue;
		}
		left[n].iov_base = (char *)v.iov_base + skip;
		left[n++].iov_len = v.iov_len - skip;
		skip = 0;
	}
	msg.to_from = c->name;
	msg.iov = left;
	msg.iovcnt = n;
	msg.flags = c->flags;
	rc = fdnet_sock_send(c->f->so, &msg);
	/* fast open: the rest when connected, and not connected anew */
	if (rc >= 0 || rc == -EINPROGRESS)
		c->flags &= ~MSG_FASTOPEN;
	if (rc == -EINPROGRESS && !(c->f->flags & O_NONBLOCK) &&
	    !(c->flags & MSG_DONTWAIT))
		return -EAGAIN;
	if (rc < 0)
		return rc;
	c->done += (size_t)rc;
	if (c->done < c->rest.iov_len)
		return -EAGAIN;
	return 0;
}

/* A blocking fast open returns when the handshake is over. */
static ssize_t try_connected(struct pd *pd, void *arg)
{
	struct call *c = arg;
	uint32_t len = sizeof(int);
	int error = 0;

	(void)pd;
	if (fdnet_sock_state(c->f->so) == FDNET_TCP_SYN_SENT)
		return -EAGAIN;
	fdnet_sock_getopt(c->f->so, SOL_SOCKET, SO_ERROR, &error, &len);
	return -error;
}

static ssize_t do_send(void *ud, int fd, const struct iovec *iov, int iovcnt,
		       int flags, const struct sockaddr *addr, socklen_t len)
{
	struct call c = {
		.msg = {.iov = iov, .iovcnt = iovcnt, .ttl = -1, .tos = -1},
		.flags = flags,
	};
	ssize_t rc = 0;

	for (int i = 0; i < iovcnt; i++)
		c.rest.iov_len += iov[i].iov_len;
	ENTER(pd, ud, f, fd);
	c.f = f;
	if (!is_memory(iov, iovcnt))
		rc = -EFAULT;
	else if (addr && len)
		rc = name_from(addr, len, &c.name);
	if (!rc)
		rc = pd_block(pd, patience(f, f->sndtimeo_us, flags), try_send,
			      &c);
	if (!rc && flags & MSG_FASTOPEN && patience(f, 0, flags))
		rc = pd_block(pd, patience(f, f->sndtimeo_us, flags),
			      try_connected, &c);
	if (rc == -EAGAIN || (c.done && rc == -EINPROGRESS))
		return pd_unlock(pd, c.done ? (ssize_t)c.done : rc);
	return pd_unlock(pd, rc || !c.done ? rc : (ssize_t)c.done);
}

static ssize_t c_sendto(void *ud, int fd, const void *buf, size_t n, int flags,
			const struct sockaddr *addr, socklen_t len)
{
	struct iovec iov = {(void *)buf, n};

	return do_send(ud, fd, &iov, 1, flags, addr, len);
}

static ssize_t c_send(void *ud, int fd, const void *buf, size_t n, int flags)
{
	return c_sendto(ud, fd, buf, n, flags, NULL, 0);
}

static ssize_t c_write(void *ud, int fd, const void *buf, size_t n)
{
	return c_sendto(ud, fd, buf, n, 0, NULL, 0);
}

static ssize_t c_writev(void *ud, int fd, const struct iovec *iov, int iovcnt)
{
	return do_send(ud, fd, iov, iovcnt, 0, NULL, 0);
}

static ssize_t c_sendmsg(void *ud, int fd, const struct msghdr *msg, int flags)
{
	return do_send(ud, fd, msg->msg_iov, (int)msg->msg_iovlen, flags,
		       msg->msg_name, msg->msg_namelen);
}

/* ---- the rest ---- */

static int c_fcntl(void *ud, int fd, int cmd, ...)
{
	struct pd *pd = ud;
	va_list ap;
	int arg, rc = 0;

	va_start(ap, cmd);
	arg = va_arg(ap, int);
	va_end(ap);
	pd_lock(pd);
	if (fd < 0 || fd >= PD_FDS || !pd->files[fd].kind)
		rc = -EBADF;
	else if (cmd == F_GETFL)
		rc = pd->files[fd].flags;
	else if (cmd == F_SETFL)
		pd->files[fd].flags = O_RDWR | (arg & O_NONBLOCK);
	else if (cmd != F_GETFD && cmd != F_SETFD)
		rc = -EINVAL;
	return (int)pd_unlock(pd, rc);
}

static int c_ioctl(void *ud, int fd, unsigned long request, ...)
{
	int *arg, rc = 0;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, int *);
	va_end(ap);
	ENTER(pd, ud, f, fd);
	if (fdnet_sock_state(f->so) == FDNET_TCP_LISTEN && request != FIONBIO)
		rc = -EINVAL;
	else if (request == SIOCINQ)
		*arg = (int)fdnet_sock_inq(f->so);
	else if (request == SIOCOUTQ)
		*arg = (int)fdnet_sock_outq(f->so);
	else if (request == SIOCOUTQNSD)
		*arg = (int)fdnet_sock_unsent(f->so);
	else if (request == SIOCATMARK)
		*arg = fdnet_sock_at_mark(f->so);
	else if (request == FIONBIO)
		f->flags = O_RDWR | (*arg ? O_NONBLOCK : 0);
	else
		rc = -EINVAL;
	return (int)pd_unlock(pd, rc);
}

/* SO_LINGER with a time: what close() has to wait for. */
static ssize_t try_linger(struct pd *pd, void *arg)
{
	struct call *c = arg;
	int state;

	(void)pd;
	state = fdnet_sock_state(c->f->so);
	return state == FDNET_TCP_FIN_WAIT1 || state == FDNET_TCP_CLOSING ||
			       state == FDNET_TCP_LAST_ACK
		       ? -EAGAIN
		       : 0;
}

static void linger(struct pd *pd, struct pd_file *f)
{
	struct linger lg = {0};
	uint32_t len = sizeof(lg);
	struct call c = {.f = f};

	if (fdnet_sock_getopt(f->so, SOL_SOCKET, SO_LINGER, &lg, &len) ||
	    !lg.l_onoff || lg.l_linger <= 0 || fdnet_sock_inq(f->so) ||
	    fdnet_sock_shutdown(f->so, FDNET_SHUT_RDWR))
		return;
	pd_block(pd, (uint64_t)lg.l_linger * 1000000, try_linger, &c);
}

static int c_close(void *ud, int fd)
{
	struct pd *pd = ud;

	pd_lock(pd);
	if (fd < 0 || fd >= PD_FDS || !pd->files[fd].kind)
		return (int)pd_unlock(pd, -EBADF);
	if (pd->files[fd].so)
		linger(pd, &pd->files[fd]);
	pd_file_close(pd, fd);
	pd_pump(pd);
	return (int)pd_unlock(pd, 0);
}

static int c_shutdown(void *ud, int fd, int how)
{
	int rc;

	ENTER(pd, ud, f, fd);
	rc = fdnet_sock_shutdown(f->so, how);
	pd_pump(pd);
	return (int)pd_unlock(pd, rc);
}

static int c_getsockopt(void *ud, int fd, int level, int name, void *val,
			socklen_t *len)
{
	uint32_t n = *len;
	int rc;

	ENTER(pd, ud, f, fd);
	rc = fdnet_sock_getopt(f->so, level, name, val, &n);
	*len = n;
	return (int)pd_unlock(pd, rc);
}

static void note_option(struct pd_file *f, int level, int name,
			const void *val, socklen_t len)
{
	struct timeval tv;
	uint64_t us;

	if (level == SOL_SOCKET && len >= sizeof(tv) &&
	    (name == SO_RCVTIMEO || name == SO_SNDTIMEO)) {
		memcpy(&tv, val, sizeof(tv));
		us = (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
		if (name == SO_RCVTIMEO)
			f->rcvtimeo_us = us;
		else
			f->sndtimeo_us = us;
	}
}

static int c_setsockopt(void *ud, int fd, int level, int name, const void *val,
			socklen_t len)
{
	int rc;

	ENTER(pd, ud, f, fd);
	rc = fdnet_sock_setopt(f->so, level, name, val, len);
	if (!rc)
		note_option(f, level, name, val, len);
	pd_pump(pd);
	return (int)pd_unlock(pd, rc);
}

void pd_fill_calls(struct packetdrill_interface *ifc)
{
	ifc->socket = c_socket;
	ifc->bind = c_bind;
	ifc->listen = c_listen;
	ifc->accept = c_accept;
	ifc->connect = c_connect;
	ifc->read = c_read;
	ifc->readv = c_readv;
	ifc->recv = c_recv;
	ifc->recvfrom = c_recvfrom;
	ifc->recvmsg = c_recvmsg;
	ifc->write = c_write;
	ifc->writev = c_writev;
	ifc->send = c_send;
	ifc->sendto = c_sendto;
	ifc->sendmsg = c_sendmsg;
	ifc->fcntl = c_fcntl;
	ifc->ioctl = c_ioctl;
	ifc->close = c_close;
	ifc->shutdown = c_shutdown;
	ifc->getsockopt = c_getsockopt;
	ifc->setsockopt = c_setsockopt;
}
