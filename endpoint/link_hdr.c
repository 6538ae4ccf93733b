/* SPDX-License-Identifier: Apache-2.0 */
/* The link header as bytes: doc/protocol.md, section 2. */
#include "config.h"

#include "endpoint/link.h"

#include <assert.h>
#include <string.h>

#define KNOWN_FLAGS  (FDNET_LINK_HF_CSUM_TRUSTED | FDNET_LINK_HF_CSUM_PARTIAL)
#define IPV4_HDR_LEN 20
#define REF_LEN	     8

static_assert(sizeof(struct fdnet_link_hdr) == FDNET_LINK_HDR_LEN,
	      "the struct is the wire format");

void fdnet_link_hdr_encode(uint8_t *dst, const struct fdnet_link_hdr *hdr)
{
	memcpy(dst, hdr, FDNET_LINK_HDR_LEN);
}

static int refuse(enum fdnet_link_drop why)
{
	return -(int)why - 1;
}

static int check_gso(const struct fdnet_link_hdr *hdr, uint32_t features)
{
	if (!hdr->gso_size)
		return hdr->gso_type ? refuse(FDNET_LINK_DROP_LENGTH) : 0;
	if (!(features & FDNET_LINK_F_GSO))
		return refuse(FDNET_LINK_DROP_FEATURE);
	switch (hdr->gso_type) {
	case FDNET_GSO_TCPV4:
	case FDNET_GSO_TCPV6:
	case FDNET_GSO_UDP_L4:
		return 0;
	default:
		return refuse(FDNET_LINK_DROP_FEATURE);
	}
}

static int check_csum(const struct fdnet_link_hdr *hdr, uint32_t features)
{
	uint64_t end = (uint64_t)hdr->csum_start + hdr->csum_offset + 2;

	if (hdr->flags & ~KNOWN_FLAGS)
		return refuse(FDNET_LINK_DROP_FEATURE);
	if (hdr->flags && !(features & FDNET_LINK_F_CSUM))
		return refuse(FDNET_LINK_DROP_FEATURE);
	if (!(hdr->flags & FDNET_LINK_HF_CSUM_PARTIAL))
		return hdr->csum_start || hdr->csum_offset
			       ? refuse(FDNET_LINK_DROP_LENGTH)
			       : 0;
	/* The field has to be where the receiver can write it: not in what
	 * references stand for. */
	if (hdr->csum_start < IPV4_HDR_LEN || end > FDNET_PKT_LINEAR ||
	    end > (uint64_t)hdr->hdr_len + (hdr->nrefs ? 0 : hdr->payload_len))
		return refuse(FDNET_LINK_DROP_LENGTH);
	return 0;
}

/* References stand in for all payload, behind what all packets have inline. */
static int check_refs(const struct fdnet_link_hdr *hdr, size_t len)
{
	uint32_t refs = (uint32_t)hdr->nrefs * REF_LEN;

	if (hdr->nrefs > FDNET_PKT_MAX_SLICES ||
	    hdr->hdr_len + refs > FDNET_PKT_LINEAR ||
	    hdr->payload_len > FDNET_LINK_AREA_PAYLOAD_MAX)
		return refuse(FDNET_LINK_DROP_LENGTH);
	if (len > FDNET_LINK_HDR_LEN + hdr->hdr_len + refs)
		return refuse(FDNET_LINK_DROP_LENGTH);
	return 0;
}

