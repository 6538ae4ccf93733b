/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

#include "base/rtnl.h"
#include "shim/addr.h"
#include "shim/call.h"
#include "shim/highfd.h"
#include "shim/ifaces.h"
#include "shim/mem.h"
#include "shim/raw.h"
#include "shim/uaccess.h"

#define TYPE_MASK 0xf
#define REQUEST_MAX 8192

struct shim_netlink {
	int type, protocol;
	uint32_t port; /* 0: not bound yet */
	uint32_t groups;
	uint32_t options; /* those that are on, by number */
};

int shim_netlink_open(int type, int protocol)
{
	int kind = type & TYPE_MASK, fd;
	struct shim_netlink *nl;
	struct shim_file *file;

	if (type & ~(TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (kind != SOCK_RAW && kind != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	fd = shim_net_start();
	if (fd < 0)
		return fd;
	nl = fdnet_mem_alloc(shim_mem(), sizeof(*nl));
	if (!nl)
		return -ENOMEM;
	fd = shim_file_new(AF_NETLINK, type, NULL, &file);
	if (fd < 0) {
		fdnet_mem_free(shim_mem(), nl, sizeof(*nl));
		return fd;
	}
	nl->type = kind;
	nl->protocol = protocol;
	file->netlink = nl;
	return fd;
}

void shim_netlink_free(struct shim_file *file)
{
	fdnet_mem_free(shim_mem(), file->netlink, sizeof(*file->netlink));
	file->netlink = NULL;
}

static bool is_port_taken(const struct shim_file *self, uint32_t port)
{
	struct shim_file *file;

	for (file = shim_file_first(); file; file = file->next)
		if (file != self && file->netlink &&
		    file->netlink->port == port)
			return true;
	return false;
}

/* As the kernel: the process's id, or something negative. */
static void bind_auto(struct shim_file *file)
{
	uint32_t port = (uint32_t)RAW(SYS_getpid, 0, 0, 0, 0, 0, 0);

	if (file->netlink->port)
		return;
	if (is_port_taken(file, port))
		for (port = (uint32_t)-4096; is_port_taken(file, port); port--)
			;
	file->netlink->port = port;
}

static int name_from(const struct sockaddr *addr, socklen_t len,
		     struct sockaddr_nl *ret_name)
{
	if (len < sizeof(*ret_name))
		return -EINVAL;
	if (!shim_can_read(addr, sizeof(*ret_name)))
		return -EFAULT;
	memcpy(ret_name, addr, sizeof(*ret_name));
	return ret_name->nl_family == AF_NETLINK ? 0 : -EINVAL;
}

int shim_netlink_bind(struct shim_file *file, const struct sockaddr *addr,
		      socklen_t len)
{
	struct shim_netlink *nl = file->netlink;
	struct sockaddr_nl name;
	int rc = name_from(addr, len, &name);

	if (rc < 0)
		return rc;
	if (nl->port && name.nl_pid != nl->port)
		return -EINVAL;
	if (name.nl_pid && is_port_taken(file, name.nl_pid))
		return -EADDRINUSE;
	if (name.nl_pid)
		nl->port = name.nl_pid;
	bind_auto(file);
	nl->groups = name.nl_groups;
	return 0;
}

int shim_netlink_connect(struct shim_file *file, const struct sockaddr *addr,
			 socklen_t len)
{
	struct sockaddr_nl name;
	sa_family_t family;
	int rc;

	if (len < sizeof(family))
		return -EINVAL;
	if (!shim_can_read(addr, sizeof(family)))
		return -EFAULT;
	memcpy(&family, addr, sizeof(family));
	if (family == AF_UNSPEC)
		return 0;
	rc = name_from(addr, len, &name);
	if (rc < 0)
		return rc;
	if (name.nl_groups || name.nl_pid)
		return -EPERM; /* to others only with privilege */
	bind_auto(file);
	return 0;
}

int shim_netlink_name(struct shim_file *file, bool peer,
		      struct sockaddr *addr, socklen_t *len)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK };

	if (!peer) {
		name.nl_pid = file->netlink->port;
		name.nl_groups = file->netlink->groups;
	}
	memcpy(addr, &name, *len < sizeof(name) ? *len : sizeof(name));
	*len = sizeof(name);
	return 0;
}

/* ---- requests ---- */

/* After a fork the other end is the parent's: the child gets a pair of its
 * own under the number it uses. */
static int renew(int fd, struct shim_file *file)
{
	int flags = raw_fcntl(fd, F_GETFD, 0), sv[2], rc;
	socklen_t len = sizeof(file->cookie);

	rc = shim_fd_pair(SOCK_SEQPACKET | (file->nonblock ? SOCK_NONBLOCK : 0),
			  sv);
	if (rc < 0)
		return rc;
	file->peer_fd = sv[1];
	rc = (int)RAW(SYS_dup3, sv[0], fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0,
		      0, 0, 0);
	raw_close(sv[0]);
	if (rc < 0)
		return rc;
	return raw_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &file->cookie, &len);
}

