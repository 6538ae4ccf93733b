/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening: connections that nobody has accepted yet (RFC 9293 3.10.7.2,
 * RFC 4987).
 *
 * How it works: a SYN becomes a small entry in the listener's SYN queue, and
 * a socket only when the handshake is complete. On a lossless way it becomes a
 * socket at once: the peer's ACK cannot get lost, so it is not waited for and
 * may ride on its first data. A listener whose accept queue is full takes no
 * SYN, as the kernel does; the peer tries again.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/save.h"
#include "stack/tcp_internal.h"

#define BACKLOG_MAX    4096 /* net.core.somaxconn */
#define SYN_BUCKETS    64
#define SYN_MIN	       128 /* half-open ones that are always kept */
#define SYNACK_RETRIES 5
#define SYNACK_RTO_US  FDNET_SEC
#define COOKIE_LIFE_US (120 * FDNET_SEC)

struct syn_entry {
	struct syn_entry *next;
	struct fdnet_name local, peer;
	struct fdnet_tcp_hdr syn;
	uint32_t iss, ts_offset;
	uint64_t due_us; /* SYN-ACK again */
	uint8_t retries;
	bool acked; /* TCP_DEFER_ACCEPT: waits for data */
};

struct fdnet_tcp_listener {
	uint32_t backlog;
	uint32_t nqueued;
	struct fdnet_tcp *head, *tail;
	uint32_t nsyn;
	uint32_t nearly;    /* queued by fast open and not acknowledged yet */
	uint64_t cookie_us; /* when one was sent last, 0: never */
	struct syn_entry *syn[SYN_BUCKETS];
};

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

static void enqueue(struct fdnet_tcp *tp, struct fdnet_tcp *child)
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
	/* What happened before nobody was told of. */
	fdnet_tcp_event(child, fdnet_tcp_poll(&child->so));
	*ret_so = &child->so;
	return 0;
}

