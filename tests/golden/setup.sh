# SPDX-License-Identifier: MIT
# Functions for the cmd files of tests/golden.

# make_trace FILE < text of rows (see make_trace.py)
make_trace() {
	"$PYTHON" "$SETUP/make_trace.py" "$1"
}

# A process with one GPU: 100 us of kernels on two streams, a copy, a gap. $2 is its rank.
make_small_trace() {
	sed "s/RANK/$2/g" "$SETUP/small.rows" | make_trace "$1"
}

# sql FILE STATEMENT
sql() {
	"$PYTHON" -c 'import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.executescript(sys.argv[2])
database.commit()' "$1" "$2"
}

# Runs a command and prints its exit status behind it.
status_of() {
	"$@" && echo "status 0" || echo "status $?"
}
