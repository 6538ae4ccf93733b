/* SPDX-License-Identifier: Apache-2.0 */
/* A listener's two queues as bytes and back: save.h. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "stack/save.h"
#include "stack/tcp_listen.h"

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
		       struct fdnet_tcp_syn *entry)
{
	uint32_t now_ms = (uint32_t)(tcp_now(tp) / FDNET_MS), ts;
	uint8_t bits;

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
	entry->retries = (uint8_t)fdnet_save_int(s, entry->retries, 0,
						 FDNET_SYNACK_RETRIES);
	bits = fdnet_save_u8(s, entry->acked | entry->held << 1);
	fdnet_save_check(s, bits <= 2);
	entry->acked = bits & 1;
	entry->held = bits & 2;
}

static void read_entries(struct fdnet_save *s, struct fdnet_tcp *tp, uint32_t n)
{
	struct fdnet_tcp_syn read, *entry, **link;
	uint64_t next = FDNET_NEVER;

	while (n-- && !s->rc) {
		memset(&read, 0, sizeof(read));
		save_entry(s, tp, &read);
		if (s->rc)
			return;
		link = fdnet_synq_find(tp, &read.local, &read.peer);
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
		if (entry->held) {
			entry->due_us = FDNET_NEVER;
			fdnet_synq_append_held(tp->listener, entry);
		}
		if (entry->due_us < next)
			next = entry->due_us;
	}
	fdnet_tcp_due(tp, FDNET_TCP_DUE_LIFE, next);
}

/* The sender of a SYN that is held may be in this stack itself, and stay when
 * the listener moves: it tries again, and that finds its way. */
static bool goes_along(const struct fdnet_tcp *tp,
		       const struct fdnet_tcp_syn *entry)
{
	return !entry->held || fdnet_stack_cfg(tp->so.stack)->switched ||
	       !fdnet_stack_is_local(tp->so.stack, &entry->peer.ip);
}

static uint32_t entries_along(const struct fdnet_tcp *tp)
{
	const struct fdnet_tcp_listener *l = tp->listener;
	const struct fdnet_tcp_syn *entry;
	uint32_t n = l->nsyn;

	DL_FOREACH2(l->held, entry, held_next)
		n -= !goes_along(tp, entry);
	return n;
}

static void save_entries(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	struct fdnet_tcp_listener *l = tp->listener;
	uint32_t most = fdnet_synq_limit(tp) + fdnet_synq_held_max(tp);
	uint32_t n = fdnet_save_count(s, entries_along(tp), most, 32);
	struct fdnet_tcp_syn *entry;

	if (s->reading) {
		read_entries(s, tp, n);
		return;
	}
	for (int i = 0; i < FDNET_SYNQ_BUCKETS; i++) {
		for (entry = l->syn[i]; entry; entry = entry->next)
			if (!entry->held)
				save_entry(s, tp, entry);
	}
	/* in the order in which they came */
	DL_FOREACH2(l->held, entry, held_next)
		if (goes_along(tp, entry))
			save_entry(s, tp, entry);
}

static void save_children(struct fdnet_save *s, struct fdnet_tcp *tp)
{
	struct fdnet_tcp_listener *l = tp->listener;
	struct fdnet_tcp *child = l->head;
	struct fdnet_sock *so;
	/* the backlog may have been made smaller since */
	uint32_t most = fdnet_stack_cfg(tp->so.stack)->limits.backlog;
	uint32_t n = fdnet_save_count(s, l->nqueued, most + 1, 64);

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
		fdnet_tcp_enqueue(tp, tcp_of(so));
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
	fdnet_save_check(
		s, l->backlog <= fdnet_stack_cfg(tp->so.stack)->limits.backlog);
	l->cookie_us = fdnet_save_time(s, l->cookie_us);
	save_entries(s, tp);
	save_children(s, tp);
}
