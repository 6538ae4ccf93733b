/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/wire/control.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "stack/wire/udp.h"

/*
 * Numbers are in host order: both ends are processes of one machine. Offsets
 * are those of doc/protocol.md.
 */

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static void put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, 2);
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static int check_start(const uint8_t *src, size_t len, size_t want)
{
	if (len != want || get32(src) != FDNET_CTL_MAGIC)
		return -EBADMSG;
	if (get16(src + 4) != FDNET_CTL_VERSION)
		return -EPROTONOSUPPORT;
	return 0;
}

static bool is_zero(const uint8_t *p, size_t len)
{
	while (len && !*p) {
		p++;
		len--;
	}
	return !len;
}

void fdnet_hello_encode(uint8_t *dst, const struct fdnet_hello *hello)
{
	memset(dst, 0, FDNET_HELLO_LEN);
	put32(dst, FDNET_CTL_MAGIC);
	put16(dst + 4, hello->version);
	put32(dst + 8, hello->features);
	put32(dst + 12, hello->max_msg);
	put32(dst + 16, hello->pid);
	memcpy(dst + 24, hello->comm, 16);
}

int fdnet_hello_decode(const uint8_t *src, size_t len,
		       struct fdnet_hello *ret_hello)
{
	int rc = check_start(src, len, FDNET_HELLO_LEN);
	uint32_t max_msg;

	if (rc)
		return rc;
	max_msg = get32(src + 12);
	if (max_msg < 2048 || max_msg > 1048576)
		return -EBADMSG;
	ret_hello->version = get16(src + 4);
	ret_hello->features = get32(src + 8);
	ret_hello->max_msg = max_msg;
	ret_hello->pid = get32(src + 16);
	memcpy(ret_hello->comm, src + 24, 16);
	ret_hello->comm[15] = '\0';
	return 0;
}

void fdnet_welcome_encode(uint8_t *dst, const struct fdnet_welcome *welcome)
{
	memset(dst, 0, FDNET_WELCOME_LEN);
	put32(dst, FDNET_CTL_MAGIC);
	put16(dst + 4, welcome->version);
	put16(dst + 6, welcome->status);
	put32(dst + 8, welcome->features);
	put32(dst + 12, welcome->max_msg);
	put32(dst + 16, welcome->mtu);
	put32(dst + 20, welcome->gso_max);
	memcpy(dst + 24, welcome->ip4, 4);
	memcpy(dst + 28, welcome->gateway4, 4);
	memcpy(dst + 32, welcome->dns4, 4);
	dst[36] = welcome->bits4;
	dst[37] = welcome->bits6;
	memcpy(dst + 40, welcome->ip6, 16);
	memcpy(dst + 56, welcome->gateway6, 16);
	memcpy(dst + 72, welcome->dns6, 16);
	put16(dst + 88, welcome->lease_lo);
	put16(dst + 90, welcome->lease_hi);
	put32(dst + 92, welcome->sandbox);
}

/* A refusal carries no settings, so they are not looked at. */
static int check_welcome(const uint8_t *src)
{
	uint32_t max_msg = get32(src + 12), mtu = get32(src + 16);

	if (get16(src + 6))
		return 0;
	if (max_msg < 2048 || max_msg > 1048576 || mtu < 576 || mtu > 65535)
		return -EBADMSG;
	if (src[36] > 32 || src[37] > 128)
		return -EBADMSG;
	if (get16(src + 88) > get16(src + 90))
		return -EBADMSG;
	return 0;
}

int fdnet_welcome_decode(const uint8_t *src, size_t len,
			 struct fdnet_welcome *ret_welcome)
{
	int rc = check_start(src, len, FDNET_WELCOME_LEN);

	if (!rc)
		rc = check_welcome(src);
	if (rc)
		return rc;
	ret_welcome->version = get16(src + 4);
	ret_welcome->status = get16(src + 6);
	ret_welcome->features = get32(src + 8);
	ret_welcome->max_msg = get32(src + 12);
	ret_welcome->mtu = get32(src + 16);
	ret_welcome->gso_max = get32(src + 20);
	memcpy(ret_welcome->ip4, src + 24, 4);
	memcpy(ret_welcome->gateway4, src + 28, 4);
	memcpy(ret_welcome->dns4, src + 32, 4);
	ret_welcome->bits4 = src[36];
	ret_welcome->bits6 = src[37];
	memcpy(ret_welcome->ip6, src + 40, 16);
	memcpy(ret_welcome->gateway6, src + 56, 16);
	memcpy(ret_welcome->dns6, src + 72, 16);
	ret_welcome->lease_lo = get16(src + 88);
	ret_welcome->lease_hi = get16(src + 90);
	ret_welcome->sandbox = get32(src + 92);
	return 0;
}

