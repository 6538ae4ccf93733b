/* SPDX-License-Identifier: Apache-2.0 */
/* The seccomp filter; see filter.h. */
#include "config.h"

#include "sandbox/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/filter_rules.h"
#include "sandbox/weaken.h"

static int add_rule(scmp_filter_ctx ctx, const struct filter_rule *rule)
{
	uint32_t action = rule->error == FILTER_NOTIFY ?
				  SCMP_ACT_NOTIFY :
				  SCMP_ACT_ERRNO(rule->error);
	/* what is above an int's bits must not matter */
	const uint64_t high = weaken("high-bits", "") ? ~UINT64_C(0) << 32 : 0;
	uint32_t value;
	int rc;

	switch (rule->cond) {
	case FILTER_ALWAYS:
		return seccomp_rule_add_exact(ctx, action, rule->nr, 0);
	case FILTER_NOT:
		return seccomp_rule_add_exact(ctx, action, rule->nr, 1,
					      SCMP_CMP(rule->arg, SCMP_CMP_NE,
						       rule->first));
	case FILTER_EACH:
		for (value = rule->first; value <= rule->last;
		     value += rule->step) {
			rc = seccomp_rule_add_exact(ctx, action, rule->nr, 1,
						    SCMP_CMP(rule->arg,
							     SCMP_CMP_MASKED_EQ,
							     rule->mask | high,
							     value));
			if (rc < 0)
				return rc;
		}
		return 0;
	case FILTER_ANY:
		for (value = 1; value; value <<= 1) {
			if (!(rule->mask & value))
				continue;
			rc = seccomp_rule_add_exact(ctx, action, rule->nr, 1,
						    SCMP_CMP(rule->arg,
							     SCMP_CMP_MASKED_EQ,
							     value, value));
			if (rc < 0)
				return rc;
		}
		return 0;
	}
	return -EINVAL;
}

