/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/errq.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <string.h>

#include "stack/cmsg.h"
#include "stack/dgram.h"
#include "stack/save.h"
#include "stack/sockopt.h"
#include "stack/wire/tcp.h"

#define LEAST 16 /* bytes of an entry as it is saved */

struct fdnet_errq **fdnet_errq_of(struct fdnet_sock *so)
{
	return so->type == FDNET_SOCK_STREAM ? &so->errq :
					       &fdnet_dgram_of(so)->errq;
}

static struct fdnet_errq *get(struct fdnet_sock *so)
{
	struct fdnet_errq **q = fdnet_errq_of(so);

	if (!*q)
		*q = fdnet_mem_alloc(so->stack->mem, sizeof(**q));
	return *q;
}

/* ---- the queue ---- */

static struct fdnet_errq_entry *append(struct fdnet_sock *so, uint32_t len)
{
	struct fdnet_errq *q = get(so);
	struct fdnet_errq_entry *e, **tail;

	if (!q)
		return NULL;
	if (q->n >= so->stack->cfg.limits.errors) {
		so->stack->counters[FDNET_C_ERRQ_LIMIT]++;
		return NULL;
	}
	e = fdnet_mem_alloc(so->stack->mem, sizeof(*e) + len);
	if (!e)
		return NULL;
	e->len = len;
	for (tail = &q->head; *tail; tail = &(*tail)->next)
		;
	*tail = e;
	q->n++;
	return e;
}

void fdnet_errq_push(struct fdnet_sock *so, const struct fdnet_sock_error *err,
		     const uint8_t *data, uint32_t len)
{
	struct fdnet_errq_entry *e = append(so, len);

	if (!e)
		return;
	e->err = *err;
	if (len)
		memcpy(e->data, data, len);
	fdnet_sock_event(so, FDNET_EV_ERR);
}

static bool is_icmp(const struct fdnet_sock_error *err)
{
	return err->origin == SO_EE_ORIGIN_ICMP ||
	       err->origin == SO_EE_ORIGIN_ICMP6;
}

/* A stream's stamps come without the packet that the kernel would quote. */
static bool lacks_packet(const struct fdnet_sock *so,
			 const struct fdnet_errq_entry *e)
{
	return e->err.origin == SO_EE_ORIGIN_TIMESTAMPING && !e->len &&
	       !(so->opts.timestamping & SOF_TIMESTAMPING_OPT_TSONLY);
}

ssize_t fdnet_errq_recv(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	struct fdnet_errq *q = *fdnet_errq_of(so);
	struct fdnet_errq_entry *e = q ? q->head : NULL;
	struct fdnet_pkt view = { .data = NULL };
	size_t done;

	msg->flags = 0;
	msg->control_len = 0;
	if (!e)
		return -EAGAIN;
	view.data = e->data;
	view.len = e->len;
	done = fdnet_iov_fill(msg, &view, 0);
	msg->to_from = e->err.about;
	msg->local = so->local;
	msg->err = e->err;
	msg->time_us = e->err.time_us;
	msg->flags = FDNET_MSG_ERRQUEUE;
	if (done < e->len || lacks_packet(so, e))
		msg->flags |= FDNET_MSG_TRUNC;
	fdnet_cmsg_error(so, msg);
	q->head = e->next;
	q->n--;
	fdnet_mem_free(so->stack->mem, e, sizeof(*e) + e->len);
	/* as sock_dequeue_err_skb(): the next one's error shows again */
	if (q->head && is_icmp(&q->head->err))
		so->error = q->head->err.error;
	return (ssize_t)done;
}

void fdnet_errq_free(struct fdnet_sock *so)
{
	const struct fdnet_mem *mem = so->stack->mem;
	struct fdnet_errq **pq = fdnet_errq_of(so), *q = *pq;
	struct fdnet_errq_entry *e;

	if (!q)
		return;
	while ((e = q->head)) {
		q->head = e->next;
		fdnet_mem_free(mem, e, sizeof(*e) + e->len);
	}
	if (q->marks)
		fdnet_errq_unmark(so);
	fdnet_mem_free(mem, q, sizeof(*q));
	*pq = NULL;
}

