/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/wire/node.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Offsets are those of doc/handover.md. */
#define BODY FDNET_NODE_HEAD_LEN
#define NAME FDNET_NODE_NAME_LEN
#define ERROR_MAX 4095
#define ALL_SOCK_FLAGS                                                         \
	(FDNET_NODE_FRAMED | FDNET_NODE_CLAIM | FDNET_NODE_HELD |              \
	 FDNET_NODE_ENDED)

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

static bool is_zero(const uint8_t *p, size_t len)
{
	while (len && !*p) {
		p++;
		len--;
	}
	return !len;
}

/* ---- names ---- */

void fdnet_node_name_encode(uint8_t *dst, const struct fdnet_name *name)
{
	memset(dst, 0, NAME);
	dst[0] = name->ip.family;
	put16(dst + 2, name->port);
	put32(dst + 4, name->scope);
	memcpy(dst + 8, name->ip.bytes, 16);
}

int fdnet_node_name_decode(const uint8_t *src, struct fdnet_name *ret_name)
{
	struct fdnet_name name = { .ip.family = src[0] };

	if (src[1])
		return -EBADMSG;
	switch (name.ip.family) {
	case 0:
		if (!is_zero(src, NAME))
			return -EBADMSG;
		break;
	case 4:
		if (!is_zero(src + 12, 12))
			return -EBADMSG;
		break;
	case 6:
		break;
	default:
		return -EBADMSG;
	}
	name.port = get16(src + 2);
	name.scope = get32(src + 4);
	memcpy(name.ip.bytes, src + 8, 16);
	*ret_name = name;
	return 0;
}

/* ---- requests ---- */

/* Bytes of a request without an option's value, 0 for an unknown op. */
static size_t req_len(uint8_t op)
{
	switch (op) {
	case FDNET_NODE_NEW:
	case FDNET_NODE_TAKE:
	case FDNET_NODE_RENEW:
		return BODY + 8;
	case FDNET_NODE_BIND:
	case FDNET_NODE_CONNECT:
		return BODY + NAME;
	case FDNET_NODE_SEND:
		return BODY + 2 * NAME + 12;
	case FDNET_NODE_NAMES:
	case FDNET_NODE_ERRQUEUE:
		return BODY;
	case FDNET_NODE_SETOPT:
	case FDNET_NODE_GETOPT:
		return BODY + 12;
	case FDNET_NODE_LISTEN:
	case FDNET_NODE_SHUTDOWN:
	case FDNET_NODE_CANCEL:
		return BODY + 4;
	default:
		return 0;
	}
}

static void put_head(uint8_t *dst, uint8_t op, uint32_t id, uint64_t cookie)
{
	dst[0] = op;
	put32(dst + 4, id);
	memcpy(dst + 8, &cookie, 8);
}

static uint32_t cut(uint32_t len)
{
	return len < FDNET_NODE_VALUE_MAX ? len : FDNET_NODE_VALUE_MAX;
}

size_t fdnet_node_req_encode(uint8_t *dst, const struct fdnet_node_req *req)
{
	size_t len = req_len(req->op);
	uint8_t *body = dst + BODY;

	memset(dst, 0, len < BODY ? BODY : len);
	put_head(dst, req->op, req->id, req->cookie);
	dst[1] = req->flags;
	switch (req->op) {
	case FDNET_NODE_NEW:
		body[0] = req->family;
		body[1] = req->type;
		put16(body + 2, req->proto);
		put32(body + 4, req->sock_flags);
		break;
	case FDNET_NODE_TAKE:
		put32(body, req->sock_flags);
		put32(body + 4, req->bytes);
		break;
	case FDNET_NODE_BIND:
	case FDNET_NODE_CONNECT:
		fdnet_node_name_encode(body, &req->name);
		break;
	case FDNET_NODE_SEND:
		fdnet_node_name_encode(body, &req->name);
		put32(body + NAME, req->bytes);
		fdnet_node_name_encode(body + NAME + 4, &req->from);
		put16(body + 2 * NAME + 4, req->ttl1);
		put16(body + 2 * NAME + 6, req->tos1);
		put16(body + 2 * NAME + 8, req->gso);
		break;
	case FDNET_NODE_SETOPT:
	case FDNET_NODE_GETOPT:
		put32(body, (uint32_t)req->level);
		put32(body + 4, (uint32_t)req->optname);
		put32(body + 8, cut(req->optlen));
		if (req->op == FDNET_NODE_SETOPT && req->optlen) {
			memcpy(body + 12, req->value, cut(req->optlen));
			len += cut(req->optlen);
		}
		break;
	case FDNET_NODE_RENEW:
		memcpy(body, &req->renewed, 8);
		break;
	case FDNET_NODE_LISTEN:
	case FDNET_NODE_SHUTDOWN:
	case FDNET_NODE_CANCEL:
		put32(body, req->arg);
		break;
	default:
		break;
	}
	return len;
}

