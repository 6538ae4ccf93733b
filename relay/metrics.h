/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters for Prometheus (--metrics): its text form, by HTTP on a socket with
 * a path or on an address and port; and as a file that is written anew every
 * ten seconds and at the end (--metrics-file).
 */
#ifndef RELAY_METRICS_H
#define RELAY_METRICS_H

#include <stddef.h>

#include "relay/relay.h"

/* How often the file is written. */
#define METRICS_FILE_US (10 * 1000000ull)

/** metrics_open - listen at --metrics. 0, or a negative errno after a line on
 * standard error */
int metrics_open(struct relay *relay);
void metrics_close(struct relay *relay);

/** metrics_listen_event, metrics_event - handlers of SOURCE_METRICS_LISTEN,
 * SOURCE_METRICS */
void metrics_listen_event(struct relay *relay);
void metrics_event(struct relay *relay, struct source *src);

/** metrics_expiry, metrics_advance - clients that say nothing are closed */
uint64_t metrics_expiry(const struct relay *relay);
void metrics_advance(struct relay *relay);

/**
 * metrics_print - the text
 * @dst:  of @size bytes; whole lines only
 *
 * Returns its length.
 */
size_t metrics_print(struct relay *relay, char *dst, size_t size);

struct state;
/** metrics_state - the listening socket (state.h) */
void metrics_state(struct state *st);

/* ---- metrics_file.c ---- */

/** metrics_file_expiry, metrics_file_advance - write the file when it is time
 */
uint64_t metrics_file_expiry(const struct relay *relay);
void metrics_file_advance(struct relay *relay);
/** metrics_file_last - write what holds at the end */
void metrics_file_last(struct relay *relay);

#endif
