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
 *                                    pacing; before anything else
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
 *   send N [more|eor|oob|fastopen] = R | recv N [peek|oob|trunc] = R |
 * shutdown rd|wr|rdwr = R set OPTION N = R | get OPTION = N | linger N cc NAME
 * congestion control cwnd N                           what TCP_INFO says,
 * segments admit | refuse ERRNO state NAME | poll WORD,... | error ERRNO |
 * socks N | inq N | outq N idle                             no timer is armed
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
#include <linux/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fdnet/stack.h>

#include "base/mem.h"
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

static struct {
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

__attribute__((format(printf, 1, 2))) static void fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: %s: ", t.file, t.line, t.name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	t.failed = true;
}

/* ---- names ---- */

struct name {
	const char *name;
	int value;
};

static const struct name errnos[] = {
	{"EAGAIN", EAGAIN},
	{"EALREADY", EALREADY},
	{"ECONNABORTED", ECONNABORTED},
	{"ECONNREFUSED", ECONNREFUSED},
	{"ECONNRESET", ECONNRESET},
	{"EHOSTUNREACH", EHOSTUNREACH},
	{"EINPROGRESS", EINPROGRESS},
	{"EINVAL", EINVAL},
	{"EISCONN", EISCONN},
	{"ENETUNREACH", ENETUNREACH},
	{"ENOPROTOOPT", ENOPROTOOPT},
	{"ENOTCONN", ENOTCONN},
	{"EOPNOTSUPP", EOPNOTSUPP},
	{"EPIPE", EPIPE},
	{"ETIMEDOUT", ETIMEDOUT},
	{"EACCES", EACCES},
	{"EADDRINUSE", EADDRINUSE},
	{"ENOENT", ENOENT},
	{NULL, 0},
};

static const struct name states[] = {
	{"ESTABLISHED", FDNET_TCP_ESTABLISHED},
	{"SYN_SENT", FDNET_TCP_SYN_SENT},
	{"SYN_RECV", FDNET_TCP_SYN_RECV},
	{"FIN_WAIT1", FDNET_TCP_FIN_WAIT1},
	{"FIN_WAIT2", FDNET_TCP_FIN_WAIT2},
	{"TIME_WAIT", FDNET_TCP_TIME_WAIT},
	{"CLOSE", FDNET_TCP_CLOSE},
	{"CLOSE_WAIT", FDNET_TCP_CLOSE_WAIT},
	{"LAST_ACK", FDNET_TCP_LAST_ACK},
	{"LISTEN", FDNET_TCP_LISTEN},
	{"CLOSING", FDNET_TCP_CLOSING},
	{NULL, 0},
};

static const struct name polls[] = {
	{"IN", FDNET_EV_IN},
	{"OUT", FDNET_EV_OUT},
	{"PRI", FDNET_EV_PRI},
	{"ERR", FDNET_EV_ERR},
	{"HUP", FDNET_EV_HUP},
	{"RDHUP", FDNET_EV_RDHUP},
	{"0", 0},
	{NULL, 0},
};

static const struct {
	const char *name;
	int level, opt;
} options[] = {
	{"NODELAY", 6, TCP_NODELAY},
	{"CORK", 6, TCP_CORK},
	{"MAXSEG", 6, TCP_MAXSEG},
	{"KEEPIDLE", 6, TCP_KEEPIDLE},
	{"KEEPINTVL", 6, TCP_KEEPINTVL},
	{"KEEPCNT", 6, TCP_KEEPCNT},
	{"SYNCNT", 6, TCP_SYNCNT},
	{"LINGER2", 6, TCP_LINGER2},
	{"DEFER_ACCEPT", 6, TCP_DEFER_ACCEPT},
	{"WINDOW_CLAMP", 6, TCP_WINDOW_CLAMP},
	{"QUICKACK", 6, TCP_QUICKACK},
	{"USER_TIMEOUT", 6, TCP_USER_TIMEOUT},
	{"NOTSENT_LOWAT", 6, TCP_NOTSENT_LOWAT},
	{"FASTOPEN", 6, TCP_FASTOPEN},
	{"FASTOPEN_CONNECT", 6, TCP_FASTOPEN_CONNECT},
	{"FASTOPEN_NO_COOKIE", 6, TCP_FASTOPEN_NO_COOKIE},
	{"KEEPALIVE", 1, 9},
	{"SNDBUF", 1, 7},
	{"RCVBUF", 1, 8},
	{"OOBINLINE", 1, 10},
	{"RCVLOWAT", 1, 18},
	{"MAX_PACING_RATE", 1, 47},
};

