/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "sandbox/supervise.h"

bool supervise_is_possible(void)
{
	return false;
}
