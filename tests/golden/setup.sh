# SPDX-License-Identifier: MIT
# Functions for the cmd files of tests/golden.

# make_trace FILE < text of rows (see make_trace.py)
make_trace() {
	"$PYTHON" "$SETUP/make_trace.py" "$1"
}

# make_analysis FILE STEPS WAIT: an analysis of two ranks; a step takes about 10 ms, and WAIT ns of waiting.
make_analysis() {
	awk -v steps="$2" -v wait="$3" 'BEGIN {
		print "analysis analysis_id=1 window_kind=steady step_anchor=collectives world_size=2"
		for (gpu = 0; gpu < 2; gpu++) {
			where = "trace_id=" gpu " rank=" gpu " gpu_id=" gpu
			print "gpu_time", where
			for (i = 0; i < steps; i++) {
				idle = 1000000 + i * 7919 % 300000
				print "step number=" i, where, "is_steady=1 kernels=100 compute_ns=7000000",
					"comm_ns=" 2000000 + wait, "comm_wait_ns=" 500000 + wait,
					"comm_transfer_ns=1500000 idle_ns=" idle,
					"duration_ns=" 9000000 + wait + idle
				print "step_idle number=" i, where, "cause=sync idle_ns=" 400000
				print "step_idle number=" i, where, "cause=launch-bound idle_ns=" idle - 400000
			}
		}
	}' | "$PYTHON" "$SETUP/make_trace.py" "$1" analysis
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