static int find_name(const struct name *table, const char *text, int *ret)
{
	for (; table->name; table++) {
		if (!strcmp(table->name, text)) {
			*ret = table->value;
			return 0;
		}
	}
	return -1;
}

static long number(const char *text)
{
	return text ? strtol(text, NULL, 0) : 0;
}

/* ---- the stack's packets ---- */

static void take_packet(struct fdnet_pkt *pkt)
{
	struct segment *seg = calloc(1, sizeof(*seg));
	uint32_t ip = (pkt->data[0] & 15) * 4u;

	seg->tos = pkt->data[1];
	if (pkt->data[9] != 6) {
		seg->icmp = true;
	} else {
		fdnet_tcp_hdr_decode(pkt->data + ip, pkt->len - ip, &seg->hdr);
		seg->len = fdnet_pkt_total(pkt) - ip - seg->hdr.hdr_len;
		if (!t.have_iss && seg->hdr.flags & FDNET_TH_SYN) {
			t.iss = seg->hdr.seq;
			t.have_iss = true;
		}
		if (!t.have_ts && seg->hdr.has_ts) {
			t.ts_base = seg->hdr.ts_val;
			t.have_ts = true;
		}
		t.local_port = seg->hdr.sport;
		if (seg->hdr.fo.present && seg->hdr.fo.len)
			t.cookie = seg->hdr.fo;
	}
	if (!pkt->gso_size && fdnet_pkt_total(pkt) > t.cfg.mtu)
		fail("packet of %u bytes exceeds the MTU", fdnet_pkt_total(pkt));
	if (t.verbose)
		printf("  %8.3f out %c%c%c%c%c seq %u len %u ack %u win %u\n",
		       (double)t.now_us / 1000, seg->hdr.flags & 2 ? 'S' : '-',
		       seg->hdr.flags & 1 ? 'F' : '-',
		       seg->hdr.flags & 4 ? 'R' : '-',
		       seg->hdr.flags & 8 ? 'P' : '-',
		       seg->hdr.flags & 16 ? '.' : '-', seg->hdr.seq - t.iss,
		       seg->len, seg->hdr.ack - PEER_ISS, seg->hdr.wnd);
	*t.out_tail = seg;
	t.out_tail = &seg->next;
	fdnet_pkt_free(pkt);
}

static void collect(void)
{
	struct fdnet_pkt *pkt;

	while ((pkt = fdnet_stack_output(t.stack)))
		take_packet(pkt);
}

static struct segment *pop(void)
{
	struct segment *seg = t.out;

	if (!seg)
		return NULL;
	t.out = seg->next;
	if (!t.out)
		t.out_tail = &t.out;
	if (!seg->icmp && !(seg->hdr.flags & FDNET_TH_RST)) {
		uint32_t end = seg->hdr.seq - t.iss + seg->len +
			       !!(seg->hdr.flags & FDNET_TH_SYN) +
			       !!(seg->hdr.flags & FDNET_TH_FIN);

		if (seq_gt(end, t.seen))
			t.seen = end;
	}
	return seg;
}

