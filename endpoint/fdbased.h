/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fd endpoint, for its own files: fdbased_new.c makes and frees it,
 * fdbased_fds.c knows fds,
 * fdbased_rx.c and fdbased_ring.c read, fdbased_tx.c writes, threads.c runs
 * readers, save.c moves it to another process.
 *
 * How it works: each fd is a queue with everything that belongs to it, so that
 * readers share nothing. The core of a reader, fdb_receive(), takes what is
 * there and returns; dispatch calls it for the caller, and a reader thread
 * calls it between two polls. Writers send from their own thread; only when a
 * link is full do packets wait in the queue, and whoever reads that fd sends
 * them when poll says so.
 *
 * Life: readers and a running dispatch hold a reference each, so an endpoint
 * freed from inside a callback lives until that callback has returned.
 *
 * Order of locks: state_lock, then tx_lock. Neither is held in a callback.
 */
#ifndef ENDPOINT_FDBASED_H
#define ENDPOINT_FDBASED_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/single_threaded.h>

#include <fdnet/endpoint.h>

#include "base/mem.h"
#include "endpoint/gro.h"
#include "endpoint/rxslots.h"

#define FDB_MAX_BATCH 64

/* Private packet flags, above enum fdnet_pkt_flag. */
#define PKT_SEGMENT  (1u << 13) /* of a burst: does not go back to its writer */
#define PKT_FRAMED   (1u << 14) /* vnet and link header are in front */
#define PKT_BORROWED (1u << 15) /* slices are valid only until return */

enum fdb_kind {
	FDB_SOCKET,
	FDB_PACKET, /* AF_PACKET */
	FDB_DEVICE, /* TUN, TAP */
};

struct fdb;
struct fdb_ring;

struct fdb_queue {
	struct fdb *ep;
	unsigned int index;
	int fd;
	enum fdb_kind kind;
	uint32_t vnet_len; /* bytes of vnet header on the wire */

	/* what to undo when the endpoint cannot be made */
	int old_flags;	/* -1: not changed */
	bool vnet_set;	/* PACKET_VNET_HDR was switched on by us */
	int old_sndbuf; /* -1: not changed */

	/* receiving: one reader at a time */
	struct fdnet_rxslots *slots;
	struct fdb_ring *ring;
	struct fdnet_gro *gro;
	bool reset_seen;
	bool ended;  /* to be told when what came before was taken */
	bool closed; /* ended; the closed callback was called */
	int reason;  /* for the closed callback, after FDB_END */
	unsigned int empty_reads;

	/* sending */
	pthread_mutex_t tx_lock;
	struct fdnet_pkt *tx_head, *tx_tail;
	atomic_uint tx_pending;
	atomic_bool tx_refused; /* the dispatcher waits for writable */

	atomic_int wakefd; /* eventfd: stop, or tx_pending; -1 without thread */
	struct fdnet_endpoint_stats stats; /* relaxed atomics */
};

struct fdb {
	struct fdnet_endpoint base;
	struct fdnet_fd_options opts; /* pointers in it are ours */
	struct fdnet_pkt_pool *pool;
	bool own_pool;
	bool injectable; /* never reads */
	uint32_t caps;
	uint32_t hdr_len; /* of the link header: 14 or 0 */
	uint32_t capacity;
	uint32_t batch;
	uint64_t hash_key;
	atomic_uint refs;
	atomic_bool stop;

	pthread_mutex_t state_lock;
	pthread_cond_t state_cond;
	bool attached;
	enum fdnet_attach how;
	unsigned int running;	/* reader threads and dispatch calls */
	unsigned int in_detach; /* those of them that wait for the others */
	struct fdnet_dispatcher disp;
	void *disp_arg;
	struct fdnet_endpoint_info info;

	unsigned int nqueues;
	struct fdb_queue queues[];
};

static inline void fdb_count(struct fdb_queue *q,
			     enum fdnet_endpoint_counter which, uint64_t n)
{
	if (__libc_single_threaded)
		q->stats.count[which] += n;
	else
		__atomic_fetch_add(&q->stats.count[which], n, __ATOMIC_RELAXED);
}

/* For counters that only the reader changes: no locked instruction. */
static inline void fdb_count_rx(struct fdb_queue *q,
				enum fdnet_endpoint_counter which, uint64_t n)
{
	uint64_t *p = &q->stats.count[which];

	__atomic_store_n(p, __atomic_load_n(p, __ATOMIC_RELAXED) + n,
			 __ATOMIC_RELAXED);
}

/** fdb_batch_class - which histogram column @n packets belong to */
unsigned int fdb_batch_class(unsigned int n);

