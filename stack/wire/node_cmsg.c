/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "stack/wire/node_cmsg.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* ---- what sendmsg() is given ---- */

static int parse_ip(const struct cmsghdr *c, struct fdnet_msg *msg)
{
	size_t len = c->cmsg_len - CMSG_LEN(0);
	struct in_pktinfo info;
	int value;

	if (c->cmsg_type == IP_PKTINFO) {
		if (len != sizeof(info))
			return -EINVAL;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		if (info.ipi_spec_dst.s_addr) {
			msg->local.ip.family = 4;
			memcpy(msg->local.ip.bytes, &info.ipi_spec_dst, 4);
		}
		return 0;
	}
	if (c->cmsg_type != IP_TTL && c->cmsg_type != IP_TOS)
		return -EINVAL;
	if (len == 1) {
		value = *(unsigned char *)CMSG_DATA(c);
	} else {
		if (len != sizeof(value))
			return -EINVAL;
		memcpy(&value, CMSG_DATA(c), sizeof(value));
	}
	if (c->cmsg_type == IP_TOS) {
		if (value < 0 || value > 255)
			return -EINVAL;
		msg->tos = value;
		return 0;
	}
	if (value < 1 || value > 255)
		return -EINVAL;
	msg->ttl = value;
	return 0;
}

static int parse_ip6(const struct cmsghdr *c, struct fdnet_msg *msg)
{
	size_t len = c->cmsg_len - CMSG_LEN(0);
	struct in6_pktinfo info;
	int value;

	if (c->cmsg_type == IPV6_PKTINFO) {
		if (len != sizeof(info))
			return -EINVAL;
		memcpy(&info, CMSG_DATA(c), sizeof(info));
		msg->local.ip.family = 6;
		memcpy(msg->local.ip.bytes, &info.ipi6_addr, 16);
		if (fdnet_ip_is_any(&msg->local.ip))
			msg->local.ip.family = 0;
		return 0;
	}
	if (len != sizeof(value))
		return -EINVAL;
	memcpy(&value, CMSG_DATA(c), sizeof(value));
	if (c->cmsg_type == IPV6_HOPLIMIT)
		msg->ttl = value;
	else if (c->cmsg_type == IPV6_TCLASS)
		msg->tos = value;
	else
		return -EINVAL;
	return value < -1 || value > 255 ? -EINVAL : 0;
}

int fdnet_node_cmsg_parse(const void *control, size_t len,
			  struct fdnet_msg *msg)
{
	struct msghdr hdr = {
		.msg_control = (void *)control,
		.msg_controllen = len,
	};
	struct cmsghdr *c;
	int rc = 0;

	if (len < sizeof(*c))
		return 0;
	for (c = CMSG_FIRSTHDR(&hdr); c && rc == 0;
	     c = CMSG_NXTHDR(&hdr, c)) {
		if (c->cmsg_len < CMSG_LEN(0) ||
		    c->cmsg_len > len - (size_t)((const char *)c -
						 (const char *)control))
			return -EINVAL;
		if (c->cmsg_level == IPPROTO_IP)
			rc = parse_ip(c, msg);
		else if (c->cmsg_level == IPPROTO_IPV6)
			rc = parse_ip6(c, msg);
		else if (c->cmsg_level == IPPROTO_UDP &&
			 c->cmsg_type == UDP_SEGMENT &&
			 c->cmsg_len == CMSG_LEN(sizeof(uint16_t)))
			memcpy(&msg->gso_size, CMSG_DATA(c),
			       sizeof(msg->gso_size));
		else if (c->cmsg_level == SOL_SOCKET)
			rc = -EINVAL; /* no fds over a network socket */
	}
	return rc;
}

/* ---- what recvmsg() gives ---- */

