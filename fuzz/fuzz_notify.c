/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor against programs and a relay that send anything. The input is
 * a list of steps: system calls with arguments of every sort, answers of the
 * relay, rounds of the loop. The caller's memory is the input itself; what the
 * kernel would do for us (notifications in, answers out, the caller's memory
 * and descriptors) is done here, the supervisor is the true one.
 *
 * Looked for: memory errors, a call that is answered twice, calls and
 * descriptors that stay when all is over.
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/ask.h"
#include "sandbox/notify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where the input begins in the caller's memory. */
#define BASE	  0x10000
#define STEPS_MAX 64
#define FDS	  6

static const uint8_t *memory;
static size_t memory_len, at;
static uint64_t last_id;
static struct seccomp_notif waiting[STEPS_MAX + 1];
static size_t waiting_count;
static bool has_call;
static struct seccomp_notif call_now;
static int fds[FDS], far_ends[FDS], node = -1, attach = -1;
static unsigned int steps;

static uint8_t next_byte(void)
{
	return at < memory_len ? memory[at++] : 0;
}

static uint64_t next_bytes(size_t n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 8 | next_byte();
	return value;
}

/* ---- instead of the kernel ---- */

static bool waits(uint64_t id)
{
	for (size_t i = 0; i < waiting_count; i++)
		if (waiting[i].id == id)
			return true;
	return false;
}

/* An answer: 0, or -1 when nobody waits for it. */
static int answer(uint64_t id)
{
	for (size_t i = 0; i < waiting_count; i++)
		if (waiting[i].id == id) {
			waiting[i] = waiting[--waiting_count];
			return 0;
		}
	errno = ENOENT;
	return -1;
}

static int give_call(struct seccomp_notif *notif)
{
	if (!has_call) {
		errno = ENOENT;
		return -1;
	}
	has_call = false;
	*notif = call_now;
	/* a thread makes one call at a time: the one before was interrupted */
	for (size_t i = 0; i < waiting_count; i++)
		if (waiting[i].pid == notif->pid)
			waiting[i--] = waiting[--waiting_count];
	waiting[waiting_count++] = *notif;
	return 0;
}

/* What the program gets it may use from then on. */
static int add_fd(const struct seccomp_notif_addfd *add)
{
	uint8_t where;

	assert(fcntl(add->srcfd, F_GETFD) >= 0);
	errno = ENOENT;
	if (!(add->flags & SECCOMP_ADDFD_FLAG_SEND))
		return waits(add->id) ? next_byte() % 8 : -1;
	if (answer(add->id) < 0)
		return -1;
	where = next_byte();
	if (where % 2) {
		where = where / 2 % FDS;
		close(fds[where]);
		fds[where] = fcntl(add->srcfd, F_DUPFD_CLOEXEC, 0);
		assert(fds[where] >= 0);
	}
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	switch (request) {
	case SECCOMP_IOCTL_NOTIF_RECV:
		return give_call(arg);
	case SECCOMP_IOCTL_NOTIF_SEND:
		return answer(((struct seccomp_notif_resp *)arg)->id);
	case SECCOMP_IOCTL_NOTIF_ADDFD:
		return add_fd(arg);
	case SECCOMP_IOCTL_NOTIF_ID_VALID:
		errno = ENOENT;
		return waits(*(uint64_t *)arg) ? 0 : -1;
	default:
		return (int)syscall(SYS_ioctl, fd, request, arg);
	}
}

/* Nothing is made in the file system, and the fuzzer stays where it is. */
int bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	errno = EACCES;
	return -1;
}

int fchdir(int fd)
{
	return 0;
}

int chdir(const char *path)
{
	return 0;
}

/* ---- instead of sandbox/caller.c ---- */

static bool is_there(uint64_t addr, size_t len)
{
	return addr >= BASE && addr - BASE <= memory_len &&
	       len <= memory_len - (addr - BASE);
}

int call_read(const struct call *call, uint64_t addr, void *dst, size_t len)
{
	if (!len)
		return 0;
	if (!call_is_valid(call))
		return -ESRCH;
	if (!is_there(addr, len))
		return -EFAULT;
	memcpy(dst, memory + (addr - BASE), len);
	return 0;
}

int call_write(const struct call *call, uint64_t addr, const void *src,
	       size_t len)
{
	static volatile uint8_t sum;

	/* all of it is there */
	for (size_t i = 0; i < len; i++)
		sum += ((const uint8_t *)src)[i];
	if (!call_is_valid(call))
		return -ESRCH;
	return len && !is_there(addr, len) ? -EFAULT : 0;
}

