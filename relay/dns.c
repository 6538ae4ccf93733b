/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/dns.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "relay/dns_internal.h"
#include "relay/sys.h"
#include "stack/wire/bytes.h"
#include "relay/state.h"

/* Questions of one guest taken in one turn. */
#define UDP_BUDGET 64
/* A connection's questions are answered one after the other. */
#define CONN_IN (2 + DNS_QUESTION_MAX)

/**
 * struct dns_conn - a guest's TCP connection to the forwarder
 * @in, @in_len:  what came of the next question
 * @out, @out_len, @out_sent:  an answer on its way, with its length in front
 * @asking:       a question is being answered: none other is taken
 */
struct dns_conn {
	struct user user;
	uint32_t number;
	struct fdnet_sock *so;
	uint8_t in[CONN_IN];
	size_t in_len;
	uint8_t *out;
	size_t out_len, out_sent;
	bool asking;
	struct dns_conn *prev, *next;
};

int dns_init(struct relay *relay)
{
	const char *path = relay->opts->hosts;
	FILE *file;
	int rc = 0;

	relay->dns = calloc(1, sizeof(*relay->dns));
	if (!relay->dns)
		return -ENOMEM;
	relay->dns->tokens_us = relay->now_us;
	relay->dns->tokens = 2 * LIMIT_DNS_RATE * 1000000ull;
	relay->opts->net.nhost_dns = resolver_system_servers(
		relay->opts->net.host_dns, NET_HOST_DNS);
	hosts_init(&relay->dns->hosts);
	dns_cache_init(&relay->dns->cache);
	file = *path ? fopen(path, "re") : NULL;
	if (file) {
		rc = hosts_read(&relay->dns->hosts, file);
		fclose(file);
	}
	if (rc)
		return rc;
	return resolver_new(&relay->loop, relay->opts, &relay->dns->resolver);
}

void dns_done(struct relay *relay)
{
	if (!relay->dns)
		return;
	dns_forget(relay, 0);
	dns_forget_restored(relay);
	resolver_free(relay->dns->resolver);
	hosts_done(&relay->dns->hosts);
	dns_cache_flush(&relay->dns->cache);
	free(relay->dns);
	relay->dns = NULL;
}

uint64_t dns_timeout_us(struct relay *relay)
{
	return resolver_timeout_us(relay->dns->resolver);
}

void dns_advance(struct relay *relay)
{
	resolver_advance(relay->dns->resolver);
}

/* ---- sockets in a guest's engine ---- */

static int open_one(struct guest *guest, int type,
		    const struct fdnet_ip *address, struct user *user,
		    struct fdnet_sock **ret_so)
{
	struct fdnet_name name = { .ip = *address, .port = DNS_PORT };
	int proto = type == FDNET_SOCK_STREAM ? POLICY_TCP : POLICY_UDP;
	int rc = fdnet_sock_open(guest->stack, address->family, type, proto,
				 ret_so);

	if (!rc)
		rc = fdnet_sock_bind(*ret_so, &name);
	if (!rc && type == FDNET_SOCK_STREAM)
		rc = fdnet_sock_listen(*ret_so, LIMIT_DNS_CONNS);
	if (!rc)
		fdnet_sock_set_user(*ret_so, user);
	return rc;
}

static int open_server(struct guest *guest, const struct fdnet_ip *ip,
		       unsigned int i)
{
	int rc = open_one(guest, FDNET_SOCK_DGRAM, ip, &guest->dns_user,
			  &guest->dns_udp[i]);

	return rc ? rc :
		    open_one(guest, FDNET_SOCK_STREAM, ip,
			     &guest->dns_listen_user, &guest->dns_listen[i]);
}

/* Whoever was allowed to talk to that server himself is to do so. */
static bool is_allowed(struct relay *relay, const struct fdnet_ip *ip)
{
	struct policy_query query = {
		.proto = POLICY_UDP,
		.ip = *ip,
		.port = DNS_PORT,
		.cls = relay_classify(relay, ip),
		.now_us = relay->now_us,
	};
	struct rule *rule = policy_find(relay->policy, &query);

	return rule && rule->allow;
}

/* Static and Go programs read resolv.conf and ask the servers named there.
 * One whose address cannot be had in the engine is left out: the names still
 * resolve at the sandbox's own address. */
