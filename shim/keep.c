/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/keep.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "shim/net.h"

bool shim_keep_is(int level, int name)
{
	if (level == SOL_SOCKET)
		return name == SO_KEEPALIVE;
	return level == IPPROTO_TCP &&
	       (name == TCP_KEEPIDLE || name == TCP_KEEPINTVL ||
		name == TCP_KEEPCNT || name == TCP_USER_TIMEOUT);
}

static unsigned int get_int(struct fdnet_sock *so, int level, int name)
{
	uint32_t len = sizeof(int);
	int value = 0;

	fdnet_sock_getopt(so, level, name, &value, &len);
	return value < 0 ? 0 : (unsigned int)value;
}

void shim_keep_tell(const struct shim_file *file, const struct fdnet_name *to,
		    bool always)
{
	struct fdnet_ctl ctl = { .op = FDNET_CTL_KEEP, .proto = IPPROTO_TCP };
	struct fdnet_name local, peer;

	if (!file->so || !file->is_stream || !file->joined ||
	    !shim_net_has_relay())
		return;
	ctl.keep_on = get_int(file->so, SOL_SOCKET, SO_KEEPALIVE);
	ctl.user_timeout_ms =
		get_int(file->so, IPPROTO_TCP, TCP_USER_TIMEOUT);
	if (!always && !ctl.keep_on && !ctl.user_timeout_ms)
		return;
	if (to)
		peer = *to;
	else if (fdnet_sock_peer(file->so, &peer))
		return;
	if (fdnet_sock_name(file->so, &local) || !local.port ||
	    local.ip.family != peer.ip.family)
		return;
	ctl.family = local.ip.family;
	ctl.port = local.port;
	ctl.peer_port = peer.port;
	memcpy(ctl.addr, local.ip.bytes, ctl.family == 4 ? 4 : 16);
	memcpy(ctl.peer, peer.ip.bytes, ctl.family == 4 ? 4 : 16);
	ctl.keep_idle_s =
		(uint16_t)get_int(file->so, IPPROTO_TCP, TCP_KEEPIDLE);
	ctl.keep_intvl_s =
		(uint16_t)get_int(file->so, IPPROTO_TCP, TCP_KEEPINTVL);
	ctl.keep_cnt = (uint8_t)get_int(file->so, IPPROTO_TCP, TCP_KEEPCNT);
	shim_net_tell(&ctl);
}
