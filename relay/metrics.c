/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "relay/flow_udp.h"
#include "relay/guest.h"
#include "relay/hash.h"
#include "relay/status.h"
#include "relay/summary.h"
#include "relay/sys.h"
#include "relay/unixsock.h"
#include "relay/state.h"

#define TEXT_MAX (48 << 10)
#define REQUEST_MAX 4096
#define PATIENCE_US (10 * 1000000ull)

/**
 * struct metrics_client
 * @tail:   the last bytes of its request, to find the empty line
 * @taken:  bytes of it
 * @text:   the answer; NULL: it is still asking
 */
struct metrics_client {
	struct source src;
	uint64_t until_us;
	uint32_t tail;
	size_t taken;
	char *text;
	size_t len, sent;
	struct metrics_client *prev, *next;
};

/* ---- the text ---- */

struct text {
	char *dst;
	size_t len, size;
};

/* Whole lines, or nothing. */
__attribute__((format(printf, 2, 3))) static void
put(struct text *text, const char *fmt, ...)
{
	size_t room = text->size - text->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text->dst + text->len, room, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < room)
		text->len += (size_t)n;
	else if (room)
		text->dst[text->len] = '\0';
}

static void put_gauge(struct text *text, const char *name, uint64_t value)
{
	put(text, "# TYPE fdnet_%s gauge\nfdnet_%s %" PRIu64 "\n", name, name,
	    value);
}

/* Bytes of flows that have ended and of those that live. */
static void put_traffic(struct relay *relay, struct text *text)
{
	struct record_totals totals[3];
	static const char *const names[] = { "tcp", "udp", "icmp" };
	struct flow *flow;

	memcpy(totals, relay->record.totals, sizeof(totals));
	DL_FOREACH(relay->flows.list, flow) {
		struct flow_info info;
		struct record_totals *total;

		flows_describe(relay, flow, &info);
		total = &totals[record_total(info.proto)];
		total->bytes_out += info.bytes_out;
		total->bytes_in += info.bytes_in;
	}
	put(text, "# TYPE fdnet_bytes_total counter\n");
	for (int i = 0; i < 3; i++) {
		put(text,
		    "fdnet_bytes_total{proto=\"%s\",direction=\"out\"} %" PRIu64
		    "\n",
		    names[i], totals[i].bytes_out);
		put(text,
		    "fdnet_bytes_total{proto=\"%s\",direction=\"in\"} %" PRIu64
		    "\n",
		    names[i], totals[i].bytes_in);
	}
}

static void put_rules(const struct relay *relay, struct text *text)
{
	char rule[600];

	put(text, "# TYPE fdnet_rule_hits_total counter\n");
	for (unsigned int i = 0; i < relay->policy->count; i++) {
		const struct rule *one = &relay->policy->rules[i];

		put(text,
		    "fdnet_rule_hits_total{number=\"%u\",rule=\"%s %s\"} "
		    "%" PRIu64 "\n",
		    i + 1, one->allow ? "allow" : "deny",
		    record_escape(one->text, rule, sizeof(rule)), one->hits);
	}
}

size_t metrics_print(struct relay *relay, char *dst, size_t size)
{
	struct text text = { .dst = dst, .size = size };

	put_gauge(&text, "uptime_seconds",
		  (relay->now_us - relay->start_us) / 1000000);
	put_gauge(&text, "programs", relay->nguests);
	put(&text, "# TYPE fdnet_flows gauge\n");
	put(&text, "fdnet_flows{proto=\"tcp\"} %u\n", relay->tcp_flows);
	put(&text, "fdnet_flows{proto=\"udp\"} %u\n", flow_udp_count(relay));
	put_gauge(&text, "queued_bytes", relay->txq_bytes);
	put_gauge(&text, "descriptors", status_descriptors(relay));
	put_traffic(relay, &text);
	for (int i = 0; i < C_MAX; i++)
		put(&text,
		    "# TYPE fdnet_%s_total counter\nfdnet_%s_total %" PRIu64
		    "\n",
		    counter_name(i), counter_name(i), relay->counters.n[i]);
	put_rules(relay, &text);
	return text.len;
}

/* ---- clients ---- */

static void free_source(struct source *src)
{
	struct metrics_client *client = (struct metrics_client *)src;

	free(client->text);
	free(client);
}

static void client_free(struct relay *relay, struct metrics_client *client)
{
	DL_DELETE(relay->metrics_clients, client);
	loop_remove(&relay->loop, &client->src);
	close(client->src.fd);
	loop_bury(&relay->loop, &client->src, free_source);
}

static int client_new(struct relay *relay, int fd)
{
	struct metrics_client *client, *other;
	unsigned int n = 0;

	DL_FOREACH(relay->metrics_clients, other)
		n++;
	if (n >= LIMIT_CTL_CLIENTS)
		return -ENOBUFS;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->src = (struct source){ .type = SOURCE_METRICS, .fd = fd };
	client->until_us = relay->now_us + PATIENCE_US;
	if (loop_add(&relay->loop, &client->src,
		     EPOLLIN | EPOLLOUT | EPOLLET)) {
		free(client);
		return -ENOMEM;
	}
	DL_APPEND(relay->metrics_clients, client);
	return 0;
}

