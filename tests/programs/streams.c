/* SPDX-License-Identifier: Apache-2.0 */
/* Stream sockets: the flags and shapes of sending and receiving. */
#include "probe.h"

#include <pthread.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static char data[65536], back[65536];

static void flags(int fds[2])
{
	say(send(fds[0], "0123456789", 10, 0), "send");
	ready(fds[1], POLLIN);
	say(recv(fds[1], back, 4, MSG_PEEK), "peek");
	say(recv(fds[1], back, 20, MSG_PEEK), "peek more");
	say(recv(fds[1], back, 4, 0), "read a part");
	say_bool(!memcmp(back, "0123", 4), "it is the front");
	say(recv(fds[1], NULL, 3, MSG_TRUNC), "throw away");
	say(recv(fds[1], back, 20, 0), "read the rest");
	say_bool(!memcmp(back, "789", 3), "it is the rest");
	say(recv(fds[1], back, 20, MSG_DONTWAIT), "nothing there");
	say(send(fds[0], "ab", 2, MSG_MORE), "send with more to come");
	say(send(fds[0], "cd", 2, 0), "send the rest");
	say(recv(fds[1], back, 4, MSG_WAITALL), "wait for all");
	say_bool(!memcmp(back, "abcd", 4), "both parts");
}

static void vectors(int fds[2])
{
	static struct iovec too_many[2000];
	char one[] = "one", two[] = "two";
	struct iovec out[3] = {{one, 3}, {one, 0}, {two, 3}};
	struct iovec in[2] = {{back, 2}, {back + 100, 10}};
	struct msghdr msg = {.msg_iov = in, .msg_iovlen = 2};
	struct mmsghdr many[2] = {
		{.msg_hdr = {.msg_iov = out, .msg_iovlen = 1}},
		{.msg_hdr = {.msg_iov = out + 2, .msg_iovlen = 1}}};

	say(writev(fds[0], out, 3), "writev");
	ready(fds[1], POLLIN);
	say(readv(fds[1], in, 2), "readv");
	say_bool(!memcmp(back, "on", 2) && !memcmp(back + 100, "etwo", 4),
		 "scattered");
	say(writev(fds[0], out, 0), "writev of none");
	say(writev(fds[0], too_many, 2000), "writev of too many");
	say(sendmmsg(fds[0], many, 2, 0), "sendmmsg");
	say(many[1].msg_len, "its second length");
	sleep_ms(20);
	say(recvmsg(fds[1], &msg, 0), "recvmsg");
	say(msg.msg_flags, "its flags");
	say(msg.msg_namelen, "its name's length");
	say(preadv2(fds[1], in, 1, -1, RWF_NOWAIT), "preadv2 of nothing");
}

static void ends(int fds[2])
{
	say(send(fds[0], "last", 4, 0), "send before the end");
	say(shutdown(fds[0], SHUT_WR), "end");
	say(recv(fds[1], back, 10, MSG_WAITALL), "what was before the end");
	say(recv(fds[1], back, 10, 0), "the end");
	say(recv(fds[1], back, 10, 0), "the end again");
	say(send(fds[1], "answer", 6, 0), "answer after the end");
	say(recv(fds[0], back, 10, 0), "the answer");
	say(send(fds[0], "x", 1, MSG_NOSIGNAL), "send after own end");
	close(fds[1]);
	say(recv(fds[0], back, 10, 0), "both ended");
}

static void resets(void)
{
	int fds[2], error = 0;
	socklen_t len = sizeof(error);

	tcp_pair(fds);
	send(fds[0], "unread", 6, 0);
	ready(fds[1], POLLIN);
	close(fds[1]);
	ready(fds[0], POLLHUP);
	say(recv(fds[0], back, 1, 0), "reset by unread data");
	say(recv(fds[0], back, 1, 0), "after the reset");
	say(send(fds[0], "x", 1, MSG_NOSIGNAL), "send after the reset");
	close(fds[0]);

	tcp_pair(fds);
	reset(fds[1]);
	ready(fds[0], POLLHUP);
	getsockopt(fds[0], SOL_SOCKET, SO_ERROR, &error, &len);
	say_text(strerrorname_np(error), "SO_ERROR after a reset");
	getsockopt(fds[0], SOL_SOCKET, SO_ERROR, &error, &len);
	say(error, "SO_ERROR again");
	say(recv(fds[0], back, 1, 0), "recv, error fetched");
	say(send(fds[0], "x", 1, MSG_NOSIGNAL), "send, error fetched");
	close(fds[0]);

	tcp_pair(fds);
	send(fds[1], "data", 4, 0);
	ready(fds[0], POLLIN);
	reset(fds[1]);
	ready(fds[0], POLLHUP);
	say(recv(fds[0], back, 10, 0), "data before a reset");
	close(fds[0]);
}

