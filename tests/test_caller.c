/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The caller's memory and descriptors (sandbox/caller.c), of real callers: one
 * that waits for its answer, one that is gone, and another one that has its
 * number now.
 *
 * The caller is a process with a filter of its own, in a pid namespace where we
 * choose numbers; where those cannot be had, that case is left out.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ask.h"
#include "sandbox/notify.h"
#include "tests/suite_main.h"

#define PAGE 4096
/* The number that the first and the second caller have. */
#define NUMBER 77

static char own_word[16] = "ours";
/* The first is readable and writable, the second read only, others none. */
static char *pages;
#define PAGES_ALL 20

/* ---- callers ---- */

static ssize_t call_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return sendmsg(fd, msg, flags) < 0 ? -errno : 0;
}

static ssize_t call_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t rc = recvmsg(fd, msg, flags);

	return rc < 0 ? -errno : rc;
}

static const struct fdnet_ask_calls calls = { call_sendmsg, call_recvmsg };

/* getppid() is what we are notified of. */
static int filter_getppid(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(*code), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
}

static void be_a_caller(int channel)
{
	int fd = filter_getppid();

	if (fd < 0 ||
	    fdnet_msg_send(&calls, channel, "l", 1, &fd, 1, 0) < 0)
		_exit(1);
	close(fd);
	syscall(SYS_getppid);
	_exit(0);
}

/* As fork(), with @number if that is not 0. -1: errno. */
static pid_t fork_as(pid_t number)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	if (!number)
		return fork();
	args.set_tid = (uintptr_t)&number;
	args.set_tid_size = 1;
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static pid_t start_caller(pid_t number, struct supervisor *sup,
			  struct call *call)
{
	static struct seccomp_notif notif;
	int channel[2], fds[FDNET_ASK_FDS];
	char byte;
	pid_t pid;

	memset(&notif, 0, sizeof(notif));
	ck_assert(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel));
	pid = fork_as(number);
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		be_a_caller(channel[1]);
	close(channel[1]);
	ck_assert_int_eq(fdnet_msg_recv(&calls, channel[0], &byte, 1, fds, 0),
			 1);
	close(channel[0]);
	sup->listener.fd = fds[0];
	sup->thread_pidfds = true;
	ck_assert_int_eq(ioctl(fds[0], SECCOMP_IOCTL_NOTIF_RECV, &notif), 0);
	*call = (struct call){
		.sup = sup,
		.id = notif.id,
		.tid = (pid_t)notif.pid,
		.fd = -1,
		.spare_fd = -1,
	};
	return pid;
}

static void end_caller(pid_t pid, struct supervisor *sup)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	close(sup->listener.fd);
}

/* ---- pointers ---- */

static const struct {
	const char *label;
	enum { NOWHERE, PAGES, WORD } base;
	uint64_t at;
	size_t len;
	int read, write;
} pointers[] = {
	{ "good", PAGES, 16, 8, 0, 0 },
	{ "nothing of nowhere", NOWHERE, 8, 0, 0, 0 },
	{ "null", NOWHERE, 0, 8, -EFAULT, -EFAULT },
	{ "low", NOWHERE, 8, 1, -EFAULT, -EFAULT },
	{ "the last byte", PAGES, PAGE - 1, 1, 0, 0 },
	/* by way of /proc it can be written; it is the caller's own affair */
	{ "a page that may be read", PAGES, PAGE + 8, 8, 0, 0 },
	{ "a page that may not be touched", PAGES, 2 * PAGE, 8, -EFAULT,
	  -EFAULT },
	{ "half of it may not be touched", PAGES, 2 * PAGE - 4, 8, -EFAULT,
	  -EFAULT },
	{ "the kernel's", NOWHERE, UINT64_C(1) << 63, 8, -EFAULT, -EFAULT },
	{ "the end of everything", NOWHERE, UINT64_MAX - 3, 8, -EFAULT,
	  -EFAULT },
	{ "more than there is", PAGES, 0, 16 * PAGE, -EFAULT, -EFAULT },
};

static char room[16 * PAGE];

