/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports that this process holds at the relay (D7). A listener and the
 * connections that came from it share one claim; the last of them gives the
 * port back.
 */
#ifndef SHIM_CLAIM_H
#define SHIM_CLAIM_H

#include <stdbool.h>

#include "stack/wire/control.h"

struct shim_claim;

/**
 * shim_claim_get - ask the relay for a port
 * @ctl:  proto, family, port, addr and flags of a BIND; op and id are set here
 * @ret_claim:  one reference; NULL where there is no registry (FDNET_FD)
 *
 * May release the lock while it waits. Returns 0, -EADDRINUSE, -EACCES,
 * -ENETDOWN, -ENOMEM.
 */
int shim_claim_get(struct fdnet_ctl *ctl, struct shim_claim **ret_claim);

/** shim_claim_listen - tell the relay that the port listens now; as get */
int shim_claim_listen(struct shim_claim *claim);

/** shim_claim_ref - one more holder; @claim may be NULL; returns it */
struct shim_claim *shim_claim_ref(struct shim_claim *claim);

/** shim_claim_is_shared - has it other holders, in the relay's node perhaps? */
bool shim_claim_is_shared(const struct shim_claim *claim);

/** shim_claim_moved - the relay's node has the port now (or NULL): its last
 * holder here gives nothing back */
void shim_claim_moved(struct shim_claim *claim);

/** shim_claim_put - one holder less; the last tells the relay */
void shim_claim_put(struct shim_claim *claim);

#endif
