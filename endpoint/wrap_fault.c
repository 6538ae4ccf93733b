/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault wrapper: loses, duplicates, reorders and delays packets, the same
 * ones for the same seed and the same traffic.
 *
 * How it works: each direction has a generator of its own, which is asked the
 * same questions for every packet, so that one fault more or less does not
 * shift all later ones. A reordered packet is held until the next one has
 * passed, or until a dispatch finds nothing else to do. A delayed one waits in
 * a queue for a dispatch at its time; order is kept there.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "endpoint/simple.h"
#include "endpoint/wrap.h"

#define DEFAULT_QUEUE 4096
#define MILLION	      1000000

struct fault_dir {
	struct fdnet_fault_side cfg;
	uint64_t rng;
	uint64_t last_due_us;
	struct fdnet_pkt *held;		/* to follow the next packet */
	struct fdnet_pkt_queue delayed; /* user[2].u64: when */
};

struct fault {
	struct fdnet_wrap wrap;
	pthread_mutex_t dir_lock; /* both directions and now_us */
	uint64_t now_us;
	struct fault_dir rx, tx;
};

/* splitmix64 */
static uint64_t rng_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static bool chance(struct fault_dir *dir, uint32_t ppm)
{
	return rng_next(&dir->rng) % MILLION < ppm;
}

static bool delays(const struct fault_dir *dir)
{
	return dir->cfg.delay_us || dir->cfg.jitter_us;
}

/* With dir_lock. Put @pkt where it belongs: into the delay queue, or onto the
 * list of what goes on now. */
static struct fdnet_pkt **pass(struct fault *f, struct fault_dir *dir,
			       struct fdnet_pkt *pkt, struct fdnet_pkt **tail)
{
	uint64_t due;

	pkt->next = NULL;
	if (!delays(dir)) {
		*tail = pkt;
		return &pkt->next;
	}
	due = f->now_us + dir->cfg.delay_us;
	if (dir->cfg.jitter_us)
		due += rng_next(&dir->rng) % dir->cfg.jitter_us;
	if (due < dir->last_due_us)
		due = dir->last_due_us;
	pkt->user[2].u64 = due;
	if (fdnet_pkt_queue_put(&dir->delayed, pkt)) {
		dir->last_due_us = due;
		fdnet_wrap_count(&f->wrap, FDNET_EP_WRAP_DELAYED);
	} else {
		fdnet_wrap_count(&f->wrap, FDNET_EP_WRAP_LOST);
		fdnet_pkt_free(pkt);
	}
	return tail;
}

/* With dir_lock. What becomes of a packet; taken. Returns what goes on now,
 * by ->next. */
static struct fdnet_pkt *judge(struct fault *f, struct fault_dir *dir,
			       struct fdnet_pkt *pkt)
{
	bool lose = chance(dir, dir->cfg.loss_ppm);
	bool twice = chance(dir, dir->cfg.duplicate_ppm);
	bool late = chance(dir, dir->cfg.reorder_ppm);
	struct fdnet_pkt *list = NULL, **tail = &list, *copy;

	if (lose) {
		fdnet_wrap_count(&f->wrap, FDNET_EP_WRAP_LOST);
		fdnet_pkt_free(pkt);
		return NULL;
	}
	if (late && !dir->held) {
		fdnet_wrap_count(&f->wrap, FDNET_EP_WRAP_REORDERED);
		dir->held = pkt;
		return NULL;
	}
	copy = twice ? fdnet_pkt_clone(pkt) : NULL;
	tail = pass(f, dir, pkt, tail);
	if (copy) {
		fdnet_wrap_count(&f->wrap, FDNET_EP_WRAP_DUPLICATED);
		tail = pass(f, dir, copy, tail);
	}
	if (dir->held) {
		tail = pass(f, dir, dir->held, tail);
		dir->held = NULL;
	}
	return list;
}

static void fault_deliver(void *arg, struct fdnet_endpoint *lower,
			  struct fdnet_pkt *pkt)
{
	struct fault *f = arg;
	struct fdnet_pkt *next;

