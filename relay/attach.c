/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/attach.h"

#include <stdlib.h>
#include <string.h>

#include "endpoint/link.h"
#include "relay/guest.h"
#include "relay/node_chan.h"
#include "relay/sys.h"
#include "stack/wire/control.h"

/* Messages taken from a channel in one turn. */
#define BUDGET 32

struct channel {
	struct source src;
	struct channel *prev, *next;
};

static void free_source(struct source *src)
{
	free((struct channel *)src);
}

static int channel_new(struct relay *relay, int fd)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	int rc;

	if (!channel)
		return -ENOMEM;
	channel->src = (struct source){ .type = SOURCE_CHANNEL, .fd = fd };
	rc = loop_add(&relay->loop, &channel->src, EPOLLIN | EPOLLRDHUP);
	if (rc) {
		free(channel);
		return rc;
	}
	DL_APPEND(relay->channels, channel);
	relay->was_attached = true;
	return 0;
}

static void channel_free(struct relay *relay, struct channel *channel)
{
	DL_DELETE(relay->channels, channel);
	loop_remove(&relay->loop, &channel->src);
	close(channel->src.fd);
	loop_bury(&relay->loop, &channel->src, free_source);
}

int attach_check(int fd)
{
	int domain, type, rc;

	rc = sys_get_int(fd, SO_DOMAIN, &domain);
	if (!rc)
		rc = sys_get_int(fd, SO_TYPE, &type);
	if (!rc && (domain != AF_UNIX || type != SOCK_SEQPACKET))
		rc = -EINVAL;
	return rc;
}

/* One message: the body's length, and the fd that came with it or -1. */
static ssize_t channel_recv(int channel_fd, uint8_t *data, size_t size,
			    int *ret_fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { data, size };
	/* CMSG_LEN: with CMSG_SPACE there would be room for a second fd */
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	struct cmsghdr *cmsg;
	ssize_t len = SYS_RETRY(recvmsg(channel_fd, &msg,
					MSG_DONTWAIT | MSG_CMSG_CLOEXEC));

	*ret_fd = -1;
	if (len < 0)
		return len;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET &&
	    cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(cmsg), sizeof(int));
	/* too long, or more fds than one: the kernel has closed those */
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EBADMSG;
	return len;
}

static int take_attach(struct relay *relay, const uint8_t *data, size_t len,
		       int fd)
{
	struct fdnet_attach attach;
	struct fdnet_link_hdr hdr;
	int rc;

	if (fd < 0)
		return -EBADMSG;
	if (fdnet_link_hdr_decode(data, len, 0, &hdr) ||
	    hdr.type != FDNET_LINK_ATTACH)
		return -EBADMSG;
	rc = fdnet_attach_decode(data + FDNET_LINK_HDR_LEN, hdr.hdr_len,
				 &attach);
	if (!rc)
		rc = attach_check(fd);
	if (rc)
		return rc;
	return attach.flags & FDNET_ATTACH_NODE ?
		       node_chan_new(relay, fd, attach.pid) :
		       guest_new(relay, fd, attach.pid);
}

void attach_channel_event(struct relay *relay, struct source *src,
			  uint32_t events)
{
	struct channel *channel = (struct channel *)src;
	uint8_t data[FDNET_LINK_HDR_LEN + FDNET_ATTACH_LEN + 1];

	for (int i = 0; i < BUDGET; i++) {
		int fd, rc;
		ssize_t len = channel_recv(src->fd, data, sizeof(data), &fd);

		/* later, when there are descriptors and memory again */
		if (len == -EAGAIN || len == -EMFILE || len == -ENFILE ||
		    len == -ENOMEM || len == -ENOBUFS)
			return;
		/* an empty message reads like the end, but anybody in the
		 * sandbox can send one */
		if ((!len && events & (EPOLLHUP | EPOLLRDHUP)) ||
		    (len < 0 && len != -EBADMSG)) {
			if (fd >= 0)
				close(fd);
			channel_free(relay, channel);
			return;
		}
		rc = len < 0 ? (int)len :
			       take_attach(relay, data, (size_t)len, fd);
		if (rc && fd >= 0)
			close(fd);
		count(&relay->counters, !rc	       ? C_ATTACH :
					rc == -ENOBUFS ? C_ATTACH_LIMIT :
							 C_ATTACH_BAD);
	}
}

int attach_open(struct relay *relay)
{
	int fd = relay->opts->attach_fd, rc = attach_check(fd);

	if (!rc)
		rc = channel_new(relay, fd);
	if (rc)
		fprintf(stderr,
			"fdnet-relay: --attach-fd %d: a SEQPACKET socket is "
			"expected: %s\n",
			fd, strerror(-rc));
	return rc;
}

void attach_close(struct relay *relay)
{
	while (relay->channels)
		channel_free(relay, relay->channels);
}
