/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that make, name and join sockets. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/addr.h"
#include "shim/call.h"
#include "shim/claim.h"
#include "shim/handover.h"
#include "shim/helper.h"
#include "shim/keep.h"
#include "shim/mirror.h"
#include "shim/netlink.h"
#include "shim/node.h"
#include "shim/pump.h"
#include "shim/raw.h"
#include "shim/shared.h"
#include "shim/signal.h"
#include "shim/uaccess.h"
#include "stack/wire/udp.h"

#define TYPE_MASK 0xf

static int default_proto(int domain, int type, int protocol)
{
	if (protocol != 0)
		return protocol;
	if (type == SOCK_STREAM)
		return IPPROTO_TCP;
	return type == SOCK_DGRAM ? IPPROTO_UDP : 0;
}

/* The kernel's order: type flags, family, type, protocol. */
static int check_kind(int type, int protocol)
{
	int kind = type & TYPE_MASK;

	if (type & ~(TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	if (kind > SOCK_PACKET)
		return -EINVAL;
	if (protocol < 0 || protocol > 262) /* IPPROTO_MPTCP is the last */
		return -EINVAL;
	if (kind != SOCK_STREAM && kind != SOCK_DGRAM && kind != SOCK_RAW)
		return -ESOCKTNOSUPPORT;
	if (kind == SOCK_RAW && protocol == 0)
		return -EPROTONOSUPPORT;
	return 0;
}

static int socket_open(int domain, int type, int protocol)
{
	int kind = type & TYPE_MASK;
	struct fdnet_sock *so;
	int rc;

	rc = check_kind(type, protocol);
	if (rc < 0)
		return rc;
	rc = shim_net_start();
	if (rc < 0)
		return rc;
	rc = fdnet_sock_open(shim_net_stack(), domain == AF_INET ? 4 : 6, kind,
			     default_proto(domain, kind, protocol), &so);
	if (rc < 0)
		return rc;
	rc = shim_file_new(domain, type, so, NULL);
	if (rc < 0)
		fdnet_sock_close(so);
	return rc;
}

/* Inside the fence they do not exist, which the kernel says in this way. */
static int other_netlink(int type, int protocol)
{
	int rc = LIBC(socket)(AF_NETLINK, type, protocol);

	if (rc < 0 && errno == EAFNOSUPPORT)
		errno = EPROTONOSUPPORT;
	return rc;
}

int shim_socket(int domain, int type, int protocol)
{
	struct shim_guard guard;
	int rc, state;

	if (domain == AF_NETLINK && protocol != NETLINK_ROUTE &&
	    protocol != NETLINK_SOCK_DIAG)
		return other_netlink(type, protocol);
	if (domain != AF_INET && domain != AF_INET6 && domain != AF_NETLINK)
		return LIBC(socket)(domain, type, protocol);
	shim_cancel_off(&state);
	shim_enter(&guard);
	rc = domain == AF_NETLINK ? shim_netlink_open(type, protocol)
				  : socket_open(domain, type, protocol);
	shim_leave(&guard);
	shim_net_publish_env();
	shim_cancel_restore(state);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(socket);
SHIM_EXPORT_AS(__socket, socket);

/*
 * fdnet-run's filter refuses these calls on what is not ours before the kernel
 * looks at the descriptor; a program that asks what it has got (is this
 * standard input a listener?) wants the kernel's answer.
 */
static int refused_answer(int fd, int rc)
{
	int type;
	socklen_t len = sizeof(type);

	if (rc >= 0 || errno != EPERM)
		return rc;
	if (raw_fcntl(fd, F_GETFD, 0) < 0)
		errno = EBADF;
	else if (raw_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		errno = ENOTSOCK;
	return rc;
}

/*
 * fdnet-run's filter refuses datagram pairs, since either end could be given
 * another address. A packet pair keeps boundaries too, and is what programs
 * that talk to themselves this way (socat) can do with.
 */
int shim_socketpair(int domain, int type, int protocol, int sv[2])
{
	int saved = errno, rc;

	rc = LIBC(socketpair)(domain, type, protocol, sv);
	if (rc == 0 || errno != ESOCKTNOSUPPORT || domain != AF_UNIX ||
	    (type & TYPE_MASK) != SOCK_DGRAM)
		return rc;
	type = (type & ~TYPE_MASK) | SOCK_SEQPACKET;
	rc = LIBC(socketpair)(domain, type, protocol, sv);
	if (rc == 0)
		errno = saved;
	return rc;
}
SHIM_EXPORT(socketpair);

static bool has_option(const struct shim_file *file, int level, int name)
{
	uint32_t len = sizeof(int);
	int on = 0;

	return fdnet_sock_getopt(file->so, level, name, &on, &len) == 0 && on;
}

/* A claim at the relay for the port the program names. */
static int claim_for(struct shim_file *file, const struct fdnet_name *name,
		     struct shim_claim **ret_claim)
{
	struct fdnet_ctl ctl = {
		.proto = (uint8_t)fdnet_sock_proto(file->so),
		.family = name->ip.family,
		.port = name->port,
	};

	*ret_claim = NULL;
	if (name->port == 0 || !fdnet_has_ports(ctl.proto))
		return 0;
	memcpy(ctl.addr, name->ip.bytes, sizeof(ctl.addr));
	if (has_option(file, SOL_SOCKET, SO_REUSEADDR))
		ctl.flags |= FDNET_BIND_REUSEADDR;
	if (has_option(file, SOL_SOCKET, SO_REUSEPORT))
		ctl.flags |= FDNET_BIND_REUSEPORT;
	if (file->domain == AF_INET6 &&
	    has_option(file, IPPROTO_IPV6, IPV6_V6ONLY))
		ctl.flags |= FDNET_BIND_V6ONLY;
	return shim_claim_get(&ctl, ret_claim);
}

/* May the socket take this name? What the stack would say, before the relay
 * is asked for the port. */
static int check_bind(struct shim_file *file, const struct fdnet_name *name)
{
	struct fdnet_name own;

	if (fdnet_sock_name(file->so, &own) == 0 && own.port != 0)
		return -EINVAL;
	if (!fdnet_ip_is_any(&name->ip) &&
	    !fdnet_ip_is_multicast(&name->ip) &&
	    !fdnet_stack_is_local(shim_net_stack(), &name->ip) &&
	    !has_option(file, IPPROTO_IP, IP_FREEBIND))
		return -EADDRNOTAVAIL;
	return 0;
}

static int bind_leased(struct shim_file *file, const struct fdnet_name *name)
{
	int proto = fdnet_sock_proto(file->so);
	int rc = fdnet_sock_bind(file->so, name);

	if (rc != -EADDRNOTAVAIL || name->port != 0)
		return rc;
	if (shim_net_lease((uint8_t)proto) < 0)
		return -EADDRINUSE;
	return fdnet_sock_bind(file->so, name);
}

static int do_bind(struct shim_file *file, const struct fdnet_name *name)
{
	struct shim_claim *claim;
	int rc;

	rc = check_bind(file, name);
	if (rc < 0)
		return rc;
	rc = claim_for(file, name, &claim);
	if (rc < 0)
		return rc;
	if (!file->so) { /* the network went while we asked */
		shim_claim_put(claim);
		return -ENETDOWN;
	}
	rc = bind_leased(file, name);
	if (rc < 0)
		shim_claim_put(claim);
	else
		file->claim = claim;
	return rc;
}

/* Has the relay the state? It is asked for if need be. */
static bool is_nodes(struct shim_file *file)
{
	if (file->remote)
		shim_pump_touch(file);
	return file->in_node;
}

int shim_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct shim_guard guard;
	struct shim_file *file = shim_begin(fd, &guard);
	struct fdnet_name name;
	int rc;

	if (!file)
		return refused_answer(fd, LIBC(bind)(fd, addr, len));
	if (file->netlink) {
		rc = shim_netlink_bind(file, addr, len);
		shim_end(&guard);
		return (int)shim_ret(rc);
	}
	rc = shim_name_from(file->domain, addr, len, &name);
	if (rc == 0 && name.ip.family == 0) {
		/* AF_UNSPEC: taken for AF_INET's any address, by history */
		if (file->domain != AF_INET || len < sizeof(struct sockaddr_in))
			rc = -EAFNOSUPPORT;
		name.ip.family = 4;
	}
	shim_file_hold(file);
	shim_file_await(file);
	if (rc == 0 && is_nodes(file)) {
		rc = shim_node_bind(file, &name);
	} else if (rc == 0 && !file->so) {
		rc = -EINVAL;
	} else if (rc == 0) {
		file->naming = true;
		rc = do_bind(file, &name);
		shim_file_free_again(file);
	}
	shim_file_put(file);
	shim_end(&guard);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(bind);

static int choose_port(struct shim_file *file)
{
	int rc = fdnet_sock_choose_port(file->so);

	if (rc != -EADDRNOTAVAIL)
		return rc;
	if (shim_net_lease((uint8_t)fdnet_sock_proto(file->so)) < 0)
		return -EADDRINUSE;
	return file->so ? fdnet_sock_choose_port(file->so) : -ENETDOWN;
}

/* A listener's port is known to the relay, also when it was chosen from a
 * lease: other processes of the sandbox will ask for it. */
static int claim_listener(struct shim_file *file)
{
	struct fdnet_name name;
	int rc;

	if (file->claim || !shim_net_has_relay())
		return shim_claim_listen(file->claim);
	rc = fdnet_sock_name(file->so, &name);
	if (rc == 0 && name.port == 0) {
		rc = choose_port(file);
		if (rc == 0)
			rc = fdnet_sock_name(file->so, &name);
	}
	if (rc == 0)
		rc = claim_for(file, &name, &file->claim);
	return rc < 0 ? rc : shim_claim_listen(file->claim);
}

static int do_listen(struct shim_file *file, int backlog)
{
	int rc;

	if (!file->is_stream)
		return -EOPNOTSUPP;
	if (!file->so || (fdnet_sock_state(file->so) != FDNET_TCP_CLOSE &&
			  fdnet_sock_state(file->so) != FDNET_TCP_LISTEN))
		return -EINVAL;
	if (fdnet_sock_state(file->so) == FDNET_TCP_CLOSE) {
		rc = claim_listener(file);
		if (rc < 0)
			return rc;
	}
	return file->so ? fdnet_sock_listen(file->so, backlog) : -ENETDOWN;
}

int shim_listen(int fd, int backlog)
{
	struct shim_guard guard;
	struct shim_file *file = shim_begin(fd, &guard);
	int rc;

	if (!file)
		return refused_answer(fd, LIBC(listen)(fd, backlog));
	shim_file_hold(file);
	shim_file_await(file);
	if (is_nodes(file)) {
		rc = shim_node_listen(file, backlog);
	} else {
		file->naming = true;
		rc = do_listen(file, backlog);
		shim_file_free_again(file);
	}
	if (rc == 0 && !file->in_node && shim_net_has_relay())
		shim_helper_watch();
	shim_mirror_touch(file);
	shim_file_put(file);
	shim_end(&guard);
	shim_helper_start();
	return (int)shim_ret(rc);
}
SHIM_EXPORT(listen);

/* Gives an accepted connection its own fd. */
static int adopt(struct shim_file *listener, struct fdnet_sock *so, int flags,
		 struct sockaddr *addr, socklen_t *len)
{
	struct shim_file *file;
	struct fdnet_name peer;
	int fd;

	if (addr && (!shim_can_write(len, sizeof(*len)) ||
		     !shim_can_write(addr, *len))) {
		fdnet_sock_close(so); /* as the kernel: it is lost */
		return -EFAULT;
	}
	fd = shim_file_new(listener->domain, SOCK_STREAM | flags, so, &file);
	if (fd < 0) {
		fdnet_sock_close(so);
		return fd;
	}
	file->joined = true;
	file->claim = shim_claim_ref(listener->claim);
	file->accepted = true;
	shim_keep_tell(file, NULL, false);
	if (addr && fdnet_sock_peer(so, &peer) == 0)
		shim_name_to(listener->domain, &peer, addr, len);
	return fd;
}

/* A listener that several processes accept from. */
static int accept_pumped(int fd, int domain, struct sockaddr *addr,
			 socklen_t *len, int flags)
{
	struct fdnet_name local, peer;
	struct shim_guard guard;
	uint64_t cookie;
	int rc, new_fd;

	shim_helper_start();
	new_fd = shim_pump_accept(fd, flags, &local, &peer, &cookie);
	if (new_fd < 0)
		return new_fd;
	shim_enter(&guard);
	rc = shim_file_adopt(new_fd, cookie, domain, &local, &peer);
	shim_leave(&guard);
	if (rc < 0) {
		raw_close(new_fd);
		return rc;
	}
	if (addr)
		shim_name_to(domain, &peer, addr, len);
	return new_fd;
}

int shim_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	struct shim_guard guard;
	struct shim_file *file;
	struct shim_waiter w = { 0 };
	struct fdnet_sock *so;
	uint64_t deadline = 0;
	int rc, domain;

	shim_cancel_point(fd);
	file = shim_begin(fd, &guard);
	if (!file)
		return refused_answer(fd, LIBC(accept4)(fd, addr, len, flags));
	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC) || file->netlink) {
		rc = file->netlink ? -EOPNOTSUPP : -EINVAL;
		shim_end(&guard);
		return (int)shim_ret(rc);
	}
	shim_file_hold(file);
	shim_net_drive();
	for (;;) {
		if (file->pumped) {
			rc = -ESTALE;
			break;
		}
		rc = file->so ? fdnet_sock_accept(file->so, &so) : -EINVAL;
		if (rc != -EAGAIN || file->nonblock)
			break;
		rc = shim_block(file, FDNET_EV_IN, file->rcvtimeo_us,
				&deadline, &w, &guard);
		if (rc < 0)
			break;
	}
	if (rc == 0)
		rc = adopt(file, so, flags, addr, len);
	shim_mirror_touch(file);
	shim_net_flush();
	shim_wait_end(&w);
	if (rc == -ESTALE && file->remote)
		shim_pump_touch(file);
	domain = file->domain;
	shim_file_put(file);
	shim_end(&guard);
	if (rc == -ESTALE)
		rc = accept_pumped(fd, domain, addr, len, flags);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(accept4);

int shim_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	if (!shim_file_maybe(fd))
		return refused_answer(fd, LIBC(accept)(fd, addr, len));
	return shim_accept4(fd, addr, len, 0);
}
SHIM_EXPORT(accept);

static int start_connect(struct shim_file *file, const struct fdnet_name *name)
{
	int rc = fdnet_sock_connect(file->so, name);

	if (rc != -EADDRNOTAVAIL)
		return rc;
	/* a hand-over must not take names along that are about to change */
	file->naming = true;
	rc = shim_net_lease((uint8_t)fdnet_sock_proto(file->so));
	if (rc < 0)
		rc = -EADDRNOTAVAIL;
	else
		rc = file->so ? fdnet_sock_connect(file->so, name) : -ENETDOWN;
	shim_file_free_again(file);
	return rc;
}

/* Waits in the kernel until A can be written to. */
static int wait_writable(int fd, bool *ret_dead)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int rc;

	shim_signal_watch();
	do
		rc = LIBC(poll)(&p, 1, -1);
	while (rc < 0 && errno == EINTR && shim_signal_restarts());
	*ret_dead = rc > 0 && (p.revents & (POLLHUP | POLLERR));
	return rc < 0 ? -errno : 0;
}

