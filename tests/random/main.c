/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that fork, execute, duplicate, pass, close and die at random, with
 * listeners and connections between them; what each step gave is printed.
 *
 * usage: steps [-s seed] [-n steps] [-v] [-x op]...
 * -x leaves a kind of step out; -v tells on stderr which end a step is about.
 *
 * A coordinator holds no network socket. It tells one process at a time what
 * to do, over a channel, and keeps account of who holds what: how many bytes
 * are on their way, who has closed, whom a close resets. So every step has one
 * right answer, whatever the timing, and steps that the account says must see
 * something are given time to. tests/random/run compares many seeds.
 */
#include "tests/random/moves.h"

#include <sys/prctl.h>

const char *const op_names[NOPS] = {
	"listen", "connect", "accept", "send", "recv", "shutdown", "poll",
	"names", "dup", "dup2", "close", "fork", "exec", "spawn", "pass",
	"take", "cloexec", "exit", "kill", "settle",
};

static bool left_out[NOPS];

/* How often each kind is tried, of the sum. */
static const int weight[NOPS] = {
	[LISTEN] = 2, [CONNECT] = 10, [ACCEPT] = 10, [SEND] = 25, [RECV] = 25,
	[SHUTDOWN] = 6, [POLL] = 8, [NAMES] = 3, [DUP] = 4, [DUP2] = 3,
	[CLOSE] = 9, [FORK] = 3, [EXEC] = 2, [SPAWN] = 2, [PASS] = 4,
	[TAKE] = 6, [CLOEXEC] = 3, [EXIT] = 4, [KILL] = 4,
};

static int pick_op(void)
{
	int op, sum = 0;

	for (op = 0; op < NOPS; op++)
		sum += weight[op];
	sum = (int)dice((unsigned int)sum);
	for (op = 0; sum >= weight[op]; op++)
		sum -= weight[op];
	return op;
}

static void channels(void)
{
	int p, sv[2];

	for (p = 0; p < PROCS; p++) {
		need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), "channel");
		dup2(sv[0], BOSS + p);
		dup2(sv[1], CHANNEL + p);
		close_pair(sv);
		need(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), "mailbox");
		dup2(sv[0], MAILBOX + 2 * p);
		dup2(sv[1], MAILBOX + 2 * p + 1);
		close_pair(sv);
	}
}

static void first_process(void)
{
	struct order start = {.op = EXEC};
	struct report r;
	char number[8], *argv[3];
	int p, pid = fork();

	if (pid == 0) {
		for (p = 0; p < PROCS; p++)
			close(BOSS + p);
		self(argv, number, 0);
		execv("/proc/self/exe", argv);
		_exit(1);
	}
	hear(0, &start, &r);
	procs[0].alive = true;
	procs[0].pid = pid;
}

static int option(int argc, char **argv)
{
	int c, op, steps = 300;

	while ((c = getopt(argc, argv, "s:n:x:v")) != -1) {
		if (c == 's')
			seed_dice(strtoull(optarg, NULL, 0));
		else if (c == 'n')
			steps = atoi(optarg);
		else if (c == 'v')
			talkative = true;
		else if (c != 'x')
			exit(2);
		for (op = 0; c == 'x' && op < NOPS; op++)
			if (strcmp(optarg, op_names[op]) == 0)
				left_out[op] = true;
	}
	return steps;
}

int main(int argc, char **argv)
{
	int steps, p, op;

	if (argc == 2 && argv[1][0] != '-')
		return be_process(atoi(argv[1]));
	steps = option(argc, argv);
	for (p = 3; p < 128; p++)
		close(p);
	signal(SIGCHLD, SIG_IGN); /* inherited: nobody becomes a zombie */
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	/* without fdnet-run, the first socket makes the sandbox */
	close(socket(AF_INET, SOCK_STREAM, 0));
	channels();
	first_process();
	while (step_no < steps) {
		p = (int)dice(PROCS);
		if (!procs[p].alive)
			continue;
		op = pick_op();
		if (left_out[op] || !step_of(op, p))
			continue;
		putchar('\n');
		fflush(stdout);
		step_no++;
	}
	finish("all steps");
}