/* SPDX-License-Identifier: MIT */
#include "tracedb/tables.h"

#define KIND_INTEGER COLUMN_TYPE_INTEGER
#define KIND_TEXT COLUMN_TYPE_TEXT

#define TABLE(table, doc) static const struct column_descriptor columns_of_##table[] = {
#define KEY(table, column, text) \
	{ #column, text, COLUMN_TYPE_INTEGER, 1, offsetof(struct table##_row, column) },
#define COLUMN(table, type, column, text) \
	{ #column, text, KIND_##type, 0, offsetof(struct table##_row, column) },
#define END_TABLE(table) };
#include "tracedb/tables.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE

const struct table_descriptor trace_tables[TABLE_COUNT] = {
#define TABLE(table, text) \
	[TABLE_##table] = { #table, text, columns_of_##table, COLUMN_COUNT_##table, \
			    sizeof(struct table##_row) },
#define KEY(table, column, doc)
#define COLUMN(table, type, column, doc)
#define END_TABLE(table)
#include "tracedb/tables.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE
};

const struct database_layout trace_layout = {
	.name = "a trace",
	.application_id = TRACEDB_APPLICATION_ID,
	.version = TRACEDB_VERSION,
	.tables = trace_tables,
	.table_count = TABLE_COUNT,
};
