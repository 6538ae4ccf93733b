/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two stacks with a wire between them, in virtual time: for the TCP tests.
 *
 * The wire delays, loses, duplicates, reorders and corrupts by a fixed seed.
 * Side 0 is 10.0.0.1 and fd00::1, side 1 is 10.0.0.2 and fd00::2.
 */
#ifndef TESTS_TCP_NET_H
#define TESTS_TCP_NET_H

#include <fdnet/stack.h>

#define TNET_PORT 7777

struct tnet_cfg {
	uint64_t delay_us;
	uint64_t jitter_us; /* added at random: reorders */
	unsigned int loss_ppm, dup_ppm, corrupt_ppm, reorder_ppm;
	uint64_t seed;
	bool lossless;
	bool forward; /* side 1 is a forwarding gateway */
	uint32_t mtu, gso_max;
	uint32_t sndbuf, rcvbuf;
};

struct tnet_item {
	struct tnet_item *next;
	struct fdnet_pkt *pkt;
	uint64_t at_us;
	int to;
};

struct tnet {
	struct tnet_cfg cfg;
	struct fdnet_pkt_pool *pool;
	struct fdnet_stack *s[2];
	uint64_t now_us;
	uint64_t ahead_us[2]; /* each side's own clock shows so much more */
	uint64_t rng;
	struct tnet_item *wire;
	unsigned int pkts[2]; /* sent by side */
	unsigned int lost, duplicated, corrupted, reordered;
	/* called for each packet before it is put on the wire; true: drop */
	bool (*filter)(struct tnet *n, int from, struct fdnet_pkt *pkt);
	void *filter_arg;
};

/** tnet_init - make both stacks; NULL: the defaults (lossless, GSO) */
void tnet_init(struct tnet *n, const struct tnet_cfg *cfg);
/** tnet_mem - the allocator of both stacks, which counts */
extern const struct fdnet_mem tnet_mem;
/** tnet_clock - the time as @side's stack has it */
uint64_t tnet_clock(const struct tnet *n, int side);
/** tnet_stack - one more stack like that of @side; the caller's */
struct fdnet_stack *tnet_stack(struct tnet *n, int side);
/** tnet_done - free everything and assert that nothing is left */
void tnet_done(struct tnet *n);
/** tnet_pump - put what both sides want to send on the wire; any? */
bool tnet_pump(struct tnet *n);
/** tnet_step - deliver what is due, or move the clock to the next thing due,
 * not beyond @until_us. False: nothing happens before @until_us. */
bool tnet_step(struct tnet *n, uint64_t until_us);
/** tnet_run - step until @until_us, then set the clock there */
void tnet_run(struct tnet *n, uint64_t until_us);
/** tnet_run_for - the same, relative */
void tnet_run_for(struct tnet *n, uint64_t us);
/** tnet_idle - run while packets are on the wire or to be sent; no timers */
void tnet_idle(struct tnet *n);
uint32_t tnet_rand(struct tnet *n);

struct fdnet_name tnet_name(int side, uint16_t port);
struct fdnet_name tnet_name6(int side, uint16_t port);

/** tnet_pair - a connected pair over @port: [0] connected, [1] accepted */
void tnet_pair(struct tnet *n, struct fdnet_sock *so[2]);
struct fdnet_sock *tnet_listener(struct tnet *n, int side, int backlog);
struct fdnet_sock *tnet_connect(struct tnet *n, int from, int to);

/** tnet_send, tnet_recv - one buffer, no flags */
ssize_t tnet_send(struct fdnet_sock *so, const void *data, size_t len);
ssize_t tnet_recv(struct fdnet_sock *so, void *data, size_t len);

/* One direction of data, a pattern that depends on the position. */
struct tnet_flow {
	struct fdnet_sock *from, *to;
	uint64_t total, sent, got;
	size_t write_max, read_max; /* 0: large */
	bool eof;
};

/** tnet_flow_send - write what fits; shuts down at the end */
void tnet_flow_send(struct tnet_flow *f);
/** tnet_flow_recv - read what is there and compare */
void tnet_flow_recv(struct tnet_flow *f);
/** tnet_flow_run - until all has arrived; aborts the test after @limit_us */
void tnet_flow_run(struct tnet *n, struct tnet_flow *f, uint64_t limit_us);

/** tnet_event - the events of @so since last asked; those of others stay
 * forgotten */
uint32_t tnet_events(struct fdnet_stack *s, const struct fdnet_sock *so);

#endif
