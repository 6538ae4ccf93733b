/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink messages, one function for each kind. Private to the files that
 * answer requests (rtnl.h).
 */
#ifndef BASE_RTNL_WRITE_H
#define BASE_RTNL_WRITE_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>

#include "base/rtnl.h"

/* The answer as it grows; what does not fit is left out and noticed. */
struct rtnl_writer {
	struct fdnet_rtnl_out *out;
	const struct nlmsghdr *req;
	uint32_t port;
	uint32_t start; /* of the message being written */
	uint32_t begun; /* where the present datagram began */
	uint32_t at;
	bool full;
};

/** rtnl_cut - what was written so far is one datagram */
void rtnl_cut(struct rtnl_writer *w);

/** rtnl_write_link, _addr - an interface; one of its addresses */
void rtnl_write_link(struct rtnl_writer *w, const struct fdnet_rtnl_iface *iface);
void rtnl_write_addr(struct rtnl_writer *w, const struct fdnet_rtnl *net,
		     const struct fdnet_rtnl_addr *addr);

/**
 * rtnl_write_route - a route
 * @flags:  RTM_F_CLONED: the answer for one address. It has another order
 *          than a dump, and nmap counts on it and on the length.
 */
void rtnl_write_route(struct rtnl_writer *w, const struct fdnet_rtnl_route *r,
		      uint32_t flags);

/** rtnl_write_rule - one of the three rules that every host has */
void rtnl_write_rule(struct rtnl_writer *w, uint8_t family, uint32_t priority,
		     uint8_t table);

/** rtnl_write_error - NLMSG_ERROR; @error 0 is an acknowledgement. Only
 * errors carry the whole request back. */
void rtnl_write_error(struct rtnl_writer *w, int error);

/** rtnl_write_done - the end of a dump */
void rtnl_write_done(struct rtnl_writer *w);

#endif
