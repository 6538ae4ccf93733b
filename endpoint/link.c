/* SPDX-License-Identifier: Apache-2.0 */
/* The link: making one, and sending on it. Receiving is in link_rx.c. */
#include "config.h"

#include "endpoint/link.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "endpoint/link_internal.h"
#include "endpoint/packet_internal.h"
#include "endpoint/sum.h"
#include "endpoint/sys.h"

#define MIN_MSG 2048
#define MAX_MSG (1u << 20)
/* What this version can do; the others are never agreed to. */
#define KNOWN_FEATURES \
	(FDNET_LINK_F_CSUM | FDNET_LINK_F_GSO | FDNET_LINK_F_BIG | \
	 FDNET_LINK_F_AREA | FDNET_LINK_F_BATCH | FDNET_LINK_F_RING)
#define MIN_PACKET     20
/* Slices of a packet that goes into a batch. */
#define BATCH_SLICES   2
/* Headers that leave room for the references in a receiver's linear part. */
#define REF_HDR_MAX    (FDNET_PKT_LINEAR - FDNET_PKT_MAX_SLICES * 8)

/* Which kind of fd is it, and does it suit? */
static int link_check_fd(const struct fdnet_link_config *cfg, bool *ret_sock)
{
	struct stat st;
	int type, rc;

	if (fstat(cfg->fd, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode)) {
		/* A pipe keeps no message boundaries. */
		if (!cfg->plain || !S_ISCHR(st.st_mode))
			return -EINVAL;
		rc = (int)sys_rc(fcntl(cfg->fd, F_GETFL));
		if (rc >= 0)
			rc = (int)sys_rc(fcntl(cfg->fd, F_SETFL, rc | O_NONBLOCK));
		*ret_sock = false;
		return rc;
	}
	rc = sys_getsockopt_int(cfg->fd, SOL_SOCKET, SO_TYPE, &type);
	if (rc)
		return rc;
	if (type != SOCK_SEQPACKET && type != SOCK_DGRAM)
		return -EINVAL;
	*ret_sock = true;
	return 0;
}

int fdnet_link_new(const struct fdnet_link_config *cfg,
		   struct fdnet_link **ret_link)
{
	struct fdnet_link *link;
	bool is_sock;
	int rc;

	if (!cfg->mem || !cfg->pool || !cfg->ops || !cfg->ops->packet ||
	    (!cfg->plain && !cfg->ops->control))
		return -EINVAL;
	if (cfg->max_msg < MIN_MSG || cfg->max_msg > MAX_MSG)
		return -EINVAL;
	rc = link_check_fd(cfg, &is_sock);
	if (rc)
		return rc;
	link = fdnet_mem_alloc(cfg->mem, sizeof(*link));
	if (!link)
		return -ENOMEM;
	link->cfg = *cfg;
	link->is_sock = is_sock;
	link->batch = FDNET_LINK_BATCH_MIN;
	link->greeted = cfg->plain;
	*ret_link = link;
	return 0;
}

void fdnet_link_free(struct fdnet_link *link)
{
	if (!link)
		return;
	/* Other links of this pool make new slots when they read next. */
	fdnet_pkt_stash_put(link->cfg.pool, NULL);
	fdnet_area_free(link->area);
	fdnet_mem_free(link->cfg.mem, link, sizeof(*link));
}

void fdnet_link_set_features(struct fdnet_link *link, uint32_t features)
{
	link->features = features & KNOWN_FEATURES;
	if (!link->area)
		link->features &=
			~(uint32_t)(FDNET_LINK_F_AREA | FDNET_LINK_F_RING);
	fdnet_link_ring_init(link);
	link->greeted = true;
}

void fdnet_link_set_area(struct fdnet_link *link, struct fdnet_area *area)
{
	link->area = area;
}

uint32_t fdnet_link_features(const struct fdnet_link *link)
{
	return link->features;
}

int fdnet_link_fd(const struct fdnet_link *link)
{
	return link->cfg.fd;
}

const struct fdnet_link_stats *fdnet_link_stats(const struct fdnet_link *link)
{
	return &link->stats;
}

