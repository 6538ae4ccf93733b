/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link: receiving. Everything read here may come from an untrusted peer;
 * a bad message costs that message and a counter, never the link.
 *
 * The end of a SEQPACKET socket and an empty message both read as length 0,
 * and recvmmsg() fills its whole vector with the former. A run of empty
 * entries up to the vector's end is therefore the end only if the peer hung
 * up and nothing is queued behind it (sys_socket_at_end()). ECONNRESET comes
 * once, before the data still queued, when the peer died with our messages
 * unread; it says nothing that the end does not say later, so it is skipped.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "endpoint/link_internal.h"
#include "endpoint/rxslots.h"
#include "endpoint/sys.h"

/* Messages per system call: more gains little and costs cache. Each slot has
 * room for a message of the largest size, so a link that is not busy asks for
 * few (link->batch): most programs have few packets, and should be small. */
#define BATCH	  8
#define CTRL_SIZE CMSG_SPACE(sizeof(int))

union link_ctrl {
	char buf[CTRL_SIZE];
	struct cmsghdr align;
};

/* Set the ethertype; false if it is no IP packet of the burst's version. */
static bool link_classify(struct fdnet_pkt *pkt)
{
	switch (pkt->data[0] >> 4) {
	case 4:
		pkt->ethertype = 0x0800;
		return pkt->gso_type != FDNET_GSO_TCPV6;
	case 6:
		pkt->ethertype = 0x86dd;
		return pkt->gso_type != FDNET_GSO_TCPV4;
	default:
		return false;
	}
}

static void link_deliver(struct fdnet_link *link, struct fdnet_pkt *pkt)
{
	if (!link_classify(pkt)) {
		fdnet_link_drop(link, FDNET_LINK_DROP_TYPE);
		fdnet_pkt_free(pkt);
		return;
	}
	link->stats.rx_pkts++;
	link->stats.rx_bytes += fdnet_pkt_total(pkt);
	link->cfg.ops->packet(link->cfg.arg, pkt);
}

static void link_take_plain(struct fdnet_link *link, struct fdnet_rxslots *rs,
			    unsigned int i, uint32_t len)
{
	if (len < 20) {
		fdnet_link_drop(link, FDNET_LINK_DROP_SHORT);
		return;
	}
	link_deliver(link, fdnet_rxslots_take(rs, i, len));
}

/* Replaces the references behind the headers by what they refer to. They are
 * read from the message, which is nobody else's. */
static bool link_attach(struct fdnet_link *link, struct fdnet_pkt *pkt,
			const struct fdnet_link_hdr *hdr)
{
	struct fdnet_area_ref refs[FDNET_PKT_MAX_SLICES];

	memcpy(refs, pkt->data + hdr->hdr_len, hdr->nrefs * sizeof(refs[0]));
	pkt->len = hdr->hdr_len;
	if (fdnet_area_check(link->area, refs, hdr->nrefs) !=
	    (int64_t)hdr->payload_len) {
		fdnet_link_drop(link, FDNET_LINK_DROP_LENGTH);
		return false;
	}
	if (fdnet_area_attach(link->area, refs, hdr->nrefs, pkt)) {
		fdnet_link_drop(link, FDNET_LINK_DROP_NOMEM);
		return false;
	}
	return true;
}

static void link_finish(struct fdnet_link *link, struct fdnet_pkt *pkt,
			const struct fdnet_link_hdr *hdr)
{
	pkt->gso_size = hdr->gso_size;
	pkt->gso_type = hdr->gso_type;
	if (hdr->flags & FDNET_LINK_HF_CSUM_TRUSTED)
		pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
	if (hdr->flags & FDNET_LINK_HF_CSUM_PARTIAL) {
		pkt->flags |= FDNET_PKT_CSUM_PARTIAL;
		pkt->csum_start = hdr->csum_start;
		pkt->csum_offset = hdr->csum_offset;
	}
	link_deliver(link, pkt);
}

void fdnet_link_take_packet(struct fdnet_link *link, struct fdnet_pkt *pkt,
			    const struct fdnet_link_hdr *hdr)
{
	if (hdr->nrefs && !link_attach(link, pkt, hdr))
		fdnet_pkt_free(pkt);
	else
		link_finish(link, pkt, hdr);
}

/* The next packet of a batch, at @at of @all. Returns its bytes, header
 * included, or 0 when it is none. */
