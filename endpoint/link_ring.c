/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link's rings: small messages pass through memory, in both directions,
 * without a system call while both ends are awake.
 *
 * How it works: a direction begins on the socket. A RING message there says
 * that what follows stands in the ring, until a record says that the next
 * message is on the socket again: when one is too large for the ring, or the
 * ring is full, so that a reader who does not keep up is noticed as it always
 * was, by a socket that takes no more. The order of messages is kept across
 * both. A KICK message means nothing; it wakes a reader who sleeps.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "endpoint/link_internal.h"

/* Reads of the ring alone until the socket, and with it the end of the peer,
 * is looked at in any case. */
#define UNSEEN_MAX 64

void fdnet_link_ring_init(struct fdnet_link *link)
{
	link->tx_ring = link->rx_ring = false;
	if (link->features & FDNET_LINK_F_RING)
		fdnet_area_rings(link->area, &link->tx, &link->rx);
}

void fdnet_link_get_rings(const struct fdnet_link *link,
			  struct fdnet_link_rings *ret_at)
{
	*ret_at = (struct fdnet_link_rings){
		.tx_open = link->tx_ring,
		.rx_open = link->rx_ring,
		.tx_pos = link->tx.pos,
		.rx_pos = link->rx.pos,
	};
}

int fdnet_link_set_rings(struct fdnet_link *link,
			 const struct fdnet_link_rings *at)
{
	if (!(link->features & FDNET_LINK_F_RING))
		return at->tx_open || at->rx_open ? -EINVAL : 0;
	if (at->tx_pos % 8 || at->rx_pos % 8)
		return -EINVAL;
	link->tx_ring = at->tx_open;
	link->rx_ring = at->rx_open;
	link->tx.pos = at->tx_pos;
	link->rx.pos = at->rx_pos;
	/* the reader's position is looked at with the first message */
	link->tx.limit = at->tx_pos - FDNET_RING_SIZE;
	return 0;
}

/* ---- sending ---- */

static int send_sign(struct fdnet_link *link, enum fdnet_link_type type)
{
	struct fdnet_link_hdr hdr = { .type = (uint8_t)type };
	struct iovec iov = { &hdr, sizeof(hdr) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t rc = fdnet_link_transmit(link, &msg);

	return rc < 0 ? (int)rc : 0;
}

/* @rc of a put: is the reader to be woken? A full socket wakes it anyway. */
static int wake(struct fdnet_link *link, int rc)
{
	if (rc <= 0)
		return rc;
	rc = send_sign(link, FDNET_LINK_KICK);
	return rc == -EAGAIN ? 0 : rc;
}

bool fdnet_link_ring_is_open(struct fdnet_link *link)
{
	if (link->tx_ring || !(link->features & FDNET_LINK_F_RING))
		return link->tx_ring;
	/* the reader has not yet come to where it was told to go elsewhere */
	if (!fdnet_ring_is_drained(&link->tx))
		return false;
	link->tx_ring = send_sign(link, FDNET_LINK_RING) == 0;
	return link->tx_ring;
}

int fdnet_link_emit(struct fdnet_link *link, struct msghdr *msg, size_t len)
{
	bool fits = len <= FDNET_RING_MSG_MAX;
	ssize_t rc;

	if (fits && fdnet_link_ring_is_open(link)) {
		rc = fdnet_ring_put(&link->tx, msg->msg_iov,
				    (unsigned int)msg->msg_iovlen,
				    (uint32_t)len);
		if (rc != -EAGAIN)
			return wake(link, (int)rc);
	}
	if (link->tx_ring) {
		link->tx_ring = false;
		rc = wake(link, fdnet_ring_put_elsewhere(&link->tx));
		if (rc < 0)
			return (int)rc;
	}
	rc = fdnet_link_transmit(link, msg);
	return rc < 0 ? (int)rc : 0;
}

bool fdnet_link_is_crowded(struct fdnet_link *link, unsigned int percent)
{
	return link->tx_ring &&
	       fdnet_ring_is_fuller(&link->tx, FDNET_RING_SIZE / 100 * percent);
}

/* ---- receiving ---- */

static void take_control(struct fdnet_link *link,
			 const struct fdnet_link_hdr *hdr, const uint8_t *body)
{
	link->stats.rx_control++;
	link->cfg.ops->control(link->cfg.arg, hdr->type, body, hdr->hdr_len,
			       -1);
}

/* The message at the ring's head. Its bytes are copied out once, and looked
 * at only then. */
static void take_one(struct fdnet_link *link, uint32_t len)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(link->cfg.pool);
	uint8_t src[FDNET_LINK_HDR_LEN];
	struct fdnet_link_hdr hdr;
	int rc;

	if (!pkt || len < sizeof(src) ||
	    len - sizeof(src) > FDNET_PKT_LINEAR) {
		fdnet_ring_done(&link->rx);
		fdnet_link_drop(link, pkt ? FDNET_LINK_DROP_SHORT :
					    FDNET_LINK_DROP_NOMEM);
		fdnet_pkt_free(pkt);
		return;
	}
	fdnet_ring_get(&link->rx, 0, src, sizeof(src));
	pkt->len = len - (uint32_t)sizeof(src);
	fdnet_ring_get(&link->rx, sizeof(src), pkt->data, pkt->len);
	fdnet_ring_done(&link->rx);
	rc = fdnet_link_hdr_decode(src, len, link->features, &hdr);
	if (rc) {
		fdnet_link_drop(link, (enum fdnet_link_drop)(-rc - 1));
	} else if (hdr.type == FDNET_LINK_PACKET) {
		fdnet_link_take_packet(link, pkt, &hdr);
		return;
	} else if (hdr.type == FDNET_LINK_CONTROL) {
		take_control(link, &hdr, pkt->data);
	} else {
		fdnet_link_drop(link, FDNET_LINK_DROP_TYPE);
	}
	fdnet_pkt_free(pkt);
}

