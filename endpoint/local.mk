# libendpoint: packets, the link to the relay, and what works on packets; what
# the shim needs. libfdbased: endpoints over fds and their wrappers; what the
# shim does not need, libpcap among it.
noinst_LTLIBRARIES += endpoint/libendpoint.la endpoint/libfdbased.la
endpoint_libendpoint_la_SOURCES = \
	endpoint/area.c \
	endpoint/area.h \
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
	endpoint/link_ring.c \
	endpoint/link_rx.c \
	endpoint/link_split.c \
	endpoint/packet.c \
	endpoint/packet_internal.h \
	endpoint/ring.c \
	endpoint/ring.h \
	endpoint/rxslots.c \
	endpoint/rxslots.h \
	endpoint/sys.h
endpoint_libendpoint_la_LIBADD = $(PTHREAD_LIBS)

endpoint_libfdbased_la_SOURCES = \
	endpoint/channel.c \
	endpoint/endpoint.c \
	endpoint/fdbased.h \
	endpoint/fdbased_fanout.c \
	endpoint/fdbased_fds.c \
	endpoint/fdbased_new.c \
	endpoint/fdbased_ring.c \
	endpoint/fdbased_rx.c \
	endpoint/fdbased_tx.c \
	endpoint/mux.c \
	endpoint/pair.c \
	endpoint/save.c \
	endpoint/simple.c \
	endpoint/simple.h \
	endpoint/stats.c \
	endpoint/threads.c \
	endpoint/vnet.c \
	endpoint/vnet.h \
	endpoint/wrap.c \
	endpoint/wrap.h \
	endpoint/wrap_fault.c \
	endpoint/wrap_pcap.c
endpoint_libfdbased_la_CPPFLAGS = $(AM_CPPFLAGS) $(PCAP_CFLAGS)

FDBASED_LIBS = endpoint/libfdbased.la $(ENDPOINT_LIBS) $(PCAP_LIBS) \
	$(PTHREAD_LIBS)

pkginclude_HEADERS += include/fdnet/packet.h include/fdnet/endpoint.h

# libfdnetstack: stack and endpoints for other programs to embed.
lib_LTLIBRARIES += libfdnetstack.la
libfdnetstack_la_SOURCES =
libfdnetstack_la_LIBADD = endpoint/libfdbased.la $(STACK_LIBS) $(PCAP_LIBS) \
	$(PTHREAD_LIBS)
libfdnetstack_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 \
	$(FDNETSTACK_VSCRIPT)
if HAVE_VSCRIPT
FDNETSTACK_VSCRIPT = $(VSCRIPT_LDFLAGS),$(srcdir)/endpoint/libfdnetstack.map
endif
libfdnetstack_la_DEPENDENCIES = endpoint/libfdbased.la $(STACK_LIBS) \
	endpoint/libfdnetstack.map
pkgconfig_DATA += endpoint/libfdnetstack.pc \
	endpoint/libfdnetstack-capture.pc
EXTRA_DIST += endpoint/libfdnetstack.map tests/check_exports.sh
TESTS += tests/check_exports.sh
TESTS += tests/test_embed.sh
dist_check_SCRIPTS += tests/test_embed.sh

# The example uses nothing but what is installed; running it is its test.
check_PROGRAMS += doc/examples/ping
TESTS += doc/examples/ping
doc_examples_ping_SOURCES = doc/examples/ping.c
doc_examples_ping_CPPFLAGS = -I$(top_srcdir)/include
doc_examples_ping_LDADD = libfdnetstack.la

check_PROGRAMS += doc/examples/dhcp
TESTS += tests/test_dhcp_server.sh
dist_check_SCRIPTS += tests/test_dhcp_server.sh
doc_examples_dhcp_SOURCES = doc/examples/dhcp.c
doc_examples_dhcp_CPPFLAGS = -I$(top_srcdir)/include
doc_examples_dhcp_LDADD = libfdnetstack.la
check_PROGRAMS += doc/examples/httpd
TESTS += tests/test_httpd.sh
dist_check_SCRIPTS += tests/test_httpd.sh
doc_examples_httpd_SOURCES = doc/examples/httpd.c
doc_examples_httpd_CPPFLAGS = -I$(top_srcdir)/include
doc_examples_httpd_LDADD = libfdnetstack.la

ENDPOINT_TESTS = tests/test_area tests/test_batch tests/test_link \
	tests/test_packet tests/test_ring \
	tests/test_link_split
FDBASED_TESTS = tests/test_endpoint tests/test_endpoint_faults \
	tests/test_endpoint_gso \
	tests/test_endpoint_rx tests/test_endpoint_life \
	tests/test_endpoint_move tests/test_endpoint_netns \
	tests/test_endpoint_tx tests/test_endpoint_wrap
check_PROGRAMS += $(ENDPOINT_TESTS) $(FDBASED_TESTS)
TESTS += $(ENDPOINT_TESTS) $(FDBASED_TESTS)
EXTRA_DIST += tests/burst_util.h tests/ep_pairs.h tests/ep_util.h endpoint/README.md doc/fdbased.md
dist_man_MANS += man/fdnet_endpoint.3 man/fdnet_endpoint_write.3 \
	man/fdnet_endpoint_wrap.3 man/fdnet_pkt.3
tests_test_area_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_area_LDADD = $(ENDPOINT_LIBS) $(CHECK_LIBS)
tests_test_batch_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_batch_LDADD = $(ENDPOINT_LIBS) $(CHECK_LIBS)
tests_test_ring_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_ring_LDADD = $(ENDPOINT_LIBS) $(CHECK_LIBS) $(PTHREAD_LIBS)
tests_test_packet_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_packet_LDADD = $(ENDPOINT_LIBS) $(CHECK_LIBS)
tests_test_link_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_link_LDADD = $(ENDPOINT_LIBS) $(CHECK_LIBS)
tests_test_link_split_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_link_split_LDADD = $(ENDPOINT_LIBS) $(CHECK_LIBS)
tests_test_endpoint_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_endpoint_LDADD = $(FDBASED_LIBS) $(CHECK_LIBS)
tests_test_endpoint_faults_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_endpoint_faults_LDADD = $(FDBASED_LIBS) $(CHECK_LIBS)
tests_test_endpoint_gso_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_endpoint_gso_LDADD = $(FDBASED_LIBS) $(CHECK_LIBS)
tests_test_endpoint_rx_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_endpoint_rx_LDADD = $(FDBASED_LIBS) $(CHECK_LIBS)
tests_test_endpoint_tx_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_endpoint_tx_LDADD = $(FDBASED_LIBS) $(CHECK_LIBS)
tests_test_endpoint_life_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_endpoint_life_LDADD = $(FDBASED_LIBS) $(CHECK_LIBS)
tests_test_endpoint_netns_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_endpoint_netns_LDADD = $(FDBASED_LIBS) $(CHECK_LIBS)
tests_test_endpoint_wrap_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_endpoint_wrap_LDADD = $(FDBASED_LIBS) $(CHECK_LIBS)
tests_test_endpoint_move_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
tests_test_endpoint_move_LDADD = endpoint/libfdbased.la $(STACK_LIBS) \
	$(PCAP_LIBS) $(PTHREAD_LIBS) $(CHECK_LIBS)
