/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service manager: sockets it gives us (sd_listen_fds(3)), and datagrams
 * that tell it how we are (sd_notify(3)). Both protocols are a few lines, and
 * here without its library.
 */
#ifndef RELAY_NOTIFY_H
#define RELAY_NOTIFY_H

#include <stdint.h>

/* The first descriptor of those given. */
#define NOTIFY_LISTEN_FD 3

/**
 * struct notify - what the environment said
 * @nfds:   descriptors from NOTIFY_LISTEN_FD on
 * @names:  their names, separated by colons, or NULL
 * @watchdog_us:  how often it wants to hear of us, 0: never
 */
struct notify {
	char *socket; /* or NULL: nobody to tell */
	unsigned int nfds;
	char *names;
	uint64_t watchdog_us;
};

/** notify_init - read the environment and clear it of these variables, for
 * they are not our children's. 0 or -ENOMEM */
int notify_init(struct notify *notify);
void notify_done(struct notify *notify);

/** notify_name - the name of socket @i, or NULL; the caller frees it */
char *notify_name(const struct notify *notify, unsigned int i);

/** notify_say - "READY=1\nSTATUS=..." and so on; lost if it cannot be sent */
void notify_say(const struct notify *notify, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
