/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/dgram.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <linux/errqueue.h>
#include <netinet/in.h>

#include "stack/cmsg.h"
#include "stack/errq.h"
#include "stack/sockopt.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"

/* What stands in pkt->user of a received packet. */
enum { USER_TIME = 0, USER_INFO = 1, USER_MORE = 2 };

static uint32_t charge(const struct fdnet_pktq *q)
{
	return q->bytes + q->pkts * FDNET_DGRAM_OVERHEAD;
}

/* ---- messages ---- */

ssize_t fdnet_iov_len(const struct fdnet_msg *msg)
{
	size_t len = 0;
	int i;

	for (i = 0; i < msg->iovcnt; i++) {
		if (msg->iov[i].iov_len > SSIZE_MAX - len)
			return -EINVAL;
		len += msg->iov[i].iov_len;
	}
	return (ssize_t)len;
}

void fdnet_iov_copy(const struct fdnet_msg *msg, size_t offset, void *dst,
		    size_t len)
{
	uint8_t *p = dst;
	size_t n;
	int i;

	for (i = 0; len && i < msg->iovcnt; i++) {
		const struct iovec *iov = &msg->iov[i];

		if (offset >= iov->iov_len) {
			offset -= iov->iov_len;
			continue;
		}
		n = iov->iov_len - offset < len ? iov->iov_len - offset : len;
		memcpy(p, (const uint8_t *)iov->iov_base + offset, n);
		p += n;
		len -= n;
		offset = 0;
	}
}

size_t fdnet_iov_fill(const struct fdnet_msg *msg, const struct fdnet_pkt *pkt,
		      uint32_t from)
{
	size_t done = 0;
	uint32_t n;
	int i;

	for (i = 0; i < msg->iovcnt; i++) {
		size_t room = msg->iov[i].iov_len;

		if (room > UINT32_MAX)
			room = UINT32_MAX;
		n = fdnet_pkt_copy_out(pkt, from, msg->iov[i].iov_base,
				       (uint32_t)room);
		done += n;
		from += n;
		if (n < room)
			break;
	}
	return done;
}

/* ---- receiving ---- */

struct fdnet_pkt *fdnet_dgram_clone(struct fdnet_pkt *pkt, uint32_t hdr_len)
{
	struct fdnet_pkt *copy;

	fdnet_pkt_push(pkt, hdr_len);
	copy = fdnet_pkt_clone(pkt);
	fdnet_pkt_pull(pkt, hdr_len);
	if (copy)
		fdnet_pkt_pull(copy, hdr_len);
	return copy;
}

void fdnet_dgram_get_info(const struct fdnet_pkt *pkt,
			  struct fdnet_dgram_info *ret)
{
	ret->time_us = pkt->user[USER_TIME].u64;
	ret->hdr_len = (uint32_t)pkt->user[USER_INFO].u64;
	ret->ifindex = (int)(pkt->user[USER_INFO].u64 >> 32);
	ret->drops = (uint32_t)pkt->user[USER_MORE].u64;
	ret->frag_size = (uint16_t)(pkt->user[USER_MORE].u64 >> 32);
}

void fdnet_dgram_set_info(struct fdnet_pkt *pkt,
			  const struct fdnet_dgram_info *info)
{
	pkt->user[USER_TIME].u64 = info->time_us;
	pkt->user[USER_INFO].u64 = (uint64_t)info->hdr_len |
				   (uint64_t)info->ifindex << 32;
	pkt->user[USER_MORE].u64 = (uint64_t)info->drops |
				   (uint64_t)info->frag_size << 32;
}

bool fdnet_dgram_keep(struct fdnet_sock *so, struct fdnet_pkt *pkt)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);

	if (charge(&d->rx) >= so->opts.rcvbuf) {
		d->drops++;
		fdnet_pkt_free(pkt);
		return false;
	}
	fdnet_pktq_push(&d->rx, pkt);
	fdnet_sock_event(so, FDNET_EV_IN);
	return true;
}

bool fdnet_dgram_receive(struct fdnet_sock *so, struct fdnet_pkt *pkt,
			 const struct fdnet_ip_in *in)
{
	struct fdnet_dgram_info info = {
		.hdr_len = in->hdr_len,
		.ifindex = in->ifindex,
		.time_us = so->stack->now_us,
		.drops = fdnet_dgram_of(so)->drops,
		.frag_size = in->frag_max,
	};

	if (in->ttl < so->opts.min_ttl) {
		fdnet_pkt_free(pkt);
		return false;
	}
	fdnet_dgram_set_info(pkt, &info);
	return fdnet_dgram_keep(so, pkt);
}

