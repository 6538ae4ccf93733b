/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities of a program started by root; see caps.h. */
#include "config.h"

#include "sandbox/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/weaken.h"

/* An allow-list: a capability invented tomorrow is not in it. */
static const unsigned char caps_kept[] = {
	/* root as the owner of files: package tools, servers, tests */
	CAP_CHOWN,
	CAP_DAC_OVERRIDE,
	CAP_FOWNER,
	CAP_FSETID,
	/* servers that give up root */
	CAP_SETUID,
	CAP_SETGID,
	CAP_SETPCAP,
	/* a root server ends its workers of another user */
	CAP_KILL,
	/* ports below 1024 are the shim's, but programs test for it */
	CAP_NET_BIND_SERVICE,
	/* a file capability of ping: outside the bounding set its exec fails
	 * with EPERM; without a network socket it gives nothing */
	CAP_NET_RAW,
	/* priorities and limits of its own processes */
	CAP_SYS_NICE,
	CAP_SYS_RESOURCE,
	CAP_IPC_LOCK,
};

/* fdnet-run's own, while it answers for a program that root started. */
static const unsigned char caps_launcher[] = {
	/* memory and descriptors of programs that gave up root */
	CAP_SYS_PTRACE,
	/* their folders, and sockets of theirs */
	CAP_DAC_OVERRIDE,
	/* names of sockets are made and reached as they would themselves */
	CAP_SETUID,
	CAP_SETGID,
	/* signals that are passed on to them */
	CAP_KILL,
	/* which inode has a bound socket become (SIOCUNIXFILE)? */
	CAP_NET_ADMIN,
	/* paths of programs that changed their root */
	CAP_SYS_CHROOT,
};

static uint64_t mask_of(const unsigned char *caps, size_t count)
{
	uint64_t mask = 0;
	size_t i;

	for (i = 0; i < count; i++)
		mask |= UINT64_C(1) << caps[i];
	return mask;
}

static uint64_t kept_mask(void)
{
	return mask_of(caps_kept, sizeof(caps_kept));
}

/* The bounding set ends where the kernel says EINVAL. Without CAP_SETPCAP it
 * cannot be changed, and need not: no_new_privs gives nothing back. */
static int drop_bounding(uint64_t kept)
{
	int cap;

	for (cap = 0; cap < 64; cap++) {
		if (kept & (UINT64_C(1) << cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			return 0;
		return errno == EPERM ? 0 : -errno;
	}
	return 0;
}

/* Of what there is, @kept stays. */
static int keep(uint64_t kept)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];
	int i;

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (i = 0; i < 2; i++) {
		uint32_t half = kept >> (32 * i);

		data[i].effective &= half;
		data[i].permitted &= half;
		data[i].inheritable &= half;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int caps_drop(bool all, bool chroot)
{
	uint64_t kept = kept_mask();
	int rc;

	if (chroot)
		kept |= UINT64_C(1) << CAP_SYS_CHROOT;

	if (weaken("caps", ""))
		return 0;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	rc = drop_bounding(kept);
	return rc < 0 ? rc : keep(all ? 0 : kept);
}

bool caps_has(int cap)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	return syscall(SYS_capget, &header, data) == 0 &&
	       data[cap / 32].permitted & 1u << cap % 32;
}

int caps_drop_launcher(void)
{
	uint64_t kept = mask_of(caps_launcher, sizeof(caps_launcher));

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	/* Root of a container: who looks into a process must then have all
	 * that this one has. */
	if (!caps_has(CAP_SYS_PTRACE))
		kept |= kept_mask();
	return keep(kept);
}