	fdnet_wrap_ref(&f->wrap);
	pthread_mutex_lock(&f->dir_lock);
	pkt = judge(f, &f->rx, pkt);
	pthread_mutex_unlock(&f->dir_lock);
	for (; pkt; pkt = next) {
		next = pkt->next;
		pkt->next = NULL;
		fdnet_wrap_up(&f->wrap, pkt);
	}
	fdnet_wrap_unref(&f->wrap);
}

static int fault_attach(struct fdnet_endpoint *base,
			const struct fdnet_dispatcher *disp, void *arg,
			enum fdnet_attach how)
{
	static const struct fdnet_dispatcher own = {
		.deliver = fault_deliver,
		.writable = fdnet_wrap_writable,
	};
	struct fault *f = (struct fault *)base;

	if (how == FDNET_ATTACH_THREADS && (delays(&f->rx) || delays(&f->tx)))
		return -EOPNOTSUPP;
	return fdnet_wrap_attach_with(&f->wrap, &own, disp, arg, how);
}

/* Write what judge() let pass. Only the packet itself can go back. */
static int fault_write_list(struct fault *f, struct fdnet_pkt *list,
			    const struct fdnet_pkt *own)
{
	struct fdnet_pkt *next;
	int rc, status = 0;

	for (; list; list = next) {
		bool is_own = list == own;

		next = list->next;
		list->next = NULL;
		rc = fdnet_endpoint_write_packet(f->wrap.lower, NULL, NULL, 0,
						 list);
		if (is_own) {
			status = rc;
		} else if (rc == -EAGAIN) {
			fdnet_wrap_count(&f->wrap, FDNET_EP_WRAP_LOST);
			fdnet_pkt_free(list);
		}
	}
	return status;
}

static int fault_write(struct fdnet_endpoint *base, struct fdnet_pkt **pkts,
		       unsigned int n, int *status)
{
	struct fault *f = (struct fault *)base;
	struct fdnet_pkt *list;
	unsigned int i;
	int good = 0, rc;

	for (i = 0; i < n; i++) {
		pthread_mutex_lock(&f->dir_lock);
		list = judge(f, &f->tx, pkts[i]);
		pthread_mutex_unlock(&f->dir_lock);
		rc = fault_write_list(f, list, pkts[i]);
		if (status)
			status[i] = rc;
		good += rc == 0;
	}
	return good;
}

/* The next packet whose time has come, or, when @idle, one held back. */
static struct fdnet_pkt *take_due(struct fault *f, struct fault_dir *dir,
				  bool idle)
{
	struct fdnet_pkt *pkt = NULL;

	pthread_mutex_lock(&f->dir_lock);
	if (dir->delayed.head && dir->delayed.head->user[2].u64 <= f->now_us) {
		pkt = fdnet_pkt_queue_get(&dir->delayed);
	} else if (idle && dir->held) {
		pkt = dir->held;
		dir->held = NULL;
	}
	pthread_mutex_unlock(&f->dir_lock);
	return pkt;
}

/* The link is full: the packet is due again at the next dispatch. */
static void put_back(struct fault *f, struct fdnet_pkt *pkt)
{
	struct fdnet_pkt_queue *q = &f->tx.delayed;

	pthread_mutex_lock(&f->dir_lock);
	pkt->user[2].u64 = f->now_us;
	pkt->next = q->head;
	q->head = pkt;
	if (!q->tail)
		q->tail = pkt;
	q->n++;
	pthread_mutex_unlock(&f->dir_lock);
}

static int fault_release(struct fault *f, bool idle)
{
	struct fdnet_pkt *pkt;
	int n = 0;

	while ((pkt = take_due(f, &f->tx, idle))) {
		if (fdnet_endpoint_write_packet(f->wrap.lower, NULL, NULL, 0,
						pkt) == -EAGAIN) {
			put_back(f, pkt);
			break;
		}
	}
	while ((pkt = take_due(f, &f->rx, idle))) {
		n++;
		fdnet_wrap_up(&f->wrap, pkt);
	}
	return n;
}

