/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A live TCP connection goes to another process.
 *
 * A client process sends and checks what a server echoes. In the middle it
 * saves its endpoint and its stack, and executes a new program, which has
 * nothing but these bytes: it restores both, the endpoint over fds that did
 * not exist before, passes their other end to the server, and goes on. The
 * old process is gone by then, with whatever was in its socket. The server
 * changes to the new fd by the same way, within one process.
 */
#include "config.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include <fdnet/stack.h>

#include "tests/ep_util.h"

#define TOTAL	(4u << 20)
#define MOVE_AT (1u << 20)
#define PORT	80
#define TAG	4711 /* the socket's in the saved stack */

struct host {
	struct fdnet_pkt_pool *pool;
	struct fdnet_endpoint *ep;
	struct fdnet_stack *stack;
	struct fdnet_sock *so;
	bool ended; /* the endpoint's fd has */
	uint32_t sent, checked;
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void on_packet(void *arg, struct fdnet_endpoint *ep, struct fdnet_pkt *pkt)
{
	fdnet_stack_input(((struct host *)arg)->stack, pkt);
}

static const struct fdnet_dispatcher disp = {.deliver = on_packet};

static void host_attach(struct host *h)
{
	ck_assert_int_eq(
		fdnet_endpoint_attach(h->ep, &disp, h, FDNET_ATTACH_POLLED), 0);
	h->ended = false;
}

static void host_open(struct host *h, int fd, uint32_t last)
{
	struct fdnet_fd_options o = options(&fd, 1);
	struct fdnet_ip addr = fdnet_ip4(10u << 24 | last);
	struct fdnet_stack_config cfg;

	memset(h, 0, sizeof(*h));
	h->pool = fdnet_pkt_pool_new(NULL, 256, 0);
	o.closed = NULL;
	o.pool = h->pool;
	o.save_restore = true;
	o.gro = true;
	o.gso_max_size = 65000;
	o.software_gso_enabled = true;
	o.packet_dispatch_mode = FDNET_DISPATCH_RECVMMSG;
	o.sndbuf = UINT32_MAX; /* small: packets wait when it is saved */
	h->ep = endpoint(&o);
	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = h->pool;
	cfg.mtu = 1500;
	cfg.gso_max = 60000;
	ck_assert_int_eq(fdnet_stack_new(&cfg, now_us(), &h->stack), 0);
	ck_assert_int_eq(fdnet_stack_add_addr(h->stack, &addr, 24), 0);
	host_attach(h);
}

static void host_close(struct host *h)
{
	if (h->so)
		fdnet_sock_close(h->so);
	fdnet_stack_free(h->stack);
	fdnet_endpoint_free(h->ep);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(h->pool), 0);
	fdnet_pkt_pool_free(h->pool);
}

/* Save the endpoint and take it up over @fd. */
static void host_move(struct host *h, int fd)
{
	struct fdnet_fd_options o = options(&fd, 1);
	uint8_t *blob;
	ssize_t len;

	o.closed = NULL;
	o.pool = h->pool;
	fdnet_endpoint_detach(h->ep);
	len = fdnet_endpoint_save(h->ep, NULL, 0);
	ck_assert_int_gt(len, 0);
	blob = malloc((size_t)len);
	ck_assert_int_eq(fdnet_endpoint_save(h->ep, blob, (size_t)len), len);
	fdnet_endpoint_free(h->ep);
	ck_assert_int_eq(
		fdnet_endpoint_restore(blob, (size_t)len, &o, &h->ep, NULL), 0);
	free(blob);
	host_attach(h);
}

/* One turn: send, sleep, receive. @extra is polled too. */
static void host_step(struct host *h, int extra)
{
	struct pollfd fds[2] = {{.fd = extra, .events = POLLIN}, {.fd = -1}};
	uint64_t expiry, now = now_us();
	struct fdnet_pkt *pkt;
	int timeout = 1000;

	fdnet_stack_set_time(h->stack, now);
	fdnet_stack_advance(h->stack);
	while ((pkt = fdnet_stack_output(h->stack)))
		fdnet_endpoint_write_packet(h->ep, NULL, NULL, 0, pkt);
	if (!h->ended)
		fdnet_endpoint_poll_set(h->ep, fds + 1, 1);
	expiry = fdnet_stack_expiry(h->stack);
	if (expiry <= now)
		timeout = 0;
	else if (expiry - now < 1000000)
		timeout = (int)((expiry - now) / 1000) + 1;
	poll(fds, 2, timeout);
	fdnet_stack_set_time(h->stack, now_us());
	if (!h->ended)
		h->ended = fdnet_endpoint_dispatch(h->ep, 0, 64) == -EPIPE;
}

