/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces: an empty network, process numbers, queues and mounts of its own.
 *
 * How it works: the child is cloned into all of them at once, with a user
 * namespace of its own unless we may do without. Machines differ in what they
 * permit, and some only say so later (mounting /proc inside a container), so
 * the caller goes through spaces_next() until a child can enter.
 */
#ifndef SANDBOX_SPACES_H
#define SANDBOX_SPACES_H

#include <stdbool.h>
#include <sys/types.h>

#include "sandbox/layers.h"

/**
 * struct spaces - which namespaces a child gets
 * @set:   of LAYERS_SPACES
 * @user:  a user namespace too: we have no CAP_SYS_ADMIN
 */
struct spaces {
	layer_set set;
	bool user;
};

/** spaces_first - the most that may be possible; nothing tried yet */
struct spaces spaces_first(void);

/** spaces_next - less. False when there is nothing less than @spaces */
bool spaces_next(struct spaces *spaces);

/**
 * spaces_fork - fork into them
 *
 * Returns as fork() does, or a negative errno: not permitted here.
 */
pid_t spaces_fork(const struct spaces *spaces);

/**
 * spaces_enter - in the child: identity and mounts
 * @spaces:       as forked
 * @name_server:  for resolv.conf; text of an address
 * @uid, @gid:    ours, outside
 *
 * Returns 0 or a negative errno: less must be tried.
 */
int spaces_enter(const struct spaces *spaces, const char *name_server,
		 uid_t uid, gid_t gid);

/** spaces_probe - what this machine permits, tried in children */
layer_set spaces_probe(void);

#endif