void fdb_ref(struct fdb *ep);
void fdb_unref(struct fdb *ep);
/** fdb_destroy - called by the last to leave */
void fdb_destroy(struct fdb *ep);

/** fdb_receive - take what has arrived on one fd
 *
 * Returns the messages taken, or FDB_END when the fd has ended; then q->reason
 * says why. */
int fdb_receive(struct fdb_queue *q, unsigned int budget);
#define FDB_END (-100000) /* no errno */

/** fdb_sort_out - a failed read: FDB_END if it will fail again, else 0 */
int fdb_sort_out(struct fdb_queue *q, int rc);

/** fdb_deliver - hand a packet to the dispatcher; taken */
void fdb_deliver(struct fdb_queue *q, struct fdnet_pkt *pkt);

/** fdb_accept - look at a frame's link header; false: counted, to be dropped.
 * @frame is behind the vnet header, @len bytes of it are readable. */
bool fdb_accept(struct fdb_queue *q, const uint8_t *frame, uint32_t len);

/** fdb_dress - fill in the packet's metadata from the bytes in front of it;
 * false: counted, to be dropped */
bool fdb_dress(struct fdb_queue *q, struct fdnet_pkt *pkt, const uint8_t *vnet);

/** fdb_end - the fd has ended: tell the closed callback, once per attach */
void fdb_end(struct fdb_queue *q, int reason);

/** fdb_flush_gro - deliver what was held during a batch */
void fdb_flush_gro(struct fdb_queue *q);
/** fdb_take - hand a checked packet on, through GRO if wanted; taken */
void fdb_take(struct fdb_queue *q, struct fdnet_pkt *pkt, uint32_t len);
/** fdb_note_rx_batch - @n messages came with one call */
void fdb_note_rx_batch(struct fdb_queue *q, unsigned int n);
/** fdb_closes - does the seed's rule end the fd with this message? */
bool fdb_closes(const struct fdb_queue *q, uint32_t len);

/* fds */
/** fdb_fd_look - find out what q->fd is: kind and vnet_len */
int fdb_fd_look(struct fdb_queue *q, const char **ret_why);
/** fdb_fd_prepare - make the changes that reading and writing need */
int fdb_fd_prepare(struct fdb_queue *q, const char **ret_why);
/** fdb_fd_undo - take them back */
void fdb_fd_undo(struct fdb_queue *q);

/* ring */
int fdb_ring_new(struct fdb_queue *q, const char **ret_why);
void fdb_ring_free(struct fdb_queue *q, bool undo);
int fdb_ring_receive(struct fdb_queue *q, unsigned int budget);
/** fdb_ring_losses - add what the kernel counted since last time */
void fdb_ring_losses(struct fdb_queue *q);

/* fanout */
int fdb_fanout(struct fdb *ep, const char **ret_why);

/* writing */
int fdb_write(struct fdnet_endpoint *base, struct fdnet_pkt **pkts,
	      unsigned int n, int *status);
int fdb_inject_outbound(struct fdnet_endpoint *base, const void *dest,
			size_t dest_len, const void *frame, size_t len);
/** fdb_tx_flush - send what waits; on the reader's thread */
void fdb_tx_flush(struct fdb_queue *q);
/** fdb_tx_waits - is POLLOUT of interest? */
static inline bool fdb_tx_waits(struct fdb_queue *q)
{
	return atomic_load(&q->tx_pending) || atomic_load(&q->tx_refused);
}
/** fdb_wake - make the reader thread look at its queue and at ep->stop */
void fdb_wake(struct fdb_queue *q);
/** fdb_tx_enqueue - as restored; taken */
void fdb_tx_enqueue(struct fdb_queue *q, struct fdnet_pkt *pkt);

/* running */
int fdb_attach(struct fdnet_endpoint *base, const struct fdnet_dispatcher *disp,
	       void *arg, enum fdnet_attach how);
void fdb_detach(struct fdnet_endpoint *base);
bool fdb_is_attached(struct fdnet_endpoint *base);
void fdb_wait(struct fdnet_endpoint *base);
int fdb_poll_set(struct fdnet_endpoint *base, struct pollfd *fds, unsigned int n);
int fdb_dispatch(struct fdnet_endpoint *base, uint64_t now_us,
		 unsigned int budget);
/** fdb_on_reader - does the calling thread run a callback of @ep? */
bool fdb_on_reader(const struct fdb *ep);

/** fdb_new - the common part of all constructors */
int fdb_new(const struct fdnet_fd_options *opts, bool injectable,
	    struct fdb **ret_ep, const char **ret_why);

/** fdb_cast - the fd endpoint behind @base, or NULL if it is another kind */
struct fdb *fdb_cast(struct fdnet_endpoint *base);

#endif
