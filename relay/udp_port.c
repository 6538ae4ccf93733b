/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/udp_port.h"

#include <stdlib.h>
#include <string.h>

#include "relay/state.h"
#include "relay/sys.h"

static struct udp_port *port_get(struct udp_port **ports, uint32_t guest,
				 const struct fdnet_name *local, int family)
{
	struct udp_port_key key;
	struct udp_port *port;

	memset(&key, 0, sizeof(key));
	key.guest = guest;
	key.family = (uint32_t)family;
	memcpy(&key.local, local, sizeof(key.local));
	HASH_FIND(hh, *ports, &key, sizeof(key), port);
	if (!port) {
		port = calloc(1, sizeof(*port));
		if (!port)
			return NULL;
		memcpy(&port->key, &key, sizeof(key));
		HASH_ADD(hh, *ports, key, sizeof(port->key), port);
		if (!hash_added(port)) {
			free(port);
			return NULL;
		}
	}
	port->users++;
	return port;
}

void udp_port_put(struct udp_port **ports, struct udp_port *port)
{
	if (!port || --port->users)
		return;
	HASH_DEL(*ports, port);
	free(port);
}

static int bind_any(int fd, int family, uint16_t port)
{
	struct fdnet_name any = { .ip.family = family == AF_INET ? 4 : 6,
				  .port = port };
	struct sockaddr_storage sa;
	socklen_t len = sys_from_name(&any, &sa);

	return sys_bind(fd, (struct sockaddr *)&sa, len);
}

/* What came between bind and connect may be from anybody. */
static void drain(int fd)
{
	char byte;

	for (int i = 0; i < 64; i++)
		if (SYS_RETRY(recv(fd, &byte, 1, MSG_DONTWAIT)) < 0)
			break;
}

static void learn(int fd, struct udp_port *port)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	struct fdnet_name name;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0 &&
	    !sys_to_name(&sa, &name))
		port->port = name.port;
}

int udp_port_connect(struct udp_port **ports, uint32_t guest,
		     const struct fdnet_name *local, int fd,
		     const struct sockaddr_storage *sa, socklen_t len,
		     struct udp_port **ret_port)
{
	struct udp_port *port = port_get(ports, guest, local, sa->ss_family);
	bool shared = false;
	int rc;

	*ret_port = port;
	sys_setopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* another's meanwhile: any port is better than none */
	if (port && port->port)
		shared = !bind_any(fd, sa->ss_family, port->port);
	rc = sys_connect(fd, (const struct sockaddr *)sa, len);
	if (rc)
		return rc;
	if (shared)
		drain(fd);
	else if (port && !port->port)
		learn(fd, port);
	return 0;
}

/* ---- state.h ---- */

struct udp_port *udp_port_state(struct udp_port **ports, struct fdnet_save *s,
				uint32_t guest, const struct fdnet_name *local,
				struct udp_port *port)
{
	bool has = fdnet_save_bool(s, port), v4;
	uint16_t number;

	if (!has)
		return NULL;
	v4 = fdnet_save_bool(s, port && port->key.family == AF_INET);
	number = fdnet_save_u16(s, port ? port->port : 0);
	if (!s->reading || s->rc)
		return port;
	port = port_get(ports, guest, local, v4 ? AF_INET : AF_INET6);
	if (port)
		port->port = number;
	return port;
}
