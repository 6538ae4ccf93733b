/* SPDX-License-Identifier: Apache-2.0 */
/* Link messages: the header, and everything the link does with a message. */
#include "config.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "endpoint/link.h"
#include "endpoint/sum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fdnet_link *link_under_test;
static struct fdnet_pkt_pool *pool;
static int peer = -1;

static void on_packet(void *arg, struct fdnet_pkt *pkt)
{
	assert(fdnet_pkt_total(pkt) >= 20);
	assert(pkt->ethertype == 0x0800 || pkt->ethertype == 0x86dd);
	/* What the header promised must hold for who uses it. */
	assert(fdnet_sum_complete(pkt) == 0);
	fdnet_pkt_free(pkt);
}

static void on_control(void *arg, enum fdnet_link_type type,
		       const uint8_t *body, size_t len, int fd)
{
	assert(len <= FDNET_LINK_CONTROL_MAX);
	assert(fd == -1);
}

static void open_link(void)
{
	static const struct fdnet_link_ops ops = {.packet = on_packet,
						  .control = on_control};
	struct fdnet_link_config cfg = {
		.mem = fdnet_mem_libc(),
		.max_msg = 1 << 20,
		.ops = &ops,
	};
	struct fdnet_area *area;
	int fds[2], memfd;

	if (peer >= 0)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		__builtin_trap();
	pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 64, 0);
	cfg.pool = pool;
	cfg.fd = fds[0];
	peer = fds[1];
	if (fdnet_link_new(&cfg, &link_under_test) ||
	    fdnet_area_create(cfg.mem, &area, &memfd))
		__builtin_trap();
	close(memfd);
	fdnet_link_set_area(link_under_test, area);
}

/* One byte of features, then a message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fdnet_link_hdr hdr;
	uint8_t again[FDNET_LINK_HDR_LEN];

	if (size < 1 || size > 100000)
		return 0;
	open_link();
	if (!fdnet_link_hdr_decode(data + 1, size - 1, data[0], &hdr)) {
		fdnet_link_hdr_encode(again, &hdr);
		assert(!memcmp(again, data + 1, sizeof(again)));
	}
	fdnet_link_set_features(link_under_test, data[0]);
	if (send(peer, data + 1, size - 1, MSG_DONTWAIT) < 0)
		return 0;
	assert(fdnet_link_recv(link_under_test, 2) >= 1);
	return 0;
}
