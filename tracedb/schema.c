/* SPDX-License-Identifier: MIT */
#include "tracedb/schema.h"

#include "tracedb/ceilings.h"
#include "tracedb/derived.h"

void schema_add_create(struct text *sql, const struct table_descriptor *table)
{
	text_add_format(sql, "CREATE TABLE \"%s\" (", table->name);
	for (size_t i = 0; i < table->column_count; i++) {
		const struct column_descriptor *column = &table->columns[i];
		text_add_format(sql, "%s\n  \"%s\" %s", i == 0 ? "" : ",", column->name,
				column->is_key                     ? "INTEGER PRIMARY KEY"
				: column->type == COLUMN_TYPE_TEXT ? "TEXT NOT NULL"
								   : "INTEGER NOT NULL");
	}
	text_add(sql, "\n) STRICT;\n");
}

void schema_add_insert(struct text *sql, const struct table_descriptor *table, size_t row_count,
		       int is_replace)
{
	text_add_format(sql, "INSERT %sINTO \"%s\" VALUES", is_replace ? "OR REPLACE " : "",
			table->name);
	for (size_t row = 0; row < row_count; row++) {
		for (size_t i = 0; i < table->column_count; i++)
			text_add(sql, i > 0 ? ",?" : row > 0 ? ",(?" : " (?");
		text_add(sql, ")");
	}
}

void schema_add_table_markdown(struct text *markdown, const struct table_descriptor *table)
{
	text_add_format(markdown, "\n## %s\n\n%s.\n\n", table->name, table->doc);
	text_add(markdown, "| column | type | meaning |\n|---|---|---|\n");
	for (size_t i = 0; i < table->column_count; i++) {
		const struct column_descriptor *column = &table->columns[i];
		text_add_format(markdown, "| %s | %s | ", column->name,
				column->is_key ? "INTEGER PRIMARY KEY" :
				column->type == COLUMN_TYPE_TEXT ? "TEXT" : "INTEGER");
		for (const char *at = column->doc; *at != 0; at++)
			text_add_format(markdown, *at == '|' ? "\\%c" : "%c", *at);
		text_add(markdown, " |\n");
	}
}

void schema_add_markdown(struct text *markdown)
{
	text_add_format(
		markdown,
		"# The trace database\n\n"
		"Made from `tracedb/tables.def` by `laggard schema`; do not edit.\n\n"
		"A trace is one SQLite file a process. `PRAGMA application_id` is 0x%x, `PRAGMA "
		"user_version`\n"
		"is %d. All tables are STRICT and without NULLs: an unknown number is 0 or -1 as "
		"its column\n"
		"says, an unknown text is ''. Times: `start_ns` is nanoseconds since "
		"`trace.epoch_ns`\n"
		"(so Unix time = epoch_ns + start_ns), `duration_ns` is not negative. `name_id`, "
		"`domain_id`,\n"
		"`category_id`, `payload_id`, `operation_id`, `datatype_id`, `reduction_id`, "
		"`algorithm_id`,\n"
		"`protocol_id` and `counter_id` point to `string.string_id`; 0 is the empty text.\n"
		"Correlation ids are unique within one trace only.\n\n"
		"Versions: 1, the first; 2 (both laggard 0.1.0): `trace.environment`.\n",
		(unsigned)TRACEDB_APPLICATION_ID, TRACEDB_VERSION);
	for (int table = 0; table < TABLE_COUNT; table++)
		schema_add_table_markdown(markdown, &trace_tables[table]);
	derived_add_markdown(markdown);
	ceilings_add_markdown(markdown);
}
