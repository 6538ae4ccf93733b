noinst_PROGRAMS += bench/stack_tcp
bench_stack_tcp_SOURCES = bench/stack_tcp.c
bench_stack_tcp_LDADD = $(STACK_LIBS)
noinst_PROGRAMS += bench/endpoint
bench_endpoint_SOURCES = bench/endpoint.c
bench_endpoint_LDADD = $(FDBASED_LIBS)
