/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that confine themselves: sshd's unprivileged child, a tor relay, a
 * service with its own seccomp filter.
 *
 * Such a filter names the calls that the program makes, and kills for any
 * other. Our bookkeeping makes others. So before the filter is installed the
 * process gives what it sees of sockets to the relay, as before an exec: from
 * then on reads, writes, poll and close are the kernel's calls and nothing
 * else, and no question is asked about an fd (file.h, shim_file_trust()).
 * New sockets still need our calls; whether they work is the filter's choice.
 *
 * A filter that is installed by a raw system call instruction is not seen.
 */
#ifndef SHIM_CONFINE_H
#define SHIM_CONFINE_H

/** shim_confine - a filter is about to be installed in this process; not
 * under the lock */
void shim_confine(void);

#endif