int fdnet_tcp_listen(struct fdnet_sock *so, int backlog)
{
	struct fdnet_tcp *tp = tcp_of(so);
	uint32_t limit = (uint32_t)backlog; /* negative: as many as allowed */
	int rc;

	if (limit > BACKLOG_MAX)
		limit = BACKLOG_MAX;
	if (tp->state == FDNET_TCP_LISTEN) {
		tp->listener->backlog = limit;
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

/* ---- SYN queue ---- */

static struct syn_entry **find_entry(struct fdnet_tcp *tp,
				     const struct fdnet_name *local,
				     const struct fdnet_name *peer)
{
	uint64_t hash = fdnet_stack_hash(tp->so.stack, peer, sizeof(*peer));
	struct syn_entry **link = &tp->listener->syn[hash % SYN_BUCKETS];

	while (*link && ((*link)->peer.port != peer->port ||
			 (*link)->local.port != local->port ||
			 !fdnet_ip_equal(&(*link)->peer.ip, &peer->ip) ||
			 !fdnet_ip_equal(&(*link)->local.ip, &local->ip)))
		link = &(*link)->next;
	return link;
}

static void drop_entry(struct fdnet_tcp *tp, struct syn_entry **link)
{
	struct syn_entry *entry = *link;

	*link = entry->next;
	if (!--tp->listener->nsyn)
		fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE, FDNET_NEVER);
	fdnet_mem_free(tcp_mem(tp), entry, sizeof(*entry));
}

static uint16_t offered_mss(const struct fdnet_tcp *tp,
			    const struct fdnet_ip *peer)
{
	uint32_t mtu = fdnet_ip_mtu(tp->so.stack, peer);
	uint32_t mss = (mtu > 65535 ? 65535 : mtu) -
		       (peer->family == 6 ? 40 : 20) - FDNET_TCP_HDR_MIN;

	if (tp->user_mss && tp->user_mss < mss)
		mss = tp->user_mss;
	return (uint16_t)mss;
}

static uint16_t syn_window(const struct fdnet_tcp *tp)
{
	uint32_t space = fdnet_tcp_rcv_space(tp);

	return (uint16_t)(space < 65535 ? space : 65535);
}

/* RFC 3168 6.1.1: the SYN has both bits, the answer ECE alone. */
static bool wants_ecn(const struct fdnet_tcp_hdr *syn)
{
	const uint8_t both = FDNET_TH_ECE | FDNET_TH_CWR;

	return (syn->flags & both) == both;
}

/* @fo: the fast open option to answer with, or NULL */
static void send_synack(struct fdnet_tcp *tp, const struct syn_entry *entry,
			const struct fdnet_tcp_fo *fo)
{
	const struct fdnet_tcp_settings *cfg =
		&fdnet_stack_cfg(tp->so.stack)->tcp;
	const struct fdnet_tcp_hdr *syn = &entry->syn;
	struct fdnet_tcp_hdr hdr = {
		.flags = FDNET_TH_SYN | FDNET_TH_ACK,
		.seq = entry->iss,
		.ack = syn->seq + 1,
		.wnd = syn_window(tp),
		.mss = offered_mss(tp, &entry->peer.ip),
		.sack_ok = syn->sack_ok && !cfg->no_sack,
		.has_ts = syn->has_ts && !cfg->no_timestamps,
		.ts_val = entry->ts_offset +
			  (uint32_t)(fdnet_stack_time(tp->so.stack) / 1000),
		.ts_ecr = syn->ts_val,
		.wscale = syn->wscale == FDNET_TCP_WSCALE_NONE || cfg->no_wscale
				  ? FDNET_TCP_WSCALE_NONE
				  : tp->rcv_wscale,
	};

	if (wants_ecn(syn) && cfg->ecn != FDNET_TCP_ECN_NEVER)
		hdr.flags |= FDNET_TH_ECE;
	if (fo)
		hdr.fo = *fo;
	fdnet_tcp_send_bare(tp->so.stack, &entry->local, &entry->peer, &hdr);
}

/* Under flood: an answer that needs no memory (RFC 4987 3.6). */
static void send_cookie(struct fdnet_tcp *tp, const struct fdnet_name *local,
			const struct fdnet_name *peer,
			const struct fdnet_tcp_hdr *syn)
{
	struct fdnet_tcp_hdr hdr = {
		.flags = FDNET_TH_SYN | FDNET_TH_ACK,
		.seq = fdnet_tcp_cookie_make(tp->so.stack, local, peer, syn),
		.ack = syn->seq + 1,
		.wnd = syn_window(tp),
		.mss = offered_mss(tp, &peer->ip),
		.wscale = FDNET_TCP_WSCALE_NONE,
	};

	tcp_count(tp, FDNET_C_TCP_LIMIT);
	tp->listener->cookie_us = tcp_now(tp);
	fdnet_tcp_send_bare(tp->so.stack, local, peer, &hdr);
}

static uint32_t syn_limit(const struct fdnet_tcp_listener *l)
{
	return l->backlog > SYN_MIN ? l->backlog : SYN_MIN;
}

static void new_entry(struct fdnet_tcp *tp, struct syn_entry **link,
		      const struct fdnet_name *local,
		      const struct fdnet_name *peer,
		      const struct fdnet_tcp_hdr *hdr,
		      const struct fdnet_tcp_fo *fo)
{
	struct syn_entry *entry;

	if (tp->listener->nsyn >= syn_limit(tp->listener)) {
		send_cookie(tp, local, peer, hdr);
		return;
	}
	entry = fdnet_mem_alloc(tcp_mem(tp), sizeof(*entry));
	if (!entry)
		return;
	entry->local = *local;
	entry->peer = *peer;
	entry->syn = *hdr;
	entry->iss = fdnet_tcp_isn(tp->so.stack, local, peer);
	entry->ts_offset = fdnet_tcp_ts_offset(entry->iss);
	entry->due_us = tcp_now(tp) + SYNACK_RTO_US;
	entry->next = *link;
	*link = entry;
	tp->listener->nsyn++;
	if (entry->due_us < tp->due_us[FDNET_TCP_DUE_LIFE])
		fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE, entry->due_us);
	send_synack(tp, entry, fo);
}

