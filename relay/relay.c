/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/relay.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>

#include "base/mem.h"
#include "relay/attach.h"
#include "relay/ctl.h"
#include "relay/dns.h"
#include "relay/flow_echo.h"
#include "relay/flow_tcp.h"
#include "relay/flow_udp.h"
#include "relay/guest.h"
#include "relay/impair_link.h"
#include "relay/node_chan.h"
#include "relay/pumped.h"
#include "relay/hash.h"
#include "relay/learn.h"
#include "relay/metrics.h"
#include "relay/peer.h"
#include "relay/publish.h"
#include "relay/reload.h"
#include "relay/resolver.h"
#include "relay/status.h"
#include "relay/sys.h"
#include "relay/takeover.h"
#include "relay/throttle.h"

/* Events of one wake-up. */
#define EVENTS 256
/* Packets and payload buffers kept for reuse: 16 MiB of buffers. */
#define POOL_IDLE 256
/* "finish" waits until nothing is left to read, but not for ever. */
#define FINISH_TURNS 200

/* ---- decisions that need the machine's state ---- */

/* The kernel sends what goes to an address of its own from that address. */
static bool is_own_address(struct relay *relay, const struct fdnet_ip *ip)
{
	int fd = relay->probe[ip->family == 6];
	struct fdnet_name name = { .ip = *ip, .port = 9 };
	struct sockaddr_storage sa;
	socklen_t len = sys_from_name(&name, &sa);
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	/* the source of the last question must not decide this one */
	sys_connect(fd, &none, sizeof(none));
	if (sys_connect(fd, (struct sockaddr *)&sa, len))
		return false;
	len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0 ||
	    sys_to_name(&sa, &name))
		return false;
	return fdnet_ip_equal(&name.ip, ip);
}

enum addr_class relay_classify(struct relay *relay, const struct fdnet_ip *ip)
{
	enum addr_class cls;

	if (net_is_gateway(&relay->opts->net, ip))
		return ADDR_GATEWAY;
	cls = addr_classify(ip);
	if (cls != ADDR_NEVER && is_own_address(relay, ip))
		return ADDR_HOST;
	return cls;
}

static void record_denied(struct relay *relay, uint32_t guest,
			  const struct flow_owner *owner,
			  const struct policy_query *query,
			  const struct rule *rule, const char *limit)
{
	struct record_event event = {
		.kind = RECORD_DENY,
		.proto = query->proto,
		.guest = guest,
		.pid = owner->pid,
		.comm = owner->comm,
		.dst = { .ip = query->ip, .port = query->port },
		.name = names_of(&relay->names, &query->ip, relay->now_us),
		.rule = rule ? rule->text : NULL,
		.gateway = query->cls == ADDR_GATEWAY,
		.forbidden = query->cls == ADDR_NEVER,
		.limited = limit,
		.reason = limit ? limit : addr_class_name(query->cls),
	};

	record_event(&relay->record, relay->now_us, &event);
}

bool relay_decide(struct relay *relay, struct guest *guest, uint8_t proto,
		  const struct fdnet_name *src, const struct fdnet_name *dst,
		  struct rule **ret_rule)
{
	struct policy_query query = {
		.proto = proto,
		.ip = dst->ip,
		.port = dst->port,
		.cls = relay_classify(relay, &dst->ip),
		.names = &relay->names,
		.now_us = relay->now_us,
	};

	const char *limit = NULL;
	struct flow_owner owner;

	*ret_rule = NULL;
	/* port 0 is no destination: the kernel would refuse to connect */
	if ((dst->port || proto == POLICY_ICMP) &&
	    policy_decide(relay->policy, &query, ret_rule)) {
		limit = rule_admit(*ret_rule, relay->now_us);
		if (!limit)
			return true;
		count(&relay->counters, C_RULE_LIMIT);
	}
	owner = flows_owner(guest, proto, src, dst);
	record_denied(relay, guest->id, &owner, &query, *ret_rule, limit);
	return false;
}

struct policy_query relay_query_client(struct relay *relay, uint8_t proto,
				       const struct fdnet_name *client,
				       uint16_t port)
{
	struct policy_query query = {
		.in = true,
		.proto = proto,
		.ip = client->ip,
		.port = port,
		.cls = ADDR_PUBLIC,
		.now_us = relay->now_us,
	};

	/* what means something else inside is shown as the gateway's */
	if (net_is_gateway(&relay->opts->net, &client->ip)) {
		query.ip = relay_host_name(relay, client).ip;
		query.cls = ADDR_GATEWAY;
	}
	return query;
}

