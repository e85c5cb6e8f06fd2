/* SPDX-License-Identifier: MIT */
/*
 * Row structs, the table enum and the column descriptors, all made from tables.def. A row struct is
 * a value: members in column order, int64_t for INTEGER, borrowed `const char *` for TEXT (NULL
 * counts as '').
 *
 * Thread: constant data only.
 */
#ifndef TRACEDB_TABLES_H
#define TRACEDB_TABLES_H

#include <stddef.h>
#include <stdint.h>

/* "lagg": PRAGMA application_id of every trace database. */
#define TRACEDB_APPLICATION_ID 0x6c616767
/* PRAGMA user_version: grows when tables.def changes. History in docs/SCHEMA.md. */
#define TRACEDB_VERSION 3

#define ROW_TYPE_INTEGER int64_t
#define ROW_TYPE_TEXT const char *

/* struct kernel_row { int64_t start_ns; ... } and so on for each table */
#define TABLE(table, doc) struct table##_row {
#define KEY(table, column, doc) int64_t column;
#define COLUMN(table, type, column, doc) ROW_TYPE_##type column;
#define END_TABLE(table) };
#include "tracedb/tables.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE

/* TABLE_trace, TABLE_clock, ... TABLE_COUNT */
enum trace_table {
#define TABLE(table, doc) TABLE_##table,
#define KEY(table, column, doc)
#define COLUMN(table, type, column, doc)
#define END_TABLE(table)
#include "tracedb/tables.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE
	TABLE_COUNT
};

/* COLUMN_kernel_start_ns = 0, ... : index of a column in its table, for column masks */
#define TABLE(table, doc) enum {
#define KEY(table, column, doc) COLUMN_##table##_##column,
#define COLUMN(table, type, column, doc) COLUMN_##table##_##column,
#define END_TABLE(table) COLUMN_COUNT_##table };
#include "tracedb/tables.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE

/* Bit of a column in a column mask: COLUMN_BIT(kernel, start_ns) */
#define COLUMN_BIT(table, column) (UINT64_C(1) << COLUMN_##table##_##column)

enum column_type { COLUMN_TYPE_INTEGER, COLUMN_TYPE_TEXT };

struct column_descriptor {
	const char *name;
	const char *doc;
	enum column_type type;
	int is_key;
	size_t offset;		/* of the member in the row struct */
};

struct table_descriptor {
	const char *name;
	const char *doc;
	const struct column_descriptor *columns;
	size_t column_count;
	size_t row_size;
};

/* A kind of database: how it is marked, and what is in it. */
struct database_layout {
	const char *name;	/* with its article, for errors: "a trace" */
	int64_t application_id;
	int64_t version;	/* the newest, which writers write */
	const struct table_descriptor *tables;
	size_t table_count;
};

enum { DATABASE_TABLES_MAX = 64 };

extern const struct table_descriptor trace_tables[TABLE_COUNT];
extern const struct database_layout trace_layout;

#endif
