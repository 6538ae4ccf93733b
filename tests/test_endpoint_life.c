/* SPDX-License-Identifier: Apache-2.0 */
/* Fd endpoints: attach, detach, wait and free, from everywhere. */
#include "config.h"

#include <signal.h>
#include <stdatomic.h>

#include "tests/ep_util.h"

static int fds[4];

static void setup(void)
{
	pair_of(SOCK_SEQPACKET, fds);
	pair_of(SOCK_SEQPACKET, fds + 2);
}

static void teardown(void)
{
	int i;

	sink_clear();
	for (i = 0; i < 4; i++)
		close(fds[i]);
}

/* A thread that sends without end. */
static atomic_bool flood_stop;
static pthread_t flooder;

static void *flood_main(void *arg)
{
	uint8_t buf[200];

	fill_frame(buf, sizeof(buf), 4);
	while (!atomic_load(&flood_stop))
		if (send(fds[1], buf, sizeof(buf), MSG_DONTWAIT) < 0)
			sched_yield();
	return NULL;
}

static void flood_start(void)
{
	ck_assert_int_eq(pthread_create(&flooder, NULL, flood_main, NULL), 0);
}

static void flood_end(void)
{
	atomic_store(&flood_stop, true);
	pthread_join(flooder, NULL);
}

START_TEST(second_attach_is_refused)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep = endpoint(&o);

	ck_assert(!fdnet_endpoint_is_attached(ep));
	if (_i)
		attach_threads(ep);
	else
		attach_polled(ep);
	ck_assert(fdnet_endpoint_is_attached(ep));
	ck_assert_int_eq(fdnet_endpoint_attach(ep, &sink_ops, &sink,
					       FDNET_ATTACH_THREADS),
			 -EALREADY);
	ck_assert_int_eq(fdnet_endpoint_attach(ep, &sink_ops, &sink,
					       FDNET_ATTACH_POLLED),
			 -EALREADY);
	ck_assert_int_eq(
		fdnet_endpoint_attach(ep, NULL, NULL, FDNET_ATTACH_THREADS), 0);
	ck_assert(!fdnet_endpoint_is_attached(ep));
	ck_assert_uint_eq(sink.closed, 1);
	ck_assert_int_eq(sink.reasons[0], FDNET_CLOSED_DETACHED);
	fdnet_endpoint_free(ep);
	ck_assert_uint_eq(sink.closed, 1);
}
END_TEST

START_TEST(polling_calls_need_polled_attach)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep = endpoint(&o);
	struct pollfd pfd;

	ck_assert_int_eq(fdnet_endpoint_dispatch(ep, 0, 8), -ENOTCONN);
	ck_assert_int_eq(fdnet_endpoint_poll_set(ep, &pfd, 1), 0);
	attach_threads(ep);
	ck_assert_int_eq(fdnet_endpoint_dispatch(ep, 0, 8), -ENOTCONN);
	ck_assert_int_eq(fdnet_endpoint_poll_set(ep, &pfd, 1), 0);
	ck_assert(fdnet_endpoint_expiry(ep) == UINT64_MAX);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(wait_returns_at_once_without_readers)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep = endpoint(&o);

	fdnet_endpoint_wait(ep);
	fdnet_endpoint_detach(ep);
	fdnet_endpoint_wait(ep);
	fdnet_endpoint_free(ep);
	fdnet_endpoint_free(NULL);
}
END_TEST

static void *wait_main(void *arg)
{
	fdnet_endpoint_wait(arg);
	return NULL;
}

START_TEST(several_threads_may_wait)
{
	int list[2] = {fds[0], fds[2]};
	struct fdnet_fd_options o = options(list, 2);
	struct fdnet_endpoint *ep = endpoint(&o);
	pthread_t waiters[4];
	int i;

	attach_threads(ep);
	for (i = 0; i < 4; i++)
		pthread_create(&waiters[i], NULL, wait_main, ep);
	shutdown(fds[1], SHUT_RDWR);
	shutdown(fds[3], SHUT_RDWR);
	for (i = 0; i < 4; i++)
		pthread_join(waiters[i], NULL);
	ck_assert_uint_eq(sink.closed, 2);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(detach_stops_under_flood_and_attach_resumes)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep;
	unsigned int round, seen;

	o.packet_dispatch_mode = FDNET_DISPATCH_RECVMMSG;
	ep = endpoint(&o);
	flood_start();
	for (round = 0; round < 20; round++) {
		attach_threads(ep);
		sink_wait_pkts(1);
		fdnet_endpoint_detach(ep);
		seen = sink.pkts;
		sched_yield();
		ck_assert_uint_eq(sink.pkts, seen);
		ck_assert_uint_eq(sink.closed, 1);
		sink_clear();
	}
	flood_end();
	fdnet_endpoint_free(ep);
}
END_TEST

