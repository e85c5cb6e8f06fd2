/* SPDX-License-Identifier: MIT */
/*
 * What every stranger's SQLite database is opened with: nothing in it is obeyed.
 *
 * Thread: that of the connection.
 */
#ifndef TRACEDB_SQLITE_GUARD_H
#define TRACEDB_SQLITE_GUARD_H

#include <stdbool.h>

struct sqlite3;

/*
 * Defensive, untrusted schema, no triggers, no views, no attached databases, values of at most
 * `value_bytes_max`, page cache of `cache_kib`. False if SQLite finds that the file is no database;
 * sqlite3_errmsg then says why.
 */
bool sqlite_guard(struct sqlite3 *db, int value_bytes_max, int cache_kib);

#endif
