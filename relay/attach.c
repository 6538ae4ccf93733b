/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/link.h"
#include "relay/guest.h"
#include "relay/node_chan.h"
#include "relay/sys.h"
#include "relay/throttle.h"
#include "relay/unixsock.h"
#include "stack/wire/control.h"
#include "relay/state.h"

/* Messages taken from a channel in one turn. */
#define BUDGET 32

struct channel {
	struct source src;
	struct throttle throttle;
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
	throttle_init(&channel->throttle, relay, &channel->src,
		      LIMIT_ATTACH_RATE, EPOLLIN | EPOLLRDHUP);
	rc = loop_add(&relay->loop, &channel->src, channel->throttle.events);
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
	throttle_done(relay, &channel->throttle);
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
		ssize_t len;

		if (throttle_holds(relay, &channel->throttle, events))
			return;
		len = unixsock_recv(src->fd, data, sizeof(data), &fd);

		/* later, when there are descriptors and memory again */
		if (unixsock_is_later(len))
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
		throttle_spend(relay, &channel->throttle);
		rc = len < 0 ? (int)len :
			       take_attach(relay, data, (size_t)len, fd);
		if (rc && fd >= 0)
			close(fd);
		count(&relay->counters, !rc	       ? C_ATTACH :
					rc == -ENOBUFS ? C_ATTACH_LIMIT :
							 C_ATTACH_BAD);
	}
}

/* ---- processes that have no channel, but know where to ask ---- */

void attach_share_event(struct relay *relay)
{
	int fd;

	/* an edge for each newcomer, as in ctl.c */
	while ((fd = sys_accept(relay->share.fd, NULL, NULL)) >= 0 ||
	       fd == -ECONNABORTED) {
		if (fd < 0)
			continue;
		/* the name is for all users to see */
		if (!unixsock_is_ours(fd) || channel_new(relay, fd)) {
			count(&relay->counters, C_ATTACH_BAD);
			close(fd);
		}
	}
}

static int share_open(struct relay *relay)
{
	int fd = relay->opts->share_fd, listens = 0, rc;

	relay->share = (struct source){ .type = SOURCE_SHARE, .fd = fd };
	if (fd < 0)
		return 0;
	rc = attach_check(fd);
	if (!rc)
		rc = sys_get_int(fd, SO_ACCEPTCONN, &listens);
	if (!rc && !listens)
		rc = -EINVAL;
	if (!rc && fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		rc = -errno;
	if (!rc)
		rc = loop_add(&relay->loop, &relay->share, EPOLLIN | EPOLLET);
	if (!rc)
		return 0;
	relay->share.fd = -1;
	fprintf(stderr,
		"fdnet-relay: --share-fd %d: a listening SEQPACKET socket is "
		"expected: %s\n",
		fd, strerror(-rc));
	return rc;
}

int attach_open(struct relay *relay)
{
	int fd = relay->opts->attach_fd, rc = attach_check(fd);

	if (!rc)
		rc = channel_new(relay, fd);
	if (!rc)
		return share_open(relay);
	fprintf(stderr,
		"fdnet-relay: --attach-fd %d: a SEQPACKET socket is expected: "
		"%s\n",
		fd, strerror(-rc));
	return rc;
}

void attach_close(struct relay *relay)
{
	if (relay->share.type == SOURCE_SHARE && relay->share.fd >= 0) {
		loop_remove(&relay->loop, &relay->share);
		close(relay->share.fd);
		relay->share.fd = -1;
	}
	while (relay->channels)
		channel_free(relay, relay->channels);
}

/* ---- state.h ---- */

void attach_state(struct state *st)
{
	struct channel *channel = st->relay->channels;
	uint32_t n = 0;

	DL_COUNT(st->relay->channels, channel, n);
	channel = st->relay->channels;
	n = fdnet_save_count(&st->s, n, STATE_MAX_FDS, 1);
	for (; n && !st->s.rc; n--) {
		int fd = state_socket(st, channel ? channel->src.fd : -1,
				      AF_UNIX, SOCK_SEQPACKET);

		fdnet_save_check(&st->s, fd >= 0);
		if (channel)
			channel = channel->next;
		if (!st->s.reading || st->s.rc)
			continue;
		fdnet_save_fail(&st->s, channel_new(st->relay, fd));
		if (st->s.rc)
			close(fd);
	}
	st->relay->was_attached =
		fdnet_save_bool(&st->s, st->relay->was_attached);
}
