noinst_LTLIBRARIES += stack/libstack.la
stack_libstack_la_SOURCES = \
	include/fdnet/addr.h \
	include/fdnet/gateway.h \
	include/fdnet/save.h \
	include/fdnet/settings.h \
	include/fdnet/sock.h \
	include/fdnet/stack.h \
	stack/arp.c \
	stack/autoconf.c \
	stack/autoconf.h \
	stack/cmsg.c \
	stack/cmsg.h \
	stack/demux.c \
	stack/dgram.c \
	stack/dhcp.c \
	stack/dhcp.h \
	stack/dgram.h \
	stack/errq.c \
	stack/errq.h \
	stack/gateway.c \
	stack/link_out.c \
	stack/link_out.h \
	stack/icmp.c \
	stack/icmp.h \
	stack/icmp_error.c \
	stack/internal.h \
	stack/ip.c \
	stack/ip4.c \
	stack/ip6.c \
	stack/ip_addr.c \
	stack/ip_out.c \
	stack/ip_select.c \
	stack/ip_select.h \
	stack/mcast.c \
	stack/mcast.h \
	stack/member.c \
	stack/member.h \
	stack/member_report.c \
	stack/nd.c \
	stack/nd_router.c \
	stack/neigh.c \
	stack/neigh.h \
	stack/object.h \
	stack/ping.c \
	stack/pmtu.c \
	stack/pmtu.h \
	stack/ports.c stack/ports.h \
	stack/raw.c \
	stack/reass.c \
	stack/redirect.c \
	stack/redirect.h \
	stack/reass.h \
	stack/route.c \
	stack/save.h \
	stack/save_dgram.c \
	stack/save_io.c \
	stack/save_listen.c \
	stack/save_opts.c \
	stack/save_pkt.c \
	stack/save_sock.c \
	stack/save_stack.c \
	stack/save_tcp.c \
	stack/save_tcp.h \
	stack/save_tcp_check.c \
	stack/sock.c \
	stack/sockopt.c \
	stack/sockopt.h \
	stack/sockopt_ip.c \
	stack/sockopt_ip6.c \
	stack/sockopt_mcast.c \
	stack/sockopt_row.h \
	stack/sockopt_socket.c \
	stack/sockopt_table.h \
	stack/sockopt_val.c \
	stack/stack.c \
	stack/timer.c \
	stack/udp.c \
	stack/udplite.c \
	stack/udplite.h \
	stack/wire/arp.c \
	stack/wire/arp.h \
	stack/wire/bytes.h \
	stack/wire/control.c \
	stack/wire/control.h \
	stack/wire/csum.c \
	stack/wire/csum.h \
	stack/wire/dhcp.c \
	stack/wire/dhcp.h \
	stack/wire/icmp.c \
	stack/wire/icmp.h \
	stack/wire/ipv4.c \
	stack/wire/ipv4.h \
	stack/wire/ipv6.c \
	stack/wire/ipv6.h \
	stack/wire/node.c \
	stack/wire/node.h \
	stack/wire/node_cmsg.c \
	stack/wire/node_cmsg.h \
	stack/wire/node_tag.c \
	stack/wire/node_tag.h \
	stack/wire/udp.c \
	stack/wire/udp.h

include $(top_srcdir)/stack/tcp.mk

pkginclude_HEADERS += \
	include/fdnet/addr.h \
	include/fdnet/gateway.h \
	include/fdnet/save.h \
	include/fdnet/settings.h \
	include/fdnet/sock.h \
	include/fdnet/stack.h
EXTRA_DIST += stack/README.md

STACK_TESTS = \
	tests/test_autoconf \
	tests/test_cmsg \
	tests/test_control \
	tests/test_demux \
	tests/test_dhcp \
	tests/test_icmp \
	tests/test_ip \
	tests/test_ip_frag \
	tests/test_ip_host \
	tests/test_ip_select \
	tests/test_like_kernel \
	tests/test_mcast \
	tests/test_mcast_report \
	tests/test_member \
	tests/test_neigh \
	tests/test_redirect \
	tests/test_router \
	tests/test_save_dgram \
	tests/test_save_seeds \
	tests/test_node_wire \
	tests/test_sockopt \
	tests/test_sockopt_effect \
	tests/test_stack_limits \
	tests/test_timer \
	tests/test_udp \
	tests/test_udplite
check_PROGRAMS += $(STACK_TESTS)
TESTS += $(STACK_TESTS)
check_LTLIBRARIES += tests/libstackpair.la
tests_libstackpair_la_SOURCES = \
	tests/ether_net.c \
	tests/ether_net.h \
	tests/ip_case.c \
	tests/ip_case.h \
	tests/mcast_case.c \
	tests/mcast_case.h \
	tests/stack_pair.c \
	tests/stack_pair.h \
	tests/suite_main.h
