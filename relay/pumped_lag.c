/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of programs that no preload reaches: a reset shows on A.
 *
 * How it works: the kernel tells the reader of an AF_UNIX stream ECONNRESET
 * when its peer is closed with something unread, and the end of the stream
 * otherwise. So B is never read to its last byte: that one is looked at
 * (MSG_PEEK), passed on at once, and taken only with what follows it. If the
 * connection is reset B is closed as it is; if it ends, the byte is taken
 * first. What is there is passed on as soon as ever; B is watched
 * edge-triggered, as it is never empty. The first such byte is sent by whoever
 * makes the pair.
 *
 * An urgent byte is looked for when nothing stands in front of it any more
 * (pumped_urgent.c). It is taken, so that a reset shows as the end until
 * something follows it.
 *
 * The byte keeps all of the buffer that it came in, and A is not writable while
 * more than a quarter of its SO_SNDBUF is kept. The kernel's buffers are of
 * 48 KiB at most and the usual SO_SNDBUF is 208 KiB, so one may be kept; who
 * makes the pair sees to it that it is not less (sandbox/inet.c).
 */
#include "config.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "relay/pumped_internal.h"
#include "relay/sys.h"

/* Up to so much is looked at as a whole and then taken: copied twice, but by
 * one call less. */
#define SMALL 2048
#define PARTS 20

static uint8_t junk[PUMPED_LAG_MAX];

/* First what was passed on already, then at most @max bytes to @iov. */
static ssize_t receive(struct pumped *sock, const struct iovec *iov, int n,
		       size_t max, int flags)
{
	struct iovec parts[PARTS];
	struct msghdr msg = { .msg_iov = parts };
	int count = 0;

	if (sock->lag)
		parts[count++] = (struct iovec){ junk, sock->lag };
	for (int i = 0; i < n && max && count < PARTS; i++) {
		parts[count] = iov[i];
		if (parts[count].iov_len > max)
			parts[count].iov_len = max;
		max -= parts[count++].iov_len;
	}
	msg.msg_iovlen = (size_t)count;
	return SYS_RETRY(recvmsg(sock->src.fd, &msg, MSG_DONTWAIT | flags));
}

/* Of @rc bytes those that are new; the old ones are gone from B. */
static ssize_t taken(struct pumped *sock, ssize_t rc)
{
	uint32_t lag = sock->lag;

	if (rc <= 0)
		return rc;
	if ((size_t)rc < lag) {
		sock->lag -= (uint32_t)rc;
		return -EAGAIN;
	}
	sock->lag = 0;
	return (size_t)rc == lag ? -EAGAIN : rc - (ssize_t)lag;
}

static ssize_t peek(struct pumped *sock, const struct iovec *iov, int n,
		    size_t max)
{
	ssize_t rc = receive(sock, iov, n, max, MSG_PEEK), gone = 0;
	uint32_t lag = sock->lag;

	if (rc <= (ssize_t)lag)
		return rc < 0 ? rc : -EAGAIN;
	if (rc > 1)
		gone = SYS_RETRY(recv(sock->src.fd, junk, (size_t)rc - 1,
				      MSG_DONTWAIT));
	/* less is gone where fds came along: the rest goes next time */
	sock->lag = (uint32_t)(rc - (gone < 0 ? 0 : gone));
	return rc - (ssize_t)lag;
}

static size_t room_of(const struct iovec *iov, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

/* False: it did not go, or there was nothing. */
static bool drop(struct pumped *sock)
{
	ssize_t rc = 0;

	if (sock->lag)
		rc = SYS_RETRY(recv(sock->src.fd, junk, sock->lag,
				    MSG_DONTWAIT));
	if (rc > 0)
		sock->lag -= (uint32_t)rc;
	return rc > 0;
}

/* Nothing follows any more: to the end. */
static ssize_t take_rest(struct pumped *sock, const struct iovec *iov, int n,
			 size_t room)
{
	uint32_t lag;
	ssize_t rc;

	do {
		lag = sock->lag;
		rc = taken(sock, receive(sock, iov, n, room, 0));
	} while (rc == -EAGAIN && sock->lag < lag);
	return rc;
}

/* The byte at @at of @iov, as an iovec of its own. */
static struct iovec byte_at(const struct iovec *iov, size_t at)
{
	while (at >= iov->iov_len)
		at -= iov++->iov_len;
	return (struct iovec){ (uint8_t *)iov->iov_base + at, 1 };
}

/* All @fresh bytes that are there: but for the last they are taken. */
static ssize_t take_but_one(struct pumped *sock, const struct iovec *iov, int n,
			    size_t fresh)
{
	ssize_t rc = taken(sock, receive(sock, iov, n, fresh - 1, 0));
	struct iovec last;

	/* less where fds came along, or @iov is in too many parts */
	if (rc < 0 || (size_t)rc != fresh - 1)
		return rc;
	last = byte_at(iov, (size_t)rc);
	if (SYS_RETRY(recv(sock->src.fd, last.iov_base, 1,
			   MSG_DONTWAIT | MSG_PEEK)) == 1) {
		sock->lag = 1;
		rc++;
	}
	return rc;
}

/* Is the next byte an urgent one, not taken yet? */
static bool is_at_mark(const struct pumped *sock)
{
	int at_mark = 0;
	char byte;

	return ioctl(sock->src.fd, SIOCATMARK, &at_mark) == 0 && at_mark &&
	       SYS_RETRY(recv(sock->src.fd, &byte, 1,
			      MSG_OOB | MSG_PEEK | MSG_DONTWAIT)) == 1;
}

ssize_t pumped_lag_take(struct pumped *sock, const struct iovec *iov, int n,
			bool *ret_more)
{
	size_t room = room_of(iov, n), fresh;
	uint32_t lag;
	int held = 0;
	ssize_t rc;

	*ret_more = true;
	do {
		if (!sock->lag && is_at_mark(sock)) {
			sock->mark = true;
			return -EAGAIN;
		}
		lag = sock->lag;
		if (sock->ended)
			return take_rest(sock, iov, n, room);
		if (ioctl(sock->src.fd, FIONREAD, &held) < 0)
			return -errno;
		if ((size_t)held <= sock->lag)
			return -EAGAIN;
		fresh = (size_t)held - sock->lag;
		if (fresh > room) /* something stays without our doing */
			rc = taken(sock, receive(sock, iov, n, room, 0));
		else if (fresh <= SMALL)
			rc = peek(sock, iov, n, fresh);
		else
			rc = take_but_one(sock, iov, n, fresh);
		/* a message with fds hides what is behind it, and so does an
		 * urgent byte: it goes */
	} while (rc == -EAGAIN && (drop(sock) || sock->lag < lag));
	/* of what comes now an event tells, but not of what is hidden */
	*ret_more = sock->ended || !sock->lag || (rc > 0 && (size_t)rc < fresh);
	return rc;
}

void pumped_lag_begin(struct pumped *sock)
{
	int held = 0;

	sock->lag = ioctl(sock->src.fd, FIONREAD, &held) == 0 && held == 1;
}

void pumped_lag_drop(struct pumped *sock)
{
	while (drop(sock))
		continue;
}
