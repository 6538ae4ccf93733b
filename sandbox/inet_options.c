/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of, and set on, network sockets. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "sandbox/notify.h"
#include "sandbox/udgram.h"

#define SO_PEERPIDFD_NR 77 /* not in the headers of Debian 12 */

/* ---- names and options ---- */

static void named(struct call *call, const struct fdnet_node_ans *ans)
{
	bool peer = call->nr == SYS_getpeername;
	const struct fdnet_name *name = peer ? &ans->peer : &ans->local;
	struct sockaddr_storage sa;

	if (ans->error == ENOENT) {
		call_continue(call, "a name is read from an AF_UNIX socket");
		return;
	}
	if (ans->error) {
		call_reply(call, -(int)ans->error);
		return;
	}
	if (peer && !name->ip.family) {
		call_reply(call, -ENOTCONN);
		return;
	}
	call_reply(call,
		   sockaddr_write(call, call->args[1], call->args[2], &sa,
				  sockaddr_from_name(&sa, ans->family, name)));
}

void handle_name(struct call *call)
{
	struct fdnet_node_req req = {.op = FDNET_NODE_NAMES};
	struct netlink *netlink;
	struct udgram *udgram;
	struct sockaddr_storage sa;
	socklen_t len;
	int rc;

	rc = call_take_fd(call, (int)call->args[0]);
	if (rc == -ESOCKTNOSUPPORT) {
		call_continue(call, "a name is read from what --inherit gave");
		return;
	}
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	udgram = udgram_find(call->sup, call->cookie);
	if (udgram) {
		udgram_name(call, udgram);
		return;
	}
	netlink = netlink_find(call->sup, call->cookie);
	if (netlink) {
		len = netlink_name(netlink, call->nr == SYS_getpeername, &sa);
		call_reply(call, sockaddr_write(call, call->args[1],
						call->args[2], &sa, len));
		return;
	}
	call_ask(call, &req, -1, named);
}

/* What of the relay's answer is the socket's family and type; the pair's end
 * would say AF_UNIX. */
static bool option_of_kind(const struct call *call, const struct kind *kind,
			   int *ret_value)
{
	if ((int)call->args[1] != SOL_SOCKET)
		return false;
	switch ((int)call->args[2]) {
	case SO_DOMAIN:
		*ret_value = kind->family == 6 ? AF_INET6 : AF_INET;
		return true;
	case SO_TYPE:
		*ret_value = kind->type;
		return true;
	default:
		return false;
	}
}

static void give_option(struct call *call, const void *value, uint32_t len)
{
	int32_t room;
	int rc;

	rc = call_read(call, call->args[4], &room, sizeof(room));
	if (rc == 0 && room < 0)
		rc = -EINVAL;
	if (rc == 0 && (uint32_t)room < len)
		len = (uint32_t)room;
	if (rc == 0)
		rc = call_write(call, call->args[3], value, len);
	if (rc == 0)
		rc = call_write(call, call->args[4], &len, sizeof(len));
	call_reply(call, rc);
}

