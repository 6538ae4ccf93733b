/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/eset.h"

#include <errno.h>
#include <stddef.h>

#include "shim/direct.h"
#include "shim/file.h"
#include "shim/kick.h"
#include "shim/mem.h"
#include "shim/mirror.h"
#include "shim/pump.h"
#include "shim/raw.h"
#include "shim/wait.h"

/* Sets with higher numbers are the kernel's. */
#define MAX_FD 65536
/* Numbers of one set; one with more is the kernel's. */
#define MAX_NUMBERS 4
/* Waits that found something in memory between two looks at the kernel. */
#define LOOK_EVERY 4
/* What is always reported. */
#define ALWAYS (EPOLLERR | EPOLLHUP)
#define FLAGS  (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP)

/* A socket in a set; the key is the file and the number, as the kernel has
 * it. */
struct shim_member {
	struct shim_eset *set;
	struct shim_file *file;
	int fd;
	struct epoll_event ev;
	bool spent;    /* one-shot, to be armed again */
	bool queued;
	uint32_t seen; /* readiness when it was looked at last */
	struct shim_member *next_of_file;
	struct shim_member *next, *prev;	    /* of the set */
	struct shim_member *queue_next, *queue_prev;
};

struct shim_eset {
	int numbers[MAX_NUMBERS]; /* fds that refer to it */
	unsigned int n_numbers;
	bool inherited; /* from a parent, in whose memory the sockets are */
	bool exposed;	/* others look: it has no members here any more */
	unsigned int looked; /* waits since the kernel was asked */
	struct shim_member *members;
	struct shim_member *queue, *queue_last;
	struct shim_eset *next;
};

static struct shim_eset *sets;
static uint64_t made[MAX_FD / 64]; /* bits of the sets' fds */
static bool any;

/* The first set's fd that is no less than @fd and no more than @last, or
 * MAX_FD. */
static unsigned int next_made(unsigned int fd, unsigned int last)
{
	uint64_t rest;

	for (; fd <= last && fd < MAX_FD; fd = (fd / 64 + 1) * 64) {
		rest = __atomic_load_n(&made[fd / 64], __ATOMIC_RELAXED) >>
		       (fd % 64);
		if (!rest)
			continue;
		fd += (unsigned int)__builtin_ctzll(rest);
		return fd <= last ? fd : MAX_FD;
	}
	return MAX_FD;
}

bool shim_eset_between(unsigned int first, unsigned int last)
{
	return __atomic_load_n(&any, __ATOMIC_RELAXED) &&
	       next_made(first, last) < MAX_FD;
}

bool shim_eset_maybe(int fd)
{
	return fd >= 0 && fd < MAX_FD &&
	       (__atomic_load_n(&made[fd / 64], __ATOMIC_RELAXED) >>
			(fd % 64) &
		1);
}

void shim_eset_made(int fd)
{
	if (fd < 0 || fd >= MAX_FD)
		return;
	__atomic_fetch_or(&made[fd / 64], 1ull << (fd % 64), __ATOMIC_RELAXED);
	__atomic_store_n(&any, true, __ATOMIC_RELAXED);
}

static void unmake(int fd)
{
	__atomic_fetch_and(&made[fd / 64], ~(1ull << (fd % 64)),
			   __ATOMIC_RELAXED);
}

static bool has_number(const struct shim_eset *set, int fd)
{
	unsigned int i;

	for (i = 0; i < set->n_numbers && set->numbers[i] != fd; i++)
		;
	return i < set->n_numbers;
}

/* Those that are exposed, too; not those that had no member yet. */
static struct shim_eset *set_find(int epfd)
{
	struct shim_eset *set;

	if (!shim_eset_maybe(epfd))
		return NULL;
	for (set = sets; set && !has_number(set, epfd); set = set->next)
		;
	return set;
}

/* ---- the queue of a set ---- */

