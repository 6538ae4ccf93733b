/* SPDX-License-Identifier: Apache-2.0 */
/* Raw sockets: a copy of each packet of their protocol; IPv4 ones with its
 * header, as raw(7) says. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <utlist.h>

#include "stack/dgram.h"
#include "stack/icmp.h"
#include "stack/mcast.h"
#include "stack/save.h"
#include "stack/sockopt_row.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"

struct raw_sock {
	struct fdnet_dgram d;
	uint32_t filter;     /* ICMP_FILTER: types that are not wanted */
	uint32_t filter6[8]; /* ICMPV6_FILTER: likewise */
	int csum_offset;     /* IPV6_CHECKSUM; -1: none */
};

static struct raw_sock *raw_of(struct fdnet_sock *so)
{
	return (struct raw_sock *)so;
}

static int raw_init(struct fdnet_sock *so)
{
	struct raw_sock *r = raw_of(so);

	r->csum_offset = so->proto == FDNET_PROTO_ICMP6 ? 2 : -1;
	so->opts.hdrincl = so->proto == IPPROTO_RAW;
	so->local.port = so->proto;
	DL_APPEND2(so->stack->raws, so, bound_prev, bound_next);
	return 0;
}

static void raw_destroy(struct fdnet_sock *so)
{
	DL_DELETE2(so->stack->raws, so, bound_prev, bound_next);
	fdnet_dgram_destroy(so);
}

/* ---- input ---- */

static bool filtered(struct fdnet_sock *so, const struct fdnet_pkt *pkt)
{
	struct raw_sock *r = raw_of(so);
	uint8_t type;

	if (fdnet_pkt_copy_out(pkt, 0, &type, 1) != 1)
		return false;
	if (so->proto == FDNET_PROTO_ICMP)
		return type < 32 && r->filter >> type & 1;
	if (so->proto == FDNET_PROTO_ICMP6)
		return r->filter6[type >> 5] >> (type & 31) & 1;
	return false;
}

/* @ifindex: where it arrived, for groups; 0: it is none. */
static bool wants(const struct fdnet_sock *so, uint8_t proto,
		  const struct fdnet_ip *local, const struct fdnet_ip *remote,
		  int ifindex)
{
	if (so->proto != proto || so->family != local->family)
		return false;
	/* raw_v6_match(): one that is bound sees its groups, too */
	if (!fdnet_ip_is_any(&so->local.ip) &&
	    !fdnet_ip_equal(&so->local.ip, local) &&
	    !(so->family == 6 && fdnet_ip_is_multicast(local) &&
	      fdnet_mcast_has(so, local, remote, ifindex)))
		return false;
	return !so->peer.ip.family || fdnet_ip_equal(&so->peer.ip, remote);
}

unsigned int fdnet_raw_input(struct fdnet_stack *stack,
			     const struct fdnet_pkt *pkt,
			     const struct fdnet_ip_in *in)
{
	struct fdnet_sock *so;
	struct fdnet_pkt *copy;
	unsigned int n = 0;

	for (so = stack->raws; so; so = so->bound_next) {
		if (!wants(so, in->proto, &in->dst, &in->src, in->ifindex) ||
		    !fdnet_sock_on_device(so, &in->dst))
			continue;
		n++;
		if (filtered(so, pkt) ||
		    /* raw_v4_input(): the sources of groups */
		    (so->family == 4 && fdnet_ip_is_multicast(&in->dst) &&
		     !fdnet_mcast_has(so, &in->dst, &in->src, in->ifindex)))
			continue;
		copy = fdnet_dgram_clone((struct fdnet_pkt *)pkt, in->hdr_len);
		if (copy)
			fdnet_dgram_receive(so, copy, in);
	}
	return n;
}

void fdnet_raw_icmp_error(struct fdnet_stack *stack,
			  const struct fdnet_sock_error *err, uint8_t proto,
			  const struct fdnet_name *local,
			  const struct fdnet_name *remote, const uint8_t *inner,
			  uint32_t inner_len, uint32_t mtu)
{
	struct fdnet_sock *so;

	for (so = stack->raws; so; so = so->bound_next)
		if (wants(so, proto, &local->ip, &remote->ip, 0))
			so->ops->icmp_error(so, err, inner, inner_len, mtu);
}

