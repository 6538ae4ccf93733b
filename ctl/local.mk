bin_PROGRAMS += fdnet-ctl
fdnet_ctl_SOURCES = \
	ctl/client.c ctl/client.h \
	ctl/main.c \
	ctl/show.c ctl/show.h \
	ctl/top.c ctl/top.h \
	relay/ctl_msg.c relay/ctl_msg.h
fdnet_ctl_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(CURSES_CFLAGS)
fdnet_ctl_LDADD = $(JANSSON_LIBS) $(CURSES_LIBS)

EXTRA_DIST += ctl/README.md

TESTS += tests/test_ctl.sh
dist_check_SCRIPTS += tests/test_ctl.sh
TESTS += tests/test_record.sh
dist_check_SCRIPTS += tests/test_record.sh
TESTS += tests/test_rules.sh
dist_check_SCRIPTS += tests/test_rules.sh