static void enqueue(struct shim_member *m)
{
	struct shim_eset *set = m->set;

	if (m->queued)
		return;
	m->queued = true;
	m->queue_next = NULL;
	m->queue_prev = set->queue_last;
	if (set->queue_last)
		set->queue_last->queue_next = m;
	else
		set->queue = m;
	set->queue_last = m;
}

static void dequeue(struct shim_member *m)
{
	struct shim_eset *set = m->set;

	if (!m->queued)
		return;
	m->queued = false;
	if (m->queue_prev)
		m->queue_prev->queue_next = m->queue_next;
	else
		set->queue = m->queue_next;
	if (m->queue_next)
		m->queue_next->queue_prev = m->queue_prev;
	else
		set->queue_last = m->queue_prev;
}

/* ---- members ---- */

static uint32_t to_epoll(uint32_t now)
{
	uint32_t bits = now & (EPOLLIN | EPOLLPRI | EPOLLOUT | ALWAYS);

	if (now & FDNET_EV_IN)
		bits |= EPOLLRDNORM;
	if (now & FDNET_EV_OUT)
		bits |= EPOLLWRNORM;
	if (now & FDNET_EV_RDHUP)
		bits |= EPOLLRDHUP;
	return bits;
}

static uint32_t ready_bits(const struct shim_member *m)
{
	struct fdnet_sock *so = m->file->so;

	return to_epoll(so ? shim_direct_poll(m->file) : EPOLLERR | EPOLLHUP |
							   EPOLLIN | EPOLLOUT);
}

static uint32_t wanted(const struct shim_member *m)
{
	return m->spent ? 0 : (m->ev.events & ~FLAGS) | ALWAYS;
}

static struct shim_member *member_find(const struct shim_eset *set,
				  const struct shim_file *file, int fd)
{
	struct shim_member *m;

	for (m = file->members; m; m = m->next_of_file)
		if (m->set == set && m->fd == fd)
			break;
	return m;
}

static struct shim_member *member_add(struct shim_eset *set, struct shim_file *file,
				 int fd)
{
	struct shim_member *m = fdnet_mem_alloc(shim_mem(), sizeof(*m));

	if (!m)
		return NULL;
	m->set = set;
	m->file = file;
	m->fd = fd;
	m->next_of_file = file->members;
	file->members = m;
	m->next = set->members;
	if (m->next)
		m->next->prev = m;
	set->members = m;
	return m;
}

static void member_free(struct shim_member *m)
{
	struct shim_member **at = &m->file->members;

	dequeue(m);
	while (*at != m)
		at = &(*at)->next_of_file;
	*at = m->next_of_file;
	if (m->prev)
		m->prev->next = m->next;
	else
		m->set->members = m->next;
	if (m->next)
		m->next->prev = m->prev;
	fdnet_mem_free(shim_mem(), m, sizeof(*m));
}

/* What the program asks for has changed: is it true already? */
static void member_arm(struct shim_member *m, const struct epoll_event *event)
{
	m->ev = *event;
	m->spent = false;
	m->seen = ready_bits(m);
	if (!(m->seen & wanted(m)))
		return;
	enqueue(m);
	shim_wait_ring_set(m->set);
}

static int kernel_ctl(const struct shim_eset *set, int op, int fd,
		      const struct epoll_event *event)
{
	return (int)RAW(SYS_epoll_ctl, set->numbers[0], op, fd, event, 0, 0);
}

/* The member is the kernel's, with all that it was asked for. */
static void member_release(struct shim_member *m)
{
	struct epoll_event ev = m->ev;

	if (m->spent)
		ev.events = EPOLLONESHOT; /* of the rest it will be told */
	kernel_ctl(m->set, EPOLL_CTL_MOD, m->fd, &ev);
	member_free(m);
}

/* ---- sets ---- */

/* The set of a number that we know; NULL for another, or without memory. */
static struct shim_eset *set_get(int epfd)
{
	struct shim_eset *set = set_find(epfd);

