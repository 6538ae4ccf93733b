/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, the network device and the life of the adapter. */
#include "config.h"

#include "tests/packetdrill/adapter.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Nothing happens for this long: the packet asked for will not come. */
#define SILENCE_US (600 * 1000000ull)
#define GSO_MAX	   65160
/* As net.ipv4.tcp_rmem and tcp_wmem in packetdrill's defaults.sh; a buffer is
 * two windows. */
#define RCVBUF	540000
#define SNDBUF	(256 << 10)
#define BUF_MAX (30 << 20)

/* Set while this thread was woken and its caller does not know the time yet. */
static __thread bool owes;
/* For getsockopt() below: packetdrill has one instance. */
static struct pd *the_pd;

/* ---- lock and clock ---- */

static void settle(struct pd *pd)
{
	if (!owes)
		return;
	owes = false;
	if (pd->unsettled && !--pd->unsettled)
		pthread_cond_signal(&pd->settled);
}

void pd_lock(struct pd *pd)
{
	pthread_mutex_lock(&pd->lock);
	settle(pd);
}

ssize_t pd_unlock(struct pd *pd, ssize_t rc)
{
	pthread_mutex_unlock(&pd->lock);
	if (rc >= 0)
		return rc;
	errno = (int)-rc;
	return -1;
}

/* Lets blocked threads see what happened, and waits until they have. */
static void wake_waiters(struct pd *pd)
{
	struct timespec until, moment = {.tv_nsec = 2000000};
	unsigned int n = 0;

	if (!pd->waiters)
		return;
	for (struct pd_waiter *w = pd->waiters; w; w = w->next)
		n++;
	pd->unsettled += n;
	pthread_cond_broadcast(&pd->moved);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 2; /* a thread that died is not waited for */
	while (pd->unsettled) {
		if (pthread_cond_timedwait(&pd->settled, &pd->lock, &until))
			pd->unsettled = 0;
	}
	for (struct pd_waiter *w = pd->waiters; w; w = w->next)
		n--;
	if (!n)
		return;
	/* one's call is over: packetdrill's thread has to note what came */
	pthread_mutex_unlock(&pd->lock);
	nanosleep(&moment, NULL);
	pthread_mutex_lock(&pd->lock);
}

static uint64_t next_due(struct pd *pd)
{
	uint64_t next = fdnet_stack_expiry(pd->stack);

	for (struct pd_waiter *w = pd->waiters; w; w = w->next) {
		if (w->deadline_us < next)
			next = w->deadline_us;
	}
	return next;
}

/* Goes to @at and runs what is due there. */
static void step_to(struct pd *pd, uint64_t at)
{
	if (at > pd->now_us)
		pd->now_us = at;
	fdnet_stack_set_time(pd->stack, pd->now_us);
	fdnet_stack_advance(pd->stack);
	pd_pump(pd);
	wake_waiters(pd);
}

static void advance(struct pd *pd, uint64_t until)
{
	while (next_due(pd) <= until)
		step_to(pd, next_due(pd));
	if (until > pd->now_us) {
		pd->now_us = until;
		fdnet_stack_set_time(pd->stack, until);
	}
}

/* ---- packets ---- */

static void keep_packet(struct pd *pd, const struct fdnet_pkt *pkt)
{
	size_t len = fdnet_pkt_total(pkt);
	struct pd_out *out = malloc(sizeof(*out) + len);

	if (!out)
		abort();
	out->next = NULL;
	out->time_us = pd->now_us;
	out->len = len;
	fdnet_pkt_copy_out(pkt, 0, out->data, (uint32_t)len);
	if (pd->out_tail)
		pd->out_tail->next = out;
	else
		pd->out_head = out;
	pd->out_tail = out;
}

static void note_event(struct pd *pd, const struct fdnet_sock *so,
		       uint32_t events)
{
	for (int i = 0; i < PD_FDS; i++) {
		struct pd_watch *w = pd->files[i].watches;

		for (; w; w = w->next) {
			if (pd->files[w->fd].so == so)
				w->fired |= events;
		}
	}
}

void pd_pump(struct pd *pd)
{
	struct fdnet_sock *so;
	struct fdnet_pkt *pkt;
	uint32_t events;

	while ((pkt = fdnet_stack_output(pd->stack))) {
		keep_packet(pd, pkt);
		fdnet_pkt_free(pkt);
	}
	while ((so = fdnet_stack_next_event(pd->stack, &events)))
		note_event(pd, so, events);
}

static struct fdnet_pkt *make_packet(struct pd *pd, const uint8_t *data,
				     size_t n)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pd->pool);
	size_t linear = n < FDNET_PKT_LINEAR ? n : FDNET_PKT_LINEAR;
	struct fdnet_buf *buf;

	if (!pkt)
		return NULL;
	memcpy(fdnet_pkt_put(pkt, (uint32_t)linear), data, linear);
	if (linear == n)
		return pkt;
	buf = fdnet_buf_new(pd->pool);
	if (!buf || n - linear > buf->size) {
		fdnet_buf_unref(buf);
		fdnet_pkt_free(pkt);
		return NULL;
	}
	memcpy(buf->data, data + linear, n - linear);
	fdnet_pkt_add_slice(pkt, buf, buf->data, (uint32_t)(n - linear));
	fdnet_buf_unref(buf);
	return pkt;
}

