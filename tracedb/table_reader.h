/* SPDX-License-Identifier: MIT */
/*
 * Reading one of our databases, whatever its layout: hostile input is input. Opened read-only,
 * defensive, without trusted schema; identity and version are checked; a table or column that an
 * older version lacks reads as empty or 0. Readers of traces and of analyses stand on it.
 *
 * Thread: a reader and its cursors belong to one thread; several readers may be open at once.
 */
#ifndef TRACEDB_TABLE_READER_H
#define TRACEDB_TABLE_READER_H

#include "base/error.h"
#include "tracedb/tables.h"

#include <stdbool.h>

struct table_reader;
struct trace_cursor;

/* A database of `layout`; `path` is what errors name. NULL is fine for close. */
bool table_reader_open(struct table_reader **out, const char *path,
		       const struct database_layout *layout, struct error *error);
void table_reader_close(struct table_reader *reader);

const char *table_reader_path(const struct table_reader *reader);	/* borrowed */
int64_t table_reader_version(const struct table_reader *reader); /* user_version of the file */

/* False: the file has no such table, or no column of it. `table`: index in the layout. */
bool table_reader_has(const struct table_reader *reader, size_t table);

/* As trace_reader_select, for a table of the layout. */
bool table_reader_select(struct table_reader *reader, size_t table, uint64_t column_mask,
			 int order_by, struct trace_cursor **out, struct error *error);

/*
 * The rows whose ids lie in [first_row, last_row], in the order of their ids, which is that of
 * storage; trace_cursor_row_id then tells the id of the row that was just read.
 */
bool table_reader_select_rows(struct table_reader *reader, size_t table, uint64_t column_mask,
			      int64_t first_row, int64_t last_row, struct trace_cursor **out,
			      struct error *error);
int64_t trace_cursor_row_id(const struct trace_cursor *cursor);

/* The first and the last row id, without reading the table. No rows: the last before the first. */
bool table_reader_row_bounds(struct table_reader *reader, size_t table, int64_t *first_row,
			     int64_t *last_row, struct error *error);

/* 1: `row` filled (a struct <table>_row); 0: no more rows; -1: error. */
int trace_cursor_next(struct trace_cursor *cursor, void *row, struct error *error);
void trace_cursor_close(struct trace_cursor *cursor);

/* Rows of a table, by SQLite's count. */
bool table_reader_count(struct table_reader *reader, size_t table, int64_t *count,
			struct error *error);

/*
 * About how many rows a table has, without reading it: where to begin with memory for them, no
 * more. 0: not known.
 */
size_t table_reader_estimate_rows(struct table_reader *reader, size_t table);

/*
 * The first row of a table, its texts borrowed for the life of the reader. `*has_row` false: there
 * is none, and the row is all 0 and "".
 */
bool table_reader_first(struct table_reader *reader, size_t table, void *row, bool *has_row,
			struct error *error);

/*
 * The texts of a table of (id, text), loaded once. text(0), an unknown id and a huge one give "".
 * Borrowed, lives as long as the reader.
 */
bool table_reader_load_texts(struct table_reader *reader, size_t table, struct error *error);
const char *table_reader_text(const struct table_reader *reader, int64_t text_id);

#endif