	if (set || !shim_eset_maybe(epfd))
		return set;
	set = fdnet_mem_alloc(shim_mem(), sizeof(*set));
	if (!set)
		return NULL;
	set->numbers[set->n_numbers++] = epfd;
	set->next = sets;
	sets = set;
	/* whoever waits for it already waits for the kernel's alone */
	shim_wait_ring_all();
	return set;
}

static void set_free(struct shim_eset *set)
{
	struct shim_eset **at = &sets;

	while (set->members)
		member_free(set->members);
	while (*at != set)
		at = &(*at)->next;
	*at = set->next;
	/* whoever waits for it looks anew */
	shim_wait_ring_all();
	fdnet_mem_free(shim_mem(), set, sizeof(*set));
}

/* @fd was closed. */
static void number_gone(int fd)
{
	struct shim_eset *set = set_find(fd);
	unsigned int i;

	unmake(fd);
	shim_kick_forget(fd);
	if (!set)
		return;
	for (i = 0; set->numbers[i] != fd; i++)
		;
	set->numbers[i] = set->numbers[--set->n_numbers];
	if (!set->n_numbers)
		set_free(set);
}

/* In a child: the sockets are in the parent's memory. They are asked for, which
 * may take a while; what was not ours in between is not ours afterwards. */
static void set_take(struct shim_eset *set)
{
	int epfd = set->numbers[0];

	while (set && set->members) {
		struct shim_member m = *set->members;

		member_free(set->members);
		shim_file_hold(m.file);
		if (m.file->remote)
			shim_pump_touch(m.file);
		RAW(SYS_epoll_ctl, epfd, EPOLL_CTL_MOD, m.fd, &m.ev, 0, 0);
		shim_file_put(m.file);
		set = set_find(epfd);
	}
	if (set)
		set->inherited = false;
}

static void set_mirror(struct shim_eset *set)
{
	struct shim_file *file;
	uint32_t events;
	struct shim_member *m;
	int fd;

	while ((m = set->members)) {
		file = m->file;
		events = m->ev.events;
		fd = m->fd;
		member_release(m);
		shim_mirror_watch(file, fd, events);
	}
}

void shim_eset_expose(int epfd)
{
	struct shim_eset *set = set_get(epfd);

	if (!set || set->exposed)
		return;
	set->exposed = true;
	if (set->inherited)
		set_take(set);
	else
		set_mirror(set);
	/* whoever waits for it waits for the kernel's from now on */
	shim_wait_ring_all();
}

struct shim_eset *shim_eset_get(int epfd)
{
	struct shim_eset *set = set_find(epfd);

	if (set && set->inherited) {
		shim_eset_expose(epfd);
		set = set_find(epfd);
	}
	return set && !set->exposed ? set : NULL;
}

void shim_eset_dup(int of, int fd)
{
	struct shim_eset *set;

	shim_eset_forget((unsigned int)fd, (unsigned int)fd);
	set = set_get(of);
	if (!set)
		return;
	if (set->n_numbers == MAX_NUMBERS || fd >= MAX_FD) {
		shim_eset_expose(of); /* by @fd it is unknown */
		return;
	}
	set->numbers[set->n_numbers++] = fd;
	shim_eset_made(fd);
}

void shim_eset_forget(unsigned int first, unsigned int last)
{
	unsigned int fd = next_made(first, last);

	for (; fd < MAX_FD; fd = next_made(fd + 1, last))
		number_gone((int)fd);
}

void shim_eset_after_fork(void)
{
	for (struct shim_eset *set = sets; set; set = set->next)
		set->inherited = set->members != NULL;
}

/* ---- calls ---- */

