/* SPDX-License-Identifier: MIT */
/*
 * A Nsight Systems SQLite export as a stranger's file: opened read-only and defensive, its tables
 * read by column name. An absent table has no rows, an absent column reads as NULL; a view or a
 * virtual table in the place of a table is refused.
 *
 * Thread: a file and its cursors belong to one thread.
 */
#ifndef TRACEDB_IMPORT_NSYS_FILE_H
#define TRACEDB_IMPORT_NSYS_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nsys_file;
struct nsys_cursor;

/* Fails with ERROR_INPUT for anything that is not a whole, readable SQLite database. */
bool nsys_file_open(struct nsys_file **out, const char *path, struct error *error);
void nsys_file_close(struct nsys_file *file);

const char *nsys_file_path(const struct nsys_file *file); /* borrowed, as the caller named it */
int64_t nsys_file_bytes(const struct nsys_file *file);

bool nsys_file_has_table(const struct nsys_file *file, const char *table);

/* The ordinary tables, 0 .. count - 1. Borrowed. */
size_t nsys_file_table_count(const struct nsys_file *file);
const char *nsys_file_table(const struct nsys_file *file, size_t index);

bool nsys_file_has_column(struct nsys_file *file, const char *table, const char *column, bool *has,
			  struct error *error);

/* Rows of a table; 0 without it. */
bool nsys_file_count(struct nsys_file *file, const char *table, int64_t *count,
		     struct error *error);

/* About how many rows a table has, at no cost; for progress only. */
int64_t nsys_file_guess_rows(struct nsys_file *file, const char *table);

/*
 * StringIds.value of an id: 1 found (borrowed until the next call), 0 no such id or no text, -1
 * error.
 */
int nsys_file_string(struct nsys_file *file, int64_t id, const char **bytes, size_t *length,
		     struct error *error);

struct nsys_select {
	const char *table;
	const char *const *columns; /* names; one that ends in '!' must exist if the table does */
	size_t column_count;
	const char *where;		/* SQL of our own about columns that exist, or NULL */
};

bool nsys_cursor_open(struct nsys_cursor **out, struct nsys_file *file,
		      const struct nsys_select *select, struct error *error);
void nsys_cursor_close(struct nsys_cursor *cursor);

/* 1: a row; 0: no more; -1: error. */
int nsys_cursor_next(struct nsys_cursor *cursor, struct error *error);

/*
 * False for NULL, texts, and numbers that are no exact 64-bit integer. `value` is then untouched.
 */
bool nsys_cursor_integer(const struct nsys_cursor *cursor, int column, int64_t *value);
int64_t nsys_cursor_integer_or(const struct nsys_cursor *cursor, int column, int64_t fallback);
bool nsys_cursor_real(const struct nsys_cursor *cursor, int column, double *value);

/* NULL unless the value is a text; borrowed until the next row. */
const char *nsys_cursor_text(const struct nsys_cursor *cursor, int column, size_t *length);

/* Blob or text; NULL for other values; borrowed until the next row. */
const void *nsys_cursor_bytes(const struct nsys_cursor *cursor, int column, size_t *size,
			      bool *is_text);

#endif
