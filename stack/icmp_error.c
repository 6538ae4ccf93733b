/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP and ICMPv6 errors that we send: about what, how much is quoted, how
 * often (RFC 1122 3.2.2, RFC 1812 4.3.2, RFC 4443 2.4). */
#include "config.h"

#include <string.h>

#include "stack/icmp.h"
#include "stack/object.h"
#include "stack/reass.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"

/* Bytes of an error message at most: RFC 1812 4.3.2.3, RFC 4443 2.4 (c). */
#define MAX_ERROR4 576
#define MAX_ERROR6 1280

static bool take_token(struct fdnet_stack *stack)
{
	const struct fdnet_stack_limits *l = &stack->cfg.limits;
	uint64_t per_us = 1000000 / l->icmp_per_s;
	uint64_t n = (stack->now_us - stack->icmp_refill_us) / per_us;

	if (n) {
		stack->icmp_refill_us += n * per_us;
		n += stack->icmp_tokens;
		stack->icmp_tokens =
			n > l->icmp_burst ? l->icmp_burst : (uint32_t)n;
	}
	if (!stack->icmp_tokens)
		return false;
	stack->icmp_tokens--;
	return true;
}

/* RFC 1122 3.2.2, RFC 4443 2.4 (e): never about these. */
static bool may_complain(const struct fdnet_stack *stack,
			 const struct fdnet_pkt *pkt,
			 const struct fdnet_ip_in *in, uint8_t type)
{
	uint8_t t = pkt->len ? pkt->data[0] : 0;

	if (in->group || pkt->flags & FDNET_PKT_LINK_GROUP ||
	    fdnet_ip_is_any(&in->src) || fdnet_ip_is_multicast(&in->src) ||
	    fdnet_ip_is_broadcast(stack, &in->src))
		return in->group && in->dst.family == 6 &&
		       type == FDNET_ICMP6_PARAM &&
		       !fdnet_ip_is_any(&in->src);
	if (in->proto == FDNET_PROTO_ICMP && in->src.family == 4)
		return t == FDNET_ICMP_ECHO || t == FDNET_ICMP_ECHO_REPLY;
	if (in->proto == FDNET_PROTO_ICMP6 && in->src.family == 6)
		return t & 0x80;
	return true;
}

static void send_error(struct fdnet_stack *stack, const struct fdnet_pkt *pkt,
		       const struct fdnet_ip_in *in,
		       const struct fdnet_icmp *hdr)
{
	bool v4 = in->src.family == 4;
	uint8_t proto = v4 ? FDNET_PROTO_ICMP : FDNET_PROTO_ICMP6;
	uint32_t max = v4 ? MAX_ERROR4 - 28 : MAX_ERROR6 - 48;
	uint32_t quote = fdnet_pkt_total(pkt);
	struct fdnet_ip src = in->dst;
	struct fdnet_pkt *err;
	uint8_t *p;

	if (!may_complain(stack, pkt, in, hdr->type))
		return;
	if (!(pkt->flags & FDNET_PKT_LOOPED) && !take_token(stack)) {
		stack->counters[FDNET_C_ICMP_LIMITED]++;
		return;
	}
	if ((in->group ||
	     (!stack->cfg.gateway && !fdnet_stack_is_local(stack, &src))) &&
	    fdnet_ip_source(stack, &in->src, &src))
		return;
	if (quote > max - in->hdr_len)
		quote = max - in->hdr_len;
	err = fdnet_pkt_new(stack->cfg.pool);
	if (!err)
		return;
	p = fdnet_pkt_put(err, FDNET_ICMP_LEN + in->hdr_len + quote);
	fdnet_icmp_encode(p, hdr);
	memcpy(p + FDNET_ICMP_LEN, in->hdr, in->hdr_len);
	fdnet_pkt_copy_out(pkt, 0, p + FDNET_ICMP_LEN + in->hdr_len, quote);
	if (v4)
		fdnet_csum_store(p + FDNET_ICMP_CSUM_OFFSET,
				 fdnet_csum_pkt(0, err, 0));
	else
		fdnet_ip_csum_fill(stack, err, &src, &in->src, proto,
				   FDNET_ICMP_CSUM_OFFSET);
	if (fdnet_ip_finish(stack, err, &src, &in->src, proto, -1,
			    v4 ? 0xc0 : 0, false)) {
		fdnet_pkt_free(err);
		return;
	}
	stack->counters[FDNET_C_ICMP_OUT]++;
	fdnet_ip_queue(stack, err);
}