static int del(int epfd, int fd, struct shim_file *file)
{
	struct shim_eset *set = set_find(epfd);
	struct shim_member *m = set ? member_find(set, file, fd) : NULL;
	int rc;

	if (!m)
		return -EOPNOTSUPP;
	rc = kernel_ctl(set, EPOLL_CTL_DEL, fd, NULL);
	if (rc == 0)
		member_free(m);
	return rc;
}

static int add(int epfd, int fd, struct shim_file *file,
	       const struct epoll_event *event)
{
	struct epoll_event quiet = { .data = event->data };
	struct shim_eset *set;
	struct shim_member *m;
	unsigned int i;
	int rc;

	if (!file->so || file->pumped || (event->events & EPOLLEXCLUSIVE))
		return -EOPNOTSUPP;
	set = set_get(epfd);
	m = set ? member_add(set, file, fd) : NULL;
	rc = m ? kernel_ctl(set, EPOLL_CTL_ADD, fd, &quiet) : -EOPNOTSUPP;
	if (rc == 0) {
		member_arm(m, event);
		for (i = 0; i < set->n_numbers; i++)
			shim_kick(set->numbers[i]);
	} else if (m) {
		member_free(m);
	}
	return rc;
}

int shim_eset_ctl(int epfd, int op, int fd, struct shim_file *file,
		  const struct epoll_event *event)
{
	struct shim_eset *set;
	struct shim_member *m;

	if (op == EPOLL_CTL_DEL)
		return del(epfd, fd, file);
	set = shim_eset_get(epfd);
	if (!set && set_find(epfd))
		return -EOPNOTSUPP; /* exposed */
	m = set ? member_find(set, file, fd) : NULL;
	if (op == EPOLL_CTL_ADD)
		return m ? -EEXIST : add(epfd, fd, file, event);
	if (!m)
		return -EOPNOTSUPP;
	if (event->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	member_arm(m, event);
	return 0;
}

int shim_eset_collect(struct shim_eset *set, struct epoll_event *events,
		      int max)
{
	struct shim_member *m, *last = set->queue_last;
	bool end = false;
	int n = 0;

	while (n < max && !end && (m = set->queue)) {
		uint32_t bits;

		end = m == last;
		dequeue(m);
		m->seen = ready_bits(m);
		bits = m->seen & wanted(m);
		if (!bits)
			continue;
		events[n].events = bits;
		events[n++].data = m->ev.data;
		if (m->ev.events & EPOLLONESHOT)
			m->spent = true;
		else if (!(m->ev.events & EPOLLET))
			enqueue(m);
	}
	return n;
}

bool shim_eset_is_ready(struct shim_eset *set)
{
	struct shim_member *m;

	while ((m = set->queue)) {
		m->seen = ready_bits(m);
		if (m->seen & wanted(m))
			return true;
		dequeue(m);
	}
	return false;
}

bool shim_eset_look(struct shim_eset *set)
{
	if (++set->looked < LOOK_EVERY)
		return false;
	set->looked = 0;
	return true;
}

/* ---- what comes ---- */

void shim_eset_event(struct shim_file *file, uint32_t events)
{
	uint32_t bits = to_epoll(events);
	struct shim_member *m;

	for (m = file->members; m; m = m->next_of_file) {
		if (!(bits & wanted(m)))
			continue;
		enqueue(m);
		shim_wait_ring_set(m->set);
	}
}

void shim_eset_touch(struct shim_file *file)
{
	struct shim_member *m;

	for (m = file->members; m; m = m->next_of_file) {
		uint32_t now = ready_bits(m), fresh = now & ~m->seen;

		m->seen = now;
		if (!((m->ev.events & EPOLLET ? fresh : now) & wanted(m)) ||
		    m->queued)
			continue;
		enqueue(m);
		shim_wait_ring_set(m->set);
	}
}

void shim_eset_release(struct shim_file *file)
{
	while (file->members)
		member_release(file->members);
}

void shim_eset_gone(struct shim_file *file)
{
	while (file->members)
		member_free(file->members);
}
