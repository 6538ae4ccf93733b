noinst_LTLIBRARIES += base/libbase.la
base_libbase_la_SOURCES = base/mem.h base/mem.c \
	base/ask.h base/ask.c \
	base/ifreq.h base/ifreq.c \
	base/procnet.h base/procnet.c \
	base/rtnl.h base/rtnl.c \
	base/rtnl_sandbox.c \
	base/rtnl_write.h base/rtnl_write.c \
	base/siphash.h base/siphash.c \
	base/spin.h base/spin.c \
	base/unasked.h
pkginclude_HEADERS += include/fdnet/mem.h
EXTRA_DIST += base/README.md

check_PROGRAMS += tests/test_procnet
tests_test_procnet_SOURCES = tests/test_procnet.c
tests_test_procnet_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_test_procnet_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
TESTS += tests/test_procnet

check_PROGRAMS += tests/test_rtnl
tests_test_rtnl_SOURCES = tests/test_rtnl.c
tests_test_rtnl_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_test_rtnl_LDADD = $(BASE_LIBS) $(CHECK_LIBS)
TESTS += tests/test_rtnl
