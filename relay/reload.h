/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New rules while the relay runs: by SIGHUP or fdnet-ctl(1).
 *
 * How it works: the file is read into a policy of its own, behind the rules
 * of the command line; a mistake leaves everything as it is. Then each flow is
 * put to the new rules, under the name it was opened with: what they allow
 * goes on undisturbed, the others are closed.
 */
#ifndef RELAY_RELOAD_H
#define RELAY_RELOAD_H

#include "relay/relay.h"

/**
 * reload_from - take the policy file's rules from @fd
 * @fd:       taken
 * @ret_err:  where the mistake is
 *
 * Returns how many flows were closed, -EINVAL, -EIO, -ENOMEM, -ENOSPC.
 */
int reload_from(struct relay *relay, int fd, struct policy_error *ret_err);

/** reload_again - the same from the file of --policy; a mistake is told on
 * standard error too. -ENOENT: there is none */
int reload_again(struct relay *relay, struct policy_error *ret_err);

#endif
