/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pumped socket (D2): a socket of the node's stack, joined to end B of an
 * AF_UNIX pair whose end A any number of processes hold.
 *
 * How it works: bytes move when the stack or B has some and the other side
 * takes them; what it does not take stays where it is, and closes the window
 * of who sends. End of stream, half-close and reset go across as such; B's
 * hang-up is the last close of A, wherever it happened. A listener sends over
 * B an A for each connection, with both names. Datagrams are messages; on
 * unconnected sockets those from A have a name in front, those to A one beside
 * them (nametag.h).
 *
 * B is from an enemy: it may be kept by others, carry fds (the kernel drops
 * them, since no room is given) or never be read. That costs its socket only.
 */
#ifndef RELAY_PUMPED_H
#define RELAY_PUMPED_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/stack.h>

#include "relay/hash.h"
#include "relay/loop.h"
#include "relay/node.h"
#include "relay/registry.h"
#include "stack/wire/node_tag.h"

/* Largest datagram with its name. */
#define PUMPED_DGRAM_MAX (65536 + FDNET_NODE_NAME_LEN)

/* Bytes of a stream that may be at the head of B though they were passed on. */
#define PUMPED_LAG_MAX 4096

struct node_chan;

/* A port held at the registry; a listener and the connections that came from
 * it share one. */
struct pumped_claim {
	unsigned int refs;
	uint32_t number; /* while it is written down (node_state.c) */
	struct registry_claim claim;
};

/* What connect() is told of a dead socket (Linux: SS_CONNECTING and SS_UNCONNECTED
 * of one whose connection has failed). */
enum pumped_again {
	PUMPED_NOT_AGAIN,
	PUMPED_ERROR_FIRST, /* why it failed, or ECONNABORTED if that is known */
	PUMPED_AGAIN,	    /* ESTALE: once it has a new pair (RENEW) */
};

/**
 * struct pumped
 * @src:       B; -1: dead, it has ended but may be asked why
 * @so:        NULL only of some that are dead
 * @pid:       of the process that brought it, as claimed
 * @joined:    a stream that is or was connected: A carries data
 * @connecting:  a connect is under way; @waiter has asked for it and waits
 *             for the answer, as request @waiter_id, or NULL
 * @target:    of the last connect
 * @hup:       nobody holds A any more
 * @reset:     A was closed with data unread (RFC 2525 2.17)
 * @in_closed:   the end of what the stack gives was passed to A
 * @out_closed:  the end of what A gives was passed to the stack
 * @fin_wanted:  pass the end on, once B is empty
 * @in_full:   B took no more; @out_full: the stack took no more
 * @held, @held_len, @held_tag:  datagram that B did not take yet
 * @wants:     what the program has asked for beside its datagrams, of enum
 *             fdnet_node_tag_flag
 * @told:      A was told of an error, and nobody has asked for it since
 * @plain:     a reset must show on A, where nobody asks why it ended
 * @lag:       bytes at the head of B that were passed on already, see
 *             pumped_lag.c; only if @plain
 * @ended:     A gives no more than B holds; likewise
 * @mark:      the next byte of B is urgent; likewise
 * @passing:   A of an accepted connection that B did not take yet, or -1
 * @again:     of one that is dead: may it connect() once more?
 * @claimed:   of one that is dead: it had a claim
 * @error:     why it ended, positive errno, until fetched
 * @local, @peer, @family, @type, @proto:  for those who ask when it is dead
 * @events:    what B is waited for, of epoll; @waited: at all
 */
struct pumped {
	struct source src;
	struct node *node;
	struct fdnet_sock *so;
	uint64_t cookie;
	uint32_t pid;
	struct pumped_claim *claim;

	bool framed, listening, joined, connecting;
	bool hup, reset, in_closed, out_closed, fin_wanted, in_full, out_full;
	bool waited, is_ready, plain, ended, mark;
	uint32_t lag;
	uint32_t events;
	struct node_chan *waiter;
	uint32_t waiter_id;
	struct fdnet_name target;

	uint8_t *held;
	size_t held_len;
	struct fdnet_node_tag held_tag;
	uint32_t wants;
	bool told;
	int passing;
	struct fdnet_name passing_names[2];

	enum pumped_again again;
	bool claimed;
	int error;
	struct fdnet_name local, peer;
	uint8_t family, type;
	uint16_t proto;

	struct pumped *ready_next, *ready_prev;
	struct pumped *prev, *next; /* among the dead */
	UT_hash_handle hh;
};

/**
 * pumped_new - join a socket and B
 * @so:      of the node's stack; taken on success
 * @fd:      B; taken on success
 * @cookie:  of A
 * @flags:   FDNET_NODE_FRAMED, FDNET_NODE_PLAIN
 * @ret_sock:  may be NULL
 *
 * Returns 0, -EEXIST (the cookie is known), -ENFILE (LIMIT_NODE_SOCKS),
 * -ENOMEM, or what epoll said.
 */
int pumped_new(struct node *node, struct fdnet_sock *so, int fd,
	       uint64_t cookie, uint32_t flags, uint32_t pid,
	       struct pumped **ret_sock);

/** pumped_find - by cookie, the dead included, or NULL */
struct pumped *pumped_find(struct node *node, uint64_t cookie);
/** pumped_find_name - who has this local name, or NULL */
struct pumped *pumped_find_name(struct node *node, uint8_t proto,
				const struct fdnet_name *name);
/**
 * pumped_reap - look whether who had a port has closed, of which the loop may
 * not have told us yet
 *
 * Returns whether it had: the port is free now.
 */
bool pumped_reap(struct node *node, uint8_t proto, uint16_t port);
/** pumped_is_dead - has it ended? Then only why and its names can be asked */
static inline bool pumped_is_dead(const struct pumped *sock)
{
	return sock->src.fd < 0;
}

/**
 * pumped_renew - join a dead socket to a new pair, to connect() once more
 * @dead:    taken on success, with its claim
 * @fd:      B; taken on success
 * @cookie:  of the new A
 *
 * Returns 0, -EINVAL (it cannot), or what pumped_new() says.
 */
int pumped_renew(struct pumped *dead, int fd, uint64_t cookie);
/** pumped_dead_connect - CONNECT of a dead one: 0 or a negative errno */
int pumped_dead_connect(struct pumped *sock, const struct fdnet_name *name);
/** pumped_forget_dead - of the dead only names and errors are kept */
void pumped_forget_dead(struct node *node);

/** pumped_wake - it has something to do in this wake-up */
void pumped_wake(struct pumped *sock);
/** pumped_event - SOURCE_PUMPED's handler */
void pumped_event(struct source *src, uint32_t events);
/** pumped_sock_event - the stack's socket has changed */
void pumped_sock_event(struct pumped *sock, uint32_t events);
/** pumped_run - move bytes of this one now; it may be gone afterwards */
void pumped_run(struct pumped *sock);

/** pumped_run_ready - move bytes of those that have some */
void pumped_run_ready(struct node *node);

/** pumped_shutdown - SHUT_RD, SHUT_WR or SHUT_RDWR; what A holds goes first.
 * 0 or -ENOTCONN */
int pumped_shutdown(struct pumped *sock, int how);
/** pumped_forget_waiter - @chan has ended */
void pumped_forget_waiter(struct node *node, struct node_chan *chan);
/** pumped_end_all - drop all of them; the node is about to be freed */
void pumped_end_all(struct node *node);

#endif