static int decode_new(const uint8_t *body, struct fdnet_node_req *req)
{
	req->family = body[0];
	req->type = body[1];
	req->proto = get16(body + 2);
	req->sock_flags = get32(body + 4);
	if (req->family != 4 && req->family != 6)
		return -EBADMSG;
	if (req->type < FDNET_SOCK_STREAM || req->type > FDNET_SOCK_RAW)
		return -EBADMSG;
	return req->sock_flags &
			       ~(uint32_t)(FDNET_NODE_FRAMED |
					   FDNET_NODE_PLAIN) ?
		       -EBADMSG :
		       0;
}

static int decode_opt(const uint8_t *body, size_t len,
		      struct fdnet_node_req *req)
{
	req->level = (int32_t)get32(body);
	req->optname = (int32_t)get32(body + 4);
	req->optlen = get32(body + 8);
	if (req->optlen > FDNET_NODE_VALUE_MAX)
		return -EBADMSG;
	if (req->op == FDNET_NODE_GETOPT)
		return len == BODY + 12 ? 0 : -EBADMSG;
	if (len != BODY + 12 + req->optlen)
		return -EBADMSG;
	req->value = body + 12;
	return 0;
}

static int decode_send(const uint8_t *body, struct fdnet_node_req *req)
{
	int rc = fdnet_node_name_decode(body, &req->name);

	if (!rc)
		rc = fdnet_node_name_decode(body + NAME + 4, &req->from);
	req->bytes = get32(body + NAME);
	req->ttl1 = get16(body + 2 * NAME + 4);
	req->tos1 = get16(body + 2 * NAME + 6);
	req->gso = get16(body + 2 * NAME + 8);
	if (!rc && (req->ttl1 > 256 || req->tos1 > 256 ||
		    get16(body + 2 * NAME + 10)))
		rc = -EBADMSG;
	return rc;
}

static int decode_req(const uint8_t *src, size_t len,
		      struct fdnet_node_req *req)
{
	const uint8_t *body = src + BODY;

	switch (req->op) {
	case FDNET_NODE_NEW:
		return decode_new(body, req);
	case FDNET_NODE_TAKE:
		req->sock_flags = get32(body);
		req->bytes = get32(body + 4);
		return req->sock_flags & ~(uint32_t)ALL_SOCK_FLAGS ? -EBADMSG :
								     0;
	case FDNET_NODE_BIND:
	case FDNET_NODE_CONNECT:
		return fdnet_node_name_decode(body, &req->name);
	case FDNET_NODE_SEND:
		return decode_send(body, req);
	case FDNET_NODE_SETOPT:
	case FDNET_NODE_GETOPT:
		return decode_opt(body, len, req);
	case FDNET_NODE_NAMES:
	case FDNET_NODE_ERRQUEUE:
		return 0;
	case FDNET_NODE_RENEW:
		memcpy(&req->renewed, body, 8);
		return 0;
	default:
		req->arg = get32(body);
		return 0;
	}
}

int fdnet_node_req_decode(const uint8_t *src, size_t len,
			  struct fdnet_node_req *ret_req)
{
	struct fdnet_node_req req = { 0 };
	size_t want;
	int rc;