static int add_rules(scmp_filter_ctx ctx, unsigned int facts)
{
	size_t i;
	int rc;

	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			      weaken("bad-arch", "") ? SCMP_ACT_ALLOW :
						       SCMP_ACT_KILL_PROCESS);
	if (rc < 0)
		return rc;
	/* A balanced tree instead of a list: fewer steps for every call. */
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc < 0)
		return rc;
	for (i = 0; i < filter_rule_count; i++) {
		if (!filter_rule_holds(&filter_rules[i], facts) ||
		    weaken("filter", "") ||
		    weaken("rule:", filter_rules[i].call))
			continue;
		rc = add_rule(ctx, &filter_rules[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* libseccomp gives its program only to a file. */
static int read_program(int fd, struct filter_prog *prog)
{
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st) < 0)
		return -errno;
	prog->insns = malloc(st.st_size);
	if (!prog->insns)
		return -ENOMEM;
	len = pread(fd, prog->insns, st.st_size, 0);
	if (len != st.st_size)
		return -EIO;
	prog->count = len / sizeof(*prog->insns);
	return 0;
}

int filter_export(void *ctx, struct filter_prog *ret_prog)
{
	int fd, rc;

	fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = seccomp_export_bpf(ctx, fd);
	if (rc == 0)
		rc = read_program(fd, ret_prog);
	close(fd);
	return rc;
}

static int build_rules(struct filter_prog *prog, unsigned int facts)
{
	scmp_filter_ctx ctx;
	int rc;

	ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return -ENOMEM;
	rc = add_rules(ctx, facts);
	if (rc == 0)
		rc = filter_export(ctx, prog);
	seccomp_release(ctx);
	return rc;
}

static int build_gate(struct filter_prog *prog)
{
	static const struct sock_filter gate[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, FILTER_NEWEST_CALL, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	prog->insns = malloc(sizeof(gate));
	if (!prog->insns)
		return -ENOMEM;
	memcpy(prog->insns, gate, sizeof(gate));
	prog->count = sizeof(gate) / sizeof(*gate);
	if (weaken("gate", ""))
		prog->insns[1].k = ~0u;
	return 0;
}

int filter_build(unsigned int facts, struct filter *ret_filter)
{
	struct filter filter = {.facts = facts};
	int rc;

	rc = build_gate(&filter.gate);
	if (rc == 0)
		rc = build_rules(&filter.rules, facts);
	if (rc < 0) {
		filter_done(&filter);
		return rc;
	}
	*ret_filter = filter;
	return 0;
}

void filter_done(struct filter *filter)
{
	free(filter->gate.insns);
	free(filter->rules.insns);
	memset(filter, 0, sizeof(*filter));
}

int filter_load_program(const struct filter_prog *prog, unsigned int flags)
{
	struct sock_fprog fprog = {
		.len = prog->count,
		.filter = prog->insns,
	};
	long rc;

	rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &fprog);
	return rc < 0 ? -errno : (int)rc;
}

int filter_load(const struct filter *filter)
{
	unsigned int flags = 0;
	int rc;

	if (filter->facts & FILTER_SUPERVISED)
		flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	rc = filter_load_program(&filter->gate, 0);
	if (rc < 0)
		return rc;
	return filter_load_program(&filter->rules, flags);
}

static void show_condition(const struct filter_rule *rule, FILE *out)
{
	char text[64] = "always";

	if (rule->cond == FILTER_NOT)
		snprintf(text, sizeof(text), "arg%u != %u", rule->arg,
			 rule->first);
	else if (rule->cond == FILTER_EACH && rule->first == rule->last)
		snprintf(text, sizeof(text), "(arg%u & 0x%x) == 0x%x",
			 rule->arg, rule->mask, rule->first);
	else if (rule->cond == FILTER_EACH)
		snprintf(text, sizeof(text), "(arg%u & 0x%x) in 0x%x..0x%x",
			 rule->arg, rule->mask, rule->first, rule->last);
	else if (rule->cond == FILTER_ANY)
		snprintf(text, sizeof(text), "(arg%u & 0x%x) != 0", rule->arg,
			 rule->mask);
	fprintf(out, " %-40s", text);
}

static void show_program(const char *name, const struct filter_prog *prog,
			 FILE *out)
{
	size_t i;

	fprintf(out, "\n%s: %zu BPF instructions (code jt jf k)\n", name,
		prog->count);
	for (i = 0; i < prog->count; i++)
		fprintf(out, "%4zu: 0x%02x %3u %3u 0x%08x\n", i,
			prog->insns[i].code, prog->insns[i].jt,
			prog->insns[i].jf, prog->insns[i].k);
}

void filter_show(const struct filter *filter, FILE *out)
{
	size_t i;

	fprintf(out,
		"Refused system calls. Calls of another architecture end "
		"the program; numbers above\n%d do not exist (ENOSYS); "
		"everything else is allowed. This is the filter of a sandbox "
		"with%s a supervisor,\nwith%s a pid namespace, with%s an ipc "
		"namespace,\nwith%s chroot().\n\n",
		FILTER_NEWEST_CALL,
		filter->facts & FILTER_SUPERVISED ? "" : "out",
		filter->facts & FILTER_OWN_PIDS ? "" : "out",
		filter->facts & FILTER_OWN_IPC ? "" : "out",
		filter->facts & FILTER_MAY_CHROOT ? "" : "out");
	for (i = 0; i < filter_rule_count; i++) {
		const struct filter_rule *rule = &filter_rules[i];

		if (!filter_rule_holds(rule, filter->facts))
			continue;
		fprintf(out, "%-18s", rule->call);
		show_condition(rule, out);
		fprintf(out, " %-16s %s\n",
			rule->error == FILTER_NOTIFY ?
				"supervisor" :
				strerrorname_np(rule->error),
			rule->why);
	}
	show_program("gate", &filter->gate, out);
	show_program("rules", &filter->rules, out);
}
