/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "shim/direct.h"

#include <string.h>
#include <sys/single_threaded.h>
#include <sys/socket.h>

#include "base/spin.h"
#include "shim/awake.h"
#include "shim/file.h"
#include "shim/lock.h"
#include "shim/mirror.h"
#include "shim/net.h"
#include "shim/raw.h"
#include "shim/wait.h"
#include "stack/tcp_direct.h"

/* How long a writer waits for its reader, looks between two at the clock, and
 * from how much on. */
#define SPIN_US	   60
#define SPIN_LOOKS 16
#define LEAST	   16384
/* Entries at most. */
#define IOV_MAX_LENT 16

/* Of one call; on its stack, and the file's it is lent to until that returns. */
struct shim_loan {
	struct shim_file *from;
	const struct iovec *iov;
	int iovcnt;
	size_t at;     /* of iov[0] */
	size_t taken;  /* of all */
	bool over;     /* nothing is left, or the rest was queued */
};

/* As much as both have; @loan goes on by that. */
static size_t copy(const struct iovec *to, int nto, struct shim_loan *loan)
{
	size_t pos = 0, sum = 0;

	while (nto && loan->iovcnt && sum < FDNET_TCP_DIRECT_MAX) {
		size_t n = to->iov_len - pos;

		if (n > loan->iov->iov_len - loan->at)
			n = loan->iov->iov_len - loan->at;
		if (n > FDNET_TCP_DIRECT_MAX - sum)
			n = FDNET_TCP_DIRECT_MAX - sum;
		memcpy((char *)to->iov_base + pos,
		       (const char *)loan->iov->iov_base + loan->at, n);
		sum += n;
		pos += n;
		loan->at += n;
		if (pos == to->iov_len) {
			to++;
			nto--;
			pos = 0;
		}
		if (loan->at == loan->iov->iov_len) {
			loan->iov++;
			loan->iovcnt--;
			loan->at = 0;
		}
	}
	return sum;
}

static void end(struct shim_file *to)
{
	struct shim_loan *loan = to->loan;

	to->loan = NULL;
	__atomic_store_n(&loan->over, true, __ATOMIC_RELEASE);
}

/* The reader's end, where bytes may be lent: all that was written before is
 * there. */
static struct shim_file *borrower(struct shim_file *file)
{
	struct fdnet_sock *peer;
	struct shim_file *to;

	if (fdnet_sock_direct(file->so, &peer) < FDNET_DIRECT_UNREAD)
		return NULL;
	to = fdnet_sock_user(peer);
	/* what the kernel shows is not worth to be changed for a moment */
	if (!to || to->loan || to->pumped || to->moving || to->watched)
		return NULL;
	return to;
}

/* Until all is taken, or there was no progress. Releases the lock. */
static enum fdnet_spin_end wait_reader(const struct shim_loan *loan,
				       uint64_t start)
{
	uint64_t last = start, now = start;
	size_t taken = 0;

	while (now - start < SPIN_US) {
		for (int i = 0; i < SPIN_LOOKS; i++) {
			raw_pause();
			if (__atomic_load_n(&loan->over, __ATOMIC_ACQUIRE))
				return FDNET_SPIN_FOUND;
		}
		now = shim_now_us();
		if (__atomic_load_n(&loan->taken, __ATOMIC_RELAXED) != taken) {
			taken = __atomic_load_n(&loan->taken, __ATOMIC_RELAXED);
			start = now;
		} else if (now - last > FDNET_SPIN_PREEMPTED_US) {
			return FDNET_SPIN_PREEMPTED;
		}
		last = now;
	}
	return FDNET_SPIN_NOTHING;
}

size_t shim_direct_send(struct shim_file *file, const struct iovec *iov,
			int iovcnt, int flags)
{
	static struct fdnet_spin spin;
	struct shim_loan loan = { file, iov, iovcnt, 0, 0, false };
	enum fdnet_spin_end how;
	struct shim_file *to;
	size_t total = 0;
	uint64_t start;

	for (int i = 0; i < iovcnt; i++)
		total += iov[i].iov_len;
	if (total < LEAST || flags & ~MSG_NOSIGNAL || file->moving ||
	    iovcnt > IOV_MAX_LENT || __libc_single_threaded)
		return 0;
	to = borrower(file);
	if (!to)
		return 0;
	start = shim_now_us();
	if (!shim_awake_may(&spin, start))
		return 0;
	shim_file_hold(to);
	to->loan = &loan;
	shim_wait_ring(to, FDNET_EV_IN);
	shim_mirror_event(to, FDNET_EV_IN);
	shim_unlock_only();
	how = wait_reader(&loan, start);
	shim_lock_only();
	if (to->loan == &loan)
		to->loan = NULL;
	shim_file_put(to);
	fdnet_spin_ended(&spin, shim_now_us() - start,
			 loan.over ? FDNET_SPIN_FOUND : how);
	return loan.taken;
}

void shim_direct_settle(struct shim_file *file)
{
	struct shim_loan *loan = file->loan;
	struct fdnet_msg msg = { .ttl = -1, .tos = -1 };
	struct iovec rest[IOV_MAX_LENT];
	ssize_t rc;

	if (!loan)
		return;
	end(file);
	if (!loan->from->so || loan->from->moving)
		return; /* it will find out */
	memcpy(rest, loan->iov, (size_t)loan->iovcnt * sizeof(rest[0]));
	rest[0].iov_base = (char *)rest[0].iov_base + loan->at;
	rest[0].iov_len -= loan->at;
	msg.iov = rest;
	msg.iovcnt = loan->iovcnt;
	rc = fdnet_sock_send(loan->from->so, &msg);
	if (rc > 0)
		__atomic_store_n(&loan->taken, loan->taken + (size_t)rc,
				 __ATOMIC_RELAXED);
	shim_net_flush();
}

static bool may_take(struct shim_file *file, const struct shim_loan *loan)
{
	struct fdnet_sock *peer;
	enum fdnet_direct rc;

	if (!loan->from->so || loan->from->moving || file->moving)
		return false;
	rc = fdnet_sock_direct(loan->from->so, &peer);
	if (rc == FDNET_DIRECT_FLUSH) {
		shim_net_flush();
		rc = fdnet_sock_direct(loan->from->so, &peer);
	}
	return rc == FDNET_DIRECT_NOW && peer == file->so;
}

size_t shim_direct_recv(struct shim_file *file, const struct iovec *iov,
			int iovcnt)
{
	struct shim_loan *loan = file->loan;
	size_t n = 0;

	if (!loan)
		return 0;
	if (may_take(file, loan))
		n = copy(iov, iovcnt, loan);
	if (!n) {
		/* else it would be readable, and could not be read */
		shim_direct_settle(file);
		return 0;
	}
	fdnet_sock_direct_pass(loan->from->so, file->so, (uint32_t)n);
	__atomic_store_n(&loan->taken, loan->taken + n, __ATOMIC_RELAXED);
	if (!loan->iovcnt)
		end(file);
	return n;
}

uint32_t shim_direct_poll(const struct shim_file *file)
{
	return fdnet_sock_poll(file->so) | (file->loan ? FDNET_EV_IN : 0);
}
