# What test scripts need to know; they source tests/lib.sh.
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	CC='$(CC)'; export CC; \
	CK_DEFAULT_TIMEOUT=60; export CK_DEFAULT_TIMEOUT;

EXTRA_DIST += tests/lib.sh tests/lint tests/vm_netem

# The tests that doc/rfc.md names exist.
TESTS += tests/check_rfc.sh
dist_check_SCRIPTS += tests/check_rfc.sh
# So do those of doc/shim-cases.md.
TESTS += tests/check_cases.sh
dist_check_SCRIPTS += tests/check_cases.sh

# Real programs, natively and in the sandbox: tests/apps/run, from quickstart.
check_PROGRAMS += tests/apps/netpeer
tests_apps_netpeer_SOURCES = tests/apps/netpeer.c
tests_apps_netpeer_LDADD = $(PTHREAD_LIBS)
EXTRA_DIST += \
	tests/apps/run \
	tests/apps/webhost.py \
	tests/apps/urllib_client.py tests/apps/names_client.py \
	tests/apps/node_client.js tests/apps/node_server.js \
	tests/apps/bash-tcp.sh \
	tests/apps/forking.sh tests/apps/forking_server.py \
	tests/apps/nginx-workers.sh tests/apps/apache.sh \
	tests/apps/gunicorn.sh tests/apps/haproxy.sh tests/apps/php-fpm.sh \
	tests/apps/node-cluster.sh tests/apps/node_cluster.js \
	tests/apps/postgres.sh \
	tests/apps/memcached.sh tests/apps/memcached_client.py \
	tests/apps/redis-save.sh tests/apps/redis_clients.py \
	tests/apps/java.sh tests/apps/HttpPair.java \
	tests/apps/scripting.sh tests/apps/activation.sh \
	tests/apps/multiproc.sh tests/apps/multiproc.py \
	tests/apps/rust-musl tests/apps/rust-musl.sh \
	tests/apps/bulk.sh \
	tests/apps/bulk-server.sh \
	tests/apps/curl.sh \
	tests/apps/git.sh \
	tests/apps/iperf3.sh \
	tests/apps/names.sh \
	tests/apps/nc.sh \
	tests/apps/nginx.sh \
	tests/apps/node-client.sh \
	tests/apps/node-server.sh \
	tests/apps/parallel.sh \
	tests/apps/python-server.sh \
	tests/apps/python-urllib.sh \
	tests/apps/redis.sh \
	tests/apps/relay-killed.sh \
	tests/apps/sharing.sh tests/apps/sharing.py \
	tests/apps/socat.sh \
	tests/apps/socat-server.sh \
	tests/apps/sshd.sh tests/apps/sshd-root.sh \
	tests/apps/ssh.sh \
	tests/apps/stall.sh \
	tests/apps/udp-echo.sh \
	tests/apps/wget.sh

# Small socket programs that print the same natively and in the sandbox.
PROBE_CFLAGS = $(AM_CFLAGS) -Wno-unused-result -Wno-nonnull -Wno-stringop-overflow -Wno-stringop-overread
EXTRA_DIST += tests/programs/run tests/random/run \
	tests/programs/known.txt tests/programs/known-static.txt