static uint32_t link_take_part(struct fdnet_link *link,
			       const struct fdnet_pkt *all, uint32_t at)
{
	uint32_t left = fdnet_pkt_total(all) - at;
	uint8_t src[FDNET_LINK_HDR_LEN];
	struct fdnet_link_hdr hdr;
	struct fdnet_pkt *pkt;
	uint64_t len;

	if (fdnet_pkt_copy_out(all, at, src, sizeof(src)) < sizeof(src))
		return 0;
	memcpy(&hdr, src, sizeof(hdr));
	len = (uint64_t)hdr.hdr_len + hdr.payload_len;
	if (hdr.type != FDNET_LINK_PACKET || hdr.nrefs ||
	    len > FDNET_LINK_BATCH_PKT_MAX || sizeof(src) + len > left ||
	    fdnet_link_hdr_decode(src, sizeof(src) + (size_t)len,
				  link->features, &hdr))
		return 0;
	pkt = fdnet_pkt_new(link->cfg.pool);
	if (!pkt) {
		fdnet_link_drop(link, FDNET_LINK_DROP_NOMEM);
		return (uint32_t)(sizeof(src) + len);
	}
	fdnet_pkt_copy_out(all, at + sizeof(src),
			   fdnet_pkt_put(pkt, (uint32_t)len), (uint32_t)len);
	link_finish(link, pkt, &hdr);
	return (uint32_t)(sizeof(src) + len);
}

static void link_take_batch(struct fdnet_link *link, struct fdnet_rxslots *rs,
			    unsigned int i, uint32_t len,
			    const struct fdnet_link_hdr *hdr)
{
	struct fdnet_pkt *all = fdnet_rxslots_take(rs, i, len);
	uint32_t at = 0, n;
	unsigned int k;

	link->extra += hdr->hdr_len - 1u;

	for (k = 0; k < hdr->hdr_len; k++) {
		n = link_take_part(link, all, at);
		if (!n)
			break;
		at += n;
	}
	if (k < hdr->hdr_len || at != fdnet_pkt_total(all))
		fdnet_link_drop(link, FDNET_LINK_DROP_LENGTH);
	fdnet_pkt_free(all);
}

static bool is_sign(const struct fdnet_link_hdr *hdr)
{
	return hdr->type == FDNET_LINK_RING || hdr->type == FDNET_LINK_KICK;
}

/* Everything in front of a message on the socket; false: the peer did not say
 * that it would be there. */
static bool link_leave_ring(struct fdnet_link *link)
{
	link->extra += fdnet_link_ring_take(link, UINT32_MAX);
	if (!link->rx_ring)
		return true;
	link->end = -EPROTO;
	return false;
}

/* One framed message; @fd came with it or is -1; taken. */
static void link_take_message(struct fdnet_link *link, struct fdnet_rxslots *rs,
			      unsigned int i, uint32_t len, int fd)
{
	const uint8_t *src = fdnet_rxslots_msg(rs, i);
	struct fdnet_link_hdr hdr;
	int rc;

	rc = fdnet_link_hdr_decode(src, len, link->features, &hdr);
	if (rc) {
		fdnet_link_drop(link, (enum fdnet_link_drop)(-rc - 1));
	} else if (is_sign(&hdr)) {
		link->rx_ring = link->rx_ring || hdr.type == FDNET_LINK_RING;
	} else if (link->rx_ring && !link_leave_ring(link)) {
		fdnet_link_drop(link, FDNET_LINK_DROP_TYPE);
	} else if (!link->greeted && (hdr.type == FDNET_LINK_PACKET ||
				      hdr.type == FDNET_LINK_BATCH ||
				      hdr.type == FDNET_LINK_CONTROL)) {
		fdnet_link_drop(link, FDNET_LINK_DROP_TYPE);
	} else if (hdr.type != FDNET_LINK_PACKET &&
		   hdr.type != FDNET_LINK_BATCH) {
		link->stats.rx_control++;
		link->cfg.ops->control(link->cfg.arg, hdr.type,
				       src + FDNET_LINK_HDR_LEN, hdr.hdr_len, fd);
		return;
	} else if (fd >= 0) {
		fdnet_link_drop(link, FDNET_LINK_DROP_FDS);
	} else if (hdr.type == FDNET_LINK_BATCH) {
		link_take_batch(link, rs, i, len, &hdr);
		return;
	} else {
		fdnet_link_take_packet(link, fdnet_rxslots_take(rs, i, len),
				       &hdr);
		return;
	}
	if (fd >= 0)
		close(fd);
}

