/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that sandboxes share: who is in one, where, and under what name. */
#include "config.h"

#include "relay/service.h"

#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "relay/sys.h"
#include "relay/unixsock.h"

/* Members of one network; each two of them have a link. */
#define MEMBERS 32

static bool is_taken(const struct service *service, const struct worker *self,
		     unsigned int place, const char *name)
{
	const struct worker *other;

	DL_FOREACH(service->workers, other) {
		if (other == self || strcmp(other->network, self->network))
			continue;
		if (other->place == place || !strcmp(other->name, name))
			return true;
	}
	return false;
}

/* NAME, or NAME-2 and so on: whoever comes first has it. */
static void choose_name(const struct service *service, struct worker *worker,
			const char *wanted)
{
	char name[64];

	snprintf(name, sizeof(name), "%s", wanted);
	for (unsigned int i = 2; is_taken(service, worker, ~0u, name); i++)
		snprintf(name, sizeof(name), "%.48s-%u", wanted, i);
	memcpy(worker->name, name, sizeof(name));
}

/* As peer_join() moves them. */
static void move_addresses(struct worker *worker)
{
	struct fdnet_ip ip;

	for (int i = 0; i < 2; i++) {
		if (fdnet_ip_parse(worker->ip[i], &ip))
			continue;
		ip.bytes[i ? 15 : 3] += (uint8_t)worker->place;
		fdnet_ip_format(&ip, worker->ip[i]);
	}
}

void service_net_join(struct service *service, struct worker *worker,
		      const char *text)
{
	char wanted[64], reply[128];
	unsigned int place = 0;

	if (sscanf(text, "join %63s %63s %45s %45s", worker->network, wanted,
		   worker->ip[0], worker->ip[1]) != 4) {
		worker->network[0] = '\0';
		return;
	}
	if (!strcmp(wanted, "-"))
		snprintf(wanted, sizeof(wanted), "sandbox-%u", worker->number);
	worker->place = ~0u;
	while (place < MEMBERS && is_taken(service, worker, place, ""))
		place++;
	if (place == MEMBERS) {
		worker->network[0] = '\0';
		unixsock_send(worker->src.fd, "full", -1);
		return;
	}
	worker->place = place;
	choose_name(service, worker, wanted);
	move_addresses(worker);
	snprintf(reply, sizeof(reply), "place %u %s", place, worker->name);
	unixsock_send(worker->src.fd, reply, -1);
}

static void tell(const struct worker *worker, const struct worker *of, int fd)
{
	char text[256];

	snprintf(text, sizeof(text), "peer %s %s %s", of->name, of->ip[0],
		 of->ip[1]);
	unixsock_send(worker->src.fd, text, fd);
}

void service_net_ready(struct service *service, struct worker *worker)
{
	struct worker *other;
	int pair[2];

	if (worker->ready || !worker->network[0])
		return;
	worker->ready = true;
	DL_FOREACH(service->workers, other) {
		if (other == worker || !other->ready || other->src.fd < 0 ||
		    strcmp(other->network, worker->network))
			continue;
		if (socketpair(AF_UNIX,
			       SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			       pair) < 0)
			continue;
		tell(worker, other, pair[0]);
		tell(other, worker, pair[1]);
		close(pair[0]);
		close(pair[1]);
	}
}
