/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/ctl_msg.h"

#include <errno.h>
#include <string.h>

#include "stack/wire/bytes.h"

#define OP_REPLY 0x8000
#define FLAG_MORE 0x0001

static void put64(uint8_t *dst, uint64_t value)
{
	fdnet_put32(dst, (uint32_t)(value >> 32));
	fdnet_put32(dst + 4, (uint32_t)value);
}

static uint64_t get64(const uint8_t *src)
{
	return (uint64_t)fdnet_get32(src) << 32 | fdnet_get32(src + 4);
}

/* Version, operation, and the length of what follows the header. */
static int check(const uint8_t *src, size_t len, size_t hdr_len, uint16_t reply,
		 size_t body_len)
{
	uint16_t op = fdnet_get16(src + 2);

	if (fdnet_get16(src) != CTL_VERSION)
		return -EPROTO;
	if ((op & OP_REPLY) != reply || !(op & ~OP_REPLY) ||
	    (op & ~OP_REPLY) >= CTL_OPS)
		return -EPROTO;
	if (body_len > CTL_BODY_MAX || body_len != len - hdr_len)
		return -EBADMSG;
	return 0;
}

void ctl_request_encode(uint8_t *dst, const struct ctl_request *request)
{
	fdnet_put16(dst, CTL_VERSION);
	fdnet_put16(dst + 2, (uint16_t)request->op);
	put64(dst + 4, request->arg);
	fdnet_put32(dst + 12, (uint32_t)request->len);
}

int ctl_request_decode(const uint8_t *src, size_t len,
		       struct ctl_request *ret_request)
{
	int rc;

	if (len < CTL_REQUEST_LEN)
		return -EBADMSG;
	rc = check(src, len, CTL_REQUEST_LEN, 0, fdnet_get32(src + 12));
	if (rc)
		return rc;
	*ret_request = (struct ctl_request){
		.op = fdnet_get16(src + 2),
		.arg = get64(src + 4),
		.body = src + CTL_REQUEST_LEN,
		.len = len - CTL_REQUEST_LEN,
	};
	return 0;
}

void ctl_reply_encode(uint8_t *dst, const struct ctl_reply *reply)
{
	fdnet_put16(dst, CTL_VERSION);
	fdnet_put16(dst + 2, (uint16_t)(reply->op | OP_REPLY));
	fdnet_put16(dst + 4, reply->error);
	fdnet_put16(dst + 6, reply->more ? FLAG_MORE : 0);
	put64(dst + 8, reply->next);
	fdnet_put32(dst + 16, (uint32_t)reply->len);
	fdnet_put32(dst + 20, 0);
}

int ctl_reply_decode(const uint8_t *src, size_t len,
		     struct ctl_reply *ret_reply)
{
	int rc;

	if (len < CTL_REPLY_LEN)
		return -EBADMSG;
	rc = check(src, len, CTL_REPLY_LEN, OP_REPLY, fdnet_get32(src + 16));
	if (rc)
		return rc;
	*ret_reply = (struct ctl_reply){
		.op = fdnet_get16(src + 2) & ~OP_REPLY,
		.error = fdnet_get16(src + 4),
		.more = fdnet_get16(src + 6) & FLAG_MORE,
		.next = get64(src + 8),
		.body = src + CTL_REPLY_LEN,
		.len = len - CTL_REPLY_LEN,
	};
	return 0;
}
