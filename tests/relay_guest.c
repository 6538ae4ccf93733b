/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/relay_guest.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <signal.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

/* Nothing in these tests may take longer, on a busy machine neither. */
#define PATIENCE_MS 20000
#define MAX_MSG (256u << 10)

bool relay_area;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- the host's network ---- */

static int set_interface(int fd, const char *name, const char *address)
{
	struct sockaddr_in *sin;
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	sin = (struct sockaddr_in *)&ifr.ifr_addr;
	sin->sin_family = AF_INET;
	if (address) {
		inet_pton(AF_INET, address, &sin->sin_addr);
		if (ioctl(fd, SIOCSIFADDR, &ifr) < 0)
			return -errno;
	}
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	return ioctl(fd, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}

/* 198.18.0.0/15 has no way: host unreachable. */
static int reject_route(int fd)
{
	struct sockaddr_in *dst, *mask;
	struct rtentry route = { .rt_flags = RTF_UP | RTF_REJECT };

	dst = (struct sockaddr_in *)&route.rt_dst;
	mask = (struct sockaddr_in *)&route.rt_genmask;
	dst->sin_family = mask->sin_family = AF_INET;
	inet_pton(AF_INET, "198.18.0.0", &dst->sin_addr);
	inet_pton(AF_INET, "255.254.0.0", &mask->sin_addr);
	return ioctl(fd, SIOCADDRT, &route) < 0 ? -errno : 0;
}

bool rg_namespace(void)
{
	int fd, rc;

	if (unshare(CLONE_NEWNET) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = set_interface(fd, "lo", NULL);
	if (!rc)
		rc = set_interface(fd, "lo:1", "203.0.113.5");
	if (!rc)
		rc = reject_route(fd);
	close(fd);
	return !rc;
}

bool rg_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return done;
}

/* ---- the relay ---- */

/* Only into the relay: RG_PRELOAD beside the tests. */
static void set_preload(const char *dir)
{
	const char *name = getenv("RG_PRELOAD");
	char path[4096];

	if (!name)
		return;
	snprintf(path, sizeof(path), "%s/tests/.libs/%s", dir ? dir : ".",
		 name);
	setenv("LD_PRELOAD", path, 1);
}

static void exec_relay(char *options, int attach, int status, int errors)
{
	bool listens = !strncmp(options, "--listen ", 9);
	char path[4096], *argv[64], *save, *word;
	const char *dir = getenv("top_builddir");
	int argc = 0;

	snprintf(path, sizeof(path), "%s/fdnet-relay", dir ? dir : ".");
	argv[argc++] = path;
	for (word = strtok_r(options, " ", &save); word && argc < 58;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	if (!listens) {
		argv[argc++] = (char *)"--attach-fd";
		argv[argc++] = (char *)"3";
	}
	argv[argc++] = (char *)"--status-fd";
	argv[argc++] = (char *)"4";
	argv[argc] = NULL;
	attach = fcntl(attach, F_DUPFD, 10);
	status = fcntl(status, F_DUPFD, 10);
	dup2(errors, 2);
	dup2(attach, 3);
	dup2(status, 4);
	close(attach);
	close(status);
	set_preload(dir);
	execv(path, argv);
	perror(path);
	_exit(127);
}

static void expect_word(int fd, const char *word)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	char got[16] = "";

	ck_assert_int_eq(poll(&pfd, 1, PATIENCE_MS), 1);
	ck_assert_int_ge(recv(fd, got, sizeof(got) - 1, 0), 0);
	ck_assert_str_eq(got, word);
}

/* The attach channel is a connection then. */
static void connect_channel(struct rg_relay *relay, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t len = strcspn(path, " ");

	ck_assert_uint_lt(len, sizeof(relay->listen));
	memcpy(relay->listen, path, len);
	memcpy(sa.sun_path, path, len);
	close(relay->attach_fd);
	relay->attach_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(relay->attach_fd, (struct sockaddr *)&sa,
				 sizeof(sa)),
			 0);
}

