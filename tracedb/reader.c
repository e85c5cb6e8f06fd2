/* SPDX-License-Identifier: MIT */
#include "tracedb/reader.h"

#include <stdlib.h>

struct trace_reader {
	struct table_reader *tables;
	struct trace_row trace;
};

/* Killed between the creation of the tables and the first commit: nothing is known. */
static void trace_set_unknown(struct trace_row *trace)
{
	trace->trace_id = 1;
	trace->pid = -1;
	trace->rank = -1;
	trace->world_size = -1;
	trace->local_rank = -1;
	trace->stop_ns = -1;
}

static bool reader_load_trace(struct trace_reader *reader, const char *path, struct error *error)
{
	bool has_row = false;
	if (!table_reader_has(reader->tables, TABLE_trace))
		return fail(error, ERROR_INPUT, "'%s' has no table 'trace': damaged?", path);
	if (!table_reader_first(reader->tables, TABLE_trace, &reader->trace, &has_row, error))
		return false;
	if (!has_row)
		trace_set_unknown(&reader->trace);
	return true;
}

bool trace_reader_open(struct trace_reader **out, const char *path, struct error *error)
{
	*out = NULL;
	enum file_format format;
	if (!file_format_of(path, &format, error))
		return false;
	if (format != FILE_FORMAT_TRACE)
		return fail(error, ERROR_INPUT,
			    format == FILE_FORMAT_SQLITE
				    ? "'%s' is a SQLite database, but not a trace"
				    : format == FILE_FORMAT_ANALYSIS
				    ? "'%s' is what laggard found in traces, but not a trace"
				    : "'%s' is not a trace database",
			    path);
	struct trace_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", path);
	if (!table_reader_open(&reader->tables, path, &trace_layout, error) ||
	    !reader_load_trace(reader, path, error)) {
		trace_reader_close(reader);
		return false;
	}
	*out = reader;
	return true;
}

void trace_reader_close(struct trace_reader *reader)
{
	if (reader == NULL)
		return;
	table_reader_close(reader->tables);
	free(reader);
}

const char *trace_reader_path(const struct trace_reader *reader)
{
	return table_reader_path(reader->tables);
}

int64_t trace_reader_version(const struct trace_reader *reader)
{
	return table_reader_version(reader->tables);
}

const struct trace_row *trace_reader_trace(const struct trace_reader *reader)
{
	return &reader->trace;
}

bool trace_reader_select(struct trace_reader *reader, enum trace_table table, uint64_t column_mask,
			 int order_by, struct trace_cursor **out, struct error *error)
{
	return table_reader_select(reader->tables, table, column_mask, order_by, out, error);
}

bool trace_reader_select_rows(struct trace_reader *reader, enum trace_table table,
			      uint64_t column_mask, int64_t first_row, int64_t last_row,
			      struct trace_cursor **out, struct error *error)
{
	return table_reader_select_rows(reader->tables, table, column_mask, first_row, last_row,
					out, error);
}

bool trace_reader_row_bounds(struct trace_reader *reader, enum trace_table table,
			     int64_t *first_row, int64_t *last_row, struct error *error)
{
	return table_reader_row_bounds(reader->tables, table, first_row, last_row, error);
}

bool trace_reader_count(struct trace_reader *reader, enum trace_table table, int64_t *count,
			struct error *error)
{
	return table_reader_count(reader->tables, table, count, error);
}

size_t trace_reader_estimate_rows(struct trace_reader *reader, enum trace_table table)
{
	return table_reader_estimate_rows(reader->tables, table);
}

bool trace_reader_load_strings(struct trace_reader *reader, struct error *error)
{
	return table_reader_load_texts(reader->tables, TABLE_string, error);
}

const char *trace_reader_string(const struct trace_reader *reader, int64_t string_id)
{
	return table_reader_text(reader->tables, string_id);
}
