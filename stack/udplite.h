/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sets UDP-Lite (RFC 3828) apart from UDP, whose sockets it shares: the
 * place of the length says how many bytes the checksum covers, so that a
 * datagram with damaged payload can be taken.
 */
#ifndef STACK_UDPLITE_H
#define STACK_UDPLITE_H

#include "stack/internal.h"

/* net/udplite.h; no header for programs has them */
#define UDPLITE_SEND_CSCOV 10
#define UDPLITE_RECV_CSCOV 11

/**
 * struct fdnet_udplite - what a socket has set
 * @send:      UDPLITE_SEND_CSCOV, bytes from the header on; 0: all
 * @recv:      UDPLITE_RECV_CSCOV, the least that is taken; 0: all
 * @has_recv:  it was set; else whatever is covered will do
 */
struct fdnet_udplite {
	uint16_t send, recv;
	bool has_recv;
};

/**
 * fdnet_udplite_seal - coverage and checksum of a datagram to be sent
 * @pkt:  pkt->data at the header, its last two fields zero
 *
 * Always computed: nobody on the way could do it later.
 */
void fdnet_udplite_seal(const struct fdnet_udplite *lite, struct fdnet_pkt *pkt,
			const struct fdnet_ip *src, const struct fdnet_ip *dst);

/** fdnet_udplite_check - are coverage and checksum of a datagram that came,
 * with its 8 bytes of header in the linear part, right? (RFC 3828 3.1) */
bool fdnet_udplite_check(const struct fdnet_pkt *pkt,
			 const struct fdnet_ip_in *in);

/** fdnet_udplite_wants - is enough of a good datagram covered for who set
 * UDPLITE_RECV_CSCOV? */
bool fdnet_udplite_wants(const struct fdnet_udplite *lite,
			 const struct fdnet_pkt *pkt);

/** fdnet_udplite_of - the socket's, or NULL: it is none of UDP-Lite (udp.c) */
struct fdnet_udplite *fdnet_udplite_of(struct fdnet_sock *so);

#endif
