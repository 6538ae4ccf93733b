/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link: frames and control messages between a guest's stack and the relay
 * over one SOCK_SEQPACKET pair. doc/protocol.md has the messages byte by byte.
 *
 * How it works: every message starts with a byte whose high nibble is 0xf, so
 * a plain IP packet (4 or 6 there) can never be taken for one of ours. The
 * guest speaks first with HELLO, the relay answers with WELCOME, which fixes
 * the features for the life of the link; PACKET and CONTROL may follow. On a
 * plain fd (TUN, datagram socket, foreign peer) there is no hello and packets
 * travel bare: fdnet_link_new() with .plain set.
 *
 * Nothing here blocks and there are no threads: the caller polls the fd and
 * calls fdnet_link_recv(). Not thread-safe; the caller serialises.
 */
#ifndef ENDPOINT_LINK_H
#define ENDPOINT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fdnet/mem.h>
#include <fdnet/packet.h>

#include "endpoint/area.h"

#define FDNET_LINK_VERSION 1
/* Bytes of the link header, before packet headers or a control body. */
#define FDNET_LINK_HDR_LEN 16
/* Largest control or hello body; larger ones are refused on both sides. */
#define FDNET_LINK_CONTROL_MAX 1024
/* Payload that one PACKET message may refer to. */
#define FDNET_LINK_AREA_PAYLOAD_MAX (1u << 20)
/* Packets of one BATCH message, bytes of each, and of all with headers. */
#define FDNET_LINK_BATCH_MAX	   64
#define FDNET_LINK_BATCH_PKT_MAX   FDNET_PKT_LINEAR
#define FDNET_LINK_BATCH_BYTES_MAX 65536

enum fdnet_link_type {
	FDNET_LINK_HELLO = 0xf1,   /* guest to relay, first message */
	FDNET_LINK_WELCOME = 0xf2, /* relay to guest, answer */
	FDNET_LINK_PACKET = 0xf3,  /* one IP packet or GSO burst */
	FDNET_LINK_CONTROL = 0xf4, /* request, reply or notice: stack/wire */
	FDNET_LINK_BATCH = 0xf6,   /* several small PACKET messages */
	FDNET_LINK_ATTACH = 0xf5,  /* attach channel only, with one fd */
	FDNET_LINK_RING = 0xf7,	   /* what follows is in the ring */
	FDNET_LINK_KICK = 0xf8,	   /* the ring is to be looked at */
};

/* Feature bits of HELLO (wanted) and WELCOME (agreed). */
enum fdnet_link_feature {
	FDNET_LINK_F_CSUM = 1 << 0, /* transport checksums are not computed */
	FDNET_LINK_F_GSO = 1 << 1,  /* bursts with gso_size may be sent */
	FDNET_LINK_F_BIG = 1 << 2,  /* packets above 65535 bytes (len in hdr) */
	FDNET_LINK_F_AREA = 1 << 3, /* payload by reference into a memfd */
	FDNET_LINK_F_BATCH = 1 << 4, /* several packets in one message */
	FDNET_LINK_F_LOSSY = 1 << 5, /* the other end may lose packets */
	FDNET_LINK_F_RING = 1 << 6,  /* small messages through memory */
};

/**
 * struct fdnet_link_hdr - the first 16 bytes of every message
 * @type:         enum fdnet_link_type
 * @flags:        enum fdnet_link_hdr_flag
 * @hdr_len:      PACKET: bytes of packet headers that follow inline; BATCH:
 *                packets; else: bytes of the body
 * @payload_len:  PACKET: payload bytes after the headers, inline or referenced;
 *                BATCH: all bytes that follow
 * @gso_size:     PACKET: payload bytes per segment, 0 for a single packet
 * @gso_type:     PACKET: enum fdnet_gso_type
 * @nrefs:        PACKET: payload references (8 bytes each) that follow the
 *                headers in place of all payload; 0 unless FDNET_LINK_F_AREA
 *                was agreed
 * @csum_start:   PACKET: as in a virtio-net header, 0 when unused
 * @csum_offset:  PACKET: likewise
 *
 * Host byte order: both ends are processes of one machine.
 */
struct fdnet_link_hdr {
	uint8_t type;
	uint8_t flags;
	uint16_t hdr_len;
	uint32_t payload_len;
	uint16_t gso_size;
	uint8_t gso_type;
	uint8_t nrefs;
	uint16_t csum_start;
	uint16_t csum_offset;
};

enum fdnet_link_hdr_flag {
	FDNET_LINK_HF_CSUM_TRUSTED = 1 << 0,
	FDNET_LINK_HF_CSUM_PARTIAL = 1 << 1,
};

