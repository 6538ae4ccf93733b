/* SPDX-License-Identifier: Apache-2.0 */
/* What only gateways do with datagrams. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/dgram.h"
#include "stack/wire/icmp.h"
#include "stack/wire/udp.h"

/* How much of the datagram is quoted, bytes. */
#define QUOTE 512

static bool to_icmp(int error, uint8_t *ret_code)
{
	switch (error) {
	case ECONNREFUSED:
		*ret_code = FDNET_ICMP_UNREACH_PORT;
		return true;
	case ENETUNREACH:
		*ret_code = FDNET_ICMP_UNREACH_NET;
		return true;
	case EHOSTUNREACH:
		*ret_code = FDNET_ICMP_UNREACH_HOST;
		return true;
	case EACCES:
		*ret_code = FDNET_ICMP_UNREACH_ADMIN;
		return true;
	case EMSGSIZE:
		*ret_code = FDNET_ICMP_UNREACH_FRAG;
		return true;
	default:
		return false;
	}
}

/* The datagram as it was on the link, as far as it is known. */
static struct fdnet_pkt *rebuild(struct fdnet_stack *stack,
				 const struct fdnet_msg *msg, uint8_t proto)
{
	ssize_t len = fdnet_iov_len(msg);
	struct fdnet_udp hdr = {
		.sport = msg->to_from.port,
		.dport = msg->local.port,
		.len = (uint16_t)(len + FDNET_UDP_LEN),
	};
	struct fdnet_pkt *pkt;

	if (len < 0)
		return NULL;
	pkt = fdnet_dgram_build(stack, msg, 0,
				len < QUOTE ? (size_t)len : QUOTE);
	if (!pkt)
		return NULL;
	if (fdnet_is_udp(proto))
		fdnet_udp_encode(fdnet_pkt_push(pkt, FDNET_UDP_LEN), &hdr);
	if (fdnet_ip_finish(stack, pkt, &msg->to_from.ip, &msg->local.ip,
			    proto, msg->ttl, msg->tos, true)) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	return pkt;
}

void fdnet_sock_reject(struct fdnet_sock *so, const struct fdnet_msg *msg,
		       int error)
{
	struct fdnet_ip_in in = {
		.src = msg->to_from.ip,
		.dst = msg->local.ip,
		.proto = so->proto,
	};
	struct fdnet_pkt *pkt;
	uint8_t code;

	if (!to_icmp(error, &code) || !msg->local.ip.family)
		return;
	pkt = rebuild(so->stack, msg, so->proto);
	if (!pkt)
		return;
	in.hdr = pkt->data;
	in.hdr_len = msg->local.ip.family == 4 ? 20 : 40;
	fdnet_pkt_pull(pkt, in.hdr_len);
	fdnet_icmp_send_error(so->stack, pkt, &in, FDNET_ICMP_UNREACH, code,
			      code == FDNET_ICMP_UNREACH_FRAG ?
				      so->stack->cfg.mtu :
				      0);
	fdnet_pkt_free(pkt);
}
