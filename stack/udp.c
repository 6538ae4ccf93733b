/* SPDX-License-Identifier: Apache-2.0 */
/* UDP (RFC 768, RFC 1122 4.1), and UDP-Lite where it is the same; what is
 * not: udplite.h. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <linux/udp.h>
#include <netinet/in.h>

#include "stack/dgram.h"
#include "stack/cmsg.h"
#include "stack/errq.h"
#include "stack/icmp.h"
#include "stack/save.h"
#include "stack/sockopt_row.h"
#include "stack/udplite.h"
#include "stack/wire/bytes.h"
#include "stack/wire/dhcp.h"
#include "stack/wire/icmp.h"
#include "stack/wire/udp.h"

#define MAX_SEGMENTS 128 /* UDP_MAX_SEGMENTS */
#define BURST_IOVS   8	 /* with more, datagrams are read one by one */
#define MAX_MEMBERS  64	 /* sockets that get a copy of a group datagram */

struct udp_sock {
	struct fdnet_dgram d;
	int gso_size; /* UDP_SEGMENT */
	bool gro, cork;
	struct fdnet_udplite lite;
	/* what UDP_CORK or MSG_MORE holds back; NULL while nothing is */
	uint8_t *corked;
	uint32_t corked_len;
	struct fdnet_name corked_dst;
};

#define CORK_SIZE 65536

static struct udp_sock *udp_of(struct fdnet_sock *so)
{
	return (struct udp_sock *)so;
}

struct fdnet_udplite *fdnet_udplite_of(struct fdnet_sock *so)
{
	return so->proto == FDNET_PROTO_UDPLITE ? &udp_of(so)->lite : NULL;
}

static bool is_lite(const struct fdnet_sock *so)
{
	return so->proto == FDNET_PROTO_UDPLITE;
}

/* ---- input ---- */

static void bad(struct fdnet_stack *stack, struct fdnet_pkt *pkt)
{
	stack->counters[FDNET_C_UDP_BAD]++;
	fdnet_pkt_free(pkt);
}

static void no_port(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		    const struct fdnet_ip_in *in)
{
	stack->counters[FDNET_C_UDP_NO_PORT]++;
	fdnet_icmp_send_error(stack, pkt, in, FDNET_ICMP_UNREACH,
			      FDNET_ICMP_UNREACH_PORT, 0);
	fdnet_pkt_free(pkt);
}

static void to_group(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		     const struct fdnet_ip_in *in, const struct fdnet_name *local,
		     const struct fdnet_name *remote)
{
	struct fdnet_sock *socks[MAX_MEMBERS];
	struct fdnet_pkt *copy;
	unsigned int n, i;

	n = fdnet_demux_group(stack, in->proto, local, remote, in->ifindex,
			      socks, MAX_MEMBERS);
	if (!n)
		stack->counters[FDNET_C_UDP_NO_PORT]++;
	for (i = 0; i < n; i++) {
		copy = fdnet_dgram_clone(pkt, in->hdr_len);
		if (copy)
			socks[i]->ops->input(socks[i], copy, in);
	}
	fdnet_pkt_free(pkt);
}

void fdnet_udp_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		     const struct fdnet_ip_in *in)
{
	struct fdnet_name local = {.ip = in->dst}, remote = {.ip = in->src};
	struct fdnet_sock *so;
	struct fdnet_udp hdr;

	fdnet_udp_decode(pkt->data, pkt->len, &hdr);
	if (in->proto == FDNET_PROTO_UDPLITE) /* it is not a length there */
		hdr.len = 0;
	if (hdr.len && (hdr.len < FDNET_UDP_LEN || hdr.len > in->len)) {
		bad(stack, pkt);
		return;
	}
	if (hdr.len && hdr.len < in->len)
		fdnet_pkt_trim(pkt, hdr.len);
	if (hdr.dport == FDNET_DHCP_CLIENT_PORT && stack->dhcp.state &&
	    in->dst.family == 4 && in->proto == FDNET_PROTO_UDP) {
		fdnet_pkt_pull(pkt, FDNET_UDP_LEN);
		fdnet_dhcp_input(stack, pkt);
		fdnet_pkt_free(pkt);
		return;
	}
	local.port = hdr.dport;
	remote.port = hdr.sport;
	if (in->group) {
		to_group(stack, pkt, in, &local, &remote);
		return;
	}
	so = fdnet_demux_find(stack, in->proto, &local, &remote);
	if (so)
		so->ops->input(so, pkt, in);
	else if (in->no_csum)
		bad(stack, pkt);
	else
		no_port(stack, pkt, in);
}

