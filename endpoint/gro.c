/* SPDX-License-Identifier: Apache-2.0 */
/* Merging segments: see the header. */
#include "config.h"

#include "endpoint/gro.h"

#include <assert.h>
#include <string.h>

#include "endpoint/sum.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
#define TCP_CWR 0x80
#define MAX_LEN 65535

/* A segment under consideration. */
struct gro_seg {
	struct fdnet_pkt *pkt;
	struct fdnet_l4 l4;
	uint32_t payload;
	uint32_t seq;
	uint32_t hash;
};

static bool csum_good(const struct gro_seg *s)
{
	uint32_t len = fdnet_pkt_total(s->pkt) - s->l4.l3_len;
	uint64_t sum = fdnet_l4_pseudo(s->pkt->data, &s->l4, len);

	return fdnet_sum_fold(fdnet_sum_pkt(s->pkt, s->l4.l3_len, sum)) == 0xffff;
}

/* Does the IP header say what we see? Padding would become payload. */
static bool ip_sane(const struct gro_seg *s)
{
	const uint8_t *ip = s->pkt->data;
	uint32_t total = fdnet_pkt_total(s->pkt);

	if (s->l4.version == 6)
		return get_be16(ip + 4) + 40u == total;
	return get_be16(ip + 2) == total &&
	       fdnet_sum_fold(fdnet_sum_bytes(ip, s->l4.l3_len, 0)) == 0xffff;
}

/* Can this segment be part of a burst at all? */
static bool gro_eligible(const struct fdnet_gro *gro, struct gro_seg *s)
{
	struct fdnet_pkt *pkt = s->pkt;
	const uint8_t *th;
	uint32_t hdr;

	if (pkt->gso_size || pkt->flags & FDNET_PKT_CSUM_PARTIAL ||
	    !fdnet_l4_parse(pkt, &s->l4))
		return false;
	if (s->l4.proto != FDNET_PROTO_TCP || !s->l4.l4_len || !s->l4.plain ||
	    s->l4.fragment)
		return false;
	hdr = (uint32_t)s->l4.l3_len + s->l4.l4_len;
	s->payload = fdnet_pkt_total(pkt) - hdr;
	th = pkt->data + s->l4.l3_len;
	if (!s->payload || s->payload > 0xffff || !(th[13] & TCP_ACK) ||
	    th[13] & (TCP_SYN | TCP_RST | TCP_URG | TCP_CWR))
		return false;
	if (!ip_sane(s))
		return false;
	if (!gro->trusted && !(pkt->flags & FDNET_PKT_CSUM_TRUSTED) &&
	    !csum_good(s))
		return false;
	s->seq = get_be32(th + 4);
	s->hash = fdnet_flow_hash(pkt, 0);
	return true;
}

static bool same_network(const uint8_t *a, const uint8_t *b, uint8_t version)
{
	if (version == 6) /* class, flow label; next header, limit, addresses */
		return !memcmp(a, b, 4) && !memcmp(a + 6, b + 6, 34);
	/* TOS; DF; TTL, protocol; addresses */
	return a[1] == b[1] && a[6] == b[6] && !memcmp(a + 8, b + 8, 2) &&
	       !memcmp(a + 12, b + 12, 8);
}

static bool same_flow(const struct fdnet_gro_entry *e, const struct gro_seg *s)
{
	const uint8_t *a = e->pkt->data, *b = s->pkt->data;
	size_t src = s->l4.version == 4 ? 12 : 8;
	size_t len = s->l4.version == 4 ? 8 : 32;

	return e->hash == s->hash && (a[0] >> 4) == s->l4.version &&
	       !memcmp(a + src, b + src, len) &&
	       !memcmp(a + e->l3_len, b + s->l4.l3_len, 4);
}

static bool can_append(const struct fdnet_gro_entry *e, const struct gro_seg *s)
{
	const uint8_t *ta = e->pkt->data + e->l3_len;
	const uint8_t *tb = s->pkt->data + s->l4.l3_len;
	const uint8_t loose = TCP_FIN | TCP_PSH;

	if (e->l3_len != s->l4.l3_len || e->l4_len != s->l4.l4_len ||
	    e->next_seq != s->seq || s->payload > e->pkt->gso_size ||
	    fdnet_pkt_total(e->pkt) + s->payload > MAX_LEN)
		return false;
	if (!same_network(e->pkt->data, s->pkt->data, s->l4.version))
		return false;
	/* acknowledgement, data offset, flags, window, options */
	return !memcmp(ta + 8, tb + 8, 5) && ((ta[13] ^ tb[13]) & ~loose) == 0 &&
	       !memcmp(ta + 14, tb + 14, 2) &&
	       !memcmp(ta + 20, tb + 20, e->l4_len - 20u);
}

