/* SPDX-License-Identifier: Apache-2.0 */
/* The stack object: settings, time, random numbers, output, events. */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "base/siphash.h"
#include "stack/object.h"
#include "stack/ports.h"
#include "stack/wire/arp.h"

#define DEFAULT_MAX_SOCKS 131072
#define DEFAULT_TCP_MEM (256u << 20)
#define DEFAULT_TCP_BUF_MAX 8388608
#define DEFAULT_UDP_BUF 212992 /* net.core.{r,w}mem_default */

/* ---- queues ---- */

void fdnet_pktq_push(struct fdnet_pktq *q, struct fdnet_pkt *pkt)
{
	pkt->next = NULL;
	if (q->head)
		q->tail->next = pkt;
	else
		q->head = pkt;
	q->tail = pkt;
	q->pkts++;
	q->bytes += fdnet_pkt_total(pkt);
}

struct fdnet_pkt *fdnet_pktq_pop(struct fdnet_pktq *q)
{
	struct fdnet_pkt *pkt = q->head;

	if (!pkt)
		return NULL;
	q->head = pkt->next;
	pkt->next = NULL;
	q->pkts--;
	q->bytes -= fdnet_pkt_total(pkt);
	return pkt;
}

void fdnet_pktq_purge(struct fdnet_pktq *q)
{
	struct fdnet_pkt *pkt;

	while ((pkt = fdnet_pktq_pop(q)))
		fdnet_pkt_free(pkt);
}

void fdnet_pktq_splice(struct fdnet_pktq *dst, struct fdnet_pktq *src)
{
	struct fdnet_pkt *pkt;

	while ((pkt = fdnet_pktq_pop(src)))
		fdnet_pktq_push(dst, pkt);
}

/* ---- hash and random numbers ---- */

uint64_t fdnet_stack_hash(const struct fdnet_stack *stack, const void *data,
			  size_t len)
{
	return fdnet_siphash(stack->key, data, len);
}

uint32_t fdnet_stack_random(struct fdnet_stack *stack)
{
	uint64_t count = stack->rnd_count++;

	return (uint32_t)fdnet_siphash(stack->rnd_key, &count, sizeof(count));
}

/* ---- the object ---- */

void fdnet_stack_config_init(struct fdnet_stack_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->mtu = 1500;
	cfg->ephemeral_lo = 32768;
	cfg->ephemeral_hi = 60999;
}

/* Larger ones would be no limits. */
static bool limits_fit(const struct fdnet_stack_limits *l)
{
	const uint32_t max = 1u << 20;

	return l->half_open <= max && l->backlog <= max && l->ooo_pkts <= max &&
	       l->reassembly <= 4096 && l->neighbours <= max &&
	       l->path_mtus <= max && l->redirects <= max &&
	       l->errors <= 65536 &&
	       l->icmp_per_s <= 1000000 && l->icmp_burst <= max;
}

static int check_config(const struct fdnet_stack_config *cfg)
{
	if (!cfg->mem || !cfg->pool)
		return -EINVAL;
	if (cfg->mtu < 576 || cfg->mtu > 65535)
		return -EINVAL;
	if (cfg->ephemeral_lo > cfg->ephemeral_hi || !limits_fit(&cfg->limits))
		return -EINVAL;
	return 0;
}

static void or_default(uint32_t *value, uint32_t fallback)
{
	if (!*value)
		*value = fallback;
}

static void set_limits(struct fdnet_stack_limits *l, bool lossless)
{
	or_default(&l->half_open, 128);
	or_default(&l->backlog, 4096); /* net.core.somaxconn */
	or_default(&l->ooo_pkts, lossless ? 64 : 8192);
	or_default(&l->reassembly, 32);
	or_default(&l->neighbours, 256);
	or_default(&l->path_mtus, 64);
	or_default(&l->redirects, 64);
	or_default(&l->errors, 64);
	or_default(&l->icmp_per_s, 1000);
	or_default(&l->icmp_burst, 1000);
}