START_TEST(pointers_are_looked_at)
{
	uint64_t addr = pointers[_i].at;
	struct supervisor sup = { 0 };
	struct call call;
	pid_t pid;

	pages = mmap(NULL, PAGES_ALL * PAGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(pages != MAP_FAILED);
	mprotect(pages, PAGE, PROT_READ | PROT_WRITE);
	mprotect(pages + PAGE, PAGE, PROT_READ);
	if (pointers[_i].base == PAGES)
		addr += (uintptr_t)pages;
	pid = start_caller(0, &sup, &call);
	ck_assert_msg(call_read(&call, addr, room, pointers[_i].len) ==
			      pointers[_i].read,
		      "%s, read", pointers[_i].label);
	ck_assert_msg(call_write(&call, addr, room, pointers[_i].len) ==
			      pointers[_i].write,
		      "%s, write", pointers[_i].label);
	end_caller(pid, &sup);
	munmap(pages, PAGES_ALL * PAGE);
}
END_TEST

/* ---- descriptors ---- */

START_TEST(descriptors_are_what_they_are)
{
	struct supervisor sup = { 0 };
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	struct call call;
	int pair[2], file;
	pid_t pid;

	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	getsockopt(pair[0], SOL_SOCKET, SO_COOKIE, &cookie, &len);
	pid = start_caller(0, &sup, &call);
	ck_assert_int_eq(call_take_fd(&call, -1), -EBADF);
	ck_assert_int_eq(call_take_fd(&call, 1000), -EBADF);
	ck_assert_int_eq(call_take_fd(&call, file), -ENOTSOCK);
	close(call.fd);
	ck_assert_int_eq(call_take_fd(&call, pair[0]), 0);
	ck_assert_uint_eq(call.cookie, cookie);
	ck_assert_int_eq(call.unix_type, SOCK_STREAM);
	close(call.fd);
	ck_assert(call_fd_is(&call, pair[0], cookie));
	ck_assert(!call_fd_is(&call, pair[1], cookie));
	ck_assert(!call_fd_is(&call, 1000, cookie));
	ck_assert(call_fd_closes_on_exec(&call, file));
	ck_assert(!call_fd_closes_on_exec(&call, pair[0]));
	end_caller(pid, &sup);
	close(pair[0]);
	close(pair[1]);
	close(file);
}
END_TEST

/* ---- callers that are gone ---- */

static void check_gone(struct call *call)
{
	char word[8] = "none";

	ck_assert(!call_is_valid(call));
	ck_assert_int_eq(call_read(call, (uintptr_t)own_word, word, 8), -ESRCH);
	ck_assert_int_eq(call_write(call, (uintptr_t)own_word, "bad", 4),
			 -ESRCH);
	ck_assert_int_eq(call_take_fd(call, STDIN_FILENO), -ESRCH);
	ck_assert_int_eq(call->fd, -1);
}

START_TEST(who_is_gone_is_not_touched)
{
	struct supervisor sup = { 0 };
	struct call call;
	pid_t pid = start_caller(0, &sup, &call);

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	check_gone(&call);
	close(sup.listener.fd);
}
END_TEST

/* Its number is another's, with the same things at the same addresses. */
static void reuse_a_number(void)
{
	struct supervisor sup = { 0 };
	struct call call;
	int go[2], status;
	char byte;
	pid_t pid;

	ck_assert_int_eq(start_caller(NUMBER, &sup, &call), NUMBER);
	kill(NUMBER, SIGKILL);
	waitpid(NUMBER, NULL, 0);
	ck_assert(!pipe(go));
	pid = fork_as(NUMBER);
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) == 0 && !strcmp(own_word, "ours") ?
			      0 :
			      1);
	}
	ck_assert_int_eq(pid, NUMBER);
	check_gone(&call);
	close(go[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(go[0]);
	close(sup.listener.fd);
}

static bool can_choose_numbers(void)
{
	pid_t pid = fork_as(NUMBER);

	if (pid == 0)
		_exit(0);
	return pid == NUMBER && waitpid(pid, NULL, 0) == pid;
}

static void with_numbers(void)
{
	/* or /proc shows other numbers, which do no harm either */
	if (unshare(CLONE_NEWNS) == 0 &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		mount("proc", "/proc", "proc", 0, NULL);
	if (can_choose_numbers())
		reuse_a_number();
	else
		fprintf(stderr, "numbers cannot be chosen: left out\n");
}

/* The status of a child that runs @fn. */
static int in_a_child(void (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		fn();
		_exit(0);
	}
	ck_assert_int_ge(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void with_a_namespace(void)
{
	if (unshare(CLONE_NEWPID) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
		fprintf(stderr, "no pid namespace here: left out\n");
	else
		_exit(in_a_child(with_numbers) ? 1 : 0);
}

/* Who has left its pid namespace can start nobody when that has ended: not
 * this process, which a sanitizer has more to do in. */
START_TEST(a_number_that_is_used_again)
{
	ck_assert_int_eq(in_a_child(with_a_namespace), 0);
}
END_TEST

static Suite *caller_suite(void)
{
	Suite *suite = suite_create("caller");
	TCase *tc = tcase_create("callers");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, pointers_are_looked_at, 0, N_ROWS(pointers));
	tcase_add_test(tc, descriptors_are_what_they_are);
	tcase_add_test(tc, who_is_gone_is_not_touched);
	tcase_add_test(tc, a_number_that_is_used_again);
	suite_add_tcase(suite, tc);
	return suite;
}

SUITE_MAIN(caller_suite)
