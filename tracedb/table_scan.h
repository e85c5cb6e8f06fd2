/* SPDX-License-Identifier: MIT */
/*
 * Reading integer columns of a whole table straight from the pages of the database file, several
 * times faster than stepping through a SELECT. Only the plain case is understood: a rowid table of
 * a file without a write-ahead log, whose wanted columns are all stored as integers or NULL and
 * whose rows lie wholly on their pages. Whatever else is met ends the scan with
 * TABLE_SCAN_UNKNOWN, and the caller goes on with SQLite, which then has the word on what the row
 * is, or what is wrong with the file. So both ways give the same rows and the same errors.
 *
 * Layout of pages, cells and records: "Database File Format", sqlite.org/fileformat2.html. While a
 * scan is open its connection holds SQLite's shared lock, and the file is read through SQLite's own
 * handle, so nobody changes it meanwhile.
 *
 * Memory: 256 KiB (or one page) and the inner pages of one path through the tree.
 *
 * Thread: that of the connection.
 */
#ifndef TRACEDB_TABLE_SCAN_H
#define TRACEDB_TABLE_SCAN_H

#include <stddef.h>
#include <stdint.h>

struct sqlite3;
struct table_scan;

enum table_scan_result {
	TABLE_SCAN_END,
	TABLE_SCAN_ROW,
	TABLE_SCAN_UNKNOWN,	/* nothing was filled in; the scan cannot go on */
};

enum { TABLE_SCAN_COLUMNS_MAX = 64 };

/* A column that is wanted, and where in the caller's row its int64_t stands. */
struct table_scan_column {
	const char *name;
	size_t offset;
};

/*
 * NULL: this table, or this file, is not the plain case, or memory is short. Nothing is wrong then;
 * use SQLite. Columns: at most TABLE_SCAN_COLUMNS_MAX, all of the table, none twice.
 */
struct table_scan *table_scan_open(struct sqlite3 *db, const char *table,
				   const struct table_scan_column *columns, size_t count);
void table_scan_close(struct table_scan *scan);	/* NULL is fine */

/* In the order of SQLite's own scan: by rowid. NULLs are 0. */
enum table_scan_result table_scan_next(struct table_scan *scan, void *row);

#endif
