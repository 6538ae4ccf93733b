/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/net.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "endpoint/link.h"
#include "endpoint/packet_internal.h"
#include "shim/attach.h"
#include "shim/call.h"
#include "shim/claim.h"
#include "shim/file.h"
#include "shim/helper.h"
#include "shim/highfd.h"
#include "shim/mem.h"
#include "shim/mirror.h"
#include "shim/raw.h"
#include "shim/wait.h"
#include "stack/link_out.h"

/* Packets and buffers kept for reuse. */
#define POOL_IDLE 256
/* Messages taken in one go before other threads get the lock. */
#define RECV_BUDGET 64
/* Largest message we take: a GSO burst and its headers. */
#define MAX_MSG (256 * 1024)
#define HELLO_WAIT_US (5 * 1000 * 1000)
#define FEATURES \
	(FDNET_LINK_F_CSUM | FDNET_LINK_F_GSO | FDNET_LINK_F_BIG | \
	 FDNET_LINK_F_AREA | FDNET_LINK_F_BATCH | FDNET_LINK_F_LOSSY | \
	 FDNET_LINK_F_RING)
/* Ports asked for when the last lease ran out. */
#define LEASE_PORTS 512
/* How long the end of a process may wait for its data to leave. */
#define SETTLE_US (10 * 1000 * 1000)

/* Likewise, by a thread that has something to read. */
#define GLANCE_BUDGET 16
#define GLANCES_US    1000 /* and for how long that may go on */

/* How full, in percent, the link is when a sender of datagrams gives the relay
 * time; when it goes on, and after how long in any case. */
#define CROWDED	   80
#define CROWDED_ON 60
#define PACE_US	   100

/* How long poll() may answer from what is known. */
#define DRIVEN_US 50

/* How long what came may be overlooked by calls that need not ask the link. */
#define BEHIND_US 1000

struct rpc {
	struct rpc *next;
	uint32_t id;
	bool done;
	struct fdnet_ctl *reply;
};

static struct {
	enum { NET_OFF, NET_UP, NET_DOWN } state;
	bool plain; /* FDNET_FD: no relay behind the link */
	bool welcomed;
	bool full; /* the link did not take a packet */
	bool readable; /* the link's fd was seen to be */
	bool inherited; /* state of the parent's, to be freed at the next start */
	int link_fd;
	struct fdnet_link *link;
	struct fdnet_stack *stack;
	struct fdnet_pkt_pool *pool;
	/* what sockets send lies in the link's area while there is room */
	struct fdnet_area_pool payload;
	struct fdnet_pkt_pool *payload_pool;
	struct fdnet_welcome welcome;
	struct rpc *rpcs;
	bool leasing[2]; /* a thread asks for ports of TCP, of UDP */
	uint32_t leases; /* how often one has been answered */
	uint32_t next_id;
	uint64_t reaped_us, driven_us, looked_us;
} net = { .link_fd = -1 };

static void on_packet(void *arg, struct fdnet_pkt *pkt)
{
	if (net.stack)
		fdnet_stack_input(net.stack, pkt);
	else
		fdnet_pkt_free(pkt);
}

static void on_reply(const struct fdnet_ctl *ctl)
{
	struct rpc **at, *rpc;

	for (at = &net.rpcs; (rpc = *at); at = &rpc->next) {
		if (rpc->id != ctl->id)
			continue;
		*at = rpc->next;
		*rpc->reply = *ctl;
		rpc->done = true;
		shim_wait_ring_all();
		return;
	}
}

/* Bulk goes through memory of both; without it, all else works the same. */
static void take_area(int fd)
{
	struct fdnet_area *area;

	if (fdnet_area_map(shim_mem(), fd, &area) < 0)
		return;
	net.payload_pool = fdnet_pkt_pool_new(shim_mem(), 0, 0);
	if (!net.payload_pool) {
		fdnet_area_free(area);
		return;
	}
	net.payload.area = area;
	net.payload.pool = net.pool;
	fdnet_pkt_pool_set_bufs(net.payload_pool, fdnet_area_pool_take,
				&net.payload);
	fdnet_link_set_area(net.link, area);
}

