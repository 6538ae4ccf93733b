/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What coordinator (account.c, steps.c) and processes (process.c) of the random
 * driver say to each other, and how large everything is.
 */
#ifndef TESTS_RANDOM_STEPS_H
#define TESTS_RANDOM_STEPS_H

#include "tests/programs/probe.h"

enum {
	PROCS = 6,
	FDS = 24,    /* network fds of a process: numbers 3 .. 2 + FDS */
	ENDS = 64,   /* connections, two ends each, at a time */
	LISTENERS = 6,
	QUEUE = 8,   /* connections waiting to be accepted */
	MAIL = 4,    /* fds in flight to one process */
	WINDOW = 3000, /* unread bytes of one direction, at most */
	PATIENCE_MS = 10000,
	CHANNEL = 60, /* fd of a process's channel: CHANNEL + its number */
	BOSS = 80,    /* the coordinator's end */
	MAILBOX = 100 /* two fds each: what to read from, what to write to */
};

enum op {
	LISTEN, CONNECT, ACCEPT, SEND, RECV, SHUTDOWN, POLL, NAMES, DUP, DUP2,
	CLOSE, FORK, EXEC, SPAWN, PASS, TAKE, CLOEXEC, EXIT, KILL, SETTLE, NOPS
};

/** op_names - as printed, and as given to -x */
extern const char *const op_names[NOPS];

struct order {
	int op, fd, arg, variant;
	int size;	/* bytes to move */
	unsigned int from, key; /* of the pattern they have */
	int wait_ms;	/* there must be something to see: wait this long */
};

struct report {
	int rc, error;
	int port;
	long extra;
};

/** be_process - obey orders on the channel of process @number until it ends */
int be_process(int number);

/** self - argv to execute this program as process @who; @number is room */
void self(char *argv[3], char number[8], int who);

#endif
