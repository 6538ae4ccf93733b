/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a datagram is from, told beside it.
 *
 * A process that has an unconnected datagram socket may read it in ways that
 * nobody interposes: read(), recv(), readv(), splice(). What it finds there
 * must be the datagram and nothing else, and its source must neither come
 * apart from it nor be taken twice, whoever reads. So the name goes along as
 * the kernel's ancillary data: an fd of a sealed memfd that holds it, and what
 * else the program has asked for (stack/wire/node_tag.h). Who does not ask for
 * ancillary data never sees it; the kernel closes it.
 *
 * The memfds are kept, as most datagrams come from few peers.
 */
#ifndef RELAY_NAMETAG_H
#define RELAY_NAMETAG_H

#include <stdint.h>

#include <fdnet/stack.h>

#include "stack/wire/node_tag.h"

/* Peers whose name is kept; power of two. */
#define NAMETAGS 256

/** struct nametag - one of them, @len bytes; @fd -1: none */
struct nametag {
	uint8_t bytes[FDNET_NODE_TAG_LEN];
	size_t len;
	int fd;
};

/** nametag_init, nametag_done - @tags: NAMETAGS of them */
void nametag_init(struct nametag *tags);
void nametag_done(struct nametag *tags);

/** nametag_get - the fd for @tag, which stays ours; -EMFILE, -ENFILE,
 * -ENOMEM */
int nametag_get(struct nametag *tags, const struct fdnet_node_tag *tag);

#endif
