/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the floors share: two processes, a ring each way, and how they sleep
 * and wake each other; as fdnet does where it is fastest.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#define FLOOR_BATCH 64 /* events of one wake-up */
/* In the place of an event's data: the other process's bell. */
#define FLOOR_BELL UINT32_MAX

/** floor_awake_us - how long both sides look before they sleep */
extern int floor_awake_us;
/** floor_epfd - the relay's, from floor_fork() on */
extern int floor_epfd;

/**
 * floor_fork - rings between this process and a child
 * @extra:      bytes of memory that both see besides
 * @ret_extra:  where they are
 *
 * As fork(): the child is the relay.
 */
int floor_fork(size_t extra, uint8_t **ret_extra);

/** floor_put - a message of two parts; false: no room */
bool floor_put(const void *head, uint32_t head_len, const void *data,
	       uint32_t len);
/** floor_get - the length of the next message, 0: none */
uint32_t floor_get(void *data);

/**
 * struct floor_note - a short message
 * @what:  which connection, or which block
 * @len:   how much of it, or what is the matter with it
 */
struct floor_note {
	uint32_t what, len;
};

/** floor_put_note - waits for room; floor_get_note - false: there is none */
void floor_put_note(uint32_t what, uint32_t len);
bool floor_get_note(struct floor_note *note);

/** floor_sleep - the program's side: until there is something, perhaps */
void floor_sleep(void);
/** floor_wait - the relay's: events of sockets, or something in the ring */
int floor_wait(struct epoll_event *events);
/** floor_still_bell - it has rung */
void floor_still_bell(void);
/** floor_watch - the relay's: a socket by edges; FLOOR_BELL by level */
void floor_watch(int fd, uint32_t what);

/* ---- floor_crr.c: connect, a byte each way, close ---- */

/** floor_crr_relay - the relay, for ever */
void floor_crr_relay(const struct sockaddr_in *server);
/** floor_crr_program - @conns at a time until @end; how many */
uint64_t floor_crr_program(int conns, double end);

/* ---- floor_threads.c: threads that block ---- */

/** floor_threads_program - a byte there and back over connections 0 to
 * @threads - 1, each by a thread of its own, until @end; how often */
uint64_t floor_threads_program(int threads, double end);

#endif
