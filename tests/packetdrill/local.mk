# packetdrill's shared object; installed with its runner for those who have
# packetdrill. tests/test_packetdrill drives it without.
packetdrilldir = $(pkglibdir)/tests
packetdrill_LTLIBRARIES = tests/packetdrill/fdnet_packetdrill.la
tests_packetdrill_fdnet_packetdrill_la_SOURCES = \
	tests/packetdrill/adapter.c \
	tests/packetdrill/adapter.h \
	tests/packetdrill/calls.c \
	tests/packetdrill/interface.h \
	tests/packetdrill/sysctls.c \
	tests/packetdrill/watch.c
tests_packetdrill_fdnet_packetdrill_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
tests_packetdrill_fdnet_packetdrill_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared
tests_packetdrill_fdnet_packetdrill_la_LIBADD = $(STACK_LIBS) $(PTHREAD_LIBS)
EXTRA_DIST += tests/packetdrill/README.md
dist_packetdrill_SCRIPTS = tests/packetdrill/run-packetdrill

check_PROGRAMS += tests/test_packetdrill
TESTS += tests/test_packetdrill
tests_test_packetdrill_SOURCES = tests/test_packetdrill.c tests/packetdrill/interface.h
tests_test_packetdrill_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_packetdrill_LDADD = $(STACK_LIBS) $(CHECK_LIBS)
