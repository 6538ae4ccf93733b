/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capturing what crosses the links (--pcap, fdnet-ctl capture on).
 *
 * How it works: copies go over a SEQPACKET socket to fdnet-pcap, a process of
 * its own that filters and writes them with libpcap. So the relay opens no
 * file, parses no filter and loads no library for it. A packet that goes from
 * one program to another is captured once. A writer that does not keep up
 * makes the relay wait, as a capture with holes is of little use, but not
 * longer than CAPTURE_PATIENCE_MS: then it has ended.
 */
#ifndef RELAY_CAPTURE_H
#define RELAY_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fdnet/packet.h>

#include "relay/pcap_proc.h"
#include "stack/wire/bytes.h"

#define CAPTURE_PATIENCE_MS 1000
/* Bytes of a packet that are kept. */
#define CAPTURE_SNAPLEN 65535
/* In front of each: seconds, microseconds, length on the link. */
#define CAPTURE_HDR_LEN 12

struct capture_hdr {
	uint32_t s, us, len;
};

static inline void capture_hdr_encode(uint8_t *dst,
				      const struct capture_hdr *hdr)
{
	fdnet_put32(dst, hdr->s);
	fdnet_put32(dst + 4, hdr->us);
	fdnet_put32(dst + 8, hdr->len);
}

static inline void capture_hdr_decode(const uint8_t *src,
				      struct capture_hdr *ret_hdr)
{
	*ret_hdr = (struct capture_hdr){
		.s = fdnet_get32(src),
		.us = fdnet_get32(src + 4),
		.len = fdnet_get32(src + 8),
	};
}

/**
 * struct capture
 * @fd:    to the writer, -1: none
 * @ended: it has gone, or was too slow; until capture_ended() was asked
 */
struct capture {
	int fd;
	bool ended;
	uint64_t packets, bytes;
};

/** capture_init - off; capture_stop - the writer ends its file */
void capture_init(struct capture *capture);
void capture_stop(struct capture *capture);

/** capture_start - send copies to @fd from now on; taken. Ends an earlier one */
void capture_start(struct capture *capture, int fd);

/**
 * capture_spawn - start fdnet-pcap, and capture to it
 *
 * Before the hardening. Returns 0, or a negative errno; what is wrong with the
 * filter or the file the writer has said itself, and it is -EINVAL then.
 */
int capture_spawn(struct capture *capture, const struct pcap_target *target);

/** capture_packet - one more; for capture() */
void capture_packet(struct capture *capture, const struct fdnet_pkt *pkt);

/** capture - a packet crosses a link */
static inline void capture(struct capture *cap, const struct fdnet_pkt *pkt)
{
	if (__builtin_expect(cap->fd >= 0, 0))
		capture_packet(cap, pkt);
}

/** capture_ended - has it ended by itself? Says so once */
bool capture_ended(struct capture *capture);

struct state;
/** capture_state - the writer's socket, and what was captured (state.h) */
void capture_state(struct capture *capture, struct state *st);

#endif
