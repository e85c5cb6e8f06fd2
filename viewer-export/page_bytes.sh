#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: page_bytes.sh PAGE-FOLDER SCRIPT...    prints the page of the HTML export as C, see html_page.h
#
# Where page.html says @STYLE@, @SCRIPT@, @PICTURE@ and @DATA@, page.css, the scripts in the order given, the coarse
# picture and the data (in C: the ends of the first two parts) are put. The scripts find the picture there when they
# begin, and read the data while it comes in. Only standard tools.
set -eu
folder=$1
shift

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

echo '#include "viewer-export/html_page.h"'
head_text | bytes html_page_head
script_text "$@" | bytes html_page_script
tail_text | bytes html_page_tail
