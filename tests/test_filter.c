/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emitted filter is proven, not trusted: libseccomp has twice made weaker
 * programs than it was asked for. A small interpreter runs the two programs
 * that fdnet-run loads, in each of its modes, for every call number, several architectures and, for
 * each rule, each class of argument, and compares the stricter answer with
 * the table. Every instruction of the programs must have been reached.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/confine.h"
#include "sandbox/filter.h"
#include "sandbox/filter_rules.h"
#include "sandbox/landlock.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#define X32_BIT	    0x40000000
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "name the audit architecture here"
#endif

#define RANDOM_ROUNDS 625000 /* in each of sixteen modes */

static struct filter filter;
static unsigned int facts;
static bool *gate_seen, *rules_seen;
/* Another machine's program, by qemu: there is no kernel to load a filter. */
static bool emulated;

/* Each test runs for every combination of enum filter_facts: _i is one. */
static void build(unsigned int combination)
{
	facts = combination;
	ck_assert_int_eq(filter_build(facts, &filter), 0);
	gate_seen = calloc(filter.gate.count, sizeof(*gate_seen));
	rules_seen = calloc(filter.rules.count, sizeof(*rules_seen));
}

static void teardown(void)
{
	free(gate_seen);
	free(rules_seen);
	gate_seen = rules_seen = NULL;
	filter_done(&filter);
}

/* ---- the interpreter: classic BPF as seccomp allows it ---- */

static bool jump_taken(const struct sock_filter *in, uint32_t acc)
{
	switch (BPF_OP(in->code)) {
	case BPF_JEQ:
		return acc == in->k;
	case BPF_JGT:
		return acc > in->k;
	case BPF_JGE:
		return acc >= in->k;
	case BPF_JSET:
		return acc & in->k;
	}
	ck_abort_msg("jump 0x%x unknown to the interpreter", in->code);
	return false;
}

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;

	if (offset > sizeof(*data) - sizeof(word) || offset % sizeof(word))
		ck_abort_msg("load from offset %u", offset);
	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static uint32_t interpret(const struct filter_prog *prog, bool *seen,
			  const struct seccomp_data *data)
{
	uint32_t acc = 0;
	size_t pc = 0;

	while (pc < prog->count) {
		const struct sock_filter *in = &prog->insns[pc];

		seen[pc++] = true;
		switch (in->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			acc = load(data, in->k);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			acc &= in->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += in->k;
			continue;
		case BPF_RET | BPF_K:
			return in->k;
		}
		if (BPF_CLASS(in->code) != BPF_JMP)
			ck_abort_msg("code 0x%x is unknown here", in->code);
		pc += jump_taken(in, acc) ? in->jt : in->jf;
	}
	ck_abort_msg("the program runs over its end");
	return 0;
}

/* The kernel takes the answer of highest precedence, which is the lowest
 * number, read as signed (seccomp(2)). */
static uint32_t answer(const struct seccomp_data *data)
{
	uint32_t a = interpret(&filter.gate, gate_seen, data);
	uint32_t b = interpret(&filter.rules, rules_seen, data);

	return (int32_t)(b & SECCOMP_RET_ACTION_FULL) <
				       (int32_t)(a & SECCOMP_RET_ACTION_FULL) ||
			       a == SECCOMP_RET_ALLOW
		       ? b
		       : a;
}

/* ---- the table, read in the plainest way ---- */

static bool rule_matches(const struct filter_rule *rule,
			 const struct seccomp_data *data)
{
	uint64_t arg = data->args[rule->arg];
	uint32_t value;

	if (rule->nr != data->nr || !filter_rule_holds(rule, facts))
		return false;
	switch (rule->cond) {
	case FILTER_ALWAYS:
		return true;
	case FILTER_NOT:
		return arg != rule->first;
	case FILTER_EACH:
		for (value = rule->first; value <= rule->last; value += rule->step)
			if ((arg & rule->mask) == value)
				return true;
		return false;
	case FILTER_ANY:
		return arg & rule->mask;
	}
	return false;
}

static uint32_t action_of(const struct filter_rule *rule)
{
	if (rule->error == FILTER_NOTIFY)
		return SECCOMP_RET_USER_NOTIF;
	return SECCOMP_RET_ERRNO | (uint32_t)rule->error;
}

