/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of the fence by name; see layers.h. */
#include "config.h"

#include "sandbox/layers.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/landlock.h"
#include "sandbox/spaces.h"
#include "sandbox/supervise.h"

struct layer_row {
	const char *name;
	const char *gives;
	const char *weaker;
};

static const struct layer_row rows[] = {
	[LAYER_NET] = {"net", "a network namespace without an interface",
		       "/proc/net and /sys/class/net show the machine's "
		       "network; abstract names of AF_UNIX streams are "
		       "refused"},
	[LAYER_PID] = {"pid", "processes outside have no number inside",
		       "processes of the same user are seen in /proc; calls "
		       "that take another process's number are refused"},
	[LAYER_IPC] = {"ipc", "System V and POSIX queues of its own",
		       "System V IPC and POSIX queues are refused"},
	[LAYER_MOUNT] = {"mount", "/proc, /etc/resolv.conf and "
				  "/sys/class/net of its own; the kernel's "
				  "settings are read-only",
			 "name servers of the machine's resolv.conf are "
			 "answered by the relay"},
	[LAYER_LANDLOCK] = {"landlock",
			    "tracing of, and from version 6 on signals to, "
			    "processes outside are refused",
			    "processes of the same user outside are protected "
			    "by the pid namespace alone"},
	[LAYER_SUPERVISOR] = {"supervisor",
			      "static and Go programs have the network",
			      "programs without the preload have no network"},
};

static_assert(sizeof(rows) / sizeof(*rows) == LAYERS, "one row for each layer");

static int find(const char *name, size_t len)
{
	int i;

	for (i = 0; i < LAYERS; i++)
		if (strlen(rows[i].name) == len &&
		    !memcmp(rows[i].name, name, len))
			return i;
	return -EINVAL;
}

int layers_parse(const char *text, layer_set *ret_set)
{
	layer_set set = 0;
	size_t len;
	int layer;

	for (;; text += len + 1) {
		len = strcspn(text, ",");
		layer = find(text, len);
		if (layer < 0)
			return layer;
		set |= LAYER_BIT(layer);
		if (!text[len])
			break;
	}
	*ret_set |= set;
	return 0;
}

const char *layers_names(void)
{
	return "net, pid, ipc, mount, landlock, supervisor";
}

const char *layers_name(enum layer layer)
{
	return rows[layer].name;
}

const char *layers_weaker(enum layer layer)
{
	return rows[layer].weaker;
}

layer_set layers_check(FILE *out)
{
	layer_set set = spaces_probe();
	int i;

	if (landlock_version() > 0)
		set |= LAYER_BIT(LAYER_LANDLOCK);
	if (supervise_probe(set & LAYERS_SPACES && spaces_first().user))
		set |= LAYER_BIT(LAYER_SUPERVISOR);
	fprintf(out, "%-11s %-4s %s\n", "layer", "here", "what it gives");
	fprintf(out, "%-11s %-4s %s\n", "filter", "yes",
		"no socket of the machine can be made (always on)");
	for (i = 0; i < LAYERS; i++) {
		int here = !!(set & LAYER_BIT(i));

		fprintf(out, "%-11s %-4s %s\n", rows[i].name,
			here ? "yes" : "no", rows[i].gives);
		if (!here)
			fprintf(out, "%-11s %-4s without it: %s\n", "", "",
				rows[i].weaker);
	}
	return set;
}
