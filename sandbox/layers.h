/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layers of the fence by name: which there are, which this machine can
 * put up, which must be up (--require, --strict).
 *
 * The filter, no_new_privs and the descriptor hygiene are not here: without
 * them nothing is run at all.
 */
#ifndef SANDBOX_LAYERS_H
#define SANDBOX_LAYERS_H

#include <stdio.h>

enum layer {
	LAYER_NET,	  /* a network namespace without an interface */
	LAYER_PID,	  /* processes outside have no number */
	LAYER_IPC,	  /* System V and POSIX queues of its own */
	LAYER_MOUNT,	  /* /proc, resolv.conf, /sys/class/net of its own */
	LAYER_LANDLOCK,	  /* tracing of (and signals to) outsiders refused */
	LAYER_SUPERVISOR, /* programs without the preload have the network */
	LAYERS,
};

/* A set of them: 1 << layer. */
typedef unsigned int layer_set;

#define LAYER_BIT(layer) (1u << (layer))
#define LAYERS_SPACES                                                          \
	(LAYER_BIT(LAYER_NET) | LAYER_BIT(LAYER_PID) | LAYER_BIT(LAYER_IPC) |  \
	 LAYER_BIT(LAYER_MOUNT))
#define LAYERS_STRICT (LAYERS_SPACES | LAYER_BIT(LAYER_LANDLOCK))

/** layers_parse - a name, or several with commas between
 * @ret_set:  these are added to it
 * Returns 0 or -EINVAL. */
int layers_parse(const char *text, layer_set *ret_set);

/** layers_names - every name, as a list for people */
const char *layers_names(void);

/** layers_name - of one */
const char *layers_name(enum layer layer);

/** layers_weaker - what the program can do where this layer is missing */
const char *layers_weaker(enum layer layer);

/**
 * layers_check - --check: what this machine can put up
 * @out:  the table is printed here
 *
 * Tries each in a child. Returns the set.
 */
layer_set layers_check(FILE *out);

#endif