static void wait_ms(uint64_t ms)
{
	uint64_t until = t.now_us + ms * 1000;

	for (;;) {
		uint64_t next = fdnet_stack_expiry(t.stack);

		if (next > until)
			break;
		if (next > t.now_us)
			t.now_us = next;
		fdnet_stack_set_time(t.stack, t.now_us);
		fdnet_stack_advance(t.stack);
		collect();
	}
	t.now_us = until;
	fdnet_stack_set_time(t.stack, t.now_us);
	fdnet_stack_advance(t.stack);
	collect();
}

/* ---- parsing ---- */

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

static uint8_t parse_flags(const char *text, bool *ret_psh)
{
	uint8_t flags = 0;

	*ret_psh = false;
	for (; *text; text++) {
		switch (*text) {
		case 'S':
			flags |= FDNET_TH_SYN;
			break;
		case 'F':
			flags |= FDNET_TH_FIN;
			break;
		case 'R':
			flags |= FDNET_TH_RST;
			break;
		case 'P':
			flags |= FDNET_TH_PSH;
			*ret_psh = true;
			break;
		case '.':
			flags |= FDNET_TH_ACK;
			break;
		case 'U':
			flags |= FDNET_TH_URG;
			break;
		case 'E':
			flags |= FDNET_TH_ECE;
			break;
		case 'W':
			flags |= FDNET_TH_CWR;
			break;
		case '-':
			break;
		default:
			fail("flag %c?", *text);
		}
	}
	return flags;
}

static int parse_sack(struct spec *s, int i)
{
	s->has_sack = true;
	while (i + 1 < t.words && strchr(t.word[i + 1], '-') && s->nsack < 4) {
		char *end;

		i++;
		s->sack[s->nsack].start = (uint32_t)strtoul(t.word[i], &end, 0);
		s->sack[s->nsack].end = (uint32_t)strtoul(end + 1, NULL, 0);
		s->nsack++;
	}
	return i;
}

static void parse_fo(struct spec *s, const char *text)
{
	unsigned int byte;

	s->has_fo = true;
	s->fo.present = true;
	if (!strcmp(text, "own")) {
		s->fo = t.cookie;
	} else if (!strcmp(text, "any")) {
		s->fo_any = true;
	} else if (strcmp(text, "none")) {
		while (s->fo.len < 8 && sscanf(text, "%2x", &byte) == 1) {
			s->fo.cookie[s->fo.len++] = (uint8_t)byte;
			text += 2;
		}
	}
}

#define NUMBER(field)                                                          \
	do {                                                                   \
		s->has_##field = true;                                         \
		s->field = (uint32_t)number(t.word[++i]);                      \
	} while (0)

/* The word at @i; returns the last one used. */
static int parse_word(struct spec *s, int i)
{
	const char *w = t.word[i];
	bool more = i + 1 < t.words;

	if (!strcmp(w, "sackok")) {
		s->has_sackok = true;
	} else if (!strcmp(w, "nosack")) {
		s->no_sack = true;
	} else if (!strcmp(w, "nofo")) {
		s->no_fo = true;
	} else if (!strcmp(w, "sack")) {
		i = parse_sack(s, i);
	} else if (!more) {
		fail("%s needs a value", w);
	} else if (!strcmp(w, "seq")) {
		NUMBER(seq);
	} else if (!strcmp(w, "len")) {
		NUMBER(len);
	} else if (!strcmp(w, "ack")) {
		NUMBER(ack);
	} else if (!strcmp(w, "win")) {
		NUMBER(win);
	} else if (!strcmp(w, "port")) {
		NUMBER(port);
	} else if (!strcmp(w, "urg")) {
		NUMBER(urg);
	} else if (!strcmp(w, "mss")) {
		NUMBER(mss);
	} else if (!strcmp(w, "ws")) {
		NUMBER(ws);
	} else if (!strcmp(w, "ecn")) {
		NUMBER(ecn);
	} else if (!strcmp(w, "fo")) {
		parse_fo(s, t.word[++i]);
	} else if (!strcmp(w, "ts") && i + 2 < t.words) {
		s->has_ts = true;
		s->ts_any = !strcmp(t.word[++i], "*");
		s->ts_val = (uint32_t)number(t.word[i]);
		s->ecr_any = !strcmp(t.word[++i], "*");
		s->ts_ecr = (uint32_t)number(t.word[i]);
	} else {
		fail("%s?", w);
	}
	return i;
}

