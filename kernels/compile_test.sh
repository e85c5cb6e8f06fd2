#!/bin/sh
# SPDX-License-Identifier: MIT
# TAP: the smallest and the largest of the programs compile, for one architecture (all of them: `make kernels`).
# Environment: CUDA_HOME.
set -u
programs='launches calibrate'
number=0
failed=0
nvcc=${CUDA_HOME:+$CUDA_HOME/bin/nvcc}
[ -n "$nvcc" ] && [ -x "$nvcc" ] || nvcc=$(command -v nvcc)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo 1..2
for program in $programs; do
	number=$((number + 1))
	name="kernels/$program.cu compiles"
	if [ -z "$nvcc" ]; then
		echo "ok $number - $name # SKIP no nvcc"
	elif "$nvcc" -std=c++17 -arch=sm_90 -Xcompiler -Wall,-Wextra,-Werror -c -o "$folder/$program.o" \
		"kernels/$program.cu" > "$folder/log" 2>&1; then
		echo "ok $number - $name"
	else
		sed 's/^/# /' "$folder/log"
		echo "not ok $number - $name"
		failed=1
	fi
done
exit $failed
