/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened: a line for each event on standard error (--verbose) and as
 * JSON in a file (--record), and the closing summary, which names for each
 * refused destination the option that would allow it (D13).
 *
 * What a guest says about itself is marked as a claim, and nothing it can
 * choose reaches a terminal or the file without being escaped.
 */
#ifndef RELAY_RECORD_H
#define RELAY_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <fdnet/stack.h>

#include "relay/counters.h"
#include "relay/limits.h"

enum record_kind {
	RECORD_ATTACH,
	RECORD_DETACH,
	RECORD_OPEN,   /* a flow was allowed and is up */
	RECORD_CLOSE,  /* it ended: bytes, duration, reason */
	RECORD_DENY,   /* the rules said no */
	RECORD_FAIL,   /* allowed, but the host said no: error */
	RECORD_NAME,   /* a name was asked for and answered */
	RECORD_NONAME, /* a name was refused, by the rules */
	RECORD_REBIND, /* a name's address is not public, and no rule names it */
	RECORD_RELOAD, /* new rules, or why not */
	RECORD_PUBLISH, /* a port is open: @src inside, @dst on the host */
	RECORD_UNPUBLISH, /* it was closed, by a reload */
	RECORD_CAPTURE, /* it began or ended */
	RECORD_TAKEOVER, /* from here on another process writes */
	RECORD_KINDS
};

/**
 * struct record_event - one thing that happened; members not known are zero
 * @flow:   its number, or 0
 * @pid, @comm:  as the guest claims
 * @dst:    what the guest asked for; of a published flow: the client
 * @name:   of the destination, or the name asked for
 * @hint:   ports to name in the summary's option: "host" for the gateway
 */
struct record_event {
	enum record_kind kind;
	uint8_t proto;
	uint64_t flow;
	uint32_t guest, pid;
	const char *comm;
	struct fdnet_name src, dst;
	const char *name;
	const char *rule;
	const char *reason;
	bool gateway;	/* @dst is the machine's loopback */
	bool forbidden; /* no rule can allow it */
	bool published; /* flow began outside */
	bool limited;	/* refused for a limit of the rule */
	int error;	/* positive errno */
	uint64_t bytes_out, bytes_in, pkts_out, pkts_in, duration_us;
};

struct files;
struct learn;
struct summary_entry;

/* Bytes of flows that have ended, by kind (record_total()). */
struct record_totals {
	uint64_t bytes_out, bytes_in;
};

/**
 * struct record_config
 * @path:      of the file, or NULL
 * @max_bytes: of the file; then it is rotated by @files, or ends
 * @learn:     what is needed is learned there, or NULL; borrowed
 */
struct record_config {
	const char *path;
	uint64_t max_bytes;
	bool verbose;
	struct counters *counters;
	struct files *files;
	struct learn *learn;
};

struct record {
	FILE *file; /* or NULL */
	struct record_config cfg;
	struct record_totals totals[3];
	uint64_t second_us;
	unsigned int in_second;
	struct summary_entry *summary; /* by destination, in order of time */
	unsigned int nsummary;
	uint64_t unsorted; /* refusals that found no place in the summary */
	uint64_t unsorted_told; /* of these, in a summary before */
};

/** record_open - 0, or a negative errno when the file cannot be opened
 * @cfg:  copied; what it points at is borrowed */
int record_open(struct record *record, const struct record_config *cfg);
void record_close(struct record *record);

/** record_total - the place of TCP, UDP, and others in totals */
static inline int record_total(uint8_t proto)
{
	return proto == 6 ? 0 : proto == 17 ? 1 : 2;
}

/** record_event - write it down */
void record_event(struct record *record, uint64_t now_us,
		  const struct record_event *event);

/** record_has_refusals - is there something for the summary? */
bool record_has_refusals(const struct record *record);
/** record_summary - print the closing summary: what was refused and has not
 * been told, if anything */
void record_summary(const struct record *record, FILE *out);

/** record_told - the summary was printed: the next one has only what follows */
void record_told(struct record *record);

/** record_escape - @text as printable ASCII for a terminal or a JSON string;
 * @dst has @size bytes, at least 8; returns @dst */
char *record_escape(const char *text, char *dst, size_t size);

#endif