tests_libstackpair_la_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
STACK_TEST_LIBS = tests/libstackpair.la $(STACK_LIBS) $(CHECK_LIBS)
tests_test_autoconf_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_autoconf_LDADD = $(STACK_TEST_LIBS)
tests_test_cmsg_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_cmsg_LDADD = $(STACK_TEST_LIBS)
tests_test_control_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_control_LDADD = $(STACK_TEST_LIBS)
tests_test_dhcp_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_dhcp_LDADD = $(STACK_TEST_LIBS)
tests_test_demux_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_demux_LDADD = $(STACK_TEST_LIBS)
tests_test_timer_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_timer_LDADD = $(STACK_TEST_LIBS)
tests_test_udp_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_udp_LDADD = $(STACK_TEST_LIBS)
tests_test_udplite_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_udplite_LDADD = $(STACK_TEST_LIBS)
tests_test_sockopt_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_sockopt_LDADD = $(STACK_TEST_LIBS)
tests_test_sockopt_effect_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_sockopt_effect_LDADD = $(STACK_TEST_LIBS)
tests_test_stack_limits_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_stack_limits_LDADD = $(STACK_TEST_LIBS)
tests_test_like_kernel_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_like_kernel_LDADD = $(STACK_TEST_LIBS)
tests_test_node_wire_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_node_wire_LDADD = $(STACK_TEST_LIBS)
tests_test_save_seeds_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_save_seeds_LDADD = $(STACK_TEST_LIBS)
tests_test_save_dgram_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_save_dgram_LDADD = $(STACK_TEST_LIBS)
tests_test_mcast_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_mcast_LDADD = $(STACK_TEST_LIBS)
tests_test_mcast_report_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_mcast_report_LDADD = $(STACK_TEST_LIBS)
tests_test_member_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_member_LDADD = $(STACK_TEST_LIBS)
tests_test_neigh_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_neigh_LDADD = $(STACK_TEST_LIBS)
tests_test_redirect_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_redirect_LDADD = $(STACK_TEST_LIBS)
tests_test_router_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_router_LDADD = $(STACK_TEST_LIBS)
tests_test_ip_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_ip_LDADD = $(STACK_TEST_LIBS)
tests_test_ip_frag_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_ip_frag_LDADD = $(STACK_TEST_LIBS)
tests_test_ip_host_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_ip_host_LDADD = $(STACK_TEST_LIBS)
tests_test_ip_select_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_ip_select_LDADD = $(STACK_TEST_LIBS)
tests_test_icmp_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_icmp_LDADD = $(STACK_TEST_LIBS)

check_PROGRAMS += fuzz/replay_stack
TESTS += fuzz/replay_stack
fuzz_replay_stack_SOURCES = fuzz/replay.c fuzz/fuzz_stack.c
fuzz_replay_stack_LDADD = $(STACK_LIBS)
FUZZERS += fuzz/fuzz_stack
fuzz_fuzz_stack_SOURCES = fuzz/fuzz_stack.c
fuzz_fuzz_stack_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_stack_LDADD = $(STACK_LIBS)

check_PROGRAMS += fuzz/replay_dhcp
TESTS += fuzz/replay_dhcp
fuzz_replay_dhcp_SOURCES = fuzz/replay.c fuzz/fuzz_dhcp.c
fuzz_replay_dhcp_LDADD = $(STACK_LIBS)
FUZZERS += fuzz/fuzz_dhcp
fuzz_fuzz_dhcp_SOURCES = fuzz/fuzz_dhcp.c
fuzz_fuzz_dhcp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_dhcp_LDADD = $(STACK_LIBS)

check_PROGRAMS += fuzz/replay_reass
TESTS += fuzz/replay_reass
fuzz_replay_reass_SOURCES = fuzz/replay.c fuzz/fuzz_reass.c
fuzz_replay_reass_LDADD = $(STACK_LIBS)
FUZZERS += fuzz/fuzz_reass
fuzz_fuzz_reass_SOURCES = fuzz/fuzz_reass.c
fuzz_fuzz_reass_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_reass_LDADD = $(STACK_LIBS)

check_PROGRAMS += fuzz/replay_node
TESTS += fuzz/replay_node
fuzz_replay_node_SOURCES = fuzz/replay.c fuzz/fuzz_node.c
fuzz_replay_node_LDADD = $(STACK_LIBS)
FUZZERS += fuzz/fuzz_node
fuzz_fuzz_node_SOURCES = fuzz/fuzz_node.c
fuzz_fuzz_node_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_node_LDADD = $(STACK_LIBS)

noinst_PROGRAMS += bench/stack_scale
bench_stack_scale_SOURCES = bench/stack_scale.c
bench_stack_scale_LDADD = $(STACK_LIBS)
