/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the child tells the launcher, over a SEQPACKET pair. The launcher also
 * learns from it the program's number as it is outside, and the end of all
 * that was started: then the pair hangs up.
 */
#ifndef SANDBOX_REPORT_H
#define SANDBOX_REPORT_H

#include <stdint.h>
#include <sys/types.h>

enum report_kind {
	REPORT_SPACES = 1, /* the namespaces are entered, or -errno */
	REPORT_READY,	   /* about to exec; with the notified calls' fd */
	REPORT_STATUS,	   /* the program's end, as wait() tells it */
};

struct report {
	uint32_t kind;
	int32_t value;
};

/** report_pair - make the pair: ours, which learns numbers, and the child's */
int report_pair(int *ret_ours, int *ret_childs);

/**
 * report_send - by the child; also under the filter
 * @fd:  to go with it, or -1; borrowed
 * Returns 0 or a negative errno.
 */
int report_send(int channel, enum report_kind kind, int value, int fd);

/**
 * report_receive - by the launcher; waits
 * @ret_pid:  the sender, by its number outside
 * @ret_fd:   what came with it, or -1
 * Returns 1, 0 at the end of the channel, or a negative errno.
 */
int report_receive(int channel, struct report *ret_report, pid_t *ret_pid,
		   int *ret_fd);

#endif
