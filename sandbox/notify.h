/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the supervisor: calls under way, and what answers them. */
#ifndef SANDBOX_NOTIFY_H
#define SANDBOX_NOTIFY_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/rtnl.h"
#include "sandbox/identity.h"
#include "sandbox/join.h"
#include "sandbox/peers.h"
#include "sandbox/supervise.h"
#include "sandbox/watch.h"
#include "stack/wire/node.h"

/* At once; a call more gets EAGAIN. */
#define CALLS_MAX 4096
/* Bytes of one datagram, with its frame. */
#define CALL_DATA_MAX (65536 + FDNET_NODE_NAME_LEN)
#define KINDS	      1024 /* power of two */

/* What we know of a pumped socket by its cookie; a cache, any entry may be
 * pushed out by another. */
struct kind {
	uint64_t cookie; /* 0: empty */
	uint8_t family;	 /* 4 or 6 */
	uint8_t type;	 /* SOCK_* */
	bool framed;
	bool listening;
	bool begun; /* connect() was asked for: A carries data, or may soon */
};

/*
 * An answer that came too late: its caller was interrupted while we made it.
 * Such a call is made again with the same arguments, by the kernel
 * (SA_RESTART) or by the program after EINTR, and what was done must not be
 * done twice: a bind would find the socket bound, a connection taken for
 * accept() be lost. If the thread's next call is another, it is forgotten.
 */
#define LOST_MAX 16

struct lost {
	pid_t tid; /* 0: empty */
	int nr;
	uint64_t args[6];
	long value;
	int fd; /* that the answer carries, or -1 */
	bool close_on_exec;
	uint64_t at_ms; /* when; it does not stay for long */
	uint64_t born;	/* caller_born() */
};

struct call;

typedef void call_answered_fn(struct call *call,
			      const struct fdnet_node_ans *ans);
typedef void call_ready_fn(struct call *call);

/**
 * struct call - one notification, from its arrival to our answer
 * @id, @tid, @nr, @args:  as the kernel gave them
 * @fd:        the caller's descriptor as it was when we looked, or -1
 * @cookie:    of @fd, and @unix_type the type of that AF_UNIX socket
 * @ask_id:    the request to the relay that it waits for, or 0; @answered
 *             is called then; @ask_deadline_ms: or ENETDOWN is the answer
 * @ready:     called when @watch's fd (which is @fd) is ready, or
 *             @deadline_ms has come (0: none; then @timed_out)
 * @spare_fd:  something more to close at the end, or -1
 * @kind:      what @fd is, when known
 * @name:      an address from the arguments, or the peer's
 * @data, @len:  a datagram on its way; owned
 * @fds, @fd_count:  descriptors that go with it; owned
 * @flags:     of a data call
 * @from, @ttl1, @tos1, @gso:  control messages of @data, as SEND has them
 * @index:     messages that are done, of a call for several
 */
struct call {
	struct supervisor *sup;
	struct call *prev, *next;
	uint64_t id;
	pid_t tid;
	int nr;
	uint64_t args[6];
	int fd, spare_fd;
	uint64_t cookie;
	int unix_type;
	uint32_t ask_id;
	uint64_t ask_deadline_ms;
	call_answered_fn *answered;
	struct watch watch;
	call_ready_fn *ready;
	uint64_t deadline_ms;
	bool timed_out, done;
	bool outside; /* @spare_fd is a socket of the host */
	int connect_error; /* what is wrong with the address */
	uint64_t target; /* cookie of the socket inside that @data is for */
	uint64_t replaces; /* cookie of what @fd is to stand in for, or 0 */
	bool gone; /* at the last look its caller did not wait any more */
	uint64_t born; /* caller_born(), once it has waited for a while, or 0 */
	struct kind kind;
	struct fdnet_name name;
	uint8_t *data;
	size_t len;
	int *fds;
	size_t fd_count;
	int flags;
	struct fdnet_name from;
	uint16_t ttl1, tos1, gso;
	unsigned int index;
};

/* Where a program's socket meets one of ours: sandbox/outside.c. */
struct meeting {
	int fd;	   /* listens */
	int inode; /* O_PATH, without a name */
};

struct bound; /* sandbox/bound.c */
struct netlink;

