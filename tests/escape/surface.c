/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the filter's table that need no story of their own: natively the
 * kernel does what is asked, or gets as far as to find fault with the
 * arguments, which do no harm; in the sandbox the fence answers.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/wireless.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/escape/escape.h"
#include "tests/escape/raw.h"

#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif
#define NO_FD	  1023	 /* nothing is open there */
#define BAD_FLAGS 0xdead /* looked at after the caller's rights */

/* The kernel itself has looked: it did it, or says why not. */
static int looked(long rc, int reached)
{
	return rc >= 0 || errno == reached ? OUT : failed();
}

#define TRIED(name, reached, ...)                                              \
	static int name(void)                                                  \
	{                                                                      \
		return looked(raw(__VA_ARGS__), reached);                      \
	}

static char room[4096];

/* ---- namespaces, mounts ---- */

static int in_space(unsigned long flag)
{
	long pid = raw(SYS_clone, flag | SIGCHLD);

	if (pid == 0)
		raw(SYS_exit_group, 0);
	return looked(pid, 0);
}

#define SPACE(name, flag)                                                      \
	static int clone_##name(void)                                          \
	{                                                                      \
		return in_space(flag);                                         \
	}                                                                      \
	TRIED(unshare_##name, 0, SYS_unshare, flag)

SPACE(mnt, CLONE_NEWNS)
SPACE(cgroup, CLONE_NEWCGROUP)
SPACE(uts, CLONE_NEWUTS)
SPACE(ipc, CLONE_NEWIPC)
SPACE(pid, CLONE_NEWPID)
SPACE(net, CLONE_NEWNET)
TRIED(unshare_time, 0, SYS_unshare, 0x80 /* CLONE_NEWTIME */)

TRIED(umount_none, EFAULT, SYS_umount2, NULL, 0)
TRIED(pivot_none, EFAULT, SYS_pivot_root, NULL, NULL)
TRIED(move_mount_none, EBADF, SYS_move_mount, NO_FD, "", NO_FD, "", 0x44)
TRIED(fsconfig_none, EBADF, SYS_fsconfig, NO_FD, 6, NULL, NULL, 0)
TRIED(fsmount_none, EBADF, SYS_fsmount, NO_FD, 0, 0)
TRIED(fspick_none, EFAULT, SYS_fspick, AT_FDCWD, NULL, 0)
TRIED(mount_setattr_none, EFAULT, SYS_mount_setattr, AT_FDCWD, NULL, 0, NULL,
      32)
TRIED(open_tree_attr_none, EFAULT, SYS_open_tree_attr, AT_FDCWD, NULL, 0, NULL,
      0)
TRIED(setns_none, EBADF, SYS_setns, NO_FD, 0)

/* ---- other processes ---- */

TRIED(process_madvise_none, EBADF, SYS_process_madvise, NO_FD, NULL, 0, 20, 0)
TRIED(setparam_victim, 0, SYS_sched_setparam, target.victim, room)
TRIED(migrate_victim, EINVAL, SYS_migrate_pages, target.victim, 0, NULL, NULL)
TRIED(move_pages_victim, 0, SYS_move_pages, target.victim, 0, NULL, NULL, NULL,
      0)

static int setattr_victim(void)
{
	uint32_t attr[12] = {sizeof(attr)};

	return looked(raw(SYS_sched_setattr, target.victim, attr, 0), 0);
}

/* ---- channels ---- */

TRIED(shm_get, 0, SYS_shmget, target.shm_key, 0, 0)
TRIED(shm_at, 0, SYS_shmat, target.shm_id, NULL, SHM_RDONLY)
TRIED(shm_ctl, 0, SYS_shmctl, target.shm_id, IPC_STAT, room)
TRIED(sem_get, 0, SYS_semget, target.shm_key, 0, 0)
TRIED(sem_ctl, 0, SYS_semctl, target.sem_id, 0, GETVAL, 0)
TRIED(msg_get, 0, SYS_msgget, target.msg_key, 0)
TRIED(msg_ctl, 0, SYS_msgctl, target.msg_id, IPC_STAT, room)
TRIED(msg_rcv, ENOMSG, SYS_msgrcv, target.msg_id, room, 8, 0, IPC_NOWAIT)
TRIED(mq_open_host, 0, SYS_mq_open, target.abs, O_RDWR, 0, NULL)

static int sem_op(void)
{
	struct sembuf up = {0, 1, IPC_NOWAIT};

	return looked(raw(SYS_semop, target.sem_id, &up, 1), 0);
}

static int sem_timedop(void)
{
	struct sembuf up = {0, 1, IPC_NOWAIT};

	return looked(raw(SYS_semtimedop, target.sem_id, &up, 1, NULL), 0);
}

static int msg_snd(void)
{
	long message[2] = {1, 0};

	return looked(raw(SYS_msgsnd, target.msg_id, message, 1, IPC_NOWAIT),
		      0);
}

static int mq_unlink_host(void)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-2", target.abs);
	return looked(raw(SYS_mq_unlink, name), 0);
}

/* ---- the kernel ---- */