static void set_config(struct fdnet_stack *stack,
		       const struct fdnet_stack_config *cfg)
{
	stack->cfg = *cfg;
	or_default(&stack->cfg.max_socks, DEFAULT_MAX_SOCKS);
	or_default(&stack->cfg.tcp_buf_max, DEFAULT_TCP_BUF_MAX);
	if (!stack->cfg.tcp_mem)
		stack->cfg.tcp_mem = DEFAULT_TCP_MEM;
	or_default(&stack->cfg.udp_sndbuf, DEFAULT_UDP_BUF);
	or_default(&stack->cfg.udp_rcvbuf, DEFAULT_UDP_BUF);
	set_limits(&stack->cfg.limits, cfg->lossless);
}

static void set_keys(struct fdnet_stack *stack, const uint8_t seed[16])
{
	uint64_t root[2], i;
	uint64_t *keys[] = { &stack->key[0], &stack->key[1],
			     &stack->rnd_key[0], &stack->rnd_key[1] };

	memcpy(root, seed, 16);
	for (i = 0; i < 4; i++)
		*keys[i] = fdnet_siphash(root, &i, sizeof(i));
	stack->ident = (uint16_t)fdnet_stack_random(stack);
	stack->ident6 = fdnet_stack_random(stack);
	stack->next_port[0] = fdnet_stack_random(stack);
	stack->next_port[1] = fdnet_stack_random(stack);
}

/* Every IPv6 interface has one: RFC 4291 2.8, RFC 4862 5.3. */
static void add_link_local(struct fdnet_stack *stack)
{
	struct fdnet_ip ip = { 6, { 0xfe, 0x80 } };

	fdnet_nd_interface_id(stack->cfg.link_addr, ip.bytes + 8);
	fdnet_stack_add_addr(stack, &ip, 64);
}

int fdnet_stack_new(const struct fdnet_stack_config *cfg, uint64_t now_us,
		    struct fdnet_stack **ret_stack)
{
	struct fdnet_stack *stack;
	int rc = check_config(cfg);

	if (rc)
		return rc;
	stack = fdnet_mem_alloc(cfg->mem, sizeof(*stack));
	if (!stack)
		return -ENOMEM;
	stack->mem = cfg->mem;
	set_config(stack, cfg);
	set_keys(stack, cfg->seed);
	stack->now_us = now_us;
	stack->icmp_tokens = stack->cfg.limits.icmp_burst;
	stack->icmp_refill_us = now_us;
	if (cfg->ephemeral_lo) {
		fdnet_stack_lease(stack, 6, cfg->ephemeral_lo,
				  cfg->ephemeral_hi);
		fdnet_stack_lease(stack, 17, cfg->ephemeral_lo,
				  cfg->ephemeral_hi);
	}
	rc = fdnet_demux_init(stack);
	if (!rc)
		rc = fdnet_reass_init(stack);
	if (!rc)
		rc = fdnet_neigh_init(stack);
	if (!rc)
		rc = fdnet_member_init(stack);
	if (!rc)
		rc = fdnet_autoconf_init(stack);
	if (!rc)
		rc = fdnet_dhcp_init(stack);
	if (!rc && cfg->ethernet)
		add_link_local(stack);
	if (rc) {
		fdnet_stack_free(stack);
		return rc;
	}
	*ret_stack = stack;
	return 0;
}

void fdnet_stack_set_tcp(struct fdnet_stack *stack,
			 const struct fdnet_tcp_settings *tcp)
{
	stack->cfg.tcp = *tcp;
}

void fdnet_stack_free(struct fdnet_stack *stack)
{
	struct fdnet_sock *so;

	if (!stack)
		return;
	/* destroy() may release other sockets, such as unaccepted ones */
	while ((so = stack->all)) {
		if (so->ops->destroy)
			so->ops->destroy(so);
		fdnet_sock_release(so);
	}
	fdnet_pktq_purge(&stack->back);
	fdnet_pktq_purge(&stack->frags);
	fdnet_pktq_purge(&stack->queued);
	fdnet_pktq_purge(&stack->orphans);
	fdnet_buf_unref(stack->page);
	fdnet_tcp_fo_done(stack);
	fdnet_txseg_done(stack);
	fdnet_reass_done(stack);
	fdnet_pmtu_done(stack);
	fdnet_redirect_done(stack);
	fdnet_neigh_done(stack);
	fdnet_member_done(stack);
	fdnet_demux_done(stack);
	fdnet_timers_done(stack);
	fdnet_ports_done(stack);
	fdnet_mem_free(stack->mem, stack, sizeof(*stack));
}

