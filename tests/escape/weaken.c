/* SPDX-License-Identifier: Apache-2.0 */
/* The words of FDNET_WEAKEN; see sandbox/weaken.h. */
#include "config.h"

#include "sandbox/weaken.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool weaken(const char *what, const char *more)
{
	const char *words = getenv("FDNET_WEAKEN");
	char word[64], list[4096];

	snprintf(word, sizeof(word), ",%s%s,", what, more);
	snprintf(list, sizeof(list), ",%s,", words ? words : "");
	return strstr(list, word);
}