static ssize_t sock_io(struct fdnet_sock *so, uint8_t *buf, size_t len, bool out)
{
	struct iovec iov = {buf, len};
	struct fdnet_msg msg = {.iov = &iov, .iovcnt = 1, .ttl = -1, .tos = -1};

	return out ? fdnet_sock_send(so, &msg) : fdnet_sock_recv(so, &msg);
}

/* ---- the client ---- */

/* As much as the socket takes: small pieces would wait for each other. */
static void client_send(struct host *h)
{
	uint8_t buf[8192];
	ssize_t rc = 1;
	uint32_t n, i;

	while (rc > 0 && h->sent < TOTAL) {
		n = TOTAL - h->sent;
		if (n > sizeof(buf))
			n = sizeof(buf);
		for (i = 0; i < n; i++)
			buf[i] = pattern(h->sent + i);
		rc = sock_io(h->so, buf, n, true);
		if (rc > 0)
			h->sent += (uint32_t)rc;
	}
	if (rc < 0 && rc != -EAGAIN && rc != -ENOTCONN)
		ck_abort_msg("send: %zd", rc);
}

static void client_check(struct host *h)
{
	uint8_t buf[8192];
	ssize_t rc, i;

	while ((rc = sock_io(h->so, buf, sizeof(buf), false)) > 0)
		for (i = 0; i < rc; i++, h->checked++)
			if (buf[i] != pattern(h->checked))
				ck_abort_msg("byte %u differs", h->checked);
	if (rc != -EAGAIN && rc != -ENOTCONN)
		ck_abort_msg("recv after %u: %zd", h->checked, rc);
}

static void client_until(struct host *h, uint32_t checked)
{
	while (h->checked < checked) {
		client_send(h);
		host_step(h, -1);
		client_check(h);
	}
}

static void pass_fd(int to, int fd)
{
	char buf[CMSG_SPACE(sizeof(int))] = {0};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = buf,
			     .msg_controllen = sizeof(buf)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	ck_assert_int_eq(sendmsg(to, &msg, 0), 1);
}

