/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP (RFC 792, RFC 1122 3.2.2) and ICMPv6 (RFC 4443): echo, and errors that
 * arrive. */
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
	case FDNET_PROTO_UDPLITE:
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
	case FDNET_PROTO_UDPLITE:
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
