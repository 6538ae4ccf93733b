/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/measure.h"

#include <ctype.h>
#include <string.h>

#include "relay/bucket.h"

/* Digits before the point, and six behind it. */
#define WHOLE_MAX 100000000000ull
#define MILLION	  1000000ull

struct unit {
	const char *name;
	uint64_t millionths; /* of what is returned */
};

static const struct unit times[] = {
	{ "us", MILLION },
	{ "ms", 1000 * MILLION },
	{ "s", MILLION * MILLION },
	{ NULL, 0 },
};

/* Bits in bytes: an eighth. */
static const struct unit rates[] = {
	{ "bit", MILLION / 8 },
	{ "kbit", MILLION / 8 * 1000 },
	{ "mbit", MILLION / 8 * MILLION },
	{ "gbit", MILLION / 8 * 1000 * MILLION },
	{ NULL, 0 },
};

static const struct unit shares[] = {
	{ "%", MILLION * 10000 },
	{ NULL, 0 },
};

size_t measure_number(const char *text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; isdigit((unsigned char)text[i]); i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');

		if (value > (max - digit) / 10)
			return 0;
		value = value * 10 + digit;
	}
	if (i)
		*ret_value = value;
	return i;
}

/* "12.345" in millionths; at least one digit in front of the point. */
static size_t decimal(const char *text, uint64_t *ret_millionths)
{
	uint64_t whole, part = 0, weight = MILLION / 10;
	size_t i = measure_number(text, WHOLE_MAX, &whole);

	if (!i)
		return 0;
	if (text[i] == '.') {
		i++;
		if (!isdigit((unsigned char)text[i]))
			return 0;
		for (; isdigit((unsigned char)text[i]); i++) {
			part += (uint64_t)(text[i] - '0') * weight;
			weight /= 10;
		}
	}
	*ret_millionths = whole * MILLION + part;
	return i;
}

static size_t amount(const char *text, const struct unit *unit, uint64_t max,
		     uint64_t *ret_value)
{
	unsigned __int128 value;
	uint64_t millionths;
	size_t i = decimal(text, &millionths), len;

	if (!i)
		return 0;
	for (; unit->name; unit++) {
		len = strlen(unit->name);
		/* "s" is no unit in "sec" */
		if (strncmp(text + i, unit->name, len) ||
		    isalnum((unsigned char)text[i + len]))
			continue;
		value = (unsigned __int128)millionths * unit->millionths /
			(MILLION * MILLION);
		if (value > max)
			return 0;
		*ret_value = (uint64_t)value;
		return i + len;
	}
	return 0;
}

size_t measure_time(const char *text, uint32_t *ret_us)
{
	uint64_t value;
	size_t used = amount(text, times, 3600 * MILLION, &value);

	if (used)
		*ret_us = (uint32_t)value;
	return used;
}

size_t measure_rate(const char *text, uint64_t *ret_bytes)
{
	uint64_t value;
	size_t used = amount(text, rates, BUCKET_MAX_RATE, &value);

	/* nothing at all is what a deny rule is for */
	if (!used || !value)
		return 0;
	*ret_bytes = value;
	return used;
}

size_t measure_share(const char *text, uint32_t *ret_ppm)
{
	uint64_t value;
	size_t used = amount(text, shares, MILLION, &value);

	if (used)
		*ret_ppm = (uint32_t)value;
	return used;
}

size_t measure_often(const char *text, uint32_t *ret_times,
		     uint32_t *ret_seconds)
{
	uint64_t value;
	size_t used = measure_number(text, MILLION, &value);

	if (!used || !value || text[used] != '/' ||
	    (text[used + 1] != 's' && text[used + 1] != 'm'))
		return 0;
	*ret_times = (uint32_t)value;
	*ret_seconds = text[used + 1] == 's' ? 1 : 60;
	return used + 2;
}
