/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket options of SOL_SOCKET: sock_setsockopt().
 */
#include "config.h"

#include "stack/sockopt_row.h"

#include <errno.h>
#include <limits.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#include "stack/errq.h"
#include "stack/object.h"
#include "stack/tcp.h"

#define UDP_BUF_MAX 4194304 /* net.core.{r,w}mem_max, since Linux 6.17 */
#define MIN_SNDBUF  4608
#define MIN_RCVBUF  2304

/* Flags that older system headers lack. */
#define SOF_TIMESTAMPING_OPT_ID_TCP (1 << 16)
#define SOF_TIMESTAMPING_ALL	    0x7ffff

int fdnet_opt_set_refused(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  const void *val, uint32_t len)
{
	return -EPERM;
}

int fdnet_opt_set_ignored(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  const void *val, uint32_t len)
{
	return 0;
}

int fdnet_opt_set_debug(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			const void *val, uint32_t len)
{
	return fdnet_opt_take_int(val, len) ? -EACCES : 0;
}

int fdnet_opt_get_what(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		       void *val, uint32_t *len)
{
	int value = 0;

	switch (row->id.name) {
	case SO_TYPE:
		value = so->type;
		break;
	case SO_PROTOCOL:
		value = so->proto;
		break;
	case SO_DOMAIN:
		value = so->family == 4 ? AF_INET : AF_INET6;
		break;
	case SO_ACCEPTCONN:
		value = so->listening;
		break;
	case IP_PROTOCOL:		/* no SO_ option has its number */
		value = so->local.port; /* of raw sockets: the protocol */
		break;
	case SO_ERROR:
		value = -fdnet_sock_take_error(so);
		break;
	}
	return fdnet_sockopt_give_int(val, len, value);
}

static uint32_t buf_max(const struct fdnet_sock *so)
{
	return so->type == FDNET_SOCK_STREAM ? so->stack->cfg.tcp_buf_max / 2
					     : UDP_BUF_MAX;
}

static uint32_t doubled(const struct fdnet_sock *so, const void *val,
			uint32_t len, uint32_t min)
{
	uint32_t value = (uint32_t)fdnet_opt_take_int(val, len);

	if (value > buf_max(so))
		value = buf_max(so);
	return value * 2 < min ? min : value * 2;
}

int fdnet_opt_set_sndbuf(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 const void *val, uint32_t len)
{
	so->opts.sndbuf = doubled(so, val, len, MIN_SNDBUF);
	so->opts.sndbuf_locked = true;
	if (fdnet_sock_poll(so) & FDNET_EV_OUT)
		fdnet_sock_event(so, FDNET_EV_OUT);
	return 0;
}

int fdnet_opt_set_rcvbuf(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 const void *val, uint32_t len)
{
	so->opts.rcvbuf = doubled(so, val, len, MIN_RCVBUF);
	so->opts.rcvbuf_locked = true;
	return 0;
}

int fdnet_opt_get_u32(struct fdnet_sock *so, const struct fdnet_opt_row *row,
		      void *val, uint32_t *len)
{
	return fdnet_sockopt_give_int(
		val, len, (int)*(uint32_t *)fdnet_opt_member(so, row));
}

int fdnet_opt_set_buf_lock(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			   const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (value & ~3)
		return -EINVAL;
	so->opts.sndbuf_locked = value & 1;
	so->opts.rcvbuf_locked = value & 2;
	return 0;
}

int fdnet_opt_get_buf_lock(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			   void *val, uint32_t *len)
{
	return fdnet_sockopt_give_int(
		val, len, so->opts.sndbuf_locked | so->opts.rcvbuf_locked << 1);
}

int fdnet_opt_set_rcvlowat(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			   const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);
	uint32_t cap;

	if (value < 0)
		value = INT_MAX;
	if (so->type == FDNET_SOCK_STREAM) { /* tcp_set_rcvlowat() */
		cap = so->opts.rcvbuf_locked ? so->opts.rcvbuf / 2
					     : so->stack->cfg.tcp_buf_max / 2;
		if ((uint32_t)value > cap)
			value = (int)cap;
	}
	so->opts.rcvlowat = value ? (uint32_t)value : 1;
	if (fdnet_sock_poll(so) & FDNET_EV_IN)
		fdnet_sock_event(so, FDNET_EV_IN);
	return 0;
}

