/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener's half-open connections (RFC 4987): one small entry each, found
 * by the names of both sides, its SYN-ACK sent again by the listener's timer.
 * When there are too many, SYNs are answered by cookies (tcp_cookie.c). Those
 * that are held (tcp_listen.c) are among them, and not answered.
 */
#include "config.h"

#include "stack/tcp_listen.h"

#include <utlist.h>


struct fdnet_tcp_syn **fdnet_synq_find(struct fdnet_tcp *tp,
				       const struct fdnet_name *local,
				       const struct fdnet_name *peer)
{
	uint64_t hash = fdnet_stack_hash(tp->so.stack, peer, sizeof(*peer));
	struct fdnet_tcp_syn **link =
		&tp->listener->syn[hash % FDNET_SYNQ_BUCKETS];

	while (*link && ((*link)->peer.port != peer->port ||
			 (*link)->local.port != local->port ||
			 !fdnet_ip_equal(&(*link)->peer.ip, &peer->ip) ||
			 !fdnet_ip_equal(&(*link)->local.ip, &local->ip)))
		link = &(*link)->next;
	return link;
}

static void take_off(struct fdnet_tcp_listener *l, struct fdnet_tcp_syn *entry)
{
	DL_DELETE2(l->held, entry, held_prev, held_next);
	l->nheld--;
	entry->held = false;
}

void fdnet_synq_drop(struct fdnet_tcp *tp, struct fdnet_tcp_syn **link)
{
	struct fdnet_tcp_syn *entry = *link;

	*link = entry->next;
	if (entry->held)
		take_off(tp->listener, entry);
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

uint16_t fdnet_synq_window(const struct fdnet_tcp *tp)
{
	uint32_t space = fdnet_tcp_rcv_space(tp);

	return (uint16_t)(space < 65535 ? space : 65535);
}

bool fdnet_synq_wants_ecn(const struct fdnet_tcp_hdr *syn)
{
	const uint8_t both = FDNET_TH_ECE | FDNET_TH_CWR;

	return (syn->flags & both) == both;
}

void fdnet_synq_answer(struct fdnet_tcp *tp, const struct fdnet_tcp_syn *entry,
		       const struct fdnet_tcp_fo *fo)
{
	const struct fdnet_tcp_settings *cfg =
		&fdnet_stack_cfg(tp->so.stack)->tcp;
	const struct fdnet_tcp_hdr *syn = &entry->syn;
	struct fdnet_tcp_hdr hdr = {
		.flags = FDNET_TH_SYN | FDNET_TH_ACK,
		.seq = entry->iss,
		.ack = syn->seq + 1,
		.wnd = fdnet_synq_window(tp),
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

	if (fdnet_synq_wants_ecn(syn) && cfg->ecn != FDNET_TCP_ECN_NEVER)
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
		.wnd = fdnet_synq_window(tp),
		.mss = offered_mss(tp, &peer->ip),
		.wscale = FDNET_TCP_WSCALE_NONE,
	};

	tcp_count(tp, FDNET_C_TCP_LIMIT);
	tp->listener->cookie_us = tcp_now(tp);
	fdnet_tcp_send_bare(tp->so.stack, local, peer, &hdr);
}

uint32_t fdnet_synq_limit(const struct fdnet_tcp *tp)
{
	uint32_t least = fdnet_stack_cfg(tp->so.stack)->limits.half_open;
	uint32_t backlog = tp->listener->backlog;

	return backlog > least ? backlog : least;
}

uint32_t fdnet_synq_held_max(const struct fdnet_tcp *tp)
{
	return fdnet_stack_cfg(tp->so.stack)->limits.backlog;
}

bool fdnet_synq_full(const struct fdnet_tcp *tp)
{
	const struct fdnet_tcp_listener *l = tp->listener;

	return l->nsyn - l->nheld >= fdnet_synq_limit(tp);
}

void fdnet_synq_append_held(struct fdnet_tcp_listener *l,
			    struct fdnet_tcp_syn *entry)
{
	entry->held = true;
	DL_APPEND2(l->held, entry, held_prev, held_next);
	l->nheld++;
}

static struct fdnet_tcp_syn *new_entry(struct fdnet_tcp *tp,
				       struct fdnet_tcp_syn **link,
				       const struct fdnet_tcp_arrival *seg)
{
	struct fdnet_tcp_syn *entry =
		fdnet_mem_alloc(tcp_mem(tp), sizeof(*entry));

	if (!entry)
		return NULL;
	entry->local = seg->local;
	entry->peer = seg->peer;
	entry->syn = *seg->hdr;
	entry->iss = fdnet_tcp_isn(tp->so.stack, &seg->local, &seg->peer);
	entry->ts_offset = fdnet_tcp_ts_offset(entry->iss);
	entry->due_us = FDNET_NEVER;
	entry->next = *link;
	*link = entry;
	tp->listener->nsyn++;
	return entry;
}

static void start_timer(struct fdnet_tcp *tp, struct fdnet_tcp_syn *entry)
{
	entry->due_us = tcp_now(tp) + FDNET_SYNACK_RTO_US;
	if (entry->due_us < tp->due_us[FDNET_TCP_DUE_LIFE])
		fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE, entry->due_us);
}