	if (len < BODY)
		return -EBADMSG;
	want = req_len(src[0]);
	if (!want || len < want || (src[0] != FDNET_NODE_SETOPT && len > want))
		return -EBADMSG;
	req.op = src[0];
	req.flags = src[1];
	req.id = get32(src + 4);
	memcpy(&req.cookie, src + 8, 8);
	if (req.flags & ~(FDNET_NODE_NONBLOCK | FDNET_NODE_UNFRAME) || get16(src + 2))
		return -EBADMSG;
	rc = decode_req(src, len, &req);
	if (!rc)
		*ret_req = req;
	return rc;
}

/* ---- answers ---- */

size_t fdnet_node_ans_encode(uint8_t *dst, const struct fdnet_node_ans *ans)
{
	uint8_t *body = dst + BODY;

	memset(dst, 0, BODY);
	put_head(dst, ans->op | FDNET_NODE_ANSWER, ans->id, ans->cookie);
	put16(dst + 2, ans->error);
	if (ans->error)
		return BODY;
	switch (ans->op) {
	case FDNET_NODE_BIND:
	case FDNET_NODE_CONNECT:
		fdnet_node_name_encode(body, &ans->local);
		return BODY + NAME;
	case FDNET_NODE_NAMES:
		fdnet_node_name_encode(body, &ans->local);
		fdnet_node_name_encode(body + NAME, &ans->peer);
		body[48] = ans->family;
		body[49] = ans->type;
		put16(body + 50, ans->proto);
		put32(body + 52, ans->state);
		return BODY + 56;
	case FDNET_NODE_GETOPT:
	case FDNET_NODE_ERRQUEUE:
		put32(body, cut(ans->len));
		if (ans->len)
			memcpy(body + 4, ans->value, cut(ans->len));
		return BODY + 4 + cut(ans->len);
	default:
		return BODY;
	}
}

static int decode_names(const uint8_t *body, size_t len,
			struct fdnet_node_ans *ans)
{
	int rc;

	if (len != BODY + 56)
		return -EBADMSG;
	rc = fdnet_node_name_decode(body, &ans->local);
	if (!rc)
		rc = fdnet_node_name_decode(body + NAME, &ans->peer);
	ans->family = body[48];
	ans->type = body[49];
	ans->proto = get16(body + 50);
	ans->state = get32(body + 52);
	return rc;
}

static int decode_ans(const uint8_t *src, size_t len,
		      struct fdnet_node_ans *ans)
{
	const uint8_t *body = src + BODY;

	switch (ans->op) {
	case FDNET_NODE_BIND:
	case FDNET_NODE_CONNECT:
		return len == BODY + NAME ?
			       fdnet_node_name_decode(body, &ans->local) :
			       -EBADMSG;
	case FDNET_NODE_NAMES:
		return decode_names(body, len, ans);
	case FDNET_NODE_GETOPT:
	case FDNET_NODE_ERRQUEUE:
		if (len < BODY + 4)
			return -EBADMSG;
		ans->len = get32(body);
		ans->value = body + 4;
		return ans->len <= FDNET_NODE_VALUE_MAX &&
				       len == BODY + 4 + ans->len ?
			       0 :
			       -EBADMSG;
	default:
		return len == BODY ? 0 : -EBADMSG;
	}
}

int fdnet_node_ans_decode(const uint8_t *src, size_t len,
			  struct fdnet_node_ans *ret_ans)
{
	struct fdnet_node_ans ans = { 0 };
	int rc = 0;

	if (len < BODY || !(src[0] & FDNET_NODE_ANSWER) || src[1])
		return -EBADMSG;
	ans.op = src[0] & (uint8_t)~FDNET_NODE_ANSWER;
	ans.error = get16(src + 2);
	ans.id = get32(src + 4);
	memcpy(&ans.cookie, src + 8, 8);
	if (!req_len(ans.op) || ans.error > ERROR_MAX)
		return -EBADMSG;
	if (ans.error)
		rc = len == BODY ? 0 : -EBADMSG;
	else
		rc = decode_ans(src, len, &ans);
	if (!rc)
		*ret_ans = ans;
	return rc;
}