/* One whose last attempt has failed needs a new pair first. */
static int ask_connect(int fd, struct shim_file *file,
		       const struct fdnet_name *name)
{
	int rc = shim_node_connect(file, name);

	if (rc != -ESTALE)
		return rc;
	rc = shim_shared_renew(file, fd);
	return rc < 0 ? rc : shim_node_connect(file, name);
}

/* connect() on a socket that the relay has; @begun: it is under way. The lock
 * is released while it lasts. */
static int connect_node(int fd, struct shim_file *file,
			const struct fdnet_name *name, bool begun,
			struct shim_guard *guard)
{
	int rc = begun ? -EINPROGRESS : ask_connect(fd, file, name), error = 0;
	uint32_t len = sizeof(error);
	bool dead;

	if (!file->is_stream || (rc != 0 && rc != -EINPROGRESS &&
				 rc != -EALREADY))
		return rc;
	if (rc != 0 && file->nonblock)
		return rc;
	shim_leave(guard);
	rc = wait_writable(fd, &dead);
	shim_enter(guard);
	if (rc < 0)
		return rc;
	/* only connect() itself fetches an error so that it may try again */
	if (dead)
		rc = shim_node_connect(file, name);
	else
		shim_node_getopt(file, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error || dead)
		return error ? -error : rc < 0 ? rc : -ECONNREFUSED;
	shim_node_open_out(file, fd);
	file->joined = true;
	shim_node_names(file);
	return 0;
}

