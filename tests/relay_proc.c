/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/relay_guest.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the host's network ---- */

static int set_interface(int fd, const char *name, const char *address)
{
	struct sockaddr_in *sin;
	struct ifreq ifr = {0};

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	sin = (struct sockaddr_in *)&ifr.ifr_addr;
	sin->sin_family = AF_INET;
	if (address) {
		inet_pton(AF_INET, address, &sin->sin_addr);
		if (ioctl(fd, SIOCSIFADDR, &ifr) < 0)
			return -errno;
	}
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	return ioctl(fd, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}

/* 198.18.0.0/15 has no way: host unreachable. */
static int reject_route(int fd)
{
	struct sockaddr_in *dst, *mask;
	struct rtentry route = {.rt_flags = RTF_UP | RTF_REJECT};

	dst = (struct sockaddr_in *)&route.rt_dst;
	mask = (struct sockaddr_in *)&route.rt_genmask;
	dst->sin_family = mask->sin_family = AF_INET;
	inet_pton(AF_INET, "198.18.0.0", &dst->sin_addr);
	inet_pton(AF_INET, "255.254.0.0", &mask->sin_addr);
	return ioctl(fd, SIOCADDRT, &route) < 0 ? -errno : 0;
}

bool rg_namespace(void)
{
	int fd, rc;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = set_interface(fd, "lo", NULL);
	if (!rc)
		rc = set_interface(fd, "lo:1", "203.0.113.5");
	if (!rc)
		rc = reject_route(fd);
	close(fd);
	return !rc;
}

bool rg_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return done;
}

/* ---- the relay ---- */

/* The sanitizer's runtime wants to be the first to wrap what others wrap. */
static void find_runtime(char *ret_path, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4096], *at;

	*ret_path = '\0';
	while (maps && fgets(line, sizeof(line), maps)) {
		at = strchr(line, '/');
		if (!at || !strstr(at, "/libasan.so"))
			continue;
		snprintf(ret_path, size, "%.*s ", (int)strcspn(at, "\n"), at);
		break;
	}
	if (maps)
		fclose(maps);
}

/* Only into the relay: RG_PRELOAD beside the tests. */
static void set_preload(const char *dir)
{
	const char *name = getenv("RG_PRELOAD");
	char path[8192], runtime[4096];

	if (!name)
		return;
	find_runtime(runtime, sizeof(runtime));
	snprintf(path, sizeof(path), "%s%s/tests/.libs/%s", runtime,
		 dir ? dir : ".", name);
	setenv("LD_PRELOAD", path, 1);
}

static void exec_relay(char *options, int attach, int status, int errors)
{
	bool listens = !strncmp(options, "--listen ", 9);
	char path[4096], *argv[64], *save, *word;
	const char *dir = getenv("top_builddir");
	int argc = 0;

	snprintf(path, sizeof(path), "%s/fdnet-relay", dir ? dir : ".");
	argv[argc++] = path;
	for (word = strtok_r(options, " ", &save); word && argc < 58;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	if (!listens) {
		argv[argc++] = (char *)"--attach-fd";
		argv[argc++] = (char *)"3";
	}
	argv[argc++] = (char *)"--status-fd";
	argv[argc++] = (char *)"4";
	argv[argc] = NULL;
	attach = fcntl(attach, F_DUPFD, 10);
	status = fcntl(status, F_DUPFD, 10);
	dup2(errors, 2);
	dup2(attach, 3);
	dup2(status, 4);
	close(attach);
	close(status);
	set_preload(dir);
	execv(path, argv);
	perror(path);
	_exit(127);
}

static void expect_word(int fd, const char *word)
{
	struct pollfd pfd = {fd, POLLIN, 0};
	char got[16] = "";

	/* "moved": one relay after the other speaks here */
	do {
		memset(got, 0, sizeof(got));
		ck_assert_int_eq(poll(&pfd, 1, RG_PATIENCE_MS), 1);
		ck_assert_int_ge(recv(fd, got, sizeof(got) - 1, 0), 0);
	} while (!strcmp(got, "moved"));
	ck_assert_str_eq(got, word);
}

/* The attach channel is a connection then. */
static void connect_channel(struct rg_relay *relay, const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t len = strcspn(path, " ");

	ck_assert_uint_lt(len, sizeof(relay->listen));
	memcpy(relay->listen, path, len);
	memcpy(sa.sun_path, path, len);
	close(relay->attach_fd);
	relay->attach_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
		connect(relay->attach_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
}

void rg_start(struct rg_relay *relay, const char *options)
{
	int attach[2], status[2], errors;
	char copy[1024];

	memset(relay, 0, sizeof(*relay));
	relay->host_fd = -1;
	strcpy(relay->errors, "/tmp/fdnet-test-relay-XXXXXX");
	errors = mkostemp(relay->errors, O_CLOEXEC);
	ck_assert_int_ge(errors, 0);
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, attach), 0);
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, status), 0);
	ck_assert_uint_lt(strlen(options), sizeof(copy));
	strcpy(copy, options);
	relay->pid = fork();
	ck_assert_int_ge(relay->pid, 0);
	if (!relay->pid)
		exec_relay(copy, attach[1], status[1], errors);
	close(attach[1]);
	close(status[1]);
	close(errors);
	relay->attach_fd = attach[0];
	relay->status_fd = status[0];
	expect_word(relay->status_fd, "ready");
	if (!strncmp(options, "--listen ", 9))
		connect_channel(relay, options + 9);
}

