/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor (D11): answers the socket calls of programs that the preload
 * cannot reach: static ones, Go's, raw system calls, libc's own inner ones.
 *
 * How it works: the filter notifies us of the calls listed in filter_rules.c.
 * A socket that we give out is one end of an AF_UNIX pair whose other end the
 * relay has (doc/handover.md); so every call that only moves data is the
 * kernel's and right by itself, and only those that name addresses or options
 * come here. They are turned into requests to the relay, any number of which
 * may be on their way; an answer is given when its outcome is known, so a
 * blocking call holds up nobody else.
 *
 * What is trusted: nothing of the caller. Memory is read once, lengths first
 * bounded; descriptors are taken out of the caller once and used as what they
 * then are; that the caller still is the caller is asked again afterwards.
 * Calls whose outcome depends on memory or descriptors are never let go on in
 * the kernel, with one exception: on AF_UNIX stream and SEQPACKET sockets,
 * which is all there is inside, calls that only move data or read names and
 * options are harmless whatever another thread puts in their place
 * (call_continue() names each reason).
 *
 * It is the launcher's own process: an ancestor of every caller, so that Yama
 * lets it read them, and outside their Landlock domain and namespaces.
 */
#ifndef SANDBOX_SUPERVISE_H
#define SANDBOX_SUPERVISE_H

#include <stdbool.h>
#include <stddef.h>

#include "sandbox/watch.h"

struct supervisor;

/**
 * struct supervise_setup
 * @listener_fd:  of the filter; taken
 * @attach_fd:    where the relay is met; borrowed
 * @addr:         the sandbox's IPv4 address and prefix, as text
 * @name_server:  of the sandbox, as text
 * @own_pids:     a pid namespace of its own: we have no number in it
 * @own_net:      a network namespace of its own: abstract names are its own
 * @own_mounts:   resolv.conf names the sandbox's name server
 * @roots:        programs may change their root
 * @unix_paths, @unix_count:  sockets of the host that may be reached
 */
struct supervise_setup {
	int listener_fd;
	int attach_fd;
	const char *addr;
	const char *name_server;
	bool own_pids;
	bool own_net;
	bool own_mounts;
	bool roots;
	const char *const *unix_paths;
	size_t unix_count;
};

/**
 * supervise_is_possible - has the kernel what it needs (Linux 5.14), and may we
 * look into the program (look.h)?
 * @own_user:  it gets a user namespace
 *
 * That somebody else answers such calls already shows only when it is tried.
 */
bool supervise_is_possible(bool own_user);

/** supervise_probe - that too, tried in a child */
bool supervise_probe(bool own_user);

/**
 * supervise_start - answer from now on, from @loop
 * @ret_sup:  to be freed with supervise_end()
 * Returns 0 or a negative errno.
 */
int supervise_start(const struct supervise_setup *setup,
		    struct watch_loop *loop, struct supervisor **ret_sup);

/** supervise_fds - what it holds now, into @fds (room for SUPERVISE_FDS); their
 * number */
#define SUPERVISE_FDS 6
int supervise_fds(const struct supervisor *sup, int *fds);

/** supervise_timeout - ms until supervise_round() has something to do, or -1 */
int supervise_timeout(void *sup);
/** supervise_round - after each round of the loop */
void supervise_round(void *sup);

/**
 * supervise_is_alone - has everybody under the filter ended?
 * @ms:  how long to wait for those who are about to
 */
bool supervise_is_alone(struct supervisor *sup, int ms);
/** supervise_until_alone - the loop goes on, and stops when all have ended */
void supervise_until_alone(struct supervisor *sup);

/** supervise_end - calls that wait, and later ones, get ENOSYS; NULL is fine */
void supervise_end(struct supervisor *sup);

#endif
