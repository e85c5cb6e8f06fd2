/* SPDX-License-Identifier: MIT */
/*
 * SQLite databases that mean harm, made from a good one and the bytes of a fuzz input. The first
 * byte says how:
 *
 *     r   rows are added, changed and deleted, with values of every kind and size
 *     e   bytes of the file are changed
 *     -   the input is SQL (its first line being a comment), run on the good database
 *     else, the input is the file
 *
 * Thread: one thread.
 */
#ifndef TESTS_FUZZ_HOSTILE_DATABASE_H
#define TESTS_FUZZ_HOSTILE_DATABASE_H

#include <stddef.h>
#include <stdint.h>

struct hostile_base;

/*
 * The good one: the database at `path` (NULL: a new one) with the SQL of the file `sql_path` run on
 * it, in small pages.
 */
struct hostile_base *hostile_base_make(const char *path, const char *sql_path);

/* Writes what the input makes of it. Whatever goes wrong ends the program, except bad SQL. */
void hostile_database_write(const struct hostile_base *base, const uint8_t *bytes, size_t size,
			    const char *path);

/* The good one as it is, with `sql` run on it (NULL: none). */
void hostile_base_write(const struct hostile_base *base, const char *sql, const char *path);

#endif
