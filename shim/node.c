/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/node.h"

#include <errno.h>
#include <string.h>

#include "base/ask.h"
#include "shim/attach.h"
#include "shim/highfd.h"
#include "shim/net.h"
#include "shim/raw.h"

/* What A may hold while the relay is slow. */
#define SNDBUF_OPEN (1 << 20)

static int channel = -1;
static long channel_pid; /* of the process whose descriptor it is */
static uint32_t last_id;

static ssize_t call_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return raw_sendmsg(fd, msg, flags);
}

static ssize_t call_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return raw_recvmsg(fd, msg, flags);
}

static const struct fdnet_ask_calls calls = { call_sendmsg, call_recvmsg };

static int open_channel(void)
{
	long pid = RAW(SYS_getpid, 0, 0, 0, 0, 0, 0);
	int fd;

	/* a vfork() child has its parent's memory, and descriptors of its own:
	 * what it opened is not there any more */
	if (channel >= 0 && channel_pid == pid)
		return 0;
	fd = shim_attach_node();
	if (fd < 0)
		return -ENETDOWN;
	channel = fd;
	channel_pid = pid;
	return 0;
}

int shim_node_ask(struct fdnet_node_req *req, const int *fds,
		  unsigned int nfds, struct fdnet_node_ans *ret_ans)
{
	static uint8_t out[FDNET_NODE_MAX_LEN], in[FDNET_NODE_MAX_LEN];
	struct fdnet_node_ans ans;
	ssize_t len;
	int rc = open_channel();

	if (rc < 0)
		return rc;
	req->id = ++last_id;
	len = (ssize_t)fdnet_node_req_encode(out, req);
	len = fdnet_ask(&calls, channel, out, (size_t)len, fds, nfds, in,
			sizeof(in));
	if (len < 0 || fdnet_node_ans_decode(in, (size_t)len, &ans) < 0) {
		shim_fd_lower(channel);
		channel = -1;
		return -ENETDOWN;
	}
	if (ret_ans)
		*ret_ans = ans;
	return -(int)ans.error;
}

int shim_node_names(struct shim_file *file)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_NAMES,
				      .cookie = file->cookie };
	struct fdnet_node_ans ans;
	int rc = shim_node_ask(&req, NULL, 0, &ans);

	if (rc < 0)
		return rc;
	file->local = ans.local;
	file->peer = ans.peer;
	file->domain = ans.family == 4 ? AF_INET : AF_INET6;
	file->is_stream = ans.type == FDNET_SOCK_STREAM;
	file->type = ans.type;
	file->proto = ans.proto;
	file->listens = ans.state & FDNET_NODE_LISTENING;
	file->framed = ans.state & FDNET_NODE_IS_FRAMED;
	file->joined = !(ans.state & FDNET_NODE_LISTENING) &&
		       ans.peer.ip.family != 0;
	return 0;
}

int shim_node_bind(struct shim_file *file, const struct fdnet_name *name)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_BIND,
				      .cookie = file->cookie,
				      .name = *name };
	struct fdnet_node_ans ans;
	int rc = shim_node_ask(&req, NULL, 0, &ans);

	if (rc == 0)
		file->local = ans.local;
	return rc;
}

int shim_node_listen(struct shim_file *file, int backlog)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_LISTEN,
				      .cookie = file->cookie,
				      .arg = (uint32_t)backlog };
	int rc = shim_node_ask(&req, NULL, 0, NULL);

	if (rc == 0)
		file->listens = true;
	return rc;
}

int shim_node_shutdown(struct shim_file *file, int how)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_SHUTDOWN,
				      .cookie = file->cookie,
				      .arg = (uint32_t)how };

	return shim_node_ask(&req, NULL, 0, NULL);
}

int shim_node_connect(struct shim_file *file, const struct fdnet_name *name)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_CONNECT,
				      .flags = FDNET_NODE_NONBLOCK,
				      .cookie = file->cookie,
				      .name = *name };
	struct fdnet_node_ans ans;
	int rc = shim_node_ask(&req, NULL, 0, &ans);

	if (rc == 0 && !file->is_stream)
		file->peer = *name;
	if (rc == 0)
		file->local = ans.local;
	return rc;
}

int shim_node_setopt(struct shim_file *file, int level, int name,
		     const void *val, uint32_t len)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_SETOPT,
				      .cookie = file->cookie,
				      .level = level,
				      .optname = name,
				      .optlen = len,
				      .value = val };

	if (len > FDNET_NODE_VALUE_MAX)
		return -EINVAL;
	return shim_node_ask(&req, NULL, 0, NULL);
}

int shim_node_getopt(struct shim_file *file, int level, int name, void *val,
		     uint32_t *len)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_GETOPT,
				      .cookie = file->cookie,
				      .level = level,
				      .optname = name,
				      .optlen = *len < FDNET_NODE_VALUE_MAX ?
							*len :
							FDNET_NODE_VALUE_MAX };
	struct fdnet_node_ans ans;
	int rc = shim_node_ask(&req, NULL, 0, &ans);

	if (rc < 0)
		return rc;
	if (ans.len < *len)
		*len = ans.len;
	memcpy(val, ans.value, *len);
	return 0;
}

void shim_node_open_out(struct shim_file *file, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct timespec now = { 0 };
	int size = SNDBUF_OPEN;

	if (raw_ppoll(&p, 1, &now, NULL) != 1 || !(p.revents & POLLOUT))
		return;
	raw_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	file->narrow = false;
}

void shim_node_after_fork(void)
{
	channel = -1; /* closed with all that is ours */
}
