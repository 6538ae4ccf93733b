/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay object: one sandbox, its links, flows, rules and names. The files
 * of relay/ that move data share it; those that decide (policy, registry,
 * switch, names, dns_msg ...) know nothing of it.
 *
 * How it works: relay_run() waits for fds and timers. A wake-up reads the
 * clock once, gives each event to the handler of its type, and then runs every
 * guest that was touched: its engine's timers, requests, socket events and
 * output, until there is nothing left to do.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/stack.h>

#include "relay/budget.h"
#include "relay/capture.h"
#include "relay/counters.h"
#include "relay/files.h"
#include "relay/flows.h"
#include "relay/loop.h"
#include "relay/names.h"
#include "relay/net.h"
#include "relay/options.h"
#include "relay/policy.h"
#include "relay/record.h"
#include "relay/registry.h"
#include "relay/spin.h"
#include "relay/switch.h"

struct channel;
struct ctl_client;
struct dns;
struct flow_echo;
struct flow_tcp;
struct flow_udp_table;
struct guest;
struct learn;
struct metrics_client;
struct node;
struct peer;
struct publish;
struct throttle;

struct relay {
	struct options *opts; /* borrowed */
	struct loop loop;
	struct fdnet_spin spin;
	struct budget budget;
	const struct fdnet_mem *mem; /* of the budget */
	struct fdnet_pkt_pool *pool;
	uint64_t now_us; /* monotonic, of this wake-up */
	uint64_t start_us;

	struct policy *policy; /* in opts */
	struct names names;
	struct registry registry;
	struct switch_table sw;
	struct counters counters;
	struct record record;
	struct capture capture;
	struct files files;

	struct guest *guests; /* by id; orphans included */
	struct guest *dirty;  /* to be run in this wake-up */
	struct guest *active; /* whose rings are looked at */
	uint32_t last_id;
	unsigned int nguests; /* with a link */
	bool impairing;	      /* some packets are */
	size_t txq_bytes;     /* waiting for all links */

	struct flows flows; /* of all kinds */
	unsigned int tcp_flows, tcp_pending;
	struct flow_tcp *waiting; /* for their rule's rate, the longest first */
	uint64_t waiting_us;	  /* until when; FDNET_NEVER: nobody */
	struct throttle *throttled; /* senders that are not read from now */
	struct flow_udp_table *udp;
	struct flow_echo *echoes; /* the longest idle first */
	unsigned int nechoes;
	bool told_ping; /* that there are no ping sockets */
	struct dns *dns;
	struct peer *peers;
	struct publish *published;
	struct channel *channels;
	struct source share; /* makes channels; fd -1: none */
	struct node *node; /* NULL before the first pumped socket */
	int probe[2]; /* sockets that find out a destination's class: IPv4, 6 */

	struct source status, signals, ctl, metrics, takeover;
	struct ctl_client *ctl_clients;
	struct metrics_client *metrics_clients; /* the oldest first */
	uint64_t metrics_file_us; /* when the file is written next */
	bool metrics_told;	  /* for the last time */
	struct learn *learn; /* or NULL */
	FILE *learn_file;
	bool was_attached; /* a channel has existed */
	bool finishing;	   /* the launcher waits for "done" */
	bool finished;	   /* and has got it */
	unsigned int finish_turns;
	bool giving;	/* the other relay is ready */
	bool taken;	/* and has got everything: only the exit is left */
	int old_stderr; /* of the relay that we take over from; -1 */
	bool stop;
};

/**
 * relay_open - everything but the hardening, up to "ready"
 * @opts:  borrowed until relay_close()
 *
 * Returns 0; a negative errno after a line on standard error.
 */
int relay_open(struct relay *relay, struct options *opts);

/** relay_learned - print what was learned, where --learn says */
void relay_learned(struct relay *relay);

/** relay_run - until nobody is left. Returns 0 or a negative errno. */
int relay_run(struct relay *relay);

/** relay_turn - one wake-up: wait, handle, run; for relay_run() and tests */
int relay_turn(struct relay *relay);

/** relay_close - end all flows and links */
void relay_close(struct relay *relay);

/** relay_classify - the class of a destination, this machine's state counted:
 * its own addresses and the sandbox's gateway. @ip is normalised. */
enum addr_class relay_classify(struct relay *relay, const struct fdnet_ip *ip);

/**
 * relay_decide - ask the rules about a destination, and record a refusal
 * @guest, @proto, @src, @dst:  who wants what
 * @ret_rule:  who decided, or NULL
 */
bool relay_decide(struct relay *relay, struct guest *guest, uint8_t proto,
		  const struct fdnet_name *src, const struct fdnet_name *dst,
		  struct rule **ret_rule);

/**
 * relay_decide_client - ask the rules about a client of a published port
 * @client:  its address as it is shown inside
 * @port:    the sandbox's
 * @ret_rule:  who decided, or NULL: --publish did
 */
bool relay_decide_client(struct relay *relay, uint8_t proto,
			 const struct fdnet_name *client, uint16_t port,
			 struct rule **ret_rule);

/** relay_query_client - the query for it */
struct policy_query relay_query_client(struct relay *relay, uint8_t proto,
				       const struct fdnet_name *client,
				       uint16_t port);

/** relay_host_name - where on the host a guest's destination is: the gateway
 * address stands for the loopback address */
struct fdnet_name relay_host_name(const struct relay *relay,
				  const struct fdnet_name *dst);

#endif
