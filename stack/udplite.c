/* SPDX-License-Identifier: Apache-2.0 */
/* UDP-Lite (RFC 3828): checksums that cover a part; the rest is udp.c. */
#include "config.h"

#include "stack/udplite.h"

#include <errno.h>

#include "stack/sockopt.h"
#include "stack/sockopt_row.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/udp.h"

/* The sum of the first @len bytes, which may lie in several pieces. */
static uint32_t sum_start(uint32_t sum, const struct fdnet_pkt *pkt, uint32_t len)
{
	struct fdnet_pkt start = {.data = pkt->data, .len = pkt->len};
	unsigned int i;

	if (len <= pkt->len)
		return fdnet_csum_add(sum, pkt->data, len);
	for (i = 0, len -= pkt->len; len && i < pkt->nslices; i++) {
		struct fdnet_slice *slice = &start.slices[start.nslices++];

		*slice = pkt->slices[i];
		if (slice->len > len)
			slice->len = len;
		start.slices_len += slice->len;
		len -= slice->len;
	}
	return fdnet_csum_pkt(sum, &start, 0);
}

/* The pseudo header has the length of the datagram, not of what is covered. */
static uint32_t sum(const struct fdnet_pkt *pkt, const struct fdnet_ip *src,
		    const struct fdnet_ip *dst, uint32_t covered)
{
	uint32_t pseudo = fdnet_pseudo_csum(src, dst, FDNET_PROTO_UDPLITE,
					    fdnet_pkt_total(pkt));

	return sum_start(pseudo, pkt, covered);
}

/* How many bytes are covered; 0: that can not be. */
static uint32_t covered(const struct fdnet_pkt *pkt)
{
	uint32_t total = fdnet_pkt_total(pkt);
	uint32_t said = fdnet_get16(pkt->data + FDNET_UDP_LEN_OFFSET);

	if (!said)
		return total;
	return said < FDNET_UDP_LEN || said > total ? 0 : said;
}

/* udplite_sender_cscov(): all of it is said as the length, unless 0 was
 * asked for in so many words; the two mean the same. */
void fdnet_udplite_seal(const struct fdnet_udplite *lite, struct fdnet_pkt *pkt,
			const struct fdnet_ip *src, const struct fdnet_ip *dst)
{
	uint8_t *field = pkt->data + FDNET_UDP_CSUM_OFFSET;
	uint32_t len = fdnet_pkt_total(pkt);

	if (lite->send && lite->send < len)
		len = lite->send;
	fdnet_put16(pkt->data + FDNET_UDP_LEN_OFFSET,
		    len > UINT16_MAX ? 0 : (uint16_t)len);
	fdnet_csum_store(field, sum(pkt, src, dst, len));
	/* zero would say "none", which is not allowed */
	if (!field[0] && !field[1])
		field[0] = field[1] = 0xff;
}

bool fdnet_udplite_check(const struct fdnet_pkt *pkt, const struct fdnet_ip_in *in)
{
	uint32_t len = covered(pkt);

	if (!len || !fdnet_get16(pkt->data + FDNET_UDP_CSUM_OFFSET))
		return false;
	return fdnet_csum_fold(sum(pkt, &in->src, &in->dst, len)) == 0xffff;
}

/* As in udp_queue_rcv_one_skb(). */
bool fdnet_udplite_wants(const struct fdnet_udplite *lite,
			 const struct fdnet_pkt *pkt)
{
	uint32_t len = covered(pkt);

	if (!lite->has_recv || len == fdnet_pkt_total(pkt))
		return true;
	return lite->recv && len >= lite->recv;
}

/* ---- options ---- */

static uint16_t coverage(const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (value && value < FDNET_UDP_LEN)
		return FDNET_UDP_LEN;
	return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

int fdnet_opt_set_udplite_send(struct fdnet_sock *so,
			       const struct fdnet_opt_row *row, const void *val,
			       uint32_t len)
{
	struct fdnet_udplite *lite = fdnet_udplite_of(so);

	if (!lite)
		return -ENOPROTOOPT;
	lite->send = coverage(val, len);
	return 0;
}

/* UDP covers all, which is 0. */
int fdnet_opt_get_udplite_send(struct fdnet_sock *so,
			       const struct fdnet_opt_row *row, void *val,
			       uint32_t *len)
{
	struct fdnet_udplite *lite = fdnet_udplite_of(so);

	return fdnet_sockopt_give_int(val, len, lite ? lite->send : 0);
}

int fdnet_opt_set_udplite_recv(struct fdnet_sock *so,
			       const struct fdnet_opt_row *row, const void *val,
			       uint32_t len)
{
	struct fdnet_udplite *lite = fdnet_udplite_of(so);

	if (!lite)
		return -ENOPROTOOPT;
	lite->recv = coverage(val, len);
	lite->has_recv = true;
	return 0;
}

int fdnet_opt_get_udplite_recv(struct fdnet_sock *so,
			       const struct fdnet_opt_row *row, void *val,
			       uint32_t *len)
{
	struct fdnet_udplite *lite = fdnet_udplite_of(so);

	return fdnet_sockopt_give_int(val, len, lite ? lite->recv : 0);
}