static int check_packet(const struct fdnet_link_hdr *hdr, size_t len,
			uint32_t features)
{
	uint64_t packet = (uint64_t)hdr->hdr_len + hdr->payload_len;
	uint64_t inline_min = FDNET_LINK_HDR_LEN + (uint64_t)hdr->hdr_len +
			      (uint64_t)hdr->nrefs * REF_LEN;
	int rc;

	if (hdr->nrefs && !(features & FDNET_LINK_F_AREA))
		return refuse(FDNET_LINK_DROP_FEATURE);
	if (hdr->hdr_len < IPV4_HDR_LEN || hdr->hdr_len > FDNET_PKT_LINEAR)
		return refuse(FDNET_LINK_DROP_LENGTH);
	if (len < inline_min)
		return refuse(FDNET_LINK_DROP_SHORT);
	/* Without references all of the payload is inline. */
	if (!hdr->nrefs && len < inline_min + hdr->payload_len)
		return refuse(FDNET_LINK_DROP_SHORT);
	if (len > inline_min + hdr->payload_len)
		return refuse(FDNET_LINK_DROP_LENGTH);
	rc = hdr->nrefs ? check_refs(hdr, len) : 0;
	if (rc)
		return rc;
	if (packet > 65535 && !(features & FDNET_LINK_F_BIG))
		return refuse(FDNET_LINK_DROP_FEATURE);
	rc = check_gso(hdr, features);
	if (rc)
		return rc;
	return check_csum(hdr, features);
}

static int check_batch(const struct fdnet_link_hdr *hdr, size_t len,
		       uint32_t features)
{
	if (!(features & FDNET_LINK_F_BATCH))
		return refuse(FDNET_LINK_DROP_FEATURE);
	if (len < FDNET_LINK_HDR_LEN + (uint64_t)hdr->payload_len)
		return refuse(FDNET_LINK_DROP_SHORT);
	if (len > FDNET_LINK_HDR_LEN + (uint64_t)hdr->payload_len ||
	    len > FDNET_LINK_BATCH_BYTES_MAX || !hdr->hdr_len ||
	    hdr->hdr_len > FDNET_LINK_BATCH_MAX)
		return refuse(FDNET_LINK_DROP_LENGTH);
	if (hdr->flags || hdr->gso_size || hdr->gso_type || hdr->nrefs ||
	    hdr->csum_start || hdr->csum_offset)
		return refuse(FDNET_LINK_DROP_LENGTH);
	return 0;
}

static int check_control(const struct fdnet_link_hdr *hdr, size_t len)
{
	if (len < FDNET_LINK_HDR_LEN + (size_t)hdr->hdr_len)
		return refuse(FDNET_LINK_DROP_SHORT);
	if (len > FDNET_LINK_HDR_LEN + (size_t)hdr->hdr_len ||
	    hdr->hdr_len > FDNET_LINK_CONTROL_MAX)
		return refuse(FDNET_LINK_DROP_LENGTH);
	if (hdr->flags || hdr->payload_len || hdr->gso_size || hdr->gso_type ||
	    hdr->nrefs || hdr->csum_start || hdr->csum_offset)
		return refuse(FDNET_LINK_DROP_LENGTH);
	return 0;
}

/* RING and KICK: nothing but their type. */
static int check_sign(const struct fdnet_link_hdr *hdr, size_t len,
		      uint32_t features)
{
	if (!(features & FDNET_LINK_F_RING))
		return refuse(FDNET_LINK_DROP_FEATURE);
	return hdr->hdr_len ? refuse(FDNET_LINK_DROP_LENGTH)
			    : check_control(hdr, len);
}

int fdnet_link_hdr_decode(const uint8_t *src, size_t len, uint32_t features,
			  struct fdnet_link_hdr *ret_hdr)
{
	struct fdnet_link_hdr hdr;
	int rc;

	if (len < FDNET_LINK_HDR_LEN)
		return refuse(FDNET_LINK_DROP_SHORT);
	memcpy(&hdr, src, FDNET_LINK_HDR_LEN);
	switch (hdr.type) {
	case FDNET_LINK_PACKET:
		rc = check_packet(&hdr, len, features);
		break;
	case FDNET_LINK_BATCH:
		rc = check_batch(&hdr, len, features);
		break;
	case FDNET_LINK_HELLO:
	case FDNET_LINK_WELCOME:
	case FDNET_LINK_CONTROL:
	case FDNET_LINK_ATTACH:
		rc = check_control(&hdr, len);
		break;
	case FDNET_LINK_RING:
	case FDNET_LINK_KICK:
		rc = check_sign(&hdr, len, features);
		break;
	default:
		rc = refuse(FDNET_LINK_DROP_TYPE);
		break;
	}
	if (rc)
		return rc;
	*ret_hdr = hdr;
	return 0;
}
