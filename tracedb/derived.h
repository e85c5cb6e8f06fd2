/* SPDX-License-Identifier: MIT */
/*
 * The analysis database: row structs, the table enum and the column descriptors, all made from
 * derived.def, and the views that it offers to people. A row struct is a value like those of
 * tables.h.
 *
 * Thread: constant data only.
 */
#ifndef TRACEDB_DERIVED_H
#define TRACEDB_DERIVED_H

#include "base/text.h"
#include "tracedb/tables.h"

/* "lagd": PRAGMA application_id of every analysis database. */
#define DERIVED_APPLICATION_ID 0x6c616764
/* PRAGMA user_version: grows when derived.def changes. History in docs/SCHEMA.md. */
#define DERIVED_VERSION 2

/* struct step_row { int64_t number; ... } and so on for each table */
#define TABLE(table, doc) struct table##_row {
#define KEY(table, column, doc) int64_t column;
#define COLUMN(table, type, column, doc) ROW_TYPE_##type column;
#define END_TABLE(table) };
#include "tracedb/derived.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE

/* DERIVED_analysis, DERIVED_step, ... DERIVED_COUNT */
enum derived_table {
#define TABLE(table, doc) DERIVED_##table,
#define KEY(table, column, doc)
#define COLUMN(table, type, column, doc)
#define END_TABLE(table)
#include "tracedb/derived.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE
	DERIVED_COUNT
};

/* COLUMN_step_start_ns, ...: index of a column in its table, for column masks */
#define TABLE(table, doc) enum {
#define KEY(table, column, doc) COLUMN_##table##_##column,
#define COLUMN(table, type, column, doc) COLUMN_##table##_##column,
#define END_TABLE(table) COLUMN_COUNT_##table };
#include "tracedb/derived.def"
#undef TABLE
#undef KEY
#undef COLUMN
#undef END_TABLE

extern const struct table_descriptor derived_tables[DERIVED_COUNT];
extern const struct database_layout derived_layout;

/*
 * Questions that people ask, ready made. No program reads them: a view in a file is a stranger's
 * SQL.
 */
struct view_descriptor {
	const char *name;
	const char *doc;
	const char *sql;
};

extern const struct view_descriptor derived_views[];	/* ends with a NULL name */

/* CREATE of all tables and views, and what marks the file */
void derived_add_create(struct text *sql);

/* The part of docs/SCHEMA.md about it */
void derived_add_markdown(struct text *markdown);

#endif
