/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP (RFC 792, RFC 1122 3.2.2) and ICMPv6 (RFC 4443): echo, and errors in
 * both directions. */
#include "config.h"

#include "stack/icmp.h"

#include <errno.h>
#include <string.h>
#include <linux/errqueue.h>

#include "stack/object.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"

/* Bytes of an error message at most: RFC 1812 4.3.2.3, RFC 4443 2.4 (c). */
#define MAX_ERROR4 576
#define MAX_ERROR6 1280

/* ---- meaning ---- */

struct meaning {
	int error;
	bool fatal;
};

static int from_table(const struct meaning *table, unsigned int n,
		      uint8_t code, bool *ret_fatal)
{
	if (code >= n) {
		*ret_fatal = true;
		return EHOSTUNREACH;
	}
	*ret_fatal = table[code].fatal;
	return table[code].error;
}

static int to_error4(uint8_t type, uint8_t code, bool *ret_fatal)
{
	static const struct meaning unreach[] = {
		{ ENETUNREACH, false }, { EHOSTUNREACH, false },
		{ ENOPROTOOPT, true },	{ ECONNREFUSED, true },
		{ EMSGSIZE, false },	{ EOPNOTSUPP, false },
		{ ENETUNREACH, true },	{ EHOSTDOWN, true },
		{ ENONET, true },	{ ENETUNREACH, true },
		{ EHOSTUNREACH, true }, { ENETUNREACH, false },
		{ EHOSTUNREACH, false }, { EHOSTUNREACH, true },
		{ EHOSTUNREACH, true }, { EHOSTUNREACH, true },
	};

	*ret_fatal = false;
	switch (type) {
	case FDNET_ICMP_UNREACH:
		return from_table(unreach, 16, code, ret_fatal);
	case FDNET_ICMP_PARAM:
		*ret_fatal = true;
		return EPROTO;
	default:
		return EHOSTUNREACH;
	}
}

static int to_error6(uint8_t type, uint8_t code, bool *ret_fatal)
{
	static const struct meaning unreach[] = {
		{ ENETUNREACH, false }, { EACCES, true },
		{ EHOSTUNREACH, false }, { EHOSTUNREACH, false },
		{ ECONNREFUSED, true }, { EACCES, true },
		{ EACCES, true },
	};

	*ret_fatal = false;
	switch (type) {
	case FDNET_ICMP6_UNREACH:
		if (code > FDNET_ICMP6_UNREACH_MAX) {
			*ret_fatal = true;
			return EPROTO;
		}
		return from_table(unreach, 7, code, ret_fatal);
	case FDNET_ICMP6_TOO_BIG:
		return EMSGSIZE;
	case FDNET_ICMP6_PARAM:
		*ret_fatal = true;
		return EPROTO;
	default:
		return EHOSTUNREACH;
	}
}

int fdnet_icmp_to_error(int family, uint8_t type, uint8_t code,
			bool *ret_fatal)
{
	return family == 4 ? to_error4(type, code, ret_fatal) :
			     to_error6(type, code, ret_fatal);
}

/* ---- errors that arrive ---- */

/* The packet quoted in an error message. */
struct inner {
	struct fdnet_name local, remote; /* as the sender, we, see it */
	uint8_t proto;
	const uint8_t *transport;
	uint32_t len;
	uint32_t total; /* of the whole packet, as its header says */
};

static int parse_ip4(const uint8_t *p, uint32_t len, struct inner *ret)
{
	struct fdnet_ipv4 hdr;

	if (fdnet_ipv4_decode(p, len, &hdr) || hdr.offset)
		return -EBADMSG;
	ret->proto = hdr.proto;
	ret->total = hdr.total_len;
	ret->local.ip.family = 4;
	ret->remote.ip.family = 4;
	memcpy(ret->local.ip.bytes, hdr.src, 4);
	memcpy(ret->remote.ip.bytes, hdr.dst, 4);
	ret->transport = p + hdr.hdr_len;
	ret->len = len - hdr.hdr_len;
	return 0;
}

