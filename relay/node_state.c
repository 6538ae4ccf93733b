/* SPDX-License-Identifier: Apache-2.0 */
/* The node and its sockets in the state that another relay takes over. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "relay/guest.h"
#include "relay/node.h"
#include "relay/node_chan.h"
#include "relay/pumped_internal.h"
#include "relay/state.h"
#include "relay/sys.h"

/* ---- claims, which a listener shares with its connections ---- */

struct claims {
	struct pumped_claim **list;
	uint32_t n, room;
};

static void claim_fields(struct fdnet_save *s, struct registry_claim *claim)
{
	claim->proto = fdnet_save_u8(s, claim->proto);
	fdnet_save_ip(s, &claim->ip);
	claim->port = fdnet_save_u16(s, claim->port);
	claim->flags = fdnet_save_u16(s, claim->flags);
}

/* A claim is written with the first socket that has it; its number says which
 * it is to the others. */
static void write_claim(struct fdnet_save *s, struct pumped_claim *claim,
			uint32_t *count)
{
	bool fresh = claim && !claim->number;

	if (fresh)
		claim->number = ++*count;
	fdnet_save_u32(s, claim ? claim->number : 0);
	if (fresh)
		claim_fields(s, &claim->claim);
}

static struct pumped_claim *new_claim(struct fdnet_save *s,
				      struct claims *claims)
{
	struct pumped_claim **list, *claim;

	if (claims->n == claims->room) {
		list = realloc(claims->list,
			       (claims->room + 64) * sizeof(*list));
		if (!list) {
			fdnet_save_fail(s, -ENOMEM);
			return NULL;
		}
		claims->list = list;
		claims->room += 64;
	}
	claim = state_alloc(s, sizeof(*claim));
	if (!claim)
		return NULL;
	claim_fields(s, &claim->claim);
	if (s->rc) {
		free(claim);
		return NULL;
	}
	claims->list[claims->n++] = claim;
	return claim;
}

static struct pumped_claim *read_claim(struct fdnet_save *s,
				       struct claims *claims)
{
	uint32_t number = fdnet_save_u32(s, 0);
	struct pumped_claim *claim = NULL;

	fdnet_save_check(s, number <= claims->n + 1);
	if (s->rc || !number)
		return NULL;
	if (number <= claims->n)
		claim = claims->list[number - 1];
	else
		claim = new_claim(s, claims);
	if (claim)
		claim->refs++;
	return claim;
}

/* ---- a socket ---- */

static void tag_state(struct fdnet_save *s, struct fdnet_node_tag *tag)
{
	tag->flags = fdnet_save_u32(s, tag->flags);
	fdnet_save_name(s, &tag->from);
	fdnet_save_name(s, &tag->local);
	tag->ifindex = fdnet_save_u32(s, tag->ifindex);
	tag->gso = fdnet_save_u16(s, tag->gso);
	tag->ttl = fdnet_save_u8(s, tag->ttl);
	tag->tos = fdnet_save_u8(s, tag->tos);
	fdnet_save_check(s, !(tag->flags & ~(uint32_t)FDNET_TAG_ALL));
}

static void held_state(struct fdnet_save *s, struct pumped *sock)
{
	bool has = fdnet_save_bool(s, sock->held);

	if (!has)
		return;
	sock->held_len = fdnet_save_count(s, (uint32_t)sock->held_len,
					  PUMPED_DGRAM_MAX, 1);
	if (s->reading)
		sock->held = state_alloc(s, sock->held_len ? sock->held_len :
							     1);
	if (sock->held)
		fdnet_save_bytes(s, sock->held, sock->held_len);
	tag_state(s, &sock->held_tag);
}

static void fields(struct fdnet_save *s, struct pumped *sock)
{
	sock->cookie = fdnet_save_u64(s, sock->cookie);
	sock->pid = fdnet_save_u32(s, sock->pid);
	sock->framed = fdnet_save_bool(s, sock->framed);
	sock->listening = fdnet_save_bool(s, sock->listening);
	sock->joined = fdnet_save_bool(s, sock->joined);
	sock->connecting = fdnet_save_bool(s, sock->connecting);
	sock->hup = fdnet_save_bool(s, sock->hup);
	sock->reset = fdnet_save_bool(s, sock->reset);
	sock->in_closed = fdnet_save_bool(s, sock->in_closed);
	sock->out_closed = fdnet_save_bool(s, sock->out_closed);
	sock->fin_wanted = fdnet_save_bool(s, sock->fin_wanted);
	sock->in_full = fdnet_save_bool(s, sock->in_full);
	sock->out_full = fdnet_save_bool(s, sock->out_full);
	sock->plain = fdnet_save_bool(s, sock->plain);
	sock->told = fdnet_save_bool(s, sock->told);
	sock->lag = fdnet_save_count(s, sock->lag, PUMPED_LAG_MAX, 0);
	sock->waiter_id = fdnet_save_u32(s, sock->waiter_id);
	fdnet_save_name(s, &sock->target);
	fdnet_save_name(s, &sock->passing_names[0]);
	fdnet_save_name(s, &sock->passing_names[1]);
	sock->error = fdnet_save_error(s, sock->error);
	fdnet_save_name(s, &sock->local);
	fdnet_save_name(s, &sock->peer);
	sock->family = fdnet_save_u8(s, sock->family);
	sock->type = fdnet_save_u8(s, sock->type);
	sock->proto = fdnet_save_u16(s, sock->proto);
	held_state(s, sock);
}