static void udp_input(struct fdnet_sock *so, struct fdnet_pkt *pkt,
		      const struct fdnet_ip_in *in)
{
	if (is_lite(so) && !fdnet_udplite_wants(&udp_of(so)->lite, pkt)) {
		bad(so->stack, pkt);
		return;
	}
	/* RFC 6936: for those who asked for it */
	if (in->no_csum && !fdnet_sock_flag(so, FDNET_SF_NO_CHECK6_RX)) {
		bad(so->stack, pkt);
		return;
	}
	if (!fdnet_dgram_receive(so, pkt, in))
		so->stack->counters[FDNET_C_UDP_RCVBUF]++;
}

/* __udp4_lib_err(): an unconnected socket hears of errors only through its
 * error queue, a connected one of the final ones, and of a packet that was
 * too big for the way if it forbade to cut it. */
static void udp_icmp_error(struct fdnet_sock *so,
			   const struct fdnet_sock_error *err,
			   const uint8_t *inner, uint32_t inner_len, uint32_t mtu)
{
	int family = err->about.ip.family;
	bool fatal;

	fdnet_icmp_to_error(family, err->type, err->code, &fatal);
	if (err->error == EMSGSIZE)
		fatal = (family == 4 ? so->opts.mtu_discover
				     : so->opts.mtu_discover6) != 0;
	if (!fdnet_dgram_push_error(so, err, inner + FDNET_UDP_LEN,
				    inner_len - FDNET_UDP_LEN) &&
	    (!fatal || !so->peer.ip.family))
		return;
	so->error = err->error;
	fdnet_sock_event(so, FDNET_EV_ERR);
}

/* ---- output ---- */

static int send_one(struct fdnet_sock *so, const struct fdnet_msg *msg,
		    const struct fdnet_dgram_route *r, size_t offset, size_t len)
{
	struct fdnet_stack *stack = so->stack;
	struct fdnet_udp hdr = {
		.sport = msg->local.port ? msg->local.port : so->local.port,
		.dport = r->dst.port,
		.len = (uint16_t)(len + FDNET_UDP_LEN),
	};
	struct fdnet_pkt *pkt = fdnet_dgram_build(stack, msg, offset, len);
	size_t total = len + FDNET_UDP_LEN + (r->dst.ip.family == 4 ? 20 : 40);
	int rc;

	if (!pkt)
		return -ENOBUFS;
	fdnet_udp_encode(fdnet_pkt_push(pkt, FDNET_UDP_LEN), &hdr);
	if (is_lite(so))
		fdnet_udplite_seal(&udp_of(so)->lite, pkt, &r->src, &r->dst.ip);
	else if (r->dst.ip.family == 4
			 ? so->opts.no_check
			 : fdnet_sock_flag(so, FDNET_SF_NO_CHECK6_TX))
		pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
	else
		fdnet_ip_csum_fill(stack, pkt, &r->src, &r->dst.ip,
				   FDNET_PROTO_UDP, FDNET_UDP_CSUM_OFFSET);
	rc = fdnet_ip_finish(stack, pkt, &r->src, &r->dst.ip, so->proto, r->ttl,
			     r->tos, r->df && total <= r->mtu);
	if (rc) {
		fdnet_pkt_free(pkt);
		return rc;
	}
	/* see loop_group() in ip_out.c */
	if (r->group && (r->dst.ip.family == 4
				 ? so->opts.mcast_loop
				 : fdnet_sock_flag(so, FDNET_SF_MCAST_LOOP6)))
		pkt->flags |= FDNET_PKT_LOOPED;
	fdnet_dgram_queue(so, pkt);
	stack->counters[FDNET_C_UDP_OUT]++;
	return 0;
}

