#!/bin/sh
# SPDX-License-Identifier: MIT
# What libtrace's libraries show to the world (TAP): exactly the names in their lists, no SQLite, no text relocation,
# nothing needed but the C library; and that libtrace.so, which is in every process, stays small.
folder=${B:-build}/lib
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

check() {	# library, its list of exports, a pattern of what it may need
	library=$folder/$1
	wanted=$(sed -n 's/^	\([A-Za-z_][A-Za-z_0-9]*\);$/\1/p' "$2" | sort)
	found=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sort)
	[ "$wanted" = "$found" ]
	result $? "$1: exports are exactly the entry points" <<TEXT
wanted: $(echo $wanted)
found:  $(echo $found)
TEXT

	sqlite=$(nm -D "$library" | grep -i sqlite3_)
	[ -z "$sqlite" ]
	result $? "$1: no SQLite symbol is exported or needed" <<TEXT
$sqlite
TEXT

	dynamic=$(readelf -d "$library")
	relocations=$(echo "$dynamic" | grep TEXTREL)
	[ -z "$relocations" ]
	result $? "$1: there are no text relocations" <<TEXT
$relocations
TEXT

	echo "$dynamic" | grep -q NODELETE && echo "$dynamic" | grep -qw NOW
	result $? "$1: it is bound at once and never unloaded" <<TEXT
$dynamic
TEXT

	stack=$(readelf -lW "$library" | grep GNU_STACK)
	echo "$stack" | grep -q ' RW '
	result $? "$1: its stack is not executable" <<TEXT
$stack
TEXT

	if nm -D "$library" | grep -qE '__(a|t|ub)san_'; then
		skip "$1: nothing is needed but the C library" 'built with a sanitizer'
	else
		needed=$(echo "$dynamic" | sed -n 's/.*NEEDED.*\[\(.*\)\].*/\1/p' | grep -vE "^($3)\$|^ld-linux")
		[ -z "$needed" ]
		result $? "$1: nothing is needed but the C library" <<TEXT
$needed
TEXT
	fi
}

if [ ! -f "$folder/libtrace.so" ]; then
	echo "1..0 # SKIP no $folder/libtrace.so"
	exit 0
fi
echo 1..14
check libtrace.so libtrace/preload/exports.map 'libc\.so\.[0-9]+'
check libtrace-capture.so libtrace/capture.map '(libc|libm|libdl|libpthread)\.so\.[0-9]+|libtrace\.so'

threads=$(readelf -lW "$folder/libtrace-capture.so" | grep -w TLS)
if nm -D "$folder/libtrace.so" | grep -qE '__(a|t|ub)san_'; then
	skip 'libtrace-capture.so takes no space of threads' 'built with a sanitizer'
	skip 'libtrace.so is small' 'built with a sanitizer'
else
	[ -z "$threads" ]
	result $? 'libtrace-capture.so takes no space of threads' <<TEXT
$threads
TEXT
	bytes=$(size "$folder/libtrace.so" | awk 'NR == 2 { print $1 + $2 }')
	[ "$bytes" -le 49152 ]
	result $? 'libtrace.so is small' <<TEXT
$bytes bytes of code and data: every process below a training pays for them
TEXT
fi
