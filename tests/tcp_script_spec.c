/* SPDX-License-Identifier: Apache-2.0 */
/* The words of TCP scripts that describe a segment (tcp_script.c). */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tcp_script.h"

uint8_t parse_flags(const char *text, bool *ret_psh)
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

void parse_spec(struct spec *s, int first)
{
	memset(s, 0, sizeof(*s));
	for (int i = first; i < t.words; i++)
		i = parse_word(s, i);
}
