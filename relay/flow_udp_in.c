/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams from the host, and from clients of published ports. */
#include "config.h"

#include "relay/flow_udp_internal.h"

#include <string.h>

#include "relay/sys.h"

/* Batches of one host socket in one turn. */
#define HOST_BUDGET 4

/* Into the engine. false: it is full. */
static bool deliver(struct guest *guest, struct flow_udp *flow,
		    const void *data, size_t len)
{
	struct fdnet_sock *so =
		guest->udp_gate[flow->key.local.ip.family == 6];
	struct iovec iov = { (void *)data, len };
	struct fdnet_msg msg = {
		.iov = &iov,
		.iovcnt = 1,
		.to_from = flow->key.local,
		.local = flow->key.remote,
		.ttl = -1,
		.tos = -1,
	};
	ssize_t rc = fdnet_sock_send(so, &msg);

	if (rc == -EAGAIN)
		return false;
	if (rc < 0)
		count(&guest->relay->counters, C_UDP_DROP);
	else
		flow->bytes_in += len;
	flow->pkts_in += rc >= 0;
	return true;
}

static void block(struct relay *relay, struct flow_udp *flow)
{
	flow->blocked = true;
	relay->udp->nblocked++;
	loop_change(&relay->loop, &flow->src, 0);
}

/* One batch. Is there more? */
static bool host_batch(struct relay *relay, struct guest *guest,
		       struct flow_udp *flow)
{
	struct mmsghdr *msgs = relay->udp->msgs;
	long rc;

	rc = SYS_RETRY(recvmmsg(flow->fd, msgs, BATCH, MSG_DONTWAIT, NULL));
	if (rc <= 0)
		return false;
	flow_udp_set_used(relay, flow, LIST_TWO_WAY);
	for (int i = 0; i < rc; i++) {
		if (!rule_pass(flow->rule, 1, msgs[i].msg_len, relay->now_us))
			count(&relay->counters, C_RULE_DROP);
		else if (!deliver(guest, flow, relay->udp->data[i],
				  msgs[i].msg_len))
			relay->counters.n[C_UDP_DROP]++;
	}
	return rc == BATCH;
}

void flow_udp_host_event(struct relay *relay, struct source *src,
			 uint32_t events)
{
	struct flow_udp *flow = (struct flow_udp *)src;
	struct guest *guest = guest_find(relay, flow->key.guest);

	if (!guest || !guest_is_up(guest)) {
		flow_udp_finish(relay, flow, "guest ended");
		return;
	}
	fdnet_stack_set_time(guest->stack, relay->now_us);
	if (events & EPOLLERR)
		flow_udp_take_errors(relay, flow);
	for (int i = 0; events & EPOLLIN && i < HOST_BUDGET; i++) {
		struct fdnet_sock *so =
			guest->udp_gate[flow->key.local.ip.family == 6];

		if (!(fdnet_sock_poll(so) & FDNET_EV_OUT)) {
			block(relay, flow);
			break;
		}
		if (!host_batch(relay, guest, flow))
			break;
		/* what the link takes makes room for the next batch */
		guest_link_output(guest);
	}
	guest_touch(guest);
}

void flow_udp_publish(struct guest *guest, int fd,
		      const struct fdnet_name *real,
		      const struct fdnet_name *client,
		      const struct fdnet_name *target, const void *data,
		      size_t len)
{
	struct relay *relay = guest->relay;
	struct rule *rule = NULL;
	struct flow_key key;
	struct flow_udp *flow;

	memset(&key, 0, sizeof(key));
	key.guest = guest->id;
	key.local.ip = target->ip;
	key.local.port = target->port;
	key.remote.ip = client->ip;
	key.remote.port = client->port;
	flow = flow_udp_find(relay, &key);
	if (!flow) {
		if (!relay_decide_client(relay, POLICY_UDP, client,
					 target->port, &rule))
			return;
		flow = flow_udp_new(relay, &key);
		if (!flow)
			return;
		rule_take(rule);
		flow->rule = rule;
		flow->published = true;
		flow->fd = fd;
		flow->real_len = sys_from_name(real, &flow->real);
		flow_udp_note(relay, flow, RECORD_OPEN, 0, NULL);
	}
	fdnet_stack_set_time(guest->stack, relay->now_us);
	flow_udp_set_used(relay, flow, LIST_TWO_WAY);
	if (!rule_pass(flow->rule, 1, len, relay->now_us))
		count(&relay->counters, C_RULE_DROP);
	else if (!deliver(guest, flow, data, len))
		count(&relay->counters, C_UDP_DROP);
	guest_touch(guest);
}
