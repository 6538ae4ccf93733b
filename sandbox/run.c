/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launcher's life.
 *
 * How it works: the relay is started first and has said that it is ready and
 * hardened before the program exists. The filter is built before the fork, so
 * that the child only loads it. The child tells which namespaces it could
 * enter, and that the fence is up (report.h). From then on the launcher waits
 * and passes signals on; it is no part of the fence, which is the kernel's and
 * stays with the program whatever becomes of us.
 */
#include "config.h"

#include "sandbox/run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/child.h"
#include "sandbox/confine.h"
#include "sandbox/exit_status.h"
#include "sandbox/fds.h"
#include "sandbox/filter_rules.h"
#include "sandbox/find.h"
#include "sandbox/pump.h"
#include "sandbox/relay_proc.h"
#include "sandbox/report.h"
#include "sandbox/root.h"
#include "sandbox/say.h"
#include "sandbox/signals.h"
#include "sandbox/spaces.h"
#include "sandbox/supervise.h"
#include "sandbox/watch.h"
#include "sandbox/weaken.h"

#define container_of(ptr, type, member)                                        \
	((type *)((char *)(ptr) - offsetof(type, member)))

struct run {
	const struct options *opts;
	char relay_path[PATH_MAX];
	char shim_path[PATH_MAX];
	char name_server[INET_ADDRSTRLEN];
	struct filter filter;
	struct relay_proc relay;
	struct spaces spaces;
	struct watch_loop loop;
	struct watch signals, reports;
	struct watch moved; /* a relay that took over is nobody's child */
	struct pump pumps[3];
	struct supervisor *supervisor;
	sigset_t mask;
	pid_t child;   /* ours: the program, or the first of its namespace */
	pid_t program; /* as it is numbered outside */
	int report_fd;
	int listener_fd;
	int status; /* of the program, as wait() tells it */
};

static bool is_inherited(const struct options *opts, int fd)
{
	size_t i;

	for (i = 0; i < opts->inherit_count; i++)
		if (opts->inherit[i] == fd)
			return true;
	return false;
}

static int check_inherited(const struct options *opts)
{
	size_t i;

	for (i = 0; i < opts->inherit_count; i++) {
		if (fcntl(opts->inherit[i], F_GETFD) >= 0)
			continue;
		say("--inherit %d: this descriptor is not open",
		    opts->inherit[i]);
		return -EBADF;
	}
	return 0;
}

static int check_start(const struct options *opts)
{
	if (getauxval(AT_SECURE)) {
		say("set-uid, set-gid or with file capabilities it does not "
		    "run: it needs no privilege");
		return -EPERM;
	}
	return check_inherited(opts);
}

/* ld.so takes both characters for the end of a name. */
static int check_shim_path(const char *path)
{
	if (!strpbrk(path, " :"))
		return 0;
	say("%s: a blank or colon in this path cannot be preloaded", path);
	return -EINVAL;
}

/*
 * The third address of the network, as the relay has it. What is no address
 * is the relay's to refuse.
 */
static void find_name_server(struct run *run)
{
	const char *text = run->opts->addr ? run->opts->addr : "";
	char addr[INET_ADDRSTRLEN] = "";
	unsigned int bits = 0;
	struct in_addr in;

	strcpy(run->name_server, "10.0.2.3");
	if (sscanf(text, "%15[0-9.]/%u", addr, &bits) != 2 || bits > 30 ||
	    !bits || inet_pton(AF_INET, addr, &in) != 1)
		return;
	in.s_addr = htonl((ntohl(in.s_addr) & ~(~0u >> bits)) | 3);
	inet_ntop(AF_INET, &in, run->name_server, sizeof(run->name_server));
}

unsigned int run_filter_facts(const struct options *opts,
			      const struct spaces *spaces)
{
	layer_set set = opts->no_spaces ? 0 : spaces->set;
	unsigned int facts = 0;

	if (!opts->no_supervisor && supervise_is_possible(set && spaces->user))
		facts |= FILTER_SUPERVISED;
	if (set & LAYER_BIT(LAYER_PID) || weaken("facts", ""))
		facts |= FILTER_OWN_PIDS;
	if (set & LAYER_BIT(LAYER_IPC) || weaken("facts", ""))
		facts |= FILTER_OWN_IPC;
	if (root_may_change())
		facts |= FILTER_MAY_CHROOT;
	return facts;
}

static int prepare(struct run *run)
{
	int rc;

	rc = check_start(run->opts);
	if (rc < 0)
		return rc;
	rc = find_file(&find_relay, run->relay_path);
	if (rc < 0)
		return rc;
	rc = find_file(&find_shim, run->shim_path);
	if (rc < 0)
		return rc;
	rc = check_shim_path(run->shim_path);
	if (rc < 0)
		return rc;
	find_name_server(run);
	run->spaces = spaces_first();
	if (run->opts->no_spaces)
		run->spaces.set = 0;
	return watch_loop_init(&run->loop);
}

