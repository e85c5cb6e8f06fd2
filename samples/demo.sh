#!/bin/sh
# SPDX-License-Identifier: MIT
# `make demo`: captures a training run, analyses it, exports its timeline, and says where it is. With a GPU and
# PyTorch or nvcc it is a real one; without, a recording of real GPUs (samples/recorded, made by `tests/gpu/verify
# --record`) if there is one; otherwise the rig's simulated machine. Which one it was is said.
# Environment: B (folder of what was built), CUDA_HOME, PYTHON, DEMO (folder to write), RECORDED (recordings).
set -eu

build=${B:-build}
python=${PYTHON:-python3}
nvcc=${CUDA_HOME:+$CUDA_HOME/bin/nvcc}
laggard=$build/bin/laggard
demo=${DEMO:-laggard-demo}
recorded=${RECORDED:-samples/recorded}
traces=$demo/traces

say() {
	printf '\n== %s\n' "$*"
}

gpu_count() {
	nvidia-smi -L 2>/dev/null | grep -c '^GPU' || true
}

capture_torch() {
	say "capturing: samples/train_ddp.py with PyTorch on $gpus GPU(s)"
	"$laggard" run -o "$traces" -- "$python" -m torch.distributed.run --standalone \
		--nproc_per_node="$gpus" samples/train_ddp.py
}

capture_cuda() {
	say "capturing: samples/train.cu on $gpus GPU(s)"
	mkdir -p "$demo"
	"$nvcc" -O2 -std=c++17 -o "$demo/train" samples/train.cu
	"$laggard" run -o "$traces" -- "$demo/train"
}

# The first recording by name, or that of a rank that makes the others wait: there is most to see in it.
find_recording() {
	for folder in "$recorded"/slow_rank-py "$recorded"/*; do
		if ls "$folder"/*.db > /dev/null 2>&1; then
			echo "$folder"
			return
		fi
	done
}

use_recording() {
	say "no GPU here: $recording is a recording of real GPUs, made by 'tests/gpu/verify --record'"
	mkdir -p "$traces"
	cp "$recording"/*.db "$traces"
}

capture_rig() {
	say 'no GPU here: a SIMULATED machine with 4 GPUs plays tests/scenarios/ddp4.scn'
	"$laggard" run -o "$traces" -- "$build/rig/bin/rig-run" tests/scenarios/ddp4.scn
}

rm -rf "$demo"
gpus=$(gpu_count)
if [ "$gpus" -gt 0 ] &&
	"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
	capture_torch
elif [ "$gpus" -gt 0 ] && [ -n "$nvcc" ] && [ -x "$nvcc" ]; then
	capture_cuda
else
	recording=$(find_recording)
	if [ -n "$recording" ]; then
		use_recording
	else
		capture_rig
	fi
fi

say "laggard analyze $traces"
"$laggard" analyze "$traces"

say "laggard export $traces -o $demo/timeline.json"
"$laggard" export "$traces" -q -o "$demo/timeline.json"

say 'done'
echo "traces:   $traces"
echo "timeline: $demo/timeline.json (open it in chrome://tracing or https://ui.perfetto.dev)"
