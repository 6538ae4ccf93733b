/* SPDX-License-Identifier: Apache-2.0 */
/* getaddrinfo_a(), and how one waits for it. */
#include "probe.h"

#include <netdb.h>

static volatile sig_atomic_t told, by_thread;

static void on_signal(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	told = info->si_code == SI_ASYNCNL ? info->si_value.sival_int : -1;
}

static void in_a_thread(union sigval value)
{
	by_thread = value.sival_int;
}

static void show(struct gaicb *req, const char *what)
{
	struct sockaddr_in *sin;

	say(-gai_error(req), "%s, result", what);
	if (gai_error(req) != 0)
		return;
	sin = (struct sockaddr_in *)req->ar_result->ai_addr;
	say(ntohl(sin->sin_addr.s_addr), "%s, address", what);
	say(ntohs(sin->sin_port), "%s, port", what);
	freeaddrinfo(req->ar_result);
	req->ar_result = NULL;
}

static void wait_for(struct gaicb *req)
{
	const struct gaicb *list[] = {req};
	struct timespec limit = {5, 0};
	int i;

	for (i = 0; i < 10 && gai_error(req) == EAI_INPROGRESS; i++)
		gai_suspend(list, 1, &limit);
}

int main(void)
{
	struct addrinfo v4 = {.ai_family = AF_INET,
			      .ai_socktype = SOCK_STREAM};
	struct addrinfo numeric = {.ai_family = AF_INET,
				   .ai_flags = AI_NUMERICHOST};
	struct gaicb one = {.ar_name = "localhost",
			    .ar_service = "80",
			    .ar_request = &v4};
	struct gaicb two = {.ar_name = "192.0.2.7",
			    .ar_service = "443",
			    .ar_request = &v4};
	struct gaicb bad = {.ar_name = "not.a.number",
			    .ar_request = &numeric};
	struct gaicb *list[] = {&one, NULL, &two, &bad};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
				 .sigev_signo = SIGUSR1,
				 .sigev_value.sival_int = 77};
	struct sigaction action = {.sa_sigaction = on_signal,
				   .sa_flags = SA_SIGINFO};
	struct timespec soon = {0, 1000};
	int i;

	say(getaddrinfo_a(GAI_WAIT, list, 4, NULL), "waiting");
	show(&one, "a name");
	show(&two, "a number");
	show(&bad, "neither");
	say(-gai_cancel(&one), "cancel, done");
	say(-gai_suspend((const struct gaicb *const *)list, 4, &soon),
	    "suspend, all done");
	sigaction(SIGUSR1, &action, NULL);
	say(getaddrinfo_a(GAI_NOWAIT, list, 4, &event), "with a signal");
	wait_for(&one);
	wait_for(&two);
	wait_for(&bad);
	show(&one, "later, a name");
	show(&two, "later, a number");
	show(&bad, "later, neither");
	for (i = 0; i < 500 && !told; i++)
		sleep_ms(10);
	say(told, "the signal's value");
	event.sigev_notify = SIGEV_THREAD;
	event.sigev_notify_function = in_a_thread;
	say(getaddrinfo_a(GAI_NOWAIT, list + 2, 1, &event), "with a thread");
	wait_for(&two);
	for (i = 0; i < 500 && !by_thread; i++)
		sleep_ms(10);
	say(by_thread, "the thread's value");
	show(&two, "with a thread, a number");
	say(getaddrinfo_a(9, list, 4, NULL), "no such mode");
	return 0;
}
