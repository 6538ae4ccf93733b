/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name forwarder (D12), at the sandbox's name server address in every
 * guest's engine, UDP and TCP.
 *
 * How it works: a question is put to the rules first, since asking for a name
 * already tells the world about it. Then /etc/hosts answers, or the host's
 * name servers. The addresses answered are pinned to the name, so that rules
 * by name cover them; an address that is not public is refused unless a rule
 * names it, since anybody can point their name at it (rebinding).
 */
#ifndef RELAY_DNS_H
#define RELAY_DNS_H

#include "relay/guest.h"

/** dns_init - resolver and /etc/hosts. 0 or a negative errno */
int dns_init(struct relay *relay);
/** dns_done - drop them and the questions in flight */
void dns_done(struct relay *relay);

/** dns_open_guest - the forwarder's sockets in a new guest's engine */
int dns_open_guest(struct guest *guest);
/** dns_end_guest - forget its questions and connections */
void dns_end_guest(struct guest *guest);

/** dns_udp_event, dns_listen_event, dns_conn_event - those sockets changed */
void dns_udp_event(struct guest *guest, struct fdnet_sock *so);
void dns_listen_event(struct guest *guest, struct fdnet_sock *so);
void dns_conn_event(struct guest *guest, struct user *user);
/** dns_run_more - look for questions behind those just answered */
void dns_run_more(struct guest *guest);

/** dns_timeout_us - time until dns_advance() is due, or FDNET_NEVER */
uint64_t dns_timeout_us(struct relay *relay);
void dns_advance(struct relay *relay);

struct state;
/** dns_guest_state - a guest's sockets and connections; dns_tag - which of
 * them is it? (state.h) */
void dns_guest_state(struct state *st, struct guest *guest);
uint64_t dns_tag(struct guest *guest, struct fdnet_sock *so);
/** dns_state - the cache, and questions in flight; dns_ask_again - these */
void dns_state(struct state *st);
void dns_ask_again(struct relay *relay);

#endif
