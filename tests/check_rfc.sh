#!/bin/sh
# The tests that doc/rfc.md and the tables of socket options name exist, and
# each row that says "done" names one.
#
# In the last column of a row a name in backquotes is a file (test_x is
# tests/test_x.c, y.tcp is tests/tcp/y.tcp, fuzz_z is fuzz/fuzz_z.c), and what
# follows its colon are cases in it, up to the next semicolon or file; three
# dots at the end of a case stand for the rest of its name.
set -eu
src=${top_srcdir:-.}
doc=$src/doc/rfc.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Rows as "line|state|file" and "line|state|file|case".
awk -F'|' '
NF == 6 && $2 !~ /^ *(document, section|---)/ {
	state = $4; gsub(/^ +| +$/, "", state); sub(/[ :;,(].*/, "", state)
	n = split($5, parts, ";")
	any = 0
	for (i = 1; i <= n; i++) {
		part = parts[i]
		file = ""
		while (match(part, /`[^`]*`/)) {
			if (file != "")
				cases(substr(part, 1, RSTART - 1))
			file = substr(part, RSTART + 1, RLENGTH - 2)
			part = substr(part, RSTART + RLENGTH)
			any = 1
			print NR "|" state "|" file
		}
		if (file != "")
			cases(part)
		if (parts[i] ~ /^ *packetdrill/) {
			any = 1
			print NR "|" state "|" "run-packetdrill"
		}
	}
	if (!any)
		print NR "|" state "|"
}
function cases(text,   m, j, names, name) {
	if (text !~ /^:/)
		return
	m = split(substr(text, 2), names, ",")
	for (j = 1; j <= m; j++) {
		name = names[j]
		gsub(/^ +| +$/, "", name)
		if (name != "")
			print NR "|" state "|" file "|" name
	}
}' "$doc" >"$work/refs"

# path_of NAME: the file that a name stands for
path_of() {
	case $1 in
	*/*) echo "$1" ;;
	*.tcp) echo "tests/tcp/$1" ;;
	test_*.sh) echo "tests/$1" ;;
	test_*) echo "tests/$1.c" ;;
	fuzz_*) echo "fuzz/$1.c" ;;
	run-packetdrill) echo "tests/packetdrill/$1" ;;
	tcp*.c) echo "stack/$1" ;;
	*) echo "$1" ;;
	esac
}

# has_case PATH CASE
has_case() {
	case $1 in
	*.tcp) pattern="^case ${2%...}" ;;
	*.c) pattern="START_TEST(${2%...}" ;;
	*)
		grep -qF -- "$2" "$src/$1"
		return
		;;
	esac
	case $2 in
	*...) grep -q -- "$pattern" "$src/$1" ;;
	*) grep -qE -- "$(echo "$pattern" | sed 's/(/\\(/')(\)|\$)" "$src/$1" ;;
	esac
}

bad=0
complain() {
	echo "doc/rfc.md:$1: $2"
	bad=$((bad + 1))
}

is_test() {
	case $1 in
	tests/* | fuzz/* | bench/*) return 0 ;;
	*) return 1 ;;
	esac
}

tested=0 # the last row with a test
row=0
row_state=
ends() {
	[ "$row_state" != "done" ] || [ "$tested" = "$row" ] ||
		complain "$row" "done, but names no test"
}
while IFS='|' read -r line state file name; do
	if [ "$line" != "$row" ]; then
		ends
		row=$line
		row_state=$state
	fi
	[ -n "$file" ] || continue
	path=$(path_of "$file")
	if [ ! -e "$src/$path" ]; then
		complain "$line" "no file $path"
	elif [ -n "$name" ] && is_test "$path" && ! has_case "$path" "$name"; then
		complain "$line" "no case $name in $path"
	elif is_test "$path"; then
		tested=$line
	fi
done <"$work/refs"
ends
echo "$(wc -l <"$work/refs") names, $bad wrong"
[ "$bad" = 0 ]
