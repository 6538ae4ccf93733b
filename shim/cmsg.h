/* SPDX-License-Identifier: Apache-2.0 */
/* Ancillary data between the program's msghdr and the stack's fdnet_msg. */
#ifndef SHIM_CMSG_H
#define SHIM_CMSG_H

#include <sys/socket.h>

#include <fdnet/stack.h>

struct fdnet_node_tag;

/** shim_cmsg_parse - read what the program gave with sendmsg(); -EINVAL */
int shim_cmsg_parse(const struct msghdr *hdr, struct fdnet_msg *msg);

/** shim_cmsg_begin - let @msg's control messages go where @hdr says */
void shim_cmsg_begin(const struct msghdr *hdr, struct fdnet_msg *msg);

/** shim_cmsg_put_tag - write what recvmsg() is to give, from what the relay
 * told beside a datagram; sets msg_controllen, and MSG_CTRUNC in @hdr->msg_flags
 * @domain:  of the socket, AF_INET or AF_INET6 */
void shim_cmsg_put_tag(int domain, const struct fdnet_node_tag *tag,
		       struct msghdr *hdr);

/** shim_cmsg_put_error - likewise, of an error queue's entry */
void shim_cmsg_put_error(int domain, const struct fdnet_sock_error *err,
			 struct msghdr *hdr);

#endif