void rg_start(struct rg_relay *relay, const char *options)
{
	int attach[2], status[2], errors;
	char copy[1024];

	memset(relay, 0, sizeof(*relay));
	relay->host_fd = -1;
	strcpy(relay->errors, "/tmp/fdnet-test-relay-XXXXXX");
	errors = mkostemp(relay->errors, O_CLOEXEC);
	ck_assert_int_ge(errors, 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    attach),
			 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				    status),
			 0);
	ck_assert_uint_lt(strlen(options), sizeof(copy));
	strcpy(copy, options);
	relay->pid = fork();
	ck_assert_int_ge(relay->pid, 0);
	if (!relay->pid)
		exec_relay(copy, attach[1], status[1], errors);
	close(attach[1]);
	close(status[1]);
	close(errors);
	relay->attach_fd = attach[0];
	relay->status_fd = status[0];
	expect_word(relay->status_fd, "ready");
	if (!strncmp(options, "--listen ", 9))
		connect_channel(relay, options + 9);
}

static const char *read_errors(const struct rg_relay *relay)
{
	static char text[65536];
	FILE *file = fopen(relay->errors, "r");
	size_t len;

	ck_assert_ptr_nonnull(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

const char *rg_finish(struct rg_relay *relay)
{
	ck_assert_int_eq(send(relay->status_fd, "finish", 6, MSG_NOSIGNAL),
			 6);
	expect_word(relay->status_fd, "done");
	return read_errors(relay);
}

const char *rg_end(struct rg_relay *relay)
{
	const char *said;
	uint64_t end_us = now_us() + PATIENCE_MS * 1000ull;
	int status = 0;

	for (int i = 0; i < RG_GUESTS; i++)
		if (relay->guests[i])
			rg_kill(relay->guests[i]);
	close(relay->attach_fd);
	close(relay->status_fd);
	if (relay->listen[0]) {
		kill(relay->pid, SIGTERM);
		unlink(relay->listen);
	}
	while (!waitpid(relay->pid, &status, WNOHANG)) {
		if (now_us() > end_us) {
			kill(relay->pid, SIGKILL);
			ck_abort_msg("the relay does not end");
		}
		usleep(1000);
	}
	said = read_errors(relay);
	if (status)
		fputs(said, stderr);
	unlink(relay->errors);
	ck_assert_msg(!status, "the relay ended with status %#x", status);
	return said;
}

void rg_stop(struct rg_relay *relay)
{
	rg_end(relay);
}

long rg_rss_kib(const struct rg_relay *relay)
{
	char path[64];
	long pages = 0, size;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", relay->pid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%ld %ld", &size, &pages), 2);
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE) / 1024;
}

/* ---- links ---- */

static int attach_with(struct rg_relay *relay, uint16_t flags)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	uint8_t data[FDNET_LINK_HDR_LEN + FDNET_ATTACH_LEN];
	struct fdnet_link_hdr hdr = { .type = FDNET_LINK_ATTACH,
				      .hdr_len = FDNET_ATTACH_LEN };
	struct fdnet_attach attach = { .version = FDNET_CTL_VERSION,
				       .flags = flags,
				       .pid = 4711 };
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2], size = 4 << 20;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
						     SOCK_NONBLOCK,
				    0, pair),
			 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	fdnet_link_hdr_encode(data, &hdr);
	fdnet_attach_encode(data + FDNET_LINK_HDR_LEN, &attach);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &pair[1], sizeof(int));
	ck_assert_int_eq(sendmsg(relay->attach_fd, &msg, MSG_NOSIGNAL),
			 sizeof(data));
	close(pair[1]);
	return pair[0];
}

int rg_link(struct rg_relay *relay)
{
	return attach_with(relay, 0);
}

int rg_node(struct rg_relay *relay)
{
	return attach_with(relay, FDNET_ATTACH_NODE);
}

static void make_stack(struct rg *g)
{
	struct fdnet_stack_config cfg;
	struct fdnet_ip ip = { .family = 4 };

	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = g->pool;
	memset(cfg.seed, 7, sizeof(cfg.seed));
	cfg.mtu = g->welcome.mtu;
	cfg.gso_max = g->welcome.gso_max;
	cfg.csum_offload = true;
	cfg.switched = true;
	cfg.lossless = true;
	cfg.ephemeral_lo = g->welcome.lease_lo;
	cfg.ephemeral_hi = g->welcome.lease_hi;
	ck_assert_int_eq(fdnet_stack_new(&cfg, now_us(), &g->stack), 0);
	memcpy(ip.bytes, g->welcome.ip4, 4);
	ck_assert_int_eq(fdnet_stack_add_addr(g->stack, &ip, g->welcome.bits4),
			 0);
	ip.family = 6;
	memcpy(ip.bytes, g->welcome.ip6, 16);
	ck_assert_int_eq(fdnet_stack_add_addr(g->stack, &ip, g->welcome.bits6),
			 0);
}

