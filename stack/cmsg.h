/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control messages that recv() gives, in recvmsg(2)'s layout, order and
 * rules: what the options of the socket ask for goes to msg->control.
 */
#ifndef STACK_CMSG_H
#define STACK_CMSG_H

#include "stack/internal.h"

/** fdnet_cmsg_put - append one; FDNET_MSG_CTRUNC when there is no room */
void fdnet_cmsg_put(struct fdnet_msg *msg, int level, int type,
		    const void *data, size_t len);
/** fdnet_cmsg_time - msg->time_us, if the socket wants it; 0: not known */
void fdnet_cmsg_time(struct fdnet_sock *so, struct fdnet_msg *msg);
/** fdnet_cmsg_packet - all that a received datagram has to tell. @pkt: as it
 * stands in the receive queue; @msg: addresses are there */
void fdnet_cmsg_packet(struct fdnet_sock *so, const struct fdnet_pkt *pkt,
		       struct fdnet_msg *msg);
/** fdnet_cmsg_error - of an entry of the error queue: msg->err */
void fdnet_cmsg_error(struct fdnet_sock *so, struct fdnet_msg *msg);

#endif
