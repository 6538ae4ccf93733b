/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/node_chan.h"

#include <stdlib.h>
#include <string.h>

#include "base/ask.h"
#include "relay/guest.h"
#include "relay/node_ops.h"
#include "relay/state.h"
#include "relay/sys.h"
#include "relay/throttle.h"
#include "relay/unixsock.h"

/* Requests taken from a channel in one turn. */
#define BUDGET 32

/**
 * struct node_chan
 * @doomed:  to be ended: it did not read its answers
 */
struct node_chan {
	struct source src;
	struct throttle throttle;
	struct node *node;
	uint32_t pid;
	bool doomed;
	struct node_chan *prev, *next;
};

/* ---- system calls for base/ask ---- */

static ssize_t call_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t rc = sendmsg(fd, msg, flags);

	return rc < 0 ? -errno : rc;
}

static ssize_t call_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t rc = recvmsg(fd, msg, flags);

	return rc < 0 ? -errno : rc;
}

static const struct fdnet_ask_calls calls = { call_sendmsg, call_recvmsg };

/* ---- life ---- */

static int chan_add(struct node *node, int fd, uint32_t pid)
{
	struct node_chan *chan = calloc(1, sizeof(*chan));
	struct relay *relay = node->relay;
	int rc;

	if (!chan)
		return -ENOMEM;
	chan->src = (struct source){ .type = SOURCE_NODE_CHAN, .fd = fd };
	chan->node = node;
	chan->pid = pid;
	throttle_init(&chan->throttle, relay, &chan->src,
		      relay->opts->limits.control_rate, EPOLLIN | EPOLLRDHUP);
	rc = loop_add(&relay->loop, &chan->src, chan->throttle.events);
	if (rc) {
		free(chan);
		return rc;
	}
	DL_APPEND(node->chans, chan);
	node->nchans++;
	return 0;
}

int node_chan_new(struct relay *relay, int fd, uint32_t pid)
{
	struct node *node;
	int rc = node_get(relay, &node);

	if (rc)
		return rc;
	if (node->nchans >= LIMIT_NODE_CHANNELS)
		return -ENOBUFS;
	return chan_add(node, fd, pid);
}

static void free_source(struct source *src)
{
	free((struct node_chan *)src);
}

static void chan_end(struct node_chan *chan)
{
	struct node *node = chan->node;

	throttle_done(node->relay, &chan->throttle);
	pumped_forget_waiter(node, chan);
	DL_DELETE(node->chans, chan);
	node->nchans--;
	loop_remove(&node->relay->loop, &chan->src);
	close(chan->src.fd);
	loop_bury(&node->relay->loop, &chan->src, free_source);
	guest_touch(node->guest);
}

void node_chan_end_all(struct node *node)
{
	while (node->chans)
		chan_end(node->chans);
}

/* ---- messages ---- */

void node_chan_answer(struct node_chan *chan,
		      const struct fdnet_node_ans *ans)
{
	uint8_t buf[FDNET_NODE_MAX_LEN];
	size_t len = fdnet_node_ans_encode(buf, ans);

	if (chan->doomed ||
	    !fdnet_msg_send(&calls, chan->src.fd, buf, len, NULL, 0,
			    MSG_DONTWAIT))
		return;
	/* full, or gone: its end is looked at by the event that follows */
	count(&chan->node->relay->counters, C_NODE_BAD);
	chan->doomed = true;
	shutdown(chan->src.fd, SHUT_RDWR);
}

static void take_request(struct node_chan *chan,
			 const struct fdnet_node_req *req, int *fds,
			 bool fds_lost)
{
	struct fdnet_node_ans ans = {
		.op = req->op,
		.id = req->id,
		.cookie = req->cookie,
	};
	uint8_t value[FDNET_NODE_VALUE_MAX];
	int rc;

	count(&chan->node->relay->counters, C_NODE_REQUEST);
	node_set_time(chan->node);
	ans.value = value;
	rc = fds_lost ? -ENFILE :
			node_op(chan->node, chan, chan->pid, req, fds, &ans,
				value);
	if (rc == NODE_OP_LATER)
		return;
	ans.error = (uint16_t)-rc;
	node_chan_answer(chan, &ans);
}

void node_chan_limit(struct node *node, uint64_t rate)
{
	struct node_chan *chan;

	DL_FOREACH(node->chans, chan)
		throttle_change(&chan->throttle, node->relay, rate);
}

static void close_fds(int *fds)
{
	for (int i = 0; i < FDNET_ASK_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void node_chan_event(struct relay *relay, struct source *src, uint32_t events)
{
	struct node_chan *chan = (struct node_chan *)src;
	uint8_t buf[FDNET_NODE_MAX_LEN];
	struct fdnet_node_req req;
	int fds[FDNET_ASK_FDS];

	for (int i = 0; i < BUDGET && !chan->doomed; i++) {
		ssize_t len;
		bool lost;

		if (throttle_holds(relay, &chan->throttle, events))
			break;
		len = fdnet_msg_recv(&calls, src->fd, buf, sizeof(buf), fds,
				     MSG_DONTWAIT);
		lost = len == -EMSGSIZE;

		if (unixsock_is_later(len))
			break;
		throttle_spend(relay, &chan->throttle);
		if ((!len && events & (EPOLLHUP | EPOLLRDHUP)) ||
		    (len < 0 && len != -EBADMSG && !lost))
			chan->doomed = true;
		else if (len > 0 && !fdnet_node_req_decode(buf, (size_t)len,
							   &req))
			take_request(chan, &req, fds, lost);
		else
			count(&relay->counters, C_NODE_BAD);
		close_fds(fds);
	}
	if (chan->doomed)
		chan_end(chan);
	else
		guest_touch(chan->node->guest);
}

/* ---- state.h ---- */

static void chan_state(struct state *st, struct node *node,
		       struct node_chan *chan)
{
	uint32_t pid = fdnet_save_u32(&st->s, chan ? chan->pid : 0);
	bool doomed = fdnet_save_bool(&st->s, chan && chan->doomed);
	int fd = state_socket(st, chan ? chan->src.fd : -1, AF_UNIX,
			      SOCK_SEQPACKET);

	fdnet_save_check(&st->s, fd >= 0);
	if (!st->s.reading)
		return;
	if (!st->s.rc)
		fdnet_save_fail(&st->s, chan_add(node, fd, pid));
	else if (fd >= 0)
		close(fd);
	/* one that is lost already is ended by its next event */
	if (!st->s.rc)
		node->chans->prev->doomed = doomed;
}

void node_chans_state(struct state *st, struct node *node)
{
	uint32_t n = fdnet_save_count(&st->s, node->nchans,
				      LIMIT_NODE_CHANNELS, 6);
	struct node_chan *chan;

	if (st->s.reading)
		for (; n && !st->s.rc; n--)
			chan_state(st, node, NULL);
	else
		DL_FOREACH(node->chans, chan)
			chan_state(st, node, chan);
}

uint32_t node_chan_number(const struct node *node,
			  const struct node_chan *chan)
{
	const struct node_chan *other;
	uint32_t number = 0;

	if (!chan)
		return 0;
	DL_FOREACH(node->chans, other) {
		number++;
		if (other == chan)
			break;
	}
	return number;
}

struct node_chan *node_chan_numbered(struct node *node, struct fdnet_save *s,
				     uint32_t number)
{
	struct node_chan *chan = node->chans;

	number = fdnet_save_u32(s, number);
	fdnet_save_check(s, number <= node->nchans);
	if (!number || (s->rc && s->reading))
		return NULL;
	while (--number)
		chan = chan->next;
	return chan;
}
