/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the control socket, both ways. */
#include "config.h"

#include <assert.h>
#include <stdint.h>

#include "relay/ctl_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every byte that a decoder promises is there. */
static unsigned int sum(const uint8_t *data, size_t len)
{
	unsigned int n = 0;

	for (size_t i = 0; i < len; i++)
		n += data[i];
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctl_request request;
	struct ctl_reply reply;
	volatile unsigned int all = 0;

	if (!ctl_request_decode(data, size, &request)) {
		assert(request.op > 0 && request.op < CTL_OPS);
		assert(request.len <= CTL_BODY_MAX);
		all += sum(request.body, request.len);
	}
	if (!ctl_reply_decode(data, size, &reply)) {
		assert(reply.len <= CTL_BODY_MAX);
		all += sum(reply.body, reply.len);
	}
	return 0;
}