void metrics_listen_event(struct relay *relay)
{
	int fd;

	/* an edge for each newcomer, as in ctl.c */
	while ((fd = sys_accept(relay->metrics.fd, NULL, NULL)) >= 0 ||
	       fd == -ECONNABORTED) {
		if (fd >= 0 && client_new(relay, fd)) {
			count(&relay->counters, C_CTL_LIMIT);
			close(fd);
		}
	}
}

static int make_answer(struct relay *relay, struct metrics_client *client)
{
	static const char head[] =
		"HTTP/1.0 200 OK\r\n"
		"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
		"Connection: close\r\n\r\n";
	size_t len = sizeof(head) - 1;

	client->text = malloc(len + TEXT_MAX);
	if (!client->text)
		return -ENOMEM;
	memcpy(client->text, head, len);
	client->len = len + metrics_print(relay, client->text + len, TEXT_MAX);
	return 0;
}

/* Whatever is asked, the answer is the same. Returns 1 when the request is
 * complete, 0 to wait for more, or a negative errno. */
static int take_request(struct metrics_client *client)
{
	char data[512];
	ssize_t rc;

	for (;;) {
		rc = SYS_RETRY(recv(client->src.fd, data, sizeof(data),
				    MSG_DONTWAIT));
		if (rc == -EAGAIN)
			return 0;
		if (rc <= 0)
			return -EPIPE;
		client->taken += (size_t)rc;
		for (ssize_t i = 0; i < rc; i++) {
			client->tail = client->tail << 8 | (uint8_t)data[i];
			/* an empty line, with or without CR */
			if (client->tail == 0x0d0a0d0a ||
			    (client->tail & 0xffff) == 0x0a0a)
				return 1;
		}
		if (client->taken > REQUEST_MAX)
			return -EMSGSIZE;
	}
}

static int send_answer(struct metrics_client *client)
{
	while (client->sent < client->len) {
		struct iovec iov = { client->text + client->sent,
				     client->len - client->sent };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t rc = sys_sendmsg(client->src.fd, &msg);

		if (rc == -EAGAIN)
			return 0;
		if (rc < 0)
			return (int)rc;
		client->sent += (size_t)rc;
	}
	/* the end of the answer is the end of the connection */
	return -EPIPE;
}

void metrics_event(struct relay *relay, struct source *src)
{
	struct metrics_client *client = (struct metrics_client *)src;
	int rc = client->text ? 1 : take_request(client);

	if (rc == 1 && !client->text) {
		rc = make_answer(relay, client);
		rc = rc ? rc : 1;
	}
	if (rc == 1)
		rc = send_answer(client);
	if (rc < 0)
		client_free(relay, client);
}

uint64_t metrics_expiry(const struct relay *relay)
{
	/* the oldest comes first */
	return relay->metrics_clients ? relay->metrics_clients->until_us :
					FDNET_NEVER;
}

void metrics_advance(struct relay *relay)
{
	struct metrics_client *client;

	while ((client = relay->metrics_clients) &&
	       client->until_us <= relay->now_us)
		client_free(relay, client);
}

/* ---- listening ---- */

static int listen_tcp(const struct fdnet_name *name)
{
	struct sockaddr_storage sa;
	socklen_t len = sys_from_name(name, &sa);
	int fd = sys_socket(sa.ss_family, SOCK_STREAM), rc = 0;

	if (fd < 0)
		return fd;
	sys_setopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, (struct sockaddr *)&sa, len) < 0 ||
	    listen(fd, LIMIT_CTL_CLIENTS) < 0)
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

int metrics_open(struct relay *relay)
{
	const struct options *opts = relay->opts;
	int rc;

	if (!opts->metrics)
		return 0;
	relay->metrics.type = SOURCE_METRICS_LISTEN;
	relay->metrics.fd =
		opts->metrics_name.ip.family ?
			listen_tcp(&opts->metrics_name) :
			unixsock_listen(opts->metrics, SOCK_STREAM,
					LIMIT_CTL_CLIENTS);
	rc = relay->metrics.fd < 0 ? relay->metrics.fd :
				     loop_add(&relay->loop, &relay->metrics,
					      EPOLLIN | EPOLLET);
	if (rc)
		fprintf(stderr, "fdnet-relay: --metrics %s: %s\n",
			opts->metrics, strerror(-rc));
	return rc;
}

void metrics_close(struct relay *relay)
{
	while (relay->metrics_clients)
		client_free(relay, relay->metrics_clients);
	if (relay->metrics.fd >= 0)
		close(relay->metrics.fd);
	relay->metrics.fd = -1;
}

/* ---- state.h ---- */

/* Who is in the middle of an answer asks again. */
void metrics_state(struct state *st)
{
	struct relay *relay = st->relay;
	bool is_path = fdnet_save_bool(&st->s,
				       !relay->opts->metrics_name.ip.family);

	relay->metrics.type = SOURCE_METRICS_LISTEN;
	relay->metrics.fd = state_socket(st, relay->metrics.fd,
					 is_path ? AF_UNIX : 0, SOCK_STREAM);
	if (st->s.reading && relay->metrics.fd >= 0)
		fdnet_save_fail(&st->s, loop_add(&relay->loop, &relay->metrics,
						 EPOLLIN | EPOLLET));
}
