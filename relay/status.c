/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/status.h"

#include <string.h>

#include "relay/attach.h"
#include "relay/peer.h"
#include "relay/sys.h"
#include "relay/unixsock.h"

static void say(struct relay *relay, const char *what)
{
	struct iovec iov = { (void *)what, strlen(what) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (relay->status.fd >= 0)
		sys_sendmsg(relay->status.fd, &msg);
}

int status_open(struct relay *relay)
{
	int fd = relay->opts->status_fd, rc;

	if (fd < 0)
		return 0;
	rc = attach_check(fd);
	relay->status = (struct source){ .type = SOURCE_STATUS, .fd = fd };
	if (!rc)
		rc = loop_add(&relay->loop, &relay->status, EPOLLIN);
	if (rc)
		fprintf(stderr,
			"fdnet-relay: --status-fd %d: a SEQPACKET socket is "
			"expected: %s\n",
			fd, strerror(-rc));
	return rc;
}

void status_ready(struct relay *relay)
{
	say(relay, "ready");
}

void status_close(struct relay *relay)
{
	if (relay->status.fd < 0)
		return;
	loop_remove(&relay->loop, &relay->status);
	close(relay->status.fd);
	relay->status.fd = -1;
}

void status_event(struct relay *relay)
{
	char word[256];
	int fd;
	ssize_t len = unixsock_recv(relay->status.fd, word, sizeof(word) - 1,
				    &fd);

	if (len == -EAGAIN)
		return;
	if (len <= 0) {
		/* the launcher was killed; the sandbox may live on */
		status_close(relay);
		return;
	}
	word[len] = '\0';
	if (!strcmp(word, "finish"))
		relay->finishing = true;
	if (fd < 0)
		return;
	if (!strncmp(word, "peer ", 5) && !attach_check(fd))
		peer_new(relay, word, fd);
	else
		close(fd);
}

void status_finish(struct relay *relay)
{
	relay->finishing = false;
	relay->finished = true;
	if (!relay->opts->quiet)
		record_summary(&relay->record, stderr);
	if (relay->opts->verbose)
		counters_print(&relay->counters, stderr);
	relay_learned(relay);
	say(relay, "done");
}
