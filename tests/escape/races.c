/* SPDX-License-Identifier: Apache-2.0 */
/* Between the check and the act: what a call's arguments mean is changed by
 * another thread while somebody outside may be looking at them. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/escape/escape.h"
#include "tests/escape/raw.h"

#define RACE_MS 1500

struct race {
	atomic_bool stop;
	struct sockaddr_storage shown, harmless, wanted;
	int fd, harmless_fd, wanted_fd;
};

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void *flip_address(void *arg)
{
	struct race *race = arg;

	while (!atomic_load(&race->stop)) {
		memcpy(&race->shown, &race->wanted, sizeof(race->shown));
		__asm__ volatile("" ::: "memory");
		memcpy(&race->shown, &race->harmless, sizeof(race->shown));
		__asm__ volatile("" ::: "memory");
	}
	return NULL;
}

static void *flip_fd(void *arg)
{
	struct race *race = arg;

	while (!atomic_load(&race->stop)) {
		raw(SYS_dup3, race->wanted_fd, race->fd, 0);
		raw(SYS_dup3, race->harmless_fd, race->fd, 0);
	}
	return NULL;
}

static int race_of(int family, socklen_t len, struct race *race)
{
	int rc = -ETIMEDOUT, fd;
	long end = now_ms() + RACE_MS;
	pthread_t thread;

	race->shown = race->harmless;
	if (pthread_create(&thread, NULL, flip_address, race))
		return NOT_HERE;
	while (rc != OUT && now_ms() < end) {
		fd = raw(SYS_socket, family, SOCK_STREAM, 0);
		if (fd < 0) {
			rc = failed();
			break;
		}
		if (raw(SYS_connect, fd, &race->shown, len) == 0)
			rc = greeted(fd);
		close(fd);
	}
	atomic_store(&race->stop, true);
	pthread_join(thread, NULL);
	return rc;
}

/* A listener of our own, which says nothing and closes at once. */
static void *accept_all(void *arg)
{
	int fd;

	while ((fd = raw(SYS_accept4, *(int *)arg, NULL, NULL, 0)) >= 0)
		close(fd);
	return NULL;
}

static int race_connect(void)
{
	struct race race = {0};
	struct sockaddr_in *a = (struct sockaddr_in *)&race.harmless;
	struct sockaddr_in *b = (struct sockaddr_in *)&race.wanted;

	*a = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(1),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	*b = *a;
	b->sin_port = htons(target.port);
	return race_of(AF_INET, sizeof(*a), &race);
}

static int race_unix(void)
{
	struct race race = {0};
	struct sockaddr_un *a = (struct sockaddr_un *)&race.harmless;
	struct sockaddr_un *b = (struct sockaddr_un *)&race.wanted;
	pthread_t thread;
	int fd, rc;

	a->sun_family = AF_UNIX;
	snprintf(a->sun_path, sizeof(a->sun_path), "%s/own.%d", target.dir,
		 getpid());
	b->sun_family = AF_UNIX;
	snprintf(b->sun_path, sizeof(b->sun_path), "%s/stream", target.dir);
	fd = raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return failed();
	if (raw(SYS_bind, fd, a, sizeof(*a)) < 0 ||
	    raw(SYS_listen, fd, 64) < 0)
		return failed();
	if (pthread_create(&thread, NULL, accept_all, &fd))
		return NOT_HERE;
	rc = race_of(AF_UNIX, sizeof(*a), &race);
	unlink(a->sun_path);
	return rc;
}

/* The path stays, what it names changes. */
static void *flip_link(void *arg)
{
	struct race *race = arg;
	const char *own = ((struct sockaddr_un *)&race->harmless)->sun_path;
	const char *host = ((struct sockaddr_un *)&race->wanted)->sun_path;
	const char *path = ((struct sockaddr_un *)&race->shown)->sun_path;
	char temp[128];

	snprintf(temp, sizeof(temp), "%s.t", path);
	while (!atomic_load(&race->stop)) {
		unlink(temp);
		if (symlink(host, temp) == 0)
			rename(temp, path);
		unlink(temp);
		if (symlink(own, temp) == 0)
			rename(temp, path);
	}
	unlink(temp);
	unlink(path);
	return NULL;
}