static int send_segments(struct fdnet_sock *so, const struct fdnet_msg *msg,
			 const struct fdnet_dgram_route *r, size_t total,
			 size_t size)
{
	size_t offset = 0, len;
	int rc;

	if (size + FDNET_UDP_LEN + (r->dst.ip.family == 4 ? 20 : 40) > r->mtu)
		return -EMSGSIZE;
	if (total > size * MAX_SEGMENTS)
		return -EINVAL;
	do {
		len = total - offset < size ? total - offset : size;
		rc = send_one(so, msg, r, offset, len);
		if (rc)
			return offset ? 0 : rc;
		offset += len;
	} while (offset < total);
	return 0;
}

static ssize_t send_now(struct fdnet_sock *so, const struct fdnet_msg *msg,
			const struct fdnet_dgram_route *r, size_t total)
{
	size_t size =
		msg->gso_size ? msg->gso_size : (size_t)udp_of(so)->gso_size;
	int rc;

	if (size && is_lite(so)) /* udp_send_skb() */
		return -EIO;
	if (size && total > size)
		rc = send_segments(so, msg, r, total, size);
	else
		rc = send_one(so, msg, r, 0, total);
	return rc ? rc : (ssize_t)total;
}

/* ---- corking ---- */

static void drop_corked(struct fdnet_sock *so)
{
	struct udp_sock *u = udp_of(so);

	fdnet_mem_free(so->stack->mem, u->corked, CORK_SIZE);
	u->corked = NULL;
	u->corked_len = 0;
}

static ssize_t send_corked(struct fdnet_sock *so)
{
	struct udp_sock *u = udp_of(so);
	struct iovec iov = {u->corked, u->corked_len};
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.to_from = u->corked_dst,
		.ttl = -1,
		.tos = -1,
	};
	struct fdnet_dgram_route r;
	ssize_t rc;

	rc = fdnet_dgram_route(so, &msg, &r);
	if (!rc)
		rc = send_now(so, &msg, &r, u->corked_len);
	drop_corked(so);
	return rc;
}

static ssize_t add_corked(struct fdnet_sock *so, const struct fdnet_msg *msg,
			  const struct fdnet_dgram_route *r, size_t len,
			  bool more)
{
	struct udp_sock *u = udp_of(so);
	ssize_t rc;

	if (!u->corked) {
		u->corked = fdnet_mem_alloc(so->stack->mem, CORK_SIZE);
		if (!u->corked)
			return -ENOBUFS;
		u->corked_dst = r->dst;
	}
	if (u->corked_len + len > 65507) {
		drop_corked(so);
		return -EMSGSIZE;
	}
	fdnet_iov_copy(msg, 0, u->corked + u->corked_len, len);
	u->corked_len += (uint32_t)len;
	if (more)
		return (ssize_t)len;
	rc = send_corked(so);
	return rc < 0 ? rc : (ssize_t)len;
}

/* udp_sendmsg(), with inet_send_prepare() before it */
static ssize_t udp_send(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	struct udp_sock *u = udp_of(so);
	bool more = u->cork || msg->flags & FDNET_MSG_MORE;
	struct fdnet_dgram_route r;
	ssize_t len = fdnet_iov_len(msg), done;
	int rc = fdnet_sock_autobind(so, NULL);

	if (rc)
		return rc;
	if (len < 0 || len > 65535)
		return -EMSGSIZE;
	if (msg->flags & FDNET_MSG_OOB)
		return -EOPNOTSUPP;
	if (msg->to_from.ip.family) {
		rc = fdnet_dgram_check_family(so, msg->to_from.ip.family);
		if (rc)
			return rc;
		if (!msg->to_from.port)
			return -EINVAL;
	}
	rc = fdnet_dgram_route(so, msg, &r);
	if (rc)
		return rc;
	if (!msg->gso_size && !u->gso_size) {
		rc = fdnet_dgram_check_size(so, &r, (size_t)len + FDNET_UDP_LEN);
		if (rc)
			return rc;
	}
	rc = fdnet_dgram_can_send(so);
	if (rc)
		return rc;
	if (more || u->corked)
		done = add_corked(so, msg, &r, (size_t)len, more);
	else
		done = send_now(so, msg, &r, (size_t)len);
	if (done > 0)
		fdnet_errq_zerocopy(so, msg->flags, (size_t)done);
	return done;
}