int call_take_fd(struct call *call, int number)
{
	socklen_t len = sizeof(call->unix_type), size = sizeof(call->cookie);

	if (number < 0)
		return -EBADF;
	if (number % 8 >= FDS)
		return number % 8 == FDS ? -ENOTSOCK : -ESOCKTNOSUPPORT;
	call->fd = fcntl(fds[number % 8], F_DUPFD_CLOEXEC, 0);
	assert(call->fd >= 0);
	getsockopt(call->fd, SOL_SOCKET, SO_TYPE, &call->unix_type, &len);
	getsockopt(call->fd, SOL_SOCKET, SO_COOKIE, &call->cookie, &size);
	return 0;
}

int call_copy_fd(const struct call *call, int number)
{
	int fd;

	if (number < 0 || number % 8 >= FDS)
		return -EBADF;
	fd = fcntl(fds[number % 8], F_DUPFD_CLOEXEC, 0);
	assert(fd >= 0);
	return fd;
}

uint64_t caller_born(pid_t tid)
{
	return 1 + ((uint64_t)tid & 1);
}

bool call_fd_is(const struct call *call, int number, uint64_t cookie)
{
	return number >= 0 && number % 8 < FDS && next_byte() % 8;
}

bool call_fd_closes_on_exec(const struct call *call, int number)
{
	return number & 8;
}

bool call_is_nonblocking(const struct call *call, int flags)
{
	return flags & MSG_DONTWAIT || fcntl(call->fd, F_GETFL) & O_NONBLOCK;
}

/* ---- the program ---- */

static uint64_t argument(void)
{
	switch (next_byte() % 4) {
	case 0:
		return next_byte();
	case 1:
		return BASE + next_bytes(2) % (memory_len + 8);
	case 2:
		return next_bytes(8);
	default:
		return next_bytes(4);
	}
}

static void make_call(void)
{
	static const int numbers[] = {
		SYS_socket,	 SYS_connect,	  SYS_bind,	  SYS_listen,
		SYS_accept,	 SYS_accept4,	  SYS_getsockname, SYS_getpeername,
		SYS_getsockopt,	 SYS_setsockopt,  SYS_shutdown,	  SYS_sendto,
		SYS_sendmsg,	 SYS_sendmmsg,	  SYS_recvfrom,	  SYS_recvmsg,
		SYS_recvmmsg,	 SYS_getpid,
	};
	uint8_t who = next_byte();

	call_now = (struct seccomp_notif){.id = ++last_id};
	call_now.pid = 1u << 22 | (who & 3);
	call_now.data.nr = numbers[next_byte() % (sizeof(numbers) / 4)];
	for (int i = 0; i < 6; i++)
		call_now.data.args[i] = argument();
	has_call = true;
}

/* A call that a signal has ended. */
static void interrupt_call(void)
{
	uint8_t which = next_byte();

	if (waiting_count)
		answer(waiting[which % waiting_count].id);
}

/* What comes to the program's sockets. */
static void send_data(void)
{
	uint8_t which = next_byte() % FDS;
	size_t len = next_bytes(2) % (memory_len + 1);

	send(far_ends[which], memory, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- the relay ---- */

static ssize_t ask_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t rc = sendmsg(fd, msg, flags);

	return rc < 0 ? -errno : rc;
}

static ssize_t ask_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t rc = recvmsg(fd, msg, flags);

	return rc < 0 ? -errno : rc;
}

static const struct fdnet_ask_calls calls = {ask_sendmsg, ask_recvmsg};

static ssize_t receive(int fd, uint8_t *buf, size_t size, int *ret_fd)
{
	int got[FDNET_ASK_FDS];
	ssize_t len = fdnet_msg_recv(&calls, fd, buf, size, got, MSG_DONTWAIT);

	*ret_fd = -1;
	if (len < 0)
		return len;
	for (int i = 0; i < FDNET_ASK_FDS; i++) {
		if (got[i] < 0)
			continue;
		if (*ret_fd < 0)
			*ret_fd = got[i];
		else
			close(got[i]);
	}
	return len;
}

static void meet(void)
{
	uint8_t buf[256];
	int fd;

	if (node >= 0 || receive(attach, buf, sizeof(buf), &fd) < 0)
		return;
	node = fd;
}

