/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/away.h"
#include "shim/claim.h"
#include "shim/highfd.h"
#include "shim/logline.h"
#include "shim/mirror.h"
#include "shim/net.h"
#include "shim/node.h"
#include "shim/raw.h"
#include "shim/shared.h"
#include "shim/wait.h"

#define SNDBUF_OPEN (1 << 20)

/* ---- the cut ---- */

static struct fdnet_ctl hold_ctl(uint8_t op, uint16_t proto,
				 const struct fdnet_name *local,
				 const struct fdnet_name *peer)
{
	struct fdnet_ctl ctl = {
		.op = op,
		.proto = (uint8_t)proto,
		.family = local->ip.family,
		.port = local->port,
		.peer_port = peer->port,
	};

	memcpy(ctl.addr, local->ip.bytes, 16);
	if (peer->port)
		memcpy(ctl.peer, peer->ip.bytes, 16);
	return ctl;
}

/* The relay keeps the flow's packets, and we have all that came before. */
static int hold(struct shim_file *file, const struct fdnet_name *local,
		const struct fdnet_name *peer)
{
	struct fdnet_ctl reply, ctl = hold_ctl(
		FDNET_CTL_HOLD, (uint16_t)fdnet_sock_proto(file->so), local,
		peer);

	return shim_net_ask(&ctl, &reply);
}

static void unhold(const struct shim_file *file,
		   const struct fdnet_name *local,
		   const struct fdnet_name *peer)
{
	struct fdnet_ctl ctl = hold_ctl(
		FDNET_CTL_UNHOLD, (uint16_t)fdnet_sock_proto(file->so), local,
		peer);

	shim_net_tell(&ctl);
}

/* Everything the stack has to say is on the link. */
static int send_all(void)
{
	struct pollfd p = { .fd = shim_net_link_fd(), .events = POLLOUT };

	shim_net_flush();
	while (shim_net_link_fd() >= 0 &&
	       (shim_net_link_events() & POLLOUT)) {
		/* the relay takes what it is sent; it never waits for us */
		raw_ppoll(&p, 1, NULL, NULL);
		shim_net_flush();
	}
	return shim_net_link_fd() < 0 ? -ENETDOWN : 0;
}

/* The socket as bytes, in a memfd. Out of the program's way: those who wait for
 * the socket may go on, and open something here, before this is closed. */
static int save(struct fdnet_sock *so, uint32_t *ret_len)
{
	ssize_t len = fdnet_sock_save(so, NULL, 0);
	void *data;
	long fd, rc;

	if (len < 0)
		return (int)len;
	fd = RAW(SYS_memfd_create, "fdnet-socket", MFD_CLOEXEC, 0, 0, 0, 0);
	fd = fd < 0 ? fd : shim_fd_raise((int)fd);
	if (fd < 0)
		return (int)fd;
	rc = RAW(SYS_ftruncate, fd, len, 0, 0, 0, 0);
	if (rc < 0)
		goto fail;
	rc = RAW(SYS_mmap, 0, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (rc < 0 && rc > -4096)
		goto fail;
	data = (void *)rc;
	fdnet_sock_save(so, data, (size_t)len);
	RAW(SYS_munmap, data, len, 0, 0, 0, 0);
	*ret_len = (uint32_t)len;
	return (int)fd;
fail:
	shim_fd_lower((int)fd);
	return (int)rc;
}

/* ---- the placeholder ---- */

static int fd_of(const struct shim_file *file)
{
	int fd;

	for (fd = shim_file_next_fd(0); fd >= 0; fd = shim_file_next_fd(fd + 1))
		if (shim_file_peek(fd) == file)
			return fd;
	return -1;
}

/* A of a stream that is not connected, or listens, cannot be written to. */
static void narrow(struct shim_file *file)
{
	int fd = fd_of(file);

	if (fd < 0)
		return;
	shim_shared_narrow(fd);
	file->narrow = true;
}

static void widen(struct shim_file *file)
{
	int fd = fd_of(file), size = SNDBUF_OPEN;

	if (fd >= 0)
		raw_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* Urgent data come as the program has asked for them. */
static void keep_inline(struct shim_file *file, int fd)
{
	uint32_t len = sizeof(int);
	int on = 0;

	if (fdnet_sock_getopt(file->so, SOL_SOCKET, SO_OOBINLINE, &on, &len) ==
		    0 &&
	    on)
		raw_setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on));
}

