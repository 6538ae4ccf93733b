/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolver's calls: queries made by libc, which is mere bytes, and sent by
 * us (ask.c).
 */
#include "config.h"

#include "shim/resolv.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "shim/ask.h"
#include "shim/call.h"
#include "shim/raw.h"
#include "stack/wire/bytes.h"

#define QUERY_MAX 512
#define TYPES 2
#define OPT_LEN 11

static int give_up(struct __res_state *state, int error)
{
	state->res_h_errno = error;
	h_errno = error;
	return -1;
}

int shim_res_nsend(struct __res_state *state, const unsigned char *msg,
		   int len, unsigned char *answer, int room)
{
	struct shim_question q = {
		.msg = msg, .len = len, .answer = answer, .room = room
	};
	int rc;

	if (len < NS_HFIXEDSZ || room < NS_HFIXEDSZ)
		return (int)shim_ret(-EINVAL);
	rc = shim_ask(state, &q, 1);
	return (int)shim_ret(rc < 0 ? rc : q.n);
}
SHIM_EXPORT(res_nsend);
SHIM_EXPORT_AS(__res_nsend, res_nsend);

/* ---- queries ---- */

/* RFC 6891 6.1.2: how long an answer may be. */
static int add_opt(const struct __res_state *state, unsigned char *msg, int n,
		   int room)
{
	unsigned char *at = msg + n;

	if (!(state->options & (RES_USE_EDNS0 | RES_USE_DNSSEC)))
		return n;
	if (room > 1200)
		room = 1200;
	memset(at, 0, OPT_LEN);
	fdnet_put16(at + 1, ns_t_opt);
	fdnet_put16(at + 3, (uint16_t)(room < NS_PACKETSZ ? NS_PACKETSZ :
							   room));
	if (state->options & RES_USE_DNSSEC)
		at[7] = 0x80;
	fdnet_put16(msg + 10, (uint16_t)(fdnet_get16(msg + 10) + 1));
	return n + OPT_LEN;
}

static int rcode_of(const struct shim_reply *reply)
{
	return reply->len >= NS_HFIXEDSZ ? reply->answer[3] & 0xf : -1;
}

static bool has_records(const struct shim_reply *reply)
{
	return rcode_of(reply) == ns_r_noerror &&
	       fdnet_get16(reply->answer + 6) != 0;
}

static int error_in(int rcode)
{
	switch (rcode) {
	case ns_r_nxdomain:
		return HOST_NOT_FOUND;
	case ns_r_servfail:
		return TRY_AGAIN;
	case ns_r_noerror:
		return NO_DATA;
	default:
		return NO_RECOVERY;
	}
}

/* "options no-aaaa": the name is there, but has no such address. */
static void forget_unwanted(const struct __res_state *state,
			    struct shim_reply *reply)
{
	if ((state->options & RES_NOAAAA) && reply->type == ns_t_aaaa &&
	    has_records(reply))
		fdnet_put16(reply->answer + 6, 0);
}

static int make_queries(struct __res_state *state, const char *name, int class,
			struct shim_reply *reply, struct shim_question *q,
			unsigned char msg[][QUERY_MAX], unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		int len = res_nmkquery(state, QUERY, name, class,
				       reply[i].type, NULL, 0, NULL, msg[i],
				       QUERY_MAX - OPT_LEN);

		if (len <= 0)
			return -1;
		if (i > 0) { /* the answers are told apart by it */
			memcpy(msg[i], msg[0], 2);
			msg[i][1] ^= 1;
		}
		q[i] = (struct shim_question){
			.msg = msg[i],
			.len = add_opt(state, msg[i], len, reply[i].room),
			.answer = reply[i].answer,
			.room = reply[i].room,
		};
	}
	return 0;
}

int shim_resolv_query(struct __res_state *state, const char *name, int class,
		      struct shim_reply *reply, unsigned int n)
{
	unsigned char msg[TYPES][QUERY_MAX];
	struct shim_question q[TYPES];
	int rcode = -1, rc;
	bool found = false;

	for (unsigned int i = 0; i < n; i++) {
		reply[i].len = -1;
		if (reply[i].room < NS_HFIXEDSZ) {
			errno = EINVAL;
			return give_up(state, TRY_AGAIN);
		}
	}
	if (make_queries(state, name, class, reply, q, msg, n) < 0)
		return give_up(state, NO_RECOVERY);
	rc = shim_ask(state, q, n);
	if (rc < 0) {
		errno = -rc;
		return give_up(state, TRY_AGAIN);
	}
	for (unsigned int i = 0; i < n; i++) {
		reply[i].len = q[i].n;
		forget_unwanted(state, &reply[i]);
		found |= has_records(&reply[i]);
		if (rcode <= 0 && rcode_of(&reply[i]) >= 0)
			rcode = rcode_of(&reply[i]);
	}
	if (found)
		return 0;
	errno = 0;
	return give_up(state, error_in(rcode));
}

