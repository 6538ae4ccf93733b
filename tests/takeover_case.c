/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/takeover_case.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ask.h"
#include "relay/ctl_msg.h"
#include "relay/state.h"
#include "relay/takeover.h"

static char path[64];

/* ---- the control socket ---- */

static struct sockaddr_un address(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	strcpy(sa.sun_path, path);
	return sa;
}

static int control(void)
{
	struct sockaddr_un sa = address();
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static void send_with(int fd, const void *data, size_t len, int pass)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} ctl = { { 0 } };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (pass >= 0) {
		msg.msg_control = &ctl;
		msg.msg_controllen = sizeof(ctl);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &pass, sizeof(int));
	}
	ck_assert_int_eq(sendmsg(fd, &msg, MSG_NOSIGNAL), (ssize_t)len);
}

/* Driving the guests: the relay may be busy with them. */
static void wait_fd(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < 3000; i++) {
		if (poll(&p, 1, 0) == 1)
			return;
		rg_drive(&relay, 10);
	}
	ck_abort_msg("nothing comes");
}

/* One question; the answer's body is a string. */
static int question(enum ctl_op op, int pass, char *body, size_t size)
{
	static uint8_t answer[CTL_REPLY_LEN + CTL_BODY_MAX];
	struct ctl_request request = { .op = op };
	uint8_t header[CTL_REQUEST_LEN];
	struct ctl_reply reply;
	int fd = control();
	ssize_t len;

	ctl_request_encode(header, &request);
	send_with(fd, header, sizeof(header), pass);
	wait_fd(fd);
	len = recv(fd, answer, sizeof(answer), 0);
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(ctl_reply_decode(answer, (size_t)len, &reply), 0);
	snprintf(body, size, "%.*s", (int)reply.len, (const char *)reply.body);
	close(fd);
	return -(int)reply.error;
}

static pid_t relay_pid(void)
{
	static char body[CTL_BODY_MAX];
	const char *at;

	ck_assert_int_eq(question(CTL_STATUS, -1, body, sizeof(body)), 0);
	at = strstr(body, "\"pid\":");
	ck_assert_ptr_nonnull(at);
	return (pid_t)atoi(at + 6);
}

/* ---- the command ---- */

void takeover_start(const char *options)
{
	char line[512];

	/* the relay that comes is nobody's child: ours, to be waited for */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	snprintf(path, sizeof(path), "/tmp/fdnet-takeover-%d.ctl", getpid());
	unlink(path);
	snprintf(line, sizeof(line), "--control %s %s", path, options);
	start(line);
}

