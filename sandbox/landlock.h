/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: the one lock that an unprivileged process can put on what the
 * filter cannot see, because it is decided by whom a call is aimed at.
 *
 * In any domain the kernel refuses tracing of, and /proc/PID/mem, fd, root
 * and environ of, processes outside it. Scopes (Linux 6.12) refuse signals to
 * them and abstract AF_UNIX names of theirs. TCP bind and connect are handled
 * with no rule as a second lock on a socket that got in somehow. Files are
 * not restricted.
 */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

/**
 * landlock_restrict - put the calling thread into a domain of its own
 *
 * Needs no_new_privs. Allocates nothing, opens and closes one fd.
 * Returns the kernel's Landlock version, 0 where there is none, or a
 * negative errno.
 */
int landlock_restrict(void);

/**
 * landlock_restrict_launcher - the same for fdnet-run itself, before it starts
 * the program, whose domain then lies within
 *
 * Does nothing before version 4, where there would be files to handle.
 * Returns 0 or a negative errno.
 */
int landlock_restrict_launcher(void);

/** landlock_version - the kernel's; 0: none of use */
int landlock_version(void);

#endif
