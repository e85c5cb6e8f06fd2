/* SPDX-License-Identifier: MIT */
/*
 * Reader of analysis databases, as safe as table_reader.h says.
 *
 * Thread: a reader and its cursors belong to one thread; several readers may be open at once.
 */
#ifndef TRACEDB_DERIVED_READER_H
#define TRACEDB_DERIVED_READER_H

#include "base/error.h"
#include "tracedb/derived.h"
#include "tracedb/table_reader.h"

#include <stdbool.h>

struct derived_reader;

bool derived_reader_open(struct derived_reader **out, const char *path, struct error *error);
void derived_reader_close(struct derived_reader *reader);	/* NULL is fine */

/* The one row of `analysis`; its texts are borrowed and live as long as the reader. */
const struct analysis_row *derived_reader_analysis(const struct derived_reader *reader);

/* As trace_reader_select. */
bool derived_reader_select(struct derived_reader *reader, enum derived_table table,
			   uint64_t column_mask, int order_by, struct trace_cursor **out,
			   struct error *error);

/* Rows of a table, by SQLite's count. */
bool derived_reader_count(struct derived_reader *reader, enum derived_table table, int64_t *count,
			  struct error *error);

/* The table of texts, as trace_reader_load_strings and trace_reader_string. */
bool derived_reader_load_texts(struct derived_reader *reader, struct error *error);
const char *derived_reader_text(const struct derived_reader *reader, int64_t text_id);

#endif
