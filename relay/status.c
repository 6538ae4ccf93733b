/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/status.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay/attach.h"
#include "relay/metrics.h"
#include "relay/peer.h"
#include "relay/sys.h"
#include "relay/takeover.h"
#include "relay/unixsock.h"
#include "relay/state.h"

/* Descriptors that are looked at in one call, and how far beyond the largest
 * one known. */
#define FDS_AT_ONCE 256
#define FDS_BEYOND  1024

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

void status_moved(struct relay *relay)
{
	say(relay, "moved");
}

void status_close(struct relay *relay)
{
	if (relay->status.fd < 0)
		return;
	loop_remove(&relay->loop, &relay->status);
	close(relay->status.fd);
	relay->status.fd = -1;
}

unsigned int status_descriptors(const struct relay *relay)
{
	struct pollfd pfds[FDS_AT_ONCE];
	unsigned int n = 0;

	/* a new one takes the first free number: what is not waited for, as
	 * payload areas, is not far from what is */
	for (int fd = 0; fd <= relay->loop.max_fd + FDS_BEYOND;
	     fd += FDS_AT_ONCE) {
		for (int i = 0; i < FDS_AT_ONCE; i++)
			pfds[i] = (struct pollfd){ .fd = fd + i };
		if (SYS_RETRY(poll(pfds, FDS_AT_ONCE, 0)) < 0)
			break;
		for (int i = 0; i < FDS_AT_ONCE; i++)
			n += !(pfds[i].revents & POLLNVAL);
	}
	return n;
}

static void say_descriptors(struct relay *relay)
{
	char text[32];

	snprintf(text, sizeof(text), "descriptors %u",
		 status_descriptors(relay));
	say(relay, text);
}

void status_event(struct relay *relay)
{
	char word[256];
	int fd;
	ssize_t len = unixsock_recv(relay->status.fd, word, sizeof(word) - 1,
				    &fd);

	if (unixsock_is_later(len))
		return;
	if (len <= 0) {
		/* the launcher was killed; the sandbox may live on */
		status_close(relay);
		return;
	}
	word[len] = '\0';
	if (!strcmp(word, "finish"))
		relay->finishing = true;
	else if (!strcmp(word, "descriptors"))
		say_descriptors(relay);
	if (fd < 0)
		return;
	if (!strncmp(word, "peer ", 5) && !attach_check(fd))
		peer_new(relay, word, fd);
	else if (strcmp(word, "takeover") || attach_check(fd) ||
		 takeover_offer(relay, fd))
		close(fd);
}

/*
 * Whoever reads a pipe waits for its last writer, which we may be for as long
 * as a daemon lives that the program left behind: $(fdnet-run ... 2>&1). Into a
 * file or on a terminal we go on. Descriptor 0 is /dev/null: relay_proc.c.
 */
static void let_pipe_go(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) < 0 || !S_ISFIFO(st.st_mode))
		return;
	fflush(stderr);
	dup3(STDIN_FILENO, STDERR_FILENO, 0);
}

void status_finish(struct relay *relay)
{
	relay->finishing = false;
	relay->finished = true;
	if (!relay->opts->quiet)
		record_summary(&relay->record, stderr);
	record_told(&relay->record);
	if (relay->opts->verbose)
		counters_print(&relay->counters, stderr);
	relay_learned(relay);
	metrics_file_last(relay);
	let_pipe_go();
	say(relay, "done");
}

/* ---- state.h ---- */

void status_state(struct state *st)
{
	struct relay *relay = st->relay;
	/* a worker's is its service's, and the new one has its own */
	int fd = relay->opts->sandbox ? -1 : relay->status.fd;

	fd = state_socket(st, fd, AF_UNIX, SOCK_SEQPACKET);
	relay->finishing = fdnet_save_bool(&st->s, relay->finishing);
	relay->finished = fdnet_save_bool(&st->s, relay->finished);
	if (!st->s.reading || fd < 0)
		return;
	relay->status = (struct source){ .type = SOURCE_STATUS, .fd = fd };
	fdnet_save_fail(&st->s,
			loop_add(&relay->loop, &relay->status, EPOLLIN));
}
