/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that the modules' walks are made of. */
#include "config.h"

#include "relay/state.h"

#include <stdlib.h>
#include <string.h>

#include "endpoint/packet_internal.h"
#include "relay/guest.h"
#include "relay/sys.h"

#define NO_TEXT UINT32_MAX

void *state_alloc(struct fdnet_save *s, size_t size)
{
	void *p = s->rc ? NULL : calloc(1, size);

	if (!p)
		fdnet_save_fail(s, -ENOMEM);
	return p;
}

/* ---- descriptors ---- */

int state_fd(struct state *st, int fd)
{
	bool has = fdnet_save_bool(&st->s, fd >= 0);

	if (!st->s.reading) {
		if (has && st->fds && st->next_fd < st->nfds)
			st->fds[st->next_fd] = fd;
		st->next_fd += has;
		return fd;
	}
	if (!has || st->s.rc)
		return -1;
	fdnet_save_check(&st->s, st->next_fd < st->nfds);
	if (st->s.rc)
		return -1;
	fd = st->fds[st->next_fd];
	st->fds[st->next_fd++] = -1;
	return fd;
}

static bool is_kind(int fd, int domain, int type)
{
	int is_domain, is_type;

	if (sys_get_int(fd, SO_DOMAIN, &is_domain) ||
	    sys_get_int(fd, SO_TYPE, &is_type))
		return false;
	return is_type == type &&
	       (domain ? is_domain == domain :
			 is_domain == AF_INET || is_domain == AF_INET6);
}

int state_socket(struct state *st, int fd, int domain, int type)
{
	fd = state_fd(st, fd);
	if (!st->s.reading || fd < 0 || is_kind(fd, domain, type))
		return fd;
	fdnet_save_check(&st->s, false);
	close(fd);
	return -1;
}

/* ---- numbers and strings ---- */

int64_t state_i64(struct fdnet_save *s, int64_t v)
{
	return (int64_t)fdnet_save_u64(s, (uint64_t)v);
}

char *state_text(struct fdnet_save *s, const char *text, uint32_t max)
{
	uint32_t len = fdnet_save_u32(s, text ? (uint32_t)strlen(text) :
						NO_TEXT);
	char *copy;

	if (!s->reading) {
		if (text)
			fdnet_save_bytes(s, (void *)text, len);
		return (char *)text;
	}
	if (s->rc || len == NO_TEXT)
		return NULL;
	fdnet_save_check(s, len < max && len <= s->len - s->pos);
	copy = state_alloc(s, (size_t)len + 1);
	if (!copy)
		return NULL;
	fdnet_save_bytes(s, copy, len);
	fdnet_save_check(s, strlen(copy) == len);
	return copy;
}

void state_chars(struct fdnet_save *s, char *text, uint32_t size)
{
	fdnet_save_bytes(s, text, size);
	fdnet_save_check(s, memchr(text, '\0', size));
	if (s->reading)
		text[size - 1] = '\0';
}

/* ---- what stands elsewhere in the relay ---- */

struct rule *state_rule(struct state *st, const struct rule *rule)
{
	struct policy *policy = st->relay->policy;
	uint32_t at = rule ? (uint32_t)(rule - policy->rules) + 1 : 0;

	at = fdnet_save_u32(&st->s, at);
	fdnet_save_check(&st->s, at <= policy->count);
	if (st->s.reading && st->s.rc)
		return NULL;
	return at ? &policy->rules[at - 1] : NULL;
}

struct guest *state_guest(struct state *st, const struct guest *guest)
{
	uint32_t id = fdnet_save_u32(&st->s, guest ? guest->id : 0);
	struct guest *found;

	if (!st->s.reading)
		return (struct guest *)guest;
	found = st->s.rc ? NULL : guest_find(st->relay, id);
	fdnet_save_check(&st->s, found);
	return found;
}

/* ---- packets ---- */

/* As link_rx.c lets them in, and synth.c makes them. */
static bool is_sound(const struct fdnet_pkt *pkt)
{
	uint64_t end = (uint64_t)pkt->csum_start + pkt->csum_offset + 2;

	if (pkt->len < 20)
		return false;
	if (!pkt->gso_size != !pkt->gso_type)
		return false;
	if (pkt->gso_type && pkt->gso_type != FDNET_GSO_TCPV4 &&
	    pkt->gso_type != FDNET_GSO_TCPV6 &&
	    pkt->gso_type != FDNET_GSO_UDP_L4)
		return false;
	if (!(pkt->flags & FDNET_PKT_CSUM_PARTIAL))
		return !pkt->csum_start && !pkt->csum_offset;
	return pkt->csum_start >= 20 && end <= pkt->len;
}

