#!/bin/sh
# SPDX-License-Identifier: MIT
# What libtrace.so shows to the world (TAP): exactly the names in exports.map, no SQLite, no text relocation,
# nothing needed but the C library.
library=${B:-build}/lib/libtrace.so
number=0

result() {	# 0 or 1, name; what was found comes on stdin
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
		cat > /dev/null
	else
		sed 's/^/# /'
		echo "not ok $number - $2"
	fi
}

skip() {
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

if [ ! -f "$library" ]; then
	echo "1..0 # SKIP no $library"
	exit 0
fi
echo 1..6

wanted=$(sed -n 's/^	\([A-Za-z_][A-Za-z_0-9]*\);$/\1/p' libtrace/exports.map | sort)
found=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sort)
[ "$wanted" = "$found" ]
result $? 'exports are exactly the entry points' <<TEXT
wanted: $(echo $wanted)
found:  $(echo $found)
TEXT

sqlite=$(nm -D "$library" | grep -i sqlite3_)
[ -z "$sqlite" ]
result $? 'no SQLite symbol is exported or needed' <<TEXT
$sqlite
TEXT

dynamic=$(readelf -d "$library")
relocations=$(echo "$dynamic" | grep TEXTREL)
[ -z "$relocations" ]
result $? 'there are no text relocations' <<TEXT
$relocations
TEXT

echo "$dynamic" | grep -q NODELETE && echo "$dynamic" | grep -qw NOW
result $? 'it is bound at once and never unloaded' <<TEXT
$dynamic
TEXT

stack=$(readelf -lW "$library" | grep GNU_STACK)
echo "$stack" | grep -q ' RW '
result $? 'its stack is not executable' <<TEXT
$stack
TEXT

if nm -D "$library" | grep -qE '__(a|t|ub)san_'; then
	skip 'nothing is needed but the C library' 'built with a sanitizer'
else
	needed=$(echo "$dynamic" | sed -n 's/.*NEEDED.*\[\(.*\)\].*/\1/p' |
		grep -vE '^(libc|libm|libdl|libpthread)\.so\.[0-9]+$|^ld-linux')
	[ -z "$needed" ]
	result $? 'nothing is needed but the C library' <<TEXT
$needed
TEXT
fi
