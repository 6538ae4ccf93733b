/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/addr.h"
#include "shim/call.h"
#include "shim/cmsg.h"
#include "shim/io.h"
#include "shim/node.h"
#include "shim/raw.h"
#include "stack/wire/node_tag.h"

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

/* The program's bytes in a memfd, or a negative errno. */
static int to_memfd(const struct msghdr *hdr)
{
	long rc, fd = RAW(SYS_memfd_create, "fdnet-datagram", MFD_CLOEXEC, 0,
			  0, 0, 0);

	if (fd < 0)
		return (int)fd;
	rc = RAW(SYS_pwritev, fd, hdr->msg_iov, hdr->msg_iovlen, 0, 0, 0);
	if (rc == (long)shim_msg_len(hdr))
		return (int)fd;
	raw_close((int)fd);
	return rc < 0 ? (int)rc : -ENOMEM;
}

/* With control messages: the relay is asked, and says what came of it. */
static ssize_t send_asking(struct shim_file *file, const struct msghdr *hdr,
			   const struct fdnet_name *name,
			   const struct fdnet_msg *msg)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_SEND,
		.cookie = file->cookie,
		.name = *name,
		.bytes = (uint32_t)shim_msg_len(hdr),
		.from = msg->local,
		.ttl1 = (uint16_t)(msg->ttl + 1),
		.tos1 = (uint16_t)(msg->tos + 1),
		.gso = msg->gso_size,
	};
	int fd = to_memfd(hdr), rc;

	if (fd < 0)
		return fd;
	rc = shim_node_ask(&req, &fd, 1, NULL);
	raw_close(fd);
	return rc < 0 ? rc : (ssize_t)req.bytes;
}

static ssize_t send_on(int fd, const struct msghdr *hdr, int flags,
		       const struct fdnet_name *name, bool framed)
{
	uint8_t frame[FDNET_NODE_NAME_LEN];
	struct iovec iov[PARTS];
	struct msghdr msg = { .msg_iov = hdr->msg_iov,
			      .msg_iovlen = hdr->msg_iovlen };
	int rc;

	if (framed) {
		rc = with_name(hdr, frame, iov);
		if (rc < 0)
			return rc;
		msg.msg_iov = iov;
		msg.msg_iovlen = (size_t)rc;
		fdnet_node_name_encode(frame, name);
	}
	/* raw: the supervisor makes frames for those who know none */
	rc = (int)shim_sleep_sendmsg(fd, &msg,
				     (flags & MSG_DONTWAIT) | MSG_NOSIGNAL);
	if (rc < 0)
		return rc == -EPIPE ? -ENETDOWN : rc;
	return rc - (framed ? FDNET_NODE_NAME_LEN : 0);
}

ssize_t shim_frame_send(int fd, struct shim_file *file,
			const struct msghdr *hdr, int flags,
			struct shim_guard *guard)
{
	struct fdnet_msg msg = { .ttl = -1, .tos = -1 };
	bool framed = file->framed, asks;
	struct fdnet_name name;
	ssize_t rc = destination(file, hdr, &name);

	if (rc == 0)
		rc = shim_cmsg_parse(hdr, &msg);
	if (rc == 0 && shim_msg_len(hdr) > DATAGRAM_MAX)
		rc = -EMSGSIZE;
	asks = msg.local.ip.family || msg.ttl >= 0 || msg.tos >= 0 ||
	       msg.gso_size;
	if (rc == 0 && asks)
		rc = send_asking(file, hdr, &name, &msg);
	shim_end(guard);
	if (rc < 0 || asks)
		return rc;
	return send_on(fd, hdr, flags, &name, framed);
}

/*
 * What is told of the datagram stands in the file that came beside it
 * (relay/nametag.h), or is unknown: family 0.
 */
