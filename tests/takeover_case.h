/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers for tests in which one relay takes over from another: the real
 * command, and pieces of either side that fail at every step.
 */
#ifndef TESTS_TAKEOVER_CASE_H
#define TESTS_TAKEOVER_CASE_H

#include "stack/wire/node.h"
#include "tests/relay_case.h"

/* Steps at which takeover_break_off() fails, kinds of takeover_fake(). */
#define TAKEOVER_BREAKS 10
#define TAKEOVER_FAKES	7

/** takeover_start - as start(), with a control socket */
void takeover_start(const char *options);
/** takeover_now - fdnet-relay --takeover; relay is the new one then */
void takeover_now(void);
/** takeover_end - rg_stop(), and no control socket is left */
void takeover_end(void);

/** takeover_ask - only ask for it: the channel, or a negative errno */
int takeover_ask(void);
/** takeover_break_off - ask, and fail at step @step */
void takeover_break_off(int step);
/** takeover_fake - the command, with somebody who gives it nonsense */
void takeover_fake(int kind);
/** takeover_state - the relay's state, which it keeps; @ret_fds: 1024 of them.
 * Returns the bytes, allocated */
uint8_t *takeover_state(size_t *ret_len, int *ret_fds, unsigned int *ret_nfds);

/** takeover_read - the state in a relay of this process, which is closed
 * again. 0 or what state_walk() said */
int takeover_read(const uint8_t *data, size_t len, const int *fds,
		  unsigned int nfds);
/** takeover_seed - the seed in fuzz/corpus/takeover of as many descriptors is
 * of this version; if TAKEOVER_DUMP names a folder, it is written there */
void takeover_seed(const uint8_t *data, size_t len, const int *fds,
		   unsigned int nfds);

/* ---- a node channel ---- */

uint64_t takeover_cookie(int fd);
/** takeover_node_new - NEW; A, non-blocking and filled */
int takeover_node_new(int chan, uint8_t type);
/** takeover_node_ask - a request and its answer */
struct fdnet_node_ans takeover_node_ask(int chan, struct fdnet_node_req req);
/** takeover_accepted - wait for a connection on a listener's A */
int takeover_accepted(int fd);

#endif