void fdnet_attach_encode(uint8_t *dst, const struct fdnet_attach *attach)
{
	memset(dst, 0, FDNET_ATTACH_LEN);
	put32(dst, FDNET_CTL_MAGIC);
	put16(dst + 4, attach->version);
	put16(dst + 6, attach->flags);
	put32(dst + 8, attach->pid);
}

int fdnet_attach_decode(const uint8_t *src, size_t len,
			struct fdnet_attach *ret_attach)
{
	int rc = check_start(src, len, FDNET_ATTACH_LEN);

	if (rc)
		return rc;
	if (get16(src + 6) & ~FDNET_ATTACH_NODE)
		return -EBADMSG;
	ret_attach->version = get16(src + 4);
	ret_attach->flags = get16(src + 6);
	ret_attach->pid = get32(src + 8);
	return 0;
}

/* Bytes of a body with this op, 0 for an unknown op. */
static size_t ctl_len(uint8_t op)
{
	switch (op) {
	case FDNET_CTL_BIND:
	case FDNET_CTL_UNBIND:
	case FDNET_CTL_LISTEN:
		return 32;
	case FDNET_CTL_HOLD:
	case FDNET_CTL_UNHOLD:
	case FDNET_CTL_REPLY | FDNET_CTL_SOCKET:
		return 48;
	case FDNET_CTL_KEEP:
		return 60;
	case FDNET_CTL_LEASE:
	case FDNET_CTL_RELEASE:
	case FDNET_CTL_SOCKET:
	case FDNET_CTL_REPLY | FDNET_CTL_BIND:
	case FDNET_CTL_REPLY | FDNET_CTL_LISTEN:
	case FDNET_CTL_REPLY | FDNET_CTL_LEASE:
	case FDNET_CTL_REPLY | FDNET_CTL_HOLD:
		return 12;
	default:
		return 0;
	}
}

size_t fdnet_ctl_encode(uint8_t *dst, const struct fdnet_ctl *ctl)
{
	size_t len = ctl_len(ctl->op);

	memset(dst, 0, FDNET_CTL_MAX_LEN);
	dst[0] = ctl->op;
	put16(dst + 2, ctl->error);
	put32(dst + 4, ctl->id);
	switch (ctl->op) {
	case FDNET_CTL_BIND:
	case FDNET_CTL_UNBIND:
	case FDNET_CTL_LISTEN:
		dst[8] = ctl->proto;
		dst[9] = ctl->family;
		put16(dst + 10, ctl->flags);
		put16(dst + 12, ctl->port);
		memcpy(dst + 16, ctl->addr, ctl->family == 4 ? 4 : 16);
		break;
	case FDNET_CTL_KEEP:
		put32(dst + 48, ctl->user_timeout_ms);
		put16(dst + 52, ctl->keep_idle_s);
		put16(dst + 54, ctl->keep_intvl_s);
		dst[56] = ctl->keep_cnt;
		dst[57] = ctl->keep_on;
		/* fall through */
	case FDNET_CTL_HOLD:
	case FDNET_CTL_UNHOLD:
		dst[8] = ctl->proto;
		dst[9] = ctl->family;
		put16(dst + 10, ctl->port);
		put16(dst + 12, ctl->peer_port);
		memcpy(dst + 16, ctl->addr, 16);
		memcpy(dst + 32, ctl->peer, 16);
		break;
	case FDNET_CTL_SOCKET:
		put32(dst + 8, ctl->index);
		break;
	case FDNET_CTL_REPLY | FDNET_CTL_SOCKET:
		dst[8] = ctl->proto;
		dst[9] = ctl->family;
		put16(dst + 10, ctl->port);
		put16(dst + 12, ctl->peer_port);
		put16(dst + 14, ctl->flags);
		memcpy(dst + 16, ctl->addr, 16);
		memcpy(dst + 32, ctl->peer, 16);
		break;
	case FDNET_CTL_LEASE:
		dst[8] = ctl->proto;
		put16(dst + 10, ctl->count);
		break;
	case FDNET_CTL_RELEASE:
		dst[8] = ctl->proto;
		put16(dst + 10, ctl->lo);
		break;
	case FDNET_CTL_REPLY | FDNET_CTL_LEASE:
		put16(dst + 8, ctl->lo);
		put16(dst + 10, ctl->hi);
		break;
	default:
		put16(dst + 8, ctl->port);
		break;
	}
	return len;
}