static void parse_spec(struct spec *s, int first)
{
	memset(s, 0, sizeof(*s));
	for (int i = first; i < t.words; i++)
		i = parse_word(s, i);
}

/* ---- in and out ---- */

static void put_ip(struct fdnet_pkt *pkt, uint8_t tos, uint8_t proto)
{
	uint32_t total = fdnet_pkt_total(pkt) + 20, sum = 0;
	uint8_t *p = fdnet_pkt_push(pkt, 20);
	static const uint8_t addrs[8] = {10, 0, 0, 2, 10, 0, 0, 1};

	memset(p, 0, 20);
	p[0] = 0x45;
	p[1] = tos;
	p[2] = (uint8_t)(total >> 8);
	p[3] = (uint8_t)total;
	p[8] = 64;
	p[9] = proto;
	memcpy(p + 12, addrs, 8);
	if (t.cfg.forward)
		p[16] = 8;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	p[10] = (uint8_t)(~sum >> 8);
	p[11] = (uint8_t)~sum;
}

static void put_payload(struct fdnet_pkt *pkt, uint32_t seq, uint32_t len)
{
	struct fdnet_buf *buf;
	uint8_t *dst;

	if (len <= fdnet_pkt_tailroom(pkt)) {
		dst = fdnet_pkt_put(pkt, len);
		for (uint32_t i = 0; i < len; i++)
			dst[i] = (uint8_t)(seq + i);
		return;
	}
	while (len) {
		uint32_t n = len < FDNET_BUF_SIZE ? len : FDNET_BUF_SIZE;

		buf = fdnet_buf_new(t.pool);
		for (uint32_t i = 0; i < n; i++)
			buf->data[i] = (uint8_t)(seq + i);
		fdnet_pkt_add_slice(pkt, buf, buf->data, n);
		fdnet_buf_unref(buf);
		seq += n;
		len -= n;
	}
}

static void inject(const struct spec *s)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(t.pool);
	uint32_t seq = s->has_seq ? s->seq : t.peer_nxt, end;
	struct fdnet_tcp_hdr hdr = {
		.sport = PEER_PORT,
		.dport = t.active ? t.local_port : STACK_PORT,
		.seq = PEER_ISS + seq,
		.flags = s->flags,
		.wnd = s->has_win ? (uint16_t)s->win : 65535,
		.urg = (uint16_t)s->urg,
		.mss = (uint16_t)s->mss,
		.wscale = s->has_ws ? (uint8_t)s->ws : 0xff,
		.sack_ok = s->has_sackok,
		.has_ts = s->has_ts || t.ts_on,
		.ts_val = s->has_ts ? s->ts_val : t.ts_val,
		.ts_ecr = t.ts_base + (s->has_ts ? s->ts_ecr : 0),
		.nsack = (uint8_t)s->nsack,
		.fo = s->fo,
	};

	if (s->has_port)
		hdr.sport = (uint16_t)s->port;
	else if (t.active)
		hdr.sport = STACK_PORT;
	if (s->flags & FDNET_TH_ACK)
		hdr.ack = t.iss + (s->has_ack ? s->ack : t.seen);
	for (unsigned int i = 0; i < s->nsack; i++) {
		hdr.sack[i].start = t.iss + s->sack[i].start;
		hdr.sack[i].end = t.iss + s->sack[i].end;
	}
	end = seq + s->len + !!(s->flags & FDNET_TH_SYN) +
	      !!(s->flags & FDNET_TH_FIN);
	if (seq_gt(end, t.peer_nxt) && !(s->flags & FDNET_TH_RST))
		t.peer_nxt = end;
	put_payload(pkt, seq, s->len);
	fdnet_tcp_hdr_encode(fdnet_pkt_push(pkt, fdnet_tcp_hdr_size(&hdr)), &hdr);
	put_ip(pkt, (uint8_t)s->ecn, 6);
	pkt->flags |= FDNET_PKT_CSUM_TRUSTED;
	fdnet_stack_input(t.stack, pkt);
	collect();
}

