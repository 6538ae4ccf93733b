/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can the program's pointers be used? The kernel answers a bad one with
 * EFAULT; we would crash on it, in the middle of a call.
 *
 * How it works: the null page and the kernel's half are told by their number.
 * Any other page is shown to the kernel once, in a system call that reads it
 * or writes nothing to it, and remembered in a small cache. So a call whose
 * buffers were seen before costs two table look-ups. A page that is unmapped
 * after it was seen faults in the program's own thread, as if it had touched
 * it itself. First and last page of a range are looked at.
 */
#ifndef SHIM_UACCESS_H
#define SHIM_UACCESS_H

#include <stdbool.h>
#include <stddef.h>

/** shim_can_read, shim_can_write - may @len bytes at @ptr be touched? True
 * for no bytes. Any thread, lock or not; no errno. */
bool shim_can_read(const void *ptr, size_t len);
bool shim_can_write(const void *ptr, size_t len);

#endif
