/* SPDX-License-Identifier: Apache-2.0 */
/* TCP_ options: the handlers of sockopt_table.h, values as the kernel's. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "stack/sockopt_row.h"
#include "stack/tcp_internal.h"

#define CC_NAME	      16 /* TCP_CA_NAME_MAX */
#define KEEP_MAX_S    32767
#define LINGER2_MAX_S 120

/* The handlers of an int: their bodies need the connection and the value. */
#define SETTER(name)                                                           \
	static int set_##name(struct fdnet_tcp *tp, int v);                    \
	int fdnet_opt_set_tcp_##name(struct fdnet_sock *so,                    \
				     const struct fdnet_opt_row *row,          \
				     const void *val, uint32_t len)            \
	{                                                                      \
		return set_##name(tcp_of(so), fdnet_opt_take_int(val, len));   \
	}                                                                      \
	static int set_##name(struct fdnet_tcp *tp, int v)

#define GETTER(name)                                                             \
	static int get_##name(const struct fdnet_tcp *tp);                       \
	int fdnet_opt_get_tcp_##name(struct fdnet_sock *so,                      \
				     const struct fdnet_opt_row *row,            \
				     void *val, uint32_t *len)                   \
	{                                                                        \
		return fdnet_sockopt_give_int(val, len, get_##name(tcp_of(so))); \
	}                                                                        \
	static int get_##name(const struct fdnet_tcp *tp)

/* ---- set ---- */

SETTER(nodelay)
{
	tp->nodelay = v != 0;
	if (v) /* what cork or MSG_MORE held goes too */
		tp->push = true;
	return 0;
}

SETTER(cork)
{
	tp->cork = v != 0;
	if (!v) /* out with what was held */
		tp->more = false;
	return 0;
}

SETTER(maxseg)
{
	if (v && (v < (int)FDNET_TCP_MSS_MIN || v > 32767))
		return -EINVAL;
	tp->user_mss = (uint16_t)v;
	return 0;
}

SETTER(keepidle)
{
	if (v < 1 || v > KEEP_MAX_S)
		return -EINVAL;
	tp->keep_idle_s = (uint16_t)v;
	if (tp->so.opts.keepalive)
		fdnet_tcp_arm_keepalive(tp);
	return 0;
}

SETTER(keepintvl)
{
	if (v < 1 || v > KEEP_MAX_S)
		return -EINVAL;
	tp->keep_intvl_s = (uint16_t)v;
	return 0;
}

SETTER(keepcnt)
{
	if (v < 1 || v > 127)
		return -EINVAL;
	tp->keep_cnt = (uint8_t)v;
	return 0;
}

SETTER(syncnt)
{
	if (v < 1 || v > 127)
		return -EINVAL;
	tp->syn_cnt = (uint8_t)v;
	return 0;
}

SETTER(linger2)
{
	if (v < 0)
		tp->linger2_s = -1;
	else if (v > LINGER2_MAX_S)
		tp->linger2_s = LINGER2_MAX_S;
	else
		tp->linger2_s = (int16_t)v;
	return 0;
}

SETTER(defer_accept)
{
	tp->defer_accept_s = v < 0 ? 0 : v > 65535 ? 65535 : (uint16_t)v;
	return 0;
}

SETTER(window_clamp)
{
	if (!v) {
		if (tp->state != FDNET_TCP_CLOSE)
			return -EINVAL;
		tp->window_clamp = 0;
		return 0;
	}
	tp->window_clamp = v < 1152 ? 1152 : (uint32_t)v;
	return 0;
}

SETTER(quickack)
{
	tp->quickack = v;
	tp->pingpong = !v;
	if (v && tp->due_us[FDNET_TCP_DUE_ACK] != FDNET_NEVER)
		tp->ack_due = true;
	return 0;
}

SETTER(user_timeout)
{
	if (v < 0)
		return -EINVAL;
	tp->user_timeout_ms = (uint32_t)v;
	return 0;
}

SETTER(notsent_lowat)
{
	tp->notsent_lowat = (uint32_t)v;
	fdnet_tcp_write_space(tp);
	return 0;
}

/* A listener's queue, also before listen(). */
SETTER(fastopen)
{
	struct fdnet_tcp_fo_listen *fo;

	if (v < 0 || !tcp_in_state(tp, TCP_S(CLOSE) | TCP_S(LISTEN)))
		return -EINVAL;
	fo = fdnet_tcp_fo_listen(tp);
	if (!fo)
		return -ENOMEM;
	fo->has_qlen = true;
	fo->qlen = (uint32_t)v;
	return 0;
}

SETTER(fastopen_connect)
{
	if (v < 0 || v > 1)
		return -EINVAL;
	if (!fdnet_tcp_fo_allowed(tp))
		return -EOPNOTSUPP;
	if (tp->state != FDNET_TCP_CLOSE)
		return -EINVAL;
	tp->fo_connect = v;
	return 0;
}

SETTER(fastopen_no_cookie)
{
	if (v < 0 || v > 1 || !tcp_in_state(tp, TCP_S(CLOSE) | TCP_S(LISTEN)))
		return -EINVAL;
	tp->fo_no_cookie = v;
	return 0;
}

SETTER(inq)
{
	if (v < 0 || v > 1)
		return -EINVAL;
	tp->want_inq = v;
	return 0;
}

/* ---- get ---- */

GETTER(nodelay)
{
	return tp->nodelay;
}

GETTER(cork)
{
	return tp->cork;
}

GETTER(maxseg)
{
	if (tcp_in_state(tp, TCP_S(CLOSE) | TCP_S(LISTEN)))
		return tp->user_mss ? tp->user_mss : (int)FDNET_TCP_MSS_DEFAULT;
	return tp->mss;
}

GETTER(keepidle)
{
	return tp->keep_idle_s;
}

GETTER(keepintvl)
{
	return tp->keep_intvl_s;
}

GETTER(keepcnt)
{
	return tp->keep_cnt;
}

GETTER(syncnt)
{
	return tp->syn_cnt;
}

GETTER(linger2)
{
	return tp->linger2_s ? tp->linger2_s : 60;
}

GETTER(defer_accept)
{
	return tp->defer_accept_s;
}

GETTER(window_clamp)
{
	return (int)(tp->window_clamp ? tp->window_clamp : FDNET_TCP_WND_MAX);
}

GETTER(quickack)
{
	return !tp->pingpong;
}

GETTER(user_timeout)
{
	return (int)tp->user_timeout_ms;
}

GETTER(notsent_lowat)
{
	return (int)tp->notsent_lowat;
}

GETTER(fastopen)
{
	return tp->fo ? (int)tp->fo->qlen : 0;
}

GETTER(fastopen_connect)
{
	return tp->fo_connect;
}

GETTER(fastopen_no_cookie)
{
	return tp->fo_no_cookie;
}

GETTER(inq)
{
	return tp->want_inq;
}

/* ---- what is no int ---- */

int fdnet_opt_set_tcp_congestion(struct fdnet_sock *so,
				 const struct fdnet_opt_row *row,
				 const void *val, uint32_t len)
{
	struct fdnet_tcp *tp = tcp_of(so);
	const struct fdnet_tcp_cc *cc;

	if (!len)
		return -EINVAL;
	cc = fdnet_tcp_cc_find(val, len < CC_NAME - 1 ? len : CC_NAME - 1);
	if (!cc)
		return -ENOENT;
	tp->cc = cc;
	cc->init(tp);
	return 0;
}

int fdnet_opt_get_tcp_congestion(struct fdnet_sock *so,
				 const struct fdnet_opt_row *row, void *val,
				 uint32_t *len)
{
	const struct fdnet_tcp *tp = tcp_of(so);
	char name[CC_NAME] = "";

	memcpy(name, tp->cc->name, strlen(tp->cc->name));
	return fdnet_opt_give(val, len, name, sizeof(name));
}

/* One key; the kernel takes a second, older one behind it. */
int fdnet_opt_set_tcp_fastopen_key(struct fdnet_sock *so,
				   const struct fdnet_opt_row *row,
				   const void *val, uint32_t len)
{
	struct fdnet_tcp *tp = tcp_of(so);
	struct fdnet_tcp_fo_listen *fo;

	if (len != 16 && len != 32)
		return -EINVAL;
	if (!tcp_in_state(tp, TCP_S(CLOSE) | TCP_S(LISTEN)))
		return -EINVAL;
	fo = fdnet_tcp_fo_listen(tp);
	if (!fo)
		return -ENOMEM;
	memcpy(fo->key, val, 16);
	fo->has_key = true;
	return 0;
}

int fdnet_opt_get_tcp_fastopen_key(struct fdnet_sock *so,
				   const struct fdnet_opt_row *row, void *val,
				   uint32_t *len)
{
	const struct fdnet_tcp *tp = tcp_of(so);

	if (tp->fo && tp->fo->has_key)
		return fdnet_opt_give(val, len, tp->fo->key, 16);
	*len = 0;
	return 0;
}

void fdnet_tcp_changed(struct fdnet_sock *so, int level, int name)
{
	struct fdnet_tcp *tp = tcp_of(so);

	if (level == SOL_SOCKET && name == SO_KEEPALIVE)
		fdnet_tcp_arm_keepalive(tp);
	else if (level == SOL_SOCKET && name == SO_SNDBUF)
		fdnet_tcp_write_space(tp);
	if (level == SOL_SOCKET || level == IPPROTO_TCP)
		fdnet_tcp_settle(tp);
}
