#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: compile_commands.sh 'COMPILER FLAGS' SOURCE...  Prints a compilation database for editors.
set -eu
command=$1
shift
folder=$(pwd)
separator='['
for source in "$@"; do
	printf '%s\n{ "directory": "%s", "file": "%s", "command": "%s -c %s" }' \
		"$separator" "$folder" "$source" "$command" "$source"
	separator=,
done
printf '\n]\n'
