/* SPDX-License-Identifier: MIT */
/*
 * The schema as text, made from tables.def and derived.def: DDL for the writers, docs/SCHEMA.md for
 * people.
 *
 * Thread: pure functions.
 */
#ifndef TRACEDB_SCHEMA_H
#define TRACEDB_SCHEMA_H

#include "base/text.h"
#include "tracedb/tables.h"

/* CREATE TABLE "kernel" (...) STRICT; */
void schema_add_create(struct text *sql, const struct table_descriptor *table);

/* INSERT (or INSERT OR REPLACE) of some rows, with one parameter a column */
void schema_add_insert(struct text *sql, const struct table_descriptor *table, size_t row_count,
		       int is_replace);

/* One table of docs/SCHEMA.md, and the whole of it */
void schema_add_table_markdown(struct text *markdown, const struct table_descriptor *table);
void schema_add_markdown(struct text *markdown);

#endif