/* ---- save and restore ---- */

static void one_error(struct fdnet_save *s, struct fdnet_sock_error *err)
{
	err->error = fdnet_save_error(s, err->error);
	err->origin = fdnet_save_u8(s, err->origin);
	err->type = fdnet_save_u8(s, err->type);
	err->code = fdnet_save_u8(s, err->code);
	err->info = fdnet_save_u32(s, err->info);
	err->data = fdnet_save_u32(s, err->data);
	err->time_us = fdnet_save_time(s, err->time_us);
	fdnet_save_name(s, &err->offender);
	fdnet_save_name(s, &err->about);
}

/* Marks stay behind: who has sent them knows nothing of it elsewhere. */
void fdnet_save_errq(struct fdnet_save *s, struct fdnet_sock *so)
{
	struct fdnet_errq *q = *fdnet_errq_of(so);
	struct fdnet_errq_entry *e = q ? q->head : NULL;
	uint32_t n, i, len;

	if (!fdnet_save_bool(s, q))
		return;
	q = get(so);
	if (!q) {
		fdnet_save_fail(s, -ENOMEM);
		return;
	}
	q->zerocopy_next = fdnet_save_u32(s, q->zerocopy_next);
	q->stamp_next = fdnet_save_u32(s, q->stamp_next);
	q->stamp_base = fdnet_save_u32(s, q->stamp_base);
	n = fdnet_save_count(s, q->n, s->stack->cfg.limits.errors, LEAST);
	for (i = 0; i < n && !s->rc; i++) {
		len = fdnet_save_count(s, e ? e->len : 0, 65535, 1);
		if (s->reading)
			e = s->rc ? NULL : append(so, len);
		if (!e) {
			fdnet_save_fail(s, -ENOMEM);
			return;
		}
		one_error(s, &e->err);
		fdnet_save_bytes(s, e->data, len);
		e = e->next;
	}
}

/* ---- MSG_ZEROCOPY ---- */

static struct fdnet_errq_entry *last(struct fdnet_errq *q)
{
	struct fdnet_errq_entry *e = q->head;

	while (e && e->next)
		e = e->next;
	return e;
}

void fdnet_errq_zerocopy(struct fdnet_sock *so, int flags, size_t len)
{
	struct fdnet_sock_error err = {
		.origin = SO_EE_ORIGIN_ZEROCOPY,
		.code = SO_EE_CODE_ZEROCOPY_COPIED,
	};
	struct fdnet_errq_entry *e;
	struct fdnet_errq *q;

	if (!(flags & FDNET_MSG_ZEROCOPY) || !len ||
	    !fdnet_sock_flag(so, FDNET_SF_ZEROCOPY))
		return;
	q = get(so);
	if (!q)
		return;
	e = last(q);
	if (e && e->err.origin == SO_EE_ORIGIN_ZEROCOPY &&
	    e->err.data + 1 == q->zerocopy_next) {
		e->err.data = q->zerocopy_next++;
		fdnet_sock_event(so, FDNET_EV_ERR); /* an edge of its own */
		return;
	}
	err.info = err.data = q->zerocopy_next++;
	fdnet_errq_push(so, &err, NULL, 0);
}

/* ---- SO_TIMESTAMPING ---- */

bool fdnet_errq_stamp_wanted(const struct fdnet_sock *so)
{
	return so->opts.timestamping &
	       (SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED |
		SOF_TIMESTAMPING_TX_ACK);
}

