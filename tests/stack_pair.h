/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two stacks wired together, with a virtual clock: for the tests of the stack.
 *
 * Side 0 has 10.0.0.1/24 and fd00::1/64, side 1 has 10.0.0.2/24 and
 * fd00::2/64. Packets cross as copies, as over a real link; a filter may
 * look at them, change or drop them. All memory is counted, and
 * stack_pair_free() fails the test when some is left.
 */
#ifndef TESTS_STACK_PAIR_H
#define TESTS_STACK_PAIR_H

#include <fdnet/stack.h>

struct stack_pair_wire_pkt {
	struct stack_pair_wire_pkt *next;
	struct fdnet_pkt *pkt;
	int to;
	uint64_t due_us;
};

/**
 * struct stack_pair - the fixture
 * @s:         the stacks
 * @now_us:    the time both have
 * @delay_us:  one way over the wire
 * @filter:    called for each packet before it crosses; NULL: all pass.
 *             @from: the sending side. Returns true to let it pass; may
 *             change it. Otherwise the packet is dropped.
 * @crossed:   packets that each side has sent and the wire has taken
 */
struct stack_pair {
	struct fdnet_stack *s[2];
	struct fdnet_pkt_pool *pool;
	uint64_t now_us;
	uint64_t delay_us;
	bool (*filter)(void *arg, int from, struct fdnet_pkt *pkt);
	void *filter_arg;
	unsigned int crossed[2];
	struct stack_pair_wire_pkt *wire;
	struct fdnet_mem mem;
	size_t allocated; /* bytes */
	long fail_after;  /* allocations until one fails; -1: never */
};

/** stack_pair_config - the settings of one side before it is made: default
 * ones, seeded, allocator and pool set by stack_pair_new() */
void stack_pair_config(struct fdnet_stack_config *cfg, int side);

/** stack_pair_new - @cfg0, @cfg1: or NULL for the defaults */
struct stack_pair *stack_pair_new(const struct fdnet_stack_config *cfg0,
				  const struct fdnet_stack_config *cfg1);

/** stack_pair_free - asserts that nothing is left */
void stack_pair_free(struct stack_pair *p);

/** stack_pair_run - move packets until nothing moves at the present time.
 * Asserts that this ends. */
void stack_pair_run(struct stack_pair *p);

/** stack_pair_pass - let @us go by: timers and wire in their order */
void stack_pair_pass(struct stack_pair *p, uint64_t us);

/** stack_pair_step - go to whatever comes next within @max_us; false: nothing
 * is due by then, and the clock stands there */
bool stack_pair_step(struct stack_pair *p, uint64_t max_us);

/** stack_pair_expect - let time go by until @cond(@arg) or @max_us are over;
 * returns the last @cond */
bool stack_pair_until(struct stack_pair *p, uint64_t max_us,
		      bool (*cond)(void *arg), void *arg);

/** name_of - "10.0.0.1" and a port as a name */
struct fdnet_name name_of(const char *ip, uint16_t port);

/** sock_open - fdnet_sock_open() that must succeed */
struct fdnet_sock *sock_open(struct fdnet_stack *stack, int family, int type,
			     int proto);
/** sock_bind - fdnet_sock_bind() that must succeed */
void sock_bind(struct fdnet_sock *so, const char *ip, uint16_t port);

/** sock_send, sock_recv - of plain bytes; @to: NULL for the peer */
ssize_t sock_send(struct fdnet_sock *so, const void *data, size_t len,
		  const struct fdnet_name *to);
ssize_t sock_recv(struct fdnet_sock *so, void *data, size_t len,
		  struct fdnet_name *ret_from);

/** sock_get_int - an option's value; asserts that it can be read */
int sock_get_int(struct fdnet_sock *so, int level, int name);
/** sock_set_int - returns what fdnet_sock_setopt() does */
int sock_set_int(struct fdnet_sock *so, int level, int name, int value);

/** pkt_from_bytes - a linear packet; asserts that there is memory */
struct fdnet_pkt *pkt_from_bytes(struct fdnet_pkt_pool *pool,
				 const void *data, size_t len);

#endif