static void take_packet(void *arg, struct fdnet_pkt *pkt)
{
	struct rg *g = arg;

	if (g->stack)
		fdnet_stack_input(g->stack, pkt);
	else
		fdnet_pkt_free(pkt);
}

static void take_control(void *arg, enum fdnet_link_type type,
			 const uint8_t *body, size_t len, int fd)
{
	struct rg *g = arg;

	if (fd >= 0) {
		struct fdnet_area *area;

		ck_assert(relay_area);
		if (!fdnet_area_map(fdnet_mem_libc(), fd, &area))
			fdnet_link_set_area(g->link, area);
		close(fd);
	}
	if (type == FDNET_LINK_WELCOME) {
		ck_assert_int_eq(fdnet_welcome_decode(body, len, &g->welcome),
				 0);
		g->welcomed = true;
		return;
	}
	ck_assert_int_eq(type, FDNET_LINK_CONTROL);
	ck_assert_int_eq(fdnet_ctl_decode(body, len, &g->reply), 0);
	g->replies++;
}

static bool is_welcomed(void *arg)
{
	struct rg *g = arg;

	return g->welcomed || g->ended;
}

struct rg *rg_attach(struct rg_relay *relay)
{
	struct rg *g = rg_try_attach(relay);

	ck_assert_ptr_nonnull(g);
	return g;
}

struct rg *rg_try_attach(struct rg_relay *relay)
{
	static const struct fdnet_link_ops ops = { take_packet, take_control };
	struct fdnet_hello hello = {
		.version = FDNET_CTL_VERSION,
		.features = FDNET_LINK_F_CSUM | FDNET_LINK_F_GSO |
			    FDNET_LINK_F_BIG |
			    (relay_area ? FDNET_LINK_F_AREA : 0),
		.max_msg = MAX_MSG,
		.pid = 4711,
		.comm = "scripted",
	};
	struct fdnet_link_config cfg;
	uint8_t body[FDNET_HELLO_LEN];
	struct rg *g = calloc(1, sizeof(*g));
	int i = 0;

	g->relay = relay;
	g->fd = rg_link(relay);
	g->pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 64, 0);
	cfg = (struct fdnet_link_config){
		.mem = fdnet_mem_libc(),
		.pool = g->pool,
		.fd = g->fd,
		.accept_fds = relay_area,
		.max_msg = MAX_MSG,
		.ops = &ops,
		.arg = g,
	};
	ck_assert_int_eq(fdnet_link_new(&cfg, &g->link), 0);
	fdnet_hello_encode(body, &hello);
	while (relay->guests[i])
		i++;
	ck_assert_int_lt(i, RG_GUESTS);
	relay->guests[i] = g;
	if (fdnet_link_send_control(g->link, FDNET_LINK_HELLO, body,
				    sizeof(body), -1))
		g->ended = true; /* refused at once */
	ck_assert(rg_until(relay, PATIENCE_MS, is_welcomed, g));
	if (!g->welcomed || g->welcome.status) {
		rg_kill(g);
		return NULL;
	}
	fdnet_link_set_features(g->link, g->welcome.features);
	make_stack(g);
	return g;
}

void rg_kill(struct rg *g)
{
	for (int i = 0; i < RG_GUESTS; i++)
		if (g->relay->guests[i] == g)
			g->relay->guests[i] = NULL;
	fdnet_stack_free(g->stack);
	fdnet_link_free(g->link);
	ck_assert_uint_eq(fdnet_pkt_pool_outstanding(g->pool), 0);
	fdnet_pkt_pool_free(g->pool);
	close(g->fd);
	free(g);
}

/* ---- driving ---- */

static void send_all(struct rg *g)
{
	struct fdnet_pkt *pkt;
	uint32_t events;

	g->full = false;
	while ((pkt = fdnet_stack_output(g->stack))) {
		if (fdnet_link_send(g->link, pkt) == -EAGAIN) {
			fdnet_stack_unget(g->stack, pkt);
			g->full = true;
			break;
		}
	}
	while (fdnet_stack_next_event(g->stack, &events))
		;
}

static void run_one(struct rg *g)
{
	int rc;

	if (g->ended)
		return;
	if (g->stack)
		fdnet_stack_set_time(g->stack, now_us());
	rc = fdnet_link_recv(g->link, 64);
	if (rc < 0)
		g->ended = true;
	if (!g->stack)
		return;
	fdnet_stack_advance(g->stack);
	send_all(g);
}

