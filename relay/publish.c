/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/publish_internal.h"

#include <stdlib.h>
#include <string.h>

#include "relay/flow_tcp.h"
#include "relay/flow_udp.h"
#include "relay/guest.h"
#include "relay/summary.h"
#include "relay/sys.h"
#include "relay/state.h"

/* Clients and datagrams taken in one turn. */
#define ACCEPT_BUDGET 64
#define DATAGRAM_BUDGET 64
/* Without descriptors or memory there is no use in trying at once again. */
#define PAUSE_US 100000
#define BACKLOG 4096

static int open_socket(struct publish_spec *spec)
{
	bool tcp = spec->proto == POLICY_TCP;
	struct sockaddr_storage sa;
	socklen_t len = sys_from_name(&spec->host, &sa);
	int rc, fd = sys_socket(sa.ss_family, tcp ? SOCK_STREAM : SOCK_DGRAM);

	if (fd < 0)
		return fd;
	if (tcp)
		sys_setopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	else
		sys_set_buffers(fd, 4 << 20);
	if (sa.ss_family == AF_INET6)
		sys_setopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	rc = bind(fd, (struct sockaddr *)&sa, len) < 0 ? -errno : 0;
	if (!rc && tcp && listen(fd, BACKLOG) < 0)
		rc = -errno;
	if (!rc && getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		rc = -errno;
	if (rc) {
		close(fd);
		return rc;
	}
	sys_to_name(&sa, &spec->host);
	return fd;
}

void publish_note(struct relay *relay, const struct publish_spec *spec,
		  enum record_kind kind)
{
	int family = spec->host.ip.family;
	struct record_event event = {
		.kind = kind,
		.proto = spec->proto,
		.src = { .ip = net_family(&relay->opts->net, family)->ip,
			 .port = spec->port },
		.dst = spec->host,
	};

	record_event(&relay->record, relay->now_us, &event);
}

int publish_one(struct relay *relay, const struct publish_spec *spec,
		struct publish **ret_pub)
{
	struct publish *pub = calloc(1, sizeof(*pub));
	int rc;

	if (!pub)
		return -ENOMEM;
	pub->spec = *spec;
	pub->src.type = SOURCE_PUBLISH;
	pub->src.fd = open_socket(&pub->spec);
	rc = pub->src.fd < 0 ? pub->src.fd :
			       loop_add(&relay->loop, &pub->src, EPOLLIN);
	if (rc) {
		if (pub->src.fd >= 0)
			close(pub->src.fd);
		free(pub);
		return rc;
	}
	LL_APPEND(relay->published, pub);
	*ret_pub = pub;
	return 0;
}

void publish_tell(const struct relay *relay, const struct publish *pub,
		  uint16_t asked)
{
	const struct publish_spec *spec = &pub->spec;
	char text[RECORD_NAME_LEN];

	if (!asked || relay->opts->verbose)
		fprintf(stderr, "fdnet-relay: published %s -> %u/%s\n",
			record_name(&spec->host, text), spec->port,
			spec->proto == POLICY_TCP ? "tcp" : "udp");
}

static int open_told(struct relay *relay, const struct publish_spec *spec)
{
	char text[FDNET_IP_STRLEN];
	struct publish *pub;
	int rc = publish_one(relay, spec, &pub);

	if (rc) {
		fprintf(stderr,
			"fdnet-relay: --publish: port %u of %s cannot be "
			"taken: %s\n",
			spec->host.port,
			fdnet_ip_format(&spec->host.ip, text), strerror(-rc));
		return rc;
	}
	publish_note(relay, &pub->spec, RECORD_PUBLISH);
	publish_tell(relay, pub, spec->host.port);
	return 0;
}

int publish_open(struct relay *relay)
{
	for (unsigned int i = 0; i < relay->opts->npublish; i++) {
		int rc = open_told(relay, &relay->opts->publish[i]);

		if (rc)
			return rc;
	}
	return 0;
}

static void free_source(struct source *src)
{
	free((struct publish *)src);
}

void publish_free(struct relay *relay, struct publish *pub)
{
	LL_DELETE(relay->published, pub);
	loop_forget(&relay->loop, &pub->src);
	close(pub->src.fd);
	/* an event of this turn may still name it */
	loop_bury(&relay->loop, &pub->src, free_source);
}

void publish_close(struct relay *relay)
{
	while (relay->published)
		publish_free(relay, relay->published);
}

void publish_show(const struct relay *relay, struct json *json)
{
	const struct publish *pub;

	json_open(json, "published", '[');
	LL_FOREACH(relay->published, pub) {
		json_open(json, NULL, '{');
		json_text(json, "proto",
			  pub->spec.proto == POLICY_TCP ? "tcp" : "udp");
		json_name(json, "host", &pub->spec.host);
		json_u64(json, "port", pub->spec.port);
		json_close(json, '}');
	}
	json_close(json, ']');
}

void publish_learned(const struct relay *relay, FILE *out)
{
	const struct publish *pub;

	LL_FOREACH(relay->published, pub) {
		bool tcp = pub->spec.proto == POLICY_TCP;
		char text[RECORD_NAME_LEN];

		if (pub->clients)
			fprintf(out, "publish %s:%u%s\n",
				record_name(&pub->spec.host, text),
				pub->spec.port, tcp ? "" : "/udp");
	}
}

/* The address a client has inside. */
static struct fdnet_name inside_name(const struct relay *relay,
				     const struct fdnet_name *real,
				     int family)
{
	const struct net *net = &relay->opts->net;
	const struct net_family *half = net_family(net, family);
	struct fdnet_name name = { .ip = real->ip, .port = real->port };

	if (real->ip.family != family || net_is_sandbox(net, &real->ip) ||
	    addr_classify(&real->ip) == ADDR_NEVER ||
	    fdnet_ip_in_prefix(&real->ip, &half->ip, half->bits))
		name.ip = half->gateway;
	return name;
}

/* Who serves this port inside, and at which of the sandbox's addresses? The
 * client's own family first. */
static struct guest *find_target(struct relay *relay,
				 const struct publish *pub,
				 const struct fdnet_name *real,
				 struct fdnet_name *ret_target)
{
	uint32_t hash = (uint32_t)hash_bytes(real->ip.bytes, 16) ^ real->port;
	int family = real->ip.family;

	for (int i = 0; i < 2; i++, family = family == 4 ? 6 : 4) {
		const struct net_family *half =
			net_family(&relay->opts->net, family);
		uint32_t id = registry_find(&relay->registry, pub->spec.proto,
					    &half->ip, pub->spec.port, hash);
		struct guest *guest = id ? guest_find(relay, id) : NULL;

		if (!guest || !guest_is_up(guest) || !guest->greeted)
			continue;
		*ret_target = (struct fdnet_name){ .ip = half->ip,
						   .port = pub->spec.port };
		return guest;
	}
	return NULL;
}

/* ---- TCP ---- */

static void take_client(struct relay *relay, struct publish *pub, int fd,
			const struct sockaddr_storage *sa)
{
	struct fdnet_name real, client, target;
	struct guest *guest;
	struct rule *rule;

	if (sys_to_name(sa, &real)) {
		sys_close_reset(fd);
		return;
	}
	guest = find_target(relay, pub, &real, &target);
	if (!guest) {
		count(&relay->counters, C_PUBLISH_REFUSED);
		sys_close_reset(fd);
		return;
	}
	client = inside_name(relay, &real, target.ip.family);
	if (!relay_decide_client(relay, POLICY_TCP, &client, target.port,
				 &rule)) {
		count(&relay->counters, C_PUBLISH_REFUSED);
		sys_close_reset(fd);
		return;
	}
	count(&relay->counters, C_PUBLISH_ACCEPT);
	pub->clients++;
	if (flow_tcp_publish(guest, fd, &client, &target, rule))
		count(&relay->counters, C_PUBLISH_LIMIT);
}

static void accept_clients(struct relay *relay, struct publish *pub)
{
	for (int i = 0; i < ACCEPT_BUDGET; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		int fd = sys_accept(pub->src.fd, (struct sockaddr *)&sa, &len);

		if (fd >= 0) {
			take_client(relay, pub, fd, &sa);
			continue;
		}
		if (fd != -EMFILE && fd != -ENFILE && fd != -ENOBUFS &&
		    fd != -ENOMEM) {
			if (fd == -EAGAIN)
				return;
			continue; /* that client has gone already */
		}
		count(&relay->counters, C_PUBLISH_LIMIT);
		pub->paused_until_us = relay->now_us + PAUSE_US;
		loop_change(&relay->loop, &pub->src, 0);
		return;
	}
}

uint64_t publish_expiry(const struct relay *relay)
{
	uint64_t expiry_us = FDNET_NEVER;
	const struct publish *pub;

	LL_FOREACH(relay->published, pub) {
		if (pub->paused_until_us && pub->paused_until_us < expiry_us)
			expiry_us = pub->paused_until_us;
	}
	return expiry_us;
}

void publish_advance(struct relay *relay)
{
	struct publish *pub;

	LL_FOREACH(relay->published, pub) {
		if (!pub->paused_until_us ||
		    pub->paused_until_us > relay->now_us)
			continue;
		pub->paused_until_us = 0;
		loop_change(&relay->loop, &pub->src, EPOLLIN);
	}
}

/* ---- UDP ---- */

static void take_datagrams(struct relay *relay, struct publish *pub)
{
	static uint8_t data[65536]; /* of the process: one at a time */

	for (int i = 0; i < DATAGRAM_BUDGET; i++) {
		struct fdnet_name real, client, target;
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		struct guest *guest;
		ssize_t rc = SYS_RETRY(recvfrom(
			pub->src.fd, data, sizeof(data), MSG_DONTWAIT,
			(struct sockaddr *)&sa, &len));

		if (rc == -EAGAIN)
			return;
		if (rc < 0 || sys_to_name(&sa, &real))
			continue; /* an ICMP error for an answer of ours */
		guest = find_target(relay, pub, &real, &target);
		if (!guest) {
			count(&relay->counters, C_PUBLISH_REFUSED);
			continue;
		}
		pub->clients++;
		client = inside_name(relay, &real, target.ip.family);
		flow_udp_publish(guest, pub->src.fd, &real, &client, &target,
				 data, (size_t)rc);
	}
}

void publish_event(struct relay *relay, struct source *src, uint32_t events)
{
	struct publish *pub = (struct publish *)src;

	if (pub->spec.proto == POLICY_TCP)
		accept_clients(relay, pub);
	else
		take_datagrams(relay, pub);
}

/* ---- state.h ---- */

static void one_state(struct state *st, struct publish *pub)
{
	struct fdnet_save *s = &st->s;
	struct publish_spec *spec = &pub->spec;
	bool tcp;

	tcp = fdnet_save_bool(s, spec->proto == POLICY_TCP);
	spec->proto = tcp ? POLICY_TCP : POLICY_UDP;
	fdnet_save_name(s, &spec->host);
	spec->port = fdnet_save_u16(s, spec->port);
	pub->paused_until_us = fdnet_save_u64(s, pub->paused_until_us);
	pub->clients = fdnet_save_u64(s, pub->clients);
	pub->src.fd = state_socket(st, pub->src.fd, 0,
				   tcp ? SOCK_STREAM : SOCK_DGRAM);
	fdnet_save_check(s, pub->src.fd >= 0 && spec->host.ip.family);
}

static void read_one(struct state *st)
{
	struct relay *relay = st->relay;
	struct publish *pub = state_alloc(&st->s, sizeof(*pub));

	if (!pub)
		return;
	pub->src.type = SOURCE_PUBLISH;
	one_state(st, pub);
	if (st->s.rc) {
		if (pub->src.fd >= 0)
			close(pub->src.fd);
		free(pub);
		return;
	}
	LL_APPEND(relay->published, pub);
	fdnet_save_fail(&st->s,
			loop_add(&relay->loop, &pub->src,
				 pub->paused_until_us ? 0 : EPOLLIN));
}

void publish_state(struct state *st)
{
	struct publish *pub;
	uint32_t n = 0;

	LL_COUNT(st->relay->published, pub, n);
	n = fdnet_save_count(&st->s, n, OPTIONS_MAX_PUBLISH, 25);
	if (st->s.reading)
		for (; n && !st->s.rc; n--)
			read_one(st);
	else
		LL_FOREACH(st->relay->published, pub)
			one_state(st, pub);
}

unsigned int publish_index(const struct relay *relay, int fd)
{
	const struct publish *pub;
	unsigned int i = 0;

	LL_FOREACH(relay->published, pub) {
		if (pub->src.fd == fd)
			break;
		i++;
	}
	return i;
}

int publish_fd(const struct relay *relay, unsigned int index)
{
	const struct publish *pub;

	LL_FOREACH(relay->published, pub) {
		if (!index--)
			return pub->spec.proto == POLICY_UDP ? pub->src.fd : -1;
	}
	return -1;
}
