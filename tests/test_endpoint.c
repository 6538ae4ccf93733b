/* SPDX-License-Identifier: Apache-2.0 */
/* Fd endpoints: construction, options, queries, names. */
#include "config.h"

#include <sys/resource.h>

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

	for (i = 0; i < 4; i++)
		close(fds[i]);
	sink_clear();
}

START_TEST(header_length_follows_ethernet)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep;

	o.mtu = 1234;
	o.ethernet_header = _i;
	ep = endpoint(&o);
	ck_assert_uint_eq(fdnet_endpoint_max_header_length(ep), _i ? 14 : 0);
	ck_assert_uint_eq(fdnet_endpoint_mtu(ep), 1234);
	ck_assert_int_eq(fdnet_endpoint_set_mtu(ep, 65520), 0);
	ck_assert_uint_eq(fdnet_endpoint_mtu(ep), 65520);
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(link_address_is_kept_as_given)
{
	static const char *const addrs[] = {"", "abc", "def"};
	uint8_t got[FDNET_ENDPOINT_MAX_ADDR];
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep;

	o.address = addrs[_i];
	o.address_len = strlen(addrs[_i]);
	ep = endpoint(&o);
	ck_assert_uint_eq(fdnet_endpoint_link_address(ep, got),
			  strlen(addrs[_i]));
	ck_assert_int_eq(memcmp(got, addrs[_i], strlen(addrs[_i])), 0);
	ck_assert_int_eq(fdnet_endpoint_set_link_address(ep, "xyz1", 4), 0);
	ck_assert_uint_eq(fdnet_endpoint_link_address(ep, got), 4);
	ck_assert_int_eq(memcmp(got, "xyz1", 4), 0);
	ck_assert_int_eq(fdnet_endpoint_set_link_address(ep, got, 33), -EINVAL);
	fdnet_endpoint_free(ep);
}
END_TEST

/* Every option of the seed alone gives exactly its capability. */
static void set_nothing(struct fdnet_fd_options *o)
{
}
static void set_tx_csum(struct fdnet_fd_options *o)
{
	o->tx_checksum_offload = true;
}
static void set_rx_csum(struct fdnet_fd_options *o)
{
	o->rx_checksum_offload = true;
}
static void set_ethernet(struct fdnet_fd_options *o)
{
	o->ethernet_header = true;
}
static void set_save(struct fdnet_fd_options *o)
{
	o->save_restore = true;
}
static void set_disconnect(struct fdnet_fd_options *o)
{
	o->disconnect_ok = true;
}
static void set_host_gso(struct fdnet_fd_options *o)
{
	o->gso_max_size = 32768;
}
static void set_soft_gso(struct fdnet_fd_options *o)
{
	o->gso_max_size = 32768;
	o->software_gso_enabled = true;
}
static void set_soft_only(struct fdnet_fd_options *o)
{
	o->software_gso_enabled = true;
}
static void set_all(struct fdnet_fd_options *o)
{
	set_tx_csum(o);
	set_rx_csum(o);
	set_ethernet(o);
	set_save(o);
	set_disconnect(o);
	set_host_gso(o);
}

static const struct {
	const char *label;
	uint32_t caps;
	void (*set)(struct fdnet_fd_options *o);
} caps[] = {
	{"none", 0, set_nothing},
	{"tx checksum", 2, set_tx_csum},
	{"rx checksum", 4, set_rx_csum},
	{"ethernet", 8, set_ethernet},
	{"save", 16, set_save},
	{"disconnect", 32, set_disconnect},
	{"host gso", 128, set_host_gso},
	{"software gso", 256, set_soft_gso},
	{"software gso without a size", 0, set_soft_only},
	{"all", 2 + 4 + 8 + 16 + 32 + 128, set_all},
};
#define NCAPS 10

START_TEST(capabilities_have_the_seeds_values)
{
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep;

	caps[_i].set(&o);
	ep = endpoint(&o);
	ck_assert_msg(fdnet_endpoint_capabilities(ep) == caps[_i].caps,
		      "%s: %u", caps[_i].label, fdnet_endpoint_capabilities(ep));
	ck_assert_uint_eq(fdnet_endpoint_gso_max_size(ep), o.gso_max_size);
	fdnet_endpoint_free(ep);
}
END_TEST

