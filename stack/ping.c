/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ping sockets (SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6): the data are
 * an ICMP echo request whose identifier is the socket's "port".
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/dgram.h"
#include "stack/icmp.h"
#include "stack/save.h"
#include "stack/sockopt.h"
#include "stack/wire/bytes.h"
#include "stack/wire/csum.h"
#include "stack/wire/icmp.h"

#define IDENT_OFFSET 4

int fdnet_ping_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		     const struct fdnet_ip_in *in)
{
	struct fdnet_name local = { .ip = in->dst }, remote = { .ip = in->src };
	struct fdnet_sock *so;

	local.port = fdnet_get16(pkt->data + IDENT_OFFSET);
	so = fdnet_demux_find(stack, in->proto, &local, &remote);
	if (!so)
		return -ENOENT;
	so->ops->input(so, pkt, in);
	return 0;
}

static void ping_input(struct fdnet_sock *so, struct fdnet_pkt *pkt,
		       const struct fdnet_ip_in *in)
{
	fdnet_dgram_receive(so, pkt, in);
}

/* ping_err() */
static void ping_icmp_error(struct fdnet_sock *so,
			    const struct fdnet_sock_error *err,
			    const uint8_t *inner, uint32_t inner_len,
			    uint32_t mtu)
{
	bool fatal;

	fdnet_icmp_to_error(err->about.ip.family, err->type, err->code,
			    &fatal);
	if (err->error == EMSGSIZE)
		fatal = so->opts.mtu_discover != 0;
	if (!fdnet_dgram_push_error(so, err, inner, inner_len) &&
	    (!fatal || !so->peer.ip.family))
		return;
	so->error = err->error;
	fdnet_sock_event(so, FDNET_EV_ERR);
}

/* What may be sent; a gateway also answers for the hosts behind it. */
static bool type_ok(const struct fdnet_sock *so, const uint8_t *hdr)
{
	bool v4 = so->proto == FDNET_PROTO_ICMP;

	if (hdr[1])
		return false;
	if (hdr[0] == (v4 ? FDNET_ICMP_ECHO : FDNET_ICMP6_ECHO))
		return true;
	return so->foreign && hdr[0] == (v4 ? FDNET_ICMP_ECHO_REPLY :
					      FDNET_ICMP6_ECHO_REPLY);
}

static int emit(struct fdnet_sock *so, struct fdnet_pkt *pkt,
		const struct fdnet_dgram_route *r)
{
	struct fdnet_stack *stack = so->stack;
	size_t total = fdnet_pkt_total(pkt) + 20;

	if (!so->foreign)
		fdnet_put16(pkt->data + IDENT_OFFSET, so->local.port);
	memset(pkt->data + FDNET_ICMP_CSUM_OFFSET, 0, 2);
	if (so->proto == FDNET_PROTO_ICMP)
		fdnet_csum_store(pkt->data + FDNET_ICMP_CSUM_OFFSET,
				 fdnet_csum_pkt(0, pkt, 0));
	else
		fdnet_ip_csum_fill(stack, pkt, &r->src, &r->dst.ip, so->proto,
				   FDNET_ICMP_CSUM_OFFSET);
	return fdnet_ip_finish(stack, pkt, &r->src, &r->dst.ip, so->proto,
			       r->ttl, r->tos, r->df && total <= r->mtu);
}

/* ping_common_sendmsg(), ping_v4_sendmsg() */
static ssize_t ping_send(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	struct fdnet_dgram_route r;
	ssize_t len = fdnet_iov_len(msg);
	uint8_t hdr[FDNET_ICMP_LEN];
	struct fdnet_pkt *pkt;
	int rc = fdnet_sock_autobind(so, NULL);

	if (rc)
		return rc;
	if (len < 0 || len > 65535)
		return -EMSGSIZE;
	if (len < FDNET_ICMP_LEN)
		return -EINVAL;
	if (msg->flags & FDNET_MSG_OOB)
		return -EOPNOTSUPP;
	fdnet_iov_copy(msg, 0, hdr, sizeof(hdr));
	if (!type_ok(so, hdr))
		return -EINVAL;
	rc = fdnet_dgram_route(so, msg, &r);
	if (!rc)
		rc = fdnet_dgram_check_size(so, &r, (size_t)len);
	if (!rc)
		rc = fdnet_dgram_can_send(so);
	if (rc)
		return rc;
	pkt = fdnet_dgram_build(so->stack, msg, 0, (size_t)len);
	if (!pkt)
		return -ENOBUFS;
	rc = fdnet_pkt_pull_up(pkt, FDNET_ICMP_LEN);
	if (!rc)
		rc = emit(so, pkt, &r);
	if (rc) {
		fdnet_pkt_free(pkt);
		return rc;
	}
	fdnet_dgram_queue(so, pkt);
	so->stack->counters[FDNET_C_ICMP_OUT]++;
	return len;
}

static ssize_t ping_recv(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	return fdnet_dgram_recv(so, msg, 0);
}

static int ping_connect(struct fdnet_sock *so, const struct fdnet_name *name)
{
	return fdnet_dgram_connect(so, name, false);
}

static uint32_t ping_inq(const struct fdnet_sock *so)
{
	const struct fdnet_pkt *pkt = ((const struct fdnet_dgram *)so)->rx.head;

	return pkt ? fdnet_pkt_total(pkt) : 0;
}

const struct fdnet_proto_ops fdnet_ping_ops = {
	.size = sizeof(struct fdnet_dgram),
	.destroy = fdnet_dgram_destroy,
	.close = fdnet_dgram_close,
	.connect = ping_connect,
	.shutdown = fdnet_dgram_shutdown,
	.send = ping_send,
	.recv = ping_recv,
	.poll = fdnet_dgram_poll,
	.output = fdnet_dgram_output,
	.input = ping_input,
	.icmp_error = ping_icmp_error,
	.inq = ping_inq,
	.outq = fdnet_dgram_outq,
	.unsent = fdnet_dgram_outq,
	.save = fdnet_save_dgram,
	.peer_gone = fdnet_dgram_peer_gone,
};
