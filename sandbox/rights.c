/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes beside a message of an AF_UNIX datagram socket that we send or
 * receive for the caller, as it has an address: descriptors, and who sent it.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/join.h"
#include "sandbox/message.h"

void rights_drop(struct call *call)
{
	size_t i;

	for (i = 0; i < call->fd_count; i++)
		close(call->fds[i]);
	free(call->fds);
	call->fds = NULL;
	call->fd_count = 0;
}

/* ---- sent ---- */

static int take_fds(struct call *call, const struct cmsghdr *cmsg)
{
	size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;
	int number, fd;

	if (count > PASS_MAX - call->fd_count)
		return -EINVAL;
	if (!call->fds)
		call->fds = calloc(PASS_MAX, sizeof(*call->fds));
	if (!call->fds)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		memcpy(&number, CMSG_DATA(cmsg) + i * sizeof(number),
		       sizeof(number));
		fd = call_copy_fd(call, number);
		if (fd < 0)
			return fd;
		call->fds[call->fd_count++] = fd;
	}
	return 0;
}

int rights_take(struct call *call, const struct message *message)
{
	uint8_t bytes[RIGHTS_ROOM] __attribute__((aligned(8)));
	struct msghdr hdr = {
		.msg_control = bytes,
		.msg_controllen = message->control_len,
	};
	struct cmsghdr *cmsg;
	int rc = 0;

	if (!message->control || message->control_len < sizeof(*cmsg))
		return 0;
	if (message->control_len > sizeof(bytes))
		return -ENOBUFS;
	rc = call_read(call, message->control, bytes, message->control_len);
	if (rc < 0)
		return rc;
	for (cmsg = CMSG_FIRSTHDR(&hdr); cmsg && rc == 0;
	     cmsg = CMSG_NXTHDR(&hdr, cmsg)) {
		if (cmsg->cmsg_len < CMSG_LEN(0) ||
		    cmsg->cmsg_len > message->control_len -
					     (size_t)((uint8_t *)cmsg - bytes))
			return -EINVAL;
		/* its own credentials are told whatever it says here */
		if (cmsg->cmsg_level == SOL_SOCKET &&
		    cmsg->cmsg_type == SCM_RIGHTS)
			rc = take_fds(call, cmsg);
	}
	return rc;
}

/* ---- received ---- */

/* As the kernel's put_cmsg(): cut to the room there is. */
static void put(struct fdnet_node_cmsg *control, int type, const void *data,
		size_t len)
{
	struct cmsghdr cmsg = {
		.cmsg_len = CMSG_LEN(len),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = type,
	};
	size_t left = control->room - control->used, space = CMSG_SPACE(len);
	uint8_t *at = (uint8_t *)control->at + control->used;

	if (!control->at || left < sizeof(cmsg)) {
		control->cut = true;
		return;
	}
	if (left < cmsg.cmsg_len) {
		control->cut = true;
		cmsg.cmsg_len = left;
	}
	memcpy(at, &cmsg, sizeof(cmsg));
	memcpy(at + sizeof(cmsg), data, cmsg.cmsg_len - sizeof(cmsg));
	control->used += space < left ? space : left;
}

static void give_fds(const struct call *call, const struct message *message,
		     const struct cmsghdr *cmsg, struct fdnet_node_cmsg *control)
{
	bool close_on_exec = message->flags & MSG_CMSG_CLOEXEC;
	size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;
	size_t left = control->room - control->used, fit = 0, given = 0;
	int numbers[PASS_MAX], fd, number;

	if (control->at && left > sizeof(*cmsg))
		fit = (left - sizeof(*cmsg)) / sizeof(int);
	for (i = 0; i < count; i++) {
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
		number = given == i && i < fit && i < PASS_MAX
				 ? call_give_fd(call, fd, close_on_exec)
				 : -EMFILE;
		if (number >= 0)
			numbers[given++] = number;
		close(fd);
	}
	if (given < count)
		control->cut = true;
	if (given)
		put(control, SCM_RIGHTS, numbers, given * sizeof(*numbers));
}

static void give_cred(const struct call *call, const struct cmsghdr *cmsg,
		      struct fdnet_node_cmsg *control)
{
	struct ucred cred;

	memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
	/* we are who sent it, and have no number there */
	if (call->sup->setup.own_pids)
		cred.pid = 0;
	put(control, SCM_CREDENTIALS, &cred, sizeof(cred));
}

int rights_give(const struct call *call, const struct message *message,
		struct msghdr *msg, uint8_t *room,
		struct fdnet_node_cmsg *ret_control)
{
	struct cmsghdr *cmsg;

	memset(room, 0, RIGHTS_ROOM);
	*ret_control = (struct fdnet_node_cmsg){
		.at = message->control ? room : NULL,
		.room = message->control_len < RIGHTS_ROOM ? message->control_len
							   : RIGHTS_ROOM,
	};
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_RIGHTS)
			give_fds(call, message, cmsg, ret_control);
		else if (cmsg->cmsg_type == SCM_CREDENTIALS)
			give_cred(call, cmsg, ret_control);
	}
	return message->flags & MSG_CMSG_CLOEXEC;
}
