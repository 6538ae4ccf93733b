/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/cmsg.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "shim/addr.h"
#include "shim/uaccess.h"
#include "stack/wire/node_cmsg.h"

int shim_cmsg_parse(const struct msghdr *hdr, struct fdnet_msg *msg)
{
	if (hdr->msg_controllen < sizeof(struct cmsghdr))
		return 0;
	if (!shim_can_read(hdr->msg_control, hdr->msg_controllen))
		return -EFAULT;
	return fdnet_node_cmsg_parse(hdr->msg_control, hdr->msg_controllen,
				     msg);
}

void shim_cmsg_begin(const struct msghdr *hdr, struct fdnet_msg *msg)
{
	struct timespec wall, mono;

	/* without room: only MSG_CTRUNC is told */
	msg->control = hdr->msg_control ? hdr->msg_control : (void *)hdr;
	msg->control_room = 0;
	if (!hdr->msg_control || !hdr->msg_controllen ||
	    !shim_can_write(hdr->msg_control, hdr->msg_controllen))
		return;
	msg->control_room = hdr->msg_controllen;
	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	msg->wall_us = (wall.tv_sec - mono.tv_sec) * 1000000ll +
		       (wall.tv_nsec - mono.tv_nsec) / 1000;
}

/* ---- of sockets that the relay has ---- */

static void put_done(const struct fdnet_node_cmsg *w, struct msghdr *hdr)
{
	hdr->msg_controllen = w->used;
	if (w->cut)
		hdr->msg_flags |= MSG_CTRUNC;
}

void shim_cmsg_put_tag(int domain, const struct fdnet_node_tag *tag,
		       struct msghdr *hdr)
{
	struct fdnet_node_cmsg w = {
		.at = hdr->msg_control,
		.room = hdr->msg_controllen,
	};

	if (tag->flags & (FDNET_TAG_TIME | FDNET_TAG_TIME_NS))
		clock_gettime(CLOCK_REALTIME, &w.now);
	fdnet_node_cmsg_tag(&w, domain == AF_INET ? 4 : 6, tag);
	put_done(&w, hdr);
}

void shim_cmsg_put_error(int domain, const struct fdnet_sock_error *err,
			 struct msghdr *hdr)
{
	struct fdnet_node_cmsg w = {
		.at = hdr->msg_control,
		.room = hdr->msg_controllen,
	};
	struct sockaddr_in6 offender = { 0 };
	socklen_t len = sizeof(offender);

	shim_name_to(domain, &err->offender, (struct sockaddr *)&offender,
		     &len);
	fdnet_node_cmsg_error(&w, domain == AF_INET ? 4 : 6, err, &offender,
			      len);
	put_done(&w, hdr);
}
