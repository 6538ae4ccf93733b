/* SPDX-License-Identifier: Apache-2.0 */
/* The table of refused system calls. filter_rules.h says how to read it. */
#include "config.h"

#include "sandbox/filter_rules.h"

#include <errno.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* Calls newer than the kernel headers of Debian 12; their numbers are the
 * same on every architecture. */
#ifndef __NR_open_tree_attr
#define __NR_open_tree_attr 467
#endif

#define IOCTL_TUNSETIFF 0x400454ca /* linux/if_tun.h */
/* The low four bits of socketpair's second argument are the type. */
#define TYPE_BITS 0xf
#define ALL_32	  0xffffffff

#define RULE(name, err, why_, ...)                                             \
	{                                                                      \
		.call = #name, .nr = __NR_##name, .error = err, .why = why_,   \
		__VA_ARGS__                                                    \
	}
#define RULE_EACH(name, err, arg_, mask_, first_, last_, step_, why_, ...)     \
	RULE(name, err, why_, .cond = FILTER_EACH, .arg = arg_, .mask = mask_, \
	     .first = first_, .last = last_, .step = step_, __VA_ARGS__)
#define RULE_BIT(name, err, arg_, bit, why_, ...)                              \
	RULE_EACH(name, err, arg_, bit, bit, bit, 1, why_, __VA_ARGS__)
#define RULE_ANY(name, err, arg_, mask_, why_, ...)                            \
	RULE(name, err, why_, .cond = FILTER_ANY, .arg = arg_, .mask = mask_,  \
	     __VA_ARGS__)
#define RULE_IS(name, err, arg_, value, why_, ...)                             \
	RULE_EACH(name, err, arg_, ALL_32, value, value, 1, why_, __VA_ARGS__)
#define RULE_NOT(name, err, arg_, value, why_, ...)                            \
	RULE(name, err, why_, .cond = FILTER_NOT, .arg = arg_, .first = value, \
	     __VA_ARGS__)

#define ALONE	    .unless = FILTER_SUPERVISED
#define SUPERVISED  .needs = FILTER_SUPERVISED
#define SHARED_PIDS .unless = FILTER_OWN_PIDS
#define SHARED_IPC  .unless = FILTER_OWN_IPC

/* Answered by the supervisor, but for the preload's own (FILTER_MAGIC). */
#define ASK(name, why_)                                                        \
	RULE_NOT(name, FILTER_NOTIFY, 5, FILTER_MAGIC, why_, SUPERVISED)
#define OUTSIDER(name, arg_)                                                   \
	RULE_NOT(name, EPERM, arg_, 0, "slows or stops a process outside",     \
		 SHARED_PIDS)

