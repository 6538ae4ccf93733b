/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gateways: connections that a guest asks for and the embedder answers;
 * hand-over; the end of the link.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/save.h"
#include "stack/tcp_internal.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"

/* IP header with options or extensions, and 8 bytes of TCP. */
#define QUOTE_MAX 136

/* The start of the SYN, for an ICMP error that quotes it. */
struct fdnet_tcp_request {
	struct fdnet_ip_in in;
	uint32_t len; /* of quote: in.hdr_len and some of TCP's header */
	uint8_t quote[QUOTE_MAX];
};

/* ---- requests ---- */

static struct fdnet_tcp_request *keep_syn(struct fdnet_stack *stack,
					  const struct fdnet_pkt *pkt,
					  const struct fdnet_ip_in *in)
{
	struct fdnet_tcp_request *req;
	uint32_t tcp_len = 20;

	if (in->hdr_len + tcp_len > QUOTE_MAX || pkt->len < tcp_len)
		return NULL;
	req = fdnet_mem_alloc(fdnet_stack_mem(stack), sizeof(*req));
	if (!req)
		return NULL;
	req->in = *in;
	req->len = in->hdr_len + tcp_len;
	memcpy(req->quote, in->hdr, in->hdr_len);
	memcpy(req->quote + in->hdr_len, pkt->data, tcp_len);
	return req;
}

void fdnet_tcp_request_free(struct fdnet_tcp *tp)
{
	fdnet_mem_free(tcp_mem(tp), tp->request, sizeof(*tp->request));
	tp->request = NULL;
	tp->pending = false;
}

static struct fdnet_tcp *new_request(struct fdnet_stack *stack,
				     const struct fdnet_tcp_hdr *hdr,
				     const struct fdnet_ip_in *in)
{
	struct fdnet_sock *so = fdnet_sock_new(
		stack, &fdnet_tcp_ops, in->dst.family, FDNET_SOCK_STREAM, 6);
	struct fdnet_tcp *tp;

	if (!so)
		return NULL;
	tp = tcp_of(so);
	so->foreign = true;
	so->local = (struct fdnet_name){.ip = in->dst, .port = hdr->dport};
	so->peer = (struct fdnet_name){.ip = in->src, .port = hdr->sport};
	tp->passive = true;
	tp->pending = true;
	if (fdnet_demux_connect(so)) {
		fdnet_sock_release(so);
		return NULL;
	}
	tp->rcv_wscale = fdnet_tcp_pick_wscale(tp);
	fdnet_tcp_set_way(tp);
	fdnet_tcp_start_seq(tp, fdnet_tcp_isn(stack, &so->local, &so->peer));
	fdnet_tcp_from_syn(tp, hdr);
	tp->state = FDNET_TCP_SYN_RECV;
	return tp;
}

bool fdnet_tcp_request_syn(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			   const struct fdnet_tcp_hdr *hdr,
			   const struct fdnet_ip_in *in)
{
	const uint8_t mask =
		FDNET_TH_SYN | FDNET_TH_ACK | FDNET_TH_RST | FDNET_TH_FIN;
	struct fdnet_tcp *tp;

	if (!fdnet_stack_cfg(stack)->forward || in->group ||
	    (hdr->flags & mask) != FDNET_TH_SYN)
		return false;
	tp = new_request(stack, hdr, in);
	if (!tp) {
		/* The limit. The guest's kernel would see a full backlog. */
		fdnet_stack_count(stack, FDNET_C_TCP_LIMIT);
		return true;
	}
	tp->request = keep_syn(stack, pkt, in);
	fdnet_stack_queue_request(&tp->so);
	return true;
}

int fdnet_sock_admit(struct fdnet_sock *so)
{
	struct fdnet_tcp *tp = tcp_of(so);

	if (so->ops != &fdnet_tcp_ops)
		return -EOPNOTSUPP;
	if (!tp->pending)
		return tp->state == FDNET_TCP_CLOSE ? -ECONNABORTED : -EINVAL;
	fdnet_tcp_request_free(tp);
	tcp_count(tp, FDNET_C_TCP_PASSIVE_OPEN);
	if (tp->lossless)
		fdnet_tcp_open_lossless(tp);
	else
		tp->syn_due = true;
	fdnet_tcp_settle(tp);
	return 0;
}

/* ICMPv4's "destination unreachable" code for an errno. */
static int unreachable_code(const struct fdnet_tcp *tp, int error)
{
	switch (error) {
	case ETIMEDOUT:
		return tp->lossless ? FDNET_ICMP_UNREACH_TIMED_OUT : -1;
	case ENETUNREACH:
		return 0;
	case EHOSTUNREACH:
		return 1;
	case EACCES:
	case EPERM:
		return 13; /* administratively prohibited */
	default:
		return -1;
	}
}

