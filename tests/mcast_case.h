/* SPDX-License-Identifier: Apache-2.0 */
/* Two stacks, what the first tells of its groups, and options in short: for the
 * tests of multicast sources. */
#ifndef TESTS_MCAST_CASE_H
#define TESTS_MCAST_CASE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/stack_pair.h"

#define SEC 1000000ull

extern struct stack_pair *mcast_pair;
/* The records that side 0 sent: "ALLOW(1,2)", sources by their last byte, in
 * order; of older reports the type in hexadecimal. */
extern char mcast_told[4096];

/** mcast_setup, mcast_teardown - fixture */
void mcast_setup(void);
void mcast_teardown(void);

/** mcast_group_of - 232.1.1.1 or ff05::1 */
struct sockaddr_storage mcast_group_of(int family);
/** mcast_source_of - 10.0.0.X or fd00::X */
struct sockaddr_storage mcast_source_of(int family, uint8_t last);
/** mcast_level_of - IPPROTO_IP or IPPROTO_IPV6 */
int mcast_level_of(int family);

/** mcast_whole - an option about the group alone; mcast_source - about one of
 * its sources */
int mcast_whole(struct fdnet_sock *so, int family, int name);
int mcast_source(struct fdnet_sock *so, int family, int name, uint8_t last);

/** mcast_sock - a UDP socket of side 0 */
struct fdnet_sock *mcast_sock(int family);

/** mcast_op - one letter each: join, leave the group; + - a source joined or
 * left; b u a source blocked or unblocked */
int mcast_op(struct fdnet_sock *so, int family, const char *what);

/** mcast_ops - operations in a row, by two sockets: "2" before one is the
 * second's. Time passes after each. Returns what the last of them did. */
int mcast_ops(struct fdnet_sock *so[2], int family, const char *text);

#endif
