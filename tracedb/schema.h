/* SPDX-License-Identifier: MIT */
/*
 * The schema as text, made from tables.def: DDL for the writer, docs/SCHEMA.md for people.
 *
 * Thread: pure functions.
 */
#ifndef TRACEDB_SCHEMA_H
#define TRACEDB_SCHEMA_H

#include "base/text.h"
#include "tracedb/tables.h"

/* CREATE TABLE "kernel" (...) STRICT; */
void schema_add_create(struct text *sql, enum trace_table table);

/* INSERT (or INSERT OR REPLACE) with one parameter a column */
void schema_add_insert(struct text *sql, enum trace_table table, int is_replace);

/* The whole of docs/SCHEMA.md */
void schema_add_markdown(struct text *markdown);

#endif
