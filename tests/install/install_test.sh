#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs into a scratch folder, compares the names with files.txt, runs the program there, uninstalls (TAP).
# UPDATE=1 records files.txt anew. Environment: MAKE and what make was called with.
set -u

here=$(dirname "$0")
make=${MAKE:-make}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
stage=$scratch/stage
number=0
failed=0

# result STATUS NAME: one TAP line; diagnostics stand in $scratch/log.
result() {
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		sed 's/^/# /' "$scratch/log"
		echo "not ok $number - $2"
		failed=1
	fi
}

installed() {
	# The measuring program is there only where nvcc is and `make kernels` was run.
	(cd "$stage" && find . ! -type d ! -name laggard-calibrate | LC_ALL=C sort)
}

echo 1..7
$make --no-print-directory install DESTDIR="$stage" PREFIX=/usr/local > "$scratch/log" 2>&1
result $? 'make install'

if [ -n "${UPDATE:-}" ]; then
	installed > "$here/files.txt"
fi
installed | diff -u "$here/files.txt" - > "$scratch/log" 2>&1
result $? 'what is installed is what is listed'

program=$stage/usr/local/bin/laggard
"$program" --version > "$scratch/log" 2>&1 && "$stage/usr/local/bin/analyzer" --help >> "$scratch/log" 2>&1
result $? 'the installed program and its links run'

# The sanitizers' run time must come first in a process: the program run here does without it.
if [ -n "${SAN:-}" ]; then
	number=$((number + 1))
	echo "ok $number - the installed launcher finds the installed library # SKIP built with SAN=$SAN"
else
	(cd "$scratch" && "$program" run -q -o traces -- sh -c 'echo "$LD_PRELOAD"') > "$scratch/log" 2>&1 &&
		grep -qx "$stage/usr/local/lib/libtrace.so" "$scratch/log"
	result $? 'the installed launcher finds the installed library'
fi

if command -v man > /dev/null 2>&1; then
	MANPATH=$stage/usr/local/share/man man -P cat laggard-analyze > "$scratch/log" 2>&1 &&
		grep -q 'laggard analyze' "$scratch/log"
	result $? 'man finds and shows the pages'
else
	number=$((number + 1))
	echo "ok $number - man finds and shows the pages # SKIP no man here"
fi

$make --no-print-directory uninstall DESTDIR="$stage" PREFIX=/usr/local > "$scratch/log" 2>&1
result $? 'make uninstall'
find "$stage" -mindepth 1 > "$scratch/log" 2>/dev/null
[ ! -s "$scratch/log" ]
result $? 'uninstall leaves nothing'
exit $failed
