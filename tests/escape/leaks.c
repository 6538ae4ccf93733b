/* SPDX-License-Identifier: Apache-2.0 */
/* What the host's network looks like, and channels to its processes. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/escape/escape.h"
#include "tests/escape/raw.h"

/* Lines of a file of /proc/net that name the host's port. */
static int shows_port(const char *path)
{
	char line[512], port[16];
	FILE *file = fopen(path, "r");
	int rc = HELD;

	if (!file)
		return failed();
	snprintf(port, sizeof(port), ":%04X ", target.port);
	while (fgets(line, sizeof(line), file))
		if (strstr(line, port))
			rc = OUT;
	fclose(file);
	return rc;
}

static int proc_net_tcp(void)
{
	return shows_port("/proc/net/tcp");
}

static int proc_net_udp(void)
{
	return shows_port("/proc/net/udp");
}

static int proc_net_unix(void)
{
	char line[512];
	FILE *file = fopen("/proc/net/unix", "r");
	int rc = HELD;

	if (!file)
		return failed();
	while (fgets(line, sizeof(line), file))
		if (strstr(line, target.dir))
			rc = OUT;
	fclose(file);
	return rc;
}

/* The view of another process of the same user. */
static int proc_pid_net(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/net/tcp", target.victim);
	return shows_port(path);
}

/* ESCAPE_IFACE is an interface of the host other than lo. */
static int names_interface(const char *path)
{
	const char *want = getenv("ESCAPE_IFACE");
	struct dirent *entry;
	int rc = HELD;
	DIR *dir;

	if (!want)
		return NOT_HERE;
	dir = opendir(path);
	if (!dir)
		return failed();
	while ((entry = readdir(dir)))
		if (!strcmp(entry->d_name, want))
			rc = OUT;
	closedir(dir);
	return rc;
}

static int sys_class_net(void)
{
	return names_interface("/sys/class/net");
}

static int sys_devices_net(void)
{
	return names_interface("/sys/devices/virtual/net");
}

static int siocgifindex(void)
{
	const char *want = getenv("ESCAPE_IFACE");
	struct ifreq request = {0};
	int pair[2];

	if (!want)
		return NOT_HERE;
	if (raw(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return failed();
	strncpy(request.ifr_name, want, IFNAMSIZ - 1);
	if (raw(SYS_ioctl, pair[0], SIOCGIFINDEX, &request) < 0)
		return failed();
	return OUT;
}

/* The answer of a dump of links: does it name the host's interface? */
static int netlink_links(void)
{
	const char *want = getenv("ESCAPE_IFACE");
	struct {
		struct nlmsghdr head;
		struct ifinfomsg body;
	} ask = {
		.head = {.nlmsg_len = sizeof(ask),
			 .nlmsg_type = RTM_GETLINK,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	};
	static char answer[65536];
	ssize_t len;
	int fd;

	if (!want)
		return NOT_HERE;
	fd = raw(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (fd < 0 || write(fd, &ask, sizeof(ask)) < 0)
		return failed();
	len = read(fd, answer, sizeof(answer));
	if (len <= 0)
		return failed();
	return memmem(answer, len, want, strlen(want) + 1) ? OUT : HELD;
}

static int netlink_diag(void)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} ask = {
		.head = {.nlmsg_len = sizeof(ask),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = AF_INET,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_states = ~0u},
	};
	char answer[8192];
	int fd = raw(SYS_socket, AF_NETLINK, SOCK_RAW, 4);
	const struct nlmsghdr *head = (const void *)answer;

	if (fd < 0 || write(fd, &ask, sizeof(ask)) < 0)
		return failed();
	if (read(fd, answer, sizeof(answer)) <= 0)
		return failed();
	return head->nlmsg_type == SOCK_DIAG_BY_FAMILY ? OUT : HELD;
}

static int netlink_audit(void)
{
	int fd = raw(SYS_socket, AF_NETLINK, SOCK_RAW, 15);

	/* kobject events of the host */
	return fd < 0 ? failed() : OUT;
}

static int sysv_shm(void)
{
	int id = shmget(target.shm_key, 0, 0);
	char *memory = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

	if (memory == (void *)-1)
		return failed();
	return strcmp(memory, SECRET) == 0 ? OUT : HELD;
}

static int sysv_msg(void)
{
	struct {
		long type;
		char byte;
	} message = {1, 'x'};
	int id = msgget(target.msg_key, 0);

	if (id < 0 || msgsnd(id, &message, 1, IPC_NOWAIT) < 0)
		return failed();
	return OUT;
}

/* Pointers to services of the user's session. */
static int env_leak(void)
{
	return getenv("SSH_AUTH_SOCK") || getenv("DBUS_SESSION_BUS_ADDRESS") ||
			       getenv("NOTIFY_SOCKET")
		       ? OUT
		       : HELD;
}

const struct attempt leak_attempts[] = {
	{"proc_net_tcp", proc_net_tcp},
	{"proc_net_udp", proc_net_udp},
	{"proc_net_unix", proc_net_unix},
	{"proc_pid_net", proc_pid_net},
	{"sys_class_net", sys_class_net},
	{"sys_devices_net", sys_devices_net},
	{"siocgifindex", siocgifindex},
	{"netlink_links", netlink_links},
	{"netlink_diag", netlink_diag},
	{"netlink_uevent", netlink_audit},
	{"sysv_shm", sysv_shm},
	{"sysv_msg", sysv_msg},
	{"env_leak", env_leak},
	{NULL, NULL},
};
