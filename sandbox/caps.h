/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities of a program started by root: those by which root owns files
 * and its own processes stay, those that reach the host's network, kernel or
 * other processes go.
 */
#ifndef SANDBOX_CAPS_H
#define SANDBOX_CAPS_H

#include <stdbool.h>

/**
 * caps_drop - drop for ever what the sandbox must not have
 *
 * @all:     those too by which root owns files
 * @chroot:  but not the one for chroot()
 *
 * For the calling thread, from every set. Without capabilities to begin with
 * there is nothing to do.
 * Returns 0 or a negative errno.
 */
int caps_drop(bool all, bool chroot);

/** caps_drop_launcher - of fdnet-run itself, run by root: those by which it
 * answers for the program stay. Returns 0 or a negative errno. */
int caps_drop_launcher(void);

/** caps_has - is it among those that we may use? */
bool caps_has(int cap);

#endif
