/* SPDX-License-Identifier: Apache-2.0 */
/* The relay that comes. */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "relay/ctl_msg.h"
#include "relay/harden.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/state.h"
#include "relay/status.h"
#include "relay/sys.h"
#include "relay/takeover.h"

/* What is on its way to be ours. */
struct taking {
	int channel;
	int told; /* where the outcome is told: a pipe, or -1 */
	const char *what; /* for messages */
	struct options opts;
	struct relay relay;
	char **argv;
	int *fds;
	uint32_t nfds;
	uint64_t watchdog_us; /* of a service */
};

static int fail(const struct taking *t, const char *why)
{
	fprintf(stderr,
		"fdnet-relay: %s: %s; the relay that runs goes on\n",
		t->what, why);
	return EXIT_FAILURE;
}

static int fail_rc(const struct taking *t, const char *step, int rc)
{
	char text[200];

	snprintf(text, sizeof(text), "%s: %s", step,
		 rc == -EPIPE	    ? "the relay that runs has broken off" :
		 rc == -ECANCELED   ? "the relay that runs could not" :
		 rc == -EPROTO	    ? "not understood, or of another version" :
				      strerror(-rc));
	return fail(t, text);
}

/* ---- asking for it ---- */

static int connect_to(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	/* as whom it runs, so must we: no more, and no less */
	if (cred.uid == getuid())
		return fd;
	close(fd);
	return -EPERM;
}

static int send_ask(int ctl, int pass)
{
	struct ctl_request request = { .op = CTL_TAKEOVER };
	uint8_t question[CTL_REQUEST_LEN];
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { question, sizeof(question) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	ctl_request_encode(question, &request);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &pass, sizeof(int));
	return SYS_RETRY(sendmsg(ctl, &msg, MSG_NOSIGNAL)) < 0 ? -errno : 0;
}

/* 0, or the relay's refusal in @text. */
static int recv_answer(int ctl, char *text, size_t size)
{
	static uint8_t answer[CTL_REPLY_LEN + CTL_BODY_MAX];
	struct pollfd pfd = { .fd = ctl, .events = POLLIN };
	struct ctl_reply reply;
	ssize_t len = -ETIMEDOUT;
	int rc;

	if (SYS_RETRY(poll(&pfd, 1, TAKEOVER_WAIT_MS)) > 0)
		len = SYS_RETRY(recv(ctl, answer, sizeof(answer), 0));
	rc = len < 0 ? (int)len : ctl_reply_decode(answer, (size_t)len, &reply);
	if (rc)
		snprintf(text, size, "%s",
			 len ? strerror(-rc) :
			       "that relay cannot do it: it is too old");
	else if (reply.error)
		snprintf(text, size, "%.*s", (int)reply.len,
			 (const char *)reply.body);
	return rc ? rc : reply.error ? -reply.error : 0;
}

/* The pair over which everything comes. */
static int ask(struct taking *t, const char *path)
{
	char text[256];
	int pair[2], rc, ctl = connect_to(path);

	if (ctl == -EPERM)
		return fail(t, "the relay runs as another user: be that one");
	if (ctl < 0)
		return fail(t, strerror(-ctl));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair) < 0) {
		close(ctl);
		return fail(t, strerror(errno));
	}
	rc = send_ask(ctl, pair[1]);
	close(pair[1]);
	snprintf(text, sizeof(text), "%s", strerror(-rc));
	if (!rc)
		rc = recv_answer(ctl, text, sizeof(text));
	close(ctl);
	if (rc) {
		close(pair[0]);
		return fail(t, text);
	}
	t->channel = pair[0];
	return 0;
}

/* ---- as it was started ---- */

/* "DIRECTORY", then the words of the command line. */
static int take_offer(struct taking *t)
{
	struct takeover_msg msg;
	char *at, *end;
	unsigned int n;
	int argc = 0, rc;

	rc = takeover_recv(t->channel, &msg, NULL, 0, &n, TAKEOVER_WAIT_MS);
	if (rc)
		return fail_rc(t, "offer", rc);
	end = msg.text + msg.len;
	t->argv = calloc(msg.len + 2, sizeof(*t->argv));
	if (msg.op != TAKEOVER_OFFER || !msg.len || end[-1] || !t->argv)
		return fail_rc(t, "offer", -EPROTO);
	if (chdir(msg.text) < 0)
		return fail_rc(t, msg.text, -errno);
	for (at = msg.text + strlen(msg.text) + 1; at < end;
	     at += strlen(at) + 1)
		t->argv[argc++] = at;
	t->watchdog_us = msg.a;
	/* a service whose sockets came from its manager says so nowhere else */
	if (msg.b)
		setenv("LISTEN_FDS", "0", 1);
	/* the text stays: options point into it */
	if (!argc || options_parse(argc, t->argv, &t->opts) != OPTIONS_RUN)
		return fail(t, "its command line cannot be used any more");
	return 0;
}

/* ---- everything else ---- */

static void *take_state(struct taking *t, size_t *ret_len)
{
	struct takeover_msg msg = { 0 };
	int memfd = -1, seals, rc;
	unsigned int n = 0;
	struct stat info;
	void *src = NULL;

	rc = takeover_recv(t->channel, &msg, &memfd, 1, &n, TAKEOVER_WAIT_MS);
	if (!rc)
		free(msg.text);
	if (rc || msg.op != TAKEOVER_STATE || n != 1 ||
	    msg.b > STATE_MAX_FDS) {
		fail_rc(t, "state", rc ? rc : -EPROTO);
		goto out;
	}
	seals = fcntl(memfd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_WRITE) || !(seals & F_SEAL_SHRINK) ||
	    fstat(memfd, &info) < 0 || !msg.a ||
	    (uint64_t)info.st_size != msg.a) {
		fail_rc(t, "state", -EPROTO);
		goto out;
	}
	src = mmap(NULL, (size_t)msg.a, PROT_READ, MAP_SHARED, memfd, 0);
	t->fds = calloc((size_t)msg.b + 1, sizeof(int));
	t->nfds = (uint32_t)msg.b;
	*ret_len = (size_t)msg.a;
	if (src == MAP_FAILED || !t->fds) {
		fail_rc(t, "state", -ENOMEM);
		src = NULL;
	}
