/* SPDX-License-Identifier: Apache-2.0 */
/* fdnet-relay as a service: a relay process for each sandbox that connects. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/relay_case.h"
#include "tests/suite_main.h"

static char dir[] = "/tmp/fdnet-test-service-XXXXXX";
static char path[64];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

/* A service at @path with more options; relay is its first sandbox. */
static void start_service(const char *options)
{
	char line[1024];

	snprintf(line, sizeof(line), "--listen %s %s", path, options);
	start(line);
}

static int connect_to(const char *to)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	ck_assert_uint_lt(strlen(to), sizeof(sa.sun_path));
	strcpy(sa.sun_path, to);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

/* Another sandbox; only what has to do with guests is valid of it. */
static struct rg_relay sandbox_at(const char *to)
{
	struct rg_relay other = { .host_fd = -1, .status_fd = -1 };

	other.attach_fd = connect_to(to);
	return other;
}

static void leave(struct rg_relay *other)
{
	for (int i = 0; i < RG_GUESTS; i++)
		if (other->guests[i])
			rg_kill(other->guests[i]);
	close(other->attach_fd);
}

static void write_policy(const char *name, const char *format)
{
	char file[128];
	FILE *out;

	snprintf(file, sizeof(file), "%s/%s.policy", dir, name);
	out = fopen(file, "we");
	ck_assert_ptr_nonnull(out);
	fprintf(out, format, port);
	fclose(out);
}

static void expect_end(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };

	ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
	ck_assert_int_ne(pfd.revents & POLLHUP, 0);
}

START_TEST(each_connection_is_a_sandbox_of_its_own)
{
	struct fdnet_sock *so, *listener;
	struct rg_relay other;
	struct rg *a, *b, *c;

	start_service("");
	other = sandbox_at(path);
	a = rg_attach(&relay);
	b = rg_attach(&other);
	listener = rg_listen(a, "0.0.0.0", 80);
	/* the same port again, and nobody of the first sandbox is there */
	ck_assert_int_eq(rg_connect(b, "127.0.0.1", 80, &so), -ECONNREFUSED);
	ck_assert_int_eq(rg_connect(b, SANDBOX, 80, &so), -ECONNREFUSED);
	ck_assert_int_eq(rg_claim(b, FDNET_CTL_LISTEN, 6, 80), 0);
	/* links of one connection share theirs */
	c = rg_attach(&relay);
	ck_assert_int_eq(rg_claim(c, FDNET_CTL_LISTEN, 6, 80), -EADDRINUSE);
	ck_assert_int_eq(rg_connect(c, "127.0.0.1", 80, &so), 0);
	rg_accept(a, listener);
	leave(&other);
	rg_stop(&relay);
}
END_TEST

START_TEST(a_path_in_use_is_told_and_a_dead_ones_taken)
{
	char options[128];

	start_service("");
	snprintf(options, sizeof(options), "--listen %s", path);
	ck_assert_int_eq(run_relay(options), 1);
	ck_assert_ptr_nonnull(strstr(text, "Address already in use"));
	rg_attach(&relay);
	kill(relay.pid, SIGKILL);
	ck_assert_int_eq(waitpid(relay.pid, NULL, 0), relay.pid);
	/* its sandbox lives on */
	rg_attach(&relay);
	for (int i = 0; i < RG_GUESTS; i++)
		if (relay.guests[i])
			rg_kill(relay.guests[i]);
	close(relay.attach_fd);
	unlink(relay.errors);
	start_service("");
	rg_attach(&relay);
	rg_stop(&relay);
}
END_TEST