static void detach_hook(struct sink *s, struct fdnet_endpoint *ep)
{
	fdnet_endpoint_detach(ep);
	fdnet_endpoint_wait(ep);
}

static void free_hook(struct sink *s, struct fdnet_endpoint *ep)
{
	s->on_closed = NULL;
	s->on_packet = NULL;
	fdnet_endpoint_free(ep);
}

/* from deliver or closed; threads or polled */
START_TEST(detach_from_a_callback)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep = endpoint(&o);

	if (_i & 1)
		sink.on_closed = detach_hook;
	else
		sink.on_packet = detach_hook;
	if (_i & 2)
		attach_polled(ep);
	else
		attach_threads(ep);
	send_frame(fds[1], 100, 4);
	if (_i & 1)
		shutdown(fds[1], SHUT_RDWR);
	while (_i & 2 && !sink.closed)
		fdnet_endpoint_dispatch(ep, 0, 8);
	sink_wait_closed(1);
	fdnet_endpoint_wait(ep);
	ck_assert_uint_eq(sink.pkts, 1);
	ck_assert_uint_eq(sink.closed, 1);
	ck_assert(!fdnet_endpoint_is_attached(ep));
	sink.on_closed = NULL;
	sink.on_packet = NULL;
	fdnet_endpoint_free(ep);
	ck_assert_uint_eq(sink.closed, 1);
}
END_TEST

static unsigned int allocated;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t freed_lock = PTHREAD_MUTEX_INITIALIZER;

static void *live_alloc(void *arg, size_t size)
{
	pthread_mutex_lock(&freed_lock);
	allocated++;
	pthread_mutex_unlock(&freed_lock);
	return calloc(1, size);
}

static void live_free(void *arg, void *ptr, size_t size)
{
	free(ptr);
	pthread_mutex_lock(&freed_lock);
	allocated--;
	pthread_cond_broadcast(&freed);
	pthread_mutex_unlock(&freed_lock);
}

START_TEST(free_from_a_callback)
{
	static const struct fdnet_mem mem = {.alloc = live_alloc,
					     .free = live_free};
	int list[2] = {fds[0], fds[2]};
	struct fdnet_fd_options o = options(list, 2);
	struct fdnet_endpoint *ep;

	o.mem = &mem;
	ep = endpoint(&o);
	if (_i & 1)
		sink.on_closed = free_hook;
	else
		sink.on_packet = free_hook;
	if (_i & 2)
		attach_polled(ep);
	else
		attach_threads(ep);
	send_frame(fds[1], 100, 4);
	if (_i & 1)
		shutdown(fds[1], SHUT_RDWR);
	if (_i & 2) {
		fdnet_endpoint_dispatch(ep, 0, 8);
		if (_i & 1)
			fdnet_endpoint_dispatch(ep, 0, 8);
	}
	sink_wait_closed(2);
	sink_clear();
	pthread_mutex_lock(&freed_lock);
	while (allocated)
		pthread_cond_wait(&freed, &freed_lock);
	pthread_mutex_unlock(&freed_lock);
}
END_TEST

static int inner_rc;

static void reattach_hook(struct sink *s, struct fdnet_endpoint *ep)
{
	fdnet_endpoint_detach(ep);
	inner_rc = fdnet_endpoint_attach(ep, &sink_ops, &sink,
					 FDNET_ATTACH_THREADS);
}