static bool entry_expired(struct fdnet_tcp *tp, struct syn_entry *entry)
{
	uint64_t now = tcp_now(tp);

	if (entry->due_us > now)
		return false;
	if (entry->retries >= SYNACK_RETRIES)
		return true;
	entry->retries++;
	entry->due_us = now + (SYNACK_RTO_US << entry->retries);
	send_synack(tp, entry, NULL);
	return false;
}

void fdnet_tcp_listen_timer(struct fdnet_tcp *tp)
{
	uint64_t next = FDNET_NEVER;

	for (int i = 0; i < SYN_BUCKETS; i++) {
		struct syn_entry **link = &tp->listener->syn[i];

		while (*link) {
			if (entry_expired(tp, *link)) {
				tcp_count(tp, FDNET_C_TCP_FAILED_OPEN);
				drop_entry(tp, link);
				continue;
			}
			if ((*link)->due_us < next)
				next = (*link)->due_us;
			link = &(*link)->next;
		}
	}
	fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE, next);
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
	tp->rcv_adv = tp->rcv_nxt + syn_window(tp);
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
	tp->ecn_ok = tp->passive && !tp->lossless && wants_ecn(hdr) &&
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

/* In SYN_RECV, its SYN-ACK sent or due. */
static struct fdnet_tcp *new_child(struct fdnet_tcp *tp,
				   const struct fdnet_name *local,
				   const struct fdnet_name *peer,
				   const struct fdnet_tcp_hdr *syn, uint32_t iss)
{
	struct fdnet_sock *so =
		fdnet_sock_new(tp->so.stack, tp->so.ops, tp->so.family,
			       tp->so.type, tp->so.proto);
	struct fdnet_tcp *child;

	if (!so)
		return NULL;
	child = tcp_of(so);
	inherit(child, tp);
	so->local = *local;
	so->peer = *peer;
	child->passive = true;
	child->queued = true;
	if (fdnet_demux_connect(so)) {
		fdnet_sock_release(so);
		return NULL;
	}
	fdnet_tcp_set_way(child);
	fdnet_tcp_start_seq(child, iss);
	child->snd_nxt = iss + 1;
	fdnet_tcp_from_syn(child, syn);
	child->state = FDNET_TCP_SYN_RECV;
	tcp_count(tp, FDNET_C_TCP_PASSIVE_OPEN);
	return child;
}

void fdnet_tcp_open_lossless(struct fdnet_tcp *tp)
{
	tp->snd_una = tp->snd_nxt = tp->iss + 1;
	fdnet_tcp_established(tp);
	tp->syn_unconfirmed = true;
	tp->syn_due = true;
}

/* ---- segments ---- */

/* RFC 7413 4.2: a connection at once, with the data of its SYN. @pkt: the
 * segment; its payload is taken from a copy. */
static void open_early(struct fdnet_tcp *tp, const struct fdnet_pkt *pkt,
		       const struct fdnet_name *local,
		       const struct fdnet_name *peer,
		       const struct fdnet_tcp_hdr *hdr, uint32_t len)
{
	struct fdnet_tcp *child = new_child(
		tp, local, peer, hdr, fdnet_tcp_isn(tp->so.stack, local, peer));
	struct fdnet_pkt *data = NULL;

	if (!child) {
		tcp_count(tp, FDNET_C_TCP_LIMIT);
		return;
	}
	child->fo_child = true;
	child->syn_due = true;
	child->drs_us = (uint32_t)tcp_now(tp);
	child->last_rcv_us = tcp_now(tp);
	fdnet_tcp_cc_start(child);
	if (len && len <= child->rcv_adv - child->rcv_nxt)
		data = fdnet_pkt_clone(pkt);
	if (data) {
		fdnet_pkt_pull(data, hdr->hdr_len);
		fdnet_rcvq_append(&child->rcvq, tcp_pool(child), data);
		child->rcv_nxt += len;
		child->bytes_received += len;
		child->syn_data_acked = true;
	}
	enqueue(tp, child);
	fdnet_tcp_settle(child);
}