static int netdev_send(void *ud, const void *buf, size_t n)
{
	struct pd *pd = ud;
	struct fdnet_pkt *pkt;

	pd_lock(pd);
	pkt = make_packet(pd, buf, n);
	if (!pkt)
		return (int)pd_unlock(pd, -ENOMEM);
	fdnet_stack_input(pd->stack, pkt);
	step_to(pd, pd->now_us);
	return (int)pd_unlock(pd, 0);
}

static int netdev_receive(void *ud, void *buf, size_t *n, long long *time_us)
{
	struct pd *pd = ud;
	struct pd_out *out;
	uint64_t limit;

	pd_lock(pd);
	limit = pd->now_us + SILENCE_US;
	while (!pd->out_head) {
		uint64_t next = next_due(pd);

		if (next > limit) { /* packetdrill would ask for ever */
			fprintf(stderr, "fdnet: no packet to receive\n");
			exit(1);
		}
		step_to(pd, next);
	}
	out = pd->out_head;
	pd->out_head = out->next;
	if (!pd->out_head)
		pd->out_tail = NULL;
	if (out->len < *n)
		*n = out->len;
	memcpy(buf, out->data, *n);
	*time_us = (long long)out->time_us;
	free(out);
	return (int)pd_unlock(pd, 0);
}

static int pd_usleep(void *ud, useconds_t us)
{
	struct pd *pd = ud;

	pd_lock(pd);
	advance(pd, pd->now_us + us);
	return (int)pd_unlock(pd, 0);
}

static int pd_gettimeofday(void *ud, struct timeval *tv, struct timezone *tz)
{
	struct pd *pd = ud;

	(void)tz;
	pd_lock(pd);
	tv->tv_sec = (time_t)(pd->now_us / 1000000);
	tv->tv_usec = (suseconds_t)(pd->now_us % 1000000);
	/* packetdrill spins for the last moments before an event */
	advance(pd, pd->now_us + 1);
	return (int)pd_unlock(pd, 0);
}

/* ---- blocking ---- */

static void wait_as_second(struct pd *pd, uint64_t deadline)
{
	struct pd_waiter self = {.next = pd->waiters, .deadline_us = deadline};
	struct pd_waiter **link = &pd->waiters;

	pd->waiters = &self;
	settle(pd);
	pthread_cond_wait(&pd->moved, &pd->lock);
	owes = pd->unsettled > 0;
	while (*link != &self)
		link = &(*link)->next;
	*link = self.next;
}

ssize_t pd_block(struct pd *pd, uint64_t timeout_us,
		 ssize_t (*attempt)(struct pd *pd, void *arg), void *arg)
{
	uint64_t deadline = timeout_us >= FDNET_NEVER - pd->now_us
				    ? FDNET_NEVER
				    : pd->now_us + timeout_us;
	ssize_t rc;

	for (;;) {
		rc = attempt(pd, arg);
		pd_pump(pd);
		if (rc != -EAGAIN || pd->now_us >= deadline)
			return rc;
		if (!pthread_equal(pthread_self(), pd->main)) {
			wait_as_second(pd, deadline);
			continue;
		}
		/* nobody else moves the clock */
		if (next_due(pd) == FDNET_NEVER && deadline == FDNET_NEVER)
			return rc;
		step_to(pd, next_due(pd) < deadline ? next_due(pd) : deadline);
	}
}

/* ---- files ---- */

int pd_file_new(struct pd *pd, enum pd_kind kind)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || fd >= PD_FDS) {
		if (fd >= 0)
			close(fd);
		return -EMFILE;
	}
	pd->files[fd] = (struct pd_file){.kind = kind, .flags = O_RDWR};
	return fd;
}

struct pd_file *pd_file(struct pd *pd, int fd, enum pd_kind kind)
{
	if (fd < 0 || fd >= PD_FDS || pd->files[fd].kind != kind)
		return NULL;
	return &pd->files[fd];
}

/* Sets forget what is closed. */
static void forget_watch(struct pd *pd, int fd)
{
	for (int i = 0; i < PD_FDS; i++) {
		struct pd_watch **link = &pd->files[i].watches, *w;

		while ((w = *link)) {
			if (w->fd == fd || i == fd) {
				*link = w->next;
				free(w);
			} else {
				link = &w->next;
			}
		}
	}
}

void pd_file_close(struct pd *pd, int fd)
{
	struct pd_file *f = &pd->files[fd];

	forget_watch(pd, fd);
	if (f->so)
		fdnet_sock_close(f->so);
	*f = (struct pd_file){0};
	close(fd);
}