START_TEST(attach_from_a_stopping_reader_is_refused)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep = endpoint(&o);

	sink.on_packet = reattach_hook;
	attach_threads(ep);
	send_frame(fds[1], 100, 4);
	sink_wait_closed(1);
	fdnet_endpoint_wait(ep);
	ck_assert_int_eq(inner_rc, -EBUSY);
	sink.on_packet = NULL;
	attach_threads(ep);
	send_frame(fds[1], 100, 4);
	sink_wait_pkts(2);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(both_readers_may_detach_at_once)
{
	int list[2] = {fds[0], fds[2]}, round;
	struct fdnet_fd_options o = options(list, 2);
	struct fdnet_endpoint *ep = endpoint(&o);

	for (round = 0; round < 100; round++) {
		sink_clear();
		sink.on_packet = detach_hook;
		send_frame(fds[1], 100, 4);
		send_frame(fds[3], 100, 4);
		attach_threads(ep);
		sink_wait_closed(2);
		fdnet_endpoint_wait(ep);
	}
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(detach_races_with_the_end)
{
	int round;

	for (round = 0; round < 200; round++) {
		struct fdnet_fd_options o;
		struct fdnet_endpoint *ep;
		int two[2];

		pair_of(SOCK_SEQPACKET, two);
		o = options(two, 1);
		ep = endpoint(&o);
		attach_threads(ep);
		close(two[1]);
		fdnet_endpoint_detach(ep);
		ck_assert_uint_eq(sink.closed, 1);
		ck_assert(sink.reasons[0] == FDNET_CLOSED_EOF ||
			  sink.reasons[0] == FDNET_CLOSED_DETACHED);
		fdnet_endpoint_free(ep);
		close(two[0]);
		sink_clear();
	}
}
END_TEST

START_TEST(a_thousand_rounds_leave_no_fd)
{
	unsigned int before = open_fds(), i;

	for (i = 0; i < 1000; i++) {
		struct fdnet_fd_options o = options(fds, 1);
		struct fdnet_endpoint *ep = endpoint(&o);

		if (i % 2)
			attach_threads(ep);
		else
			attach_polled(ep);
		sink.closed = 0;
		fdnet_endpoint_free(ep);
		sink.closed = 0;
	}
	ck_assert_uint_eq(open_fds(), before);
}
END_TEST

static sigset_t reader_mask;

static void mask_hook(struct sink *s, struct fdnet_endpoint *ep)
{
	pthread_sigmask(SIG_BLOCK, NULL, &reader_mask);
}

START_TEST(readers_take_no_signals)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep = endpoint(&o);
	sigset_t mine;

	sink.on_packet = mask_hook;
	attach_threads(ep);
	send_frame(fds[1], 100, 4);
	sink_wait_pkts(1);
	fdnet_endpoint_free(ep);
	ck_assert(sigismember(&reader_mask, SIGINT));
	ck_assert(sigismember(&reader_mask, SIGALRM));
	pthread_sigmask(SIG_BLOCK, NULL, &mine);
	ck_assert(!sigismember(&mine, SIGINT));
}
END_TEST

static void echo_hook(struct sink *s, struct fdnet_endpoint *ep)
{
	fdnet_endpoint_write_packet(ep, NULL, NULL, 0, sink_take());
}

static void *writer_main(void *arg)
{
	struct fdnet_endpoint *ep = arg;
	int i;

	for (i = 0; i < 500; i++)
		fdnet_endpoint_write_packet(ep, NULL, NULL, 0,
					    packet(ep, 300, 4));
	return NULL;
}

START_TEST(many_threads_write_and_callbacks_too)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep;
	pthread_t writers[4];
	unsigned int got = 0, i;
	uint8_t buf[2048];

	o.tx_queue_len = 4000;
	ep = endpoint(&o);
	sink.on_packet = echo_hook;
	attach_threads(ep);
	for (i = 0; i < 4; i++)
		pthread_create(&writers[i], NULL, writer_main, ep);
	for (i = 0; i < 100; i++)
		send_frame(fds[1], 200, 4);
	while (got < 2100) {
		ck_assert_int_gt(recv(fds[1], buf, sizeof(buf), 0), 0);
		got++;
	}
	for (i = 0; i < 4; i++)
		pthread_join(writers[i], NULL);
	fdnet_endpoint_free(ep);
	sink.on_packet = NULL;
}
END_TEST

