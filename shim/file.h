/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's network sockets by fd number.
 *
 * How it works: what the application holds is a placeholder, end A of an
 * AF_UNIX pair (D4). A struct shim_file stands for one placeholder, whatever
 * the number of fds that refer to it; the table maps fd numbers to it. The
 * kernel's SO_COOKIE of A is its identity: before each use the cookie of the
 * fd is compared, so an fd that was closed behind our back (inside libc, by a
 * raw system call) and reused can never be mistaken for ours. The last close
 * is what end B sees as hang-up, never a count in our memory.
 *
 * All under the shim's lock, but for shim_file_maybe().
 */
#ifndef SHIM_FILE_H
#define SHIM_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/stack.h>

struct shim_claim;
struct shim_loan;
struct shim_member;
struct shim_netlink;

struct shim_file {
	/* the engine's socket; NULL after a fork (it stayed with the parent)
	 * and when the network went away */
	struct fdnet_sock *so;
	uint64_t cookie; /* SO_COOKIE of A */
	int peer_fd;	 /* B, a high fd; -1 once closed to show an error */
	unsigned int fds;   /* table entries that point here */
	unsigned int users; /* calls in progress, blocked ones included */
	bool hung_up;	    /* B was seen to: nobody can hold A again */
	bool closed;	    /* no fd left: end the socket when users is 0 */
	bool nonblock;	    /* O_NONBLOCK of A, shared by all duplicates */
	int domain;	    /* AF_INET or AF_INET6 */
	bool is_stream;
	bool joined;	    /* a stream that was connected, or tried to be */
	uint64_t rcvtimeo_us, sndtimeo_us; /* 0: wait for ever */
	struct shim_claim *claim;	   /* port held at the relay, or NULL */
	bool accepted; /* its port is its listener's, and goes with a reset */
	unsigned int pollers; /* poll() and select() calls waiting on it */
	struct shim_loan *loan; /* what a writer lends (direct.h), or NULL */

	struct shim_netlink *netlink; /* an AF_NETLINK socket, or NULL */

	/* pump (pump.c) */
	bool pumped;	/* A carries the data: calls on it are the kernel's */
	bool in_closed, out_closed; /* owner: directions that have ended */
	bool in_full;	/* owner: B did not take everything */
	bool ending;	/* owner: being looked at for its end */
	bool remote;	/* another process has the state */
	bool touched;	/* remote: its owner was told to pump it */
	bool listens;	/* remote: a listener */
	bool in_node;	/* remote: the relay has the state (node.h) */
	bool unknown;	/* inherited or received, nobody was asked yet */
	bool framed;	/* in_node: datagrams go with a name */
	bool narrow;	/* in_node: A's send buffer is kept small */
	bool moving;	/* is being handed over */
	bool naming;	/* the relay is asked for its port: stays for now */
	bool shared;	/* a child may hold A */
	bool exposed;	/* a vfork() child has duplicated it */
	bool asked;	/* a vfork() child's program is to have it: vfork.h */
	uint8_t type;	/* in_node: enum fdnet_sock_type */
	uint16_t proto; /* in_node */
	int owner_fd;	/* remote: the touch channel, or -1 */
	struct fdnet_name local, peer; /* remote: the names, for those calls */

	struct shim_member *members; /* of epoll sets (eset.c) */

	/* mirror (mirror.c) */
	bool watched;	      /* was added to an epoll set */
	uint32_t watch_mask;  /* union of what the sets asked for */
	uint32_t shown;	      /* readiness that A shows to the kernel */
	unsigned int tokens;  /* unread bytes or messages that show IN */
	bool filled;	      /* A carries the filler that can block OUT */
	bool edge;	      /* some set is edge-triggered */
	int fd_hint;	      /* an fd that once referred to A, or -1 */
	bool dirty;	      /* in the list of mirrors to be corrected */
	bool listed;	      /* procnet.c has been there */
	struct shim_file *dirty_next;

