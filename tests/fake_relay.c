/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A relay that knows only the launcher's side of its job, for the tests of
 * the launcher. FAKE_RELAY says how it behaves: good, exit, kill, wrong, mute
 * at start; slow at the end. FAKE_RELAY_ARGS names a file for its arguments.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fd_option(int argc, char **argv, const char *name)
{
	int i;

	for (i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], name))
			return atoi(argv[i + 1]);
	return -1;
}

static void note_args(int argc, char **argv)
{
	const char *path = getenv("FAKE_RELAY_ARGS");
	FILE *out = path ? fopen(path, "w") : NULL;
	int i;

	if (!out)
		return;
	for (i = 1; i < argc; i++)
		fprintf(out, "%s\n", argv[i]);
	fclose(out);
}

static void begin(const char *mode, int status)
{
	if (!strcmp(mode, "exit")) {
		fprintf(stderr, "fdnet-relay: bad rule 'x'\n");
		exit(2);
	}
	if (!strcmp(mode, "kill"))
		raise(SIGKILL);
	if (!strcmp(mode, "mute"))
		sleep(60);
	send(status, strcmp(mode, "wrong") ? "ready" : "hello!", 5, 0);
}

static int end(const char *mode, int status)
{
	fprintf(stderr, "fdnet-relay: summary\n");
	if (!strcmp(mode, "slow"))
		sleep(60);
	send(status, "done", 4, MSG_NOSIGNAL);
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = getenv("FAKE_RELAY");
	int status = fd_option(argc, argv, "--status-fd");
	char word[32];
	ssize_t len;

	if (!mode)
		mode = "good";
	note_args(argc, argv);
	begin(mode, status);
	if (!strcmp(mode, "early"))
		return 0;
	len = recv(status, word, sizeof(word), 0);
	if (len == 6 && !memcmp(word, "finish", 6))
		return end(mode, status);
	return 1;
}
