/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service for many sandboxes: `fdnet-relay --listen PATH`.
 *
 * How it works: who connects to a path is a new sandbox, and gets a relay
 * process of its own (a *worker*), which is this program again with the
 * connection as its attach channel. A crash, a flood or a full table is then
 * one sandbox's. This process only accepts, forks and waits: it never reads
 * what a sandbox says, keeps no socket of one, and so needs no filter of
 * system calls (it must be able to start programs).
 *
 * The rules of a sandbox are those of the command line, then those of a file
 * in --policy-dir, chosen by the path it connected to or by who it is; what
 * it says about itself never counts.
 */
#ifndef RELAY_SERVICE_H
#define RELAY_SERVICE_H

#include <stdbool.h>
#include <sys/types.h>

#include "relay/loop.h"
#include "relay/notify.h"
#include "relay/options.h"

/* New sandboxes a second, and in a burst; more are turned away. */
#define SERVICE_RATE 50
#define SERVICE_BURST 200

/**
 * struct listener - a path
 * @name:  chooses the policy, or NULL: the peer's user does
 * @ours_only:  only our own user and root are welcome; else whom the path's
 *         permissions let in
 */
struct listener {
	struct source src;
	char *name;
	bool ours_only;
	struct listener *next;
};

/**
 * struct worker - a sandbox's relay
 * @src:    status channel; no fd: it has ended
 * @pid:    0: it has been waited for, or is nobody's child
 */
struct worker {
	struct source src;
	pid_t pid;
	unsigned int number;
	uid_t uid;
	/* of a shared network, else empty; introduced once it is ready */
	char network[64], name[64];
	char ip[2][FDNET_IP_STRLEN];
	unsigned int place;
	bool ready;
	struct worker *prev, *next;
};

struct service {
	struct options *opts; /* borrowed */
	struct notify notify;
	struct loop loop;
	struct source signals;
	/* where another service asks to take over, and who asks */
	struct source ctl, asker;
	char *ctl_path; /* NULL: nowhere */
	int taker;	/* channel to it, or -1 */
	int said_at;	/* standard error of the service before us */
	struct listener *listeners;
	struct worker *workers;
	unsigned int nworkers, last_number;
	uint64_t now_us, tokens_us, again_us, said_us;
	unsigned int refused; /* since it was last said */
	bool leaving; /* another has taken over: until the last worker ends */
	bool stop;
};

/**
 * service_run - serve until a signal
 *
 * Returns 0, or a negative errno after a line on standard error.
 */
int service_run(struct options *opts);

/**
 * service_run_taken - serve in the place of another
 * @channel:      to the other (takeover.h), which has made its offer; taken
 * @watchdog_us:  as it was told
 * @told:         gets a byte when it is ours, and is closed
 *
 * Returns as service_run().
 */
int service_run_taken(struct options *opts, int channel, uint64_t watchdog_us,
		      int told);

/** service_listen - a listener more; @fd and @name are taken on success */
int service_listen(struct service *service, int fd, char *name,
		   bool ours_only);
/** service_close_listeners - nobody comes any more */
void service_close_listeners(struct service *service);

/* ---- service_takeover.c ---- */

/** service_ctl_open, service_ctl_close - the service's own control socket */
int service_ctl_open(struct service *service);
void service_ctl_close(struct service *service);
/** service_ctl_event - somebody comes; service_asked - and asks;
 * service_give - gets everything, when no event refers to it any more */
void service_ctl_event(struct service *service);
void service_asked(struct service *service);
void service_give(struct service *service);
/** service_take - get all that another has over @channel; borrowed. 0 or a
 * negative errno, and the other goes on */
int service_take(struct service *service, int channel, uint64_t watchdog_us);

/* ---- service_net.c ---- */

/** service_net_join - "join NETWORK NAME": give it a place, or none */
void service_net_join(struct service *service, struct worker *worker,
		      const char *text);
/** service_net_ready - introduce it to the others of its network */
void service_net_ready(struct service *service, struct worker *worker);

/* ---- service_worker.c ---- */

/**
 * worker_start - a relay for a new sandbox
 * @fd:   its connection; borrowed
 * @name: of the listener, or NULL
 *
 * Returns 0 or a negative errno.
 */
int worker_start(struct service *service, int fd, uid_t uid,
		 const char *name);
/** worker_take - a relay that takes over from another service's
 * @like:     that one
 * @channel:  to it; borrowed
 *
 * Returns as worker_start().
 */
int worker_take(struct service *service, const struct worker *like,
		int channel);
/** worker_close - its status channel has ended; worker_gone - forget it */
void worker_close(struct service *service, struct worker *worker);
void worker_gone(struct service *service, struct worker *worker);

#endif