static void put(struct fdnet_node_cmsg *w, int level, int type, const void *data,
		size_t len)
{
	struct cmsghdr c = {
		.cmsg_level = level,
		.cmsg_type = type,
		.cmsg_len = CMSG_LEN(len),
	};
	size_t room = w->room - w->used;
	char *at;

	if (!w->at || room < sizeof(c)) {
		w->cut = true;
		return;
	}
	at = (char *)w->at + w->used;
	if (room < CMSG_LEN(len)) {
		w->cut = true;
		c.cmsg_len = room;
		len = room - CMSG_LEN(0);
	}
	memcpy(at, &c, sizeof(c));
	memcpy(at + CMSG_LEN(0), data, len);
	w->used += CMSG_SPACE(len) < room ? CMSG_SPACE(len) : room;
}

static void put_v4(struct fdnet_node_cmsg *w, uint32_t flags,
		   const struct fdnet_msg *msg)
{
	struct in_pktinfo info = { .ipi_ifindex = msg->ifindex };
	int value;

	if (flags & FDNET_TAG_PKTINFO) {
		memcpy(&info.ipi_addr, msg->local.ip.bytes, 4);
		info.ipi_spec_dst = info.ipi_addr;
		put(w, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	}
	if (flags & FDNET_TAG_TTL) {
		value = msg->ttl;
		put(w, IPPROTO_IP, IP_TTL, &value, sizeof(value));
	}
	if (flags & FDNET_TAG_TOS) {
		unsigned char tos = (unsigned char)msg->tos;

		put(w, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	}
}

static void put_v6(struct fdnet_node_cmsg *w, uint32_t flags,
		   const struct fdnet_msg *msg)
{
	struct in6_pktinfo info = { .ipi6_ifindex =
					    (unsigned int)msg->ifindex };
	int value;

	if (flags & FDNET_TAG_PKTINFO) {
		if (msg->local.ip.family == 4) {
			memset(&info.ipi6_addr.s6_addr[10], 0xff, 2);
			memcpy(&info.ipi6_addr.s6_addr[12],
			       msg->local.ip.bytes, 4);
		} else {
			memcpy(&info.ipi6_addr, msg->local.ip.bytes, 16);
		}
		put(w, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
	if (flags & FDNET_TAG_TTL) {
		value = msg->ttl;
		put(w, IPPROTO_IPV6, IPV6_HOPLIMIT, &value, sizeof(value));
	}
	if (flags & FDNET_TAG_TOS) {
		value = msg->tos;
		put(w, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof(value));
	}
}

static void put_time(struct fdnet_node_cmsg *w, uint32_t flags)
{
	struct timeval tv;

	if (flags & FDNET_TAG_TIME_NS) {
		put(w, SOL_SOCKET, SO_TIMESTAMPNS, &w->now, sizeof(w->now));
	} else if (flags & FDNET_TAG_TIME) {
		tv.tv_sec = w->now.tv_sec;
		tv.tv_usec = w->now.tv_nsec / 1000;
		put(w, SOL_SOCKET, SO_TIMESTAMP, &tv, sizeof(tv));
	}
}

void fdnet_node_cmsg_tag(struct fdnet_node_cmsg *w, int family,
			 const struct fdnet_node_tag *tag)
{
	struct fdnet_msg msg = {
		.local = tag->local,
		.ttl = tag->ttl,
		.tos = tag->tos,
		.ifindex = (int)tag->ifindex,
	};
	int size = tag->gso;

	put_time(w, tag->flags);
	if (family == 4)
		put_v4(w, tag->flags, &msg);
	else
		put_v6(w, tag->flags, &msg);
	if (size)
		put(w, IPPROTO_UDP, UDP_GRO, &size, sizeof(size));
}

void fdnet_node_cmsg_error(struct fdnet_node_cmsg *w, int family,
			   const struct fdnet_sock_error *err, const void *name,
			   size_t name_len)
{
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
		},
	};
	bool v4 = family == 4;

	if (name_len > sizeof(e.offender))
		name_len = sizeof(e.offender);
	memcpy(&e.offender, name, name_len);
	put(w, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR,
	    &e, sizeof(e.ee) + name_len);
}