unsigned int fdnet_link_ring_take(struct fdnet_link *link, unsigned int budget)
{
	unsigned int taken;

	for (taken = 0; link->rx_ring && taken < budget; taken++) {
		int64_t len = fdnet_ring_next(&link->rx);

		if (!len)
			break;
		if (len < 0) {
			link->rx_ring = false;
			link->end = (int)len;
			break;
		}
		if (len != FDNET_RING_ELSEWHERE) {
			take_one(link, (uint32_t)len);
			continue;
		}
		fdnet_ring_done(&link->rx);
		link->rx_ring = false;
	}
	return taken;
}

unsigned int fdnet_link_ring_settle(struct fdnet_link *link,
				    unsigned int budget)
{
	unsigned int taken = 0;

	while (link->sleepers && link->rx_ring &&
	       !fdnet_ring_sleep(&link->rx) && taken < budget)
		taken += fdnet_link_ring_take(link, budget - taken);
	return taken;
}

int fdnet_link_peek(struct fdnet_link *link, unsigned int budget)
{
	unsigned int taken;
	int rc;

	if (link->end)
		return link->end;
	if (!link->rx_ring || ++link->unseen >= UNSEEN_MAX)
		return fdnet_link_recv(link, budget);
	taken = fdnet_link_ring_take(link, budget);
	taken += fdnet_link_ring_settle(link, budget - taken);
	if (link->rx_ring || taken == budget)
		return (int)taken;
	if (link->end)
		return taken ? (int)taken : link->end;
	/* what follows is on the socket */
	rc = fdnet_link_recv(link, budget - taken);
	return rc < 0 ? (taken ? (int)taken : rc) : (int)taken + rc;
}

int fdnet_link_glance(struct fdnet_link *link, unsigned int budget)
{
	return link->end ? link->end : (int)fdnet_link_ring_take(link, budget);
}

bool fdnet_link_has(const struct fdnet_link *link)
{
	return link->rx_ring && fdnet_ring_has(&link->rx);
}

bool fdnet_link_watch(const struct fdnet_link *link,
		      struct fdnet_ring *ret_ring)
{
	if (link->rx_ring)
		*ret_ring = link->rx;
	return link->rx_ring;
}

bool fdnet_link_sleep(struct fdnet_link *link)
{
	link->sleepers++;
	return !link->rx_ring || fdnet_ring_sleep(&link->rx);
}

void fdnet_link_awake(struct fdnet_link *link)
{
	if (!--link->sleepers && link->rx_ring)
		fdnet_ring_awake(&link->rx);
}

bool fdnet_link_has_sleepers(const struct fdnet_link *link)
{
	return link->sleepers > 0;
}
