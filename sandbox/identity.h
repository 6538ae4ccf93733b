/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose rights a call has. What the supervisor does to files for a caller, it
 * does as that caller: a program that root started and that gave up root, or
 * some capability, reaches no socket and makes no name by the rights of
 * fdnet-run, which still has them. Other processes then see the caller's user
 * and group, too (SO_PEERCRED).
 *
 * How it works: while the caller waits for its answer nobody can change its
 * identity, so what /proc says of it, then asked whether it still waits, is
 * true until the answer is given. The real and saved user stay ours, so that
 * the way back is open, and nobody of the caller's user may signal or trace us
 * in between.
 */
#ifndef SANDBOX_IDENTITY_H
#define SANDBOX_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define IDENTITY_GROUPS 65536 /* the kernel's NGROUPS_MAX */

/**
 * struct identity - of a thread
 * @caps:         its effective capabilities
 * @permitted:    those that it may use
 * @umask:        of files that it makes
 * @pid:          its process, as it is numbered inside
 */
struct identity {
	uid_t euid, fsuid;
	gid_t egid, fsgid;
	size_t group_count;
	uint64_t caps, permitted;
	mode_t umask;
	pid_t pid;
	gid_t groups[IDENTITY_GROUPS];
};

struct call;

/**
 * identity_parse - from the text of /proc/PID/status
 * @text:  ended by a zero; its first line is of the program's choice
 * Returns 0, or -EINVAL: something is missing; then @ret_who is half filled.
 */
int identity_parse(const char *text, struct identity *ret_who);

/**
 * identity_assume - be the caller, until identity_resume()
 *
 * Its identity is then in call->sup->caller, until the next call's.
 * Returns 0, -ESRCH (it has gone), -EPERM (we cannot; nothing has changed).
 */
int identity_assume(const struct call *call);

/** identity_assume_in_root - likewise, and paths begin where its do (root.h) */
int identity_assume_in_root(const struct call *call);

/** identity_resume - ourselves again; ends the process if that fails */
void identity_resume(const struct call *call);

/** identity_peer - the caller just assumed, as SO_PEERCRED shows it inside */
struct ucred identity_peer(const struct call *call);

/** identity_sender - as its messages are to show it outside, where we send
 * them; no pid: as they would anyway */
struct ucred identity_sender(const struct call *call);

struct supervisor;

/** identity_of_message - the same, of one whose sender the kernel told */
struct ucred identity_of_message(const struct supervisor *sup,
				 const struct ucred *cred);

#endif
