noinst_LTLIBRARIES += relay/librelay.la
relay_librelay_la_SOURCES = \
	relay/addrclass.c relay/addrclass.h \
	relay/attach.c relay/attach.h \
	relay/bucket.c relay/bucket.h \
	relay/budget.c relay/budget.h \
	relay/capture.c relay/capture.h \
	relay/counters.c relay/counters.h \
	relay/ctl.c relay/ctl.h \
	relay/ctl_msg.c relay/ctl_msg.h \
	relay/ctl_show.c relay/ctl_show.h \
	relay/dns.c relay/dns.h relay/dns_internal.h \
	relay/dns_ask.c \
	relay/dns_cache.c relay/dns_cache.h \
	relay/dns_msg.c relay/dns_msg.h \
	relay/files.c relay/files.h \
	relay/flow_echo.c relay/flow_echo.h \
	relay/flow_tcp.c relay/flow_tcp.h relay/flow_tcp_internal.h \
	relay/flow_tcp_keep.c relay/flow_tcp_move.c \
	relay/flow_tcp_open.c \
	relay/flow_tcp_pump.c \
	relay/flow_tcp_state.c \
	relay/flow_udp.c relay/flow_udp.h relay/flow_udp_internal.h \
	relay/flow_udp_out.c relay/flow_udp_in.c \
	relay/flow_udp_state.c \
	relay/flows.c relay/flows.h \
	relay/guest.c relay/guest.h \
	relay/guest_link.c \
	relay/guest_ring.c \
	relay/guest_state.c \
	relay/harden.c relay/harden.h \
	relay/hash.c relay/hash.h \
	relay/head.c relay/head.h \
	relay/hold.c relay/hold.h \
	relay/hosts.c relay/hosts.h \
	relay/impair.c relay/impair.h \
	relay/impair_link.c relay/impair_link.h \
	relay/json.c relay/json.h \
	relay/learn.c relay/learn.h \
	relay/limits.c relay/limits.h \
	relay/loop.c relay/loop.h \
	relay/measure.c relay/measure.h \
	relay/metrics.c relay/metrics.h \
	relay/metrics_file.c \
	relay/names.c relay/names.h relay/nametag.c relay/nametag.h \
	relay/net.c relay/net.h \
	relay/notify.c relay/notify.h \
	relay/node.c relay/node.h \
	relay/node_chan.c relay/node_chan.h \
	relay/node_ops.c relay/node_ops.h \
	relay/node_state.c \
	relay/options.c relay/options.h \
	relay/pcap_proc.c relay/pcap_proc.h \
	relay/peer.c relay/peer.h \
	relay/policy.c relay/policy.h \
	relay/policy_internal.h \
	relay/policy_parse.c \
	relay/policy_read.c \
	relay/publish.c relay/publish.h relay/publish_internal.h \
	relay/publish_change.c \
	relay/publish_spec.c \
	relay/pumped.c relay/pumped.h relay/pumped_internal.h \
	relay/pumped_dgram.c relay/pumped_lag.c relay/pumped_urgent.c \
	relay/pumped_listen.c \
	relay/record.c relay/record.h \
	relay/registry.c relay/registry.h \
	relay/reload.c relay/reload.h \
	relay/relay.c relay/relay.h \
	relay/resolver.c relay/resolver.h \
	relay/service.c relay/service.h \
	relay/service_net.c \
	relay/service_takeover.c \
	relay/service_worker.c \
	relay/socklist.c relay/socklist.h \
	relay/socklist.c relay/socklist.h \
	relay/spin.c relay/spin.h \
	relay/state.c relay/state.h \
	relay/state_walk.c \
	relay/status.c relay/status.h \
	relay/summary.c relay/summary.h \
	relay/switch.c relay/switch.h \
	relay/switch_flow.c relay/switch_flow.h \
	relay/synth.c relay/synth.h \
	relay/sys.c relay/sys.h \
	relay/throttle.c relay/throttle.h \
	relay/udp_port.c relay/udp_port.h \
	relay/take.c relay/take.h \
	relay/takeover.c relay/takeover.h \
	relay/takeover_give.c \
	relay/takeover_take.c \
	relay/unixsock.c relay/unixsock.h
relay_librelay_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DFDNET_LIBEXECDIR='"$(libexecdir)"'
relay_librelay_la_CFLAGS = $(AM_CFLAGS) $(CARES_CFLAGS) $(SECCOMP_CFLAGS)
relay_librelay_la_LIBADD = $(CARES_LIBS) $(SECCOMP_LIBS)

