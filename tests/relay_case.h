/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the suites about a real relay share (relay_guest.h): a network
 * namespace of their own with the loopback interface only. 203.0.113.5 is the
 * machine's own address there; there is no route to anywhere else. The
 * objects are of the test's process.
 */
#ifndef TESTS_RELAY_CASE_H
#define TESTS_RELAY_CASE_H

#include <check.h>

#include "tests/relay_guest.h"

#define GATEWAY "10.0.2.2"
#define SANDBOX "10.0.2.15"
#define DNS	"10.0.2.3"

extern struct rg_relay relay;
extern uint16_t port;
extern char text[65536];

/** start - the relay, with options any %u of which is the port */
void start(const char *options);
/** run_relay - run fdnet-relay by the shell; its output is in text, and its
 * exit status is returned */
int run_relay(const char *args);
/** connected_pair - a guest's connection to the host's listener at port;
 * returns the host's end */
int connected_pair(struct rg *g, int listener, struct fdnet_sock **so);
/** relay_case_main - run a suite; skipped without the namespace */
int relay_case_main(Suite *suite);

#endif