/* threads? The peer dies with packets of ours unsent, and another comes. */
START_TEST(another_fd_takes_the_place)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep;
	const char *why = "";
	uint8_t got[2048];
	unsigned int i;

	o.sndbuf = UINT32_MAX;
	o.tx_queue_len = 2000;
	ep = endpoint(&o);
	if (_i)
		attach_threads(ep);
	else
		attach_polled(ep);
	ck_assert_int_eq(fdnet_fd_endpoint_swap_fd(ep, 0, fds[2], &why), -EBUSY);
	for (i = 0; i < 400; i++)
		ck_assert_int_eq(fdnet_endpoint_write_packet(ep, NULL, NULL, 0,
							     packet(ep, 1500, 4)),
				 0);
	send_frame(fds[1], 100, 4);
	if (_i)
		sink_wait_pkts(1);
	else
		drain(ep);
	fdnet_endpoint_detach(ep);
	/* Some went into the first pair; the others are for the next. */
	for (i = 0; recv(fds[1], got, sizeof(got), MSG_DONTWAIT) > 0; i++)
		;
	ck_assert_uint_gt(i, 0);
	ck_assert_uint_lt(i, 400);
	ck_assert_int_eq(fdnet_fd_endpoint_swap_fd(ep, 0, fds[2], &why), 0);
	ck_assert_ptr_null(why);
	ck_assert(fcntl(fds[2], F_GETFL) & O_NONBLOCK);
	if (_i)
		attach_threads(ep);
	else
		attach_polled(ep);
	for (; i < 400; i++) {
		if (!_i)
			drain(ep);
		ck_assert_int_eq(recv(fds[3], got, sizeof(got), 0), 1500);
	}
	send_frame(fds[3], 100, 4);
	if (_i)
		sink_wait_pkts(2);
	else
		drain(ep);
	fdnet_endpoint_detach(ep); /* counters are written after a batch */
	ck_assert_uint_eq(sink.pkts, 2);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_PKTS), 2);
	ck_assert_uint_eq(counter(ep, FDNET_EP_TX_PKTS), 400);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(fds_that_do_not_suit_are_not_swapped_in)
{
	struct fdnet_fd_options o = options((int[]){fds[0], fds[2]}, 2);
	struct fdnet_endpoint *ep = endpoint(&o), *memory;
	int flags = fcntl(fds[1], F_GETFL), stream[2], tube[2];

	pair_of(SOCK_STREAM, stream);
	ck_assert_int_eq(pipe(tube), 0);
	ck_assert_int_eq(fdnet_fd_endpoint_swap_fd(ep, 0, fds[0], NULL), -EEXIST);
	ck_assert_int_eq(fdnet_fd_endpoint_swap_fd(ep, 1, fds[0], NULL), -EEXIST);
	ck_assert_int_eq(fdnet_fd_endpoint_swap_fd(ep, 2, fds[1], NULL), -EINVAL);
	ck_assert_int_eq(fdnet_fd_endpoint_swap_fd(ep, 0, stream[0], NULL),
			 -EPROTOTYPE);
	ck_assert_int_eq(fdnet_fd_endpoint_swap_fd(ep, 0, tube[0], NULL),
			 -ESPIPE);
	ck_assert_int_eq(fdnet_fd_endpoint_swap_fd(ep, 0, 9999, NULL), -EBADF);
	ck_assert_int_eq(fcntl(fds[1], F_GETFL), flags);
	/* it is what it was */
	attach_polled(ep);
	send_frame(fds[1], 100, 4);
	send_frame(fds[3], 100, 4);
	ck_assert_int_eq(fdnet_endpoint_dispatch(ep, 0, 8), 2);
	ck_assert_int_eq(fdnet_channel_new(fdnet_endpoint_pool(ep), 1500, 0, 0,
					   4, &memory),
			 0);
	ck_assert_int_eq(fdnet_fd_endpoint_swap_fd(memory, 0, fds[1], NULL),
			 -EINVAL);
	fdnet_endpoint_free(memory);
	fdnet_endpoint_free(ep);
	close(stream[0]);
	close(stream[1]);
	close(tube[0]);
	close(tube[1]);
}
END_TEST

static Suite *life_suite(void)
{
	Suite *s = suite_create("endpoint_life");
	TCase *tc = tcase_create("life");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, second_attach_is_refused, 0, 2);
	tcase_add_test(tc, polling_calls_need_polled_attach);
	tcase_add_test(tc, wait_returns_at_once_without_readers);
	tcase_add_test(tc, several_threads_may_wait);
	tcase_add_test(tc, detach_stops_under_flood_and_attach_resumes);
	tcase_add_loop_test(tc, detach_from_a_callback, 0, 4);
	tcase_add_loop_test(tc, free_from_a_callback, 0, 4);
	tcase_add_test(tc, attach_from_a_stopping_reader_is_refused);
	tcase_add_test(tc, both_readers_may_detach_at_once);
	tcase_add_test(tc, detach_races_with_the_end);
	tcase_add_test(tc, a_thousand_rounds_leave_no_fd);
	tcase_add_test(tc, readers_take_no_signals);
	tcase_add_test(tc, many_threads_write_and_callbacks_too);
	tcase_add_loop_test(tc, another_fd_takes_the_place, 0, 2);
	tcase_add_test(tc, fds_that_do_not_suit_are_not_swapped_in);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(life_suite());
}
