/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end; see peers.h. */
#include "config.h"

#include "sandbox/peers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

struct waiting {
	struct waiting *prev, *next;
	struct ucred cred;
};

/* @unsure: somebody came whom we could not note */
struct peers_listener {
	struct peers_listener *prev, *next;
	uint64_t cookie;
	struct ucred cred;
	struct sockaddr_un name; /* abstract ones only */
	socklen_t name_len;
	struct waiting *waiting;
	bool unsure;
};

static unsigned int slot_of(uint64_t cookie)
{
	return (unsigned int)((cookie * UINT64_C(0x9e3779b97f4a7c15)) >> 40) &
	       (PEERS - 1);
}

static void know(struct peers *peers, uint64_t cookie, const struct ucred *cred)
{
	peers->known[slot_of(cookie)] = (struct peer){cookie, *cred};
}

const struct ucred *peers_find(const struct peers *peers, uint64_t cookie)
{
	const struct peer *peer = &peers->known[slot_of(cookie)];

	return cookie && peer->cookie == cookie ? &peer->cred : NULL;
}

static struct peers_listener *find(const struct peers *peers, uint64_t cookie)
{
	struct peers_listener *listener;

	DL_FOREACH (peers->listeners, listener)
		if (listener->cookie == cookie)
			return listener;
	return NULL;
}

static void forget_first(struct peers *peers, struct peers_listener *listener)
{
	struct waiting *first = listener->waiting;

	DL_DELETE(listener->waiting, first);
	peers->waiting_count--;
	free(first);
}

static void forget(struct peers *peers, struct peers_listener *listener)
{
	while (listener->waiting)
		forget_first(peers, listener);
	DL_DELETE(peers->listeners, listener);
	peers->listener_count--;
	free(listener);
}

static bool is_abstract(const struct sockaddr_un *sun, socklen_t len)
{
	return len > offsetof(struct sockaddr_un, sun_path) && !sun->sun_path[0];
}

void peers_listens(struct peers *peers, int fd, uint64_t cookie,
		   const struct ucred *cred)
{
	struct peers_listener *listener = find(peers, cookie);

	if (!listener) {
		if (peers->listener_count >= PEERS_LISTENERS)
			forget(peers, peers->listeners);
		listener = calloc(1, sizeof(*listener));
		if (!listener)
			return;
		listener->cookie = cookie;
		listener->name_len = sizeof(listener->name);
		if (getsockname(fd, (struct sockaddr *)&listener->name,
				&listener->name_len) < 0 ||
		    !is_abstract(&listener->name, listener->name_len))
			listener->name_len = 0;
		DL_APPEND(peers->listeners, listener);
		peers->listener_count++;
	}
	listener->cred = *cred;
}

uint64_t peers_find_name(const struct peers *peers,
			 const struct sockaddr_un *sun, socklen_t len)
{
	const struct peers_listener *listener;
	uint64_t cookie = 0;

	/* of several only the newest can still be there */
	DL_FOREACH (peers->listeners, listener)
		if (listener->name_len && listener->name_len == len &&
		    !memcmp(&listener->name, sun, len))
			cookie = listener->cookie;
	return cookie;
}

void peers_connected(struct peers *peers, uint64_t listener_cookie,
		     uint64_t cookie, const struct ucred *cred)
{
	struct peers_listener *listener = find(peers, listener_cookie);
	struct waiting *waiting = NULL;

	if (!listener)
		return;
	know(peers, cookie, &listener->cred);
	if (peers->waiting_count < PEERS_WAITING)
		waiting = calloc(1, sizeof(*waiting));
	if (!waiting) {
		listener->unsure = true;
		return;
	}
	waiting->cred = *cred;
	DL_APPEND(listener->waiting, waiting);
	peers->waiting_count++;
}

void peers_accepted(struct peers *peers, uint64_t listener_cookie,
		    uint64_t cookie, const struct ucred *kernel)
{
	struct peers_listener *listener = find(peers, listener_cookie);
	struct ucred cred = {0, kernel->uid, kernel->gid};

	if (listener && listener->waiting) {
		const struct ucred *first = &listener->waiting->cred;

		if (first->uid != cred.uid || first->gid != cred.gid)
			listener->unsure = true;
		if (!listener->unsure)
			cred.pid = first->pid;
		forget_first(peers, listener);
	}
	know(peers, cookie, &cred);
}

void peers_end(struct peers *peers)
{
	while (peers->listeners)
		forget(peers, peers->listeners);
}
