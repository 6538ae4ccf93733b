/* SPDX-License-Identifier: Apache-2.0 */
/* The saved form of an fd endpoint. */
#include "config.h"

#include <string.h>
#include <sys/socket.h>

#include <fdnet/endpoint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fds[2] = {-1, -1};
	struct fdnet_fd_options o = {.fds = fds, .nfds = 1};
	struct fdnet_endpoint *ep;

	if (fds[0] < 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		__builtin_trap();
	if (!fdnet_endpoint_restore(data, size, &o, &ep, NULL))
		fdnet_endpoint_free(ep);
	return 0;
}
