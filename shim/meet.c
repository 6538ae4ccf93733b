/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/meet.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "base/siphash.h"
#include "shim/highfd.h"
#include "shim/raw.h"
#include "shim/spawn.h"

#define WORD	 "meet:"
#define ID_LEN	 32 /* hexadecimal digits */
#define BACKLOG	 128
#define TRIES	 250 /* of 20 ms */
#define PAUSE_NS (20 * 1000000)

static char env[sizeof(WORD) + ID_LEN];

static bool choose(void)
{
	uint64_t id[2];

	if (RAW(SYS_getrandom, id, sizeof(id), 0, 0, 0, 0) != sizeof(id))
		return false;
	snprintf(env, sizeof(env), WORD "%016llx%016llx",
		 (unsigned long long)id[0], (unsigned long long)id[1]);
	return true;
}

bool shim_meet_init(const char *relay)
{
	if (!relay[0])
		return choose();
	if (strncmp(relay, WORD, sizeof(WORD) - 1) != 0)
		return false;
	relay += sizeof(WORD) - 1;
	if (strlen(relay) != ID_LEN ||
	    strspn(relay, "0123456789abcdef") != ID_LEN)
		return false;
	snprintf(env, sizeof(env), WORD "%s", relay);
	return true;
}

const char *shim_meet_env(void)
{
	return env;
}

/* Who has other rules does not share the relay: their hash is in the name. */
static socklen_t make_name(struct sockaddr_un *sun)
{
	static const uint64_t key[2];
	const char *rules = shim_spawn_rules();
	int n;

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	n = snprintf(sun->sun_path + 1, sizeof(sun->sun_path) - 1,
		     "fdnet-%s-%08x", env + sizeof(WORD) - 1,
		     (unsigned int)fdnet_siphash(key, rules, strlen(rules)));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   (size_t)n);
}

static int new_socket(void)
{
	return (int)RAW(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
			0, 0, 0);
}

static bool is_ours(int fd)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(cred);

	return raw_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       cred.uid == (uid_t)RAW(SYS_geteuid, 0, 0, 0, 0, 0, 0);
}

/* A channel; -ECONNREFUSED: nobody is there; -EPERM: not one of us. */
static int join(const struct sockaddr_un *sun, socklen_t len)
{
	struct timeval limit = { .tv_sec = 5 };
	int fd = new_socket(), rc;

	if (fd < 0)
		return fd;
	/* a relay that is stopped must not stop us */
	raw_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	do {
		rc = (int)RAW(SYS_connect, fd, sun, len, 0, 0, 0);
	} while (rc == -EINTR);
	if (rc == 0 && !is_ours(fd))
		rc = -EPERM;
	if (rc == 0)
		return shim_fd_raise(fd);
	raw_close(fd);
	return rc;
}

/* The first: a channel; -EADDRINUSE: another one was quicker. */
static int host(const struct sockaddr_un *sun, socklen_t len)
{
	int fd = new_socket(), rc;

	if (fd < 0)
		return fd;
	rc = (int)RAW(SYS_bind, fd, sun, len, 0, 0, 0);
	if (rc == 0)
		rc = (int)RAW(SYS_listen, fd, BACKLOG, 0, 0, 0, 0);
	if (rc == 0)
		rc = shim_spawn_relay(fd);
	raw_close(fd);
	return rc;
}

int shim_meet(void)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct sockaddr_un sun;
	socklen_t len = make_name(&sun);
	int i, rc = -ECONNREFUSED;

	for (i = 0; i < TRIES; i++) {
		rc = join(&sun, len);
		if (rc == -ECONNREFUSED)
			rc = host(&sun, len);
		if (rc != -EADDRINUSE)
			break;
		/* it is bound, and will listen in a moment */
		RAW(SYS_nanosleep, &pause, NULL, 0, 0, 0, 0);
	}
	/* without a name, or with a stranger there: alone */
	return rc == -EPERM || rc == -EADDRINUSE || rc == -EAGAIN ?
		       shim_spawn_relay(-1) :
		       rc;
}
