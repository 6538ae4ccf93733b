/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "bench/floor.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/load.h"
#include "endpoint/ring.h"

#define RINGS (2 * (FDNET_RING_STATE + FDNET_RING_SIZE))

int floor_awake_us;
int floor_epfd = -1;

/* One process's end. */
static struct fdnet_ring in, out;
static int my_bell, other_bell;

static void ring_bell(void)
{
	uint64_t one = 1;

	load_check(write(other_bell, &one, sizeof(one)) == sizeof(one), "bell");
}

bool floor_put(const void *head, uint32_t head_len, const void *data,
	       uint32_t len)
{
	struct iovec iov[2] = {{(void *)head, head_len}, {(void *)data, len}};
	int rc = fdnet_ring_put(&out, iov, len ? 2 : 1, head_len + len);

	if (rc > 0)
		ring_bell();
	return rc >= 0;
}

uint32_t floor_get(void *data)
{
	int64_t len = fdnet_ring_next(&in);

	if (len <= 0)
		return 0;
	fdnet_ring_get(&in, 0, data, (uint32_t)len);
	fdnet_ring_done(&in);
	return (uint32_t)len;
}

void floor_put_note(uint32_t what, uint32_t len)
{
	struct floor_note note = {what, len};

	while (!floor_put(&note, sizeof(note), NULL, 0))
		sched_yield();
}

bool floor_get_note(struct floor_note *note)
{
	return floor_get(note) > 0;
}

void floor_still_bell(void)
{
	uint64_t n;

	if (read(my_bell, &n, sizeof(n)) < 0)
		load_check(errno == EAGAIN, "bell");
}

static double awake_until(double now)
{
	return now + floor_awake_us * 1e-6;
}

void floor_sleep(void)
{
	struct pollfd p = {.fd = my_bell, .events = POLLIN};
	double now = load_now(), end = awake_until(now);

	for (; now < end; now = load_now()) {
		if (fdnet_ring_has(&in))
			return;
		sched_yield();
	}
	if (fdnet_ring_sleep(&in) && poll(&p, 1, 100) > 0)
		floor_still_bell();
	fdnet_ring_awake(&in);
}

int floor_wait(struct epoll_event *events)
{
	double now = load_now(), end = awake_until(now);
	int n;

	if (fdnet_ring_has(&in))
		return epoll_wait(floor_epfd, events, FLOOR_BATCH, 0);
	for (; now < end; now = load_now()) {
		n = epoll_wait(floor_epfd, events, FLOOR_BATCH, 0);
		if (n || fdnet_ring_has(&in))
			return n;
		sched_yield();
	}
	n = epoll_wait(floor_epfd, events, FLOOR_BATCH,
		       fdnet_ring_sleep(&in) ? -1 : 0);
	fdnet_ring_awake(&in);
	return n;
}

void floor_watch(int fd, uint32_t what)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
				 .data.u32 = what};

	if (what == FLOOR_BELL)
		ev.events = EPOLLIN;
	load_check(!epoll_ctl(floor_epfd, EPOLL_CTL_ADD, fd, &ev), "epoll_ctl");
}

int floor_fork(size_t extra, uint8_t **ret_extra)
{
	uint8_t *mem = mmap(NULL, RINGS + extra, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int bells[2] = {eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK)};
	uint8_t *data = mem + 2 * FDNET_RING_STATE;
	unsigned int mine, other;
	pid_t pid;

	load_check(mem != MAP_FAILED, "mmap");
	memset(mem, 0, RINGS + extra);
	pid = fork();
	load_check(pid >= 0, "fork");
	mine = pid ? 0 : 1;
	other = 1 - mine;
	fdnet_ring_init(&out, mem + mine * FDNET_RING_STATE,
			data + mine * FDNET_RING_SIZE);
	fdnet_ring_init(&in, mem + other * FDNET_RING_STATE,
			data + other * FDNET_RING_SIZE);
	*ret_extra = mem + RINGS;
	my_bell = bells[mine];
	other_bell = bells[other];
	if (!pid) {
		floor_epfd = epoll_create1(0);
		floor_watch(my_bell, FLOOR_BELL);
	}
	return pid;
}
