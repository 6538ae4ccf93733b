/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many connections through one relay, opening, stalling, half-closing,
 * resetting and dying at random, for SOAK_SECONDS (8) with SOAK_FLOWS (300) at
 * a time: each byte is checked and accounted for, descriptors come back, and
 * memory stays flat. SOAK_REPORT is how often a line is printed, in seconds.
 *
 * Flat means: under what --limit memory says, whatever moment was looked at.
 * A run that is long enough to have seen each kind of load in its first
 * quarter, a minute or more, does not grow any more after that either.
 *
 * A flow that ends in an orderly way must have delivered all that was sent, in
 * both directions; of one that is reset, or whose guest dies, what arrived
 * must be a beginning of what was sent.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/relay_case.h"
#include "tests/suite_main.h"

#define GUESTS 4
#define LISTENERS 8
#define FLOWS_MAX 8000
#define PIECE 32768
/* Flows looked at in one turn. */
#define STEPS 64
/* What the relay may take for its guests, and besides: its own tables, and
 * what the allocator does not give back. */
#define MEMORY_KIB 65536
#define BESIDES_KIB 32768

enum state {
	FREE,
	CONNECTING,
	OPEN, /* the guest's end stands; the host's may not be known yet */
};

enum fate {
	ORDERLY,
	STALLS,	     /* a reader sleeps for long, then goes on */
	GUEST_RESETS,
	HOST_RESETS,
	GUEST_CLOSES, /* with bytes unread */
	FATES
};

/* One direction. */
struct way {
	uint64_t sent, got, goal;
	bool fin, end; /* sent, seen */
};

struct flow {
	enum state state;
	enum fate fate;
	uint32_t id;
	struct rg *guest; /* NULL: it has died */
	struct fdnet_sock *so;
	int fd; /* the host's end; -1: not known yet */
	struct way out, in;
	uint64_t stall_us, reset_at; /* in bytes, either way */
	bool broken;
};

static struct flow *flows;
static unsigned int nflows, opened, orderly, reset, died, nopen;
static uint64_t moved_out, moved_in, lost_out, lost_in;
static uint32_t last_id;
static struct rg *guests[GUESTS];
static int listeners[LISTENERS];
static uint16_t ports[LISTENERS];
static uint8_t piece[PIECE];
static uint64_t now_us;
static bool ending;

static uint64_t clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint32_t pick(uint32_t n)
{
	static uint64_t seed = 88172645463325252ull;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16) % n;
}

/* What stands at an offset of a stream. The first bytes are its number. */
static uint8_t byte_at(uint32_t id, bool in, uint64_t at)
{
	if (!in && at < 4)
		return (uint8_t)(id >> (8 * at));
	return (uint8_t)(id * 131 + at * 7 + (at >> 8) * 13 + in);
}

static void fill(const struct flow *f, bool in, uint64_t at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		piece[i] = byte_at(f->id, in, at + i);
}

/* Check's own assertions cost a system call each. */
static void check(const struct flow *f, bool in, uint64_t at, size_t len)
{
	size_t i = 0;

	while (i < len && piece[i] == byte_at(f->id, in, at + i))
		i++;
	if (i < len)
		ck_abort_msg("flow %u, %s, byte %llu", f->id,
			     in ? "in" : "out", (unsigned long long)(at + i));
}

/* ---- a flow's life ---- */

static void begin(struct flow *f)
{
	static const uint8_t chances[FATES] = { 70, 10, 8, 8, 4 };
	uint32_t chance = pick(100), fate = 0;
	struct fdnet_name dst = rg_name(GATEWAY, ports[pick(LISTENERS)]);
	int rc;

	memset(f, 0, sizeof(*f));
	f->fd = -1;
	f->guest = guests[pick(GUESTS)];
	if (!f->guest)
		return;
	ck_assert_int_eq(fdnet_sock_open(f->guest->stack, 4, FDNET_SOCK_STREAM,
					 6, &f->so),
			 0);
	rc = fdnet_sock_connect(f->so, &dst);
	if (rc != -EINPROGRESS) {
		/* all ports are in TIME_WAIT */
		ck_assert_int_eq(rc, -EADDRNOTAVAIL);
		fdnet_sock_close(f->so);
		return;
	}
	while (chance >= chances[fate])
		chance -= chances[fate++];
	f->id = ++last_id;
	f->fate = (enum fate)fate;
	f->out.goal = 4 + (pick(4) ? pick(20000) : pick(2000000));
	f->in.goal = pick(4) ? pick(20000) : pick(2000000);
	f->reset_at = pick((uint32_t)(f->out.goal + f->in.goal));
	f->state = CONNECTING;
	opened++;
	nopen++;
}

