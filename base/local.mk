noinst_LTLIBRARIES += base/libbase.la
base_libbase_la_SOURCES = base/mem.h base/mem.c
pkginclude_HEADERS += include/fdnet/mem.h
EXTRA_DIST += base/README.md
