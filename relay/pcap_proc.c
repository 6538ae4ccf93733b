/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/pcap_proc.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "fdnet-pcap"

/* Beside this program, as in a build tree, or where it was installed. */
static void find_program(char *dst, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", dst, size - sizeof(PROGRAM));
	char *slash;

	if (len > 0) {
		dst[len] = '\0';
		slash = strrchr(dst, '/');
		if (slash) {
			strcpy(slash + 1, PROGRAM);
			if (!access(dst, X_OK))
				return;
		}
	}
	snprintf(dst, size, "%s", FDNET_LIBEXECDIR "/" PROGRAM);
}

__attribute__((noreturn)) static void
become_writer(int fd, const struct pcap_target *target)
{
	char program[PATH_MAX], kib[16], keep[16];

	snprintf(kib, sizeof(kib), "%u", target->kib);
	snprintf(keep, sizeof(keep), "%u", target->keep);

	find_program(program, sizeof(program));
	/* whatever the terminal says, its end is the socket's */
	setsid();
	if (fd == 3 || dup2(fd, 3) == 3) {
		close_range(4, ~0u, 0);
		if (fd == 3)
			close_range(3, 3, CLOSE_RANGE_CLOEXEC);
		execl(program, PROGRAM, target->path, kib, keep,
		      target->filter, NULL);
	}
	fprintf(stderr, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

int pcap_proc_start(const struct pcap_target *target)
{
	int pair[2], rc = 0;
	ssize_t len;
	pid_t pid;
	char ready;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (!pid) {
		/* nobody's child to wait for */
		if (fork() == 0)
			become_writer(pair[1], target);
		_exit(0);
	}
	close(pair[1]);
	if (pid < 0) {
		rc = -errno;
		close(pair[0]);
		return rc;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	do
		len = recv(pair[0], &ready, 1, 0);
	while (len < 0 && errno == EINTR);
	if (len == 1)
		return pair[0];
	close(pair[0]);
	return -EINVAL;
}
