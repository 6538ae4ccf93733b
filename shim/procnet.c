/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of /proc/net: the kernel's describe the network that the program does
 * not have. Whoever opens one gets a memory file with the sandbox's own
 * interfaces and sockets in the same form: those of this process, and what
 * the relay knows of the others.
 *
 * libc opens first: what it refuses is refused in its words, and a path that
 * it could read is one that we can read.
 */
#include "config.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/procnet.h"
#include "shim/call.h"
#include "shim/ifaces.h"
#include "shim/mem.h"
#include "shim/raw.h"
#include "stack/wire/control.h"

#define BUFFER 4096
#define ASK_MAX 65536 /* sockets; the relay has an end of its own */

/* The file being written. */
struct sheet {
	enum fdnet_procnet file;
	int fd;
	unsigned int rows;
	size_t used;
	bool failed;
	char text[BUFFER];
};

/* A socket of this process: the relay may know it too. */
struct own {
	uint8_t proto;
	struct fdnet_name local, peer;
};

static void flush(struct sheet *sheet)
{
	size_t done = 0;
	long n;

	while (done < sheet->used && !sheet->failed) {
		n = RAW(SYS_write, sheet->fd, sheet->text + done,
			sheet->used - done, 0, 0, 0);
		if (n <= 0)
			sheet->failed = true;
		else
			done += (size_t)n;
	}
	sheet->used = 0;
}

/* Where the next row goes. */
static char *room(struct sheet *sheet)
{
	if (sizeof(sheet->text) - sheet->used < FDNET_PROCNET_ROW)
		flush(sheet);
	return sheet->text + sheet->used;
}

static void put_socket(struct sheet *sheet, const struct fdnet_sockrow *row)
{
	if (fdnet_procnet_shows(sheet->file, row))
		sheet->used += fdnet_procnet_socket(sheet->file, sheet->rows++,
						    row, room(sheet));
}

/* ---- sockets ---- */

static void set_addr(uint8_t *dst, int domain, const struct fdnet_ip *ip)
{
	if (domain == AF_INET6 && ip->family == 4 && !fdnet_ip_is_any(ip)) {
		dst[10] = dst[11] = 0xff;
		memcpy(dst + 12, ip->bytes, 4);
	} else {
		memcpy(dst, ip->bytes, ip->family == 4 ? 4 : 16);
	}
}

static uint64_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static int option(struct fdnet_sock *so, int name)
{
	uint32_t len = sizeof(int);
	int value = 0;

	fdnet_sock_getopt(so, SOL_SOCKET, name, &value, &len);
	return value;
}

static uint8_t state_of(const struct shim_file *file, bool has_peer)
{
	struct tcp_info info;
	uint32_t len = sizeof(info);

	if (!file->is_stream)
		return has_peer ? TCP_ESTABLISHED : TCP_CLOSE;
	memset(&info, 0, sizeof(info));
	fdnet_sock_getopt(file->so, IPPROTO_TCP, TCP_INFO, &info, &len);
	return info.tcpi_state;
}

/* Returns false for a socket that the kernel would not list. */
static bool describe(int fd, const struct shim_file *file, struct own *own,
		     struct fdnet_sockrow *row)
{
	memset(own, 0, sizeof(*own));
	memset(row, 0, sizeof(*row));
	if (fdnet_sock_name(file->so, &own->local) < 0)
		return false;
	own->proto = (uint8_t)option(file->so, SO_PROTOCOL);
	row->state = state_of(file,
			      fdnet_sock_peer(file->so, &own->peer) == 0);
	row->kind = (uint8_t)option(file->so, SO_TYPE);
	if (row->kind == SOCK_STREAM ? row->state == TCP_CLOSE
				     : row->kind == SOCK_DGRAM &&
					       !own->local.port)
		return false;
	row->proto = own->proto;
	row->family = (uint8_t)file->domain;
	set_addr(row->local, file->domain, &own->local.ip);
	set_addr(row->peer, file->domain, &own->peer.ip);
	row->port = row->kind == SOCK_RAW ? row->proto : own->local.port;
	row->peer_port = own->peer.port;
	if (row->state != TCP_LISTEN) {
		row->rx = fdnet_sock_inq(file->so);
		row->tx = fdnet_sock_outq(file->so);
	}
	row->uid = (uint32_t)RAW(SYS_getuid, 0, 0, 0, 0, 0, 0);
	row->inode = inode_of(fd);
	return true;
}

