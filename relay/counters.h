/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters of the relay: what was dropped or refused and why. One row each in
 * COUNTERS, from which the enum and the names follow.
 */
#ifndef RELAY_COUNTERS_H
#define RELAY_COUNTERS_H

#include <stdint.h>
#include <stdio.h>

#define COUNTERS(X)                                                            \
	X(ATTACH, "attach")			/* links accepted */           \
	X(ATTACH_BAD, "attach_bad")		/* message or fd not right */  \
	X(ATTACH_LIMIT, "attach_limit")		/* too many links */           \
	X(HELLO_BAD, "hello_bad")		/* refused or too late */      \
	X(CONTROL_BAD, "control_bad")		/* malformed or unknown */     \
	X(THROTTLED, "control_slowed")		/* sent too many at once */    \
	X(REPLY_LIMIT, "reply_limit")		/* replies never read */       \
	X(PKT_BAD, "packet_bad")		/* headers not understood */   \
	X(PKT_SRC, "packet_source")		/* address not the guest's */  \
	X(PKT_PORT, "packet_port")		/* port not the guest's */     \
	X(PKT_DST, "packet_destination")	/* multicast, other networks */\
	X(PKT_PROTO, "packet_protocol")		/* neither TCP nor UDP */      \
	X(PKT_FORWARDED, "packet_forwarded")	/* guest to guest */           \
	X(PKT_REFUSED, "packet_refused")	/* no owner of that port */    \
	X(TXQ_DROP, "queue_drop")		/* link's queue full */        \
	X(SWITCH_LIMIT, "switch_limit")		/* too many inner flows */     \
	X(TCP_OPEN, "tcp_open")			/* connections admitted */     \
	X(TCP_DENIED, "tcp_denied")		/* by the rules */             \
	X(TCP_FAILED, "tcp_failed")		/* host said no */             \
	X(TCP_LIMIT, "tcp_limit")		/* too many flows */           \
	X(UDP_OPEN, "udp_open")			/* flows made */               \
	X(UDP_DENIED, "udp_denied")		/* by the rules */             \
	X(UDP_LIMIT, "udp_limit")		/* too many flows */           \
	X(UDP_DROP, "udp_drop")			/* a side did not take it */   \
	X(PUBLISH_ACCEPT, "publish_accept")	/* clients */                  \
	X(PUBLISH_REFUSED, "publish_refused")	/* nobody listens */           \
	X(PUBLISH_LIMIT, "publish_limit")	/* no descriptor or flow */    \
	X(DNS_QUERY, "dns_query")						\
	X(DNS_BAD, "dns_bad")			/* malformed question */       \
	X(DNS_DENIED, "dns_denied")		/* no rule names it */         \
	X(DNS_CACHED, "dns_cached")		/* answered from the cache */  \
	X(DNS_LIMIT, "dns_limit")		/* rate or number */           \
	X(DNS_REBIND, "dns_rebind")		/* private address refused */  \
	X(CTL_LIMIT, "control_limit")		/* too many, or not ours */    \
	X(NODE_SOCKET, "node_socket")		/* pumped ones made */         \
	X(NODE_REQUEST, "node_request")						\
	X(NODE_BAD, "node_bad")			/* malformed, or not read */   \
	X(NODE_LIMIT, "node_limit")		/* too many sockets, or fds */ \
	X(RULE_LIMIT, "rule_limit")		/* more than a rule allows */  \
	X(RULE_DROP, "rule_drop")		/* datagrams beyond a rate */  \
	X(TAKE_BAD, "take_bad")			/* hand-overs refused */       \
	X(HOLD_LIMIT, "hold_limit")		/* too many on the way */      \
	X(HOLD_DROP, "hold_drop")		/* kept too much */            \
	X(METRICS_LOST, "metrics_lost")		/* the file, not written */    \
	X(RECORD_LOST, "record_lost")		/* lines not written */        \
	X(NOMEM, "no_memory")

enum counter {
#define COUNTER_ENUM(id, name) C_##id,
	COUNTERS(COUNTER_ENUM)
#undef COUNTER_ENUM
	C_MAX
};

struct counters {
	uint64_t n[C_MAX];
};

static inline void count(struct counters *counters, enum counter which)
{
	counters->n[which]++;
}

/** counters_print - those that are not zero, in one line */
void counters_print(const struct counters *counters, FILE *out);

/** counter_name - "attach_bad" and so on; static */
const char *counter_name(enum counter which);

struct fdnet_save;
/** counters_state - all of them (state.h) */
void counters_state(struct counters *counters, struct fdnet_save *s);

#endif
