# Makes the linker's version script from the rows of shim/calls.h, so that the
# library exports the names it answers and nothing else.
BEGIN { print "{"; print "global:" }
/^(CALL|ALIAS)\(/ {
	name = $0
	sub(/^[A-Z]+\(/, "", name)
	sub(/,.*/, "", name)
	print "\t" name ";"
}
END { print "local:"; print "\t*;"; print "};" }
