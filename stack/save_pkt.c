/* SPDX-License-Identifier: Apache-2.0 */
/* Saved state: packets. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/object.h"
#include "stack/save.h"

#define MAX_BYTES (FDNET_PKT_LINEAR + FDNET_PKT_MAX_SLICES * FDNET_BUF_SIZE)
#define FLAGS                                                                  \
	(FDNET_PKT_CSUM_TRUSTED | FDNET_PKT_CSUM_PARTIAL | FDNET_PKT_LOOPED |  \
	 FDNET_PKT_LINK_GROUP)

static void write_bytes(struct fdnet_save *s, const struct fdnet_pkt *pkt)
{
	uint32_t len = fdnet_pkt_total(pkt);

	if (s->dst && s->pos <= s->len && len <= s->len - s->pos)
		fdnet_pkt_copy_out(pkt, 0, s->dst + s->pos, len);
	s->pos += len;
}

static struct fdnet_pkt_pool *pool_of(const struct fdnet_save *s)
{
	return s->pool ? s->pool : fdnet_stack_pool(s->stack);
}

/* Many packets share a buffer; one that fits into none begins a new one. */
static int read_slice(struct fdnet_save *s, struct fdnet_pkt *pkt, uint32_t len)
{
	uint8_t *p;

	if (s->buf && len > s->buf->size - s->buf_used) {
		fdnet_buf_unref(s->buf);
		s->buf = NULL;
	}
	if (!s->buf) {
		s->buf = fdnet_buf_new(pool_of(s));
		s->buf_used = 0;
	}
	if (!s->buf)
		return -ENOMEM;
	p = s->buf->data + s->buf_used;
	fdnet_save_bytes(s, p, len);
	s->buf_used += len;
	return fdnet_pkt_add_slice(pkt, s->buf, p, len) ? -ENOMEM : 0;
}

static int read_bytes(struct fdnet_save *s, struct fdnet_pkt *pkt, uint32_t len)
{
	uint32_t n = len < FDNET_PKT_LINEAR ? len : FDNET_PKT_LINEAR;
	int rc = 0;

	if (n)
		fdnet_save_bytes(s, fdnet_pkt_put(pkt, n), n);
	for (len -= n; len && !rc; len -= n) {
		n = len < FDNET_BUF_SIZE ? len : FDNET_BUF_SIZE;
		rc = read_slice(s, pkt, n);
	}
	return rc;
}

struct fdnet_pkt *fdnet_save_raw(struct fdnet_save *s, uint32_t len)
{
	struct fdnet_pkt *fresh;
	int rc;

	fdnet_save_check(s, len <= MAX_BYTES && len <= s->len - s->pos);
	if (s->rc)
		return NULL;
	fresh = fdnet_pkt_new(pool_of(s));
	rc = fresh ? read_bytes(s, fresh, len) : -ENOMEM;
	if (rc) {
		fdnet_save_fail(s, rc);
		fdnet_pkt_free(fresh);
		return NULL;
	}
	return fresh;
}

struct fdnet_pkt *fdnet_save_payload(struct fdnet_save *s,
				     const struct fdnet_pkt *pkt)
{
	uint32_t len = fdnet_save_u32(s, pkt ? fdnet_pkt_total(pkt) : 0);

	if (s->reading)
		return fdnet_save_raw(s, len);
	write_bytes(s, pkt);
	return (struct fdnet_pkt *)pkt;
}

/* Would the way to the link, and the link, trip over it? */
static bool is_sound(const struct fdnet_pkt *pkt)
{
	uint32_t total = fdnet_pkt_total(pkt), hdr;

	if (pkt->ethertype == 0x0806) /* ARP's: not looked at any more */
		return !pkt->gso_size && !pkt->gso_type;
	if (pkt->len < 20)
		return false;
	hdr = pkt->data[0] >> 4 == 4 ? (pkt->data[0] & 15u) * 4 : 40;
	if ((pkt->data[0] >> 4 != 4 && pkt->data[0] >> 4 != 6) || hdr < 20 ||
	    hdr > pkt->len)
		return false;
	if (pkt->gso_type && pkt->gso_type != FDNET_GSO_TCPV4 &&
	    pkt->gso_type != FDNET_GSO_TCPV6)
		return false;
	if (!pkt->gso_type != !pkt->gso_size)
		return false;
	/* a burst of TCP, its header complete */
	if (pkt->gso_size &&
	    (hdr + 20 > pkt->len ||
	     (hdr == 40 && pkt->data[0] >> 4 == 6 && pkt->data[6] != 6) ||
	     (pkt->data[0] >> 4 == 4 && pkt->data[9] != 6) ||
	     hdr + (pkt->data[hdr + 12] >> 4) * 4u > pkt->len))
		return false;
	return !(pkt->flags & FDNET_PKT_CSUM_PARTIAL) ||
	       (uint32_t)pkt->csum_start + pkt->csum_offset + 2 <=
		       (pkt->len < total ? pkt->len : total);
}

struct fdnet_pkt *fdnet_save_pkt(struct fdnet_save *s, struct fdnet_pkt *pkt)
{
	pkt = fdnet_save_payload(s, pkt);
	if (!pkt)
		return NULL;
	pkt->flags = fdnet_save_u16(s, pkt->flags) & FLAGS;
	pkt->gso_type = fdnet_save_u8(s, pkt->gso_type);
	pkt->gso_size = fdnet_save_u16(s, pkt->gso_size);
	pkt->csum_start = fdnet_save_u16(s, pkt->csum_start);
	pkt->csum_offset = fdnet_save_u16(s, pkt->csum_offset);
	pkt->ethertype = fdnet_save_u16(s, pkt->ethertype);
	pkt->hash = fdnet_save_u32(s, pkt->hash);
	fdnet_save_bytes(s, pkt->link_src, 6);
	fdnet_save_bytes(s, pkt->link_dst, 6);
	fdnet_save_check(s, is_sound(pkt));
	if (s->reading && s->rc) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	return pkt;
}
