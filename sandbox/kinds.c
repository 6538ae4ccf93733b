/* SPDX-License-Identifier: Apache-2.0 */
/* What we know of pumped sockets; one that was pushed out is asked for. */
#include "config.h"

#include "sandbox/notify.h"

static unsigned int kind_slot(uint64_t cookie)
{
	return (unsigned int)((cookie * UINT64_C(0x9e3779b97f4a7c15)) >> 40) &
	       (KINDS - 1);
}

struct kind *kind_find(struct supervisor *sup, uint64_t cookie)
{
	struct kind *kind = &sup->kinds[kind_slot(cookie)];

	return kind->cookie == cookie ? kind : NULL;
}

void kind_put(struct supervisor *sup, const struct kind *kind)
{
	sup->kinds[kind_slot(kind->cookie)] = *kind;
}

void kind_learn(struct call *call, const struct fdnet_node_ans *ans)
{
	call->kind = (struct kind){
		.cookie = call->cookie,
		.family = ans->family,
		.type = ans->type,
		.framed = ans->state & FDNET_NODE_IS_FRAMED,
		.listening = ans->state & FDNET_NODE_LISTENING,
		.begun = ans->state & (FDNET_NODE_CONNECTED |
				       FDNET_NODE_CONNECTING),
	};
	kind_put(call->sup, &call->kind);
}
