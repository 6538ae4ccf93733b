/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DHCP server that is an enemy. The input is a list of messages, each led by
 * a byte: how many seconds go by before it (times four), and in its lowest bit
 * whether it is made to fit the client's exchange.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <fdnet/stack.h>

#include "base/mem.h"
#include "stack/object.h"
#include "stack/wire/bytes.h"
#include "stack/wire/dhcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MSG_LEN 300
#define SEC	1000000ull

static struct fdnet_pkt_pool *pool;

static void settle(struct fdnet_stack *stack)
{
	struct fdnet_pkt *pkt;

	fdnet_stack_advance(stack);
	while ((pkt = fdnet_stack_output(stack)))
		fdnet_pkt_free(pkt);
}

static void message(struct fdnet_stack *stack, const uint8_t *data, size_t len,
		    bool fits)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(pool);
	uint8_t *p = fdnet_pkt_put(pkt, (uint32_t)len);

	memcpy(p, data, len);
	if (fits && len >= 240) {
		memcpy(p, "\2\1\6", 3);
		fdnet_put32(p + 4, stack->dhcp.xid);
		memcpy(p + 28, stack->cfg.link_addr, 6);
		fdnet_put32(p + 236, 0x63825363);
	}
	fdnet_dhcp_input(stack, pkt);
	fdnet_pkt_free(pkt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fdnet_stack_config cfg;
	struct fdnet_stack *stack;
	uint64_t now_us = SEC;
	size_t len;
	int i;

	if (!pool)
		pool = fdnet_pkt_pool_new(NULL, 16, 0);
	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = pool;
	cfg.ethernet = true;
	memcpy(cfg.link_addr, "\2\0\0\0\0\1", 6);
	if (fdnet_stack_new(&cfg, now_us, &stack))
		abort();
	fdnet_stack_dhcp_start(stack);
	while (size > 1) {
		for (i = 0; i < data[0] >> 1; i++) {
			now_us += 4 * SEC;
			fdnet_stack_set_time(stack, now_us);
			settle(stack);
		}
		len = size - 1 < MSG_LEN ? size - 1 : MSG_LEN;
		message(stack, data + 1, len, data[0] & 1);
		settle(stack);
		data += len + 1;
		size -= len + 1;
	}
	fdnet_stack_dhcp_stop(stack);
	settle(stack);
	fdnet_stack_free(stack);
	if (fdnet_pkt_pool_outstanding(pool))
		abort();
	return 0;
}
