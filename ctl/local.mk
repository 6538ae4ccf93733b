bin_PROGRAMS += fdnet-ctl
fdnet_ctl_SOURCES = \
	ctl/client.c ctl/client.h \
	ctl/main.c \
	ctl/show.c ctl/show.h \
	ctl/top.c ctl/top.h \
	relay/ctl_msg.c relay/ctl_msg.h \
	relay/pcap_proc.c relay/pcap_proc.h
fdnet_ctl_CPPFLAGS = $(AM_CPPFLAGS) -DFDNET_LIBEXECDIR='"$(libexecdir)"'
fdnet_ctl_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(CURSES_CFLAGS)
fdnet_ctl_LDADD = $(JANSSON_LIBS) $(CURSES_LIBS)

libexec_PROGRAMS += fdnet-pcap
fdnet_pcap_SOURCES = ctl/pcap.c relay/capture.h
fdnet_pcap_CFLAGS = $(AM_CFLAGS) $(PCAP_CFLAGS)
fdnet_pcap_LDADD = $(PCAP_LIBS)

EXTRA_DIST += ctl/README.md

TESTS += tests/test_ctl.sh tests/test_reload.sh tests/test_top.sh
dist_check_SCRIPTS += tests/test_ctl.sh tests/test_reload.sh tests/test_top.sh
TESTS += tests/test_record.sh
dist_check_SCRIPTS += tests/test_record.sh
TESTS += tests/test_rules.sh
dist_check_SCRIPTS += tests/test_rules.sh
TESTS += tests/test_takeover.sh
dist_check_SCRIPTS += tests/test_takeover.sh
TESTS += tests/test_network.sh
dist_check_SCRIPTS += tests/test_network.sh
EXTRA_DIST += tests/network_member.py
TESTS += tests/test_events.sh
dist_check_SCRIPTS += tests/test_events.sh
TESTS += tests/test_keep.sh
dist_check_SCRIPTS += tests/test_keep.sh
EXTRA_DIST += tests/events_check.py
EXTRA_DIST += tests/bulk.py tests/reload_inside.py
TESTS += tests/test_systemd.sh
dist_check_SCRIPTS += tests/test_systemd.sh
TESTS += tests/test_impair.sh
dist_check_SCRIPTS += tests/test_impair.sh
TESTS += tests/test_names.sh
dist_check_SCRIPTS += tests/test_names.sh
EXTRA_DIST += tests/name_server.py tests/name_client.py tests/urgent.py
TESTS += tests/test_echo.sh
dist_check_SCRIPTS += tests/test_echo.sh
