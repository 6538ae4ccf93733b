/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a host still lives is found out by the relay's socket, which the
 * program's keepalive and TCP_USER_TIMEOUT must reach: between the program and
 * the relay there is nothing that they could find out.
 */
#ifndef SHIM_KEEP_H
#define SHIM_KEEP_H

#include <stdbool.h>

#include "shim/file.h"

/** shim_keep_is - is this an option that the relay is told of? */
bool shim_keep_is(int level, int name);

/**
 * shim_keep_tell - tell the relay of a connection's options
 * @file:    a stream; one that is not connected is told of when it is
 * @to:      where it is being connected to; NULL: it is connected
 * @always:  also when they are the defaults, since they may have changed
 */
void shim_keep_tell(const struct shim_file *file, const struct fdnet_name *to,
		    bool always);

#endif
