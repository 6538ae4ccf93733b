/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AF_UNIX datagram sockets. The program must not have one: any message could
 * be given any address, unseen. It gets one end of a SEQPACKET pair, and we
 * have the real socket, at whose addresses we look as at those of streams
 * (unixnames.c).
 */
#ifndef SANDBOX_UDGRAM_H
#define SANDBOX_UDGRAM_H

#include "sandbox/notify.h"

struct udgram;

/** udgram_socket - socket(AF_UNIX, SOCK_DGRAM): ends the call */
void udgram_socket(struct call *call);

/** udgram_find - is it one of these? Else NULL */
struct udgram *udgram_find(const struct supervisor *sup, uint64_t cookie);

/** udgram_fd - the real socket, borrowed: to be bound, connected, named */
int udgram_fd(const struct udgram *udgram);

/** udgram_send, udgram_receive - data calls of its program; they end them */
void udgram_send(struct call *call, struct udgram *udgram);
void udgram_receive(struct call *call, struct udgram *udgram);

/** udgram_name - getsockname(), getpeername(); ends the call */
void udgram_name(struct call *call, const struct udgram *udgram);

void udgram_round(struct supervisor *sup);
void udgram_end(struct supervisor *sup);

#endif
