/* SPDX-License-Identifier: Apache-2.0 */
/* TCP_INFO: what a connection knows of itself, as the kernel counts it. */
#include "config.h"

#include <string.h>

#include "stack/sockopt_row.h"
#include "stack/tcp_internal.h"

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
	info->tcpi_pmtu = fdnet_tcp_mtu(tp);
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

int fdnet_opt_get_tcp_info(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			   void *val, uint32_t *len)
{
	struct tcp_info info;

	fill_info(tcp_of(so), &info);
	return fdnet_opt_give(val, len, &info, sizeof(info));
}
