/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/cmsg.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "stack/dgram.h"
#include "stack/errq.h"
#include "stack/sockopt.h"
#include "stack/wire/bytes.h"
#include "stack/wire/icmp.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/udp.h"

/* Numbers that system headers lack. */
enum {
	CM_IP_RECVFRAGSIZE = 25,
	CM_IPV6_FLOWINFO = 11,
	CM_IPV6_2292PKTINFO = 2,
	CM_IPV6_2292HOPLIMIT = 8,
	STAMP_OPT_RX_FILTER = 1 << 17,
};

void fdnet_cmsg_put(struct fdnet_msg *msg, int level, int type,
		    const void *data, size_t len)
{
	struct cmsghdr c = {
		.cmsg_level = level,
		.cmsg_type = type,
		.cmsg_len = CMSG_LEN(len),
	};
	size_t room = msg->control_room - msg->control_len;
	char *at;

	if (!msg->control)
		return;
	at = (char *)msg->control + msg->control_len;
	if (room < sizeof(c)) {
		msg->flags |= FDNET_MSG_CTRUNC;
		return;
	}
	if (room < CMSG_LEN(len)) {
		msg->flags |= FDNET_MSG_CTRUNC;
		c.cmsg_len = room;
		len = room - CMSG_LEN(0);
	}
	memcpy(at, &c, sizeof(c));
	memcpy(at + CMSG_LEN(0), data, len);
	msg->control_len += CMSG_SPACE(len) < room ? CMSG_SPACE(len) : room;
}

static void put_int(struct fdnet_msg *msg, int level, int type, int value)
{
	fdnet_cmsg_put(msg, level, type, &value, sizeof(value));
}

/* ---- time: __sock_recv_timestamp() ---- */

void fdnet_cmsg_time(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	int flags = so->opts.timestamping;
	bool tx = msg->flags & FDNET_MSG_ERRQUEUE;
	struct timespec ts[3] = { { 0 } };
	struct timeval tv;
	int64_t us;

	if (!msg->time_us)
		return;
	us = (int64_t)msg->time_us + msg->wall_us;
	ts[0].tv_sec = us / 1000000;
	ts[0].tv_nsec = us % 1000000 * 1000;
	if (so->opts.timestamp && fdnet_sock_flag(so, FDNET_SF_TIMESTAMPNS)) {
		fdnet_cmsg_put(msg, SOL_SOCKET,
			       fdnet_sock_flag(so, FDNET_SF_TIMESTAMP_NEW) ?
				       SO_TIMESTAMPNS_NEW :
				       SO_TIMESTAMPNS_OLD,
			       &ts[0], sizeof(ts[0]));
	} else if (so->opts.timestamp) {
		tv.tv_sec = ts[0].tv_sec;
		tv.tv_usec = ts[0].tv_nsec / 1000;
		fdnet_cmsg_put(msg, SOL_SOCKET,
			       fdnet_sock_flag(so, FDNET_SF_TIMESTAMP_NEW) ?
				       SO_TIMESTAMP_NEW :
				       SO_TIMESTAMP_OLD,
			       &tv, sizeof(tv));
	}
	if (flags & SOF_TIMESTAMPING_SOFTWARE &&
	    (tx || flags & SOF_TIMESTAMPING_RX_SOFTWARE ||
	     !(flags & STAMP_OPT_RX_FILTER)))
		fdnet_cmsg_put(msg, SOL_SOCKET,
			       fdnet_sock_flag(so, FDNET_SF_TIMESTAMPING_NEW) ?
				       SO_TIMESTAMPING_NEW :
				       SO_TIMESTAMPING_OLD,
			       ts, sizeof(ts));
}

/* ---- IPv4: ip_cmsg_recv_offset() ---- */

/* Record route and timestamp go back in an answer; ip_options_echo(). */
static uint32_t echo_options(const uint8_t *hdr, uint8_t hdr_len,
			     uint8_t dst[40])
{
	uint8_t pos = FDNET_IPV4_MIN_LEN, at = pos, type, len;
	uint32_t n = 0;

	memset(dst, 0, 40);
	while (fdnet_ipv4_next_option(hdr, hdr_len, &pos, &type, &len) > 0) {
		at = (uint8_t)(pos - len);
		if (type == 7 || type == 68) { /* IPOPT_RR, IPOPT_TIMESTAMP */
			memcpy(dst + n, hdr + at, len);
			n += len;
		}
	}
	return (n + 3) & ~3u;
}

