/* SPDX-License-Identifier: Apache-2.0 */
/* Starting fdnet-pcap, which writes what is sent to it into a capture file. */
#ifndef RELAY_PCAP_PROC_H
#define RELAY_PCAP_PROC_H

#include <stdint.h>

/* Size of a capture file, unless something else is said. */
#define PCAP_PROC_KIB (1u << 20)

/**
 * struct pcap_target - what is to be written, and where
 * @path:    of the file
 * @filter:  as pcap-filter(7) has it, or NULL
 * @kib:     the file is full at this size: then it becomes PATH.1, what was
 *           PATH.1 becomes PATH.2 and so on up to @keep, and a new one
 *           begins; with @keep 0 the capture ends
 */
struct pcap_target {
	const char *path, *filter;
	unsigned int kib, keep;
};

/**
 * pcap_proc_start - start the writer, and wait until it is ready
 *
 * The program is the one beside our own, else the installed one. It ends when
 * the socket is closed.
 * Returns its SEQPACKET socket; -EINVAL when it did not get ready, and has
 * said why on standard error; or another negative errno.
 */
int pcap_proc_start(const struct pcap_target *target);

#endif
