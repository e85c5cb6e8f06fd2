/* SPDX-License-Identifier: MIT */
/*
 * Reader of trace databases: hostile input is input. Opened read-only, defensive, without trusted
 * schema; identity and version are checked; a table or column that an older version lacks reads as
 * empty or 0.
 *
 * Thread: a reader and its cursors belong to one thread; several readers may be open at once.
 */
#ifndef TRACEDB_READER_H
#define TRACEDB_READER_H

#include "base/error.h"
#include "tracedb/tables.h"

#include <stdbool.h>

struct trace_reader;
struct trace_cursor;

/* What a file is, by its first bytes. */
enum file_format {
	FILE_FORMAT_UNKNOWN,
	FILE_FORMAT_TRACE,	/* ours */
	FILE_FORMAT_NSYS,	/* Nsight Systems SQLite export */
	FILE_FORMAT_SQLITE,	/* some other SQLite database */
	FILE_FORMAT_KINETO,	/* JSON, perhaps gzipped */
	FILE_FORMAT_RESULT,	/* a timeline or a report that laggard made of traces */
};

/* Fails with ERROR_INPUT for missing, unreadable, empty files and folders. */
bool file_format_of(const char *path, enum file_format *format, struct error *error);

bool trace_reader_open(struct trace_reader **out, const char *path, struct error *error);
void trace_reader_close(struct trace_reader *reader);

const char *trace_reader_path(const struct trace_reader *reader);	/* borrowed */
int64_t trace_reader_version(const struct trace_reader *reader); /* user_version of the file */

/* The one row of `trace`; its texts are borrowed and live as long as the reader. */
const struct trace_row *trace_reader_trace(const struct trace_reader *reader);

/*
 * All rows of a table in storage order. `column_mask` (COLUMN_BIT; 0 = all) says which members to
 * fill, the others are 0 or "". TEXT members are borrowed until the next call on the cursor.
 * `order_by` is a column index or -1.
 */
bool trace_reader_select(struct trace_reader *reader, enum trace_table table, uint64_t column_mask,
			 int order_by, struct trace_cursor **out, struct error *error);

/* 1: `row` filled (a struct <table>_row); 0: no more rows; -1: error. */
int trace_cursor_next(struct trace_cursor *cursor, void *row, struct error *error);
void trace_cursor_close(struct trace_cursor *cursor);

/* Rows of a table, by SQLite's count. */
bool trace_reader_count(struct trace_reader *reader, enum trace_table table, int64_t *count,
			struct error *error);

/*
 * The interned texts, loaded once. string(0), an unknown id and a huge one give "". Borrowed, lives
 * as long as the reader.
 */
bool trace_reader_load_strings(struct trace_reader *reader, struct error *error);
const char *trace_reader_string(const struct trace_reader *reader, int64_t string_id);

#endif