static void put_options(struct fdnet_sock *so, const uint8_t *hdr,
			uint32_t hdr_len, struct fdnet_msg *msg)
{
	uint8_t back[40];
	uint32_t n;

	if (hdr_len <= FDNET_IPV4_MIN_LEN)
		return;
	if (fdnet_sock_flag(so, FDNET_SF_RECVOPTS))
		fdnet_cmsg_put(msg, IPPROTO_IP, IP_RECVOPTS,
			       hdr + FDNET_IPV4_MIN_LEN,
			       hdr_len - FDNET_IPV4_MIN_LEN);
	if (!fdnet_sock_flag(so, FDNET_SF_RETOPTS))
		return;
	n = echo_options(hdr, (uint8_t)hdr_len, back);
	fdnet_cmsg_put(msg, IPPROTO_IP, IP_RETOPTS, back, n);
}

/* The destination as it was sent to, with the port if there is one. */
static uint16_t dst_port(const struct fdnet_sock *so,
			 const struct fdnet_pkt *pkt)
{
	return fdnet_is_udp(so->proto) && pkt->len >= 4
		       ? fdnet_get16(pkt->data + 2)
		       : 0;
}

static void put_ip4(struct fdnet_sock *so, const struct fdnet_pkt *pkt,
		    const struct fdnet_dgram_info *info, struct fdnet_msg *msg)
{
	struct in_pktinfo pktinfo = { .ipi_ifindex = msg->ifindex };
	struct sockaddr_in orig = { .sin_family = AF_INET };
	uint8_t tos = (uint8_t)msg->tos;

	if (so->opts.pktinfo) {
		memcpy(&pktinfo.ipi_spec_dst, msg->local.ip.bytes, 4);
		memcpy(&pktinfo.ipi_addr, msg->local.ip.bytes, 4);
		fdnet_cmsg_put(msg, IPPROTO_IP, IP_PKTINFO, &pktinfo,
			       sizeof(pktinfo));
	}
	if (so->opts.recvttl)
		put_int(msg, IPPROTO_IP, IP_TTL, msg->ttl);
	if (so->opts.recvtos)
		fdnet_cmsg_put(msg, IPPROTO_IP, IP_TOS, &tos, 1);
	put_options(so, pkt->data - info->hdr_len, info->hdr_len, msg);
	if (fdnet_sock_flag(so, FDNET_SF_ORIGDST)) {
		orig.sin_port = htons(dst_port(so, pkt));
		memcpy(&orig.sin_addr, msg->local.ip.bytes, 4);
		fdnet_cmsg_put(msg, IPPROTO_IP, IP_ORIGDSTADDR, &orig,
			       sizeof(orig));
	}
	if (info->frag_size && fdnet_sock_flag(so, FDNET_SF_FRAGSIZE))
		put_int(msg, IPPROTO_IP, CM_IP_RECVFRAGSIZE, info->frag_size);
}

/* ---- IPv6: ip6_datagram_recv_{common,specific}_ctl() ---- */

static void put_pktinfo6(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	struct in6_pktinfo info = {
		.ipi6_ifindex = (unsigned int)msg->ifindex,
	};

	if (!fdnet_sock_flag(so, FDNET_SF_PKTINFO6) &&
	    !fdnet_sock_flag(so, FDNET_SF_OLD_PKTINFO6))
		return;
	if (msg->local.ip.family == 4) {
		memset(&info.ipi6_addr.s6_addr[10], 0xff, 2);
		memcpy(&info.ipi6_addr.s6_addr[12], msg->local.ip.bytes, 4);
	} else {
		memcpy(&info.ipi6_addr, msg->local.ip.bytes, 16);
	}
	if (fdnet_sock_flag(so, FDNET_SF_PKTINFO6))
		fdnet_cmsg_put(msg, IPPROTO_IPV6, IPV6_PKTINFO, &info,
			       sizeof(info));
	if (fdnet_sock_flag(so, FDNET_SF_OLD_PKTINFO6))
		fdnet_cmsg_put(msg, IPPROTO_IPV6, CM_IPV6_2292PKTINFO, &info,
			       sizeof(info));
}

/* Extension headers as they came (RFC 3542 6 to 9). */
static void put_headers(struct fdnet_sock *so, const uint8_t *hdr,
			uint32_t hdr_len, struct fdnet_msg *msg)
{
	uint32_t pos = FDNET_IPV6_LEN, len;
	uint8_t next = hdr[6];

	while (pos + 8 <= hdr_len) {
		len = (hdr[pos + 1] + 1u) * 8;
		if (pos + len > hdr_len)
			return;
		if (next == FDNET_IPV6_HOPOPTS &&
		    fdnet_sock_flag(so, FDNET_SF_HOPOPTS6))
			fdnet_cmsg_put(msg, IPPROTO_IPV6, IPV6_HOPOPTS, hdr + pos,
				       len);
		else if (next == FDNET_IPV6_DSTOPTS &&
			 fdnet_sock_flag(so, FDNET_SF_DSTOPTS6))
			fdnet_cmsg_put(msg, IPPROTO_IPV6, IPV6_DSTOPTS, hdr + pos,
				       len);
		else if (next == FDNET_IPV6_ROUTING &&
			 fdnet_sock_flag(so, FDNET_SF_RTHDR6))
			fdnet_cmsg_put(msg, IPPROTO_IPV6, IPV6_RTHDR, hdr + pos,
				       len);
		next = hdr[pos];
		pos += len;
	}
}

