/* SPDX-License-Identifier: Apache-2.0 */
/* TCP_ options: one table of names and handlers, values as the kernel's. */
#include "config.h"

#include <errno.h>
#include <linux/tcp.h>
#include <string.h>

#include "stack/tcp_internal.h"

#define LEVEL_SOCKET  1 /* SOL_SOCKET */
#define LEVEL_TCP     6
#define OPT_SNDBUF    7 /* SO_SNDBUF */
#define OPT_KEEPALIVE 9 /* SO_KEEPALIVE */
#define KEEP_MAX_S    32767
#define LINGER2_MAX_S 120

/* ---- set ---- */

static int set_nodelay(struct fdnet_tcp *tp, int v)
{
	tp->nodelay = v;
	if (v) /* what cork or MSG_MORE held goes too */
		tp->push = true;
	return 0;
}

static int set_cork(struct fdnet_tcp *tp, int v)
{
	tp->cork = v;
	if (!v) /* out with what was held */
		tp->more = false;
	return 0;
}

static int set_maxseg(struct fdnet_tcp *tp, int v)
{
	if (v && (v < (int)FDNET_TCP_MSS_MIN || v > 32767))
		return -EINVAL;
	tp->user_mss = (uint16_t)v;
	return 0;
}

static int set_keepidle(struct fdnet_tcp *tp, int v)
{
	if (v < 1 || v > KEEP_MAX_S)
		return -EINVAL;
	tp->keep_idle_s = (uint16_t)v;
	if (tp->so.opts.keepalive)
		fdnet_tcp_arm_keepalive(tp);
	return 0;
}

static int set_keepintvl(struct fdnet_tcp *tp, int v)
{
	if (v < 1 || v > KEEP_MAX_S)
		return -EINVAL;
	tp->keep_intvl_s = (uint16_t)v;
	return 0;
}

static int set_keepcnt(struct fdnet_tcp *tp, int v)
{
	if (v < 1 || v > 127)
		return -EINVAL;
	tp->keep_cnt = (uint8_t)v;
	return 0;
}

static int set_syncnt(struct fdnet_tcp *tp, int v)
{
	if (v < 1 || v > 127)
		return -EINVAL;
	tp->syn_cnt = (uint8_t)v;
	return 0;
}

static int set_linger2(struct fdnet_tcp *tp, int v)
{
	if (v < 0)
		tp->linger2_s = -1;
	else if (v > LINGER2_MAX_S)
		tp->linger2_s = LINGER2_MAX_S;
	else
		tp->linger2_s = (int16_t)v;
	return 0;
}

static int set_defer_accept(struct fdnet_tcp *tp, int v)
{
	tp->defer_accept_s = v < 0 ? 0 : v > 65535 ? 65535 : (uint16_t)v;
	return 0;
}

static int set_window_clamp(struct fdnet_tcp *tp, int v)
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

static int set_quickack(struct fdnet_tcp *tp, int v)
{
	tp->quickack = v;
	tp->pingpong = !v;
	if (v && tp->due_us[FDNET_TCP_DUE_ACK] != FDNET_NEVER)
		tp->ack_due = true;
	return 0;
}

static int set_user_timeout(struct fdnet_tcp *tp, int v)
{
	if (v < 0)
		return -EINVAL;
	tp->user_timeout_ms = (uint32_t)v;
	return 0;
}

static int set_notsent_lowat(struct fdnet_tcp *tp, int v)
{
	tp->notsent_lowat = (uint32_t)v;
	fdnet_tcp_write_space(tp);
	return 0;
}

/* A listener's queue, also before listen(). */
static int set_fastopen(struct fdnet_tcp *tp, int v)
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

static int set_fastopen_connect(struct fdnet_tcp *tp, int v)
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

static int set_fastopen_no_cookie(struct fdnet_tcp *tp, int v)
{
	if (v < 0 || v > 1 || !tcp_in_state(tp, TCP_S(CLOSE) | TCP_S(LISTEN)))
		return -EINVAL;
	tp->fo_no_cookie = v;
	return 0;
}

static int set_inq(struct fdnet_tcp *tp, int v)
{
	if (v < 0 || v > 1)
		return -EINVAL;
	tp->want_inq = v;
	return 0;
}

/* ---- get ---- */

static int get_nodelay(const struct fdnet_tcp *tp)
{
	return tp->nodelay;
}

static int get_cork(const struct fdnet_tcp *tp)
{
	return tp->cork;
}

