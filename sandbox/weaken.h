/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mistakes on purpose, in a fdnet-run that only the tests build
 * (tests/escape/weak-run, FDNET_WEAKEN): tests/escape/weak leaves out one
 * thing at a time and looks whether the attempts see it. In the real one
 * there is no such code.
 */
#ifndef SANDBOX_WEAKEN_H
#define SANDBOX_WEAKEN_H

#include <stdbool.h>

#ifdef FDNET_WEAKEN
/** weaken - is @what (with @more behind it) among the words of FDNET_WEAKEN? */
bool weaken(const char *what, const char *more);
#else
static inline bool weaken(const char *what, const char *more)
{
	(void)what;
	(void)more;
	return false;
}
#endif

#endif