/* ---- life ---- */

static void pd_free(void *ud)
{
	struct pd *pd = ud;
	struct pd_out *out;

	if (!pd)
		return;
	for (int i = 0; i < PD_FDS; i++) {
		forget_watch(pd, i);
		/* packetdrill closes the number itself */
		pd->files[i] = (struct pd_file){0};
	}
	while ((out = pd->out_head)) {
		pd->out_head = out->next;
		free(out);
	}
	fdnet_stack_free(pd->stack);
	fdnet_pkt_pool_free(pd->pool);
	if (the_pd == pd)
		the_pd = NULL;
	free(pd);
}

/* The value of @name among the flags, or @dflt. */
static unsigned long flag(const char *flags, const char *name,
			  unsigned long dflt)
{
	size_t len = strlen(name);

	for (const char *p = flags; p && *p; p = strchr(p, ',')) {
		p += *p == ',';
		if (!strncmp(p, name, len) && p[len] == '=')
			return strtoul(p + len + 1, NULL, 0);
		if (!strchr(p, ','))
			break;
	}
	return dflt;
}

/* The addresses that packetdrill takes for the stack under test. */
static int add_addresses(struct fdnet_stack *stack)
{
	static const struct {
		const char *text;
		unsigned int bits;
	} addrs[] = {{"192.168.0.1", 16}, {"fd3d:0a0b:17d6::1", 48}};
	struct fdnet_ip ip;
	int rc = 0;

	for (int i = 0; i < 2 && !rc; i++) {
		fdnet_ip_parse(addrs[i].text, &ip);
		rc = fdnet_stack_add_addr(stack, &ip, addrs[i].bits);
	}
	return rc;
}

static int make_stack(struct pd *pd, const char *flags)
{
	struct fdnet_stack_config cfg;
	int rc;

	pd->pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 64, false);
	if (!pd->pool)
		return -ENOMEM;
	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = pd->pool;
	memset(cfg.seed, 0x5a, sizeof(cfg.seed));
	cfg.mtu = (uint32_t)flag(flags, "mtu", 1500);
	cfg.gso_max = (uint32_t)flag(flags, "gso", GSO_MAX);
	cfg.tcp_rcvbuf = (uint32_t)flag(flags, "rcvbuf", RCVBUF);
	cfg.tcp_sndbuf = (uint32_t)flag(flags, "sndbuf", SNDBUF);
	cfg.tcp_buf_max = (uint32_t)flag(flags, "buf_max", BUF_MAX);
	cfg.ephemeral_lo = 32768;
	cfg.ephemeral_hi = 60999;
	rc = fdnet_stack_new(&cfg, pd->now_us, &pd->stack);
	return rc ? rc : add_addresses(pd->stack);
}

__attribute__((visibility("default"))) void
packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc)
{
	struct pd *pd = calloc(1, sizeof(*pd));
	struct timespec ts;

	if (!pd)
		abort();
	pthread_mutex_init(&pd->lock, NULL);
	pthread_cond_init(&pd->moved, NULL);
	pthread_cond_init(&pd->settled, NULL);
	pd->main = pthread_self();
	clock_gettime(CLOCK_REALTIME, &ts);
	pd->now_us = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	if (make_stack(pd, flags)) {
		fprintf(stderr, "fdnet: cannot make a stack from \"%s\"\n",
			flags ? flags : "");
		exit(1);
	}
	the_pd = pd;
	memset(ifc, 0, sizeof(*ifc));
	ifc->userdata = pd;
	ifc->free = pd_free;
	ifc->netdev_send = netdev_send;
	ifc->netdev_receive = netdev_receive;
	ifc->usleep = pd_usleep;
	ifc->gettimeofday = pd_gettimeofday;
	pd_fill_calls(ifc);
	pd_fill_watch(ifc);
}

/*
 * packetdrill's %{ }% snippets ask libc, not the table, for TCP_INFO. With
 * this library also in LD_PRELOAD they get the stack's.
 */
__attribute__((visibility("default"))) int
getsockopt(int fd, int level, int name, void *restrict val,
	   socklen_t *restrict len)
{
	struct pd *pd = the_pd;
	struct pd_file *f;
	uint32_t n = *len;
	int (*real)(int, int, int, void *, socklen_t *);
	int rc;

	f = pd ? pd_file(pd, fd, PD_SOCK) : NULL;
	if (!f) {
		*(void **)&real = dlsym(RTLD_NEXT, "getsockopt");
		return real(fd, level, name, val, len);
	}
	pthread_mutex_lock(&pd->lock);
	/* newer kernels' TCP_INFO is longer than ours */
	memset(val, 0, n);
	rc = fdnet_sock_getopt(f->so, level, name, val, &n);
	if (level != IPPROTO_TCP || name != TCP_INFO)
		*len = n;
	return (int)pd_unlock(pd, rc);
}
