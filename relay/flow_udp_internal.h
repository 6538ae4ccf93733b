/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of datagram flows share. */
#ifndef RELAY_FLOW_UDP_INTERNAL_H
#define RELAY_FLOW_UDP_INTERNAL_H

#include "relay/flow_udp.h"
#include "relay/udp_port.h"

/* Datagrams of one system call, and room for each. */
#define BATCH 64
#define DATAGRAM_MAX 65536
/* What is kept of the last datagram, to be quoted in an ICMP error. */
#define QUOTE 64

struct flow_key {
	uint32_t guest;
	struct fdnet_name local; /* the guest's name */
	struct fdnet_name remote; /* as the guest knows it */
};

enum flow_list { LIST_ONE_WAY, LIST_TWO_WAY, LISTS };

/**
 * struct flow_udp
 * @src:      host socket, connected; no fd for a published flow
 * @fd:       what to send through
 * @real:     published flow: where to
 * @port:     of the host socket, or NULL
 * @list:     idle list it stands in, the longest idle first
 * @blocked:  the gate is full: the host socket is not waited for
 * @no_segments:  its route takes datagrams one by one only
 * @sent:     bytes of @quote that are valid
 */
struct flow_udp {
	struct source src;
	struct flow item;
	struct flow_key key;
	int fd;
	bool published;
	struct sockaddr_storage real;
	socklen_t real_len;
	struct udp_port *port;
	enum flow_list list;
	bool blocked, no_segments;
	uint64_t start_us, last_us;
	uint64_t bytes_out, bytes_in, pkts_out, pkts_in;
	struct rule *rule;
	uint8_t quote[QUOTE];
	uint32_t sent;
	struct flow_udp *prev, *next;
	UT_hash_handle hh;
};

struct flow_udp_table {
	struct flow_udp *flows;
	struct flow_udp *idle[LISTS];
	struct udp_port *ports;
	unsigned int count, nblocked;
	/* one batch of datagrams on their way */
	uint8_t data[BATCH][DATAGRAM_MAX];
	struct mmsghdr msgs[BATCH]; /* to read into that */
	struct iovec iovs[BATCH];
};

/** flow_udp_note - an event for the record */
void flow_udp_note(struct relay *relay, const struct flow_udp *flow,
		   enum record_kind kind, int error, const char *reason);
/** flow_udp_find - the flow with this key, or NULL */
struct flow_udp *flow_udp_find(struct relay *relay,
			       const struct flow_key *key);
/** flow_udp_new - one more, without a socket; when there are too many the
 * longest idle one-way flow makes room. NULL: there is none */
struct flow_udp *flow_udp_new(struct relay *relay, const struct flow_key *key);
/** flow_udp_set_used - it was used just now
 * @list:  it stands in this one from now on, unless it has answered before */
void flow_udp_set_used(struct relay *relay, struct flow_udp *flow,
		       enum flow_list list);
/** flow_udp_finish - end it; @reason is for the record, static */
void flow_udp_finish(struct relay *relay, struct flow_udp *flow,
		     const char *reason);

/** flow_udp_reject - tell the guest that its datagram came nowhere
 * @error:  positive errno */
void flow_udp_reject(struct guest *guest, const struct flow_key *key,
		     const void *data, size_t len, int error);
/** flow_udp_take_errors - pass on what ICMP told the host socket, and clear
 * it */
void flow_udp_take_errors(struct relay *relay, struct flow_udp *flow);

#endif