/* Each wrong option has its own error. */
static void bad_none(struct fdnet_fd_options *o)
{
	o->nfds = 0;
}
static void bad_many(struct fdnet_fd_options *o)
{
	o->nfds = 65;
}
static void bad_twice(struct fdnet_fd_options *o)
{
	static int same[2];

	same[0] = same[1] = fds[0];
	o->fds = same;
	o->nfds = 2;
}
static void bad_fd(struct fdnet_fd_options *o)
{
	static const int closed = 250;

	o->fds = &closed;
}
static void bad_mode(struct fdnet_fd_options *o)
{
	o->packet_dispatch_mode = (enum fdnet_dispatch_mode)3;
}
static void bad_mmap(struct fdnet_fd_options *o)
{
	o->packet_dispatch_mode = FDNET_DISPATCH_PACKET_MMAP;
}
static void bad_policy(struct fdnet_fd_options *o)
{
	o->tx_policy = (enum fdnet_tx_policy)4;
}
static void bad_address(struct fdnet_fd_options *o)
{
	static const uint8_t addr[33];

	o->address = addr;
	o->address_len = 33;
}
static void bad_batch(struct fdnet_fd_options *o)
{
	o->max_msgs_per_recv = 65;
}
static void bad_gso(struct fdnet_fd_options *o)
{
	o->gso_max_size = 65537;
}
static void bad_first(struct fdnet_fd_options *o)
{
	static const uint32_t bufs[] = {119, 65600};

	o->buf_config = bufs;
	o->nbuf_config = 2;
}
static void bad_sum(struct fdnet_fd_options *o)
{
	static const uint32_t bufs[] = {120, 65494};

	o->buf_config = bufs;
	o->nbuf_config = 2;
}
static void bad_stream(struct fdnet_fd_options *o)
{
	close(fds[0]);
	close(fds[1]);
	pair_of(SOCK_STREAM, fds);
}
static void bad_pipe(struct fdnet_fd_options *o)
{
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(pipe(fds), 0);
}
static void bad_device(struct fdnet_fd_options *o)
{
	close(fds[0]);
	fds[0] = open("/dev/null", O_RDWR);
}

static const struct {
	const char *label;
	int rc;
	void (*set)(struct fdnet_fd_options *o);
} wrong[] = {
	{"no fds", -EINVAL, bad_none},
	{"many fds", -E2BIG, bad_many},
	{"an fd twice", -EEXIST, bad_twice},
	{"closed fd", -EBADF, bad_fd},
	{"mode", -EINVAL, bad_mode},
	{"mmap", -EOPNOTSUPP, bad_mmap},
	{"policy", -EINVAL, bad_policy},
	{"address", -ENAMETOOLONG, bad_address},
	{"batch", -ERANGE, bad_batch},
	{"gso", -ERANGE, bad_gso},
	{"first piece", -ERANGE, bad_first},
	{"sum", -ERANGE, bad_sum},
	{"stream", -EPROTOTYPE, bad_stream},
	{"pipe", -ESPIPE, bad_pipe},
	{"device", -ESPIPE, bad_device},
};

START_TEST(wrong_options_are_refused)
{
	static int many[65];
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep = NULL;
	const char *why = NULL;
	int rc;

	if (wrong[_i].rc == -E2BIG)
		o.fds = many;
	wrong[_i].set(&o);
	rc = fdnet_fd_endpoint_new(&o, &ep, &why);
	ck_assert_msg(rc == wrong[_i].rc, "%s: %d", wrong[_i].label, rc);
	ck_assert_ptr_null(ep);
	ck_assert_ptr_nonnull(why);
	ck_assert_uint_gt(strlen(why), 4);
}
END_TEST