/* raw_err() */
static void raw_icmp_error(struct fdnet_sock *so,
			   const struct fdnet_sock_error *err,
			   const uint8_t *inner, uint32_t inner_len, uint32_t mtu)
{
	bool fatal, queued;

	fdnet_icmp_to_error(err->about.ip.family, err->type, err->code, &fatal);
	if (err->error == EMSGSIZE)
		fatal = so->opts.mtu_discover != 0;
	queued = fdnet_dgram_push_error(so, err, inner, inner_len);
	if (!queued && (!fatal || !so->peer.ip.family))
		return;
	so->error = err->error;
	fdnet_sock_event(so, FDNET_EV_ERR);
}

/* ---- output ---- */

/* The application's own IPv4 header: what the kernel fills in, raw(7). */
static int finish_hdrincl(struct fdnet_sock *so, struct fdnet_pkt *pkt,
			  const struct fdnet_dgram_route *r)
{
	uint8_t *p = pkt->data;
	uint32_t hdr_len;

	if (pkt->len < FDNET_IPV4_MIN_LEN)
		return -EINVAL;
	hdr_len = (p[0] & 15u) * 4;
	if (p[0] >> 4 != 4 || hdr_len < FDNET_IPV4_MIN_LEN || hdr_len > pkt->len)
		return -EINVAL;
	fdnet_put16(p + 2, (uint16_t)fdnet_pkt_total(pkt));
	if (!fdnet_get16(p + 4))
		fdnet_put16(p + 4, so->stack->ident++);
	if (!fdnet_get32(p + 12))
		memcpy(p + 12, r->src.bytes, 4);
	fdnet_ipv4_set_csum(p, (uint8_t)hdr_len);
	pkt->ethertype = 0x0800;
	return 0;
}

static int finish(struct fdnet_sock *so, struct fdnet_pkt *pkt,
		  const struct fdnet_dgram_route *r)
{
	int offset = raw_of(so)->csum_offset;
	uint32_t total = fdnet_pkt_total(pkt);

	if (so->opts.hdrincl && so->family == 4)
		return finish_hdrincl(so, pkt, r);
	if (so->family == 6 && offset >= 0) {
		if (pkt->len < (uint32_t)offset + 2)
			return -EINVAL;
		memset(pkt->data + offset, 0, 2);
		fdnet_ip_csum_fill(so->stack, pkt, &r->src, &r->dst.ip,
				   so->proto, (uint32_t)offset);
	}
	return fdnet_ip_finish(so->stack, pkt, &r->src, &r->dst.ip, so->proto,
			       r->ttl, r->tos, r->df && total + 20 <= r->mtu);
}

/* raw_sendmsg() */
static ssize_t raw_send(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	bool hdrincl = so->opts.hdrincl && so->family == 4;
	struct fdnet_dgram_route r;
	ssize_t len = fdnet_iov_len(msg);
	struct fdnet_pkt *pkt;
	int rc;

	if (len < 0 || len > 65535)
		return -EMSGSIZE;
	if (msg->flags & FDNET_MSG_OOB)
		return -EOPNOTSUPP;
	rc = fdnet_dgram_route(so, msg, &r);
	if (!rc && hdrincl && (size_t)len > r.mtu)
		rc = -EMSGSIZE;
	if (!rc && !hdrincl)
		rc = fdnet_dgram_check_size(so, &r, (size_t)len);
	if (!rc)
		rc = fdnet_dgram_can_send(so);
	if (rc)
		return rc;
	pkt = fdnet_dgram_build(so->stack, msg, 0, (size_t)len);
	if (!pkt)
		return -ENOBUFS;
	rc = fdnet_pkt_pull_up(pkt, len < 64 ? (uint32_t)len : 64);
	if (!rc)
		rc = finish(so, pkt, &r);
	if (rc) {
		fdnet_pkt_free(pkt);
		return rc;
	}
	fdnet_dgram_queue(so, pkt);
	return len;
}

static ssize_t raw_recv(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	return fdnet_dgram_recv(so, msg,
				so->family == 4 ? FDNET_DGRAM_IP_HEADER : 0);
}

static int raw_connect(struct fdnet_sock *so, const struct fdnet_name *name)
{
	return fdnet_dgram_connect(so, name, false);
}

