/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/relay_guest.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- guests' sockets ---- */

struct fdnet_name rg_name(const char *ip, uint16_t port)
{
	struct fdnet_name name = {.port = port};

	ck_assert_int_eq(fdnet_ip_parse(ip, &name.ip), 0);
	return name;
}

static struct fdnet_sock *open_sock(struct rg *g, int family, int type)
{
	struct fdnet_sock *so;

	ck_assert_int_eq(fdnet_sock_open(g->stack, family, type,
					 type == FDNET_SOCK_STREAM ? 6 : 17, &so),
			 0);
	return so;
}

static bool is_decided(void *arg)
{
	return fdnet_sock_poll(arg) &
	       (FDNET_EV_OUT | FDNET_EV_ERR | FDNET_EV_HUP);
}

int rg_connect(struct rg *g, const char *ip, uint16_t port,
	       struct fdnet_sock **ret_so)
{
	struct fdnet_name name = rg_name(ip, port);
	struct fdnet_sock *so = open_sock(g, name.ip.family, FDNET_SOCK_STREAM);
	uint32_t len = sizeof(int);
	int error = 0, rc;

	fdnet_stack_set_time(g->stack, rg_now_us());
	rc = fdnet_sock_connect(so, &name);
	if (rc == -EINPROGRESS) {
		ck_assert_msg(rg_until(g->relay, RG_PATIENCE_MS, is_decided, so),
			      "connect to %s:%u hangs", ip, port);
		fdnet_sock_getopt(so, SOL_SOCKET, SO_ERROR, &error, &len);
		rc = -error;
	}
	if (rc) {
		fdnet_sock_close(so);
		return rc;
	}
	*ret_so = so;
	return 0;
}

struct fdnet_sock *rg_listen(struct rg *g, const char *ip, uint16_t port)
{
	struct fdnet_name name = rg_name(ip, port);
	struct fdnet_sock *so = open_sock(g, name.ip.family, FDNET_SOCK_STREAM);

	ck_assert_int_eq(fdnet_sock_bind(so, &name), 0);
	ck_assert_int_eq(fdnet_sock_listen(so, 128), 0);
	ck_assert_int_eq(rg_claim(g, FDNET_CTL_LISTEN, 6, port), 0);
	return so;
}

static bool is_readable(void *arg)
{
	return fdnet_sock_poll(arg) &
	       (FDNET_EV_IN | FDNET_EV_ERR | FDNET_EV_HUP | FDNET_EV_RDHUP);
}

static bool is_writable(void *arg)
{
	return fdnet_sock_poll(arg) &
	       (FDNET_EV_OUT | FDNET_EV_ERR | FDNET_EV_HUP);
}

struct fdnet_sock *rg_accept(struct rg *g, struct fdnet_sock *listener)
{
	struct fdnet_sock *so;

	ck_assert(rg_until(g->relay, RG_PATIENCE_MS, is_readable, listener));
	ck_assert_int_eq(fdnet_sock_accept(listener, &so), 0);
	return so;
}

int rg_send(struct rg *g, struct fdnet_sock *so, const void *data, size_t len)
{
	while (len) {
		struct iovec iov = {(void *)data, len};
		struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};
		ssize_t rc;

		fdnet_stack_set_time(g->stack, rg_now_us());
		rc = fdnet_sock_send(so, &msg);
		if (rc == -EAGAIN) {
			ck_assert(rg_until(g->relay, RG_PATIENCE_MS,
					   is_writable, so));
			continue;
		}
		if (rc < 0)
			return (int)rc;
		data = (const char *)data + rc;
		len -= (size_t)rc;
	}
	rg_push(g);
	return 0;
}

ssize_t rg_recv(struct rg *g, struct fdnet_sock *so, void *data, size_t len)
{
	for (;;) {
		struct iovec iov = {data, len};
		struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};
		ssize_t rc = fdnet_sock_recv(so, &msg);

		if (rc != -EAGAIN) {
			if (!g->ended)
				rg_push(g);
			return rc;
		}
		ck_assert_msg(rg_until(g->relay, RG_PATIENCE_MS, is_readable, so),
			      "nothing comes");
	}
}

struct fdnet_sock *rg_udp(struct rg *g)
{
	struct fdnet_sock *so = open_sock(g, 4, FDNET_SOCK_DGRAM);
	struct fdnet_name any = {.ip.family = 4};
	int on = 1;

