/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libc's own functions, libc_x for each row of calls.h, and how ours are
 * exported. The pointers are valid from the first call on: a wrapper that
 * runs before our constructor resolves them itself (libc_resolve()).
 */
#ifndef SHIM_LIBC_H
#define SHIM_LIBC_H

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdbool.h>
#include <poll.h>
#include <resolv.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#define CALL(name, ret, args) extern ret(*libc_##name) args;
#include "shim/calls.h"

#define CALL(name, ret, args) ret shim_##name args;
#include "shim/calls.h"

/* Gives shim_@of the exported name @name. In assembler, because libc's
 * headers declare some of the names with types that C cannot repeat. */
#define SHIM_EXPORT_AS(name, of)                                             \
	__asm__(".globl " #name "\n\t.type " #name ", @function\n\t"           \
		".set " #name ", shim_" #of)
#define SHIM_EXPORT(name) SHIM_EXPORT_AS(name, name)

extern bool libc_ready;

/* The pointer for a row of calls.h, also before our constructor ran. */
#define LIBC(name)                                                           \
	(*(libc_ready ? &libc_##name : (libc_resolve(), &libc_##name)))

/** libc_resolve - look libc's functions up; idempotent, any thread */
void libc_resolve(void);

#endif
