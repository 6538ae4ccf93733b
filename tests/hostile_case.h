/* SPDX-License-Identifier: Apache-2.0 */
/* A relay, an honest guest with a connection, and links on which anything can
 * be said: for the tests of guests that lie. */
#ifndef TESTS_HOSTILE_CASE_H
#define TESTS_HOSTILE_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/relay_case.h"

/* The honest guest, its connection, the host's end of that, and the service
 * on the host. */
extern struct rg *honest;
extern struct fdnet_sock *honest_so;
extern int honest_fd, listener;

/** hostile_setup, hostile_teardown - fixture; the latter finds the relay with
 * the descriptors and the memory that it had */
void hostile_setup(void);
void hostile_teardown(void);

/** ping_pong - the honest guest's connection goes on */
void ping_pong(void);

/** random_byte - the next of a fixed sequence */
uint8_t random_byte(void);

/** expect_closed - waits until the relay has closed the link @fd */
void expect_closed(int fd);

/** say - sends on a link, however long the relay takes */
void say(int fd, const void *data, size_t len);

/** typed - a message of @type (FDNET_LINK_*) to @dst; returns its
 * length */
size_t typed(uint8_t *dst, uint8_t type, const void *body, size_t len);

/** hello - a good HELLO to @dst; returns its length */
size_t hello(uint8_t *dst);

/** greeted_link - a link that was welcomed; what the relay says is not read */
int greeted_link(void);

/** packet - an IPv4 packet in a PACKET message to @dst; returns its
 * length */
size_t packet(uint8_t *dst, uint8_t proto, const char *src,
		      const char *to, const void *l4, size_t len);

#endif