static void describe(const struct fdnet_pkt *pkt, struct fdnet_msg *msg)
{
	uint64_t info = pkt->user[USER_INFO].u64;
	const uint8_t *ip = pkt->data - (uint32_t)info;

	memset(&msg->to_from, 0, sizeof(msg->to_from));
	memset(&msg->local, 0, sizeof(msg->local));
	if (ip[0] >> 4 == 4) {
		msg->to_from.ip.family = 4;
		msg->local.ip.family = 4;
		memcpy(msg->to_from.ip.bytes, ip + 12, 4);
		memcpy(msg->local.ip.bytes, ip + 16, 4);
		msg->tos = ip[1];
		msg->ttl = ip[8];
	} else {
		msg->to_from.ip.family = 6;
		msg->local.ip.family = 6;
		memcpy(msg->to_from.ip.bytes, ip + 8, 16);
		memcpy(msg->local.ip.bytes, ip + 24, 16);
		msg->tos = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
		msg->ttl = ip[7];
	}
	msg->ifindex = (int)(info >> 32);
	msg->gso_size = 0;
	msg->time_us = pkt->user[USER_TIME].u64;
}

/* ipv6_recv_rxpmtu(): what a send that was too large learned. */
static ssize_t recv_path_mtu(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);
	struct ip6_mtuinfo info = {
		.ip6m_addr = { .sin6_family = AF_INET6 },
		.ip6m_mtu = d->path_mtu,
	};

	memset(&msg->to_from, 0, sizeof(msg->to_from));
	msg->to_from.ip = d->path_dst;
	memcpy(&info.ip6m_addr.sin6_addr, d->path_dst.bytes, 16);
	d->path_mtu = 0;
	fdnet_cmsg_put(msg, IPPROTO_IPV6, IPV6_PATHMTU, &info, sizeof(info));
	return 0;
}

ssize_t fdnet_dgram_recv(struct fdnet_sock *so, struct fdnet_msg *msg,
			 uint32_t skip)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);
	int flags = msg->flags, rc;
	struct fdnet_pkt *pkt;
	uint32_t ip_len, len;
	size_t done;

	msg->flags = 0;
	msg->control_len = 0;
	if (flags & FDNET_MSG_ERRQUEUE)
		return fdnet_errq_recv(so, msg);
	if (d->path_mtu && fdnet_sock_flag(so, FDNET_SF_PATHMTU6))
		return recv_path_mtu(so, msg);
	rc = fdnet_sock_take_error(so);
	if (rc)
		return rc;
	pkt = d->rx.head;
	if (!pkt)
		return d->shut_rd && !(flags & FDNET_MSG_DONTWAIT) ? 0 :
								     -EAGAIN;
	describe(pkt, msg);
	if (skip == FDNET_DGRAM_IP_HEADER) {
		ip_len = (uint32_t)pkt->user[USER_INFO].u64;
		fdnet_pkt_push(pkt, ip_len);
		len = fdnet_pkt_total(pkt);
		done = fdnet_iov_fill(msg, pkt, 0);
		fdnet_pkt_pull(pkt, ip_len);
	} else {
		len = fdnet_pkt_total(pkt) - skip;
		done = fdnet_iov_fill(msg, pkt, skip);
	}
	if (done < len)
		msg->flags |= FDNET_MSG_TRUNC;
	fdnet_cmsg_packet(so, pkt, msg);
	if (!(flags & FDNET_MSG_PEEK))
		fdnet_pkt_free(fdnet_pktq_pop(&d->rx));
	return flags & FDNET_MSG_TRUNC ? (ssize_t)len : (ssize_t)done;
}

/* ---- sending ---- */

int fdnet_dgram_can_send(struct fdnet_sock *so)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);
	int rc = fdnet_sock_take_error(so);

	if (rc)
		return rc;
	if (d->shut_wr)
		return -EPIPE;
	if (charge(&d->tx) >= so->opts.sndbuf) {
		d->out_owed = true;
		return -EAGAIN;
	}
	return 0;
}

/* Room for payload in the page that small senders share. */
static int page_room(struct fdnet_stack *stack, uint32_t *ret_room)
{
	/* nobody else holds it any more: start again */
	if (stack->page && stack->page->refs == 1)
		stack->page_used = 0;
	if (!stack->page || stack->page_used == stack->page->size) {
		fdnet_buf_unref(stack->page);
		stack->page_used = 0;
		stack->page = fdnet_buf_new(stack->cfg.pool);
		if (!stack->page)
			return -ENOMEM;
	}
	*ret_room = stack->page->size - stack->page_used;
	return 0;
}

