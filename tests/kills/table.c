/* SPDX-License-Identifier: Apache-2.0 */
/* The shared table, and what servers and clients both need. */
#include "config.h"
#include "tests/kills/kills.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct table *table;
bool slots_are_outside;
_Thread_local struct slot *mine;
static _Thread_local uint64_t dice_state;

void table_map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0 || ftruncate(fd, sizeof(*table))) {
		perror(path);
		exit(2);
	}
	table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED,
		     fd, 0);
	if (table == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	close(fd);
}

struct slot *slot_take(const char *what, int server)
{
	struct slot *s;
	int n, none;

	for (n = 0; n < SLOTS; n++) {
		s = &table->slots[n];
		none = 0;
		/* -1 until it is filled in: nobody looks at it before */
		if (!atomic_compare_exchange_strong(&s->pid, &none, -1))
			continue;
		s->killed = false;
		s->ready = false;
		s->outside = slots_are_outside;
		s->server = server;
		s->moves = 0;
		s->seen_moves = 0;
		s->seen_at = now_s();
		snprintf(s->what, sizeof(s->what), "%s", what);
		s->pid = getpid();
		dice_start((unsigned int)(getpid() * 31 + n));
		return mine = s;
	}
	note("no slot is left for %s", what);
	atomic_fetch_add(&table->wrong, 1);
	_exit(3);
}

void slot_drop(void)
{
	mine->pid = 0;
	mine = NULL;
}

bool is_dead(int n, int pid)
{
	struct slot *s = &table->slots[n];

	return s->pid != pid || s->killed;
}

void note(const char *fmt, ...)
{
	int n = atomic_fetch_add(&table->notes, 1);
	va_list args;

	if (n >= NOTES)
		return;
	va_start(args, fmt);
	vsnprintf(table->note[n], sizeof(table->note[n]), fmt, args);
	va_end(args);
}

void moved(void)
{
	atomic_fetch_add(&mine->moves, 1);
}

double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void dice_start(unsigned int seed)
{
	dice_state = seed * 0x9e3779b97f4a7c15ULL + 1;
}

unsigned int dice(unsigned int sides)
{
	dice_state = dice_state * 6364136223846793005ULL +
		     1442695040888963407ULL;
	return (unsigned int)(dice_state >> 33) % sides;
}

bool send_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len) {
		n = send(fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool recv_all(int fd, void *data, size_t len)
{
	char *p = data;
	ssize_t n;

	while (len) {
		n = recv(fd, p, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = 0;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}
