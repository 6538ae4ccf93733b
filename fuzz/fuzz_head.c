/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's packet as the switch sees it, and the refusals made from it. */
#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "relay/head.h"
#include "relay/synth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fdnet_pkt_pool *pool;
	struct fdnet_pkt *pkt;
	struct head head;

	if (size > FDNET_PKT_LINEAR)
		size = FDNET_PKT_LINEAR;
	if (!size || head_parse(data, (uint32_t)size, (uint32_t)size, &head))
		return 0;
	assert(head.len <= size);
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 4, 0);
	pkt = fdnet_pkt_new(pool);
	memcpy(fdnet_pkt_put(pkt, (uint32_t)size), data, size);
	assert(!head_parse_pkt(pkt, &head));
	fdnet_pkt_free(synth_reset(pool, &head));
	fdnet_pkt_free(synth_unreachable(pool, SYNTH_PORT, &head.dst, &head,
					 pkt));
	fdnet_pkt_free(pkt);
	assert(!fdnet_pkt_pool_outstanding(pool));
	fdnet_pkt_pool_free(pool);
	return 0;
}
