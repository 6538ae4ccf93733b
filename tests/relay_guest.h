/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real fdnet-relay process with scripted guests: links and stacks of the
 * test's own, driven from one loop, and host sockets beside them.
 *
 * All functions that "wait" drive every guest meanwhile, and fail the test
 * when nothing happens for too long.
 */
#ifndef TESTS_RELAY_GUEST_H
#define TESTS_RELAY_GUEST_H

#include <stdio.h>
#include <sys/types.h>

#include <fdnet/stack.h>

#include "endpoint/link.h"
#include "stack/wire/control.h"

#define RG_GUESTS 16
/* Nothing in these tests may take longer, on a busy machine neither. */
#define RG_PATIENCE_MS 20000

/* What the sanitizer keeps of freed memory, for checks that it is flat. */
#ifdef __SANITIZE_ADDRESS__
#define RG_SLACK_KIB (300 << 10)
#else
#define RG_SLACK_KIB 0
#endif

/* One guest. */
struct rg {
	struct rg_relay *relay;
	int fd;
	struct fdnet_link *link;
	struct fdnet_pkt_pool *pool;
	struct fdnet_stack *stack;
	struct fdnet_welcome welcome;
	bool welcomed, ended, full;
	struct fdnet_ctl reply; /* the last one */
	unsigned int replies;
};

/* Guests from now on ask for a payload area (and take it, if they get it). */
extern bool relay_area;

struct rg_relay {
	pid_t pid;
	int attach_fd, status_fd;
	char errors[64]; /* file with its standard error */
	char listen[64]; /* its socket, with --listen; else "" */
	struct rg *guests[RG_GUESTS];
	int host_fd; /* waited for too; -1: none */
	short host_events;
};

/* ---- relay_proc.c ---- */

/** rg_namespace - a network namespace with lo up and 203.0.113.5 on it, and
 * no way to 198.18.0.0/15; false: not permitted here */
bool rg_namespace(void);
/** rg_sysctl - change a setting of it; false: not permitted */
bool rg_sysctl(const char *path, const char *value);

/** rg_start - a relay with these options (space separated), ready;
 * "--listen PATH" must be the first */
void rg_start(struct rg_relay *relay, const char *options);
/** rg_finish - "finish", "done"; returns what it wrote on standard error
 * (static). rg_stop - end it, guests too; fails the test unless it exits 0 */
const char *rg_finish(struct rg_relay *relay);
void rg_stop(struct rg_relay *relay);
/** rg_end - the same; returns all that it wrote on standard error (static) */
const char *rg_end(struct rg_relay *relay);
/** rg_rss_kib - its resident memory */
long rg_rss_kib(const struct rg_relay *relay);
/** rg_fds - how many descriptors it has, and if @list is not NULL what they
 * are, for root: it is not dumpable */
int rg_fds(const struct rg_relay *relay, FILE *list);

/* ---- relay_guest.c ---- */

/** rg_now_us - the clock of the test's engines */
uint64_t rg_now_us(void);

/** rg_link - attach a link; no hello yet; the test's end */
int rg_link(struct rg_relay *relay);
/** rg_node - attach a node channel (stack/wire/node.h); the test's end,
 * non-blocking */
int rg_node(struct rg_relay *relay);
/** rg_attach - a guest that was welcomed */
struct rg *rg_attach(struct rg_relay *relay);
/** rg_try_attach - the same; NULL when the relay refuses it */
struct rg *rg_try_attach(struct rg_relay *relay);
/** rg_kill - close its link, as its death would; freed */
void rg_kill(struct rg *g);

/** rg_drive - let everybody run for @ms, or until nothing happens */
void rg_drive(struct rg_relay *relay, int ms);
/** rg_until - until @cond, true; false after @ms */
bool rg_until(struct rg_relay *relay, int ms, bool (*cond)(void *arg),
	      void *arg);

/** rg_turn - one round of everybody, waiting @ms at most; false: nothing
 * happened */
bool rg_turn(struct rg_relay *relay, int ms);
/** rg_push - send what its engine has to say, while the link takes it */
void rg_push(struct rg *g);

/** rg_ask - send a control request and wait for the reply; its -error */
int rg_ask(struct rg *g, const struct fdnet_ctl *ctl);
/** rg_claim - BIND or LISTEN of a port on any address */
int rg_claim(struct rg *g, uint8_t op, uint8_t proto, uint16_t port);

/* ---- relay_socks.c ---- */

struct fdnet_name rg_name(const char *ip, uint16_t port);
/** rg_connect - connect and wait; @ret_so: connected. 0 or a negative errno */
int rg_connect(struct rg *g, const char *ip, uint16_t port,
	       struct fdnet_sock **ret_so);
/** rg_listen - claim a port and listen there */
struct fdnet_sock *rg_listen(struct rg *g, const char *ip, uint16_t port);
/** rg_accept - wait for a connection */
struct fdnet_sock *rg_accept(struct rg *g, struct fdnet_sock *listener);
/** rg_send - send all, waiting for room. 0 or a negative errno */
int rg_send(struct rg *g, struct fdnet_sock *so, const void *data,
	    size_t len);
/** rg_recv - wait for something. Bytes, 0 at the end, or a negative errno */
ssize_t rg_recv(struct rg *g, struct fdnet_sock *so, void *data, size_t len);
/** rg_udp - a datagram socket with a port of the lease */
struct fdnet_sock *rg_udp(struct rg *g);
/** rg_sendto, rg_recvfrom - datagrams */
ssize_t rg_sendto(struct rg *g, struct fdnet_sock *so, const char *ip,
		  uint16_t port, const void *data, size_t len);
ssize_t rg_recvfrom(struct rg *g, struct fdnet_sock *so, void *data,
		    size_t len, struct fdnet_name *ret_from);

/** rg_host_listen - a host TCP socket, listening; @port is written */
int rg_host_listen(const char *ip, uint16_t *port);
/** rg_host_connecting - a host's client, just begun */
int rg_host_connecting(const char *ip, uint16_t port);
/** rg_host_udp - a host UDP socket, bound */
int rg_host_udp(const char *ip, uint16_t *port);
/** rg_host_accept - wait for a client, driving the guests */
int rg_host_accept(struct rg_relay *relay, int fd);
/** rg_host_connect - connect from the host; 0 or a negative errno */
int rg_host_connect(struct rg_relay *relay, const char *ip, uint16_t port,
		    int *ret_fd);
/** rg_host_recv - wait for bytes on a host socket, driving the guests. Bytes,
 * 0 at the end, a negative errno */
ssize_t rg_host_recv(struct rg_relay *relay, int fd, void *data, size_t len);

#endif
