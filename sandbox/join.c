/* SPDX-License-Identifier: Apache-2.0 */
/* Two sockets joined; see join.h. */
#include "config.h"

#include "sandbox/join.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <utlist.h>

/*
 * @out:     what was received from the other side and goes to this one
 * @ended:   nothing more is read from it
 * @deaf:    nothing more can be sent to it
 * @hung_up: it has ended in both directions
 */
struct side {
	struct watch watch;
	struct join *join;
	struct parcel out;
	bool has_out, ended, deaf, hung_up;
};

struct join {
	struct join *next;
	struct joins *joins;
	struct side sides[2]; /* inner, outer */
	uint64_t cookie;
	struct ucred cred, sender;
	bool closed;
};

static struct side *other_of(struct side *side)
{
	return &side->join->sides[side == side->join->sides];
}

void joins_init(struct joins *joins, struct watch_loop *loop)
{
	*joins = (struct joins){.loop = loop};
}

static void close_join(struct join *join)
{
	struct joins *joins = join->joins;
	int i, fd;

	if (join->closed)
		return;
	join->closed = true;
	for (i = 0; i < 2; i++) {
		fd = join->sides[i].watch.fd;
		watch_remove(joins->loop, &join->sides[i].watch);
		close(fd);
		parcel_done(&join->sides[i].out);
	}
	LL_DELETE(joins->list, join);
	joins->count--;
	/* the loop may still hold it in this round */
	LL_PREPEND(joins->done, join);
}

/*
 * What is waited for: one event at a time, since a side that has hung up
 * says so again and again, also while nothing can be done about it.
 */
static void arm(struct side *side)
{
	uint32_t events = 0;

	if (!side->ended && !other_of(side)->has_out)
		events |= EPOLLIN;
	if (side->has_out && !side->deaf)
		events |= EPOLLOUT;
	if (events)
		watch_change(side->join->joins->loop, &side->watch,
			     events | EPOLLONESHOT);
}

/* The side takes nothing any more: whoever sends is told. */
static void become_deaf(struct side *side)
{
	side->deaf = true;
	side->has_out = false;
	parcel_done(&side->out);
	shutdown(other_of(side)->watch.fd, SHUT_RD);
	other_of(side)->ended = true;
}

static void send_out(struct side *side)
{
	const struct join *join = side->join;
	int rc;

	if (!side->has_out)
		return;
	rc = parcel_send(&side->out, side->watch.fd,
			 side == &join->sides[1] ? &join->sender : NULL);
	if (rc == -EAGAIN || rc == -EINTR || rc == -ENOBUFS)
		return;
	if (rc < 0) {
		become_deaf(side);
		return;
	}
	side->has_out = false;
	parcel_done(&side->out);
	if (other_of(side)->ended)
		shutdown(side->watch.fd, SHUT_WR);
}

/* @side's end is passed on when all that came before it is. */
static void end_side(struct side *side)
{
	struct side *other = other_of(side);

	side->ended = true;
	if (!other->has_out && !other->deaf)
		shutdown(other->watch.fd, SHUT_WR);
}

static void take_in(struct side *side, uint32_t events)
{
	struct side *other = other_of(side);
	int rc;

	if (side->ended || other->has_out)
		return;
	rc = parcel_receive(&other->out, side->watch.fd, NULL, NULL, NULL);
	if (rc == -EAGAIN || rc == -EINTR)
		return;
	/* a message of no bytes is none of the end */
	if (rc == 0 && !(events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) &&
	    recv(side->watch.fd, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
		rc = 1;
	if (rc <= 0) {
		parcel_done(&other->out);
		end_side(side);
		return;
	}
	if (side == &side->join->sides[1])
		parcel_judge(side->join->joins, &other->out,
			     &side->join->sender);
	other->has_out = true;
	send_out(other);
}

static bool has_ended(const struct join *join)
{
	const struct side *a = &join->sides[0], *b = &join->sides[1];

	if (a->has_out || b->has_out)
		return false;
	return (a->ended && b->ended) || (a->ended && a->hung_up) ||
	       (b->ended && b->hung_up);
}

static void on_side(struct watch *watch, uint32_t events)
{
	struct side *side =
		(struct side *)((char *)watch - offsetof(struct side, watch));
	struct side *other = other_of(side);

	if (events & (EPOLLHUP | EPOLLERR)) {
		side->hung_up = true;
		if (!side->deaf)
			become_deaf(side);
	}
	send_out(side);
	take_in(side, events);
	if (has_ended(side->join)) {
		close_join(side->join);
		return;
	}
	arm(side);
	arm(other);
}

int joins_add(struct joins *joins, int inner, int outer, uint64_t cookie,
	      const struct ucred *cred, const struct ucred *sender)
{
	const int fds[2] = {inner, outer};
	struct join *join = NULL;
	int i, rc = 0;

	if (joins->count >= JOINS_MAX)
		rc = -ENOBUFS;
	else if (!(join = calloc(1, sizeof(*join))))
		rc = -ENOMEM;
	for (i = 0; rc == 0 && i < 2; i++) {
		join->sides[i].watch = (struct watch){fds[i], on_side};
		join->sides[i].join = join;
		rc = watch_add(joins->loop, &join->sides[i].watch,
			       EPOLLIN | EPOLLONESHOT);
	}
	if (rc < 0) {
		/* a closed descriptor leaves the set by itself */
		close(inner);
		close(outer);
		free(join);
		return rc;
	}
	join->joins = joins;
	join->cookie = cookie;
	join->cred = *cred;
	join->sender = *sender;
	LL_PREPEND(joins->list, join);
	joins->count++;
	return 0;
}

const struct ucred *joins_find(const struct joins *joins, uint64_t cookie)
{
	const struct join *join;

	LL_FOREACH(joins->list, join)
		if (join->cookie && join->cookie == cookie)
			return &join->cred;
	return NULL;
}

void joins_round(struct joins *joins)
{
	struct join *join, *next;

	LL_FOREACH_SAFE(joins->done, join, next)
		free(join);
	joins->done = NULL;
}

void joins_end(struct joins *joins)
{
	while (joins->list)
		close_join(joins->list);
	joins_round(joins);
}