static int race_symlink(void)
{
	struct race race = {0};
	struct sockaddr_un *a = (struct sockaddr_un *)&race.harmless;
	struct sockaddr_un *b = (struct sockaddr_un *)&race.wanted;
	struct sockaddr_un *s = (struct sockaddr_un *)&race.shown;
	long end = now_ms() + RACE_MS;
	pthread_t taker, flipper;
	int fd, rc = -ETIMEDOUT;

	a->sun_family = b->sun_family = s->sun_family = AF_UNIX;
	snprintf(a->sun_path, sizeof(a->sun_path), "%s/o.%d", target.dir,
		 getpid());
	snprintf(b->sun_path, sizeof(b->sun_path), "%s/stream", target.dir);
	snprintf(s->sun_path, sizeof(s->sun_path), "%s/l.%d", target.dir,
		 getpid());
	fd = raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return failed();
	if (raw(SYS_bind, fd, a, sizeof(*a)) < 0 ||
	    raw(SYS_listen, fd, 64) < 0)
		return failed();
	if (pthread_create(&taker, NULL, accept_all, &fd) ||
	    pthread_create(&flipper, NULL, flip_link, &race))
		return NOT_HERE;
	while (rc != OUT && now_ms() < end) {
		int conn = raw(SYS_socket, AF_UNIX, SOCK_STREAM, 0);

		if (raw(SYS_connect, conn, s, sizeof(*s)) == 0)
			rc = greeted(conn);
		close(conn);
	}
	atomic_store(&race.stop, true);
	pthread_join(flipper, NULL);
	unlink(a->sun_path);
	return rc;
}

/* The number stays, the socket behind it changes: one was looked at, another
 * is connected. Natively one of the two may always go to the host. */
static int race_dup(void)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(target.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct race race = {.fd = 700};
	long end = now_ms() + RACE_MS;
	int rc = -ETIMEDOUT, pair[2];
	pthread_t thread;

	if (raw(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return failed();
	race.harmless_fd = pair[0];
	race.wanted_fd = raw(SYS_socket, AF_INET, SOCK_STREAM, 0);
	if (race.wanted_fd < 0)
		return failed();
	if (pthread_create(&thread, NULL, flip_fd, &race))
		return NOT_HERE;
	while (rc != OUT && now_ms() < end)
		if (raw(SYS_connect, race.fd, &sin, sizeof(sin)) == 0)
			rc = greeted(race.wanted_fd);
	atomic_store(&race.stop, true);
	pthread_join(thread, NULL);
	return rc;
}

/* The name that goes with a datagram: one's own, or the host's? */
static int race_datagram(void)
{
	struct race race = {0};
	struct sockaddr_un *a = (struct sockaddr_un *)&race.harmless;
	struct sockaddr_un *b = (struct sockaddr_un *)&race.wanted;
	struct iovec iov = {(void *)"x", 1};
	struct msghdr msg = {
		.msg_name = &race.shown,
		.msg_namelen = sizeof(*a),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	long end = now_ms() + RACE_MS;
	int fd, own, rc = -ETIMEDOUT;
	char heard[128], byte;
	pthread_t thread;

	a->sun_family = b->sun_family = AF_UNIX;
	snprintf(a->sun_path, sizeof(a->sun_path), "%s/own.%d", target.dir,
		 getpid());
	snprintf(b->sun_path, sizeof(b->sun_path), "%s/dgram", target.dir);
	snprintf(heard, sizeof(heard), "%s/heard", target.dir);
	race.shown = race.harmless;
	fd = raw(SYS_socket, AF_UNIX, SOCK_DGRAM, 0);
	own = raw(SYS_socket, AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0 || own < 0)
		return failed();
	if (raw(SYS_bind, own, a, sizeof(*a)) < 0)
		return failed();
	unlink(heard);
	if (pthread_create(&thread, NULL, flip_address, &race))
		return NOT_HERE;
	while (rc != OUT && now_ms() < end) {
		raw(SYS_sendmsg, fd, &msg, MSG_DONTWAIT);
		raw(SYS_recvfrom, own, &byte, 1, MSG_DONTWAIT, NULL, NULL);
		if (access(heard, F_OK) == 0)
			rc = OUT;
	}
	atomic_store(&race.stop, true);
	pthread_join(thread, NULL);
	unlink(a->sun_path);
	return rc;
}

const struct attempt race_attempts[] = {
	{"race_datagram", race_datagram},
	{"race_connect", race_connect},
	{"race_unix", race_unix},
	{"race_symlink", race_symlink},
	{"race_dup", race_dup},
	{NULL, NULL},
};