static volatile int pipes_caught;

static void on_pipe(int signo)
{
	pipes_caught++;
}

static void broken_pipes(void)
{
	int fds[2];

	signal(SIGPIPE, on_pipe);
	tcp_pair(fds);
	shutdown(fds[0], SHUT_WR);
	say(send(fds[0], "x", 1, 0), "send raises");
	say(pipes_caught, "signals");
	say(send(fds[0], "x", 1, MSG_NOSIGNAL), "send does not");
	say(pipes_caught, "signals then");
	say(write(fds[0], "x", 1), "write raises");
	say(pipes_caught, "signals at last");
	close_pair(fds);
	signal(SIGPIPE, SIG_IGN);
}

static void counts(int fds[2])
{
	int value = -1;

	send(fds[0], data, 1000, 0);
	ready(fds[1], POLLIN);
	say(ioctl(fds[1], FIONREAD, &value), "FIONREAD");
	say(value, "bytes to read");
	recv(fds[1], back, 400, 0);
	ioctl(fds[1], FIONREAD, &value);
	say(value, "bytes left");
	recv(fds[1], back, 1000, 0);
	sleep_ms(100);
	say(ioctl(fds[0], TIOCOUTQ, &value), "SIOCOUTQ");
	say(value, "bytes not acknowledged");
}

static void timeouts(int fds[2])
{
	struct timeval tv = {.tv_usec = 50000};
	ssize_t n;

	setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	say(recv(fds[0], back, 1, 0), "recv with a time limit");
	setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	do
		n = send(fds[0], data, sizeof(data), 0);
	while (n > 0);
	say(n, "send with a time limit");
}

static void files(void)
{
	int fds[2], file = open("/proc/self/exe", O_RDONLY), other;
	off_t at = 100;
	char name[] = "/tmp/streams.XXXXXX";
	ssize_t n;

	tcp_pair(fds);
	say(sendfile(fds[0], file, &at, 1000), "sendfile");
	say(at, "its offset");
	say(recv(fds[1], back, 1000, MSG_WAITALL), "received");
	say(pread(file, data, 1000, 100), "the file's own");
	say_bool(!memcmp(data, back, 1000), "the same bytes");
	say(sendfile(file, fds[0], NULL, 10), "sendfile from a socket");
	other = mkstemp(name);
	unlink(name);
	write(fds[0], "spliced", 7);
	ready(fds[1], POLLIN);
	n = recv(fds[1], back, 7, 0);
	say(write(other, back, n), "to a file");
	close(other);
	close(file);
	close_pair(fds);
}

static void *late_sender(void *arg)
{
	int fd = *(int *)arg;

	sleep_ms(30);
	send(fd, data, 10, 0);
	sleep_ms(30);
	send(fd, data, 10, 0);
	return NULL;
}

static void waits(int fds[2])
{
	pthread_t thread;

	pthread_create(&thread, NULL, late_sender, &fds[0]);
	say(recv(fds[1], back, 20, MSG_WAITALL), "waits for all of two parts");
	pthread_join(thread, NULL);
}

/* The peer has read all of it, and then ends with a reset. */
static void reset_after(size_t size)
{
	static char many[200000];
	size_t done = 0;
	int fds[2];

	tcp_pair(fds);
	say(send(fds[0], many, size, 0), "%zu bytes before a reset", size);
	while (done < size) {
		ssize_t rc = recv(fds[1], many, sizeof(many), 0);

		if (rc <= 0)
			break;
		done += (size_t)rc;
	}
	say_bits(ready(fds[0], POLLOUT) & POLLOUT, "%zu bytes, and more", size);
	reset(fds[1]);
	ready(fds[0], POLLHUP);
	say(recv(fds[0], many, 1, 0), "%zu bytes, then the reset", size);
	say(recv(fds[0], many, 1, 0), "%zu bytes, after it", size);
	close(fds[0]);
}

int main(void)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	tcp_pair(fds);
	flags(fds);
	vectors(fds);
	counts(fds);
	waits(fds);
	ends(fds);
	close(fds[0]);
	resets();
	broken_pipes();
	files();
	tcp_pair(fds);
	timeouts(fds);
	close_pair(fds);
	reset_after(1);
	reset_after(2048);
	reset_after(2049);
	reset_after(30000);
	reset_after(100000);
	reset_after(200000);
	return 0;
}
