/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening: connections that nobody has accepted yet (RFC 9293 3.10.7.2,
 * RFC 4987).
 *
 * How it works: a SYN becomes a small entry in the listener's SYN queue, and
 * a socket only when the handshake is complete. On a lossless way it becomes a
 * socket at once: the peer's ACK cannot get lost, so it is not waited for and
 * may ride on its first data.
 *
 * A listener whose accept queue is full takes no SYN, as the kernel does, and
 * the peer tries again: after 1 s, 3 s, 7 s, however soon there is room. Where
 * nothing gets lost the SYN is *held* instead: it waits in the SYN queue,
 * unanswered, so that its sender sees the same as from a kernel, and each call
 * of accept() that makes room takes the oldest in. Senders who give up take
 * theirs back by a RST (fdnet_tcp_withdraw()).
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "stack/tcp_listen.h"

#define COOKIE_LIFE_US (120 * FDNET_SEC)

/* ---- queue of sockets ---- */

static bool queue_full(const struct fdnet_tcp_listener *l)
{
	return l->nqueued > l->backlog;
}

bool fdnet_tcp_accept_ready(const struct fdnet_tcp *tp)
{
	return tp->listener && tp->listener->head;
}

void fdnet_tcp_listen_info(const struct fdnet_tcp *tp, uint32_t *ret_len,
			   uint32_t *ret_max)
{
	*ret_len = tp->listener ? tp->listener->nqueued : 0;
	*ret_max = tp->listener ? tp->listener->backlog : 0;
}

static bool is_early(const struct fdnet_tcp *child)
{
	return child->fo_child && child->state == FDNET_TCP_SYN_RECV;
}

void fdnet_tcp_fo_confirmed(struct fdnet_tcp *child)
{
	if (child->parent && child->parent->listener && is_early(child))
		child->parent->listener->nearly--;
}

void fdnet_tcp_enqueue(struct fdnet_tcp *tp, struct fdnet_tcp *child)
{
	struct fdnet_tcp_listener *l = tp->listener;

	child->acc_next = NULL;
	child->parent = tp;
	if (l->tail)
		l->tail->acc_next = child;
	else
		l->head = child;
	l->tail = child;
	l->nqueued++;
	l->nearly += is_early(child);
	fdnet_tcp_event(tp, FDNET_EV_IN);
}

static struct fdnet_tcp *dequeue(struct fdnet_tcp_listener *l)
{
	struct fdnet_tcp *child = l->head;

	if (!child)
		return NULL;
	l->head = child->acc_next;
	if (!l->head)
		l->tail = NULL;
	l->nqueued--;
	l->nearly -= is_early(child);
	child->acc_next = NULL;
	child->parent = NULL;
	child->queued = false;
	return child;
}

void fdnet_tcp_unqueue(struct fdnet_tcp *child)
{
	struct fdnet_tcp_listener *l;
	struct fdnet_tcp **link, *prev = NULL;

	if (!child->parent)
		return;
	l = child->parent->listener;
	for (link = &l->head; *link != child; link = &prev->acc_next)
		prev = *link;
	*link = child->acc_next;
	if (l->tail == child)
		l->tail = prev;
	l->nqueued--;
	l->nearly -= is_early(child);
	child->parent = NULL;
}

int fdnet_tcp_accept(struct fdnet_sock *so, struct fdnet_sock **ret_so)
{
	struct fdnet_tcp *tp = tcp_of(so), *child;

	if (tp->state != FDNET_TCP_LISTEN)
		return -EINVAL;
	child = dequeue(tp->listener);
	if (!child)
		return -EAGAIN;
	fdnet_tcp_admit_held(tp);
	/* What happened before nobody was told of. */
	fdnet_tcp_event(child, fdnet_tcp_poll(&child->so));
	*ret_so = &child->so;
	return 0;
}

