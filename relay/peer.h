/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sandboxes that share a network: `network NAME` in the policy of each, under
 * one service (service.h).
 *
 * How it works: at its start a sandbox's relay tells the service which network
 * it belongs to, and gets an address in it that no other has. The service
 * gives each two members the ends of a link. To the switch a peer is a guest
 * that owns an address instead of ports: packets go over its link as they are,
 * and are believed only with its own address as the source. A peer is another
 * sandbox's relay, which may have been taken over by what is inside: all it
 * says is checked like a guest's.
 */
#ifndef RELAY_PEER_H
#define RELAY_PEER_H

#include "relay/guest.h"
#include "relay/head.h"

#define PEER_NAME_LEN 64

struct peer {
	struct guest *guest; /* its link */
	char name[PEER_NAME_LEN];
	struct fdnet_ip ip[2]; /* IPv4, 6 */
	struct peer *next;
};

/**
 * peer_join - before relay_open(): ask the service for our place
 * @opts:  its network's name is given; addresses and own name are written
 *
 * Returns 0, or a negative errno after a line on standard error.
 */
int peer_join(struct options *opts);

/** peer_new - the service has introduced another; @text as in peer.c, @fd our
 * end of the link: taken */
void peer_new(struct relay *relay, const char *text, int fd);
/** peer_gone - its link has ended */
void peer_gone(struct guest *guest);

/** peer_owns - is this the source of @guest's packets? */
bool peer_owns(const struct guest *guest, const struct fdnet_ip *ip);
/** peer_find - the guest number of the peer with this address, or 0 */
uint32_t peer_find(void *arg, const struct fdnet_ip *ip);
/** peer_echo - a peer's echo request is answered: the sandbox is there. @pkt is
 * taken */
void peer_echo(struct guest *guest, struct fdnet_pkt *pkt,
	       const struct head *head);
/** peer_lookup - the address of a name: a peer's, its NAME.NETWORK, or our
 * own. False: no such name */
bool peer_lookup(const struct relay *relay, const char *name, int family,
		 struct fdnet_ip *ret_ip);

#endif
