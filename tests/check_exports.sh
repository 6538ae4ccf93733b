#!/bin/sh
# What the headers promise, the map names and libfdnetstack.so exports is the
# same list.
set -eu
src=${top_srcdir:-.}
build=${top_builddir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A declaration runs from FDNET_API to its semicolon; the name stands before
# the first parenthesis or bracket.
cat "$src"/include/fdnet/*.h | tr '\n' ' ' |
	sed 's:/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/: :g' |
	grep -o 'FDNET_API [^;]*;' |
	sed 's/[[(].*//; s/;//; s/ *$//; s/.*[ *]//' |
	grep '^fdnet_' | sort -u >"$work/headers"
sed -n 's/^\t\(fdnet_[a-z0-9_]*\);$/\1/p' "$src/endpoint/libfdnetstack.map" |
	sort -u >"$work/map"
diff -u "$work/headers" "$work/map"

lib=$build/.libs/libfdnetstack.so
if [ ! -e "$lib" ]; then
	echo "no shared library was built"
	exit 77
fi
nm -D --defined-only "$lib" | awk '$2 != "A" { print $3 }' |
	sed 's/@.*//' | grep -v '^__\(asan\|odr_asan\|ubsan\)' |
	sort -u >"$work/exports"
diff -u "$work/headers" "$work/exports"
echo "$(wc -l <"$work/headers") names"