static void differ(const char *what, uint32_t got, uint32_t want)
{
	if (got != want)
		fail("%s is %u, expected %u", what, got, want);
}

static void compare_options(const struct segment *seg, const struct spec *s)
{
	const struct fdnet_tcp_hdr *h = &seg->hdr;

	if (s->has_mss)
		differ("mss", h->mss, s->mss);
	if (s->has_ws)
		differ("window scale", h->wscale, s->ws);
	if (s->has_sackok && !h->sack_ok)
		fail("no SACK-permitted");
	if (s->has_ts && !h->has_ts)
		fail("no timestamps");
	if (s->has_ts && !s->ts_any)
		differ("timestamp", h->ts_val - t.ts_base, s->ts_val);
	if (s->has_ts && !s->ecr_any)
		differ("echoed timestamp", h->ts_ecr, s->ts_ecr);
	if (s->no_sack)
		differ("SACK blocks", h->nsack, 0);
	if (s->no_fo)
		differ("fast open's option", h->fo.present, 0);
	if (s->has_fo && !h->fo.present)
		fail("no fast open's option");
	if (s->fo_any)
		differ("cookie's length", h->fo.len, 8);
	else if (s->has_fo && (h->fo.len != s->fo.len ||
			       memcmp(h->fo.cookie, s->fo.cookie, s->fo.len)))
		fail("another cookie, of %u bytes", h->fo.len);
	if (!s->has_sack)
		return;
	differ("SACK blocks", h->nsack, s->nsack);
	for (unsigned int i = 0; i < s->nsack && i < h->nsack; i++) {
		differ("block start", h->sack[i].start - PEER_ISS,
		       s->sack[i].start);
		differ("block end", h->sack[i].end - PEER_ISS, s->sack[i].end);
	}
}

static void expect(const struct spec *s)
{
	struct segment *seg = pop();
	uint8_t mask = s->psh_given ? 0xff : 0xff & ~FDNET_TH_PSH;

	if (!seg) {
		fail("nothing was sent");
		return;
	}
	if (seg->icmp) {
		fail("an ICMP message was sent");
	} else {
		if ((seg->hdr.flags & mask) != (s->flags & mask))
			fail("flags are 0x%02x, expected 0x%02x",
			     seg->hdr.flags, s->flags);
		if (s->has_seq)
			differ("seq", seg->hdr.seq - t.iss, s->seq);
		if (s->has_ack)
			differ("ack", seg->hdr.ack - PEER_ISS, s->ack);
		if (s->has_win)
			differ("window", seg->hdr.wnd, s->win);
		if (s->has_urg)
			differ("urgent pointer", seg->hdr.urg, s->urg);
		if (s->has_ecn)
			differ("ECN bits", seg->tos & 3, s->ecn);
		differ("len", seg->len, s->has_len ? s->len : 0);
		compare_options(seg, s);
	}
	free(seg);
}

