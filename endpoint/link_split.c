/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bursts for a peer that did not agree to take any, or not one so large: each
 * segment becomes a packet of its own.
 */
#include "config.h"

#include <errno.h>

#include "endpoint/gso.h"
#include "endpoint/link_internal.h"

static bool is_gone(int rc)
{
	return rc == -EPIPE || rc == -ECONNRESET;
}

/* Send until the fd is full or the peer is gone. Returns how many segments are
 * done with; *@ret_rc as fdnet_link_send(). */
static unsigned int split_send(struct fdnet_link *link, struct fdnet_pkt *list,
			       int *ret_rc)
{
	struct fdnet_pkt *next;
	unsigned int n = 0;
	int rc;

	*ret_rc = 0;
	for (; list; list = next, n++) {
		next = list->next;
		list->next = NULL;
		rc = fdnet_link_send(link, list);
		if (rc == -EAGAIN) {
			list->next = next;
			*ret_rc = rc;
			break;
		}
		if (rc)
			*ret_rc = rc;
		if (is_gone(rc)) {
			list = next;
			break;
		}
	}
	fdnet_pkt_free_list(list);
	return n;
}

int fdnet_link_send_split(struct fdnet_link *link, struct fdnet_pkt *pkt)
{
	struct fdnet_pkt *list;
	unsigned int done;
	int rc;

	rc = fdnet_gso_segment(pkt, &list);
	if (rc < 0) {
		link->stats.tx_dropped++;
		fdnet_pkt_free(pkt);
		return rc;
	}
	link->stats.tx_split++;
	done = split_send(link, list, &rc);
	if (rc == -EAGAIN) {
		if (done)
			fdnet_gso_skip(pkt, done);
		return rc;
	}
	fdnet_pkt_free(pkt);
	return rc;
}