/* Blocking calls on A wait as long as the program has asked. */
static void set_timeout(int fd, int name, uint64_t us)
{
	struct timeval tv = {
		.tv_sec = (time_t)(us / 1000000),
		.tv_usec = (suseconds_t)(us % 1000000),
	};

	if (us)
		raw_setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv));
}

static void prepare_pair(struct shim_file *file)
{
	int state = fdnet_sock_state(file->so), fd = fd_of(file);

	shim_mirror_undo(file);
	if (file->is_stream && ((state == FDNET_TCP_CLOSE && !file->joined) ||
				state == FDNET_TCP_LISTEN ||
				state == FDNET_TCP_SYN_SENT ||
				state == FDNET_TCP_SYN_RECV))
		narrow(file);
	else
		widen(file);
	if (fd >= 0) {
		keep_inline(file, fd);
		set_timeout(fd, SO_RCVTIMEO, file->rcvtimeo_us);
		set_timeout(fd, SO_SNDTIMEO, file->sndtimeo_us);
	}
}

/* ---- the port ---- */

/* Does the port go along? A listener's and a datagram socket's do, and what
 * was bound, if only to one of a lease, as it may listen yet; not the one that
 * accepted connections share with their listener, nor one of a lease that a
 * connection has, which does not need it. */
static bool takes_claim(const struct shim_file *file, bool listens)
{
	if (!file->is_stream || listens)
		return true;
	if (!file->claim)
		return !file->joined;
	return !shim_claim_is_shared(file->claim);
}

/* ---- all ---- */

static void note_kind(struct shim_file *file, bool listens)
{
	memset(&file->peer, 0, sizeof(file->peer));
	fdnet_sock_name(file->so, &file->local);
	fdnet_sock_peer(file->so, &file->peer);
	file->listens = listens;
	file->type = (uint8_t)fdnet_sock_type(file->so);
	file->proto = (uint16_t)fdnet_sock_proto(file->so);
}

/* What is left of it here: A, whose calls are the kernel's. */
static void become_remote(struct shim_file *file)
{
	struct fdnet_sock *so = file->so;

	file->so = NULL;
	fdnet_sock_set_user(so, NULL);
	fdnet_sock_forget(so);
	file->in_node = file->remote = file->touched = file->pumped = true;
	file->owner_fd = -1;
	/* those who are blocked in the engine go on in the kernel */
	shim_wait_ring(file, FDNET_EV_IN | FDNET_EV_OUT | FDNET_EV_HUP);
}