static int decode_bind(const uint8_t *src, struct fdnet_ctl *ctl)
{
	ctl->proto = src[8];
	ctl->family = src[9];
	ctl->flags = get16(src + 10);
	ctl->port = get16(src + 12);
	if (!fdnet_has_ports(ctl->proto))
		return -EBADMSG;
	if (ctl->family != 4 && ctl->family != 6)
		return -EBADMSG;
	if (ctl->flags & ~(FDNET_BIND_REUSEADDR | FDNET_BIND_REUSEPORT |
			   FDNET_BIND_V6ONLY))
		return -EBADMSG;
	if (!ctl->port)
		return -EBADMSG;
	if (ctl->family == 4 && !is_zero(src + 20, 12))
		return -EBADMSG;
	memcpy(ctl->addr, src + 16, 16);
	return 0;
}

/* The names of a flow: HOLD, KEEP, and the answer to SOCKET. */
static int decode_names(const uint8_t *src, struct fdnet_ctl *ctl)
{
	ctl->proto = src[8];
	ctl->family = src[9];
	ctl->port = get16(src + 10);
	ctl->peer_port = get16(src + 12);
	if (!fdnet_has_ports(ctl->proto) || !ctl->port)
		return -EBADMSG;
	if (ctl->family != 4 && ctl->family != 6)
		return -EBADMSG;
	if (ctl->family == 4 &&
	    (!is_zero(src + 20, 12) || !is_zero(src + 36, 12)))
		return -EBADMSG;
	memcpy(ctl->addr, src + 16, 16);
	memcpy(ctl->peer, src + 32, 16);
	return 0;
}

static int decode_lease(const uint8_t *src, struct fdnet_ctl *ctl)
{
	ctl->proto = src[8];
	if (!fdnet_has_ports(ctl->proto))
		return -EBADMSG;
	if (ctl->op == FDNET_CTL_LEASE)
		ctl->count = get16(src + 10);
	else
		ctl->lo = get16(src + 10);
	return ctl->count || ctl->lo ? 0 : -EBADMSG;
}

static int decode_lease_reply(const uint8_t *src, struct fdnet_ctl *ctl)
{
	ctl->lo = get16(src + 8);
	ctl->hi = get16(src + 10);
	if (!ctl->error && (!ctl->lo || ctl->lo > ctl->hi))
		return -EBADMSG;
	return 0;
}

static int decode_keep(const uint8_t *src, struct fdnet_ctl *ctl)
{
	int rc = decode_names(src, ctl);

	ctl->user_timeout_ms = get32(src + 48);
	ctl->keep_idle_s = get16(src + 52);
	ctl->keep_intvl_s = get16(src + 54);
	ctl->keep_cnt = src[56];
	ctl->keep_on = src[57];
	return rc || ctl->proto != 6 || src[57] > 1 ? -EBADMSG : 0;
}

int fdnet_ctl_decode(const uint8_t *src, size_t len, struct fdnet_ctl *ret_ctl)
{
	struct fdnet_ctl ctl = { 0 };
	int rc = 0;

	if (len < 8 || len != ctl_len(src[0]))
		return -EBADMSG;
	ctl.op = src[0];
	ctl.error = get16(src + 2);
	ctl.id = get32(src + 4);
	/* only replies carry errors */
	if (!(ctl.op & FDNET_CTL_REPLY) && ctl.error)
		return -EBADMSG;
	if (ctl.error > 4095)
		return -EBADMSG;
	switch (ctl.op) {
	case FDNET_CTL_BIND:
	case FDNET_CTL_UNBIND:
	case FDNET_CTL_LISTEN:
		rc = decode_bind(src, &ctl);
		break;
	case FDNET_CTL_HOLD:
	case FDNET_CTL_UNHOLD:
		rc = decode_names(src, &ctl);
		break;
	case FDNET_CTL_KEEP:
		rc = decode_keep(src, &ctl);
		break;
	case FDNET_CTL_SOCKET:
		ctl.index = get32(src + 8);
		break;
	case FDNET_CTL_REPLY | FDNET_CTL_SOCKET:
		if (!ctl.error)
			rc = decode_names(src, &ctl);
		ctl.flags = get16(src + 14);
		break;
	case FDNET_CTL_LEASE:
	case FDNET_CTL_RELEASE:
		rc = decode_lease(src, &ctl);
		break;
	case FDNET_CTL_REPLY | FDNET_CTL_LEASE:
		rc = decode_lease_reply(src, &ctl);
		break;
	default:
		ctl.port = get16(src + 8);
		break;
	}
	if (!rc)
		*ret_ctl = ctl;
	return rc;
}
