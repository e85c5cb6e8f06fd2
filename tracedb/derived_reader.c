/* SPDX-License-Identifier: MIT */
#include "tracedb/derived_reader.h"

#include "tracedb/file_format.h"

#include <stdlib.h>

struct derived_reader {
	struct table_reader *tables;
	struct analysis_row analysis;
};

static bool reader_load_analysis(struct derived_reader *reader, const char *path,
				 struct error *error)
{
	bool has_row = false;
	if (!table_reader_first(reader->tables, DERIVED_analysis, &reader->analysis, &has_row,
				error))
		return false;
	return has_row ||
	       fail(error, ERROR_INPUT, "'%s' says nothing about its analysis: damaged?", path);
}

bool derived_reader_open(struct derived_reader **out, const char *path, struct error *error)
{
	enum file_format format;
	*out = NULL;
	if (!file_format_of(path, &format, error))
		return false;
	if (format != FILE_FORMAT_ANALYSIS)
		return fail(error, ERROR_INPUT, "'%s' is no analysis of laggard", path);
	struct derived_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", path);
	if (!table_reader_open(&reader->tables, path, &derived_layout, error) ||
	    !reader_load_analysis(reader, path, error)) {
		derived_reader_close(reader);
		return false;
	}
	*out = reader;
	return true;
}

void derived_reader_close(struct derived_reader *reader)
{
	if (reader == NULL)
		return;
	table_reader_close(reader->tables);
	free(reader);
}

const struct analysis_row *derived_reader_analysis(const struct derived_reader *reader)
{
	return &reader->analysis;
}

bool derived_reader_select(struct derived_reader *reader, enum derived_table table,
			   uint64_t column_mask, int order_by, struct trace_cursor **out,
			   struct error *error)
{
	return table_reader_select(reader->tables, table, column_mask, order_by, out, error);
}

bool derived_reader_count(struct derived_reader *reader, enum derived_table table, int64_t *count,
			  struct error *error)
{
	return table_reader_count(reader->tables, table, count, error);
}

bool derived_reader_load_texts(struct derived_reader *reader, struct error *error)
{
	return table_reader_load_texts(reader->tables, DERIVED_text, error);
}

const char *derived_reader_text(const struct derived_reader *reader, int64_t text_id)
{
	return table_reader_text(reader->tables, text_id);
}
