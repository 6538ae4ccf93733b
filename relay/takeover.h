/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One relay takes over from another (doc/takeover.md).
 *
 * How it works: takeover.c has the messages, which both sides exchange one
 * after the other on a SEQPACKET pair; takeover_give.c is the side that has
 * everything, takeover_take.c the one that gets it. Until YOURS was sent the
 * old relay only has to go on where it stopped.
 */
#ifndef RELAY_TAKEOVER_H
#define RELAY_TAKEOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/options.h"

struct relay;
struct source;
struct service;

/* Descriptors of one message (SCM_MAX_FD). */
#define TAKEOVER_FDS 253
/* The other side gets this long for each answer. */
#define TAKEOVER_WAIT_MS 10000
/* Text of a message: a command line. */
#define TAKEOVER_TEXT_MAX (128u << 10)

enum takeover_op {
	/* -> text: directory, words of the command line; of a service a: its
	 * watchdog, b: 1 */
	TAKEOVER_OFFER = 1,
	TAKEOVER_READY,	    /* <- everything of its own is open */
	TAKEOVER_STATE,	    /* -> a: bytes, b: descriptors; the memfd */
	TAKEOVER_FDS_PART,  /* -> a: how many; they */
	TAKEOVER_GOT,	    /* <- after each */
	TAKEOVER_HAVE,	    /* <- all of it was right */
	TAKEOVER_YOURS,	    /* -> go on */
	TAKEOVER_FAILED,    /* <> text: why not */
	TAKEOVER_WORKER,    /* -> of a service: text: which; channel of it */
	TAKEOVER_LISTENER,  /* -> likewise: a: ours only; its socket; name */
};

/**
 * struct takeover_msg
 * @version:  STATE_VERSION
 * @text:     of @len bytes; received: allocated, a NUL behind it
 */
struct takeover_msg {
	uint32_t op, version;
	uint64_t a, b;
	char *text;
	size_t len;
};

/* ---- takeover.c ---- */

/**
 * takeover_send - a message with up to TAKEOVER_FDS descriptors, borrowed
 *
 * Waits for room. Returns 0, -ETIMEDOUT, -EPIPE, or what sendmsg() said.
 */
int takeover_send(int channel, const struct takeover_msg *msg, const int *fds,
		  unsigned int nfds);
/** takeover_say - an operation and nothing else */
int takeover_say(int channel, enum takeover_op op);

/**
 * takeover_recv - the next message
 * @fds, @room:  descriptors that came; @ret_nfds: how many
 * @wait_ms:     0: not at all
 *
 * Returns 0, -ETIMEDOUT, -EPIPE (the end), -EPROTO (not a message of ours, of
 * another version, or too many descriptors: those are closed), -ENOMEM.
 */
int takeover_recv(int channel, struct takeover_msg *ret_msg, int *fds,
		  unsigned int room, unsigned int *ret_nfds, int wait_ms);
/** takeover_expect - the next message is of this kind, without descriptors;
 * -ECANCELED: FAILED instead */
int takeover_expect(int channel, enum takeover_op op);

/* ---- takeover_give.c ---- */

/** takeover_offer - somebody wants to take over; @channel is taken. 0,
 * -EBUSY, -ENOMEM, -E2BIG */
int takeover_offer(struct relay *relay, int channel);
/** takeover_event - SOURCE_TAKEOVER's handler */
void takeover_event(struct relay *relay);
/** takeover_give - give all away, if somebody is ready for it; sets
 * relay->taken, and then nothing may be done any more but to exit */
void takeover_give(struct relay *relay);
/** takeover_stop - nobody takes over any more */
void takeover_stop(struct relay *relay);
/** takeover_text - directory and command line, as OFFER has them; allocated,
 * or NULL */
char *takeover_text(const struct options *opts, size_t *ret_len);

/* ---- takeover_take.c ---- */

/* What runs the relay that is ours, until its end; an exit status. */
typedef int takeover_serve_fn(struct relay *relay);

/** takeover_command - `fdnet-relay --takeover PATH`: returns an exit status,
 * here when another process serves, and there when that has ended */
int takeover_command(struct options *opts, takeover_serve_fn *serve);
/** takeover_worker - the same for one sandbox of a service, by the channel
 * that is given */
int takeover_worker(struct options *opts, takeover_serve_fn *serve);

#endif
