/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay as a child process.
 *
 * It has two fds of ours: its end of the attach channel, over which processes
 * of the sandbox ask for links, and its end of the status channel, over which
 * it says `ready` and `done` and we say `finish` (doc/protocol.md, 7).
 */
#ifndef SANDBOX_RELAY_PROC_H
#define SANDBOX_RELAY_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct relay_proc - the running relay
 * @pid:        -1 when it has been waited for, or is not ours
 * @moved:      another relay has taken over (fdnet-relay --takeover): it is
 *              not our child, but at the other end of our fds
 * @status_fd:  our end of the status channel, or -1
 * @attach_fd:  the sandbox's end of the attach channel, close-on-exec
 */
struct relay_proc {
	pid_t pid;
	int status_fd;
	int attach_fd;
	bool moved;
};

/**
 * relay_proc_start - start the relay and wait until it is ready
 * @path:  the program
 * @args:  its options, @argc of them; borrowed
 *
 * Says what went wrong, unless the relay itself has said it.
 * Returns 0 or a negative errno; then nothing is left running.
 */
int relay_proc_start(const char *path, const char *const *args, size_t argc,
		     struct relay_proc *ret_relay);

/**
 * relay_proc_connect - use a relay that serves many sandboxes
 * @path:  where it listens; the connection is the attach channel
 *
 * Says what went wrong. Returns 0 or a negative errno. There is no process to
 * wait for then, and its summary goes to the service's standard error.
 */
int relay_proc_connect(const char *path, struct relay_proc *ret_relay);

/**
 * relay_proc_finish - the program has ended: let the relay sum up
 *
 * Waits for its summary, at most two seconds. Processes of the sandbox that
 * still run keep the relay, and with it their rules.
 */
void relay_proc_finish(struct relay_proc *relay);

/**
 * relay_proc_ended - the relay's process has ended and was waited for
 *
 * True: because another goes on in its place.
 */
bool relay_proc_ended(struct relay_proc *relay);

/** relay_proc_is_there - is anybody at the other end of the status channel? */
bool relay_proc_is_there(struct relay_proc *relay);

/** relay_proc_done - close our fds; the relay goes on as long as it is used */
void relay_proc_done(struct relay_proc *relay);

#endif