static int fill_slices(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
		       const struct fdnet_msg *msg, size_t offset, size_t len)
{
	uint32_t room, n;
	uint8_t *p;

	while (len) {
		if (page_room(stack, &room))
			return -ENOMEM;
		n = len < room ? (uint32_t)len : room;
		p = stack->page->data + stack->page_used;
		fdnet_iov_copy(msg, offset, p, n);
		if (fdnet_pkt_add_slice(pkt, stack->page, p, n))
			return -ENOMEM;
		stack->page_used += n;
		offset += n;
		len -= n;
	}
	return 0;
}

struct fdnet_pkt *fdnet_dgram_build(struct fdnet_stack *stack,
				    const struct fdnet_msg *msg, size_t offset,
				    size_t len)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(stack->cfg.pool);

	if (!pkt)
		return NULL;
	if (len <= FDNET_DGRAM_LINEAR) {
		fdnet_iov_copy(msg, offset, fdnet_pkt_put(pkt, (uint32_t)len),
			       len);
		return pkt;
	}
	if (fill_slices(stack, pkt, msg, offset, len)) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	return pkt;
}

void fdnet_dgram_queue(struct fdnet_sock *so, struct fdnet_pkt *pkt)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);

	if (so->opts.mtu6 && pkt->ethertype == 0x86dd)
		pkt->user[FDNET_USER_OUT_MTU].u64 = so->opts.mtu6;
	fdnet_pktq_push(&d->tx, pkt);
	fdnet_sock_want_output(so);
}

struct fdnet_pkt *fdnet_dgram_output(struct fdnet_sock *so)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);
	struct fdnet_pkt *pkt = fdnet_pktq_pop(&d->tx);

	if (pkt && fdnet_errq_stamp_wanted(so))
		fdnet_errq_stamp_pkt(so, pkt);
	/* sock_writeable(): half of the buffer is free */
	if (d->out_owed && charge(&d->tx) < so->opts.sndbuf / 2) {
		d->out_owed = false;
		fdnet_sock_event(so, FDNET_EV_OUT);
	}
	return pkt;
}

/* ---- where to ---- */

/* The socket's own settings for the destination's family. */
static void route_opts(struct fdnet_sock *so, const struct fdnet_msg *msg,
		       struct fdnet_dgram_route *r)
{
	const struct fdnet_sock_opts *opts = &so->opts;
	bool v4 = r->dst.ip.family == 4;
	bool mcast = fdnet_ip_is_multicast(&r->dst.ip);
	int pmtu = v4 ? opts->mtu_discover : opts->mtu_discover6;

	if (mcast)
		r->ttl = v4 ? opts->mcast_ttl : opts->mcast_hops6;
	else
		r->ttl = v4 ? opts->ttl : opts->hops6;
	if (mcast && r->ttl < 0)
		r->ttl = 1;
	r->tos = v4 ? opts->tos : opts->tclass6;
	if (msg->ttl > 0)
		r->ttl = msg->ttl;
	if (msg->tos >= 0 && fdnet_sock_flag(so, FDNET_SF_MSG_TOS))
		r->tos = msg->tos;
	/* IP_PMTUDISC_DO and _PROBE; _WANT sets it on what fits anyway */
	r->df = v4 && (pmtu == 2 || pmtu == 3 || pmtu == 1);
}

static struct fdnet_ip loopback(int family)
{
	return family == 4 ? fdnet_ip4(0x7f000001)
			   : (struct fdnet_ip){6, {[15] = 1}};
}

static int route_source(struct fdnet_sock *so, const struct fdnet_msg *msg,
			struct fdnet_dgram_route *r)
{
	struct fdnet_stack *stack = so->stack;

	if (msg->local.ip.family && !fdnet_ip_is_any(&msg->local.ip)) {
		if (msg->local.ip.family != r->dst.ip.family ||
		    (!stack->cfg.gateway &&
		     !fdnet_stack_is_local(stack, &msg->local.ip)))
			return -EINVAL;
		r->src = msg->local.ip;
		return 0;
	}
	if (so->local.ip.family == 4 && r->dst.ip.family == 6)
		return -EAFNOSUPPORT;
	if (r->group && fdnet_ip_is_any(&so->local.ip) &&
	    (so->opts.mcast_if == 1 || so->opts.bound_dev == 1)) {
		r->src = loopback(r->dst.ip.family);
		return 0;
	}
	if (fdnet_ip_is_any(&so->local.ip) ||
	    fdnet_ip_is_multicast(&so->local.ip) ||
	    fdnet_ip_is_broadcast(stack, &so->local.ip) ||
	    so->local.ip.family != r->dst.ip.family)
		return fdnet_ip_source(stack, &r->dst.ip, &r->src);
	r->src = so->local.ip;
	/* IP_FREEBIND: IPv4 listens there only, ip_route_output() */
	if (r->src.family == 4 && !stack->cfg.gateway &&
	    !fdnet_stack_is_local(stack, &r->src))
		return -ENETUNREACH;
	/* ip_route_output(): 127.0.0.1 does not speak to the outside */
	if (r->src.family == 4 && fdnet_ip_is_loopback(&r->src) &&
	    !fdnet_stack_is_local(stack, &r->dst.ip) && !r->group &&
	    !stack->cfg.gateway)
		return -EINVAL;
	return 0;
}

