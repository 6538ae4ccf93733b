stack_libstack_la_SOURCES += \
	stack/tcp.c \
	stack/tcp.h \
	stack/tcp_ack.c \
	stack/tcp_cc.c \
	stack/tcp_cc_cubic.c \
	stack/tcp_cookie.c \
	stack/tcp_direct.c \
	stack/tcp_direct.h \
	stack/tcp_fastopen.c \
	stack/tcp_gateway.c \
	stack/tcp_hystart.c \
	stack/tcp_icmp.c \
	stack/tcp_info.c \
	stack/tcp_in.c \
	stack/tcp_internal.h \
	stack/tcp_io.c \
	stack/tcp_listen.c \
	stack/tcp_listen.h \
	stack/tcp_loss.c \
	stack/tcp_opt.c \
	stack/tcp_out.c \
	stack/tcp_pace.c \
	stack/tcp_pmtu.c \
	stack/tcp_rcvq.c \
	stack/tcp_rcvq.h \
	stack/tcp_rtt.c \
	stack/tcp_rtt.h \
	stack/tcp_sndq.c \
	stack/tcp_sndq.h \
	stack/tcp_synq.c \
	stack/tcp_timer.c \
	stack/tcp_tw.c \
	stack/tcp_txseg.c \
	stack/wire/tcp.c \
	stack/wire/tcp.h

TCP_TESTS = \
	tests/test_save \
	tests/test_tcp \
	tests/test_tcp_direct \
	tests/test_tcp_backlog \
	tests/test_tcp_fastopen \
	tests/test_tcp_pmtu \
	tests/test_tcp_seeds \
	tests/test_tcp_wire
check_PROGRAMS += $(TCP_TESTS)
TESTS += $(TCP_TESTS)
check_LTLIBRARIES += tests/libtcpnet.la
tests_libtcpnet_la_SOURCES = tests/tcp_net.c tests/tcp_net.h
tests_libtcpnet_la_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
TCP_TEST_LIBS = tests/libtcpnet.la $(STACK_LIBS) $(CHECK_LIBS)
tests_test_save_SOURCES = tests/test_save.c
tests_test_save_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_save_LDADD = tests/libstackpair.la $(TCP_TEST_LIBS)
tests_test_tcp_SOURCES = tests/test_tcp.c
tests_test_tcp_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_tcp_LDADD = $(TCP_TEST_LIBS)
tests_test_tcp_direct_SOURCES = tests/test_tcp_direct.c
tests_test_tcp_direct_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_tcp_direct_LDADD = tests/libstackpair.la $(TCP_TEST_LIBS)
tests_test_tcp_backlog_SOURCES = tests/test_tcp_backlog.c
tests_test_tcp_backlog_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_tcp_backlog_LDADD = $(TCP_TEST_LIBS)
tests_test_tcp_fastopen_SOURCES = tests/test_tcp_fastopen.c
tests_test_tcp_fastopen_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_tcp_fastopen_LDADD = $(TCP_TEST_LIBS)
tests_test_tcp_pmtu_SOURCES = tests/test_tcp_pmtu.c
tests_test_tcp_pmtu_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_tcp_pmtu_LDADD = $(TCP_TEST_LIBS)
tests_test_tcp_seeds_SOURCES = tests/test_tcp_seeds.c
tests_test_tcp_seeds_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_tcp_seeds_LDADD = $(TCP_TEST_LIBS)
tests_test_tcp_wire_SOURCES = tests/test_tcp_wire.c
tests_test_tcp_wire_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_tcp_wire_LDADD = $(TCP_TEST_LIBS)
check_PROGRAMS += tests/tcp_script
tests_tcp_script_SOURCES = \
	tests/tcp_script.c tests/tcp_script.h \
	tests/tcp_script_call.c \
	tests/tcp_script_packet.c \
	tests/tcp_script_spec.c
tests_tcp_script_LDADD = $(STACK_LIBS)
TCP_SCRIPT_FILES = \
	tests/tcp/closing.tcp \
	tests/tcp/congestion.tcp \
	tests/tcp/cookies.tcp \
	tests/tcp/data.tcp \
	tests/tcp/ecn.tcp \
	tests/tcp/fastopen.tcp \
	tests/tcp/gateway.tcp \
	tests/tcp/handshake.tcp \
	tests/tcp/limits.tcp \
	tests/tcp/loss.tcp \
	tests/tcp/options.tcp \
	tests/tcp/pacing.tcp \
	tests/tcp/probe.tcp
dist_check_SCRIPTS += tests/tcp_scripts.sh
TESTS += tests/tcp_scripts.sh
EXTRA_DIST += $(TCP_SCRIPT_FILES)
