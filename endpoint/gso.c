/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting bursts: see the header. */
#include "config.h"

#include "endpoint/gso.h"

#include <errno.h>
#include <string.h>

#include "endpoint/sum.h"

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

/* Where the payload has been cut up to. */
struct gso_cursor {
	const struct fdnet_pkt *pkt;
	uint32_t linear; /* next byte of the linear part */
	unsigned int slice;
	uint32_t slice_off;
};

static int gso_check(struct fdnet_pkt *pkt, struct fdnet_l4 *l4)
{
	uint8_t version = pkt->gso_type == FDNET_GSO_TCPV6 ? 6 : 4;
	uint8_t proto = pkt->gso_type == FDNET_GSO_UDP_L4 ? FDNET_PROTO_UDP
							  : FDNET_PROTO_TCP;

	if (!pkt->gso_size || !fdnet_l4_parse(pkt, l4))
		return -EINVAL;
	if (!l4->l4_len || l4->proto != proto)
		return -EINVAL;
	if (proto == FDNET_PROTO_TCP && l4->version != version)
		return -EINVAL;
	return 0;
}

/* Append the next @len payload bytes to @seg. */
static int gso_cut(struct gso_cursor *cur, struct fdnet_pkt *seg, uint32_t len)
{
	const struct fdnet_pkt *pkt = cur->pkt;
	uint32_t n = pkt->len - cur->linear;
	uint8_t *dst;

	if (n) {
		n = n < len ? n : len;
		dst = fdnet_pkt_put(seg, n);
		if (!dst)
			return -ENOBUFS;
		memcpy(dst, pkt->data + cur->linear, n);
		cur->linear += n;
		len -= n;
	}
	while (len) {
		const struct fdnet_slice *s = &pkt->slices[cur->slice];
		int rc;

		n = s->len - cur->slice_off;
		n = n < len ? n : len;
		rc = fdnet_pkt_add_slice(seg, s->buf, s->data + cur->slice_off,
					 n);
		if (rc)
			return rc;
		len -= n;
		cur->slice_off += n;
		if (cur->slice_off == s->len) {
			cur->slice++;
			cur->slice_off = 0;
		}
	}
	return 0;
}

/* The headers of segment @i, whose payload starts at @offset. */
static void gso_fix(struct fdnet_pkt *seg, const struct fdnet_l4 *l4,
		    unsigned int i, uint32_t offset, bool last)
{
	uint8_t *ip = seg->data, *th = ip + l4->l3_len;

	if (l4->version == 4)
		put_be16(ip + 4, get_be16(ip + 4) + i);
	if (l4->proto == FDNET_PROTO_TCP) {
		put_be32(th + 4, get_be32(th + 4) + offset);
		if (!last)
			th[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
		if (i)
			th[13] &= (uint8_t)~TCP_CWR;
	}
	if (seg->flags & FDNET_PKT_CSUM_TRUSTED) {
		/* Nobody looks at the sum: do lengths and IPv4's only. */
		fdnet_l4_finish(seg, l4, true);
		seg->flags &= (uint16_t)~FDNET_PKT_CSUM_PARTIAL;
	} else {
		fdnet_l4_finish(seg, l4, false);
	}
}

static struct fdnet_pkt *gso_headers(const struct fdnet_pkt *pkt, uint32_t len)
{
	struct fdnet_pkt *seg = fdnet_pkt_new(pkt->pool);
	uint8_t *dst;

	if (!seg)
		return NULL;
	dst = fdnet_pkt_put(seg, len);
	if (!dst) {
		fdnet_pkt_free(seg);
		return NULL;
	}
	memcpy(dst, pkt->data, len);
	seg->ethertype = pkt->ethertype;
	seg->hash = pkt->hash;
	/* A burst with a partial sum gets real ones. */
	seg->flags = pkt->flags & (uint16_t)~FDNET_PKT_CSUM_PARTIAL;
	if (pkt->flags & FDNET_PKT_CSUM_PARTIAL)
		seg->flags &= (uint16_t)~FDNET_PKT_CSUM_TRUSTED;
	memcpy(seg->link_src, pkt->link_src, sizeof(seg->link_src));
	memcpy(seg->link_dst, pkt->link_dst, sizeof(seg->link_dst));
	return seg;
}

int fdnet_gso_segment(struct fdnet_pkt *pkt, struct fdnet_pkt **ret_list)
{
	struct fdnet_pkt *list = NULL, **tail = &list, *seg;
	struct gso_cursor cur = {.pkt = pkt};
	uint32_t hdr, payload, offset, n;
	struct fdnet_l4 l4;
	unsigned int i = 0;
	int rc;

	rc = gso_check(pkt, &l4);
	if (rc)
		return rc;
	hdr = (uint32_t)l4.l3_len + l4.l4_len;
	payload = fdnet_pkt_total(pkt) - hdr;
	cur.linear = hdr;
	offset = 0;
	do {
		n = payload - offset;
		if (n > pkt->gso_size)
			n = pkt->gso_size;
		rc = -ENOMEM;
		seg = gso_headers(pkt, hdr);
		if (!seg)
			goto fail;
		*tail = seg;
		tail = &seg->next;
		rc = gso_cut(&cur, seg, n);
		if (rc)
			goto fail;
		gso_fix(seg, &l4, i++, offset, offset + n == payload);
		offset += n;
	} while (offset < payload);
	*ret_list = list;
	return (int)i;
fail:
	fdnet_pkt_free_list(list);
	return rc;
}

/* Take @len payload bytes out from behind the @hdr bytes of headers. */
static void gso_drop_payload(struct fdnet_pkt *pkt, uint32_t hdr, uint32_t len)
{
	const uint8_t *old = pkt->data;
	uint32_t linear = pkt->len - hdr;

	if (linear > len)
		linear = len;
	fdnet_pkt_pull(pkt, hdr + linear);
	/* with the linear part used up, this is from the slices */
	if (len > linear)
		fdnet_pkt_pull(pkt, len - linear);
	memmove(fdnet_pkt_push(pkt, hdr), old, hdr);
}

int fdnet_gso_skip(struct fdnet_pkt *pkt, unsigned int n)
{
	uint32_t hdr, skipped = n * pkt->gso_size;
	struct fdnet_l4 l4;
	uint8_t *th;
	int rc;

	rc = gso_check(pkt, &l4);
	if (rc)
		return rc;
	hdr = (uint32_t)l4.l3_len + l4.l4_len;
	if (fdnet_pkt_total(pkt) - hdr <= skipped)
		return -EINVAL;
	gso_drop_payload(pkt, hdr, skipped);
	th = pkt->data + l4.l3_len;
	if (l4.version == 4)
		put_be16(pkt->data + 4, get_be16(pkt->data + 4) + n);
	if (l4.proto == FDNET_PROTO_TCP) {
		put_be32(th + 4, get_be32(th + 4) + skipped);
		th[13] &= (uint8_t)~TCP_CWR;
	}
	fdnet_l4_finish(pkt, &l4, true);
	if (pkt->flags & FDNET_PKT_CSUM_TRUSTED)
		pkt->flags &= (uint16_t)~FDNET_PKT_CSUM_PARTIAL;
	return 0;
}
