/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are opened again while the relay runs: the policy file for a
 * reload, the record for its rotation, the counters for Prometheus; and the control socket's name, which
 * goes when the relay does. The relay itself may open and remove nothing any
 * more, so a helper process does, which knows these names and no others.
 *
 * How it works: the helper is forked before the hardening, has a filter of
 * its own, and answers each byte on a SEQPACKET pair with a descriptor. It
 * ends with the relay, when its end of the pair says so.
 */
#ifndef RELAY_FILES_H
#define RELAY_FILES_H

#include <sys/types.h>

enum files_which {
	FILES_POLICY = 'p', /* for reading */
	FILES_RECORD = 'r', /* a new one; the old are renamed FILE.1 ... */
	FILES_METRICS = 'm', /* FILE.new, empty, for writing */
	FILES_METRICS_DONE = 'M', /* FILE.new becomes FILE; no answer */
	FILES_OURS = 'o',   /* the control socket is; no answer */
	FILES_LEAVE = 'l',  /* somebody else's now; no answer */
};

/**
 * struct files_names - what the helper knows
 * @policy, @record, @metrics:  NULL: it is never asked for
 * @control:  removed at the end, after FILES_OURS
 * @keep:  how many old records; 0: they are not rotated
 */
struct files_names {
	const char *policy, *record, *metrics, *control;
	unsigned int keep;
};

struct files {
	int fd; /* -1: no helper */
	pid_t pid;
};

/**
 * files_start - fork the helper, if there is anything for it to do
 * @names:  borrowed until files_stop(), by the helper
 *
 * Before harden_late(). Returns 0 or a negative errno.
 */
int files_start(struct files *files, const struct files_names *names);
/** files_stop - the helper ends; does nothing without one */
void files_stop(struct files *files);

/** files_tell - FILES_OURS, FILES_LEAVE */
void files_tell(struct files *files, enum files_which which);

/**
 * files_open - have a file opened; waits for it, two seconds at most
 *
 * Returns the fd; -ENOENT (never named, or not there), -ETIMEDOUT, -EPIPE (the
 * helper is gone), or why it could not be opened.
 */
int files_open(struct files *files, enum files_which which);

#endif
