/* SPDX-License-Identifier: Apache-2.0 */
/* ioctl on sockets. */
#include "probe.h"

#include <linux/sockios.h>

static void on_socket(int fd, const char *kind)
{
	int value = 1;

	say(ioctl(fd, FIONBIO, &value), "%s FIONBIO", kind);
	say_bool(fcntl(fd, F_GETFL) & O_NONBLOCK, "nonblocking");
	value = 0;
	say(ioctl(fd, FIONBIO, &value), "%s FIONBIO off", kind);
	say_bool(fcntl(fd, F_GETFL) & O_NONBLOCK, "nonblocking then");
	say(ioctl(fd, FIOCLEX), "%s FIOCLEX", kind);
	say(fcntl(fd, F_GETFD), "%s close-on-exec", kind);
	say(ioctl(fd, FIONCLEX), "%s FIONCLEX", kind);
	say(fcntl(fd, F_GETFD), "%s close-on-exec then", kind);
	value = 77;
	say(ioctl(fd, FIONREAD, &value), "%s FIONREAD", kind);
	say(value, "%s bytes", kind);
	value = 77;
	say(ioctl(fd, SIOCOUTQ, &value), "%s SIOCOUTQ", kind);
	say(value, "%s bytes out", kind);
	say(ioctl(fd, SIOCOUTQNSD, &value), "%s SIOCOUTQNSD", kind);
	value = getpid();
	say(ioctl(fd, SIOCSPGRP, &value), "%s SIOCSPGRP", kind);
	value = 0;
	say(ioctl(fd, SIOCGPGRP, &value), "%s SIOCGPGRP", kind);
	say_bool(value == getpid(), "is set");
	say(ioctl(fd, FIONREAD, NULL), "%s FIONREAD to nowhere", kind);
	say(ioctl(fd, TIOCGWINSZ, &value), "%s is no terminal", kind);
}

int main(void)
{
	int fds[2], value = 5;
	uint16_t port;
	int fd = new_listener(&port);

	say(ioctl(fd, FIONREAD, &value), "listener FIONREAD");
	say(ioctl(fd, SIOCOUTQNSD, &value), "listener SIOCOUTQNSD");
	close(fd);
	tcp_pair(fds);
	on_socket(fds[0], "tcp");
	say(ioctl(fds[0], SIOCATMARK, &value), "SIOCATMARK");
	say(value, "at mark");
	say(sockatmark(fds[0]), "sockatmark");
	close_pair(fds);
	udp_pair(fds);
	on_socket(fds[0], "udp");
	close_pair(fds);
	return 0;
}
