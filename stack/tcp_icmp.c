/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors for a connection (RFC 5927, RFC 1191, RFC 8201). */
#include "config.h"

#include <errno.h>

#include "stack/errq.h"
#include "stack/sockopt.h"
#include "stack/tcp_listen.h"
#include "stack/wire/icmp.h"

static uint32_t quoted_seq(const uint8_t *inner)
{
	return (uint32_t)inner[4] << 24 | (uint32_t)inner[5] << 16 |
	       (uint32_t)inner[6] << 8 | inner[7];
}

/* What a kernel's connection can end with, besides a reset. */
static const int ends[] = { ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENETDOWN,
			    ECONNABORTED, EACCES, EPROTO };
#define N_ENDS (int)(sizeof(ends) / sizeof(ends[0]))

int fdnet_tcp_end_code(int error)
{
	for (int i = 0; i < N_ENDS; i++)
		if (ends[i] == error)
			return FDNET_ICMP_UNREACH_ENDED + i;
	return -1;
}

/* Only a peer on a lossless link is believed to have codes of our own. */
static bool is_own(const struct fdnet_tcp *tp,
		   const struct fdnet_sock_error *err)
{
	return tp->lossless && err->type == (tp->so.peer.ip.family == 6 ?
						     FDNET_ICMP6_UNREACH :
						     FDNET_ICMP_UNREACH);
}

static int error_of(const struct fdnet_tcp *tp,
		    const struct fdnet_sock_error *err)
{
	return is_own(tp, err) && err->code == FDNET_ICMP_UNREACH_TIMED_OUT ?
		       ETIMEDOUT :
		       err->error;
}

/* The gateway says how the connection ended on its other side; it quotes what
 * it expects next. */
static bool take_end(struct fdnet_tcp *tp, const struct fdnet_sock_error *err,
		     uint32_t seq)
{
	int i = err->code - FDNET_ICMP_UNREACH_ENDED;

	if (!is_own(tp, err) || i < 0 || i >= N_ENDS ||
	    tcp_in_state(tp, TCP_S(SYN_SENT) | TCP_S(SYN_RECV)) ||
	    seq_lt(seq, tp->snd_una) || seq_lt(tp->snd_nxt, seq))
		return false;
	fdnet_tcp_done(tp, ends[i]);
	return true;
}

void fdnet_tcp_icmp_error(struct fdnet_sock *so,
			  const struct fdnet_sock_error *err,
			  const uint8_t *inner, uint32_t inner_len, uint32_t mtu)
{
	struct fdnet_tcp *tp = tcp_of(so);
	uint32_t seq;

	if (inner_len < 8 || tp->state == FDNET_TCP_CLOSE)
		return;
	seq = quoted_seq(inner);
	if (tp->state == FDNET_TCP_LISTEN) {
		if (!mtu)
			fdnet_synq_unreachable(tp, &err->about, seq);
		return;
	}
	if (take_end(tp, err, seq)) {
		fdnet_tcp_settle(tp);
		return;
	}
	/* RFC 5927 4.1: it must quote something that is out. */
	if (seq_lt(seq, tp->snd_una) || seq_geq(seq, tp->snd_nxt))
		return;
	if (mtu) {
		fdnet_tcp_path_mtu(tp, mtu);
	} else if (tcp_in_state(tp, TCP_S(SYN_SENT) | TCP_S(SYN_RECV))) {
		tcp_count(tp, FDNET_C_TCP_FAILED_OPEN);
		if (so->family == 4 ? so->opts.recverr :
				      fdnet_sock_flag(so, FDNET_SF_RECVERR6))
			fdnet_errq_push(so, err, inner, inner_len);
		fdnet_tcp_done(tp, error_of(tp, err));
	} else if (so->opts.recverr) {
		so->error = err->error;
		fdnet_tcp_event(tp, FDNET_EV_ERR);
	}
	/* RFC 1122 4.2.3.9: otherwise soft; retransmission goes on. */
	fdnet_tcp_settle(tp);
}