static void on_control(void *arg, enum fdnet_link_type type,
		       const uint8_t *body, size_t len, int fd)
{
	struct fdnet_ctl ctl;

	if (type == FDNET_LINK_WELCOME && !net.welcomed) {
		net.welcomed =
			fdnet_welcome_decode(body, len, &net.welcome) == 0;
		if (fd >= 0)
			take_area(fd);
	}
	if (fd >= 0)
		raw_close(fd);
	if (type == FDNET_LINK_CONTROL &&
		 fdnet_ctl_decode(body, len, &ctl) == 0 &&
		 (ctl.op & FDNET_CTL_REPLY))
		on_reply(&ctl);
}

static const struct fdnet_link_ops link_ops = {
	.packet = on_packet,
	.control = on_control,
};

static void net_drop(void)
{
	fdnet_stack_free(net.stack);
	fdnet_link_free(net.link);
	fdnet_pkt_pool_free(net.payload_pool);
	fdnet_pkt_pool_free(net.pool);
	net.payload_pool = NULL;
	net.payload.area = NULL;
	net.stack = NULL;
	net.link = NULL;
	net.pool = NULL;
	shim_fd_lower(net.link_fd);
	net.link_fd = -1;
}

/* The relay is gone: everything in progress fails now, nothing hangs. */
static void net_down(void)
{
	if (net.state == NET_DOWN)
		return;
	net.state = NET_DOWN;
	if (net.stack)
		fdnet_stack_peer_gone(net.stack, true);
	shim_wait_ring_all();
}

static int link_open(void)
{
	struct fdnet_link_config cfg = {
		.mem = shim_mem(),
		.fd = net.link_fd,
		.plain = net.plain,
		.accept_fds = !net.plain, /* the payload area */
		.max_msg = MAX_MSG,
		.ops = &link_ops,
	};

	net.pool = fdnet_pkt_pool_new(shim_mem(), POOL_IDLE, 0);
	if (!net.pool)
		return -ENOMEM;
	cfg.pool = net.pool;
	return fdnet_link_new(&cfg, &net.link);
}

static int wait_welcome(void)
{
	uint64_t deadline = shim_now_us() + HELLO_WAIT_US;
	struct pollfd p = { .fd = net.link_fd, .events = POLLIN };

	while (!net.welcomed) {
		uint64_t now = shim_now_us();
		struct timespec ts;
		int rc;

		if (now >= deadline)
			return -ENETDOWN;
		ts.tv_sec = (time_t)((deadline - now) / 1000000);
		ts.tv_nsec = (long)((deadline - now) % 1000000) * 1000;
		rc = raw_ppoll(&p, 1, &ts, NULL);
		if (rc < 0 && rc != -EINTR)
			return -ENETDOWN;
		if (fdnet_link_recv(net.link, 1) < 0)
			return -ENETDOWN;
	}
	return net.welcome.status ? -(int)net.welcome.status : 0;
}

static int say_hello(void)
{
	struct fdnet_hello hello = {
		.version = FDNET_CTL_VERSION,
		.features = FEATURES,
		.max_msg = MAX_MSG,
	};
	uint8_t body[FDNET_HELLO_LEN];
	int rc;

	if (!fdnet_area_fits())
		hello.features &=
			~(uint32_t)(FDNET_LINK_F_AREA | FDNET_LINK_F_RING);
	hello.pid = (uint32_t)RAW(SYS_getpid, 0, 0, 0, 0, 0, 0);
	RAW(SYS_prctl, PR_GET_NAME, hello.comm, 0, 0, 0, 0);
	fdnet_hello_encode(body, &hello);
	net.welcomed = false;
	rc = fdnet_link_send_control(net.link, FDNET_LINK_HELLO, body,
				     sizeof(body), -1);
	if (rc < 0)
		return -ENETDOWN;
	rc = wait_welcome();
	if (rc < 0)
		return rc;
	fdnet_link_set_features(net.link,
				net.welcome.features & hello.features);
	return 0;
}