const struct fdnet_stack_config *
fdnet_stack_cfg(const struct fdnet_stack *stack)
{
	return &stack->cfg;
}

const struct fdnet_mem *fdnet_stack_mem(const struct fdnet_stack *stack)
{
	return stack->mem;
}

struct fdnet_pkt_pool *fdnet_stack_pool(const struct fdnet_stack *stack)
{
	return stack->cfg.pool;
}

uint64_t *fdnet_stack_tcp_bytes(struct fdnet_stack *stack)
{
	return &stack->tcp_bytes;
}

/* ---- time ---- */

void fdnet_stack_set_time(struct fdnet_stack *stack, uint64_t now_us)
{
	if (now_us > stack->now_us)
		stack->now_us = now_us;
}

uint64_t fdnet_stack_time(const struct fdnet_stack *stack)
{
	return stack->now_us;
}

void fdnet_stack_advance(struct fdnet_stack *stack)
{
	fdnet_timers_run(stack);
}

uint64_t fdnet_stack_expiry(struct fdnet_stack *stack)
{
	return fdnet_timers_expiry(stack);
}

/* ---- packets ---- */

/* An Ethernet frame: is it for us? @ret_arp: it is ARP's. */
static bool admit_frame(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			bool *ret_arp)
{
	if (pkt->link_dst[0] & 1)
		pkt->flags |= FDNET_PKT_LINK_GROUP;
	else if (memcmp(pkt->link_dst, stack->cfg.link_addr, 6))
		return false;
	*ret_arp = pkt->ethertype == FDNET_ETHERTYPE_ARP;
	return *ret_arp || pkt->ethertype == FDNET_ETHERTYPE_IPV4 ||
	       pkt->ethertype == FDNET_ETHERTYPE_IPV6;
}

void fdnet_stack_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt)
{
	bool arp = false;

	pkt->next = NULL;
	pkt->flags &= (uint16_t)~FDNET_PKT_LOOPED;
	if (stack->cfg.ethernet && !admit_frame(stack, pkt, &arp)) {
		stack->counters[FDNET_C_LINK_BAD]++;
		fdnet_pkt_free(pkt);
		return;
	}
	if (arp) {
		fdnet_arp_input(stack, pkt);
		return;
	}
	stack->counters[FDNET_C_IP_IN]++;
	if (fdnet_pkt_pull_up(pkt, 1)) {
		stack->counters[FDNET_C_IP_SHORT]++;
		fdnet_pkt_free(pkt);
		return;
	}
	switch (pkt->data[0] >> 4) {
	case 4:
		fdnet_ip4_input(stack, pkt);
		break;
	case 6:
		fdnet_ip6_input(stack, pkt);
		break;
	default:
		stack->counters[FDNET_C_IP_BAD_HEADER]++;
		fdnet_pkt_free(pkt);
	}
}

/* One packet of the first socket in the ready ring that has one. */
static struct fdnet_pkt *ready_next(struct fdnet_stack *stack)
{
	struct fdnet_sock *so;
	struct fdnet_pkt *pkt;

	while ((so = stack->ready)) {
		/* out of the ring first: output() may ask to be in again, or
		 * release the socket, which clears stack->current */
		DL_DELETE2(stack->ready, so, out_prev, out_next);
		so->in_out_ring = false;
		stack->current = so;
		pkt = so->ops->output(so);
		if (pkt && stack->current)
			fdnet_sock_want_output(so);
		stack->current = NULL;
		if (pkt)
			return pkt;
	}
	return NULL;
}

static struct fdnet_pkt *next_raw(struct fdnet_stack *stack)
{
	struct fdnet_pkt *pkt = fdnet_pktq_pop(&stack->queued);

	if (!pkt)
		pkt = fdnet_pktq_pop(&stack->orphans);
	return pkt ? pkt : ready_next(stack);
}

