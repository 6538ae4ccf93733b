/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/socklist.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "relay/flows.h"
#include "relay/guest.h"
#include "relay/limits.h"

static void set_names(struct fdnet_ctl *ctl, const struct fdnet_name *local,
		      const struct fdnet_name *peer)
{
	size_t len = local->ip.family == 4 ? 4 : 16;

	ctl->family = local->ip.family;
	memcpy(ctl->addr, local->ip.bytes, len);
	memcpy(ctl->peer, peer->ip.bytes, len);
	ctl->port = local->port;
	ctl->peer_port = peer->port;
}

static int claimed(struct relay *relay, uint32_t *index, struct fdnet_ctl *ctl)
{
	static const struct fdnet_name nobody;
	struct registry_claim claim;
	struct fdnet_name local;
	bool listening;
	int rc = registry_nth(&relay->registry, index, &claim, &listening);

	if (rc < 0)
		return rc;
	local = (struct fdnet_name){ .ip = claim.ip, .port = claim.port };
	set_names(ctl, &local, &nobody);
	ctl->proto = claim.proto;
	ctl->flags = listening ? TCP_LISTEN : TCP_CLOSE;
	return 0;
}

/* Not of another sandbox in a shared network. */
static bool is_own(struct relay *relay, uint32_t id)
{
	struct guest *guest = guest_find(relay, id);

	return guest && !guest->peer;
}

static int connected(struct relay *relay, uint32_t *index,
		     struct fdnet_ctl *ctl)
{
	struct fdnet_name local, peer;
	uint32_t guest;
	int state = switch_nth(&relay->sw, index, &guest, &local, &peer);

	if (state < 0)
		return state;
	if (!is_own(relay, guest))
		return -EAGAIN;
	set_names(ctl, &local, &peer);
	ctl->proto = 6;
	ctl->flags = (uint16_t)state;
	return 0;
}

static uint16_t flow_state(const struct flow_info *info)
{
	/* the words of flow_tcp_describe(); others are of datagrams */
	if (!strcmp(info->state, "connecting"))
		return info->published ? TCP_SYN_RECV : TCP_SYN_SENT;
	if (!strcmp(info->state, "resetting"))
		return TCP_CLOSE;
	return TCP_ESTABLISHED;
}

static int flowing(struct relay *relay, uint32_t *index, struct fdnet_ctl *ctl)
{
	struct flow *flow = relay->flows.list;
	struct flow_info info;

	for (; flow && *index; flow = flow->next)
		--*index;
	if (!flow)
		return -ENOENT;
	flows_describe(relay, flow, &info);
	if (flow->kind == FLOW_KIND_ECHO || !is_own(relay, info.guest))
		return -EAGAIN;
	set_names(ctl, &info.src, &info.dst);
	ctl->proto = info.proto;
	ctl->flags = flow_state(&info);
	return 0;
}

int socklist_get(struct relay *relay, uint32_t index,
		 struct fdnet_ctl *ret_reply)
{
	int rc;

	if (index >= LIMIT_SOCKLIST)
		return -ENOENT;
	rc = claimed(relay, &index, ret_reply);
	if (rc == -ENOENT)
		rc = connected(relay, &index, ret_reply);
	if (rc == -ENOENT)
		rc = flowing(relay, &index, ret_reply);
	return rc;
}