libexec_PROGRAMS += fdnet-relay
fdnet_relay_SOURCES = relay/main.c
fdnet_relay_LDADD = $(RELAY_LIBS)

EXTRA_DIST += relay/README.md

RELAY_TESTS = \
	tests/test_dns_cache \
	tests/test_ctl_msg \
	tests/test_dns_msg \
	tests/test_node \
	tests/test_node_dgram \
	tests/test_node_hostile \
	tests/test_node_plain \
	tests/test_node_take \
	tests/test_limits \
	tests/test_policy \
	tests/test_registry \
	tests/test_relay \
	tests/test_relay_faults \
	tests/test_relay_floods \
	tests/test_relay_hostile \
	tests/test_relay_inside \
	tests/test_relay_lies \
	tests/test_relay_names \
	tests/test_relay_publish \
	tests/test_relay_service \
	tests/test_relay_soak \
	tests/test_relay_tcp \
	tests/test_relay_udp \
	tests/test_spin \
	tests/test_switch \
	tests/test_takeover
check_PROGRAMS += $(RELAY_TESTS)
TESTS += $(RELAY_TESTS)
RELAY_TEST_LIBS = $(RELAY_LIBS) $(CHECK_LIBS)
tests_test_ctl_msg_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_ctl_msg_LDADD = $(RELAY_TEST_LIBS)
tests_test_dns_cache_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_dns_cache_LDADD = $(RELAY_TEST_LIBS)
tests_test_dns_msg_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_dns_msg_LDADD = $(RELAY_TEST_LIBS)
tests_test_limits_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_limits_LDADD = $(RELAY_TEST_LIBS)
tests_test_spin_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_spin_LDADD = $(RELAY_TEST_LIBS)
tests_test_policy_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_policy_LDADD = $(RELAY_TEST_LIBS)
tests_test_registry_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_registry_LDADD = $(RELAY_TEST_LIBS)
RELAY_CASE = \
	tests/relay_case.c tests/relay_case.h \
	tests/relay_guest.c tests/relay_guest.h \
	tests/relay_proc.c \
	tests/relay_socks.c
NODE_CASE = tests/node_case.c tests/node_case.h $(RELAY_CASE)
tests_test_node_SOURCES = tests/test_node.c $(NODE_CASE)
tests_test_node_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_node_LDADD = $(RELAY_TEST_LIBS)
tests_test_node_dgram_SOURCES = tests/test_node_dgram.c $(NODE_CASE)
tests_test_node_dgram_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_node_dgram_LDADD = $(RELAY_TEST_LIBS)
tests_test_node_hostile_SOURCES = tests/test_node_hostile.c $(NODE_CASE)
tests_test_node_hostile_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_node_hostile_LDADD = $(RELAY_TEST_LIBS)
tests_test_node_plain_SOURCES = tests/test_node_plain.c $(NODE_CASE)
tests_test_node_plain_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_node_plain_LDADD = $(RELAY_TEST_LIBS)
tests_test_node_take_SOURCES = tests/test_node_take.c $(NODE_CASE)
tests_test_node_take_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_node_take_LDADD = $(RELAY_TEST_LIBS)
tests_test_relay_SOURCES = tests/test_relay.c $(RELAY_CASE)
tests_test_relay_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_LDADD = $(RELAY_TEST_LIBS)
tests_test_relay_faults_SOURCES = tests/test_relay_faults.c $(RELAY_CASE)
tests_test_relay_faults_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_faults_LDADD = $(RELAY_TEST_LIBS)
# preloaded by it into the relay
check_LTLIBRARIES += tests/libfaults.la
tests_libfaults_la_SOURCES = tests/faults.c
tests_libfaults_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath /nowhere
TESTS += tests/test_relay_faults.sh
dist_check_SCRIPTS += tests/test_relay_faults.sh
EXTRA_DIST += tests/faults_inside.py tests/faults_outside.py
HOSTILE_CASE = tests/hostile_case.c tests/hostile_case.h $(RELAY_CASE)
tests_test_relay_floods_SOURCES = tests/test_relay_floods.c $(HOSTILE_CASE)
tests_test_relay_floods_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_floods_LDADD = $(RELAY_TEST_LIBS)
tests_test_relay_hostile_SOURCES = tests/test_relay_hostile.c $(HOSTILE_CASE)
tests_test_relay_hostile_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_hostile_LDADD = $(RELAY_TEST_LIBS)
tests_test_relay_lies_SOURCES = tests/test_relay_lies.c $(HOSTILE_CASE)
tests_test_relay_lies_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_lies_LDADD = $(RELAY_TEST_LIBS)
tests_test_relay_inside_SOURCES = tests/test_relay_inside.c $(RELAY_CASE)
tests_test_relay_inside_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_inside_LDADD = $(RELAY_TEST_LIBS)
tests_test_relay_names_SOURCES = tests/test_relay_names.c $(RELAY_CASE)
tests_test_relay_names_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_names_LDADD = $(RELAY_TEST_LIBS)
tests_test_relay_publish_SOURCES = tests/test_relay_publish.c $(RELAY_CASE)
tests_test_relay_publish_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_publish_LDADD = $(RELAY_TEST_LIBS)
tests_test_relay_service_SOURCES = tests/test_relay_service.c $(RELAY_CASE)
tests_test_relay_service_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_service_LDADD = $(RELAY_TEST_LIBS)
tests_test_relay_soak_SOURCES = tests/test_relay_soak.c $(RELAY_CASE)
tests_test_relay_soak_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_soak_LDADD = $(RELAY_TEST_LIBS)
tests_test_relay_tcp_SOURCES = tests/test_relay_tcp.c $(RELAY_CASE)
tests_test_relay_tcp_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_tcp_LDADD = $(RELAY_TEST_LIBS)
tests_test_relay_udp_SOURCES = tests/test_relay_udp.c $(RELAY_CASE)
tests_test_relay_udp_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_relay_udp_LDADD = $(RELAY_TEST_LIBS)
tests_test_takeover_SOURCES = tests/test_takeover.c \
	tests/takeover_case.c tests/takeover_case.h $(RELAY_CASE)
