/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/frame.h"

#include <errno.h>
#include <string.h>

#include "shim/addr.h"
#include "shim/call.h"
#include "shim/node.h"
#include "shim/raw.h"

/* Parts of a message beyond these are put together first. */
#define PARTS 16
#define DATAGRAM_MAX 65507

/* @iov with room for a name in front; -EMSGSIZE when it has too many parts. */
static int with_name(const struct msghdr *hdr, uint8_t *name,
		     struct iovec *iov)
{
	if (hdr->msg_iovlen >= PARTS)
		return -EMSGSIZE;
	iov[0] = (struct iovec){ name, FDNET_NODE_NAME_LEN };
	if (hdr->msg_iovlen)
		memcpy(iov + 1, hdr->msg_iov,
		       hdr->msg_iovlen * sizeof(*iov));
	return (int)hdr->msg_iovlen + 1;
}

static size_t total(const struct msghdr *hdr)
{
	size_t sum = 0;

	for (size_t i = 0; i < hdr->msg_iovlen; i++)
		sum += hdr->msg_iov[i].iov_len;
	return sum;
}

static int destination(struct shim_file *file, const struct msghdr *hdr,
		       struct fdnet_name *ret_name)
{
	memset(ret_name, 0, sizeof(*ret_name));
	if (hdr->msg_name)
		return shim_name_from(file->domain, hdr->msg_name,
				      hdr->msg_namelen, ret_name);
	/* another process may have connected it */
	if (!file->peer.ip.family)
		shim_node_names(file);
	return file->peer.ip.family ? 0 : -EDESTADDRREQ;
}

ssize_t shim_frame_send(int fd, struct shim_file *file,
			const struct msghdr *hdr, int flags,
			struct shim_guard *guard)
{
	uint8_t frame[FDNET_NODE_NAME_LEN];
	bool framed = file->framed;
	struct iovec iov[PARTS];
	struct msghdr msg = { .msg_iov = iov };
	struct fdnet_name name;
	int rc = destination(file, hdr, &name);

	shim_end(guard);
	if (rc < 0)
		return rc;
	if (total(hdr) > DATAGRAM_MAX)
		return -EMSGSIZE;
	if (!framed) {
		msg.msg_iov = hdr->msg_iov;
		msg.msg_iovlen = hdr->msg_iovlen;
	} else {
		rc = with_name(hdr, frame, iov);
		if (rc < 0)
			return rc;
		msg.msg_iovlen = (size_t)rc;
		fdnet_node_name_encode(frame, &name);
	}
	/* raw: the supervisor makes frames for those who know none */
	rc = (int)raw_sendmsg(fd, &msg, (flags & MSG_DONTWAIT) | MSG_NOSIGNAL);
	if (rc < 0)
		return rc == -EPIPE ? -ENETDOWN : rc;
	return rc - (framed ? FDNET_NODE_NAME_LEN : 0);
}

ssize_t shim_frame_recv(int fd, struct shim_file *file, struct msghdr *hdr,
			int flags, struct shim_guard *guard)
{
	uint8_t frame[FDNET_NODE_NAME_LEN];
	int domain = file->domain, rc, head = file->framed ?
						      FDNET_NODE_NAME_LEN : 0;
	struct fdnet_name from = file->peer;
	struct iovec iov[PARTS];
	struct msghdr msg = { .msg_iov = hdr->msg_iov,
			      .msg_iovlen = hdr->msg_iovlen };

	shim_end(guard);
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (head) {
		rc = with_name(hdr, frame, iov);
		if (rc < 0)
			return rc;
		msg.msg_iov = iov;
		msg.msg_iovlen = (size_t)rc;
	}
	rc = (int)raw_recvmsg(fd, &msg, flags & (MSG_DONTWAIT | MSG_PEEK |
						 MSG_TRUNC));
	if (rc < 0)
		return rc;
	hdr->msg_controllen = 0;
	hdr->msg_flags = msg.msg_flags & MSG_TRUNC;
	if (head && (rc < head || fdnet_node_name_decode(frame, &from) < 0)) {
		/* shut down, or the relay is gone */
		hdr->msg_namelen = 0;
		return 0;
	}
	if (hdr->msg_name)
		shim_name_to(domain, &from, hdr->msg_name, &hdr->msg_namelen);
	else
		hdr->msg_namelen = 0;
	return rc - head;
}

int shim_frame_inq(int fd, const struct shim_file *file)
{
	uint8_t frame[FDNET_NODE_NAME_LEN];
	ssize_t n = raw_recv(fd, frame, sizeof(frame),
			     MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

	if (n < 0)
		return 0;
	return (int)n - (file->framed ? FDNET_NODE_NAME_LEN : 0);
}
