/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worse network than there is, for testing applications: packets between a
 * program and the relay are delayed, lost and held to a rate, the same ones
 * for the same seed and the same traffic.
 *
 * How it works: a line is one rule's packets of one guest in one direction.
 * Each packet asks the line's generator the same questions, so that one loss
 * more does not shift all later ones. What passes waits in a queue for its
 * time; order is kept. No fds and no clock: the caller moves the packets.
 */
#ifndef RELAY_IMPAIR_H
#define RELAY_IMPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/packet.h>

/* What a line may hold back; more is lost, as in a router's full queue. */
#define IMPAIR_QUEUE 1000

struct policy_error;

/**
 * struct impair - how bad
 * @rate:  bytes a second, 0: no limit
 * @seed:  of the generators
 */
struct impair {
	bool on;
	uint32_t delay_us, jitter_us, loss_ppm;
	uint64_t rate, seed;
};

/**
 * impair_parse - "delay=50ms,jitter=5ms,loss=1%,rate=10mbit,seed=7"
 * @at:  offset of the words in @text; for the error's column
 *
 * Returns the offset behind them, which is the end or a blank; or -EINVAL.
 */
int impair_parse(const char *text, size_t at, struct impair *ret_impair,
		 struct policy_error *ret_err);

/**
 * struct impair_line
 * @free_us:  when the line has sent all it was given
 * @last_us:  when the last packet is due
 * @lost:     for the counters
 */
struct impair_line {
	struct impair how;
	uint64_t rng, free_us, last_us, lost;
	struct fdnet_pkt *head, *tail; /* user[2].u64: when it is due */
	unsigned int n;
};

/** impair_line_init - an empty line
 * @salt:  told apart from the rule's other lines by this */
void impair_line_init(struct impair_line *line, const struct impair *how,
		      uint64_t salt);
/** impair_line_done - drop what waits */
void impair_line_done(struct impair_line *line);

/** impair_put - a packet comes; taken */
void impair_put(struct impair_line *line, struct fdnet_pkt *pkt,
		uint64_t now_us);
/** impair_line_append - a packet that has its due time already; taken */
void impair_line_append(struct impair_line *line, struct fdnet_pkt *pkt);
/** impair_get - the next one whose time has come, or NULL */
struct fdnet_pkt *impair_get(struct impair_line *line, uint64_t now_us);
/** impair_expiry - when there is one, or FDNET_NEVER */
uint64_t impair_expiry(const struct impair_line *line);

#endif
