/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's /etc/hosts, read once at start-up: the relay opens no files
 * afterwards.
 */
#ifndef RELAY_HOSTS_H
#define RELAY_HOSTS_H

#include <stdio.h>

#include <fdnet/stack.h>

/* Lines with more names, and files with more entries, are cut there. */
#define HOSTS_MAX 65536
#define HOSTS_ADDRS 16

struct hosts_addr;
struct hosts_entry;

struct hosts {
	struct hosts_entry *names; /* by name, lower case */
	struct hosts_addr *addrs;  /* by address */
};

/** hosts_init - empty; hosts_done - drop all */
void hosts_init(struct hosts *hosts);
void hosts_done(struct hosts *hosts);

/** hosts_read - take in a file; bad lines are skipped. 0 or -ENOMEM */
int hosts_read(struct hosts *hosts, FILE *file);

/**
 * hosts_find - the addresses of a name
 * @name:     lower case
 * @ret_ips:  room for HOSTS_ADDRS, those of @family are written
 *
 * Returns how many; -ENOENT when the file does not have the name at all.
 */
int hosts_find(const struct hosts *hosts, const char *name, int family,
	       struct fdnet_ip *ret_ips);

/** hosts_name - the first name of an address, or NULL */
const char *hosts_name(const struct hosts *hosts, const struct fdnet_ip *ip);

#endif