/* The fd that came with a message, or -1. The kernel closed any others. */
static int link_message_fd(struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	int fd;

	cmsg = msg->msg_controllen ? CMSG_FIRSTHDR(msg) : NULL;
	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET ||
	    cmsg->cmsg_type != SCM_RIGHTS ||
	    cmsg->cmsg_len < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

static void link_take(struct fdnet_link *link, struct fdnet_rxslots *rs,
		      unsigned int i)
{
	struct msghdr *msg = &rs->msgs[i].msg_hdr;
	uint32_t len = rs->msgs[i].msg_len;
	int fd = link_message_fd(msg);

	if (msg->msg_flags & MSG_CTRUNC)
		fdnet_link_drop(link, FDNET_LINK_DROP_FDS);
	if (msg->msg_flags & MSG_TRUNC) {
		fdnet_link_drop(link, FDNET_LINK_DROP_TRUNCATED);
	} else if (msg->msg_flags & MSG_CTRUNC && fd < 0) {
		return; /* counted above */
	} else if (link->cfg.plain) {
		link_take_plain(link, rs, i, len);
		return;
	} else {
		link_take_message(link, rs, i, len, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void link_prepare_control(struct fdnet_link *link,
				 struct fdnet_rxslots *rs, unsigned int n,
				 union link_ctrl *ctrl)
{
	bool wanted = link->cfg.accept_fds && !link->cfg.plain;
	unsigned int i;

	/* CMSG_SPACE would have room for a second fd. */
	for (i = 0; i < n; i++) {
		rs->msgs[i].msg_hdr.msg_control = wanted ? ctrl[i].buf : NULL;
		rs->msgs[i].msg_hdr.msg_controllen =
			wanted ? CMSG_LEN(sizeof(int)) : 0;
	}
}

/* How many of @n messages are there, the end not counted as one? */
static unsigned int link_strip_end(struct fdnet_link *link,
				   const struct fdnet_rxslots *rs, unsigned int n)
{
	unsigned int real = n;

	while (real && !rs->msgs[real - 1].msg_len)
		real--;
	if (real == n || !sys_socket_at_end(link->cfg.fd))
		return n;
	link->end = -EPIPE;
	return real;
}

static int link_recv_socket(struct fdnet_link *link, struct fdnet_rxslots *rs,
			    unsigned int n)
{
	union link_ctrl ctrl[BATCH];
	unsigned int i, got;
	int rc;

	link_prepare_control(link, rs, n, ctrl);
	do {
		link->stats.rx_calls++;
		rc = sys_recvmmsg(link->cfg.fd, rs->msgs, n,
				  MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (rc == -ECONNRESET || rc == -ECONNREFUSED);
	if (rc < 0)
		return rc;
	got = link_strip_end(link, rs, (unsigned int)rc);
	for (i = 0; i < got; i++)
		link_take(link, rs, i);
	return (int)got;
}

static int link_recv_device(struct fdnet_link *link, struct fdnet_rxslots *rs,
			    unsigned int n)
{
	unsigned int i;
	ssize_t rc = 0;

	for (i = 0; i < n; i++) {
		link->stats.rx_calls++;
		rc = sys_readv(link->cfg.fd, rs->msgs[i].msg_hdr.msg_iov,
			       (int)rs->msgs[i].msg_hdr.msg_iovlen);
		if (rc <= 0)
			break;
		link_take_plain(link, rs, i, (uint32_t)rc);
	}
	if (i)
		return (int)i;
	return rc ? (int)rc : -EPIPE;
}

static int link_recv_batch(struct fdnet_link *link, struct fdnet_rxslots *rs,
			   unsigned int want)
{
	uint32_t prefix = link->cfg.plain ? 0 : FDNET_LINK_HDR_LEN;
	unsigned int n;
	int rc;

	n = fdnet_rxslots_fill(rs, want, prefix, link->cfg.max_msg - prefix);
	if (!n) {
		fdnet_link_drop(link, FDNET_LINK_DROP_NOMEM);
		return 0;
	}
	rc = link->is_sock ? link_recv_socket(link, rs, n)
			   : link_recv_device(link, rs, n);
	if (rc == -EAGAIN || rc == -ENOMEM || rc == -ENOBUFS)
		return 0;
	if (rc < 0)
		link->end = rc;
	return rc;
}

/* Ask for twice as many after a full read, for half after a quarter. */
static void link_adapt(struct fdnet_link *link, unsigned int got)
{
	if (got == link->batch && link->batch < BATCH)
		link->batch *= 2;
	else if (got * 4 <= link->batch && link->batch > FDNET_LINK_BATCH_MIN)
		link->batch /= 2;
}

int fdnet_link_recv(struct fdnet_link *link, unsigned int budget)
{
	struct fdnet_rxslots *rs;
	unsigned int taken = 0, want;
	int rc;

	if (link->end)
		return link->end;
	rs = (struct fdnet_rxslots *)fdnet_pkt_stash_take(link->cfg.pool);
	if (!rs)
		rs = fdnet_rxslots_new(link->cfg.pool, BATCH);
	if (!rs) {
		fdnet_link_drop(link, FDNET_LINK_DROP_NOMEM);
		return 0;
	}
	link->unseen = 0;
	while (taken < budget) {
		taken += fdnet_link_ring_take(link, budget - taken);
		want = budget - taken;
		if (!want)
			break;
		if (want > link->batch)
			want = link->batch;
		link->extra = 0;
		rc = link_recv_batch(link, rs, want);
		if (rc <= 0)
			break;
		taken += (unsigned int)rc + link->extra;
		if (link->extra)
			link->batch = FDNET_LINK_BATCH_MIN;
		else
			link_adapt(link, (unsigned int)rc);
		if ((unsigned int)rc < want || link->end)
			break;
	}
	fdnet_pkt_stash_put(link->cfg.pool, &rs->stash);
	if (link->rx_ring && link->end) /* what was sent before the end */
		taken += fdnet_link_ring_take(link, UINT32_MAX);
	else if (link->rx_ring && taken < budget)
		taken += fdnet_link_ring_take(link, budget - taken);
	if (taken < budget)
		taken += fdnet_link_ring_settle(link, budget - taken);
	return taken ? (int)taken : link->end;
}
