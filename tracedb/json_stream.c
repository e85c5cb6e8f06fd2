/* SPDX-License-Identifier: MIT */
#include "tracedb/json_stream.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>
#include <zlib.h>

enum {
	CHUNK_BYTES = 256 * 1024,
	NEAR_BEFORE = 32,	/* bytes shown before and behind the place of an error */
	NEAR_BEHIND = 16,
};

struct json_stream {
	const char *path;
	json_receiver receive;
	void *context;
	struct error *error;
	gzFile file;
	yajl_handle parser;
	unsigned char *chunk;
	size_t chunk_length;
	int64_t chunk_offset;	/* of the chunk's first byte in the (unpacked) text */
	int64_t lines;		/* newlines before the chunk */
	int64_t tokens;
	int64_t silent_bytes;	/* bytes since a chunk that ended a token */
	int depth;
	bool is_packed;
	const char *fault;	/* what we, not yajl, found wrong in the text */
};

static int64_t count_newlines(const unsigned char *bytes, size_t length)
{
	int64_t count = 0;
	const unsigned char *end = bytes + length;
	while ((bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
		count++;
		bytes++;
	}
	return count;
}

/* The text around an error, printable, in `out`. */
static void near_text(const struct json_stream *stream, size_t at, char *out, size_t size)
{
	size_t from = at > NEAR_BEFORE ? at - NEAR_BEFORE : 0;
	size_t to =
		at + NEAR_BEHIND < stream->chunk_length ? at + NEAR_BEHIND : stream->chunk_length;
	size_t length = 0;
	for (size_t i = from; i < to && length + 1 < size; i++) {
		unsigned char c = stream->chunk[i];
		if (c == '\n' || c == '\t' || c == '\r')
			c = ' ';
		out[length++] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	out[length] = 0;
}

/* `what` is wrong at byte `at` of the current chunk. */
static bool fail_at(const struct json_stream *stream, size_t at, const char *what)
{
	char near[NEAR_BEFORE + NEAR_BEHIND + 1];
	if (at > stream->chunk_length)
		at = stream->chunk_length;
	near_text(stream, at, near, sizeof near);
	return fail(stream->error, ERROR_INPUT,
		    "'%s' is not valid JSON: byte %lld%s, line %lld: %s%s%s%s", stream->path,
		    (long long)(stream->chunk_offset + (int64_t)at),
		    stream->is_packed ? " of the unpacked text" : "",
		    (long long)(stream->lines + count_newlines(stream->chunk, at) + 1), what,
		    near[0] == 0 ? "" : ", near '", near, near[0] == 0 ? "" : "'");
}

/* yajl's words without its full stop and newline. */
static bool fail_parser(const struct json_stream *stream, size_t at)
{
	unsigned char *words =
		yajl_get_error(stream->parser, 0, stream->chunk, stream->chunk_length);
	if (words == NULL)
		return fail(stream->error, ERROR_SYSTEM, "cannot read '%s': no memory",
			    stream->path);
	char what[160];
	size_t length = strcspn((const char *)words, "\n");
	if (length >= sizeof what)
		length = sizeof what - 1;
	memcpy(what, words, length);
	if (length > 0 && what[length - 1] == '.')
		length--;
	what[length] = 0;
	yajl_free_error(stream->parser, words);
	if (strstr(what, "premature EOF") != NULL)
		return fail_at(stream, at,
			       "the text is cut off here (an unfinished copy or a left-over "
			       ".tmp file?)");
	return fail_at(stream, at, what);
}

static bool is_valid_utf8(const char *bytes, size_t length)
{
	size_t at = 0;
	while (at < length) {
		uint64_t eight;
		if (length - at >= sizeof eight) {
			memcpy(&eight, bytes + at, sizeof eight);
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				at += sizeof eight;
				continue;
			}
		}
		size_t step = (unsigned char)bytes[at] < 0x80 ? 1 :
			utf8_sequence_length(bytes + at, length - at);
		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

static int pass_on(struct json_stream *stream, enum json_kind kind, const char *bytes,
		   size_t length)
{
	const struct json_token token = { kind, stream->depth, bytes, length };
	stream->tokens++;
	return stream->receive(stream->context, &token, stream->error);
}

static int on_null(void *context)
{
	return pass_on(context, JSON_NULL, NULL, 0);
}

static int on_boolean(void *context, int value)
{
	return pass_on(context, value ? JSON_TRUE : JSON_FALSE, NULL, 0);
}

static int on_number(void *context, const char *bytes, size_t length)
{
	return pass_on(context, JSON_NUMBER, bytes, length);
}

/* yajl takes overlong sequences and encoded surrogates for UTF-8; other readers do not. */
static int pass_text(struct json_stream *stream, enum json_kind kind, const unsigned char *bytes,
		     size_t length)
{
	if (!is_valid_utf8((const char *)bytes, length)) {
		stream->fault = "bad UTF-8 in a string";
		return 0;
	}
	return pass_on(stream, kind, (const char *)bytes, length);
}

static int on_string(void *context, const unsigned char *bytes, size_t length)
{
	return pass_text(context, JSON_STRING, bytes, length);
}

static int on_key(void *context, const unsigned char *bytes, size_t length)
{
	return pass_text(context, JSON_KEY, bytes, length);
}

static int begin(struct json_stream *stream, enum json_kind kind)
{
	if (stream->depth >= JSON_DEPTH_MAX) {
		stream->fault = "nested too deeply";
		return 0;
	}
	int ok = pass_on(stream, kind, NULL, 0);
	stream->depth++;
	return ok;
}

static int end(struct json_stream *stream, enum json_kind kind)
{
	stream->depth--;
	return pass_on(stream, kind, NULL, 0);
}

static int on_object_begin(void *context)
{
	return begin(context, JSON_OBJECT_BEGIN);
}

static int on_object_end(void *context)
{
	return end(context, JSON_OBJECT_END);
}

static int on_array_begin(void *context)
{
	return begin(context, JSON_ARRAY_BEGIN);
}

static int on_array_end(void *context)
{
	return end(context, JSON_ARRAY_END);
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_object_begin,
	.yajl_map_key = on_key,
	.yajl_end_map = on_object_end,
	.yajl_start_array = on_array_begin,
	.yajl_end_array = on_array_end,
};

/* A status other than ok: our own finding, the receiver's error, or yajl's. */
static bool check_status(struct json_stream *stream, yajl_status status)
{
	if (status == yajl_status_ok)
		return true;
	size_t at = yajl_get_bytes_consumed(stream->parser);
	if (stream->fault != NULL)
		return fail_at(stream, at, stream->fault);
	if (status == yajl_status_client_canceled)
		return false;
	return fail_parser(stream, at);
}

static bool parse_chunk(struct json_stream *stream)
{
	int64_t tokens = stream->tokens;
	const unsigned char *bytes = stream->chunk;
	size_t length = stream->chunk_length;
	if (stream->chunk_offset == 0 && length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		/* A byte order mark: blanked, so that offsets stay true. */
		memset(stream->chunk, ' ', 3);
	}
	if (!check_status(stream, yajl_parse(stream->parser, bytes, length)))
		return false;
	/* yajl keeps an unfinished token in memory: that must have an end. */
	stream->silent_bytes =
		stream->tokens == tokens ? stream->silent_bytes + (int64_t)length : 0;
	if (stream->silent_bytes > JSON_TOKEN_BYTES_MAX)
		return fail_at(stream, length, "a string or number of more than 64 MiB");
	return true;
}

/* What zlib has to complain of, after a read that gave `got` bytes. */
static bool check_file(const struct json_stream *stream, int got)
{
	int code = Z_OK;
	const char *words = gzerror(stream->file, &code);
	if (got >= 0 && code == Z_OK)
		return true;
	long long at = (long long)gzoffset(stream->file);
	if (code == Z_ERRNO)
		return fail(stream->error, ERROR_INPUT, "cannot read '%s': %s", stream->path,
			    strerror(errno));
	if (code == Z_MEM_ERROR)
		return fail(stream->error, ERROR_SYSTEM, "cannot read '%s': no memory",
			    stream->path);
	if (code == Z_BUF_ERROR)
		return fail(stream->error, ERROR_INPUT,
			    "'%s' is cut off: its gzip data ends at byte %lld, "
			    "before the end of the text",
			    stream->path, at);
	const char *reason = strstr(words, ": "); /* behind zlib's name for the file, "<fd:3>" */
	return fail(stream->error, ERROR_INPUT,
		    "'%s' is damaged: bad gzip data before byte %lld: %s", stream->path, at,
		    reason == NULL ? words : reason + 2);
}

static bool read_chunks(struct json_stream *stream, const struct import_options *options,
			int64_t bytes_all)
{
	for (;;) {
		int got = gzread(stream->file, stream->chunk, CHUNK_BYTES);
		if (got <= 0) {
			if (!check_file(stream, got))
				return false;
			break;
		}
		stream->is_packed = !gzdirect(stream->file);
		stream->chunk_length = (size_t)got;
		if (!parse_chunk(stream))
			return false;
		stream->chunk_offset += got;
		stream->lines += count_newlines(stream->chunk, stream->chunk_length);
		if (options != NULL && options->progress != NULL)
			options->progress(options->progress_context,
					  (int64_t)gzoffset(stream->file), bytes_all);
	}
	if (stream->chunk_offset == 0)
		return fail(stream->error, ERROR_INPUT, "'%s' is empty", stream->path);
	stream->chunk_length = 0;
	return check_status(stream, yajl_complete_parse(stream->parser));
}

static bool stream_open(struct json_stream *stream, int64_t *bytes_all)
{
	struct stat status;
	int file = open(stream->path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &status) != 0) {
		int code = errno;
		if (file >= 0)
			(void)close(file);
		return fail(stream->error, ERROR_INPUT, "cannot open '%s': %s", stream->path,
			    strerror(code));
	}
	if (S_ISDIR(status.st_mode)) {
		(void)close(file);
		return fail(stream->error, ERROR_INPUT, "'%s' is a folder", stream->path);
	}
	*bytes_all = (int64_t)status.st_size;
	stream->file = gzdopen(file, "rb");
	if (stream->file == NULL)
		(void)close(file);
	stream->chunk = malloc(CHUNK_BYTES);
	stream->parser = yajl_alloc(&callbacks, NULL, stream);
	if (stream->file == NULL || stream->chunk == NULL || stream->parser == NULL)
		return fail(stream->error, ERROR_SYSTEM, "cannot read '%s': no memory",
			    stream->path);
	(void)gzbuffer(stream->file, CHUNK_BYTES / 2);
	return true;
}

bool json_stream_read(const char *path, const struct import_options *options, json_receiver receive,
		      void *context, struct error *error)
{
	struct error ignored;
	struct json_stream stream = { .path = path, .receive = receive, .context = context,
				      .error = error == NULL ? &ignored : error };
	int64_t bytes_all = 0;
	bool ok = stream_open(&stream, &bytes_all) && read_chunks(&stream, options, bytes_all);
	if (stream.parser != NULL)
		yajl_free(stream.parser);
	if (stream.file != NULL)
		(void)gzclose(stream.file);
	free(stream.chunk);
	return ok;
}