static bool is_known(const struct own *own, unsigned int n,
		     const struct fdnet_ctl *ctl)
{
	struct fdnet_name local = { .ip.family = ctl->family,
				    .port = ctl->port };
	struct fdnet_name peer = { .ip.family = ctl->family,
				   .port = ctl->peer_port };
	size_t len = ctl->family == 4 ? 4 : 16;

	memcpy(local.ip.bytes, ctl->addr, len);
	memcpy(peer.ip.bytes, ctl->peer, len);
	for (; n > 0; n--, own++) {
		if (own->proto != ctl->proto || own->local.port != ctl->port ||
		    !fdnet_ip_equal(&own->local.ip, &local.ip))
			continue;
		if (ctl->flags == TCP_LISTEN || ctl->flags == TCP_CLOSE)
			return true;
		if (own->peer.port == ctl->peer_port &&
		    fdnet_ip_equal(&own->peer.ip, &peer.ip))
			return true;
	}
	return false;
}

static void put_known_to_relay(struct sheet *sheet, const struct own *own,
			       unsigned int nown)
{
	struct fdnet_ctl reply, ask = { .op = FDNET_CTL_SOCKET };
	struct fdnet_sockrow row;
	int rc;

	for (; ask.index < ASK_MAX; ask.index++) {
		memset(&reply, 0, sizeof(reply));
		rc = shim_net_ask(&ask, &reply);
		if (rc == -EAGAIN)
			continue;
		if (rc < 0)
			return;
		if (is_known(own, nown, &reply) ||
		    (reply.proto == IPPROTO_TCP && reply.flags == TCP_CLOSE))
			continue;
		memset(&row, 0, sizeof(row));
		row.proto = reply.proto;
		row.kind = reply.proto == IPPROTO_TCP ? SOCK_STREAM
						      : SOCK_DGRAM;
		row.family = reply.family == 4 ? AF_INET : AF_INET6;
		row.state = (uint8_t)reply.flags;
		memcpy(row.local, reply.addr, sizeof(row.local));
		memcpy(row.peer, reply.peer, sizeof(row.peer));
		row.port = reply.port;
		row.peer_port = reply.peer_port;
		row.uid = (uint32_t)RAW(SYS_getuid, 0, 0, 0, 0, 0, 0);
		put_socket(sheet, &row);
	}
}

static unsigned int count_fds(void)
{
	unsigned int n = 0;
	int fd;

	for (fd = shim_file_next_fd(0); fd >= 0; fd = shim_file_next_fd(fd + 1))
		n++;
	return n;
}

static void put_sockets(struct sheet *sheet)
{
	unsigned int room_for = count_fds() + 1, n = 0;
	struct own *own = fdnet_mem_alloc(shim_mem(), room_for * sizeof(*own));
	struct fdnet_sockrow row;
	struct shim_file *file;
	int fd;

	if (!own) {
		sheet->failed = true;
		return;
	}
	/* by file, and the lowest descriptor of each */
	for (file = shim_file_first(); file; file = file->next)
		file->listed = false;
	for (fd = shim_file_next_fd(0); fd >= 0;
	     fd = shim_file_next_fd(fd + 1)) {
		file = shim_file_peek(fd);
		if (!file || !file->so || file->listed || n == room_for)
			continue;
		file->listed = true;
		if (describe(fd, file, &own[n], &row)) {
			n++;
			put_socket(sheet, &row);
		}
	}
	if (shim_net_has_relay())
		put_known_to_relay(sheet, own, n);
	fdnet_mem_free(shim_mem(), own, room_for * sizeof(*own));
}

/* ---- the files ---- */

static void put_net(struct sheet *sheet)
{
	const struct fdnet_rtnl *net = shim_iface_table();
	unsigned int i;
	int rc;

	for (i = 0;; i++) {
		rc = fdnet_procnet_net(sheet->file, net, i, room(sheet));
		if (rc < 0)
			return;
		sheet->used += (size_t)rc;
	}
}

