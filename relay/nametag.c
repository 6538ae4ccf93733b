/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/nametag.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "relay/sys.h"

static unsigned int slot_of(const uint8_t *bytes, size_t len)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return (hash ^ hash >> 16) & (NAMETAGS - 1);
}

static int make(const uint8_t *bytes, size_t len)
{
	int fd = memfd_create("peer", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	/* who gets it cannot change it for others */
	if (write(fd, bytes, len) != (ssize_t)len ||
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

int nametag_get(struct nametag *tags, const struct fdnet_node_tag *tag)
{
	uint8_t bytes[FDNET_NODE_TAG_LEN];
	size_t len = fdnet_node_tag_encode(bytes, tag);
	struct nametag *kept = &tags[slot_of(bytes, len)];
	int fd;

	if (kept->fd >= 0 && kept->len == len &&
	    !memcmp(kept->bytes, bytes, len))
		return kept->fd;
	fd = make(bytes, len);
	if (fd < 0)
		return fd;
	/* those on their way hold the old one */
	if (kept->fd >= 0)
		close(kept->fd);
	memcpy(kept->bytes, bytes, len);
	kept->len = len;
	kept->fd = fd;
	return fd;
}