struct fdnet_pkt *state_pkt(struct state *st, struct fdnet_pkt *pkt)
{
	struct fdnet_save *s = &st->s;
	const uint16_t flags = FDNET_PKT_CSUM_TRUSTED | FDNET_PKT_CSUM_PARTIAL;

	pkt = fdnet_save_payload(s, pkt);
	if (!pkt)
		return NULL;
	if (!s->reading) {
		/* what means nothing may have been left over */
		bool partial = pkt->flags & FDNET_PKT_CSUM_PARTIAL;

		fdnet_save_u16(s, pkt->flags & flags);
		fdnet_save_u8(s, pkt->gso_size ? pkt->gso_type : 0);
		fdnet_save_u16(s, pkt->gso_size);
		fdnet_save_u16(s, partial ? pkt->csum_start : 0);
		fdnet_save_u16(s, partial ? pkt->csum_offset : 0);
		fdnet_save_u16(s, pkt->ethertype);
		fdnet_save_u64(s, pkt->user[2].u64);
		return pkt;
	}
	pkt->flags = fdnet_save_u16(s, 0) & flags;
	pkt->gso_type = fdnet_save_u8(s, 0);
	pkt->gso_size = fdnet_save_u16(s, 0);
	pkt->csum_start = fdnet_save_u16(s, 0);
	pkt->csum_offset = fdnet_save_u16(s, 0);
	pkt->ethertype = fdnet_save_u16(s, 0);
	pkt->user[2].u64 = fdnet_save_u64(s, 0);
	fdnet_save_check(s, is_sound(pkt));
	if (s->rc) {
		fdnet_pkt_free(pkt);
		return NULL;
	}
	return pkt;
}

/* ---- engines ---- */

struct claims {
	struct state *st;
	uint64_t guest;
	int rc;
};

static void keep_sock(void *arg, struct fdnet_sock *so, uint64_t tag)
{
	struct claims *claims = arg;
	struct state_sock *item;

	if (!tag) { /* nobody's any more */
		fdnet_sock_close(so);
		return;
	}
	item = calloc(1, sizeof(*item));
	if (item) {
		item->key.guest = claims->guest;
		item->key.tag = tag;
		item->so = so;
		HASH_ADD(hh, claims->st->socks, key, sizeof(item->key), item);
		if (hash_added(item))
			return;
		free(item);
	}
	claims->rc = -ENOMEM;
	fdnet_sock_close(so);
}

static struct state_sock *find_sock(struct state *st, uint64_t guest,
				    uint64_t tag)
{
	struct state_sock *item, key = { .key = { guest, tag } };

	HASH_FIND(hh, st->socks, &key.key, sizeof(key.key), item);
	return item;
}

struct fdnet_sock *state_claim(struct state *st, uint64_t guest, uint64_t tag)
{
	struct state_sock *item = st->s.rc ? NULL : find_sock(st, guest, tag);
	struct fdnet_sock *so = item ? item->so : NULL;

	fdnet_save_check(&st->s, so);
	if (item)
		item->so = NULL;
	return so;
}

static struct fdnet_stack *read_engine(struct state *st, uint64_t len,
				       uint64_t guest,
				       const struct fdnet_stack_config *cfg)
{
	struct claims claims = { .st = st, .guest = guest };
	struct fdnet_stack *stack = NULL;
	int rc;

	fdnet_save_check(&st->s, len <= st->s.len - st->s.pos);
	if (st->s.rc)
		return NULL;
	rc = fdnet_stack_restore(cfg, st->relay->now_us,
				 st->s.src + st->s.pos, (size_t)len, keep_sock,
				 &claims, &stack);
	if (!rc)
		rc = claims.rc;
	if (rc) {
		fdnet_save_fail(&st->s, rc);
		if (stack)
			fdnet_stack_free(stack);
		return NULL;
	}
	st->s.pos += (size_t)len;
	return stack;
}

struct fdnet_stack *state_engine(struct state *st, struct fdnet_stack *stack,
				 uint64_t guest, fdnet_save_tag_fn tag,
				 const struct fdnet_stack_config *cfg)
{
	struct fdnet_save *s = &st->s;
	uint8_t *dst = NULL;
	uint64_t len = 0;
	size_t room = 0;
	ssize_t rc;

	if (s->reading)
		return read_engine(st, fdnet_save_u64(s, 0), guest, cfg);
	fdnet_stack_set_time(stack, st->relay->now_us);
	/* the length stands in front: it is written when it is known */
	if (s->dst && s->pos + sizeof(len) <= s->len) {
		dst = s->dst + s->pos + sizeof(len);
		room = s->len - s->pos - sizeof(len);
	}
	rc = fdnet_stack_save(stack, tag, st, dst, room);
	if (rc < 0) {
		fdnet_save_fail(s, (int)rc);
		return NULL;
	}
	fdnet_save_u64(s, (uint64_t)rc);
	s->pos += (size_t)rc;
	return stack;
}