static int reply_len(const struct shim_reply *reply, int rc)
{
	return rc < 0 ? -1 : reply->len;
}

int shim_res_nquery(struct __res_state *state, const char *name, int class,
		    int type, unsigned char *answer, int room)
{
	struct shim_reply reply = {
		.type = type, .answer = answer, .room = room
	};

	return reply_len(&reply,
			 shim_resolv_query(state, name, class, &reply, 1));
}
SHIM_EXPORT(res_nquery);
SHIM_EXPORT_AS(__res_nquery, res_nquery);

static int query_in(struct __res_state *state, const char *name,
		    const char *domain, int class, struct shim_reply *reply,
		    unsigned int count)
{
	char full[NS_MAXDNAME + 1];
	size_t n = strlen(name), d = domain ? strlen(domain) : 0;

	if (n + d + 2 > sizeof(full) || (!domain && !n))
		return give_up(state, NO_RECOVERY);
	memcpy(full, name, n + 1);
	if (domain) {
		full[n] = '.';
		memcpy(full + n + 1, domain, d + 1);
	} else if (n > 0 && full[n - 1] == '.') {
		full[n - 1] = '\0';
	}
	return shim_resolv_query(state, full, class, reply, count);
}

int shim_res_nquerydomain(struct __res_state *state, const char *name,
			  const char *domain, int class, int type,
			  unsigned char *answer, int room)
{
	struct shim_reply reply = {
		.type = type, .answer = answer, .room = room
	};

	return reply_len(&reply, query_in(state, name, domain, class, &reply,
					  1));
}
SHIM_EXPORT(res_nquerydomain);
SHIM_EXPORT_AS(__res_nquerydomain, res_nquerydomain);

/* ---- the search list ---- */

static char *next_word(char **at)
{
	char *word = *at + strspn(*at, " \t\r\n");
	size_t n = strcspn(word, " \t\r\n");

	*at = word + n;
	if (word[n])
		*(*at)++ = '\0';
	return word;
}

/* The user's own name for a host, from the file that HOSTALIASES names: lines
 * of an alias and a name. In @text, or NULL. */
static const char *alias_of(const struct __res_state *state, const char *name,
			    char *text, size_t size)
{
	const char *path = secure_getenv("HOSTALIASES");
	char *line, *end, *word;
	size_t used = 0;
	ssize_t n;
	int fd;

	if (!path || (state->options & RES_NOALIASES))
		return NULL;
	fd = (int)RAW(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0,
		      0);
	if (fd < 0)
		return NULL;
	for (;;) {
		n = raw_read(fd, text + used, size - 1 - used);
		used += n > 0 ? (size_t)n : 0;
		text[used] = '\0';
		end = strchr(text, '\n');
		if (!used || (!end && n > 0 && used == size - 1))
			break;
		if (!end && n > 0)
			continue;
		if (end)
			*end++ = '\0';
		line = text;
		word = next_word(&line);
		if (!strcasecmp(word, name)) {
			word = next_word(&line);
			raw_close(fd);
			return *word ? word : NULL;
		}
		used = end ? used - (size_t)(end - text) : 0;
		memmove(text, end ? end : text, used);
	}
	raw_close(fd);
	return NULL;
}

/* What the names tried in the search list came to. */
struct search {
	bool nodata, servfail, done, searched, root;
};

/* After a failed try in the list: is it worth going on? */
static void note_failure(struct search *s, const struct __res_state *state,
			 const struct shim_reply *reply)
{
	int error = state->res_h_errno;

	if (error == NO_DATA)
		s->nodata = true;
	else if (error == TRY_AGAIN &&
		 (reply->answer[3] & 0xf) == ns_r_servfail)
		s->servfail = true;
	else if (error != HOST_NOT_FOUND)
		s->done = true;
	if (!(state->options & RES_DNSRCH))
		s->done = true; /* the local domain only */
}

static unsigned int dots_in(const char *name, bool *ret_trailing)
{
	unsigned int dots = 0;

	*ret_trailing = false;
	for (; *name; name++) {
		dots += *name == '.';
		*ret_trailing = *name == '.';
	}
	return dots;
}

