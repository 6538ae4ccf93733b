/* SPDX-License-Identifier: Apache-2.0 */
/* Generic segmentation: one burst becomes the packets a peer can take. */
#ifndef ENDPOINT_GSO_H
#define ENDPOINT_GSO_H

#include <fdnet/packet.h>

/**
 * fdnet_gso_segment - split a burst
 * @pkt:       gso_size and gso_type set; borrowed, unchanged on failure
 * @ret_list:  the packets, by ->next, in order; the caller's
 *
 * TCP over IPv4 and IPv6, and UDP datagrams of one length (UDP_L4). Sequence
 * numbers, lengths, IPv4 identification and checksums are each segment's own;
 * FIN and PSH are on the last one only, CWR on the first. Payload slices are
 * shared with @pkt. Checksums are left out for CSUM_TRUSTED bursts.
 *
 * Returns the number of packets; -EINVAL for a burst that is none; -ENOMEM.
 */
int fdnet_gso_segment(struct fdnet_pkt *pkt, struct fdnet_pkt **ret_list);

/**
 * fdnet_gso_skip - what is left of a burst after its first segments
 * @pkt:  as for fdnet_gso_segment(), which gave more than @n for it
 * @n:    segments to take off, > 0
 *
 * Splitting what remains gives the segments that came after the first @n.
 * Returns 0, or -EINVAL for a burst that is none.
 */
int fdnet_gso_skip(struct fdnet_pkt *pkt, unsigned int n);

#endif
