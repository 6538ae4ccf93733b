/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over all of a relay, and what follows it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "relay/attach.h"
#include "relay/ctl.h"
#include "relay/dns.h"
#include "relay/flow_tcp.h"
#include "relay/guest.h"
#include "relay/hold.h"
#include "relay/impair_link.h"
#include "relay/learn.h"
#include "relay/metrics.h"
#include "relay/node.h"
#include "relay/publish.h"
#include "relay/state.h"
#include "relay/status.h"
#include "relay/summary.h"
#include "relay/sys.h"

#define MAGIC 0x4c524446 /* "FDRL" */
#define END   0x444e4546 /* "FEND" */

/* ---- addresses ---- */

static void family_state(struct fdnet_save *s, struct net_family *half,
			 int family)
{
	fdnet_save_ip(s, &half->ip);
	fdnet_save_ip(s, &half->gateway);
	fdnet_save_ip(s, &half->dns);
	half->bits = fdnet_save_u8(s, half->bits);
	fdnet_save_check(s, half->ip.family == family &&
				    half->gateway.family == family &&
				    half->dns.family == family &&
				    half->bits <= (family == 4 ? 32 : 128));
}

static void net_state(struct fdnet_save *s, struct net *net)
{
	uint32_t n;

	family_state(s, &net->v4, 4);
	family_state(s, &net->v6, 6);
	n = fdnet_save_count(s, net->nhost_dns, NET_HOST_DNS, 1);
	net->nhost_dns = n;
	for (uint32_t i = 0; i < n; i++) {
		fdnet_save_ip(s, &net->host_dns[i]);
		fdnet_save_check(s, net->host_dns[i].family);
	}
}

/* What was chosen at the start, or at a reload, whatever the files say now. */
static void chosen_state(struct state *st)
{
	struct options *opts = st->relay->opts;
	struct fdnet_save *s = &st->s;

	net_state(s, &opts->net);
	opts->mtu = (unsigned int)fdnet_save_int(s, (int)opts->mtu,
						 OPTIONS_MTU_MIN,
						 OPTIONS_MTU_MAX);
	state_chars(s, opts->own_name, sizeof(opts->own_name));
	opts->command.nrules = fdnet_save_u32(s, opts->command.nrules);
	policy_state(st->relay->policy, s);
	fdnet_save_check(s, opts->command.nrules <= st->relay->policy->count);
	if (s->reading && s->rc)
		opts->command.nrules = 0;
}

/* ---- all ---- */

static void head(struct fdnet_save *s)
{
	fdnet_save_check(s, fdnet_save_u32(s, MAGIC) == MAGIC);
	fdnet_save_check(s, fdnet_save_u32(s, STATE_VERSION) == STATE_VERSION);
	fdnet_save_check(s, fdnet_save_u32(s, FDNET_SAVE_VERSION) ==
				    FDNET_SAVE_VERSION);
}

/* What the pieces cannot know of each other while they are read. */
static void check_whole(struct state *st)
{
	struct guest *guest;
	struct state_sock *item;

	for (guest = st->relay->guests; guest; guest = guest->hh.next)
		fdnet_save_check(&st->s,
				 !guest->holds.age[true] || st->relay->node);
	for (item = st->socks; item; item = item->hh.next)
		fdnet_save_check(&st->s, !item->so);
}

static void body(struct state *st)
{
	struct relay *relay = st->relay;
	struct fdnet_save *s = &st->s;

	relay->start_us = fdnet_save_u64(s, relay->start_us);
	relay->told_ping = fdnet_save_bool(s, relay->told_ping);
	/* a worker's is its service's */
	relay->old_stderr = state_fd(st, !s->reading && !relay->opts->sandbox ?
						 STDERR_FILENO :
						 -1);
	if (!s->reading)
		relay->old_stderr = -1;
	chosen_state(st);
	counters_state(&relay->counters, s);
	names_state(&relay->names, s);
	registry_state(&relay->registry, s);
	switch_state(&relay->sw, s);
	summary_state(&relay->record, s);
	learn_state(relay->learn, s);
	guests_state(st);
	publish_state(st);
	flows_state(st);
	dns_state(st);
	attach_state(st);
	ctl_state(st);
	metrics_state(st);
	capture_state(&relay->capture, st);
	status_state(st);
	fdnet_save_check(s, fdnet_save_u32(s, END) == END);
}

static void forget_socks(struct state *st)
{
	struct state_sock *item, *tmp;

	HASH_ITER(hh, st->socks, item, tmp) {
		HASH_DEL(st->socks, item);
		free(item);
	}
}

int state_walk(struct state *st)
{
	struct fdnet_save *s = &st->s;

	s->pool = st->relay->pool;
	st->next_fd = 0;
	head(s);
	if (!s->rc)
		body(st);
	if (s->reading) {
		check_whole(st);
		fdnet_save_check(s, s->pos == s->len &&
					    st->next_fd == st->nfds);
		forget_socks(st);
	}
	return fdnet_save_done(s) < 0 ? s->rc : 0;
}

void state_begin(struct relay *relay)
{
	struct record_event event = { .kind = RECORD_TAKEOVER };

	relay->now_us = sys_now_us(CLOCK_MONOTONIC);
	relay->loop.shared = true;
	relay->impairing = impair_any(relay);
	if (relay->ctl.fd >= 0)
		files_tell(&relay->files, FILES_OURS);
	guests_begin(relay);
	dns_ask_again(relay);
	record_event(&relay->record, relay->now_us, &event);
}

void state_release(struct relay *relay)
{
	guests_release(relay);
}
