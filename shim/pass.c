/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/pass.h"

#include <string.h>

#include "shim/attach.h"
#include "shim/call.h"
#include "shim/eset.h"
#include "shim/helper.h"
#include "shim/pump.h"
#include "shim/uaccess.h"

/* Calls @fn for every fd that goes, or came, along. */
static void each_fd(const struct msghdr *msg, void (*fn)(int fd))
{
	struct msghdr copy = *msg;
	struct cmsghdr *c;
	size_t n;
	int fd;

	for (c = CMSG_FIRSTHDR(&copy); c; c = CMSG_NXTHDR(&copy, c)) {
		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_RIGHTS ||
		    c->cmsg_len < CMSG_LEN(0) ||
		    (char *)c + c->cmsg_len >
			    (char *)msg->msg_control + msg->msg_controllen)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
			       sizeof(fd));
			fn(fd);
		}
	}
}

static void give(int fd)
{
	struct shim_guard guard;
	struct shim_file *file;

	if (shim_eset_maybe(fd)) {
		shim_enter(&guard);
		shim_eset_expose(fd);
		shim_leave(&guard);
	}
	file = shim_begin(fd, &guard);
	if (!file)
		return;
	shim_pump_begin(file);
	shim_end(&guard);
	shim_helper_start();
}

static void take(int fd)
{
	struct shim_guard guard;

	shim_enter(&guard);
	shim_file_suspect(fd);
	shim_leave(&guard);
}

void shim_pass_out(const struct msghdr *msg)
{
	if (shim_file_first() && shim_can_read(msg, sizeof(*msg)) &&
	    msg->msg_control && msg->msg_controllen >= sizeof(struct cmsghdr) &&
	    shim_can_read(msg->msg_control, msg->msg_controllen))
		each_fd(msg, give);
}

void shim_pass_in(const struct msghdr *msg)
{
	if (msg->msg_control &&
	    msg->msg_controllen >= sizeof(struct cmsghdr) &&
	    shim_attach_known())
		each_fd(msg, take);
}