check_PROGRAMS += tests/programs/asking
tests_programs_asking_SOURCES = tests/programs/asking.c tests/programs/probe.h
tests_programs_asking_CFLAGS = $(PROBE_CFLAGS)
tests_programs_asking_LDADD = -lanl
check_PROGRAMS += tests/programs/binding
tests_programs_binding_SOURCES = tests/programs/binding.c tests/programs/probe.h
tests_programs_binding_CFLAGS = $(PROBE_CFLAGS)
tests_programs_binding_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/confined
tests_programs_confined_SOURCES = tests/programs/confined.c tests/programs/probe.h
tests_programs_confined_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/connecting
tests_programs_connecting_SOURCES = tests/programs/connecting.c tests/programs/probe.h
tests_programs_connecting_CFLAGS = $(PROBE_CFLAGS)
tests_programs_connecting_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/fastopening
tests_programs_fastopening_SOURCES = tests/programs/fastopening.c tests/programs/probe.h
tests_programs_fastopening_CFLAGS = $(PROBE_CFLAGS)
tests_programs_fastopening_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/controls
tests_programs_controls_SOURCES = tests/programs/controls.c tests/programs/probe.h
tests_programs_controls_CFLAGS = $(PROBE_CFLAGS)
tests_programs_controls_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/creating
tests_programs_creating_SOURCES = tests/programs/creating.c tests/programs/probe.h
tests_programs_creating_CFLAGS = $(PROBE_CFLAGS)
tests_programs_creating_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/variants
tests_programs_variants_SOURCES = tests/programs/variants.c tests/programs/probe.h
tests_programs_variants_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/untouched
tests_programs_untouched_SOURCES = tests/programs/untouched.c tests/programs/probe.h
tests_programs_untouched_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/urgent
tests_programs_urgent_SOURCES = tests/programs/urgent.c tests/programs/probe.h
tests_programs_urgent_CFLAGS = $(PROBE_CFLAGS)
tests_programs_urgent_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/udplite
tests_programs_udplite_SOURCES = tests/programs/udplite.c tests/programs/probe.h
tests_programs_udplite_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/datagrams
tests_programs_datagrams_SOURCES = tests/programs/datagrams.c tests/programs/probe.h
tests_programs_datagrams_CFLAGS = $(PROBE_CFLAGS)
tests_programs_datagrams_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/descriptors
tests_programs_descriptors_SOURCES = tests/programs/descriptors.c tests/programs/probe.h
tests_programs_descriptors_CFLAGS = $(PROBE_CFLAGS)
tests_programs_descriptors_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/dnsclient
tests_programs_dnsclient_SOURCES = tests/programs/dnsclient.c tests/programs/probe.h
tests_programs_dnsclient_CFLAGS = $(PROBE_CFLAGS)
tests_programs_dnsclient_LDADD = -lresolv $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/doors
tests_programs_doors_SOURCES = tests/programs/doors.c tests/programs/probe.h
tests_programs_doors_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/ends
tests_programs_ends_SOURCES = tests/programs/ends.c tests/programs/probe.h
tests_programs_ends_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/epolling
tests_programs_epolling_SOURCES = tests/programs/epolling.c tests/programs/probe.h
tests_programs_epolling_CFLAGS = $(PROBE_CFLAGS)
tests_programs_epolling_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/epollsets
tests_programs_epollsets_SOURCES = tests/programs/epollsets.c tests/programs/probe.h
tests_programs_epollsets_CFLAGS = $(PROBE_CFLAGS)
tests_programs_epollsets_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/errors
tests_programs_errors_SOURCES = tests/programs/errors.c tests/programs/probe.h
tests_programs_errors_CFLAGS = $(PROBE_CFLAGS)
tests_programs_errors_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/interrupts
tests_programs_interrupts_SOURCES = tests/programs/interrupts.c tests/programs/probe.h
tests_programs_interrupts_CFLAGS = $(PROBE_CFLAGS)
tests_programs_interrupts_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/netlink
tests_programs_netlink_SOURCES = tests/programs/netlink.c tests/programs/probe.h
tests_programs_netlink_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/options
tests_programs_options_SOURCES = tests/programs/options.c tests/programs/probe.h
tests_programs_options_CFLAGS = $(PROBE_CFLAGS)
tests_programs_options_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/pointers
tests_programs_pointers_SOURCES = tests/programs/pointers.c tests/programs/probe.h
tests_programs_pointers_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/polling
tests_programs_polling_SOURCES = tests/programs/polling.c tests/programs/probe.h
tests_programs_polling_CFLAGS = $(PROBE_CFLAGS)
tests_programs_polling_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/prefork
tests_programs_prefork_SOURCES = tests/programs/prefork.c tests/programs/probe.h
tests_programs_prefork_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/processes
tests_programs_processes_SOURCES = tests/programs/processes.c tests/programs/probe.h
tests_programs_processes_CFLAGS = $(PROBE_CFLAGS)
tests_programs_processes_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/receiving
tests_programs_receiving_SOURCES = tests/programs/receiving.c tests/programs/probe.h
tests_programs_receiving_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/resolving
tests_programs_resolving_SOURCES = tests/programs/resolving.c tests/programs/probe.h
tests_programs_resolving_CFLAGS = $(PROBE_CFLAGS)
tests_programs_resolving_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/six
tests_programs_six_SOURCES = tests/programs/six.c tests/programs/probe.h
tests_programs_six_CFLAGS = $(PROBE_CFLAGS)
tests_programs_six_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/cancelling
tests_programs_cancelling_SOURCES = tests/programs/cancelling.c tests/programs/probe.h
tests_programs_cancelling_CFLAGS = $(PROBE_CFLAGS)
tests_programs_cancelling_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/cloning
tests_programs_cloning_SOURCES = tests/programs/cloning.c tests/programs/probe.h
tests_programs_cloning_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/splicing
tests_programs_splicing_SOURCES = tests/programs/splicing.c tests/programs/probe.h
tests_programs_splicing_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/peers
tests_programs_peers_SOURCES = tests/programs/peers.c tests/programs/probe.h
tests_programs_peers_CFLAGS = $(PROBE_CFLAGS)
tests_programs_peers_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/flood
tests_programs_flood_SOURCES = tests/programs/flood.c tests/programs/probe.h
tests_programs_flood_CFLAGS = $(PROBE_CFLAGS)
tests_programs_flood_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/retrying
tests_programs_retrying_SOURCES = tests/programs/retrying.c tests/programs/probe.h
tests_programs_retrying_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/asleep
tests_programs_asleep_SOURCES = tests/programs/asleep.c tests/programs/probe.h
tests_programs_asleep_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/beside
tests_programs_beside_SOURCES = tests/programs/beside.c tests/programs/probe.h
tests_programs_beside_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/sharing
tests_programs_sharing_SOURCES = tests/programs/sharing.c tests/programs/probe.h
tests_programs_sharing_CFLAGS = $(PROBE_CFLAGS)
check_PROGRAMS += tests/programs/signals
tests_programs_signals_SOURCES = tests/programs/signals.c tests/programs/probe.h
tests_programs_signals_CFLAGS = $(PROBE_CFLAGS)
tests_programs_signals_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/sorts
tests_programs_sorts_SOURCES = tests/programs/sorts.c tests/programs/probe.h
tests_programs_sorts_CFLAGS = $(PROBE_CFLAGS)
tests_programs_sorts_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/streams
tests_programs_streams_SOURCES = tests/programs/streams.c tests/programs/probe.h
tests_programs_streams_CFLAGS = $(PROBE_CFLAGS)
tests_programs_streams_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/handing
tests_programs_handing_SOURCES = tests/programs/handing.c tests/programs/probe.h
tests_programs_handing_CFLAGS = $(PROBE_CFLAGS)
tests_programs_handing_LDADD = $(PTHREAD_LIBS)
check_PROGRAMS += tests/programs/threads
tests_programs_threads_SOURCES = tests/programs/threads.c tests/programs/probe.h
tests_programs_threads_CFLAGS = $(PROBE_CFLAGS)
tests_programs_threads_LDADD = $(PTHREAD_LIBS)

