/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packet buffers: what the stack and the endpoints hand to each other.
 *
 * A packet is a linear part with headroom, in which headers are pushed to the
 * front, followed by payload slices that reference counted memory owned by
 * somebody else (a TCP send buffer, a receive buffer, a shared payload area).
 * Payload is copied only at the edges. Reference counts are atomic, so a
 * packet may be freed on another thread than the one that made it.
 */
#ifndef FDNET_PACKET_H
#define FDNET_PACKET_H

#include <stdint.h>
#include <sys/uio.h>

#include <fdnet/mem.h>

FDNET_DECLS_BEGIN

/* Room kept free before the linear part for link, IP and transport headers. */
#define FDNET_PKT_HEADROOM 192
/* Linear bytes that every pooled packet can hold besides the headroom. */
#define FDNET_PKT_LINEAR 2048
/* Payload slices a packet can carry. */
#define FDNET_PKT_MAX_SLICES 40
/* Bytes of one pooled payload buffer. */
#define FDNET_BUF_SIZE 65536

/**
 * struct fdnet_buf - reference counted memory for payload
 * @data:     first byte
 * @size:     bytes usable at @data
 * @refs:     holders; the memory is writable by its owner only
 * @release:  called once, when the last holder leaves; may free @buf
 * @owner:    for @release
 */
struct fdnet_buf {
	uint8_t *data;
	uint32_t size;
	uint32_t refs;
	void (*release)(struct fdnet_buf *buf);
	void *owner;
	struct fdnet_buf *next; /* for whoever holds the only reference */
};

/* A part of a buffer; holds one reference on @buf. */
struct fdnet_slice {
	struct fdnet_buf *buf;
	const uint8_t *data;
	uint32_t len;
};

enum fdnet_pkt_flag {
	/* The transport checksum needs no check (rx), or: was never computed
	 * and the receiver will not check it (tx, trusted link). */
	FDNET_PKT_CSUM_TRUSTED = 1 << 0,
	/* Only the pseudo-header is summed; to be completed from csum_start
	 * into csum_offset, as in a virtio-net header. */
	FDNET_PKT_CSUM_PARTIAL = 1 << 1,
	/* Came from, or goes to, this very stack. */
	FDNET_PKT_LOOPED = 1 << 2,
	/* Link-layer destination was group address / broadcast. */
	FDNET_PKT_LINK_GROUP = 1 << 3,
};

enum fdnet_gso_type {
	FDNET_GSO_NONE = 0,
	FDNET_GSO_TCPV4 = 1, /* values of the virtio-net header */
	FDNET_GSO_UDP_L4 = 5,
	FDNET_GSO_TCPV6 = 4,
};

struct fdnet_pkt_pool;

/**
 * struct fdnet_pkt - one packet
 * @next:         for whoever owns the packet: it stands in one queue at most
 * @data:         first byte of the linear part
 * @len:          bytes of the linear part; headers are wholly inside it
 * @slices_len:   sum of the lengths of @slices
 * @nslices:      used entries of @slices
 * @flags:        enum fdnet_pkt_flag
 * @gso_type:     enum fdnet_gso_type
 * @gso_size:     payload bytes per segment; 0 when the packet is no burst
 * @csum_start:   from @data, valid with FDNET_PKT_CSUM_PARTIAL
 * @csum_offset:  from csum_start, likewise
 * @hash:         flow hash, equal for both directions; 0 when not computed
 * @ethertype:    0x0800 or 0x86dd or what an Ethernet endpoint said; host order
 * @user:         for whoever owns the packet
 */
struct fdnet_pkt {
	struct fdnet_pkt *next;
	uint8_t *data;
	uint32_t len;
	uint32_t slices_len;
	uint16_t nslices;
	uint16_t flags;
	uint8_t gso_type;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t ethertype;
	uint32_t hash;
	uint8_t link_src[6]; /* Ethernet endpoints only */
	uint8_t link_dst[6];
	/* Private to packet.c; it stands here because what every packet needs
	 * is then one cache line, and one with a slice or two takes the next. */
	struct fdnet_pkt_pool *pool;
	union {
		void *ptr;
		uint64_t u64;
	} user[4];
	struct fdnet_slice slices[FDNET_PKT_MAX_SLICES];
	void *block; /* private to packet.c: as allocated */
};

/**
 * fdnet_pkt_pool_new - make a pool of packets and payload buffers
 * @mem:       allocator; shared, must outlive the pool and all its packets;
 *             NULL for malloc
 * @max_idle:  packets, and buffers, kept for reuse rather than freed
 * @threaded:  take a lock around the free lists
 *
 * Returns the pool or NULL when out of memory.
 */
FDNET_API struct fdnet_pkt_pool *
fdnet_pkt_pool_new(const struct fdnet_mem *mem, unsigned int max_idle,
		   int threaded);

/**
 * fdnet_pkt_pool_free - give the pool up
 * @pool:  or NULL; taken
 *
 * Packets and buffers still held elsewhere stay valid; the last of them frees
 * the pool's memory.
 */