static uint32_t raw_inq(const struct fdnet_sock *so)
{
	const struct fdnet_pkt *pkt = ((const struct fdnet_dgram *)so)->rx.head;

	return pkt ? fdnet_pkt_total(pkt) + (so->family == 4 ? 20 : 0) : 0;
}

/* ---- options ---- */

int fdnet_opt_set_icmp_filter(struct fdnet_sock *so,
			      const struct fdnet_opt_row *row, const void *val,
			      uint32_t len)
{
	struct raw_sock *r = raw_of(so);

	if (so->proto != FDNET_PROTO_ICMP)
		return -EOPNOTSUPP;
	memcpy(&r->filter, val,
	       len < sizeof(r->filter) ? len : sizeof(r->filter));
	return 0;
}

int fdnet_opt_get_icmp_filter(struct fdnet_sock *so,
			      const struct fdnet_opt_row *row, void *val,
			      uint32_t *len)
{
	if (so->proto != FDNET_PROTO_ICMP)
		return -EOPNOTSUPP;
	return fdnet_sockopt_give_int(val, len, (int)raw_of(so)->filter);
}

int fdnet_opt_set_icmp6_filter(struct fdnet_sock *so,
			       const struct fdnet_opt_row *row, const void *val,
			       uint32_t len)
{
	struct raw_sock *r = raw_of(so);

	if (so->proto != FDNET_PROTO_ICMP6)
		return -ENOPROTOOPT;
	memcpy(r->filter6, val,
	       len < sizeof(r->filter6) ? len : sizeof(r->filter6));
	return 0;
}

int fdnet_opt_get_icmp6_filter(struct fdnet_sock *so,
			       const struct fdnet_opt_row *row, void *val,
			       uint32_t *len)
{
	struct raw_sock *r = raw_of(so);

	if (so->proto != FDNET_PROTO_ICMP6)
		return -ENOPROTOOPT;
	return fdnet_opt_give(val, len, r->filter6, sizeof(r->filter6));
}

int fdnet_opt_set_ip6_checksum(struct fdnet_sock *so,
			       const struct fdnet_opt_row *row, const void *val,
			       uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (so->family != 6)
		return -ENOPROTOOPT;
	if (value > 0 && (value & 1 || value > 62))
		return -EINVAL;
	/* ICMPv6's is where it is (RFC 3542 3.1), but Linux has a way round */
	if (so->proto == FDNET_PROTO_ICMP6 && row->id.level == IPPROTO_IPV6)
		return -EINVAL;
	raw_of(so)->csum_offset = value < 0 ? -1 : value;
	return 0;
}

int fdnet_opt_get_ip6_checksum(struct fdnet_sock *so,
			       const struct fdnet_opt_row *row, void *val,
			       uint32_t *len)
{
	if (so->family != 6)
		return -ENOPROTOOPT;
	return fdnet_sockopt_give_int(val, len, raw_of(so)->csum_offset);
}

static void raw_save(struct fdnet_save *s, struct fdnet_sock *so)
{
	struct raw_sock *r = raw_of(so);
	int i;

	r->filter = fdnet_save_u32(s, r->filter);
	for (i = 0; i < 8; i++)
		r->filter6[i] = fdnet_save_u32(s, r->filter6[i]);
	r->csum_offset = fdnet_save_int(s, r->csum_offset, -1, 62);
	fdnet_save_check(s, r->csum_offset < 0 || !(r->csum_offset & 1));
	fdnet_save_dgram(s, so);
}

const struct fdnet_proto_ops fdnet_raw_ops = {
	.size = sizeof(struct raw_sock),
	.init = raw_init,
	.destroy = raw_destroy,
	.close = fdnet_dgram_close,
	.connect = raw_connect,
	.shutdown = fdnet_dgram_shutdown,
	.send = raw_send,
	.recv = raw_recv,
	.poll = fdnet_dgram_poll,
	.output = fdnet_dgram_output,
	.icmp_error = raw_icmp_error,
	.inq = raw_inq,
	.outq = fdnet_dgram_outq,
	.unsent = fdnet_dgram_outq,
	.save = raw_save,
	.peer_gone = fdnet_dgram_peer_gone,
};
