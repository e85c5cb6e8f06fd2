/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: a hostile trace database through the reader, the analysis with its renderers, and
 * the exporters; alone or beside a good one of another rank. Whatever it holds, either there is one
 * error of the input, or the numbers add up and every output is well-formed.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/hostile_database.h"
#include "tests/fuzz/report_promises.h"
#include "tracedb/reader.h"
#include "tracedb/trace_set.h"
#include "tracedb/writer.h"
#include "viewer-export/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const fuzz_name = "reader";

union any_row {
#define TABLE(table, doc) struct table##_row table;
#define KEY(table, column, doc)
#define COLUMN(table, type, column, doc)
#define END_TABLE(table)
#include "tracedb/tables.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE
};

static const struct hostile_base *base_get(void)
{
	static struct hostile_base *base;
	char folder[FUZZ_PATH_BYTES], path[FUZZ_PATH_BYTES + 16];
	struct trace_writer *writer = NULL;
	struct error error;
	if (base != NULL)
		return base;
	const struct trace_writer_options options = { .is_bulk = true };
	fuzz_folder_begin(folder);
	(void)snprintf(path, sizeof path, "%s/base.db", folder);
	fuzz_require(trace_writer_create(&writer, path, &options, &error) &&
			     trace_writer_close(writer, &error),
		     "an empty trace");
	base = hostile_base_make(path, "tests/fuzz/base/trace.sql");
	(void)unlink(path);
	fuzz_folder_end(folder);
	return base;
}

static bool table_read(struct trace_reader *reader, enum trace_table table, int order_by,
		       struct error *error)
{
	struct trace_cursor *cursor = NULL;
	union any_row row;
	int result;
	size_t length = 0;
	if (!trace_reader_select(reader, table, 0, order_by, &cursor, error))
		return false;
	while ((result = trace_cursor_next(cursor, &row, error)) == 1) {
		const struct table_descriptor *descriptor = &trace_tables[table];
		for (size_t i = 0; i < descriptor->column_count; i++) {
			const char *text = NULL;
			const char *at = (const char *)&row + descriptor->columns[i].offset;
			if (descriptor->columns[i].type != COLUMN_TYPE_TEXT)
				continue;
			memcpy(&text, at, sizeof text);
			length += strlen(text);
		}
	}
	trace_cursor_close(cursor);
	return result == 0 && length < SIZE_MAX;
}

static bool everything_read(struct trace_reader *reader, struct error *error)
{
	static const int64_t odd_ids[] = { 0, -1, 1, INT64_MAX, INT64_MIN, UINT32_MAX };
	int64_t count;
	if (!trace_reader_load_strings(reader, error))
		return false;
	for (size_t i = 0; i < sizeof odd_ids / sizeof odd_ids[0]; i++)
		fuzz_require(trace_reader_string(reader, odd_ids[i]) != NULL,
			     "a text for every id");
	for (int table = 0; table < TABLE_COUNT; table++)
		if (!trace_reader_count(reader, (enum trace_table)table, &count, error) ||
		    !table_read(reader, (enum trace_table)table, -1, error) ||
		    !table_read(reader, (enum trace_table)table, 1, error))
			return false;
	return true;
}

static void read_it(const char *path)
{
	struct trace_reader *reader = NULL;
	struct error error = { 0 };
	bool ok = trace_reader_open(&reader, path, &error) && everything_read(reader, &error);
	if (!ok)
		fuzz_require_error(&error, path);
	trace_reader_close(reader);
}

static void analyze_it(struct trace_set *set, const char *path,
		       const struct analyze_options *options)
{
	struct report *report = NULL;
	struct error error = { 0 };
	if (!analyze_traces(set, options, &report, &error)) {
		/* A window may lie outside of what there is. */
		if (error.kind != ERROR_USAGE || options->window != WINDOW_EXPLICIT)
			fuzz_require_error(&error, path);
		return;
	}
	report_require_sums(report);
	report_require_renderings(report);
	report_close(report);
}

static void export_it(struct trace_set *set, const char *folder, const struct export_options *how)
{
	char path[FUZZ_PATH_BYTES + 16];
	struct export_options options = *how;
	struct error error = { 0 };
	struct stat status;
	for (size_t i = 0; export_formats[i] != NULL; i++) {
		(void)snprintf(path, sizeof path, "%s/out.file", folder);
		options.format = export_formats[i]->name;
		options.output = path;
		if (!export_traces(set, &options, NULL, &error)) {
			if (error.kind != ERROR_USAGE || !options.has_window)
				fuzz_require_error(&error, folder);
			fuzz_require(stat(path, &status) != 0, "a failed export leaves nothing");
			continue;
		}
		if (strcmp(export_formats[i]->name, "chrome") == 0)
			json_require_file(path);
		fuzz_require(unlink(path) == 0, "an export is there");
	}
}

/* The good trace as another rank; the second time at the early end of time. */
static const char other_rank[] = "UPDATE trace SET rank = 1, pid = 800";
static const char early_rank[] =
	"UPDATE trace SET rank = 1, pid = 800, epoch_ns = -9223372036854775807;"
	"INSERT INTO mark VALUES (-9223372036854775807, 701, 0, 0, 5, 0, 0)";

static void use_it(const char *folder, const char *path, size_t size)
{
	static const int64_t bounds[] = { INT64_MIN, -1, 0, 1500, INT64_C(1) << 61, INT64_MAX };
	char other[FUZZ_PATH_BYTES + 16];
	struct trace_set *set = NULL;
	struct error error = { 0 };
	const char *const paths[] = { path, other };
	bool has_other = size % 2 == 1;
	if (has_other) {
		(void)snprintf(other, sizeof other, "%s/b.db", folder);
		hostile_base_write(base_get(), size % 4 == 1 ? other_rank : early_rank, other);
	}
	if (trace_set_open(&set, paths, has_other ? 2 : 1, NULL, &error)) {
		struct analyze_options analyze = { .window = size % 3 == 0 ? WINDOW_EXPLICIT :
			size % 2 == 0 ? WINDOW_ALL : WINDOW_STEADY, .thread_count = 1 };
		struct export_options export = { .has_window = size % 3 == 1 };
		analyze.window_start_ns = export.window_start_ns = bounds[size / 3 % 6];
		analyze.window_end_ns = export.window_end_ns = bounds[size / 18 % 6];
		analyze_it(set, folder, &analyze);
		export_it(set, folder, &export);
	} else {
		fuzz_require_error(&error, path);
	}
	trace_set_close(set);
	if (has_other)
		(void)unlink(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const leftovers[] = { "-wal", "-shm", "-journal" };
	char folder[FUZZ_PATH_BYTES], path[FUZZ_PATH_BYTES + 16], name[FUZZ_PATH_BYTES + 32];
	const struct hostile_base *base = base_get();
	fuzz_folder_begin(folder);
	(void)snprintf(path, sizeof path, "%s/a.db", folder);
	hostile_database_write(base, bytes, size, path);
	read_it(path);
	use_it(folder, path, size);
	(void)unlink(path);
	for (size_t i = 0; i < sizeof leftovers / sizeof leftovers[0]; i++) {
		(void)snprintf(name, sizeof name, "%s%s", path, leftovers[i]);
		(void)unlink(name);
	}
	fuzz_folder_end(folder);
	return 0;
}