static void syn_arrived(struct fdnet_tcp *tp, const struct fdnet_pkt *pkt,
			const struct fdnet_name *local,
			const struct fdnet_name *peer,
			const struct fdnet_tcp_hdr *hdr,
			const struct fdnet_ip_in *in)
{
	uint32_t len = fdnet_pkt_total(pkt) - hdr->hdr_len;
	struct fdnet_tcp_fo fo;
	const struct fdnet_stack_config *cfg = fdnet_stack_cfg(tp->so.stack);
	struct syn_entry **link = find_entry(tp, local, peer);
	struct fdnet_tcp *child;

	if (*link) {
		send_synack(tp, *link, NULL);
		return;
	}
	if (queue_full(tp->listener)) {
		tcp_count(tp, FDNET_C_TCP_BACKLOG);
		return;
	}
	if (tp->defer_accept_s ||
	    !(cfg->lossless ||
	      (!cfg->switched && fdnet_stack_is_local(tp->so.stack, &peer->ip)))) {
		if (fdnet_tcp_fo_server(tp, hdr, in, len, tp->listener->nearly,
					&fo))
			open_early(tp, pkt, local, peer, hdr, len);
		else
			new_entry(tp, link, local, peer, hdr, &fo);
		return;
	}
	child = new_child(tp, local, peer, hdr,
			  fdnet_tcp_isn(tp->so.stack, local, peer));
	if (!child) {
		tcp_count(tp, FDNET_C_TCP_LIMIT);
		return;
	}
	fdnet_tcp_open_lossless(child);
	enqueue(tp, child);
	fdnet_tcp_settle(child);
}

/* Does the ACK carry a cookie of ours? Then the connection is made from it,
 * and the segment taken. */
static bool cookie_arrived(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
			   const struct fdnet_name *local,
			   const struct fdnet_name *peer,
			   const struct fdnet_tcp_hdr *hdr,
			   const struct fdnet_ip_in *in)
{
	struct fdnet_tcp_listener *l = tp->listener;
	struct fdnet_tcp_hdr syn;
	struct fdnet_tcp *child;

	if (!l->cookie_us || tcp_now(tp) - l->cookie_us > COOKIE_LIFE_US ||
	    queue_full(l) ||
	    !fdnet_tcp_cookie_check(tp->so.stack, local, peer, hdr, &syn))
		return false;
	child = new_child(tp, local, peer, &syn, hdr->ack - 1);
	if (!child)
		return false;
	fdnet_tcp_segment(child, pkt, hdr, in);
	enqueue(tp, child);
	fdnet_tcp_settle(child);
	return true;
}

