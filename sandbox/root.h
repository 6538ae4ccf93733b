/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder that paths begin at, which a program that root started may change
 * (chroot(2)): servers do so for their children, OpenSSH's among them.
 *
 * What it may do with it: a root of its own shows it no file that it could not
 * open before, and names no socket that it could not reach, since the
 * supervisor goes by inodes; set-uid programs, which it could mislead, have no
 * effect in a sandbox. The one thing that CAP_SYS_CHROOT gives is the way out
 * of a root that somebody put fdnet-run into. So where there is something above
 * ours, neither the call nor the capability is there.
 */
#ifndef SANDBOX_ROOT_H
#define SANDBOX_ROOT_H

#include <stdbool.h>

struct call;
struct supervisor;

/** root_may_change - may we call chroot(), and is nothing above our root?
 * Tried in a child, the way somebody would get out. */
bool root_may_change(void);

/** root_open, root_close - our own root, to come back to. 0 or -errno */
int root_open(struct supervisor *sup);
void root_close(struct supervisor *sup);

/**
 * root_enter - let our paths begin where the caller's do, until root_leave()
 *
 * Part of identity_assume_in_root(): it wants our own rights, and there may be
 * no /proc in between. The working folder stays.
 * Returns 0, -ESRCH (the caller has gone), -EPERM.
 */
int root_enter(const struct call *call);

/** root_leave - back again, with "/" as working folder; ends the process if
 * that fails */
void root_leave(const struct call *call);

#endif