static void open_host_servers(struct guest *guest)
{
	const struct net *net = &guest->relay->opts->net;

	for (unsigned int i = 0; i < net->nhost_dns; i++) {
		const struct fdnet_ip *ip = &net->host_dns[i];

		if (is_allowed(guest->relay, ip) || net_is_dns(net, ip) ||
		    net_is_gateway(net, ip))
			continue;
		if (!fdnet_ip_is_loopback(ip) &&
		    fdnet_stack_add_addr(guest->stack, ip,
					 ip->family == 4 ? 32 : 128))
			continue;
		open_server(guest, ip, 2 + i);
	}
}

int dns_open_guest(struct guest *guest)
{
	const struct net *net = &guest->relay->opts->net;
	int rc;

	guest->dns_user.kind = USER_DNS_UDP;
	guest->dns_listen_user.kind = USER_DNS_LISTEN;
	rc = open_server(guest, &net->v4.dns, 0);
	if (!rc)
		rc = open_server(guest, &net->v6.dns, 1);
	if (!rc)
		open_host_servers(guest);
	return rc;
}

static void conn_free(struct guest *guest, struct dns_conn *conn)
{
	DL_DELETE(guest->dns_conns, conn);
	guest->ndns_conns--;
	fdnet_sock_set_user(conn->so, NULL);
	fdnet_sock_close(conn->so);
	free(conn->out);
	free(conn);
}

void dns_end_guest(struct guest *guest)
{
	dns_forget(guest->relay, guest->id);
	while (guest->dns_conns)
		conn_free(guest, guest->dns_conns);
}

/* ---- UDP ---- */

void dns_udp_event(struct guest *guest, struct fdnet_sock *so)
{
	uint8_t data[DNS_QUESTION_MAX + 1];

	for (int i = 0; i < UDP_BUDGET; i++) {
		struct iovec iov = { data, sizeof(data) };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
		struct dns_asker asker = { .guest = guest->id };
		ssize_t len = fdnet_sock_recv(so, &msg);

		if (len == -EAGAIN)
			return;
		if (len < 0)
			continue;
		asker.from = msg.to_from;
		asker.to = msg.local;
		dns_ask(guest, &asker, data, (size_t)len);
	}
	/* the rest is dropped: nobody asks that much at once */
	count(&guest->relay->counters, C_DNS_LIMIT);
}

/* The socket that the question came to. */
static struct fdnet_sock *server_at(struct guest *guest,
				    const struct fdnet_ip *ip)
{
	struct fdnet_name name;

	for (unsigned int i = 2; i < DNS_SERVERS; i++)
		if (guest->dns_udp[i] &&
		    !fdnet_sock_name(guest->dns_udp[i], &name) &&
		    fdnet_ip_equal(&name.ip, ip))
			return guest->dns_udp[i];
	return guest->dns_udp[ip->family == 6];
}

static void reply_udp(struct guest *guest, const struct dns_asker *asker,
		      uint8_t *data, size_t len)
{
	struct iovec iov = { data, len };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.to_from = asker->from,
		.local = asker->to,
		.ttl = -1,
		.tos = -1,
	};

	fdnet_sock_send(server_at(guest, &asker->to.ip), &msg);
}

/* ---- TCP ---- */

static struct dns_conn *conn_find(struct guest *guest, uint32_t number)
{
	struct dns_conn *conn;

	DL_FOREACH(guest->dns_conns, conn) {
		if (conn->number == number)
			return conn;
	}
	return NULL;
}

static uint32_t new_number(struct guest *guest)
{
	do
		guest->last_dns_conn++;
	while (!guest->last_dns_conn ||
	       conn_find(guest, guest->last_dns_conn));
	return guest->last_dns_conn;
}

void dns_listen_event(struct guest *guest, struct fdnet_sock *so)
{
	struct fdnet_sock *child;

	while (!fdnet_sock_accept(so, &child)) {
		struct dns_conn *conn = NULL;

		if (guest->ndns_conns < LIMIT_DNS_CONNS)
			conn = calloc(1, sizeof(*conn));
		if (!conn) {
			count(&guest->relay->counters, C_DNS_LIMIT);
			fdnet_sock_abort(child);
			continue;
		}
		conn->user.kind = USER_DNS_CONN;
		conn->number = new_number(guest);
		conn->so = child;
		guest->ndns_conns++;
		DL_APPEND(guest->dns_conns, conn);
		fdnet_sock_set_user(child, &conn->user);
		dns_conn_event(guest, &conn->user);
	}
}