START_TEST(the_path_chooses_the_rules)
{
	int listener = rg_host_listen("127.0.0.1", &port);
	char options[512], open_path[64], closed_path[64], odd_path[64];
	struct rg_relay open_box, closed_box;
	struct fdnet_sock *so;
	struct rg *g;
	int odd;

	snprintf(open_path, sizeof(open_path), "%s/open", dir);
	snprintf(closed_path, sizeof(closed_path), "%s/closed", dir);
	snprintf(odd_path, sizeof(odd_path), "%s/odd", dir);
	write_policy("web", "allow host:%u\n");
	write_policy("default", "deny any # but %u\n");
	snprintf(options, sizeof(options),
		 "--policy-dir %s --listen web=%s --listen %s --listen odd=%s",
		 dir, open_path, closed_path, odd_path);
	start_service(options);
	open_box = sandbox_at(open_path);
	g = rg_attach(&open_box);
	ck_assert_int_eq(rg_connect(g, GATEWAY, port, &so), 0);
	closed_box = sandbox_at(closed_path);
	g = rg_attach(&closed_box);
	ck_assert_int_eq(rg_connect(g, GATEWAY, port, &so), -EHOSTUNREACH);
	/* a name without a file is refused, not served by another's rules */
	odd = connect_to(odd_path);
	expect_end(odd);
	close(odd);
	/* by the user's own name */
	write_policy("root", "allow host:%u\n");
	leave(&closed_box);
	if (!getuid()) {
		closed_box = sandbox_at(closed_path);
		g = rg_attach(&closed_box);
		ck_assert_int_eq(rg_connect(g, GATEWAY, port, &so), 0);
		leave(&closed_box);
	}
	leave(&open_box);
	rg_stop(&relay);
	close(listener);
}
END_TEST

/* Its only children are the workers. */
static pid_t worker_of(pid_t pid, int which)
{
	char file[64];
	int worker = 0;
	FILE *in;

	snprintf(file, sizeof(file), "/proc/%d/task/%d/children", pid, pid);
	in = fopen(file, "re");
	ck_assert_ptr_nonnull(in);
	for (int i = 0; i <= which; i++)
		ck_assert_int_eq(fscanf(in, "%d", &worker), 1);
	fclose(in);
	return worker;
}

START_TEST(a_crash_is_one_sandboxs)
{
	int listener = rg_host_listen("127.0.0.1", &port), fd;
	struct rg_relay other;
	struct fdnet_sock *so;
	struct rg *a, *b;
	char data[8];

	start_service("--allow host:%u");
	a = rg_attach(&relay);
	fd = connected_pair(a, listener, &so);
	other = sandbox_at(path);
	b = rg_attach(&other);
	kill(worker_of(relay.pid, 1), SIGKILL);
	while (!b->ended)
		rg_drive(&other, 5);
	leave(&other);
	ck_assert_int_eq(rg_send(a, so, "x", 1), 0);
	ck_assert_int_eq(rg_host_recv(&relay, fd, data, 8), 1);
	other = sandbox_at(path);
	rg_attach(&other);
	leave(&other);
	rg_drive(&relay, 50);
	fd = open(relay.errors, O_RDONLY | O_CLOEXEC);
	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
	ck_assert_msg(strstr(text, "sandbox 2 was ended by signal 9") != NULL,
		      "%s", text);
	close(fd);
	rg_stop(&relay);
	close(listener);
}
END_TEST

START_TEST(sandboxes_without_end_are_refused)
{
	int fds[40], ended = 0;

	start_service("--max-per-user 10");
	rg_attach(&relay);
	for (int i = 0; i < 40; i++)
		fds[i] = connect_to(path);
	for (int i = 0; i < 40; i++) {
		struct pollfd pfd = { fds[i], POLLIN, 0 };

		/* those served stay, and nobody tells us so */
		ended += poll(&pfd, 1, i < 9 ? 0 : 20000) == 1;
	}
	ck_assert_int_eq(ended, 31);
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	/* places are free again */
	for (int tries = 0;; tries++) {
		struct rg_relay other = sandbox_at(path);
		struct pollfd pfd = { other.attach_fd, POLLIN, 0 };

		if (poll(&pfd, 1, 50) == 0) {
			rg_attach(&other);
			leave(&other);
			break;
		}
		close(other.attach_fd);
		ck_assert_int_lt(tries, 400);
		usleep(50000);
	}
	rg_stop(&relay);
}
END_TEST

START_TEST(other_users_need_the_paths_permission)
{
	char who[256], other[64];

	if (getuid())
		return;
	snprintf(other, sizeof(other), "%s/all", dir);
	chmod(dir, 0755);
	start_service("--mode 0600");
	snprintf(who, sizeof(who),
		 "setpriv --reuid 65534 --clear-groups socat -u - "
		 "UNIX-CONNECT:%s,type=5 </dev/null 2>/dev/null",
		 path);
	ck_assert_int_ne(system(who), 0);
	rg_stop(&relay);
	start_service("--mode 0666");
	if (!system("command -v socat >/dev/null"))
		ck_assert_int_eq(system(who), 0);
	rg_stop(&relay);
}
END_TEST