static int write_file(enum fdnet_procnet file)
{
	struct sheet *sheet = fdnet_mem_alloc(shim_mem(), sizeof(*sheet));
	int fd;

	if (!sheet)
		return -ENOMEM;
	fd = (int)RAW(SYS_memfd_create, "procnet", MFD_CLOEXEC, 0, 0, 0, 0);
	if (fd >= 0) {
		sheet->file = file;
		sheet->fd = fd;
		sheet->rows = 0;
		sheet->failed = false;
		sheet->used = fdnet_procnet_head(file, sheet->text);
		if (file < FDNET_PROCNET_DEV)
			put_sockets(sheet);
		else
			put_net(sheet);
		flush(sheet);
		if (sheet->failed) {
			raw_close(fd);
			fd = -EIO;
		}
	}
	fdnet_mem_free(shim_mem(), sheet, sizeof(*sheet));
	if (fd >= 0)
		RAW(SYS_lseek, fd, 0, SEEK_SET, 0, 0, 0);
	return fd;
}

/* @fd was opened for reading @path: ours takes its place if it is one of
 * these. Without a network it stays what it is. */
static void replace(int fd, const char *path)
{
	int saved = errno, file, made, state;
	struct shim_guard guard;

	if (strncmp(path, "/proc/", 6) != 0 || shim_is_borrowed())
		return;
	file = fdnet_procnet_find(path,
				  (int)RAW(SYS_getpid, 0, 0, 0, 0, 0, 0));
	if (file < 0)
		return;
	shim_cancel_off(&state);
	shim_enter(&guard);
	made = shim_net_start();
	if (made >= 0)
		made = write_file((enum fdnet_procnet)file);
	shim_leave(&guard);
	shim_net_publish_env();
	if (made >= 0) {
		RAW(SYS_dup3, made, fd,
		    raw_fcntl(fd, F_GETFD, 0) & FD_CLOEXEC ? O_CLOEXEC : 0, 0,
		    0, 0);
		raw_close(made);
	}
	shim_cancel_restore(state);
	errno = saved;
}

static bool is_for_reading(int flags)
{
	return (flags & O_ACCMODE) == O_RDONLY &&
	       !(flags & (O_PATH | O_DIRECTORY));
}

static bool has_mode(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

int shim_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;
	int fd;

	va_start(args, flags);
	if (has_mode(flags))
		mode = va_arg(args, mode_t);
	va_end(args);
	fd = LIBC(open)(path, flags, mode);
	if (fd >= 0 && is_for_reading(flags))
		replace(fd, path);
	return fd;
}
SHIM_EXPORT(open);
SHIM_EXPORT_AS(open64, open);
SHIM_EXPORT_AS(__open, open);
SHIM_EXPORT_AS(__open64, open);

int shim_openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;
	int fd;

	va_start(args, flags);
	if (has_mode(flags))
		mode = va_arg(args, mode_t);
	va_end(args);
	fd = LIBC(openat)(dir, path, flags, mode);
	if (fd >= 0 && is_for_reading(flags))
		replace(fd, path);
	return fd;
}
SHIM_EXPORT(openat);
SHIM_EXPORT_AS(openat64, openat);

/* With _FORTIFY_SOURCE; libc's own end the program when a mode is missing. */
int shim___open_2(const char *path, int flags)
{
	int fd = LIBC(__open_2)(path, flags);

	if (fd >= 0 && is_for_reading(flags))
		replace(fd, path);
	return fd;
}
SHIM_EXPORT(__open_2);
SHIM_EXPORT_AS(__open64_2, __open_2);

int shim___openat_2(int dir, const char *path, int flags)
{
	int fd = LIBC(__openat_2)(dir, path, flags);

	if (fd >= 0 && is_for_reading(flags))
		replace(fd, path);
	return fd;
}
SHIM_EXPORT(__openat_2);
SHIM_EXPORT_AS(__openat64_2, __openat_2);

FILE *shim_fopen(const char *path, const char *mode)
{
	FILE *stream = LIBC(fopen)(path, mode);

	if (stream && mode[0] == 'r' && !strchr(mode, '+'))
		replace(fileno(stream), path);
	return stream;
}
SHIM_EXPORT(fopen);
SHIM_EXPORT_AS(fopen64, fopen);
