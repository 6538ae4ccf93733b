/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A word between the preload library and fdnet-run's filter. Of some calls
 * the filter asks the supervisor, for programs without the preload. Where the
 * library knows that the kernel's own answer is the right one, it says this
 * in the sixth argument, which these calls do not have, and is spared two
 * task switches.
 */
#ifndef BASE_UNASKED_H
#define BASE_UNASKED_H

#define FDNET_UNASKED 0x46444e54 /* "TNDF" */

#endif
