/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What UDP, ping and raw sockets share: received packets, packets to be sent,
 * shutdown and readiness.
 *
 * How it works: a received packet is kept as it came, pkt->data at its
 * transport header and the IP header still in place before it; what recv()
 * says about it is read from these headers then. A packet to be sent is
 * finished, IP header included, when the application sends it.
 */
#ifndef STACK_DGRAM_H
#define STACK_DGRAM_H

#include "stack/object.h"

/* What a packet counts against the buffer limits besides its bytes. */
#define FDNET_DGRAM_OVERHEAD 512
/* Payload in the linear part of a packet; more goes into shared pages. */
#define FDNET_DGRAM_LINEAR 1800

struct fdnet_dgram {
	struct fdnet_sock so;
	bool shut_rd, shut_wr;
	bool out_owed; /* send() was refused: OUT follows */
	struct fdnet_pktq rx, tx;
	struct fdnet_errq *errq; /* errq.h; or NULL */
	uint32_t drops; /* packets for which there was no room */
	/* IPV6_RECVPATHMTU: a send was too large for this way; 0: none */
	uint32_t path_mtu;
	struct fdnet_ip path_dst;
};

static inline struct fdnet_dgram *fdnet_dgram_of(struct fdnet_sock *so)
{
	return (struct fdnet_dgram *)so;
}

/* What is remembered of a received packet besides its bytes. */
struct fdnet_dgram_info {
	uint32_t hdr_len; /* of the IP header before pkt->data */
	int ifindex;
	uint64_t time_us;
	uint32_t drops;	    /* before it, as SO_RXQ_OVFL tells */
	uint16_t frag_size; /* as IP_RECVFRAGSIZE tells; 0: whole */
};

void fdnet_dgram_get_info(const struct fdnet_pkt *pkt,
			  struct fdnet_dgram_info *ret);
void fdnet_dgram_set_info(struct fdnet_pkt *pkt,
			  const struct fdnet_dgram_info *info);
/** fdnet_dgram_keep - a packet with its info goes to the receive queue; taken.
 * false: no room */
bool fdnet_dgram_keep(struct fdnet_sock *so, struct fdnet_pkt *pkt);

/** fdnet_dgram_receive - keep a packet for recv(); taken. false: no room, or
 * below IP_MINTTL */
bool fdnet_dgram_receive(struct fdnet_sock *so, struct fdnet_pkt *pkt,
			 const struct fdnet_ip_in *in);

/**
 * fdnet_dgram_recv - the first packet's payload
 * @skip:  header bytes at pkt->data that are not given to the caller; with
 *         FDNET_DGRAM_IP_HEADER the IP header is given too
 *
 * Fills in all of @msg but the source port.
 * Returns as fdnet_sock_recv(); @ret_pkt is borrowed until the next call.
 */
#define FDNET_DGRAM_IP_HEADER UINT32_MAX
ssize_t fdnet_dgram_recv(struct fdnet_sock *so, struct fdnet_msg *msg,
			 uint32_t skip);

/** fdnet_dgram_can_send - 0; a pending error, -EPIPE, -EAGAIN */
int fdnet_dgram_can_send(struct fdnet_sock *so);

/** fdnet_dgram_build - a packet with the bytes of [@offset, @offset + @len)
 * of the message as payload; NULL: no memory */
struct fdnet_pkt *fdnet_dgram_build(struct fdnet_stack *stack,
				    const struct fdnet_msg *msg, size_t offset,
				    size_t len);

/** fdnet_dgram_queue - a finished packet waits for output; taken */
void fdnet_dgram_queue(struct fdnet_sock *so, struct fdnet_pkt *pkt);

/** fdnet_iov_len - bytes of a message; -EINVAL: overflow */
ssize_t fdnet_iov_len(const struct fdnet_msg *msg);
/** fdnet_iov_fill - bytes [from, ...) of a packet into a message; returns
 * how many */
size_t fdnet_iov_fill(const struct fdnet_msg *msg, const struct fdnet_pkt *pkt,
		      uint32_t from);
/** fdnet_iov_copy - bytes [offset, offset + len) of a message to @dst */
void fdnet_iov_copy(const struct fdnet_msg *msg, size_t offset, void *dst,
		    size_t len);

/**
 * struct fdnet_route - what one datagram is sent with
 */
struct fdnet_dgram_route {
	struct fdnet_name dst;
	struct fdnet_ip src;
	int ttl, tos;
	bool df;
	bool group;
	uint32_t mtu;
};

/**
 * fdnet_dgram_route - where to and from where, as ip_route_output() and
 * ip6_dst_lookup() decide for datagram sockets
 *
 * Returns 0, -EDESTADDRREQ, -EAFNOSUPPORT, -EINVAL, -ENETUNREACH, -EACCES,
 * -ENETDOWN.
 */
int fdnet_dgram_route(struct fdnet_sock *so, const struct fdnet_msg *msg,
		      struct fdnet_dgram_route *ret_route);

/** fdnet_dgram_check_family - may it send to addresses of this family? 0,
 * -EAFNOSUPPORT, -ENETUNREACH */
int fdnet_dgram_check_family(const struct fdnet_sock *so, uint8_t family);

/** fdnet_dgram_check_size - -EMSGSIZE for what neither fits nor may be cut;
 * also put into the error queue (IP_RECVERR). @len: behind the IP header */
int fdnet_dgram_check_size(struct fdnet_sock *so,
			   const struct fdnet_dgram_route *route, size_t len);

/** fdnet_dgram_push_error - into the error queue, if the socket has one.
 * @data: of the datagram in question, as far as known. true: it has */
bool fdnet_dgram_push_error(struct fdnet_sock *so,
			    const struct fdnet_sock_error *err,
			    const uint8_t *data, uint32_t len);

/** fdnet_dgram_clone - another packet like @pkt, with its IP header of
 * @hdr_len bytes before pkt->data; NULL: no memory */
struct fdnet_pkt *fdnet_dgram_clone(struct fdnet_pkt *pkt, uint32_t hdr_len);

/* ops that are the same for all three kinds */
void fdnet_dgram_destroy(struct fdnet_sock *so);
void fdnet_dgram_close(struct fdnet_sock *so);
int fdnet_dgram_shutdown(struct fdnet_sock *so, int how);
uint32_t fdnet_dgram_poll(struct fdnet_sock *so);
struct fdnet_pkt *fdnet_dgram_output(struct fdnet_sock *so);
uint32_t fdnet_dgram_outq(const struct fdnet_sock *so);
void fdnet_dgram_peer_gone(struct fdnet_sock *so, bool reset);

/**
 * fdnet_dgram_connect - set or dissolve the peer
 * @in_demux:  match packets by 4-tuple
 *
 * Returns 0, -EADDRNOTAVAIL, -ENETUNREACH, -EACCES, -ENOMEM.
 */
int fdnet_dgram_connect(struct fdnet_sock *so, const struct fdnet_name *name,
			bool in_demux);

#endif
