/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One host port for all that a guest's datagram socket sends, whatever its
 * destinations: what peers tell each other about it (STUN, games, WebRTC) is
 * then true, as behind a NAT with endpoint-independent mapping (RFC 4787,
 * REQ-1). Who may answer is not changed by it: host sockets are connected, one
 * for each destination.
 *
 * How it works: the first flow of a guest's name gets a port from the kernel,
 * the others share it by SO_REUSEADDR. A port lives with its flows.
 */
#ifndef RELAY_UDP_PORT_H
#define RELAY_UDP_PORT_H

#include <sys/socket.h>

#include <fdnet/stack.h>

#include "relay/hash.h"

struct udp_port_key {
	uint32_t guest;
	uint32_t family; /* of the host socket */
	struct fdnet_name local;
};

struct udp_port {
	struct udp_port_key key;
	uint16_t port;
	unsigned int users;
	UT_hash_handle hh;
};

/**
 * udp_port_connect - connect a flow's host socket, from the right port
 * @ports:  all of them
 * @guest, @local:  whose datagrams; @local's padding is zero
 * @sa, @len:       where to
 * @ret_port:       to be given back by udp_port_put(); NULL if there is no
 *                  memory for it, and then the port is any
 *
 * Returns 0 or a negative errno.
 */
int udp_port_connect(struct udp_port **ports, uint32_t guest,
		     const struct fdnet_name *local, int fd,
		     const struct sockaddr_storage *sa, socklen_t len,
		     struct udp_port **ret_port);
/** udp_port_put - a flow has ended (or NULL) */
void udp_port_put(struct udp_port **ports, struct udp_port *port);

struct fdnet_save;
/** udp_port_state - what a flow has of it (or NULL), state.h */
struct udp_port *udp_port_state(struct udp_port **ports, struct fdnet_save *s,
				uint32_t guest, const struct fdnet_name *local,
				struct udp_port *port);

#endif