/* What a service manager does: the socket as descriptor 3, and told so. */
static pid_t activate(int fd, const char *notify, const char *names)
{
	const char *build = getenv("top_builddir");
	char program[4096], options[64], self[16];
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	snprintf(program, sizeof(program), "%s/fdnet-relay",
		 build ? build : ".");
	snprintf(options, sizeof(options), "--allow=host:%u", port);
	snprintf(self, sizeof(self), "%d", getpid());
	setenv("LISTEN_PID", self, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", names, 1);
	setenv("NOTIFY_SOCKET", notify, 1);
	setenv("WATCHDOG_USEC", "200000", 1);
	if (fd != 3)
		dup2(fd, 3);
	else
		fcntl(3, F_SETFD, 0);
	execl(program, program, options, "--policy-dir", dir, NULL);
	_exit(127);
}

static void expect_words(int fd, const char *words)
{
	for (;;) {
		struct pollfd pfd = { fd, POLLIN, 0 };
		ssize_t len;

		ck_assert_msg(poll(&pfd, 1, 20000) == 1, "no %s", words);
		len = recv(fd, text, sizeof(text) - 1, 0);
		text[len > 0 ? len : 0] = '\0';
		if (strstr(text, words))
			return;
	}
}

START_TEST(the_service_manager_gives_sockets_and_is_told)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int listener = rg_host_listen("127.0.0.1", &port), sock, notify;
	struct rg_relay box;
	struct fdnet_sock *so;
	char said[64];
	struct rg *g;
	pid_t pid;

	write_policy("web", "allow host:%u\n");
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	strcpy(sa.sun_path, path);
	ck_assert_int_eq(bind(sock, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(listen(sock, 8), 0);
	/* a client may come before the service */
	box = sandbox_at(path);
	notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(said, sizeof(said), "%s/notify", dir);
	strcpy(sa.sun_path, said);
	ck_assert_int_eq(bind(notify, (struct sockaddr *)&sa, sizeof(sa)), 0);
	pid = activate(sock, said, "web");
	expect_words(notify, "READY=1");
	g = rg_attach(&box);
	ck_assert_int_eq(rg_connect(g, GATEWAY, port, &so), 0);
	expect_words(notify, "STATUS=1 sandboxes");
	expect_words(notify, "WATCHDOG=1");
	kill(pid, SIGTERM);
	expect_words(notify, "STOPPING=1");
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	while (!g->ended)
		rg_drive(&box, 5);
	leave(&box);
	close(sock);
	close(notify);
	close(listener);
}
END_TEST

/* ---- networks that sandboxes share ---- */

static struct rg_relay member(const char *name, struct rg **ret_g)
{
	struct rg_relay box;
	char at[64];

	snprintf(at, sizeof(at), "%s/%s", dir, name);
	box = sandbox_at(at);
	*ret_g = NULL;
	return box;
}

/* rg_drive() knows one sandbox: both, for a while. */
static void drive(struct rg_relay *a, struct rg_relay *b, int times)
{
	for (int i = 0; i < times; i++) {
		rg_drive(a, 1);
		rg_drive(b, 1);
	}
}

static int connect_between(struct rg_relay *from_box, struct rg *from,
			   struct rg_relay *to_box, const char *ip,
			   uint16_t to_port, struct fdnet_sock **ret_so)
{
	struct fdnet_name name = rg_name(ip, to_port);
	int error = 0;
	uint32_t len = sizeof(error);

	ck_assert_int_eq(fdnet_sock_open(from->stack, name.ip.family,
					 FDNET_SOCK_STREAM, 6, ret_so),
			 0);
	ck_assert_int_eq(fdnet_sock_connect(*ret_so, &name), -EINPROGRESS);
	for (int i = 0; i < 4000; i++) {
		if (fdnet_sock_poll(*ret_so) & (FDNET_EV_OUT | FDNET_EV_ERR))
			break;
		drive(from_box, to_box, 1);
	}
	fdnet_sock_getopt(*ret_so, SOL_SOCKET, SO_ERROR, &error, &len);
	return -error;
}

/* The address of a name, by the sandbox's name server; false: refused. */
static bool lookup(struct rg *g, const char *name, uint8_t *ret_ip)
{
	uint8_t msg[512] = { 0, 42, 1, 0, 0, 1 };
	struct fdnet_sock *so = rg_udp(g);
	size_t at = 12;
	ssize_t rc;

	while (*name) {
		size_t label = strcspn(name, ".");

		msg[at++] = (uint8_t)label;
		memcpy(msg + at, name, label);
		at += label;
		name += label + (name[label] == '.');
	}
	msg[at + 2] = msg[at + 4] = 1;
	ck_assert_int_gt(rg_sendto(g, so, DNS, 53, msg, at + 5), 0);
	rc = rg_recvfrom(g, so, msg, sizeof(msg), NULL);
	fdnet_sock_close(so);
	if (rc < 16 || (msg[3] & 15) || !msg[7])
		return false;
	memcpy(ret_ip, msg + rc - 4, 4);
	return true;
}

START_TEST(sandboxes_meet_in_a_network_that_both_name)
{
	struct rg_relay web, db, other;
	struct fdnet_sock *listener, *so, *client;
	struct fdnet_name peer;
	struct rg *w, *d, *o;
	char options[512], ip[FDNET_IP_STRLEN];
	uint8_t bytes[4];

	port = 5432;
	write_policy("web", "network lab\nname web # %u\n");
	write_policy("db", "network lab\nname db # %u\n");
	write_policy("other", "# none: %u\n");
	write_policy("default", "# none: %u\n");
	snprintf(options, sizeof(options),
		 "--policy-dir %s --listen web=%s/web --listen db=%s/db "
		 "--listen other=%s/other",
		 dir, dir, dir, dir);
	start_service(options);
	web = member("web", &w);
	w = rg_attach(&web);
	db = member("db", &d);
	d = rg_attach(&db);
	other = member("other", &o);
	o = rg_attach(&other);
	/* introductions pass through the service */
	for (int i = 0; !lookup(w, "db.lab", bytes); i++) {
		ck_assert_int_lt(i, 200);
		rg_drive(&web, 5);
	}
	snprintf(ip, sizeof(ip), "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2],
		 bytes[3]);
	ck_assert_mem_eq(bytes, d->welcome.ip4, 4);
	ck_assert_mem_ne(w->welcome.ip4, d->welcome.ip4, 4);
	ck_assert(lookup(d, "web", bytes));
	ck_assert_mem_eq(bytes, w->welcome.ip4, 4);
	ck_assert(!lookup(o, "db", bytes));
	/* refused there, refused here; then bytes both ways */
	ck_assert_int_eq(connect_between(&web, w, &db, ip, 5432, &client),
			 -ECONNREFUSED);
	fdnet_sock_close(client);
	listener = rg_listen(d, "0.0.0.0", 5432);
	ck_assert_int_eq(connect_between(&web, w, &db, ip, 5432, &client), 0);
	for (int i = 0; fdnet_sock_accept(listener, &so); i++) {
		ck_assert_int_lt(i, 1000);
		drive(&web, &db, 1);
	}
	ck_assert_int_eq(fdnet_sock_peer(so, &peer), 0);
	ck_assert_mem_eq(peer.ip.bytes, w->welcome.ip4, 4);
	ck_assert_int_eq(rg_send(w, client, "query", 5), 0);
	ck_assert_int_eq(rg_recv(d, so, text, 16), 5);
	ck_assert_int_eq(rg_send(d, so, "answer", 6), 0);
	ck_assert_int_eq(rg_recv(w, client, text, 16), 6);
	/* who is no member gets nowhere */
	ck_assert_int_eq(connect_between(&other, o, &db, ip, 5432, &listener),
			 -EHOSTUNREACH);
	/* one dies: the other sees the end */
	leave(&db);
	ck_assert_int_eq(rg_recv(w, client, text, 16), 0);
	leave(&web);
	leave(&other);
	rg_stop(&relay);
}
END_TEST

static Suite *service_suite(void)
{
	Suite *s = suite_create("relay_service");
	TCase *tc = tcase_create("relay_service");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_connection_is_a_sandbox_of_its_own);
	tcase_add_test(tc, a_path_in_use_is_told_and_a_dead_ones_taken);
	tcase_add_test(tc, the_path_chooses_the_rules);
	tcase_add_test(tc, a_crash_is_one_sandboxs);
	tcase_add_test(tc, sandboxes_without_end_are_refused);
	tcase_add_test(tc, other_users_need_the_paths_permission);
	tcase_add_test(tc, the_service_manager_gives_sockets_and_is_told);
	tcase_add_test(tc, sandboxes_meet_in_a_network_that_both_name);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return relay_case_main(service_suite());
}
