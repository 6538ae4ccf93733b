/* SPDX-License-Identifier: Apache-2.0 */
/* Saved TCP connections: what the two files share. */
#ifndef STACK_SAVE_TCP_H
#define STACK_SAVE_TCP_H

#include "stack/save.h"
#include "stack/tcp_internal.h"

/* States in which there is a peer. */
#define FDNET_SAVE_CONNECTED                                                   \
	(TCP_S(SYN_SENT) | TCP_S(SYN_RECV) | TCP_S(ESTABLISHED) |              \
	 TCP_S(FIN_WAIT1) | TCP_S(FIN_WAIT2) | TCP_S(CLOSE_WAIT) |             \
	 TCP_S(LAST_ACK) | TCP_S(CLOSING))

/** fdnet_save_tcp_ok - may a socket with this state be let loose? */
bool fdnet_save_tcp_ok(const struct fdnet_tcp *tp);

#endif