int fdnet_opt_set_priority(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			   const void *val, uint32_t len)
{
	int value = fdnet_opt_take_int(val, len);

	if (value < 0 || value > 6)
		return -EPERM;
	so->opts.priority = (int16_t)value;
	return 0;
}

int fdnet_opt_set_linger(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 const void *val, uint32_t len)
{
	struct linger l;

	memcpy(&l, val, sizeof(l));
	so->opts.linger_on = l.l_onoff != 0;
	if (l.l_onoff)
		so->opts.linger_s = l.l_linger < 0 ? INT_MAX : l.l_linger;
	return 0;
}

int fdnet_opt_get_linger(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 void *val, uint32_t *len)
{
	struct linger l = {so->opts.linger_on, so->opts.linger_s};

	return fdnet_opt_give(val, len, &l, sizeof(l));
}

/* sock_set_timeout() */
int fdnet_opt_set_timeo(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			const void *val, uint32_t len)
{
	uint64_t *timeo = fdnet_opt_member(so, row);
	struct timeval tv;

	memcpy(&tv, val, sizeof(tv));
	if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EDOM;
	if (tv.tv_sec < 0)
		*timeo = 1; /* "no time": as short as can be said */
	else if ((uint64_t)tv.tv_sec > INT64_MAX / 1000000 - 1)
		*timeo = 0;
	else
		*timeo = (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
	return 0;
}

int fdnet_opt_get_timeo(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			void *val, uint32_t *len)
{
	uint64_t timeo = *(uint64_t *)fdnet_opt_member(so, row);
	struct timeval tv = {
		.tv_sec = (time_t)(timeo / 1000000),
		.tv_usec = (suseconds_t)(timeo % 1000000),
	};

	return fdnet_opt_give(val, len, &tv, sizeof(tv));
}

/* SO_TIMESTAMP and SO_TIMESTAMPNS, old and new, exclude each other. */
int fdnet_opt_set_timestamp(struct fdnet_sock *so,
			    const struct fdnet_opt_row *row, const void *val,
			    uint32_t len)
{
	bool on = fdnet_opt_take_int(val, len) != 0;
	uint64_t ns = (uint64_t)1 << FDNET_SF_TIMESTAMPNS;
	uint64_t fresh = (uint64_t)1 << FDNET_SF_TIMESTAMP_NEW;

	so->opts.timestamp = on;
	so->opts.flags &= ~(ns | fresh);
	if (on && row->place & 1)
		so->opts.flags |= ns;
	if (on && row->place & 2)
		so->opts.flags |= fresh;
	return 0;
}

int fdnet_opt_get_timestamp(struct fdnet_sock *so,
			    const struct fdnet_opt_row *row, void *val,
			    uint32_t *len)
{
	bool on = so->opts.timestamp &&
		  fdnet_sock_flag(so, FDNET_SF_TIMESTAMPNS) == (row->place & 1) &&
		  fdnet_sock_flag(so, FDNET_SF_TIMESTAMP_NEW) ==
			  (row->place >> 1 & 1);

	return fdnet_sockopt_give_int(val, len, on);
}

static int device_index(const char *name)
{
	if (!name[0])
		return 0;
	if (!strcmp(name, "lo"))
		return 1;
	if (!strcmp(name, "eth0"))
		return 2;
	return -ENODEV;
}

int fdnet_opt_set_device(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 const void *val, uint32_t len)
{
	char name[IFNAMSIZ] = "";
	int index;

	if (len > IFNAMSIZ - 1)
		len = IFNAMSIZ - 1;
	memcpy(name, val, len);
	index = device_index(name);
	if (index < 0)
		return index;
	/* unprivileged: once only (sock_bindtoindex()) */
	if (so->opts.bound_dev)
		return -EPERM;
	so->opts.bound_dev = (int16_t)index;
	return 0;
}

int fdnet_opt_get_device(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 void *val, uint32_t *len)
{
	char name[IFNAMSIZ] = "";

	if (!so->opts.bound_dev) {
		*len = 0;
		return 0;
	}
	if (*len < IFNAMSIZ)
		return -EINVAL;
	strcpy(name, so->opts.bound_dev == 1 ? "lo" : "eth0");
	return fdnet_opt_give(val, len, name, (uint32_t)strlen(name) + 1);
}

int fdnet_opt_set_ifindex(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  const void *val, uint32_t len)
{
	int index = fdnet_opt_take_int(val, len);

	if (index < 0)
		return -EINVAL;
	if (index > 2) /* the kernel takes it, and nothing gets through */
		return -ENODEV;
	if (so->opts.bound_dev)
		return -EPERM;
	so->opts.bound_dev = (int16_t)index;
	return 0;
}

/* As a socket whose peer is no process of this host. */
int fdnet_opt_get_peercred(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			   void *val, uint32_t *len)
{
	struct ucred cred = {0, (uid_t)-1, (gid_t)-1};

	return fdnet_opt_give(val, len, &cred, sizeof(cred));
}

/* enum sk_meminfo_vars of the kernel; what has no counterpart here is 0. */
int fdnet_opt_get_meminfo(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			  void *val, uint32_t *len)
{
	uint32_t info[9] = {
		fdnet_sock_inq(so),
		so->opts.rcvbuf,
		fdnet_sock_outq(so),
		so->opts.sndbuf,
	};

	(void)row;
	info[5] = info[2]; /* queued to be sent */
	return fdnet_opt_give(val, len, info, sizeof(info));
}

int fdnet_opt_set_pacing(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 const void *val, uint32_t len)
{
	uint32_t value = (uint32_t)fdnet_opt_take_int(val, len);

	if (len >= sizeof(so->opts.max_pacing))
		memcpy(&so->opts.max_pacing, val, sizeof(so->opts.max_pacing));
	else
		so->opts.max_pacing = value == UINT32_MAX ? UINT64_MAX : value;
	return 0;
}

int fdnet_opt_get_pacing(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 void *val, uint32_t *len)
{
	uint64_t value = so->opts.max_pacing;
	uint32_t small = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;

	if (*len >= sizeof(value))
		return fdnet_opt_give(val, len, &value, sizeof(value));
	return fdnet_opt_give(val, len, &small, sizeof(small));
}

/* Packet filters are programs for a kernel that never sees our packets; the
 * error is that of a kernel without them. */
int fdnet_opt_set_filter(struct fdnet_sock *so, const struct fdnet_opt_row *row,
			 const void *val, uint32_t len)
{
	return len == row->place ? -ENOPROTOOPT : -EINVAL;
}

int fdnet_opt_set_unsupported(struct fdnet_sock *so,
			      const struct fdnet_opt_row *row, const void *val,
			      uint32_t len)
{
	return -EOPNOTSUPP;
}

int fdnet_opt_get_unsupported(struct fdnet_sock *so,
			      const struct fdnet_opt_row *row, void *val,
			      uint32_t *len)
{
	return -EOPNOTSUPP;
}

/* sock_set_timestamping() */
int fdnet_opt_set_timestamping(struct fdnet_sock *so,
			       const struct fdnet_opt_row *row, const void *val,
			       uint32_t len)
{
	int value = fdnet_opt_take_int(val, len), old = so->opts.timestamping;
	uint64_t fresh = (uint64_t)1 << FDNET_SF_TIMESTAMPING_NEW;
	uint32_t base = 0;
	int rc;

	if (value & ~(SOF_TIMESTAMPING_ALL) ||
	    (value & SOF_TIMESTAMPING_OPT_STATS &&
	     !(value & SOF_TIMESTAMPING_OPT_TSONLY)) ||
	    (value & SOF_TIMESTAMPING_OPT_ID_TCP &&
	     !(value & SOF_TIMESTAMPING_OPT_ID)))
		return -EINVAL;
	if (value & ~old & SOF_TIMESTAMPING_OPT_ID &&
	    so->type == FDNET_SOCK_STREAM) {
		rc = fdnet_tcp_stamp_base(
			so, value & SOF_TIMESTAMPING_OPT_ID_TCP, &base);
		if (rc)
			return rc;
	}
	so->opts.timestamping = value;
	so->opts.flags &= ~fresh;
	if (row->id.name == SO_TIMESTAMPING_NEW)
		so->opts.flags |= fresh;
	fdnet_errq_restamp(so, old, base);
	return 0;
}

/* struct so_timestamping: the flags and a clock nobody has */
int fdnet_opt_get_timestamping(struct fdnet_sock *so,
			       const struct fdnet_opt_row *row, void *val,
			       uint32_t *len)
{
	int both[2] = {so->opts.timestamping, 0};

	return fdnet_opt_give(val, len, both, sizeof(both));
}

int fdnet_opt_set_nothing_there(struct fdnet_sock *so,
				const struct fdnet_opt_row *row,
				const void *val, uint32_t len)
{
	return -ENOENT;
}