START_TEST(failure_leaves_the_fds_as_they_were)
{
	int list[2] = {fds[0], fds[2]}, before, after, flags, size;
	struct fdnet_fd_options o = options(list, 2);
	struct fdnet_endpoint *ep;
	socklen_t len = sizeof(int);
	unsigned int open_before;

	close(fds[2]);
	close(fds[3]);
	ck_assert_int_eq(pipe(fds + 2), 0);
	list[1] = fds[2];
	flags = fcntl(fds[0], F_GETFL);
	getsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &before, &len);
	open_before = open_fds();
	ck_assert_int_eq(fdnet_fd_endpoint_new(&o, &ep, NULL), -ESPIPE);
	ck_assert_int_eq(fcntl(fds[0], F_GETFL), flags);
	getsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &after, &len);
	ck_assert_int_eq(before, after);
	ck_assert_uint_eq(open_fds(), open_before);
	/* and success does change them, so this test means something */
	o.nfds = 1;
	ep = endpoint(&o);
	ck_assert_int_ne(fcntl(fds[0], F_GETFL), flags);
	getsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, &len);
	ck_assert_int_gt(size, before);
	fdnet_endpoint_free(ep);
	ck_assert_int_ge(fcntl(fds[0], F_GETFD), 0);
}
END_TEST

/* An allocator that fails at the n-th call. */
static int allow;

static void *scarce_alloc(void *arg, size_t size)
{
	if (!allow)
		return NULL;
	allow--;
	return calloc(1, size);
}

static void scarce_free(void *arg, void *ptr, size_t size)
{
	free(ptr);
}

