#!/bin/sh
# The tests that doc/rfc.md and doc/sockopts.md name exist, each row that says
# "done" names one, and the table of socket options is stack/sockopt_table.h's.
#
# In the last column of a row a name in backquotes is a file (test_x is
# tests/test_x.c, y.tcp is tests/tcp/y.tcp, fuzz_z is fuzz/fuzz_z.c), and what
# follows its colon are cases in it, up to the next semicolon or file; three
# dots at the end of a case stand for the rest of its name.
set -eu
src=${top_srcdir:-.}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# refs_of DOC COLUMNS STATE-COLUMN TEST-COLUMN: rows as "doc:line|state|file" and
# "doc:line|state|file|case"
refs_of() {
	awk -F'|' -v doc="$1" -v columns="$2" -v at="$3" -v where="$4" '
NF == columns + 2 && $2 !~ /^ *(document, section|name|---)/ {
	state = at ? $(at + 1) : ""
	gsub(/^ +| +$/, "", state); sub(/[ :;,(].*/, "", state)
	n = split($(where + 1), parts, ";")
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
			print doc ":" NR "|" state "|" file
		}
		if (file != "")
			cases(part)
		if (parts[i] ~ /^ *packetdrill/) {
			any = 1
			print doc ":" NR "|" state "|" "run-packetdrill"
		}
	}
	if (!any)
		print doc ":" NR "|" state "|"
}
function cases(text,   m, j, names, name) {
	if (text !~ /^:/)
		return
	m = split(substr(text, 2), names, ",")
	for (j = 1; j <= m; j++) {
		name = names[j]
		gsub(/^ +| +$/, "", name)
		if (name != "")
			print doc ":" NR "|" state "|" file "|" name
	}
}' "$src/$1"
}
refs_of doc/rfc.md 4 3 4 >"$work/refs"
refs_of doc/sockopts.md 6 0 5 >>"$work/refs"

# The code's rows of options, and the page's, as "name | level | type | set /
# get | tests".
awk '
/^OPTION\(/ { row = "" }
{ row = row $0 }
/"\)$/ {
	sub(/^OPTION\(/, "", row)
	gsub(/"[ \t]+"/, "", row)
	tests = row
	sub(/^[^"]*"/, "", tests)
	sub(/"\)$/, "", tests)
	sub(/".*/, "", row)
	split(row, f, /, */)
	sub(/^none$/, "-", f[4])
	sub(/^none$/, "-", f[5])
	print "| " f[2] " | " f[1] " | " f[3] " | " f[4] " / " f[5] " | " tests " |"
}' "$src/stack/sockopt_table.h" >"$work/code"
awk -F'|' 'NF == 8 && /^\| [A-Z]/ {
	gsub(/`/, "")
	print "|" $2 "|" $3 "|" $4 "|" $5 "|" $6 "|"
}' "$src/doc/sockopts.md" >"$work/page"

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
	echo "$1: $2"
	bad=$((bad + 1))
}

is_test() {
	case $1 in
	tests/* | fuzz/* | bench/*) return 0 ;;
	*) return 1 ;;
	esac
}

tested=0 # the last row with a test
row=0 # doc:line
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
if ! diff "$work/code" "$work/page" >"$work/diff"; then
	cat "$work/diff"
	complain doc/sockopts.md "differs from stack/sockopt_table.h"
fi
if grep -e no_row_reads_or_writes_out_of_bounds -e '|  |$' "$work/code"; then
	complain stack/sockopt_table.h "lengths alone are no test of an option"
fi
echo "$(wc -l <"$work/code") options"
echo "$(wc -l <"$work/refs") names, $bad wrong"
[ "$bad" = 0 ]
