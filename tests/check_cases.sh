#!/bin/sh
# doc/shim-cases.md: the tests that it names exist, each name of shim/calls.h
# is called by a program of the tests, and each group of shim/doors.txt of calls
# on descriptors has its row.
#
# In the last column of a row a name in backquotes is a program of
# tests/programs or, with a slash in it, a file; what follows its colon are
# functions of it (a program) or words in it (a file), up to the next semicolon.
set -eu
src=${top_srcdir:-.}
page=$src/doc/shim-cases.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
complain() {
	echo "$*"
	bad=$((bad + 1))
}

# "line|name" and "line|name|function"
awk -F'|' '
NF == 4 && $2 !~ /^ *(case|promise|doors|group of names|---)/ {
	n = split($3, parts, ";")
	for (i = 1; i <= n; i++) {
		if (!match(parts[i], /`[^`]*`/))
			continue
		name = substr(parts[i], RSTART + 1, RLENGTH - 2)
		rest = substr(parts[i], RSTART + RLENGTH)
		while (rest ~ /^, `/) { # "a", "b"
			print NR "|" name
			match(rest, /`[^`]*`/)
			name = substr(rest, RSTART + 1, RLENGTH - 2)
			rest = substr(rest, RSTART + RLENGTH)
		}
		print NR "|" name
		if (rest !~ /^: /)
			continue
		m = split(substr(rest, 3), words, ",")
		for (j = 1; j <= m; j++) {
			gsub(/^ +| +$/, "", words[j])
			print NR "|" name "|" words[j]
		}
	}
}' "$page" >"$work/refs"

while IFS='|' read -r line name word; do
	case $name in
	-*) continue ;; # an option, not a test
	*/*) file=$src/$name ;;
	*) file=$src/tests/programs/$name.c ;;
	esac
	if [ ! -e "$file" ]; then
		complain "$page:$line: no $name"
	elif [ -z "$word" ]; then
		continue
	elif [ "${name#*/}" != "$name" ]; then
		grep -qF -- "$word" "$file" ||
			complain "$page:$line: nothing of \"$word\" in $name"
	elif ! grep -qE "^[a-z].*[ *]$word\(" "$file"; then
		complain "$page:$line: $name has no $word()"
	fi
done <"$work/refs"

# A call that no program makes is not tested.
cat "$src"/tests/programs/*.[ch] "$src/tests/resolver_client.c" >"$work/programs"
sed -nE 's/^(CALL|ALIAS)\(([^,]+),.*/\2/p' "$src/shim/calls.h" >"$work/calls"
while read -r name; do
	grep -qw -- "$name" "$work/programs" ||
		complain "shim/calls.h: no program here calls $name"
done <"$work/calls"

sed -nE 's/^[KI]  //p' "$src/shim/doors.txt" >"$work/groups"
while read -r group; do
	awk -F'|' -v group="$group" 'NF == 4 {
		row = $2
		gsub(/^ +| +$/, "", row)
		if (row != "" && index(group, row) == 1) found = 1
	} END { exit !found }' "$page" ||
		complain "shim/doors.txt: $page has no row for \"$group\""
done <"$work/groups"

[ "$bad" = 0 ] || exit 1
echo "$(wc -l <"$work/refs") tests named, $(wc -l <"$work/calls") calls," \
	"$(wc -l <"$work/groups") groups"