/* A blocking connect() that was interrupted goes on in the background and
 * must not be started again: it is waited for until it is decided. */
static int finish_connect(int fd, struct shim_file *file,
			  const struct fdnet_name *name,
			  struct shim_guard *guard)
{
	struct shim_waiter w = { .brief = true };
	uint64_t deadline = 0;
	int rc;

	for (;;) {
		if (file->in_node)
			return connect_node(fd, file, name, true, guard);
		if (!file->so)
			rc = -ENETDOWN;
		else if (fdnet_sock_state(file->so) == FDNET_TCP_SYN_SENT ||
			 fdnet_sock_state(file->so) == FDNET_TCP_SYN_RECV)
			rc = -EINPROGRESS;
		else
			break;
		if (rc != -EINPROGRESS)
			break;
		rc = shim_block(file, FDNET_EV_OUT, file->sndtimeo_us,
				&deadline, &w, guard);
		if (rc == -EAGAIN)
			rc = -EINPROGRESS;
		if (rc < 0)
			goto out;
	}
	/* the outcome is fetched by connect(), not by SO_ERROR: only then is
	 * the socket connected, or free to try again */
	rc = file->so ? fdnet_sock_connect(file->so, name) : -ENETDOWN;
out:
	shim_wait_end(&w);
	return rc;
}