static void finish(struct flow *f)
{
	if (f->so && f->guest)
		fdnet_sock_close(f->so);
	if (f->fd >= 0)
		close(f->fd);
	if (f->broken) {
		reset++;
		lost_out += f->out.sent - f->out.got;
		lost_in += f->in.sent - f->in.got;
	} else {
		orderly++;
		ck_assert_uint_eq(f->out.got, f->out.sent);
		ck_assert_uint_eq(f->in.got, f->in.sent);
	}
	moved_out += f->out.got;
	moved_in += f->in.got;
	f->state = FREE;
	nopen--;
}

static void guest_writes(struct flow *f)
{
	struct iovec iov = { piece, 1 + pick(PIECE) };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
	ssize_t rc;

	if (f->out.sent == f->out.goal) {
		if (!f->out.fin)
			fdnet_sock_shutdown(f->so, FDNET_SHUT_WR);
		f->out.fin = true;
		return;
	}
	if (iov.iov_len > f->out.goal - f->out.sent)
		iov.iov_len = f->out.goal - f->out.sent;
	fill(f, false, f->out.sent, iov.iov_len);
	rc = fdnet_sock_send(f->so, &msg);
	if (rc > 0)
		f->out.sent += (uint64_t)rc;
	else if (rc != -EAGAIN)
		f->broken = true;
}

static void guest_reads(struct flow *f)
{
	struct iovec iov = { piece, 1 + pick(PIECE) };
	struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
	ssize_t rc = fdnet_sock_recv(f->so, &msg);

	if (rc > 0) {
		check(f, true, f->in.got, (size_t)rc);
		f->in.got += (uint64_t)rc;
	} else if (!rc) {
		f->in.end = true;
	} else if (rc != -EAGAIN) {
		f->broken = true;
	}
}

static void host_writes(struct flow *f)
{
	size_t len = 1 + pick(PIECE);
	ssize_t rc;

	if (f->in.sent == f->in.goal) {
		if (!f->in.fin)
			shutdown(f->fd, SHUT_WR);
		f->in.fin = true;
		return;
	}
	if (len > f->in.goal - f->in.sent)
		len = f->in.goal - f->in.sent;
	fill(f, true, f->in.sent, len);
	rc = send(f->fd, piece, len, MSG_NOSIGNAL);
	if (rc > 0)
		f->in.sent += (uint64_t)rc;
	else if (errno != EAGAIN)
		f->broken = true;
}

static void host_reads(struct flow *f)
{
	ssize_t rc = recv(f->fd, piece, 1 + pick(PIECE), 0);

	if (rc > 0) {
		check(f, false, f->out.got, (size_t)rc);
		f->out.got += (uint64_t)rc;
	} else if (!rc) {
		f->out.end = true;
	} else if (errno != EAGAIN) {
		f->broken = true;
	}
}

static void do_fate(struct flow *f)
{
	struct linger linger = { 1, 0 };

	if (f->out.got + f->in.got < f->reset_at || f->fd < 0)
		return;
	switch (f->fate) {
	case ORDERLY:
	case FATES:
		return;
	case STALLS:
		f->stall_us = ending ? 0 : now_us + 1000000 + pick(20000000);
		f->fate = ORDERLY;
		return;
	case GUEST_RESETS:
		fdnet_sock_abort(f->so);
		f->so = NULL;
		break;
	case HOST_RESETS:
		setsockopt(f->fd, SOL_SOCKET, SO_LINGER, &linger,
			   sizeof(linger));
		break;
	case GUEST_CLOSES:
		break;
	}
	f->broken = true;
}