/* Standard input and output that are sockets of the host stay outside. */
static int place_pumps(struct run *run)
{
	int fd, rc;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (!fds_is_socket(fd) || is_inherited(run->opts, fd) ||
		    weaken("stdio", ""))
			continue;
		rc = pump_open(&run->pumps[fd], fd);
		if (rc < 0) {
			say("descriptor %d is a socket of the machine, and "
			    "cannot be replaced: %s",
			    fd, strerror(-rc));
			return rc;
		}
		say_detail("fence: descriptor %d is a socket of the machine: "
			   "the program gets a pipe",
			   fd);
	}
	return 0;
}

static int build_filter(struct run *run)
{
	int rc;

	filter_done(&run->filter);
	rc = filter_build(run_filter_facts(run->opts, &run->spaces),
			  &run->filter);
	if (rc < 0)
		say("cannot build the system call filter: %s", strerror(-rc));
	return rc;
}

static void run_child(struct run *run, int report_fd) __attribute__((noreturn));

static void run_child(struct run *run, int report_fd)
{
	int keep[OPTIONS_MAX_INHERIT + 2];
	struct child child = {
		.argv = run->opts->program,
		.shim = run->shim_path,
		.attach_fd = run->relay.attach_fd,
		.report_fd = report_fd,
		.launcher_fd = run->report_fd,
		.keep = keep,
		.keep_count = run->opts->inherit_count,
		.env = run->opts->env,
		.env_count = run->opts->env_count,
		.filter = &run->filter,
		.spaces = run->spaces,
		.name_server = run->name_server,
		.kill_rest = run->opts->kill_rest,
		.required = run->opts->required,
		.mask = run->mask,
		.uid = geteuid(),
		.gid = getegid(),
	};
	size_t i;

	memcpy(keep, run->opts->inherit,
	       run->opts->inherit_count * sizeof(*keep));
	for (i = 0; i < 3; i++)
		pump_child(&run->pumps[i]);
	child_exec(&child);
}

/* One try: 1 if the child has entered its namespaces, 0 if it could not. */
static int fork_child(struct run *run)
{
	struct report report = {0};
	int report_fd, fd, rc;
	pid_t pid;

	rc = build_filter(run);
	if (rc == 0)
		rc = report_pair(&run->report_fd, &report_fd);
	if (rc < 0)
		return rc;
	run->child = spaces_fork(&run->spaces);
	if (run->child == 0)
		run_child(run, report_fd);
	close(report_fd);
	if (run->child > 0)
		report_receive(run->report_fd, &report, &pid, &fd);
	if (report.kind == REPORT_SPACES && report.value == 0)
		return 1;
	rc = run->child < 0 ? run->child : report.value;
	say_detail("fence: namespaces%s: %s",
		   run->spaces.set & LAYER_BIT(LAYER_PID) ? "" : " but pid",
		   rc ? strerror(-rc) : "the child ended early");
	if (run->child > 0)
		waitpid(run->child, NULL, 0);
	close(run->report_fd);
	run->report_fd = -1;
	return 0;
}

static void say_layers(const struct run *run)
{
	int i;

	for (i = 0; i < LAYERS; i++) {
		if (i == LAYER_LANDLOCK)
			continue; /* the child knows */
		if (run->spaces.set & LAYER_BIT(i) ||
		    (i == LAYER_SUPERVISOR && run->listener_fd >= 0))
			say_detail("fence: %s: on", layers_name(i));
		else
			say_detail("fence: %s: off: %s", layers_name(i),
				   layers_weaker(i));
	}
}

static int check_required(const struct run *run)
{
	layer_set missing = run->opts->required &
			    ~(run->spaces.set | LAYER_BIT(LAYER_LANDLOCK));
	int i;

	if (run->filter.facts & FILTER_SUPERVISED)
		missing &= ~LAYER_BIT(LAYER_SUPERVISOR);
	for (i = 0; i < LAYERS; i++)
		if (missing & LAYER_BIT(i))
			say("the required layer %s cannot be had here; "
			    "fdnet-run --check shows what can",
			    layers_name(i));
	return missing ? -EPERM : 0;
}

/* From its namespaces to exec; the child waits for nothing. */
static int await_ready(struct run *run)
{
	struct report report;
	int rc, fd;

	rc = report_receive(run->report_fd, &report, &run->program, &fd);
	if (rc == 1 && report.kind == REPORT_READY) {
		run->listener_fd = fd;
		return 0;
	}
	/* it has said why */
	waitpid(run->child, NULL, 0);
	return rc < 0 ? rc : -ECHILD;
}

