/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node: the sandbox's own engine in the relay, for sockets that more than
 * one process can see or that no preload can reach (doc/handover.md).
 *
 * How it works: to the switch the node is a guest like any other, with port
 * claims, leases and a gateway engine of its own; only that its packets go to
 * and fro in memory. In its stack stand the sockets; pumped.c moves bytes
 * between each of them and end B of its AF_UNIX pair, node_chan.c takes the
 * requests. The node is made with the first request for a socket and lives as
 * long as the relay.
 */
#ifndef RELAY_NODE_H
#define RELAY_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/stack.h>

#include "relay/nametag.h"
#include "relay/relay.h"

struct node_chan;
struct pumped;

/**
 * struct node
 * @guest:   what the switch, the registry and the flows know it by
 * @socks:   by cookie; @count of them
 * @ready:   those with something to do
 * @dead:    those that have ended, but may be asked why; the oldest first
 * @buf:     one datagram and its frame
 * @tags:    names of who sent datagrams
 */
struct node {
	struct relay *relay;
	struct guest *guest;
	struct fdnet_stack *stack;
	struct pumped *socks, *ready, *dead;
	unsigned int count, ndead;
	struct node_chan *chans;
	unsigned int nchans;
	uint64_t idle_us; /* since when nobody holds anything; 0: somebody */
	uint8_t *buf;
	struct nametag tags[NAMETAGS];
};

/**
 * node_get - the node, made if there is none
 *
 * Returns 0, -ENOMEM, -ENOBUFS (no room for a guest), or what the engine or
 * the registry said.
 */
int node_get(struct relay *relay, struct node **ret_node);
/** node_free - for guest_free(): sockets, stack and channels (or NULL); taken */
void node_free(struct node *node);

/** node_input - a packet for the node's stack; taken */
void node_input(struct node *node, struct fdnet_pkt *pkt);
/** node_run - one round: timers, sockets, packets. Is there more to do? */
bool node_run(struct node *node);
/** node_output - what its stack has to say, now. Was there something? */
bool node_output(struct node *node);
/** node_expiry - when node_run() is due, or FDNET_NEVER */
uint64_t node_expiry(struct node *node);
/** node_is_idle - nobody holds a socket of it, and nothing is left to send */
bool node_is_idle(struct node *node);

/** node_lease - more ports for automatic binding. 0 or -EADDRNOTAVAIL */
int node_lease(struct node *node, uint8_t proto);
/** node_set_time - before anything is done with the stack */
void node_set_time(struct node *node);

/** node_owner - the process that holds the socket with this name
 * @peer:  of a connection, or NULL
 * @comm:  16 bytes, written. False: not known */
bool node_owner(struct node *node, uint8_t proto,
		const struct fdnet_name *name, const struct fdnet_name *peer,
		uint32_t *ret_pid, char *comm);

struct state;
/** node_state - the node behind @guest (node_state.c, state.h) */
void node_state(struct state *st, struct guest *guest);

#endif
