noinst_LTLIBRARIES += endpoint/libendpoint.la
endpoint_libendpoint_la_SOURCES = \
	endpoint/packet.c \
	endpoint/packet_internal.h
endpoint_libendpoint_la_LIBADD = $(PTHREAD_LIBS)

pkginclude_HEADERS += include/fdnet/packet.h

ENDPOINT_TESTS = tests/test_packet
check_PROGRAMS += $(ENDPOINT_TESTS)
TESTS += $(ENDPOINT_TESTS)
tests_test_packet_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_packet_LDADD = $(ENDPOINT_LIBS) $(CHECK_LIBS)
