noinst_PROGRAMS += bench/stack_tcp
bench_stack_tcp_SOURCES = bench/stack_tcp.c
bench_stack_tcp_LDADD = $(STACK_LIBS)
noinst_PROGRAMS += bench/endpoint
bench_endpoint_SOURCES = bench/endpoint.c
bench_endpoint_LDADD = $(FDBASED_LIBS)
noinst_PROGRAMS += bench/tun_tcp
bench_tun_tcp_SOURCES = bench/tun_tcp.c bench/path.c bench/path.h
bench_tun_tcp_LDADD = $(STACK_LIBS)
# The load generator of bench/run, on plain sockets.
noinst_PROGRAMS += bench/load
bench_load_SOURCES = bench/load.c bench/load_server.c bench/load.h
bench_load_LDADD = $(PTHREAD_LIBS)
# The same traffic without a stack: what two more hops cost.
noinst_PROGRAMS += bench/floor
bench_floor_SOURCES = bench/floor.c bench/floor_crr.c bench/floor_threads.c \
	bench/floor_link.c bench/floor.h bench/load.h
bench_floor_LDADD = $(FDBASED_LIBS) $(PTHREAD_LIBS)
noinst_PROGRAMS += bench/floor-serve
bench_floor_serve_SOURCES = bench/floor_serve.c bench/floor_link.c \
	bench/floor.h bench/load.h
bench_floor_serve_LDADD = $(FDBASED_LIBS)
# What each copy of a bulk byte costs.
noinst_PROGRAMS += bench/copies
bench_copies_SOURCES = bench/copies.c bench/floor_link.c bench/floor.h \
	bench/load.h
bench_copies_LDADD = $(FDBASED_LIBS)
# What splice() would give a relay between a socket pair and TCP.
noinst_PROGRAMS += bench/pump
bench_pump_SOURCES = bench/pump.c bench/load_server.c bench/load.h
# static: in a sandbox its sockets are pumped ones, bench/pump.sh
bench_pump_CFLAGS = -std=gnu11 -O2 -Wall
bench_pump_LDFLAGS = -all-static
EXTRA_DIST += bench/pump.sh
EXTRA_DIST += bench/README.md bench/run bench/report.py bench/flame.py \
	bench/in-slirp4netns \
	bench/results/floors.svg bench/results/floors.tsv \
	bench/results/floors.txt bench/results/two-links.svg \
	bench/results/two-links.tsv bench/results/two-links.txt \
	bench/results/pump.txt bench/results/many_flows.txt \
	bench/results/shim_calls.txt bench/results/2-cores.svg bench/results/2-cores.txt \
	bench/results/2-cores.tsv \
	bench/results/flame-redis16-fdnet.svg \
	bench/results/flame-rr32-fdnet.svg \
	bench/results/flame-rrt8-fdnet.svg \
	bench/results/flame-up-fdnet.svg \
	bench/results/flame-wrk-fdnet.svg
# what the preload library costs where it is not used:
#   LD_PRELOAD=.libs/libfdnet.so bench/shim_calls
noinst_PROGRAMS += bench/shim_calls
bench_shim_calls_SOURCES = bench/shim_calls.c

# What the fence costs: bench/fence.sh.
noinst_PROGRAMS += bench/fence
bench_fence_SOURCES = bench/fence.c
# static: the preload would answer syscall()
bench_fence_CFLAGS = -std=gnu11 -O2 -Wall
bench_fence_LDFLAGS = -all-static
EXTRA_DIST += bench/fence.sh bench/many_flows.sh bench/tun_tcp.sh \
	bench/tun_tcp.py

# The kernel's TCP as the other end: needs a TUN device.
TESTS += tests/test_tun_tcp.sh
dist_check_SCRIPTS += tests/test_tun_tcp.sh
