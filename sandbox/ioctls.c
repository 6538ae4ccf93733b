/* SPDX-License-Identifier: Apache-2.0 */
/* ioctl(): what is not sent, and the sandbox's interfaces. */
#include "config.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/ifreq.h"
#include "sandbox/notify.h"

/* ---- SIOCOUTQ ---- */

static void counted(struct call *call, const struct fdnet_node_ans *ans)
{
	int bytes = 0;
	int rc;

	if (ans->error) {
		call_continue(call, "a number is read from whatever it is");
		return;
	}
	if (ans->len == sizeof(bytes))
		memcpy(&bytes, ans->value, sizeof(bytes));
	rc = call_write(call, call->args[2], &bytes, sizeof(bytes));
	call_reply(call, rc);
}

/* A pair's end would count what it takes to show a reset. */
static void ask_outq(struct call *call)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_GETOPT,
		.level = FDNET_NODE_SOL_IOCTL,
		.optname = FDNET_NODE_OUTQ,
		.optlen = sizeof(int),
	};
	int rc = call_take_fd(call, (int)call->args[0]);

	if (rc == 0 && call->unix_type == SOCK_STREAM)
		call_ask(call, &req, -1, counted);
	else if (rc == -EBADF || rc == -ESRCH)
		call_reply(call, rc);
	else
		call_continue(call, "a number is read from whatever it is");
}

/* ---- SIOCGIF... ---- */

static int give_list(struct call *call)
{
	struct ifreq reqs[FDNET_RTNL_IFACES];
	unsigned int count = fdnet_ifreq_list(&call->sup->net, reqs), room;
	struct ifconf conf;
	int rc;

	rc = call_read(call, call->args[2], &conf, sizeof(conf));
	if (rc < 0)
		return rc;
	if (conf.ifc_buf) {
		room = conf.ifc_len < 0 ?
			       0 :
			       (unsigned int)conf.ifc_len / sizeof(*reqs);
		count = count < room ? count : room;
		rc = call_write(call, (uintptr_t)conf.ifc_buf, reqs,
				count * sizeof(*reqs));
	}
	conf.ifc_len = (int)(count * sizeof(*reqs));
	return rc < 0 ? rc :
			call_write(call, call->args[2], &conf, sizeof(conf));
}

static int give_iface(struct call *call, unsigned long request)
{
	struct ifreq req;
	int rc;

	if (request == SIOCGIFCONF)
		return give_list(call);
	rc = call_read(call, call->args[2], &req, sizeof(req));
	if (rc == 0)
		rc = fdnet_ifreq_answer(&call->sup->net, request, &req);
	return rc < 0 ? rc :
			call_write(call, call->args[2], &req, sizeof(req));
}

/* Of any socket, as in the kernel; what the kernel has is never shown. */
void handle_ioctl(struct call *call)
{
	uint32_t request = (uint32_t)call->args[1];
	int rc;

	if (request == SIOCOUTQ) {
		ask_outq(call);
		return;
	}
	rc = fdnet_ifreq_is(request) ? call_take_fd(call, (int)call->args[0]) :
				       -EPERM;
	if (rc == -ENOTSOCK)
		rc = -ENOTTY;
	call_reply(call, rc < 0 ? rc : give_iface(call, request));
}