int fdnet_tcp_listen(struct fdnet_sock *so, int backlog)
{
	struct fdnet_tcp *tp = tcp_of(so);
	uint32_t limit = (uint32_t)backlog; /* negative: as many as allowed */
	uint32_t most = fdnet_stack_cfg(so->stack)->limits.backlog;
	int rc;

	if (limit > most)
		limit = most;
	if (tp->state == FDNET_TCP_LISTEN) {
		tp->listener->backlog = limit;
		fdnet_tcp_admit_held(tp);
		return 0;
	}
	/* nor while connect() has an outcome to tell */
	if (tp->state != FDNET_TCP_CLOSE || tp->was_connected || tp->connecting)
		return -EINVAL;
	rc = fdnet_sock_autobind(so, NULL);
	if (rc)
		return rc == -EADDRNOTAVAIL ? rc : -EADDRINUSE;
	tp->listener = fdnet_mem_alloc(tcp_mem(tp), sizeof(*tp->listener));
	if (!tp->listener)
		return -ENOMEM;
	rc = fdnet_demux_listen(so);
	if (rc) {
		fdnet_mem_free(tcp_mem(tp), tp->listener, sizeof(*tp->listener));
		tp->listener = NULL;
		return rc;
	}
	tp->listener->backlog = limit;
	tp->shutdown = 0;
	so->error = 0;
	tp->state = FDNET_TCP_LISTEN;
	tp->rcv_wscale = fdnet_tcp_pick_wscale(tp);
	return 0;
}

/* ---- a child ---- */

void fdnet_tcp_from_syn(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr)
{
	const struct fdnet_tcp_settings *cfg =
		&fdnet_stack_cfg(tp->so.stack)->tcp;

	tp->irs = hdr->seq;
	tp->rcv_nxt = hdr->seq + 1;
	tp->rcv_wup = tp->rcv_nxt;
	tp->last_ack_sent = tp->rcv_nxt;
	tp->rcv_adv = tp->rcv_nxt + fdnet_synq_window(tp);
	tp->urg_seq = tp->rcv_nxt;
	tp->snd_wnd = hdr->wnd; /* never scaled in a SYN (RFC 7323 2.2) */
	tp->max_wnd = tp->snd_wnd;
	tp->snd_wl1 = hdr->seq;
	tp->peer_mss = hdr->mss ? hdr->mss : FDNET_TCP_MSS_DEFAULT;
	tp->sack_ok = hdr->sack_ok && !cfg->no_sack;
	tp->ts_ok = hdr->has_ts && !cfg->no_timestamps;
	if (hdr->has_ts) {
		tp->ts_recent = hdr->ts_val;
		tp->ts_recent_us = tcp_now(tp);
	}
	tp->ecn_ok = tp->passive && !tp->lossless && fdnet_synq_wants_ecn(hdr) &&
		     cfg->ecn != FDNET_TCP_ECN_NEVER;
	tp->wscale_ok = hdr->wscale != FDNET_TCP_WSCALE_NONE && !cfg->no_wscale;
	tp->snd_wscale = tp->wscale_ok ? hdr->wscale : 0;
	if (!tp->wscale_ok)
		tp->rcv_wscale = 0;
	fdnet_tcp_sync_mss(tp);
}

static void inherit(struct fdnet_tcp *child, const struct fdnet_tcp *tp)
{
	child->so.opts = tp->so.opts;
	child->so.foreign = tp->so.foreign;
	child->nodelay = tp->nodelay;
	child->cork = tp->cork;
	child->user_mss = tp->user_mss;
	child->keep_idle_s = tp->keep_idle_s;
	child->keep_intvl_s = tp->keep_intvl_s;
	child->keep_cnt = tp->keep_cnt;
	child->syn_cnt = tp->syn_cnt;
	child->linger2_s = tp->linger2_s;
	child->user_timeout_ms = tp->user_timeout_ms;
	child->window_clamp = tp->window_clamp;
	child->notsent_lowat = tp->notsent_lowat;
	child->cc = tp->cc;
	child->fo_no_cookie = tp->fo_no_cookie;
	child->rcv_wscale = tp->rcv_wscale;
}

/* In SYN_RECV, its SYN-ACK sent or due. @syn: the SYN of @seg, or what is
 * remembered of it. */
static struct fdnet_tcp *new_child(struct fdnet_tcp *tp,
				   const struct fdnet_tcp_arrival *seg,
				   const struct fdnet_tcp_hdr *syn, uint32_t iss)
{
	struct fdnet_sock *so =
		fdnet_sock_new(tp->so.stack, tp->so.ops, tp->so.family,
			       tp->so.type, tp->so.proto);
	struct fdnet_tcp *child;

	if (!so)
		goto none;
	child = tcp_of(so);
	inherit(child, tp);
	so->local = seg->local;
	so->peer = seg->peer;
	child->passive = true;
	child->queued = true;
	if (fdnet_demux_connect(so)) {
		fdnet_sock_release(so);
		goto none;
	}
	fdnet_tcp_set_way(child);
	fdnet_tcp_start_seq(child, iss);
	child->snd_nxt = iss + 1;
	fdnet_tcp_from_syn(child, syn);
	child->state = FDNET_TCP_SYN_RECV;
	tcp_count(tp, FDNET_C_TCP_PASSIVE_OPEN);
	return child;
none:
	tcp_count(tp, FDNET_C_TCP_LIMIT);
	return NULL;
}

