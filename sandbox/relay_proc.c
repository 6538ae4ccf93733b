/* SPDX-License-Identifier: Apache-2.0 */
/* The relay as a child process; see relay_proc.h. */
#include "config.h"

#include "sandbox/relay_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/exit_status.h"
#include "sandbox/fds.h"
#include "sandbox/say.h"

#define READY_TIMEOUT_MS  10000
#define FINISH_TIMEOUT_MS 2000

/* Where the relay finds its two fds. */
#define RELAY_ATTACH_FD 3
#define RELAY_STATUS_FD 4

static int make_pair(int *ret_ours, int *ret_relays)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*ret_ours = pair[0];
	*ret_relays = pair[1];
	return 0;
}

/* Out of the way of 3 and 4 first, since either may be one of them. */
static int place_fds(int attach, int status)
{
	int fds[] = {RELAY_ATTACH_FD, RELAY_STATUS_FD};

	attach = fcntl(attach, F_DUPFD, RELAY_STATUS_FD + 1);
	status = fcntl(status, F_DUPFD, RELAY_STATUS_FD + 1);
	if (attach < 0 || status < 0)
		return -errno;
	if (dup2(attach, fds[0]) < 0 || dup2(status, fds[1]) < 0)
		return -errno;
	return fds_close_but(fds, 2);
}

/*
 * Input and output are not the relay's: somebody may wait for the end of the
 * program's output. A session of its own, so that the terminal's Ctrl-C ends
 * the program first and its summary is still printed.
 */
static int settle(void)
{
	sigset_t none;
	int null;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR);
	if (null < 0)
		return -errno;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	return 0;
}

static void exec_relay(const char *path, const char **argv, int attach, int status)
{
	int rc;

	rc = settle();
	if (rc == 0)
		rc = place_fds(attach, status);
	if (rc == 0) {
		execv(path, (char **)argv);
		rc = -errno;
	}
	say("cannot start %s: %s", path, strerror(-rc));
	_exit(EXIT_OWN_FAILURE);
}

static const char **make_argv(const char *path, const char *const *args,
			      size_t argc)
{
	static const char *const own[] = {"--attach-fd", "3", "--status-fd", "4"};
	const size_t own_count = sizeof(own) / sizeof(*own);
	const char **argv;

	argv = calloc(argc + own_count + 2, sizeof(*argv));
	if (!argv)
		return NULL;
	argv[0] = path;
	memcpy(argv + 1, args, argc * sizeof(*argv));
	memcpy(argv + 1 + argc, own, sizeof(own));
	return argv;
}

/* Returns bytes of the word, 0 at the end of the channel, -ETIMEDOUT. */
static ssize_t read_word(int fd, char *word, size_t size, int timeout_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t len;
	int rc;

	do
		rc = poll(&pfd, 1, timeout_ms);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	if (rc == 0)
		return -ETIMEDOUT;
	len = recv(fd, word, size - 1, 0);
	if (len < 0)
		return -errno;
	word[len] = '\0';
	return len;
}

static int wait_ready(struct relay_proc *relay)
{
	char word[32];
	ssize_t len;
	int status = 0;

	len = read_word(relay->status_fd, word, sizeof(word), READY_TIMEOUT_MS);
	if (len > 0 && !strcmp(word, "ready"))
		return 0;
	if (len == -ETIMEDOUT)
		say("the relay was not ready after %d s",
		    READY_TIMEOUT_MS / 1000);
	else if (len > 0)
		say("the relay said '%s' instead of 'ready': is it of another "
		    "version?",
		    word);
	kill(relay->pid, SIGKILL);
	waitpid(relay->pid, &status, 0);
	relay->pid = -1;
	/* A relay that exits by itself has said why. */
	if (len == 0 && WIFSIGNALED(status))
		say("the relay was ended by signal %d at start",
		    WTERMSIG(status));
	return -ECHILD;
}

int relay_proc_start(const char *path, const char *const *args, size_t argc,
		     struct relay_proc *ret_relay)
{
	struct relay_proc relay = {-1, -1, -1, false};
	int relay_attach = -1, relay_status = -1;
	const char **argv;
	int rc;

	argv = make_argv(path, args, argc);
	if (!argv)
		return -ENOMEM;
	rc = make_pair(&relay.attach_fd, &relay_attach);
	if (rc == 0)
		rc = make_pair(&relay.status_fd, &relay_status);
	if (rc == 0) {
		relay.pid = fork();
		if (relay.pid == 0)
			exec_relay(path, argv, relay_attach, relay_status);
		if (relay.pid < 0)
			rc = -errno;
	}
	free(argv);
	close(relay_attach);
	close(relay_status);
	if (rc < 0)
		say("cannot start the relay: %s", strerror(-rc));
	else
		rc = wait_ready(&relay);
	if (rc < 0) {
		relay_proc_done(&relay);
		return rc;
	}
	*ret_relay = relay;
	return 0;
}

int relay_proc_connect(const char *path, struct relay_proc *ret_relay)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, rc = 0;

	if (strlen(path) >= sizeof(sa.sun_path)) {
		say("FDNET_RELAY=%s: the path is too long", path);
		return -ENAMETOOLONG;
	}
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		rc = -errno;
	if (rc < 0) {
		say("FDNET_RELAY=%s: cannot connect: %s", path, strerror(-rc));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	*ret_relay = (struct relay_proc){-1, -1, fd, false};
	return 0;
}

void relay_proc_finish(struct relay_proc *relay)
{
	char word[32];
	ssize_t len;

	if (send(relay->status_fd, "finish", strlen("finish"), MSG_NOSIGNAL) < 0)
		return;
	/* "moved" may stand in front of "done": either relay reads ours */
	do
		len = read_word(relay->status_fd, word, sizeof(word),
				FINISH_TIMEOUT_MS);
	while (len > 0 && !strcmp(word, "moved"));
}

bool relay_proc_ended(struct relay_proc *relay)
{
	char word[32] = "";

	relay->pid = -1;
	/* nothing else was said since "ready" */
	if (relay->status_fd >= 0 &&
	    recv(relay->status_fd, word, sizeof(word) - 1, MSG_DONTWAIT) > 0)
		relay->moved = !strcmp(word, "moved");
	return relay->moved;
}

bool relay_proc_is_there(struct relay_proc *relay)
{
	char word[32];
	ssize_t len;

	/* "moved" of one that was taken over from in its turn */
	do
		len = recv(relay->status_fd, word, sizeof(word), MSG_DONTWAIT);
	while (len > 0);
	return len < 0 && (errno == EAGAIN || errno == EINTR);
}

void relay_proc_done(struct relay_proc *relay)
{
	if (relay->status_fd >= 0)
		close(relay->status_fd);
	if (relay->attach_fd >= 0)
		close(relay->attach_fd);
	relay->status_fd = -1;
	relay->attach_fd = -1;
}