static ssize_t gather(const struct msghdr *hdr, uint8_t *dst, size_t room)
{
	size_t i, done = 0;

	for (i = 0; i < hdr->msg_iovlen; i++) {
		const struct iovec *v = &hdr->msg_iov[i];

		if (v->iov_len > room - done)
			return -EMSGSIZE;
		if (v->iov_len && !shim_can_read(v->iov_base, v->iov_len))
			return -EFAULT;
		memcpy(dst + done, v->iov_base, v->iov_len);
		done += v->iov_len;
	}
	return (ssize_t)done;
}

struct exchange {
	struct fdnet_rtnl_out out;
	uint8_t request[REQUEST_MAX] __attribute__((aligned(8)));
};

static void reply(struct shim_file *file, const struct fdnet_rtnl_out *out)
{
	uint32_t at = 0;
	unsigned int i;

	for (i = 0; i < out->n; i++) {
		/* what the program does not fetch is lost, as in the kernel */
		raw_send(file->peer_fd, out->bytes + at, out->ends[i] - at,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		at = out->ends[i];
	}
}

static int check_destination(const struct msghdr *hdr)
{
	struct sockaddr_nl name;
	int rc;

	if (!hdr->msg_namelen || !hdr->msg_name)
		return 0;
	rc = name_from(hdr->msg_name, hdr->msg_namelen, &name);
	if (rc < 0)
		return rc;
	if (name.nl_groups)
		return -EPERM;
	return name.nl_pid ? -ECONNREFUSED : 0;
}

ssize_t shim_netlink_send(int fd, struct shim_file *file,
			  const struct msghdr *hdr, int flags)
{
	struct exchange *x;
	ssize_t rc;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	rc = check_destination(hdr);
	if (rc == 0 && file->peer_fd < 0)
		rc = renew(fd, file);
	if (rc < 0)
		return rc;
	bind_auto(file);
	x = fdnet_mem_alloc(shim_mem(), sizeof(*x));
	if (!x)
		return -ENOBUFS;
	rc = gather(hdr, x->request, sizeof(x->request));
	if (rc >= 0) {
		fdnet_rtnl_answer(file->netlink->protocol == NETLINK_ROUTE
					  ? shim_iface_table()
					  : NULL,
				  x->request, (size_t)rc, file->netlink->port,
				  &x->out);
		reply(file, &x->out);
	}
	fdnet_mem_free(shim_mem(), x, sizeof(*x));
	return rc;
}

ssize_t shim_netlink_recv(int fd, struct msghdr *hdr, int flags)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct msghdr copy = {
		.msg_iov = hdr->msg_iov,
		.msg_iovlen = hdr->msg_iovlen,
	};
	ssize_t rc = LIBC(recvmsg)(fd, &copy, flags);

	if (rc < 0)
		return rc;
	hdr->msg_flags = copy.msg_flags;
	hdr->msg_controllen = 0;
	if (hdr->msg_name)
		memcpy(hdr->msg_name, &kernel,
		       hdr->msg_namelen < sizeof(kernel) ? hdr->msg_namelen
							 : sizeof(kernel));
	hdr->msg_namelen = hdr->msg_name ? sizeof(kernel) : 0;
	return rc;
}

/* ---- options ---- */

static int put_int(int value, void *val, socklen_t *len)
{
	if (*len > sizeof(value))
		*len = sizeof(value);
	memcpy(val, &value, *len);
	return 0;
}

int shim_netlink_getopt(struct shim_file *file, int level, int name,
			void *val, socklen_t *len)
{
	if (level == SOL_SOCKET && name == SO_TYPE)
		return put_int(file->netlink->type, val, len);
	if (level == SOL_SOCKET && name == SO_DOMAIN)
		return put_int(AF_NETLINK, val, len);
	if (level == SOL_SOCKET && name == SO_PROTOCOL)
		return put_int(file->netlink->protocol, val, len);
	if (level == SOL_SOCKET)
		return 1;
	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (*len < sizeof(int))
		return -EINVAL;
	if (name < NETLINK_PKTINFO || name > NETLINK_GET_STRICT_CHK)
		return -ENOPROTOOPT;
	return put_int((int)(file->netlink->options >> name & 1), val, len);
}

int shim_netlink_setopt(struct shim_file *file, int level, int name,
			const void *val, socklen_t len)
{
	int value;

	if (level == SOL_SOCKET)
		return 1;
	if (level != SOL_NETLINK)
		return -ENOPROTOOPT;
	if (len < sizeof(value))
		return -EINVAL;
	if (name < NETLINK_ADD_MEMBERSHIP || name > NETLINK_GET_STRICT_CHK)
		return -ENOPROTOOPT;
	memcpy(&value, val, sizeof(value));
	if (name == NETLINK_ADD_MEMBERSHIP || name == NETLINK_DROP_MEMBERSHIP)
		return value ? 0 : -EINVAL; /* nothing is ever announced */
	if (name == NETLINK_LISTEN_ALL_NSID)
		return -EPERM;
	if (value)
		file->netlink->options |= 1u << name;
	else
		file->netlink->options &= ~(1u << name);
	return 0;
}
