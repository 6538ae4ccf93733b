/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sandbox/message.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

static bool is_several(const struct call *call)
{
	return call->nr == SYS_sendmmsg || call->nr == SYS_recvmmsg;
}

unsigned int message_limit(const struct call *call)
{
	uint32_t limit = (uint32_t)call->args[2];

	if (!is_several(call))
		return 1;
	return limit < MESSAGES_MAX ? limit : MESSAGES_MAX;
}

static int read_header(const struct call *call, uint64_t addr,
		       struct message *message)
{
	struct msghdr msg;
	int rc;

	rc = call_read(call, addr, &msg, sizeof(msg));
	if (rc < 0)
		return rc;
	if (msg.msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	message->header = addr;
	message->name = (uintptr_t)msg.msg_name;
	message->name_len = msg.msg_namelen;
	message->name_len_at = addr + offsetof(struct msghdr, msg_namelen);
	message->control = (uintptr_t)msg.msg_control;
	message->control_len = msg.msg_controllen;
	message->iov_count = msg.msg_iovlen;
	return call_read(call, (uintptr_t)msg.msg_iov, message->iov,
			 msg.msg_iovlen * sizeof(*message->iov));
}

int message_read(const struct call *call, unsigned int index,
		 struct message *message)
{
	uint64_t addr = call->args[1];

	memset(message, 0, offsetof(struct message, iov));
	switch (call->nr) {
	case SYS_sendto:
	case SYS_recvfrom:
		message->iov[0] = (struct iovec){(void *)(uintptr_t)addr,
						 call->args[2]};
		message->iov_count = 1;
		message->flags = (int)call->args[3];
		message->name = call->args[4];
		message->name_len = (uint32_t)call->args[5];
		message->name_len_at = call->args[5];
		return 0;
	case SYS_sendmsg:
	case SYS_recvmsg:
		message->flags = (int)call->args[2];
		return read_header(call, addr, message);
	default:
		addr += index * sizeof(struct mmsghdr);
		message->flags = (int)call->args[3];
		return read_header(call, addr, message);
	}
}

ssize_t message_len(const struct message *message)
{
	size_t sum = 0, i;

	for (i = 0; i < message->iov_count; i++) {
		if (message->iov[i].iov_len > SSIZE_MAX - sum)
			return -EINVAL;
		sum += message->iov[i].iov_len;
	}
	return (ssize_t)sum;
}

int message_gather(const struct call *call, const struct message *message,
		   uint8_t *dst)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < message->iov_count; i++) {
		rc = call_read(call, (uintptr_t)message->iov[i].iov_base, dst,
			       message->iov[i].iov_len);
		dst += message->iov[i].iov_len;
	}
	return rc;
}

ssize_t message_scatter(const struct call *call, const struct message *message,
			const uint8_t *data, size_t len)
{
	size_t i, at = 0, part;
	int rc = 0;

	for (i = 0; rc == 0 && at < len && i < message->iov_count; i++) {
		part = message->iov[i].iov_len;
		if (part > len - at)
			part = len - at;
		rc = call_write(call, (uintptr_t)message->iov[i].iov_base,
				data + at, part);
		at += part;
	}
	return rc < 0 ? rc : (ssize_t)at;
}

int message_set_count(const struct call *call, unsigned int index, size_t len)
{
	uint64_t addr = call->args[1] + index * sizeof(struct mmsghdr) +
			offsetof(struct mmsghdr, msg_len);
	uint32_t count = (uint32_t)len;

	return is_several(call) ? call_write(call, addr, &count, sizeof(count)) :
				  0;
}

/* Control messages, msg_controllen and msg_flags. */
static int write_rest(const struct call *call, const struct message *message,
		      const struct fdnet_node_cmsg *control, int flags)
{
	uint64_t header = message->header;
	int rc = 0;

	if (control->cut)
		flags |= MSG_CTRUNC;
	if (control->used)
		rc = call_write(call, message->control, control->at,
				control->used);
	if (rc == 0)
		rc = call_write(call,
				header + offsetof(struct msghdr, msg_controllen),
				&control->used, sizeof(control->used));
	return rc < 0 ? rc :
			call_write(call,
				   header + offsetof(struct msghdr, msg_flags),
				   &flags, sizeof(flags));
}

int message_set_from(const struct call *call, const struct message *message,
		     const struct sockaddr_storage *sa, socklen_t len,
		     const struct fdnet_node_cmsg *control, int flags)
{
	socklen_t room = message->name_len;
	int rc = 0;

	if (!message->header && !message->name)
		return 0;
	if (!message->header)
		return sockaddr_write(call, message->name,
				      message->name_len_at, sa, len);
	if (message->name) {
		rc = call_write(call, message->name, sa,
				room < len ? room : len);
		if (rc == 0)
			rc = call_write(call, message->name_len_at, &len,
					sizeof(len));
	}
	return rc < 0 ? rc : write_rest(call, message, control, flags);
}

void message_begin_control(const struct message *message, uint8_t *room,
			   struct fdnet_node_cmsg *ret_control)
{
	*ret_control = (struct fdnet_node_cmsg){
		.at = message->control ? room : NULL,
		.room = message->control_len < MESSAGE_CONTROL_MAX ?
				message->control_len :
				MESSAGE_CONTROL_MAX,
	};
	clock_gettime(CLOCK_REALTIME, &ret_control->now);
}

int message_read_control(const struct call *call,
			 const struct message *message, struct fdnet_msg *msg)
{
	uint8_t bytes[MESSAGE_CONTROL_MAX] __attribute__((aligned(8)));
	int rc;

	if (!message->control || !message->control_len)
		return 0;
	if (message->control_len > sizeof(bytes))
		return -ENOBUFS;
	rc = call_read(call, message->control, bytes, message->control_len);
	return rc < 0 ? rc :
			fdnet_node_cmsg_parse(bytes, message->control_len, msg);
}
