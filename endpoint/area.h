/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payload area of a link (D8): memory that both ends map, through which
 * bulk payload passes by reference.
 *
 * How it works: the relay makes a memfd, sizes it, seals its size and hands it
 * over with WELCOME. Behind a page group of counters lie the blocks, half of
 * them the guest's to fill and half the relay's. A block's owner refers to
 * parts of it in PACKET messages, and counts each reference sent in memory of
 * its own; the other end raises the block's counter in the area when it has
 * done with one. A block whose owner holds it no longer and whose counts are
 * equal is free again. No message is needed for that, and nobody waits: who
 * finds no free block sends inline.
 *
 * What a hostile peer can do: change payload at any time, also what the other
 * end wrote, and all counters. Payload is never parsed, counters are compared
 * for equality only, and where the blocks are and who holds them stands in
 * private memory; so it can spoil its own data, and stop its own blocks from
 * coming back. The size is sealed, so that no access can fault.
 */
#ifndef ENDPOINT_AREA_H
#define ENDPOINT_AREA_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/mem.h>
#include <fdnet/packet.h>

#include "endpoint/ring.h"

/* Blocks in each direction. A block is one payload buffer. */
#define FDNET_AREA_BLOCKS 96
/* Bytes before the first block: two pages of counters, the states of two rings
 * (ring.h), a round number, and the rings' messages. */
#define FDNET_AREA_RINGS 65536
#define FDNET_AREA_HEAD	 (FDNET_AREA_RINGS + 2 * FDNET_RING_SIZE)
/* Bytes of the area. */
#define FDNET_AREA_SIZE                                                        \
	(FDNET_AREA_HEAD + 2 * FDNET_AREA_BLOCKS * FDNET_BUF_SIZE)
/* Payload below this is sent inline: a copy costs less than a reference. */
#define FDNET_AREA_MIN_PAYLOAD 8192

/* A reference as it stands in a message, host byte order. */
struct fdnet_area_ref {
	uint32_t offset; /* from the start of the area */
	uint32_t len;
};

struct fdnet_area;

/**
 * fdnet_area_create - the relay's end
 * @mem:       for what is not shared; must outlive the area
 * @ret_area:  one reference, the caller's
 * @ret_fd:    the memfd, close-on-exec; the caller's
 *
 * Returns 0, -ENOMEM, or what memfd_create(), ftruncate() and mmap() say.
 */
int fdnet_area_create(const struct fdnet_mem *mem, struct fdnet_area **ret_area,
		      int *ret_fd);

/** fdnet_area_fits - has this process address space for one (RLIMIT_AS)? To be
 * known before it is agreed to: the other side would use it. */
bool fdnet_area_fits(void);

/**
 * fdnet_area_map - the guest's end
 * @fd:  borrowed; may be closed afterwards
 *
 * Returns 0, -EINVAL when the fd is no area (size, seals), -ENOMEM.
 */
int fdnet_area_map(const struct fdnet_mem *mem, int fd,
		   struct fdnet_area **ret_area);

/**
 * fdnet_area_counts - what the next relay needs to know of the relay's end
 * @ret_sent:  FDNET_AREA_BLOCKS numbers, for fdnet_area_adopt()
 */
void fdnet_area_counts(const struct fdnet_area *area, uint32_t *ret_sent);

/**
 * fdnet_area_adopt - the relay's end, in the place of another relay
 * @fd:    of fdnet_area_create(); borrowed; may be closed afterwards
 * @sent:  of fdnet_area_counts()
 *
 * No block is held here; those that the guest reads come back when it has done
 * with them. Until the other relay has gone none may be taken.
 * Returns as fdnet_area_map().
 */
int fdnet_area_adopt(const struct fdnet_mem *mem, int fd, const uint32_t *sent,
		     struct fdnet_area **ret_area);

/**
 * fdnet_area_free - give the area (or NULL) up; taken
 *
 * It stays mapped until the last of its buffers has been released.
 */
void fdnet_area_free(struct fdnet_area *area);

/**
 * fdnet_area_disown - in a fork child: the area stayed with the parent
 *
 * It is unmapped here; what still refers to it may only be released.
 */
void fdnet_area_disown(struct fdnet_area *area);

/**
 * fdnet_area_take - a free block as a buffer of FDNET_BUF_SIZE bytes
 *
 * Returns NULL when none is free.
 */
struct fdnet_buf *fdnet_area_take(struct fdnet_area *area);

/**
 * fdnet_area_pool_take - a free block of @area (or NULL), else one of @pool
 *
 * For fdnet_pkt_pool_set_bufs(); @arg is a struct fdnet_area_pool.
 */
struct fdnet_area_pool {
	struct fdnet_area *area;
	struct fdnet_pkt_pool *pool;
};
struct fdnet_buf *fdnet_area_pool_take(void *arg);

/**
 * fdnet_area_refs - describe a packet's payload by references
 * @least:     bytes of payload that make it worth it
 * @ret_refs:  FDNET_PKT_MAX_SLICES entries
 *
 * Returns how many there are; 0 when it is not worth it, or when part of the
 * payload lies outside of our blocks.
 */
unsigned int fdnet_area_refs(const struct fdnet_area *area,
			     const struct fdnet_pkt *pkt, uint32_t least,
			     struct fdnet_area_ref *ret_refs);

/**
 * fdnet_area_rings - the rings of the link's small messages
 * @ret_tx, @ret_rx:  from this end, and to it; usable while the area is mapped
 */
void fdnet_area_rings(const struct fdnet_area *area, struct fdnet_ring *ret_tx,
		      struct fdnet_ring *ret_rx);

/** fdnet_area_sent - a message with these references was sent */
void fdnet_area_sent(struct fdnet_area *area, const struct fdnet_area_ref *refs,
		     unsigned int n);

/**
 * fdnet_area_check - may the peer refer to this?
 *
 * Each must be part of one block of the peer's, and not empty.
 * Returns the sum of their lengths, or -EINVAL.
 */
int64_t fdnet_area_check(const struct fdnet_area *area,
			 const struct fdnet_area_ref *refs, unsigned int n);

/**
 * fdnet_area_attach - append the peer's payload to a packet without slices
 * @refs:  checked
 *
 * The peer is told when the last holder of each part is done with it.
 * Returns 0 or -ENOMEM; then the packet is without slices and all are given
 * back.
 */
int fdnet_area_attach(struct fdnet_area *area, const struct fdnet_area_ref *refs,
		      unsigned int n, struct fdnet_pkt *pkt);

#endif