tests_test_takeover_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_takeover_LDADD = $(RELAY_TEST_LIBS)
tests_test_switch_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_switch_LDADD = $(RELAY_TEST_LIBS)

RELAY_REPLAYS = fuzz/replay_ctl fuzz/replay_dns fuzz/replay_head fuzz/replay_policy \
	fuzz/replay_relay fuzz/replay_takeover
check_PROGRAMS += $(RELAY_REPLAYS)
TESTS += $(RELAY_REPLAYS)
FUZZERS += fuzz/fuzz_ctl fuzz/fuzz_dns fuzz/fuzz_head fuzz/fuzz_policy fuzz/fuzz_relay \
	fuzz/fuzz_takeover
fuzz_replay_ctl_SOURCES = fuzz/replay.c fuzz/fuzz_ctl.c
fuzz_replay_ctl_LDADD = $(RELAY_LIBS)
fuzz_fuzz_ctl_SOURCES = fuzz/fuzz_ctl.c
fuzz_fuzz_ctl_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_ctl_LDADD = $(RELAY_LIBS)
fuzz_replay_dns_SOURCES = fuzz/replay.c fuzz/fuzz_dns.c
fuzz_replay_dns_LDADD = $(RELAY_LIBS)
fuzz_fuzz_dns_SOURCES = fuzz/fuzz_dns.c
fuzz_fuzz_dns_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_dns_LDADD = $(RELAY_LIBS)
fuzz_replay_head_SOURCES = fuzz/replay.c fuzz/fuzz_head.c
fuzz_replay_head_LDADD = $(RELAY_LIBS)
fuzz_fuzz_head_SOURCES = fuzz/fuzz_head.c
fuzz_fuzz_head_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_head_LDADD = $(RELAY_LIBS)
fuzz_replay_policy_SOURCES = fuzz/replay.c fuzz/fuzz_policy.c
fuzz_replay_policy_LDADD = $(RELAY_LIBS)
fuzz_fuzz_policy_SOURCES = fuzz/fuzz_policy.c
fuzz_fuzz_policy_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_policy_LDADD = $(RELAY_LIBS)
fuzz_replay_relay_SOURCES = fuzz/replay.c fuzz/fuzz_relay.c
fuzz_replay_relay_LDADD = $(RELAY_LIBS)
fuzz_fuzz_relay_SOURCES = fuzz/fuzz_relay.c
fuzz_fuzz_relay_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_relay_LDADD = $(RELAY_LIBS)
fuzz_replay_takeover_SOURCES = fuzz/replay.c fuzz/fuzz_takeover.c
fuzz_replay_takeover_LDADD = $(RELAY_LIBS)
fuzz_fuzz_takeover_SOURCES = fuzz/fuzz_takeover.c
fuzz_fuzz_takeover_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_takeover_LDADD = $(RELAY_LIBS)