static int command(void)
{
	const char *dir = getenv("top_builddir");
	char program[4096];
	int status;
	pid_t pid;

	snprintf(program, sizeof(program), "%s/fdnet-relay", dir ? dir : ".");
	pid = fork();
	if (!pid) {
		execl(program, program, "--takeover", path, NULL);
		_exit(127);
	}
	while (!waitpid(pid, &status, WNOHANG))
		rg_drive(&relay, 5);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void takeover_now(void)
{
	pid_t old = relay.pid;
	int status;

	ck_assert_int_eq(command(), 0);
	ck_assert_int_eq(waitpid(old, &status, 0), old);
	ck_assert_int_eq(status, 0);
	relay.pid = relay_pid();
	ck_assert_int_ne(relay.pid, old);
}

void takeover_end(void)
{
	rg_stop(&relay);
	for (int i = 0; i < 500 && !access(path, F_OK); i++)
		usleep(10000);
	ck_assert_int_ne(access(path, F_OK), 0);
}

/* ---- one that fails ---- */

int takeover_ask(void)
{
	char why[256];
	int pair[2], rc;

	ck_assert_int_eq(socketpair(AF_UNIX,
				    SOCK_SEQPACKET | SOCK_CLOEXEC |
					    SOCK_NONBLOCK,
				    0, pair),
			 0);
	rc = question(CTL_TAKEOVER, pair[1], why, sizeof(why));
	close(pair[1]);
	if (!rc)
		return pair[0];
	close(pair[0]);
	return rc;
}

/* The next message, of this kind; its descriptors are closed, or given. */
static struct takeover_msg expect(int channel, enum takeover_op op, int *fds,
				  unsigned int *ret_nfds)
{
	struct takeover_msg msg;
	int mine[TAKEOVER_FDS];
	unsigned int n;

	wait_fd(channel);
	ck_assert_int_eq(takeover_recv(channel, &msg, fds ? fds : mine,
				       TAKEOVER_FDS, &n, 1000),
			 0);
	free(msg.text);
	ck_assert_uint_eq(msg.op, op);
	for (unsigned int i = 0; !fds && i < n; i++)
		close(mine[i]);
	if (ret_nfds)
		*ret_nfds = n;
	return msg;
}

static void take_parts(int channel, uint64_t left)
{
	while (left) {
		struct takeover_msg msg =
			expect(channel, TAKEOVER_FDS_PART, NULL, NULL);

		ck_assert_uint_le(msg.a, left);
		left -= msg.a;
		takeover_say(channel, TAKEOVER_GOT);
	}
}

/* Everything, up to where the other waits for HAVE. */
static void take_all(int channel)
{
	struct takeover_msg msg;

	takeover_say(channel, TAKEOVER_READY);
	msg = expect(channel, TAKEOVER_STATE, NULL, NULL);
	takeover_say(channel, TAKEOVER_GOT);
	take_parts(channel, msg.b);
}

void takeover_break_off(int step)
{
	struct takeover_msg failed = {
		.op = TAKEOVER_FAILED,
		.text = (char *)"no",
		.len = 2,
	};
	int channel = takeover_ask();

	ck_assert_int_ge(channel, 0);
	switch (step) {
	case 0: /* the offer is not read */
		break;
	case 1:
		expect(channel, TAKEOVER_OFFER, NULL, NULL);
		break;
	case 2: /* gone as soon as it is ready */
		expect(channel, TAKEOVER_OFFER, NULL, NULL);
		takeover_say(channel, TAKEOVER_READY);
		break;
	case 3:
		expect(channel, TAKEOVER_OFFER, NULL, NULL);
		takeover_say(channel, TAKEOVER_READY);
		expect(channel, TAKEOVER_STATE, NULL, NULL);
		break;
	case 4: /* in the middle of the descriptors */
		expect(channel, TAKEOVER_OFFER, NULL, NULL);
		takeover_say(channel, TAKEOVER_READY);
		expect(channel, TAKEOVER_STATE, NULL, NULL);
		takeover_say(channel, TAKEOVER_GOT);
		expect(channel, TAKEOVER_FDS_PART, NULL, NULL);
		break;
	case 5: /* in front of the last word */
		expect(channel, TAKEOVER_OFFER, NULL, NULL);
		take_all(channel);
		break;
	case 6:
		expect(channel, TAKEOVER_OFFER, NULL, NULL);
		take_all(channel);
		takeover_send(channel, &failed, NULL, 0);
		expect(channel, TAKEOVER_FAILED, NULL, NULL);
		break;
	case 7: /* nonsense */
		expect(channel, TAKEOVER_OFFER, NULL, NULL);
		send_with(channel, "nonsense", 8, -1);
		break;
	case 8: /* the last word first */
		expect(channel, TAKEOVER_OFFER, NULL, NULL);
		takeover_say(channel, TAKEOVER_HAVE);
		break;
	case 9: /* silence: it waits ten seconds, and goes on */
		expect(channel, TAKEOVER_OFFER, NULL, NULL);
		takeover_say(channel, TAKEOVER_READY);
		expect(channel, TAKEOVER_STATE, NULL, NULL);
		expect(channel, TAKEOVER_FAILED, NULL, NULL);
		break;
	}
	close(channel);
}

/* ---- the command, deceived ---- */

static int listen_as(void)
{
	struct sockaddr_un sa = address();
	int fd;

	strcat(path, ".fake");
	sa = address();
	unlink(path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

static int take_question(int fd)
{
	struct ctl_reply reply = { .op = CTL_TAKEOVER };
	uint8_t data[CTL_REPLY_LEN];
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} ctl;
	struct iovec iov = { data, sizeof(data) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &ctl,
		.msg_controllen = sizeof(ctl),
	};
	int channel;

	if (recvmsg(fd, &msg, 0) <= 0)
		_exit(2);
	memcpy(&channel, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	ctl_reply_encode(data, &reply);
	send(fd, data, sizeof(data), 0);
	return channel;
}

static int memfd_of(const void *data, size_t len, int seals)
{
	int fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (write(fd, data, len) != (ssize_t)len)
		_exit(3);
	fcntl(fd, F_ADD_SEALS, seals);
	return fd;
}

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

/* Whatever it is, the other must not say that it has it. */
static void deceive(int channel, int kind)
{
	struct takeover_msg msg = { .op = TAKEOVER_OFFER };
	uint8_t junk[4096] = { 'F', 'D', 'R', 'L', STATE_VERSION };
	char offer[] = "/\0fdnet-relay\0--attach-fd\0003";
	int fd, fds[2];

	msg.text = offer;
	msg.len = sizeof(offer);
	if (kind == 0) /* no command line of a relay's */
		msg.len = 2;
	takeover_send(channel, &msg, NULL, 0);
	if (!kind || takeover_expect(channel, TAKEOVER_READY))
		return;
	for (unsigned int i = 5; kind == 2 && i < sizeof(junk); i++)
		junk[i] = (uint8_t)(i * 31);
	fd = memfd_of(junk, sizeof(junk), kind == 3 ? 0 : SEALS);
	msg = (struct takeover_msg){ .op = TAKEOVER_STATE, .a = sizeof(junk) };
	if (kind == 4) /* more than there is */
		msg.a *= 2;
	if (kind == 5) /* descriptors that do not come */
		msg.b = 3;
	if (kind == 6) /* too many of them */
		msg.b = STATE_MAX_FDS + 1;
	takeover_send(channel, &msg, &fd, 1);
	if (takeover_expect(channel, TAKEOVER_GOT))
		return;
	if (kind == 5) {
		fds[0] = fds[1] = fd;
		msg = (struct takeover_msg){ .op = TAKEOVER_FDS_PART, .a = 3 };
		takeover_send(channel, &msg, fds, 2);
	}
	if (!takeover_expect(channel, TAKEOVER_HAVE))
		_exit(4);
}

void takeover_fake(int kind)
{
	size_t len = strlen(path);
	int fd = listen_as(), status;
	pid_t pid = fork();

	if (!pid) {
		int channel = take_question(accept(fd, NULL, NULL));

		deceive(channel, kind);
		close(channel);
		_exit(0);
	}
	ck_assert_int_eq(command(), 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(fd);
	unlink(path);
	path[len] = '\0';
}

/* ---- the state itself ---- */

uint8_t *takeover_state(size_t *ret_len, int *ret_fds, unsigned int *ret_nfds)
{
	int channel = takeover_ask(), memfd[TAKEOVER_FDS];
	unsigned int n, at = 0;
	struct takeover_msg msg;
	uint8_t *data;

	ck_assert_int_ge(channel, 0);
	expect(channel, TAKEOVER_OFFER, NULL, NULL);
	takeover_say(channel, TAKEOVER_READY);
	msg = expect(channel, TAKEOVER_STATE, memfd, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_le(msg.b, 512);
	*ret_len = (size_t)msg.a;
	data = malloc(*ret_len);
	ck_assert_int_eq(pread(memfd[0], data, *ret_len, 0),
			 (ssize_t)*ret_len);
	close(memfd[0]);
	takeover_say(channel, TAKEOVER_GOT);
	while (at < msg.b) {
		expect(channel, TAKEOVER_FDS_PART, ret_fds + at, &n);
		at += n;
		takeover_say(channel, TAKEOVER_GOT);
	}
	*ret_nfds = at;
	close(channel);
	return data;
}

static void close_fds(int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int takeover_read(const uint8_t *data, size_t len, const int *fds,
		  unsigned int nfds)
{
	static struct options opts;
	static struct relay mine;
	struct state st = { .s.reading = true, .relay = &mine };
	char *argv[] = { (char *)"fdnet-relay", (char *)"--takeover-fd=0",
			 (char *)"--hosts=", (char *)"--quiet", NULL };
	int copies[1024], rc;

	ck_assert_int_eq(options_parse(4, argv, &opts), OPTIONS_RUN);
	opts.taking = true;
	ck_assert_int_eq(relay_open(&mine, &opts), 0);
	for (unsigned int i = 0; i < nfds; i++)
		copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
	/* a copy of exactly this size: the sanitizer sees one byte beyond */
	st.s.src = memcpy(malloc(len + 1), data, len);
	st.s.len = len;
	st.fds = copies;
	st.nfds = nfds;
	rc = state_walk(&st);
	if (!rc)
		state_begin(&mine);
	relay_close(&mine);
	options_done(&opts);
	close_fds(copies, nfds);
	free((void *)st.s.src);
	return rc;
}

static int get_int(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	getsockopt(fd, SOL_SOCKET, name, &value, &len);
	return value;
}

static char kind_of(int fd)
{
	int domain = get_int(fd, SO_DOMAIN), type = get_int(fd, SO_TYPE);

	if (domain == AF_UNIX)
		return type == SOCK_SEQPACKET ? 0 : 1;
	if (domain >= 0)
		return type == SOCK_STREAM ? 2 : 3;
	return fcntl(fd, F_GET_SEALS) > 0 ? 4 : 5;
}

/* The version behind the first @mark, or 0. */
static uint32_t version_behind(const uint8_t *data, size_t len,
			       const char *mark)
{
	const uint8_t *at = memmem(data, len, mark, 4);
	uint32_t version = 0;

	if (at && at + 8 <= data + len)
		memcpy(&version, at + 4, sizeof(version));
	return version;
}

/* An older seed is refused at once, and tests nothing. */
static void check_seed(const char *name, const uint8_t *data, size_t len)
{
	static const char marks[][5] = { "FDRL", "FDST" };
	static uint8_t seed[1 << 20];
	FILE *file = fopen(name, "r");
	size_t got = 0;

	if (file) {
		got = fread(seed, 1, sizeof(seed), file);
		fclose(file);
	}
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t version = version_behind(data, len, marks[i]);

		ck_assert_uint_ne(version, 0);
		ck_assert_msg(version_behind(seed, got, marks[i]) == version,
			      "%s is of another version of %s: TAKEOVER_DUMP"
			      " makes it",
			      name, marks[i]);
	}
}

void takeover_seed(const uint8_t *data, size_t len, const int *fds,
		   unsigned int nfds)
{
	const char *dir = getenv("TAKEOVER_DUMP"), *src = getenv("srcdir");
	char name[4096];
	FILE *file;

	snprintf(name, sizeof(name), "%s%s/%u-fds", dir ? dir : src ? src : ".",
		 dir ? "" : "/fuzz/corpus/takeover", nfds);
	if (!dir) {
		check_seed(name, data, len);
		return;
	}
	file = fopen(name, "w");
	ck_assert_msg(file != NULL, "%s", name);
	fputc((int)nfds, file);
	for (unsigned int i = 0; i < nfds; i++)
		fputc(kind_of(fds[i]), file);
	fwrite(data, 1, len, file);
	fclose(file);
}

/* ---- a node channel ---- */

static ssize_t call_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t rc = sendmsg(fd, msg, flags);

	return rc < 0 ? -errno : rc;
}

static ssize_t call_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t rc = recvmsg(fd, msg, flags);

	return rc < 0 ? -errno : rc;
}

static const struct fdnet_ask_calls calls = { call_sendmsg, call_recvmsg };

uint64_t takeover_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
	return cookie;
}

static struct fdnet_node_ans ask_with(int chan, struct fdnet_node_req req,
				      int fd)
{
	static uint8_t buf[FDNET_NODE_MAX_LEN];
	static uint32_t last_id;
	struct fdnet_node_ans ans;
	size_t len;
	ssize_t got;

	req.id = ++last_id;
	len = fdnet_node_req_encode(buf, &req);
	ck_assert_int_eq(fdnet_msg_send(&calls, chan, buf, len, &fd, fd >= 0,
					0),
			 0);
	wait_fd(chan);
	got = fdnet_msg_recv(&calls, chan, buf, sizeof(buf), NULL, 0);
	ck_assert_int_gt(got, 0);
	ck_assert_int_eq(fdnet_node_ans_decode(buf, (size_t)got, &ans), 0);
	ck_assert_uint_eq(ans.id, req.id);
	return ans;
}

struct fdnet_node_ans takeover_node_ask(int chan, struct fdnet_node_req req)
{
	return ask_with(chan, req, -1);
}

int takeover_node_new(int chan, uint8_t type)
{
	bool stream = type == FDNET_SOCK_STREAM;
	int pair[2], small = 1;
	struct fdnet_node_req req = {
		.op = FDNET_NODE_NEW,
		.family = 4,
		.type = type,
		.proto = stream ? 6 : 17,
	};

	ck_assert_int_eq(socketpair(AF_UNIX,
				    (stream ? SOCK_STREAM : SOCK_SEQPACKET) |
					    SOCK_NONBLOCK | SOCK_CLOEXEC,
				    0, pair),
			 0);
	if (stream) {
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small,
			   sizeof(small));
		while (send(pair[0], "x", 1, 0) == 1)
			continue;
	}
	req.cookie = takeover_cookie(pair[0]);
	ck_assert_uint_eq(ask_with(chan, req, pair[1]).error, 0);
	close(pair[1]);
	return pair[0];
}

int takeover_accepted(int fd)
{
	uint8_t buf[FDNET_NODE_ACCEPTED_LEN];
	int fds[FDNET_ASK_FDS];

	wait_fd(fd);
	ck_assert_int_eq(fdnet_msg_recv(&calls, fd, buf, sizeof(buf), fds, 0),
			 (int)sizeof(buf));
	ck_assert_int_ge(fds[0], 0);
	return fds[0];
}
