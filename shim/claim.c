/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/claim.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "shim/mem.h"
#include "shim/net.h"

struct shim_claim {
	unsigned int refs;
	bool moved; /* the relay holds it for the node now */
	struct fdnet_ctl ctl; /* the BIND it was made with */
};

int shim_claim_get(struct fdnet_ctl *ctl, struct shim_claim **ret_claim)
{
	struct shim_claim *claim;
	struct fdnet_ctl reply;
	int rc;

	if (!shim_net_has_relay()) {
		*ret_claim = NULL;
		return 0;
	}
	claim = fdnet_mem_alloc(shim_mem(), sizeof(*claim));
	if (!claim)
		return -ENOMEM;
	ctl->op = FDNET_CTL_BIND;
	rc = shim_net_ask(ctl, &reply);
	if (rc < 0) {
		fdnet_mem_free(shim_mem(), claim, sizeof(*claim));
		return rc;
	}
	claim->refs = 1;
	claim->ctl = *ctl;
	*ret_claim = claim;
	return 0;
}

int shim_claim_listen(struct shim_claim *claim)
{
	struct fdnet_ctl ctl, reply;

	if (!claim)
		return 0;
	ctl = claim->ctl;
	ctl.op = FDNET_CTL_LISTEN;
	return shim_net_ask(&ctl, &reply);
}

struct shim_claim *shim_claim_ref(struct shim_claim *claim)
{
	if (claim)
		claim->refs++;
	return claim;
}

bool shim_claim_is_shared(const struct shim_claim *claim)
{
	return claim->refs > 1 || claim->moved;
}

void shim_claim_moved(struct shim_claim *claim)
{
	if (claim)
		claim->moved = true;
}

void shim_claim_put(struct shim_claim *claim)
{
	if (!claim || --claim->refs > 0)
		return;
	claim->ctl.op = FDNET_CTL_UNBIND;
	claim->ctl.id = 0;
	if (!claim->moved)
		shim_net_tell(&claim->ctl);
	fdnet_mem_free(shim_mem(), claim, sizeof(*claim));
}