/* The buffers of @msg behind its first @skip bytes. Returns how many. */
static int iov_behind(const struct fdnet_msg *msg, size_t skip,
		      struct iovec *ret_iov)
{
	int i, n = 0;

	for (i = 0; i < msg->iovcnt && n < BURST_IOVS; i++) {
		struct iovec v = msg->iov[i];

		if (skip >= v.iov_len) {
			skip -= v.iov_len;
			continue;
		}
		ret_iov[n].iov_base = (char *)v.iov_base + skip;
		ret_iov[n++].iov_len = v.iov_len - skip;
		skip = 0;
	}
	return n;
}

/* UDP_GRO: the datagrams that follow go into the same read while they have
 * the same names and length; the last may be shorter. */
static size_t add_burst(struct fdnet_sock *so, struct fdnet_msg *msg,
			size_t size, const uint8_t ports[4])
{
	struct fdnet_pktq *rx = &fdnet_dgram_of(so)->rx;
	size_t total = size, room = (size_t)fdnet_iov_len(msg), len = size;
	struct iovec iov[BURST_IOVS];
	int n;

	for (n = 1; n < MAX_SEGMENTS && rx->head && len == size; n++) {
		struct fdnet_msg next = {
			.iov = iov,
			.iovcnt = iov_behind(msg, total, iov),
			.flags = FDNET_MSG_PEEK,
		};

		len = fdnet_pkt_total(rx->head) - FDNET_UDP_LEN;
		if (!len || len > size || total + len > room ||
		    total + len > 65535 || memcmp(rx->head->data, ports, 4) ||
		    fdnet_dgram_recv(so, &next, FDNET_UDP_LEN) != (ssize_t)len ||
		    !fdnet_ip_equal(&next.to_from.ip, &msg->to_from.ip) ||
		    !fdnet_ip_equal(&next.local.ip, &msg->local.ip) ||
		    next.tos != msg->tos)
			break;
		fdnet_pkt_free(fdnet_pktq_pop(rx));
		total += len;
	}
	if (total > size)
		msg->gso_size = (uint16_t)size;
	return total;
}

static ssize_t udp_recv(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	struct fdnet_pkt *pkt = fdnet_dgram_of(so)->rx.head;
	uint16_t sport = 0, dport = 0;
	bool peek = msg->flags & (FDNET_MSG_PEEK | FDNET_MSG_TRUNC);
	uint8_t ports[4];
	ssize_t rc;

	if (pkt) {
		sport = fdnet_get16(pkt->data);
		dport = fdnet_get16(pkt->data + 2);
		memcpy(ports, pkt->data, 4);
	}
	if (msg->flags & FDNET_MSG_OOB && !(msg->flags & FDNET_MSG_ERRQUEUE))
		msg->flags &= ~FDNET_MSG_OOB;
	rc = fdnet_dgram_recv(so, msg, FDNET_UDP_LEN);
	if (rc < 0 || msg->flags & FDNET_MSG_ERRQUEUE || !pkt)
		return rc;
	if (rc && udp_of(so)->gro && !peek && !(msg->flags & FDNET_MSG_TRUNC) &&
	    msg->iovcnt <= BURST_IOVS)
		rc = (ssize_t)add_burst(so, msg, (size_t)rc, ports);
	if (msg->gso_size) {
		int size = msg->gso_size;

		fdnet_cmsg_put(msg, IPPROTO_UDP, UDP_GRO, &size, sizeof(size));
	}
	msg->to_from.port = sport;
	msg->local.port = dport;
	return rc;
}

/* ---- the rest ---- */

