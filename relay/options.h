/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of fdnet-relay(8). */
#ifndef RELAY_OPTIONS_H
#define RELAY_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "relay/limits.h"
#include "relay/net.h"
#include "relay/pcap_proc.h"
#include "relay/policy.h"

#define OPTIONS_MTU_DEFAULT 65520
#define OPTIONS_MTU_IMPAIRED 1500
#define OPTIONS_MTU_MIN 1280
#define OPTIONS_MTU_MAX 65520
#define OPTIONS_MAX_PUBLISH 1024
#define OPTIONS_MAX_DNS 3
#define OPTIONS_MAX_LISTEN 16
#define OPTIONS_SANDBOXES 256
#define OPTIONS_PER_USER 64

/* Where in the policy file something is said; line 0: nowhere in it. */
struct options_place {
	unsigned int line, column;
};

/* One --publish: a host address and port, and the sandbox's port; the first
 * of @count each, when it was a range. */
struct publish_spec {
	uint8_t proto; /* POLICY_TCP, POLICY_UDP */
	struct fdnet_name host; /* port 0: any */
	uint16_t port;
	unsigned int count;
	struct options_place at;
};

/* What the command line alone says, to which a policy file adds. */
struct options_command {
	struct net net;
	struct limits limits;
	unsigned int nrules, npublish;
};

/**
 * struct service_options - of the process that starts one relay for each
 * sandbox (service.h)
 * @listen:  [NAME=]PATH; none: the service manager's sockets
 * @mode:    of the paths
 * @user:    who the relays run as, or NULL
 * @pass:    what each relay gets: @npass / 2 times an option's name and its
 *           value or NULL; in their order
 */
struct service_options {
	const char *listen[OPTIONS_MAX_LISTEN];
	unsigned int nlisten;
	const char *policy_dir, *user;
	unsigned int mode, max, per_user;
	const char **pass;
	unsigned int npass;
};

struct options {
	struct policy policy;
	struct net net;
	struct limits limits;
	struct publish_spec publish[OPTIONS_MAX_PUBLISH];
	unsigned int npublish;
	struct fdnet_name dns[OPTIONS_MAX_DNS]; /* instead of the host's */
	unsigned int ndns;
	const char *hosts; /* file, "" for none */
	const char *record, *control;
	const char *policy_path; /* NULL: no file */
	struct options_command command;
	struct net wanted; /* as net was before peer_join() moved it */
	struct options_place net_at, network_at; /* said last */
	unsigned int record_keep; /* old records beside the new one */
	uint64_t record_size;
	struct pcap_target pcap; /* without a path: none */
	bool learn;
	const char *learn_path; /* NULL: standard error */
	const char *metrics;	/* NULL: none */
	const char *metrics_file; /* NULL: none */
	struct fdnet_name metrics_name; /* no family: it is a path */
	unsigned int mtu; /* 0: not chosen */
	struct impair impair; /* of what no rule says otherwise about */
	int attach_fd, share_fd, status_fd; /* -1: none */
	/* take over from the relay with this control socket, or over this
	 * channel; NULL, -1: no */
	const char *takeover;
	int takeover_fd;
	bool taking; /* relay_open() leaves out what the other gives */
	int argc;
	char **argv, *cwd; /* as it was started; NULL: not known */
	unsigned int sandbox; /* its number in a service, else 0 */
	/* shared with other sandboxes, or NULL; what it is called there: as
	 * wanted, and as peer_join() got it */
	char *network, *name, own_name[64];
	bool is_service;
	struct service_options service;
	bool quiet, verbose;
};

/* What options_parse() asks main to do. */
enum options_result {
	OPTIONS_RUN,
	OPTIONS_HELP,	 /* printed */
	OPTIONS_VERSION, /* printed */
	OPTIONS_WRONG,	 /* told on standard error */
};

/** options_parse - read the command line and the policy file */
enum options_result options_parse(int argc, char **argv,
				  struct options *ret_opts);
void options_done(struct options *opts);

/**
 * options_reread - what a policy file says now
 * @opts:       of the start: the command line's part is taken from there
 * @ret_fresh:  rules, published ports, limits, addresses and network; to be
 *              given to options_done() whatever is returned
 *
 * Returns as policy_read().
 */
int options_reread(const struct options *opts, FILE *file,
		   struct options *ret_fresh, struct policy_error *ret_err);

/**
 * options_publish - "[ADDR:]HOSTPORT:PORT[/udp]", either may be a range
 * @ret_spec:  written on success
 *
 * Returns 0, -EINVAL with the reason in @ret_err.
 */
int options_publish(const char *text, struct publish_spec *ret_spec,
		    struct policy_error *ret_err);

#endif
