/* SPDX-License-Identifier: Apache-2.0 */
/* The packets of TCP scripts, both ways, and the time between (tcp_script.c). */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tcp_script.h"

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

void collect(void)
{
	struct fdnet_pkt *pkt;

	while ((pkt = fdnet_stack_output(t.stack)))
		take_packet(pkt);
}

struct segment *pop(void)
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

unsigned int forget(void)
{
	unsigned int n = 0;

	for (; t.out; n++)
		free(pop());
	return n;
}

void wait_ms(uint64_t ms)
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

/* ---- the peer's ---- */

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

void inject(const struct spec *s)
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

void expect(const struct spec *s)
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

void inject_icmp(void)
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