static void do_icmp(void)
{
	struct fdnet_pkt *pkt = fdnet_pkt_new(t.pool);
	uint32_t mtu = 0, seq = 0, sum = 0;
	uint8_t *p = fdnet_pkt_put(pkt, 8 + 20 + 8);

	for (int i = 2; i + 1 < t.words; i += 2) {
		if (!strcmp(t.word[i], "mtu"))
			mtu = (uint32_t)number(t.word[i + 1]);
		else if (!strcmp(t.word[i], "seq"))
			seq = (uint32_t)number(t.word[i + 1]);
	}
	memset(p, 0, 36);
	p[0] = 3;
	p[1] = (uint8_t)number(t.word[1]);
	p[6] = (uint8_t)(mtu >> 8);
	p[7] = (uint8_t)mtu;
	p[8] = 0x45;
	p[11] = 40;
	p[16] = 64;
	p[17] = 6;
	memcpy(p + 20, (uint8_t[]){10, 0, 0, 1, 10, 0, 0, 2}, 8);
	p[28] = (uint8_t)(t.local_port >> 8);
	p[29] = (uint8_t)t.local_port;
	p[30] = (uint8_t)((t.active ? STACK_PORT : PEER_PORT) >> 8);
	p[31] = (uint8_t)(t.active ? STACK_PORT : PEER_PORT);
	seq += t.iss;
	for (int i = 0; i < 4; i++)
		p[32 + i] = (uint8_t)(seq >> (24 - 8 * i));
	for (int i = 0; i < 36; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	p[2] = (uint8_t)(~sum >> 8);
	p[3] = (uint8_t)~sum;
	put_ip(pkt, 0, 1);
	fdnet_stack_input(t.stack, pkt);
	collect();
}

/* ---- calls ---- */

static void open_socket(void)
{
	if (fdnet_sock_open(t.stack, 4, FDNET_SOCK_STREAM, 6, &t.so))
		fail("socket");
}

/* Compares with what stands behind "=", if anything. */
static void result(long rc)
{
	int want;

	for (int i = 0; i + 1 < t.words; i++) {
		if (strcmp(t.word[i], "="))
			continue;
		if (!find_name(errnos, t.word[i + 1], &want))
			want = -want;
		else
			want = (int)number(t.word[i + 1]);
		if (rc != want)
			fail("%s gives %ld (%s), expected %s", t.word[0], rc,
			     rc < 0 ? strerror((int)-rc) : "ok", t.word[i + 1]);
		return;
	}
	if (rc < 0)
		fail("%s: %s", t.word[0], strerror((int)-rc));
}

static void do_bind(void)
{
	struct fdnet_name name = {.ip = {.family = 4}, .port = STACK_PORT};

	result(fdnet_sock_bind(t.so, &name));
}

static void do_listen(int backlog)
{
	if (!t.so) {
		open_socket();
		do_bind();
	}
	result(fdnet_sock_listen(t.so, backlog));
	t.listener = t.so;
	t.so = NULL;
}

static void do_connect(void)
{
	struct fdnet_name name = {.ip = fdnet_ip4(0x0a000002),
				  .port = STACK_PORT};
	long rc;

	if (!t.so)
		open_socket();
	t.active = true;
	rc = fdnet_sock_connect(t.so, &name);
	collect();
	if (t.words == 1 && rc == -EINPROGRESS)
		return;
	result(rc);
}

static void do_accept(void)
{
	struct fdnet_sock *so = NULL;
	long rc = fdnet_sock_accept(t.listener, &so);

	if (so)
		t.so = so;
	result(rc);
}

static int msg_flag(void)
{
	for (int i = 2; i < t.words; i++) {
		if (!strcmp(t.word[i], "more"))
			return FDNET_MSG_MORE;
		if (!strcmp(t.word[i], "eor"))
			return FDNET_MSG_EOR;
		if (!strcmp(t.word[i], "oob"))
			return FDNET_MSG_OOB;
		if (!strcmp(t.word[i], "fastopen"))
			return FDNET_MSG_FASTOPEN;
		if (!strcmp(t.word[i], "peek"))
			return FDNET_MSG_PEEK;
		if (!strcmp(t.word[i], "trunc"))
			return FDNET_MSG_TRUNC;
	}
	return 0;
}

static void do_io(bool sending)
{
	size_t len = (size_t)number(t.word[1]);
	char *buf = calloc(1, len + 1);
	struct iovec iov = {buf, len};
	struct fdnet_msg msg = {.iov = &iov,
				.iovcnt = 1,
				.flags = msg_flag(),
				.ttl = -1,
				.tos = -1};

	if (msg.flags & FDNET_MSG_FASTOPEN) {
		if (!t.so)
			open_socket();
		t.active = true;
		msg.to_from = (struct fdnet_name){.ip = fdnet_ip4(0x0a000002),
						  .port = STACK_PORT};
	}
	for (size_t i = 0; sending && i < len; i++)
		buf[i] = (char)i;
	result(sending ? fdnet_sock_send(t.so, &msg)
		       : fdnet_sock_recv(t.so, &msg));
	free(buf);
	collect();
}

static void do_shutdown(void)
{
	const char *how = t.word[1];

	result(fdnet_sock_shutdown(t.so, !strcmp(how, "rd")   ? FDNET_SHUT_RD
					 : !strcmp(how, "wr") ? FDNET_SHUT_WR
							      : FDNET_SHUT_RDWR));
	collect();
}

static void do_option(bool setting)
{
	int v = (int)number(t.word[2]);
	uint32_t len = sizeof(v);

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		struct fdnet_sock *so = t.so ? t.so : t.listener;
		int rc;

		if (strcmp(options[i].name, t.word[1]))
			continue;
		rc = setting ? fdnet_sock_setopt(so, options[i].level,
						 options[i].opt, &v, len)
			     : fdnet_sock_getopt(so, options[i].level,
						 options[i].opt, &v, &len);
		result(setting || rc ? rc : v);
		collect();
		return;
	}
	fail("option %s?", t.word[1]);
}

