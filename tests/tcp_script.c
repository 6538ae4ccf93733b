/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts for TCP's behaviour: packets in, packets out, socket calls, virtual
 * time. usage: tcp_script [-v] FILE...
 *
 * A file has cases, each on a fresh stack at 10.0.0.1; the peer 10.0.0.2 is the
 * script. Times are milliseconds. Numbers of the peer's sequence space start at
 * its SYN (0), the stack's at its own SYN (0). One statement a line, # begins a
 * comment:
 *
 *   case NAME                        begins a case
 *   config WORD...                   lossless, forward, mtu N, gso N, sndbuf N,
 *                                    rcvbuf N, ecn, noecn, nosack, nots,
 *                                    pacing, probing, noprobing, half_open N, backlog N,
 *                                    ooo_pkts N; before anything else
 *   passive [OPTION...] [win N]      listen, handshake (100 ms), accept
 *   active [OPTION...] [win N]       connect, handshake
 *   in FLAGS [seq N] [len N] [ack N] [win N] [urg N] [ecn N] [port N]
 *      [OPTION...]
 *   out FLAGS [seq N] [len N] [ack N] [win N] [urg N] [ecn N] [OPTION...]
 *   none                             nothing was sent
 *   any                              forget what was sent
 *   count N                          N packets were sent; forgets them
 *   wait N                           N ms pass
 *   icmp CODE [mtu N] [seq N]        destination unreachable for that segment
 *   socket | bind | listen N | connect = R | accept = R | close | abort
 *   flood N [port P]                 N SYNs from port P on
 *   fresh                            the next SYNs begin another connection
 *   send N [more|eor|oob|fastopen] = R
 *   recv N [peek|oob|trunc] = R
 *   shutdown rd|wr|rdwr = R
 *   set OPTION N = R | get OPTION = N | linger N
 *   cc NAME                          congestion control
 *   cwnd N                           what TCP_INFO says, segments
 *   admit | refuse ERRNO
 *   icmp-out                         an ICMP message was sent
 *   state NAME | poll WORD,... | error ERRNO | socks N | inq N | outq N
 *   idle                             no timer is armed
 *
 * FLAGS: S F R P . U E (ECE) W (CWR), in any order; P is not compared unless
 * given. OPTION: mss N, ws N, sackok, ts VAL ECR (ECR or VAL may be *),
 * sack A-B..., nosack, fo COOKIE (fast open: 16 hex digits, "none" for a
 * request, "own" for the last that the stack sent, out also "any"), nofo. R: a
 * number or an errno's name. What a statement does not name has a default (in)
 * or is not compared (out): seq is what comes next, ack is everything seen.
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/tcp_script.h"

struct script t;

static long live;
static int cases, failures;

static void *count_alloc(void *arg, size_t size)
{
	live++;
	return calloc(1, size);
}

static void count_free(void *arg, void *ptr, size_t size)
{
	live--;
	free(ptr);
}

static const struct fdnet_mem mem = {
	.alloc = count_alloc,
	.free = count_free,
};

void fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: %s: ", t.file, t.line, t.name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	t.failed = true;
}

void differ(const char *what, uint32_t got, uint32_t want)
{
	if (got != want)
		fail("%s is %u, expected %u", what, got, want);
}

long number(const char *text)
{
	return text ? strtol(text, NULL, 0) : 0;
}

/* ---- a case ---- */

static void begin(void)
{
	struct fdnet_ip own = fdnet_ip4(0x0a000001);

	if (t.stack)
		return;
	live = 0;
	t.pool = fdnet_pkt_pool_new(fdnet_mem_libc(), 16, 0);
	t.cfg.pool = t.pool;
	if (fdnet_stack_new(&t.cfg, t.now_us, &t.stack) ||
	    fdnet_stack_add_addr(t.stack, &own, 24))
		fail("no stack");
}

static void end_case(void)
{
	if (!t.name)
		return;
	if (t.stack) {
		collect();
		if (t.out && !t.failed)
			fail("more was sent than expected");
		forget();
		fdnet_stack_free(t.stack);
		if (fdnet_pkt_pool_outstanding(t.pool))
			fail("%u packets leaked",
			     fdnet_pkt_pool_outstanding(t.pool));
		fdnet_pkt_pool_free(t.pool);
		if (live)
			fail("%ld allocations leaked", live);
	}
	cases++;
	failures += t.failed;
	free((void *)t.name);
	t.name = NULL;
	t.stack = NULL;
}

