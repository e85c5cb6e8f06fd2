/* SPDX-License-Identifier: MIT */
#include "tracedb/derived.h"

#include "tracedb/schema.h"

#define KIND_INTEGER COLUMN_TYPE_INTEGER
#define KIND_TEXT COLUMN_TYPE_TEXT

#define TABLE(table, doc) static const struct column_descriptor columns_of_##table[] = {
#define KEY(table, column, text) \
	{ #column, text, COLUMN_TYPE_INTEGER, 1, offsetof(struct table##_row, column) },
#define COLUMN(table, type, column, text) \
	{ #column, text, KIND_##type, 0, offsetof(struct table##_row, column) },
#define END_TABLE(table) };
#include "tracedb/derived.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE

const struct table_descriptor derived_tables[DERIVED_COUNT] = {
#define TABLE(table, text) \
	[DERIVED_##table] = { #table, text, columns_of_##table, COLUMN_COUNT_##table, \
			      sizeof(struct table##_row) },
#define KEY(table, column, doc)
#define COLUMN(table, type, column, doc)
#define END_TABLE(table)
#include "tracedb/derived.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE
};

const struct database_layout derived_layout = {
	.name = "an analysis",
	.application_id = DERIVED_APPLICATION_ID,
	.version = DERIVED_VERSION,
	.tables = derived_tables,
	.table_count = DERIVED_COUNT,
};

const struct view_descriptor derived_views[] = {
	{ "idle_by_cause", "idle time of the whole job by cause, most first",
	  "SELECT cause, sum(idle_ns) / 1e6 AS idle_ms, "
	  "100.0 * sum(idle_ns) / (SELECT gpu_ns FROM analysis) AS percent_of_gpu_time, "
	  "sum(gaps) AS gaps FROM idle_cause GROUP BY cause ORDER BY sum(idle_ns) DESC" },
	{ "idle_by_call", "idle time by cause and by what the host was doing, most first",
	  "SELECT cause, coalesce(c.value, '') AS call, coalesce(r.value, '') AS range, "
	  "sum(duration_ns) / 1e6 AS idle_ms, sum(pieces) AS pieces FROM idle_gap "
	  "LEFT JOIN text AS c ON c.text_id = call_id LEFT JOIN text AS r ON r.text_id = range_id "
	  "GROUP BY cause, call_id, range_id ORDER BY sum(duration_ns) DESC" },
	{ "longest_gap", "pieces of idle time with their texts, the longest first",
	  "SELECT rank, gpu_id, start_ns, duration_ns / 1e6 AS ms, cause, step, thread_id, "
	  "coalesce(c.value, '') AS call, coalesce(r.value, '') AS range, "
	  "coalesce(n.value, '') AS next FROM idle_gap "
	  "LEFT JOIN text AS c ON c.text_id = call_id LEFT JOIN text AS r ON r.text_id = range_id "
	  "LEFT JOIN text AS n ON n.text_id = next_id "
	  "WHERE is_rest = 0 ORDER BY duration_ns DESC" },
	{ "step_time",
	  "steady steps of the whole job: a step lasts as long as on its slowest GPU",
	  "SELECT number, min(start_ns) AS start_ns, max(duration_ns) AS duration_ns, "
	  "max(compute_ns) - min(compute_ns) AS compute_spread_ns, sum(idle_ns) AS idle_ns "
	  "FROM step WHERE is_steady = 1 GROUP BY number ORDER BY number" },
	{ "collective_by_operation",
	  "collectives by communicator and operation, most waiting first",
	  "SELECT communicator, operation, count(*) AS count, sum(wait_ns) / 1e6 AS wait_ms, "
	  "sum(transfer_ns) / 1e6 AS transfer_ms, max(start_spread_ns) / 1e6 AS worst_spread_ms "
	  "FROM collective_instance GROUP BY communicator, operation ORDER BY sum(wait_ns) DESC" },
	{ "lateness",
	  "how often each rank was the latest of a collective, and what the others waited",
	  "SELECT latest_rank AS rank, latest_gpu_id AS gpu_id, count(*) AS times_latest, "
	  "sum(wait_ns) / 1e6 AS wait_ms FROM collective_instance WHERE latest_gpu_id >= 0 "
	  "GROUP BY latest_gpu_id ORDER BY sum(wait_ns) DESC" },
	{ NULL, NULL, NULL },
};

void derived_add_create(struct text *sql)
{
	text_add_format(sql, "PRAGMA application_id=%d;\nPRAGMA user_version=%d;\n",
			DERIVED_APPLICATION_ID, DERIVED_VERSION);
	for (size_t i = 0; i < DERIVED_COUNT; i++)
		schema_add_create(sql, &derived_tables[i]);
	for (const struct view_descriptor *view = derived_views; view->name != NULL; view++)
		text_add_format(sql, "CREATE VIEW \"%s\" AS %s;\n", view->name, view->sql);
}

void derived_add_markdown(struct text *markdown)
{
	text_add_format(
		markdown,
		"\n# The analysis database\n\n"
		"Made from `tracedb/derived.def`. What `laggard analyze` finds also goes, as "
		"tables, into one\n"
		"SQLite file beside the traces: the very numbers of the report. `PRAGMA "
		"application_id` is 0x%x,\n"
		"`PRAGMA user_version` is %d. The rules are those of a trace, and these. Points in "
		"time (`start_ns`,\n"
		"...) are Unix time in ns on the one clock of the job, to which the clock of every "
		"trace was\n"
		"aligned: start_ns = analysis_trace.epoch_ns + time in the trace + "
		"analysis_trace.offset_ns.\n"
		"Ratios are `*_e12`: multiply by 1e-12. `gpu_id` points to `gpu_time`, `trace_id` "
		"to\n"
		"`analysis_trace`, `step` to `step.number`; -1 means none or unknown. `call_id`, "
		"`range_id` and\n"
		"`next_id` point to `text.text_id`; 0 is the empty text. A file appears under its "
		"name only when\n"
		"it is complete.\n\n"
		"Versions: 1 (laggard 0.2.0), the first.\n\n"
		"    sqlite3 -box traces/laggard-analysis.db 'SELECT * FROM idle_by_cause'\n\n"
		"| view | what it answers |\n|---|---|\n",
		(unsigned)DERIVED_APPLICATION_ID, DERIVED_VERSION);
	for (const struct view_descriptor *view = derived_views; view->name != NULL; view++)
		text_add_format(markdown, "| %s | %s |\n", view->name, view->doc);
	for (size_t i = 0; i < DERIVED_COUNT; i++)
		schema_add_table_markdown(markdown, &derived_tables[i]);
}
