/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts to get out of a sandbox. Each is a function of its own, run in a
 * process of its own, which says whether it got out. `run` runs them all
 * natively, where they must get out (or the machine does not offer the way at
 * all), and in the sandbox, where they must not.
 *
 * What there is to reach is tests/escape/host: its greeting, its memory, its
 * descriptors. Names of attempts are those of the table of ways out.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What an attempt returns; a negative errno says why it was held. */
enum outcome {
	OUT = 0,	 /* it reached what it must not reach */
	HELD = 1,	 /* no errno to tell */
	NOT_HERE = 1000, /* this build or machine has no such way */
};

struct attempt {
	const char *name;
	int (*run)(void);
};

/* What tests/escape/host says of itself, by the environment. */
struct target {
	int port;	 /* TCP and UDP, 127.0.0.1 and ::1 */
	const char *dir; /* stream, seq, dgram: sockets; secret: a file */
	const char *abs; /* prefix of its abstract names */
	pid_t victim;	 /* a process of the same user */
	long secret;	 /* address of SECRET in the victim */
	int victim_fd;	 /* a connected host socket in the victim */
	int shm_key, msg_key, shm_id, msg_id, sem_id;
};

/* What tests/escape/host leaves open, besides a connected stream. */
enum left_open {
	LEFT_STREAM = 10,
	LEFT_BOUND = 11,    /* TCP, may listen */
	LEFT_LISTENER = 12, /* somebody has connected to it */
	LEFT_UDP = 13,
	LEFT_PIDFD = 14, /* of the victim */
	LEFT_NETNS = 15,
	LEFT_UNIX = 16, /* datagrams */
	LEFT_FOLDER = 17,
	LEFT_RING = 18,
};

/* What tests/escape/host's givers hand over, by the letter asked with. */
enum gift {
	GIVE_STREAM = 's',  /* a TCP connection of the host */
	GIVE_BY_PAIR = '2', /* the same, over a pair that is handed over */
	GIVE_UDP = 'u',
	GIVE_LISTENER = 'l',
	GIVE_NETLINK = 'n',
	GIVE_UNIX_DGRAM = 'x',
	GIVE_PIDFD = 'p',
	GIVE_RING = 'r',
	GIVE_NETNS = 'N',
	GIVE_FOLDER = 'd',
	GIVE_PIPE = '|', /* which is no way out */
};

extern struct target target;

#define GREETING "HOST-SPEAKS"
#define SECRET	 "host-secret-0123"

/** greeted - does the peer of this fd speak the host's greeting? */
int greeted(int fd);

/** failed - the outcome for a call that set errno */
int failed(void);

/** in_family - connect a stream to the host in this family, by raw calls */
int raw_tcp_to_host(void);

/* One table for each file, ended by a row without a name. */
extern const struct attempt net_attempts[];
extern const struct attempt call_attempts[];
extern const struct attempt exec_attempts[];
extern const struct attempt fd_attempts[];
extern const struct attempt unix_attempts[];
extern const struct attempt process_attempts[];
extern const struct attempt owner_attempts[];
extern const struct attempt kernel_attempts[];
extern const struct attempt surface_attempts[];
extern const struct attempt leak_attempts[];
extern const struct attempt race_attempts[];

/** act_again - what the program does when an attempt executed it anew; does
 * not return if it was */
void act_again(int argc, char **argv);

#endif
