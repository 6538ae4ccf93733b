/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FANOUT: the kernel spreads flows over several AF_PACKET sockets.
 *
 * The group number is per network namespace and shared with strangers. The
 * kernel chooses a free one for the first socket (UNIQUEID, Linux 4.14) and
 * the others join it; where it cannot, numbers made from the pid are tried.
 */
#include "config.h"

#include <linux/if_packet.h>
#include <unistd.h>

#include "endpoint/fdbased.h"
#include "endpoint/sys.h"

#define TRIES 16

static int join(int fd, uint32_t id, uint32_t type_flags)
{
	return sys_setsockopt_int(fd, SOL_PACKET, PACKET_FANOUT,
				  (int)(id | type_flags << 16));
}

static int first(int fd, uint32_t type_flags, uint32_t *ret_id)
{
	uint32_t i, id;
	int val, rc;

	rc = join(fd, 0, type_flags | PACKET_FANOUT_FLAG_UNIQUEID);
	if (!rc) {
		rc = sys_getsockopt_int(fd, SOL_PACKET, PACKET_FANOUT, &val);
		*ret_id = (uint32_t)val & 0xffff;
		return rc;
	}
	for (i = 0; rc == -EINVAL && i < TRIES; i++) {
		id = ((uint32_t)getpid() * 31 + i) & 0xffff;
		rc = join(fd, id, type_flags);
		*ret_id = id;
	}
	return rc;
}

int fdb_fanout(struct fdb *ep, const char **ret_why)
{
	uint32_t type_flags = PACKET_FANOUT_HASH, id = 0;
	unsigned int i;
	int rc = 0;

	if (ep->queues[0].kind != FDB_PACKET ||
	    (ep->nqueues < 2 && !ep->opts.fanout_always))
		return 0;
	if (ep->opts.fanout_defrag)
		type_flags |= PACKET_FANOUT_FLAG_DEFRAG;
	for (i = 0; i < ep->nqueues && !rc; i++)
		rc = i ? join(ep->queues[i].fd, id, type_flags)
		       : first(ep->queues[i].fd, type_flags, &id);
	*ret_why = "PACKET_FANOUT was refused";
	return rc;
}
