/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ctl/client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int client_open(struct client *client, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = 10 };
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	client->fd = fd;
	return 0;
}

void client_close(struct client *client)
{
	close(client->fd);
}

static int send_request(struct client *client,
			const struct ctl_request *request, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	uint8_t header[CTL_REQUEST_LEN];
	struct iovec iov[2] = {
		{ header, sizeof(header) },
		{ (void *)request->body, request->len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *cmsg;

	ctl_request_encode(header, request);
	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	return sendmsg(client->fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int client_ask(struct client *client, const struct ctl_request *request,
	       int fd)
{
	int rc = send_request(client, request, fd);
	ssize_t len;

	if (rc)
		return rc;
	do
		len = recv(client->fd, client->message,
			   sizeof(client->message) - 1, 0);
	while (len < 0 && errno == EINTR);
	if (len <= 0)
		return !len ? -EPIPE : errno == EAGAIN ? -ETIMEDOUT : -errno;
	client->message[len] = '\0';
	rc = ctl_reply_decode(client->message, (size_t)len, &client->reply);
	if (!rc && client->reply.op != request->op)
		rc = -EPROTO;
	return rc;
}

int client_fetch(struct client *client, enum ctl_op op, json_t **ret_json)
{
	struct ctl_request request = { .op = op };
	json_t *all = NULL, *page;
	int rc;

	do {
		rc = client_ask(client, &request, -1);
		if (!rc && client->reply.error)
			rc = -(int)client->reply.error;
		if (rc)
			break;
		page = json_loadb((const char *)client->reply.body,
				  client->reply.len, JSON_ALLOW_NUL, NULL);
		if (!page) {
			rc = -EINVAL;
			break;
		}
		request.arg = client->reply.next;
		if (!all) {
			all = page;
			continue;
		}
		json_array_extend(all, page);
		json_decref(page);
	} while (client->reply.more);
	if (rc) {
		json_decref(all);
		return rc;
	}
	*ret_json = all;
	return 0;
}
