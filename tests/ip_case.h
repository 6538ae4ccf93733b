/* SPDX-License-Identifier: Apache-2.0 */
/* A stack with one UDP socket, and packets by hand to it: for the tests of the
 * Internet protocol. */
#ifndef TESTS_IP_CASE_H
#define TESTS_IP_CASE_H

#include "stack/internal.h"
#include "tests/stack_pair.h"

#define IP_PORT 7000 /* of the socket */

extern struct stack_pair *ip_pair;
extern struct fdnet_stack *ip_stack; /* of side 0 */
extern struct fdnet_sock *ip_server; /* there, bound to all addresses */
extern uint8_t ip_buf[70000];

/** ip_setup, ip_teardown - fixture */
void ip_setup(void);
void ip_teardown(void);

uint64_t ip_counter(enum fdnet_stack_counter which);

/** ip_input - a packet for the stack; other memory than the packet's storage,
 * so that ASan sees overruns of what is said to be there */
void ip_input(const void *data, size_t len);

/** ip_output - the next thing the stack has for the link, as bytes; its length
 * or 0 */
size_t ip_output(uint8_t *dst, size_t room);

/** ip_received - what the socket got, into ip_buf: as sock_recv() */
ssize_t ip_received(void);

/** ip_udp4, ip_udp6 - a datagram to the socket with @payload bytes 0, 1, 2 and
 * so on, at @p; returns its length */
size_t ip_udp4(uint8_t *p, const char *src, const char *dst, size_t payload);
size_t ip_udp6(uint8_t *p, const char *src, const char *dst, size_t payload);

#endif
