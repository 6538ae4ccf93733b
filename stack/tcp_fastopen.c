/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP fast open (RFC 7413): data in the SYN.
 *
 * How it works: as a client, a cookie that a server gave is kept by its
 * address, with its MSS; a connection that begins with data (MSG_FASTOPEN, or
 * a write after connect() with TCP_FASTOPEN_CONNECT) sends them in the SYN
 * behind the cookie, or asks for a cookie. What the SYN-ACK does not
 * acknowledge of them goes again as ordinary data. As a server, a cookie is a
 * keyed hash of the two addresses, so that nothing is kept; a SYN with a good
 * one becomes a connection at once, in SYN_RECV, which may be accepted, read
 * and written before the handshake is over.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/siphash.h"
#include "stack/object.h"
#include "stack/tcp_internal.h"

#define COOKIE_LEN    8 /* of ours */
#define CACHE_SLOTS   64
#define OPTION_SPACE  40 /* the most that options take */
#define BLACKOUT_US   (60 * FDNET_SEC)
#define BLACKOUT_MAX  10 /* doublings */

/* What one server told; the place is found by a keyed hash of its address,
 * and a newcomer takes it. */
struct fdnet_tcp_fo_cache {
	struct fdnet_ip ip; /* family 0: unused */
	struct fdnet_tcp_fo fo;
	uint16_t mss;
	uint8_t try_exp;  /* 1: ask by the experimental option, 2: did */
	uint8_t syn_loss; /* SYNs with data lost in a row */
	uint64_t loss_us;
};

static uint32_t flags_of(const struct fdnet_tcp *tp)
{
	uint32_t flags = fdnet_stack_cfg(tp->so.stack)->tcp.fastopen;

	return flags ? flags : FDNET_TFO_CLIENT | FDNET_TFO_SERVER;
}

static struct fdnet_tcp_fo_cache *slot_of(const struct fdnet_tcp *tp)
{
	struct fdnet_stack *stack = tp->so.stack;
	const struct fdnet_ip *ip = &tp->so.peer.ip;

	if (!stack->fo_cache)
		return NULL;
	return &stack->fo_cache[fdnet_stack_hash(stack, ip->bytes, 16) %
				CACHE_SLOTS];
}

static struct fdnet_tcp_fo_cache *find(const struct fdnet_tcp *tp)
{
	struct fdnet_tcp_fo_cache *c = slot_of(tp);

	return c && fdnet_ip_equal(&c->ip, &tp->so.peer.ip) ? c : NULL;
}

static struct fdnet_tcp_fo_cache *find_or_make(struct fdnet_tcp *tp)
{
	struct fdnet_stack *stack = tp->so.stack;
	struct fdnet_tcp_fo_cache *c;

	if (!stack->fo_cache)
		stack->fo_cache = fdnet_mem_alloc(
			stack->mem, CACHE_SLOTS * sizeof(*stack->fo_cache));
	c = slot_of(tp);
	if (c && !fdnet_ip_equal(&c->ip, &tp->so.peer.ip))
		*c = (struct fdnet_tcp_fo_cache){.ip = tp->so.peer.ip};
	return c;
}

void fdnet_tcp_fo_done(struct fdnet_stack *stack)
{
	fdnet_mem_free(stack->mem, stack->fo_cache,
		       CACHE_SLOTS * sizeof(*stack->fo_cache));
	stack->fo_cache = NULL;
}

/* ---- client ---- */

bool fdnet_tcp_fo_allowed(const struct fdnet_tcp *tp)
{
	return flags_of(tp) & FDNET_TFO_CLIENT;
}

/* SYNs with data vanished on this way: leave them out for a while
 * (RFC 7413 4.1.3.1). */
static bool is_blacked_out(const struct fdnet_tcp *tp,
			   const struct fdnet_tcp_fo_cache *c)
{
	unsigned int n = c->syn_loss < BLACKOUT_MAX ? c->syn_loss : BLACKOUT_MAX;

	return c->syn_loss > 1 && tcp_now(tp) - c->loss_us < BLACKOUT_US << n;
}

bool fdnet_tcp_fo_client(struct fdnet_tcp *tp, struct fdnet_tcp_fo *ret_fo)
{
	const struct fdnet_tcp_fo_cache *c = find(tp);

	memset(ret_fo, 0, sizeof(*ret_fo));
	if (c && is_blacked_out(tp, c))
		return false;
	if (flags_of(tp) & FDNET_TFO_CLIENT_NO_COOKIE || tp->fo_no_cookie)
		return true;
	ret_fo->present = true;
	if (!c)
		return false;
	if (!c->fo.len) {
		ret_fo->exp = c->try_exp == 1;
		return false;
	}
	*ret_fo = c->fo;
	return true;
}

