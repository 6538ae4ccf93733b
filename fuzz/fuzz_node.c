/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and answers of a node channel, names, and what stands beside a
 * datagram. The first byte chooses.
 * What decodes can be encoded and gives the same again.
 */
#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "stack/wire/node_tag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t bytes[FDNET_NODE_MAX_LEN], again[FDNET_NODE_MAX_LEN];

static void try_req(const uint8_t *data, size_t size)
{
	struct fdnet_node_req req;
	size_t len;

	if (fdnet_node_req_decode(data, size, &req) < 0)
		return;
	len = fdnet_node_req_encode(bytes, &req);
	assert(len == size);
	assert(fdnet_node_req_decode(bytes, len, &req) == 0);
	assert(fdnet_node_req_encode(again, &req) == len);
	assert(memcmp(bytes, again, len) == 0);
}

static void try_ans(const uint8_t *data, size_t size)
{
	struct fdnet_node_ans ans;
	size_t len;

	if (fdnet_node_ans_decode(data, size, &ans) < 0)
		return;
	len = fdnet_node_ans_encode(bytes, &ans);
	assert(len == size);
	assert(fdnet_node_ans_decode(bytes, len, &ans) == 0);
}

static void try_name(const uint8_t *data, size_t size)
{
	struct fdnet_name name;

	if (size < FDNET_NODE_NAME_LEN ||
	    fdnet_node_name_decode(data, &name) < 0)
		return;
	fdnet_node_name_encode(bytes, &name);
	assert(memcmp(bytes, data, FDNET_NODE_NAME_LEN) == 0);
}

static void try_tag(const uint8_t *data, size_t size)
{
	struct fdnet_node_tag tag;

	if (fdnet_node_tag_decode(data, size, &tag) < 0)
		return;
	assert(fdnet_node_tag_encode(bytes, &tag) == size);
	assert(memcmp(bytes, data, size) == 0);
}

static void try_error(const uint8_t *data, size_t size)
{
	struct fdnet_sock_error err;

	if (fdnet_node_error_decode(data, size, &err) < 0)
		return;
	fdnet_node_error_encode(bytes, &err);
	assert(memcmp(bytes, data, FDNET_NODE_ERROR_LEN) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(const uint8_t *, size_t) = {
		try_req, try_ans, try_name, try_tag, try_error
	};

	if (size > 0)
		tries[data[0] % 5](data + 1, size - 1);
	return 0;
}
