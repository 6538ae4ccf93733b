/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's ports (D7): who owns which, as the kernel of one host would
 * keep them for its processes.
 *
 * How it works: bind and listen make an entry under (protocol, port); whether
 * two entries may stand side by side is Linux' rule for SO_REUSEADDR and
 * SO_REUSEPORT. Ephemeral ports are leased in blocks, so that a guest can
 * connect without asking. An explicit bind inside somebody's block is allowed
 * and wins over the lease: the leaseholder may never use that port, and a
 * connection of its that does is known to the switch by both its ends.
 */
#ifndef RELAY_REGISTRY_H
#define RELAY_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include <fdnet/stack.h>

#define REGISTRY_BLOCK 128
/* The kernel's default range first, what lies below it when that is gone. */
#define REGISTRY_LO 32768
#define REGISTRY_HI 60927 /* 220 whole blocks, within the usual 60999 */
#define REGISTRY_LOW_LO 10240
#define REGISTRY_BLOCKS ((65536 - REGISTRY_LOW_LO) / REGISTRY_BLOCK)

#define REGISTRY_REUSEADDR 1
#define REGISTRY_REUSEPORT 2
#define REGISTRY_V6ONLY 4

struct registry_port;
struct registry_use;

struct registry {
	struct registry_port *ports;
	struct registry_use *uses;
	/* owner of each block, 0: free; [0] TCP, [1] UDP */
	uint32_t blocks[2][REGISTRY_BLOCKS];
	unsigned int cursor; /* of the next block that is looked at */
};

/* A port that somebody claims. */
struct registry_claim {
	uint8_t proto; /* 6 or 17 */
	struct fdnet_ip ip; /* family 4 or 6; all zero: any */
	uint16_t port;
	uint16_t flags;
};

void registry_init(struct registry *registry);
void registry_done(struct registry *registry);

/**
 * registry_bind - @guest binds a socket
 *
 * Returns 0, -EADDRINUSE, -EINVAL (port or protocol), -ENOBUFS (LIMIT_BINDS),
 * -ENOMEM.
 */
int registry_bind(struct registry *registry, uint32_t guest,
		  const struct registry_claim *claim);

/**
 * registry_listen - the bound port starts to listen; binds it if need be
 *
 * Returns as registry_bind().
 */
int registry_listen(struct registry *registry, uint32_t guest,
		    const struct registry_claim *claim);

/** registry_unbind - one socket less; an unknown one is ignored */
void registry_unbind(struct registry *registry, uint32_t guest,
		     const struct registry_claim *claim);

/**
 * registry_move - a claim of @from's becomes @to's
 * @claim:  protocol, address and port; address and flags are written as they
 *          were claimed. A port of @from's lease is claimed for @to.
 *
 * Returns 0, -EPERM (not @from's), -ENOBUFS, -ENOMEM.
 */
int registry_move(struct registry *registry, uint32_t from, uint32_t to,
		  struct registry_claim *claim);

/**
 * registry_lease - a range of ephemeral ports
 * @count:   ports wanted; rounded up to blocks; fewer or more may be given
 * @ret_lo, @ret_hi:  inclusive
 *
 * Returns 0, -EADDRNOTAVAIL (all leased, or LIMIT_LEASES), -EINVAL, -ENOMEM.
 */
int registry_lease(struct registry *registry, uint32_t guest, uint8_t proto,
		   unsigned int count, uint16_t *ret_lo, uint16_t *ret_hi);

/**
 * registry_lease_both - one block for TCP and UDP alike
 *
 * Returns as registry_lease().
 */
int registry_lease_both(struct registry *registry, uint32_t guest,
			uint16_t *ret_lo, uint16_t *ret_hi);

/** registry_release - the block that begins at @lo is given back */
void registry_release(struct registry *registry, uint32_t guest, uint8_t proto,
		      uint16_t lo);

/** registry_gone - @guest has ended: all its ports are free */
void registry_gone(struct registry *registry, uint32_t guest);

/** registry_owns - may @guest send from this port? */
bool registry_owns(struct registry *registry, uint32_t guest, uint8_t proto,
		   uint16_t port);

/**
 * registry_find - who gets what is sent to this address and port
 * @ip:    one of the sandbox's addresses, or a loopback address
 * @hash:  chooses among sockets with SO_REUSEPORT
 *
 * TCP: only who listens. UDP: who is bound, then the leaseholder.
 * Returns the guest, 0: nobody.
 */
uint32_t registry_find(struct registry *registry, uint8_t proto,
		       const struct fdnet_ip *ip, uint16_t port,
		       uint32_t hash);

/**
 * registry_nth - one of all the claims
 * @n:  which; less by those passed over when there are not as many
 *
 * Returns 0, or -ENOENT.
 */
int registry_nth(const struct registry *registry, uint32_t *n,
		 struct registry_claim *ret_claim, bool *ret_listening);

struct fdnet_save;
/** registry_state - all claims and leases (state.h) */
void registry_state(struct registry *registry, struct fdnet_save *s);

#endif
