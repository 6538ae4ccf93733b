noinst_LTLIBRARIES += base/libbase.la
base_libbase_la_SOURCES = base/mem.h base/mem.c \
	base/siphash.h base/siphash.c
pkginclude_HEADERS += include/fdnet/mem.h
EXTRA_DIST += base/README.md