static void send_unreachable(struct fdnet_tcp *tp, int code)
{
	struct fdnet_tcp_request *req = tp->request;
	struct fdnet_pkt *pkt = req ? fdnet_pkt_new(tcp_pool(tp)) : NULL;
	uint8_t *dst;

	if (!pkt)
		return;
	dst = fdnet_pkt_put(pkt, req->len);
	if (dst) {
		memcpy(dst, req->quote, req->len);
		fdnet_pkt_pull(pkt, req->in.hdr_len);
		req->in.hdr = dst;
		fdnet_icmp_send_error(tp->so.stack, pkt, &req->in, 3,
				      (uint8_t)code, 0);
	}
	fdnet_pkt_free(pkt);
}

void fdnet_sock_refuse(struct fdnet_sock *so, int error)
{
	struct fdnet_tcp *tp = tcp_of(so);
	int code;

	if (so->ops == &fdnet_tcp_ops && tp->pending) {
		code = unreachable_code(tp, error);
		if (code >= 0)
			send_unreachable(tp, code);
		else if (error != ETIMEDOUT)
			fdnet_tcp_reset_out(tp);
		fdnet_tcp_done(tp, 0);
	}
	fdnet_sock_close(so);
}

void fdnet_sock_abort(struct fdnet_sock *so)
{
	struct fdnet_tcp *tp = tcp_of(so);

	if (so->ops == &fdnet_tcp_ops && tp->state != FDNET_TCP_LISTEN) {
		if (!tcp_in_state(tp, TCP_S(CLOSE) | TCP_S(SYN_SENT))) {
			fdnet_tcp_reset_out(tp);
			tcp_count(tp, FDNET_C_TCP_ABORT);
		} else if (tp->state == FDNET_TCP_SYN_SENT) {
			fdnet_tcp_withdraw(tp);
		}
		fdnet_tcp_done(tp, 0);
	}
	fdnet_sock_close(so);
}

/* The next segment that the peer would send, as if it had come: quoted. */
static uint32_t next_segment(const struct fdnet_tcp *tp, uint8_t *dst)
{
	const struct fdnet_name *from = &tp->so.peer, *to = &tp->so.local;
	uint32_t len;

	if (from->ip.family == 4) {
		struct fdnet_ipv4 ip = {
			.hdr_len = FDNET_IPV4_MIN_LEN,
			.total_len = FDNET_IPV4_MIN_LEN + 20,
			.ttl = 64,
			.proto = FDNET_PROTO_TCP,
		};

		memcpy(ip.src, from->ip.bytes, 4);
		memcpy(ip.dst, to->ip.bytes, 4);
		fdnet_ipv4_encode(dst, &ip);
		len = FDNET_IPV4_MIN_LEN;
	} else {
		struct fdnet_ipv6 ip = {
			.payload_len = 20,
			.next = FDNET_PROTO_TCP,
			.hops = 64,
		};

		memcpy(ip.src, from->ip.bytes, 16);
		memcpy(ip.dst, to->ip.bytes, 16);
		fdnet_ipv6_encode(dst, &ip);
		len = FDNET_IPV6_LEN;
	}
	memset(dst + len, 0, 20);
	fdnet_put16(dst + len, from->port);
	fdnet_put16(dst + len + 2, to->port);
	fdnet_put32(dst + len + 4, tp->rcv_nxt);
	return len;
}

static void send_end(struct fdnet_tcp *tp, int code)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(tcp_pool(tp));
	uint8_t quote[FDNET_IPV6_LEN + 20];
	struct fdnet_ip_in in = {
		.src = tp->so.peer.ip,
		.dst = tp->so.local.ip,
		.proto = FDNET_PROTO_TCP,
		.hdr = quote,
	};
	uint8_t *dst = pkt ? fdnet_pkt_put(pkt, 20) : NULL;

	if (dst) {
		in.hdr_len = next_segment(tp, quote);
		memcpy(dst, quote + in.hdr_len, 20);
		/* no stranger can ask for it: not counted as an error */
		pkt->flags |= FDNET_PKT_LOOPED;
		fdnet_icmp_send_error(tp->so.stack, pkt, &in,
				      FDNET_ICMP_UNREACH, (uint8_t)code, 0);
	}
	fdnet_pkt_free(pkt);
}

void fdnet_sock_fail(struct fdnet_sock *so, int error)
{
	struct fdnet_tcp *tp = tcp_of(so);
	int code = fdnet_tcp_end_code(error);

	if (so->ops == &fdnet_tcp_ops && tp->lossless && code >= 0 &&
	    tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(FIN_WAIT1) |
				     TCP_S(FIN_WAIT2) | TCP_S(CLOSE_WAIT) |
				     TCP_S(CLOSING) | TCP_S(LAST_ACK)))
		send_end(tp, code);
	/* who does not know the code believes this */
	fdnet_sock_abort(so);
}

