/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP that only holds ports and 4-tuples, for tests of the parts around
 * it: they need listeners and connections, not segments.
 */
#include "config.h"

#include <errno.h>

#include "stack/internal.h"

static void fake_close(struct fdnet_sock *so)
{
	fdnet_sock_release(so);
}

static int fake_listen(struct fdnet_sock *so, int backlog)
{
	return fdnet_demux_listen(so);
}

static int fake_connect(struct fdnet_sock *so, const struct fdnet_name *name)
{
	int rc = fdnet_ip_source(so->stack, &name->ip, &so->local.ip);

	if (rc)
		return rc;
	so->peer = *name;
	rc = fdnet_sock_autobind(so, &name->ip);
	return rc ? rc : fdnet_demux_connect(so);
}

static int fake_shutdown(struct fdnet_sock *so, int how)
{
	return 0;
}

static uint32_t fake_poll(struct fdnet_sock *so)
{
	return 0;
}

static struct fdnet_pkt *fake_output(struct fdnet_sock *so)
{
	return NULL;
}

static void fake_input(struct fdnet_sock *so, struct fdnet_pkt *pkt,
		       const struct fdnet_ip_in *in)
{
	fdnet_sock_event(so, FDNET_EV_IN);
	fdnet_pkt_free(pkt);
}

const struct fdnet_proto_ops fdnet_tcp_ops = {
	.proto = 6,
	.size = sizeof(struct fdnet_sock),
	.close = fake_close,
	.listen = fake_listen,
	.connect = fake_connect,
	.shutdown = fake_shutdown,
	.poll = fake_poll,
	.output = fake_output,
	.input = fake_input,
};

void fdnet_tcp_input_nosock(struct fdnet_stack *stack, struct fdnet_pkt *pkt,
			    const struct fdnet_ip_in *in)
{
	fdnet_stack_count(stack, FDNET_C_TCP_NO_SOCK);
	fdnet_pkt_free(pkt);
}

int fdnet_sock_state(const struct fdnet_sock *so)
{
	return so->connected ? FDNET_TCP_ESTABLISHED : FDNET_TCP_CLOSE;
}
