/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's interfaces: lo (1) and eth0 (2), the link to the relay. */
#ifndef SHIM_IFACES_H
#define SHIM_IFACES_H

#include "base/rtnl.h"

/** shim_iface_table - interfaces, addresses and routes; under the lock. Valid
 * until the next call; without addresses while the network is not started */
const struct fdnet_rtnl *shim_iface_table(void);

/**
 * shim_iface_ioctl - SIOCGIF* requests
 * @arg:  struct ifreq or struct ifconf of the program's
 *
 * Called locked, with the network started. Returns 0, -ENODEV, -EINVAL,
 * -EADDRNOTAVAIL, -EPERM for those that would change something, or -ENOTTY
 * for a request that is none of these.
 */
int shim_iface_ioctl(unsigned long request, void *arg);

#endif
