/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGKILL of any process at random, under load: no other process may hang, or
 * lose a connection of its own.
 *
 * usage: kills -t FILE [-n kills] [-s seed] [-H address] [-p port]
 *        kills -t FILE -O       outside: a server, and clients to -p's port
 *        kills -t FILE -r ROLE  one of its own programs
 *
 * FILE is mapped by all. The conductor is never killed, and makes again what
 * it has killed. -H is where the server outside is seen, -p the port at which
 * clients outside reach the sandbox; without them there is nobody outside.
 */
#include "config.h"
#include "tests/kills/kills.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANG_S 30 /* far more than the busiest machine needs for a turn */
#define NTHREADS 3

enum kind { SERVER, CLIENT, CROWD, SHARER, UDP_CLIENT };

struct role {
	const char *name;
	enum kind kind;
	enum server server;
	int style;
	bool outside_needed;
};

static const struct role roles[] = {
	{"epoll server", SERVER, EPOLL_SERVER, 0, false},
	{"server with threads", SERVER, THREAD_SERVER, 0, false},
	{"prefork master", SERVER, PREFORK_SERVER, 0, false},
	{"forking server", SERVER, FORKING_SERVER, 0, false},
	{"passing server", SERVER, PASSING_SERVER, 0, false},
	{"datagram server", SERVER, UDP_SERVER, 0, false},
	{"published server", SERVER, OPEN_SERVER, 0, true},
	{"client", CLIENT, EPOLL_SERVER, 0, false},
	{"client on input", CLIENT, EPOLL_SERVER, 1, false},
	{"client of threads", CLIENT, THREAD_SERVER, 2, false},
	{"client of prefork", CLIENT, PREFORK_SERVER, 2, false},
	{"client 2 of prefork", CLIENT, PREFORK_SERVER, 1, false},
	{"client of forking", CLIENT, FORKING_SERVER, 2, false},
	{"client 2 of forking", CLIENT, FORKING_SERVER, 0, false},
	{"client of passing", CLIENT, PASSING_SERVER, 2, false},
	{"client to the host", CLIENT, HOST_SERVER, 2, true},
	{"client 2 to the host", CLIENT, HOST_SERVER, 1, true},
	{"threads, prefork", CROWD, PREFORK_SERVER, 0, false},
	{"threads, epoll", CROWD, EPOLL_SERVER, 0, false},
	{"threads, host", CROWD, HOST_SERVER, 0, true},
	{"sharer", SHARER, EPOLL_SERVER, 0, false},
	{"sharer, host", SHARER, HOST_SERVER, 0, true},
	{"datagram client", UDP_CLIENT, UDP_SERVER, 0, false},
	{"datagram client 2", UDP_CLIENT, UDP_SERVER, 0, false},
};

#define NROLES ((int)(sizeof(roles) / sizeof(roles[0])))

static const char *path;
static int pids[NROLES];
static int open_port; /* -p */
static bool with_outside;

/* ---- what a process does ---- */

static void *crowd_of_one(void *arg)
{
	const struct role *r = arg;

	slot_take(r->name, -1);
	be_client(r->server, (int)dice(2) * 2);
	slot_drop();
	return NULL;
}

static void crowd(const struct role *r)
{
	pthread_t t[NTHREADS];
	int i;

	for (i = 0; i < NTHREADS; i++)
		pthread_create(&t[i], NULL, crowd_of_one, (void *)r);
	for (i = 0; i < NTHREADS; i++)
		pthread_join(t[i], NULL);
}

static int play(const struct role *r)
{
	signal(SIGPIPE, SIG_IGN);
	if (r->kind == CROWD) {
		crowd(r);
		return 0;
	}
	slot_take(r->name, r->kind == SERVER ? (int)r->server : -1);
	if (r->kind == SERVER)
		serve(r->server, r->server == OPEN_SERVER ? open_port : 0);
	else if (r->kind == CLIENT)
		be_client(r->server, r->style);
	else if (r->kind == SHARER)
		be_sharer(r->server);
	else
		be_udp_client();
	slot_drop();
	return 0;
}

/* Half of them are forks, half new programs. */
static void start(int n)
{
	char number[12], port[8];

	pids[n] = fork();
	if (pids[n])
		return;
	if (n % 2)
		_exit(play(&roles[n]));
	snprintf(number, sizeof(number), "%d", n);
	snprintf(port, sizeof(port), "%d", open_port);
	execl("/proc/self/exe", "kills", "-t", path, "-p", port, "-r", number,
	      NULL);
	_exit(3);
}

/* ---- the conductor ---- */

/* Slots of processes that are gone are free again; one that should move and
 * does not is a hang. */
static void look_round(void)
{
	double now = now_s();
	struct slot *s;
	int n, pid;

	for (n = 0; n < SLOTS; n++) {
		s = &table->slots[n];
		pid = s->pid;
		if (pid <= 0)
			continue;
		if (!s->outside && kill(pid, 0)) {
			s->pid = 0;
			continue;
		}
		if (s->moves != s->seen_moves) {
			s->seen_moves = s->moves;
			s->seen_at = now;
		}
		if (now - s->seen_at < HANG_S)
			continue;
		s->seen_at = now + 1e6; /* said once */
		atomic_fetch_add(&table->hung, 1);
		note("%s (pid %d) has done nothing for %d s%s", s->what, pid,
		     HANG_S, s->killed ? ", and was killed" : "");
	}
}

static void forget_port_of(struct slot *s)
{
	int n;

	/* a master's death is the port's, a worker's is not */
	for (n = 0; n < NROLES; n++)
		if (roles[n].kind == SERVER && pids[n] == s->pid)
			table->servers[roles[n].server].port = 0;
}

