/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of published ports share. */
#ifndef RELAY_PUBLISH_INTERNAL_H
#define RELAY_PUBLISH_INTERNAL_H

#include "relay/publish.h"

/**
 * struct publish - a port of the host that leads inside
 * @spec:    with the port that was chosen
 * @paused_until_us:  0: it is waited for
 * @clients: that were let in; of UDP: datagrams
 * @wanted:  by the reload that goes on, as its next_port
 * @fresh:   opened by it
 */
struct publish {
	struct source src;
	struct publish_spec spec;
	uint64_t paused_until_us;
	uint64_t clients;
	bool wanted, fresh;
	uint16_t next_port;
	struct publish *next;
};

/** publish_one - open a port. 0 and @ret_pub, or a negative errno */
int publish_one(struct relay *relay, const struct publish_spec *spec,
		struct publish **ret_pub);
/** publish_free - close it; flows through its socket must be gone */
void publish_free(struct relay *relay, struct publish *pub);
/** publish_note - an event for the record */
void publish_note(struct relay *relay, const struct publish_spec *spec,
		  enum record_kind kind);
/** publish_tell - a line on standard error: which port was opened */
void publish_tell(const struct relay *relay, const struct publish *pub,
		  uint16_t asked);

#endif