static void reply(const struct fdnet_node_req *req)
{
	struct fdnet_node_ans ans = {
		.op = req->op,
		.id = req->id,
		.cookie = req->cookie,
		.value = memory,
	};
	uint8_t buf[FDNET_NODE_MAX_LEN];

	ans.error = next_byte() % 2 ? next_byte() : 0;
	if (req->op == FDNET_NODE_CONNECT && ans.error % 4 == 1)
		ans.error = ESTALE;
	ans.family = next_byte() % 2 ? 4 : 6;
	ans.type = next_byte() % 4;
	ans.state = next_byte() % 16;
	ans.len = (uint32_t)next_bytes(2) % FDNET_NODE_VALUE_MAX;
	if (ans.len > memory_len)
		ans.len = (uint32_t)memory_len;
	if (next_byte() % 2) {
		ans.peer.ip.family = ans.family;
		ans.peer.port = (uint16_t)next_bytes(2);
	}
	send(node, buf, fdnet_node_ans_encode(buf, &ans),
	     MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void answer_request(void)
{
	uint8_t buf[FDNET_NODE_MAX_LEN];
	struct fdnet_node_req req;
	ssize_t len;
	int fd;

	meet();
	if (node < 0)
		return;
	len = receive(node, buf, sizeof(buf), &fd);
	if (len <= 0)
		return;
	/* what the supervisor says is always well-formed */
	assert(fdnet_node_req_decode(buf, (size_t)len, &req) == 0);
	if (fd >= 0)
		close(fd);
	reply(&req);
}

static void send_nonsense(void)
{
	size_t len = next_byte();

	meet();
	if (node >= 0 && len < memory_len)
		send(node, memory, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void lose_relay(void)
{
	meet();
	if (node >= 0)
		close(node);
	node = -1;
}

/* ---- all ---- */

static int no_wait(void *arg)
{
	return 0;
}

static void step(void *arg)
{
	struct supervisor *sup = arg;

	supervise_round(sup);
	if (at >= memory_len || ++steps >= STEPS_MAX) {
		sup->loop->stop = true;
		return;
	}
	switch (next_byte() % 16) {
	case 0:
		interrupt_call();
		break;
	case 1:
		send_data();
		break;
	case 2:
		send_nonsense();
		break;
	case 3:
		if (next_byte() == 0)
			lose_relay();
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		answer_request();
		break;
	default:
		make_call();
		break;
	}
}

/* Framed and bare datagrams, a stream, a listener, netlink comes by itself. */
static void open_fds(struct supervisor *sup)
{
	static const struct kind kinds[FDS] = {
		{.family = 4, .type = SOCK_DGRAM, .framed = true},
		{.family = 6, .type = SOCK_DGRAM},
		{.family = 4, .type = SOCK_STREAM},
		{.family = 4, .type = SOCK_STREAM, .listening = true},
	};
	int pair[2], type;

	for (int i = 0; i < FDS; i++) {
		struct kind kind = kinds[i];
		socklen_t len = sizeof(kind.cookie);

		type = kind.type == SOCK_STREAM || i == FDS - 1 ?
			       SOCK_STREAM :
			       SOCK_SEQPACKET;
		assert(!socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair));
		fds[i] = pair[0];
		far_ends[i] = pair[1];
		getsockopt(pair[0], SOL_SOCKET, SO_COOKIE, &kind.cookie, &len);
		if (kind.type)
			kind_put(sup, &kind);
	}
}

static void run(void)
{
	struct watch_loop loop;
	struct supervisor *sup;
	int pair[2];
	struct supervise_setup setup = {
		.listener_fd = eventfd(1, EFD_CLOEXEC),
		.addr = "10.0.2.15/24",
		.name_server = "10.0.2.3",
	};

	assert(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	setup.attach_fd = pair[0];
	attach = pair[1];
	assert(watch_loop_init(&loop) == 0);
	assert(supervise_start(&setup, &loop, &sup) == 0);
	open_fds(sup);
	watch_run(&loop, no_wait, step, sup);
	supervise_end(sup);
	watch_loop_done(&loop);
	for (int i = 0; i < FDS; i++) {
		close(fds[i]);
		close(far_ends[i]);
	}
	lose_relay();
	close(pair[0]);
	close(pair[1]);
}

static int lowest_free(void)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD, 0);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int before = lowest_free();

	memory = data;
	memory_len = size;
	at = waiting_count = 0;
	steps = 0;
	has_call = false;
	if (size)
		run();
	assert(waiting_count == 0);
	assert(lowest_free() == before);
	return 0;
}
