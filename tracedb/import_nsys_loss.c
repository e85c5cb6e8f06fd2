/* SPDX-License-Identifier: MIT */
#include "tracedb/import_nsys_loss.h"

#include "tracedb/import_nsys_rows.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	DIAGNOSTICS_MAX = 64,	/* distinct texts */
	REASON_BYTES = 240,
	SCHEMA_MAJOR_KNOWN = 3, SCHEMA_MINOR_KNOWN = 28,
	SEVERITY_WARNING = 2, SEVERITY_ERROR = 3,
	TIMESTAMP_TARGET = 1,
};

static bool put_version_note(struct nsys_import *import, const char *schema_version,
			     struct error *error)
{
	int major = 0, minor = 0;
	char note[REASON_BYTES];
	if (sscanf(schema_version, "%6d.%6d", &major, &minor) != 2 || major < SCHEMA_MAJOR_KNOWN ||
	    (major == SCHEMA_MAJOR_KNOWN && minor <= SCHEMA_MINOR_KNOWN))
		return true;
	(void)snprintf(note, sizeof note,
		       "schema %d.%d is newer than %d.%d, the newest one known: read by the "
		       "names of its columns",
		       major, minor, SCHEMA_MAJOR_KNOWN, SCHEMA_MINOR_KNOWN);
	return trace_writer_loss(import->first->writer, "import", note, 0, -1, error);
}

/* What the recorder itself warns of. It gives no numbers: the row states the fact. */
static bool put_diagnostics(struct nsys_import *import, struct error *error)
{
	static const char *const columns[] = { "severity", "text", "timestamp", "timestampType",
					       "globalPid" };
	const struct nsys_select select = { .table = "DIAGNOSTIC_EVENT", .columns = columns,
		.column_count = sizeof columns / sizeof columns[0] };
	struct nsys_cursor *cursor = NULL;
	if (!nsys_cursor_open(&cursor, import->file, &select, error))
		return false;
	int more, count = 0;
	while ((more = nsys_cursor_next(cursor, error)) == 1) {
		char reason[REASON_BYTES];
		int64_t severity = nsys_cursor_integer_or(cursor, 0, 0), at_ns = -1, owner = 0;
		size_t length = 0;
		const char *text = nsys_cursor_text(cursor, 1, &length);
		if (text == NULL || (severity != SEVERITY_WARNING && severity != SEVERITY_ERROR))
			continue;
		if (nsys_cursor_integer_or(cursor, 3, TIMESTAMP_TARGET) == TIMESTAMP_TARGET)
			at_ns = nsys_cursor_integer_or(cursor, 2, -1);
		bool has_owner = nsys_cursor_integer(cursor, 4, &owner);
		struct nsys_process *process = nsys_import_find(import, has_owner, owner);
		if (process == NULL || process->writer == NULL)
			process = import->first;
		if (++count > DIAGNOSTICS_MAX)
			(void)snprintf(reason, sizeof reason, "further diagnostics");
		else
			(void)snprintf(reason, sizeof reason, "%.*s",
				       (int)(length < 200 ? length : 200), text);
		if (!trace_writer_loss(process->writer, "nsys", reason, 0, at_ns, error))
			break;
	}
	nsys_cursor_close(cursor);
	return more == 0;
}

/* Tables that hold no events: names, facts, descriptions of other tables. */
static bool is_fact_table(const char *name)
{
	static const char *const prefixes[] = {
		"ENUM_",
		"TARGET_INFO_",
		"META_DATA_",
		"EXPORT_META_DATA",
		"ANALYSIS_",
		"NVTX_PAYLOAD_",
		"NVTX_EVENTS_PAYLOAD_",
		"NVTX_EXPORT_",
		"NVTX_SCOPES",
		"DYNAMIC_NVTX",
		"StringIds",
		"ThreadNames",
		"Process",
		"CUDA_CALLCHAINS",
		"OSRT_CALLCHAINS",
		"SAMPLING_CALLCHAINS",
		"UnwindMethodType",
		"MPI_RANKS",
		"MPI_COMMUNICATORS",
		"DIAGNOSTIC_EVENT",
	};
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
		if (strncasecmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

bool nsys_losses_put(struct nsys_import *import, const char *schema_version, struct error *error)
{
	if (!put_version_note(import, schema_version, error) || !put_diagnostics(import, error))
		return false;
	for (size_t i = 0; i < nsys_file_table_count(import->file); i++) {
		const char *table = nsys_file_table(import->file, i);
		int64_t rows = 0;
		char reason[REASON_BYTES];
		if (nsys_is_imported_table(table) || is_fact_table(table))
			continue;
		if (!nsys_file_count(import->file, table, &rows, error))
			return false;
		if (rows == 0)
			continue;
		(void)snprintf(reason, sizeof reason, "%.100s: not taken over", table);
		import->result->rejected += rows;
		if (!trace_writer_loss(import->first->writer, "import", reason, rows, -1, error))
			return false;
	}
	return true;
}