void fdnet_tcp_open_lossless(struct fdnet_tcp *tp)
{
	tp->snd_una = tp->snd_nxt = tp->iss + 1;
	fdnet_tcp_established(tp);
	tp->syn_unconfirmed = true;
	tp->syn_due = true;
}

/* ---- segments ---- */

/* A child's first segment is dealt with: it waits to be accepted. */
static void queue_child(struct fdnet_tcp *tp, struct fdnet_tcp *child)
{
	fdnet_tcp_enqueue(tp, child);
	fdnet_tcp_settle(child);
}

/* The data of a SYN, from a copy. */
static void take_syn_data(struct fdnet_tcp *child,
			  const struct fdnet_tcp_arrival *seg)
{
	struct fdnet_pkt *data = NULL;

	if (seg->len && seg->len <= child->rcv_adv - child->rcv_nxt)
		data = fdnet_pkt_clone(seg->pkt);
	if (!data)
		return;
	fdnet_pkt_pull(data, seg->hdr->hdr_len);
	fdnet_rcvq_append(&child->rcvq, tcp_pool(child), data);
	child->rcv_nxt += seg->len;
	child->bytes_received += seg->len;
	child->syn_data_acked = true;
}

/* RFC 7413 4.2: a connection at once, with the data of its SYN. */
static void open_early(struct fdnet_tcp *tp, const struct fdnet_tcp_arrival *seg)
{
	uint32_t iss = fdnet_tcp_isn(tp->so.stack, &seg->local, &seg->peer);
	struct fdnet_tcp *child = new_child(tp, seg, seg->hdr, iss);

	if (!child)
		return;
	child->fo_child = true;
	child->syn_due = true;
	child->drs_us = (uint32_t)tcp_now(tp);
	child->last_rcv_us = tcp_now(tp);
	fdnet_tcp_cc_start(child);
	take_syn_data(child, seg);
	queue_child(tp, child);
}

/* The way cannot lose the last ACK: it is not waited for. */
static void open_lossless(struct fdnet_tcp *tp,
			  const struct fdnet_tcp_arrival *seg)
{
	uint32_t iss = fdnet_tcp_isn(tp->so.stack, &seg->local, &seg->peer);
	struct fdnet_tcp *child = new_child(tp, seg, seg->hdr, iss);

	if (!child)
		return;
	fdnet_tcp_open_lossless(child);
	queue_child(tp, child);
}

static bool is_lossless(const struct fdnet_tcp *tp, const struct fdnet_ip *peer)
{
	const struct fdnet_stack_config *cfg = fdnet_stack_cfg(tp->so.stack);

	return cfg->lossless ||
	       (!cfg->switched && fdnet_stack_is_local(tp->so.stack, peer));
}

/* A held one has room now. Without memory its peer tries again. */
static void open_held(struct fdnet_tcp *tp, struct fdnet_tcp_syn *entry)
{
	struct fdnet_tcp_arrival seg;
	struct fdnet_tcp *child;

	memset(&seg, 0, sizeof(seg));
	seg.local = entry->local;
	seg.peer = entry->peer;
	child = new_child(tp, &seg, &entry->syn, entry->iss);
	fdnet_synq_drop(tp, fdnet_synq_find(tp, &entry->local, &entry->peer));
	if (!child)
		return;
	fdnet_tcp_open_lossless(child);
	queue_child(tp, child);
}

void fdnet_tcp_admit_held(struct fdnet_tcp *tp)
{
	struct fdnet_tcp_listener *l = tp->listener;

	while (l->held && !queue_full(l)) {
		if (!tp->defer_accept_s)
			open_held(tp, l->held);
		else if (!fdnet_synq_full(tp))
			fdnet_synq_unhold(tp, l->held);
		else
			break;
	}
}

/* Again, or another after the first was given up. */
static void syn_again(struct fdnet_tcp *tp, struct fdnet_tcp_syn *entry,
		      const struct fdnet_tcp_arrival *seg)
{
	if (!entry->held)
		fdnet_synq_answer(tp, entry, NULL);
	else
		entry->syn = *seg->hdr;
}