/* Several rules of one call may match; any of their answers is right. */
static bool is_expected(const struct seccomp_data *data, uint32_t got)
{
	bool matched = false;
	size_t i;

	for (i = 0; i < filter_rule_count; i++) {
		if (!rule_matches(&filter_rules[i], data))
			continue;
		matched = true;
		if (got == action_of(&filter_rules[i]))
			return true;
	}
	if (matched)
		return false;
	if ((uint32_t)data->nr > FILTER_NEWEST_CALL)
		return got == (SECCOMP_RET_ERRNO | ENOSYS);
	return got == SECCOMP_RET_ALLOW;
}

static void expect_table(const struct seccomp_data *data)
{
	uint32_t got = answer(data);

	/* Check writes a mark for each assertion; these are millions. */
	if (is_expected(data, got))
		return;
	ck_abort_msg("call %d (0x%llx 0x%llx 0x%llx 0x%llx 0x%llx) got 0x%x",
		     data->nr, (unsigned long long)data->args[0],
		     (unsigned long long)data->args[1],
		     (unsigned long long)data->args[2],
		     (unsigned long long)data->args[3],
		     (unsigned long long)data->args[4], got);
}

/* What is tried in the argument that a rule looks at. */
static size_t argument_classes(const struct filter_rule *rule, uint64_t *out)
{
	const uint64_t high = UINT64_C(0xdeadbeef00000000);
	size_t n = 0;
	uint32_t value;

	for (value = 1; rule->cond == FILTER_ANY && value; value <<= 1)
		if (rule->mask & value)
			out[n++] = value;

	out[n++] = 0;
	out[n++] = UINT64_MAX;
	out[n++] = 1;
	out[n++] = high;
	out[n++] = UINT64_C(1) << 32;
	for (value = rule->first;
	     n < 40 || (value <= rule->last && n < 360);
	     value += rule->step ? rule->step : 1) {
		out[n++] = value;
		out[n++] = value | high;
		out[n++] = value + 1;
		out[n++] = value - 1;
		out[n++] = value | ~(uint64_t)rule->mask;
		out[n++] = ~(uint64_t)value;
	}
	return n;
}

static void try_rule(const struct filter_rule *rule)
{
	uint64_t values[400], others[400];
	struct seccomp_data data = {.nr = rule->nr, .arch = NATIVE_ARCH};
	size_t count = argument_classes(rule, values), i, j, k;

	for (i = 0; i < count; i++) {
		memset(data.args, 0, sizeof(data.args));
		data.args[rule->arg] = values[i];
		expect_table(&data);
		/* crossed with the other arguments that the call's other rules
		 * look at */
		for (j = 0; j < filter_rule_count; j++) {
			const struct filter_rule *other = &filter_rules[j];

			if (other->nr != rule->nr || other->arg == rule->arg ||
			    !filter_rule_holds(other, facts))
				continue;
			for (k = argument_classes(other, others); k-- > 0;) {
				data.args[other->arg] = others[k];
				expect_table(&data);
			}
			data.args[other->arg] = 0;
		}
	}
}

/* ---- tests ---- */

START_TEST(every_number_answers_as_the_table_says)
{
	struct seccomp_data data = {.arch = NATIVE_ARCH};

	build(_i);
	for (data.nr = 0; data.nr < 4096; data.nr++)
		expect_table(&data);
	memset(data.args, 0xff, sizeof(data.args));
	for (data.nr = 0; data.nr < 4096; data.nr++)
		expect_table(&data);
}
END_TEST

START_TEST(every_class_of_argument_answers_as_the_table_says)
{
	size_t i;

	build(_i);
	for (i = 0; i < filter_rule_count; i++)
		try_rule(&filter_rules[i]);
}
END_TEST

START_TEST(foreign_architectures_end_the_program)
{
	static const uint32_t archs[] = {
		AUDIT_ARCH_I386,  AUDIT_ARCH_ARM,     AUDIT_ARCH_X86_64,
		AUDIT_ARCH_MIPS,  AUDIT_ARCH_AARCH64, AUDIT_ARCH_PPC64LE,
		AUDIT_ARCH_S390X, AUDIT_ARCH_RISCV64, 0,
		0xffffffff,	  NATIVE_ARCH ^ 1,
	};
	struct seccomp_data data = {0};
	size_t i;

	build(_i);
	for (i = 0; i < sizeof(archs) / sizeof(*archs); i++) {
		if (archs[i] == NATIVE_ARCH)
			continue;
		data.arch = archs[i];
		for (data.nr = -1; data.nr < 1024; data.nr++)
			if (answer(&data) != SECCOMP_RET_KILL_PROCESS)
				ck_abort_msg("arch 0x%x call %d got 0x%x",
					     archs[i], data.nr, answer(&data));
	}
}
END_TEST