static void ack_arrived(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
			const struct fdnet_name *local,
			const struct fdnet_name *peer,
			const struct fdnet_tcp_hdr *hdr,
			const struct fdnet_ip_in *in)
{
	uint32_t len = fdnet_pkt_total(pkt) - hdr->hdr_len;
	struct syn_entry **link = find_entry(tp, local, peer), *entry = *link;
	struct fdnet_tcp *child;

	if (!entry && cookie_arrived(tp, pkt, local, peer, hdr, in))
		return;
	if (!entry || hdr->ack != entry->iss + 1) {
		fdnet_tcp_rst_for(tp->so.stack, in, hdr, len);
		goto drop;
	}
	if (seq_lt(hdr->seq, entry->syn.seq + 1) ||
	    seq_gt(hdr->seq, entry->syn.seq + 1 + syn_window(tp)))
		goto drop;
	if (tp->defer_accept_s && !len && entry->retries < SYNACK_RETRIES) {
		entry->acked = true;
		goto drop;
	}
	if (queue_full(tp->listener)) {
		tcp_count(tp, FDNET_C_TCP_BACKLOG);
		goto drop;
	}
	child = new_child(tp, local, peer, &entry->syn, entry->iss);
	if (!child) {
		tcp_count(tp, FDNET_C_TCP_LIMIT);
		goto drop;
	}
	child->ts_offset = entry->ts_offset;
	child->backoff = entry->retries;
	child->last_send_us = entry->due_us - SYNACK_RTO_US;
	drop_entry(tp, link);
	fdnet_tcp_segment(child, pkt, hdr, in);
	enqueue(tp, child);
	fdnet_tcp_settle(child);
	return;
drop:
	fdnet_pkt_free(pkt);
}

void fdnet_tcp_listen_input(struct fdnet_tcp *tp, struct fdnet_pkt *pkt,
			    const struct fdnet_tcp_hdr *hdr,
			    const struct fdnet_ip_in *in)
{
	struct fdnet_name local, peer;
	struct syn_entry **link;

	memset(&local, 0, sizeof(local)); /* hashed with their padding */
	memset(&peer, 0, sizeof(peer));
	local.ip = in->dst;
	local.port = hdr->dport;
	local.scope = tp->so.local.scope;
	peer.ip = in->src;
	peer.port = hdr->sport;
	if (hdr->flags & FDNET_TH_RST) {
		link = find_entry(tp, &local, &peer);
		if (*link && hdr->seq == (*link)->syn.seq + 1)
			drop_entry(tp, link);
	} else if (hdr->flags & FDNET_TH_SYN) {
		if (hdr->flags & FDNET_TH_ACK)
			fdnet_tcp_rst_for(tp->so.stack, in, hdr, 0);
		else if (!in->group && !(hdr->flags & FDNET_TH_FIN))
			syn_arrived(tp, pkt, &local, &peer, hdr, in);
	} else if (hdr->flags & FDNET_TH_ACK) {
		ack_arrived(tp, pkt, &local, &peer, hdr, in);
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
	for (int i = 0; i < SYN_BUCKETS; i++) {
		while (l->syn[i])
			drop_entry(tp, &l->syn[i]);
	}
	while ((child = dequeue(l))) {
		if (!quiet)
			drop_child(child);
	}
	fdnet_mem_free(tcp_mem(tp), l, sizeof(*l));
	tp->listener = NULL;
}

/* ---- save and restore ---- */

static void save_syn(struct fdnet_save *s, struct fdnet_tcp_hdr *syn)
{
	syn->seq = fdnet_save_u32(s, syn->seq);
	syn->wnd = fdnet_save_u16(s, syn->wnd);
	syn->flags = fdnet_save_u8(s, syn->flags);
	syn->mss = fdnet_save_u16(s, syn->mss);
	syn->wscale = fdnet_save_u8(s, syn->wscale);
	fdnet_save_check(s, syn->wscale <= FDNET_TCP_WSCALE_MAX ||
				    syn->wscale == FDNET_TCP_WSCALE_NONE);
	syn->sack_ok = fdnet_save_bool(s, syn->sack_ok);
	syn->has_ts = fdnet_save_bool(s, syn->has_ts);
	syn->ts_val = fdnet_save_u32(s, syn->ts_val);
}

static void save_entry(struct fdnet_save *s, struct fdnet_tcp *tp,
		       struct syn_entry *entry)
{
	uint32_t now_ms = (uint32_t)(tcp_now(tp) / FDNET_MS), ts;

	fdnet_save_name(s, &entry->local);
	fdnet_save_name(s, &entry->peer);
	fdnet_save_check(s, entry->local.ip.family &&
				    entry->local.ip.family ==
					    entry->peer.ip.family &&
				    entry->local.port == tp->so.local.port);
	save_syn(s, &entry->syn);
	entry->iss = fdnet_save_u32(s, entry->iss);
	ts = fdnet_save_u32(s, entry->ts_offset + now_ms);
	if (s->reading)
		entry->ts_offset = ts - now_ms;
	entry->due_us = fdnet_save_time(s, entry->due_us);
	entry->retries =
		(uint8_t)fdnet_save_int(s, entry->retries, 0, SYNACK_RETRIES);
	entry->acked = fdnet_save_bool(s, entry->acked);
}

static void read_entries(struct fdnet_save *s, struct fdnet_tcp *tp, uint32_t n)
{
	struct syn_entry read, *entry, **link;
	uint64_t next = FDNET_NEVER;

	while (n-- && !s->rc) {
		memset(&read, 0, sizeof(read));
		save_entry(s, tp, &read);
		if (s->rc)
			return;
		link = find_entry(tp, &read.local, &read.peer);
		fdnet_save_check(s, !*link);
		entry = *link ? NULL
			      : fdnet_mem_alloc(tcp_mem(tp), sizeof(*entry));
		if (!entry) {
			fdnet_save_fail(s, -ENOMEM);
			return;
		}
		*entry = read;
		*link = entry;
		tp->listener->nsyn++;
		if (entry->due_us < next)
			next = entry->due_us;
	}
	fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE, next);
}