static int route_dest(struct fdnet_sock *so, const struct fdnet_msg *msg,
		      struct fdnet_name *ret_dst)
{
	if (!msg->to_from.ip.family) {
		if (!so->peer.ip.family)
			return -EDESTADDRREQ;
		*ret_dst = so->peer;
		return 0;
	}
	*ret_dst = msg->to_from;
	return fdnet_dgram_check_family(so, ret_dst->ip.family);
}

int fdnet_dgram_check_family(const struct fdnet_sock *so, uint8_t family)
{
	if (so->family == 4)
		return family == 4 ? 0 : -EAFNOSUPPORT;
	if (family == 4 && (so->opts.v6only ||
			    (so->user_addr && so->local.ip.family == 6)))
		return -ENETUNREACH;
	return 0;
}

/* Nobody's address is the own host: 0.0.0.0 and :: as destinations; for a
 * socket that speaks IPv4, :: too is 127.0.0.1, and 0.0.0.0 the address that
 * it is bound to. */
static void any_is_loopback(const struct fdnet_sock *so, struct fdnet_ip *ip)
{
	if (!fdnet_ip_is_any(ip))
		return;
	if (ip->family == 4 && so->local.ip.family == 4 &&
	    !fdnet_ip_is_any(&so->local.ip))
		*ip = so->local.ip;
	else
		*ip = loopback(ip->family == 4 || so->local.ip.family == 4 ? 4
									   : 6);
}

int fdnet_dgram_route(struct fdnet_sock *so, const struct fdnet_msg *msg,
		      struct fdnet_dgram_route *ret_route)
{
	struct fdnet_stack *stack = so->stack;
	struct fdnet_dgram_route r = { 0 };
	bool broadcast;
	int rc;

	rc = route_dest(so, msg, &r.dst);
	if (rc)
		return rc;
	any_is_loopback(so, &r.dst.ip);
	broadcast = fdnet_ip_is_broadcast(stack, &r.dst.ip);
	r.group = broadcast || fdnet_ip_is_multicast(&r.dst.ip);
	rc = fdnet_sock_may_reach(so, &r.dst.ip,
				  msg->flags & FDNET_MSG_DONTROUTE);
	if (rc)
		return rc;
	rc = route_source(so, msg, &r);
	if (rc)
		return rc;
	if (stack->dead)
		return -ENETDOWN;
	if (broadcast && !so->opts.broadcast && !stack->cfg.gateway)
		return -EACCES;
	route_opts(so, msg, &r);
	r.mtu = fdnet_ip_mtu(stack, &r.dst.ip);
	if (r.dst.ip.family == 6 && so->opts.mtu6 && so->opts.mtu6 < r.mtu)
		r.mtu = so->opts.mtu6;
	if (msg->flags & FDNET_MSG_CONFIRM)
		fdnet_neigh_confirm(stack, &r.dst.ip);
	*ret_route = r;
	return 0;
}

int fdnet_dgram_check_size(struct fdnet_sock *so,
			   const struct fdnet_dgram_route *route, size_t len)
{
	bool v4 = route->dst.ip.family == 4;
	size_t total = len + (v4 ? 20 : 40), max = v4 ? 65535 : 65575;
	int pmtu = v4 ? so->opts.mtu_discover : so->opts.mtu_discover6;
	bool whole = (v4 && pmtu >= 2 && pmtu <= 4) ||
		     (!v4 && ((pmtu >= 2 && pmtu <= 4) ||
			      fdnet_sock_flag(so, FDNET_SF_DONTFRAG)));
	struct fdnet_sock_error err = {
		.error = EMSGSIZE,
		.origin = SO_EE_ORIGIN_LOCAL,
		.info = route->mtu,
		.about = route->dst,
	};

	if (whole)
		max = route->mtu;
	if (total <= max)
		return 0;
	if (!v4 && fdnet_sock_flag(so, FDNET_SF_PATHMTU6)) {
		fdnet_dgram_of(so)->path_mtu = route->mtu;
		fdnet_dgram_of(so)->path_dst = route->dst.ip;
	}
	fdnet_dgram_push_error(so, &err, NULL, 0);
	return -EMSGSIZE;
}

