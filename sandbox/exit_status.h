/* SPDX-License-Identifier: Apache-2.0 */
/* What fdnet-run exits with when it is not the program's own status; the
 * manual page has the same table. */
#ifndef SANDBOX_EXIT_STATUS_H
#define SANDBOX_EXIT_STATUS_H

enum exit_status {
	/* fdnet-run itself failed: bad option, no relay, no fence */
	EXIT_OWN_FAILURE = 125,
	/* the program was found but could not be run, as in a shell */
	EXIT_CANNOT_RUN = 126,
	/* the program was not found, as in a shell */
	EXIT_NOT_FOUND = 127,
	/* plus the number of the signal that ended the program */
	EXIT_SIGNALLED = 128,
};

#endif
