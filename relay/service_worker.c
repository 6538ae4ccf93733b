/* SPDX-License-Identifier: Apache-2.0 */
/* From a connection to a relay: forks, chooses the rules, and executes. */
#include "config.h"

#include "relay/service.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <utlist.h>

#include "relay/sys.h"

/* Where the worker finds them. */
#define ATTACH_FD 3
#define STATUS_FD 4

/* ---- in the child ---- */

static void __attribute__((noreturn, format(printf, 2, 3)))
give_up(unsigned int number, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "fdnet-relay: sandbox %u: ", number);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	_exit(1);
}

/* Standard error stays: it is where we say things. */
static int place_fds(int attach, int status)
{
	attach = fcntl(attach, F_DUPFD, STATUS_FD + 1);
	status = fcntl(status, F_DUPFD, STATUS_FD + 1);
	if (attach < 0 || status < 0 || dup2(attach, ATTACH_FD) < 0 ||
	    dup2(status, STATUS_FD) < 0)
		return -errno;
	return close_range(STATUS_FD + 1, ~0u, 0) < 0 ? -errno : 0;
}

static int become(const char *name)
{
	const struct passwd *user = getpwnam(name);

	if (!user)
		return -ENOENT;
	if (setgroups(0, NULL) < 0 ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
		return -errno;
	return 0;
}

/* DIR/NAME.policy, if there is such a file and NAME is a plain name. */
static bool has_policy(const char *dir, const char *name, char *ret_path)
{
	if (!*name || *name == '.' || strchr(name, '/'))
		return false;
	if (snprintf(ret_path, PATH_MAX, "%s/%s.policy", dir, name) >=
	    PATH_MAX)
		return false;
	return access(ret_path, F_OK) == 0;
}

/* A path's own name must have its file; a user may be none of our friends. */
static bool find_policy(const char *dir, const char *name, uid_t uid,
			char *ret_path)
{
	const struct passwd *user;
	char number[16];

	if (name)
		return has_policy(dir, name, ret_path);
	user = getpwuid(uid);
	snprintf(number, sizeof(number), "%u", uid);
	return (user && has_policy(dir, user->pw_name, ret_path)) ||
	       has_policy(dir, number, ret_path) ||
	       has_policy(dir, "default", ret_path);
}

/* "%s" in a value is the sandbox's number. */
static char *expand(const char *name, const char *value, unsigned int number)
{
	const char *mark = value ? strstr(value, "%s") : NULL;
	char *word = NULL;
	int rc;

	if (mark)
		rc = asprintf(&word, "--%s=%.*s%u%s", name,
			      (int)(mark - value), value, number, mark + 2);
	else if (value)
		rc = asprintf(&word, "--%s=%s", name, value);
	else
		rc = asprintf(&word, "--%s", name);
	return rc < 0 ? NULL : word;
}

static char **make_argv(const struct service_options *service,
			unsigned int number, const char *policy)
{
	char **argv = calloc(service->npass / 2 + 8, sizeof(*argv));
	unsigned int n = 0;

	if (!argv)
		return NULL;
	argv[n++] = (char *)"fdnet-relay";
	for (unsigned int i = 0; i < service->npass; i += 2)
		argv[n++] = expand(service->pass[i], service->pass[i + 1],
				   number);
	if (policy)
		argv[n++] = expand("policy", policy, 0);
	if (asprintf(&argv[n++], "--attach-fd=%d", ATTACH_FD) < 0 ||
	    asprintf(&argv[n++], "--status-fd=%d", STATUS_FD) < 0 ||
	    asprintf(&argv[n++], "--sandbox=%u", number) < 0)
		return NULL;
	for (unsigned int i = 0; i < n; i++)
		if (!argv[i])
			return NULL;
	return argv;
}

static void __attribute__((noreturn))
execute(const struct service_options *opts, char **argv, int fd, int status,
	unsigned int number)
{
	sigset_t none;
	int rc = opts->user ? become(opts->user) : 0;

	if (rc)
		give_up(number, "--user %s: %s", opts->user, strerror(-rc));
	rc = place_fds(fd, status);
	if (rc)
		give_up(number, "%s", strerror(-rc));
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* this program, also if its file has been replaced meanwhile */
	execv("/proc/self/exe", argv);
	execv((const char *)getauxval(AT_EXECFN), argv);
	give_up(number, "cannot be started: %s", strerror(errno));
}

static void __attribute__((noreturn))
run_worker(const struct service *service, int attach, int status,
	   unsigned int number, uid_t uid, const char *name)
{
	const struct service_options *opts = &service->opts->service;
	char policy[PATH_MAX], **argv;

	if (opts->policy_dir &&
	    !find_policy(opts->policy_dir, name, uid, policy))
		give_up(number, "no policy for %s%s%u in %s: refused",
			name ? name : "", name ? ", user " : "user ", uid,
			opts->policy_dir);
	argv = make_argv(opts, number, opts->policy_dir ? policy : NULL);
	if (!argv)
		give_up(number, "%s", strerror(ENOMEM));
	execute(opts, argv, attach, status, number);
}

/* All else it gets from the one in whose place it goes. */
static void __attribute__((noreturn))
run_taker(const struct service *service, int channel, int status,
	  unsigned int number)
{
	char attach[32], state[32];
	char *argv[] = { (char *)"fdnet-relay", attach, state, NULL };

	snprintf(attach, sizeof(attach), "--takeover-fd=%d", ATTACH_FD);
	snprintf(state, sizeof(state), "--status-fd=%d", STATUS_FD);
	execute(&service->opts->service, argv, channel, status, number);
}

/* ---- in the service ---- */

static void free_source(struct source *src)
{
	free((struct worker *)src);
}

/* In the child; does not return. */
struct job {
	int fd;
	const char *name;
	bool takes;
};

static void __attribute__((noreturn))
do_job(const struct service *service, const struct worker *worker, int status,
       const struct job *job)
{
	if (job->takes)
		run_taker(service, job->fd, status, worker->number);
	run_worker(service, job->fd, status, worker->number, worker->uid,
		   job->name);
}

static int launch(struct service *service, const struct worker *like,
		  const struct job *job)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int pair[2], rc;

	if (!worker)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair) < 0) {
		rc = -errno;
		goto err_free;
	}
	*worker = *like;
	worker->src = (struct source){ .type = SOURCE_STATUS, .fd = pair[0] };
	rc = loop_add(&service->loop, &worker->src, EPOLLIN);
	if (rc)
		goto err_close;
	worker->pid = fork();
	if (!worker->pid)
		do_job(service, worker, pair[1], job);
	rc = worker->pid < 0 ? -errno : 0;
	if (rc)
		goto err_loop;
	close(pair[1]);
	DL_APPEND(service->workers, worker);
	service->nworkers++;
	return 0;
err_loop:
	loop_remove(&service->loop, &worker->src);
err_close:
	close(pair[0]);
	close(pair[1]);
err_free:
	free(worker);
	return rc;
}

int worker_start(struct service *service, int fd, uid_t uid, const char *name)
{
	struct worker like = { .number = ++service->last_number, .uid = uid };
	struct job job = { .fd = fd, .name = name };

	return launch(service, &like, &job);
}

int worker_take(struct service *service, const struct worker *like,
		int channel)
{
	struct worker taken = *like;
	struct job job = { .fd = channel, .takes = true };

	/* the others know it */
	taken.ready = true;
	return launch(service, &taken, &job);
}

void worker_close(struct service *service, struct worker *worker)
{
	loop_remove(&service->loop, &worker->src);
	if (worker->src.fd >= 0)
		close(worker->src.fd);
	worker->src.fd = -1;
}

void worker_gone(struct service *service, struct worker *worker)
{
	worker_close(service, worker);
	DL_DELETE(service->workers, worker);
	service->nworkers--;
	loop_bury(&service->loop, &worker->src, free_source);
}