ssize_t fdnet_link_transmit(struct fdnet_link *link, struct msghdr *msg)
{
	ssize_t rc;

	link->stats.tx_calls++;
	if (link->is_sock)
		rc = sys_sendmsg(link->cfg.fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		rc = sys_writev(link->cfg.fd, msg->msg_iov, (int)msg->msg_iovlen);
	if (rc == -EAGAIN)
		link->stats.tx_full++;
	return rc;
}

/* May the peer be sent this at all? */
static int link_check_packet(const struct fdnet_link *link,
			     const struct fdnet_pkt *pkt, unsigned int nrefs)
{
	uint32_t total = fdnet_pkt_total(pkt);
	uint32_t hdr = link->cfg.plain ? 0 : FDNET_LINK_HDR_LEN;
	uint32_t len = hdr + (nrefs ? pkt->len : total);

	if (pkt->len < MIN_PACKET)
		return -EINVAL;
	if (len > link->cfg.max_msg)
		return -EMSGSIZE;
	if (pkt->gso_size && !(link->features & FDNET_LINK_F_GSO))
		return -EMSGSIZE;
	if (total > 65535 && !(link->features & FDNET_LINK_F_BIG))
		return -EMSGSIZE;
	return 0;
}

static void link_describe(const struct fdnet_link *link,
			  const struct fdnet_pkt *pkt, unsigned int nrefs,
			  struct fdnet_link_hdr *hdr)
{
	uint32_t hdr_len = pkt->len;

	if (hdr_len > FDNET_PKT_LINEAR)
		hdr_len = FDNET_PKT_LINEAR;
	*hdr = (struct fdnet_link_hdr){
		.type = FDNET_LINK_PACKET,
		.hdr_len = (uint16_t)hdr_len,
		.payload_len = fdnet_pkt_total(pkt) - hdr_len,
		.gso_size = pkt->gso_size,
		.gso_type = pkt->gso_size ? pkt->gso_type : 0,
		.nrefs = (uint8_t)nrefs,
	};
	if (!(link->features & FDNET_LINK_F_CSUM))
		return;
	if (pkt->flags & FDNET_PKT_CSUM_TRUSTED)
		hdr->flags |= FDNET_LINK_HF_CSUM_TRUSTED;
	if (pkt->flags & FDNET_PKT_CSUM_PARTIAL) {
		hdr->flags |= FDNET_LINK_HF_CSUM_PARTIAL;
		hdr->csum_start = pkt->csum_start;
		hdr->csum_offset = pkt->csum_offset;
	}
}

/* A peer that agreed to no offload gets real checksums. */
static int link_complete(const struct fdnet_link *link, struct fdnet_pkt *pkt)
{
	const unsigned int both = FDNET_PKT_CSUM_TRUSTED | FDNET_PKT_CSUM_PARTIAL;
	struct fdnet_l4 l4;

	if (link->features & FDNET_LINK_F_CSUM || !(pkt->flags & both))
		return 0;
	if (pkt->flags & FDNET_PKT_CSUM_PARTIAL)
		return fdnet_sum_complete(pkt);
	if (fdnet_l4_parse(pkt, &l4) && l4.l4_len)
		fdnet_l4_finish(pkt, &l4, false);
	return 0;
}

/* From how much payload on are references worth it? What fits goes into the
 * ring as it is, and nothing else does. */
static uint32_t link_least_ref(const struct fdnet_link *link,
			       const struct fdnet_pkt *pkt)
{
	return link->tx_ring ? FDNET_PKT_LINEAR + 1 - pkt->len
			     : FDNET_AREA_MIN_PAYLOAD;
}

int fdnet_link_send(struct fdnet_link *link, struct fdnet_pkt *pkt)
{
	struct fdnet_area_ref refs[FDNET_PKT_MAX_SLICES];
	struct iovec iov[2 + FDNET_PKT_MAX_SLICES];
	struct msghdr msg = {.msg_iov = iov};
	struct fdnet_link_hdr hdr;
	unsigned int nrefs = 0;
	size_t len;
	ssize_t rc;

	/* headers of the usual size; the rest of the linear part is payload */
	if (link->features & FDNET_LINK_F_AREA && pkt->len <= REF_HDR_MAX)
		nrefs = fdnet_area_refs(link->area, pkt,
					link_least_ref(link, pkt), refs);
	rc = link_check_packet(link, pkt, nrefs);
	if (rc == -EMSGSIZE && pkt->gso_size)
		return fdnet_link_send_split(link, pkt);
	if (!rc)
		rc = link_complete(link, pkt);
	if (rc)
		goto drop;
	if (link->cfg.plain) {
		msg.msg_iovlen = (size_t)fdnet_pkt_iov(pkt, iov);
		len = 0;
	} else if (nrefs) {
		link_describe(link, pkt, nrefs, &hdr);
		iov[0] = (struct iovec){&hdr, sizeof(hdr)};
		iov[1] = (struct iovec){pkt->data, pkt->len};
		iov[2] = (struct iovec){refs, nrefs * sizeof(refs[0])};
		msg.msg_iovlen = 3;
		len = sizeof(hdr) + pkt->len + nrefs * sizeof(refs[0]);
	} else {
		link_describe(link, pkt, 0, &hdr);
		iov[0] = (struct iovec){&hdr, sizeof(hdr)};
		msg.msg_iovlen = 1 + (size_t)fdnet_pkt_iov(pkt, iov + 1);
		len = sizeof(hdr) + fdnet_pkt_total(pkt);
	}
	if (link->cfg.plain)
		rc = fdnet_link_transmit(link, &msg);
	else
		rc = fdnet_link_emit(link, &msg, len);
	if (rc == -EAGAIN)
		return -EAGAIN;
	if (rc < 0)
		goto drop;
	if (nrefs)
		fdnet_area_sent(link->area, refs, nrefs);
	link->stats.tx_pkts++;
	link->stats.tx_bytes += fdnet_pkt_total(pkt);
	rc = 0;
drop:
	if (rc < 0)
		link->stats.tx_dropped++;
	fdnet_pkt_free(pkt);
	return (int)rc;
}

/* Small packets at the head of the list that one message may carry. */
static unsigned int link_count_batch(const struct fdnet_link *link,
				     const struct fdnet_pkt *pkt,
				     size_t *ret_bytes)
{
	size_t max = link->cfg.max_msg, bytes = FDNET_LINK_HDR_LEN;
	unsigned int n = 0;

	if (!(link->features & FDNET_LINK_F_BATCH))
		return 0;
	if (max > FDNET_LINK_BATCH_BYTES_MAX)
		max = FDNET_LINK_BATCH_BYTES_MAX;
	for (; pkt && n < FDNET_LINK_BATCH_MAX; pkt = pkt->next, n++) {
		uint32_t total = fdnet_pkt_total(pkt);

		if (total > FDNET_LINK_BATCH_PKT_MAX ||
		    pkt->nslices > BATCH_SLICES ||
		    bytes + FDNET_LINK_HDR_LEN + total > max ||
		    link_check_packet(link, pkt, 0))
			break;
		bytes += FDNET_LINK_HDR_LEN + total;
	}
	*ret_bytes = bytes;
	return n;
}

/* One message of the first @n; they are the caller's afterwards too. */
static ssize_t link_send_batch(struct fdnet_link *link, struct fdnet_pkt *pkt,
			       unsigned int n, size_t bytes)
{
	struct fdnet_link_hdr hdrs[1 + FDNET_LINK_BATCH_MAX];
	struct iovec iov[1 + FDNET_LINK_BATCH_MAX * (2 + BATCH_SLICES)];
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 1};
	unsigned int i;

	hdrs[0] = (struct fdnet_link_hdr){
		.type = FDNET_LINK_BATCH,
		.hdr_len = (uint16_t)n,
		.payload_len = (uint32_t)(bytes - FDNET_LINK_HDR_LEN),
	};
	iov[0] = (struct iovec){&hdrs[0], sizeof(hdrs[0])};
	for (i = 1; i <= n; i++, pkt = pkt->next) {
		int rc = link_complete(link, pkt);

		if (rc)
			return rc;
		link_describe(link, pkt, 0, &hdrs[i]);
		iov[msg.msg_iovlen++] =
			(struct iovec){&hdrs[i], sizeof(hdrs[i])};
		msg.msg_iovlen +=
			(size_t)fdnet_pkt_iov(pkt, iov + msg.msg_iovlen);
	}
	return fdnet_link_transmit(link, &msg);
}