/* A name that cannot be connected to: a stream's state is looked at first. */
static int check_state(struct shim_file *file, int error)
{
	/* an address that no stream is ever connected to */
	struct fdnet_name nobody = { .ip = fdnet_ip4(0xe0000001), .port = 9 };
	int rc;

	if (!file->is_stream || !file->so || file->remote)
		return error;
	if (file->domain == AF_INET6)
		nobody.ip = (struct fdnet_ip){ 6, { 0xff, 2, [15] = 1 } };
	rc = fdnet_sock_connect(file->so, &nobody);
	return rc == -EISCONN || rc == -EALREADY ? rc : error;
}

/* connect() on a socket of this process. */
static int connect_here(int fd, struct shim_file *file,
			const struct fdnet_name *name,
			struct shim_guard *guard)
{
	int rc;

	if (!file->so)
		return -ENETDOWN;
	shim_net_drive();
	rc = start_connect(file, name);
	if (file->is_stream && (rc == 0 || rc == -EINPROGRESS))
		file->joined = true;
	shim_mirror_touch(file);
	shim_net_flush();
	if (rc == 0 || rc == -EINPROGRESS)
		shim_keep_tell(file, name, false);
	if ((rc == -EINPROGRESS || rc == -EALREADY) && !file->nonblock)
		rc = finish_connect(fd, file, name, guard);
	shim_mirror_touch(file);
	return rc;
}

