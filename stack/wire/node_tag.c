/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/wire/node_tag.h"

#include <errno.h>
#include <string.h>

#define NAME FDNET_NODE_NAME_LEN
#define REST (2 * NAME)
#define ERROR_MAX 4095

size_t fdnet_node_tag_encode(uint8_t *dst, const struct fdnet_node_tag *tag)
{
	fdnet_node_name_encode(dst, &tag->from);
	if (!tag->flags)
		return FDNET_NODE_TAG_SHORT;
	fdnet_node_name_encode(dst + NAME, &tag->local);
	memset(dst + REST, 0, FDNET_NODE_TAG_LEN - REST);
	memcpy(dst + REST, &tag->flags, 4);
	memcpy(dst + REST + 4, &tag->ifindex, 4);
	memcpy(dst + REST + 8, &tag->gso, 2);
	dst[REST + 10] = tag->ttl;
	dst[REST + 11] = tag->tos;
	return FDNET_NODE_TAG_LEN;
}

int fdnet_node_tag_decode(const uint8_t *src, size_t len,
			  struct fdnet_node_tag *ret_tag)
{
	static const uint8_t none[4];
	struct fdnet_node_tag tag = { 0 };
	int rc;

	if (len != FDNET_NODE_TAG_SHORT && len != FDNET_NODE_TAG_LEN)
		return -EBADMSG;
	rc = fdnet_node_name_decode(src, &tag.from);
	if (!rc && len == FDNET_NODE_TAG_LEN) {
		rc = fdnet_node_name_decode(src + NAME, &tag.local);
		memcpy(&tag.flags, src + REST, 4);
		memcpy(&tag.ifindex, src + REST + 4, 4);
		memcpy(&tag.gso, src + REST + 8, 2);
		tag.ttl = src[REST + 10];
		tag.tos = src[REST + 11];
		if (!tag.flags || tag.flags & ~(uint32_t)FDNET_TAG_ALL ||
		    memcmp(src + REST + 12, none, sizeof(none)))
			rc = -EBADMSG;
	}
	if (!rc)
		*ret_tag = tag;
	return rc;
}

void fdnet_node_error_encode(uint8_t *dst, const struct fdnet_sock_error *err)
{
	uint32_t error = (uint32_t)err->error;

	memcpy(dst, &error, 4);
	dst[4] = err->origin;
	dst[5] = err->type;
	dst[6] = err->code;
	dst[7] = 0;
	memcpy(dst + 8, &err->info, 4);
	fdnet_node_name_encode(dst + 12, &err->offender);
	fdnet_node_name_encode(dst + 12 + NAME, &err->about);
}

int fdnet_node_error_decode(const uint8_t *src, size_t len,
			    struct fdnet_sock_error *ret_err)
{
	struct fdnet_sock_error err = { 0 };
	uint32_t error;
	int rc;

	if (len < FDNET_NODE_ERROR_LEN || src[7])
		return -EBADMSG;
	memcpy(&error, src, 4);
	if (error > ERROR_MAX)
		return -EBADMSG;
	err.error = (int)error;
	err.origin = src[4];
	err.type = src[5];
	err.code = src[6];
	memcpy(&err.info, src + 8, 4);
	rc = fdnet_node_name_decode(src + 12, &err.offender);
	if (!rc)
		rc = fdnet_node_name_decode(src + 12 + NAME, &err.about);
	if (!rc)
		*ret_err = err;
	return rc;
}