/* The guest has died: what it had sent still comes. */
static void step_orphan(struct flow *f)
{
	if (f->fd < 0) {
		f->broken = true;
	} else {
		bool was_broken = f->broken;

		f->broken = false;
		host_reads(f);
		if (!f->broken && !f->out.end) {
			f->broken = was_broken;
			return;
		}
	}
	f->broken = true;
	finish(f);
}

static void step(struct flow *f)
{
	uint32_t events;

	if (f->state == FREE) {
		if (!ending)
			begin(f);
		return;
	}
	if (!f->guest) {
		step_orphan(f);
		return;
	}
	if (f->state == CONNECTING) {
		events = fdnet_sock_poll(f->so);
		if (events & (FDNET_EV_ERR | FDNET_EV_HUP)) {
			f->broken = true;
			finish(f);
		} else if (events & FDNET_EV_OUT) {
			f->state = OPEN;
		}
		return;
	}
	if (f->stall_us > now_us && !ending)
		return;
	guest_writes(f);
	if (!f->in.end)
		guest_reads(f);
	if (f->fd >= 0) {
		host_writes(f);
		if (!f->out.end)
			host_reads(f);
		do_fate(f);
	}
	if (f->broken || (f->out.end && f->in.end && f->out.fin && f->in.fin))
		finish(f);
}

/* ---- all of them ---- */

/* The first four bytes say which flow it is. Those of flows that ended before
 * are closed. */
static int waiting[FLOWS_MAX];
static unsigned int nwaiting;

static bool take_client(int fd)
{
	uint32_t id = 0;
	ssize_t rc = recv(fd, piece, 4, MSG_PEEK);

	if (rc < 0 && errno == EAGAIN)
		return false;
	if (rc > 0 && rc < 4)
		return false;
	for (int i = 0; i < 4; i++)
		id |= (uint32_t)piece[i] << (8 * i);
	for (unsigned int i = 0; rc == 4 && i < nflows; i++) {
		if (flows[i].state == FREE || flows[i].id != id)
			continue;
		flows[i].fd = fd;
		return true;
	}
	close(fd);
	return true;
}