int shim_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct shim_guard guard;
	struct shim_file *file;
	struct fdnet_name name;
	int rc;

	shim_cancel_point(fd);
	file = shim_begin(fd, &guard);
	if (!file)
		return refused_answer(fd, LIBC(connect)(fd, addr, len));
	if (file->netlink) {
		rc = shim_netlink_connect(file, addr, len);
		shim_end(&guard);
		return (int)shim_ret(rc);
	}
	rc = shim_name_from(file->domain, addr, len, &name);
	shim_file_hold(file);
	shim_file_await(file);
	if (rc == 0 && is_nodes(file))
		rc = connect_node(fd, file, &name, false, &guard);
	else if (rc == 0)
		rc = connect_here(fd, file, &name, &guard);
	else if (rc != -EFAULT && len >= sizeof(sa_family_t))
		rc = check_state(file, rc);
	shim_file_put(file);
	shim_end(&guard);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(connect);
SHIM_EXPORT_AS(__connect, connect);

/* On a connection it is the kernel's, with what A holds before it. */
static int shutdown_node(int fd, struct shim_file *file, int how)
{
	if (file->is_stream && !file->joined)
		shim_node_names(file);
	if (file->is_stream && file->joined)
		return raw_shutdown(fd, how);
	return shim_node_shutdown(file, how);
}