#ifdef X32_BIT
START_TEST(x32_calls_do_not_exist)
{
	struct seccomp_data data = {.arch = NATIVE_ARCH};
	uint32_t nr;

	build(_i);
	for (nr = X32_BIT; nr < X32_BIT + 1024; nr++) {
		data.nr = nr;
		ck_assert_uint_ne(answer(&data), SECCOMP_RET_ALLOW);
	}
}
END_TEST
#endif

START_TEST(number_minus_one_does_not_exist)
{
	struct seccomp_data data = {.arch = NATIVE_ARCH, .nr = -1};

	build(_i);
	ck_assert_uint_ne(answer(&data), SECCOMP_RET_ALLOW);
}
END_TEST

/* Written by hand and apart from the table: what the manual promises. */
static const struct {
	const char *label;
	int nr;
	uint64_t args[6];
	bool allowed;
	unsigned int needs, unless; /* in the modes of which this is said */
	uint32_t answer;	    /* the very one, if not 0 */
} promises[] = {
	{"inet socket", __NR_socket, {AF_INET, SOCK_STREAM}, false},
	{"inet6 socket", __NR_socket, {AF_INET6, SOCK_DGRAM}, false},
	{"unix socket", __NR_socket, {AF_UNIX, SOCK_STREAM}, false},
	{"netlink socket", __NR_socket, {AF_NETLINK, SOCK_RAW}, false},
	{"packet socket", __NR_socket, {AF_PACKET, SOCK_RAW}, false},
	{"vsock socket", __NR_socket, {AF_VSOCK, SOCK_STREAM}, false},
	{"alg socket", __NR_socket, {AF_ALG, SOCK_SEQPACKET}, false},
	{"family beyond all", __NR_socket, {200, SOCK_STREAM}, false},
	{"stream pair", __NR_socketpair, {AF_UNIX, SOCK_STREAM}, true},
	{"seqpacket pair",
	 __NR_socketpair,
	 {AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK},
	 true},
	{"datagram pair", __NR_socketpair, {AF_UNIX, SOCK_DGRAM}, false},
	{"raw pair", __NR_socketpair, {AF_UNIX, SOCK_RAW}, false},
	{"datagram pair, high bits",
	 __NR_socketpair,
	 {AF_UNIX, SOCK_DGRAM | (UINT64_C(7) << 32)},
	 false},
	{"tipc pair", __NR_socketpair, {AF_TIPC, SOCK_STREAM}, false},
	{"send without address", __NR_sendto, {3, 4, 5, MSG_NOSIGNAL}, true},
	{"send with address", __NR_sendto, {3, 4, 5, 0, 0x7f0000, 16}, false},
	{"send with a high address",
	 __NR_sendto,
	 {3, 4, 5, 0, UINT64_C(0x7f0000000000), 16},
	 false},
	{"fast open", __NR_sendmsg, {3, 4, MSG_FASTOPEN}, false},
	{"fast open, high bits",
	 __NR_sendmsg,
	 {3, 4, MSG_FASTOPEN | (UINT64_C(1) << 40)},
	 false},
	{"message", __NR_sendmsg, {3, 4, MSG_NOSIGNAL}, true, 0,
	 FILTER_SUPERVISED},
	{"message by a raw call", __NR_sendmsg, {3, 4, MSG_NOSIGNAL}, false,
	 FILTER_SUPERVISED, 0, SECCOMP_RET_USER_NOTIF},
	{"message by the preload", __NR_sendmsg,
	 {3, 4, MSG_NOSIGNAL, 0, 0, FILTER_MAGIC}, true},
	{"option by the preload", __NR_getsockopt, {3, 1, 57, 4, 5, FILTER_MAGIC},
	 true},
	{"option, word in the high half", __NR_getsockopt,
	 {3, 1, 57, 4, 5, (uint64_t)FILTER_MAGIC << 32}, false,
	 FILTER_SUPERVISED, 0, SECCOMP_RET_USER_NOTIF},
	{"option, word and high bits", __NR_getsockopt,
	 {3, 1, 57, 4, 5, FILTER_MAGIC | UINT64_C(1) << 32}, false,
	 FILTER_SUPERVISED, 0, SECCOMP_RET_USER_NOTIF},
	{"the word opens no socket", __NR_socket,
	 {AF_INET, SOCK_STREAM, 0, 0, 0, FILTER_MAGIC}, false},
	{"the word connects nothing", __NR_connect,
	 {3, 4, 16, 0, 0, FILTER_MAGIC}, false},
	{"the word binds nothing", __NR_bind, {3, 4, 16, 0, 0, FILTER_MAGIC},
	 false},
	{"the word accepts nothing", __NR_accept4,
	 {3, 0, 0, 0, 0, FILTER_MAGIC}, false},
	{"the word sends no address", __NR_sendto,
	 {3, 4, 5, 0, 6, FILTER_MAGIC}, false},
	{"inet, asked", __NR_socket, {AF_INET, SOCK_STREAM}, false,
	 FILTER_SUPERVISED, 0, SECCOMP_RET_USER_NOTIF},
	{"packet, never asked", __NR_socket, {AF_PACKET, SOCK_RAW}, false,
	 FILTER_SUPERVISED, 0, SECCOMP_RET_ERRNO | EAFNOSUPPORT},
	{"vsock, never asked", __NR_socket, {AF_VSOCK, SOCK_STREAM}, false,
	 FILTER_SUPERVISED, 0, SECCOMP_RET_ERRNO | EAFNOSUPPORT},
	{"family 258, never asked", __NR_socket, {258, SOCK_STREAM}, false,
	 FILTER_SUPERVISED, 0, SECCOMP_RET_ERRNO | EAFNOSUPPORT},
	{"connect, refused", __NR_connect, {3, 4, 16}, false, 0,
	 FILTER_SUPERVISED, SECCOMP_RET_ERRNO | EPERM},
	{"affinity of another", __NR_sched_setaffinity, {4242, 8}, false, 0,
	 FILTER_OWN_PIDS},
	{"own affinity", __NR_sched_setaffinity, {0, 8}, true},
	{"priority of a user", __NR_setpriority, {2, 0}, false, 0,
	 FILTER_OWN_PIDS},
	{"own priority", __NR_setpriority, {0, 0, 5}, true},
	{"shared memory", __NR_shmget, {0, 4096}, false, 0, FILTER_OWN_IPC},
	{"own shared memory", __NR_shmget, {0, 4096}, true, FILTER_OWN_IPC},
	{"terminal input", __NR_ioctl, {0, TIOCSTI}, false},
	{"terminal input, high bits",
	 __NR_ioctl,
	 {0, TIOCSTI | (UINT64_C(1) << 32)},
	 false},
	{"window size", __NR_ioctl, {0, TIOCGWINSZ}, true},
	{"bytes to read", __NR_ioctl, {0, FIONREAD}, true},
	{"interface list", __NR_ioctl, {0, 0x8912}, false},
	{"interface address", __NR_ioctl, {0, 0x8915}, false},
	{"net namespace of a socket", __NR_ioctl, {0, 0x894c}, false},
	{"at mark", __NR_ioctl, {0, 0x8905}, true},
	{"fork", __NR_clone, {SIGCHLD}, true},
	{"thread",
	 __NR_clone,
	 {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD},
	 true},
	{"user namespace", __NR_clone, {CLONE_NEWUSER | SIGCHLD}, false},
	{"net namespace", __NR_unshare, {CLONE_NEWNET}, false},
	{"own descriptors", __NR_unshare, {CLONE_FILES}, true},
	{"ring", __NR_io_uring_setup, {1}, false},
	{"own limits", __NR_prlimit64, {0, 7}, true},
	{"another's limits", __NR_prlimit64, {4242, 7}, false, 0,
	 FILTER_OWN_PIDS},
	{"chroot, from a root of somebody's", __NR_chroot, {1}, false, 0,
	 FILTER_MAY_CHROOT, SECCOMP_RET_ERRNO | EPERM},
	{"chroot", __NR_chroot, {1}, true, FILTER_MAY_CHROOT},
	{"own filter", __NR_seccomp, {SECCOMP_SET_MODE_FILTER}, true},
	{"own listener",
	 __NR_seccomp,
	 {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER},
	 false},
	{"read", __NR_read, {0}, true},
	{"exec", __NR_execve, {0}, true},
	{"epoll", __NR_epoll_ctl, {0}, true},
};

