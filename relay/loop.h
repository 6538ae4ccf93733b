/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting: epoll with one object per fd.
 *
 * How it works: what is waited for embeds a struct source, whose type chooses
 * the handler (relay.c has the switch). An object may be freed while events
 * for it are still in the batch: loop_bury() defers that to the batch's end.
 */
#ifndef RELAY_LOOP_H
#define RELAY_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum source_type {
	SOURCE_DEAD, /* buried: events are ignored */
	SOURCE_CHANNEL, /* attach channel */
	SOURCE_SHARE,	/* --share-fd: makes attach channels */
	SOURCE_LISTEN,	/* --listen: makes attach channels */
	SOURCE_STATUS,	/* the launcher */
	SOURCE_SIGNAL,
	SOURCE_GUEST,	 /* a link */
	SOURCE_FLOW_TCP, /* host socket of a connection */
	SOURCE_FLOW_UDP, /* host socket of a datagram flow */
	SOURCE_FLOW_ECHO, /* ping socket */
	SOURCE_PUBLISH,	 /* published port's host socket, TCP or UDP */
	SOURCE_RESOLVER, /* upstream name server */
	SOURCE_CTL_LISTEN, /* --control: clients come */
	SOURCE_CTL,	   /* one of them asks */
	SOURCE_METRICS_LISTEN, /* --metrics */
	SOURCE_METRICS,	       /* a client of it */
	SOURCE_NODE_CHAN, /* requests about pumped sockets */
	SOURCE_PUMPED,	 /* end B of one */
	SOURCE_TAKEOVER, /* another relay, which is about to take over */
};

/**
 * struct source - an fd that is waited for; embedded
 * @fd:  owned by the embedding object; -1: none
 */
struct source {
	enum source_type type;
	int fd;
	struct source *next_dead;
	void (*free)(struct source *src);
};

/**
 * struct loop
 * @shared:  another process may hold our descriptors too (takeover.h): closing
 *           one is not its end, and no end of its events
 */
struct loop {
	int epfd;
	bool shared;
	int max_fd; /* the largest that was waited for */
	struct source *dead;
};

/** loop_open - 0 or a negative errno; loop_close also sweeps */
int loop_open(struct loop *loop);
void loop_close(struct loop *loop);

/** loop_add - wait for @events (EPOLL*) on @src->fd. 0 or a negative errno */
int loop_add(struct loop *loop, struct source *src, uint32_t events);
/** loop_change - wait for other events */
void loop_change(struct loop *loop, struct source *src, uint32_t events);
/** loop_remove - no more waiting; before the fd is closed */
void loop_remove(struct loop *loop, struct source *src);
/** loop_forget - the same where the close that follows does it by itself */
void loop_forget(struct loop *loop, struct source *src);
/** loop_bury - @src's object is freed by @free_fn when the batch is done */
void loop_bury(struct loop *loop, struct source *src,
	       void (*free_fn)(struct source *src));
/** loop_sweep - free what is buried */
void loop_sweep(struct loop *loop);

#endif
