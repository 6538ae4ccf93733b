/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the switch needs to know of a packet's headers: addresses, ports, TCP
 * sequence numbers, what an ICMP error quotes. Everything here comes from a
 * guest; nothing is read beyond the packet.
 */
#ifndef RELAY_HEAD_H
#define RELAY_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/packet.h>
#include <fdnet/stack.h>

/* Bytes from the packet's start that must be linear for head_parse(). */
#define HEAD_LINEAR 256

/* The packet that an ICMP error quotes. */
struct head_inner {
	uint8_t proto;
	struct fdnet_ip src, dst;
	uint16_t sport, dport;
};

/**
 * struct head - what is in a packet's headers
 * @l4:           offset of the transport header
 * @len:          bytes of the IP packet; what lies behind is padding
 * @fragment:     it is one; @has_ports only in the first
 * @has_ports:    @sport, @dport are valid (TCP and UDP)
 * @seg_len:      TCP: payload, and one each for SYN and FIN
 * @icmp_error:   ICMP: @type is an error
 * @echo_id:      ICMP echo request or reply
 * @has_inner:    ICMP error: @inner is valid (TCP or UDP quoted)
 */
struct head {
	struct fdnet_ip src, dst;
	uint8_t proto;
	uint32_t l4;
	uint32_t len;
	bool fragment;
	uint32_t frag_id;
	bool has_ports;
	uint16_t sport, dport;
	uint8_t flags; /* TCP */
	uint32_t seq, ack, seg_len;
	uint8_t type, code; /* ICMP */
	bool icmp_error, has_inner;
	uint16_t echo_id;
	struct head_inner inner;
};

/**
 * head_parse - read the headers of a packet
 * @data, @linear:  its first bytes: all, or at least HEAD_LINEAR
 * @total:          its length
 *
 * Returns 0, -EBADMSG (it contradicts itself or is cut short).
 */
int head_parse(const uint8_t *data, uint32_t linear, uint32_t total,
	       struct head *ret_head);

/** head_parse_pkt - make the headers of @pkt linear and read them */
int head_parse_pkt(struct fdnet_pkt *pkt, struct head *ret_head);

#endif