	ck_assert_int_eq(fdnet_sock_bind(so, &any), 0);
	fdnet_sock_setopt(so, 0 /* SOL_IP */, 11 /* IP_RECVERR */, &on,
			  sizeof(on));
	return so;
}

ssize_t rg_sendto(struct rg *g, struct fdnet_sock *so, const char *ip,
		  uint16_t port, const void *data, size_t len)
{
	struct iovec iov = {(void *)data, len};
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.to_from = rg_name(ip, port),
		.ttl = -1,
		.tos = -1,
	};
	ssize_t rc = fdnet_sock_send(so, &msg);

	rg_push(g);
	return rc;
}

ssize_t rg_recvfrom(struct rg *g, struct fdnet_sock *so, void *data, size_t len,
		    struct fdnet_name *ret_from)
{
	struct iovec iov = {data, len};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1};
	uint64_t end_us = rg_now_us() + RG_PATIENCE_MS * 1000ull;
	ssize_t rc;

	/* not by readiness: a full error queue is an event for ever */
	while ((rc = fdnet_sock_recv(so, &msg)) == -EAGAIN) {
		ck_assert_msg(rg_now_us() < end_us, "no datagram comes");
		rg_turn(g->relay, 5);
	}
	if (ret_from)
		*ret_from = msg.to_from;
	return rc;
}

/* ---- host sockets ---- */

static socklen_t host_name(const char *ip, uint16_t port,
			   struct sockaddr_storage *ret_sa)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret_sa;
	struct sockaddr_in *sin = (struct sockaddr_in *)ret_sa;

	memset(ret_sa, 0, sizeof(*ret_sa));
	if (strchr(ip, ':')) {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(port);
		inet_pton(AF_INET6, ip, &sin6->sin6_addr);
		return sizeof(*sin6);
	}
	sin->sin_family = AF_INET;
	sin->sin_port = htons(port);
	inet_pton(AF_INET, ip, &sin->sin_addr);
	return sizeof(*sin);
}

static int host_socket(const char *ip, uint16_t *port, int type)
{
	struct sockaddr_storage sa;
	socklen_t len = host_name(ip, *port, &sa);
	int on = 1,
	    fd = socket(sa.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
	getsockname(fd, (struct sockaddr *)&sa, &len);
	/* at the same place in both families */
	*port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
	return fd;
}

int rg_host_connecting(const char *ip, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = host_name(ip, port, &sa);
	int fd = socket(sa.ss_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert(!connect(fd, (struct sockaddr *)&sa, len) ||
		  errno == EINPROGRESS);
	return fd;
}

int rg_host_listen(const char *ip, uint16_t *port)
{
	int fd;

	*port = 0;
	fd = host_socket(ip, port, SOCK_STREAM);
	ck_assert_int_eq(listen(fd, 128), 0);
	return fd;
}

int rg_host_udp(const char *ip, uint16_t *port)
{
	*port = 0;
	return host_socket(ip, port, SOCK_DGRAM);
}

struct host_wait {
	int fd;
	short events;
};

static bool host_ready(void *arg)
{
	struct host_wait *wait = arg;
	struct pollfd pfd = {wait->fd, wait->events, 0};

	return poll(&pfd, 1, 0) > 0;
}

static void wait_host(struct rg_relay *relay, int fd, short events)
{
	struct host_wait wait = {fd, events};

	relay->host_fd = fd;
	relay->host_events = events;
	ck_assert_msg(rg_until(relay, RG_PATIENCE_MS, host_ready, &wait),
		      "nothing comes to the host");
	relay->host_fd = -1;
}

int rg_host_accept(struct rg_relay *relay, int fd)
{
	int client;

	wait_host(relay, fd, POLLIN);
	client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	ck_assert_int_ge(client, 0);
	return client;
}

int rg_host_connect(struct rg_relay *relay, const char *ip, uint16_t port,
		    int *ret_fd)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	int error = 0,
	    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(error);

	inet_pton(AF_INET, ip, &sin.sin_addr);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 &&
	    errno != EINPROGRESS) {
		close(fd);
		return -errno;
	}
	wait_host(relay, fd, POLLOUT);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		close(fd);
		return -error;
	}
	*ret_fd = fd;
	return 0;
}

ssize_t rg_host_recv(struct rg_relay *relay, int fd, void *data, size_t len)
{
	ssize_t rc = recv(fd, data, len, 0);

	if (rc < 0 && errno == EAGAIN) {
		wait_host(relay, fd, POLLIN);
		rc = recv(fd, data, len, 0);
	}
	return rc < 0 ? -errno : rc;
}