static void read_tag(struct msghdr *msg, struct fdnet_node_tag *ret_tag)
{
	uint8_t bytes[FDNET_NODE_TAG_LEN];
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	long len;
	int fd;

	memset(ret_tag, 0, sizeof(*ret_tag));
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	len = RAW(SYS_pread64, fd, bytes, sizeof(bytes), 0, 0, 0);
	raw_close(fd);
	if (len < 0 || fdnet_node_tag_decode(bytes, (size_t)len, ret_tag) < 0)
		memset(ret_tag, 0, sizeof(*ret_tag));
}

static ssize_t recv_tagged(int fd, struct msghdr *hdr, int flags,
			   struct fdnet_node_tag *ret_tag)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = hdr->msg_iov,
			      .msg_iovlen = hdr->msg_iovlen,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t rc = shim_sleep_recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);

	if (rc < 0)
		return rc;
	read_tag(&msg, ret_tag);
	hdr->msg_flags = msg.msg_flags & MSG_TRUNC;
	return rc;
}

/* No datagram: the relay has an error of the socket's for who asks first. */
static int fetch_error(int fd, int flags)
{
	struct fdnet_node_tag tag;
	struct msghdr none = { 0 };
	struct shim_guard guard;
	struct shim_file *file;
	uint32_t len = sizeof(int);
	int error = 0;

	if (flags & MSG_PEEK)
		recv_tagged(fd, &none, MSG_DONTWAIT, &tag);
	file = shim_begin(fd, &guard);
	if (!file)
		return 0;
	shim_node_getopt(file, SOL_SOCKET, SO_ERROR, &error, &len);
	shim_end(&guard);
	return error;
}

/* The oldest entry of the error queue; under the lock. */
static ssize_t recv_error(struct shim_file *file, struct msghdr *hdr)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_ERRQUEUE,
				      .cookie = file->cookie };
	struct fdnet_sock_error err;
	struct fdnet_node_ans ans;
	size_t left, n, done = 0;
	const uint8_t *data;
	int rc = shim_node_ask(&req, NULL, 0, &ans);

	if (rc == 0)
		rc = fdnet_node_error_decode(ans.value, ans.len, &err);
	if (rc < 0)
		return rc == -EBADMSG || rc == -EINVAL ? -EAGAIN : rc;
	data = (const uint8_t *)ans.value + FDNET_NODE_ERROR_LEN;
	left = ans.len - FDNET_NODE_ERROR_LEN;
	for (size_t i = 0; i < hdr->msg_iovlen && left; i++) {
		n = left < hdr->msg_iov[i].iov_len ? left :
						     hdr->msg_iov[i].iov_len;
		memcpy(hdr->msg_iov[i].iov_base, data + done, n);
		done += n;
		left -= n;
	}
	hdr->msg_flags = MSG_ERRQUEUE | (left ? MSG_TRUNC : 0);
	shim_name_to(file->domain, &err.about, hdr->msg_name,
		     &hdr->msg_namelen);
	shim_cmsg_put_error(file->domain, &err, hdr);
	return (ssize_t)done;
}

ssize_t shim_frame_recv(int fd, struct shim_file *file, struct msghdr *hdr,
			int flags, struct shim_guard *guard)
{
	int domain = file->domain, error = 0;
	struct fdnet_name from = file->peer;
	struct fdnet_node_tag tag;
	ssize_t rc;

	if (flags & MSG_ERRQUEUE) {
		rc = recv_error(file, hdr);
		shim_end(guard);
		return rc;
	}
	shim_end(guard);
	flags &= MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC;
	do {
		rc = recv_tagged(fd, hdr, flags, &tag);
		if (rc == 0 && tag.flags & FDNET_TAG_ERROR)
			error = fetch_error(fd, flags);
	} while (rc == 0 && tag.flags & FDNET_TAG_ERROR && !error);
	if (rc < 0 || error)
		return error ? -error : rc;
	if (tag.from.ip.family)
		from = tag.from;
	shim_cmsg_put_tag(domain, &tag, hdr);
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
