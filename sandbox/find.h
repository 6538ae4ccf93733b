/* SPDX-License-Identifier: Apache-2.0 */
/* Where the relay and the shim are. */
#ifndef SANDBOX_FIND_H
#define SANDBOX_FIND_H

#include <limits.h>

/**
 * struct find_row - a file to find
 * @env:     environment variable that names it, before everything else
 * @beside:  names to try beside our own executable (the build tree)
 * @installed:  where make install puts it
 */
struct find_row {
	const char *what;
	const char *env;
	const char *beside[3];
	const char *installed;
};

extern const struct find_row find_relay;
extern const struct find_row find_shim;

/**
 * find_file - look for a file of ours
 * @ret_path:  absolute path, PATH_MAX bytes
 *
 * A path named by the environment is taken or fails; it is not passed over.
 * Returns 0, or -ENOENT after having said where it looked.
 */
int find_file(const struct find_row *row, char *ret_path);

#endif
