/* SPDX-License-Identifier: Apache-2.0 */
/* Rules by the line, by the option and by the list. */
#include "config.h"

#include "relay/policy.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/limits.h"
#include "relay/policy_internal.h"

static int make_room(struct policy *policy)
{
	unsigned int room = policy->room ? policy->room * 2 : 16;
	struct rule *rules;

	if (policy->count < policy->room)
		return 0;
	if (policy->count >= LIMIT_RULES)
		return -ENOSPC;
	rules = reallocarray(policy->rules, room, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	policy->rules = rules;
	policy->room = room;
	return 0;
}

int policy_add(struct policy *policy, bool allow, const char *text,
	       struct policy_error *ret_err)
{
	struct rule rule = { .allow = allow };
	int rc = make_room(policy);

	if (rc) {
		policy_fail(ret_err, 0, rc == -ENOSPC ? "too many rules" :
							"out of memory");
		return rc;
	}
	rc = policy_parse(text, &rule, ret_err);
	if (!rc) {
		rule.text = strdup(text);
		rc = rule.text ? 0 : -ENOMEM;
	}
	if (rc) {
		if (rc == -ENOMEM)
			policy_fail(ret_err, 0, "out of memory");
		free(rule.name);
		return rc;
	}
	policy->rules[policy->count++] = rule;
	return 0;
}

/* ---- FDNET_ALLOW ---- */

/* Is text[at, end) a port or a range, and so no rule of its own? */
static bool is_port(const char *text, size_t at, size_t end)
{
	while (at < end && (isdigit((unsigned char)text[at]) ||
			    text[at] == '-' || text[at] == '*'))
		at++;
	return at == end;
}

/* The end of the word at @at: a blank, or a comma that no port follows. */
static size_t word_end(const char *text, size_t at)
{
	bool is_option = memchr(text + at, '=', strcspn(text + at, " \t\n"));

	for (;;) {
		at += strcspn(text + at, is_option ? " \t\n" : ", \t\n");
		if (text[at] != ',')
			return at;
		if (!is_port(text, at + 1,
			     at + 1 + strcspn(text + at + 1, ", \t\n")))
			return at;
		at++;
	}
}

static bool is_word(const char *text, size_t at, size_t end, const char *word)
{
	return end - at == strlen(word) && !strncmp(text + at, word, end - at);
}

/* The end of the rule that starts at @at, with the options behind it. */
static size_t rule_end(const char *text, size_t at)
{
	size_t end = word_end(text, at), next;

	for (;;) {
		next = end + strspn(text + end, " \t\n");
		if (next == end || !text[next] ||
		    !memchr(text + next, '=', strcspn(text + next, ", \t\n")))
			return end;
		end = word_end(text, next);
	}
}

int policy_add_all(struct policy *policy, const char *text,
		   struct policy_error *ret_err)
{
	bool allow = true;
	size_t at = 0, end;
	char *rule;
	int rc = 0;

	while (!rc) {
		at += strspn(text + at, ", \t\n");
		if (!text[at])
			break;
		end = word_end(text, at);
		if (is_word(text, at, end, "deny") ||
		    is_word(text, at, end, "allow")) {
			allow = text[at] == 'a';
			at = end;
			continue;
		}
		end = rule_end(text, at);
		rule = strndup(text + at, end - at);
		for (char *p = rule; p && (p = strchr(p, '\n'));)
			*p = ' ';
		rc = rule ? policy_add(policy, allow, rule, ret_err) : -ENOMEM;
		free(rule);
		if (rc)
			ret_err->column += (unsigned int)at;
		at = end;
		allow = true;
	}
	return rc;
}

/* ---- files ---- */

static int take_word(const char *verb, size_t len, const char *text,
		     const struct policy_word *words, void *arg,
		     struct policy_error *ret_err)
{
	for (; words->name; words++)
		if (strlen(words->name) == len &&
		    !memcmp(words->name, verb, len))
			return words->take(arg, text, ret_err);
	return -ENOENT;
}

static int unknown_word(size_t at, const struct policy_word *words,
			struct policy_error *ret_err)
{
	char names[128] = "allow, deny, ";

	for (; words->name; words++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names),
			 "%s%s", words->name, words[1].name ? ", " : "");
	return policy_fail(ret_err, at, "%s or # is expected", names);
}

/* One line, without its end. */
static int read_line(struct policy *policy, char *line,
		     const struct policy_word *words, void *arg,
		     struct policy_error *ret_err)
{
	size_t verb, word, start, stop, next, len;
	int rc;

	line[strcspn(line, "#")] = '\0';
	verb = strspn(line, " \t\r");
	if (!line[verb])
		return 0;
	word = strcspn(line + verb, " \t\r");
	start = verb + word + strspn(line + verb + word, " \t\r");
	stop = start + strcspn(line + start, " \t\r");
	for (len = strlen(line); len > start && strchr(" \t\r", line[len - 1]);)
		line[--len] = '\0';
	/* limits may follow a rule */
	next = stop + strspn(line + stop, " \t");
	if (line[next] && !strchr(line + next, '='))
		return policy_fail(ret_err, next, "one rule a line");
	/* for words that remember where they were said */
	ret_err->column = (unsigned int)start + 1;
	if (word == 5 && !strncmp(line + verb, "allow", word))
		rc = policy_add(policy, true, line + start, ret_err);
	else if (word == 4 && !strncmp(line + verb, "deny", word))
		rc = policy_add(policy, false, line + start, ret_err);
	else
		rc = take_word(line + verb, word, line + start, words, arg,
			       ret_err);
	if (rc == -ENOENT)
		return unknown_word(verb, words, ret_err);
	if (rc)
		ret_err->column += (unsigned int)start;
	return rc;
}

int policy_read(struct policy *policy, FILE *file,
		const struct policy_word *words, void *arg,
		struct policy_error *ret_err)
{
	char line[1024];
	unsigned int number = 0;
	int rc = 0;

	while (!rc && fgets(line, sizeof(line), file)) {
		size_t len = strlen(line);

		ret_err->line = ++number;
		if (len && line[len - 1] == '\n')
			line[len - 1] = '\0';
		else if (len == sizeof(line) - 1)
			rc = policy_fail(ret_err, len, "the line is too long");
		if (!rc)
			rc = read_line(policy, line, words, arg, ret_err);
	}
	if (!rc && ferror(file)) {
		policy_fail(ret_err, 0, "cannot be read");
		return -EIO;
	}
	return rc;
}
