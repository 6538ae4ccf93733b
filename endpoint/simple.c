/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of endpoints without fd and thread: see the header. */
#include "config.h"

#include "endpoint/simple.h"

#include <errno.h>
#include <string.h>

static struct fdnet_simple *cast(struct fdnet_endpoint *base)
{
	return (struct fdnet_simple *)base;
}

bool fdnet_pkt_queue_put(struct fdnet_pkt_queue *q, struct fdnet_pkt *pkt)
{
	if (q->n >= q->max)
		return false;
	pkt->next = NULL;
	if (q->tail)
		q->tail->next = pkt;
	else
		q->head = pkt;
	q->tail = pkt;
	q->n++;
	return true;
}

struct fdnet_pkt *fdnet_pkt_queue_get(struct fdnet_pkt_queue *q)
{
	struct fdnet_pkt *pkt = q->head;

	if (!pkt)
		return NULL;
	q->head = pkt->next;
	if (!q->head)
		q->tail = NULL;
	q->n--;
	pkt->next = NULL;
	return pkt;
}

unsigned int fdnet_pkt_queue_clear(struct fdnet_pkt_queue *q)
{
	unsigned int n = q->n;

	fdnet_pkt_free_list(q->head);
	q->head = q->tail = NULL;
	q->n = 0;
	return n;
}

int fdnet_simple_attach(struct fdnet_endpoint *base,
			const struct fdnet_dispatcher *disp, void *arg,
			enum fdnet_attach how)
{
	struct fdnet_simple *s = cast(base);

	if (s->attached)
		return -EALREADY;
	s->disp = *disp;
	s->disp_arg = arg;
	s->attached = true;
	return 0;
}

void fdnet_simple_detach(struct fdnet_endpoint *base)
{
	cast(base)->attached = false;
}

bool fdnet_simple_is_attached(struct fdnet_endpoint *base)
{
	return cast(base)->attached;
}

void fdnet_simple_wait(struct fdnet_endpoint *base)
{
}

void fdnet_simple_query(struct fdnet_endpoint *base,
			struct fdnet_endpoint_info *ret_info)
{
	*ret_info = cast(base)->info;
}

int fdnet_simple_set_mtu(struct fdnet_endpoint *base, uint32_t mtu)
{
	cast(base)->info.mtu = mtu;
	return 0;
}

int fdnet_simple_set_link_address(struct fdnet_endpoint *base, const void *addr,
				  size_t len)
{
	struct fdnet_simple *s = cast(base);

	if (len > FDNET_ENDPOINT_MAX_ADDR)
		return -EINVAL;
	memcpy(s->info.link_address, addr, len);
	s->info.link_address_len = (uint8_t)len;
	return 0;
}

int fdnet_simple_inject_inbound(struct fdnet_endpoint *base, uint16_t proto,
				struct fdnet_pkt *pkt)
{
	struct fdnet_simple *s = cast(base);

	if (!s->attached) {
		s->stats.count[FDNET_EP_RX_UNATTACHED]++;
		fdnet_pkt_free(pkt);
		return -ENOTCONN;
	}
	s->stats.count[FDNET_EP_RX_PKTS]++;
	s->stats.count[FDNET_EP_RX_BYTES] += fdnet_pkt_total(pkt);
	pkt->ethertype = proto;
	s->disp.deliver(s->disp_arg, base, pkt);
	return 0;
}

int fdnet_simple_poll_set(struct fdnet_endpoint *base, struct pollfd *fds,
			  unsigned int n)
{
	return 0;
}

int fdnet_simple_dispatch(struct fdnet_endpoint *base, uint64_t now_us,
			  unsigned int budget)
{
	return cast(base)->attached ? 0 : -ENOTCONN;
}

uint64_t fdnet_simple_expiry(struct fdnet_endpoint *base)
{
	return UINT64_MAX;
}

void fdnet_simple_stats(struct fdnet_endpoint *base, int queue,
			struct fdnet_endpoint_stats *ret_stats)
{
	*ret_stats = cast(base)->stats;
}

struct fdnet_pkt_pool *fdnet_simple_pool(struct fdnet_endpoint *base)
{
	return cast(base)->pool;
}

/* Bytes as a packet: what does not fit the linear part goes into buffers. */
static struct fdnet_pkt *from_bytes(struct fdnet_pkt_pool *pool,
				    const uint8_t *src, size_t len)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	size_t n = len < FDNET_PKT_LINEAR ? len : FDNET_PKT_LINEAR;
	struct fdnet_buf *buf;

	if (!pkt)
		return NULL;
	memcpy(fdnet_pkt_put(pkt, (uint32_t)n), src, n);
	for (src += n, len -= n; len; src += n, len -= n) {
		buf = fdnet_buf_new(pool);
		n = len < FDNET_BUF_SIZE ? len : FDNET_BUF_SIZE;
		if (!buf ||
		    fdnet_pkt_add_slice(pkt, buf, buf->data, (uint32_t)n)) {
			fdnet_buf_unref(buf);
			fdnet_pkt_free(pkt);
			return NULL;
		}
		memcpy(buf->data, src, n);
		fdnet_buf_unref(buf);
	}
	return pkt;
}

int fdnet_simple_outbound(struct fdnet_endpoint *base, const void *dest,
			  size_t dest_len, const void *frame, size_t len)
{
	struct fdnet_pkt *pkt;
	int status;

	if (!len)
		return -EINVAL;
	pkt = from_bytes(base->ops->pool(base), frame, len);
	if (!pkt)
		return -ENOMEM;
	status = fdnet_endpoint_write_packet(base, NULL, NULL, 0, pkt);
	if (status == -EAGAIN)
		fdnet_pkt_free(pkt);
	return status;
}
