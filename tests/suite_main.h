/* SPDX-License-Identifier: Apache-2.0 */
/* main() of a test program with one suite. */
#ifndef TESTS_SUITE_MAIN_H
#define TESTS_SUITE_MAIN_H

#include <check.h>
#include <stdlib.h>

#define N_ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

#define SUITE_MAIN(suite)                                                      \
	int main(void)                                                         \
	{                                                                      \
		SRunner *sr = srunner_create(suite());                         \
		int failed;                                                    \
                                                                               \
		srunner_run_all(sr, CK_ENV);                                   \
		failed = srunner_ntests_failed(sr);                            \
		srunner_free(sr);                                              \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                   \
	}

#endif
