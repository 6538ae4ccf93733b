/* SPDX-License-Identifier: Apache-2.0 */
/* setsockopt() and getsockopt(): the engine's table does the work; here is
 * what concerns the fd and the waiting. */
#include "config.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#include "shim/addr.h"
#include "shim/call.h"
#include "shim/keep.h"
#include "shim/mirror.h"
#include "shim/netlink.h"
#include "shim/node.h"
#include "shim/pump.h"
#include "shim/raw.h"
#include "shim/uaccess.h"
#include "stack/wire/udp.h"

static int set_timeout(uint64_t *us, const void *val, socklen_t len)
{
	struct timeval tv;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, val, sizeof(tv));
	if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EDOM;
	if (tv.tv_sec < 0)
		*us = 1; /* the kernel: a negative time is over at once */
	else
		*us = (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
	return 0;
}

/* Has the relay the state? It is asked for if need be. */
static bool is_nodes(struct shim_file *file)
{
	if (file->remote)
		shim_pump_touch(file);
	return file->in_node;
}

static bool is_timeout(int level, int name)
{
	return level == SOL_SOCKET &&
	       (name == SO_RCVTIMEO || name == SO_SNDTIMEO);
}

/* Waiting is the kernel's business there, on A. */
static int set_in_node(struct shim_file *file, int fd, int level, int name,
		       const void *val, socklen_t len)
{
	uint64_t us;
	int rc;

	if (is_timeout(level, name)) {
		rc = set_timeout(&us, val, len);
		return rc < 0 ? rc :
				raw_setsockopt(fd, level, name, val, len);
	}
	rc = shim_node_setopt(file, level, name, val, len);
	/* A carries urgent data as its reader wants them */
	if (rc == 0 && level == SOL_SOCKET && name == SO_OOBINLINE)
		raw_setsockopt(fd, level, name, val, len);
	return rc == -ENOENT ? 0 : rc;
}

static int set_option(struct shim_file *file, int fd, int level, int name,
		      const void *val, socklen_t len)
{
	int rc;

	if ((int)len < 0)
		return -EINVAL;
	if (!shim_can_read(val, len))
		return -EFAULT;
	if (file->netlink) {
		rc = shim_netlink_setopt(file, level, name, val, len);
		return rc > 0 ? raw_setsockopt(fd, level, name, val, len) : rc;
	}
	if (is_nodes(file))
		return set_in_node(file, fd, level, name, val, len);
	if (file->remote)
		return 0; /* tuning, for the owner's connection: no harm */
	if (!file->so)
		return -ENETDOWN;
	if (level == SOL_SOCKET && name == SO_RCVTIMEO)
		return set_timeout(&file->rcvtimeo_us, val, len);
	if (level == SOL_SOCKET && name == SO_SNDTIMEO)
		return set_timeout(&file->sndtimeo_us, val, len);
	rc = fdnet_sock_setopt(file->so, level, name, val, len);
	if (rc == 0 && shim_keep_is(level, name))
		shim_keep_tell(file, NULL, true);
	return rc;
}