void fdnet_errq_restamp(struct fdnet_sock *so, int old, uint32_t base)
{
	struct fdnet_errq *q;

	if (!(so->opts.timestamping & ~old & SOF_TIMESTAMPING_OPT_ID))
		return;
	q = get(so);
	if (!q)
		return;
	q->stamp_next = 0;
	q->stamp_base = base;
}

static void stamp(struct fdnet_sock *so, uint32_t what, uint32_t key,
		  const uint8_t *data, uint32_t len)
{
	struct fdnet_sock_error err = {
		.error = ENOMSG,
		.origin = SO_EE_ORIGIN_TIMESTAMPING,
		.info = what,
		.data = so->opts.timestamping & SOF_TIMESTAMPING_OPT_ID ? key :
									  0,
		.time_us = so->stack->now_us,
	};

	if (so->opts.timestamping & SOF_TIMESTAMPING_OPT_TSONLY)
		len = 0;
	fdnet_errq_push(so, &err, data, len);
}

void fdnet_errq_stamp_pkt(struct fdnet_sock *so, const struct fdnet_pkt *pkt)
{
	struct fdnet_errq *q = get(so);
	uint8_t copy[FDNET_PKT_LINEAR];
	uint32_t key, len;

	if (!q)
		return;
	key = q->stamp_next++;
	len = fdnet_pkt_copy_out(pkt, 0, copy, sizeof(copy));
	if (so->opts.timestamping & SOF_TIMESTAMPING_TX_SCHED)
		stamp(so, SCM_TSTAMP_SCHED, key, copy, len);
	if (so->opts.timestamping & SOF_TIMESTAMPING_TX_SOFTWARE)
		stamp(so, SCM_TSTAMP_SND, key, copy, len);
}

void fdnet_errq_mark(struct fdnet_sock *so, uint32_t seq)
{
	struct fdnet_errq *q = get(so);
	struct fdnet_errq_mark *m, **tail;

	if (!q)
		return;
	if (q->nmarks == FDNET_ERRQ_MARKS_MAX) {
		so->stack->counters[FDNET_C_ERRQ_LIMIT]++;
		return;
	}
	m = fdnet_mem_alloc(so->stack->mem, sizeof(*m));
	if (!m)
		return;
	m->seq = seq;
	m->key = seq - 1 - q->stamp_base;
	for (tail = &q->marks; *tail; tail = &(*tail)->next)
		;
	*tail = m;
	q->nmarks++;
}

static void drop_mark(struct fdnet_sock *so)
{
	struct fdnet_errq *q = so->errq;
	struct fdnet_errq_mark *m = q->marks;

	q->marks = m->next;
	q->nmarks--;
	fdnet_mem_free(so->stack->mem, m, sizeof(*m));
}

void fdnet_errq_unmark(struct fdnet_sock *so)
{
	while (so->errq && so->errq->marks)
		drop_mark(so);
}

static void mark_sent(struct fdnet_sock *so, struct fdnet_errq_mark *m)
{
	m->sent = true;
	if (so->opts.timestamping & SOF_TIMESTAMPING_TX_SCHED)
		stamp(so, SCM_TSTAMP_SCHED, m->key, NULL, 0);
	if (so->opts.timestamping & SOF_TIMESTAMPING_TX_SOFTWARE)
		stamp(so, SCM_TSTAMP_SND, m->key, NULL, 0);
}

void fdnet_errq_progress(struct fdnet_sock *so, uint32_t snd_nxt,
			 uint32_t snd_una)
{
	struct fdnet_errq *q = so->errq;
	struct fdnet_errq_mark *m;

	for (m = q->marks; m && seq_leq(m->seq, snd_nxt); m = m->next)
		if (!m->sent)
			mark_sent(so, m);
	while ((m = q->marks) && seq_leq(m->seq, snd_una)) {
		if (so->opts.timestamping & SOF_TIMESTAMPING_TX_ACK)
			stamp(so, SCM_TSTAMP_ACK, m->key, NULL, 0);
		drop_mark(so);
	}
}
