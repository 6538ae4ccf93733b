noinst_LTLIBRARIES += sandbox/libsandbox.la
SANDBOX_SOURCES = \
	sandbox/caps.c sandbox/caps.h \
	sandbox/child.c sandbox/child.h \
	sandbox/confine.c sandbox/confine.h \
	sandbox/env.c sandbox/env.h \
	sandbox/exit_status.h \
	sandbox/fds.c sandbox/fds.h \
	sandbox/filter.c sandbox/filter.h \
	sandbox/filter_rules.c sandbox/filter_rules.h \
	sandbox/find.c sandbox/find.h \
	sandbox/identity.c sandbox/identity.h \
	sandbox/landlock.c sandbox/landlock.h \
	sandbox/join.c sandbox/join.h sandbox/parcel.c \
	sandbox/layers.c sandbox/layers.h \
	sandbox/look.c sandbox/look.h \
	sandbox/options.c sandbox/options.h \
	sandbox/outside.c sandbox/outside.h \
	sandbox/passed.c sandbox/passed.h \
	sandbox/peers.c sandbox/peers.h \
	sandbox/pump.c sandbox/pump.h \
	sandbox/relay_proc.c sandbox/relay_proc.h \
	sandbox/report.c sandbox/report.h \
	sandbox/rights.c \
	sandbox/root.c sandbox/root.h \
	sandbox/run.c sandbox/run.h \
	sandbox/say.c sandbox/say.h \
	sandbox/settings.c sandbox/settings.h \
	sandbox/signals.c sandbox/signals.h \
	sandbox/spaces.c sandbox/spaces.h \
	sandbox/supervise.c sandbox/supervise.h sandbox/notify.h \
	sandbox/answer.c sandbox/channel.c sandbox/kinds.c \
	sandbox/caller.c sandbox/sockaddr.c sandbox/inet.c sandbox/dgram.c \
	sandbox/inet_accept.c sandbox/inet_options.c \
	sandbox/ioctls.c \
	sandbox/dgram_recv.c sandbox/message.c sandbox/message.h \
	sandbox/netlink.c sandbox/unixnames.c sandbox/unixaccept.c \
	sandbox/bound.c sandbox/bound.h \
	sandbox/udgram.c sandbox/udgram.h sandbox/udgram_internal.h \
	sandbox/udgram_abstract.c \
	sandbox/watch.c sandbox/watch.h \
	sandbox/weaken.h
sandbox_libsandbox_la_SOURCES = $(SANDBOX_SOURCES)
sandbox_libsandbox_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DFDNET_LIBDIR='"$(libdir)"' -DFDNET_LIBEXECDIR='"$(libexecdir)"'
sandbox_libsandbox_la_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
sandbox_libsandbox_la_LIBADD = $(SECCOMP_LIBS)

bin_PROGRAMS += fdnet-run
fdnet_run_SOURCES = sandbox/main.c
fdnet_run_LDADD = $(SANDBOX_LIBS)

EXTRA_DIST += sandbox/README.md

check_PROGRAMS += tests/test_filter
TESTS += tests/test_filter
tests_test_filter_SOURCES = tests/test_filter.c
tests_test_filter_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(SECCOMP_CFLAGS)
tests_test_filter_LDADD = $(SANDBOX_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/test_identity
TESTS += tests/test_identity tests/test_identity.sh
dist_check_SCRIPTS += tests/test_identity.sh
EXTRA_DIST += tests/unix_identity.py
tests_test_identity_SOURCES = tests/test_identity.c
tests_test_identity_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_test_identity_LDADD = $(SANDBOX_LIBS) $(CHECK_LIBS)

TESTS += tests/test_unix_abstract.sh
dist_check_SCRIPTS += tests/test_unix_abstract.sh
EXTRA_DIST += tests/unix_abstract.py

TESTS += tests/test_chroot.sh
dist_check_SCRIPTS += tests/test_chroot.sh
EXTRA_DIST += tests/chroot.py

# run by hand: another kernel, another kind of machine
EXTRA_DIST += tests/vm tests/arm64
TESTS += tests/test_apparmor.sh
dist_check_SCRIPTS += tests/test_apparmor.sh
EXTRA_DIST += doc/examples/fdnet-run.apparmor

check_PROGRAMS += tests/test_caller
TESTS += tests/test_caller
tests_test_caller_SOURCES = tests/test_caller.c
tests_test_caller_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_test_caller_LDADD = $(SANDBOX_LIBS) $(CHECK_LIBS)

# The launcher by itself, with a stand-in for the relay.
check_PROGRAMS += tests/fake_relay tests/fence_probe
tests_fake_relay_SOURCES = tests/fake_relay.c
tests_fence_probe_SOURCES = tests/fence_probe.c
TESTS += tests/test_run.sh
dist_check_SCRIPTS += tests/test_run.sh
# Process numbers used again.
check_PROGRAMS += tests/reuse
tests_reuse_SOURCES = tests/reuse.c
TESTS += tests/test_reuse.sh
dist_check_SCRIPTS += tests/test_reuse.sh
# Machines that permit less.
check_PROGRAMS += tests/machine
tests_machine_SOURCES = tests/machine.c
tests_machine_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
tests_machine_LDADD = $(SECCOMP_LIBS)
TESTS += tests/test_machines.sh
dist_check_SCRIPTS += tests/test_machines.sh
TESTS += tests/test_podman.sh
dist_check_SCRIPTS += tests/test_podman.sh
EXTRA_DIST += tests/machines.sh
# AF_UNIX between the sandbox and the host.
TESTS += tests/test_unix.sh
dist_check_SCRIPTS += tests/test_unix.sh
EXTRA_DIST += tests/unix_outside.py
