/* SPDX-License-Identifier: Apache-2.0 */
/* Ancillary data between the program's msghdr and the stack's fdnet_msg. */
#ifndef SHIM_CMSG_H
#define SHIM_CMSG_H

#include <sys/socket.h>

#include <fdnet/stack.h>

struct shim_file;

/** shim_cmsg_parse - read what the program gave with sendmsg(); -EINVAL */
int shim_cmsg_parse(const struct msghdr *hdr, struct fdnet_msg *msg);

/** shim_cmsg_put - write what recvmsg() is to give; sets msg_controllen and
 * MSG_CTRUNC in @hdr->msg_flags */
void shim_cmsg_put(struct shim_file *file, const struct fdnet_msg *msg,
		   struct msghdr *hdr);

#endif
