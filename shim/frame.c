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

/*
 * The sender's name is in the file that came beside the datagram
 * (relay/nametag.h), or unknown: family 0.
 */
static void read_tag(struct msghdr *msg, struct fdnet_name *ret_from)
{
	uint8_t name[FDNET_NODE_NAME_LEN];
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd;

	memset(ret_from, 0, sizeof(*ret_from));
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	if (RAW(SYS_pread64, fd, name, sizeof(name), 0, 0, 0) ==
		    sizeof(name) &&
	    fdnet_node_name_decode(name, ret_from) < 0)
		memset(ret_from, 0, sizeof(*ret_from));
	raw_close(fd);
}

ssize_t shim_frame_recv(int fd, struct shim_file *file, struct msghdr *hdr,
			int flags, struct shim_guard *guard)
{
	bool framed = file->framed;
	struct fdnet_name from = file->peer;
	int domain = file->domain, rc;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = hdr->msg_iov,
			      .msg_iovlen = hdr->msg_iovlen };

	shim_end(guard);
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (framed) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	rc = (int)raw_recvmsg(fd, &msg,
			      (flags & (MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC)) |
				      MSG_CMSG_CLOEXEC);
	if (rc < 0)
		return rc;
	if (framed)
		read_tag(&msg, &from);
	hdr->msg_controllen = 0;
	hdr->msg_flags = msg.msg_flags & MSG_TRUNC;
	if (hdr->msg_name && from.ip.family)
		shim_name_to(domain, &from, hdr->msg_name, &hdr->msg_namelen);
	else
		hdr->msg_namelen = 0;
	return rc;
}

int shim_frame_inq(int fd)
{
	uint8_t byte;
	ssize_t n = raw_recv(fd, &byte, sizeof(byte),
			     MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

	return n < 0 ? 0 : (int)n;
}
