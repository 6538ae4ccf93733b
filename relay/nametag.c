/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/nametag.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "relay/sys.h"

static unsigned int slot_of(const uint8_t *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < FDNET_NODE_NAME_LEN; i++)
		hash = (hash ^ name[i]) * 16777619u;
	return (hash ^ hash >> 16) & (NAMETAGS - 1);
}

static int make(const uint8_t *name)
{
	int fd = memfd_create("peer", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	/* who gets it cannot change it for others */
	if (write(fd, name, FDNET_NODE_NAME_LEN) != FDNET_NODE_NAME_LEN ||
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) {
		close(fd);
		return -ENOMEM;
	}
	return fd;
}

void nametag_init(struct nametag *tags)
{
	for (int i = 0; i < NAMETAGS; i++)
		tags[i].fd = -1;
}

void nametag_done(struct nametag *tags)
{
	for (int i = 0; i < NAMETAGS; i++)
		if (tags[i].fd >= 0)
			close(tags[i].fd);
	nametag_init(tags);
}

int nametag_get(struct nametag *tags, const struct fdnet_name *name)
{
	uint8_t bytes[FDNET_NODE_NAME_LEN];
	struct nametag *tag;
	int fd;

	fdnet_node_name_encode(bytes, name);
	tag = &tags[slot_of(bytes)];
	if (tag->fd >= 0 && !memcmp(tag->name, bytes, sizeof(bytes)))
		return tag->fd;
	fd = make(bytes);
	if (fd < 0)
		return fd;
	/* those on their way hold the old one */
	if (tag->fd >= 0)
		close(tag->fd);
	memcpy(tag->name, bytes, sizeof(bytes));
	tag->fd = fd;
	return fd;
}
