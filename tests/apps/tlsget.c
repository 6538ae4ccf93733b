/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As curl would, but linked statically, with OpenSSL in it:
 * `tlsget HOST PORT PATH CAFILE` fetches a page over HTTPS and prints how long
 * it is. The name is looked up, each address tried without blocking, the
 * certificate checked; everything waits in poll().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

static int wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, PATIENCE_MS) == 1 ? 0 : -1;
}

static int try_address(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK, 0);
	int error = 0;
	socklen_t len = sizeof(error);

	if (fd < 0)
		return -1;
	if (!connect(fd, ai->ai_addr, ai->ai_addrlen))
		return fd;
	if (errno == EINPROGRESS && !wait_for(fd, POLLOUT) &&
	    !getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) && !error)
		return fd;
	if (error)
		errno = error;
	close(fd);
	return -1;
}

static int reach(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *ai;
	int rc = getaddrinfo(host, port, &hints, &list), fd = -1;

	if (rc) {
		fprintf(stderr, "%s: %s\n", host, gai_strerror(rc));
		exit(1);
	}
	for (ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = try_address(ai);
	freeaddrinfo(list);
	if (fd < 0)
		fail("connect");
	return fd;
}

/* False: the call that gave @rc has failed for good. */
static int again(SSL *ssl, int fd, int rc)
{
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return !wait_for(fd, POLLIN);
	case SSL_ERROR_WANT_WRITE:
		return !wait_for(fd, POLLOUT);
	default:
		return 0;
	}
}

static SSL *greet(int fd, const char *host, const char *ca)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;
	int rc;

	if (!ctx || !SSL_CTX_load_verify_locations(ctx, ca, NULL))
		fail(ca);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	ssl = SSL_new(ctx);
	SSL_set1_host(ssl, host);
	SSL_set_fd(ssl, fd);
	while ((rc = SSL_connect(ssl)) != 1)
		if (!again(ssl, fd, rc))
			fail("handshake");
	return ssl;
}

int main(int argc, char **argv)
{
	char text[16384], *body;
	size_t have = 0;
	long length = -1;
	int fd, rc;
	SSL *ssl;

	if (argc != 5)
		return 2;
	fd = reach(argv[1], argv[2]);
	ssl = greet(fd, argv[1], argv[4]);
	rc = snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n",
		      argv[3], argv[1]);
	if (SSL_write(ssl, text, rc) != rc)
		fail("write");
	for (;;) {
		rc = SSL_read(ssl, text + (length < 0 ? have : 0),
			      (int)(sizeof(text) - (length < 0 ? have : 0)) - 1);
		if (rc <= 0 && again(ssl, fd, rc))
			continue;
		if (rc <= 0)
			break;
		if (length >= 0) {
			length += rc;
			continue;
		}
		have += (size_t)rc;
		text[have] = '\0';
		body = strstr(text, "\r\n\r\n");
		if (body)
			length = (long)(have - (size_t)(body + 4 - text));
	}
	printf("%s %ld\n", SSL_get_version(ssl), length);
	return 0;
}
