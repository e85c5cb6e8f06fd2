#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: install_packages.sh    (environment: CC, SQLITE_SOURCE)
#
# Installs what building and testing laggard need, on Debian and Ubuntu, and only what is missing: a machine
# that has everything needs neither root nor network. Elsewhere it prints what to install and exits with 1.
set -eu

compiler=${CC:-gcc}
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT INT TERM
missing=''

has_compiler() {
	echo 'int main(void) { return 0; }' > "$probe/main.c"
	$compiler -o "$probe/main" "$probe/main.c" 2>/dev/null
}

# has_library HEADER LIBRARY: compiles and links
has_library() {
	printf '#include <stddef.h>\n#include <%s>\nint main(void) { return 0; }\n' "$1" > "$probe/main.c"
	$compiler -o "$probe/main" "$probe/main.c" "-l$2" 2>/dev/null
}

need() {
	missing="$missing $1"
}

has_compiler || case $compiler in
	*clang*) need clang; need build-essential ;;
	*) need build-essential ;;
esac
if [ -n "$missing" ]; then
	# Without a compiler nothing else can be tried.
	need libsqlite3-dev; need zlib1g-dev; need libyajl-dev; need libmicrohttpd-dev
else
	[ -n "${SQLITE_SOURCE:-}" ] || has_library sqlite3.h sqlite3 || need libsqlite3-dev
	has_library zlib.h z || need zlib1g-dev
	has_library yajl/yajl_parse.h yajl || need libyajl-dev
	has_library microhttpd.h microhttpd || need libmicrohttpd-dev
	has_library stdlib.h stdc++ || need build-essential
fi
python3 -c 'import sqlite3' 2>/dev/null || need python3
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "install_packages: missing (by their Debian names):$missing" >&2
	exit 1
fi
if [ "$(id -u)" = 0 ]; then
	as_root=''
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
	as_root='sudo -n'
else
	echo "install_packages: packages are missing; type this and try again:" >&2
	echo "    sudo apt-get update && sudo apt-get install -y$missing" >&2
	exit 1
fi
echo "installing:$missing"
$as_root apt-get update -q >&2
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get install -y -q $missing >&2
