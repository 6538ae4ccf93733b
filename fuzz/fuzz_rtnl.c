/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_ROUTE requests, as a program sends them. */
#include "config.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "base/rtnl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct fdnet_rtnl_ip ip4 = {
		.family = AF_INET, .bits = 24, .bytes = { 10, 0, 2, 15 }
	}, gateway4 = {
		.family = AF_INET, .bits = 32, .bytes = { 10, 0, 2, 2 }
	}, ip6 = {
		.family = AF_INET6, .bits = 64, .bytes = { 0xfd, [15] = 21 }
	}, gateway6 = {
		.family = AF_INET6, .bits = 128, .bytes = { 0xfd, [15] = 2 }
	};
	static struct fdnet_rtnl_out out;
	struct fdnet_rtnl net;
	uint32_t before = 0;
	unsigned int i;

	fdnet_rtnl_sandbox(&net, &ip4, &gateway4, &ip6, &gateway6, 1500);
	fdnet_rtnl_answer(&net, data, size, 1, &out);
	assert(out.n <= FDNET_RTNL_MSGS);
	for (i = 0; i < out.n; i++) {
		assert(out.ends[i] > before);
		assert(out.ends[i] <= sizeof(out.bytes));
		before = out.ends[i];
	}
	return 0;
}
