/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/wire/dhcp.h"

#include <errno.h>
#include <string.h>

#include "stack/wire/bytes.h"

#define MAGIC	   0x63825363
#define FIXED_LEN  236 /* up to the magic number */
#define OPTIONS_AT 240
#define SNAME_AT   44
#define FILE_AT	   108

enum {
	OPT_PAD = 0,
	OPT_MASK = 1,
	OPT_ROUTER = 3,
	OPT_DNS = 6,
	OPT_MTU = 26,
	OPT_REQUESTED = 50,
	OPT_LEASE = 51,
	OPT_OVERLOAD = 52,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_PARAMETERS = 55,
	OPT_MAX_SIZE = 57,
	OPT_T1 = 58,
	OPT_T2 = 59,
	OPT_CLIENT_ID = 61,
	OPT_END = 255,
};

/* ---- a client's message ---- */

static uint8_t *put_option(uint8_t *p, uint8_t code, const void *data,
			   uint8_t len)
{
	*p++ = code;
	*p++ = len;
	memcpy(p, data, len);
	return p + len;
}

static uint8_t *put_addr(uint8_t *p, uint8_t code, uint32_t addr)
{
	uint8_t bytes[4];

	if (!addr)
		return p;
	fdnet_put32(bytes, addr);
	return put_option(p, code, bytes, 4);
}

size_t fdnet_dhcp_encode(uint8_t *dst, const struct fdnet_dhcp_msg *msg)
{
	static const uint8_t wanted[] = { OPT_MASK, OPT_ROUTER, OPT_DNS,
					  OPT_MTU,  OPT_LEASE,	OPT_T1,
					  OPT_T2 };
	uint8_t id[7] = { 1 }, max[2], *p = dst + OPTIONS_AT;
	bool asks = msg->type == FDNET_DHCP_DISCOVER ||
		    msg->type == FDNET_DHCP_REQUEST;

	memset(dst, 0, FDNET_DHCP_MAX);
	dst[0] = 1; /* a request, over Ethernet */
	dst[1] = 1;
	dst[2] = 6;
	fdnet_put32(dst + 4, msg->xid);
	fdnet_put16(dst + 8, msg->secs);
	fdnet_put16(dst + 10, msg->broadcast ? 0x8000 : 0);
	fdnet_put32(dst + 12, msg->ciaddr);
	memcpy(dst + 28, msg->mac, 6);
	fdnet_put32(dst + FIXED_LEN, MAGIC);
	p = put_option(p, OPT_TYPE, &msg->type, 1);
	memcpy(id + 1, msg->mac, 6);
	p = put_option(p, OPT_CLIENT_ID, id, sizeof(id));
	p = put_addr(p, OPT_REQUESTED, msg->requested);
	p = put_addr(p, OPT_SERVER, msg->server);
	if (asks) {
		p = put_option(p, OPT_PARAMETERS, wanted, sizeof(wanted));
		fdnet_put16(max, 1500);
		p = put_option(p, OPT_MAX_SIZE, max, 2);
	}
	*p++ = OPT_END;
	/* BOOTP relays want 300 bytes (RFC 1542 2.1) */
	return FDNET_DHCP_MAX;
}

/* ---- a server's ---- */

static void take_dns(const uint8_t *p, uint8_t len, struct fdnet_dhcp_msg *msg)
{
	for (; len >= 4 && msg->ndns < FDNET_DHCP_DNS; p += 4, len -= 4)
		msg->dns[msg->ndns++] = fdnet_get32(p);
}

/* Of an option that comes twice the first counts; lengths that cannot be are
 * passed over. */
static void take_option(uint8_t code, const uint8_t *p, uint8_t len,
			struct fdnet_dhcp_msg *msg, uint8_t *ret_overload)
{
	uint32_t *word = NULL;

	switch (code) {
	case OPT_TYPE:
		if (len == 1 && !msg->type)
			msg->type = *p;
		return;
	case OPT_OVERLOAD:
		if (len == 1)
			*ret_overload = *p;
		return;
	case OPT_MTU:
		if (len == 2 && !msg->mtu)
			msg->mtu = fdnet_get16(p);
		return;
	case OPT_DNS:
		if (!msg->ndns && len % 4 == 0)
			take_dns(p, len, msg);
		return;
	case OPT_ROUTER: /* a list, the best first */
		if (len >= 4 && !msg->router)
			msg->router = fdnet_get32(p);
		return;
	case OPT_MASK:
		word = &msg->mask;
		break;
	case OPT_SERVER:
		word = &msg->server;
		break;
	case OPT_LEASE:
		word = &msg->lease_s;
		break;
	case OPT_T1:
		word = &msg->t1_s;
		break;
	case OPT_T2:
		word = &msg->t2_s;
		break;
	}
	if (word && len == 4 && !*word)
		*word = fdnet_get32(p);
}

static int take_options(const uint8_t *p, size_t left,
			struct fdnet_dhcp_msg *msg, uint8_t *ret_overload)
{
	while (left && *p != OPT_END) {
		if (*p == OPT_PAD) {
			p++;
			left--;
			continue;
		}
		if (left < 2 || p[1] > left - 2)
			return -EBADMSG;
		take_option(p[0], p + 2, p[1], msg, ret_overload);
		left -= p[1] + 2u;
		p += p[1] + 2u;
	}
	return 0;
}

int fdnet_dhcp_decode(const uint8_t *p, size_t len,
		      struct fdnet_dhcp_msg *ret_msg)
{
	struct fdnet_dhcp_msg msg = { 0 };
	uint8_t overload = 0, none;
	int rc;

	if (len < OPTIONS_AT || p[0] != 2 || p[1] != 1 || p[2] != 6 ||
	    fdnet_get32(p + FIXED_LEN) != MAGIC)
		return -EBADMSG;
	msg.xid = fdnet_get32(p + 4);
	msg.secs = fdnet_get16(p + 8);
	msg.broadcast = p[10] & 0x80;
	msg.ciaddr = fdnet_get32(p + 12);
	msg.yiaddr = fdnet_get32(p + 16);
	memcpy(msg.mac, p + 28, 6);
	rc = take_options(p + OPTIONS_AT, len - OPTIONS_AT, &msg, &overload);
	/* RFC 2132 9.3: more of them in the fields for names */
	if (!rc && overload & 1)
		rc = take_options(p + FILE_AT, 128, &msg, &none);
	if (!rc && overload & 2)
		rc = take_options(p + SNAME_AT, 64, &msg, &none);
	if (rc || !msg.type)
		return -EBADMSG;
	*ret_msg = msg;
	return 0;
}