/* Send what is left of the answer. false: the connection has ended. */
static bool conn_send(struct guest *guest, struct dns_conn *conn)
{
	while (conn->out) {
		struct iovec iov = { conn->out + conn->out_sent,
				     conn->out_len - conn->out_sent };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
		ssize_t rc = fdnet_sock_send(conn->so, &msg);

		if (rc == -EAGAIN)
			return true;
		if (rc < 0) {
			conn_free(guest, conn);
			return false;
		}
		conn->out_sent += (size_t)rc;
		if (conn->out_sent == conn->out_len) {
			free(conn->out);
			conn->out = NULL;
		}
	}
	return true;
}

/* Take the question that stands first in the buffer, if it is complete. The
 * answer may come at once, and free the connection. */
static void conn_take(struct guest *guest, struct dns_conn *conn)
{
	struct dns_asker asker = { .guest = guest->id,
				   .conn = conn->number };
	uint8_t msg[DNS_QUESTION_MAX];
	size_t len;

	if (conn->in_len < 2)
		return;
	len = fdnet_get16(conn->in);
	if (len > DNS_QUESTION_MAX || len < DNS_HEADER_LEN) {
		conn_free(guest, conn);
		return;
	}
	if (conn->in_len < 2 + len)
		return;
	memcpy(msg, conn->in + 2, len);
	conn->in_len -= 2 + len;
	memmove(conn->in, conn->in + 2 + len, conn->in_len);
	conn->asking = true;
	if (dns_ask(guest, &asker, msg, len))
		conn_free(guest, conn);
}

void dns_conn_event(struct guest *guest, struct user *user)
{
	struct dns_conn *conn = (struct dns_conn *)((char *)user -
						    offsetof(struct dns_conn,
							     user));
	uint32_t number = conn->number;

	if (!conn_send(guest, conn))
		return;
	while (!conn->asking && !conn->out) {
		struct iovec iov = { conn->in + conn->in_len,
				     sizeof(conn->in) - conn->in_len };
		struct fdnet_msg msg = { .iov = &iov, .iovcnt = 1 };
		ssize_t rc = 0;

		if (conn->in_len < 2 ||
		    conn->in_len < 2u + fdnet_get16(conn->in)) {
			rc = fdnet_sock_recv(conn->so, &msg);
			if (rc == -EAGAIN)
				return;
			if (rc <= 0) {
				conn_free(guest, conn);
				return;
			}
			conn->in_len += (size_t)rc;
		}
		conn_take(guest, conn);
		conn = conn_find(guest, number);
		if (!conn)
			return;
	}
}

static void reply_tcp(struct guest *guest, struct dns_conn *conn,
		      const uint8_t *data, size_t len)
{
	conn->asking = false;
	conn->out = malloc(2 + len);
	if (!conn->out) {
		conn_free(guest, conn);
		return;
	}
	fdnet_put16(conn->out, (uint16_t)len);
	memcpy(conn->out + 2, data, len);
	conn->out_len = 2 + len;
	conn->out_sent = 0;
	/* the next question may be there already; not from in here, as this
	 * may have been called for the one before */
	if (conn_send(guest, conn))
		guest->dns_more = true;
}

void dns_run_more(struct guest *guest)
{
	struct dns_conn *conn, *tmp;

	if (!guest->dns_more)
		return;
	guest->dns_more = false;
	DL_FOREACH_SAFE(guest->dns_conns, conn, tmp)
		dns_conn_event(guest, &conn->user);
}

void dns_reply(struct relay *relay, const struct dns_asker *asker,
	       const struct dns_question *q, uint8_t *msg, size_t len)
{
	struct guest *guest = guest_find(relay, asker->guest);
	struct dns_conn *conn;

	if (!guest || !guest_is_up(guest))
		return;
	fdnet_stack_set_time(guest->stack, relay->now_us);
	if (!asker->conn)
		len = dns_answer_truncate(msg, len, q);
	len = dns_answer_add_opt(msg, len, q);
	if (!asker->conn) {
		reply_udp(guest, asker, msg, len);
	} else {
		conn = conn_find(guest, asker->conn);
		if (conn)
			reply_tcp(guest, conn, msg, len);
	}
	guest_touch(guest);
}