static void put_ip6(struct fdnet_sock *so, const struct fdnet_pkt *pkt,
		    const struct fdnet_dgram_info *info, struct fdnet_msg *msg)
{
	const uint8_t *hdr = pkt->data - info->hdr_len;
	struct sockaddr_in6 orig = { .sin6_family = AF_INET6 };
	uint32_t flow = fdnet_get32(hdr) & 0x0fffffff;

	if (fdnet_sock_flag(so, FDNET_SF_HOPLIMIT6))
		put_int(msg, IPPROTO_IPV6, IPV6_HOPLIMIT, msg->ttl);
	if (fdnet_sock_flag(so, FDNET_SF_TCLASS6))
		put_int(msg, IPPROTO_IPV6, IPV6_TCLASS, msg->tos);
	if (flow && fdnet_sock_flag(so, FDNET_SF_FLOWINFO6))
		put_int(msg, IPPROTO_IPV6, CM_IPV6_FLOWINFO, (int)htonl(flow));
	put_headers(so, hdr, info->hdr_len, msg);
	if (fdnet_sock_flag(so, FDNET_SF_OLD_HOPLIMIT6))
		put_int(msg, IPPROTO_IPV6, CM_IPV6_2292HOPLIMIT, msg->ttl);
	if (fdnet_sock_flag(so, FDNET_SF_ORIGDST6)) {
		orig.sin6_port = htons(dst_port(so, pkt));
		memcpy(&orig.sin6_addr, msg->local.ip.bytes, 16);
		fdnet_cmsg_put(msg, IPPROTO_IPV6, IPV6_ORIGDSTADDR, &orig,
			       sizeof(orig));
	}
	if (info->frag_size && fdnet_sock_flag(so, FDNET_SF_FRAGSIZE6))
		put_int(msg, IPPROTO_IPV6, IPV6_RECVFRAGSIZE, info->frag_size);
}

/* ---- whole ---- */

void fdnet_cmsg_packet(struct fdnet_sock *so, const struct fdnet_pkt *pkt,
		       struct fdnet_msg *msg)
{
	struct fdnet_dgram_info info;

	fdnet_dgram_get_info(pkt, &info);
	fdnet_cmsg_time(so, msg);
	if (info.drops && fdnet_sock_flag(so, FDNET_SF_RXQ_OVFL))
		fdnet_cmsg_put(msg, SOL_SOCKET, SO_RXQ_OVFL, &info.drops,
			       sizeof(info.drops));
	if (so->family == 6)
		put_pktinfo6(so, msg);
	if (msg->local.ip.family == 4)
		put_ip4(so, pkt, &info, msg);
	else
		put_ip6(so, pkt, &info, msg);
}

void fdnet_cmsg_error(struct fdnet_sock *so, struct fdnet_msg *msg)
{
	const struct fdnet_sock_error *err = &msg->err;
	struct {
		struct sock_extended_err ee;
		struct sockaddr_in6 offender;
	} e = {
		.ee = {
			.ee_errno = (uint32_t)err->error,
			.ee_origin = err->origin,
			.ee_type = err->type,
			.ee_code = err->code,
			.ee_info = err->info,
			.ee_data = err->data,
		},
	};
	bool v4 = so->family == 4;

	fdnet_cmsg_time(so, msg);
	if (v4 && err->offender.ip.family == 4) {
		e.offender.sin6_family = AF_INET;
		memcpy(&e.offender.sin6_flowinfo, err->offender.ip.bytes, 4);
	} else if (!v4 && err->offender.ip.family) {
		e.offender.sin6_family = AF_INET6;
		e.offender.sin6_scope_id = err->offender.scope;
		if (err->offender.ip.family == 4) {
			memset(&e.offender.sin6_addr.s6_addr[10], 0xff, 2);
			memcpy(&e.offender.sin6_addr.s6_addr[12],
			       err->offender.ip.bytes, 4);
		} else {
			memcpy(&e.offender.sin6_addr, err->offender.ip.bytes,
			       16);
		}
	}
	/* struct sockaddr_in or sockaddr_in6 */
	fdnet_cmsg_put(msg, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		       v4 ? IP_RECVERR : IPV6_RECVERR, &e,
		       sizeof(e.ee) + (v4 ? 16 : sizeof(e.offender)));
}