static int fault_dispatch(struct fdnet_endpoint *base, uint64_t now_us,
			  unsigned int budget)
{
	struct fault *f = (struct fault *)base;
	int rc, n;

	fdnet_wrap_ref(&f->wrap);
	pthread_mutex_lock(&f->dir_lock);
	if (now_us > f->now_us)
		f->now_us = now_us;
	pthread_mutex_unlock(&f->dir_lock);
	rc = fdnet_endpoint_dispatch(f->wrap.lower, now_us, budget);
	if (rc != -ENOTCONN) {
		n = fault_release(f, rc <= 0);
		if (n)
			rc = rc > 0 ? rc + n : n;
	}
	fdnet_wrap_unref(&f->wrap);
	return rc;
}

static uint64_t dir_expiry(const struct fault_dir *dir)
{
	if (dir->held)
		return 0;
	return dir->delayed.head ? dir->delayed.head->user[2].u64 : UINT64_MAX;
}

static uint64_t fault_expiry(struct fdnet_endpoint *base)
{
	struct fault *f = (struct fault *)base;
	uint64_t first = fdnet_endpoint_expiry(f->wrap.lower), t;

	pthread_mutex_lock(&f->dir_lock);
	t = dir_expiry(&f->rx);
	first = t < first ? t : first;
	t = dir_expiry(&f->tx);
	first = t < first ? t : first;
	pthread_mutex_unlock(&f->dir_lock);
	return first;
}

static void fault_clear(struct fault_dir *dir)
{
	fdnet_pkt_free(dir->held);
	fdnet_pkt_queue_clear(&dir->delayed);
}

static void fault_destroy(struct fdnet_wrap *wrap)
{
	struct fault *f = (struct fault *)wrap;

	fault_clear(&f->rx);
	fault_clear(&f->tx);
	pthread_mutex_destroy(&f->dir_lock);
	fdnet_mem_free(wrap->mem, f, sizeof(*f));
}

static void fault_free(struct fdnet_endpoint *base)
{
	struct fault *f = (struct fault *)base;

	/* Packets may belong to a pool that goes with the lower endpoint. */
	fdnet_endpoint_detach(f->wrap.lower);
	pthread_mutex_lock(&f->dir_lock);
	fault_clear(&f->rx);
	fault_clear(&f->tx);
	f->rx.held = f->tx.held = NULL;
	pthread_mutex_unlock(&f->dir_lock);
	fdnet_wrap_free(base);
}

static const struct fdnet_endpoint_ops fault_ops = {
	.free = fault_free,
	.attach = fault_attach,
	.detach = fdnet_wrap_detach,
	.is_attached = fdnet_wrap_is_attached,
	.wait = fdnet_wrap_wait,
	.query = fdnet_wrap_query,
	.set_mtu = fdnet_wrap_set_mtu,
	.set_link_address = fdnet_wrap_set_link_address,
	.write = fault_write,
	.inject_outbound = fdnet_wrap_inject_outbound,
	.inject_inbound = fdnet_wrap_inject_inbound,
	.poll_set = fdnet_wrap_poll_set,
	.dispatch = fault_dispatch,
	.expiry = fault_expiry,
	.stats = fdnet_wrap_stats,
	.pool = fdnet_wrap_pool,
};

int fdnet_fault_new(struct fdnet_endpoint *lower,
		    const struct fdnet_fault_config *cfg,
		    struct fdnet_endpoint **ret_ep)
{
	unsigned int max = cfg->queue_len ? cfg->queue_len : DEFAULT_QUEUE;
	struct fault *f;

	f = fdnet_mem_alloc(fdnet_wrap_mem(lower), sizeof(*f));
	if (!f)
		return -ENOMEM;
	fdnet_wrap_init(&f->wrap, &fault_ops, lower, fault_destroy);
	pthread_mutex_init(&f->dir_lock, NULL);
	f->rx = (struct fault_dir){
		.cfg = cfg->rx, .rng = cfg->seed, .delayed.max = max};
	f->tx = (struct fault_dir){
		.cfg = cfg->tx, .rng = ~cfg->seed, .delayed.max = max};
	*ret_ep = &f->wrap.base;
	return 0;
}
