/* SPDX-License-Identifier: MIT */
#include "tracedb/derived_writer.h"

#include "base/id_map.h"
#include "base/text.h"
#include "tracedb/table_writer.h"

#include <stdlib.h>
#include <string.h>

enum { SQL_BYTES_MAX = 64 * 1024 };

struct derived_writer {
	struct table_writer *tables;
	struct bytes_map texts;
};

static bool writer_create_tables(struct derived_writer *writer, const char *path,
				 struct error *error)
{
	struct text schema;
	text_begin(&schema, SQL_BYTES_MAX);
	derived_add_create(&schema);
	const struct table_writer_kind kind = {
		.layout = &derived_layout,
		.schema = text_string(&schema),
		.own = FILE_FORMAT_ANALYSIS,
	};
	bool ok = text_is_ok(&schema) ?
		table_writer_create(&writer->tables, path, &kind, error) :
		fail(error, ERROR_SYSTEM, "cannot write '%s': no memory", path);
	text_end(&schema);
	return ok;
}

bool derived_writer_create(struct derived_writer **out, const char *path, struct error *error)
{
	*out = NULL;
	struct derived_writer *writer = calloc(1, sizeof *writer);
	if (writer == NULL)
		return fail(error, ERROR_SYSTEM, "cannot write '%s': no memory", path);
	if (!writer_create_tables(writer, path, error)) {
		derived_writer_abandon(writer);
		return false;
	}
	*out = writer;
	return true;
}

bool derived_writer_put(struct derived_writer *writer, enum derived_table table, const void *row,
			struct error *error)
{
	return table_writer_put(writer->tables, table, row, error);
}

bool derived_writer_text(struct derived_writer *writer, const char *value, int64_t *text_id,
			 struct error *error)
{
	*text_id = 0;
	if (value == NULL || value[0] == 0)
		return true;
	size_t length = strlen(value);
	if (bytes_map_get(&writer->texts, value, length, text_id))
		return true;
	const struct text_row row = {
		.text_id = derived_writer_count(writer, DERIVED_text) + 1, .value = value,
	};
	if (!bytes_map_put(&writer->texts, value, length, row.text_id))
		return fail(error, ERROR_SYSTEM, "cannot write an analysis: no memory");
	*text_id = row.text_id;
	return derived_put_text(writer, &row, error);
}

int64_t derived_writer_count(const struct derived_writer *writer, enum derived_table table)
{
	return table_writer_count(writer->tables, table);
}

bool derived_writer_commit(struct derived_writer *writer, struct error *error)
{
	bool ok = table_writer_commit(writer->tables, error);
	writer->tables = NULL;
	derived_writer_abandon(writer);
	return ok;
}

void derived_writer_abandon(struct derived_writer *writer)
{
	if (writer == NULL)
		return;
	table_writer_abandon(writer->tables);
	bytes_map_end(&writer->texts);
	free(writer);
}
