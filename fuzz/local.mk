# A fuzz target X is fuzz/fuzz_X.c with LLVMFuzzerTestOneInput() and some inputs
# in fuzz/corpus/X. It is built twice:
#   fuzz/replay_X  with fuzz/replay.c, runs the corpus in make check
#   fuzz/fuzz_X    with libFuzzer, by `make fuzz` in a build configured with
#                  --enable-fuzz CC=clang; ./quickstart test runs each a while
# To add one, copy the lines of `wire` and change the name and the libraries.

EXTRA_DIST += fuzz/corpus
FUZZ_ENGINE = -fsanitize=fuzzer
EXTRA_PROGRAMS = $(FUZZERS)

.PHONY: fuzz
fuzz: $(FUZZERS)

check_PROGRAMS += fuzz/replay_wire
TESTS += fuzz/replay_wire
fuzz_replay_wire_SOURCES = fuzz/replay.c fuzz/fuzz_wire.c
fuzz_replay_wire_LDADD = $(STACK_LIBS)
FUZZERS += fuzz/fuzz_wire
fuzz_fuzz_wire_SOURCES = fuzz/fuzz_wire.c
fuzz_fuzz_wire_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_wire_LDADD = $(STACK_LIBS)

check_PROGRAMS += fuzz/replay_control
TESTS += fuzz/replay_control
fuzz_replay_control_SOURCES = fuzz/replay.c fuzz/fuzz_control.c
fuzz_replay_control_LDADD = $(STACK_LIBS)
FUZZERS += fuzz/fuzz_control
fuzz_fuzz_control_SOURCES = fuzz/fuzz_control.c
fuzz_fuzz_control_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_control_LDADD = $(STACK_LIBS)

check_PROGRAMS += fuzz/replay_link fuzz/replay_endpoint fuzz/replay_restore
TESTS += fuzz/replay_link fuzz/replay_endpoint fuzz/replay_restore
FUZZERS += fuzz/fuzz_link fuzz/fuzz_endpoint fuzz/fuzz_restore
fuzz_replay_link_SOURCES = fuzz/replay.c fuzz/fuzz_link.c
fuzz_replay_link_LDADD = $(ENDPOINT_LIBS)
fuzz_fuzz_link_SOURCES = fuzz/fuzz_link.c
fuzz_fuzz_link_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_link_LDADD = $(ENDPOINT_LIBS)
fuzz_replay_endpoint_SOURCES = fuzz/replay.c fuzz/fuzz_endpoint.c
fuzz_replay_endpoint_LDADD = $(FDBASED_LIBS)
fuzz_fuzz_endpoint_SOURCES = fuzz/fuzz_endpoint.c
fuzz_fuzz_endpoint_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_endpoint_LDADD = $(FDBASED_LIBS)
fuzz_replay_restore_SOURCES = fuzz/replay.c fuzz/fuzz_restore.c
fuzz_replay_restore_LDADD = $(FDBASED_LIBS)
fuzz_fuzz_restore_SOURCES = fuzz/fuzz_restore.c
fuzz_fuzz_restore_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_restore_LDADD = $(FDBASED_LIBS)

check_PROGRAMS += fuzz/replay_tcp
TESTS += fuzz/replay_tcp
fuzz_replay_tcp_SOURCES = fuzz/replay.c fuzz/fuzz_tcp.c
fuzz_replay_tcp_LDADD = $(STACK_LIBS)
FUZZERS += fuzz/fuzz_tcp
fuzz_fuzz_tcp_SOURCES = fuzz/fuzz_tcp.c
fuzz_fuzz_tcp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_tcp_LDADD = $(STACK_LIBS)

check_PROGRAMS += fuzz/replay_rtnl
TESTS += fuzz/replay_rtnl
fuzz_replay_rtnl_SOURCES = fuzz/replay.c fuzz/fuzz_rtnl.c
fuzz_replay_rtnl_LDADD = $(BASE_LIBS)
FUZZERS += fuzz/fuzz_rtnl
fuzz_fuzz_rtnl_SOURCES = fuzz/fuzz_rtnl.c
fuzz_fuzz_rtnl_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_rtnl_LDADD = $(BASE_LIBS)

check_PROGRAMS += fuzz/replay_save
TESTS += fuzz/replay_save
fuzz_replay_save_SOURCES = fuzz/replay.c fuzz/fuzz_save.c
fuzz_replay_save_LDADD = $(STACK_LIBS)
FUZZERS += fuzz/fuzz_save
fuzz_fuzz_save_SOURCES = fuzz/fuzz_save.c
fuzz_fuzz_save_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_save_LDADD = $(STACK_LIBS)

check_PROGRAMS += fuzz/replay_notify
TESTS += fuzz/replay_notify
fuzz_replay_notify_SOURCES = fuzz/replay.c fuzz/fuzz_notify.c
fuzz_replay_notify_LDADD = $(SANDBOX_LIBS)
FUZZERS += fuzz/fuzz_notify
fuzz_fuzz_notify_SOURCES = fuzz/fuzz_notify.c
fuzz_fuzz_notify_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
fuzz_fuzz_notify_LDADD = $(SANDBOX_LIBS)