/* Why a message was dropped; each has a counter. */
enum fdnet_link_drop {
	FDNET_LINK_DROP_SHORT,	   /* shorter than its header says or allows */
	FDNET_LINK_DROP_TRUNCATED, /* larger than what we can take */
	FDNET_LINK_DROP_TYPE,	   /* unknown type, or before hello */
	FDNET_LINK_DROP_FEATURE,   /* uses what was not agreed */
	FDNET_LINK_DROP_LENGTH,	   /* lengths contradict each other */
	FDNET_LINK_DROP_FDS,	   /* carried fds nobody asked for */
	FDNET_LINK_DROP_NOMEM,
	FDNET_LINK_DROP_MAX
};

struct fdnet_link_stats {
	uint64_t rx_pkts, rx_bytes, rx_calls, rx_control;
	uint64_t tx_pkts, tx_bytes, tx_calls, tx_control;
	uint64_t tx_full;    /* sends refused with -EAGAIN */
	uint64_t tx_dropped; /* packets lost to another error */
	uint64_t tx_split;   /* bursts sent as their segments */
	uint64_t drop[FDNET_LINK_DROP_MAX];
};

/**
 * struct fdnet_link_ops - what the link delivers; called from fdnet_link_recv()
 * @packet:   one packet, ethertype set from its version; taken
 * @control:  body of a HELLO, WELCOME or CONTROL message, borrowed until
 *            return; @fd came with it (taken) or is -1
 *
 * A callback may send on the link; it must not free it.
 */
struct fdnet_link_ops {
	void (*packet)(void *arg, struct fdnet_pkt *pkt);
	void (*control)(void *arg, enum fdnet_link_type type,
			const uint8_t *body, size_t len, int fd);
};

/**
 * struct fdnet_link_config - for fdnet_link_new()
 * @mem:         allocator; shared
 * @pool:        packets come from here; shared
 * @fd:          borrowed; never closed by the link
 * @plain:       bare packets, no messages (TUN, datagram, foreign peer)
 * @accept_fds:  take up to one fd with a control message (more are closed
 *               and counted); else fds are refused without ever entering the
 *               process, and the message with them
 * @max_msg:     largest message to send or take, bytes
 * @ops, @arg:   delivery
 */
struct fdnet_link_config {
	const struct fdnet_mem *mem;
	struct fdnet_pkt_pool *pool;
	int fd;
	bool plain;
	bool accept_fds;
	uint32_t max_msg;
	const struct fdnet_link_ops *ops;
	void *arg;
};

struct fdnet_link;

/**
 * fdnet_link_new - put a link on an fd
 * @cfg:  borrowed
 * @ret_link:  the link
 *
 * Returns 0; -EINVAL for a max_msg outside [2048, 1 MiB] or missing parts;
 * -EBADF; -ENOMEM.
 */
int fdnet_link_new(const struct fdnet_link_config *cfg,
		   struct fdnet_link **ret_link);

/** fdnet_link_free - drop the link (or NULL); the fd stays open; taken */
void fdnet_link_free(struct fdnet_link *link);

/**
 * fdnet_link_set_features - what HELLO and WELCOME agreed on; 0 at first
 *
 * Until it is called, a framed link drops PACKET and CONTROL messages that
 * arrive (FDNET_LINK_DROP_TYPE). May be called from the control callback: it
 * holds from the next message on. Bits this version does not know are left
 * out; fdnet_link_features() tells what remains.
 */
void fdnet_link_set_features(struct fdnet_link *link, uint32_t features);
uint32_t fdnet_link_features(const struct fdnet_link *link);

/**
 * fdnet_link_set_area - payload may be referred to from now on
 * @area:  shared: the link's until it is freed, which may be NULL
 *
 * Call before fdnet_link_set_features() with FDNET_LINK_F_AREA, which is not
 * agreed to without.
 */
void fdnet_link_set_area(struct fdnet_link *link, struct fdnet_area *area);

/** fdnet_link_fd - the fd given to fdnet_link_new() */
int fdnet_link_fd(const struct fdnet_link *link);

/**
 * fdnet_link_send - send one packet
 * @pkt:  an IP packet, perhaps a GSO burst; taken on success and on every
 *        error but -EAGAIN
 *
 * A burst that the peer did not agree to (without FDNET_LINK_F_GSO, too large
 * for its messages, or beyond 64 KiB without FDNET_LINK_F_BIG) is sent as its
 * segments. If the fd is full half-way, what stays the caller's is the rest.
 *
 * Never blocks, never raises SIGPIPE. The memory behind slices is free for
 * reuse on return. Without FDNET_LINK_F_CSUM, checksums that were left out are
 * computed here.
 * Returns 0; -EAGAIN when the fd is not writable (the packet stays the
 * caller's: keep it and wait for POLLOUT); -EMSGSIZE (dropped); -EPIPE or
 * -ECONNRESET when the peer is gone; another negative errno when only this
 * packet was lost (-ENOBUFS, -ENOMEM).
 */
int fdnet_link_send(struct fdnet_link *link, struct fdnet_pkt *pkt);

/**
 * fdnet_link_send_list - send packets, several in one message where agreed
 * @list:  by next, perhaps NULL; taken, but for what is returned
 * @ret_rc:  0; -EAGAIN when the fd is not writable; -EPIPE or -ECONNRESET when
 *           the peer is gone, and the whole list with it
 *
 * Otherwise as fdnet_link_send(). Returns those that were not sent, in order,
 * the caller's: not NULL with -EAGAIN only.
 */