static void do_cc(void)
{
	struct fdnet_sock *so = t.so ? t.so : t.listener;

	result(fdnet_sock_setopt(so, 6, TCP_CONGESTION, t.word[1],
				 (uint32_t)strlen(t.word[1])));
}

static void do_cwnd(void)
{
	struct tcp_info info;
	uint32_t len = sizeof(info);

	if (fdnet_sock_getopt(t.so, 6, TCP_INFO, &info, &len))
		fail("no TCP_INFO");
	else if (info.tcpi_snd_cwnd != (uint32_t)number(t.word[1]))
		fail("cwnd is %u, expected %s", info.tcpi_snd_cwnd, t.word[1]);
}

static void do_linger(void)
{
	int v[2] = {1, (int)number(t.word[1])};

	result(fdnet_sock_setopt(t.so, 1, 13, v, sizeof(v)));
}

static void do_close(bool aborting)
{
	struct fdnet_sock **so = t.so ? &t.so : &t.listener;

	if (aborting)
		fdnet_sock_abort(*so);
	else
		fdnet_sock_close(*so);
	*so = NULL;
	collect();
}

static void do_state(void)
{
	int want = 0, got = fdnet_sock_state(t.so ? t.so : t.listener);

	if (find_name(states, t.word[1], &want))
		fail("state %s?", t.word[1]);
	else if (got != want)
		fail("state is %d, expected %s", got, t.word[1]);
}

static void do_poll(void)
{
	uint32_t want = 0, got = fdnet_sock_poll(t.so ? t.so : t.listener);
	char *save, *word;
	int bit;

	for (word = strtok_r(t.word[1], ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		if (find_name(polls, word, &bit))
			fail("poll %s?", word);
		else
			want |= (uint32_t)bit;
	}
	if (got != want)
		fail("poll gives 0x%x, expected 0x%x", got, want);
}

static void do_error(void)
{
	int got = 0, want = 0;
	uint32_t len = sizeof(got);

	fdnet_sock_getopt(t.so, 1, 4, &got, &len);
	if (find_name(errnos, t.word[1], &want))
		want = (int)number(t.word[1]);
	if (got != want)
		fail("SO_ERROR is %d (%s), expected %s", got, strerror(got),
		     t.word[1]);
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
		while (t.out)
			free(pop());
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
			do_listen(8);
		s.flags = FDNET_TH_SYN;
		inject(&s);
		free(pop());
		wait_ms(t.cfg.lossless ? 0 : 100);
		ack.has_win = s.has_win;
		ack.win = s.has_ws ? s.win >> s.ws : s.win;
		inject(&ack);
		do_accept();
	}
	while (t.out)
		free(pop());
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
	long n = 0;

	while (t.out) {
		free(pop());
		n++;
	}
	if (n != number(t.word[1]))
		fail("%ld packets were sent, expected %s", n, t.word[1]);
}

