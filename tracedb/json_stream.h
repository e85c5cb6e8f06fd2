/* SPDX-License-Identifier: MIT */
/*
 * A JSON file as a stream of tokens: plain or gzipped (told by content), unpacked and parsed piece
 * by piece, so that memory does not grow with the file. Strict JSON in strict UTF-8; one value may
 * not be longer than JSON_TOKEN_BYTES_MAX nor nested deeper than JSON_DEPTH_MAX. Every error names
 * the file and the place.
 *
 * Thread: one stream on one thread; the receiver is called on it.
 */
#ifndef TRACEDB_JSON_STREAM_H
#define TRACEDB_JSON_STREAM_H

#include "base/error.h"
#include "tracedb/import.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	JSON_DEPTH_MAX = 256,
	JSON_TOKEN_BYTES_MAX = 64 * 1024 * 1024,
};

enum json_kind {
	JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_KEY,
	JSON_OBJECT_BEGIN, JSON_OBJECT_END, JSON_ARRAY_BEGIN, JSON_ARRAY_END,
};

struct json_token {
	enum json_kind kind;
	int depth;		/* containers around it; a begin and its end have the same */
	const char *bytes;      /* text of a key, a string (unescaped) or a number; not terminated,
				   borrowed */
	size_t length;
};

/* Takes one token; false (with the error set) ends the reading. */
typedef bool (*json_receiver)(void *context, const struct json_token *token, struct error *error);

/*
 * Reads the whole file. `options` (may be NULL) says whom to tell the progress, in bytes of the
 * file.
 */
bool json_stream_read(const char *path, const struct import_options *options, json_receiver receive,
		      void *context, struct error *error);

#endif