static int parse_ip6(const uint8_t *p, uint32_t len, struct inner *ret)
{
	struct fdnet_ipv6_frag frag;
	struct fdnet_ipv6 hdr;

	if (fdnet_ipv6_decode(p, len, &hdr))
		return -EBADMSG;
	ret->proto = hdr.next;
	ret->total = hdr.payload_len + (uint32_t)FDNET_IPV6_LEN;
	ret->local.ip.family = 6;
	ret->remote.ip.family = 6;
	memcpy(ret->local.ip.bytes, hdr.src, 16);
	memcpy(ret->remote.ip.bytes, hdr.dst, 16);
	ret->transport = p + FDNET_IPV6_LEN;
	ret->len = len - FDNET_IPV6_LEN;
	/* the only extension header we ever send */
	if (ret->proto != FDNET_IPV6_FRAGMENT)
		return 0;
	if (fdnet_ipv6_frag_decode(ret->transport, ret->len, &frag) ||
	    frag.offset)
		return -EBADMSG;
	ret->proto = frag.next;
	ret->transport += FDNET_IPV6_FRAG_LEN;
	ret->len -= FDNET_IPV6_FRAG_LEN;
	return 0;
}

static int parse_inner(const uint8_t *p, uint32_t len, int family,
		       struct inner *ret)
{
	int rc;

	memset(ret, 0, sizeof(*ret));
	rc = family == 4 ? parse_ip4(p, len, ret) : parse_ip6(p, len, ret);
	if (rc)
		return rc;
	if (ret->len < 8)
		return -EBADMSG;
	switch (ret->proto) {
	case FDNET_PROTO_TCP:
	case FDNET_PROTO_UDP:
		ret->local.port = fdnet_get16(ret->transport);
		ret->remote.port = fdnet_get16(ret->transport + 2);
		break;
	case FDNET_PROTO_ICMP:
	case FDNET_PROTO_ICMP6:
		ret->local.port = fdnet_get16(ret->transport + 4);
		break;
	}
	return 0;
}

static struct fdnet_sock *inner_sock(struct fdnet_stack *stack,
				     const struct inner *inner)
{
	switch (inner->proto) {
	case FDNET_PROTO_TCP:
		return fdnet_demux_find_conn(stack, inner->proto,
					     &inner->local, &inner->remote);
	case FDNET_PROTO_UDP:
	case FDNET_PROTO_ICMP:
	case FDNET_PROTO_ICMP6:
		return fdnet_demux_find(stack, inner->proto, &inner->local,
					&inner->remote);
	default:
		return NULL;
	}
}

struct fdnet_sock *fdnet_icmp_inner_sock(struct fdnet_stack *stack,
					 const uint8_t *msg, uint32_t len,
					 int family)
{
	struct inner inner;

	if (parse_inner(msg, len, family, &inner))
		return NULL;
	return inner_sock(stack, &inner);
}

static void take_error(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		       const struct fdnet_ip_in *in,
		       const struct fdnet_icmp *hdr)
{
	int family = in->dst.family;
	struct fdnet_sock_error err = {
		.origin = family == 4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
		.type = hdr->type,
		.code = hdr->code,
		.offender.ip = in->src,
	};
	struct inner inner;
	struct fdnet_sock *so;
	uint32_t mtu = 0;
	bool fatal;

	if (fdnet_pkt_pull_up(pkt, fdnet_pkt_total(pkt)) ||
	    parse_inner(pkt->data + FDNET_ICMP_LEN,
			pkt->len - FDNET_ICMP_LEN, family, &inner)) {
		stack->counters[FDNET_C_ICMP_BAD]++;
		return;
	}
	err.about = inner.remote;
	err.error = fdnet_icmp_to_error(family, hdr->type, hdr->code, &fatal);
	if (err.error == EMSGSIZE) {
		mtu = family == 4 ? hdr->rest & 0xffff : hdr->rest;
		if (!mtu)
			mtu = fdnet_pmtu_plateau(inner.total);
		err.info = mtu;
	}
	if (stack->raws)
		fdnet_raw_icmp_error(stack, &err, inner.proto, &inner.local,
				     &inner.remote, inner.transport,
				     inner.len, mtu);
	so = inner_sock(stack, &inner);
	if (!so && inner.proto == FDNET_PROTO_TCP) /* a listener's SYN-ACK */
		so = fdnet_demux_find(stack, inner.proto, &inner.local,
				      &inner.remote);
	/* TCP believes it when the sequence number is right, and says so */
	if (so && mtu && inner.proto != FDNET_PROTO_TCP)
		fdnet_pmtu_update(stack, &inner.remote.ip, mtu);
	if (so && so->ops->icmp_error)
		so->ops->icmp_error(so, &err, inner.transport, inner.len, mtu);
}

/* RFC 1122 3.2.2.2: one for a network is taken as for the host. Somebody must
 * have sent what it quotes. */
