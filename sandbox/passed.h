/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that come from outside over an AF_UNIX connection: which of them
 * may enter the sandbox.
 *
 * An allow-list by what the descriptor is, not by what it is called. What is
 * let in moves bytes between those who hold it, or is a file; what is refused
 * reaches a network, other processes, or what the sandbox covers.
 */
#ifndef SANDBOX_PASSED_H
#define SANDBOX_PASSED_H

enum passed {
	PASSED_AS_IT_IS,
	/* a connected AF_UNIX stream or SEQPACKET socket, over which more may
	 * come: not itself, but one end of a pair that is joined with it */
	PASSED_JOINED,
	PASSED_REFUSED,
};

/**
 * passed_judge - what becomes of a descriptor from outside
 * @fd:        borrowed
 * @ret_type:  SOCK_STREAM or SOCK_SEQPACKET, with PASSED_JOINED
 * @ret_what:  what it is, for people, with PASSED_REFUSED; not freed
 */
enum passed passed_judge(int fd, int *ret_type, const char **ret_what);

#endif
