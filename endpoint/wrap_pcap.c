/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capture wrapper: all packets that pass go to a pcap file, with an
 * Ethernet header if the lower endpoint has one. Bursts are written as the one
 * packet they are at this point; checksums that are left to others show as
 * wrong, as in any capture on a host with offloads.
 */
#include "config.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <string.h>
#include <sys/time.h>

#include "endpoint/sum.h"
#include "endpoint/wrap.h"

#define MAX_SNAPLEN 262144

struct capture {
	struct fdnet_wrap wrap;
	pthread_mutex_t file_lock;
	pcap_t *pcap;
	pcap_dumper_t *file;
	uint32_t snaplen;
	uint32_t hdr_len;
	uint8_t *scratch; /* snaplen bytes */
};

/* The frame as it is on the wire, as far as it is wanted. */
static uint32_t capture_bytes(struct capture *cap, const struct fdnet_pkt *pkt,
			      const uint8_t *own)
{
	static const uint8_t none[6];
	uint8_t eth[FDNET_ETH_HDR_LEN];
	uint32_t n = 0;

	if (cap->hdr_len) {
		memcpy(eth, pkt->link_dst, 6);
		memcpy(eth + 6,
		       memcmp(pkt->link_src, none, 6) ? pkt->link_src : own, 6);
		put_be16(eth + 12, pkt->ethertype);
		n = cap->snaplen < sizeof(eth) ? cap->snaplen : sizeof(eth);
		memcpy(cap->scratch, eth, n);
	}
	return n + fdnet_pkt_copy_out(pkt, 0, cap->scratch + n, cap->snaplen - n);
}

static void capture_write(struct capture *cap, const struct fdnet_pkt *pkt,
			  const uint8_t *own)
{
	struct pcap_pkthdr h = {.len = cap->hdr_len + fdnet_pkt_total(pkt)};

	pthread_mutex_lock(&cap->file_lock);
	gettimeofday(&h.ts, NULL);
	h.caplen = capture_bytes(cap, pkt, own);
	pcap_dump((u_char *)cap->file, &h, cap->scratch);
	pthread_mutex_unlock(&cap->file_lock);
	fdnet_wrap_count(&cap->wrap, FDNET_EP_WRAP_CAPTURED);
}

static void capture_deliver(void *arg, struct fdnet_endpoint *lower,
			    struct fdnet_pkt *pkt)
{
	static const uint8_t none[6];
	struct capture *cap = arg;

	capture_write(cap, pkt, none);
	fdnet_wrap_up(&cap->wrap, pkt);
}

static int capture_attach(struct fdnet_endpoint *base,
			  const struct fdnet_dispatcher *disp, void *arg,
			  enum fdnet_attach how)
{
	static const struct fdnet_dispatcher own = {
		.deliver = capture_deliver,
		.writable = fdnet_wrap_writable,
	};

	return fdnet_wrap_attach_with((struct fdnet_wrap *)base, &own, disp,
				      arg, how);
}

static int capture_out(struct fdnet_endpoint *base, struct fdnet_pkt **pkts,
		       unsigned int n, int *status)
{
	struct capture *cap = (struct capture *)base;
	struct fdnet_endpoint_info info;
	unsigned int i;

	fdnet_endpoint_query(cap->wrap.lower, &info);
	for (i = 0; i < n; i++)
		capture_write(cap, pkts[i], info.link_address);
	return fdnet_endpoint_write_list(cap->wrap.lower, pkts, n, status);
}

static void capture_destroy(struct fdnet_wrap *wrap)
{
	struct capture *cap = (struct capture *)wrap;

	if (cap->file)
		pcap_dump_close(cap->file);
	if (cap->pcap)
		pcap_close(cap->pcap);
	pthread_mutex_destroy(&cap->file_lock);
	fdnet_mem_free(wrap->mem, cap->scratch, cap->snaplen);
	fdnet_mem_free(wrap->mem, cap, sizeof(*cap));
}

static const struct fdnet_endpoint_ops capture_ops = {
	.free = fdnet_wrap_free,
	.attach = capture_attach,
	.detach = fdnet_wrap_detach,
	.is_attached = fdnet_wrap_is_attached,
	.wait = fdnet_wrap_wait,
	.query = fdnet_wrap_query,
	.set_mtu = fdnet_wrap_set_mtu,
	.set_link_address = fdnet_wrap_set_link_address,
	.write = capture_out,
	.inject_outbound = fdnet_wrap_inject_outbound,
	.inject_inbound = fdnet_wrap_inject_inbound,
	.poll_set = fdnet_wrap_poll_set,
	.dispatch = fdnet_wrap_dispatch,
	.expiry = fdnet_wrap_expiry,
	.stats = fdnet_wrap_stats,
	.pool = fdnet_wrap_pool,
};

int fdnet_capture_new(struct fdnet_endpoint *lower, const char *path,
		      uint32_t snaplen, struct fdnet_endpoint **ret_ep)
{
	const struct fdnet_mem *mem = fdnet_wrap_mem(lower);
	struct capture *cap = fdnet_mem_alloc(mem, sizeof(*cap));

	if (!cap)
		return -ENOMEM;
	fdnet_wrap_init(&cap->wrap, &capture_ops, lower, capture_destroy);
	pthread_mutex_init(&cap->file_lock, NULL);
	if (!snaplen || snaplen > MAX_SNAPLEN)
		snaplen = MAX_SNAPLEN;
	cap->hdr_len = fdnet_endpoint_max_header_length(lower);
	cap->snaplen = snaplen;
	cap->scratch = fdnet_mem_alloc(mem, snaplen);
	if (!cap->scratch) {
		capture_destroy(&cap->wrap);
		return -ENOMEM;
	}
	cap->pcap = pcap_open_dead(cap->hdr_len ? DLT_EN10MB : DLT_RAW,
				   (int)snaplen);
	if (cap->pcap)
		cap->file = pcap_dump_open(cap->pcap, path);
	if (!cap->file) {
		capture_destroy(&cap->wrap);
		return -EIO;
	}
	*ret_ep = &cap->wrap.base;
	return 0;
}

int fdnet_capture_flush(struct fdnet_endpoint *ep)
{
	struct capture *cap = (struct capture *)ep;
	int rc;

	pthread_mutex_lock(&cap->file_lock);
	rc = pcap_dump_flush(cap->file);
	pthread_mutex_unlock(&cap->file_lock);
	return rc ? -EIO : 0;
}
