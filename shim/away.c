/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/away.h"

#include <netinet/in.h>

#include "shim/net.h"
#include "stack/ports.h"

/* As many are not looked at; as many are kept at all. The first are more than
 * a program has connections that somebody else holds, mostly. */
#define FEW  1024
#define MOST 2048
/* Looked at for each that is added. */
#define LOOKS 2

struct away {
	uint8_t proto;
	bool bound;
	uint16_t port;
};

static struct away list[MOST]; /* a ring, the oldest first */
static unsigned int first, count;

static struct away *nth(unsigned int n)
{
	return &list[(first + n) % MOST];
}

static struct away take_oldest(void)
{
	struct away away = *nth(0);

	first = (first + 1) % MOST;
	count--;
	return away;
}

static void forget(const struct away *away)
{
	if (shim_net_stack())
		fdnet_stack_avoid(shim_net_stack(), away->proto, away->port,
				  false);
}

static void add(const struct away *away)
{
	struct away oldest;

	if (count == MOST) {
		oldest = take_oldest();
		forget(&oldest);
	}
	*nth(count++) = *away;
}

void shim_away_add(uint16_t proto, uint16_t port, bool bound)
{
	struct away away = { (uint8_t)proto, bound, port };

	if (!port || (proto != IPPROTO_TCP && proto != IPPROTO_UDP) ||
	    !shim_net_stack())
		return;
	for (unsigned int i = 0; i < count; i++)
		if (nth(i)->port == port && nth(i)->proto == proto) {
			nth(i)->bound = nth(i)->bound || bound;
			return;
		}
	if (fdnet_stack_avoid(shim_net_stack(), away.proto, port, true) == 0)
		add(&away);
}

/* Whoever could bind to it now would be alone there. */
static bool is_free(const struct away *away)
{
	struct fdnet_ctl reply, ctl = {
		.op = FDNET_CTL_BIND,
		.proto = away->proto,
		.family = 4,
		.port = away->port,
	};

	if (!away->bound)
		return true;
	if (shim_net_ask(&ctl, &reply) < 0)
		return false;
	ctl.op = FDNET_CTL_UNBIND;
	ctl.id = 0;
	shim_net_tell(&ctl);
	return true;
}

void shim_away_look(void)
{
	struct away away;

	for (int i = 0; i < LOOKS && count > FEW; i++) {
		away = take_oldest();
		if (is_free(&away))
			forget(&away);
		else
			add(&away);
	}
}

void shim_away_after_fork(void)
{
	first = count = 0;
}