bool relay_decide_client(struct relay *relay, uint8_t proto,
			 const struct fdnet_name *client, uint16_t port,
			 struct rule **ret_rule)
{
	struct policy_query query =
		relay_query_client(relay, proto, client, port);
	struct record_event event = {
		.kind = RECORD_DENY,
		.proto = proto,
		.src.port = port,
		.dst = *client,
		.published = true,
	};
	bool allow = policy_decide(relay->policy, &query, ret_rule);

	/* what no rule is about was let in by --publish */
	if (!*ret_rule)
		return true;
	event.reason = allow ? rule_admit(*ret_rule, relay->now_us) : "denied";
	if (!event.reason)
		return true;
	if (allow)
		count(&relay->counters, C_RULE_LIMIT);
	event.src.ip = net_family(&relay->opts->net, client->ip.family)->ip;
	event.rule = (*ret_rule)->text;
	event.limited = allow;
	record_event(&relay->record, relay->now_us, &event);
	return false;
}

struct fdnet_name relay_host_name(const struct relay *relay,
				  const struct fdnet_name *dst)
{
	struct fdnet_name name = *dst;

	if (!net_is_gateway(&relay->opts->net, &dst->ip))
		return name;
	if (dst->ip.family == 4)
		name.ip = fdnet_ip4(0x7f000001);
	else
		name.ip = (struct fdnet_ip){ .family = 6, .bytes[15] = 1 };
	return name;
}

/* ---- start and end ---- */

static void switch_send(void *arg, uint32_t id, struct fdnet_pkt *pkt)
{
	struct guest *guest = guest_find(arg, id);
	struct relay *relay = arg;

	capture(&relay->capture, pkt);
	if (guest)
		guest_link_forward(guest, pkt);
	else
		fdnet_pkt_free(pkt);
}

/* A program started from a terminal shares its signals with us; the relay
 * outlives it until its last bytes are sent. */
static int open_signals(struct relay *relay)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	sigprocmask(SIG_SETMASK, &set, NULL);
	relay->signals.type = SOURCE_SIGNAL;
	relay->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (relay->signals.fd < 0)
		return -errno;
	return loop_add(&relay->loop, &relay->signals, EPOLLIN);
}

static void signal_event(struct relay *relay)
{
	struct signalfd_siginfo info;
	struct policy_error err;

	while (SYS_RETRY(read(relay->signals.fd, &info, sizeof(info))) ==
	       sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			relay->stop = true;
		else if (relay->opts->policy_path)
			reload_again(relay, &err);
	}
}

static int open_probes(struct relay *relay)
{
	relay->probe[0] = sys_socket(AF_INET, SOCK_DGRAM);
	/* a machine without IPv6 is a machine without such addresses */
	relay->probe[1] = sys_socket(AF_INET6, SOCK_DGRAM);
	return relay->probe[0] < 0 ? relay->probe[0] : 0;
}

static int open_tables(struct relay *relay)
{
	uint8_t key[16];

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return -EIO;
	hash_seed(key);
	names_init(&relay->names);
	registry_init(&relay->registry);
	relay->sw = (struct switch_table){
		.net = &relay->opts->net,
		.registry = &relay->registry,
		.counters = &relay->counters,
		.pool = relay->pool,
		.send = switch_send,
		.find_peer = peer_find,
		.arg = relay,
	};
	switch_init(&relay->sw);
	return flow_udp_init(relay);
}

static int told(int rc, const char *what)
{
	if (rc)
		fprintf(stderr, "fdnet-relay: %s: %s\n", what, strerror(-rc));
	return rc;
}

static int start_files(struct relay *relay)
{
	const struct options *opts = relay->opts;
	struct files_names names = {
		.policy = opts->policy_path,
		.control = opts->control,
		/* many sandboxes of a service write to one record */
		.record = opts->sandbox ? NULL : opts->record,
		.metrics = opts->metrics_file,
		.keep = opts->record_keep,
	};

	return files_start(&relay->files, &names);
}

static int open_record(struct relay *relay)
{
	const struct options *opts = relay->opts;
	struct record_config cfg = {
		.path = opts->record,
		.max_bytes = opts->record_size,
		.verbose = opts->verbose,
		.counters = &relay->counters,
		.files = &relay->files,
	};

	if (opts->learn) {
		relay->learn = learn_new();
		if (!relay->learn)
			return told(-ENOMEM, "--learn");
		relay->learn_file = stderr;
		if (opts->learn_path)
			relay->learn_file = fopen(opts->learn_path, "we");
		if (!relay->learn_file)
			return told(-errno, "--learn");
		cfg.learn = relay->learn;
	}
	return told(record_open(&relay->record, &cfg), "--record");
}