static int start_program(struct run *run)
{
	int rc;

	while ((rc = fork_child(run)) == 0)
		if (!spaces_next(&run->spaces)) {
			say("cannot start the program");
			return -ECHILD;
		}
	if (rc < 0)
		return rc;
	rc = check_required(run);
	if (rc < 0) {
		kill(run->child, SIGKILL);
		waitpid(run->child, NULL, 0);
		return rc;
	}
	rc = await_ready(run);
	if (rc == 0)
		say_layers(run);
	return rc;
}

static void on_moved(struct watch *watch, uint32_t events)
{
	struct run *run = container_of(watch, struct run, moved);

	if (relay_proc_is_there(&run->relay))
		return;
	watch_remove(&run->loop, watch);
	run->relay.moved = false;
	say("the relay that had taken over has ended: the program has no "
	    "network any more");
}

static void watch_moved(struct run *run)
{
	run->moved = (struct watch){run->relay.status_fd, on_moved};
	watch_add(&run->loop, &run->moved, EPOLLIN);
}

/* A relay that dies early takes the network with it, not the program. */
static void note_relay_end(struct run *run, int status)
{
	if (relay_proc_ended(&run->relay)) {
		say_detail("another relay has taken over");
		watch_moved(run);
	} else if (WIFSIGNALED(status)) {
		say("the relay was ended by signal %d: the program has no "
		    "network any more",
		    WTERMSIG(status));
	} else {
		say("the relay ended early: the program has no network any "
		    "more");
	}
}

/* Has the program ended? With a pid namespace it is not our child. */
static void program_ended(struct run *run, int status)
{
	run->status = status;
	run->loop.stop = true;
}

static void take_ended(struct run *run)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == run->relay.pid)
			note_relay_end(run, status);
		/* the first of a namespace tells the program's own status
		 * before it ends; see on_report() */
		else if (pid == run->child &&
			 (run->child == run->program || WIFSIGNALED(status)))
			program_ended(run, status);
	}
}

static void on_signals(struct watch *watch, uint32_t events)
{
	struct run *run = container_of(watch, struct run, signals);

	if (signals_pass(watch->fd, run->program))
		take_ended(run);
}

static void on_report(struct watch *watch, uint32_t events)
{
	struct run *run = container_of(watch, struct run, reports);
	struct report report;
	pid_t pid;
	int fd;

	if (report_receive(watch->fd, &report, &pid, &fd) != 1) {
		/* its end comes as a signal too */
		watch_remove(&run->loop, watch);
		return;
	}
	if (fd >= 0)
		close(fd);
	/* the program itself cannot write here, but keep to it */
	if (report.kind == REPORT_STATUS && pid == run->child)
		program_ended(run, report.value);
}

static int start_supervisor(struct run *run)
{
	struct supervise_setup setup = {
		.listener_fd = run->listener_fd,
		.attach_fd = run->relay.attach_fd,
		.addr = run->opts->addr,
		.name_server = run->name_server,
		.own_pids = run->spaces.set & LAYER_BIT(LAYER_PID),
		.own_net = run->spaces.set & LAYER_BIT(LAYER_NET),
		.own_mounts = run->spaces.set & LAYER_BIT(LAYER_MOUNT),
		.roots = run->filter.facts & FILTER_MAY_CHROOT,
		.unix_paths = run->opts->unix_paths,
		.unix_count = run->opts->unix_count,
	};

	return supervise_start(&setup, &run->loop, &run->supervisor);
}

/* Everything is there: from here on nothing but to wait and to answer. */
static int confine(struct run *run)
{
	int keep[11 + SUPERVISE_FDS], count = 0, i;
	const struct confine_pids pids = {
		.program = run->program,
		.child = run->child,
		.own = getpid(),
	};

	keep[count++] = run->loop.epoll_fd;
	keep[count++] = run->signals.fd;
	keep[count++] = run->report_fd;
	keep[count++] = run->relay.attach_fd;
	keep[count++] = run->relay.status_fd;
	for (i = 0; i < 3; i++) {
		keep[count++] = run->pumps[i].used ? run->pumps[i].from.fd : -1;
		keep[count++] = run->pumps[i].used ? run->pumps[i].to.fd : -1;
	}
	if (run->supervisor)
		count += supervise_fds(run->supervisor, keep + count);
	return confine_late(&pids, keep, count);
}

