/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIOCGIF* requests answered from a description of the interfaces
 * (netdevice(7)): what ifconfig and if_nametoindex() ask. No descriptor, no
 * state; the caller sees to the asker's memory.
 */
#ifndef BASE_IFREQ_H
#define BASE_IFREQ_H

#include <net/if.h>
#include <stdbool.h>

#include "base/rtnl.h"

/** fdnet_ifreq_is - is @request, of ioctl(), one about interfaces? */
bool fdnet_ifreq_is(unsigned long request);

/**
 * fdnet_ifreq_answer - any of these but SIOCGIFCONF
 * @req:  the asker's, copied; the answer goes there
 *
 * Returns 0, -ENODEV, -EADDRNOTAVAIL, -EOPNOTSUPP, or -EPERM for those that
 * would change something.
 */
int fdnet_ifreq_answer(const struct fdnet_rtnl *net, unsigned long request,
		       struct ifreq *req);

/**
 * fdnet_ifreq_list - for SIOCGIFCONF
 * @ret_list:  room for FDNET_RTNL_IFACES
 * Returns how many there are.
 */
unsigned int fdnet_ifreq_list(const struct fdnet_rtnl *net,
			      struct ifreq *ret_list);

#endif