static void syn_arrived(struct fdnet_tcp *tp, const struct fdnet_tcp_arrival *seg)
{
	struct fdnet_tcp_syn **link =
		fdnet_synq_find(tp, &seg->local, &seg->peer);
	struct fdnet_tcp_fo fo;

	if (*link) {
		syn_again(tp, *link, seg);
		return;
	}
	if (queue_full(tp->listener)) {
		if (is_lossless(tp, &seg->peer.ip))
			fdnet_synq_hold(tp, link, seg);
		else
			tcp_count(tp, FDNET_C_TCP_BACKLOG);
		return;
	}
	if (!tp->defer_accept_s && is_lossless(tp, &seg->peer.ip)) {
		open_lossless(tp, seg);
		return;
	}
	if (fdnet_tcp_fo_server(tp, seg->hdr, seg->in, seg->len,
				tp->listener->nearly, &fo))
		open_early(tp, seg);
	else
		fdnet_synq_add(tp, link, seg, &fo);
}

static bool has_cookies_out(const struct fdnet_tcp *tp)
{
	const struct fdnet_tcp_listener *l = tp->listener;

	return l->cookie_us && tcp_now(tp) - l->cookie_us <= COOKIE_LIFE_US;
}

bool fdnet_tcp_expects(const struct fdnet_sock *so,
		       const struct fdnet_name *local,
		       const struct fdnet_name *peer)
{
	const struct fdnet_tcp *tp = tcp_of_const(so);
	struct fdnet_name from;

	memset(&from, 0, sizeof(from)); /* hashed with its padding */
	from.ip = peer->ip;
	from.port = peer->port;
	return has_cookies_out(tp) ||
	       *fdnet_synq_find((struct fdnet_tcp *)tp, local, &from);
}

/* Does the ACK carry a cookie of ours? Then the connection is made from it,
 * and the segment taken. */
static bool cookie_arrived(struct fdnet_tcp *tp,
			   const struct fdnet_tcp_arrival *seg)
{
	struct fdnet_tcp_listener *l = tp->listener;
	struct fdnet_tcp_hdr syn;
	struct fdnet_tcp *child;

	if (!has_cookies_out(tp) || queue_full(l) ||
	    !fdnet_tcp_cookie_check(tp->so.stack, &seg->local, &seg->peer,
				    seg->hdr, &syn))
		return false;
	child = new_child(tp, seg, &syn, seg->hdr->ack - 1);
	if (!child)
		return false;
	fdnet_tcp_segment(child, seg->pkt, seg->hdr, seg->in);
	queue_child(tp, child);
	return true;
}

/* Who was told that the connection stands, on a way that loses nothing, does
 * not expect to have to say anything twice. */
static bool is_no_room(const struct fdnet_tcp *tp,
		       const struct fdnet_tcp_syn *entry)
{
	return queue_full(tp->listener) &&
	       (tp->listener->nqueued >= fdnet_synq_held_max(tp) ||
		!is_lossless(tp, &entry->peer.ip));
}

/* May this ACK complete the handshake at @entry? */
static bool may_complete(struct fdnet_tcp *tp, struct fdnet_tcp_syn *entry,
			 const struct fdnet_tcp_arrival *seg)
{
	uint32_t first = entry->syn.seq + 1, seq = seg->hdr->seq;

	if (seq_lt(seq, first) || seq_gt(seq, first + fdnet_synq_window(tp)))
		return false;
	if (tp->defer_accept_s && !seg->len &&
	    entry->retries < FDNET_SYNACK_RETRIES) {
		entry->acked = true;
		return false;
	}
	if (is_no_room(tp, entry)) {
		tcp_count(tp, FDNET_C_TCP_BACKLOG);
		return false;
	}
	return true;
}

/* The handshake at @link is complete; false: no memory. */
static bool complete(struct fdnet_tcp *tp, struct fdnet_tcp_syn **link,
		     const struct fdnet_tcp_arrival *seg)
{
	struct fdnet_tcp_syn *entry = *link;
	struct fdnet_tcp *child = new_child(tp, seg, &entry->syn, entry->iss);

	if (!child)
		return false;
	child->ts_offset = entry->ts_offset;
	child->backoff = entry->retries;
	child->last_send_us = entry->due_us - FDNET_SYNACK_RTO_US;
	fdnet_synq_drop(tp, link);
	fdnet_tcp_segment(child, seg->pkt, seg->hdr, seg->in);
	queue_child(tp, child);
	return true;
}