out:
	if (memfd >= 0)
		close(memfd);
	return src;
}

static int take_fds(struct taking *t)
{
	uint32_t at = 0;
	int rc = takeover_say(t->channel, TAKEOVER_GOT);

	while (!rc && at < t->nfds) {
		struct takeover_msg msg;
		unsigned int n;

		rc = takeover_recv(t->channel, &msg, t->fds + at,
				   t->nfds - at, &n, TAKEOVER_WAIT_MS);
		if (rc)
			break;
		free(msg.text);
		at += n;
		if (msg.op != TAKEOVER_FDS_PART || !n || msg.a != n)
			rc = -EPROTO;
		else
			rc = takeover_say(t->channel, TAKEOVER_GOT);
	}
	return rc ? fail_rc(t, "descriptors", rc) : 0;
}

static int read_state(struct taking *t, const void *src, size_t len)
{
	struct state st = {
		.s = { .reading = true, .src = src, .len = len },
		.relay = &t->relay,
		.fds = t->fds,
		.nfds = t->nfds,
	};
	int rc;

	t->relay.now_us = sys_now_us(CLOCK_MONOTONIC);
	rc = state_walk(&st);
	return rc ? fail_rc(t, "state", rc) : 0;
}

/* From here on the old one stands still. */
static int take_all(struct taking *t)
{
	size_t len = 0;
	void *src;
	int rc = takeover_say(t->channel, TAKEOVER_READY);

	if (rc)
		return fail_rc(t, "start", rc);
	src = take_state(t, &len);
	if (!src)
		return EXIT_FAILURE;
	rc = take_fds(t);
	if (!rc)
		rc = read_state(t, src, len);
	munmap(src, len);
	return rc;
}

/* What the old one said was said there. Nothing that fails later is lost: the
 * outcome goes through the pipe. */
static void take_stderr(struct taking *t)
{
	if (t->relay.old_stderr < 0)
		return;
	dup2(t->relay.old_stderr, STDERR_FILENO);
	close(t->relay.old_stderr);
	t->relay.old_stderr = -1;
}

static int commit(struct taking *t)
{
	int rc = takeover_say(t->channel, TAKEOVER_HAVE);

	if (!rc)
		rc = takeover_expect(t->channel, TAKEOVER_YOURS);
	if (rc)
		return rc;
	state_begin(&t->relay);
	close(t->channel);
	t->channel = -1;
	return 0;
}

/* Nothing is closed by us if it fails: what we have, the old one has. */
static int take(struct taking *t)
{
	char word = 'y';
	int rc;

	/* these are the old one's numbers */
	t->opts.attach_fd = -1;
	t->opts.taking = true;
	rc = relay_open(&t->relay, &t->opts);
	/* a worker's is its new service's */
	if (!rc && t->opts.sandbox)
		rc = status_open(&t->relay);
	if (rc)
		return fail(t, "the relay cannot start");
	rc = take_all(t);
	if (rc)
		return rc;
	take_stderr(t);
	rc = harden_late();
	if (rc)
		return fail_rc(t, "system call filter", rc);
	rc = commit(t);
	if (rc)
		return fail_rc(t, "the last step", rc);
	if (t->told >= 0) {
		(void)!write(t->told, &word, 1);
		close(t->told);
	}
	return 0;
}

/* ---- in a process of its own ---- */

static int run(struct taking *t, takeover_serve_fn *serve)
{
	int rc = take(t);

	/* not relay_close(): it says goodbye to hosts and guests */
	if (rc)
		_exit(rc);
	return serve(&t->relay);
}

/* Apart from the terminal, and from who started us. */
static int settle(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null < 0)
		return -errno;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close(null);
	return 0;
}

/* The outcome: 0 when the other has said so. */
static int wait_outcome(int fd)
{
	char word;

	return SYS_RETRY(read(fd, &word, 1)) == 1 ? EXIT_SUCCESS :
						    EXIT_FAILURE;
}

int takeover_command(struct options *opts, takeover_serve_fn *serve)
{
	/* of the process, and large */
	static struct taking t = { .channel = -1, .told = -1 };
	char what[200];
	int told[2];
	pid_t pid;

	snprintf(what, sizeof(what), "--takeover %s", opts->takeover);
	t.what = what;
	if (pipe2(told, O_CLOEXEC) < 0)
		return fail(&t, strerror(errno));
	pid = fork();
	if (pid < 0)
		return fail(&t, strerror(errno));
	if (pid) {
		close(told[1]);
		return wait_outcome(told[0]);
	}
	close(told[0]);
	t.told = told[1];
	if (settle() || ask(&t, opts->takeover) || take_offer(&t))
		_exit(EXIT_FAILURE);
	if (t.opts.is_service)
		return service_run_taken(&t.opts, t.channel, t.watchdog_us,
					 t.told) ?
			       EXIT_FAILURE :
			       EXIT_SUCCESS;
	return run(&t, serve);
}

int takeover_worker(struct options *opts, takeover_serve_fn *serve)
{
	static struct taking t = { .told = -1, .what = "takeover" };
	int status_fd = opts->status_fd;

	t.channel = opts->takeover_fd;
	if (take_offer(&t))
		_exit(EXIT_FAILURE);
	t.opts.status_fd = status_fd;
	return run(&t, serve);
}
