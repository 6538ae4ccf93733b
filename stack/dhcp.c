/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/dhcp.h"

#include <errno.h>
#include <string.h>

#include "stack/object.h"
#include "stack/save.h"
#include "stack/wire/bytes.h"
#include "stack/wire/dhcp.h"
#include "stack/wire/icmp.h"
#include "stack/wire/udp.h"

#define SEC	     1000000ull
#define FIRST_US     (4 * SEC) /* RFC 2131 4.1 */
#define LAST_US	     (64 * SEC)
#define REQUESTS     4 /* without an answer: begin anew */
#define DECLINED_US  (10 * SEC)
#define LEAST_US     (60 * SEC) /* 4.4.5: between requests of a lease */
#define LEAST_MTU    576

static const struct fdnet_ip any4 = { .family = 4 };

/* ---- time ---- */

static void wait_until(struct fdnet_stack *stack, uint64_t at_us)
{
	stack->dhcp.due_us = at_us;
	fdnet_timer_set(stack, &stack->dhcp.timer, at_us);
}

static uint64_t min_us(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t at(uint64_t us)
{
	return us ? us : FDNET_NEVER;
}

/* RFC 2131 4.1: doubled, and up to a second more or less. */
static uint64_t backoff(struct fdnet_stack *stack)
{
	uint64_t us = FIRST_US << (stack->dhcp.tries - 1);

	if (us > LAST_US)
		us = LAST_US;
	return stack->now_us + us - SEC + fdnet_stack_random(stack) % (2 * SEC);
}

/* ---- sending ---- */

static void send(struct fdnet_stack *stack, const struct fdnet_dhcp_msg *msg,
		 uint32_t dst4)
{
	struct fdnet_ip dst = fdnet_ip4(dst4), src = fdnet_ip4(msg->ciaddr);
	struct fdnet_udp udp = {
		.sport = FDNET_DHCP_CLIENT_PORT,
		.dport = FDNET_DHCP_SERVER_PORT,
		.len = FDNET_UDP_LEN + FDNET_DHCP_MAX,
	};
	struct fdnet_pkt *pkt = fdnet_pkt_new(stack->cfg.pool);
	uint8_t *p;

	if (!pkt)
		return;
	p = fdnet_pkt_put(pkt, FDNET_UDP_LEN + FDNET_DHCP_MAX);
	fdnet_udp_encode(p, &udp);
	fdnet_dhcp_encode(p + FDNET_UDP_LEN, msg);
	fdnet_ip_csum_fill(stack, pkt, &src, &dst, FDNET_PROTO_UDP,
			   FDNET_UDP_CSUM_OFFSET);
	fdnet_ip_finish(stack, pkt, &src, &dst, FDNET_PROTO_UDP, -1, -1, false);
	stack->counters[FDNET_C_DHCP_OUT]++;
	/* now, while the address is ours */
	pkt = fdnet_ip_route(stack, pkt);
	if (pkt)
		fdnet_pktq_push(&stack->frags, pkt);
}

static uint32_t host_order(const struct fdnet_ip *ip)
{
	return ip->family ? fdnet_get32(ip->bytes) : 0;
}

/* Table 5 of RFC 2131: what stands in which message. */
static void say(struct fdnet_stack *stack, uint8_t type)
{
	struct fdnet_dhcp *d = &stack->dhcp;
	uint64_t secs = (stack->now_us - d->begun_us) / SEC;
	struct fdnet_dhcp_msg msg = {
		.type = type,
		.xid = d->xid,
		.secs = secs > 65535 ? 65535 : (uint16_t)secs,
		.broadcast = true,
	};
	uint32_t addr = host_order(&d->lease.addr), dst = 0xffffffff;

	memcpy(msg.mac, stack->cfg.link_addr, 6);
	if (d->state == FDNET_DHCP_RENEWING ||
	    d->state == FDNET_DHCP_REBINDING || type == FDNET_DHCP_RELEASE)
		msg.ciaddr = addr;
	else
		msg.requested = addr; /* a DISCOVER may ask for the last one */
	if (d->state == FDNET_DHCP_REQUESTING || type == FDNET_DHCP_RELEASE ||
	    type == FDNET_DHCP_DECLINE)
		msg.server = host_order(&d->lease.server);
	if (msg.ciaddr)
		msg.broadcast = false;
	if (d->state == FDNET_DHCP_RENEWING || type == FDNET_DHCP_RELEASE)
		dst = host_order(&d->lease.server);
	if (type == FDNET_DHCP_DECLINE)
		msg.secs = 0;
	send(stack, &msg, dst);
}

/* ---- states ---- */

static void begin(struct fdnet_stack *stack, uint64_t after_us)
{
	struct fdnet_dhcp *d = &stack->dhcp;

	d->state = FDNET_DHCP_INIT;
	d->tries = 0;
	d->t1_us = d->t2_us = d->expiry_us = 0;
	wait_until(stack, stack->now_us + after_us);
}

static void drop_route(struct fdnet_stack *stack)
{
	struct fdnet_stack_route *r;

	r = fdnet_route_get(stack, &any4, 0, &stack->dhcp.lease.router);
	if (r)
		fdnet_route_drop(stack, r);
}

/* The address is not ours any more. */
static void give_up(struct fdnet_stack *stack)
{
	struct fdnet_dhcp *d = &stack->dhcp;

	fdnet_autoconf_drop(stack, &d->lease.addr);
	if (d->routed)
		drop_route(stack);
	d->routed = false;
	if (d->base_mtu)
		stack->cfg.mtu = d->base_mtu;
	d->base_mtu = 0;
}

static void select_server(struct fdnet_stack *stack)
{
	struct fdnet_dhcp *d = &stack->dhcp;

	if (d->state == FDNET_DHCP_INIT) {
		d->state = FDNET_DHCP_SELECTING;
		d->xid = fdnet_stack_random(stack);
		d->begun_us = stack->now_us;
	}
	if (d->tries < 6)
		d->tries++;
	say(stack, FDNET_DHCP_DISCOVER);
	wait_until(stack, backoff(stack));
}

static void request(struct fdnet_stack *stack)
{
	struct fdnet_dhcp *d = &stack->dhcp;

	if (d->tries++ == REQUESTS) {
		begin(stack, 0);
		return;
	}
	say(stack, FDNET_DHCP_REQUEST);
	wait_until(stack, backoff(stack));
}

/* RENEWING or REBINDING: asks, and again after half of the time that is left
 * until @end_us. */
static void ask_again(struct fdnet_stack *stack, uint64_t end_us)
{
	uint64_t left = end_us - stack->now_us;

	say(stack, FDNET_DHCP_REQUEST);
	wait_until(stack, left / 2 > LEAST_US ? stack->now_us + left / 2 :
						min_us(end_us,
						       stack->now_us +
							       LEAST_US));
}

static void new_exchange(struct fdnet_stack *stack, uint8_t state)
{
	stack->dhcp.state = state;
	stack->dhcp.xid = fdnet_stack_random(stack);
	stack->dhcp.begun_us = stack->now_us;
}

static void lease_due(struct fdnet_stack *stack)
{
	struct fdnet_dhcp *d = &stack->dhcp;

	if (at(d->expiry_us) <= stack->now_us) {
		give_up(stack);
		begin(stack, 0);
		return;
	}
	if (at(d->t2_us) <= stack->now_us) {
		if (d->state != FDNET_DHCP_REBINDING)
			new_exchange(stack, FDNET_DHCP_REBINDING);
		ask_again(stack, d->expiry_us);
	} else if (at(d->t1_us) <= stack->now_us) {
		if (d->state != FDNET_DHCP_RENEWING)
			new_exchange(stack, FDNET_DHCP_RENEWING);
		ask_again(stack, d->t2_us);
	}
}

static void fire(struct fdnet_stack *stack, struct fdnet_timer *timer)
{
	switch (stack->dhcp.state) {
	case FDNET_DHCP_INIT:
	case FDNET_DHCP_SELECTING:
		select_server(stack);
		break;
	case FDNET_DHCP_REQUESTING:
		request(stack);
		break;
	case FDNET_DHCP_BOUND:
	case FDNET_DHCP_RENEWING:
	case FDNET_DHCP_REBINDING:
		lease_due(stack);
		break;
	}
}

/* ---- what servers say ---- */

/* A host's address with a mask that is one. */
static bool is_usable(const struct fdnet_dhcp_msg *msg)
{
	struct fdnet_ip ip = fdnet_ip4(msg->yiaddr);
	uint32_t host = ~msg->mask;

	return msg->yiaddr && !fdnet_ip_is_loopback(&ip) &&
	       msg->yiaddr >> 28 < 14 && msg->server && msg->lease_s &&
	       !(host & (host + 1));
}

static uint8_t mask_bits(const struct fdnet_dhcp_msg *msg)
{
	uint8_t first = (uint8_t)(msg->yiaddr >> 24);

	if (msg->mask)
		return (uint8_t)__builtin_popcount(msg->mask);
	/* RFC 1122's classes are what a server without option 1 means */
	return first < 128 ? 8 : first < 192 ? 16 : 24;
}

static void note_lease(struct fdnet_stack *stack,
		       const struct fdnet_dhcp_msg *msg)
{
	struct fdnet_dhcp *d = &stack->dhcp;
	uint64_t lease = msg->lease_s * SEC, t1 = msg->t1_s * SEC;
	uint64_t t2 = msg->t2_s * SEC;
	uint64_t from = d->begun_us;
	unsigned int i;

	d->lease = (struct fdnet_lease){
		.addr = fdnet_ip4(msg->yiaddr),
		.bits = mask_bits(msg),
		.server = fdnet_ip4(msg->server),
		.ndns = msg->ndns,
		.mtu = msg->mtu,
	};
	if (msg->router)
		d->lease.router = fdnet_ip4(msg->router);
	for (i = 0; i < msg->ndns; i++)
		d->lease.dns[i] = fdnet_ip4(msg->dns[i]);
	d->t1_us = d->t2_us = d->expiry_us = 0;
	if (msg->lease_s == UINT32_MAX)
		return;
	/* 4.4.5: the defaults, also for what is out of order */
	if (!t2 || t2 >= lease)
		t2 = lease * 7 / 8;
	if (!t1 || t1 >= t2)
		t1 = min_us(lease / 2, t2);
	d->t1_us = from + t1;
	d->t2_us = from + t2;
	d->expiry_us = from + lease;
	d->lease.expiry_us = d->expiry_us;
}

static void bound(struct fdnet_stack *stack)
{
	struct fdnet_dhcp *d = &stack->dhcp;

	d->state = FDNET_DHCP_BOUND;
	if (d->lease.router.family && !d->routed &&
	    !fdnet_route_get(stack, &any4, 0, NULL))
		d->routed = !fdnet_stack_add_route(stack, &any4, 0,
						   &d->lease.router);
	if (d->lease.mtu >= LEAST_MTU && d->lease.mtu < stack->cfg.mtu) {
		if (!d->base_mtu)
			d->base_mtu = stack->cfg.mtu;
		stack->cfg.mtu = d->lease.mtu;
	}
	wait_until(stack, at(d->t1_us));
}

/* Granted for the first time: is it free? */
static void try_address(struct fdnet_stack *stack)
{
	struct fdnet_dhcp *d = &stack->dhcp;
	int rc = fdnet_stack_add_addr(stack, &d->lease.addr, d->lease.bits);

	if (rc == -EEXIST) { /* the administrator's too */
		bound(stack);
		return;
	}
	if (rc) {
		begin(stack, DECLINED_US);
		return;
	}
	d->state = FDNET_DHCP_PROBING;
	wait_until(stack, FDNET_NEVER);
	fdnet_autoconf_probe(stack, &d->lease.addr);
}

void fdnet_dhcp_probed(struct fdnet_stack *stack, const struct fdnet_ip *ip,
		       bool is_free)
{
	struct fdnet_dhcp *d = &stack->dhcp;

	if (d->state != FDNET_DHCP_PROBING ||
	    !fdnet_ip_equal(ip, &d->lease.addr))
		return;
	if (is_free) {
		bound(stack);
		return;
	}
	say(stack, FDNET_DHCP_DECLINE);
	memset(&d->lease, 0, sizeof(d->lease)); /* not that one again */
	begin(stack, DECLINED_US);
}

static void take_ack(struct fdnet_stack *stack,
		     const struct fdnet_dhcp_msg *msg)
{
	struct fdnet_dhcp *d = &stack->dhcp;
	bool held = d->state != FDNET_DHCP_REQUESTING;
	struct fdnet_ip ip = fdnet_ip4(msg->yiaddr);
	struct fdnet_ip router = fdnet_ip4(msg->router);

	/* another address or way than before: as if it were new */
	if (held && (!fdnet_ip_equal(&ip, &d->lease.addr) ||
		     (d->routed &&
		      !fdnet_ip_equal(&router, &d->lease.router)))) {
		give_up(stack);
		held = false;
	}
	note_lease(stack, msg);
	if (held)
		bound(stack);
	else
		try_address(stack);
}

static void take(struct fdnet_stack *stack, const struct fdnet_dhcp_msg *msg)
{
	struct fdnet_dhcp *d = &stack->dhcp;
	bool asked = d->state == FDNET_DHCP_REQUESTING ||
		     d->state == FDNET_DHCP_RENEWING ||
		     d->state == FDNET_DHCP_REBINDING;

	if (d->state == FDNET_DHCP_SELECTING &&
	    msg->type == FDNET_DHCP_OFFER && is_usable(msg)) {
		note_lease(stack, msg);
		d->state = FDNET_DHCP_REQUESTING;
		d->tries = 0;
		request(stack);
	} else if (asked && msg->type == FDNET_DHCP_ACK && is_usable(msg) &&
		   (d->state == FDNET_DHCP_REBINDING ||
		    msg->server == host_order(&d->lease.server))) {
		take_ack(stack, msg);
	} else if (asked && msg->type == FDNET_DHCP_NAK) {
		if (d->state != FDNET_DHCP_REQUESTING)
			give_up(stack);
		memset(&d->lease, 0, sizeof(d->lease));
		begin(stack, SEC);
	}
}

void fdnet_dhcp_input(struct fdnet_stack *stack, struct fdnet_pkt *pkt)
{
	struct fdnet_dhcp_msg msg;

	if (fdnet_pkt_pull_up(pkt, fdnet_pkt_total(pkt)) ||
	    fdnet_dhcp_decode(pkt->data, pkt->len, &msg)) {
		stack->counters[FDNET_C_DHCP_BAD]++;
		return;
	}
	stack->counters[FDNET_C_DHCP_IN]++;
	if (msg.xid == stack->dhcp.xid &&
	    !memcmp(msg.mac, stack->cfg.link_addr, 6))
		take(stack, &msg);
}

/* ---- calls ---- */

int fdnet_dhcp_init(struct fdnet_stack *stack)
{
	fdnet_timer_init(&stack->dhcp.timer, fire);
	stack->dhcp.due_us = FDNET_NEVER;
	return fdnet_timer_reserve(stack, 1);
}

int fdnet_stack_dhcp_start(struct fdnet_stack *stack)
{
	if (!stack->cfg.ethernet || stack->cfg.gateway)
		return -EINVAL;
	if (stack->dhcp.state != FDNET_DHCP_OFF)
		return -EALREADY;
	memset(&stack->dhcp.lease, 0, sizeof(stack->dhcp.lease));
	/* 4.4.1: not all at once when the power comes back */
	begin(stack, fdnet_stack_random(stack) % SEC);
	return 0;
}

void fdnet_stack_dhcp_stop(struct fdnet_stack *stack)
{
	struct fdnet_dhcp *d = &stack->dhcp;

	if (d->state >= FDNET_DHCP_BOUND)
		say(stack, FDNET_DHCP_RELEASE);
	if (d->state >= FDNET_DHCP_PROBING)
		give_up(stack);
	d->state = FDNET_DHCP_OFF;
	memset(&d->lease, 0, sizeof(d->lease));
	wait_until(stack, FDNET_NEVER);
}

int fdnet_stack_dhcp_lease(const struct fdnet_stack *stack,
			   struct fdnet_lease *ret_lease)
{
	if (stack->dhcp.state == FDNET_DHCP_OFF)
		return -ENOENT;
	if (stack->dhcp.state < FDNET_DHCP_BOUND)
		return -EINPROGRESS;
	*ret_lease = stack->dhcp.lease;
	return 0;
}

/* ---- save and restore ---- */

void fdnet_save_dhcp(struct fdnet_save *s, struct fdnet_stack *stack)
{
	struct fdnet_dhcp *d = &stack->dhcp;
	unsigned int i;

	d->state = (uint8_t)fdnet_save_int(s, d->state, FDNET_DHCP_OFF,
					   FDNET_DHCP_REBINDING);
	d->tries = (uint8_t)fdnet_save_int(s, d->tries, 0, 6);
	d->routed = fdnet_save_bool(s, d->routed);
	d->xid = fdnet_save_u32(s, d->xid);
	d->begun_us = fdnet_save_time(s, d->begun_us);
	d->due_us = fdnet_save_time(s, d->due_us);
	d->t1_us = fdnet_save_time(s, d->t1_us);
	d->t2_us = fdnet_save_time(s, d->t2_us);
	d->expiry_us = fdnet_save_time(s, d->expiry_us);
	d->base_mtu = fdnet_save_u32(s, d->base_mtu);
	fdnet_save_ip(s, &d->lease.addr);
	d->lease.bits = fdnet_save_u8(s, d->lease.bits);
	fdnet_save_ip(s, &d->lease.server);
	fdnet_save_ip(s, &d->lease.router);
	d->lease.ndns = fdnet_save_count(s, d->lease.ndns, FDNET_DHCP_DNS, 1);
	for (i = 0; i < d->lease.ndns; i++)
		fdnet_save_ip(s, &d->lease.dns[i]);
	d->lease.mtu = fdnet_save_u16(s, d->lease.mtu);
	d->lease.expiry_us = d->expiry_us;
	if (!s->reading)
		return;
	fdnet_save_check(s, d->lease.bits <= 32 &&
				    (!d->base_mtu ||
				     (d->base_mtu >= LEAST_MTU &&
				      d->base_mtu <= 65535)) &&
				    (d->state == FDNET_DHCP_OFF ||
				     (stack->cfg.ethernet &&
				      !stack->cfg.gateway)) &&
				    (d->state < FDNET_DHCP_REQUESTING ||
				     (d->lease.addr.family == 4 &&
				      d->lease.server.family == 4)) &&
				    d->begun_us <= stack->now_us &&
				    at(d->t1_us) <= at(d->t2_us) &&
				    at(d->t2_us) <= at(d->expiry_us));
	if (s->rc || d->state == FDNET_DHCP_OFF) {
		d->state = FDNET_DHCP_OFF;
		return;
	}
	if (d->state == FDNET_DHCP_PROBING) /* begins anew */
		begin(stack, SEC);
	else
		wait_until(stack, d->due_us ? d->due_us : stack->now_us);
}
