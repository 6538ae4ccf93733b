/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts in rules and options: times, rates, shares, numbers a second. */
#ifndef RELAY_MEASURE_H
#define RELAY_MEASURE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Each reads the first characters of @text and returns how many it used; 0
 * when there is no such amount, or it is too large. What follows is the
 * caller's to judge.
 */

/** measure_number - digits, at most @max */
size_t measure_number(const char *text, uint64_t max, uint64_t *ret_value);
/** measure_time - "50ms", "1.5s", "200us"; up to an hour */
size_t measure_time(const char *text, uint32_t *ret_us);
/** measure_rate - "10mbit", "500kbit", "1gbit"; bytes a second */
size_t measure_rate(const char *text, uint64_t *ret_bytes);
/** measure_share - "1%", "0.05%" as millionths */
size_t measure_share(const char *text, uint32_t *ret_ppm);
/** measure_often - "5/s", "30/m"; times in so many seconds */
size_t measure_often(const char *text, uint32_t *ret_times,
		     uint32_t *ret_seconds);

#endif
