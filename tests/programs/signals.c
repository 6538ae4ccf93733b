/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals while socket calls are under way: each arrives once, with what it
 * carries, in its order, and with the mask, the stack and the flags its handler
 * was installed with; handlers may make calls themselves, and jump away.
 */
#include "probe.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define SHOTS 45

static atomic_int caught, bad;
static volatile uint64_t want_mask; /* in the handler; 0: not looked at */
static volatile int jumps;
static sigjmp_buf back;
static int own[2]; /* the handler's own sockets */
static char other_stack[1 << 16];

/* Those that a program may block at all. */
static uint64_t mask_of(const sigset_t *set)
{
	uint64_t bits = 0;

	for (int sig = 1; sig < 32; sig++)
		if (sigismember(set, sig) == 1)
			bits |= 1ull << sig;
	return bits;
}

static uint64_t mask_now(void)
{
	sigset_t set;

	pthread_sigmask(SIG_SETMASK, NULL, &set);
	return mask_of(&set);
}

static void check(bool ok)
{
	if (!ok)
		bad++;
}

static void on_count(int sig)
{
	(void)sig;
	caught++;
}

/* Each sends a byte to itself. */
static void on_call(int sig)
{
	int saved = errno;
	char byte = 0;

	(void)sig;
	check(send(own[0], "h", 1, 0) == 1);
	check(recv(own[1], &byte, 1, 0) == 1 && byte == 'h');
	caught++;
	errno = saved;
}

static void on_info(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	uint64_t before = mask_of(&uc->uc_sigmask);
	bool defers = want_mask & 1ull << sig;

	check(info->si_signo == sig && info->si_code == SI_QUEUE &&
	      info->si_pid == getpid() && info->si_value.sival_int == caught);
	/* one that is not deferred may find the last about to return */
	check(before == 0 || (!defers && before == want_mask));
	check(mask_now() == want_mask);
	caught++;
}

static void on_stack(int sig)
{
	char here;

	(void)sig;
	check(&here >= other_stack && &here < other_stack + sizeof(other_stack));
	caught++;
}

static void on_jump(int sig)
{
	(void)sig;
	caught++;
	jumps++;
	siglongjmp(back, 1);
}

/* Another signal comes while this one is seen to. */
static void on_nest(int sig)
{
	char byte;

	if (sig == SIGUSR1) {
		raise(SIGUSR2);
		check(recv(own[1], &byte, 1, MSG_DONTWAIT) < 0);
	}
	caught++;
}

static void install(int sig, void *handler, int flags, int also)
{
	struct sigaction action = {.sa_flags = flags};

	if (flags & SA_SIGINFO)
		action.sa_sigaction = (void (*)(int, siginfo_t *, void *))handler;
	else
		action.sa_handler = (void (*)(int))handler;
	if (also)
		sigaddset(&action.sa_mask, also);
	sigaction(sig, &action, NULL);
}

/* ---- one thread calls, another shoots ---- */

struct shooter {
	pthread_t whom, thread;
	int sig, per_shot;
	atomic_bool over;
};

/* Asleep, so that the other has the processor. */
static void sleep_us(int us)
{
	struct timespec ts = {0, us * 1000L};

	nanosleep(&ts, NULL);
}

/* The next when the last has arrived. */
static void *shoot(void *arg)
{
	struct shooter *s = arg;

	for (int i = 0; i < SHOTS; i++) {
		union sigval value = {.sival_int = caught};

		pthread_sigqueue(s->whom, s->sig, value);
		while (caught < (i + 1) * s->per_shot)
			sleep_us(50);
	}
	s->over = true;
	return NULL;
}