/* Each domain of the list in turn; 0 when one has the name. */
static int search_list(struct __res_state *state, const char *name, int class,
		       struct shim_reply *reply, unsigned int n,
		       struct search *s)
{
	for (int i = 0; i < MAXDNSRCH && state->dnsrch[i] && !s->done; i++) {
		const char *domain = state->dnsrch[i];

		s->searched = true;
		if (*domain == '.')
			domain++;
		s->root |= !*domain;
		if (query_in(state, name, domain, class, reply, n) == 0)
			return 0;
		if (errno == ECONNREFUSED) {
			s->done = true;
			return give_up(state, TRY_AGAIN);
		}
		note_failure(s, state, reply);
	}
	return -1;
}

/* As resolver(3) says, in the order that libc has. */
int shim_resolv_search(struct __res_state *state, const char *name, int class,
		       struct shim_reply *reply, unsigned int n)
{
	char text[NS_MAXDNAME];
	bool trailing, as_is = false;
	unsigned int dots = dots_in(name, &trailing);
	struct search s = { 0 };
	const char *alias;
	int saved = -1;

	errno = 0;
	give_up(state, HOST_NOT_FOUND);
	for (unsigned int i = 0; i < n; i++)
		memset(reply[i].answer, 0,
		       reply[i].room < NS_HFIXEDSZ ? (size_t)reply[i].room :
						     NS_HFIXEDSZ);
	alias = dots ? NULL : alias_of(state, name, text, sizeof(text));
	if (alias)
		return shim_resolv_query(state, alias, class, reply, n);
	if (dots >= state->ndots || trailing) {
		if (query_in(state, name, NULL, class, reply, n) == 0)
			return 0;
		if (trailing)
			return -1;
		saved = state->res_h_errno;
		as_is = true;
	}
	if ((!dots && (state->options & RES_DEFNAMES)) ||
	    (dots && !trailing && (state->options & RES_DNSRCH))) {
		if (search_list(state, name, class, reply, n, &s) == 0)
			return 0;
		if (errno == ECONNREFUSED)
			return -1;
	}
	if ((dots || !s.searched || !(state->options & RES_NOTLDQUERY)) &&
	    !as_is && !s.root &&
	    query_in(state, name, NULL, class, reply, n) == 0)
		return 0;
	if (saved != -1)
		return give_up(state, saved);
	if (s.nodata)
		return give_up(state, NO_DATA);
	if (s.servfail)
		return give_up(state, TRY_AGAIN);
	return -1;
}

int shim_res_nsearch(struct __res_state *state, const char *name, int class,
		     int type, unsigned char *answer, int room)
{
	struct shim_reply reply = {
		.type = type, .answer = answer, .room = room
	};

	return reply_len(&reply,
			 shim_resolv_search(state, name, class, &reply, 1));
}
SHIM_EXPORT(res_nsearch);
SHIM_EXPORT_AS(__res_nsearch, res_nsearch);

/* ---- the same with the thread's state ---- */

struct __res_state *shim_resolv_state(struct __res_state *local)
{
	if (_res.options & RES_INIT)
		return &_res;
	memset(local, 0, sizeof(*local));
	return res_ninit(local) < 0 ? NULL : local;
}

void shim_resolv_done(struct __res_state *state, struct __res_state *local)
{
	if (state == local)
		res_nclose(local);
}

static struct __res_state *state_or_null(void)
{
	struct __res_state *state = &_res;

	if (!(state->options & RES_INIT) && res_ninit(state) < 0) {
		h_errno = NETDB_INTERNAL;
		return NULL;
	}
	return state;
}

int shim_res_send(const unsigned char *msg, int len, unsigned char *answer,
		  int room)
{
	struct __res_state *state = state_or_null();

	return state ? shim_res_nsend(state, msg, len, answer, room) : -1;
}
SHIM_EXPORT(res_send);
SHIM_EXPORT_AS(__res_send, res_send);

int shim_res_query(const char *name, int class, int type,
		   unsigned char *answer, int room)
{
	struct __res_state *state = state_or_null();

	return state ? shim_res_nquery(state, name, class, type, answer, room)
		     : -1;
}
SHIM_EXPORT(res_query);
SHIM_EXPORT_AS(__res_query, res_query);

int shim_res_search(const char *name, int class, int type,
		    unsigned char *answer, int room)
{
	struct __res_state *state = state_or_null();

	return state ? shim_res_nsearch(state, name, class, type, answer, room)
		     : -1;
}
SHIM_EXPORT(res_search);
SHIM_EXPORT_AS(__res_search, res_search);

int shim_res_querydomain(const char *name, const char *domain, int class,
			 int type, unsigned char *answer, int room)
{
	struct __res_state *state = state_or_null();

	return state ? shim_res_nquerydomain(state, name, domain, class, type,
					     answer, room)
		     : -1;
}
SHIM_EXPORT(res_querydomain);
SHIM_EXPORT_AS(__res_querydomain, res_querydomain);
