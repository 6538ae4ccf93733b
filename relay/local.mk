noinst_LTLIBRARIES += relay/librelay.la
relay_librelay_la_SOURCES = \
	relay/addrclass.c relay/addrclass.h \
	relay/counters.c relay/counters.h \
	relay/dns_msg.c relay/dns_msg.h \
	relay/hash.c relay/hash.h \
	relay/head.c relay/head.h \
	relay/hosts.c relay/hosts.h \
	relay/limits.h \
	relay/names.c relay/names.h \
	relay/net.c relay/net.h \
	relay/options.c relay/options.h \
	relay/policy.c relay/policy.h \
	relay/policy_parse.c \
	relay/registry.c relay/registry.h \
	relay/switch.c relay/switch.h \
	relay/switch_flow.c relay/switch_flow.h \
	relay/synth.c relay/synth.h

EXTRA_DIST += relay/README.md

RELAY_TESTS = \
	tests/test_dns_msg \
	tests/test_policy \
	tests/test_registry
check_PROGRAMS += $(RELAY_TESTS)
TESTS += $(RELAY_TESTS)
RELAY_TEST_LIBS = $(RELAY_LIBS) $(CHECK_LIBS)
tests_test_dns_msg_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_dns_msg_LDADD = $(RELAY_TEST_LIBS)
tests_test_policy_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_policy_LDADD = $(RELAY_TEST_LIBS)
tests_test_registry_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_registry_LDADD = $(RELAY_TEST_LIBS)
