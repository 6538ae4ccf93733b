/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/link_out.h"

/* Gives a list back in its order. */
static void unget(struct fdnet_stack *stack, struct fdnet_pkt *list)
{
	struct fdnet_pkt *last = NULL;

	while (list) {
		struct fdnet_pkt *next = list->next;

		list->next = last;
		last = list;
		list = next;
	}
	while (last) {
		list = last;
		last = last->next;
		list->next = NULL;
		fdnet_stack_unget(stack, list);
	}
}

int fdnet_stack_send(struct fdnet_stack *stack, struct fdnet_link *link)
{
	struct fdnet_pkt *list = NULL, **end = &list, *pkt = NULL;
	unsigned int n;
	int rc;

	for (n = 0; n < FDNET_LINK_BATCH_MAX; n++) {
		pkt = fdnet_stack_output(stack);
		if (!pkt)
			break;
		pkt->next = NULL;
		*end = pkt;
		end = &pkt->next;
	}
	if (!list)
		return 0;
	list = fdnet_link_send_list(link, list, &rc);
	unget(stack, list);
	return rc ? rc : pkt != NULL;
}
