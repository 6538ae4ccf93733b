#!/usr/bin/env bash
# Machines that permit less (tests/machine.c): fdnet-run works there, says what
# is weaker, and holds. By root only, who alone can make such machines.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

run=$top_build/fdnet-run
# shellcheck source=tests/escape/common.sh
. "$(dirname "$0")/escape/common.sh"
if [ "$(id -u)" != 0 ]; then
	skip "machines" "only root can make them"
	finish
fi
cp "$top_build/tests/machine" "$work/bin/"
# shellcheck source=tests/machines.sh
. "$(dirname "$0")/machines.sh"

on() {
	timeout 200 "$work/bin/machine" "$@" </dev/null 2>"$work/err"
}

spaces="net pid ipc mount"
in_machine container root "$spaces supervisor ?landlock"
in_machine container nobody "$spaces supervisor ?landlock"
if [ -e /proc/sys/user/max_user_namespaces ] &&
	on no-userns nobody true; then
	in_machine no-userns root "$spaces ?landlock ?supervisor"
	in_machine no-userns nobody "$spaces ?landlock ?supervisor"
else
	skip "no-userns" "no user namespace can be had here"
fi
in_machine userns-empty nobody "$spaces ?landlock ?supervisor"
in_machine no-landlock nobody "?net ?pid ?ipc ?mount landlock ?supervisor"
in_machine no-notify nobody "?net ?pid ?ipc ?mount ?landlock supervisor"
in_machine yama root "?net ?pid ?ipc ?mount ?landlock supervisor"
in_machine yama nobody "?net ?pid ?ipc ?mount ?landlock supervisor"
in_machine no-pidfd nobody "?net ?pid ?ipc ?mount ?landlock supervisor"
finish
