/* SPDX-License-Identifier: Apache-2.0 */
/* Saved state: numbers, names and times to bytes and back. */
#include "config.h"

#include "stack/save.h"

#include <errno.h>
#include <string.h>

#include "stack/object.h"

/* Times further from now than this are nobody's: 30 years. */
#define FAR_US (1000000000ull * 1000000ull)
/* What stands for no time. */
#define TIME_NEVER INT64_MAX
#define TIME_NONE  INT64_MIN

void fdnet_save_fail(struct fdnet_save *s, int rc)
{
	if (!s->rc)
		s->rc = rc;
}

void fdnet_save_check(struct fdnet_save *s, bool ok)
{
	if (s->reading && !ok)
		fdnet_save_fail(s, -EPROTO);
}

void fdnet_save_bytes(struct fdnet_save *s, void *p, size_t len)
{
	if (!len)
		return;
	if (!s->reading) {
		if (s->dst && s->pos <= s->len && len <= s->len - s->pos)
			memcpy(s->dst + s->pos, p, len);
		s->pos += len;
		return;
	}
	if (!s->rc && len > s->len - s->pos)
		s->rc = -EPROTO;
	if (s->rc) {
		memset(p, 0, len);
		return;
	}
	memcpy(p, s->src + s->pos, len);
	s->pos += len;
}

static uint64_t number(struct fdnet_save *s, uint64_t v, unsigned int len)
{
	uint8_t b[8];
	unsigned int i;

	for (i = 0; i < len; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	fdnet_save_bytes(s, b, len);
	for (v = 0, i = 0; i < len; i++)
		v |= (uint64_t)b[i] << 8 * i;
	return v;
}

uint8_t fdnet_save_u8(struct fdnet_save *s, uint8_t v)
{
	return (uint8_t)number(s, v, 1);
}

uint16_t fdnet_save_u16(struct fdnet_save *s, uint16_t v)
{
	return (uint16_t)number(s, v, 2);
}

uint32_t fdnet_save_u32(struct fdnet_save *s, uint32_t v)
{
	return (uint32_t)number(s, v, 4);
}

uint64_t fdnet_save_u64(struct fdnet_save *s, uint64_t v)
{
	return number(s, v, 8);
}

bool fdnet_save_bool(struct fdnet_save *s, bool v)
{
	uint8_t b = fdnet_save_u8(s, v);

	fdnet_save_check(s, b <= 1);
	return b == 1;
}

int fdnet_save_int(struct fdnet_save *s, int v, int min, int max)
{
	v = (int)fdnet_save_u32(s, (uint32_t)v);
	fdnet_save_check(s, v >= min && v <= max);
	return s->rc && s->reading ? min : v;
}

int fdnet_save_error(struct fdnet_save *s, int error)
{
	return fdnet_save_int(s, error, 0, 4095);
}

/* Long past is as good as the beginning of the clock, which may be nearer in
 * the new stack than in the old one. */
static uint64_t from_delta(struct fdnet_save *s, int64_t delta)
{
	uint64_t now = s->stack->now_us;

	if (delta == TIME_NEVER)
		return FDNET_NEVER;
	if (delta == TIME_NONE)
		return 0;
	fdnet_save_check(s, delta < (int64_t)FAR_US && delta > -(int64_t)FAR_US);
	if (s->rc)
		return 0;
	if (delta < 0 && (uint64_t)-delta >= now)
		return 1;
	return now + (uint64_t)delta;
}

uint64_t fdnet_save_time(struct fdnet_save *s, uint64_t at_us)
{
	int64_t delta = (int64_t)(at_us - s->stack->now_us);

	if (at_us == FDNET_NEVER)
		delta = TIME_NEVER;
	else if (!at_us)
		delta = TIME_NONE;
	delta = (int64_t)fdnet_save_u64(s, (uint64_t)delta);
	return s->reading ? from_delta(s, delta) : at_us;
}

uint32_t fdnet_save_count(struct fdnet_save *s, uint32_t n, uint32_t max,
			  uint32_t least)
{
	n = fdnet_save_u32(s, n);
	if (!s->reading)
		return n;
	fdnet_save_check(s, n <= max && (uint64_t)n * least <= s->len - s->pos);
	return s->rc ? 0 : n;
}

void fdnet_save_ip(struct fdnet_save *s, struct fdnet_ip *ip)
{
	ip->family = fdnet_save_u8(s, ip->family);
	fdnet_save_check(s,
			 ip->family == 0 || ip->family == 4 || ip->family == 6);
	if (s->reading)
		memset(ip->bytes, 0, sizeof(ip->bytes));
	if (ip->family)
		fdnet_save_bytes(s, ip->bytes, ip->family == 4 ? 4 : 16);
}

void fdnet_save_name(struct fdnet_save *s, struct fdnet_name *name)
{
	struct fdnet_name n;

	memset(&n, 0, sizeof(n)); /* hashed with its padding, in places */
	if (!s->reading)
		n = *name;
	fdnet_save_ip(s, &n.ip);
	n.port = fdnet_save_u16(s, n.port);
	n.scope = fdnet_save_u32(s, n.scope);
	if (s->reading)
		memcpy(name, &n, sizeof(n));
}

void fdnet_save_head(struct fdnet_save *s, uint32_t magic)
{
	fdnet_save_check(s, fdnet_save_u32(s, magic) == magic);
	fdnet_save_check(s, fdnet_save_u32(s, FDNET_SAVE_VERSION) ==
				    FDNET_SAVE_VERSION);
}

ssize_t fdnet_save_done(struct fdnet_save *s)
{
	fdnet_buf_unref(s->buf);
	s->buf = NULL;
	return s->rc ? s->rc : (ssize_t)s->pos;
}