static void take_clients(void)
{
	for (int i = 0; i < LISTENERS; i++) {
		int fd;

		while (nwaiting < FLOWS_MAX &&
		       (fd = accept4(listeners[i], NULL, NULL,
				     SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
			waiting[nwaiting++] = fd;
	}
	for (unsigned int i = 0; i < nwaiting;) {
		if (take_client(waiting[i]))
			waiting[i] = waiting[--nwaiting];
		else
			i++;
	}
}

static struct rg *new_guest(void)
{
	struct rg *g = rg_attach(&relay);
	struct fdnet_ctl ctl = { .op = FDNET_CTL_LEASE,
				 .id = 9,
				 .proto = 6,
				 .count = 7000 };

	ck_assert_int_eq(rg_ask(g, &ctl), 0);
	ck_assert_int_eq(fdnet_stack_lease(g->stack, 6, g->reply.lo,
					   g->reply.hi),
			 0);
	return g;
}

static void kill_guest(unsigned int which)
{
	struct rg *g = guests[which];

	for (unsigned int i = 0; i < nflows; i++) {
		struct flow *f = &flows[i];

		if (f->state == FREE || f->guest != g)
			continue;
		f->guest = NULL;
		f->so = NULL;
		f->broken = true;
		died++;
	}
	rg_kill(g);
	guests[which] = new_guest();
}

static void report(uint64_t start_us)
{
	printf("%5llu s: %u open, %u opened, %u orderly, %u reset, %u with "
	       "their guest; MB out %llu in %llu, lost with resets %llu %llu; "
	       "relay %ld KiB, %d descriptors\n",
	       (unsigned long long)(now_us - start_us) / 1000000, nopen,
	       opened, orderly, reset, died,
	       (unsigned long long)moved_out >> 20,
	       (unsigned long long)moved_in >> 20,
	       (unsigned long long)lost_out >> 20,
	       (unsigned long long)lost_in >> 20, rg_rss_kib(&relay),
	       rg_fds(&relay, NULL));
	fflush(stdout);
}

static unsigned int setting(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value ? (unsigned int)atoi(value) : otherwise;
}

static void start_all(void)
{
	struct rlimit files = { 65536, 65536 };
	char options[768];

	setrlimit(RLIMIT_NOFILE, &files);
	snprintf(options, sizeof(options), "--limit memory=%dK ", MEMORY_KIB);
	for (int i = 0; i < LISTENERS; i++) {
		listeners[i] = rg_host_listen("127.0.0.1", &ports[i]);
		listen(listeners[i], 4096);
		snprintf(options + strlen(options),
			 sizeof(options) - strlen(options), "--allow host:%u ",
			 ports[i]);
	}
	if (getenv("SOAK_OPTIONS"))
		strncat(options, getenv("SOAK_OPTIONS"), 200);
	rg_start(&relay, options);
	for (int i = 0; i < GUESTS; i++)
		guests[i] = new_guest();
}

static void run_until(uint64_t end_us, uint64_t start_us, bool with_deaths)
{
	uint64_t report_us = setting("SOAK_REPORT", 0) * 1000000ull;
	uint64_t next_report_us = now_us + report_us;
	uint64_t next_death_us = now_us + 3000000;

	while ((now_us = clock_us()) < end_us && (!ending || nopen)) {
		for (int i = 0; i < STEPS; i++)
			step(&flows[pick(nflows)]);
		take_clients();
		rg_drive(&relay, 0);
		if (with_deaths && now_us >= next_death_us) {
			kill_guest(pick(GUESTS));
			next_death_us = now_us + 3000000 + pick(10000000);
		}
		if (report_us && now_us >= next_report_us) {
			report(start_us);
			next_report_us += report_us;
		}
	}
}

static bool are_fds_back(void *arg)
{
	return rg_fds(&relay, NULL) <= *(int *)arg;
}

START_TEST(every_byte_is_accounted_for)
{
	uint64_t seconds = setting("SOAK_SECONDS", 8), start_us;
	long kib_warm, kib_end;
	int fds_idle;

	nflows = setting("SOAK_FLOWS", 300);
	ck_assert_uint_le(nflows, FLOWS_MAX);
	flows = calloc(nflows, sizeof(*flows));
	for (unsigned int i = 0; i < nflows; i++)
		flows[i].fd = -1;
	start_all();
	fds_idle = rg_fds(&relay, NULL);
	start_us = now_us = clock_us();
	run_until(start_us + seconds * 250000, start_us, true);
	kib_warm = rg_rss_kib(&relay);
	run_until(start_us + seconds * 1000000, start_us, true);
	kib_end = rg_rss_kib(&relay);
	report(start_us);
	ending = true;
	run_until(now_us + 100000000, start_us, false);
	ck_assert_uint_eq(nopen, 0);
	ck_assert_uint_eq(opened, orderly + reset);
	take_clients();
	while (nwaiting)
		close(waiting[--nwaiting]);
	if (!rg_until(&relay, 80000, are_fds_back, &fds_idle))
		ck_abort_msg("%d descriptors, then %d", fds_idle,
			     rg_fds(&relay, stdout));
	report(start_us);
	ck_assert_int_lt(kib_end, MEMORY_KIB + BESIDES_KIB + RG_SLACK_KIB);
	if (seconds >= 60)
		ck_assert_msg(kib_end < kib_warm + kib_warm / 2 + 16384,
			      "%ld KiB after a quarter, %ld KiB at the end",
			      kib_warm, kib_end);
	rg_stop(&relay);
	for (int i = 0; i < LISTENERS; i++)
		close(listeners[i]);
	free(flows);
}
END_TEST

static Suite *soak_suite(void)
{
	Suite *s = suite_create("relay_soak");
	TCase *tc = tcase_create("relay_soak");

	tcase_set_timeout(tc, 300 + setting("SOAK_SECONDS", 8));
	tcase_add_test(tc, every_byte_is_accounted_for);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(soak_suite());
}