/* ---- state.h ---- */

static void conn_state(struct fdnet_save *s, struct dns_conn *conn)
{
	conn->number = fdnet_save_u32(s, conn->number);
	conn->asking = fdnet_save_bool(s, conn->asking);
	conn->in_len = fdnet_save_count(s, (uint32_t)conn->in_len,
					sizeof(conn->in), 1);
	fdnet_save_bytes(s, conn->in, conn->in_len);
	conn->out_len = fdnet_save_count(
		s, conn->out ? (uint32_t)conn->out_len : 0, 2 + 65535, 1);
	if (s->reading && conn->out_len)
		conn->out = state_alloc(s, conn->out_len);
	if (conn->out)
		fdnet_save_bytes(s, conn->out, conn->out_len);
	conn->out_sent = fdnet_save_u32(s, (uint32_t)conn->out_sent);
	fdnet_save_check(s, !conn->out || conn->out_sent < conn->out_len);
}

static void read_conn(struct state *st, struct guest *guest)
{
	struct dns_conn *conn = state_alloc(&st->s, sizeof(*conn));

	if (!conn)
		return;
	conn->user.kind = USER_DNS_CONN;
	conn_state(&st->s, conn);
	conn->so = state_claim(st, 2 * (uint64_t)guest->id,
			       guest_tag(USER_DNS_CONN, conn->number));
	if (!conn->so) {
		free(conn->out);
		free(conn);
		return;
	}
	fdnet_sock_set_user(conn->so, &conn->user);
	guest->ndns_conns++;
	DL_APPEND(guest->dns_conns, conn);
}

static struct fdnet_sock *server_state(struct state *st, struct guest *guest,
				       struct fdnet_sock *so,
				       enum user_kind kind, unsigned int i)
{
	if (!fdnet_save_bool(&st->s, so))
		return NULL;
	if (!st->s.reading)
		return so;
	so = state_claim(st, 2 * (uint64_t)guest->id, guest_tag(kind, i));
	if (so)
		fdnet_sock_set_user(so, kind == USER_DNS_UDP ?
						&guest->dns_user :
						&guest->dns_listen_user);
	return so;
}

void dns_guest_state(struct state *st, struct guest *guest)
{
	struct fdnet_save *s = &st->s;
	struct dns_conn *conn;
	uint32_t n;

	guest->dns_user.kind = USER_DNS_UDP;
	guest->dns_listen_user.kind = USER_DNS_LISTEN;
	for (unsigned int i = 0; i < DNS_SERVERS; i++) {
		guest->dns_udp[i] = server_state(st, guest, guest->dns_udp[i],
						 USER_DNS_UDP, i);
		guest->dns_listen[i] =
			server_state(st, guest, guest->dns_listen[i],
				     USER_DNS_LISTEN, i);
	}
	guest->last_dns_conn = fdnet_save_u32(s, guest->last_dns_conn);
	n = fdnet_save_count(s, guest->ndns_conns, LIMIT_DNS_CONNS, 17);
	if (s->reading)
		for (; n && !s->rc; n--)
			read_conn(st, guest);
	else
		DL_FOREACH(guest->dns_conns, conn)
			conn_state(s, conn);
}

uint64_t dns_tag(struct guest *guest, struct fdnet_sock *so)
{
	struct user *user = fdnet_sock_user(so);

	if (user->kind == USER_DNS_CONN)
		return guest_tag(USER_DNS_CONN,
				 ((struct dns_conn *)((char *)user -
						      offsetof(struct dns_conn,
							       user)))
					 ->number);
	for (unsigned int i = 0; i < DNS_SERVERS; i++)
		if (so == guest->dns_udp[i] || so == guest->dns_listen[i])
			return guest_tag(user->kind, i);
	return 0;
}

void dns_state(struct state *st)
{
	struct relay *relay = st->relay;
	struct dns *dns = relay->dns;

	dns->tokens = fdnet_save_u64(&st->s, dns->tokens);
	dns->tokens_us = fdnet_save_u64(&st->s, dns->tokens_us);
	dns_cache_state(&dns->cache, &st->s);
	dns_queries_state(relay, &st->s);
}
