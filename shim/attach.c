/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/attach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <fdnet/stack.h>

#include "endpoint/link.h"
#include "shim/highfd.h"
#include "shim/logline.h"
#include "shim/meet.h"
#include "shim/raw.h"
#include "shim/spawn.h"

/* Room for GSO bursts on their way; the kernel grants what wmem_max allows. */
#define LINK_SNDBUF (4 << 20)
#define NODE_SNDBUF (64 << 10)
#define ENV_LEN 256

/* Copied at start: the program may clear its environment afterwards. */
static char env_relay[ENV_LEN], env_fd[16], env_addr[64], env_mtu[16];
static int attach_fd = -1;
static bool publish;
static bool meets; /* by a name (meet.h); there is no FDNET_RELAY else */
static bool met; /* this process found attach_fd by itself */
/* What exec adds to an environment that lacks it. */
static char entry_preload[ENV_LEN * 4], entry_relay[ENV_LEN + 16];
static const char *entries[3];

static void make_entries(void)
{
	unsigned int n = 0;

	if (attach_fd >= 0)
		snprintf(entry_relay, sizeof(entry_relay), "FDNET_RELAY=fd:%d",
			 attach_fd);
	else if (env_relay[0])
		snprintf(entry_relay, sizeof(entry_relay), "FDNET_RELAY=%s",
			 env_relay);
	else if (meets)
		snprintf(entry_relay, sizeof(entry_relay), "FDNET_RELAY=%s",
			 shim_meet_env());
	if (entry_preload[0])
		entries[n++] = entry_preload;
	if (entry_relay[0])
		entries[n++] = entry_relay;
	entries[n] = NULL;
}

const char *const *shim_attach_env(void)
{
	return entries;
}

static void copy_env(char *dst, size_t size, const char *name)
{
	const char *value = getenv(name);

	if (value && strlen(value) < size)
		strcpy(dst, value);
}

/* Is the fd an AF_UNIX SEQPACKET socket, as the attach channel must be? */
static bool is_channel(int fd)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof(int);

	return raw_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       raw_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       domain == AF_UNIX && type == SOCK_SEQPACKET;
}

void shim_attach_init(void)
{
	const char *preload;
	int fd;

	copy_env(env_relay, sizeof(env_relay), "FDNET_RELAY");
	copy_env(env_fd, sizeof(env_fd), "FDNET_FD");
	copy_env(env_addr, sizeof(env_addr), "FDNET_ADDR");
	copy_env(env_mtu, sizeof(env_mtu), "FDNET_MTU");
	shim_spawn_init();
	if (strncmp(env_relay, "fd:", 3) == 0) {
		fd = atoi(env_relay + 3);
		if (fd > 2 && is_channel(fd)) {
			attach_fd = fd;
			shim_fd_protect(fd);
		}
	}
	meets = !env_fd[0] && shim_meet_init(env_relay);
	if (meets)
		env_relay[0] = '\0';
	preload = getenv("LD_PRELOAD");
	if (preload &&
	    strlen(preload) + sizeof("LD_PRELOAD=") <= sizeof(entry_preload))
		sprintf(entry_preload, "LD_PRELOAD=%s", preload);
	make_entries();
}

/* "10.0.2.15/24" or "10.0.2.15/24,10.0.2.2" (gateway, for completeness) */
static int parse_addr(struct fdnet_welcome *w)
{
	char text[sizeof(env_addr)], *slash, *comma;
	struct fdnet_ip ip;

	strcpy(text, env_addr[0] ? env_addr : "10.0.2.15/24");
	comma = strchr(text, ',');
	if (comma)
		*comma = '\0';
	slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	if (fdnet_ip_parse(text, &ip) < 0)
		return -EINVAL;
	if (ip.family == 4) {
		memcpy(w->ip4, ip.bytes, 4);
		w->bits4 = slash ? (uint8_t)atoi(slash + 1) : 24;
	} else {
		memcpy(w->ip6, ip.bytes, 16);
		w->bits6 = slash ? (uint8_t)atoi(slash + 1) : 64;
	}
	return 0;
}