START_TEST(what_the_manual_promises_holds)
{
	struct seccomp_data data = {.arch = NATIVE_ARCH, .nr = promises[_i].nr};
	unsigned int i;

	memcpy(data.args, promises[_i].args, sizeof(data.args));
	for (i = 0; i < FILTER_FACTS; i++) {
		uint32_t got;

		if ((i & promises[_i].needs) != promises[_i].needs ||
		    i & promises[_i].unless)
			continue;
		build(i);
		got = answer(&data);
		ck_assert_msg((got == SECCOMP_RET_ALLOW) == promises[_i].allowed,
			      "%s: mode %u: got 0x%x", promises[_i].label, i,
			      got);
		if (promises[_i].answer)
			ck_assert_msg(got == promises[_i].answer,
				      "%s: mode %u: got 0x%x",
				      promises[_i].label, i, got);
		teardown();
	}
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

START_TEST(random_calls_answer_as_the_table_says)
{
	struct seccomp_data data = {.arch = NATIVE_ARCH};
	uint64_t state = 0x9e3779b97f4a7c15;
	int i, j;

	build(_i);
	for (i = 0; i < RANDOM_ROUNDS; i++) {
		uint64_t shape = next_random(&state);

		data.nr = i & 1 ? filter_rules[shape % filter_rule_count].nr
				: (int)(shape % 600);
		for (j = 0; j < 6; j++) {
			data.args[j] = next_random(&state);
			if (shape & (1 << (8 + j)))
				data.args[j] &= 0xffff;
			if (shape & (1 << (16 + j)))
				data.args[j] &= 0xf;
		}
		expect_table(&data);
	}
}
END_TEST

/*
 * libseccomp leaves an instruction to which nothing leads at the end of long
 * programs. What no jump leads to, and what follows no other, cannot run.
 */
static bool can_run(const struct filter_prog *prog, size_t at)
{
	size_t i;

	for (i = 0; i < at; i++) {
		const struct sock_filter *in = &prog->insns[i];

		if (BPF_CLASS(in->code) == BPF_RET)
			continue;
		if (in->code == (BPF_JMP | BPF_JA)) {
			if (i + 1 + in->k == at)
				return true;
		} else if (BPF_CLASS(in->code) == BPF_JMP) {
			if (i + 1 + in->jt == at || i + 1 + in->jf == at)
				return true;
		} else if (i + 1 == at) {
			return true;
		}
	}
	return at == 0;
}

static void expect_seen(const char *name, const struct filter_prog *prog,
			const bool *seen)
{
	size_t i;

	for (i = 0; i < prog->count; i++)
		ck_assert_msg(seen[i] || !can_run(prog, i),
			      "%s: instruction %zu never reached", name, i);
}

/* In one test, so in one process: the marks of what was reached are there. */
START_TEST(every_instruction_is_reached)
{
	struct seccomp_data data = {.arch = NATIVE_ARCH};
	size_t i;

	build(_i);
	for (data.nr = -1; data.nr < 1024; data.nr++)
		answer(&data);
#ifdef X32_BIT
	data.nr = X32_BIT;
	answer(&data);
#endif
	data.arch = 0;
	answer(&data);
	for (i = 0; i < filter_rule_count; i++)
		try_rule(&filter_rules[i]);
	expect_seen("gate", &filter.gate, gate_seen);
	expect_seen("rules", &filter.rules, rules_seen);
}
END_TEST

/* The kernel takes the programs and answers as the interpreter did. */
START_TEST(the_kernel_agrees)
{
	pid_t pid;
	int status;

	build(_i);
	if (emulated)
		return;
	pid = fork();
	if (pid == 0) {
		int rc, error = EAFNOSUPPORT;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		rc = filter_load(&filter);
		if (rc < 0)
			_exit(1);
		/* nobody answers any more */
		if (facts & FILTER_SUPERVISED) {
			close(rc);
			error = ENOSYS;
		}
		if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != error)
			_exit(2);
		if (socket(AF_PACKET, SOCK_RAW, 0) >= 0 ||
		    errno != EAFNOSUPPORT)
			_exit(3);
		if (syscall(FILTER_NEWEST_CALL + 1) >= 0 || errno != ENOSYS)
			_exit(4);
		_exit(getpid() > 0 ? 0 : 5);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- fdnet-run's own filter ---- */

static const struct confine_pids confine_pids = {4711, 4710, 4242};

static bool confine_allows(const struct confine_rule *rule,
			   const struct seccomp_data *data)
{
	const uint32_t arg = (uint32_t)data->args[rule->arg];
	size_t i;

	if (rule->nr != data->nr)
		return false;
	if (rule->check == CONFINE_NONE)
		return true;
	if (rule->check == CONFINE_OURS)
		return arg == (uint32_t)confine_pids.program ||
		       arg == (uint32_t)confine_pids.child ||
		       arg == (uint32_t)confine_pids.own;
	for (i = 0; i < rule->count; i++)
		if ((arg & rule->mask) == rule->values[i])
			return true;
	return false;
}

static void expect_confined(const struct filter_prog *prog, bool *seen,
			    const struct seccomp_data *data)
{
	uint32_t got = interpret(prog, seen, data), want;
	size_t i;

	want = SECCOMP_RET_ERRNO | EPERM;
	for (i = 0; i < confine_rule_count; i++)
		if (confine_allows(&confine_rules[i], data))
			want = SECCOMP_RET_ALLOW;
#ifdef X32_BIT
	/* libseccomp's own answer to what is not of this architecture */
	if (data->nr != -1 && (uint32_t)data->nr & X32_BIT)
		want = SECCOMP_RET_KILL_PROCESS;
#endif
	if (got != want)
		ck_abort_msg("call %d (0x%llx 0x%llx 0x%llx): got 0x%x", data->nr,
			     (unsigned long long)data->args[0],
			     (unsigned long long)data->args[1],
			     (unsigned long long)data->args[2], got);
}

/* Each bit, alone and missing, each value and pid with neighbours, high bits;
 * in the argument that any rule of the call looks at. */
static void try_confined(const struct filter_prog *prog, bool *seen, int nr)
{
	const uint64_t high = UINT64_C(0x5a5a5a5a00000000);
	struct seccomp_data data = {.arch = NATIVE_ARCH, .nr = nr};
	uint64_t values[600];
	size_t n = 0, i, j, k;

	for (i = 0; i < 64; i++) {
		values[n++] = UINT64_C(1) << i;
		values[n++] = ~(UINT64_C(1) << i);
	}
	for (j = 0; j < confine_rule_count; j++) {
		if (confine_rules[j].nr != nr)
			continue;
		for (k = 0; k < confine_rules[j].count; k++)
			for (i = 0; i < 3; i++)
				values[n++] = confine_rules[j].values[k] + i - 1;
	}
	for (i = 0; i < 3; i++) {
		values[n++] = (uint64_t)confine_pids.program + i - 1;
		values[n++] = (uint64_t)confine_pids.child + i - 1;
		values[n++] = (uint64_t)confine_pids.own + i - 1;
	}
	values[n++] = 0;
	values[n++] = UINT64_MAX;
	for (i = 0; i < n; i++)
		for (j = 0; j < 6; j++) {
			memset(data.args, 0, sizeof(data.args));
			data.args[j] = values[i];
			expect_confined(prog, seen, &data);
			data.args[j] = values[i] ^ high;
			expect_confined(prog, seen, &data);
		}
}

START_TEST(the_launcher_makes_no_other_calls)
{
	struct seccomp_data data = {.arch = NATIVE_ARCH};
	struct filter_prog prog;
	bool *seen;

	ck_assert_int_eq(confine_build(&confine_pids, &prog), 0);
	seen = calloc(prog.count, sizeof(*seen));
	for (data.nr = -1; data.nr < 1024; data.nr++)
		try_confined(&prog, seen, data.nr);
#ifdef X32_BIT
	data.nr = X32_BIT | 1;
	expect_confined(&prog, seen, &data);
#endif
	data.nr = __NR_read;
	data.arch = NATIVE_ARCH ^ 1;
	ck_assert_uint_eq(interpret(&prog, seen, &data),
			  SECCOMP_RET_KILL_PROCESS);
	expect_seen("confine", &prog, seen);
	free(seen);
	free(prog.insns);
}
END_TEST

/* By hand: what somebody who has taken it over would like. */
START_TEST(the_launcher_gives_up_what_matters)
{
	static const struct {
		int nr;
		uint64_t args[3];
	} wishes[] = {
		{__NR_execve, {0}},
		{__NR_execveat, {0}},
		{__NR_ptrace, {0}},
		{__NR_process_vm_writev, {0}},
		{__NR_socket, {AF_INET, SOCK_STREAM}},
		{__NR_socket, {AF_INET6, SOCK_DGRAM}},
		{__NR_socket, {AF_NETLINK, SOCK_RAW}},
		{__NR_socket, {AF_PACKET, SOCK_RAW}},
		{__NR_mmap, {0, 4096, 7}},
		{__NR_mprotect, {0, 4096, 4}},
		{__NR_openat, {0, 0, 0100 /* O_CREAT */}},
		{__NR_openat, {0, 0, 020000000 | 0200000 /* O_TMPFILE */}},
		{__NR_kill, {1, 9}},
		{__NR_kill, {(uint64_t)-1, 9}},
		{__NR_clone, {CLONE_NEWUSER}},
		{__NR_unshare, {CLONE_NEWUSER}},
		{__NR_setns, {0}},
		{__NR_mount, {0}},
		{__NR_io_uring_setup, {0}},
		{__NR_bpf, {0}},
		{__NR_ioctl, {0, TIOCSTI}},
		{__NR_prctl, {PR_SET_DUMPABLE, 1}},
		{__NR_unlinkat, {0}},
		{__NR_renameat2, {0}},
	};
	struct filter_prog prog;
	bool *seen;
	size_t i;

	ck_assert_int_eq(confine_build(&confine_pids, &prog), 0);
	seen = calloc(prog.count, sizeof(*seen));
	for (i = 0; i < sizeof(wishes) / sizeof(*wishes); i++) {
		struct seccomp_data data = {.arch = NATIVE_ARCH,
					    .nr = wishes[i].nr};

		memcpy(data.args, wishes[i].args, sizeof(wishes[i].args));
		ck_assert_msg(interpret(&prog, seen, &data) ==
				      (SECCOMP_RET_ERRNO | EPERM),
			      "wish %zu", i);
	}
	free(seen);
	free(prog.insns);
}
END_TEST

START_TEST(landlock_takes_tcp_from_the_launcher)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
				  .sin_port = htons(1),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	pid_t pid = fork();
	int fd, status;

	if (pid == 0) {
		if (confine_early() < 0)
			_exit(1);
		fd = socket(AF_INET, SOCK_STREAM, 0);
		_exit(connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 ||
				      errno != EACCES ?
			      2 :
			      0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (landlock_version() >= 4)
		ck_assert_int_eq(status, 0);
}
END_TEST

static Suite *filter_suite(void)
{
	Suite *suite = suite_create("filter");
	TCase *tc = tcase_create("filter");

	emulated = seccomp_api_get() < 5;
	if (emulated)
		seccomp_api_set(6);

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, every_number_answers_as_the_table_says, 0,
			    FILTER_FACTS);
	tcase_add_loop_test(tc, every_class_of_argument_answers_as_the_table_says,
			    0, FILTER_FACTS);
	tcase_add_loop_test(tc, foreign_architectures_end_the_program, 0,
			    FILTER_FACTS);
#ifdef X32_BIT
	tcase_add_loop_test(tc, x32_calls_do_not_exist, 0, FILTER_FACTS);
#endif
	tcase_add_loop_test(tc, number_minus_one_does_not_exist, 0,
			    FILTER_FACTS);
	tcase_add_loop_test(tc, what_the_manual_promises_holds, 0,
			    sizeof(promises) / sizeof(*promises));
	tcase_add_loop_test(tc, random_calls_answer_as_the_table_says, 0,
			    FILTER_FACTS);
	tcase_add_loop_test(tc, every_instruction_is_reached, 0, FILTER_FACTS);
	tcase_add_loop_test(tc, the_kernel_agrees, 0, FILTER_FACTS);
	tcase_add_test(tc, the_launcher_makes_no_other_calls);
	tcase_add_test(tc, the_launcher_gives_up_what_matters);
	tcase_add_test(tc, landlock_takes_tcp_from_the_launcher);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(filter_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