static int wait_ms(const struct rg_relay *relay, int ms)
{
	for (int i = 0; i < RG_GUESTS; i++) {
		struct rg *g = relay->guests[i];
		uint64_t expiry, now = now_us();

		if (!g || !g->stack || g->ended)
			continue;
		expiry = fdnet_stack_expiry(g->stack);
		if (expiry <= now)
			return 0;
		if (expiry != FDNET_NEVER &&
		    (int64_t)(expiry - now) / 1000 < ms)
			ms = (int)((expiry - now) / 1000) + 1;
	}
	return ms;
}

/* One turn of everybody. Returns false when nothing came within @ms. */
static bool turn(struct rg_relay *relay, int ms)
{
	struct pollfd pfds[RG_GUESTS + 1];
	nfds_t n = 0;
	int rc;

	for (int i = 0; i < RG_GUESTS; i++)
		if (relay->guests[i])
			run_one(relay->guests[i]);
	for (int i = 0; i < RG_GUESTS; i++) {
		struct rg *g = relay->guests[i];

		if (g && !g->ended)
			pfds[n++] = (struct pollfd){
				g->fd,
				(short)(POLLIN | (g->full ? POLLOUT : 0)), 0
			};
	}
	if (relay->host_fd >= 0)
		pfds[n++] = (struct pollfd){ relay->host_fd,
					     relay->host_events, 0 };
	rc = poll(pfds, n, wait_ms(relay, ms));
	for (int i = 0; i < RG_GUESTS; i++)
		if (relay->guests[i])
			run_one(relay->guests[i]);
	return rc > 0;
}

void rg_drive(struct rg_relay *relay, int ms)
{
	uint64_t end_us = now_us() + (uint64_t)ms * 1000;

	do
		turn(relay, ms ? 5 : 1);
	while (now_us() < end_us);
}

bool rg_until(struct rg_relay *relay, int ms, bool (*cond)(void *arg),
	      void *arg)
{
	uint64_t end_us = now_us() + (uint64_t)ms * 1000;

	while (!cond(arg)) {
		if (now_us() >= end_us)
			return false;
		turn(relay, 5);
	}
	return true;
}

/* ---- control ---- */

struct expected {
	struct rg *g;
	unsigned int replies;
};

static bool has_reply(void *arg)
{
	struct expected *expected = arg;

	return expected->g->replies > expected->replies ||
	       expected->g->ended;
}

int rg_ask(struct rg *g, const struct fdnet_ctl *ctl)
{
	struct expected expected = { g, g->replies };
	uint8_t body[FDNET_CTL_MAX_LEN];
	size_t len = fdnet_ctl_encode(body, ctl);

	ck_assert_int_eq(fdnet_link_send_control(g->link, FDNET_LINK_CONTROL,
						 body, len, -1),
			 0);
	ck_assert(rg_until(g->relay, PATIENCE_MS, has_reply, &expected));
	ck_assert(!g->ended);
	ck_assert_int_eq(g->reply.op, ctl->op | FDNET_CTL_REPLY);
	ck_assert_uint_eq(g->reply.id, ctl->id);
	return -(int)g->reply.error;
}

int rg_claim(struct rg *g, uint8_t op, uint8_t proto, uint16_t port)
{
	struct fdnet_ctl ctl = {
		.op = op,
		.id = 77,
		.proto = proto,
		.family = 4,
		.port = port,
	};

	return rg_ask(g, &ctl);
}

/* ---- guests' sockets ---- */

struct fdnet_name rg_name(const char *ip, uint16_t port)
{
	struct fdnet_name name = { .port = port };

	ck_assert_int_eq(fdnet_ip_parse(ip, &name.ip), 0);
	return name;
}

static struct fdnet_sock *open_sock(struct rg *g, int family, int type)
{
	struct fdnet_sock *so;

	ck_assert_int_eq(fdnet_sock_open(g->stack, family, type,
					 type == FDNET_SOCK_STREAM ? 6 : 17,
					 &so),
			 0);
	return so;
}

static bool is_decided(void *arg)
{
	return fdnet_sock_poll(arg) & (FDNET_EV_OUT | FDNET_EV_ERR |
				       FDNET_EV_HUP);
}

int rg_connect(struct rg *g, const char *ip, uint16_t port,
	       struct fdnet_sock **ret_so)
{
	struct fdnet_name name = rg_name(ip, port);
	struct fdnet_sock *so = open_sock(g, name.ip.family,
					  FDNET_SOCK_STREAM);
	uint32_t len = sizeof(int);
	int error = 0, rc;