struct supervisor {
	struct supervise_setup setup;
	struct watch_loop *loop;
	struct watch listener;
	struct watch node; /* the channel to the relay; fd -1: none yet */
	bool node_failed;
	uint32_t next_ask;
	struct call *calls; /* under way */
	unsigned int count;
	struct call *done; /* answered, freed after the round */
	struct kind kinds[KINDS];
	struct bound *bound;
	unsigned int bound_count;
	struct meeting meetings[2]; /* stream, SEQPACKET; -1: none */
	struct joins joins;
	struct peers peers;
	struct identity own, caller; /* the last one that was assumed */
	bool assumed;
	int root_fd; /* our own root, O_PATH; -1: nobody has another */
	bool moved;  /* we are in the caller's */
	struct udgram *udgrams, *udgrams_done;
	unsigned int udgram_count;
	struct netlink *netlinks;
	unsigned int netlink_count;
	struct fdnet_rtnl net;
	bool alone_ends; /* the loop stops when nobody is left */
	struct lost lost[LOST_MAX];
	unsigned int next_lost;
	bool thread_pidfds; /* the kernel gives a pidfd of a thread (6.9) */
	struct seccomp_notif *notif; /* room for one, as large as the kernel's */
	size_t notif_size;
};

/* ---- answers: each ends the call, which is not to be used any more; its
 * memory stays until the round of the loop is over ---- */

/** call_reply - @value: what the program gets, or a negative errno */
void call_reply(struct call *call, long value);
/** call_reply_fd - the program gets a copy of @fd; taken */
void call_reply_fd(struct call *call, int fd, bool close_on_exec);
/** call_reply_in_place - and the caller's descriptor argument 0, if it still is
 * call->replaces, becomes a copy of call->fd */
void call_reply_in_place(struct call *call, long value);
/**
 * call_continue - let the kernel make the call
 * @why:  why whatever another thread does meanwhile is harmless; for readers
 */
void call_continue(struct call *call, const char *why);

/** notif_refuse - a notification that no call was made of */
void notif_refuse(struct supervisor *sup, uint64_t id, int error);
/** call_end - without an answer, which was given or is not wanted */
void call_end(struct call *call);
/** calls_free_done - once the round is over */
void calls_free_done(struct supervisor *sup);

/** call_is_valid - does the caller still wait? */
bool call_is_valid(const struct call *call);

/** lost_give - if @call's thread comes back for an answer it has it, and true
 * is returned; its next call decides: the same one again, or none */
bool lost_give(struct call *call);
/** lost_forget_old, lost_end - a connection nobody comes back for is closed */
void lost_forget_old(struct supervisor *sup, uint64_t now);
void lost_end(struct supervisor *sup);
bool lost_is_any(const struct supervisor *sup);

/* ---- what waits ---- */

/** supervise_now_ms - of the monotonic clock */
uint64_t supervise_now_ms(void);

/** call_ask - ask the relay about call->cookie; @fd (or -1) goes along,
 * borrowed. Ends the call with ENETDOWN if there is no relay, or if it does
 * not answer for long; a blocking connect() clears call->ask_deadline_ms */
void call_ask(struct call *call, struct fdnet_node_req *req, int fd,
	      call_answered_fn *answered);
/** call_wait - until call->fd shows one of @events (EPOLLIN, EPOLLOUT), or
 * @timeout_ms have passed (0: no limit) */
void call_wait(struct call *call, uint32_t events, uint64_t timeout_ms,
	       call_ready_fn *ready);

/* ---- the caller's memory and descriptors (caller.c) ---- */

/** call_read, call_write - @len bytes at the caller's @addr. 0 or -EFAULT,
 * -ESRCH (it is gone) */
int call_read(const struct call *call, uint64_t addr, void *dst, size_t len);
int call_write(const struct call *call, uint64_t addr, const void *src,
	       size_t len);
/** caller_born - when this thread was started, which tells it from another
 * that had its number before; 0: there is none */
uint64_t caller_born(pid_t tid);
/** call_take_fd - the caller's descriptor number @number, as call->fd, with
 * call->cookie and call->unix_type. 0, -EBADF, -ENOTSOCK, -ESRCH, -EPERM;
 * -ESOCKTNOSUPPORT: a socket, but not AF_UNIX (one that --inherit gave) */
int call_take_fd(struct call *call, int number);
/** call_copy_fd - the caller's descriptor number @number, for us to close, or a
 * negative errno as above */
int call_copy_fd(const struct call *call, int number);
/** call_give_fd - the caller gets a copy of @fd, before its answer; its number
 * there, or a negative errno */
int call_give_fd(const struct call *call, int fd, bool close_on_exec);
/** call_fd_is - is the caller's descriptor number @number the socket @cookie? */
bool call_fd_is(const struct call *call, int number, uint64_t cookie);
/** call_fd_closes_on_exec - likewise: is it FD_CLOEXEC? */
bool call_fd_closes_on_exec(const struct call *call, int number);
/** call_is_nonblocking - call->fd, or MSG_DONTWAIT in @flags */
bool call_is_nonblocking(const struct call *call, int flags);

