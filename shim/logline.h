/* SPDX-License-Identifier: Apache-2.0 */
/* The shim is silent unless FDNET_LOG asks: a file name, or "stderr". */
#ifndef SHIM_LOGLINE_H
#define SHIM_LOGLINE_H

/** shim_log_init - read FDNET_LOG */
void shim_log_init(void);

/** shim_log - one line, "fdnet[pid]: ..."; nothing unless asked. No malloc. */
void shim_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
