/* SPDX-License-Identifier: MIT */
/*
 * Reader of trace databases, as safe as table_reader.h says.
 *
 * Thread: a reader and its cursors belong to one thread; several readers may be open at once.
 */
#ifndef TRACEDB_READER_H
#define TRACEDB_READER_H

#include "base/error.h"
#include "tracedb/file_format.h"
#include "tracedb/table_reader.h"
#include "tracedb/tables.h"

#include <stdbool.h>

struct trace_reader;

bool trace_reader_open(struct trace_reader **out, const char *path, struct error *error);
void trace_reader_close(struct trace_reader *reader);

const char *trace_reader_path(const struct trace_reader *reader);	/* borrowed */
int64_t trace_reader_version(const struct trace_reader *reader); /* user_version of the file */

/* The one row of `trace`; its texts are borrowed and live as long as the reader. */
const struct trace_row *trace_reader_trace(const struct trace_reader *reader);

/*
 * All rows of a table in storage order. `column_mask` (COLUMN_BIT; 0 = all) says which members to
 * fill, the others are 0 or "". TEXT members are borrowed until the next call on the cursor.
 * `order_by` is a column index or -1. The cursor's functions stand in table_reader.h.
 */
bool trace_reader_select(struct trace_reader *reader, enum trace_table table, uint64_t column_mask,
			 int order_by, struct trace_cursor **out, struct error *error);

/* As table_reader_select_rows and table_reader_row_bounds. */
bool trace_reader_select_rows(struct trace_reader *reader, enum trace_table table,
			      uint64_t column_mask, int64_t first_row, int64_t last_row,
			      struct trace_cursor **out, struct error *error);
bool trace_reader_row_bounds(struct trace_reader *reader, enum trace_table table,
			     int64_t *first_row, int64_t *last_row, struct error *error);

/* Rows of a table, by SQLite's count. */
bool trace_reader_count(struct trace_reader *reader, enum trace_table table, int64_t *count,
			struct error *error);

/* About how many, without reading them; only to begin with memory for them. 0: not known. */
size_t trace_reader_estimate_rows(struct trace_reader *reader, enum trace_table table);

/*
 * The interned texts, loaded once. string(0), an unknown id and a huge one give "". Borrowed, lives
 * as long as the reader.
 */
bool trace_reader_load_strings(struct trace_reader *reader, struct error *error);
const char *trace_reader_string(const struct trace_reader *reader, int64_t string_id);

#endif