struct fdnet_pkt *fdnet_link_send_list(struct fdnet_link *link,
				       struct fdnet_pkt *list, int *ret_rc)
{
	*ret_rc = 0;
	while (list) {
		size_t bytes;
		struct fdnet_pkt *pkt = list;
		unsigned int n = 0;
		ssize_t rc;

		/* in the ring they need no company */
		if (!fdnet_link_ring_is_open(link))
			n = link_count_batch(link, list, &bytes);

		if (n > 1) {
			rc = link_send_batch(link, list, n, bytes);
			if (rc == -EAGAIN)
				break;
			link->stats.tx_pkts += rc < 0 ? 0 : n;
			link->stats.tx_dropped += rc < 0 ? n : 0;
			for (; n; n--) {
				list = pkt->next;
				if (rc >= 0)
					link->stats.tx_bytes +=
						fdnet_pkt_total(pkt);
				fdnet_pkt_free(pkt);
				pkt = list;
			}
		} else {
			list = pkt->next;
			pkt->next = NULL;
			rc = fdnet_link_send(link, pkt);
			if (rc == -EAGAIN) {
				pkt->next = list;
				list = pkt;
				break;
			}
		}
		if (rc == -EPIPE || rc == -ECONNRESET) {
			fdnet_pkt_free_list(list);
			*ret_rc = (int)rc;
			return NULL;
		}
	}
	if (list)
		*ret_rc = -EAGAIN;
	return list;
}

int fdnet_link_send_control(struct fdnet_link *link, enum fdnet_link_type type,
			    const void *body, size_t len, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct fdnet_link_hdr hdr = {
		.type = (uint8_t)type,
		.hdr_len = (uint16_t)len,
	};
	struct iovec iov[2] = {{&hdr, sizeof(hdr)}, {(void *)body, len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = len ? 2 : 1};
	struct cmsghdr *cmsg;
	ssize_t rc;

	if (link->cfg.plain || type == FDNET_LINK_PACKET ||
	    len > FDNET_LINK_CONTROL_MAX)
		return -EINVAL;
	if (fd >= 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_LEN(sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	if (fd < 0 && type == FDNET_LINK_CONTROL)
		rc = fdnet_link_emit(link, &msg, sizeof(hdr) + len);
	else
		rc = fdnet_link_transmit(link, &msg);
	if (rc < 0)
		return (int)rc;
	link->stats.tx_control++;
	return 0;
}
