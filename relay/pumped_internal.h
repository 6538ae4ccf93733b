/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of pumped sockets share. */
#ifndef RELAY_PUMPED_INTERNAL_H
#define RELAY_PUMPED_INTERNAL_H

#include "relay/pumped.h"

enum pumped_turn {
	PUMPED_WAIT, /* nothing more to do until an event */
	PUMPED_MORE, /* its turn is over, but there is more */
	PUMPED_GONE, /* it has ended, or is not to be waited for otherwise */
};

/* ---- pumped.c ---- */

/** pumped_close - nobody holds A: close the socket as a kernel would; taken */
void pumped_close(struct pumped *sock);
/** pumped_drop - it could not be handed over after all: those who hold A see a
 * reset; taken */
void pumped_drop(struct pumped *sock);
/** pumped_die - the socket has ended before A: those who hold A may ask why
 * @again:  likewise */
void pumped_die(struct pumped *sock, int error, enum pumped_again again);
/** pumped_answer_connect - tell who waits for the connect, if anybody */
void pumped_answer_connect(struct pumped *sock, int error);
/** pumped_empty - throw away what A has filled B with */
void pumped_empty(struct pumped *sock);

/** pumped_put_claim - give the port back, unless others share it */
void pumped_put_claim(struct pumped *sock);

/** pumped_restored - of another relay: B is waited for, and looked at as soon
 * as we run; pumped_unrestore - not after all */
void pumped_restored(struct pumped *sock);
void pumped_unrestore(struct pumped *sock);

/* ---- pumped_lag.c ---- */

/**
 * pumped_lag_take - bytes from B, as recvmsg() would
 * @iov:  where to; not of length 0
 * @ret_more:  is there, or may there be, more?
 *
 * Returns bytes, 0 at the end, -EAGAIN, -ECONNRESET.
 */
ssize_t pumped_lag_take(struct pumped *sock, const struct iovec *iov, int n,
			bool *ret_more);
/** pumped_lag_begin - the one byte that B holds, if it does, is no data */
void pumped_lag_begin(struct pumped *sock);
/** pumped_lag_drop - what is left in B shall not look like a reset */
void pumped_lag_drop(struct pumped *sock);

/* ---- pumped_urgent.c ---- */

/** pumped_urgent_in - the stack's urgent byte, if it is the next, to A. False:
 * B does not take it yet */
bool pumped_urgent_in(struct pumped *sock);
/** pumped_urgent_out - A's urgent byte, if it is the next, to the stack. False:
 * that does not take it yet */
bool pumped_urgent_out(struct pumped *sock);

/* ---- pumped_listen.c ---- */

/** pumped_run_listener - pass on connections while B takes them */
enum pumped_turn pumped_run_listener(struct pumped *sock);

/** pumped_set_listening - from now on B carries connections */
void pumped_set_listening(struct pumped *sock);

/* ---- pumped_dgram.c ---- */

/** pumped_run_datagrams - both ways */
enum pumped_turn pumped_run_datagrams(struct pumped *sock);

/** pumped_learn_wants - the program's options may have changed: what is told
 * beside its datagrams */
void pumped_learn_wants(struct pumped *sock);

#endif
