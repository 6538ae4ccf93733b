/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls by the instruction itself. libc's syscall() is a name like any
 * other, which the preload answers: by it one would test the preload.
 */
#ifndef ESCAPE_RAW_H
#define ESCAPE_RAW_H

#include <errno.h>

static inline long raw6(long nr, long a, long b, long c, long d, long e, long f)
{
	long rc;

#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	rc = x0;
#else
#error "how are system calls made here?"
#endif
	if (rc >= -4095 && rc < 0) {
		errno = (int)-rc;
		return -1;
	}
	return rc;
}

/* raw(number, arguments...): as syscall(), what is not given is 0 */
#define raw(...) RAW_N(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define RAW_N(nr, a, b, c, d, e, f, ...)                                       \
	raw6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e),        \
	     (long)(f))

#endif
