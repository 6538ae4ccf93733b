/* SPDX-License-Identifier: Apache-2.0 */
/* What the endpoint tests share: a sink that collects, frames, socket pairs. */
#ifndef TESTS_EP_UTIL_H
#define TESTS_EP_UTIL_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fdnet/endpoint.h>

#include "base/mem.h"

#define MAX_CLOSED 16

/* Where packets and ends arrive, from whatever thread. */
struct sink {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct fdnet_pkt *first, *last;
	unsigned int pkts, closed, writable;
	int reasons[MAX_CLOSED];
	unsigned int indexes[MAX_CLOSED];
	void (*on_packet)(struct sink *sink, struct fdnet_endpoint *ep);
	void (*on_closed)(struct sink *sink, struct fdnet_endpoint *ep);
	void *user;
};

static struct sink sink = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.cond = PTHREAD_COND_INITIALIZER,
};

static inline void sink_deliver(void *arg, struct fdnet_endpoint *ep,
				struct fdnet_pkt *pkt)
{
	struct sink *s = arg;

	pthread_mutex_lock(&s->lock);
	pkt->next = NULL;
	if (s->last)
		s->last->next = pkt;
	else
		s->first = pkt;
	s->last = pkt;
	s->pkts++;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
	if (s->on_packet)
		s->on_packet(s, ep);
}

static inline void sink_writable(void *arg, struct fdnet_endpoint *ep)
{
	struct sink *s = arg;

	pthread_mutex_lock(&s->lock);
	s->writable++;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

static inline void sink_closed(void *arg, struct fdnet_endpoint *ep,
			       unsigned int index, int reason)
{
	struct sink *s = arg;

	pthread_mutex_lock(&s->lock);
	ck_assert_uint_lt(s->closed, MAX_CLOSED);
	s->indexes[s->closed] = index;
	s->reasons[s->closed++] = reason;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
	if (s->on_closed)
		s->on_closed(s, ep);
}

static const struct fdnet_dispatcher sink_ops __attribute__((unused)) = {
	.deliver = sink_deliver,
	.writable = sink_writable,
};

static inline void sink_wait_pkts(unsigned int n)
{
	pthread_mutex_lock(&sink.lock);
	while (sink.pkts < n)
		pthread_cond_wait(&sink.cond, &sink.lock);
	pthread_mutex_unlock(&sink.lock);
}

static inline void sink_wait_closed(unsigned int n)
{
	pthread_mutex_lock(&sink.lock);
	while (sink.closed < n)
		pthread_cond_wait(&sink.cond, &sink.lock);
	pthread_mutex_unlock(&sink.lock);
}

static inline struct fdnet_pkt *sink_take(void)
{
	struct fdnet_pkt *pkt;

	pthread_mutex_lock(&sink.lock);
	pkt = sink.first;
	if (pkt) {
		sink.first = pkt->next;
		if (!sink.first)
			sink.last = NULL;
		pkt->next = NULL;
	}
	pthread_mutex_unlock(&sink.lock);
	return pkt;
}

static inline void sink_clear(void)
{
	pthread_mutex_lock(&sink.lock);
	fdnet_pkt_free_list(sink.first);
	sink.first = sink.last = NULL;
	sink.pkts = sink.closed = sink.writable = 0;
	pthread_mutex_unlock(&sink.lock);
}

static inline void pair_of(int type, int fds[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
}

/* Options for one fd, reporting to the sink. */
static inline struct fdnet_fd_options options(const int *fds, unsigned int n)
{
	return (struct fdnet_fd_options){
		.fds = fds,
		.nfds = n,
		.mtu = 1500,
		.closed = sink_closed,
		.closed_arg = &sink,
	};
}

static inline struct fdnet_endpoint *endpoint(const struct fdnet_fd_options *opts)
{
	struct fdnet_endpoint *ep = NULL;
	const char *why = NULL;
	int rc = fdnet_fd_endpoint_new(opts, &ep, &why);

	ck_assert_msg(rc == 0, "%d: %s", rc, why ? why : "");
	ck_assert_ptr_null(why);
	return ep;
}

static inline void attach_polled(struct fdnet_endpoint *ep)
{
	ck_assert_int_eq(fdnet_endpoint_attach(ep, &sink_ops, &sink,
					       FDNET_ATTACH_POLLED),
			 0);
}

static inline void attach_threads(struct fdnet_endpoint *ep)
{
	ck_assert_int_eq(fdnet_endpoint_attach(ep, &sink_ops, &sink,
					       FDNET_ATTACH_THREADS),
			 0);
}

/* Dispatch until nothing more is there. Returns the last result. */
static inline int drain(struct fdnet_endpoint *ep)
{
	int rc;

	while ((rc = fdnet_endpoint_dispatch(ep, 0, 64)) > 0)
		;
	return rc;
}

static inline uint64_t counter(struct fdnet_endpoint *ep,
			       enum fdnet_endpoint_counter which)
{
	struct fdnet_endpoint_stats stats;

	fdnet_endpoint_stats(ep, -1, &stats);
	return stats.count[which];
}

static inline uint8_t pattern(uint32_t i)
{
	return (uint8_t)(i * 7 ^ i >> 8);
}

/* @len bytes that begin like an IP packet of @version. */
static inline void fill_frame(uint8_t *dst, uint32_t len, uint8_t version)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		dst[i] = pattern(i);
	if (len)
		dst[0] = (uint8_t)(version << 4 | 5);
}

static inline void send_frame(int fd, uint32_t len, uint8_t version)
{
	uint8_t *buf = malloc(len + 1);

	fill_frame(buf, len, version);
	ck_assert_int_eq(send(fd, buf, len, 0), (ssize_t)len);
	free(buf);
}

static inline void check_frame(const struct fdnet_pkt *pkt, uint32_t len)
{
	uint8_t *got = malloc(len + 1);
	uint32_t i;

	ck_assert_ptr_nonnull(pkt);
	ck_assert_uint_eq(fdnet_pkt_total(pkt), len);
	fdnet_pkt_copy_out(pkt, 0, got, len);
	for (i = 1; i < len; i++)
		if (got[i] != pattern(i))
			ck_abort_msg("byte %u of %u differs", i, len);
	free(got);
}

/* A packet of @len bytes from the endpoint's pool, 40 of them linear. */
static inline struct fdnet_pkt *packet(struct fdnet_endpoint *ep, uint32_t len,
				       uint8_t version)
{
	struct fdnet_pkt_pool *pool = fdnet_endpoint_pool(ep);
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	uint32_t at = len < 40 ? len : 40, i, n;
	uint8_t *p = fdnet_pkt_put(pkt, at);

	fill_frame(p, at, version);
	for (; at < len; at += n) {
		struct fdnet_buf *buf = fdnet_buf_new(pool);

		n = len - at < buf->size ? len - at : buf->size;
		for (i = 0; i < n; i++)
			buf->data[i] = pattern(at + i);
		fdnet_pkt_add_slice(pkt, buf, buf->data, n);
		fdnet_buf_unref(buf);
	}
	return pkt;
}

static inline unsigned int open_fds(void)
{
	unsigned int n = 0;
	int i;

	for (i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static inline int run_suite(Suite *s)
{
	SRunner *sr = srunner_create(s);
	int failed;

	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