void fdnet_save_request(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	struct fdnet_tcp_request *req = tp->request;
	bool there = fdnet_save_bool(s, req);

	if (!there)
		return;
	if (s->reading && !s->rc) {
		req = fdnet_mem_alloc(tcp_mem(tp), sizeof(*req));
		if (!req)
			fdnet_save_fail(s, -ENOMEM);
		tp->request = req;
	}
	if (!req)
		return;
	fdnet_save_ip(s, &req->in.src);
	fdnet_save_ip(s, &req->in.dst);
	req->in.proto = fdnet_save_u8(s, req->in.proto);
	req->in.ttl = fdnet_save_u8(s, req->in.ttl);
	req->in.tos = fdnet_save_u8(s, req->in.tos);
	req->in.ident = fdnet_save_u16(s, req->in.ident);
	req->in.len = fdnet_save_u32(s, req->in.len);
	req->in.ifindex = fdnet_save_int(s, req->in.ifindex, 1, 2);
	req->in.hdr_len = fdnet_save_u32(s, req->in.hdr_len);
	req->len = fdnet_save_count(s, req->len, QUOTE_MAX, 1);
	fdnet_save_bytes(s, req->quote, req->len);
	fdnet_save_check(s, req->in.hdr_len >= 20 &&
				    req->len == req->in.hdr_len + 20 &&
				    fdnet_ip_equal(&req->in.src,
						   &tp->so.peer.ip) &&
				    fdnet_ip_equal(&req->in.dst,
						   &tp->so.local.ip));
}

/* ---- hand-over ---- */

/* What was not sent yet, as packets. NULL with @ret_error set: no memory. */
static struct fdnet_pkt *unsent_packets(struct fdnet_tcp *tp, int *ret_error)
{
	uint32_t offset = tp->sndq.bytes - tcp_unsent(tp);
	struct fdnet_pkt *head = NULL, **link = &head;

	*ret_error = 0;
	while (offset < tp->sndq.bytes) {
		struct fdnet_pkt *pkt = fdnet_pkt_new(tcp_pool(tp));
		uint32_t got = 0;

		if (pkt)
			got = fdnet_sndq_attach(&tp->sndq, tcp_pool(tp), pkt, offset,
						tp->sndq.bytes - offset);
		if (!got) {
			fdnet_pkt_free(pkt);
			fdnet_pkt_free_list(head);
			*ret_error = -ENOMEM;
			return NULL;
		}
		pkt->next = NULL;
		*link = pkt;
		link = &pkt->next;
		offset += got;
	}
	return head;
}

int fdnet_sock_cut(struct fdnet_sock *so, struct fdnet_cut *ret_cut,
		   struct fdnet_pkt **ret_unread, struct fdnet_pkt **ret_unsent)
{
	struct fdnet_tcp *tp = tcp_of(so);
	struct fdnet_pkt *unsent;
	int rc;

	if (so->ops != &fdnet_tcp_ops ||
	    !tcp_in_state(tp, TCP_S(ESTABLISHED) | TCP_S(CLOSE_WAIT)))
		return -ENOTCONN;
	unsent = unsent_packets(tp, &rc);
	if (rc)
		return rc;
	*ret_cut = (struct fdnet_cut){
		.local = so->local,
		.peer = so->peer,
		.snd_nxt = tp->snd_nxt,
		.rcv_nxt = tp->rcv_nxt,
	};
	*ret_unsent = unsent;
	*ret_unread = tp->rcvq.head;
	tp->rcvq.head = tp->rcvq.tail = NULL;
	tp->rcvq.bytes = 0;
	fdnet_tcp_done(tp, 0);
	fdnet_sock_close(so);
	return 0;
}

/* ---- the end of the link ---- */

/* Both ends are in this stack: no link between them. */
static bool inside(const struct fdnet_sock *so)
{
	return fdnet_demux_find_conn(so->stack, 6, &so->peer, &so->local);
}

void fdnet_tcp_peer_gone(struct fdnet_sock *so, bool reset)
{
	struct fdnet_tcp *tp = tcp_of(so);

	if (tcp_in_state(tp, TCP_S(LISTEN) | TCP_S(CLOSE)) || inside(so))
		return;
	if (reset || tcp_in_state(tp, TCP_S(SYN_SENT) | TCP_S(SYN_RECV)) ||
	    (tp->sndq.bytes && !so->detached))
		fdnet_tcp_done(tp, ECONNRESET);
	else
		fdnet_tcp_done(tp, 0);
	fdnet_tcp_settle(tp);
}