static void take_redirect(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			  const struct fdnet_ip_in *in,
			  const struct fdnet_icmp *hdr)
{
	struct fdnet_ip hop = fdnet_ip4(hdr->rest);
	struct inner inner;

	if (!stack->cfg.ethernet || pkt->flags & FDNET_PKT_LOOPED)
		return;
	if (hdr->code > 3 || fdnet_pkt_pull_up(pkt, fdnet_pkt_total(pkt)) ||
	    parse_inner(pkt->data + FDNET_ICMP_LEN, pkt->len - FDNET_ICMP_LEN,
			4, &inner)) {
		stack->counters[FDNET_C_ICMP_BAD]++;
		return;
	}
	if (!fdnet_stack_is_local(stack, &inner.local.ip) ||
	    (!inner_sock(stack, &inner) && !stack->raws)) {
		stack->counters[FDNET_C_REDIRECT_BAD]++;
		return;
	}
	fdnet_redirect_take(stack, &in->src, &inner.remote.ip, &hop);
}

/* ---- echo ---- */

static void answer_echo(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			const struct fdnet_ip_in *in)
{
	bool v4 = in->dst.family == 4;
	struct fdnet_ip src = in->dst;

	if (in->group && fdnet_ip_source(stack, &in->src, &src)) {
		fdnet_pkt_free(pkt);
		return;
	}
	pkt->flags = 0;
	pkt->data[0] = v4 ? FDNET_ICMP_ECHO_REPLY : FDNET_ICMP6_ECHO_REPLY;
	memset(pkt->data + FDNET_ICMP_CSUM_OFFSET, 0, 2);
	if (v4)
		fdnet_csum_store(pkt->data + FDNET_ICMP_CSUM_OFFSET,
				 fdnet_csum_pkt(0, pkt, 0));
	else
		fdnet_ip_csum_fill(stack, pkt, &src, &in->src,
				   FDNET_PROTO_ICMP6, FDNET_ICMP_CSUM_OFFSET);
	if (fdnet_ip_finish(stack, pkt, &src, &in->src, in->proto, -1,
			    in->tos, false)) {
		fdnet_pkt_free(pkt);
		return;
	}
	stack->counters[FDNET_C_ICMP_OUT]++;
	fdnet_ip_queue(stack, pkt);
}

static void take_echo(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		      const struct fdnet_ip_in *in)
{
	bool ours = in->group || fdnet_stack_is_local(stack, &in->dst);

	/* a broadcast is not answered: RFC 1122 3.2.2.6 leaves it open, and
	 * it is how amplifiers work; RFC 4443 4.2 wants multicast answered */
	if (in->group && in->dst.family == 4)
		fdnet_pkt_free(pkt);
	else if (ours)
		answer_echo(stack, pkt, in);
	else if (fdnet_ping_input(stack, pkt, in))
		fdnet_pkt_free(pkt);
}

static void input4(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		   const struct fdnet_ip_in *in, const struct fdnet_icmp *hdr)
{
	switch (hdr->type) {
	case FDNET_ICMP_ECHO:
		take_echo(stack, pkt, in);
		return;
	case FDNET_ICMP_ECHO_REPLY:
		if (!fdnet_ping_input(stack, pkt, in))
			return;
		break;
	case FDNET_ICMP_UNREACH:
	case FDNET_ICMP_TIME_EXCEEDED:
	case FDNET_ICMP_PARAM:
		take_error(stack, pkt, in, hdr);
		break;
	case FDNET_ICMP_REDIRECT:
		take_redirect(stack, pkt, in, hdr);
		break;
	default:
		/* source quench is ignored: RFC 6633 */
		break;
	}
	fdnet_pkt_free(pkt);
}

static void input6(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		   const struct fdnet_ip_in *in, const struct fdnet_icmp *hdr)
{
	switch (hdr->type) {
	case FDNET_ICMP6_ECHO:
		take_echo(stack, pkt, in);
		return;
	case FDNET_ICMP6_ECHO_REPLY:
		if (!fdnet_ping_input(stack, pkt, in))
			return;
		break;
	case FDNET_ICMP6_UNREACH:
	case FDNET_ICMP6_TOO_BIG:
	case FDNET_ICMP6_TIME_EXCEEDED:
	case FDNET_ICMP6_PARAM:
		take_error(stack, pkt, in, hdr);
		break;
	default:
		fdnet_member_mld(stack, pkt, in);
		fdnet_nd_input(stack, pkt, in);
		break;
	}
	fdnet_pkt_free(pkt);
}

void fdnet_icmp_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		      const struct fdnet_ip_in *in)
{
	struct fdnet_icmp hdr;

	fdnet_icmp_decode(pkt->data, pkt->len, &hdr);
	if (in->dst.family == 4)
		input4(stack, pkt, in, &hdr);
	else
		input6(stack, pkt, in, &hdr);
}

/* ---- errors that we send ---- */

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