int shim_shutdown(int fd, int how)
{
	struct shim_guard guard;
	struct shim_file *file = shim_begin(fd, &guard);
	int rc;

	if (!file)
		return LIBC(shutdown)(fd, how);
	if (file->netlink)
		rc = -EOPNOTSUPP;
	else if (how < SHUT_RD || how > SHUT_RDWR)
		rc = -EINVAL;
	else if (is_nodes(file))
		rc = shutdown_node(fd, file, how);
	else if (file->pumped)
		rc = raw_shutdown(fd, how);
	else if (!file->so)
		rc = -ENOTCONN;
	else
		rc = fdnet_sock_shutdown(file->so, how);
	/* those who are blocked on it learn of it */
	shim_wait_ring(file, FDNET_EV_IN | FDNET_EV_OUT | FDNET_EV_HUP);
	shim_mirror_touch(file);
	shim_net_flush();
	shim_end(&guard);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(shutdown);

/* The name functions differ in which name, and in nothing else. */
static int get_name(struct shim_file *file, int fd, struct sockaddr *addr,
		    socklen_t *len,
		    int (*get)(const struct fdnet_sock *, struct fdnet_name *))
{
	struct fdnet_name name;
	int rc;

	if (file->netlink) {
		name = (struct fdnet_name){ 0 };
	} else if (is_nodes(file)) {
		/* another process may have named it */
		if (!file->joined)
			shim_node_names(file);
		name = get == fdnet_sock_name ? file->local : file->peer;
		if (get == fdnet_sock_peer &&
		    (name.ip.family == 0 || shim_shared_ended(file, fd)))
			return -ENOTCONN;
	} else if (file->remote) {
		name = get == fdnet_sock_name ? file->local : file->peer;
		if (name.ip.family == 0)
			return -ENOTCONN;
	} else {
		rc = file->so ? get(file->so, &name) : -ENOTCONN;
		if (rc < 0)
			return rc;
	}
	if (!shim_can_write(len, sizeof(*len)))
		return -EFAULT;
	if ((int)*len < 0)
		return -EINVAL;
	if (!shim_can_write(addr, *len))
		return -EFAULT;
	if (file->netlink)
		return shim_netlink_name(file, get == fdnet_sock_peer, addr,
					 len);
	shim_name_to(file->domain, &name, addr, len);
	return 0;
}

int shim_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct shim_guard guard;
	struct shim_file *file = shim_begin(fd, &guard);
	int rc;

	if (!file)
		return LIBC(getsockname)(fd, addr, len);
	rc = get_name(file, fd, addr, len, fdnet_sock_name);
	shim_end(&guard);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(getsockname);

int shim_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	struct shim_guard guard;
	struct shim_file *file = shim_begin(fd, &guard);
	int rc;

	if (!file)
		return LIBC(getpeername)(fd, addr, len);
	rc = get_name(file, fd, addr, len, fdnet_sock_peer);
	shim_end(&guard);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(getpeername);

int shim_sockatmark(int fd)
{
	struct shim_guard guard;
	struct shim_file *file = shim_begin(fd, &guard);
	int rc;

	if (!file)
		return LIBC(sockatmark)(fd);
	if (file->remote)
		shim_pump_touch(file);
	if (file->netlink)
		rc = -ENOTTY;
	else if (file->so)
		rc = fdnet_sock_at_mark(file->so);
	else
		rc = shim_shared_at_mark(file, fd);
	shim_end(&guard);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(sockatmark);