void relay_learned(struct relay *relay)
{
	if (!relay->learn)
		return;
	learn_print(relay->learn, relay->learn_file);
	publish_learned(relay, relay->learn_file);
	fflush(relay->learn_file);
}

/* What others connect to, or have connected. */
static int open_given(struct relay *relay)
{
	int rc = status_open(relay);

	if (!rc)
		rc = publish_open(relay);
	if (!rc)
		rc = ctl_open(relay);
	if (!rc)
		rc = metrics_open(relay);
	return rc ? rc : attach_open(relay);
}

int relay_open(struct relay *relay, struct options *opts)
{
	int rc;

	*relay = (struct relay){
		.opts = opts,
		.policy = &opts->policy,
		.loop.epfd = -1,
		.status.fd = -1,
		.signals.fd = -1,
		.waiting_us = FDNET_NEVER,
		.ctl.fd = -1,
		.metrics.fd = -1,
		.takeover.fd = -1,
		.old_stderr = -1,
		.files.fd = -1,
		.probe = { -1, -1 },
		.now_us = sys_now_us(CLOCK_MONOTONIC),
	};
	relay->start_us = relay->now_us;
	relay->impairing = impair_any(relay);
	capture_init(&relay->capture);
	/* while there is nothing that it could inherit */
	rc = start_files(relay);
	if (!rc && opts->pcap.path && !opts->taking)
		rc = capture_spawn(&relay->capture, &opts->pcap);
	budget_init(&relay->budget, opts->limits.bytes, &relay->counters);
	relay->mem = &relay->budget.mem;
	spin_init(&relay->spin);
	relay->pool = fdnet_pkt_pool_new(relay->mem, POOL_IDLE, 0);
	if (!rc)
		rc = relay->pool ? 0 : -ENOMEM;
	if (!rc)
		rc = loop_open(&relay->loop);
	if (!rc)
		rc = open_tables(relay);
	if (!rc)
		rc = open_signals(relay);
	if (!rc)
		rc = open_probes(relay);
	if (told(rc, "start"))
		return rc;
	rc = open_record(relay);
	if (!rc)
		rc = told(dns_init(relay), "name forwarder");
	/* else all that follows is given to us */
	if (rc || opts->taking)
		return rc;
	return open_given(relay);
}

void relay_close(struct relay *relay)
{
	struct guest *guest, *tmp;

	takeover_stop(relay);
	metrics_file_last(relay);
	attach_close(relay);
	ctl_close(relay);
	metrics_close(relay);
	publish_close(relay);
	HASH_ITER(hh, relay->guests, guest, tmp)
		guest_free(guest);
	flow_udp_done(relay);
	flow_echo_end_all(relay, NULL);
	dns_done(relay);
	status_close(relay);
	capture_stop(&relay->capture);
	record_close(&relay->record);
	learn_free(relay->learn);
	if (relay->learn_file && relay->learn_file != stderr)
		fclose(relay->learn_file);
	files_stop(&relay->files);
	switch_done(&relay->sw);
	registry_done(&relay->registry);
	names_done(&relay->names);
	for (int i = 0; i < 2; i++)
		if (relay->probe[i] >= 0)
			close(relay->probe[i]);
	if (relay->signals.fd >= 0)
		close(relay->signals.fd);
	if (relay->old_stderr >= 0)
		close(relay->old_stderr);
	loop_close(&relay->loop);
	fdnet_pkt_pool_free(relay->pool);
}

/* ---- the loop ---- */

static void dispatch(struct relay *relay, struct source *src, uint32_t events)
{
	switch (src->type) {
	case SOURCE_DEAD:
	case SOURCE_LISTEN: /* the service's */
		break;
	case SOURCE_CHANNEL:
		attach_channel_event(relay, src, events);
		break;
	case SOURCE_SHARE:
		attach_share_event(relay);
		break;
	case SOURCE_STATUS:
		status_event(relay);
		break;
	case SOURCE_SIGNAL:
		signal_event(relay);
		break;
	case SOURCE_GUEST:
		guest_link_event((struct guest *)src, events);
		break;
	case SOURCE_FLOW_TCP:
		flow_tcp_host_event(relay, src, events);
		break;
	case SOURCE_FLOW_UDP:
		flow_udp_host_event(relay, src, events);
		break;
	case SOURCE_FLOW_ECHO:
		flow_echo_host_event(relay, src, events);
		break;
	case SOURCE_PUBLISH:
		publish_event(relay, src, events);
		break;
	case SOURCE_NODE_CHAN:
		node_chan_event(relay, src, events);
		break;
	case SOURCE_PUMPED:
		pumped_event(src, events);
		break;
	case SOURCE_RESOLVER:
		resolver_event(src, events);
		break;
	case SOURCE_CTL_LISTEN:
		ctl_listen_event(relay);
		break;
	case SOURCE_CTL:
		ctl_event(relay, src, events);
		break;
	case SOURCE_TAKEOVER:
		takeover_event(relay);
		break;
	case SOURCE_METRICS_LISTEN:
		metrics_listen_event(relay);
		break;
	case SOURCE_METRICS:
		metrics_event(relay, src);
		break;
	}
}

