#!/usr/bin/env bash
# The AppArmor profile of doc/examples is one: read by the parser, loaded
# nowhere (tests/vm loads it). Parsers before AppArmor 4 do not know user
# namespaces: they get the rest.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

PATH=$PATH:/usr/sbin:/sbin
profile=$top_src/doc/examples/fdnet-run.apparmor
have apparmor_parser || { skip "apparmor" "no apparmor_parser"; finish; }
parse() {
	timeout 60 apparmor_parser -Q -K "$@" </dev/null >"$work/out" 2>&1
}
cp "$profile" "$work/profile"
if [ ! -e /etc/apparmor.d/abi/4.0 ]; then
	sed -i '/^abi /d; /^  userns,$/d' "$work/profile"
fi
parse "$work/profile"
same "the profile is read" 0 $?
same "and holds for fdnet-run" fdnet-run \
	"$(apparmor_parser -N "$work/profile" 2>/dev/null </dev/null)"
sed 's/unconfined/bogus/' "$work/profile" >"$work/broken"
parse "$work/broken"
same "a broken one would be seen" 1 $?
finish