/* ---- addresses (sockaddr.c) ---- */

/** sockaddr_read - an address of the caller's: 0, or a negative errno */
int sockaddr_read(const struct call *call, uint64_t addr, uint64_t len,
		  struct sockaddr_storage *ret_sa, socklen_t *ret_len);
/** sockaddr_to_name - 0, -EINVAL, -EAFNOSUPPORT */
int sockaddr_to_name(const struct sockaddr_storage *sa, socklen_t len,
		     struct fdnet_name *ret_name);
/** sockaddr_from_name - as a socket of @family (4, 6) shows it; its length */
socklen_t sockaddr_from_name(struct sockaddr_storage *sa, int family,
			     const struct fdnet_name *name);
/** sockaddr_write - to the caller's memory, cut to what is at @len_addr */
int sockaddr_write(const struct call *call, uint64_t addr, uint64_t len_addr,
		   const struct sockaddr_storage *sa, socklen_t len);

/* ---- kinds ---- */

struct kind *kind_find(struct supervisor *sup, uint64_t cookie);
void kind_put(struct supervisor *sup, const struct kind *kind);
/** kind_learn - call->kind, from the relay's answer to NAMES */
void kind_learn(struct call *call, const struct fdnet_node_ans *ans);

/* ---- handlers: one for each notified call; they end it ---- */

/**
 * inet_take_socket - the caller's socket, as argument 0
 *
 * A socket of the host that --inherit gave is the kernel's for what moves data,
 * and for the rest refused: it was given as it is. Returns false when the call
 * has ended.
 */
bool inet_take_socket(struct call *call);

/**
 * inet_make_pair - a socket's two ends, as the relay wants them
 * @flags:  SOCK_NONBLOCK of A, or 0
 * @ret_cookie:  of A
 * Returns 0 or a negative errno.
 */
int inet_make_pair(bool stream, int flags, int *ret_a, int *ret_b,
		   uint64_t *ret_cookie);

void inet_socket(struct call *call);
void handle_connect(struct call *call);
void handle_bind(struct call *call);
void handle_listen(struct call *call);
void handle_accept(struct call *call);
void handle_name(struct call *call); /* getsockname, getpeername */
void handle_getsockopt(struct call *call);
void handle_setsockopt(struct call *call);
void handle_shutdown(struct call *call);
void handle_ioctl(struct call *call); /* SIOCOUTQ, SIOCGIF... */
void handle_send(struct call *call); /* sendto, sendmsg, sendmmsg */
void handle_recv(struct call *call); /* recvfrom, recvmsg, recvmmsg */
/** dgram_receive - the call is one of these, on a datagram socket: call->kind,
 * and the peer's name as call->name, if it has one */
void dgram_receive(struct call *call);

/* AF_UNIX: call->fd is there; @sa is the caller's, copied */
void unix_bind(struct call *call, const struct sockaddr_storage *sa,
	       socklen_t len);
void unix_connect(struct call *call, const struct sockaddr_storage *sa,
		  socklen_t len);
/** unix_find - the inode that @sa names for the caller, if it may be reached,
 * as call->spare_fd. 0 or a negative errno */
int unix_find(struct call *call, const struct sockaddr_storage *sa,
	      socklen_t len);
/** unix_is_stream - call->fd is an AF_UNIX stream or SEQPACKET socket */
bool unix_is_stream(const struct call *call);
void unix_listen(struct call *call);
void unix_accept(struct call *call);
/** unix_peer - whom SO_PEERCRED of call->fd shows, unless the kernel knows */
bool unix_peer(const struct call *call, struct ucred *ret_cred);
void unix_end(struct supervisor *sup);

/** rights_drop - close call->fds (rights.c) */
void rights_drop(struct call *call);

/* NETLINK_ROUTE */
void netlink_socket(struct call *call);
struct netlink *netlink_find(struct supervisor *sup, uint64_t cookie);
/** netlink_name - the sockaddr_nl of the socket (@peer: of the kernel) */
socklen_t netlink_name(const struct netlink *netlink, bool peer,
		       struct sockaddr_storage *sa);
/** netlink_option - of SOL_SOCKET, what its pair's end would not know */
bool netlink_option(const struct netlink *netlink, int name, int *ret_value);
void netlink_end(struct supervisor *sup);
int netlink_init(struct supervisor *sup);

#endif