static int take_fd(int from)
{
	char buf[CMSG_SPACE(sizeof(int))] = {0};
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = buf,
			     .msg_controllen = sizeof(buf)};
	int fd = -1;

	if (recvmsg(from, &msg, MSG_DONTWAIT) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* What the old program leaves to the new one, before the bytes. */
struct legacy {
	uint32_t sent, checked;
	uint64_t ep_len, stack_len;
};

static uint64_t tag_of(void *arg, struct fdnet_sock *so)
{
	return so == ((struct host *)arg)->so ? TAG : 0;
}

static void claim(void *arg, struct fdnet_sock *so, uint64_t tag)
{
	if (tag == TAG)
		((struct host *)arg)->so = so;
}

/* Ends this program: the new one knows two fds by their numbers, no more. */
static void leave(struct host *h, int control)
{
	int fd = memfd_create("legacy", 0);
	struct legacy l = {.sent = h->sent, .checked = h->checked};
	char fd_text[12], control_text[12];
	uint8_t *map;

	fdnet_endpoint_detach(h->ep);
	l.ep_len = (uint64_t)fdnet_endpoint_save(h->ep, NULL, 0);
	l.stack_len = (uint64_t)fdnet_stack_save(h->stack, tag_of, h, NULL, 0);
	if (fd < 0 || ftruncate(fd, (off_t)(sizeof(l) + l.ep_len + l.stack_len)))
		_exit(2);
	map = mmap(NULL, sizeof(l) + l.ep_len + l.stack_len,
		   PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memcpy(map, &l, sizeof(l));
	fdnet_endpoint_save(h->ep, map + sizeof(l), l.ep_len);
	fdnet_stack_save(h->stack, tag_of, h, map + sizeof(l) + l.ep_len,
			 l.stack_len);
	fcntl(control, F_SETFD, 0);
	sprintf(fd_text, "%d", fd);
	sprintf(control_text, "%d", control);
	execl("/proc/self/exe", "successor", fd_text, control_text, NULL);
	_exit(3);
}

static void host_inherit(struct host *h, const uint8_t *map, int fd)
{
	struct fdnet_stack_config cfg = {.mem = fdnet_mem_libc()};
	struct fdnet_fd_options o = options(&fd, 1);
	struct legacy l;

	memset(h, 0, sizeof(*h));
	memcpy(&l, map, sizeof(l));
	h->sent = l.sent;
	h->checked = l.checked;
	h->pool = fdnet_pkt_pool_new(NULL, 256, 0);
	o.closed = NULL;
	o.pool = cfg.pool = h->pool;
	ck_assert_int_eq(fdnet_endpoint_restore(map + sizeof(l), l.ep_len, &o,
						&h->ep, NULL),
			 0);
	ck_assert_int_eq(fdnet_stack_restore(&cfg, now_us(),
					     map + sizeof(l) + l.ep_len,
					     l.stack_len, claim, h, &h->stack),
			 0);
	ck_assert_ptr_nonnull(h->so);
	host_attach(h);
}

/* The program that takes over; its arguments. */
static int legacy_fd, control_fd;

START_TEST(what_a_program_left_another_goes_on_with)
{
	off_t len = lseek(legacy_fd, 0, SEEK_END);
	uint8_t *map =
		mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, legacy_fd, 0);
	struct host h;
	int fds[2];

	ck_assert(map != MAP_FAILED);
	pair_of(SOCK_SEQPACKET, fds);
	host_inherit(&h, map, fds[0]);
	pass_fd(control_fd, fds[1]);
	close(fds[1]);
	client_until(&h, TOTAL);
	fdnet_sock_close(h.so);
	h.so = NULL;
	while (fdnet_stack_has_work(h.stack))
		host_step(&h, -1);
	host_close(&h);
}
END_TEST

static void client(int fd, int control)
{
	struct fdnet_name to = {.ip = fdnet_ip4(10u << 24 | 2), .port = PORT};
	struct host h;

	host_open(&h, fd, 1);
	ck_assert_int_eq(
		fdnet_sock_open(h.stack, 4, FDNET_SOCK_STREAM, 6, &h.so), 0);
	ck_assert_int_eq(fdnet_sock_connect(h.so, &to), -EINPROGRESS);
	client_until(&h, MOVE_AT);
	leave(&h, control);
}

/* ---- the server ---- */

/* Echo what came; what does not fit stays where it is. */
static bool serve(struct host *h)
{
	struct iovec iov[8];
	int n, i;
	ssize_t rc;

	for (;;) {
		n = fdnet_sock_recv_peek(h->so, iov, 8);
		if (n <= 0)
			return n != 0;
		for (i = 0; i < n; i++) {
			rc = sock_io(h->so, iov[i].iov_base, iov[i].iov_len,
				     true);
			if (rc == -EAGAIN)
				return true;
			if (rc < 0)
				return false;
			fdnet_sock_recv_consume(h->so, (size_t)rc);
			h->checked += (uint32_t)rc;
			break; /* the view has changed */
		}
	}
}

static void server(struct host *h, int control)
{
	struct fdnet_name at = {.port = PORT};
	struct fdnet_sock *listener;
	bool moved = false;
	int fd = -1;

	at.ip = fdnet_ip4(10u << 24 | 2);
	ck_assert_int_eq(
		fdnet_sock_open(h->stack, 4, FDNET_SOCK_STREAM, 6, &listener), 0);
	ck_assert_int_eq(fdnet_sock_bind(listener, &at), 0);
	ck_assert_int_eq(fdnet_sock_listen(listener, 5), 0);
	for (;;) {
		host_step(h, moved ? -1 : control);
		if (!h->so)
			fdnet_sock_accept(listener, &h->so);
		if (h->so && !serve(h))
			break;
		if (fd < 0)
			fd = take_fd(control);
		/* first what the old process had sent */
		if (fd >= 0 && !moved && h->ended) {
			host_move(h, fd);
			moved = true;
		}
	}
	ck_assert(moved);
	ck_assert_uint_eq(h->checked, TOTAL);
	fdnet_sock_close(h->so);
	h->so = NULL;
	/* the last acknowledgements */
	while (!h->ended)
		host_step(h, -1);
	fdnet_sock_close(listener);
}

START_TEST(a_live_connection_moves_to_another_process)
{
	int fds[2], control[2], status;
	struct host h;
	pid_t pid;

	pair_of(SOCK_SEQPACKET, fds);
	pair_of(SOCK_SEQPACKET, control);
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		client(fds[0], control[0]);
	}
	close(fds[0]);
	host_open(&h, fds[1], 2);
	server(&h, control[1]);
	host_close(&h);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(fds[1]);
	close(control[0]);
	close(control[1]);
}
END_TEST

int main(int argc, char **argv)
{
	bool heir = argc == 3 && !strcmp(argv[0], "successor");
	Suite *s = suite_create("endpoint_move");
	TCase *tc = tcase_create("move");

	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	if (heir) {
		legacy_fd = atoi(argv[1]);
		control_fd = atoi(argv[2]);
		setenv("CK_FORK", "no", 1);
		tcase_add_test(tc, what_a_program_left_another_goes_on_with);
	} else {
		tcase_add_test(tc, a_live_connection_moves_to_another_process);
	}
	return run_suite(s);
}
