/* SPDX-License-Identifier: Apache-2.0 */
/* Names and text form of the endpoints' counters, and error classes. */
#include "config.h"

#include <fdnet/endpoint.h>

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const names[] = {
	"rx_pkts",	   "rx_bytes",	     "rx_calls",      "rx_wakeups",
	"rx_empty",	   "rx_short",	     "rx_trunc",      "rx_badver",
	"rx_foreign",	   "rx_badvnet",     "rx_nomem",      "rx_transient",
	"rx_ring_lost",	   "rx_ring_resync", "rx_gro_merged", "rx_unattached",
	"tx_pkts",	   "tx_bytes",	     "tx_calls",      "tx_eagain",
	"tx_queued",	   "tx_dropped",     "tx_toobig",     "tx_gone",
	"tx_nobufs",	   "tx_down",	     "tx_other",      "tx_gso_bursts",
	"tx_gso_segs",	   "tx_csum",	     "tx_noroute",    "wrap_lost",
	"wrap_duplicated", "wrap_reordered", "wrap_delayed",  "wrap_captured",
};

static_assert(sizeof(names) / sizeof(names[0]) == FDNET_EP_COUNTER_MAX,
	      "a name for every counter");

const char *fdnet_endpoint_counter_name(enum fdnet_endpoint_counter which)
{
	if ((unsigned int)which >= FDNET_EP_COUNTER_MAX)
		return "unknown";
	return names[which];
}

struct text {
	char *dst;
	size_t len, used;
};

__attribute__((format(printf, 2, 3))) static void
text_add(struct text *t, const char *format, ...)
{
	size_t room = t->used < t->len ? t->len - t->used : 0;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(room ? t->dst + t->used : NULL, room, format, ap);
	va_end(ap);
	if (n > 0)
		t->used += (size_t)n;
}

static void text_batches(struct text *t, const char *name, const uint64_t *h)
{
	static const char *const classes[] = {"1",    "2",     "3-4", "5-8",
					      "9-16", "17-32", "33-"};
	unsigned int i;

	static_assert(sizeof(classes) / sizeof(classes[0]) ==
			      FDNET_EP_BATCH_CLASSES,
		      "a name for every class");
	for (i = 0; i < FDNET_EP_BATCH_CLASSES; i++)
		if (h[i])
			text_add(t, "%s[%s] %llu\n", name, classes[i],
				 (unsigned long long)h[i]);
}

size_t fdnet_endpoint_stats_format(const struct fdnet_endpoint_stats *stats,
				   char *dst, size_t len)
{
	struct text t = {.dst = dst, .len = len};
	unsigned int i;

	if (len)
		dst[0] = '\0';
	for (i = 0; i < FDNET_EP_COUNTER_MAX; i++)
		if (stats->count[i])
			text_add(&t, "%s %llu\n", names[i],
				 (unsigned long long)stats->count[i]);
	text_batches(&t, "rx_batch", stats->rx_batch);
	text_batches(&t, "tx_batch", stats->tx_batch);
	if (stats->tx_queue_now)
		text_add(&t, "tx_queue_now %llu\n",
			 (unsigned long long)stats->tx_queue_now);
	return t.used;
}

const char *fdnet_dispatch_mode_string(enum fdnet_dispatch_mode mode, char *dst,
				       size_t len)
{
	switch (mode) {
	case FDNET_DISPATCH_READV:
		return "Readv";
	case FDNET_DISPATCH_RECVMMSG:
		return "RecvMMsg";
	case FDNET_DISPATCH_PACKET_MMAP:
		return "PacketMMap";
	}
	snprintf(dst, len, "unknown packet dispatch mode '%d'", (int)mode);
	return dst;
}

enum fdnet_error_class fdnet_error_class(int err)
{
	switch (err) {
	case EEXIST:
		return FDNET_ERR_DUPLICATE_ADDRESS;
	case ENETUNREACH:
		return FDNET_ERR_NO_ROUTE;
	case EALREADY:
		return FDNET_ERR_ALREADY_CONNECTING;
	case EISCONN:
		return FDNET_ERR_ALREADY_CONNECTED;
	case EADDRINUSE:
		return FDNET_ERR_PORT_IN_USE;
	case EADDRNOTAVAIL:
		return FDNET_ERR_BAD_LOCAL_ADDRESS;
	case EPIPE:
		return FDNET_ERR_CLOSED_FOR_SEND;
	case EAGAIN:
		return FDNET_ERR_WOULD_BLOCK;
	case ECONNREFUSED:
		return FDNET_ERR_CONNECTION_REFUSED;
	case ETIMEDOUT:
		return FDNET_ERR_TIMEOUT;
	case EINPROGRESS:
		return FDNET_ERR_CONNECT_STARTED;
	case EDESTADDRREQ:
		return FDNET_ERR_DESTINATION_REQUIRED;
	case ENOTSUP:
		return FDNET_ERR_NOT_SUPPORTED;
	case ENOTTY:
		return FDNET_ERR_QUEUE_SIZE_NOT_SUPPORTED;
	case ENOTCONN:
		return FDNET_ERR_NOT_CONNECTED;
	case ECONNRESET:
		return FDNET_ERR_CONNECTION_RESET;
	case ECONNABORTED:
		return FDNET_ERR_CONNECTION_ABORTED;
	case EMSGSIZE:
		return FDNET_ERR_MESSAGE_TOO_LONG;
	case ENOBUFS:
		return FDNET_ERR_NO_BUFFER_SPACE;
	default:
		return FDNET_ERR_INVALID_STATE;
	}
}
