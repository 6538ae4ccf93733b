/* SPDX-License-Identifier: Apache-2.0 */
/* The relay that goes. */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "relay/attach.h"
#include "relay/relay.h"
#include "relay/state.h"
#include "relay/status.h"
#include "relay/sys.h"
#include "relay/takeover.h"

/* ---- somebody asks ---- */

static char *put_word(char *at, const char *word)
{
	size_t len = strlen(word) + 1;

	memcpy(at, word, len);
	return at + len;
}

char *takeover_text(const struct options *opts, size_t *ret_len)
{
	const char *dir = opts->cwd ? opts->cwd : "/";
	size_t len = strlen(dir) + 1;
	char *text, *at;

	for (int i = 0; i < opts->argc; i++)
		len += strlen(opts->argv[i]) + 1;
	if (len > TAKEOVER_TEXT_MAX)
		return NULL;
	text = malloc(len);
	if (!text)
		return NULL;
	at = put_word(text, dir);
	for (int i = 0; i < opts->argc; i++)
		at = put_word(at, opts->argv[i]);
	*ret_len = len;
	return text;
}

static int send_offer(const struct relay *relay, int channel)
{
	struct takeover_msg msg = { .op = TAKEOVER_OFFER };
	int rc;

	msg.text = takeover_text(relay->opts, &msg.len);
	if (!msg.text)
		return -E2BIG;
	/* the first message: there is room for it */
	rc = takeover_send(channel, &msg, NULL, 0);
	free(msg.text);
	return rc;
}

int takeover_offer(struct relay *relay, int channel)
{
	int rc;

	if (relay->takeover.fd >= 0)
		return -EBUSY;
	sys_set_buffers(channel, 1 << 20);
	relay->takeover = (struct source){
		.type = SOURCE_TAKEOVER,
		.fd = channel,
	};
	rc = send_offer(relay, channel);
	if (!rc)
		rc = loop_add(&relay->loop, &relay->takeover, EPOLLIN);
	if (rc)
		relay->takeover.fd = -1;
	return rc;
}

void takeover_stop(struct relay *relay)
{
	if (relay->takeover.fd < 0)
		return;
	loop_remove(&relay->loop, &relay->takeover);
	close(relay->takeover.fd);
	relay->takeover.fd = -1;
	relay->giving = false;
}

void takeover_event(struct relay *relay)
{
	if (relay->takeover.fd < 0)
		return;
	if (takeover_expect(relay->takeover.fd, TAKEOVER_READY))
		takeover_stop(relay);
	else
		relay->giving = true;
}

/* ---- giving ---- */

struct gift {
	struct state st;
	int memfd;
	size_t len;
};

static int count_all(struct relay *relay, struct gift *gift)
{
	int rc;

	gift->st = (struct state){ .relay = relay };
	rc = state_walk(&gift->st);
	if (rc)
		return rc;
	gift->len = gift->st.s.pos;
	gift->st.nfds = gift->st.next_fd;
	if (gift->st.nfds > STATE_MAX_FDS)
		return -E2BIG;
	gift->st.fds = calloc(gift->st.nfds + 1, sizeof(int));
	return gift->st.fds ? 0 : -ENOMEM;
}

static int write_all(struct relay *relay, struct gift *gift)
{
	uint8_t *dst;
	int rc;

	gift->memfd = memfd_create("fdnet-state",
				   MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (gift->memfd < 0)
		return -errno;
	if (ftruncate(gift->memfd, (off_t)gift->len) < 0)
		return -errno;
	dst = mmap(NULL, gift->len, PROT_READ | PROT_WRITE, MAP_SHARED,
		   gift->memfd, 0);
	if (dst == MAP_FAILED)
		return -errno;
	gift->st.s = (struct fdnet_save){ .dst = dst, .len = gift->len };
	rc = state_walk(&gift->st);
	if (!rc && (gift->st.s.pos != gift->len ||
		    gift->st.next_fd != gift->st.nfds))
		rc = -EIO;
	munmap(dst, gift->len);
	if (!rc && fcntl(gift->memfd, F_ADD_SEALS,
			 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
				 F_SEAL_SEAL) < 0)
		rc = -errno;
	return rc;
}

static int send_state(int channel, const struct gift *gift)
{
	struct takeover_msg msg = {
		.op = TAKEOVER_STATE,
		.a = gift->len,
		.b = gift->st.nfds,
	};
	int rc = takeover_send(channel, &msg, &gift->memfd, 1);

	return rc ? rc : takeover_expect(channel, TAKEOVER_GOT);
}

/* One after the other: the kernel bounds what is on its way. */
static int send_fds(int channel, const struct gift *gift)
{
	uint32_t at = 0;
	int rc = 0;

	while (!rc && at < gift->st.nfds) {
		uint32_t n = gift->st.nfds - at;
		struct takeover_msg msg = { .op = TAKEOVER_FDS_PART };

		if (n > TAKEOVER_FDS)
			n = TAKEOVER_FDS;
		msg.a = n;
		rc = takeover_send(channel, &msg, gift->st.fds + at, n);
		if (!rc)
			rc = takeover_expect(channel, TAKEOVER_GOT);
		at += n;
	}
	return rc;
}

static int give(struct relay *relay, struct gift *gift)
{
	int channel = relay->takeover.fd;
	int rc = count_all(relay, gift);

	if (!rc)
		rc = write_all(relay, gift);
	if (rc)
		return rc;
	/* from here on a descriptor may live on without us */
	relay->loop.shared = true;
	rc = send_state(channel, gift);
	if (!rc)
		rc = send_fds(channel, gift);
	if (!rc)
		rc = takeover_expect(channel, TAKEOVER_HAVE);
	if (!rc)
		rc = takeover_say(channel, TAKEOVER_YOURS);
	return rc;
}

static void tell_failed(int channel, int rc)
{
	struct takeover_msg msg = { .op = TAKEOVER_FAILED };

	if (rc == -EPIPE)
		return;
	msg.text = strerror(-rc);
	msg.len = strlen(msg.text);
	takeover_send(channel, &msg, NULL, 0);
}

void takeover_give(struct relay *relay)
{
	struct gift gift = { .memfd = -1 };
	int rc;

	if (!relay->giving)
		return;
	rc = give(relay, &gift);
	free(gift.st.fds);
	if (gift.memfd >= 0)
		close(gift.memfd);
	if (rc) {
		fprintf(stderr,
			"fdnet-relay: another could not take over: %s\n",
			strerror(-rc));
		tell_failed(relay->takeover.fd, rc);
		takeover_stop(relay);
		relay->now_us = sys_now_us(CLOCK_MONOTONIC);
		return;
	}
	relay->taken = true;
	files_tell(&relay->files, FILES_LEAVE);
	if (!relay->opts->sandbox)
		status_moved(relay);
	state_release(relay);
}
