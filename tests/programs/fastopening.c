/* SPDX-License-Identifier: Apache-2.0 */
/* Fast open: connect and send in one call. */
#include "probe.h"

/* What one end sent and the other got. */
static void came(int listener, int fd, const char *what, size_t len)
{
	char back[20] = "", label[64];
	int served;

	snprintf(label, sizeof(label), "%s, what comes", what);
	ready(listener, POLLIN);
	served = accept(listener, NULL, NULL);
	say(recv(served, back, len, MSG_WAITALL), label);
	say_text(back, label);
	close(served);
	close(fd);
}

/* MSG_FASTOPEN: connect and send in one, with data in the SYN or without. */
static void in_one_call(void)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	char text[] = "hello";
	struct iovec iov = {text, 5};
	struct msghdr msg = {.msg_name = &sin, .msg_namelen = sizeof(sin),
			     .msg_iov = &iov, .msg_iovlen = 1};
	uint16_t port;
	int listener = new_listener(&port), fd = new_tcp(0), on = 1;
	ssize_t n;

	fcntl(listener, F_SETFL, O_NONBLOCK);
	sin.sin_port = htons(port);
	n = sendto(fd, text, 5, MSG_FASTOPEN, (struct sockaddr *)&sin,
		   sizeof(sin));
	say(n, "opened by sendto");
	if (n > 0)
		came(listener, fd, "opened by sendto", 5);
	fd = new_tcp(0);
	n = sendmsg(fd, &msg, MSG_FASTOPEN);
	say(n, "opened by sendmsg");
	if (n > 0)
		came(listener, fd, "opened by sendmsg", 5);
	fd = new_tcp(SOCK_NONBLOCK);
	say(sendto(fd, text, 5, MSG_FASTOPEN, (struct sockaddr *)&sin,
		   sizeof(sin)), "opened without blocking");
	say_bits(ready(fd, POLLOUT), "opened without blocking, bits");
	n = send(fd, text, 5, MSG_NOSIGNAL);
	say(n, "opened without blocking, send");
	if (n > 0)
		came(listener, fd, "opened without blocking", 5);
	fd = new_tcp(0);
	say(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)),
	    "opened by the first write");
	say(connect(fd, (struct sockaddr *)&sin, sizeof(sin)),
	    "opened by the first write, connect");
	n = send(fd, text, 5, 0);
	say(n, "opened by the first write, send");
	if (n > 0)
		came(listener, fd, "opened by the first write", 5);
	close(listener);
	fd = new_tcp(0);
	say(sendto(fd, text, 5, MSG_FASTOPEN, (struct sockaddr *)&sin,
		   sizeof(sin)), "opened to nobody");
	close(fd);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	in_one_call();
	return 0;
}