static int udp_connect(struct fdnet_sock *so, const struct fdnet_name *name)
{
	return fdnet_dgram_connect(so, name, true);
}

static uint32_t udp_inq(const struct fdnet_sock *so)
{
	const struct fdnet_pkt *pkt = ((const struct fdnet_dgram *)so)->rx.head;

	return pkt ? fdnet_pkt_total(pkt) - FDNET_UDP_LEN : 0;
}

static void udp_destroy(struct fdnet_sock *so)
{
	drop_corked(so);
	fdnet_dgram_destroy(so);
}

static void udp_save(struct fdnet_save *s, struct fdnet_sock *so)
{
	struct udp_sock *u = udp_of(so);

	u->gso_size = fdnet_save_int(s, u->gso_size, 0, 65535);
	u->gro = fdnet_save_bool(s, u->gro);
	u->cork = fdnet_save_bool(s, u->cork);
	if (fdnet_save_bool(s, u->corked)) {
		u->corked_len = fdnet_save_count(s, u->corked_len, 65507, 1);
		fdnet_save_name(s, &u->corked_dst);
		if (s->reading && !s->rc)
			u->corked = fdnet_mem_alloc(so->stack->mem, CORK_SIZE);
		if (u->corked)
			fdnet_save_bytes(s, u->corked, u->corked_len);
		else
			fdnet_save_fail(s, -ENOMEM);
	}
	if (is_lite(so)) {
		u->lite.send = fdnet_save_u16(s, u->lite.send);
		u->lite.recv = fdnet_save_u16(s, u->lite.recv);
		u->lite.has_recv = fdnet_save_bool(s, u->lite.has_recv);
	}
	fdnet_save_dgram(s, so);
}

/* ---- options ---- */

int fdnet_opt_set_udp_cork(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			   const void *val, uint32_t len)
{
	struct udp_sock *u = udp_of(so);

	u->cork = fdnet_opt_take_int(val, len);
	if (!u->cork && u->corked)
		send_corked(so);
	return 0;
}

int fdnet_opt_get_udp_cork(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			   void *val, uint32_t *len)
{
	return fdnet_sockopt_give_int(val, len, udp_of(so)->cork);
}

int fdnet_opt_set_udp_segment(struct fdnet_sock *so,
			      const struct fdnet_opt_row *row, const void *val,
			      uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (value < 0 || value > 65535)
		return -EINVAL;
	udp_of(so)->gso_size = value;
	return 0;
}

int fdnet_opt_get_udp_segment(struct fdnet_sock *so,
			      const struct fdnet_opt_row *row, void *val,
			      uint32_t *len)
{
	return fdnet_sockopt_give_int(val, len, udp_of(so)->gso_size);
}

int fdnet_opt_set_udp_gro(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  const void *val, uint32_t len)
{
	udp_of(so)->gro = fdnet_opt_take_int(val, len);
	return 0;
}

int fdnet_opt_get_udp_gro(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  void *val, uint32_t *len)
{
	return fdnet_sockopt_give_int(val, len, udp_of(so)->gro);
}

/* No packets are decapsulated here. */
int fdnet_opt_set_udp_encap(struct fdnet_sock *so,
			    const struct fdnet_opt_row *row, const void *val,
			    uint32_t len)
{
	return fdnet_opt_take_int(val, len) ? -ENOPROTOOPT : 0;
}

const struct fdnet_proto_ops fdnet_udp_ops = {
	.proto = FDNET_PROTO_UDP,
	.size = sizeof(struct udp_sock),
	.destroy = udp_destroy,
	.close = fdnet_dgram_close,
	.connect = udp_connect,
	.shutdown = fdnet_dgram_shutdown,
	.send = udp_send,
	.recv = udp_recv,
	.poll = fdnet_dgram_poll,
	.output = fdnet_dgram_output,
	.input = udp_input,
	.icmp_error = udp_icmp_error,
	.inq = udp_inq,
	.outq = fdnet_dgram_outq,
	.unsent = fdnet_dgram_outq,
	.save = udp_save,
	.peer_gone = fdnet_dgram_peer_gone,
};
