/* SPDX-License-Identifier: Apache-2.0 */
/* Socket options as the rest of the stack sees them. */
#ifndef STACK_SOCKOPT_H
#define STACK_SOCKOPT_H

#include "stack/internal.h"

/* On/off options beyond the named members of struct fdnet_sock_opts. */
enum fdnet_sock_flag {
	FDNET_SF_MCAST_ALL,
	FDNET_SF_MCAST_ALL6,
	FDNET_SF_MCAST_LOOP6,
	FDNET_SF_RECVERR6,
	FDNET_SF_DONTFRAG,
	FDNET_SF_SELECT_ERRQ,
	FDNET_SF_MSG_TOS, /* fdnet_msg's @tos counts on sending */
	FDNET_SF_TIMESTAMPNS,
	FDNET_SF_TIMESTAMP_NEW,
	FDNET_SF_RXQ_OVFL,
	FDNET_SF_ZEROCOPY,
	FDNET_SF_TXREHASH,
	FDNET_SF_RCVMARK,
	FDNET_SF_FREEBIND,
	FDNET_SF_RECVOPTS,
	FDNET_SF_RETOPTS,
	FDNET_SF_PASSSEC,
	FDNET_SF_ORIGDST,
	FDNET_SF_CHECKSUM,
	FDNET_SF_BIND_NO_PORT,
	FDNET_SF_FRAGSIZE,
	FDNET_SF_RFC4884,
	FDNET_SF_ROUTER_ALERT,
	FDNET_SF_NODEFRAG,
	FDNET_SF_PKTINFO6,
	FDNET_SF_HOPLIMIT6,
	FDNET_SF_TCLASS6,
	FDNET_SF_HOPOPTS6,
	FDNET_SF_RTHDR6,
	FDNET_SF_DSTOPTS6,
	FDNET_SF_PATHMTU6,
	FDNET_SF_ORIGDST6,
	FDNET_SF_FRAGSIZE6,
	FDNET_SF_FLOWINFO6,
	FDNET_SF_FLOWSEND6,
	FDNET_SF_AUTOFLOW6,
	FDNET_SF_RFC4884_6,
	FDNET_SF_OLD_PKTINFO6,
	FDNET_SF_OLD_HOPLIMIT6,
	FDNET_SF_TIMESTAMPING_NEW,
	FDNET_SF_NO_CHECK6_TX,
	FDNET_SF_NO_CHECK6_RX,
	FDNET_SF_MAX
};

static inline bool fdnet_sock_flag(const struct fdnet_sock *so,
				   enum fdnet_sock_flag flag)
{
	return so->opts.flags >> flag & 1;
}

/** fdnet_sockopt_give_int - answer getsockopt() with an int, cut to *@len */
int fdnet_sockopt_give_int(void *val, uint32_t *len, int value);

/**
 * struct fdnet_sockopt - a row of the option table (for the tests)
 * @name:  as the manual pages spell it
 */
struct fdnet_sockopt {
	const char *label;
	int level, name;
};

/** fdnet_sockopt_row - the @i-th row, or NULL behind the last */
const struct fdnet_sockopt *fdnet_sockopt_row(unsigned int i);

#endif
