/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the suites about node channels share (doc/protocol.md): a relay of the
 * test's own (relay_case.h), one channel to it, requests on it, and the near
 * ends (A) of the sockets that the relay holds.
 */
#ifndef TESTS_NODE_CASE_H
#define TESTS_NODE_CASE_H

#include "base/ask.h"
#include "stack/wire/node.h"
#include "tests/relay_case.h"

extern int chan;
/** the last answer that told() took */
extern struct fdnet_node_ans ans;
extern const struct fdnet_ask_calls calls;

/** open_node - the relay with @options as of start(), and a channel */
void open_node(const char *options);
/** tell - send a request, with @fd beside it unless it is negative; its id */
uint32_t tell(struct fdnet_node_req req, int fd);
/** told - wait for an answer, any: its negative errno, the rest in ans */
int told(void);
/** ask - tell() without an fd, and told(), which must be of this request */
int ask(struct fdnet_node_req req);
uint64_t cookie_of(int fd);

/** node_socket - NEW; returns A, non-blocking and filled */
int node_socket(uint8_t type, uint32_t flags);
int node_bind(int fd, const char *ip, uint16_t to_port);
int node_listen(int fd);
int node_connect(int fd, const char *ip, uint16_t to_port, uint8_t flags);
/** node_pair - a connection to the host's listener at port; returns the host's
 * end */
int node_pair(int listener, int fd);
int node_names(int fd);
/** node_error - SO_ERROR, and clear it */
int node_error(int fd);
/** node_accept - accept() of a pumped listener: the new A, names in text */
int node_accept(int fd);

/** take - recv() while the relay runs */
ssize_t take(int fd, void *data, size_t len);
/** take_named - take() of a datagram, and the name that is beside it */
ssize_t take_named(int fd, void *buf, size_t size,
		   struct fdnet_name *ret_from);
/** wait_ready - poll() while the relay runs, 5 s at most: its revents */
short wait_ready(int fd, short events);

#endif
