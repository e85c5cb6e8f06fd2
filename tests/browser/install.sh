#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: install.sh
#
# Installs what the browser tests need, and only what is missing: a Chromium, the Trace Viewer (Debian ships it
# inside the sources of Go), Node.js, and playwright-core as package-lock.json names it; and protoc for the tests of
# Perfetto traces. Run again it does nothing. Where something cannot be had it says so and exits with 1; the tests
# are then skipped by name.
set -eu
cd "$(dirname "$0")"

missing=''

has() {
	command -v "$1" >/dev/null 2>&1
}

has_viewer() {
	for place in /usr/share/go-*/src/cmd/trace/static /usr/lib/go-*/src/cmd/trace/static; do
		[ ! -f "$place/trace_viewer_full.html" ] || return 0
	done
	return 1
}

# What the installed playwright-core is, against what the lock file asks for.
has_playwright() {
	has node && node -e '
		const wanted = require("./package-lock.json").packages["node_modules/playwright-core"].version;
		const found = require("./node_modules/playwright-core/package.json").version;
		process.exit(wanted === found ? 0 : 1)' 2>/dev/null
}

give_up() {
	echo "browser tests: $1" >&2
	exit 1
}

[ -n "${CHROMIUM:-}" ] || has chromium || has chromium-browser || missing="$missing chromium"
has_viewer || missing="$missing golang-1.19-src"
has node || missing="$missing nodejs"
has protoc || missing="$missing protobuf-compiler"
has_playwright || has npm || missing="$missing npm"

if [ -n "$missing" ]; then
	has apt-get || give_up "missing (by their Debian names):$missing"
	if [ "$(id -u)" = 0 ]; then
		as_root=''
	elif has sudo && sudo -n true 2>/dev/null; then
		as_root='sudo -n'
	else
		give_up "type 'sudo apt-get install -y$missing' for the tests in a real Trace Viewer"
	fi
	echo "installing:$missing"
	$as_root apt-get update -q >/dev/null || give_up 'apt-get update failed'
	# shellcheck disable=SC2086
	$as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get install -y -q \
		--no-install-recommends $missing >/dev/null || give_up "cannot install$missing"
fi
has_viewer || give_up 'golang-1.19-src holds no Trace Viewer'
has_playwright || npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null ||
	give_up 'npm ci failed'
has_playwright || give_up 'playwright-core is not what package-lock.json asks for'
