/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's account of the random driver: who holds what, how many
 * bytes are on their way, who has closed, whom a close resets. From it follows
 * what a step must see.
 */
#ifndef TESTS_RANDOM_ACCOUNT_H
#define TESTS_RANDOM_ACCOUNT_H

#include "tests/random/steps.h"

struct end {
	bool used;
	int refs;
	bool reset;	 /* the next receive beyond the data says so */
	bool shut;	 /* its writing direction is shut */
	bool closed;	 /* nobody holds it */
	/* The other end's last holder was killed: the kernel has a reset for
	 * data unread there, and the end otherwise; the sandbox may take the
	 * one for the other (libfdnet(7), WHAT IS GUARANTEED). */
	bool killed;
	int first;	 /* the process that made it */
	bool shared;	 /* used by another, or executed with: for good */
	unsigned int sent, got; /* bytes, ever */
	int port, peer_port;
	unsigned int key;
};

struct listener {
	int refs, port;
	int queue[QUEUE], waiting; /* server ends */
	bool used;
	int died; /* the step at which it was closed */
};

/* What an fd number refers to: 0 nothing, e + 1 an end, -(l + 1) a listener */
struct holding {
	int what;
	bool cloexec;
};

struct process {
	bool alive;
	pid_t pid;
	struct holding fds[FDS];
	int mail[MAIL], mails;
};

extern struct end ends[ENDS * 2];
extern struct listener listeners[LISTENERS];
extern struct process procs[PROCS];
extern int step_no;

/** seed_dice, dice - the same numbers for the same seed; 0 .. @n - 1 */
void seed_dice(unsigned long long seed);
unsigned int dice(unsigned int n);

/** peer_of - the other end of a connection */
static inline int peer_of(int e)
{
	return e ^ 1;
}

/** hold, drop - one more, or one less, refers to it; the last one closes it */
void hold(int what);
void drop(int what);

/** note_use - process @p has used it; @gives: so that another may */
void note_use(int p, int what, bool gives);
/** may_be_killed - does nobody else depend on what only @p has used? */
bool may_be_killed(int p);
/** let_go - process @p is no more. @killed: it could do nothing about it */
void let_go(int p, bool killed);

/** set_fd - number @fd of process @p refers to @what from now on */
void set_fd(int p, int fd, int what, bool cloexec);
/** what_of - what it refers to */
int what_of(int p, int fd);
/** held - how many numbers of @p refer to something */
int held(int p);
/** pick_fd - a random number of @p of the kind asked: 'l', 'e' or 0 for both;
 * or -1 */
int pick_fd(int p, char kind);

/** free_process, free_pair - room for another, or -1 */
int free_process(void);
int free_pair(void);

#endif
