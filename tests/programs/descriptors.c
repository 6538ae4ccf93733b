/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets as descriptors: numbers, copies, flags, stdio. */
#include "probe.h"

#include <dirent.h>
#include <sys/stat.h>

static int count_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(dir)))
		if (atoi(entry->d_name) < 200)
			count++;
	closedir(dir);
	return count;
}

static void numbers(void)
{
	int a = new_tcp(0), b = new_udp(0), c;

	say(a, "first socket");
	say(b, "second socket");
	close(a);
	c = new_tcp(0);
	say(c, "the lowest free number");
	say(close(c), "close");
	say(close(b), "close the second");
	say(fcntl(b, F_GETFD), "closed");
}

static void kinds(void)
{
	int fd = new_tcp(0);
	struct stat st;

	say(fstat(fd, &st), "fstat");
	say_bool(S_ISSOCK(st.st_mode), "is a socket");
	say(st.st_size, "size");
	say(fcntl(fd, F_GETFD), "flags of the descriptor");
	say(fcntl(fd, F_GETFL), "flags of the file");
	say(fcntl(fd, F_SETFL, O_NONBLOCK | O_APPEND), "set flags");
	say_bool(fcntl(fd, F_GETFL) & O_NONBLOCK, "nonblocking");
	say(fcntl(fd, F_SETFD, FD_CLOEXEC), "set close-on-exec");
	say(fcntl(fd, F_GETFD), "flags of the descriptor then");
	say(fcntl(fd, F_SETOWN, getpid()), "F_SETOWN");
	say_bool(fcntl(fd, F_GETOWN) == getpid(), "F_GETOWN");
	say(fcntl(fd, 9999), "unknown fcntl");
	close(fd);
	fd = new_tcp(SOCK_CLOEXEC | SOCK_NONBLOCK);
	say(fcntl(fd, F_GETFD), "SOCK_CLOEXEC");
	say_bool(fcntl(fd, F_GETFL) & O_NONBLOCK, "SOCK_NONBLOCK");
	close(fd);
}

static void copies(void)
{
	int fds[2], copy, third;
	char back[10];

	tcp_pair(fds);
	copy = dup(fds[0]);
	say_bool(copy >= 0, "dup");
	say(send(copy, "a", 1, 0), "send on the copy");
	close(fds[0]);
	say(send(copy, "b", 1, 0), "the first is closed");
	say(recv(fds[1], back, 2, MSG_WAITALL), "both came");
	third = dup2(copy, 50);
	say(third, "dup2");
	say(dup3(copy, 51, O_CLOEXEC), "dup3");
	say(fcntl(51, F_GETFD), "its flag");
	say(dup2(copy, copy), "dup2 onto itself");
	say(dup3(copy, copy, 0), "dup3 onto itself");
	say(fcntl(copy, F_DUPFD, 60), "F_DUPFD");
	say(fcntl(copy, F_DUPFD_CLOEXEC, 61), "F_DUPFD_CLOEXEC");
	set_nonblock(50);
	say_bool(fcntl(60, F_GETFL) & O_NONBLOCK, "copies share O_NONBLOCK");
	close(copy);
	close(50);
	close(51);
	close(61);
	sleep_ms(20);
	say(recv(fds[1], back, 1, MSG_DONTWAIT), "one copy is left");
	close(60);
	say(recv(fds[1], back, 1, 0), "the last copy is closed");
	close(fds[1]);
}

static void over_others(void)
{
	int fds[2], file = open("/dev/null", O_RDONLY);
	char back[10];

	tcp_pair(fds);
	say_bool(dup2(file, fds[0]) == fds[0], "a file over a socket");
	say(recv(fds[1], back, 1, 0), "the peer sees the end");
	say(read(fds[0], back, 1), "the number is the file's");
	say(send(fds[0], "x", 1, 0), "and no socket");
	close(fds[0]);
	close(fds[1]);
	tcp_pair(fds);
	say_bool(dup2(fds[0], file) == file, "a socket over a file");
	say(send(file, "x", 1, 0), "is a socket");
	say(recv(fds[1], back, 1, 0), "and sends");
	close(file);
	close_pair(fds);
}

static void ranges(void)
{
	int fds[2], i;

	for (i = 0; i < 20; i++)
		new_tcp(0);
	tcp_pair(fds);
	say(close_range(3, 199, 0), "close_range");
	say(count_open(), "open then, with the folder's");
	say(new_tcp(0), "the next number");
	close(3);
}

static void stdio(void)
{
	int fds[2];
	FILE *in, *out;
	char line[32] = "";

	tcp_pair(fds);
	out = fdopen(fds[0], "w");
	in = fdopen(fds[1], "r");
	say_bool(in && out, "fdopen");
	say(fprintf(out, "a line\n"), "fprintf");
	say(fflush(out), "fflush");
	say_bool(fgets(line, sizeof(line), in), "fgets");
	say_bool(!strcmp(line, "a line\n"), "the line");
	say(fclose(out), "fclose");
	say_bool(!fgets(line, sizeof(line), in), "end of file");
	fclose(in);
}

int main(void)
{
	int before = count_open();

	signal(SIGPIPE, SIG_IGN);
	numbers();
	kinds();
	copies();
	over_others();
	say(count_open() - before, "left open");
	ranges();
	stdio();
	return 0;
}
