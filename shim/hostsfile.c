/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hosts(5), as libc reads it: each line an address, a name and other names.
 * Of several lines with one name all count where host.conf(5) says "multi on",
 * else the first.
 */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "shim/lookup.h"
#include "shim/raw.h"

#define LINE_MAX_LEN 4096 /* the rest of a longer one is left out */
#define NAMES_MAX 64	  /* of one line */

/* Lines of a file, without stdio. */
struct lines {
	int fd;
	bool eof, skip; /* skip: up to the end of a line too long */
	size_t used, line; /* bytes in buf, and where the next line begins */
	char buf[LINE_MAX_LEN + 1];
};

static int lines_open(struct lines *f, const char *path)
{
	f->eof = f->skip = false;
	f->used = f->line = 0;
	f->fd = (int)RAW(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0,
			 0, 0);
	return f->fd;
}

static void lines_fill(struct lines *f)
{
	ssize_t n;

	memmove(f->buf, f->buf + f->line, f->used - f->line);
	f->used -= f->line;
	f->line = 0;
	n = raw_read(f->fd, f->buf + f->used, LINE_MAX_LEN - f->used);
	if (n <= 0)
		f->eof = true;
	else
		f->used += (size_t)n;
}

/* The next one, without its end; NULL after the last. */
static char *lines_next(struct lines *f)
{
	char *start, *end;

	for (;;) {
		bool skipped = f->skip;

		start = f->buf + f->line;
		end = memchr(start, '\n', f->used - f->line);
		if (end) {
			f->line = (size_t)(end - f->buf) + 1;
			f->skip = false;
		} else if (f->eof || f->used - f->line == LINE_MAX_LEN) {
			if (f->used == f->line)
				return NULL;
			end = f->buf + f->used;
			f->line = f->used;
			f->skip = !f->eof;
		} else {
			lines_fill(f);
			continue;
		}
		if (skipped)
			continue;
		*end = '\0';
		return start;
	}
}

/* One line in pieces. */
struct entry {
	struct lookup_addr addr;
	char *names[NAMES_MAX];
	unsigned int n;
};

/* libc takes some IPv6 addresses for IPv4 ones, when it looks for those. */
static bool read_addr(struct lookup_addr *addr, const char *text, int family)
{
	static const unsigned char mapped[12] = { [10] = 0xff, 0xff };

	addr->family = AF_INET;
	if (inet_pton(AF_INET, text, addr->bytes) == 1)
		return family != AF_INET6;
	addr->family = AF_INET6;
	if (inet_pton(AF_INET6, text, addr->bytes) != 1)
		return false;
	if (family != AF_INET)
		return true;
	addr->family = AF_INET;
	if (!memcmp(addr->bytes, mapped, sizeof(mapped)))
		memmove(addr->bytes, addr->bytes + 12, 4);
	else if (IN6_IS_ADDR_LOOPBACK((struct in6_addr *)addr->bytes))
		memcpy(addr->bytes, "\x7f\0\0\1", 4);
	else
		return false;
	return true;
}

static bool read_entry(struct entry *e, char *line, int family)
{
	static const char blank[] = " \t\r\v\f";
	char *word, *rest;

	line[strcspn(line, "#")] = '\0';
	word = strtok_r(line, blank, &rest);
	if (!word || !read_addr(&e->addr, word, family))
		return false;
	e->n = 0;
	while (e->n < NAMES_MAX && (word = strtok_r(NULL, blank, &rest)))
		e->names[e->n++] = word;
	if (e->n == 0)
		e->names[e->n++] = rest; /* the empty name, at the end */
	return true;
}

static bool has_name(const struct entry *e, const char *name)
{
	for (unsigned int i = 0; i < e->n; i++)
		if (!strcasecmp(e->names[i], name))
			return true;
	return false;
}

static void add_names(struct lookup *l, const struct entry *e)
{
	unsigned int first = 0;

	if (!l->name) {
		shim_lookup_name(l, e->names[0]);
		first = 1;
	}
	for (unsigned int i = first; i < e->n; i++)
		shim_lookup_alias(l, e->names[i]);
}

static bool is_multi(void)
{
	struct lines f;
	bool multi = false;
	char *line;

	if (lines_open(&f, "/etc/host.conf") < 0)
		return false;
	while ((line = lines_next(&f))) {
		line += strspn(line, " \t");
		if (strncmp(line, "multi", 5) || !strchr(" \t", line[5]))
			continue;
		line += 5 + strspn(line + 5, " \t");
		multi = !strncmp(line, "on", 2);
	}
	raw_close(f.fd);
	return multi;
}

bool shim_hosts_name(struct lookup *l, const char *name, int family)
{
	bool found = false, multi = is_multi();
	struct lines f;
	struct entry e;
	char *line;

	if (lines_open(&f, "/etc/hosts") < 0)
		return false;
	while ((!found || multi) && (line = lines_next(&f)))
		if (read_entry(&e, line, family) && has_name(&e, name)) {
			add_names(l, &e);
			shim_lookup_add(l, e.addr.family, e.addr.bytes);
			found = true;
		}
	raw_close(f.fd);
	return found;
}

bool shim_hosts_addr(struct lookup *l, const struct lookup_addr *addr)
{
	size_t size = addr->family == AF_INET ? 4 : 16;
	bool found = false;
	struct lines f;
	struct entry e;
	char *line;

	if (lines_open(&f, "/etc/hosts") < 0)
		return false;
	while (!found && (line = lines_next(&f)))
		if (read_entry(&e, line, addr->family) &&
		    e.addr.family == addr->family &&
		    !memcmp(e.addr.bytes, addr->bytes, size)) {
			add_names(l, &e);
			found = true;
		}
	raw_close(f.fd);
	return found;
}