static const char *read_errors(const struct rg_relay *relay)
{
	static char text[65536];
	FILE *file = fopen(relay->errors, "r");
	size_t len;

	ck_assert_ptr_nonnull(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

const char *rg_finish(struct rg_relay *relay)
{
	ck_assert_int_eq(send(relay->status_fd, "finish", 6, MSG_NOSIGNAL), 6);
	expect_word(relay->status_fd, "done");
	return read_errors(relay);
}

const char *rg_end(struct rg_relay *relay)
{
	const char *said;
	uint64_t end_us = rg_now_us() + RG_PATIENCE_MS * 1000ull;
	int status = 0;

	for (int i = 0; i < RG_GUESTS; i++)
		if (relay->guests[i])
			rg_kill(relay->guests[i]);
	close(relay->attach_fd);
	close(relay->status_fd);
	if (relay->listen[0]) {
		kill(relay->pid, SIGTERM);
		unlink(relay->listen);
	}
	while (!waitpid(relay->pid, &status, WNOHANG)) {
		if (rg_now_us() > end_us) {
			kill(relay->pid, SIGKILL);
			ck_abort_msg("the relay does not end");
		}
		usleep(1000);
	}
	said = read_errors(relay);
	if (status)
		fputs(said, stderr);
	unlink(relay->errors);
	ck_assert_msg(!status, "the relay ended with status %#x", status);
	return said;
}

void rg_stop(struct rg_relay *relay)
{
	rg_end(relay);
}

long rg_rss_kib(const struct rg_relay *relay)
{
	char path[64];
	long pages = 0, size;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", relay->pid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%ld %ld", &size, &pages), 2);
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE) / 1024;
}

static void list_fds(const struct rg_relay *relay, FILE *list)
{
	char path[64], at[320], link[128];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", relay->pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		ssize_t len;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(at, sizeof(at), "%s/%s", path, entry->d_name);
		len = readlink(at, link, sizeof(link) - 1);
		link[len > 0 ? len : 0] = '\0';
		fprintf(list, "%s: %s\n", entry->d_name, link);
	}
	if (dir)
		closedir(dir);
}

int rg_fds(const struct rg_relay *relay, FILE *list)
{
	struct pollfd pfd = {relay->status_fd, POLLIN, 0};
	char text[64] = "";
	int n = 0;

	ck_assert_int_eq(send(pfd.fd, "descriptors", 11, MSG_NOSIGNAL), 11);
	ck_assert_int_eq(poll(&pfd, 1, RG_PATIENCE_MS), 1);
	ck_assert_int_gt(recv(pfd.fd, text, sizeof(text) - 1, 0), 0);
	ck_assert_int_eq(sscanf(text, "descriptors %d", &n), 1);
	if (list)
		list_fds(relay, list);
	return n;
}
