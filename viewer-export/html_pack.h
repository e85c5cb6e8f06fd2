/* SPDX-License-Identifier: MIT */
/*
 * The data of the HTML page on its way into the file: records are compressed as one zlib stream,
 * written as base64 in <script> elements that the browser does not run. Base64 holds no '<', so no
 * text of a trace can end such an element. Nothing is kept but the buffers.
 *
 * A record is: type, length, bytes; both numbers LEB128.
 *
 * Thread: one thread at a time.
 */
#ifndef VIEWER_EXPORT_HTML_PACK_H
#define VIEWER_EXPORT_HTML_PACK_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct html_pack;
struct output;

/* What the types hold stands where source_decode.js reads them. */
enum html_record {
	RECORD_END,
	RECORD_HEAD,
	RECORD_PROCESS,
	RECORD_TRACK,
	RECORD_LABEL,
	RECORD_STRING,
	RECORD_SHAPE,
	RECORD_SLICES,
	RECORD_INSTANTS,
	RECORD_COUNTER,
	RECORD_SAMPLES,
	RECORD_FLOWS,
	RECORD_ANALYSIS,
	RECORD_SUMMARY,
	RECORD_GRID,
	RECORD_CELLS,
};

/* What the page tells elements by. */
#define HTML_PACK_TRACE "application/x-trace"
#define HTML_PACK_PICTURE "application/x-picture"

/* `type` is a literal. */
bool html_pack_open(struct html_pack **out, struct output *output, const char *type,
		    struct error *error);

/* Clears the text. */
bool html_pack_put(struct html_pack *pack, enum html_record type, struct text *text,
		   struct error *error);

/* The stream ends and its element is closed. */
bool html_pack_finish(struct html_pack *pack, struct error *error);

/* NULL is fine. */
void html_pack_close(struct html_pack *pack);

void text_add_varint(struct text *text, uint64_t value);
void text_add_zigzag(struct text *text, int64_t value);

#endif