int shim_attach_plain(struct fdnet_welcome *ret_welcome)
{
	struct fdnet_welcome w = {
		.version = FDNET_CTL_VERSION,
		.mtu = 1500,
		.lease_lo = 32768,
		.lease_hi = 60999,
	};
	int fd;

	if (!env_fd[0])
		return -ENOENT;
	fd = atoi(env_fd);
	if (raw_fcntl(fd, F_GETFD, 0) < 0) {
		shim_log("FDNET_FD=%s: not an open fd", env_fd);
		return -ENETDOWN;
	}
	if (env_mtu[0])
		w.mtu = (uint32_t)atoi(env_mtu);
	if (w.mtu < 576 || w.mtu > 65535) {
		shim_log("FDNET_MTU=%s: not within 576..65535", env_mtu);
		return -ENETDOWN;
	}
	if (parse_addr(&w) < 0) {
		shim_log("FDNET_ADDR=%s: want ADDRESS/BITS", env_addr);
		return -ENETDOWN;
	}
	shim_fd_protect(fd);
	*ret_welcome = w;
	return fd;
}

static int connect_path(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENETDOWN;
	strcpy(sun.sun_path, path);
	fd = (int)RAW(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0,
		      0, 0);
	if (fd < 0)
		return fd;
	do
		rc = (int)RAW(SYS_connect, fd, &sun, sizeof(sun), 0, 0, 0);
	while (rc == -EINTR);
	if (rc < 0) {
		raw_close(fd);
		return rc;
	}
	return shim_fd_raise(fd);
}

/* The channel, by whatever way there is one. */
static int channel(void)
{
	int fd;

	if (attach_fd >= 0 && is_channel(attach_fd))
		return attach_fd;
	if (env_relay[0] == '/') {
		fd = connect_path(env_relay);
		if (fd < 0)
			shim_log("FDNET_RELAY=%s: cannot connect, error %d",
				 env_relay, -fd);
	} else if (env_relay[0]) {
		shim_log("FDNET_RELAY=%s: no channel to a relay", env_relay);
		fd = -ENETDOWN;
	} else {
		fd = meets ? shim_meet() : shim_spawn_relay(-1);
		publish = met = fd >= 0;
	}
	if (fd < 0)
		return -ENETDOWN;
	/* for the children: inherited over exec, found by its number */
	raw_fcntl(fd, F_SETFD, 0);
	shim_fd_protect(fd);
	attach_fd = fd;
	make_entries();
	return fd;
}

static int send_attach(int chan, int fd, uint16_t flags)
{
	uint8_t msg[FDNET_LINK_HDR_LEN + FDNET_ATTACH_LEN];
	struct fdnet_link_hdr hdr = {
		.type = FDNET_LINK_ATTACH,
		.hdr_len = FDNET_ATTACH_LEN,
	};
	struct fdnet_attach attach = {
		.version = FDNET_CTL_VERSION,
		.flags = flags,
		.pid = (uint32_t)RAW(SYS_getpid, 0, 0, 0, 0, 0, 0),
	};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl = { 0 };
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(msg) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.buf,
		.msg_controllen = sizeof(ctl.buf),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	ssize_t rc;

	fdnet_link_hdr_encode(msg, &hdr);
	fdnet_attach_encode(msg + FDNET_LINK_HDR_LEN, &attach);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	do {
		rc = raw_sendmsg(chan, &m, MSG_NOSIGNAL);
	} while (rc == -EINTR);
	return rc < 0 ? -ENETDOWN : 0;
}

static int attach(uint16_t flags, int size)
{
	int chan, rc, sv[2];

	chan = channel();
	if (chan < 0)
		return chan;
	rc = raw_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv);
	if (rc < 0)
		return rc;
	raw_setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	raw_setsockopt(sv[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	rc = send_attach(chan, sv[1], flags);
	raw_close(sv[1]);
	if (rc < 0) {
		raw_close(sv[0]);
		return rc;
	}
	return shim_fd_raise(sv[0]);
}

int shim_attach_relay(void)
{
	return attach(0, LINK_SNDBUF);
}

bool shim_attach_again(void)
{
	if (!met || attach_fd < 0)
		return false;
	met = false;
	shim_fd_lower(attach_fd);
	attach_fd = -1;
	make_entries();
	return true;
}

int shim_attach_node(void)
{
	return shim_attach_known() ? attach(FDNET_ATTACH_NODE, NODE_SNDBUF) :
				     -ENETDOWN;
}

bool shim_attach_known(void)
{
	return !env_fd[0] && (attach_fd >= 0 || env_relay[0]);
}

bool shim_attach_is_channel(int fd)
{
	return fd == attach_fd;
}

void shim_attach_publish_env(void)
{
	char value[32];

	if (!publish)
		return;
	publish = false;
	snprintf(value, sizeof(value), "fd:%d", attach_fd);
	setenv("FDNET_RELAY", value, 1);
}
