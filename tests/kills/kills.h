/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGKILL at random, under load: what its processes share.
 *
 * One file is mapped by all of them, also by those outside the sandbox. Every
 * thread that talks to a peer has a slot there, which it counts up at each
 * exchange: a slot that stands still is a hang. Whoever is about to be killed
 * is marked first, so a connection that ends is either explained by a mark or
 * was lost.
 */
#ifndef FDNET_TESTS_KILLS_H
#define FDNET_TESTS_KILLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOTS 512
#define NOTES 16
#define MAX_TEXT 32768 /* of one exchange; fits into any buffer on its way */

/* Servers, by the number under which they publish their port. */
enum server {
	EPOLL_SERVER,	/* one process, direct sockets, epoll */
	THREAD_SERVER,	/* a thread for each connection */
	PREFORK_SERVER, /* workers accept from one listener */
	FORKING_SERVER, /* a child for each connection */
	PASSING_SERVER, /* passes what it accepts to workers, by SCM_RIGHTS */
	UDP_SERVER,
	OPEN_SERVER, /* the clients outside come to this one */
	HOST_SERVER, /* outside; never killed */
	SERVERS,
};

struct slot {
	_Atomic int pid; /* 0: free */
	_Atomic int server; /* part of which server, or -1 */
	_Atomic bool killed; /* is about to be */
	_Atomic bool outside; /* not one of the sandbox's: never killed */
	_Atomic bool ready; /* has done its first exchange */
	_Atomic uint64_t moves;
	char what[24];
	/* of the conductor alone: when it saw the slot move last */
	uint64_t seen_moves;
	double seen_at;
};

struct server_state {
	_Atomic int port; /* 0: there is none now */
	_Atomic int kills; /* of its processes, counted before each */
};

struct table {
	_Atomic bool stop;
	_Atomic int lost, hung, wrong; /* what must stay 0 */
	_Atomic int early; /* ended before the greeting, beside a kill */
	_Atomic long exchanges, connections, ended;
	char host[16]; /* where HOST_SERVER is, seen from inside */
	struct server_state servers[SERVERS];
	_Atomic int notes;
	char note[NOTES][200];
	struct slot slots[SLOTS];
};

extern struct table *table;
extern _Thread_local struct slot *mine;
extern bool slots_are_outside; /* of this process */

/* The first words that a server says: who serves. */
struct greeting {
	int32_t slot, pid;
};

/* ---- table.c ---- */

void table_map(const char *path);

/* Takes a slot for this thread; ends the process if there is none. */
struct slot *slot_take(const char *what, int server);
void slot_drop(void);

/* Is the process @pid, which had slot @n, gone, or about to be? */
bool is_dead(int n, int pid);

/* Keeps a line for the report. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void moved(void);
double now_s(void);
unsigned int dice(unsigned int sides);
void dice_start(unsigned int seed);
bool send_all(int fd, const void *data, size_t len);
bool recv_all(int fd, void *data, size_t len);

/* ---- servers.c, clients.c: none of them returns before table->stop ---- */

void serve(enum server kind, int fixed_port);
void be_client(enum server to, int style);
void be_sharer(enum server to);
void be_udp_client(void);

/* How a client holds its connection: see clients.c. */
#define STYLES 3

#endif
