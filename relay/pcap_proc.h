/* SPDX-License-Identifier: Apache-2.0 */
/* Starting fdnet-pcap, which writes what is sent to it into a capture file. */
#ifndef RELAY_PCAP_PROC_H
#define RELAY_PCAP_PROC_H

/**
 * pcap_proc_start - start the writer, and wait until it is ready
 * @path:    of the file
 * @filter:  as pcap-filter(7) has it, or NULL
 *
 * The program is the one beside our own, else the installed one. It ends when
 * the socket is closed.
 * Returns its SEQPACKET socket; -EINVAL when it did not get ready, and has
 * said why on standard error; or another negative errno.
 */
int pcap_proc_start(const char *path, const char *filter);

#endif
