/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that are passed to other processes, or come from them, in SCM_RIGHTS
 * of an AF_UNIX socket.
 */
#ifndef SHIM_PASS_H
#define SHIM_PASS_H

#include <sys/socket.h>

/** shim_pass_out - before @msg is sent on a socket that is not ours: the relay
 * shall have what goes along */
void shim_pass_out(const struct msghdr *msg);

/** shim_pass_in - @msg has come: find out later what came along */
void shim_pass_in(const struct msghdr *msg);

#endif
