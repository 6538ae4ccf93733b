/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packetdrill's shared object: what its files share.
 *
 * How it works: one stack, one lock, and a clock that moves only when
 * packetdrill sleeps, asks for a packet that is not there yet, or asks for the
 * time (by a microsecond, for it spins). A blocked call of packetdrill's
 * second thread is woken after each step of the clock, and the clock stands
 * still until that call blocks again or its caller has asked for the time, so
 * that results do not depend on how busy the machine is.
 */
#ifndef TESTS_PACKETDRILL_ADAPTER_H
#define TESTS_PACKETDRILL_ADAPTER_H

#include <pthread.h>

#include <fdnet/stack.h>

#include "tests/packetdrill/interface.h"

#define PD_FDS 1024

struct pd_out {
	struct pd_out *next;
	uint64_t time_us;
	size_t len;
	uint8_t data[];
};

enum pd_kind {
	PD_NONE,
	PD_SOCK,
	PD_EPOLL,
};

struct pd_watch {
	struct pd_watch *next;
	int fd;
	uint32_t events; /* with EPOLLET, EPOLLONESHOT */
	uint32_t fired;	 /* edges not told yet */
	epoll_data_t data;
	bool spent; /* EPOLLONESHOT, and it was */
};

/* What stands behind an fd; the number is held by an fd of /dev/null. */
struct pd_file {
	enum pd_kind kind;
	int flags; /* O_RDWR, O_NONBLOCK */
	struct fdnet_sock *so;
	int family;
	uint64_t rcvtimeo_us, sndtimeo_us; /* 0: for ever */
	struct pd_watch *watches; /* of an epoll */
};

struct pd_waiter {
	struct pd_waiter *next;
	uint64_t deadline_us;
};

struct pd {
	pthread_mutex_t lock;
	pthread_cond_t moved;	/* the clock moved, or something arrived */
	pthread_cond_t settled; /* a woken thread has blocked again */
	pthread_t main;
	struct fdnet_pkt_pool *pool;
	struct fdnet_stack *stack;
	uint64_t now_us;
	struct pd_out *out_head, *out_tail;
	struct pd_waiter *waiters;
	unsigned int unsettled;
	long long sysctls_read; /* bytes of the file */
	struct fdnet_tcp_settings tcp;
	struct pd_file files[PD_FDS];
};

/** pd_lock - enter: takes the lock; pd_unlock leaves, with @rc as libc has it */
void pd_lock(struct pd *pd);
ssize_t pd_unlock(struct pd *pd, ssize_t rc);

/** pd_file_new - a free number; -EMFILE */
int pd_file_new(struct pd *pd, enum pd_kind kind);
/** pd_file - or NULL */
struct pd_file *pd_file(struct pd *pd, int fd, enum pd_kind kind);
/** pd_file_close - give the number back, and what is behind it */
void pd_file_close(struct pd *pd, int fd);

/** pd_pump - take what the stack has to send; note events for epoll */
void pd_pump(struct pd *pd);

/**
 * pd_block - repeat @attempt until it says something other than -EAGAIN
 * @timeout_us:  0: do not wait; FDNET_NEVER: for ever
 */
ssize_t pd_block(struct pd *pd, uint64_t timeout_us,
		 ssize_t (*attempt)(struct pd *pd, void *arg), void *arg);

/** pd_read_sysctls - what the script's sysctl commands have set since */
void pd_read_sysctls(struct pd *pd);

/** pd_fill_calls, pd_fill_watch - their part of the table */
void pd_fill_calls(struct packetdrill_interface *ifc);
void pd_fill_watch(struct packetdrill_interface *ifc);

/** packetdrill_interface_init - what packetdrill looks up. @flags:
 * comma-separated NAME=VALUE, see adapter.c */
void packetdrill_interface_init(const char *flags,
				struct packetdrill_interface *ifc);

#endif
