#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: page_bytes.sh export|view PAGE-FOLDER SCRIPT...    prints our page as C, see html_page.h
#
# For the export: where page.html says @STYLE@, @SCRIPT@, @PICTURE@ and @DATA@, page.css, the scripts in the order
# given, the coarse picture and the data (in C: the ends of the first two parts) are put. The scripts find the picture
# there when they begin, and read the data while it comes in. For `laggard view`: style and scripts are files beside
# the page, and the server says what it may load. Only standard tools.
set -eu
kind=$1
folder=$2
shift 2

bytes() {
	echo "const unsigned char $1[] = {"
	od -An -v -tu1 | sed 's/[0-9][0-9]*/&,/g'
	echo '};'
	echo "const size_t $1_bytes = sizeof $1;"
}

head_text() {
	sed -n '1,/@STYLE@/p' "$folder/page.html" | sed '$d'
	cat "$folder/page.css"
	sed -n '/@STYLE@/,/@PICTURE@/p' "$folder/page.html" | sed -e '1d' -e '$d'
}

script_text() {
	sed -n '/@PICTURE@/,/@SCRIPT@/p' "$folder/page.html" | sed -e '1d' -e '$d'
	cat "$@"
	sed -n '/@SCRIPT@/,/@DATA@/p' "$folder/page.html" | sed -e '1d' -e '$d'
}

tail_text() {
	sed -n '/@DATA@/,$p' "$folder/page.html" | sed '1d'
}

view_html() {
	sed -e '/Content-Security-Policy/d' -e '/^<style>$/,/^<\/style>$/c\
<link rel="stylesheet" href="page.css">\
<link rel="icon" href="data:,">' -e '/@PICTURE@/,/@DATA@/c\
<script src="page.js"></script>' "$folder/page.html"
}

view_script() {
	echo "'use strict';"
	echo '(() => {'
	cat "$@"
	echo '})();'
}

echo '#include "viewer-export/html_page.h"'
if [ "$kind" = export ]; then
	head_text | bytes html_page_head
	script_text "$@" | bytes html_page_script
	tail_text | bytes html_page_tail
else
	view_html | bytes view_page_html
	view_script "$@" | bytes view_page_script
	bytes view_page_style < "$folder/page.css"
fi
