/* SPDX-License-Identifier: Apache-2.0 */
/* Past the preload: raw system calls, other ABIs, rings. */
#include "config.h"

#include <arpa/inet.h>
#include <elf.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef ESCAPE_STATIC
#include <dlfcn.h>
#endif

#include "tests/escape/escape.h"
#include "tests/escape/raw.h"

#define IORING_OP_SOCKET_NR 45

static struct sockaddr_in host4(void)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(target.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

int raw_tcp_to_host(void)
{
	struct sockaddr_in sin = host4();
	int fd = raw(SYS_socket, AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return failed();
	if (raw(SYS_connect, fd, &sin, sizeof(sin)) < 0)
		return failed();
	return greeted(fd);
}

static int raw_tcp6(void)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(target.port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	int fd = raw(SYS_socket, AF_INET6, SOCK_STREAM, 0);

	if (fd < 0)
		return failed();
	if (raw(SYS_connect, fd, &sin6, sizeof(sin6)) < 0)
		return failed();
	return greeted(fd);
}

static int raw_udp(void)
{
	struct sockaddr_in sin = host4();
	int fd = raw(SYS_socket, AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return failed();
	if (raw(SYS_sendto, fd, "x", 1, 0, &sin, sizeof(sin)) < 0)
		return failed();
	return greeted(fd);
}

static int raw_udp_sendmsg(void)
{
	struct sockaddr_in sin = host4();
	struct iovec iov = {(void *)"x", 1};
	struct msghdr msg = {
		.msg_name = &sin,
		.msg_namelen = sizeof(sin),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	int fd = raw(SYS_socket, AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || raw(SYS_sendmsg, fd, &msg, 0) < 0)
		return failed();
	return greeted(fd);
}

/* As programs do that know no instruction: by a name of libc's. */
static int libc_syscall(void)
{
	struct sockaddr_in sin = host4();
	int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || syscall(SYS_connect, fd, &sin, sizeof(sin)) < 0)
		return failed();
	return greeted(fd);
}

/* The kernel cuts int arguments after the filter has looked at 64 bits. */
static int asm_hi32(void)
{
	struct sockaddr_in sin = host4();
	const long high = 0x1234567800000000;
	long fd = raw(SYS_socket, high | AF_INET, high | SOCK_STREAM, high);

	if (fd < 0)
		return failed();
	if (raw(SYS_connect, high | fd, &sin, high | sizeof(sin)) < 0)
		return failed();
	return greeted(fd);
}

#ifdef __x86_64__
static long int80(long nr, long a, long b, long c)
{
	long rc;

	__asm__ volatile("int $0x80"
			 : "=a"(rc)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)rc;
}

/* The i386 table: 359 socket, 362 connect. */
static int int80_tcp(void)
{
	struct sockaddr_in *sin;
	int fd, rc;

	sin = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (sin == MAP_FAILED)
		return failed();
	*sin = host4();
	fd = int80(359, AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return fd == -ENOSYS ? NOT_HERE : fd;
	rc = int80(362, fd, (long)sin, sizeof(*sin));
	return rc < 0 ? rc : greeted(fd);
}

/* The i386 table's 102: operations behind a pointer. */
static int int80_socketcall(void)
{
	uint32_t *args;
	struct sockaddr_in *sin;
	int fd, rc;

	args = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (args == MAP_FAILED)
		return failed();
	sin = (struct sockaddr_in *)(args + 16);
	*sin = host4();
	args[0] = AF_INET;
	args[1] = SOCK_STREAM;
	args[2] = 0;
	fd = int80(102, 1, (long)args, 0);
	if (fd < 0)
		return fd == -ENOSYS ? NOT_HERE : fd;
	args[0] = fd;
	args[1] = (uint32_t)(uintptr_t)sin;
	args[2] = sizeof(*sin);
	rc = int80(102, 3, (long)args, 0);
	return rc < 0 ? rc : greeted(fd);
}

/* A program of 32 bits, as short as can be: socket(), exit(). */
static int i386_elf(void)
{
	static const unsigned char code[] = {
		0xb8, 0x67, 1, 0, 0, /* mov eax, 359: socket */
		0xbb, 2,    0, 0, 0, /* mov ebx, AF_INET */
		0xb9, 1,    0, 0, 0, /* mov ecx, SOCK_STREAM */
		0x31, 0xd2,	     /* xor edx, edx */
		0xcd, 0x80, 0x89, 0xc3, /* mov ebx, eax */
		0xc1, 0xeb, 31,		/* shr ebx, 31: 1 if it failed */
		0xb8, 1,    0, 0, 0,	/* mov eax, 1: exit */
		0xcd, 0x80,
	};
	struct {
		Elf32_Ehdr head;
		Elf32_Phdr load;
		unsigned char code[sizeof(code)];
	} program = {
		.head = {.e_ident = ELFMAG,
			 .e_type = ET_EXEC,
			 .e_machine = EM_386,
			 .e_version = EV_CURRENT,
			 .e_entry = 0x08048000 + sizeof(Elf32_Ehdr) +
				    sizeof(Elf32_Phdr),
			 .e_phoff = sizeof(Elf32_Ehdr),
			 .e_ehsize = sizeof(Elf32_Ehdr),
			 .e_phentsize = sizeof(Elf32_Phdr),
			 .e_phnum = 1},
		.load = {.p_type = PT_LOAD,
			 .p_vaddr = 0x08048000,
			 .p_filesz = sizeof(program),
			 .p_memsz = sizeof(program),
			 .p_flags = PF_R | PF_X,
			 .p_align = 4096},
	};
	char *argv[] = {(char *)"i386", NULL}, *env[] = {NULL};
	int fd = memfd_create("i386", MFD_CLOEXEC), status;
	pid_t pid;

	program.head.e_ident[EI_CLASS] = ELFCLASS32;
	program.head.e_ident[EI_DATA] = ELFDATA2LSB;
	program.head.e_ident[EI_VERSION] = EV_CURRENT;
	memcpy(program.code, code, sizeof(code));
	if (fd < 0 || write(fd, &program, sizeof(program)) < 0)
		return failed();
	pid = fork();
	if (pid == 0) {
		fexecve(fd, argv, env);
		_exit(2);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return failed();
	if (WIFSIGNALED(status))
		return -ECHILD;
	return WEXITSTATUS(status) == 2 ? NOT_HERE :
	       WEXITSTATUS(status)	? HELD :
					  OUT;
}

/* sendto() has the same number in both; most of those that differ are from
 * 512 on. */
static int x32_send(void)
{
	struct sockaddr_in sin = host4();
	int fd = raw(SYS_socket, AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return failed();
	if (raw(0x40000000 + SYS_sendto, fd, "x", 1, 0, &sin, sizeof(sin)) < 0)
		return errno == ENOSYS ? NOT_HERE : failed();
	return greeted(fd);
}

static int x32_tcp(void)
{
	struct sockaddr_in sin = host4();
	int fd = raw(0x40000000 + SYS_socket, AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return errno == ENOSYS ? NOT_HERE : failed();
	if (raw(0x40000000 + SYS_connect, fd, &sin, sizeof(sin)) < 0)
		return failed();
	return greeted(fd);
}
#else
static int i386_elf(void)
{
	return NOT_HERE;
}

static int x32_send(void)
{
	return NOT_HERE;
}

static int int80_tcp(void)
{
	return NOT_HERE;
}

static int int80_socketcall(void)
{
	return NOT_HERE;
}

static int x32_tcp(void)
{
	return NOT_HERE;
}
#endif

/* ---- rings ---- */

struct ring {
	int fd;
	unsigned char *sq, *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_params p;
};

static int ring_open(struct ring *ring)
{
	size_t sq, cq;

	memset(ring, 0, sizeof(*ring));
	ring->fd = raw(SYS_io_uring_setup, 4, &ring->p);
	if (ring->fd < 0)
		return failed();
	sq = ring->p.sq_off.array + ring->p.sq_entries * sizeof(uint32_t);
	cq = ring->p.cq_off.cqes +
	     ring->p.cq_entries * sizeof(struct io_uring_cqe);
	ring->sq = mmap(NULL, sq, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			IORING_OFF_SQ_RING);
	ring->cq = mmap(NULL, cq, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			IORING_OFF_CQ_RING);
	ring->sqes = mmap(NULL, ring->p.sq_entries * sizeof(*ring->sqes),
			  PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			  IORING_OFF_SQES);
	return ring->sq == MAP_FAILED || ring->cq == MAP_FAILED ||
			       ring->sqes == MAP_FAILED
		       ? HELD
		       : 0;
}

/* One operation, done before we return. Gives its result. */
static int ring_do(struct ring *ring, const struct io_uring_sqe *sqe)
{
	uint32_t *tail = (uint32_t *)(ring->sq + ring->p.sq_off.tail);
	uint32_t *mask = (uint32_t *)(ring->sq + ring->p.sq_off.ring_mask);
	uint32_t *array = (uint32_t *)(ring->sq + ring->p.sq_off.array);
	uint32_t *head = (uint32_t *)(ring->cq + ring->p.cq_off.head);
	uint32_t *cmask = (uint32_t *)(ring->cq + ring->p.cq_off.ring_mask);
	struct io_uring_cqe *cqes =
		(struct io_uring_cqe *)(ring->cq + ring->p.cq_off.cqes);
	uint32_t slot = *tail & *mask;
	int res;

	ring->sqes[slot] = *sqe;
	array[slot] = slot;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (raw(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) < 0)
		return failed();
	res = cqes[*head & *cmask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return res;
}

static int uring_tcp(void)
{
	struct sockaddr_in sin = host4();
	struct io_uring_sqe sqe = {0};
	struct ring ring;
	int rc, fd;

	rc = ring_open(&ring);
	if (rc)
		return rc;
	sqe.opcode = IORING_OP_SOCKET_NR;
	sqe.fd = AF_INET;
	sqe.off = SOCK_STREAM;
	fd = ring_do(&ring, &sqe);
	if (fd < 0)
		return fd;
	memset(&sqe, 0, sizeof(sqe));
	sqe.opcode = IORING_OP_CONNECT;
	sqe.fd = fd;
	sqe.addr = (uintptr_t)&sin;
	sqe.off = sizeof(sin);
	rc = ring_do(&ring, &sqe);
	return rc < 0 ? rc : greeted(fd);
}

/* ---- a second set of libc's symbols ---- */

#ifndef ESCAPE_STATIC
typedef int socket_fn(int, int, int);
typedef int connect_fn(int, const struct sockaddr *, socklen_t);

static int by_symbols(void *handle)
{
	socket_fn *get = (socket_fn *)dlsym(handle, "socket");
	connect_fn *join = (connect_fn *)dlsym(handle, "connect");
	struct sockaddr_in sin = host4();
	int fd;

	if (!get || !join)
		return NOT_HERE;
	fd = get(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || join(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		return failed();
	return greeted(fd);
}

static int dlsym_next(void)
{
	return by_symbols(RTLD_NEXT);
}

static int dlopen_libc(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_LOCAL);

	return libc ? by_symbols(libc) : NOT_HERE;
}

static int dlmopen_libc(void)
{
	void *libc = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);

	return libc ? by_symbols(libc) : NOT_HERE;
}

/* Runs before any preloaded library's constructor. */
static int preinit_outcome = HELD;

static void preinit(int argc, char **argv, char **env)
{
	const char *name = "ESCAPE_PORT=";

	for (; *env; env++) {
		if (strncmp(*env, name, strlen(name)))
			continue;
		target.port = 0;
		for (const char *c = *env + strlen(name); *c; c++)
			target.port = target.port * 10 + *c - '0';
	}
	/* once is enough: only the probe's own start, when asked for */
	if (argc == 2 && !strcmp(argv[1], "--preinit"))
		preinit_outcome = raw_tcp_to_host();
}

__attribute__((section(".preinit_array"), used)) static void (*preinit_entry)(
	int, char **, char **) = preinit;

int preinit_result(void);

int preinit_result(void)
{
	return preinit_outcome;
}
#else
static int dlsym_next(void)
{
	return NOT_HERE;
}

static int dlopen_libc(void)
{
	return NOT_HERE;
}

static int dlmopen_libc(void)
{
	return NOT_HERE;
}
#endif

const struct attempt call_attempts[] = {
	{"raw_tcp", raw_tcp_to_host},
	{"raw_tcp6", raw_tcp6},
	{"raw_udp", raw_udp},
	{"libc_syscall", libc_syscall},
	{"raw_udp_sendmsg", raw_udp_sendmsg},
	{"asm_hi32", asm_hi32},
	{"int80_tcp", int80_tcp},
	{"int80_socketcall", int80_socketcall},
	{"i386_elf", i386_elf},
	{"x32_send", x32_send},
	{"x32_tcp", x32_tcp},
	{"uring_tcp", uring_tcp},
	{"dlsym_next", dlsym_next},
	{"dlopen_libc", dlopen_libc},
	{"dlmopen_libc", dlmopen_libc},
	{NULL, NULL},
};
