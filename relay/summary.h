/* SPDX-License-Identifier: Apache-2.0 */
/* The closing summary: refusals by destination. Private to the record. */
#ifndef RELAY_SUMMARY_H
#define RELAY_SUMMARY_H

#include "relay/record.h"

/* Text of an address and port; of a name, escaped. */
#define RECORD_NAME_LEN 64
#define NAMES_TEXT_LEN 320

/** summary_add - count a refusal; other events are ignored */
void summary_add(struct record *record, const struct record_event *event);
void summary_free(struct record *record);

/** record_proto - "tcp" and so on; static */
const char *record_proto(uint8_t proto);
/** record_name - "10.0.2.15:80"; @dst has RECORD_NAME_LEN bytes */
char *record_name(const struct fdnet_name *name, char *dst);

struct fdnet_save;
/** summary_state - what the summary will say, and the totals (state.h) */
void summary_state(struct record *record, struct fdnet_save *s);

#endif