/* Move the segment's payload behind the entry's; false: no room. */
static bool append_payload(struct fdnet_gro_entry *e, const struct gro_seg *s)
{
	struct fdnet_pkt *to = e->pkt, *from = s->pkt;
	uint32_t hdr = (uint32_t)s->l4.l3_len + s->l4.l4_len;
	uint32_t linear = from->len - hdr;
	struct fdnet_slice *last;
	struct fdnet_buf *buf;
	unsigned int i;

	if (to->nslices + from->nslices + 1u > FDNET_PKT_MAX_SLICES)
		return false;
	if (linear) {
		last = to->nslices ? &to->slices[to->nslices - 1] : NULL;
		/* to->user[0]: the buffer we are filling, if we made it */
		buf = to->user[0].ptr;
		if (!buf || !last || last->buf != buf ||
		    (uint32_t)(buf->data + buf->size - (last->data + last->len)) <
			    linear) {
			buf = fdnet_buf_new(to->pool);
			if (!buf)
				return false;
			memcpy(buf->data, from->data + hdr, linear);
			fdnet_pkt_add_slice(to, buf, buf->data, linear);
			fdnet_buf_unref(buf);
			to->user[0].ptr = buf;
		} else {
			memcpy((uint8_t *)last->data + last->len,
			       from->data + hdr, linear);
			last->len += linear;
			to->slices_len += linear;
		}
	}
	for (i = 0; i < from->nslices; i++)
		fdnet_pkt_add_slice(to, from->slices[i].buf,
				    from->slices[i].data, from->slices[i].len);
	return true;
}

static bool gro_append(struct fdnet_gro_entry *e, const struct gro_seg *s)
{
	uint8_t *ta = e->pkt->data + e->l3_len;
	const uint8_t *tb = s->pkt->data + s->l4.l3_len;

	if (!append_payload(e, s))
		return false;
	ta[13] |= tb[13] & (TCP_FIN | TCP_PSH);
	e->next_seq += s->payload;
	e->segs++;
	/* A short or marked segment is the last of its burst. */
	if (s->payload < e->pkt->gso_size || tb[13] & (TCP_FIN | TCP_PSH))
		e->hash = 0;
	fdnet_pkt_free(s->pkt);
	return true;
}

static struct fdnet_gro_entry *gro_new_entry(struct fdnet_gro *gro,
					     struct fdnet_pkt *pkt)
{
	struct fdnet_gro_entry *e;

	assert(gro->n < FDNET_GRO_MAX);
	e = &gro->entries[gro->n++];
	*e = (struct fdnet_gro_entry){.pkt = pkt};
	return e;
}

bool fdnet_gro_add(struct fdnet_gro *gro, struct fdnet_pkt *pkt)
{
	struct gro_seg s = {.pkt = pkt};
	struct fdnet_gro_entry *e;
	unsigned int i;

	if (!gro_eligible(gro, &s)) {
		/* Whatever it is, its flow does not go on in front of it. */
		s.hash = fdnet_flow_hash(pkt, 0);
		for (i = 0; i < gro->n; i++)
			if (gro->entries[i].hash == s.hash)
				gro->entries[i].hash = 0;
		gro_new_entry(gro, pkt);
		return false;
	}
	for (i = gro->n; i-- > 0;) {
		e = &gro->entries[i];
		if (!e->hash || !same_flow(e, &s))
			continue;
		if (can_append(e, &s) && gro_append(e, &s))
			return true;
		e->hash = 0;
		break;
	}
	e = gro_new_entry(gro, pkt);
	e->l3_len = s.l4.l3_len;
	e->l4_len = s.l4.l4_len;
	e->next_seq = s.seq + s.payload;
	e->segs = 1;
	pkt->user[0].ptr = NULL;
	if (!(pkt->data[e->l3_len + 13] & (TCP_FIN | TCP_PSH)))
		e->hash = s.hash;
	pkt->gso_size = (uint16_t)s.payload; /* taken back if it stays alone */
	return false;
}

/* Give a merged packet the headers of its whole. */
static void gro_finish(struct fdnet_gro_entry *e)
{
	struct fdnet_pkt *pkt = e->pkt;
	struct fdnet_l4 l4 = {
		.version = pkt->data[0] >> 4,
		.proto = FDNET_PROTO_TCP,
		.l3_len = e->l3_len,
		.l4_len = e->l4_len,
	};

	pkt->gso_type = l4.version == 4 ? FDNET_GSO_TCPV4 : FDNET_GSO_TCPV6;
	pkt->user[0].ptr = NULL;
	/* Checked above; whoever sends it on has to complete the sum. */
	fdnet_l4_finish(pkt, &l4, true);
	pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
}

struct fdnet_pkt *fdnet_gro_flush(struct fdnet_gro *gro)
{
	struct fdnet_pkt *list = NULL, **tail = &list;
	unsigned int i;

	for (i = 0; i < gro->n; i++) {
		struct fdnet_gro_entry *e = &gro->entries[i];

		if (e->segs > 1)
			gro_finish(e);
		else if (e->segs)
			e->pkt->gso_size = 0;
		e->pkt->next = NULL;
		*tail = e->pkt;
		tail = &e->pkt->next;
	}
	gro->n = 0;
	return list;
}
