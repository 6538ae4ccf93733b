/* SPDX-License-Identifier: Apache-2.0 */
/* Two SEQPACKET pairs, made for each test and closed after it. */
#ifndef TESTS_EP_PAIRS_H
#define TESTS_EP_PAIRS_H

#include "tests/ep_util.h"

#define VNET 10

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 2};
static int fds[4];

static inline void setup(void)
{
	pair_of(SOCK_SEQPACKET, fds);
	pair_of(SOCK_SEQPACKET, fds + 2);
}

static inline void teardown(void)
{
	int i;

	sink_clear();
	for (i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static inline void close_fd(int i)
{
	close(fds[i]);
	fds[i] = -1;
}

#endif