uint32_t fdnet_tcp_fo_room(struct fdnet_tcp *tp)
{
	const struct fdnet_tcp_fo_cache *c = find(tp);
	uint32_t mss = tp->mss;

	/* without a memory of the server's: what everybody takes */
	if (c && c->mss && c->mss < mss)
		mss = c->mss;
	return mss > OPTION_SPACE ? mss - OPTION_SPACE : 0;
}

/* What the SYN-ACK says about it, kept for the next time. */
void fdnet_tcp_fo_synack(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *hdr,
			 bool data_left)
{
	bool retried = tp->backoff, got = hdr->fo.present && hdr->fo.len;
	struct fdnet_tcp_fo_cache *c;

	if (!tp->fo_tried)
		return;
	c = find_or_make(tp);
	if (!c)
		return;
	c->mss = tp->peer_mss;
	if (!tp->fo_option)
		got = false; /* nobody asked for one */
	if (got) {
		c->fo = hdr->fo;
	} else if (!retried && !tp->syn_data && !c->fo.len) {
		uint8_t next = tp->fo_exp ? 2 : 1;

		if (next > c->try_exp)
			c->try_exp = next;
	}
	if (retried && !got && data_left) {
		c->syn_loss += c->syn_loss < 255;
		c->loss_us = tcp_now(tp);
	} else {
		c->syn_loss = 0;
	}
}

/* ---- server ---- */

struct fdnet_tcp_fo_listen *fdnet_tcp_fo_listen(struct fdnet_tcp *tp)
{
	if (!tp->fo)
		tp->fo = fdnet_mem_alloc(tcp_mem(tp), sizeof(*tp->fo));
	return tp->fo;
}

static const uint8_t *server_key(const struct fdnet_tcp *tp, uint8_t buf[16])
{
	static const uint8_t none[16];
	const struct fdnet_stack *stack = tp->so.stack;
	uint64_t made[2] = {stack->key[0] ^ 0x7413, stack->key[1]};

	if (tp->fo && tp->fo->has_key)
		return tp->fo->key;
	if (memcmp(stack->cfg.tcp.fastopen_key, none, 16))
		return stack->cfg.tcp.fastopen_key;
	memcpy(buf, made, 16);
	return buf;
}

/* As the kernel makes them, so that several hosts behind one address may
 * share a key with it. */
static void make_cookie(const struct fdnet_tcp *tp,
			const struct fdnet_ip_in *in, struct fdnet_tcp_fo *ret_fo)
{
	size_t n = in->src.family == 4 ? 4 : 16;
	uint8_t buf[16], names[32];
	uint64_t key[2], hash;

	memcpy(key, server_key(tp, buf), 16);
	memcpy(names, in->src.bytes, n);
	memcpy(names + n, in->dst.bytes, n);
	hash = fdnet_siphash24(key, names, 2 * n);
	ret_fo->present = true;
	ret_fo->len = COOKIE_LEN;
	for (int i = 0; i < COOKIE_LEN; i++)
		ret_fo->cookie[i] = (uint8_t)(hash >> 8 * i);
}

static uint32_t queue_limit(const struct fdnet_tcp *tp)
{
	if (tp->fo && tp->fo->has_qlen)
		return tp->fo->qlen;
	return flags_of(tp) & FDNET_TFO_SERVER_ALL ? UINT32_MAX : 0;
}

bool fdnet_tcp_fo_server(struct fdnet_tcp *tp, const struct fdnet_tcp_hdr *syn,
			 const struct fdnet_ip_in *in, uint32_t data,
			 uint32_t waiting, struct fdnet_tcp_fo *ret_fo)
{
	uint32_t flags = flags_of(tp);
	struct fdnet_tcp_fo good = {.exp = syn->fo.exp};

	memset(ret_fo, 0, sizeof(*ret_fo));
	if (!(flags & FDNET_TFO_SERVER) || !(data || syn->fo.present) ||
	    waiting >= queue_limit(tp))
		return false;
	if (flags & FDNET_TFO_SERVER_NO_COOKIE || tp->fo_no_cookie)
		return true;
	if (!syn->fo.present)
		return false;
	make_cookie(tp, in, &good);
	if (syn->fo.len == good.len &&
	    !memcmp(syn->fo.cookie, good.cookie, good.len))
		return true;
	*ret_fo = good; /* for the next time */
	return false;
}
