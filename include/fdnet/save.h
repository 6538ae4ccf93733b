/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets and stacks as bytes, and back. Comes with fdnet/stack.h. */
#ifndef FDNET_SAVE_H
#define FDNET_SAVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <fdnet/addr.h>
#include <fdnet/mem.h>
#include <fdnet/packet.h>
#include <fdnet/settings.h>

FDNET_DECLS_BEGIN

struct fdnet_stack;
struct fdnet_sock;

/* ---- hand-over (design D3) ---- */

/**
 * struct fdnet_cut - where a connection is cut
 * @snd_nxt:  everything before this was given to fdnet_stack_output()
 * @rcv_nxt:  everything before this was received in order
 */
struct fdnet_cut {
	struct fdnet_name local, peer;
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
};

/**
 * fdnet_sock_cut - take a connection out of the stack at its present state
 * @so:   ESTABLISHED or CLOSE_WAIT; taken on success
 * @ret_cut:  what the other side needs
 * @ret_unread:  packets with payload not yet read, in order; the caller's
 * @ret_unsent:  packets with payload not yet sent, in order; the caller's
 *
 * Nothing is sent; the stack forgets the connection.
 * Returns 0, -ENOTCONN.
 */
FDNET_API int fdnet_sock_cut(struct fdnet_sock *so, struct fdnet_cut *ret_cut,
			     struct fdnet_pkt **ret_unread,
			     struct fdnet_pkt **ret_unsent);

/* ---- save and restore ---- */

/*
 * A socket, or a whole stack, as bytes, taken up by another stack of the same
 * addresses, in this process or another. The bytes are of this version of the
 * library on any machine. Reading trusts nothing: bytes that do not hang
 * together give an error and change nothing.
 *
 * A socket takes along: kind, names, options, joined groups, pending and
 * queued errors, what was received and not read, what was sent and not
 * acknowledged or not sent, and for TCP the whole connection (sequence
 * numbers, windows, scoreboard, round trip time, congestion window, timers
 * relative to now, urgent data) in any state; a listener its half-open
 * connections and those not accepted yet. It leaves behind: its user pointer,
 * the events not yet fetched (all that are true are reported again), and its
 * packets that fdnet_stack_unget() gave back or that wait as fragments.
 *
 * Moving one socket: fdnet_sock_save(), fdnet_sock_forget(), then
 * fdnet_sock_restore() elsewhere. Nothing needs to be quiet: what gets lost in
 * between is sent again. On a lossless link nothing may get lost, or a
 * connection stands until a timeout, a second at least; there the mover
 *
 *  - drains fdnet_stack_output() until it gives NULL and sends all of it,
 *    before it saves, and sends nothing of this socket afterwards;
 *  - has whoever sends to this stack hold back the socket's packets, in
 *    order, from a point after which it has input all that came before; saves
 *    then, and lets them go to the new stack when it is restored.
 */

/* What a saved socket is, for a look before it is restored. */
struct fdnet_saved {
	int family, type, proto;
	int state; /* as fdnet_sock_state() */
	struct fdnet_name local, peer; /* as they are bound and connected */
	bool bound;	 /* holds local.port */
	bool foreign;	 /* named by fdnet_sock_bind_foreign(), or a request */
	uint32_t unread; /* bytes received, not read */
	uint32_t unsent; /* bytes given to send and not acknowledged */
	unsigned int queued; /* connections that a listener brings along */
};

/**
 * fdnet_sock_save - a socket as bytes
 * @so:   any kind, any state; borrowed, unchanged
 * @dst:  @len bytes, written; may be NULL when @len is 0
 *
 * Returns the bytes needed; only if they are no more than @len, @dst is
 * complete. -EOPNOTSUPP (waits in a listener's queue: it goes with that).
 */
FDNET_API ssize_t fdnet_sock_save(struct fdnet_sock *so, void *dst,
				  size_t len);

/** fdnet_sock_saved - what would fdnet_sock_restore() make? Checks the head
 * only. 0, -EPROTO (not a saved socket, or of another version) */
FDNET_API int fdnet_sock_saved(const void *src, size_t len,
			       struct fdnet_saved *ret_saved);

/**
 * fdnet_sock_restore - a socket from bytes
 * @src:     may come from an enemy, but must not change meanwhile: a file that
 *           others can write is copied first
 * @ret_so:  the socket; whatever is true of it is reported as events. Of a
 *           request that nobody was told of, fdnet_stack_next_request() tells.
 *
 * The local address must be one of the stack's, or any if the stack is a
 * gateway. The port is claimed as bind() does, but from outside of the leases
 * too. Buffers are kept to the stack's limits.
 * Returns 0, -EPROTO (the bytes are wrong or of another version),
 * -EADDRNOTAVAIL (not our address), -EADDRINUSE (port or connection taken),
 * -ENFILE (the limit), -ENOMEM.
 */
FDNET_API int fdnet_sock_restore(struct fdnet_stack *stack, const void *src,
				 size_t len, struct fdnet_sock **ret_so);

/**
 * fdnet_sock_flow - the names under which packets come for a socket
 * @ret_peer:  port 0: from anybody
 *
 * As fdnet_sock_name() and fdnet_sock_peer(), but a stream that is still
 * connecting has a peer too: whoever keeps a socket's packets while it moves
 * needs these.
 */
FDNET_API void fdnet_sock_flow(const struct fdnet_sock *so,
			       struct fdnet_name *ret_local,
			       struct fdnet_name *ret_peer);

/**
 * fdnet_sock_forget - drop a socket without a word; taken
 *
 * For one that lives on elsewhere: nothing is sent, neither data nor FIN nor
 * RST, a listener's connections go too. Packets that the stack holds for the
 * link already are still given out.
 */
FDNET_API void fdnet_sock_forget(struct fdnet_sock *so);

/**
 * fdnet_save_tag_fn - a number by which the caller knows a socket again
 *
 * Asked for each socket that the application holds (not for closed ones,
 * TIME_WAIT, what waits to be accepted); must give the same when asked again.
 */
typedef uint64_t (*fdnet_save_tag_fn)(void *arg, struct fdnet_sock *so);

/**
 * fdnet_stack_save - a whole stack as bytes
 * @tag:  or NULL: 0 for all
 *
 * Settings, addresses, routes, leases, keys, counters, neighbours, path MTUs,
 * all sockets, packets that wait for the link. Not: fragments that wait to be
 * reassembled and packets that wait for a neighbour; they are counted
 * (frag_timeout, neigh_failed) by the stack that is restored.
 * Returns as fdnet_sock_save().
 */
FDNET_API ssize_t fdnet_stack_save(struct fdnet_stack *stack,
				   fdnet_save_tag_fn tag, void *arg, void *dst,
				   size_t len);

/** fdnet_restore_fn - @so is the socket that had @tag; the caller's from now
 * on. Called before fdnet_stack_restore() returns, which may fail still: then
 * all of them are gone. */
typedef void (*fdnet_restore_fn)(void *arg, struct fdnet_sock *so,
				 uint64_t tag);

/**
 * fdnet_stack_restore - a stack from bytes
 * @cfg:    @mem, @pool and @payload_pool are used; all else comes with the
 *          bytes
 * @claim:  called once for each socket that the application held; NULL: they
 *          are closed
 *
 * Returns 0, -EPROTO (the bytes are wrong or of another version), -ENOMEM.
 */
FDNET_API int fdnet_stack_restore(const struct fdnet_stack_config *cfg,
				  uint64_t now_us, const void *src, size_t len,
				  fdnet_restore_fn claim, void *arg,
				  struct fdnet_stack **ret_stack);

FDNET_DECLS_END

#endif