# Random forks, execs, passes and deaths; run by tests/random/run.
check_PROGRAMS += tests/random/steps
tests_random_steps_SOURCES = tests/random/main.c tests/random/steps.h \
	tests/random/moves.c tests/random/moves.h \
	tests/random/account.c tests/random/account.h \
	tests/random/process.c tests/programs/probe.h
tests_random_steps_CFLAGS = $(PROBE_CFLAGS)

# CPython's own tests, of a Debian package; run by tests/cpython/run.
EXTRA_DIST += tests/cpython/run tests/cpython/verdicts.py \
	tests/cpython/known.txt

# SIGKILL at random under load; run by tests/kills/run.
EXTRA_DIST += tests/kills/run
check_PROGRAMS += tests/kills/kills
tests_kills_kills_SOURCES = tests/kills/main.c tests/kills/kills.h \
	tests/kills/servers.c tests/kills/clients.c tests/kills/table.c
tests_kills_kills_LDADD = $(PTHREAD_LIBS)

# Launcher, relay and shim together.
TESTS += tests/test_sandbox.sh
dist_check_SCRIPTS += tests/test_sandbox.sh

# Ways out of the sandbox, natively and inside: tests/escape/run.
ESCAPE_SOURCES = tests/escape/escape.h tests/escape/main.c \
	tests/escape/net.c tests/escape/calls.c tests/escape/execs.c \
	tests/escape/fds.c tests/escape/unix.c tests/escape/process.c tests/escape/owners.c \
	tests/escape/kernel.c tests/escape/surface.c tests/escape/leaks.c \
	tests/escape/races.c tests/escape/raw.h