static void start(struct shooter *s, void *(*how)(void *))
{
	sigset_t all, old;

	caught = bad = 0;
	s->over = false;
	s->whom = pthread_self();
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pthread_create(&s->thread, NULL, how, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Calls that do not wait, of all kinds. */
static void calls(int fds[2], int epfd)
{
	struct pollfd pfd = {.fd = fds[1], .events = POLLIN};
	struct epoll_event event;
	char bytes[16];

	send(fds[0], "0123456789", 10, MSG_DONTWAIT);
	poll(&pfd, 1, 0);
	epoll_wait(epfd, &event, 1, 0);
	recv(fds[1], bytes, sizeof(bytes), MSG_DONTWAIT);
}

static void under_fire(const char *label, int sig, int per_shot)
{
	struct shooter s = {.sig = sig, .per_shot = per_shot};
	struct epoll_event event = {.events = EPOLLIN};
	int fds[2], epfd = epoll_create1(0);

	tcp_pair(fds);
	epoll_ctl(epfd, EPOLL_CTL_ADD, fds[1], &event);
	start(&s, shoot);
	while (!s.over)
		calls(fds, epfd);
	pthread_join(s.thread, NULL);
	say(caught, "%s, caught", label);
	say(bad, "%s, wrong", label);
	say_bool(mask_now() == 0, "nothing stays blocked");
	close(epfd);
	close_pair(fds);
}

static void each_once(void)
{
	install(SIGUSR1, on_count, 0, 0);
	under_fire("counted", SIGUSR1, 1);
	install(SIGUSR1, on_call, SA_RESTART, 0);
	under_fire("calls from handlers", SIGUSR1, 1);
	want_mask = 1ull << SIGUSR1 | 1ull << SIGHUP;
	install(SIGUSR1, on_info, SA_SIGINFO, SIGHUP);
	under_fire("information and mask", SIGUSR1, 1);
	want_mask = 1ull << SIGHUP;
	install(SIGUSR1, on_info, SA_SIGINFO | SA_NODEFER, SIGHUP);
	under_fire("not deferred", SIGUSR1, 1);
	install(SIGUSR1, on_nest, 0, 0);
	install(SIGUSR2, on_nest, 0, 0);
	under_fire("nested", SIGUSR1, 2);
}

static void on_another_stack(void)
{
	stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};

	sigaltstack(&stack, NULL);
	install(SIGUSR1, on_stack, SA_ONSTACK, 0);
	under_fire("another stack", SIGUSR1, 1);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
}

/* ---- handlers that are gone when they have run ---- */

static void *shoot_once_each(void *arg)
{
	struct shooter *s = arg;
	struct sigaction now;

	for (int i = 0; i < SHOTS; i++) {
		install(s->sig, on_count, SA_RESETHAND, 0);
		pthread_kill(s->whom, s->sig);
		while (caught < i + 1)
			sleep_us(50);
		sigaction(s->sig, NULL, &now);
		check(now.sa_handler == SIG_DFL);
	}
	s->over = true;
	return NULL;
}

static void once_only(void)
{
	struct shooter s = {.sig = SIGUSR1};
	int fds[2], epfd = epoll_create1(0);

	tcp_pair(fds);
	start(&s, shoot_once_each);
	while (!s.over)
		calls(fds, epfd);
	pthread_join(s.thread, NULL);
	say(caught, "once only, caught");
	say(bad, "once only, wrong");
	close(epfd);
	close_pair(fds);
}

/* ---- out of a call, by siglongjmp() ---- */

static void jumping(void)
{
	struct shooter s = {.sig = SIGUSR1, .per_shot = 1};
	int fds[2], udp[2], epfd = epoll_create1(0);
	char byte = 0;

	tcp_pair(fds);
	udp_pair(udp);
	jumps = 0;
	if (sigsetjmp(back, 1) == 0) {
		install(SIGUSR1, on_jump, 0, 0);
		start(&s, shoot);
	}
	while (!s.over)
		calls(udp, epfd);
	/* some of them out of a call that waits */
	pthread_join(s.thread, NULL);
	say(jumps, "jumps");
	jumps = 0;
	if (sigsetjmp(back, 1) == 0)
		start(&s, shoot);
	while (!s.over) {
		struct pollfd pfd = {.fd = udp[1], .events = POLLPRI};

		poll(&pfd, 1, 20);
	}
	pthread_join(s.thread, NULL);
	say(jumps, "jumps out of a wait");
	say_bool(mask_now() == 0, "nothing stays blocked after jumps");
	say(send(fds[0], "j", 1, 0), "it still sends");
	say(recv(fds[1], &byte, 1, 0), "and receives");
	close(epfd);
	close_pair(fds);
	close_pair(udp);
}

/* ---- a timer's flood beside a stream ---- */

struct stream {
	int fd;
	size_t len;
	uint32_t sum;
};

static void *drain(void *arg)
{
	struct stream *s = arg;
	unsigned char data[8192];
	ssize_t n;

	while ((n = recv(s->fd, data, sizeof(data), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			s->sum = s->sum * 31 + data[i];
		s->len += (size_t)n;
	}
	return NULL;
}

static void flood(void)
{
	struct itimerval timer = {{0, 500}, {0, 500}}, off = {0};
	unsigned char data[5000];
	struct stream s = {0};
	uint32_t sum = 0;
	size_t total = 0;
	pthread_t thread;
	sigset_t all, old;
	int fds[2];

	caught = bad = 0;
	tcp_pair(fds);
	s.fd = fds[1];
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pthread_create(&thread, NULL, drain, &s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	install(SIGALRM, on_call, SA_RESTART, 0);
	setitimer(ITIMER_REAL, &timer, NULL);
	while (total < 4 << 20 || caught < 20) {
		ssize_t n;

		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (unsigned char)(total + i);
		n = send(fds[0], data, sizeof(data), 0);
		if (n < 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			sum = sum * 31 + data[i];
		total += (size_t)n;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	shutdown(fds[0], SHUT_WR);
	pthread_join(thread, NULL);
	say_bool(s.len == total && s.sum == sum, "a flood, all is there");
	say(bad, "a flood, wrong");
	close_pair(fds);
}

/* ---- a call that waits is interrupted, whenever it comes ---- */

static void *shoot_at_random(void *arg)
{
	struct shooter *s = arg;

	while (!s->over) {
		sleep_us(rand() % 300);
		pthread_kill(s->whom, s->sig);
	}
	return NULL;
}

static void interrupted(void)
{
	struct shooter s = {.sig = SIGUSR1};
	int fds[2], i, n = 0;
	char byte;

	tcp_pair(fds);
	install(SIGUSR1, on_count, 0, 0);
	start(&s, shoot_at_random);
	for (i = 0; i < SHOTS; i++)
		n += recv(fds[0], &byte, 1, 0) < 0 && errno == EINTR;
	s.over = true;
	pthread_join(s.thread, NULL);
	say(n, "interrupted");
	close_pair(fds);
}

/* ---- what a mask lets in ---- */

static void pending(int sig)
{
	caught = 0;
	pthread_kill(pthread_self(), sig);
}

static void masks(void)
{
	struct timespec none = {0};
	struct epoll_event event = {.events = EPOLLIN};
	int fds[2], epfd = epoll_create1(0);
	struct pollfd pfd = {.events = POLLIN};
	sigset_t set, old;

	tcp_pair(fds);
	pfd.fd = fds[1];
	epoll_ctl(epfd, EPOLL_CTL_ADD, fds[1], &event);
	install(SIGUSR1, on_call, 0, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	sigemptyset(&set);
	pending(SIGUSR1);
	say(ppoll(&pfd, 1, &none, &set), "ppoll, no time");
	say(caught, "ppoll, no time, caught");
	pending(SIGUSR1);
	say(epoll_pwait(epfd, &event, 1, 100, &set), "epoll_pwait");
	say(caught, "epoll_pwait, caught");
	send(fds[0], "x", 1, 0);
	ready(fds[1], POLLIN);
	pending(SIGUSR1);
	say(ppoll(&pfd, 1, &none, &set), "ppoll, ready");
	say(epoll_pwait(epfd, &event, 1, 100, &set), "epoll_pwait, ready");
	say(caught, "ready, caught");
	say_bool(mask_now() == 1ull << SIGUSR1, "the mask is as it was");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	say(caught, "let in at last");
	close(epfd);
	close_pair(fds);
}

/* ---- defaults ---- */

static void deadly(int sig, const char *label)
{
	int ends[2], status = 0;
	pid_t pid;

	need(pipe(ends), "pipe");
	pid = fork();
	if (pid == 0) {
		int fds[2], epfd = epoll_create1(0);

		signal(sig, SIG_DFL);
		install(SIGHUP, on_count, 0, 0);
		tcp_pair(fds);
		if (write(ends[1], "r", 1) == 1)
			for (;;)
				calls(fds, epfd);
		_exit(1);
	}
	close(ends[1]);
	if (read(ends[0], &status, 1) == 1)
		sleep_ms(5);
	kill(pid, sig);
	waitpid(pid, &status, 0);
	say(WIFSIGNALED(status) ? WTERMSIG(status) : 0, "%s", label);
	close(ends[0]);
}

/* ---- queued ones keep their order ---- */

static atomic_int last;

static void on_queued(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	check(info->si_value.sival_int == last + 1);
	last = info->si_value.sival_int;
	caught++;
}

static void *shoot_in_threes(void *arg)
{
	struct shooter *s = arg;

	for (int i = 0; i < SHOTS; i += 3) {
		for (int k = 1; k <= 3; k++)
			pthread_sigqueue(s->whom, s->sig,
					 (union sigval){.sival_int = i + k});
		while (caught < i + 3)
			sleep_us(50);
	}
	s->over = true;
	return NULL;
}

static void queued(void)
{
	struct shooter s = {.sig = SIGRTMIN + 1};
	int fds[2], epfd = epoll_create1(0);

	tcp_pair(fds);
	install(s.sig, on_queued, SA_SIGINFO, 0);
	start(&s, shoot_in_threes);
	while (!s.over)
		calls(fds, epfd);
	pthread_join(s.thread, NULL);
	say(caught, "queued, caught");
	say(bad, "queued, out of order");
	close(epfd);
	close_pair(fds);
}

/* A program's first socket takes the most work; no signal may show in it. */
static void first_of_all(void)
{
	const struct sigaction sa = { .sa_handler = on_count };
	const struct itimerval every = { { 0, 300 }, { 0, 300 } }, never = { 0 };
	int failed = 0;

	for (int i = 0; i < 20; i++) {
		int status = -1, fd;
		pid_t pid = fork();

		if (pid == 0) {
			sigaction(SIGALRM, &sa, NULL);
			setitimer(ITIMER_REAL, &every, NULL);
			fd = socket(AF_INET, SOCK_STREAM, 0);
			setitimer(ITIMER_REAL, &never, NULL);
			_exit(fd < 0);
		}
		waitpid(pid, &status, 0);
		failed += status != 0;
	}
	say(failed, "first sockets that failed");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	first_of_all();
	tcp_pair(own);
	each_once();
	on_another_stack();
	once_only();
	jumping();
	flood();
	interrupted();
	masks();
	deadly(SIGTERM, "the default ends it");
	deadly(SIGKILL, "so does SIGKILL");
	queued();
	return 0;
}
