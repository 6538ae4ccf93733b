/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard input and output that are sockets of the host (inetd, a terminal
 * over the network): the program gets a pipe, and the launcher moves bytes.
 * A socket would let it undo the connection and make another.
 */
#ifndef SANDBOX_PUMP_H
#define SANDBOX_PUMP_H

#include <stdbool.h>
#include <stddef.h>

#include "sandbox/watch.h"

#define PUMP_ROOM 16384

/**
 * struct pump - one direction
 * @from, @to:  -1 when ended; the socket and our end of the pipe
 * @theirs:     the program's end of the pipe, until the child has it
 * @fd:         the descriptor that it stands for
 * @at, @end:   bytes of @room not yet written
 */
struct pump {
	bool used;
	int fd, theirs;
	struct watch from, to;
	struct watch_loop *loop;
	size_t at, end;
	char room[PUMP_ROOM];
};

/** pump_open - take the socket's place
 * @fd:  0: host to program; 1, 2: program to host. The socket is moved away
 * Returns 0 or a negative errno. */
int pump_open(struct pump *pump, int fd);

/** pump_child - in the child: put the pipe's end where it belongs */
void pump_child(struct pump *pump);

/** pump_start - by the launcher, when the child is there */
int pump_start(struct pump *pump, struct watch_loop *loop);

/** pump_finish - the program has ended: write what it left, and end */
void pump_finish(struct pump *pump);

#endif
