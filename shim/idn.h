/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in letters beyond ASCII (RFC 5891), by the functions that libc has for
 * its own getaddrinfo(): they load libidn2 where it is installed.
 */
#ifndef SHIM_IDN_H
#define SHIM_IDN_H

/**
 * shim_idn_encode, shim_idn_decode - between the locale's letters and the form
 * that is asked for
 * @ret:  for free()
 *
 * Returns 0 or EAI_*: EAI_IDN_ENCODE when it cannot be, or there is no libidn2.
 */
int shim_idn_encode(const char *name, char **ret);
int shim_idn_decode(const char *name, char **ret);

#endif