static int watch_program(struct run *run)
{
	int rc, i;

	run->signals = (struct watch){signals_open(), on_signals};
	if (run->signals.fd < 0)
		return run->signals.fd;
	rc = watch_add(&run->loop, &run->signals, EPOLLIN);
	run->reports = (struct watch){run->report_fd, on_report};
	if (rc == 0)
		rc = watch_add(&run->loop, &run->reports, EPOLLIN);
	for (i = 0; rc == 0 && i < 3; i++)
		rc = pump_start(&run->pumps[i], &run->loop);
	if (rc == 0 && run->listener_fd >= 0)
		rc = start_supervisor(run);
	/* a relay that ended before signals were blocked sent none */
	take_ended(run);
	if (rc == 0)
		rc = confine(run);
	if (rc < 0)
		return rc;
	if (!run->supervisor)
		return watch_run(&run->loop, NULL, NULL, NULL);
	return watch_run(&run->loop, supervise_timeout, supervise_round,
			 run->supervisor);
}

static int wait_program(struct run *run)
{
	int rc, i;

	rc = watch_program(run);
	if (rc < 0) {
		say("cannot watch the program: %s", strerror(-rc));
		kill(run->program, SIGKILL);
		return EXIT_OWN_FAILURE << 8;
	}
	/* the first of the namespace ends after all others */
	if (run->opts->kill_rest)
		waitpid(run->child, NULL, 0);
	for (i = 0; i < 3; i++)
		pump_finish(&run->pumps[i]);
	return run->status;
}

static int exit_status_of(int status)
{
	if (WIFSIGNALED(status))
		return EXIT_SIGNALLED + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/* A relay of our own, or that of FDNET_RELAY=/path, which has its own rules. */
static int get_relay(struct run *run)
{
	const struct options *opts = run->opts;
	const char *path = getenv("FDNET_RELAY");
	size_t i;

	if (!path || path[0] != '/')
		return relay_proc_start(run->relay_path, opts->relay_args,
					opts->relay_argc, &run->relay);
	for (i = 0; i < opts->relay_argc; i++) {
		const char *word = opts->relay_args[i];

		if (word && strcmp(word, "--quiet") && strcmp(word, "--verbose")) {
			say("%s: the relay at FDNET_RELAY=%s has its own rules",
			    word, path);
			return -EINVAL;
		}
	}
	return relay_proc_connect(path, &run->relay);
}

/* How long the first process of a pid namespace may take to end after all
 * others have. */
#define LAST_END_MS 20

/*
 * Daemons and others that outlive the program: their calls still need an
 * answer, but whoever waits for us is told the program's status now. So a
 * child of ours goes on, in a session of its own, until all have ended.
 */
static void serve_leftovers(struct run *run)
{
	int null_fd, i;

	if (!run->supervisor || supervise_is_alone(run->supervisor, LAST_END_MS))
		return;
	if (fork() != 0)
		return;
	setsid();
	if (chdir("/") < 0)
		_exit(0);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (i = 0; null_fd >= 0 && i < 3; i++)
		dup2(null_fd, i);
	watch_remove(&run->loop, &run->signals);
	watch_remove(&run->loop, &run->reports);
	watch_remove(&run->loop, &run->moved);
	supervise_until_alone(run->supervisor);
	_exit(0);
}

static int run_prepared(struct run *run)
{
	int rc, status;

	rc = place_pumps(run);
	if (rc == 0)
		rc = get_relay(run);
	if (rc < 0)
		return EXIT_OWN_FAILURE;
	/* Same user, same machine: not for the program to look into. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signals_block(&run->mask);
	rc = confine_early();
	if (rc < 0)
		say("cannot confine fdnet-run itself: %s", strerror(-rc));
	else
		rc = start_program(run);
	/* The program's copy only: its last close tells the relay. But the
	 * supervisor may have to attach. */
	if (run->listener_fd < 0) {
		close(run->relay.attach_fd);
		run->relay.attach_fd = -1;
	}
	if (rc < 0) {
		relay_proc_done(&run->relay);
		return EXIT_OWN_FAILURE;
	}
	status = wait_program(run);
	if (run->relay.pid > 0 || run->relay.moved)
		relay_proc_finish(&run->relay);
	serve_leftovers(run);
	supervise_end(run->supervisor);
	relay_proc_done(&run->relay);
	return exit_status_of(status);
}

int run_program(const struct options *opts)
{
	struct run run = {
		.opts = opts,
		.relay = {-1, -1, -1, false},
		.loop = {.epoll_fd = -1},
		.moved = {-1, on_moved},
		.report_fd = -1,
		.listener_fd = -1,
	};
	int status = EXIT_OWN_FAILURE;

	say_init(opts->verbose);
	if (prepare(&run) == 0) {
		say_detail("relay: %s", run.relay_path);
		say_detail("preload: %s", run.shim_path);
		status = run_prepared(&run);
	}
	watch_loop_done(&run.loop);
	filter_done(&run.filter);
	return status;
}