struct fdnet_pkt *fdnet_stack_output(struct fdnet_stack *stack)
{
	struct fdnet_pkt *pkt = fdnet_pktq_pop(&stack->back);

	while (!pkt) {
		pkt = fdnet_pktq_pop(&stack->frags);
		if (pkt)
			break;
		pkt = next_raw(stack);
		if (!pkt)
			return NULL;
		pkt = fdnet_ip_route(stack, pkt);
	}
	stack->counters[FDNET_C_IP_OUT]++;
	return pkt;
}

void fdnet_stack_unget(struct fdnet_stack *stack, struct fdnet_pkt *pkt)
{
	struct fdnet_pktq rest = stack->back;

	stack->counters[FDNET_C_IP_OUT]--;
	memset(&stack->back, 0, sizeof(stack->back));
	fdnet_pktq_push(&stack->back, pkt);
	fdnet_pktq_splice(&stack->back, &rest);
}

bool fdnet_stack_has_work(struct fdnet_stack *stack)
{
	return stack->back.head || stack->frags.head || stack->queued.head ||
	       stack->orphans.head || stack->ready || stack->nbusy;
}

/* ---- events and requests ---- */

struct fdnet_sock *fdnet_stack_next_event(struct fdnet_stack *stack,
					  uint32_t *ret_events)
{
	struct fdnet_sock *so = stack->events;

	if (!so)
		return NULL;
	DL_DELETE2(stack->events, so, event_prev, event_next);
	so->in_event_list = false;
	*ret_events = so->events;
	so->events = 0;
	return so;
}

void fdnet_stack_queue_request(struct fdnet_sock *so)
{
	struct fdnet_stack *stack = so->stack;

	if (so->in_req_list)
		return;
	DL_APPEND2(stack->requests, so, req_prev, req_next);
	so->in_req_list = true;
}

struct fdnet_sock *fdnet_stack_next_request(struct fdnet_stack *stack)
{
	struct fdnet_sock *so = stack->requests;

	if (!so)
		return NULL;
	DL_DELETE2(stack->requests, so, req_prev, req_next);
	so->in_req_list = false;
	return so;
}

void fdnet_stack_peer_gone(struct fdnet_stack *stack, bool reset)
{
	struct fdnet_sock *so;

	if (reset)
		stack->dead = true;
	for (so = stack->all; so; so = stack->cursor) {
		/* moved on by fdnet_sock_release() if that one goes */
		stack->cursor = so->all_next;
		if (so->ops->peer_gone)
			so->ops->peer_gone(so, reset);
	}
}

/* ---- counters ---- */

