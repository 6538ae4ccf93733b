/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest can make grow, and how far. Reaching a limit is an error to
 * the program that asked, and a counter (counters.h); nobody else notices.
 */
#ifndef RELAY_LIMITS_H
#define RELAY_LIMITS_H

#include <stdint.h>

struct policy_error;

/* Processes with a link at once; with ephemeral ports for each (registry.h). */
#define LIMIT_GUESTS 384
/* A link that has not said HELLO by then is closed. */
#define LIMIT_HELLO_US (10 * 1000000ull)
/* Messages taken from one link before others have their turn. */
#define LIMIT_LINK_BUDGET 64
/* Sockets of the sandbox that a guest can list. */
#define LIMIT_SOCKLIST 4096
/* Memory of packets that wait for one link, and for all links together. */
#define LIMIT_TXQ_BYTES (32u << 20)
#define LIMIT_TXQ_ALL_BYTES (256u << 20)
/* Control replies that wait for one link; more cost the guest its link. */
#define LIMIT_REPLIES 64
/* Control messages a second from one program, and requests of one process
 * about shared sockets; a burst as large. Links that are attached. Questions
 * of one user of the control socket. Who sends more waits. */
#define LIMIT_CONTROL_RATE 20000
#define LIMIT_ATTACH_RATE 2000
#define LIMIT_CTL_RATE 2000
/* Ports that one guest may claim besides its leases. */
#define LIMIT_BINDS 4096
/* Leased blocks of ephemeral ports for one guest and protocol. */
#define LIMIT_LEASES 192

/* TCP connections to and from the host: all, and those not yet decided. */
#define LIMIT_TCP_FLOWS 16384
#define LIMIT_TCP_PENDING 4096
/* Bytes moved for one connection and direction before others have a turn. */
#define LIMIT_TCP_BUDGET (1u << 20)
/* After its guest died a connection may still send this long. */
#define LIMIT_ORPHAN_US (60 * 1000000ull)
/* TCP connections between guests of the sandbox. */
#define LIMIT_SWITCH_FLOWS 16384

/* Datagram flows, and how long they stay without traffic. */
#define LIMIT_UDP_FLOWS 4096
#define LIMIT_UDP_ONE_WAY_US (30 * 1000000ull)
#define LIMIT_UDP_TWO_WAY_US (180 * 1000000ull)

/* Pings: as many at once, and how long one stays without traffic. */
#define LIMIT_ECHO_FLOWS 256
#define LIMIT_ECHO_IDLE_US (30 * 1000000ull)

/* Published ports. */
#define LIMIT_PUBLISHED 1024
/* Users of the control socket at once. */
#define LIMIT_CTL_CLIENTS 16
/* Rules in force. */
#define LIMIT_RULES 4096
/* Questions in flight, and connections of the name forwarder. */
#define LIMIT_DNS_QUERIES 512
#define LIMIT_DNS_CONNS 64
/* Answers kept to be given again; none larger than 4 KiB. */
#define LIMIT_DNS_CACHE 1024
/* Questions a second (burst: twice as many); more are refused. */
#define LIMIT_DNS_RATE 200
/* Addresses remembered with their names, and names for each. */
#define LIMIT_NAMES 8192
#define LIMIT_NAMES_PER_ADDR 8

/* Sockets that more than one process can see, and channels that ask for them;
 * ended ones that may still be asked why. */
#define LIMIT_NODE_SOCKS 16384
#define LIMIT_NODE_CHANNELS 4096
#define LIMIT_NODE_DEAD 1024
/* State of a socket that is handed over; flows of one guest on the way, how
 * long that may take, and what is kept for each meanwhile. */
#define LIMIT_TAKE_BYTES (64u << 20)
#define LIMIT_HOLDS 1024
#define LIMIT_HOLDS_MOVED 16384
#define LIMIT_HOLD_US (5 * 1000000ull)
#define LIMIT_HOLD_BYTES (4u << 20)

/* Destinations kept apart in the closing summary, and lines printed. */
#define LIMIT_SUMMARY 512
#define LIMIT_SUMMARY_LINES 20
/* Lines a second of --verbose and --record; more are counted. */
#define LIMIT_RECORD_RATE 2000
/* Destinations and their ports that --learn keeps apart. */
#define LIMIT_LEARN 4096
#define LIMIT_LEARN_PORTS 1024
/* Bytes of the --record file, unless --record-size says otherwise; then it is
 * rotated, or ends with a note. */
#define LIMIT_RECORD_BYTES (256ull << 20)

/* Memory for packets, connections and their data, of a whole sandbox. */
#define LIMIT_BYTES (1ull << 30)

/**
 * struct limits - those of them that can be set, by --limit NAME=NUMBER
 * @control_rate:  as LIMIT_CONTROL_RATE
 * @flow_bytes:  buffered for one connection and direction, 0: as its reader
 *               needs, up to a few MiB
 * @bytes:       of memory for all that guests make us keep
 */
struct limits {
	uint64_t guests, control_rate;
	uint64_t tcp_flows, tcp_pending;
	uint64_t udp_flows, udp_one_way_us, udp_two_way_us;
	uint64_t flow_bytes, bytes;
};

/** limits_init - the numbers above */
void limits_init(struct limits *limits);

/**
 * limits_set - "tcp-flows=1000", "memory=64M"
 *
 * Returns 0, -EINVAL with the reason in @ret_err.
 */
int limits_set(struct limits *limits, const char *text,
	       struct policy_error *ret_err);

#endif