static int get_maxseg(const struct fdnet_tcp *tp)
{
	if (tcp_in_state(tp, TCP_S(CLOSE) | TCP_S(LISTEN)))
		return tp->user_mss ? tp->user_mss : (int)FDNET_TCP_MSS_DEFAULT;
	return tp->mss;
}

static int get_keepidle(const struct fdnet_tcp *tp)
{
	return tp->keep_idle_s;
}

static int get_keepintvl(const struct fdnet_tcp *tp)
{
	return tp->keep_intvl_s;
}

static int get_keepcnt(const struct fdnet_tcp *tp)
{
	return tp->keep_cnt;
}

static int get_syncnt(const struct fdnet_tcp *tp)
{
	return tp->syn_cnt;
}

static int get_linger2(const struct fdnet_tcp *tp)
{
	return tp->linger2_s ? tp->linger2_s : 60;
}

static int get_defer_accept(const struct fdnet_tcp *tp)
{
	return tp->defer_accept_s;
}

static int get_window_clamp(const struct fdnet_tcp *tp)
{
	return (int)(tp->window_clamp ? tp->window_clamp : FDNET_TCP_WND_MAX);
}

static int get_quickack(const struct fdnet_tcp *tp)
{
	return !tp->pingpong;
}

static int get_user_timeout(const struct fdnet_tcp *tp)
{
	return (int)tp->user_timeout_ms;
}

static int get_notsent_lowat(const struct fdnet_tcp *tp)
{
	return (int)tp->notsent_lowat;
}

static int get_fastopen(const struct fdnet_tcp *tp)
{
	return tp->fo ? (int)tp->fo->qlen : 0;
}

static int get_fastopen_connect(const struct fdnet_tcp *tp)
{
	return tp->fo_connect;
}

static int get_fastopen_no_cookie(const struct fdnet_tcp *tp)
{
	return tp->fo_no_cookie;
}

static int get_inq(const struct fdnet_tcp *tp)
{
	return tp->want_inq;
}

struct tcp_option_row {
	int name;
	int (*set)(struct fdnet_tcp *tp, int v);
	int (*get)(const struct fdnet_tcp *tp);
};

static const struct tcp_option_row rows[] = {
	{TCP_NODELAY, set_nodelay, get_nodelay},
	{TCP_MAXSEG, set_maxseg, get_maxseg},
	{TCP_CORK, set_cork, get_cork},
	{TCP_KEEPIDLE, set_keepidle, get_keepidle},
	{TCP_KEEPINTVL, set_keepintvl, get_keepintvl},
	{TCP_KEEPCNT, set_keepcnt, get_keepcnt},
	{TCP_SYNCNT, set_syncnt, get_syncnt},
	{TCP_LINGER2, set_linger2, get_linger2},
	{TCP_DEFER_ACCEPT, set_defer_accept, get_defer_accept},
	{TCP_WINDOW_CLAMP, set_window_clamp, get_window_clamp},
	{TCP_QUICKACK, set_quickack, get_quickack},
	{TCP_USER_TIMEOUT, set_user_timeout, get_user_timeout},
	{TCP_NOTSENT_LOWAT, set_notsent_lowat, get_notsent_lowat},
	{TCP_FASTOPEN, set_fastopen, get_fastopen},
	{TCP_FASTOPEN_CONNECT, set_fastopen_connect, get_fastopen_connect},
	{TCP_FASTOPEN_NO_COOKIE, set_fastopen_no_cookie, get_fastopen_no_cookie},
	{TCP_INQ, set_inq, get_inq},
};

static const struct tcp_option_row *find_row(int name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].name == name)
			return &rows[i];
	}
	return NULL;
}

static int set_congestion(struct fdnet_tcp *tp, const void *val, uint32_t len)
{
	const struct fdnet_tcp_cc *cc;

	if (!len)
		return -EINVAL;
	cc = fdnet_tcp_cc_find(val, len < 15 ? len : 15);
	if (!cc)
		return -ENOENT;
	tp->cc = cc;
	cc->init(tp);
	return 0;
}

