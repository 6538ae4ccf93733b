# What test scripts need to know; they source tests/lib.sh.
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	CC='$(CC)'; export CC;

EXTRA_DIST += tests/lib.sh

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
	tests/apps/socat.sh \
	tests/apps/socat-server.sh \
	tests/apps/ssh.sh \
	tests/apps/stall.sh \
	tests/apps/udp-echo.sh \
	tests/apps/wget.sh