static uint64_t min_time(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Milliseconds, rounded up so as not to wake up too early. */
static int timeout_ms(struct relay *relay)
{
	uint64_t expiry_us = guest_expiry(relay), left_us = FDNET_NEVER;

	if (relay->finishing || relay->giving)
		return 0;
	expiry_us = min_time(expiry_us, switch_expiry(&relay->sw));
	expiry_us = min_time(expiry_us, flow_udp_expiry(relay));
	expiry_us = min_time(expiry_us, flow_echo_expiry(relay));
	expiry_us = min_time(expiry_us, throttle_expiry(relay));
	expiry_us = min_time(expiry_us, relay->waiting_us);
	expiry_us = min_time(expiry_us, metrics_expiry(relay));
	expiry_us = min_time(expiry_us, metrics_file_expiry(relay));
	expiry_us = min_time(expiry_us, publish_expiry(relay));
	if (expiry_us <= relay->now_us)
		return 0;
	if (expiry_us != FDNET_NEVER)
		left_us = expiry_us - relay->now_us;
	left_us = min_time(left_us, dns_timeout_us(relay));
	if (left_us == FDNET_NEVER)
		return -1;
	left_us = (left_us + 999) / 1000;
	return left_us > INT_MAX ? INT_MAX : (int)left_us;
}

static void note_capture(struct relay *relay)
{
	struct record_event event = {
		.kind = RECORD_CAPTURE,
		.reason = "the file is full, or its writer did not "
			  "keep up or has ended",
	};

	record_event(&relay->record, relay->now_us, &event);
	fputs("fdnet-relay: the capture has ended\n", stderr);
}

static void run_timers(struct relay *relay)
{
	if (capture_ended(&relay->capture))
		note_capture(relay);
	throttle_advance(relay);
	switch_advance(&relay->sw, relay->now_us);
	flow_udp_advance(relay);
	flow_echo_advance(relay);
	flow_tcp_advance(relay);
	metrics_advance(relay);
	metrics_file_advance(relay);
	publish_advance(relay);
	if (!dns_timeout_us(relay))
		dns_advance(relay);
}

/* The node alone is nobody, once its last socket is closed. */
static bool has_guests(const struct relay *relay)
{
	unsigned int n = HASH_COUNT(relay->guests);

	return n > (relay->node && node_is_idle(relay->node) ? 1u : 0u);
}

/* Nobody can come any more, and nobody is there. */
static bool is_done(const struct relay *relay)
{
	if (relay->stop || relay->taken)
		return true;
	if (relay->channels || has_guests(relay))
		return false;
	/* the launcher wants its summary; the service does not */
	return relay->status.fd < 0 || relay->finished || relay->opts->sandbox;
}

static bool ring_any(void *arg)
{
	return guest_ring_any(arg);
}

static bool ring_sleep(void *arg)
{
	return guest_ring_sleep(arg);
}

static void ring_awake(void *arg)
{
	guest_ring_awake(arg);
}

int relay_turn(struct relay *relay)
{
	const struct spin_also rings = {
		.any = ring_any,
		.sleep = ring_sleep,
		.awake = ring_awake,
		.arg = relay,
	};
	struct epoll_event events[EVENTS];
	int n = spin_wait(&relay->spin, relay->loop.epfd, events, EVENTS,
			  timeout_ms(relay), &rings);

	if (n < 0 && errno != EINTR)
		return -errno;
	relay->now_us = sys_now_us(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++)
		dispatch(relay, events[i].data.ptr, events[i].events);
	guest_ring_look(relay);
	run_timers(relay);
	guest_run_all(relay);
	loop_sweep(&relay->loop);
	if (relay->finishing &&
	    ((n <= 0 && !relay->dirty && !guest_ring_any(relay)) ||
	     relay->finish_turns++ > FINISH_TURNS))
		status_finish(relay);
	/* between two turns nothing is half done */
	takeover_give(relay);
	return 0;
}

int relay_run(struct relay *relay)
{
	int rc = 0;

	while (!rc && !is_done(relay))
		rc = relay_turn(relay);
	return rc;
}
