/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's network: one stack, one link to the relay, started by the
 * first network socket. All under the shim's lock.
 */
#ifndef SHIM_NET_H
#define SHIM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/stack.h>

#include "endpoint/ring.h"
#include "stack/wire/control.h"

/** shim_net_init - read the environment; from the constructor, no calls */
void shim_net_init(void);

/**
 * shim_net_start - make sure that the network is up
 *
 * Attaches to the relay (or starts one, or takes FDNET_FD) at the first
 * call. Returns 0, -ENETDOWN (no relay, or it is gone), -ENOMEM, -EMFILE.
 */
int shim_net_start(void);

/** shim_net_publish_env - after a start that began a relay of our own: tell
 * programs started later where it is. Not under the lock (may allocate). */
void shim_net_publish_env(void);

/** shim_net_stack - the stack, or NULL while the network is not up */
struct fdnet_stack *shim_net_stack(void);

/** shim_net_has_relay - is there a relay with a port registry? */
bool shim_net_has_relay(void);

/** shim_net_welcome - addresses and name server; valid once started */
const struct fdnet_welcome *shim_net_welcome(void);

/**
 * shim_net_drive - take in what the link has, run timers, send, wake
 *
 * Never blocks. Call before looking at a socket's state for a poll, and
 * after anything that may have produced output.
 */
void shim_net_drive(void);

/**
 * shim_net_was_driven - was the link looked at a moment ago?
 *
 * A program that polls what is always ready must not keep the others waiting
 * for long; one that polls before each of many receives need not ask the link
 * every time.
 */
bool shim_net_was_driven(void);

/**
 * shim_net_catch_up - shim_net_drive(), unless that was a moment ago
 *
 * A program that slept finds what came meanwhile with its first call, as it
 * would in the kernel: send() after a reset fails, and recv() gives all.
 */
void shim_net_catch_up(void);

/**
 * shim_net_glance - shim_net_drive(), of a caller who has something already
 *
 * Takes little from the link where nobody else waits for it, so that a program
 * that does not keep up does not have to take in what it then must drop.
 */
void shim_net_glance(void);

/** shim_net_pace - after a datagram of a call that may block: wait a moment,
 * without the lock, for a relay that lags behind */
void shim_net_pace(void);

/** shim_net_flush - the sending half of shim_net_drive(), and the events */
void shim_net_flush(void);

/** shim_net_link_fd - to be polled by the leader; -1: no link */
int shim_net_link_fd(void);
/** shim_net_link_events - POLLIN, and POLLOUT while the link is full */
short shim_net_link_events(void);
/** shim_net_watch - as fdnet_link_watch(); false while there is no link */
bool shim_net_watch(struct fdnet_ring *ret_ring);
/**
 * shim_net_sleep - somebody is about to wait for the link's fd
 *
 * Until shim_net_awake(), to be called as often, whatever comes makes it
 * readable. Returns false when something is there already: do not wait.
 */
bool shim_net_sleep(void);
/** shim_net_awake - the wait is over */
void shim_net_awake(void);
/** shim_net_readable - the link's fd was found to be */
void shim_net_readable(void);
/** shim_net_packets - how many the link has brought so far */
uint64_t shim_net_packets(void);
/** shim_net_expiry_us - when a timer is due, FDNET_NEVER for none */
uint64_t shim_net_expiry_us(void);

/** shim_net_ask - send a request, wait for its reply (releases the lock).
 * Returns 0 or the reply's error, negated; -ENETDOWN when the relay is gone */
int shim_net_ask(struct fdnet_ctl *ctl, struct fdnet_ctl *ret_reply);

/** shim_net_tell - send a notice; lost only when the relay is gone */
void shim_net_tell(const struct fdnet_ctl *ctl);

/** shim_net_lease - get more ports for automatic binding; 0 or -E */
int shim_net_lease(uint8_t proto);

/** shim_net_settle - before the process ends: send what sockets still hold,
 * for a bounded time */
void shim_net_settle(void);

/** shim_net_after_fork - in the child: everything stayed with the parent */
void shim_net_after_fork(void);

#endif
