/* SPDX-License-Identifier: MIT */
#include "tracedb/ceilings.h"

#include "tracedb/file_format.h"
#include "tracedb/table_reader.h"
#include "tracedb/table_writer.h"

#include <string.h>

enum { SQL_BYTES_MAX = 64 * 1024 };

static bool rows_write(const struct ceilings *ceilings, struct table_writer *writer,
		       struct error *error)
{
	struct calibration_row calibration = ceilings->calibration;
	calibration.calibration_id = 1;
	bool ok = table_writer_put(writer, CEILINGS_calibration, &calibration, error);
	for (size_t i = 0; ok && i < ceilings->gpu_count; i++)
		ok = table_writer_put(writer, CEILINGS_calibrated_gpu, &ceilings->gpus[i], error);
	for (size_t i = 0; ok && i < ceilings->item_count; i++)
		ok = table_writer_put(writer, CEILINGS_ceiling, &ceilings->items[i], error);
	return ok;
}

bool ceilings_write(const struct ceilings *ceilings, const char *path, struct error *error)
{
	struct table_writer *writer = NULL;
	struct text schema;
	if (!ceilings_check(ceilings, path, error))
		return false;
	text_begin(&schema, SQL_BYTES_MAX);
	ceilings_add_create(&schema);
	const struct table_writer_kind kind = {
		.layout = &ceilings_layout,
		.schema = text_string(&schema),
		.own = FILE_FORMAT_CEILINGS,
	};
	bool ok = text_is_ok(&schema) ? table_writer_create(&writer, path, &kind, error) :
		fail(error, ERROR_SYSTEM, "cannot write '%s': no memory", path);
	text_end(&schema);
	if (!ok)
		return false;
	if (rows_write(ceilings, writer, error))
		return table_writer_commit(writer, error);
	table_writer_abandon(writer);
	return false;
}

/* The texts of a row move into the arena: those of a cursor live until its next row. */
static bool row_keep(struct ceilings *ceilings, enum ceilings_table table, void *row)
{
	const struct table_descriptor *descriptor = &ceilings_layout.tables[table];
	for (size_t i = 0; i < descriptor->column_count; i++) {
		const struct column_descriptor *column = &descriptor->columns[i];
		if (column->type != COLUMN_TYPE_TEXT)
			continue;
		const char *text;
		char *member = (char *)row + column->offset;
		memcpy(&text, member, sizeof text);
		text = text == NULL ? "" : ceilings_keep_text(ceilings, text, strlen(text));
		if (text == NULL)
			return false;
		memcpy(member, &text, sizeof text);
	}
	return true;
}

static bool row_take(struct ceilings *ceilings, enum ceilings_table table, const void *row)
{
	switch (table) {
	case CEILINGS_calibration:
		ceilings->calibration = *(const struct calibration_row *)row;
		return true;
	case CEILINGS_calibrated_gpu:
		return ceilings->gpu_count > CEILINGS_GPUS_MAX ||
		       ceilings_add_gpu(ceilings, row);
	case CEILINGS_ceiling:
		return ceilings->item_count > CEILINGS_ITEMS_MAX || ceilings_add(ceilings, row);
	case CEILINGS_COUNT:
		break;
	}
	return true;
}

static bool rows_read(struct ceilings *ceilings, struct table_reader *reader,
		      enum ceilings_table table, struct error *error)
{
	union {
		struct calibration_row calibration;
		struct calibrated_gpu_row gpu;
		struct ceiling_row ceiling;
	} row;
	const struct table_descriptor *descriptor = &ceilings_layout.tables[table];
	struct trace_cursor *cursor = NULL;
	int result, order_by = table == CEILINGS_calibrated_gpu ? 0 : -1;
	uint64_t all_columns = (UINT64_C(1) << descriptor->column_count) - 1;
	if (!table_reader_select(reader, table, all_columns, order_by, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1) {
		if (row_keep(ceilings, table, &row) && row_take(ceilings, table, &row))
			continue;
		(void)fail(error, ERROR_INPUT, "cannot read '%s': a text of %s is too long",
			   table_reader_path(reader), descriptor->name);
		break;
	}
	trace_cursor_close(cursor);
	return result == 0;
}

bool ceilings_read(struct ceilings *ceilings, const char *path, struct error *error)
{
	struct table_reader *reader = NULL;
	enum file_format format;
	*ceilings = (struct ceilings){ .arena = NULL };
	if (!file_format_of(path, &format, error))
		return false;
	if (format != FILE_FORMAT_CEILINGS)
		return fail(error, ERROR_INPUT,
			    "'%s' is no file of ceilings: 'laggard calibrate' makes one", path);
	if (!ceilings_begin(ceilings))
		return fail(error, ERROR_SYSTEM, "cannot read '%s': no memory", path);
	bool ok = table_reader_open(&reader, path, &ceilings_layout, error);
	for (int table = 0; ok && table < CEILINGS_COUNT; table++)
		ok = rows_read(ceilings, reader, (enum ceilings_table)table, error);
	ok = ok && ceilings_check(ceilings, path, error);
	table_reader_close(reader);
	if (!ok)
		ceilings_end(ceilings);
	return ok;
}
