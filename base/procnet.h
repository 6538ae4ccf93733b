/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of /proc/net as the kernel writes them (proc(5)), from a
 * description of the interfaces and of the sockets: what netstat, ifconfig,
 * lsof and psutil read. Values in, text out: no descriptor, no allocation.
 */
#ifndef BASE_PROCNET_H
#define BASE_PROCNET_H

#include <stddef.h>
#include <stdint.h>

#include "base/rtnl.h"

enum fdnet_procnet {
	FDNET_PROCNET_TCP,
	FDNET_PROCNET_TCP6,
	FDNET_PROCNET_UDP,
	FDNET_PROCNET_UDP6,
	FDNET_PROCNET_UDPLITE,
	FDNET_PROCNET_UDPLITE6,
	FDNET_PROCNET_RAW,
	FDNET_PROCNET_RAW6,
	FDNET_PROCNET_ICMP,
	FDNET_PROCNET_ICMP6,
	FDNET_PROCNET_DEV,
	FDNET_PROCNET_ROUTE,
	FDNET_PROCNET_IPV6_ROUTE,
	FDNET_PROCNET_IF_INET6,
	FDNET_PROCNET_ARP,
	FDNET_PROCNET_FILES
};

/* Room for the heading, or for one row. */
#define FDNET_PROCNET_ROW 320

/**
 * struct fdnet_sockrow - a socket as others see it
 * @proto:   6, 17, 1 or 58; of a raw socket, its protocol
 * @kind:    SOCK_STREAM, SOCK_DGRAM, SOCK_RAW
 * @family:  AF_INET or AF_INET6, of the socket
 * @state:   the kernel's: 1 established ... 7 closed (a datagram socket that
 *           is not connected), 10 listening
 * @local, @peer:  16 bytes, IPv4 in the first four; an IPv4 address of an
 *           AF_INET6 socket is written as a mapped one
 * @port, @peer_port:  host order
 * @tx, @rx: bytes not yet acknowledged, not yet read
 * @inode:   of the descriptor, 0: not known
 */
struct fdnet_sockrow {
	uint8_t proto, kind, family, state;
	uint8_t local[16], peer[16];
	uint16_t port, peer_port;
	uint32_t tx, rx;
	uint32_t uid;
	uint64_t inode;
};

/**
 * fdnet_procnet_find - which file of /proc/net a path names
 * @pid:  the process's own id: /proc/PID/net is its own as well
 *
 * Returns enum fdnet_procnet, or -1: none of these.
 */
int fdnet_procnet_find(const char *path, int pid);

/** fdnet_procnet_shows - does the file list this socket? */
int fdnet_procnet_shows(enum fdnet_procnet file,
			const struct fdnet_sockrow *row);

/** fdnet_procnet_head - the file's heading; returns its length, or 0 */
size_t fdnet_procnet_head(enum fdnet_procnet file, char *dst);

/**
 * fdnet_procnet_socket - the row of a socket
 * @n:    how many rows are before it
 * @dst:  FDNET_PROCNET_ROW bytes
 *
 * Returns its length.
 */
size_t fdnet_procnet_socket(enum fdnet_procnet file, unsigned int n,
			    const struct fdnet_sockrow *row, char *dst);

/**
 * fdnet_procnet_net - row @n of DEV, ROUTE, IPV6_ROUTE, IF_INET6
 *
 * Returns its length; 0: an entry that is not shown there; -1: no more.
 */
int fdnet_procnet_net(enum fdnet_procnet file, const struct fdnet_rtnl *net,
		      unsigned int n, char *dst);

#endif
