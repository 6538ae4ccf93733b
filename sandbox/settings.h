/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's settings: files by which it is changed, or made to start or end
 * programs outside: core_pattern, sysrq-trigger, cgroup.kill. No capability
 * guards them, their owner alone: root, or the user a control group was given
 * to. In a mount namespace they are read-only for the program, which cannot
 * undo it.
 */
#ifndef SANDBOX_SETTINGS_H
#define SANDBOX_SETTINGS_H

#include <stdbool.h>

/**
 * settings_protect - make them read-only in this mount namespace
 * @of_proc:  those of /proc too, which are root's alone
 *
 * One that somebody covered with something else stays as it is; one that cannot
 * be changed is told of by --verbose.
 * Returns 0, or a negative errno: those of /proc are not protected.
 */
int settings_protect(bool of_proc);

/**
 * settings_protect_alone - the same for a program that gets no namespaces: one
 * for its mounts alone, for this alone
 *
 * What is mounted outside later appears inside. Does nothing for who is not
 * root. Returns 0, or a negative errno: we have not the right, or are in a root
 * that is no mount.
 */
int settings_protect_alone(void);

#endif