/* A reset shows on the pair's end, too: told once. */
static void fetch_error(struct call *call)
{
	int error;
	socklen_t len = sizeof(error);

	if ((int)call->args[1] == SOL_SOCKET && (int)call->args[2] == SO_ERROR)
		getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

/* The peer of a connection that we made is not us. */
static void give_own_option(struct call *call)
{
	bool of_socket = (int)call->args[1] == SOL_SOCKET;
	struct ucred cred;

	if (of_socket && (int)call->args[2] == SO_PEERCRED &&
	    unix_peer(call, &cred))
		give_option(call, &cred, sizeof(cred));
	else if (of_socket && (int)call->args[2] == SO_PEERPIDFD_NR &&
		 unix_peer(call, &cred))
		call_reply(call, -ENOPROTOOPT); /* as before Linux 6.5 */
	else
		call_continue(call, "an option is read from an AF_UNIX socket");
}

static void option_got(struct call *call, const struct fdnet_node_ans *ans)
{
	if (!ans->error)
		fetch_error(call);
	if (ans->error == ENOENT)
		give_own_option(call);
	else if (ans->error)
		call_reply(call, -(int)ans->error);
	else
		give_option(call, ans->value, ans->len);
}

void handle_getsockopt(struct call *call)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_GETOPT,
		.level = (int)call->args[1],
		.optname = (int)call->args[2],
	};
	struct netlink *netlink;
	struct kind *kind;
	int value, rc;
	int32_t room;

	rc = call_take_fd(call, (int)call->args[0]);
	if (rc == -ESOCKTNOSUPPORT) {
		call_continue(call, "an option is read from what --inherit gave");
		return;
	}
	netlink = rc == 0 ? netlink_find(call->sup, call->cookie) : NULL;
	if (netlink) {
		if ((int)call->args[1] == SOL_SOCKET &&
		    netlink_option(netlink, (int)call->args[2], &value))
			give_option(call, &value, sizeof(value));
		else
			call_continue(call, "an option is read from an "
					    "AF_UNIX socket");
		return;
	}
	if (rc == 0 && udgram_find(call->sup, call->cookie) &&
	    req.level == SOL_SOCKET && req.optname == SO_TYPE) {
		value = SOCK_DGRAM;
		give_option(call, &value, sizeof(value));
		return;
	}
	if (rc == 0)
		rc = call_read(call, call->args[4], &room, sizeof(room));
	if (rc == 0 && room < 0)
		rc = -EINVAL;
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	kind = kind_find(call->sup, call->cookie);
	if (kind && option_of_kind(call, kind, &value)) {
		give_option(call, &value, sizeof(value));
		return;
	}
	/* the engine's own level is not the program's */
	if (req.level == FDNET_NODE_SOL_IOCTL) {
		call_reply(call, -ENOPROTOOPT);
		return;
	}
	req.optlen = room > FDNET_NODE_VALUE_MAX ? FDNET_NODE_VALUE_MAX :
						   (uint32_t)room;
	call_ask(call, &req, -1, option_got);
}

/* Reads and writes that are the kernel's keep to its own limits too, and carry
 * urgent data as they are wanted. */
static void set_own(struct call *call, const void *value, uint32_t len)
{
	int name = (int)call->args[2];

	if ((int)call->args[1] == SOL_SOCKET &&
	    (name == SO_RCVTIMEO || name == SO_SNDTIMEO ||
	     name == SO_OOBINLINE))
		setsockopt(call->fd, SOL_SOCKET, name, value, len);
}

static void option_set(struct call *call, const struct fdnet_node_ans *ans)
{
	if (ans->error == ENOENT) {
		call_continue(call, "an option is set on an AF_UNIX socket");
		return;
	}
	if (!ans->error)
		set_own(call, call->data, (uint32_t)call->len);
	call_reply(call, -(int)ans->error);
}

void handle_setsockopt(struct call *call)
{
	struct fdnet_node_req req = {
		.op = FDNET_NODE_SETOPT,
		.level = (int)call->args[1],
		.optname = (int)call->args[2],
		.optlen = (uint32_t)call->args[4],
	};
	int rc;

	rc = call_take_fd(call, (int)call->args[0]);
	if (rc == -ESOCKTNOSUPPORT) {
		call_reply(call, -EPERM);
		return;
	}
	if (rc == 0 && netlink_find(call->sup, call->cookie)) {
		call_reply(call, 0); /* buffers, NETLINK_EXT_ACK ... */
		return;
	}
	/* programs for packets (SO_ATTACH_FILTER) are longer by their pointer */
	if (rc == 0 && ((int)call->args[4] < 0 ||
			(int)call->args[4] > FDNET_NODE_VALUE_MAX))
		rc = -EINVAL;
	if (rc == 0) {
		call->len = req.optlen;
		call->data = malloc(req.optlen + 1);
		rc = call->data ? call_read(call, call->args[3], call->data,
					    req.optlen) :
				  -ENOMEM;
	}
	if (rc < 0) {
		call_reply(call, rc);
		return;
	}
	req.value = call->data;
	call_ask(call, &req, -1, option_set);
}