static int add_address(uint8_t family, const uint8_t *bytes, unsigned int bits)
{
	struct fdnet_ip ip = { .family = family };

	memcpy(ip.bytes, bytes, family == 4 ? 4 : 16);
	if (fdnet_ip_is_any(&ip))
		return 0;
	return fdnet_stack_add_addr(net.stack, &ip, bits);
}

static int stack_open(void)
{
	const struct fdnet_welcome *w = &net.welcome;
	struct fdnet_stack_config cfg;
	int rc;

	fdnet_stack_config_init(&cfg);
	cfg.mem = shim_mem();
	cfg.pool = net.pool;
	cfg.payload_pool = net.payload_pool;
	if (RAW(SYS_getrandom, cfg.seed, sizeof(cfg.seed), 0, 0, 0, 0) !=
	    sizeof(cfg.seed))
		return -EIO;
	cfg.mtu = w->mtu;
	cfg.gso_max = w->features & FDNET_LINK_F_GSO ? w->gso_max : 0;
	cfg.csum_offload = (w->features & FDNET_LINK_F_CSUM) != 0;
	cfg.switched = !net.plain;
	cfg.lossless = !net.plain && !(w->features & FDNET_LINK_F_LOSSY);
	cfg.ephemeral_lo = w->lease_lo;
	cfg.ephemeral_hi = w->lease_hi;
	rc = fdnet_stack_new(&cfg, shim_now_us(), &net.stack);
	if (rc < 0)
		return rc;
	rc = add_address(4, w->ip4, w->bits4);
	if (rc == 0 && w->bits6)
		rc = add_address(6, w->ip6, w->bits6);
	return rc;
}

static int net_open(void)
{
	int rc;

	rc = shim_attach_plain(&net.welcome);
	net.plain = rc >= 0;
	if (rc == -ENOENT)
		rc = shim_attach_relay();
	if (rc < 0)
		return rc;
	net.link_fd = rc;
	rc = link_open();
	if (rc == 0 && !net.plain)
		rc = say_hello();
	if (rc == 0)
		rc = stack_open();
	return rc;
}

int shim_net_start(void)
{
	int rc;

	if (net.state == NET_UP)
		return 0;
	if (net.state == NET_DOWN)
		return -ENETDOWN;
	if (net.inherited) {
		net.link_fd = -1; /* closed at the fork */
		net_drop();
		net.inherited = false;
	}
	do {
		rc = net_open();
		if (rc == 0)
			break;
		net_drop();
	} while (rc == -ENETDOWN && shim_attach_again());
	if (rc == 0)
		net.state = NET_UP;
	return rc;
}

void shim_net_init(void)
{
	shim_attach_init();
}

void shim_net_publish_env(void)
{
	shim_attach_publish_env();
}

struct fdnet_stack *shim_net_stack(void)
{
	return net.state == NET_OFF ? NULL : net.stack;
}

bool shim_net_has_relay(void)
{
	return !net.plain;
}

const struct fdnet_welcome *shim_net_welcome(void)
{
	return &net.welcome;
}

static void send_all(void)
{
	int rc;

	do {
		rc = fdnet_stack_send(net.stack, net.link);
	} while (rc > 0);
	net.full = rc == -EAGAIN;
	if (rc == -EPIPE || rc == -ECONNRESET)
		net_down();
}

/* The stack gives a reset connection's port away, as the kernel does; then the
 * relay must not keep it taken until the program closes. */
static void release_port(struct shim_file *file, struct fdnet_sock *so)
{
	struct shim_claim *claim = file->claim;

	if (!claim || !file->accepted ||
	    fdnet_sock_state(so) != FDNET_TCP_CLOSE)
		return;
	file->claim = NULL;
	shim_claim_put(claim);
}