static const char *const counter_names[] = {
	[FDNET_C_IP_IN] = "ip_in",
	[FDNET_C_IP_OUT] = "ip_out",
	[FDNET_C_IP_SHORT] = "ip_short",
	[FDNET_C_IP_BAD_HEADER] = "ip_bad_header",
	[FDNET_C_IP_BAD_CSUM] = "ip_bad_csum",
	[FDNET_C_IP_NOT_OURS] = "ip_not_ours",
	[FDNET_C_IP_MARTIAN] = "ip_martian",
	[FDNET_C_IP_NO_PROTO] = "ip_no_proto",
	[FDNET_C_IP_NO_ROUTE] = "ip_no_route",
	[FDNET_C_IP_NOMEM] = "ip_nomem",
	[FDNET_C_FRAG_IN] = "frag_in",
	[FDNET_C_FRAG_OUT] = "frag_out",
	[FDNET_C_FRAG_REASSEMBLED] = "frag_reassembled",
	[FDNET_C_FRAG_TIMEOUT] = "frag_timeout",
	[FDNET_C_FRAG_LIMIT] = "frag_limit",
	[FDNET_C_FRAG_BAD] = "frag_bad",
	[FDNET_C_ICMP_IN] = "icmp_in",
	[FDNET_C_ICMP_OUT] = "icmp_out",
	[FDNET_C_ICMP_BAD] = "icmp_bad",
	[FDNET_C_ICMP_LIMITED] = "icmp_limited",
	[FDNET_C_UDP_IN] = "udp_in",
	[FDNET_C_UDP_OUT] = "udp_out",
	[FDNET_C_UDP_BAD] = "udp_bad",
	[FDNET_C_UDP_NO_PORT] = "udp_no_port",
	[FDNET_C_UDP_RCVBUF] = "udp_rcvbuf",
	[FDNET_C_TCP_IN] = "tcp_in",
	[FDNET_C_TCP_OUT] = "tcp_out",
	[FDNET_C_TCP_BAD] = "tcp_bad",
	[FDNET_C_TCP_NO_SOCK] = "tcp_no_sock",
	[FDNET_C_TCP_RST_OUT] = "tcp_rst_out",
	[FDNET_C_TCP_RST_IN] = "tcp_rst_in",
	[FDNET_C_TCP_RETRANS] = "tcp_retrans",
	[FDNET_C_TCP_RTO] = "tcp_rto",
	[FDNET_C_TCP_OOO] = "tcp_ooo",
	[FDNET_C_TCP_DUP] = "tcp_dup",
	[FDNET_C_TCP_OUT_OF_WINDOW] = "tcp_out_of_window",
	[FDNET_C_TCP_CHALLENGE] = "tcp_challenge",
	[FDNET_C_TCP_BACKLOG] = "tcp_backlog",
	[FDNET_C_TCP_LIMIT] = "tcp_limit",
	[FDNET_C_TCP_ACTIVE_OPEN] = "tcp_active_open",
	[FDNET_C_TCP_PASSIVE_OPEN] = "tcp_passive_open",
	[FDNET_C_TCP_FAILED_OPEN] = "tcp_failed_open",
	[FDNET_C_TCP_ABORT] = "tcp_abort",
	[FDNET_C_ARP_IN] = "arp_in",
	[FDNET_C_ARP_OUT] = "arp_out",
	[FDNET_C_ARP_BAD] = "arp_bad",
	[FDNET_C_NEIGH_FAILED] = "neigh_failed",
	[FDNET_C_NEIGH_LIMIT] = "neigh_limit",
	[FDNET_C_ADDR_CONFLICT] = "addr_conflict",
	[FDNET_C_LINK_BAD] = "link_bad",
	[FDNET_C_GROUP_REPORT] = "group_report",
	[FDNET_C_DHCP_IN] = "dhcp_in",
	[FDNET_C_DHCP_OUT] = "dhcp_out",
	[FDNET_C_DHCP_BAD] = "dhcp_bad",
	[FDNET_C_REDIRECT_IN] = "redirect_in",
	[FDNET_C_REDIRECT_BAD] = "redirect_bad",
	[FDNET_C_RA_LIMIT] = "ra_limit",
	[FDNET_C_MCAST_LIMIT] = "mcast_limit",
	[FDNET_C_SOCK_LIMIT] = "sock_limit",
	[FDNET_C_TCP_MTU_PROBE] = "tcp_mtu_probe",
	[FDNET_C_TCP_MTU_PROBE_LOST] = "tcp_mtu_probe_lost",
	[FDNET_C_PMTU_LIMIT] = "pmtu_limit",
	[FDNET_C_REDIRECT_LIMIT] = "redirect_limit",
	[FDNET_C_ERRQ_LIMIT] = "errq_limit",
	[FDNET_C_TABLE_LIMIT] = "table_limit",
};

static_assert(sizeof(counter_names) / sizeof(counter_names[0]) == FDNET_C_MAX,
	      "a counter without a name");

void fdnet_stack_count(struct fdnet_stack *stack,
		       enum fdnet_stack_counter which)
{
	stack->counters[which]++;
}

uint64_t fdnet_stack_counter(const struct fdnet_stack *stack,
			     enum fdnet_stack_counter which)
{
	return which < FDNET_C_MAX ? stack->counters[which] : 0;
}

const char *fdnet_stack_counter_name(enum fdnet_stack_counter which)
{
	return which < FDNET_C_MAX ? counter_names[which] : NULL;
}

unsigned int fdnet_stack_socks(const struct fdnet_stack *stack)
{
	return stack->nsocks;
}
