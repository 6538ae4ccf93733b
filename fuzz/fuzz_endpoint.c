/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from a peer: vnet header, Ethernet header, version, GRO, and the
 * splitting of what was merged or came as a burst.
 */
#include "config.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include <fdnet/endpoint.h>

#include "endpoint/gso.h"
#include "endpoint/sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ETHERNET 1
#define VNET	 2
#define GRO	 4
#define VARIANTS 8

static struct fdnet_endpoint *endpoints[VARIANTS];
static int peers[VARIANTS];

static void on_packet(void *arg, struct fdnet_endpoint *ep, struct fdnet_pkt *pkt)
{
	struct fdnet_pkt *list;

	assert(fdnet_pkt_total(pkt) > 0);
	assert(pkt->next == NULL);
	if (pkt->gso_size && fdnet_gso_segment(pkt, &list) > 0)
		fdnet_pkt_free_list(list);
	assert(fdnet_sum_complete(pkt) == 0);
	fdnet_flow_hash(pkt, 1);
	fdnet_pkt_free(pkt);
}

static void open_variant(unsigned int v)
{
	static const struct fdnet_dispatcher disp = {.deliver = on_packet};
	struct fdnet_fd_options o = {
		.nfds = 1,
		.mtu = 1500,
		.ethernet_header = v & ETHERNET,
		.gso_max_size = v & VNET ? 65536 : 0,
		.gro = v & GRO,
		.packet_dispatch_mode = FDNET_DISPATCH_RECVMMSG,
		.address = "\2\0\0\0\0\1",
		.address_len = 6,
	};
	int fds[2];

	if (endpoints[v])
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		__builtin_trap();
	o.fds = fds;
	peers[v] = fds[1];
	if (fdnet_fd_endpoint_new(&o, &endpoints[v], NULL) ||
	    fdnet_endpoint_attach(endpoints[v], &disp, NULL, FDNET_ATTACH_POLLED))
		__builtin_trap();
}

/* A byte that chooses the variant, then messages: two bytes of length each. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int v, n = 0;
	size_t len;

	if (size < 1)
		return 0;
	v = data[0] % VARIANTS;
	open_variant(v);
	for (data++, size--; size >= 2 && n < 8; n++) {
		len = (size_t)data[0] << 8 | data[1];
		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		if (send(peers[v], data, len, MSG_DONTWAIT) < 0)
			break;
		data += len;
		size -= len;
	}
	while (fdnet_endpoint_dispatch(endpoints[v], 0, 8) > 0)
		;
	return 0;
}