	struct shim_file *next, *prev; /* all files of the process */
};

/** shim_file_trust - from now on an entry is right, unasked: confine.h */
void shim_file_trust(void);
bool shim_file_trusts(void);

/** shim_file_maybe - can @fd be one of ours? Lock-free, a plain load */
bool shim_file_maybe(int fd);

/**
 * shim_file_get - the file behind an fd, its identity verified
 *
 * Returns NULL when @fd is not ours (a stale entry is dropped).
 */
struct shim_file *shim_file_get(int fd);

/** shim_file_is_at - does @fd refer to @file in this process? A vfork() child's
 * descriptors are not those of which the table tells: its parent's other
 * threads go on opening and closing theirs. */
bool shim_file_is_at(int fd, const struct shim_file *file);

/** shim_file_peek - the table's entry, not verified, or NULL */
struct shim_file *shim_file_peek(int fd);

/**
 * shim_file_new - make a placeholder for a socket
 * @domain:  AF_INET or AF_INET6
 * @type:    SOCK_STREAM, SOCK_DGRAM or SOCK_RAW with SOCK_NONBLOCK and
 *           SOCK_CLOEXEC
 * @so:      the engine's socket, or NULL; taken on success
 * @ret_file: its file, may be NULL
 *
 * Returns the fd number (the lowest free one), or -EMFILE, -ENFILE, -ENOMEM.
 */
int shim_file_new(int domain, int type, struct fdnet_sock *so,
		  struct shim_file **ret_file);

/** shim_file_install - @fd now refers to @file (dup); 0 or -ENOMEM */
int shim_file_install(int fd, struct shim_file *file);

/**
 * shim_file_forget - @fd was, or is about to be, closed or replaced
 *
 * Call after the kernel closed it. When it was the last reference anywhere,
 * the socket is closed too; when other processes hold A, it lives on until B
 * says that they are gone.
 */
void shim_file_forget(int fd);

/** shim_file_hold, shim_file_put - keep the file over a blocking wait */
void shim_file_hold(struct shim_file *file);
void shim_file_put(struct shim_file *file);

/**
 * shim_file_await - until no other thread names @file or hands it over
 *
 * @file is held by the caller. The lock is released meanwhile: what was known
 * of the file has to be looked at again. Never for long: the relay answers.
 */
void shim_file_await(struct shim_file *file);

/** shim_file_free_again - @file's naming or moving is over: wake those who
 * wait for that */
void shim_file_free_again(struct shim_file *file);

/** shim_file_reap - end the sockets whose last holder elsewhere is gone */
void shim_file_reap(void);

/** shim_file_after_fork - in the child: the sockets stayed with the parent */
void shim_file_after_fork(void);

/** shim_file_forget_range - shim_file_forget() for first..last */
void shim_file_forget_range(unsigned int first, unsigned int last);

/** shim_file_next_fd - the first of our fds >= @fd, or -1 */
int shim_file_next_fd(int fd);

/**
 * shim_file_adopt - an accepted connection that its owner pumps
 * @fd:      its A, already ours
 * @cookie:  identity of A
 *
 * When the owner is this process the file is known already.
 * Returns 0 or -ENOMEM, -EMFILE.
 */
int shim_file_adopt(int fd, uint64_t cookie, int domain,
		    const struct fdnet_name *local,
		    const struct fdnet_name *peer);

/**
 * shim_file_suspect - @fd was inherited or received: it may be A of a socket
 * that the relay holds
 *
 * Nobody is asked before the first call on it.
 */
void shim_file_suspect(int fd);

/** shim_file_learn - ask the relay about a suspect; false: not one of ours,
 * and forgotten */
bool shim_file_learn(struct shim_file *file);

/** shim_file_find - by identity, or NULL */
struct shim_file *shim_file_find(uint64_t cookie);

/** shim_file_first - the list of all files */
struct shim_file *shim_file_first(void);

#endif