/* ICMPv4's errors in ICMPv6's words. */
static void translate(struct fdnet_icmp *hdr)
{
	static const uint8_t unreach[] = {
		[FDNET_ICMP_UNREACH_NET] = FDNET_ICMP6_UNREACH_ROUTE,
		[FDNET_ICMP_UNREACH_HOST] = FDNET_ICMP6_UNREACH_ADDR,
		[FDNET_ICMP_UNREACH_PORT] = FDNET_ICMP6_UNREACH_PORT,
		[FDNET_ICMP_UNREACH_ADMIN] = FDNET_ICMP6_UNREACH_ADMIN,
	};

	switch (hdr->type) {
	case FDNET_ICMP_TIME_EXCEEDED:
		hdr->type = FDNET_ICMP6_TIME_EXCEEDED;
		return;
	case FDNET_ICMP_PARAM:
		hdr->type = FDNET_ICMP6_PARAM;
		hdr->code = 0;
		return;
	}
	if (hdr->code == FDNET_ICMP_UNREACH_FRAG) {
		hdr->type = FDNET_ICMP6_TOO_BIG;
		hdr->code = 0;
	} else if (hdr->code == FDNET_ICMP_UNREACH_PROTO) {
		/* RFC 4443 3.4: an unknown next header; the first one */
		hdr->type = FDNET_ICMP6_PARAM;
		hdr->code = 1;
		hdr->rest = 6;
	} else if (hdr->code >= FDNET_ICMP_UNREACH_TIMED_OUT) {
		hdr->type = FDNET_ICMP6_UNREACH;
	} else {
		hdr->type = FDNET_ICMP6_UNREACH;
		hdr->code = hdr->code < sizeof(unreach) ? unreach[hdr->code] :
							  0;
	}
}

void fdnet_icmp_send_error(struct fdnet_stack *stack,
			   const struct fdnet_pkt *pkt,
			   const struct fdnet_ip_in *in, uint8_t type,
			   uint8_t code, uint32_t mtu)
{
	struct fdnet_icmp hdr = { .type = type, .code = code, .rest = mtu };

	if (in->src.family == 6)
		translate(&hdr);
	send_error(stack, pkt, in, &hdr);
}

void fdnet_icmp6_param_problem(struct fdnet_stack *stack,
			       const struct fdnet_pkt *pkt,
			       const struct fdnet_ip_in *in, uint8_t code,
			       uint32_t pointer)
{
	struct fdnet_icmp hdr = {
		.type = FDNET_ICMP6_PARAM,
		.code = code,
		.rest = pointer,
	};

	send_error(stack, pkt, in, &hdr);
}

void fdnet_icmp_reass_timeout(struct fdnet_stack *stack,
			      const struct fdnet_reass_entry *entry)
{
	struct fdnet_ip_in in = {
		.src = entry->src,
		.dst = entry->dst,
		.proto = entry->next,
		.group = fdnet_ip_is_multicast(&entry->dst) ||
			 fdnet_ip_is_broadcast(stack, &entry->dst),
		.hdr = entry->hdr,
		.hdr_len = entry->hdr_len,
	};
	struct fdnet_pkt *pkt;
	uint32_t len;

	if (!entry->hdr_len || entry->ranges[0].start)
		return;
	pkt = fdnet_pkt_new(stack->cfg.pool);
	if (!pkt)
		return;
	len = entry->ranges[0].end;
	if (len > MAX_ERROR6)
		len = MAX_ERROR6;
	memcpy(fdnet_pkt_put(pkt, len), entry->buf->data, len);
	fdnet_icmp_send_error(stack, pkt, &in, FDNET_ICMP_TIME_EXCEEDED, 1, 0);
	fdnet_pkt_free(pkt);
}