/* ---- errors ---- */

bool fdnet_dgram_push_error(struct fdnet_sock *so,
			    const struct fdnet_sock_error *err,
			    const uint8_t *data, uint32_t len)
{
	bool wanted = err->about.ip.family == 4 ?
			      so->opts.recverr :
			      fdnet_sock_flag(so, FDNET_SF_RECVERR6);

	if (wanted)
		fdnet_errq_push(so, err, data, len);
	return wanted;
}

/* ---- calls ---- */

void fdnet_dgram_destroy(struct fdnet_sock *so)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);

	fdnet_pktq_purge(&d->rx);
	fdnet_pktq_purge(&d->tx);
	fdnet_errq_free(so);
}

/* What was sent is sent, also when the socket is gone before the link has
 * taken it. */
void fdnet_dgram_close(struct fdnet_sock *so)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);

	if (so->stack->orphans.bytes < FDNET_MAX_ORPHAN_BYTES)
		fdnet_pktq_splice(&so->stack->orphans, &d->tx);
	so->ops->destroy(so);
	fdnet_sock_release(so);
}

/* As inet_shutdown(): takes effect without a peer too, but says so. */
int fdnet_dgram_shutdown(struct fdnet_sock *so, int how)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);

	if (how != FDNET_SHUT_WR)
		d->shut_rd = true;
	if (how != FDNET_SHUT_RD)
		d->shut_wr = true;
	fdnet_sock_event(so, fdnet_dgram_poll(so));
	return so->peer.ip.family ? 0 : -ENOTCONN;
}

/* datagram_poll() */
uint32_t fdnet_dgram_poll(struct fdnet_sock *so)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);
	uint32_t ev = 0;

	if (so->error || fdnet_errq_has(so))
		ev |= FDNET_EV_ERR;
	if (fdnet_errq_has(so) && fdnet_sock_flag(so, FDNET_SF_SELECT_ERRQ))
		ev |= FDNET_EV_PRI;
	if (d->shut_rd)
		ev |= FDNET_EV_RDHUP | FDNET_EV_IN;
	if (d->shut_rd && d->shut_wr)
		ev |= FDNET_EV_HUP;
	if (d->rx.head)
		ev |= FDNET_EV_IN;
	if (charge(&d->tx) < so->opts.sndbuf / 2)
		ev |= FDNET_EV_OUT;
	else
		d->out_owed = true;
	return ev;
}

uint32_t fdnet_dgram_outq(const struct fdnet_sock *so)
{
	const struct fdnet_dgram *d = (const struct fdnet_dgram *)so;

	return d->tx.bytes;
}

/* A datagram socket has no connection to lose; what cannot be sent any more
 * is dropped. */
void fdnet_dgram_peer_gone(struct fdnet_sock *so, bool reset)
{
	struct fdnet_dgram *d = fdnet_dgram_of(so);

	if (!reset)
		return;
	fdnet_pktq_purge(&d->tx);
	if (d->out_owed) {
		d->out_owed = false;
		fdnet_sock_event(so, FDNET_EV_OUT);
	}
}

static int disconnect(struct fdnet_sock *so)
{
	fdnet_demux_disconnect(so);
	memset(&so->peer, 0, sizeof(so->peer));
	if (!so->user_addr) {
		memset(&so->local.ip, 0, sizeof(so->local.ip));
		so->local.ip.family = so->family;
	}
	if (!so->user_port && so->type == FDNET_SOCK_DGRAM && !so->foreign) {
		fdnet_demux_remove(so);
		so->local.port = 0;
	}
	return 0;
}

int fdnet_dgram_connect(struct fdnet_sock *so, const struct fdnet_name *name,
			bool in_demux)
{
	struct fdnet_msg msg = { .to_from = *name, .ttl = -1, .tos = -1 };
	struct fdnet_dgram_route r;
	int rc;

	if (!name->ip.family)
		return disconnect(so);
	if (so->type == FDNET_SOCK_DGRAM) {
		rc = fdnet_sock_autobind(so, &name->ip);
		if (rc)
			return rc;
	}
	rc = fdnet_dgram_route(so, &msg, &r);
	if (rc)
		return rc;
	fdnet_demux_disconnect(so);
	so->peer = r.dst;
	if (fdnet_ip_is_any(&so->local.ip))
		so->local.ip = r.src;
	/* without a port only the address is matched: demux_matches() */
	return in_demux && r.dst.port ? fdnet_demux_connect(so) : 0;
}