static void begin_case(void)
{
	const char *file = t.file;
	bool verbose = t.verbose;
	int line = t.line;
	char *name = strdup(t.word[1] ? t.word[1] : "?");

	end_case();
	memset(&t, 0, sizeof(t));
	t.file = file;
	t.line = line;
	t.verbose = verbose;
	t.name = name;
	t.out_tail = &t.out;
	t.now_us = 1000000;
	t.local_port = STACK_PORT;
	fdnet_stack_config_init(&t.cfg);
	t.cfg.mem = &mem;
	memset(t.cfg.seed, 9, sizeof(t.cfg.seed));
	if (verbose)
		printf("%s\n", name);
}

static void do_config(void)
{
	for (int i = 1; i < t.words; i++) {
		const char *w = t.word[i];

		if (!strcmp(w, "lossless"))
			t.cfg.lossless = true;
		else if (!strcmp(w, "forward"))
			t.cfg.forward = t.cfg.gateway = true;
		else if (!strcmp(w, "mtu"))
			t.cfg.mtu = (uint32_t)number(t.word[++i]);
		else if (!strcmp(w, "gso"))
			t.cfg.gso_max = (uint32_t)number(t.word[++i]);
		else if (!strcmp(w, "sndbuf"))
			t.cfg.tcp_sndbuf = (uint32_t)number(t.word[++i]);
		else if (!strcmp(w, "rcvbuf"))
			t.cfg.tcp_rcvbuf = (uint32_t)number(t.word[++i]);
		else if (!strcmp(w, "half_open"))
			t.cfg.limits.half_open = (uint32_t)number(t.word[++i]);
		else if (!strcmp(w, "backlog"))
			t.cfg.limits.backlog = (uint32_t)number(t.word[++i]);
		else if (!strcmp(w, "ooo_pkts"))
			t.cfg.limits.ooo_pkts = (uint32_t)number(t.word[++i]);
		else if (!strcmp(w, "ecn"))
			t.cfg.tcp.ecn = FDNET_TCP_ECN_ASK;
		else if (!strcmp(w, "noecn"))
			t.cfg.tcp.ecn = FDNET_TCP_ECN_NEVER;
		else if (!strcmp(w, "nosack"))
			t.cfg.tcp.no_sack = true;
		else if (!strcmp(w, "nots"))
			t.cfg.tcp.no_timestamps = true;
		else if (!strcmp(w, "pacing"))
			t.cfg.tcp.pacing = true;
		else if (!strcmp(w, "probing"))
			t.cfg.tcp.mtu_probing = FDNET_TCP_PROBE_ALWAYS;
		else if (!strcmp(w, "noprobing"))
			t.cfg.tcp.mtu_probing = FDNET_TCP_PROBE_NEVER;
		else
			fail("config %s?", w);
	}
}

/* The two ways to a connection. Options are the peer's. */
static void do_handshake(bool active)
{
	struct spec s, ack = {.flags = FDNET_TH_ACK};

	parse_spec(&s, 1);
	if (!s.has_mss && !s.has_ws) {
		s.has_mss = true;
		s.mss = 1460;
	}
	if (s.has_ts) {
		t.ts_on = true;
		t.ts_val = s.ts_val;
	}
	t.words = 1;
	if (active) {
		do_connect();
		s.flags = FDNET_TH_SYN | FDNET_TH_ACK;
		free(pop());
		wait_ms(t.cfg.lossless ? 0 : 100);
		inject(&s);
	} else {
		if (!t.listener)
			listen_with(8);
		s.flags = FDNET_TH_SYN;
		inject(&s);
		free(pop());
		wait_ms(t.cfg.lossless ? 0 : 100);
		ack.has_win = s.has_win;
		ack.win = s.has_ws ? s.win >> s.ws : s.win;
		inject(&ack);
		do_accept();
	}
	forget();
}

static void do_passive(void)
{
	do_handshake(false);
}

static void do_active(void)
{
	do_handshake(true);
}

static void do_flood(void)
{
	struct spec s = {.flags = FDNET_TH_SYN,
			 .has_seq = true,
			 .has_port = true,
			 .has_mss = true,
			 .mss = 1460};
	long n = number(t.word[1]);

	s.port = t.words > 3 ? (uint32_t)number(t.word[3]) : 10000;
	for (; n > 0; n--, s.port++)
		inject(&s);
}

/* Another connection is looked at from here on. */
static void do_fresh(void)
{
	t.have_iss = t.have_ts = false;
	t.seen = t.peer_nxt = 0;
	t.so = NULL;
}