int shim_setsockopt(int fd, int level, int name, const void *val,
		    socklen_t len)
{
	struct shim_guard guard;
	struct shim_file *file = shim_begin(fd, &guard);
	int rc;

	if (!file)
		return LIBC(setsockopt)(fd, level, name, val, len);
	rc = set_option(file, fd, level, name, val, len);
	shim_mirror_touch(file);
	shim_net_flush(); /* TCP_NODELAY and the end of TCP_CORK push */
	shim_end(&guard);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(setsockopt);

static void put_timeout(uint64_t us, void *val, socklen_t *len)
{
	struct timeval tv = {
		.tv_sec = (time_t)(us / 1000000),
		.tv_usec = (suseconds_t)(us % 1000000),
	};

	if (*len > sizeof(tv))
		*len = sizeof(tv);
	memcpy(val, &tv, *len);
}

/* What is known here of a socket whose state another process has. */
static int get_remote(struct shim_file *file, int level, int name, void *val,
		      socklen_t *len)
{
	int value = 0;

	if (level == SOL_SOCKET && name == SO_TYPE)
		value = file->is_stream ? SOCK_STREAM : SOCK_DGRAM;
	else if (level == SOL_SOCKET && name == SO_DOMAIN)
		value = file->domain;
	else if (level == SOL_SOCKET && name == SO_PROTOCOL)
		value = file->proto	  ? file->proto
			: file->is_stream ? IPPROTO_TCP
					  : IPPROTO_UDP;
	else if (level == SOL_SOCKET && name == SO_ACCEPTCONN)
		value = file->listens;
	else if (level != SOL_SOCKET || name != SO_ERROR)
		return -ENOPROTOOPT;
	if (*len > sizeof(value))
		*len = sizeof(value);
	memcpy(val, &value, *len);
	return 0;
}

/* Getting an option of a level that is neither the socket's, its protocol's
 * nor IP's has an error of its own in IPv4. */
static bool is_foreign(const struct shim_file *file, int level)
{
	if (file->domain != AF_INET || level == SOL_SOCKET || level == IPPROTO_IP)
		return false;
	return file->is_stream ? level != IPPROTO_TCP : !fdnet_is_udp(level);
}

static int get_in_node(struct shim_file *file, int fd, int level, int name,
		       void *val, socklen_t *len)
{
	uint32_t n = *len;
	int rc;

	if (is_timeout(level, name) ||
	    (level == SOL_SOCKET && name == SO_COOKIE))
		return raw_getsockopt(fd, level, name, val, len);
	rc = shim_node_getopt(file, level, name, val, &n);
	/* it has ended, and nobody remembers it */
	if (rc == -ENOENT || rc == -EINVAL || rc == -ENETDOWN)
		return get_remote(file, level, name, val, len);
	if (rc == 0)
		*len = n;
	if (level == SOL_SOCKET && name == SO_ERROR) {
		int unread;
		socklen_t size = sizeof(unread);

		/* what A shows of it is fetched too */
		raw_getsockopt(fd, level, name, &unread, &size);
		if (file->narrow && !file->listens)
			shim_node_open_out(file, fd);
	}
	return rc;
}

static int get_option(struct shim_file *file, int fd, int level, int name,
		      void *val, socklen_t *len)
{
	uint32_t n;
	int rc;

	if (!shim_can_write(len, sizeof(*len)))
		return -EFAULT;
	if ((int)*len < 0)
		return -EINVAL;
	if (!shim_can_write(val, *len))
		return -EFAULT;
	if (file->netlink) {
		rc = shim_netlink_getopt(file, level, name, val, len);
		return rc > 0 ? raw_getsockopt(fd, level, name, val, len) : rc;
	}
	if (is_nodes(file))
		return get_in_node(file, fd, level, name, val, len);
	if (file->remote)
		return get_remote(file, level, name, val, len);
	if (!file->so)
		return -ENETDOWN;
	if (level == SOL_SOCKET &&
	    (name == SO_RCVTIMEO || name == SO_SNDTIMEO)) {
		put_timeout(name == SO_RCVTIMEO ? file->rcvtimeo_us
						: file->sndtimeo_us,
			    val, len);
		return 0;
	}
	if (level == SOL_SOCKET && name == SO_COOKIE) {
		if (*len < sizeof(file->cookie))
			return -EINVAL;
		memcpy(val, &file->cookie, sizeof(file->cookie));
		*len = sizeof(file->cookie);
		return 0;
	}
	n = *len;
	rc = fdnet_sock_getopt(file->so, level, name, val, &n);
	*len = n;
	if (rc == -ENOPROTOOPT && is_foreign(file, level))
		rc = -EOPNOTSUPP;
	if (rc == 0 && level == SOL_SOCKET && name == SO_ERROR) {
		shim_mirror_error_read(file, fd);
		shim_mirror_touch(file);
	}
	return rc;
}

int shim_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
	struct shim_guard guard;
	struct shim_file *file = shim_begin(fd, &guard);
	int rc;

	if (!file)
		return LIBC(getsockopt)(fd, level, name, val, len);
	if (level == SOL_SOCKET && name == SO_ERROR)
		shim_net_drive();
	rc = get_option(file, fd, level, name, val, len);
	shim_end(&guard);
	return (int)shim_ret(rc);
}
SHIM_EXPORT(getsockopt);
