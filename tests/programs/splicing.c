/* SPDX-License-Identifier: Apache-2.0 */
/* splice(), tee(), vmsplice(), sendfile() and copy_file_range() with sockets,
 * in both directions: of this process alone, and such as a child has used. */
#include "probe.h"

#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

static char room[1 << 17];

static void share(int fd)
{
	pid_t pid = fork();
	char byte;

	if (pid == 0) {
		recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static int file_of(const char *text)
{
	char path[] = "/tmp/fdnet-splicing.XXXXXX";
	int fd = mkstemp(path);

	need(fd, "mkstemp");
	unlink(path);
	need(write(fd, text, strlen(text)), "write");
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void to_a_pipe(int fds[2], const char *how)
{
	int pipes[2], i, moved = 0, all = 0;
	off64_t off = 0;
	long rc;

	need(pipe(pipes), "pipe");
	send(fds[1], "abcdef", 6, 0);
	ready(fds[0], POLLIN);
	say(splice(fds[0], NULL, pipes[1], NULL, 4, 0), "%s, to a pipe", how);
	say(read(pipes[0], room, 16), "%s, it is there", how);
	say(splice(fds[0], NULL, pipes[1], NULL, 99, 0), "%s, the rest", how);
	say(read(pipes[0], room, 16), "%s, it is there too", how);
	say(splice(fds[0], NULL, pipes[1], NULL, 0, 0), "%s, nothing", how);
	say(splice(fds[0], &off, pipes[1], NULL, 1, 0), "%s, an offset", how);
	say(splice(fds[0], NULL, pipes[1], &off, 1, 0),
	    "%s, an offset of the pipe", how);
	say(splice(fds[0], NULL, fds[1], NULL, 1, 0), "%s, no pipe", how);
	say(splice(fds[0], NULL, pipes[1], NULL, 1, 0x100), "%s, a flag", how);
	say(splice(fds[0], NULL, pipes[0], NULL, 1, 0), "%s, its other end",
	    how);
	set_nonblock(fds[0]);
	say(splice(fds[0], NULL, pipes[1], NULL, 4, 0), "%s, nothing yet",
	    how);
	/* a full pipe, and nothing is lost */
	memset(room, 'x', sizeof(room));
	send(fds[1], room, sizeof(room), 0);
	for (i = 0; i < 1000 && (all < (int)sizeof(room) || moved); i++) {
		rc = splice(fds[0], NULL, pipes[1], NULL, sizeof(room),
			    SPLICE_F_NONBLOCK);
		if (rc > 0) {
			moved += (int)rc;
			all += (int)rc;
		}
		rc = read(pipes[0], room, moved ? 30000 : 0);
		moved -= (int)rc;
		sleep_ms(1);
	}
	say(all, "%s, all of much", how);
	say(moved, "%s, all that went in came out", how);
	shutdown(fds[1], SHUT_WR);
	ready(fds[0], POLLRDHUP);
	for (i = 0; i < 100; i++)
		if (splice(fds[0], NULL, pipes[1], NULL, 4096, 0) <= 0)
			break;
		else
			read(pipes[0], room, 4096);
	say(splice(fds[0], NULL, pipes[1], NULL, 4, 0), "%s, the end", how);
	close_pair(pipes);
}

static void from_a_pipe(int fds[2], const char *how)
{
	int pipes[2], flags;
	off64_t off = 0;

	need(pipe(pipes), "pipe");
	write(pipes[1], "abcdef", 6);
	say(splice(pipes[0], NULL, fds[0], NULL, 4, 0), "%s, from a pipe",
	    how);
	say(splice(pipes[0], NULL, fds[0], NULL, 99, SPLICE_F_MORE),
	    "%s, the rest of it", how);
	say(recv(fds[1], room, 6, MSG_WAITALL), "%s, came", how);
	say_bool(!memcmp(room, "abcdef", 6), how);
	say(splice(pipes[0], NULL, fds[0], &off, 1, 0), "%s, an offset", how);
	say(splice(pipes[0], &off, fds[0], NULL, 1, 0),
	    "%s, an offset of the pipe", how);
	say(splice(pipes[0], NULL, fds[0], NULL, 4, SPLICE_F_NONBLOCK),
	    "%s, an empty pipe", how);
	flags = fcntl(pipes[0], F_GETFL);
	say(flags & O_NONBLOCK, "%s, the pipe's flags", how);
	close(pipes[1]);
	say(splice(pipes[0], NULL, fds[0], NULL, 4, 0), "%s, its end", how);
	close(pipes[0]);
	need(pipe(pipes), "pipe");
	say(tee(fds[0], pipes[1], 4, 0), "%s, tee from", how);
	say(tee(pipes[0], fds[0], 4, 0), "%s, tee to", how);
	say(vmsplice(fds[0], &(struct iovec){room, 4}, 1, 0), "%s, vmsplice",
	    how);
	close_pair(pipes);
}

static void files(int fds[2], const char *how)
{
	int file = file_of("0123456789"), pipes[2];
	off_t off = 3;
	off64_t off64 = 0;

	need(pipe(pipes), "pipe");
	say(sendfile(fds[0], file, NULL, 4), "%s, sendfile", how);
	say(lseek(file, 0, SEEK_CUR), "%s, the file's place", how);
	say(sendfile(fds[0], file, &off, 5), "%s, sendfile from 3", how);
	say(off, "%s, to", how);
	say(lseek(file, 0, SEEK_CUR), "%s, its place after it", how);
	say(sendfile(fds[0], file, NULL, 99), "%s, to the end", how);
	say(sendfile(fds[0], file, NULL, 99), "%s, at the end", how);
	say(sendfile(file, fds[0], NULL, 4), "%s, into a file", how);
	send(fds[1], "pipe", 4, 0);
	ready(fds[0], POLLIN);
	say(sendfile(pipes[1], fds[0], NULL, 4), "%s, into a pipe", how);
	say(sendfile(fds[0], fds[1], NULL, 4), "%s, sendfile of a socket",
	    how);
	say(sendfile(fds[0], -1, NULL, 4), "%s, of nothing", how);
	say(copy_file_range(file, &off64, fds[0], NULL, 4, 0),
	    "%s, copy_file_range", how);
	say(copy_file_range(fds[0], NULL, file, &off64, 4, 0),
	    "%s, copy_file_range from", how);
	close(file);
	close_pair(pipes);
}

static void streams(bool shared, const char *how)
{
	int fds[2];

	tcp_pair(fds);
	if (shared) {
		share(fds[0]);
		share(fds[1]);
	}
	from_a_pipe(fds, how);
	files(fds, how);
	say(recv(fds[1], room, 15, MSG_WAITALL), "%s, all of it", how);
	say_bool(!memcmp(room, "012334567456789", 15), how);
	to_a_pipe(fds, how);
	close_pair(fds);
}

/* In a child that waits in splice() until something comes. */
static void waiting(bool shared, const char *how)
{
	int fds[2], pipes[2];
	pid_t pid;

	tcp_pair(fds);
	if (shared)
		share(fds[0]);
	need(pipe(pipes), "pipe");
	pid = fork();
	if (pid == 0) {
		sleep_ms(30);
		send(fds[1], "late", 4, 0);
		sleep_ms(30);
		write(pipes[1], "later", 5);
		_exit(0);
	}
	say(splice(fds[0], NULL, pipes[1], NULL, 99, 0), "%s, waited for",
	    how);
	say(read(pipes[0], room, 4), "%s, read", how);
	say(splice(pipes[0], NULL, fds[0], NULL, 99, 0),
	    "%s, waited for the pipe", how);
	say(recv(fds[1], room, 5, MSG_WAITALL), "%s, received", how);
	waitpid(pid, NULL, 0);
	close_pair(pipes);
	close_pair(fds);
}

static void datagrams(bool shared, const char *how)
{
	int fds[2], pipes[2], file = file_of("of a file");

	udp_pair(fds);
	if (shared) {
		share(fds[0]);
		share(fds[1]);
	}
	need(pipe(pipes), "pipe");
	say(sendfile(fds[0], file, NULL, 9), "%s, sendfile", how);
	say(recv(fds[1], room, 99, 0), "%s, came", how);
	write(pipes[1], "of a pipe", 9);
	say(splice(pipes[0], NULL, fds[0], NULL, 99, 0), "%s, from a pipe",
	    how);
	say(recv(fds[1], room, 99, 0), "%s, came too", how);
	send(fds[1], "to a pipe", 9, 0);
	ready(fds[0], POLLIN);
	say(splice(fds[0], NULL, pipes[1], NULL, 99, 0), "%s, to a pipe", how);
	say(read(pipes[0], room, 99), "%s, is there", how);
	set_nonblock(fds[0]);
	say(splice(fds[0], NULL, pipes[1], NULL, 99, 0), "%s, nothing", how);
	close_pair(pipes);
	close_pair(fds);
	close(file);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	streams(false, "stream");
	streams(true, "shared stream");
	waiting(false, "waiting");
	waiting(true, "shared, waiting");
	datagrams(false, "datagrams");
	datagrams(true, "shared datagrams");
	return 0;
}
