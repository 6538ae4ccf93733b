/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to name servers and their answers, over sockets of ours: libc's
 * own are inside libc, where no wrapper sees them (RFC 1035; RFC 7766 for TCP).
 */
#ifndef SHIM_ASK_H
#define SHIM_ASK_H

#include <resolv.h>
#include <stdbool.h>

/* A question, made by res_nmkquery(), and where its answer goes. */
struct shim_question {
	const unsigned char *msg;
	int len;
	unsigned char *answer;
	int room;
	int n; /* the answer's length, or negative errno */
};

/**
 * shim_ask - ask the sandbox's name server, or those the program has chosen
 * @state:  its options, time-outs and tries count; its servers if they are
 *          not those of resolv.conf
 * @q:      one or two questions, which are asked at the same time
 *
 * Answers that are cut come again over TCP, unless RES_IGNTC says otherwise.
 * A server that fails to answer, or says that it cannot, is passed over; what
 * the last one said stays in the answer's room.
 *
 * Returns 0 when there is an answer to at least one, else negative errno.
 */
int shim_ask(struct __res_state *state, struct shim_question *q,
	     unsigned int n);

#endif
