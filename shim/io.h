/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls that send and receive share. */
#ifndef SHIM_IO_H
#define SHIM_IO_H

#include <stddef.h>
#include <sys/socket.h>

/** shim_msg_len - bytes that a message has room for, or brings */
static inline size_t shim_msg_len(const struct msghdr *hdr)
{
	size_t sum = 0;

	for (size_t i = 0; i < hdr->msg_iovlen; i++)
		sum += hdr->msg_iov[i].iov_len;
	return sum;
}

#endif