static bool kill_one(void)
{
	struct slot *s = &table->slots[dice(SLOTS)];
	int pid = s->pid, n;

	if (pid <= 0 || s->outside || s->killed)
		return false;
	for (n = 0; n < NROLES; n++)
		if (roles[n].kind == SERVER && pids[n] == pid && !s->ready)
			return false; /* its port is not known yet */
	/* a process has a slot for each of its threads */
	for (n = 0; n < SLOTS; n++) {
		if (table->slots[n].pid != pid)
			continue;
		table->slots[n].killed = true;
		forget_port_of(&table->slots[n]);
		if (table->slots[n].server >= 0)
			table->servers[table->slots[n].server].kills++;
	}
	kill(pid, SIGKILL);
	return true;
}

/* Buries the dead, and makes again what the load consists of. */
static void bury(bool again)
{
	int pid, n, status;
	bool well;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		/* an orphan may come to its end, what we made may not */
		well = status == SIGKILL || status == 0;
		for (n = 0; n < NROLES; n++) {
			if (pids[n] != pid)
				continue;
			well = status == SIGKILL || !again;
			pids[n] = 0;
			if (again)
				start(n);
		}
		if (!well) {
			note("pid %d ended by itself, status %x", pid, status);
			atomic_fetch_add(&table->wrong, 1);
		}
	}
}

static bool all_started(void)
{
	int n;

	for (n = 0; n < SERVERS; n++)
		if (!table->servers[n].port &&
		    (with_outside || n < OPEN_SERVER))
			return false;
	return table->exchanges > 200;
}

static void conduct(int kills)
{
	double end;
	int done = 0, n;

	for (n = 0; n < NROLES; n++)
		if (with_outside || !roles[n].outside_needed)
			start(n);
	for (end = now_s() + HANG_S; !all_started() && now_s() < end;) {
		bury(true);
		usleep(10000);
	}
	if (!all_started()) {
		note("the load has not started");
		atomic_fetch_add(&table->wrong, 1);
	}
	while (done < kills && !table->hung) {
		bury(true);
		look_round();
		if (!kill_one())
			continue;
		done++;
		usleep(dice(8) ? dice(20000) : dice(200));
	}
	printf("killed: %d\n", done);
}

/* Clients end by themselves when told so, and those that serve them then;
 * who only waits for more is ended. */
static void dismiss(void)
{
	double end = now_s() + HANG_S;
	int n, left;

	/* all that was left alone goes on for a moment */
	for (n = 0; n < 50; n++) {
		bury(true);
		usleep(10000);
	}
	table->stop = true;
	do {
		bury(false);
		look_round();
		left = 0;
		for (n = 0; n < NROLES; n++)
			left += pids[n] && roles[n].kind != SERVER;
		usleep(10000);
	} while (left && now_s() < end);
	for (n = 0; n < NROLES; n++)
		if (pids[n] && roles[n].kind == SERVER)
			kill(pids[n], SIGKILL);
		else if (pids[n])
			note("%s does not end", roles[n].name);
	table->hung += left;
	for (end = now_s() + 2; waitpid(-1, NULL, WNOHANG) >= 0 &&
				now_s() < end;)
		usleep(1000);
	for (n = 0; n < SLOTS; n++)
		if (table->slots[n].pid > 0 && !table->slots[n].outside)
			kill(table->slots[n].pid, SIGKILL);
}

static int report(void)
{
	int n;

	printf("exchanges: %ld, connections: %ld, ended by a kill: %ld "
	       "(%d before the greeting)\n",
	       table->exchanges, table->connections, table->ended,
	       table->early);
	printf("lost: %d, hung: %d, wrong: %d\n", table->lost, table->hung,
	       table->wrong);
	for (n = 0; n < NOTES && n < table->notes; n++)
		printf("# %s\n", table->note[n]);
	return table->lost || table->hung || table->wrong;
}

/* ---- outside ---- */

static void *outside_server(void *arg)
{
	(void)arg;
	slot_take("server outside", HOST_SERVER);
	serve(HOST_SERVER, 0);
	return NULL;
}

static int be_outside(void)
{
	const struct role r = {"client outside", CROWD, OPEN_SERVER, 0, true};
	pthread_t t;

	signal(SIGPIPE, SIG_IGN);
	slots_are_outside = true;
	pthread_create(&t, NULL, outside_server, NULL);
	crowd(&r);
	return 0;
}

static int conductor(int kills, unsigned int seed)
{
	/* orphans are buried here, and show how they ended */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	/* without fdnet-run, the first socket makes the sandbox */
	close(socket(AF_INET, SOCK_STREAM, 0));
	dice_start(seed);
	conduct(kills);
	dismiss();
	return report();
}

int main(int argc, char **argv)
{
	int c, kills = 100, role = -1;
	unsigned int seed = 1;
	bool outside = false;
	const char *host = "";

	while ((c = getopt(argc, argv, "t:n:s:H:p:r:O")) != -1) {
		if (c == 't')
			path = optarg;
		else if (c == 'n')
			kills = atoi(optarg);
		else if (c == 's')
			seed = (unsigned int)atoi(optarg);
		else if (c == 'H')
			host = optarg;
		else if (c == 'p')
			open_port = atoi(optarg);
		else if (c == 'r')
			role = atoi(optarg);
		else if (c == 'O')
			outside = true;
		else
			return 2;
	}
	if (!path || role >= NROLES)
		return 2;
	table_map(path);
	if (outside)
		return be_outside();
	if (role >= 0)
		return play(&roles[role]);
	with_outside = *host;
	snprintf(table->host, sizeof(table->host), "%s", host);
	return conductor(kills, seed);
}