static void save_entries(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	uint32_t n = fdnet_save_count(s, tp->listener->nsyn,
				      syn_limit(tp->listener), 32);
	struct syn_entry *entry;

	if (s->reading) {
		read_entries(s, tp, n);
		return;
	}
	for (int i = 0; i < SYN_BUCKETS; i++) {
		for (entry = tp->listener->syn[i]; entry; entry = entry->next)
			save_entry(s, tp, entry);
	}
}

static void save_children(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	struct fdnet_tcp_listener *l = tp->listener;
	struct fdnet_tcp *child = l->head;
	struct fdnet_sock *so;
	/* the backlog may have been made smaller since */
	uint32_t n = fdnet_save_count(s, l->nqueued, BACKLOG_MAX + 1, 64);

	for (; n && !s->rc; n--) {
		so = fdnet_save_sock(s, child ? &child->so : NULL);
		if (!s->reading) {
			child = child->acc_next;
			continue;
		}
		if (!so)
			return;
		fdnet_save_check(s, so->ops == tp->so.ops && tcp_of(so)->queued);
		if (s->rc) {
			fdnet_sock_forget(so);
			return;
		}
		enqueue(tp, tcp_of(so));
	}
}

void fdnet_save_listener(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	struct fdnet_tcp_listener *l = tp->listener;

	if (s->reading && !s->rc) {
		/* before it listens: two may not at one address */
		l = fdnet_mem_alloc(tcp_mem(tp), sizeof(*l));
		if (!l)
			fdnet_save_fail(s, -ENOMEM);
		tp->listener = l;
	}
	if (!l)
		return;
	l->backlog = fdnet_save_u32(s, l->backlog);
	fdnet_save_check(s, l->backlog <= BACKLOG_MAX);
	l->cookie_us = fdnet_save_time(s, l->cookie_us);
	save_entries(s, tp);
	save_children(s, tp);
}

unsigned int fdnet_tcp_backlog(const struct fdnet_sock *so)
{
	const struct fdnet_tcp *tp = tcp_of_const(so);

	return tp->listener ? tp->listener->nqueued : 0;
}

void fdnet_tcp_forget_queue(struct fdnet_sock *so)
{
	struct fdnet_tcp *tp = tcp_of(so), *child;

	while (tp->listener && (child = dequeue(tp->listener)))
		fdnet_sock_forget(&child->so);
}