struct fdnet_pkt *fdnet_link_send_list(struct fdnet_link *link,
				       struct fdnet_pkt *list, int *ret_rc);

/**
 * fdnet_link_send_control - send HELLO, WELCOME or CONTROL
 * @type:  one of those
 * @body:  borrowed; at most FDNET_LINK_CONTROL_MAX bytes
 * @fd:    passed along (borrowed), or -1
 *
 * Returns 0 or as fdnet_link_send(); -EINVAL on a plain link.
 */
int fdnet_link_send_control(struct fdnet_link *link, enum fdnet_link_type type,
			    const void *body, size_t len, int fd);

/**
 * fdnet_link_recv - take what has arrived
 * @budget:  messages at most; a BATCH counts as the packets in it, and may
 *           exceed the budget
 *
 * Never blocks. Order is kept. Queued messages are all delivered before the
 * end is reported, also after the peer died with our data unread.
 * Returns the number taken, dropped messages included (0: nothing was there;
 * less than @budget: nothing more was there); -EPIPE when the peer is
 * gone; another negative errno when the fd is unusable.
 */
int fdnet_link_recv(struct fdnet_link *link, unsigned int budget);

/**
 * fdnet_link_peek - as fdnet_link_recv(), as far as it needs no system call
 *
 * For a caller who has not been told that the fd is readable. Where messages
 * come through memory, the fd is looked at now and then only, so that the
 * peer's end is seen a little later; where not, it is fdnet_link_recv().
 */
int fdnet_link_peek(struct fdnet_link *link, unsigned int budget);

/**
 * fdnet_link_glance - as fdnet_link_peek(), and never more than @budget
 *
 * Takes what has come through memory only; what is on the fd, or behind it,
 * waits.
 */
int fdnet_link_glance(struct fdnet_link *link, unsigned int budget);

/** fdnet_link_is_crowded - does the peer lag behind with what comes through
 * memory, by more than @percent of its room? */
bool fdnet_link_is_crowded(struct fdnet_link *link, unsigned int percent);

/** fdnet_link_has - has something come through memory? */
bool fdnet_link_has(const struct fdnet_link *link);

/**
 * fdnet_link_watch - for fdnet_ring_has(), without whatever serialises calls
 * @ret_ring:  true there means that something has come since, perhaps taken by
 *             another thread already; valid while the link is
 *
 * Returns false when messages do not come through memory at present.
 */
bool fdnet_link_watch(const struct fdnet_link *link,
		      struct fdnet_ring *ret_ring);

/**
 * fdnet_link_sleep - somebody is about to sleep until the fd is readable
 *
 * From now on it becomes so when anything comes, until fdnet_link_awake(),
 * which is to be called as often. Meanwhile others may receive; after one that
 * returned its whole budget somebody must go on, or the sleeper may miss it.
 * Returns false when something has come already: receive first. Then, too,
 * fdnet_link_awake() is to be called.
 */
bool fdnet_link_sleep(struct fdnet_link *link);
void fdnet_link_awake(struct fdnet_link *link);

/** fdnet_link_has_sleepers - is anybody between those two? */
bool fdnet_link_has_sleepers(const struct fdnet_link *link);

/**
 * struct fdnet_link_rings - how far a link has come in its rings
 * @tx_open, @rx_open:  the next message goes, comes through it
 */
struct fdnet_link_rings {
	bool tx_open, rx_open;
	uint32_t tx_pos, rx_pos;
};

/** fdnet_link_get_rings - for whoever goes on with the link in another process
 * with the same area; all 0 where there are none */
void fdnet_link_get_rings(const struct fdnet_link *link,
			  struct fdnet_link_rings *ret_at);

/** fdnet_link_set_rings - go on there, after fdnet_link_set_features(). 0, or
 * -EINVAL when it cannot be */
int fdnet_link_set_rings(struct fdnet_link *link,
			 const struct fdnet_link_rings *at);

/** fdnet_link_stats - counters so far; borrowed while the link lives */
const struct fdnet_link_stats *fdnet_link_stats(const struct fdnet_link *link);

/**
 * fdnet_link_hdr_encode - write a header as bytes
 * @dst:  FDNET_LINK_HDR_LEN bytes
 */
void fdnet_link_hdr_encode(uint8_t *dst, const struct fdnet_link_hdr *hdr);

/**
 * fdnet_link_hdr_decode - read and check a header
 * @src, @len:  the message; only its first FDNET_LINK_HDR_LEN bytes are read
 * @features:   what was agreed
 * @ret_hdr:    written on success
 *
 * Returns 0, or the negated enum fdnet_link_drop reason minus one.
 */
int fdnet_link_hdr_decode(const uint8_t *src, size_t len, uint32_t features,
			  struct fdnet_link_hdr *ret_hdr);

#endif