/* Returns whether the segment was taken. */
static bool ack_arrived(struct fdnet_tcp *tp, const struct fdnet_tcp_arrival *seg)
{
	struct fdnet_tcp_syn **link =
		fdnet_synq_find(tp, &seg->local, &seg->peer);

	if (!*link && cookie_arrived(tp, seg))
		return true;
	if (!*link || seg->hdr->ack != (*link)->iss + 1) {
		fdnet_tcp_rst_for(tp->so.stack, seg->in, seg->hdr, seg->len);
		return false;
	}
	return may_complete(tp, *link, seg) && complete(tp, link, seg);
}

static void rst_arrived(struct fdnet_tcp *tp, const struct fdnet_tcp_arrival *seg)
{
	struct fdnet_tcp_syn **link =
		fdnet_synq_find(tp, &seg->local, &seg->peer);

	if (*link && seg->hdr->seq == (*link)->syn.seq + 1)
		fdnet_synq_drop(tp, link);
}

void fdnet_tcp_listen_input(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
			    const struct fdnet_tcp_hdr *hdr,
			    const struct fdnet_ip_in *in)
{
	struct fdnet_tcp_arrival seg;

	memset(&seg, 0, sizeof(seg)); /* names are hashed with their padding */
	seg.pkt = pkt;
	seg.hdr = hdr;
	seg.in = in;
	seg.len = fdnet_pkt_total(pkt) - hdr->hdr_len;
	seg.local.ip = in->dst;
	seg.local.port = hdr->dport;
	seg.local.scope = tp->so.local.scope;
	seg.peer.ip = in->src;
	seg.peer.port = hdr->sport;
	if (hdr->flags & FDNET_TH_RST) {
		rst_arrived(tp, &seg);
	} else if (hdr->flags & FDNET_TH_SYN) {
		if (hdr->flags & FDNET_TH_ACK)
			fdnet_tcp_rst_for(tp->so.stack, in, hdr, 0);
		else if (!in->group && !(hdr->flags & FDNET_TH_FIN))
			syn_arrived(tp, &seg);
	} else if (hdr->flags & FDNET_TH_ACK) {
		if (ack_arrived(tp, &seg))
			return;
	}
	fdnet_pkt_free(pkt);
}

/* ---- the end ---- */

static void drop_child(struct fdnet_tcp *child)
{
	if (child->state != FDNET_TCP_CLOSE) {
		fdnet_tcp_reset_out(child);
		tcp_count(child, FDNET_C_TCP_ABORT);
	}
	child->so.detached = true;
	fdnet_tcp_done(child, 0);
	fdnet_tcp_settle(child);
}

void fdnet_tcp_listen_done(struct fdnet_tcp *tp, bool quiet)
{
	struct fdnet_tcp_listener *l = tp->listener;
	struct fdnet_tcp *child;

	if (!l)
		return;
	for (int i = 0; i < FDNET_SYNQ_BUCKETS; i++) {
		while (l->syn[i])
			fdnet_synq_drop(tp, &l->syn[i]);
	}
	while ((child = dequeue(l))) {
		if (!quiet)
			drop_child(child);
	}
	fdnet_mem_free(tcp_mem(tp), l, sizeof(*l));
	tp->listener = NULL;
}

unsigned int fdnet_tcp_backlog(const struct fdnet_sock *so)
{
	const struct fdnet_tcp *tp = tcp_of_const(so);

	return tp->listener ? tp->listener->nqueued : 0;
}

void fdnet_tcp_each_queued(const struct fdnet_sock *so,
			   void (*fn)(void *arg, const struct fdnet_name *local,
				      const struct fdnet_name *peer),
			   void *arg)
{
	const struct fdnet_tcp *tp = tcp_of_const(so), *child, *next;
	const struct fdnet_tcp_syn *entry, *tmp;

	if (!tp->listener)
		return;
	for (child = tp->listener->head; child; child = next) {
		next = child->acc_next; /* this one may go */
		fn(arg, &child->so.local, &child->so.peer);
	}
	DL_FOREACH_SAFE2(tp->listener->held, entry, tmp, held_next)
		fn(arg, &entry->local, &entry->peer);
}

void fdnet_tcp_forget_queue(struct fdnet_sock *so)
{
	struct fdnet_tcp *tp = tcp_of(so), *child;

	while (tp->listener && (child = dequeue(tp->listener)))
		fdnet_sock_forget(&child->so);
}
