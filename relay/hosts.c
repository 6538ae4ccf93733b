/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "relay/hosts.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/hash.h"
#include "relay/names.h"

struct hosts_entry {
	char name[NAMES_MAX_LEN];
	unsigned int n;
	struct fdnet_ip ips[HOSTS_ADDRS];
	UT_hash_handle hh;
};

struct hosts_addr {
	struct fdnet_ip ip;
	const struct hosts_entry *entry;
	UT_hash_handle hh;
};

void hosts_init(struct hosts *hosts)
{
	hosts->names = NULL;
	hosts->addrs = NULL;
}

void hosts_done(struct hosts *hosts)
{
	struct hosts_entry *entry, *entry_tmp;
	struct hosts_addr *addr, *addr_tmp;

	HASH_ITER(hh, hosts->addrs, addr, addr_tmp) {
		HASH_DEL(hosts->addrs, addr);
		free(addr);
	}
	HASH_ITER(hh, hosts->names, entry, entry_tmp) {
		HASH_DEL(hosts->names, entry);
		free(entry);
	}
}

static bool is_name(const char *name)
{
	size_t len = strlen(name), label = 0;

	if (!len || len >= NAMES_MAX_LEN)
		return false;
	for (; *name; name++) {
		if (*name == '.' ? !label :
				   !isalnum((unsigned char)*name) &&
					   *name != '-' && *name != '_')
			return false;
		label = *name == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0;
}

static struct hosts_entry *find_name(const struct hosts *hosts,
				     const char *name)
{
	struct hosts_entry *entry;

	HASH_FIND_STR(hosts->names, name, entry);
	return entry;
}

static int add_name(struct hosts *hosts, const char *name,
		    const struct fdnet_ip *ip, struct hosts_entry **ret_entry)
{
	struct hosts_entry *entry = find_name(hosts, name);

	if (!entry) {
		if (HASH_COUNT(hosts->names) >= HOSTS_MAX)
			return -ENOSPC;
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		memcpy(entry->name, name, strlen(name) + 1);
		HASH_ADD_STR(hosts->names, name, entry);
		if (!hash_added(entry)) {
			free(entry);
			return -ENOMEM;
		}
	}
	for (unsigned int i = 0; i < entry->n; i++)
		if (fdnet_ip_equal(&entry->ips[i], ip))
			return 0;
	if (entry->n < HOSTS_ADDRS)
		entry->ips[entry->n++] = *ip;
	*ret_entry = entry;
	return 0;
}

static int add_addr(struct hosts *hosts, const struct fdnet_ip *ip,
		    const struct hosts_entry *entry)
{
	struct hosts_addr *addr;

	HASH_FIND(hh, hosts->addrs, ip, sizeof(*ip), addr);
	if (addr)
		return 0; /* the first name is the canonical one */
	addr = calloc(1, sizeof(*addr));
	if (!addr)
		return -ENOMEM;
	addr->ip = *ip;
	addr->entry = entry;
	HASH_ADD(hh, hosts->addrs, ip, sizeof(addr->ip), addr);
	if (hash_added(addr))
		return 0;
	free(addr);
	return -ENOMEM;
}

static int read_line(struct hosts *hosts, char *line)
{
	struct hosts_entry *entry = NULL;
	char *save, *word;
	struct fdnet_ip ip;
	int rc = 0;

	line[strcspn(line, "#\n")] = '\0';
	word = strtok_r(line, " \t\r", &save);
	if (!word || fdnet_ip_parse(word, &ip))
		return 0;
	while (!rc && (word = strtok_r(NULL, " \t\r", &save))) {
		for (char *p = word; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		if (!is_name(word))
			continue;
		rc = add_name(hosts, word, &ip, &entry);
		if (!rc && entry)
			rc = add_addr(hosts, &ip, entry);
	}
	return rc;
}

int hosts_read(struct hosts *hosts, FILE *file)
{
	char line[4096];
	int rc = 0;

	while (rc != -ENOMEM && fgets(line, sizeof(line), file))
		rc = read_line(hosts, line);
	return rc == -ENOMEM ? rc : 0;
}

int hosts_find(const struct hosts *hosts, const char *name, int family,
	       struct fdnet_ip *ret_ips)
{
	const struct hosts_entry *entry = find_name(hosts, name);
	int n = 0;

	if (!entry)
		return -ENOENT;
	for (unsigned int i = 0; i < entry->n; i++)
		if (entry->ips[i].family == family)
			ret_ips[n++] = entry->ips[i];
	return n;
}

const char *hosts_name(const struct hosts *hosts, const struct fdnet_ip *ip)
{
	struct hosts_addr *addr;

	HASH_FIND(hh, hosts->addrs, ip, sizeof(*ip), addr);
	return addr ? addr->entry->name : NULL;
}
