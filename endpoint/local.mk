noinst_LTLIBRARIES += endpoint/libendpoint.la
endpoint_libendpoint_la_SOURCES = \
	endpoint/vnet.c \
	endpoint/vnet.h \
	endpoint/sum.c \
	endpoint/sum.h \
	endpoint/gro.c \
	endpoint/gro.h \
	endpoint/gso.c \
	endpoint/gso.h \
	endpoint/link.c \
	endpoint/link.h \
	endpoint/link_hdr.c \
	endpoint/link_internal.h \
	endpoint/link_rx.c \
	endpoint/packet.c \
	endpoint/packet_internal.h \
	endpoint/rxslots.c \
	endpoint/rxslots.h \
	endpoint/sys.h
endpoint_libendpoint_la_LIBADD = $(PTHREAD_LIBS)

pkginclude_HEADERS += include/fdnet/packet.h

ENDPOINT_TESTS = tests/test_packet tests/test_link
check_PROGRAMS += $(ENDPOINT_TESTS)
TESTS += $(ENDPOINT_TESTS)
tests_test_packet_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_packet_LDADD = $(ENDPOINT_LIBS) $(CHECK_LIBS)
tests_test_link_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_link_LDADD = $(ENDPOINT_LIBS) $(CHECK_LIBS)
