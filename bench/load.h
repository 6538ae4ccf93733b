/* SPDX-License-Identifier: Apache-2.0 */
/* What the load generator's client and server share. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

#define LOAD_BUF (256 * 1024)

/* The first byte of a connection. */
#define LOAD_SINK   's' /* takes all; its count as 8 bytes at the end */
#define LOAD_SOURCE 'm' /* sends until the client closes */
#define LOAD_ECHO   'e'
#define LOAD_ONCE   'o' /* answers one byte and closes */

/* A datagram. */
struct load_dgram {
	uint8_t kind; /* LOAD_ECHO, LOAD_SINK, LOAD_SOURCE or LOAD_QUERY */
	uint8_t pad[3];
	uint32_t size;	/* LOAD_SOURCE: of each datagram */
	uint64_t count; /* LOAD_QUERY's answer, LOAD_END: sent */
	double secs;	/* LOAD_SOURCE: how long */
};
#define LOAD_QUERY 'q'
#define LOAD_END   'f'

static inline double load_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static inline void load_check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(2);
}

/** load_cubic - the same congestion control everywhere, where allowed */
void load_cubic(int fd);

/** load_listen - a listener and a datagram socket of one port; the listener's
 * fd. Port 0: any, written back */
int load_listen(const char *addr, uint16_t *port, int *ret_udp);

/** load_serve - serve both for ever */
void load_serve(int tcp, int udp) __attribute__((noreturn));

#endif