void fdnet_synq_add(struct fdnet_tcp *tp, struct fdnet_tcp_syn **link,
		    const struct fdnet_tcp_arrival *seg,
		    const struct fdnet_tcp_fo *fo)
{
	struct fdnet_tcp_syn *entry;

	if (fdnet_synq_full(tp)) {
		send_cookie(tp, &seg->local, &seg->peer, seg->hdr);
		return;
	}
	entry = new_entry(tp, link, seg);
	if (!entry)
		return;
	start_timer(tp, entry);
	fdnet_synq_answer(tp, entry, fo);
}

void fdnet_synq_hold(struct fdnet_tcp *tp, struct fdnet_tcp_syn **link,
		     const struct fdnet_tcp_arrival *seg)
{
	struct fdnet_tcp_listener *l = tp->listener;
	struct fdnet_tcp_syn *entry = NULL;

	if (l->nheld < fdnet_synq_held_max(tp))
		entry = new_entry(tp, link, seg);
	if (entry)
		fdnet_synq_append_held(l, entry);
	else
		tcp_count(tp, FDNET_C_TCP_BACKLOG);
}

void fdnet_synq_unhold(struct fdnet_tcp *tp, struct fdnet_tcp_syn *entry)
{
	take_off(tp->listener, entry);
	start_timer(tp, entry);
	fdnet_synq_answer(tp, entry, NULL);
}

void fdnet_synq_unreachable(struct fdnet_tcp *tp,
			    const struct fdnet_name *peer, uint32_t seq)
{
	struct fdnet_tcp_syn **link;

	/* the quotation tells no local address, but the number is a secret */
	for (int i = 0; i < FDNET_SYNQ_BUCKETS; i++) {
		for (link = &tp->listener->syn[i]; *link;
		     link = &(*link)->next) {
			if ((*link)->iss != seq ||
			    (*link)->peer.port != peer->port ||
			    !fdnet_ip_equal(&(*link)->peer.ip, &peer->ip))
				continue;
			tcp_count(tp, FDNET_C_TCP_FAILED_OPEN);
			fdnet_synq_drop(tp, link);
			fdnet_tcp_timer_sync(tp);
			return;
		}
	}
}

static bool entry_expired(struct fdnet_tcp *tp, struct fdnet_tcp_syn *entry)
{
	uint64_t now = tcp_now(tp);

	if (entry->due_us > now)
		return false;
	if (entry->retries >= FDNET_SYNACK_RETRIES)
		return true;
	entry->retries++;
	entry->due_us = now + (FDNET_SYNACK_RTO_US << entry->retries);
	fdnet_synq_answer(tp, entry, NULL);
	return false;
}

void fdnet_tcp_listen_timer(struct fdnet_tcp *tp)
{
	uint64_t next = FDNET_NEVER;

	for (int i = 0; i < FDNET_SYNQ_BUCKETS; i++) {
		struct fdnet_tcp_syn **link = &tp->listener->syn[i];

		while (*link) {
			if (entry_expired(tp, *link)) {
				tcp_count(tp, FDNET_C_TCP_FAILED_OPEN);
				fdnet_synq_drop(tp, link);
				continue;
			}
			if ((*link)->due_us < next)
				next = (*link)->due_us;
			link = &(*link)->next;
		}
	}
	fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE, next);
	fdnet_tcp_admit_held(tp);
}
