#!/bin/sh
# SPDX-License-Identifier: MIT
# TAP: the smallest of the programs compiles, for one architecture (all of them: `make kernels`).
# Environment: CUDA_HOME.
echo 1..1
name='kernels/launches.cu compiles'
nvcc=${CUDA_HOME:+$CUDA_HOME/bin/nvcc}
[ -n "$nvcc" ] && [ -x "$nvcc" ] || nvcc=$(command -v nvcc)
if [ -z "$nvcc" ]; then
	echo "ok 1 - $name # SKIP no nvcc"
	exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if "$nvcc" -std=c++17 -arch=sm_90 -Xcompiler -Wall,-Wextra,-Werror -c -o "$folder/launches.o" kernels/launches.cu \
	>"$folder/log" 2>&1; then
	echo "ok 1 - $name"
else
	sed 's/^/# /' "$folder/log"
	echo "not ok 1 - $name"
	exit 1
fi
