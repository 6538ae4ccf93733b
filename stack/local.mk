noinst_LTLIBRARIES += stack/libstack.la
stack_libstack_la_SOURCES = \
	stack/wire/bytes.h \
	stack/wire/control.c \
	stack/wire/control.h \
	stack/wire/csum.c \
	stack/wire/csum.h \
	stack/wire/icmp.c \
	stack/wire/icmp.h \
	stack/wire/ipv4.c \
	stack/wire/ipv4.h \
	stack/wire/ipv6.c \
	stack/wire/ipv6.h \
	stack/wire/udp.c \
	stack/wire/udp.h

pkginclude_HEADERS += include/fdnet/stack.h
EXTRA_DIST += stack/README.md
