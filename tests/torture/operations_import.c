/* SPDX-License-Identifier: MIT */
#include "tests/torture/operations_parts.h"

#include "tests/torture/faults.h"
#include "tracedb/import.h"
#include "tracedb/reader.h"

#include <stdio.h>

/* Rows and losses of an import, as they stand in its databases. */
static bool import_sign(const struct import_result *result, struct outcome *outcome,
			struct error *error)
{
	bool ok = true;
	faults_pause();
	for (size_t i = 0; ok && i < result->count; i++) {
		struct trace_reader *reader = NULL;
		struct trace_cursor *cursor = NULL;
		struct loss_row row;
		ok = read_all(result->paths[i], outcome, error) &&
		     trace_reader_open(&reader, result->paths[i], error) &&
		     trace_reader_select(reader, TABLE_loss, 0, -1, &cursor, error);
		while (ok && trace_cursor_next(cursor, &row, error) == 1)
			outcome->loss_count += row.count;
		trace_cursor_close(cursor);
		trace_reader_close(reader);
	}
	faults_resume();
	return ok;
}

static bool import_one(const struct place *place, const char *name, struct outcome *outcome,
		       struct error *error)
{
	char path[PATH_BYTES];
	struct import_result result = { 0 };
	path_in(path, place->in, name);
	bool ok = import_file(path, place->out, NULL, &result, error);
	if (ok) {
		sign_integer(outcome, result.rows);
		sign_integer(outcome, result.rejected);
		sign_integer(outcome, (int64_t)result.count);
		ok = import_sign(&result, outcome, error);
	} else if (result.count != 0) {
		(void)snprintf(error->message, sizeof error->message, "%s", "");
	}
	import_result_end(&result);
	return ok;
}

bool run_import_kineto(const struct place *place, struct outcome *outcome, struct error *error)
{
	return import_one(place, "kineto.json", outcome, error);
}

bool run_import_packed(const struct place *place, struct outcome *outcome, struct error *error)
{
	return import_one(place, "packed.json.gz", outcome, error);
}

bool run_import_nsys(const struct place *place, struct outcome *outcome, struct error *error)
{
	return import_one(place, "export.sqlite", outcome, error);
}