TRIED(request_key_none, ENOKEY, SYS_request_key, "user", "escape-none", NULL, 0)
TRIED(kexec_none, EINVAL, SYS_kexec_load, 0, 0, NULL, BAD_FLAGS)
#ifdef SYS_kexec_file_load
TRIED(kexec_file_none, EINVAL, SYS_kexec_file_load, -1, -1, 0, NULL, BAD_FLAGS)
#endif
TRIED(finit_module_none, EBADF, SYS_finit_module, NO_FD, "", 0)
TRIED(delete_module_none, ENOENT, SYS_delete_module, "escape_none", O_NONBLOCK)
TRIED(reboot_none, EINVAL, SYS_reboot, 0, 0, 0, NULL)
TRIED(swapon_none, EINVAL, SYS_swapon, "/nonexistent", 0x7fff0000)
TRIED(swapoff_none, ENOENT, SYS_swapoff, "/nonexistent")
TRIED(acct_none, ENOENT, SYS_acct, "/nonexistent/accounting")
TRIED(setdomainname_none, EINVAL, SYS_setdomainname, NULL, -1)
#ifdef SYS_iopl
TRIED(iopl_none, 0, SYS_iopl, 0)
TRIED(ioperm_none, 0, SYS_ioperm, 0, 1, 0)
#endif

/* ---- of a pair's end ---- */

static int pair_end(void)
{
	int pair[2];

	if (raw(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -1;
	return pair[0];
}

/* Whatever it is: natively the kernel looks for the request. */
TRIED(ioctl_tiocsti, ENOTTY, SYS_ioctl, pair_end(), TIOCSTI, room)
TRIED(ioctl_tioclinux, ENOTTY, SYS_ioctl, pair_end(), TIOCLINUX, room)

/* The sandbox's own interfaces are lo and eth0, without hardware addresses. */
static int ioctl_siocgifconf(void)
{
	static const char none[6];
	struct ifreq req;
	int fd = pair_end(), i;

	for (i = 1; i < 64; i++) {
		memset(&req, 0, sizeof(req));
		req.ifr_ifindex = i;
		if (raw(SYS_ioctl, fd, SIOCGIFNAME, &req) < 0) {
			if (errno == ENODEV)
				continue;
			return failed();
		}
		if (strcmp(req.ifr_name, "lo") != 0 &&
		    strcmp(req.ifr_name, "eth0") != 0)
			return OUT;
		if (raw(SYS_ioctl, fd, SIOCGIFHWADDR, &req) == 0 &&
		    memcmp(req.ifr_hwaddr.sa_data, none, sizeof(none)) != 0)
			return OUT;
	}
	return HELD;
}

TRIED(ioctl_wireless, ENOTTY, SYS_ioctl, pair_end(), SIOCGIWNAME, room)
TRIED(ioctl_tun, ENOTTY, SYS_ioctl, pair_end(), 0x400454ca, room)
TRIED(ioctl_vhost, ENOTTY, SYS_ioctl, pair_end(), 0xaf01, 0)
TRIED(fastopen_sendto, 0, SYS_sendto, pair_end(), "x", 1, MSG_FASTOPEN)

#define ROW(name)                                                              \
	{                                                                      \
		#name, name                                                    \
	}

const struct attempt surface_attempts[] = {
	ROW(clone_mnt),		   ROW(unshare_mnt),
	ROW(clone_cgroup),	   ROW(unshare_cgroup),
	ROW(clone_uts),		   ROW(unshare_uts),
	ROW(clone_ipc),		   ROW(unshare_ipc),
	ROW(clone_pid),		   ROW(unshare_pid),
	ROW(clone_net),		   {"unshare_net_alone", unshare_net},
	ROW(unshare_time),	   ROW(umount_none),
	ROW(pivot_none),	   ROW(move_mount_none),
	ROW(fsconfig_none),	   ROW(fsmount_none),
	ROW(fspick_none),	   ROW(mount_setattr_none),
	ROW(open_tree_attr_none),  ROW(setns_none),
	ROW(process_madvise_none), ROW(setparam_victim),
	ROW(setattr_victim),	   ROW(migrate_victim),
	ROW(move_pages_victim),	   ROW(shm_get),
	ROW(shm_at),		   ROW(shm_ctl),
	ROW(sem_get),		   ROW(sem_op),
	ROW(sem_timedop),	   ROW(sem_ctl),
	ROW(msg_get),		   ROW(msg_snd),
	ROW(msg_rcv),		   ROW(msg_ctl),
	ROW(mq_open_host),	   ROW(mq_unlink_host),
	ROW(request_key_none),	   ROW(kexec_none),
#ifdef SYS_kexec_file_load
	ROW(kexec_file_none),
#endif
	ROW(finit_module_none),	   ROW(delete_module_none),
	ROW(reboot_none),	   ROW(swapon_none),
	ROW(swapoff_none),	   ROW(acct_none),
	ROW(setdomainname_none),
#ifdef SYS_iopl
	ROW(iopl_none),		   ROW(ioperm_none),
#endif
	ROW(ioctl_tiocsti),	   ROW(ioctl_tioclinux),
	ROW(ioctl_siocgifconf),	   ROW(ioctl_wireless),
	ROW(ioctl_tun),		   ROW(ioctl_vhost),
	ROW(fastopen_sendto),	   {NULL, NULL},
};
