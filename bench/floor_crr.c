/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of bench/load's connect cycle: the program asks for a connection,
 * is told that there is one, sends a byte, gets one and the end, and closes.
 * Each of these is a message; the relay's calls of the kernel are those of
 * fdnet's, and none of them can be left out.
 */
#include "config.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/floor.h"
#include "bench/load.h"

#define SLOTS_MAX 1024

/* What a note's @len says. */
enum { OPEN, OPENED, DATA, END, CLOSE };

static struct slot {
	int fd;
	bool connecting, ended;
} slots[SLOTS_MAX];

/* ---- the relay ---- */

/* A second connect() tells of the first, which on one machine is done. */
static void try_connect(uint32_t i, const struct sockaddr_in *server)
{
	const struct sockaddr *sa = (const struct sockaddr *)server;

	if (connect(slots[i].fd, sa, sizeof(*server)) < 0) {
		load_check(errno == EINPROGRESS || errno == EALREADY,
			   "connect");
		return;
	}
	slots[i].connecting = false;
	floor_put_note(i, OPENED);
}

static void open_slot(uint32_t i, const struct sockaddr_in *server)
{
	int one = 1;

	slots[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	slots[i].connecting = true;
	slots[i].ended = false;
	load_check(slots[i].fd >= 0, "socket");
	setsockopt(slots[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	try_connect(i, server);
	if (slots[i].connecting)
		try_connect(i, server);
	floor_watch(slots[i].fd, i);
}

static void read_slot(uint32_t i)
{
	char byte;
	ssize_t n;

	while ((n = recv(slots[i].fd, &byte, 1, MSG_DONTWAIT)) > 0)
		floor_put_note(i, DATA);
	/* there may be events still, and one end is enough */
	if (!n && !slots[i].ended)
		floor_put_note(i, END);
	slots[i].ended = !n;
}

static void obey(const struct floor_note *note,
		 const struct sockaddr_in *server)
{
	struct slot *slot = &slots[note->what];

	if (note->len == OPEN)
		open_slot(note->what, server);
	else if (note->len == DATA)
		load_check(send(slot->fd, "o", 1, MSG_NOSIGNAL) == 1, "send");
	else
		close(slot->fd);
}

void floor_crr_relay(const struct sockaddr_in *server)
{
	struct epoll_event events[FLOOR_BATCH];
	struct floor_note note;

	for (;;) {
		int n = floor_wait(events);

		for (int i = 0; i < n; i++) {
			uint32_t what = events[i].data.u32;

			if (what == FLOOR_BELL)
				floor_still_bell();
			else if (slots[what].connecting)
				try_connect(what, server);
			else if (events[i].events & EPOLLIN)
				read_slot(what);
		}
		while (floor_get_note(&note))
			obey(&note, server);
	}
}

/* ---- the program ---- */

uint64_t floor_crr_program(int conns, double end)
{
	struct floor_note note;
	uint64_t n = 0;

	for (int i = 0; i < conns; i++)
		floor_put_note((uint32_t)i, OPEN);
	while (load_now() < end) {
		if (!floor_get_note(&note)) {
			floor_sleep();
			continue;
		}
		if (note.len == OPENED)
			floor_put_note(note.what, DATA);
		if (note.len != END)
			continue;
		n++;
		floor_put_note(note.what, CLOSE);
		floor_put_note(note.what, OPEN);
	}
	return n;
}
