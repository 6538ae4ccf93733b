/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio-net header in front of frames: host GSO, both directions. */
#ifndef ENDPOINT_VNET_H
#define ENDPOINT_VNET_H

#include <stddef.h>

#include <fdnet/packet.h>

/**
 * fdnet_vnet_encode - describe a packet that is to be sent
 * @pkt:      its linear part starts at the IP header
 * @eth_len:  bytes of link header between the vnet header and @pkt
 * @dst, @len:  written, at least 10; what is over is zeroed
 *
 * As the seed: gso_type and gso_size only if the payload is larger than one
 * segment. csum_start counts the real link header.
 */
void fdnet_vnet_encode(const struct fdnet_pkt *pkt, uint32_t eth_len,
		       uint8_t *dst, size_t len);

/**
 * fdnet_vnet_decode - check a header from a peer and take what it says
 * @src:      10 bytes
 * @eth_len:  as above
 * @pkt:      the packet behind it; ethertype set
 *
 * Returns 0 or -EINVAL; @pkt is only changed on success.
 */
int fdnet_vnet_decode(const uint8_t *src, uint32_t eth_len,
		      struct fdnet_pkt *pkt);

#endif
