/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of an AF_UNIX connection between two processes of
 * the sandbox. It is made by us, so the kernel says our number; user and group
 * are right, since we make it as the caller (identity.h).
 *
 * How it works: connections leave a listener's queue in the order in which
 * they came in, and both go through us. So beside each queue there is a list
 * of who connected. Should somebody outside, to whom a listener was passed,
 * take one away, the numbers of those behind it would be another's of the same
 * user; where the users differ, it is noticed.
 */
#ifndef SANDBOX_PEERS_H
#define SANDBOX_PEERS_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PEERS		1024  /* power of two; any may push out another */
#define PEERS_LISTENERS 1024  /* the oldest is forgotten */
#define PEERS_WAITING	16384 /* not accepted yet, at all listeners */

struct peers_listener;

struct peers {
	struct peer {
		uint64_t cookie;
		struct ucred cred;
	} known[PEERS];
	struct peers_listener *listeners;
	unsigned int listener_count, waiting_count;
};

/**
 * peers_listens - a socket of the sandbox listens
 * @fd:    it, borrowed
 * @cred:  who asked for it, as seen inside
 */
void peers_listens(struct peers *peers, int fd, uint64_t cookie,
		   const struct ucred *cred);

/** peers_find_name - the cookie of the listener with this abstract name, or 0 */
uint64_t peers_find_name(const struct peers *peers,
			 const struct sockaddr_un *sun, socklen_t len);

/** peers_connected - @cookie's socket, which is @cred's, is connected to the
 * one that listens as @listener */
void peers_connected(struct peers *peers, uint64_t listener, uint64_t cookie,
		     const struct ucred *cred);

/** peers_accepted - the oldest connection to @listener became @cookie's socket
 * @kernel:  whom the kernel says to be its peer */
void peers_accepted(struct peers *peers, uint64_t listener, uint64_t cookie,
		    const struct ucred *kernel);

/** peers_find - whom SO_PEERCRED is to show, or NULL: the kernel knows. Its
 * number is 0 if it was lost. */
const struct ucred *peers_find(const struct peers *peers, uint64_t cookie);

/** peers_end - frees what it holds */
void peers_end(struct peers *peers);

#endif
