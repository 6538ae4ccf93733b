/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state that a relay takes over, in a relay of this process. The input is
 * the number of descriptors, a byte for the kind of each (below), and the
 * state. What can be read is served for some turns.
 *
 * The corpus is of real relays: TAKEOVER_DUMP=fuzz/corpus/takeover
 * tests/test_takeover writes it anew, when a version has been raised.
 */
#include "config.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "endpoint/area.h"
#include "relay/relay.h"
#include "relay/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_FDS 48

/* As tests/takeover_case.c writes them. */
enum kind {
	KIND_SEQPACKET,
	KIND_UNIX_STREAM,
	KIND_STREAM,
	KIND_DGRAM,
	KIND_AREA,
	KIND_OTHER,
	KINDS
};

struct fuzz {
	struct options opts;
	struct relay relay;
	int fds[MAX_FDS], others[MAX_FDS];
	unsigned int nfds;
};

static int open_area(void)
{
	struct fdnet_area *area;
	int fd;

	if (fdnet_area_create(fdnet_mem_libc(), &area, &fd))
		abort();
	fdnet_area_free(area);
	return fd;
}

static int open_pair(int type, int *ret_other)
{
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) <
	    0)
		abort();
	*ret_other = pair[1];
	return pair[0];
}

static int open_kind(uint8_t kind, int *ret_other)
{
	*ret_other = -1;
	switch (kind % KINDS) {
	case KIND_SEQPACKET:
		return open_pair(SOCK_SEQPACKET, ret_other);
	case KIND_UNIX_STREAM:
		return open_pair(SOCK_STREAM, ret_other);
	case KIND_STREAM:
		return socket(AF_INET,
			      SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	case KIND_DGRAM:
		return socket(AF_INET,
			      SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	case KIND_AREA:
		return open_area();
	default:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	}
}

static void begin(struct fuzz *fuzz)
{
	memset(fuzz, 0, sizeof(*fuzz));
	policy_init(&fuzz->opts.policy);
	net_init(&fuzz->opts.net);
	limits_init(&fuzz->opts.limits);
	fuzz->opts.hosts = "";
	fuzz->opts.mtu = OPTIONS_MTU_DEFAULT;
	fuzz->opts.attach_fd = fuzz->opts.status_fd = -1;
	fuzz->opts.share_fd = -1;
	fuzz->opts.takeover_fd = -1;
	fuzz->opts.taking = true;
	fuzz->opts.quiet = true;
	if (relay_open(&fuzz->relay, &fuzz->opts))
		abort();
}

static void turns(struct fuzz *fuzz)
{
	state_begin(&fuzz->relay);
	for (int i = 0; i < 4; i++) {
		/* never waits, never prints a summary */
		fuzz->relay.finishing = true;
		fuzz->relay.finish_turns = 0;
		relay_turn(&fuzz->relay);
		fuzz->relay.finishing = false;
	}
}

static void end(struct fuzz *fuzz)
{
	relay_close(&fuzz->relay);
	policy_done(&fuzz->opts.policy);
	for (unsigned int i = 0; i < fuzz->nfds; i++) {
		if (fuzz->fds[i] >= 0)
			close(fuzz->fds[i]);
		if (fuzz->others[i] >= 0)
			close(fuzz->others[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state st = { .s.reading = true };
	struct fuzz *fuzz;

	if (size < 1 || data[0] > MAX_FDS || size < 1u + data[0])
		return 0;
	fuzz = malloc(sizeof(*fuzz));
	if (!fuzz)
		return 0;
	begin(fuzz);
	fuzz->nfds = data[0];
	for (unsigned int i = 0; i < fuzz->nfds; i++)
		fuzz->fds[i] = open_kind(data[1 + i], &fuzz->others[i]);
	st.relay = &fuzz->relay;
	st.s.src = data + 1 + fuzz->nfds;
	st.s.len = size - 1 - fuzz->nfds;
	st.fds = fuzz->fds;
	st.nfds = fuzz->nfds;
	if (!state_walk(&st))
		turns(fuzz);
	end(fuzz);
	free(fuzz);
	return 0;
}
