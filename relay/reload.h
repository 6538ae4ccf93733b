/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy file that changed, while the relay runs: by SIGHUP or fdnet-ctl(1).
 *
 * How it works: the file is read into options of their own, behind what the
 * command line says, and the ports that it adds are opened; up to there a
 * mistake leaves everything as it is, and nothing behind can fail. Then each
 * flow is put to the new rules, under the name it was opened with: what they
 * allow goes on undisturbed, the others are closed. Ports that are no longer
 * published are closed, and limits hold for what comes.
 */
#ifndef RELAY_RELOAD_H
#define RELAY_RELOAD_H

#include "relay/relay.h"

/**
 * reload_from - take what a policy file says from @fd
 * @fd:       taken
 * @ret_err:  what the mistake is and where; line 0: nowhere in the file
 *
 * Returns how many flows were closed, -EINVAL, -EIO, -ENOMEM, -ENOSPC, -EBUSY
 * (an address or network that programs have).
 */
int reload_from(struct relay *relay, int fd, struct policy_error *ret_err);

/** reload_again - the same from the file of --policy; a mistake is told on
 * standard error too. -ENOENT: there is none */
int reload_again(struct relay *relay, struct policy_error *ret_err);

#endif
