EXTRA_DIST += shim/README.md shim/exports.awk shim/doors.txt

noinst_LTLIBRARIES += shim/libshim.la
shim_libshim_la_SOURCES = \
	shim/addr.c shim/addr.h \
	shim/ask.c shim/ask.h \
	shim/attach.c shim/attach.h \
	shim/bell.c shim/bell.h \
	shim/call.c shim/call.h \
	shim/calls.h \
	shim/claim.c shim/claim.h \
	shim/cmsg.c shim/cmsg.h \
	shim/confine.c shim/confine.h \
	shim/epoll.c \
	shim/exec.c shim/exec.h \
	shim/fd.c \
	shim/file.c shim/file.h \
	shim/frame.c shim/frame.h \
	shim/gai.c \
	shim/vfork.c shim/vfork.h shim/away.c shim/away.h \
	shim/handover.c shim/handover.h shim/keep.c shim/keep.h \
	shim/helper.c shim/helper.h \
	shim/highfd.c shim/highfd.h \
	shim/hosts.c shim/hostsfile.c \
	shim/idn.c shim/idn.h \
	shim/ifaces.c shim/ifaces.h \
	shim/ifaddrs.c \
	shim/io.c shim/io.h \
	shim/kick.c shim/kick.h \
	shim/launch.c \
	shim/libc.c shim/libc.h \
	shim/lock.c shim/lock.h \
	shim/logline.c shim/logline.h \
	shim/lookup.c shim/lookup.h \
	shim/mem.c shim/mem.h \
	shim/eset.c shim/eset.h \
	shim/meet.c shim/meet.h \
	shim/mirror.c shim/mirror.h \
	shim/nameinfo.c shim/names.c \
	shim/net.c shim/net.h \
	shim/netlink.c shim/netlink.h \
	shim/node.c shim/node.h \
	shim/option.c \
	shim/pass.c shim/pass.h \
	shim/poll.c \
	shim/process.c shim/process.h \
	shim/procnet.c \
	shim/pump.c shim/pump.h \
	shim/raw.h \
	shim/resolv.c shim/resolv.h \
	shim/sendfile.c \
	shim/shared.c shim/shared.h \
	shim/signal.c shim/signal.h \
	shim/socket.c \
	shim/spawn.c shim/spawn.h \
	shim/splice.c \
	shim/stdio.c \
	shim/syscall.c \
	shim/uaccess.c shim/uaccess.h \
	shim/vector.c \
	shim/awake.c shim/awake.h \
	shim/direct.c shim/direct.h \
	shim/wait.c shim/wait.h \
	shim/wrap.c
shim_libshim_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-DFDNET_LIBEXECDIR='"$(libexecdir)"'
# The names with _FORTIFY_SOURCE variants are ours to define, so it is off
# here. No -fexceptions: libgcc_s would come into every program; cancellation
# works by libc's registered cleanup buffers.
shim_libshim_la_CFLAGS = $(AM_CFLAGS) \
	-ftls-model=initial-exec -U_FORTIFY_SOURCE

lib_LTLIBRARIES += libfdnet.la
libfdnet_la_SOURCES =
libfdnet_la_LIBADD = $(SHIM_LIBS) -ldl
libfdnet_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-Wl,--version-script=$(builddir)/shim/exports.map \
	-Wl,-z,text -Wl,-z,nodelete \
	-Wl,--wrap=sendmsg,--wrap=recvmsg,--wrap=sendmmsg,--wrap=recvmmsg \
	-Wl,--wrap=readv,--wrap=writev,--wrap=getsockopt,--wrap=setsockopt
libfdnet_la_DEPENDENCIES = $(SHIM_LIBS) shim/exports.map

shim/exports.map: $(top_srcdir)/shim/calls.h $(top_srcdir)/shim/exports.awk
	$(AM_V_GEN)$(MKDIR_P) shim && awk -f $(top_srcdir)/shim/exports.awk \
		$(top_srcdir)/shim/calls.h >$@
CLEANFILES += shim/exports.map

check_PROGRAMS += tests/test_shim_parts
tests_test_shim_parts_SOURCES = tests/test_shim_parts.c
tests_test_shim_parts_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_test_shim_parts_LDADD = $(SHIM_LIBS) $(CHECK_LIBS)
TESTS += tests/test_shim_parts tests/check-exports
check_PROGRAMS += tests/test_bell
tests_test_bell_SOURCES = tests/test_bell.c
tests_test_bell_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_test_bell_LDADD = $(SHIM_LIBS) $(CHECK_LIBS) $(PTHREAD_LIBS)
TESTS += tests/test_bell
dist_check_SCRIPTS += tests/check-exports
# Processes of one preload.
TESTS += tests/test_meet.sh
dist_check_SCRIPTS += tests/test_meet.sh
# What arrives of a program that has ended.
TESTS += tests/test_written.sh
dist_check_SCRIPTS += tests/test_written.sh
# The resolver's calls as libc answers them, on a machine made for it.
check_PROGRAMS += tests/resolver_client
tests_resolver_client_SOURCES = tests/resolver_client.c
tests_resolver_client_LDADD = -lresolv
EXTRA_DIST += tests/resolver_server.py
TESTS += tests/test_resolver.sh
dist_check_SCRIPTS += tests/test_resolver.sh