static void report(void)
{
	struct fdnet_sock *so;
	struct shim_file *file;
	bool pumped = false;
	uint32_t events;

	while ((so = fdnet_stack_next_event(net.stack, &events))) {
		file = fdnet_sock_user(so);
		if (!file)
			continue;
		shim_wait_ring(file, events);
		release_port(file, so);
		if (file->pumped)
			pumped = true;
		else
			shim_mirror_event(file, events);
	}
	if (pumped)
		shim_helper_wake();
}

void shim_net_flush(void)
{
	if (!net.stack)
		return;
	if (net.state == NET_UP)
		send_all();
	report();
}

/* Sockets that only other processes hold end when those are gone. */
static void reap(uint64_t now)
{
	if (now - net.reaped_us < 100000)
		return;
	net.reaped_us = now;
	shim_file_reap();
}

/* What is left in the ring would be seen by nobody who sleeps already. */
static int receive(void)
{
	int rc;

	do {
		rc = net.readable ? fdnet_link_recv(net.link, RECV_BUDGET) :
				    fdnet_link_peek(net.link, RECV_BUDGET);
		net.readable = false;
	} while (rc >= RECV_BUDGET && shim_wait_others());
	return rc;
}

static void drive(bool glance)
{
	uint64_t now;
	int rc;

	if (!net.stack)
		return;
	now = shim_now_us();
	net.driven_us = now;
	fdnet_stack_set_time(net.stack, now);
	if (net.state == NET_UP) {
		if (!glance)
			net.looked_us = now;
		rc = glance ? fdnet_link_glance(net.link, GLANCE_BUDGET) :
			      receive();
		if (rc < 0)
			net_down();
	}
	fdnet_stack_advance(net.stack);
	shim_net_flush();
	reap(now);
}

void shim_net_drive(void)
{
	drive(false);
}

void shim_net_glance(void)
{
	/* what a glance leaves behind, a sleeper would miss */
	drive(net.state == NET_UP && !fdnet_link_has_sleepers(net.link) &&
	      shim_now_us() - net.looked_us < GLANCES_US);
}