static void do_request(bool admit)
{
	int error = 0;

	t.so = t.so ? t.so : fdnet_stack_next_request(t.stack);
	if (!t.so) {
		fail("no request");
		return;
	}
	if (admit) {
		result(fdnet_sock_admit(t.so));
	} else {
		find_name(errnos, t.word[1], &error);
		fdnet_sock_refuse(t.so, error);
		t.so = NULL;
	}
	collect();
}

static void do_none(void)
{
	if (t.out) {
		fail("something was sent");
		while (t.out)
			free(pop());
	}
}

static void statement(void)
{
	const char *w = t.word[0];
	struct spec s;

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
	begin();
	if (!strcmp(w, "in") || !strcmp(w, "out")) {
		parse_spec(&s, 2);
		s.flags = parse_flags(t.word[1], &s.psh_given);
		if (w[0] == 'i')
			inject(&s);
		else
			expect(&s);
	} else if (!strcmp(w, "passive") || !strcmp(w, "active")) {
		do_handshake(w[0] == 'a');
	} else if (!strcmp(w, "none")) {
		do_none();
	} else if (!strcmp(w, "any")) {
		while (t.out)
			free(pop());
	} else if (!strcmp(w, "flood")) {
		do_flood();
	} else if (!strcmp(w, "fresh")) {
		do_fresh();
	} else if (!strcmp(w, "count")) {
		do_count();
	} else if (!strcmp(w, "wait")) {
		wait_ms((uint64_t)number(t.word[1]));
	} else if (!strcmp(w, "icmp")) {
		do_icmp();
	} else if (!strcmp(w, "socket")) {
		open_socket();
	} else if (!strcmp(w, "bind")) {
		do_bind();
	} else if (!strcmp(w, "listen")) {
		do_listen((int)number(t.word[1]));
	} else if (!strcmp(w, "connect")) {
		do_connect();
	} else if (!strcmp(w, "accept")) {
		do_accept();
	} else if (!strcmp(w, "close") || !strcmp(w, "abort")) {
		do_close(w[0] == 'a');
	} else if (!strcmp(w, "send") || !strcmp(w, "recv")) {
		do_io(w[0] == 's');
	} else if (!strcmp(w, "shutdown")) {
		do_shutdown();
	} else if (!strcmp(w, "set") || !strcmp(w, "get")) {
		do_option(w[0] == 's');
	} else if (!strcmp(w, "cc")) {
		do_cc();
	} else if (!strcmp(w, "cwnd")) {
		do_cwnd();
	} else if (!strcmp(w, "linger")) {
		do_linger();
	} else if (!strcmp(w, "admit") || !strcmp(w, "refuse")) {
		do_request(w[0] == 'a');
	} else if (!strcmp(w, "icmp-out")) {
		struct segment *seg = pop();

		if (!seg || !seg->icmp)
			fail("no ICMP message was sent");
		free(seg);
	} else if (!strcmp(w, "state")) {
		do_state();
	} else if (!strcmp(w, "poll")) {
		do_poll();
	} else if (!strcmp(w, "error")) {
		do_error();
	} else if (!strcmp(w, "socks")) {
		differ("socks", fdnet_stack_socks(t.stack),
		       (uint32_t)number(t.word[1]));
	} else if (!strcmp(w, "inq")) {
		differ("inq", fdnet_sock_inq(t.so), (uint32_t)number(t.word[1]));
	} else if (!strcmp(w, "outq")) {
		differ("outq", fdnet_sock_outq(t.so),
		       (uint32_t)number(t.word[1]));
	} else if (!strcmp(w, "idle")) {
		if (fdnet_stack_expiry(t.stack) != FDNET_NEVER)
			fail("a timer is armed");
	} else {
		fail("%s?", w);
	}
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