const struct filter_rule filter_rules[] = {
	/* ---- sockets: the only ones inside are AF_UNIX, and those of other
	 * families are made by the supervisor, as ends of AF_UNIX pairs ---- */
	RULE(socket, EAFNOSUPPORT,
	     "every family is a way to the host or to its services", ALONE),
	RULE_EACH(socket, FILTER_NOTIFY, 0, ALL_32, AF_UNIX, AF_INET, 1,
		  "AF_UNIX goes on if a stream; a datagram one, and AF_INET, "
		  "is an end of a pair",
		  SUPERVISED),
	RULE_IS(socket, FILTER_NOTIFY, 0, AF_INET6, "an end of a pair",
		SUPERVISED),
	RULE_IS(socket, FILTER_NOTIFY, 0, AF_NETLINK,
		"an end of a pair, at which the sandbox's interfaces are shown",
		SUPERVISED),
	RULE_IS(socket, EAFNOSUPPORT, 0, AF_UNSPEC, "no such family",
		SUPERVISED),
	RULE_EACH(socket, EAFNOSUPPORT, 0, ALL_32, 3, 9, 1,
		  "every family is a way to the host", SUPERVISED),
	RULE_EACH(socket, EAFNOSUPPORT, 0, ALL_32, 11, 15, 1,
		  "every family is a way to the host", SUPERVISED),
	RULE_EACH(socket, EAFNOSUPPORT, 0, ALL_32, 17, 63, 1,
		  "every family is a way to the host", SUPERVISED),
	RULE_ANY(socket, EAFNOSUPPORT, 0, ~63u, "families to come",
		 SUPERVISED),
	RULE_NOT(socketpair, EOPNOTSUPP, 0, AF_UNIX,
		 "only AF_UNIX pairs talk to nobody else"),
	RULE_EACH(socketpair, ESOCKTNOSUPPORT, 1, TYPE_BITS, 0, 0, 1,
		  "no such type"),
	RULE_EACH(socketpair, ESOCKTNOSUPPORT, 1, TYPE_BITS, 2, 4, 1,
		  "an end of a datagram pair can be given another address"),
	RULE_EACH(socketpair, ESOCKTNOSUPPORT, 1, TYPE_BITS, 6, 15, 1,
		  "types that do not exist yet"),
	RULE(connect, EPERM, "a passed socket could be pointed elsewhere",
	     ALONE),
	RULE(bind, EPERM, "a passed socket could be made to listen", ALONE),
	RULE(listen, EPERM, "a passed socket could be made to listen", ALONE),
	RULE(accept, EPERM, "a passed listener would let the host in", ALONE),
	RULE(accept4, EPERM, "a passed listener would let the host in", ALONE),
	RULE_NOT(sendto, EPERM, 4, 0,
		 "an address sends a datagram past connect()", ALONE),
	RULE(connect, FILTER_NOTIFY, "done by the relay, or by the supervisor "
	     "for sockets of this sandbox", SUPERVISED),
	RULE(bind, FILTER_NOTIFY, "likewise", SUPERVISED),
	RULE(listen, FILTER_NOTIFY, "likewise", SUPERVISED),
	RULE(accept, FILTER_NOTIFY, "likewise", SUPERVISED),
	RULE(accept4, FILTER_NOTIFY, "likewise", SUPERVISED),
	RULE_NOT(sendto, FILTER_NOTIFY, 4, 0, "the address becomes a frame",
		 SUPERVISED),
	RULE_NOT(recvfrom, FILTER_NOTIFY, 4, 0, "a frame becomes the address",
		 SUPERVISED),
	ASK(sendmsg, "its address is behind a pointer"),
	ASK(recvmsg, "its address is behind a pointer"),
	ASK(sendmmsg, "its addresses are behind a pointer"),
	ASK(recvmmsg, "its addresses are behind a pointer"),
	ASK(getsockname, "the pair's end has no name"),
	ASK(getpeername, "the pair's end has no name"),
	ASK(getsockopt, "options of the relay's socket"),
	ASK(setsockopt, "options of the relay's socket"),
	ASK(shutdown, "of the relay's listener; what is not connected says so"),
	RULE_BIT(sendto, EOPNOTSUPP, 3, MSG_FASTOPEN,
		 "MSG_FASTOPEN connects without connect(); programs then do"),
	RULE_BIT(sendmsg, EOPNOTSUPP, 2, MSG_FASTOPEN,
		 "MSG_FASTOPEN connects without connect(); programs then do"),
	RULE_BIT(sendmmsg, EOPNOTSUPP, 3, MSG_FASTOPEN,
		 "MSG_FASTOPEN connects without connect(); programs then do"),

	/* ---- calls whose operations seccomp cannot see ---- */
	RULE(io_uring_setup, ENOSYS, "rings make sockets unseen by a filter"),
	RULE(io_uring_enter, ENOSYS, "rings make sockets unseen by a filter"),
	RULE(io_uring_register, ENOSYS, "rings make sockets unseen by a filter"),
	RULE(epoll_pwait2, ENOSYS,
	     "by hand, beside libc's other calls (bun), it sees no socket of "
	     "the preloaded library's; epoll_pwait() is what programs try "
	     "next"),
	RULE(clone3, ENOSYS,
	     "its flags are behind a pointer; libc falls back to clone"),

	/* ---- namespaces and mounts ---- */
	RULE_BIT(clone, EPERM, 0, CLONE_NEWNS, "a new mount namespace"),
	RULE_BIT(clone, EPERM, 0, CLONE_NEWCGROUP, "a new cgroup namespace"),
	RULE_BIT(clone, EPERM, 0, CLONE_NEWUTS, "a new uts namespace"),
	RULE_BIT(clone, EPERM, 0, CLONE_NEWIPC, "a new ipc namespace"),
	RULE_BIT(clone, EPERM, 0, CLONE_NEWUSER,
		 "a user namespace gives new capabilities"),
	RULE_BIT(clone, EPERM, 0, CLONE_NEWPID, "a new pid namespace"),
	RULE_BIT(clone, EPERM, 0, CLONE_NEWNET, "a new network namespace"),
	RULE_BIT(unshare, EPERM, 0, CLONE_NEWTIME, "a new time namespace"),
	RULE_BIT(unshare, EPERM, 0, CLONE_NEWNS, "a new mount namespace"),
	RULE_BIT(unshare, EPERM, 0, CLONE_NEWCGROUP, "a new cgroup namespace"),
	RULE_BIT(unshare, EPERM, 0, CLONE_NEWUTS, "a new uts namespace"),
	RULE_BIT(unshare, EPERM, 0, CLONE_NEWIPC, "a new ipc namespace"),
	RULE_BIT(unshare, EPERM, 0, CLONE_NEWUSER,
		 "a user namespace gives new capabilities"),
	RULE_BIT(unshare, EPERM, 0, CLONE_NEWPID, "a new pid namespace"),
	RULE_BIT(unshare, EPERM, 0, CLONE_NEWNET, "a new network namespace"),
	RULE(setns, EPERM, "joins the host's namespaces"),
	RULE(mount, EPERM, "exposes paths"),
	RULE(umount2, EPERM, "uncovers paths"),
	RULE(pivot_root, EPERM, "exposes paths"),
	RULE(chroot, EPERM,
	     "with its capability one gets out of a root that fdnet-run was "
	     "started in",
	     .unless = FILTER_MAY_CHROOT),
	RULE(open_tree, ENOSYS, "the new mount interface"),
	RULE(open_tree_attr, ENOSYS, "the new mount interface"),
	RULE(move_mount, ENOSYS, "the new mount interface"),
	RULE(fsopen, ENOSYS, "the new mount interface"),
	RULE(fsconfig, ENOSYS, "the new mount interface"),
	RULE(fsmount, ENOSYS, "the new mount interface"),
	RULE(fspick, ENOSYS, "the new mount interface"),
	RULE(mount_setattr, ENOSYS, "the new mount interface"),

	/* ---- other processes of the same user ---- */
	RULE(ptrace, EPERM, "drives a process outside the fence"),
	RULE(process_vm_readv, EPERM, "reads a process outside"),
	RULE(process_vm_writev, EPERM, "writes a process outside"),
	RULE(process_madvise, EPERM, "pages out a process outside"),
	RULE(pidfd_getfd, EPERM, "takes a socket from a process outside"),
	RULE(kcmp, EPERM, "looks into a process outside"),
	RULE_NOT(prlimit64, EPERM, 0, 0,
		 "starves a process outside, such as the relay", SHARED_PIDS),
	OUTSIDER(sched_setaffinity, 0),
	OUTSIDER(sched_setscheduler, 0),
	OUTSIDER(sched_setparam, 0),
	OUTSIDER(sched_setattr, 0),
	OUTSIDER(migrate_pages, 0),
	OUTSIDER(move_pages, 0),
	OUTSIDER(setpriority, 0),
	OUTSIDER(setpriority, 1),
	RULE_NOT(ioprio_set, EPERM, 0, 1, "slows processes outside",
		 SHARED_PIDS),
	OUTSIDER(ioprio_set, 1),

	/* ---- channels to processes outside ---- */
	RULE(shmget, ENOSYS, "System V IPC is the whole machine's", SHARED_IPC),
	RULE(shmat, ENOSYS, "System V IPC is the whole machine's", SHARED_IPC),
	RULE(shmctl, ENOSYS, "System V IPC is the whole machine's", SHARED_IPC),
	RULE(semget, ENOSYS, "System V IPC is the whole machine's", SHARED_IPC),
	RULE(semop, ENOSYS, "System V IPC is the whole machine's", SHARED_IPC),
	RULE(semtimedop, ENOSYS, "System V IPC is the whole machine's",
	     SHARED_IPC),
	RULE(semctl, ENOSYS, "System V IPC is the whole machine's", SHARED_IPC),
	RULE(msgget, ENOSYS, "System V IPC is the whole machine's", SHARED_IPC),
	RULE(msgsnd, ENOSYS, "System V IPC is the whole machine's", SHARED_IPC),
	RULE(msgrcv, ENOSYS, "System V IPC is the whole machine's", SHARED_IPC),
	RULE(msgctl, ENOSYS, "System V IPC is the whole machine's", SHARED_IPC),
	RULE(mq_open, ENOSYS, "queues are the whole machine's", SHARED_IPC),
	RULE(mq_unlink, ENOSYS, "queues are the whole machine's", SHARED_IPC),

	/* ---- kernel interfaces with a record, or shared with the host ---- */
	RULE(bpf, EPERM, "kernel surface"),
	RULE(perf_event_open, EPERM, "kernel surface, watches the host"),
	RULE(userfaultfd, EPERM, "kernel surface"),
	RULE(add_key, EPERM, "the key ring is shared with the host"),
	RULE(request_key, EPERM, "the key ring is shared with the host"),
	RULE(keyctl, EPERM, "the key ring is shared with the host"),
	RULE(open_by_handle_at, EPERM, "opens files past every path"),
	RULE(kexec_load, EPERM, "replaces the kernel"),
#ifdef __NR_kexec_file_load
	RULE(kexec_file_load, EPERM, "replaces the kernel"),
#endif
	RULE(init_module, EPERM, "extends the kernel"),
	RULE(finit_module, EPERM, "extends the kernel"),
	RULE(delete_module, EPERM, "changes the kernel"),
	RULE(reboot, EPERM, "ends the host"),
	RULE(swapon, EPERM, "the host's memory"),
	RULE(swapoff, EPERM, "the host's memory"),
	RULE(syslog, EPERM, "the kernel's log names addresses and devices"),
	RULE(acct, EPERM, "the host's accounting"),
	RULE(sethostname, EPERM, "the host's name"),
	RULE(setdomainname, EPERM, "the host's name"),
#ifdef __NR_iopl
	RULE(iopl, EPERM, "hardware"),
	RULE(ioperm, EPERM, "hardware"),
#endif

	/* ---- a second listener could answer for the first ---- */
	RULE_BIT(seccomp, EBUSY, 1, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		 "the answerer of refused calls must be ours"),

	/* ---- ioctl ---- */
	RULE_IS(ioctl, FILTER_NOTIFY, 1, SIOCOUTQ,
		"what the relay has not sent, too", SUPERVISED),
	RULE_IS(ioctl, EPERM, 1, TIOCSTI, "types into the user's shell"),
	RULE_IS(ioctl, EPERM, 1, TIOCLINUX, "types into the user's console"),
	RULE_EACH(ioctl, EPERM, 1, 0xfffffff0, 0x8910, 0x8940, 0x10,
		  "SIOC...: shows and changes the host's interfaces, and works "
		  "on an AF_UNIX socket too",
		  ALONE),
	RULE_EACH(ioctl, FILTER_NOTIFY, 1, 0xfffffff0, 0x8910, 0x8940, 0x10,
		  "SIOCGIF...: of the sandbox's interfaces; all else is EPERM",
		  SUPERVISED),
	RULE_EACH(ioctl, EPERM, 1, 0xfffffff0, 0x8950, 0x89f0, 0x10,
		  "SIOC...: shows and changes the host's interfaces, and works "
		  "on an AF_UNIX socket too"),
	RULE_EACH(ioctl, EPERM, 1, 0xffffff00, 0x8b00, 0x8b00, 1,
		  "SIOCIW...: the host's wireless interfaces"),
	RULE_IS(ioctl, EPERM, 1, IOCTL_TUNSETIFF,
		"attaches to an interface of the host"),
	RULE_EACH(ioctl, EPERM, 1, 0xff00, 0xaf00, 0xaf00, 1,
		  "vhost: a virtual machine's way to the host"),
};

const size_t filter_rule_count = sizeof(filter_rules) / sizeof(*filter_rules);