/* One key; the kernel takes a second, older one behind it. */
static int set_fastopen_key(struct fdnet_tcp *tp, const void *val, uint32_t len)
{
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

int fdnet_tcp_setopt(struct fdnet_sock *so, int level, int name,
		     const void *val, uint32_t len)
{
	struct fdnet_tcp *tp = tcp_of(so);
	const struct tcp_option_row *row;
	int v, rc;

	if (level != LEVEL_TCP)
		return -ENOPROTOOPT;
	if (name == TCP_CONGESTION)
		return set_congestion(tp, val, len);
	if (name == TCP_FASTOPEN_KEY)
		return set_fastopen_key(tp, val, len);
	row = find_row(name);
	if (!row)
		return -ENOPROTOOPT;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	if (row->set == set_nodelay || row->set == set_cork)
		v = !!v;
	rc = row->set(tp, v);
	if (!rc)
		fdnet_tcp_settle(tp);
	return rc;
}

void fdnet_tcp_changed(struct fdnet_sock *so, int level, int name)
{
	struct fdnet_tcp *tp = tcp_of(so);

	if (level != LEVEL_SOCKET)
		return;
	if (name == OPT_KEEPALIVE)
		fdnet_tcp_arm_keepalive(tp);
	else if (name == OPT_SNDBUF)
		fdnet_tcp_write_space(tp);
	fdnet_tcp_settle(tp);
}

/* ---- TCP_INFO ---- */

static void info_options(const struct fdnet_tcp *tp, struct tcp_info *info)
{
	if (tp->ts_ok)
		info->tcpi_options |= TCPI_OPT_TIMESTAMPS;
	if (tp->sack_ok)
		info->tcpi_options |= TCPI_OPT_SACK;
	if (tp->wscale_ok) {
		info->tcpi_options |= TCPI_OPT_WSCALE;
		info->tcpi_snd_wscale = tp->snd_wscale & 15;
		info->tcpi_rcv_wscale = tp->rcv_wscale & 15;
	}
	if (tp->ecn_ok)
		info->tcpi_options |= TCPI_OPT_ECN;
	if (tp->syn_data_acked)
		info->tcpi_options |= TCPI_OPT_SYN_DATA;
}

static uint32_t segments(const struct fdnet_tcp *tp, uint32_t bytes)
{
	return (bytes + tp->mss - 1) / tp->mss;
}

static void info_times(const struct fdnet_tcp *tp, struct tcp_info *info)
{
	uint64_t now = tcp_now(tp);

	info->tcpi_rto = (uint32_t)fdnet_tcp_rto_us(tp);
	info->tcpi_ato = 40000;
	info->tcpi_rtt = tp->rtt.srtt_us;
	info->tcpi_rttvar = tp->rtt.rttvar_us;
	info->tcpi_min_rtt = tp->rtt.min_us ? tp->rtt.min_us : UINT32_MAX;
	info->tcpi_rcv_rtt = tp->rtt.srtt_us;
	info->tcpi_last_data_sent = (uint32_t)((now - tp->last_send_us) / 1000);
	info->tcpi_last_ack_recv = (uint32_t)((now - tp->last_rcv_us) / 1000);
	info->tcpi_last_data_recv =
		tp->last_data_ms ? (uint32_t)(now / 1000) - tp->last_data_ms
				 : info->tcpi_last_ack_recv;
}

static uint32_t retrans_bytes(const struct fdnet_tcp *tp)
{
	const struct fdnet_tcp_txseg *seg;
	uint32_t bytes = 0;

	for (seg = tp->tx_head; seg; seg = seg->next) {
		if (seg->flags & FDNET_TXSEG_RETX &&
		    !(seg->flags & FDNET_TXSEG_SACKED))
			bytes += seg->end - seg->seq;
	}
	return bytes;
}

static uint64_t chrono_us(const struct fdnet_tcp *tp, int type)
{
	uint32_t now = (uint32_t)(tcp_now(tp) / FDNET_TCP_CHRONO_US);
	uint32_t extra = tp->chrono_type == type ? now - tp->chrono_since : 0;

	return ((uint64_t)tp->chrono[type - 1] + extra) * FDNET_TCP_CHRONO_US;
}

static void info_chrono(const struct fdnet_tcp *tp, struct tcp_info *info)
{
	info->tcpi_rwnd_limited = chrono_us(tp, FDNET_TCP_CHRONO_RWND);
	info->tcpi_sndbuf_limited = chrono_us(tp, FDNET_TCP_CHRONO_SNDBUF);
	info->tcpi_busy_time = chrono_us(tp, FDNET_TCP_CHRONO_BUSY) +
			       info->tcpi_rwnd_limited +
			       info->tcpi_sndbuf_limited;
}

static void info_sizes(const struct fdnet_tcp *tp, struct tcp_info *info)
{
	info->tcpi_snd_mss = tp->mss;
	info->tcpi_rcv_mss = tp->rcv_mss ? tp->rcv_mss : FDNET_TCP_MSS_DEFAULT;
	info->tcpi_advmss = tp->adv_mss;
	info->tcpi_pmtu = tp->pmtu ? tp->pmtu
				   : fdnet_ip_mtu(tp->so.stack, &tp->so.peer.ip);
	info->tcpi_unacked = segments(tp, tp->snd_nxt - tp->snd_una);
	info->tcpi_sacked = segments(tp, tp->sacked_bytes);
	info->tcpi_retrans = segments(tp, retrans_bytes(tp));
	/* what was sent again is still called lost, as the kernel does */
	info->tcpi_lost = segments(tp, tp->lost_bytes) + info->tcpi_retrans;
	info->tcpi_reordering = tp->reordering;
	info->tcpi_snd_cwnd = tp->cwnd / tp->mss;
	info->tcpi_snd_ssthresh = tp->ssthresh >= FDNET_TCP_CWND_MAX
					  ? 0x7fffffff
					  : segments(tp, tp->ssthresh);
	info->tcpi_rcv_space = fdnet_tcp_rcv_space(tp);
	info->tcpi_rcv_ssthresh = fdnet_tcp_rcv_space(tp);
	info->tcpi_snd_wnd = tp->snd_wnd;
	info->tcpi_notsent_bytes = tcp_unsent(tp);
	info->tcpi_rcv_ooopack = tp->rcvq.ooo_pkts;
}

static void fill_info(const struct fdnet_tcp *tp, struct tcp_info *info)
{
	memset(info, 0, sizeof(*info));
	info->tcpi_state = tp->state;
	info->tcpi_ca_state = tp->ca_state;
	info->tcpi_retransmits = tp->backoff;
	info->tcpi_probes = tp->keep_probes;
	info->tcpi_backoff = tp->backoff;
	info_options(tp, info);
	info_times(tp, info);
	info_sizes(tp, info);
	info->tcpi_total_retrans = tp->total_retrans;
	info->tcpi_bytes_acked = tp->bytes_acked;
	info->tcpi_bytes_received = tp->bytes_received;
	info->tcpi_bytes_sent = tp->bytes_sent;
	info->tcpi_segs_in = tp->segs_in;
	info->tcpi_segs_out = tp->segs_out;
	info->tcpi_data_segs_in = tp->data_segs_in;
	info->tcpi_data_segs_out = tp->data_segs_out;
	info->tcpi_bytes_retrans = tp->bytes_retrans;
	info->tcpi_delivered = tp->delivered;
	info->tcpi_dsack_dups = tp->dsack_dups;
	info->tcpi_reord_seen = tp->reord_seen;
	info_chrono(tp, info);
	info->tcpi_max_pacing_rate = tp->so.opts.max_pacing;
	info->tcpi_pacing_rate = fdnet_tcp_pace_rate(tp);
	if (tp->state == FDNET_TCP_LISTEN)
		fdnet_tcp_listen_info(tp, &info->tcpi_unacked,
				      &info->tcpi_sacked);
}

static int give(void *val, uint32_t *len, const void *src, uint32_t size)
{
	if (*len > size)
		*len = size;
	if (*len)
		memcpy(val, src, *len);
	return 0;
}

int fdnet_tcp_getopt(struct fdnet_sock *so, int level, int name, void *val,
		     uint32_t *len)
{
	const struct fdnet_tcp *tp = tcp_of(so);
	const struct tcp_option_row *row;
	struct tcp_info info;
	char cc_name[16] = "";
	int v;

	if (level != LEVEL_TCP)
		return -ENOPROTOOPT;
	if (name == TCP_INFO) {
		fill_info(tp, &info);
		return give(val, len, &info, sizeof(info));
	}
	if (name == TCP_CONGESTION) {
		memcpy(cc_name, tp->cc->name, strlen(tp->cc->name));
		return give(val, len, cc_name, sizeof(cc_name));
	}
	if (name == TCP_CC_INFO) { /* neither algorithm has any */
		*len = 0;
		return 0;
	}
	if (name == TCP_FASTOPEN_KEY)
		return give(val, len, tp->fo ? tp->fo->key : NULL,
			    tp->fo && tp->fo->has_key ? 16 : 0);
	row = find_row(name);
	if (!row)
		return -ENOPROTOOPT;
	v = row->get(tp);
	return give(val, len, &v, sizeof(v));
}