check_PROGRAMS += tests/escape/host tests/escape/probe \
	tests/escape/probe-static
tests_escape_host_SOURCES = tests/escape/host.c tests/escape/escape.h
tests_escape_probe_SOURCES = $(ESCAPE_SOURCES)
tests_escape_probe_LDADD = $(PTHREAD_LIBS) -ldl
# No sanitizer here: it does not go into a static program.
tests_escape_probe_static_SOURCES = $(ESCAPE_SOURCES)
tests_escape_probe_static_CPPFLAGS = $(AM_CPPFLAGS) -DESCAPE_STATIC
tests_escape_probe_static_CFLAGS = -std=gnu11 -Wall $(PTHREAD_CFLAGS)
tests_escape_probe_static_LDFLAGS = -all-static
tests_escape_probe_static_LDADD = $(PTHREAD_LIBS)
# Its calls are an enemy's: what answers them must not mind.
check_PROGRAMS += tests/escape/hostile
tests_escape_hostile_SOURCES = tests/escape/hostile.c
tests_escape_hostile_CFLAGS = -std=gnu11 -Wall $(PTHREAD_CFLAGS)
tests_escape_hostile_LDFLAGS = -all-static
tests_escape_hostile_LDADD = $(PTHREAD_LIBS)
TESTS += tests/escape/run
dist_check_SCRIPTS += tests/escape/run
# The launcher with mistakes on purpose: do the attempts see each of them?
check_PROGRAMS += tests/escape/weak-run
tests_escape_weak_run_SOURCES = sandbox/main.c $(SANDBOX_SOURCES) \
	tests/escape/weaken.c
tests_escape_weak_run_CPPFLAGS = $(sandbox_libsandbox_la_CPPFLAGS) \
	-DFDNET_WEAKEN
tests_escape_weak_run_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
tests_escape_weak_run_LDADD = $(SECCOMP_LIBS) $(STACK_LIBS)
TESTS += tests/escape/weak
dist_check_SCRIPTS += tests/escape/weak
EXTRA_DIST += tests/escape/common.sh tests/escape/README.md

# Programs that the preload cannot reach.
check_PROGRAMS += tests/apps/netpeer-static
tests_apps_netpeer_static_SOURCES = tests/apps/netpeer.c
tests_apps_netpeer_static_CFLAGS = -std=gnu11 -w $(PTHREAD_CFLAGS)
tests_apps_netpeer_static_LDFLAGS = -all-static
tests_apps_netpeer_static_LDADD = $(PTHREAD_LIBS)
TESTS += tests/test_static.sh
dist_check_SCRIPTS += tests/test_static.sh
EXTRA_DIST += tests/apps/gonet.go tests/apps/rustnet.rs tests/apps/crowd.c \
	tests/apps/inflight.c tests/apps/relayless.c \
	tests/apps/tlsget.c tests/written.py tests/unix_names.py
# What Go has compiled of its library, for the next run.
clean-local:
	rm -rf tests/gocache
