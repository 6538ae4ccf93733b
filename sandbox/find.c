/* SPDX-License-Identifier: Apache-2.0 */
/* Where the relay and the shim are; see find.h. */
#include "config.h"

#include "sandbox/find.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/say.h"

const struct find_row find_relay = {
	.what = "relay",
	.env = "FDNET_RELAY_BIN",
	.beside = {"fdnet-relay"},
	.installed = FDNET_LIBEXECDIR "/fdnet-relay",
};

const struct find_row find_shim = {
	.what = "preload library",
	.env = "FDNET_LIB",
	.beside = {".libs/libfdnet.so", "libfdnet.so"},
	.installed = FDNET_LIBDIR "/libfdnet.so",
};

/* The folder of our executable. libtool's wrapper runs .libs/lt-NAME or
 * .libs/NAME; the build tree is then one up. */
static int own_folder(char *ret_path)
{
	char *slash;
	ssize_t len;

	len = readlink("/proc/self/exe", ret_path, PATH_MAX - 1);
	if (len < 0)
		return -errno;
	ret_path[len] = '\0';
	slash = strrchr(ret_path, '/');
	*slash = '\0';
	slash = strrchr(ret_path, '/');
	if (slash && !strcmp(slash, "/.libs"))
		*slash = '\0';
	return 0;
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int find_file(const struct find_row *row, char *ret_path)
{
	char folder[PATH_MAX], path[PATH_MAX + 32];
	const char *env = getenv(row->env);
	size_t i;

	if (env && *env) {
		if (is_file(env) && realpath(env, ret_path))
			return 0;
		say("%s=%s: no such file (the %s)", row->env, env, row->what);
		return -ENOENT;
	}
	if (own_folder(folder) == 0) {
		for (i = 0; row->beside[i]; i++) {
			snprintf(path, sizeof(path), "%s/%s", folder,
				 row->beside[i]);
			if (is_file(path) && realpath(path, ret_path))
				return 0;
		}
	}
	if (is_file(row->installed) && realpath(row->installed, ret_path))
		return 0;
	say("the %s was not found: neither beside fdnet-run nor at %s; set %s "
	    "to its path",
	    row->what, row->installed, row->env);
	return -ENOENT;
}
