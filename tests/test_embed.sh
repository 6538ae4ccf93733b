#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Embedding by pkg-config alone: the headers for C++ as for C, the shared
# library and the static one. No other library's file for pkg-config is in
# sight: who does not capture packets needs none of libpcap's.

# shellcheck source=tests/lib.sh
. "${top_srcdir:-$(dirname "$0")/..}/tests/lib.sh"

cc=${CC:-cc}
export PKG_CONFIG_LIBDIR=$work
unset PKG_CONFIG_PATH
cd "$work" || exit 1
have pkg-config || { skip "embedding" "no pkg-config"; finish; }
if grep -q '__[at]san_init' "$top_build/.libs/libfdnetstack.so"; then
	skip "embedding" "the library has a sanitizer in it"
	finish
fi
for pc in libfdnetstack libfdnetstack-capture; do
	# as installed, but where the build folder has it
	sed -e "s|^libdir=.*|libdir=$top_build/.libs|" \
		-e "s|^includedir=.*|includedir=$top_src/include|" \
		"$top_build/endpoint/$pc.pc" >"$pc.pc"
done

{
	for header in "$top_src"/include/fdnet/*.h; do
		echo "#include <fdnet/${header##*/}>"
	done
	cat <<'EOS'
#include <stdio.h>

int main(void)
{
	struct fdnet_ip ip = fdnet_ip4(0x0a00020f);
	struct fdnet_stack_config cfg;
	struct fdnet_stack *stack;
	char text[FDNET_IP_STRLEN];

	fdnet_stack_config_init(&cfg);
	cfg.mem = fdnet_mem_libc();
	cfg.pool = fdnet_pkt_pool_new(cfg.mem, 16, 0);
	cfg.mtu = 1500;
	if (fdnet_stack_new(&cfg, 0, &stack) ||
	    fdnet_stack_add_addr(stack, &ip, 24))
		return 1;
	puts(fdnet_ip_format(&ip, text));
	fdnet_stack_free(stack);
	fdnet_pkt_pool_free(cfg.pool);
	return 0;
}
EOS
} >p.c
cp p.c p.cc
strict="-Wall -Wextra -Werror -pedantic"
# build NAME COMMAND...: it compiles, links and says its address
build() {
	local name=$1 said
	shift
	if ! "$@" -o prog >log 2>&1; then
		not_ok "$name"
		sed 's/^/# /' log | head -20
		return
	fi
	said=$(LD_LIBRARY_PATH=$top_build/.libs ./prog 2>&1)
	same "$name" 10.0.2.15 "$said"
}

# what pkg-config says is words
# shellcheck disable=SC2046,SC2086
{
	same "no other pkg-config file is wanted" "" \
		"$(pkg-config --cflags --libs --static libfdnetstack 2>&1 >/dev/null)"
	matches "capturing statically wants libpcap" "-lpcap" \
		"$(pkg-config --libs --static libfdnetstack-capture)"
	build "C, shared" $cc -std=gnu11 $strict p.c \
		$(pkg-config --cflags --libs libfdnetstack)
	if [ -f "$top_build/.libs/libfdnetstack.a" ]; then
		build "C, static" $cc -std=gnu11 -static $strict p.c \
			$(pkg-config --cflags --libs --static libfdnetstack)
	else
		skip "C, static" "no static library was built"
	fi
	if have g++; then
		for std in c++11 c++17; do
			build "C++, $std" g++ -std=$std $strict p.cc \
				$(pkg-config --cflags --libs libfdnetstack)
		done
	else
		skip "C++" "g++ IS NOT INSTALLED"
	fi
}
finish