void shim_net_pace(void)
{
	uint64_t end;

	if (net.state != NET_UP || !fdnet_link_is_crowded(net.link, CROWDED))
		return;
	end = shim_now_us() + PACE_US;
	do {
		shim_unlock_only();
		RAW(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
		shim_lock_only();
	} while (net.state == NET_UP &&
		 fdnet_link_is_crowded(net.link, CROWDED_ON) &&
		 shim_now_us() < end);
}

bool shim_net_was_driven(void)
{
	return net.stack && shim_now_us() - net.driven_us < DRIVEN_US;
}

void shim_net_catch_up(void)
{
	struct timespec ts;
	int64_t now;

	if (!net.stack)
		return;
	/* some milliseconds behind, but a fifth of the price */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	now = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
	if (now - (int64_t)net.driven_us > BEHIND_US)
		shim_net_drive();
}

int shim_net_link_fd(void)
{
	return net.state == NET_UP ? net.link_fd : -1;
}

short shim_net_link_events(void)
{
	return net.full ? POLLIN | POLLOUT : POLLIN;
}

bool shim_net_watch(struct fdnet_ring *ret_ring)
{
	return net.state == NET_UP && fdnet_link_watch(net.link, ret_ring);
}

bool shim_net_sleep(void)
{
	return net.state != NET_UP || fdnet_link_sleep(net.link);
}

void shim_net_awake(void)
{
	/* after a fork, and when it is down, there is nothing to be told */
	if (net.state == NET_UP)
		fdnet_link_awake(net.link);
}

void shim_net_readable(void)
{
	net.readable = true;
}

uint64_t shim_net_packets(void)
{
	return net.link ? fdnet_link_stats(net.link)->rx_pkts : 0;
}

uint64_t shim_net_expiry_us(void)
{
	return net.stack ? fdnet_stack_expiry(net.stack) : FDNET_NEVER;
}

static int send_ctl(const struct fdnet_ctl *ctl)
{
	struct pollfd p = { .fd = net.link_fd, .events = POLLOUT };
	uint8_t body[FDNET_CTL_MAX_LEN];
	size_t len = fdnet_ctl_encode(body, ctl);
	int rc;

	for (;;) {
		rc = fdnet_link_send_control(net.link, FDNET_LINK_CONTROL,
					     body, len, -1);
		if (rc != -EAGAIN)
			return rc < 0 ? -ENETDOWN : 0;
		/* the relay takes what it is sent; it never waits for us */
		raw_ppoll(&p, 1, NULL, NULL);
	}
}

int shim_net_ask(struct fdnet_ctl *ctl, struct fdnet_ctl *ret_reply)
{
	struct shim_guard none = { 0 };
	struct shim_waiter w = {
		.any = true,
		.link_only = true,
		.brief = true,
		.deadline_us = FDNET_NEVER,
		.guard = &none,
	};
	struct rpc rpc = { .reply = ret_reply };
	int state, rc;

	if (net.state != NET_UP)
		return -ENETDOWN;
	rpc.id = ctl->id = ++net.next_id ? net.next_id : ++net.next_id;
	rc = send_ctl(ctl);
	if (rc < 0)
		return rc;
	rpc.next = net.rpcs;
	net.rpcs = &rpc;
	shim_cancel_off(&state);
	while (!rpc.done && net.state == NET_UP)
		shim_wait(&w, NULL, 0);
	shim_wait_end(&w);
	shim_cancel_restore(state);
	if (!rpc.done) {
		net.rpcs = NULL; /* all of them fail together */
		return -ENETDOWN;
	}
	return -(int)ret_reply->error;
}

void shim_net_tell(const struct fdnet_ctl *ctl)
{
	if (net.state == NET_UP)
		send_ctl(ctl);
}

/* Until the thread that asks for one has it, or was refused. */
static void await_lease(unsigned int t)
{
	while (net.leasing[t]) {
		uint32_t seen = net.leases;

		shim_unlock_only();
		raw_futex(&net.leases, FUTEX_WAIT, seen, NULL);
		shim_lock_only();
	}
}

int shim_net_lease(uint8_t proto)
{
	struct fdnet_ctl reply, ctl = {
		.op = FDNET_CTL_LEASE,
		.proto = proto,
		.count = LEASE_PORTS,
	};
	unsigned int t = proto != IPPROTO_TCP;
	int rc;

	if (net.plain)
		return -EADDRNOTAVAIL;
	/* for all who need one now: a stack has room for a few */
	if (net.leasing[t]) {
		await_lease(t);
		return 0;
	}
	net.leasing[t] = true;
	rc = shim_net_ask(&ctl, &reply);
	net.leasing[t] = false;
	__atomic_add_fetch(&net.leases, 1, __ATOMIC_RELEASE);
	raw_futex(&net.leases, FUTEX_WAKE, INT_MAX, NULL);
	if (rc < 0)
		return rc;
	return fdnet_stack_lease(net.stack, proto, reply.lo, reply.hi);
}

void shim_net_settle(void)
{
	struct shim_guard none = { 0 };
	struct shim_waiter w = {
		.any = true,
		.guard = &none,
	};

	if (net.state != NET_UP)
		return;
	w.deadline_us = shim_now_us() + SETTLE_US;
	shim_net_drive();
	while (net.state == NET_UP && fdnet_stack_has_work(net.stack) &&
	       shim_now_us() < w.deadline_us)
		shim_wait(&w, NULL, 0);
	shim_wait_end(&w);
}

void shim_net_after_fork(void)
{
	if (net.state == NET_OFF)
		return;
	net.state = NET_OFF;
	net.inherited = true;
	fdnet_area_disown(net.payload.area);
	net.rpcs = NULL;
	net.leasing[0] = net.leasing[1] = false;
	net.full = false;
}