START_TEST(no_memory_undoes_everything)
{
	static const struct fdnet_mem mem = {.alloc = scarce_alloc,
					     .free = scarce_free};
	int list[2] = {fds[0], fds[2]}, flags = fcntl(fds[0], F_GETFL);
	struct fdnet_fd_options o = options(list, 2);
	struct fdnet_endpoint *ep;
	int n, rc = -ENOMEM;

	o.mem = &mem;
	o.gro = true;
	o.packet_dispatch_mode = FDNET_DISPATCH_RECVMMSG;
	for (n = 0; rc; n++) {
		ck_assert_int_lt(n, 50);
		allow = n;
		rc = fdnet_fd_endpoint_new(&o, &ep, NULL);
		ck_assert(rc == 0 || rc == -ENOMEM);
		if (rc)
			ck_assert_int_eq(fcntl(fds[0], F_GETFL), flags);
	}
	ck_assert_int_gt(n, 4);
	/* no memory while running: counted, and nothing breaks */
	allow = 0;
	attach_polled(ep);
	send_frame(fds[1], 100, 4);
	ck_assert_int_eq(fdnet_endpoint_dispatch(ep, 0, 8), 0);
	ck_assert_uint_gt(counter(ep, FDNET_EP_RX_NOMEM), 0);
	allow = 1000;
	ck_assert_int_eq(fdnet_endpoint_dispatch(ep, 0, 8), 1);
	sink_clear();
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(kinds_are_not_mixed)
{
	int list[2] = {fds[0], -1};
	struct fdnet_fd_options o = options(list, 2);
	struct fdnet_endpoint *ep;

	list[1] = socket(AF_PACKET, SOCK_RAW, 0);
	if (list[1] < 0)
		return; /* needs CAP_NET_RAW; test_endpoint_netns says so */
	ck_assert_int_eq(fdnet_fd_endpoint_new(&o, &ep, NULL), -EXDEV);
	close(list[1]);
}
END_TEST

START_TEST(buf_config_is_the_seeds)
{
	static const uint32_t own[] = {200, 1000, 69000};
	struct fdnet_fd_options o = options(fds, 1);
	struct fdnet_endpoint *ep;
	uint32_t sum = 0;
	int i;

	for (i = 0; i < FDNET_BUF_CONFIG_LEN; i++)
		sum += fdnet_buf_config[i];
	ck_assert_uint_eq(sum, FDNET_BUF_CONFIG_SUM);
	ck_assert_uint_ge(sum, FDNET_BUF_CONFIG_MIN_SUM);
	ck_assert_uint_ge(fdnet_buf_config[0], 120);
	ck_assert_uint_eq(FDNET_MAX_MSGS_PER_RECV, 8);
	/* one of our own takes larger messages */
	o.buf_config = own;
	o.nbuf_config = 3;
	ep = endpoint(&o);
	attach_polled(ep);
	send_frame(fds[1], 70000, 4);
	send_frame(fds[1], 70201, 4);
	ck_assert_int_eq(drain(ep), 0);
	ck_assert_uint_eq(sink.pkts, 1);
	check_frame(sink.first, 70000);
	ck_assert_uint_eq(counter(ep, FDNET_EP_RX_TRUNC), 1);
	sink_clear();
	fdnet_endpoint_free(ep);
}
END_TEST

START_TEST(modes_have_names)
{
	char buf[64];

	ck_assert_str_eq(fdnet_dispatch_mode_string(0, buf, 64), "Readv");
	ck_assert_str_eq(fdnet_dispatch_mode_string(1, buf, 64), "RecvMMsg");
	ck_assert_str_eq(fdnet_dispatch_mode_string(2, buf, 64), "PacketMMap");
	ck_assert_ptr_nonnull(strstr(
		fdnet_dispatch_mode_string((enum fdnet_dispatch_mode)99, buf, 64),
		"99"));
}
END_TEST

START_TEST(errors_have_the_seeds_classes)
{
	static const struct {
		int err;
		enum fdnet_error_class want;
	} rows[] = {
		{EEXIST, FDNET_ERR_DUPLICATE_ADDRESS},
		{ENETUNREACH, FDNET_ERR_NO_ROUTE},
		{EINVAL, FDNET_ERR_INVALID_STATE},
		{EPIPE, FDNET_ERR_CLOSED_FOR_SEND},
		{EAGAIN, FDNET_ERR_WOULD_BLOCK},
		{EMSGSIZE, FDNET_ERR_MESSAGE_TOO_LONG},
		{ENOBUFS, FDNET_ERR_NO_BUFFER_SPACE},
		{ECONNRESET, FDNET_ERR_CONNECTION_RESET},
		{EBADF, FDNET_ERR_INVALID_STATE},
		{ENETDOWN, FDNET_ERR_INVALID_STATE},
		{0, FDNET_ERR_INVALID_STATE},
		{134, FDNET_ERR_INVALID_STATE},
		{514, FDNET_ERR_INVALID_STATE},
		{-5, FDNET_ERR_INVALID_STATE},
	};
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_int_eq(fdnet_error_class(rows[i].err), rows[i].want);
}
END_TEST

START_TEST(counters_have_names_and_a_text_form)
{
	struct fdnet_endpoint_stats stats = {0};
	char text[256], small[8];
	unsigned int i;
	size_t len;

	for (i = 0; i < FDNET_EP_COUNTER_MAX; i++)
		ck_assert_ptr_nonnull(fdnet_endpoint_counter_name(i));
	ck_assert_str_eq(fdnet_endpoint_counter_name(FDNET_EP_COUNTER_MAX),
			 "unknown");
	ck_assert_str_eq(fdnet_endpoint_counter_name(FDNET_EP_WRAP_CAPTURED),
			 "wrap_captured");
	ck_assert_str_eq(fdnet_endpoint_counter_name(FDNET_EP_TX_PKTS),
			 "tx_pkts");
	ck_assert_uint_eq(fdnet_endpoint_stats_format(&stats, text, 256), 0);
	stats.count[FDNET_EP_RX_PKTS] = 5;
	stats.rx_batch[3] = 2;
	stats.tx_queue_now = 7;
	len = fdnet_endpoint_stats_format(&stats, text, 256);
	ck_assert_str_eq(text, "rx_pkts 5\nrx_batch[5-8] 2\ntx_queue_now 7\n");
	ck_assert_uint_eq(len, strlen(text));
	ck_assert_uint_eq(fdnet_endpoint_stats_format(&stats, small, 8), len);
	ck_assert_str_eq(small, "rx_pkts");
}
END_TEST

static Suite *endpoint_suite(void)
{
	Suite *s = suite_create("endpoint");
	TCase *tc = tcase_create("options");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, header_length_follows_ethernet, 0, 2);
	tcase_add_loop_test(tc, link_address_is_kept_as_given, 0, 3);
	tcase_add_loop_test(tc, capabilities_have_the_seeds_values, 0, NCAPS);
	tcase_add_loop_test(tc, wrong_options_are_refused, 0,
			    sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tc, failure_leaves_the_fds_as_they_were);
	tcase_add_test(tc, no_memory_undoes_everything);
	tcase_add_test(tc, kinds_are_not_mixed);
	tcase_add_test(tc, buf_config_is_the_seeds);
	tcase_add_test(tc, modes_have_names);
	tcase_add_test(tc, errors_have_the_seeds_classes);
	tcase_add_test(tc, counters_have_names_and_a_text_form);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(endpoint_suite());
}