static void do_count(void)
{
	unsigned int n = forget();

	if (n != (unsigned int)number(t.word[1]))
		fail("%u packets were sent, expected %s", n, t.word[1]);
}

static void do_any(void)
{
	forget();
}

static void do_none(void)
{
	if (forget())
		fail("something was sent");
}

static void do_in(void)
{
	struct spec s;

	parse_spec(&s, 2);
	s.flags = parse_flags(t.word[1], &s.psh_given);
	inject(&s);
}

static void do_out(void)
{
	struct spec s;

	parse_spec(&s, 2);
	s.flags = parse_flags(t.word[1], &s.psh_given);
	expect(&s);
}

static void do_icmp_out(void)
{
	struct segment *seg = pop();

	if (!seg || !seg->icmp)
		fail("no ICMP message was sent");
	free(seg);
}

static void do_wait(void)
{
	wait_ms((uint64_t)number(t.word[1]));
}

static void do_socks(void)
{
	differ("socks", fdnet_stack_socks(t.stack),
	       (uint32_t)number(t.word[1]));
}

static void do_inq(void)
{
	differ("inq", fdnet_sock_inq(t.so), (uint32_t)number(t.word[1]));
}

static void do_outq(void)
{
	differ("outq", fdnet_sock_outq(t.so), (uint32_t)number(t.word[1]));
}

static void do_idle(void)
{
	if (fdnet_stack_expiry(t.stack) != FDNET_NEVER)
		fail("a timer is armed");
}

/* ---- statements ---- */

static const struct {
	const char *word;
	int words; /* at least, with this one */
	void (*run)(void);
} statements[] = {
	{ "in", 2, do_in },
	{ "out", 2, do_out },
	{ "passive", 1, do_passive },
	{ "active", 1, do_active },
	{ "none", 1, do_none },
	{ "any", 1, do_any },
	{ "flood", 2, do_flood },
	{ "fresh", 1, do_fresh },
	{ "count", 2, do_count },
	{ "wait", 2, do_wait },
	{ "icmp", 2, inject_icmp },
	{ "icmp-out", 1, do_icmp_out },
	{ "socket", 1, do_socket },
	{ "bind", 1, do_bind },
	{ "listen", 2, do_listen },
	{ "connect", 1, do_connect },
	{ "accept", 1, do_accept },
	{ "close", 1, do_close },
	{ "abort", 1, do_abort },
	{ "send", 2, do_send },
	{ "recv", 2, do_recv },
	{ "shutdown", 2, do_shutdown },
	{ "set", 3, do_set },
	{ "get", 2, do_get },
	{ "cc", 2, do_cc },
	{ "cwnd", 2, do_cwnd },
	{ "linger", 2, do_linger },
	{ "admit", 1, do_admit },
	{ "refuse", 2, do_refuse },
	{ "state", 2, do_state },
	{ "poll", 2, do_poll },
	{ "error", 2, do_error },
	{ "socks", 2, do_socks },
	{ "inq", 2, do_inq },
	{ "outq", 2, do_outq },
	{ "idle", 1, do_idle },
};

static void statement(void)
{
	const char *w = t.word[0];
	unsigned int i = 0;

	if (!strcmp(w, "case")) {
		begin_case();
		return;
	}
	if (!t.name || t.failed)
		return;
	if (!strcmp(w, "config")) {
		do_config();
		return;
	}
	while (i < sizeof(statements) / sizeof(*statements) &&
	       strcmp(w, statements[i].word))
		i++;
	if (i == sizeof(statements) / sizeof(*statements)) {
		fail("%s?", w);
		return;
	}
	if (t.words < statements[i].words) {
		fail("%s needs more words", w);
		return;
	}
	begin();
	statements[i].run();
}

static void run_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512], *save, *word;

	t.file = path;
	t.line = 0;
	if (!f) {
		perror(path);
		failures++;
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		t.line++;
		line[strcspn(line, "#\n")] = 0;
		t.words = 0;
		memset(t.word, 0, sizeof(t.word));
		for (word = strtok_r(line, " \t", &save);
		     word && t.words < MAX_WORDS - 1;
		     word = strtok_r(NULL, " \t", &save))
			t.word[t.words++] = word;
		if (t.words)
			statement();
	}
	end_case();
	fclose(f);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-v"))
			t.verbose = true;
		else
			run_file(argv[i]);
	}
	printf("%d cases, %d failed\n", cases, failures);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