	fdnet_stack_set_time(g->stack, now_us());
	rc = fdnet_sock_connect(so, &name);
	if (rc == -EINPROGRESS) {
		ck_assert_msg(rg_until(g->relay, PATIENCE_MS, is_decided, so),
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
	struct fdnet_sock *so = open_sock(g, name.ip.family,
					  FDNET_SOCK_STREAM);

	ck_assert_int_eq(fdnet_sock_bind(so, &name), 0);
	ck_assert_int_eq(fdnet_sock_listen(so, 128), 0);
	ck_assert_int_eq(rg_claim(g, FDNET_CTL_LISTEN, 6, port), 0);
	return so;
}

static bool is_readable(void *arg)
{
	return fdnet_sock_poll(arg) & (FDNET_EV_IN | FDNET_EV_ERR |
				       FDNET_EV_HUP | FDNET_EV_RDHUP);
}

static bool is_writable(void *arg)
{
	return fdnet_sock_poll(arg) & (FDNET_EV_OUT | FDNET_EV_ERR |
				       FDNET_EV_HUP);
}

struct fdnet_sock *rg_accept(struct rg *g, struct fdnet_sock *listener)
{
	struct fdnet_sock *so;

	ck_assert(rg_until(g->relay, PATIENCE_MS, is_readable, listener));
	ck_assert_int_eq(fdnet_sock_accept(listener, &so), 0);
	return so;
}

int rg_send(struct rg *g, struct fdnet_sock *so, const void *data, size_t len)
{
	while (len) {
		struct iovec iov = { (void *)data, len };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
		ssize_t rc;

		fdnet_stack_set_time(g->stack, now_us());
		rc = fdnet_sock_send(so, &msg);
		if (rc == -EAGAIN) {
			ck_assert(rg_until(g->relay, PATIENCE_MS, is_writable,
					   so));
			continue;
		}
		if (rc < 0)
			return (int)rc;
		data = (const char *)data + rc;
		len -= (size_t)rc;
	}
	send_all(g);
	return 0;
}

ssize_t rg_recv(struct rg *g, struct fdnet_sock *so, void *data, size_t len)
{
	for (;;) {
		struct iovec iov = { data, len };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
		ssize_t rc = fdnet_sock_recv(so, &msg);

		if (rc != -EAGAIN) {
			if (!g->ended)
				send_all(g);
			return rc;
		}
		ck_assert_msg(rg_until(g->relay, PATIENCE_MS, is_readable, so),
			      "nothing comes");
	}
}

struct fdnet_sock *rg_udp(struct rg *g)
{
	struct fdnet_sock *so = open_sock(g, 4, FDNET_SOCK_DGRAM);
	struct fdnet_name any = { .ip.family = 4 };
	int on = 1;

	ck_assert_int_eq(fdnet_sock_bind(so, &any), 0);
	fdnet_sock_setopt(so, 0 /* SOL_IP */, 11 /* IP_RECVERR */, &on,
			  sizeof(on));
	return so;
}

ssize_t rg_sendto(struct rg *g, struct fdnet_sock *so, const char *ip,
		  uint16_t port, const void *data, size_t len)
{
	struct iovec iov = { (void *)data, len };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.to_from = rg_name(ip, port),
		.ttl = -1,
		.tos = -1,
	};
	ssize_t rc = fdnet_sock_send(so, &msg);

	send_all(g);
	return rc;
}

ssize_t rg_recvfrom(struct rg *g, struct fdnet_sock *so, void *data,
		    size_t len, struct fdnet_name *ret_from)
{
	struct iovec iov = { data, len };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
	uint64_t end_us = now_us() + PATIENCE_MS * 1000ull;
	ssize_t rc;

	/* not by readiness: a full error queue is an event for ever */
	while ((rc = fdnet_sock_recv(so, &msg)) == -EAGAIN) {
		ck_assert_msg(now_us() < end_us, "no datagram comes");
		turn(g->relay, 5);
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
	int on = 1, fd = socket(sa.ss_family,
				type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

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
	struct pollfd pfd = { wait->fd, wait->events, 0 };

	return poll(&pfd, 1, 0) > 0;
}

static void wait_host(struct rg_relay *relay, int fd, short events)
{
	struct host_wait wait = { fd, events };

	relay->host_fd = fd;
	relay->host_events = events;
	ck_assert_msg(rg_until(relay, PATIENCE_MS, host_ready, &wait),
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
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_port = htons(port) };
	int error = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC |
						    SOCK_NONBLOCK,
				   0);
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