static int give(struct shim_file *file, int memfd, uint32_t bytes,
		uint32_t flags)
{
	struct fdnet_node_req req = { .op = FDNET_NODE_TAKE,
				      .cookie = file->cookie,
				      .sock_flags = flags,
				      .bytes = bytes };
	int rc = shim_node_ask(&req, (int[]){ file->peer_fd, memfd }, 2, NULL);

	/* on failure this is what shows it to those who hold A; closed with
	 * something unread in it, it is a reset to them */
	if (rc < 0)
		raw_send(fd_of(file), "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	shim_fd_lower(file->peer_fd);
	file->peer_fd = -1;
	return rc;
}

/* The relay did not take it. Its holders see that on A; the other ends of its
 * connections are reset by the engine, and nobody waits for the flow. */
static void take_back(const struct shim_file *file,
		      const struct fdnet_name *peer, int memfd, uint32_t bytes,
		      uint32_t flags)
{
	struct fdnet_ctl ctl = hold_ctl(FDNET_CTL_UNHOLD, file->proto,
					&file->local, peer);
	struct fdnet_sock *so;
	long rc;

	if (!shim_net_stack())
		return;
	if (flags & FDNET_NODE_HELD)
		shim_net_tell(&ctl);
	rc = RAW(SYS_mmap, 0, bytes, PROT_READ, MAP_SHARED, memfd, 0);
	if (rc < 0 && rc > -4096)
		return;
	if (!fdnet_sock_restore(shim_net_stack(), (void *)rc, bytes, &so))
		fdnet_sock_abort(so);
	RAW(SYS_munmap, rc, bytes, 0, 0, 0, 0);
	shim_net_flush();
}

static bool has_ended(const struct shim_file *file)
{
	return file->is_stream && file->joined &&
	       fdnet_sock_state(file->so) == FDNET_TCP_CLOSE;
}

static int move(struct shim_file *file)
{
	struct fdnet_name local, peer;
	uint32_t flags = 0, bytes = 0;
	bool listens;
	int rc, memfd;

	fdnet_sock_flow(file->so, &local, &peer);
	listens = file->is_stream &&
		  fdnet_sock_state(file->so) == FDNET_TCP_LISTEN;
	if (has_ended(file)) {
		flags |= FDNET_NODE_ENDED;
	} else if (local.port || peer.port) {
		rc = hold(file, &local, &peer);
		if (rc < 0)
			return rc;
		if (!file->so || file->peer_fd < 0)
			return -ECONNRESET;
		if (has_ended(file)) { /* in what has come with the answer */
			unhold(file, &local, &peer);
			flags |= FDNET_NODE_ENDED;
		} else {
			flags |= FDNET_NODE_HELD;
			if (takes_claim(file, listens))
				flags |= FDNET_NODE_CLAIM;
		}
	}
	if (!file->is_stream && !peer.ip.family)
		flags |= FDNET_NODE_FRAMED;
	rc = send_all();
	if (rc < 0)
		return rc;
	prepare_pair(file);
	note_kind(file, listens);
	memfd = save(file->so, &bytes);
	if (memfd < 0)
		return memfd;
	file->framed = flags & FDNET_NODE_FRAMED;
	become_remote(file);
	shim_away_add(file->proto, local.port, flags & FDNET_NODE_CLAIM);
	rc = give(file, memfd, bytes, flags);
	if (rc < 0) {
		shim_log("a socket could not be handed over, error %d", -rc);
		take_back(file, &peer, memfd, bytes, flags);
	} else if (flags & FDNET_NODE_CLAIM) {
		shim_claim_moved(file->claim);
	}
	shim_fd_lower(memfd);
	shim_claim_put(file->claim);
	file->claim = NULL;
	shim_away_look();
	return rc < 0 ? -ECONNRESET : 0;
}

static bool can_move(const struct shim_file *file)
{
	return !file->netlink && file->so && file->peer_fd >= 0 &&
	       !file->pumped && shim_net_has_relay() &&
	       shim_net_link_fd() >= 0;
}

int shim_handover(struct shim_file *file)
{
	int rc;

	shim_file_hold(file);
	/* another thread is at it; or in bind() or listen(), where the port is
	 * nobody's yet */
	shim_file_await(file);
	if (file->in_node) {
		rc = 0;
	} else if (!can_move(file)) {
		rc = -EOPNOTSUPP;
	} else {
		file->moving = true;
		rc = move(file);
		shim_file_free_again(file);
	}
	shim_file_put(file);
	return rc;
}

/* What a child will wait on, or may use without us. */
static bool is_listener(const struct shim_file *file)
{
	return file->so && !file->netlink && file->is_stream &&
	       fdnet_sock_state(file->so) == FDNET_TCP_LISTEN;
}

bool shim_handover_resets(const struct shim_file *file)
{
	return is_listener(file) ||
	       (file->so && file->is_stream && file->joined &&
		fdnet_sock_inq(file->so));
}

/* The lock is released in between, but what is held stays in the list. */
static struct shim_file *hand_over_and_next(struct shim_file *file)
{
	struct shim_file *next;

	shim_file_hold(file);
	shim_handover(file);
	next = file->next;
	shim_file_put(file);
	return next;
}

void shim_handover_listeners(void)
{
	struct shim_file *file = shim_file_first();

	while (file) {
		file->shared = true;
		file = is_listener(file) ? hand_over_and_next(file) :
					   file->next;
	}
}

void shim_handover_shared(void)
{
	struct shim_file *file = shim_file_first();

	while (file)
		file = file->shared && file->so ? hand_over_and_next(file) :
						  file->next;
}
