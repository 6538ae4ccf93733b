/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's state as bytes and descriptors, for the relay that takes over
 * (doc/takeover.md).
 *
 * How it works: one walk for both ways, with stack/save.h's functions for
 * numbers:
 *
 *	flow->bytes_in = fdnet_save_u64(&st->s, flow->bytes_in);
 *
 * Writing, it leaves the relay as it is; it is done twice, first to count.
 * Reading, it makes the objects, and links each into the relay before it goes
 * on, so that relay_close() can drop what there is when an error ends it.
 * Descriptors come in the walk's order: each is taken once, by the object that
 * had it. Times are CLOCK_MONOTONIC's, the same for both relays.
 *
 * Each module walks its own objects (xxx_state()); a field that is added there
 * is added to its walk, and STATE_VERSION is raised.
 */
#ifndef RELAY_STATE_H
#define RELAY_STATE_H

#include "relay/hash.h"
#include "relay/relay.h"
#include "stack/save.h"

#define STATE_VERSION 5
/* Longer rules are nobody's. */
#define RULE_TEXT_MAX 65536
/* Descriptors of one state. */
#define STATE_MAX_FDS (1u << 20)

/* A socket of an engine that was restored, until its owner asks for it. */
struct state_sock {
	struct {
		uint64_t guest, tag;
	} key;
	struct fdnet_sock *so;
	UT_hash_handle hh;
};

/**
 * struct state - a walk
 * @fds:  writing: borrowed; reading: the caller's, -1 once taken
 * @next_fd:  how many were met so far
 */
struct state {
	struct fdnet_save s;
	struct relay *relay;
	int *fds;
	uint32_t nfds, next_fd;
	struct state_sock *socks;
	struct guest *guest; /* writing: whose engine it is at present */
};

/** state_walk - all of it. Returns 0 or a negative errno: -EPROTO (wrong, or
 * of another version), -ENOMEM, what a system call said */
int state_walk(struct state *st);
/** state_begin - the state was read and is ours now: go on with everything */
void state_begin(struct relay *relay);
/** state_release - the state was given away: drop what is held by reference
 * and nothing else; the process is about to exit */
void state_release(struct relay *relay);

/* ---- for the modules ---- */

/** state_fd - a descriptor, or -1. Reading: the caller's */
int state_fd(struct state *st, int fd);
/** state_sock - the same, of a socket of this domain and type, or the walk
 * fails: @domain 0: AF_INET or AF_INET6 */
int state_socket(struct state *st, int fd, int domain, int type);

/** state_text - a string or NULL, shorter than @max. Reading: allocated */
char *state_text(struct fdnet_save *s, const char *text, uint32_t max);
/** state_chars - a string in an array of @size bytes */
void state_chars(struct fdnet_save *s, char *text, uint32_t size);
/** state_i64 - a signed number */
int64_t state_i64(struct fdnet_save *s, int64_t v);
/** state_rule - a rule in force, or NULL; nothing is counted */
struct rule *state_rule(struct state *st, const struct rule *rule);
/** state_guest - a guest, which must be there */
struct guest *state_guest(struct state *st, const struct guest *guest);
/** state_pkt - a packet. Reading: a new one, or NULL with an error */
struct fdnet_pkt *state_pkt(struct state *st, struct fdnet_pkt *pkt);
/** state_alloc - reading: zeroed memory; NULL: the walk has failed */
void *state_alloc(struct fdnet_save *s, size_t size);

/** state_engine - a stack. Reading: its sockets wait for state_claim()
 * @guest:  whose: 2 * its id, + 1 for the node's own */
struct fdnet_stack *state_engine(struct state *st, struct fdnet_stack *stack,
				 uint64_t guest, fdnet_save_tag_fn tag,
				 const struct fdnet_stack_config *cfg);
/** state_claim - reading: the socket with this tag, once; NULL: the walk has
 * failed */
struct fdnet_sock *state_claim(struct state *st, uint64_t guest, uint64_t tag);

#endif
