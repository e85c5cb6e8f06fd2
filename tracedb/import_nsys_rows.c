/* SPDX-License-Identifier: MIT */
#include "tracedb/import_nsys_rows.h"

#include <strings.h>

enum { PROGRESS_ROWS = 1 << 16 };

/* Beyond these a sum with the epoch could overflow; a hundred years are less. */
static const int64_t TIME_MAX_NS = INT64_C(1) << 61;

bool nsys_is_imported_table(const char *name)
{
	for (size_t i = 0; i < NSYS_GPU_TABLE_COUNT; i++)
		if (strcasecmp(nsys_gpu_tables[i].select.table, name) == 0)
			return true;
	for (size_t i = 0; i < NSYS_HOST_TABLE_COUNT; i++)
		if (strcasecmp(nsys_host_tables[i].select.table, name) == 0)
			return true;
	return strcasecmp(name, "NVTX_EVENTS") == 0;
}

/* Reads the times of a row; a reason where they are no good, else NULL. */
static const char *row_read_times(struct nsys_row *row)
{
	int64_t end_ns;
	enum nsys_times times = row->table->times;
	row->start_ns = row->duration_ns = 0;
	row->has_start = nsys_cursor_integer(row->cursor, NSYS_COLUMN_START, &row->start_ns);
	row->has_end = nsys_cursor_integer(row->cursor, NSYS_COLUMN_END, &end_ns);
	if (!row->has_start)
		return times == NSYS_TIMES_OPTIONAL ? NULL : "no start time";
	if (row->start_ns < -TIME_MAX_NS || row->start_ns > TIME_MAX_NS)
		return "start time out of range";
	if (times == NSYS_TIMES_INSTANT || times == NSYS_TIMES_OPTIONAL)
		return NULL;
	if (!row->has_end)
		return times == NSYS_TIMES_OPEN ? NULL : "no end time";
	if (end_ns < row->start_ns)
		return "end before start";
	if (end_ns > TIME_MAX_NS)
		return "end time out of range";
	row->duration_ns = end_ns - row->start_ns;
	return NULL;
}

bool nsys_row_reject(struct nsys_import *import, const struct nsys_row *row, const char *reason,
		     struct error *error)
{
	return nsys_reject(import, row->process, row->table->select.table, reason, error);
}

static bool import_row(struct nsys_import *import, struct nsys_row *row, struct error *error)
{
	row->has_owner = nsys_cursor_integer(row->cursor, NSYS_COLUMN_OWNER, &row->owner);
	row->process = nsys_import_find(import, row->has_owner, row->owner);
	if (row->process == NULL) {
		if (!import->is_first_turn || row->table->is_second_look)
			return true;
		return nsys_reject(import, import->first, row->table->select.table,
				   row->has_owner ? "of processes without GPU work"
						  : "of no process",
				   error);
	}
	if (row->process->writer == NULL)
		return true;
	const char *reason = row_read_times(row);
	if (reason != NULL && row->table->is_second_look)
		return true;
	if (reason != NULL)
		return nsys_row_reject(import, row, reason, error);
	if (row->start_ns + row->duration_ns > row->process->end_ns)
		row->process->end_ns = row->start_ns + row->duration_ns;
	return row->table->put(import, row, error);
}

static void import_tell(struct nsys_import *import)
{
	const struct import_options *options = import->options;
	if (++import->rows_done % PROGRESS_ROWS != 0 || options == NULL ||
	    options->progress == NULL)
		return;
	int64_t all = nsys_file_bytes(import->file);
	double share = (double)import->rows_done / (double)(import->rows_all + 1);
	options->progress(options->progress_context,
			  share < 1 ? (int64_t)(share * (double)all) : all, all);
}

bool nsys_import_table(struct nsys_import *import, const struct nsys_table *table,
		       struct error *error)
{
	struct nsys_cursor *cursor = NULL;
	if (!nsys_cursor_open(&cursor, import->file, &table->select, error))
		return false;
	int more;
	while ((more = nsys_cursor_next(cursor, error)) == 1) {
		struct nsys_row row = { .table = table, .cursor = cursor };
		import_tell(import);
		if (!import_row(import, &row, error))
			break;
	}
	nsys_cursor_close(cursor);
	return more == 0;
}

bool nsys_import_rows(struct nsys_import *import, struct error *error)
{
	/* GPU work first: its names are the most used ones and so get the smallest ids. */
	for (size_t i = 0; i < NSYS_GPU_TABLE_COUNT; i++)
		if (!nsys_import_table(import, &nsys_gpu_tables[i], error))
			return false;
	for (size_t i = 0; i < NSYS_HOST_TABLE_COUNT; i++)
		if (!nsys_import_table(import, &nsys_host_tables[i], error))
			return false;
	return true;
}