/* As pumped_new() would make it. */
static void enter(struct state *st, struct pumped *sock)
{
	struct node *node = sock->node;

	sock->so = state_claim(st, 2 * (uint64_t)node->guest->id + 1,
			       sock->cookie);
	if (!sock->so)
		return;
	fdnet_save_check(&st->s,
			 sock->family == fdnet_sock_family(sock->so) &&
				 sock->type == fdnet_sock_type(sock->so) &&
				 sock->proto == fdnet_sock_proto(sock->so));
	fdnet_sock_set_user(sock->so, sock);
	node->count++;
	pumped_restored(sock);
}

static void living(struct state *st, struct pumped *sock)
{
	struct fdnet_save *s = &st->s;
	int type = sock->type == FDNET_SOCK_STREAM ? SOCK_STREAM :
						     SOCK_SEQPACKET;

	sock->src.fd = state_socket(st, sock->src.fd, AF_UNIX, type);
	fdnet_save_check(s, sock->src.fd >= 0);
	sock->passing = state_socket(st, sock->passing, AF_UNIX, SOCK_STREAM);
	sock->waiter = node_chan_numbered(
		sock->node, s,
		node_chan_number(sock->node, s->reading ? NULL : sock->waiter));
}

/* Not linked yet: dropped when the walk has failed. */
static void sock_drop(struct pumped *sock)
{
	if (sock->claim)
		sock->claim->refs--;
	if (sock->src.fd >= 0)
		close(sock->src.fd);
	if (sock->passing >= 0)
		close(sock->passing);
	free(sock->held);
	free(sock);
}

static void read_sock(struct state *st, struct node *node,
		      struct claims *claims)
{
	struct fdnet_save *s = &st->s;
	struct pumped *sock = state_alloc(s, sizeof(*sock));
	bool dead;

	if (!sock)
		return;
	sock->src = (struct source){ .type = SOURCE_PUMPED, .fd = -1 };
	sock->node = node;
	sock->passing = -1;
	dead = fdnet_save_bool(s, false);
	fields(s, sock);
	sock->claim = read_claim(s, claims);
	if (!dead)
		living(st, sock);
	fdnet_save_check(s, sock->cookie && !pumped_find(node, sock->cookie) &&
				    !(dead && sock->claim));
	if (!s->rc && !dead)
		enter(st, sock);
	if (!s->rc) {
		HASH_ADD(hh, node->socks, cookie, sizeof(sock->cookie), sock);
		if (!hash_added(sock))
			fdnet_save_fail(s, -ENOMEM);
	}
	if (s->rc) {
		pumped_unrestore(sock);
		sock_drop(sock);
	} else if (dead) {
		DL_APPEND(node->dead, sock);
		node->ndead++;
	}
}

static void write_sock(struct state *st, struct pumped *sock, uint32_t *count)
{
	bool dead = fdnet_save_bool(&st->s, pumped_is_dead(sock));

	fields(&st->s, sock);
	write_claim(&st->s, dead ? NULL : sock->claim, count);
	if (!dead)
		living(st, sock);
}

/* ---- the sockets ---- */

static void read_socks(struct state *st, struct node *node, uint32_t n)
{
	struct claims claims = { NULL, 0, 0 };

	for (; n && !st->s.rc; n--)
		read_sock(st, node, &claims);
	for (uint32_t i = 0; i < claims.n; i++)
		if (!claims.list[i]->refs)
			free(claims.list[i]);
	free(claims.list);
}

static void write_socks(struct state *st, struct node *node)
{
	struct pumped *sock;
	uint32_t count = 0;

	for (sock = node->socks; sock; sock = sock->hh.next)
		if (sock->claim)
			sock->claim->number = 0;
	for (sock = node->socks; sock; sock = sock->hh.next)
		if (!pumped_is_dead(sock))
			write_sock(st, sock, &count);
	DL_FOREACH(node->dead, sock)
		write_sock(st, sock, &count);
}

/* ---- the node ---- */

static uint64_t tag(void *arg, struct fdnet_sock *so)
{
	const struct pumped *sock = fdnet_sock_user(so);

	return sock ? sock->cookie : 0;
}

static struct node *read_node(struct state *st, struct guest *guest)
{
	struct relay *relay = st->relay;
	struct node *node;

	fdnet_save_check(&st->s, !relay->node);
	node = state_alloc(&st->s, sizeof(*node));
	if (!node)
		return NULL;
	node->relay = relay;
	node->guest = guest;
	node->buf = malloc(PUMPED_DGRAM_MAX);
	if (!node->buf)
		fdnet_save_fail(&st->s, -ENOMEM);
	guest->node = node;
	relay->node = node;
	return node;
}

void node_state(struct state *st, struct guest *guest)
{
	struct relay *relay = st->relay;
	struct fdnet_stack_config cfg = {
		.mem = relay->mem,
		.pool = relay->pool,
	};
	struct node *node = guest->node;
	uint32_t n;

	if (st->s.reading)
		node = read_node(st, guest);
	if (!node)
		return;
	if (!st->s.reading)
		pumped_forget_dead(node);
	node->stack = state_engine(st, node->stack,
				   2 * (uint64_t)guest->id + 1, tag, &cfg);
	node->idle_us = fdnet_save_u64(&st->s, node->idle_us);
	node_chans_state(st, node);
	n = fdnet_save_count(&st->s, HASH_COUNT(node->socks),
			     LIMIT_NODE_SOCKS + LIMIT_NODE_DEAD + 1, 80);
	if (st->s.reading)
		read_socks(st, node, n);
	else
		write_socks(st, node);
}
