/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole relay in this process, without rules, and what a guest may send to
 * it: two links, and the attach channel. The input is a list of messages, each
 * one byte that says how, two of length, and the bytes:
 *   0, 1: as they are, on link 0 or 1
 *   2, 3: as the packet of a PACKET message, on link 0 or 1
 *   4, 5: as the body of a CONTROL message, on link 0 or 1
 *   6:    as they are, on the attach channel, with a new link's fd
 *   7:    link 1 dies, and another takes its place
 * Link 0 has said HELLO when the input begins.
 */
#include "config.h"

#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint/link.h"
#include "relay/guest.h"
#include "relay/relay.h"
#include "stack/wire/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_MESSAGES 64

struct fuzz {
	struct options opts;
	struct relay relay;
	int channel, links[2];
};

static void say(int fd, const void *data, size_t len, int pass)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (pass >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &pass, sizeof(int));
	}
	sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void say_typed(int fd, uint8_t type, const uint8_t *data, size_t len)
{
	struct fdnet_link_hdr hdr = { .type = type };
	uint8_t *msg = malloc(FDNET_LINK_HDR_LEN + len);

	if (!msg)
		return;
	if (type == FDNET_LINK_PACKET) {
		hdr.hdr_len = len < 40 ? (uint16_t)len : 40;
		hdr.payload_len = (uint32_t)len - hdr.hdr_len;
		hdr.flags = FDNET_LINK_HF_CSUM_TRUSTED;
	} else {
		hdr.hdr_len = (uint16_t)len;
	}
	fdnet_link_hdr_encode(msg, &hdr);
	memcpy(msg + FDNET_LINK_HDR_LEN, data, len);
	say(fd, msg, FDNET_LINK_HDR_LEN + len, -1);
	free(msg);
}

static void turn(struct fuzz *fuzz, int turns)
{
	uint8_t sink[4096];

	for (int i = 0; i < turns; i++) {
		/* never waits: there is always something to read */
		fuzz->relay.finishing = true;
		relay_turn(&fuzz->relay);
		fuzz->relay.finishing = false;
	}
	for (int i = 0; i < 2; i++)
		while (recv(fuzz->links[i], sink, sizeof(sink),
			    MSG_DONTWAIT) > 0)
			;
}

static int attach(struct fuzz *fuzz, const void *data, size_t len)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	say(fuzz->channel, data, len, pair[1]);
	close(pair[1]);
	return pair[0];
}

static int attach_well(struct fuzz *fuzz)
{
	uint8_t msg[FDNET_LINK_HDR_LEN + FDNET_ATTACH_LEN];
	struct fdnet_link_hdr hdr = { .type = FDNET_LINK_ATTACH,
				      .hdr_len = FDNET_ATTACH_LEN };
	struct fdnet_attach body = { .version = FDNET_CTL_VERSION };

	fdnet_link_hdr_encode(msg, &hdr);
	fdnet_attach_encode(msg + FDNET_LINK_HDR_LEN, &body);
	return attach(fuzz, msg, sizeof(msg));
}

static void hello(int fd)
{
	struct fdnet_hello hi = { .version = FDNET_CTL_VERSION,
				  .features = 31,
				  .max_msg = 256u << 10,
				  .comm = "fuzz" };
	uint8_t body[FDNET_HELLO_LEN];

	fdnet_hello_encode(body, &hi);
	say_typed(fd, FDNET_LINK_HELLO, body, sizeof(body));
}

static void message(struct fuzz *fuzz, uint8_t how, const uint8_t *data,
		    size_t len)
{
	int fd = fuzz->links[how & 1];

	switch (how & 7) {
	case 0:
	case 1:
		say(fd, data, len, -1);
		break;
	case 2:
	case 3:
		say_typed(fd, FDNET_LINK_PACKET, data, len);
		break;
	case 4:
	case 5:
		say_typed(fd, FDNET_LINK_CONTROL, data, len);
		break;
	case 6:
		close(attach(fuzz, data, len));
		break;
	case 7:
		close(fuzz->links[1]);
		fuzz->links[1] = attach_well(fuzz);
		break;
	}
}

static void begin(struct fuzz *fuzz)
{
	int pair[2];

	memset(fuzz, 0, sizeof(*fuzz));
	policy_init(&fuzz->opts.policy);
	net_init(&fuzz->opts.net);
	limits_init(&fuzz->opts.limits);
	fuzz->opts.hosts = "";
	fuzz->opts.mtu = OPTIONS_MTU_DEFAULT;
	fuzz->opts.status_fd = -1;
	fuzz->opts.takeover_fd = -1;
	fuzz->opts.quiet = true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	fuzz->opts.attach_fd = pair[1];
	fuzz->opts.share_fd = -1;
	fuzz->channel = pair[0];
	if (relay_open(&fuzz->relay, &fuzz->opts))
		abort();
	fuzz->links[0] = attach_well(fuzz);
	fuzz->links[1] = attach_well(fuzz);
	hello(fuzz->links[0]);
	turn(fuzz, 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz *fuzz = malloc(sizeof(*fuzz));

	if (!fuzz)
		return 0;
	begin(fuzz);
	for (int i = 0; size >= 3 && i < MAX_MESSAGES; i++) {
		size_t len = (size_t)(data[1] << 8 | data[2]);
		uint8_t how = data[0];

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		message(fuzz, how, data, len);
		data += len;
		size -= len;
		turn(fuzz, 2);
	}
	relay_close(&fuzz->relay);
	policy_done(&fuzz->opts.policy);
	close(fuzz->channel);
	close(fuzz->links[0]);
	close(fuzz->links[1]);
	free(fuzz);
	return 0;
}
