/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/capture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "endpoint/packet_internal.h"
#include "relay/sys.h"
#include "relay/state.h"

void capture_init(struct capture *capture)
{
	*capture = (struct capture){ .fd = -1 };
}

void capture_stop(struct capture *capture)
{
	if (capture->fd >= 0)
		close(capture->fd);
	capture->fd = -1;
}

void capture_start(struct capture *capture, int fd)
{
	capture_stop(capture);
	*capture = (struct capture){ .fd = fd };
	sys_set_buffers(fd, 4 << 20);
}

int capture_spawn(struct capture *capture, const struct pcap_target *target)
{
	int fd = pcap_proc_start(target);

	if (fd < 0)
		return fd;
	capture_start(capture, fd);
	return 0;
}

/* Room within the time that we have? */
static bool wait_room(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return SYS_RETRY(poll(&pfd, 1, CAPTURE_PATIENCE_MS)) > 0 &&
	       !(pfd.revents & (POLLERR | POLLHUP));
}

void capture_packet(struct capture *capture, const struct fdnet_pkt *pkt)
{
	/* of the process: one packet at a time */
	static uint8_t data[CAPTURE_HDR_LEN + CAPTURE_SNAPLEN];
	struct capture_hdr hdr = { .len = fdnet_pkt_total(pkt) };
	struct iovec iov = { data, CAPTURE_HDR_LEN };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct timespec now;
	ssize_t rc;

	clock_gettime(CLOCK_REALTIME, &now);
	hdr.s = (uint32_t)now.tv_sec;
	hdr.us = (uint32_t)(now.tv_nsec / 1000);
	capture_hdr_encode(data, &hdr);
	iov.iov_len += fdnet_pkt_copy_out(pkt, 0, data + CAPTURE_HDR_LEN,
					  CAPTURE_SNAPLEN);
	do
		rc = sys_sendmsg(capture->fd, &msg);
	while (rc == -EAGAIN && wait_room(capture->fd));
	if (rc < 0) {
		capture_stop(capture);
		capture->ended = true;
		return;
	}
	capture->packets++;
	capture->bytes += hdr.len;
}

bool capture_ended(struct capture *capture)
{
	bool ended = capture->ended;

	capture->ended = false;
	return ended;
}

/* ---- state.h ---- */

void capture_state(struct capture *capture, struct state *st)
{
	capture->fd = state_socket(st, capture->fd, AF_UNIX, SOCK_SEQPACKET);
	capture->ended = fdnet_save_bool(&st->s, capture->ended);
	capture->packets = fdnet_save_u64(&st->s, capture->packets);
	capture->bytes = fdnet_save_u64(&st->s, capture->bytes);
}
