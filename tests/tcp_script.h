/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the runner of TCP scripts (tcp_script.c has the language):
 * the case that is run, its words, its packets and its calls.
 */
#ifndef TESTS_TCP_SCRIPT_H
#define TESTS_TCP_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/stack.h>

#include "stack/wire/tcp.h"

#define PEER_ISS   0x70000000u
#define MAX_WORDS  40
#define PEER_PORT  4000
#define STACK_PORT 80

struct segment {
	struct segment *next;
	struct fdnet_tcp_hdr hdr;
	uint32_t len;
	uint8_t tos;
	bool icmp;
};

/* The case, and the line that is run. */
extern struct script {
	const char *file, *name;
	int line;
	bool failed, verbose, active;
	uint64_t now_us;
	struct fdnet_stack_config cfg;
	struct fdnet_stack *stack;
	struct fdnet_pkt_pool *pool;
	struct fdnet_sock *listener, *so;
	struct segment *out, **out_tail;
	uint32_t iss; /* the stack's */
	bool have_iss;
	uint32_t peer_nxt; /* relative */
	uint32_t seen;	   /* relative end of what the stack sent */
	uint32_t ts_val;
	uint32_t ts_base; /* the stack's first timestamp */
	bool have_ts, ts_on;
	uint16_t local_port;
	struct fdnet_tcp_fo cookie; /* the last that the stack sent */
	char *word[MAX_WORDS];
	int words;
} t;

/* FLAGS and the words behind them. */
struct spec {
	uint8_t flags;
	bool psh_given;
	bool has_seq, has_len, has_ack, has_win, has_urg, has_mss, has_ws,
		has_sackok, has_ts, has_sack, no_sack, has_ecn, ts_any, ecr_any,
		has_port, has_fo, fo_any, no_fo;
	struct fdnet_tcp_fo fo;
	uint32_t seq, len, ack, win, urg, mss, ws, ts_val, ts_ecr, ecn, port;
	unsigned int nsack;
	struct fdnet_tcp_range sack[4];
};

/** fail - the case has failed; the rest of it is passed over */
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** differ - fail() unless they are the same */
void differ(const char *what, uint32_t got, uint32_t want);
/** number - of a word, or 0 of none */
long number(const char *text);

/* ---- tcp_script_spec.c ---- */

uint8_t parse_flags(const char *text, bool *ret_psh);
/** parse_spec - the words from @first on; flags are left out */
void parse_spec(struct spec *s, int first);

/* ---- tcp_script_packet.c ---- */

/** collect - take what the stack wants to send */
void collect(void);
/** pop - the first segment that was sent and not looked at, or NULL; the
 * caller's, by free() */
struct segment *pop(void);
/** forget - all that was sent; returns how many */
unsigned int forget(void);
/** wait_ms - let that much time pass, timer by timer */
void wait_ms(uint64_t ms);
/** inject - a segment of the peer's */
void inject(const struct spec *s);
/** expect - the next segment that was sent is like this */
void expect(const struct spec *s);
/** inject_icmp - destination unreachable, by the line's words */
void inject_icmp(void);

/* ---- tcp_script_call.c: the statement of that name ---- */

void do_socket(void);
void do_bind(void);
void do_listen(void);
void listen_with(int backlog);
void do_connect(void);
void do_accept(void);
void do_send(void);
void do_recv(void);
void do_shutdown(void);
void do_set(void);
void do_get(void);
void do_cc(void);
void do_cwnd(void);
void do_linger(void);
void do_close(void);
void do_abort(void);
void do_admit(void);
void do_refuse(void);
void do_state(void);
void do_poll(void);
void do_error(void);

#endif
