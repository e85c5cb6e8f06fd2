/* SPDX-License-Identifier: MIT */
/*
 * Our own page, made from viewer-export/page by page_bytes.sh when the program is built: for the
 * HTML export head, then the coarse picture, the scripts, the data, and the tail; for the server
 * the page and the files beside it.
 *
 * Thread: constants.
 */
#ifndef VIEWER_EXPORT_HTML_PAGE_H
#define VIEWER_EXPORT_HTML_PAGE_H

#include <stddef.h>

extern const unsigned char html_page_head[];
extern const size_t html_page_head_bytes;
extern const unsigned char html_page_script[];
extern const size_t html_page_script_bytes;
extern const unsigned char html_page_tail[];
extern const size_t html_page_tail_bytes;

extern const unsigned char view_page_html[];
extern const size_t view_page_html_bytes;
extern const unsigned char view_page_script[];
extern const size_t view_page_script_bytes;
extern const unsigned char view_page_style[];
extern const size_t view_page_style_bytes;

#endif