FDNET_API void fdnet_pkt_pool_free(struct fdnet_pkt_pool *pool);

/** fdnet_pkt_pool_outstanding - packets and buffers not yet given back */
FDNET_API unsigned int
fdnet_pkt_pool_outstanding(const struct fdnet_pkt_pool *pool);

/**
 * fdnet_pkt_new - an empty packet, FDNET_PKT_HEADROOM bytes of headroom
 * @pool:  borrowed
 *
 * The linear part has room for FDNET_PKT_LINEAR bytes.
 * Returns NULL when out of memory.
 */
FDNET_API struct fdnet_pkt *fdnet_pkt_new(struct fdnet_pkt_pool *pool);

/** fdnet_pkt_free - drop the packet (or NULL) and its references; taken */
FDNET_API void fdnet_pkt_free(struct fdnet_pkt *pkt);

/** fdnet_pkt_free_list - fdnet_pkt_free() along @next */
FDNET_API void fdnet_pkt_free_list(struct fdnet_pkt *pkt);

/**
 * fdnet_pkt_clone - another packet with the same bytes
 *
 * The linear part is copied, payload slices are shared. NULL: out of memory.
 */
FDNET_API struct fdnet_pkt *fdnet_pkt_clone(const struct fdnet_pkt *pkt);

/**
 * fdnet_buf_new - a payload buffer of FDNET_BUF_SIZE bytes, one reference
 *
 * Returns NULL when out of memory.
 */
FDNET_API struct fdnet_buf *fdnet_buf_new(struct fdnet_pkt_pool *pool);

/** fdnet_buf_ref - one more holder; returns @buf. Any thread. */
FDNET_API struct fdnet_buf *fdnet_buf_ref(struct fdnet_buf *buf);

/** fdnet_buf_unref - one holder less; @buf may be NULL. Any thread. */
FDNET_API void fdnet_buf_unref(struct fdnet_buf *buf);

/** fdnet_pkt_headroom - bytes that fdnet_pkt_push() can still give */
FDNET_API uint32_t fdnet_pkt_headroom(const struct fdnet_pkt *pkt);

/** fdnet_pkt_tailroom - bytes that fdnet_pkt_put() can still give */
FDNET_API uint32_t fdnet_pkt_tailroom(const struct fdnet_pkt *pkt);

/**
 * fdnet_pkt_push - grow the linear part to the front
 * @len:  bytes, at most the headroom
 *
 * Returns the new first byte; NULL when the headroom is too small.
 */
FDNET_API uint8_t *fdnet_pkt_push(struct fdnet_pkt *pkt, uint32_t len);

/**
 * fdnet_pkt_put - grow the linear part at its end (only while no slices)
 *
 * Returns the first new byte; NULL when the tailroom is too small.
 */
FDNET_API uint8_t *fdnet_pkt_put(struct fdnet_pkt *pkt, uint32_t len);

/**
 * fdnet_pkt_pull - drop bytes from the front, slices included
 * @len:  bytes, at most fdnet_pkt_total()
 */
FDNET_API void fdnet_pkt_pull(struct fdnet_pkt *pkt, uint32_t len);

/** fdnet_pkt_trim - cut to @len bytes in all, from the end */
FDNET_API void fdnet_pkt_trim(struct fdnet_pkt *pkt, uint32_t len);

/** fdnet_pkt_total - bytes of linear part and slices together */
static inline uint32_t fdnet_pkt_total(const struct fdnet_pkt *pkt)
{
	return pkt->len + pkt->slices_len;
}

/**
 * fdnet_pkt_add_slice - append payload by reference
 * @buf:   memory holder; the packet gets a reference of its own, the caller
 *         keeps his
 * @data:  first byte, inside @buf
 * @len:   bytes, > 0
 *
 * Neighbouring slices of one buffer are merged.
 * Returns 0 or -ENOSPC when all FDNET_PKT_MAX_SLICES are in use.
 */
FDNET_API int fdnet_pkt_add_slice(struct fdnet_pkt *pkt, struct fdnet_buf *buf,
				  const uint8_t *data, uint32_t len);

/**
 * fdnet_pkt_pull_up - make the first @len bytes linear
 *
 * Returns 0, -EINVAL when the packet is shorter, -ENOBUFS when they do not
 * fit into the linear part.
 */
FDNET_API int fdnet_pkt_pull_up(struct fdnet_pkt *pkt, uint32_t len);

/**
 * fdnet_pkt_iov - describe the bytes for writev()
 * @iov:  FDNET_PKT_MAX_SLICES + 1 entries, written
 *
 * Returns the number of entries used.
 */
FDNET_API int fdnet_pkt_iov(const struct fdnet_pkt *pkt, struct iovec *iov);

/**
 * fdnet_pkt_copy_out - copy bytes out of the packet
 * @offset:  first byte
 * @dst:     written
 * @len:     at most
 *
 * Returns the bytes copied.
 */
FDNET_API uint32_t fdnet_pkt_copy_out(const struct fdnet_pkt *pkt,
				      uint32_t offset, void *dst, uint32_t len);

FDNET_DECLS_END

#endif
