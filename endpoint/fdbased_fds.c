/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fd endpoint: what an fd is, what is changed about it, and another fd in
 * its place.
 */
#include "config.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "endpoint/fdbased.h"
#include "endpoint/sys.h"

#define MAX_VNET 32

static int look_at_tun(struct fdb_queue *q, const char **ret_why)
{
	struct ifreq ifr = {0};
	int size = FDNET_VNET_HDR_LEN;

	*ret_why = "neither a socket nor TUN nor TAP";
	if (ioctl(q->fd, TUNGETIFF, &ifr) < 0)
		return -ESPIPE;
	*ret_why = "TUN with packet information: open it with IFF_NO_PI";
	if (!(ifr.ifr_flags & IFF_NO_PI))
		return -EPROTOTYPE;
	if (ifr.ifr_flags & IFF_VNET_HDR) {
		ioctl(q->fd, TUNGETVNETHDRSZ, &size);
		*ret_why = "vnet header of unknown size";
		if (size < FDNET_VNET_HDR_LEN || size > MAX_VNET)
			return -EPROTOTYPE;
		q->vnet_len = (uint32_t)size;
	}
	q->kind = FDB_DEVICE;
	return 0;
}

static int look_at_socket(struct fdb_queue *q, const char **ret_why)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int type, on = 0, rc;

	*ret_why = "getsockopt failed";
	rc = sys_getsockopt_int(q->fd, SOL_SOCKET, SO_TYPE, &type);
	if (rc)
		return rc;
	*ret_why = "a stream socket keeps no message boundaries";
	if (type == SOCK_STREAM)
		return -EPROTOTYPE;
	*ret_why = "getsockname failed";
	if (getsockname(q->fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	if (ss.ss_family != AF_PACKET)
		return 0;
	q->kind = FDB_PACKET;
	if (!sys_getsockopt_int(q->fd, SOL_PACKET, PACKET_VNET_HDR, &on) && on)
		q->vnet_len = FDNET_VNET_HDR_LEN;
	return 0;
}

int fdb_fd_look(struct fdb_queue *q, const char **ret_why)
{
	struct stat st;

	*ret_why = "fstat failed";
	if (fstat(q->fd, &st) < 0)
		return -errno;
	if (S_ISSOCK(st.st_mode))
		return look_at_socket(q, ret_why);
	*ret_why = "neither a socket nor TUN nor TAP";
	return S_ISCHR(st.st_mode) ? look_at_tun(q, ret_why) : -ESPIPE;
}

/* A frame between two processes should not wait for the other to be run. */
static void grow_sndbuf(struct fdb_queue *q, uint32_t want)
{
	int have;

	if (want > INT32_MAX || q->kind == FDB_DEVICE ||
	    sys_getsockopt_int(q->fd, SOL_SOCKET, SO_SNDBUF, &have) ||
	    (uint32_t)have / 2 >= want)
		return;
	if (sys_setsockopt_int(q->fd, SOL_SOCKET, SO_SNDBUFFORCE, (int)want))
		sys_setsockopt_int(q->fd, SOL_SOCKET, SO_SNDBUF, (int)want);
	q->old_sndbuf = have / 2; /* the kernel doubles it */
}

static int set_vnet(struct fdb_queue *q, const char **ret_why)
{
	int rc;

	if (!(q->ep->caps & FDNET_CAP_HARDWARE_GSO) || q->vnet_len)
		return 0;
	if (q->kind == FDB_PACKET) {
		*ret_why = "PACKET_VNET_HDR was refused";
		rc = sys_setsockopt_int(q->fd, SOL_PACKET, PACKET_VNET_HDR, 1);
		if (rc)
			return rc;
		q->vnet_set = true;
	}
	q->vnet_len = FDNET_VNET_HDR_LEN;
	return 0;
}

int fdb_fd_prepare(struct fdb_queue *q, const char **ret_why)
{
	int rc;

	*ret_why = "the fd could not be made non-blocking";
	rc = (int)sys_rc(fcntl(q->fd, F_GETFL));
	if (rc < 0)
		return rc;
	if (!(rc & O_NONBLOCK)) {
		q->old_flags = rc;
		rc = (int)sys_rc(fcntl(q->fd, F_SETFL, rc | O_NONBLOCK));
		if (rc)
			return rc;
	}
	rc = set_vnet(q, ret_why);
	if (rc)
		return rc;
	grow_sndbuf(q, q->ep->opts.sndbuf);
	return 0;
}

void fdb_fd_undo(struct fdb_queue *q)
{
	if (q->vnet_set)
		sys_setsockopt_int(q->fd, SOL_PACKET, PACKET_VNET_HDR, 0);
	if (q->old_sndbuf >= 0)
		sys_setsockopt_int(q->fd, SOL_SOCKET, SO_SNDBUF, q->old_sndbuf);
	if (q->old_flags >= 0)
		fcntl(q->fd, F_SETFL, q->old_flags);
}

/* ---- another fd ---- */

static int prepare_swap(const struct fdb_queue *old, struct fdb_queue *new,
			const char **ret_why)
{
	struct fdb *ep = old->ep;
	unsigned int i;
	int rc;

	*ret_why = "an fd is given twice";
	for (i = 0; i < ep->nqueues; i++)
		if (ep->queues[i].fd == new->fd)
			return -EEXIST;
	rc = fdb_fd_look(new, ret_why);
	if (rc)
		return rc;
	*ret_why = "fds of different kinds";
	if (new->kind != old->kind)
		return -EXDEV;
	*ret_why = "a fanout group cannot be left";
	if (old->kind == FDB_PACKET && ep->nqueues > 1)
		return -EOPNOTSUPP;
	rc = fdb_fd_prepare(new, ret_why);
	if (rc)
		return rc;
	*ret_why = "vnet headers of different sizes";
	if (new->vnet_len != old->vnet_len)
		return -EXDEV;
	return old->ring ? fdb_ring_new(new, ret_why) : 0;
}

/* With state_lock. */
static int swap_fd(struct fdb_queue *q, int fd, const char **ret_why)
{
	struct fdb_queue new = {
		.ep = q->ep,
		.fd = fd,
		.old_flags = -1,
		.old_sndbuf = -1,
	};
	int rc;

	*ret_why = "the endpoint is attached";
	if (q->ep->attached || q->ep->running)
		return -EBUSY;
	rc = prepare_swap(q, &new, ret_why);
	if (rc) {
		fdb_fd_undo(&new);
		return rc;
	}
	fdb_ring_free(q, true);
	q->ring = new.ring;
	pthread_mutex_lock(&q->tx_lock);
	q->fd = fd;
	pthread_mutex_unlock(&q->tx_lock);
	*ret_why = NULL;
	return 0;
}

int fdnet_fd_endpoint_swap_fd(struct fdnet_endpoint *base, unsigned int index,
			      int fd, const char **ret_why)
{
	struct fdb *ep = fdb_cast(base);
	const char *why = "no such endpoint or index";
	int rc = -EINVAL;

	if (ep && index < ep->nqueues) {
		pthread_mutex_lock(&ep->state_lock);
		rc = swap_fd(&ep->queues[index], fd, &why);
		pthread_mutex_unlock(&ep->state_lock);
	}
	if (ret_why)
		*ret_why = why;
	return rc;
}
