/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Published ports: host sockets whose clients reach the guest that owns the
 * port. The guest sees the client's own address; one that means something
 * else inside (loopback, the sandbox's own network) appears as the gateway's.
 */
#ifndef RELAY_PUBLISH_H
#define RELAY_PUBLISH_H

#include "relay/json.h"
#include "relay/relay.h"

/** publish_open - the sockets for all --publish options. 0, or a negative
 * errno after a line on standard error */
int publish_open(struct relay *relay);
/** publish_close - close them */
void publish_close(struct relay *relay);

/**
 * publish_prepare - open what a reload adds
 * @specs:    what is wanted then; a port that is open already goes on
 * @ret_err:  where a port is named that cannot be taken, and why
 *
 * Until publish_commit(), which closes what is no longer wanted, or
 * publish_cancel(), nothing else may change. Returns 0, -EINVAL (nothing has
 * changed).
 */
int publish_prepare(struct relay *relay, const struct publish_spec *specs,
		    unsigned int n, struct policy_error *ret_err);
void publish_commit(struct relay *relay);
void publish_cancel(struct relay *relay);
/** publish_is_wanted - is it still so that who came by @fd, a socket on the
 * host's side, is led to the sandbox's @port? */
bool publish_is_wanted(const struct relay *relay, uint8_t proto, int fd,
		       uint16_t port);

/** publish_show - "published", with the ports that were chosen */
void publish_show(const struct relay *relay, struct json *json);
/** publish_learned - a line for each port that was used, as in a policy file */
void publish_learned(const struct relay *relay, FILE *out);
/** publish_event - SOURCE_PUBLISH's handler */
void publish_event(struct relay *relay, struct source *src, uint32_t events);
/** publish_expiry, publish_advance - listen again after descriptors ran out */
uint64_t publish_expiry(const struct relay *relay);
void publish_advance(struct relay *relay);

struct state;
/** publish_state - the published ports (state.h) */
void publish_state(struct state *st);
/** publish_index - which of them has this socket? publish_fd - the socket of
 * one for datagrams, or -1 */
unsigned int publish_index(const struct relay *relay, int fd);
int publish_fd(const struct relay *relay, unsigned int index);

#endif
