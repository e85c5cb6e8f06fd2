/* SPDX-License-Identifier: MIT */
/*
 * Goal: reading a table straight from its pages gives the rows that SQLite gives, and never calls
 * a damaged table read. Method: random tables (widths of numbers, page sizes, deep trees, holes,
 * long texts, added columns) and random damage to their files, against SQLite's own scan; a failure
 * names the seed.
 */
#include "tests/unit/harness.h"
#include "tracedb/sqlite_guard.h"
#include "tracedb/table_scan.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TABLES = 60, DAMAGES = 12, ROWS_MAX = 3000, MIB = 1 << 20 };

struct row { int64_t a, b, c; };

static const struct table_scan_column wanted[] = {
	{ "a", offsetof(struct row, a) },
	{ "c", offsetof(struct row, c) },
	{ "b", offsetof(struct row, b) },
};

static uint64_t seed_now;

static uint64_t random_next(void)
{
	seed_now = seed_now * 6364136223846793005u + 1442695040888963407u;
	uint64_t high = seed_now >> 32;
	seed_now = seed_now * 6364136223846793005u + 1442695040888963407u;
	return high << 32 | seed_now >> 32;
}

static int64_t random_below(int64_t limit)
{
	return (int64_t)(random_next() % (uint64_t)limit);
}

/* Of every width that SQLite stores, and the ends of each. */
static int64_t random_number(void)
{
	int64_t value = (int64_t)(random_next() >> random_below(64));
	return random_below(2) == 0 ? value : -value - 1;
}

static void execute(sqlite3 *db, const char *sql)
{
	char *message = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		test_fail(__FILE__, __LINE__, "seed %llu: %s: %s", (unsigned long long)seed_now,
			  sql, message);
}

/* Column order, and what stands between and behind the wanted columns, vary. */
static void table_create(sqlite3 *db)
{
	static const char *const schemas[] = {
		"CREATE TABLE t (a INTEGER NOT NULL, b INTEGER NOT NULL, c INTEGER, d TEXT) STRICT",
		"CREATE TABLE t (d TEXT, c INTEGER, b INTEGER NOT NULL, a INTEGER NOT NULL) STRICT",
		"CREATE TABLE t (c INTEGER, d TEXT, a INTEGER NOT NULL, b INTEGER NOT NULL)",
		"CREATE TABLE t (id INTEGER PRIMARY KEY, c INTEGER, d TEXT, a INTEGER, b INTEGER)",
	};
	char sql[100];
	(void)snprintf(sql, sizeof sql, "PRAGMA page_size=%lld",
		       (long long)(INT64_C(512) << random_below(8)));
	execute(db, sql);
	execute(db, schemas[random_below(4)]);
}

static void table_fill(sqlite3 *db, int64_t rows)
{
	sqlite3_stmt *insert = NULL;
	bool has_texts = random_below(2) == 0, has_oddities = random_below(8) == 0;
	CHECK(sqlite3_prepare_v2(db, "INSERT INTO t (a, b, c, d) VALUES (?1, ?2, ?3, ?4)", -1,
				 &insert, NULL) == SQLITE_OK);
	char text[2000];
	memset(text, 'x', sizeof text);
	for (int64_t i = 0; i < rows; i++) {
		(void)sqlite3_bind_int64(insert, 1, random_number());
		(void)sqlite3_bind_int64(insert, 2, random_below(3));
		if (random_below(10) == 0)
			(void)sqlite3_bind_null(insert, 3);
		else
			(void)sqlite3_bind_int64(insert, 3, random_number());
		(void)sqlite3_bind_text(insert, 4, text,
					has_texts ? (int)random_below(random_below(50) == 0 ? 2000 :
											      40) :
						    0,
					SQLITE_STATIC);
		CHECK(sqlite3_step(insert) == SQLITE_DONE);
		(void)sqlite3_reset(insert);
	}
	sqlite3_finalize(insert);
	/* Only tables without STRICT take it: there the scan must give up. */
	if (has_oddities)
		(void)sqlite3_exec(db, "UPDATE t SET b = 1.5 WHERE rowid = 40", NULL, NULL, NULL);
}

static void table_make(const char *path, uint64_t seed)
{
	sqlite3 *db = NULL;
	seed_now = seed;
	(void)remove(path);
	CHECK(sqlite3_open(path, &db) == SQLITE_OK);
	execute(db, "PRAGMA synchronous=OFF");
	table_create(db);
	execute(db, "BEGIN");
	table_fill(db, random_below(random_below(2) == 0 ? 20 : ROWS_MAX));
	if (random_below(3) == 0)
		execute(db, "DELETE FROM t WHERE rowid % 7 IN (1, 2, 3)");
	if (random_below(3) == 0)
		execute(db, "ALTER TABLE t ADD COLUMN e INTEGER");
	table_fill(db, random_below(50));
	execute(db, "COMMIT");
	sqlite3_close(db);
}

/* SQLite's rows; `*is_whole`: it came to the end of the table. */
static struct row *sqlite_rows(sqlite3 *db, size_t *count, bool *is_whole)
{
	struct row *rows = calloc(2 * ROWS_MAX, sizeof *rows);
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(db, "SELECT a, b, c FROM t", -1, &statement, NULL);
	CHECK(rows != NULL);
	*count = 0;
	while (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
		result = SQLITE_OK;
		CHECK(*count < (size_t)2 * ROWS_MAX);
		rows[(*count)++] = (struct row){ sqlite3_column_int64(statement, 0),
						 sqlite3_column_int64(statement, 1),
						 sqlite3_column_int64(statement, 2) };
	}
	*is_whole = result == SQLITE_DONE;
	sqlite3_finalize(statement);
	return rows;
}

/* Rows that the scan gave; those that SQLite gives too must be the same. -1: it did not open. */
static int64_t scan_compare(const char *path, uint64_t seed, bool *has_ended)
{
	sqlite3 *db = NULL;
	CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	*has_ended = false;
	if (!sqlite_guard(db, 64 * MIB, 1024)) {
		sqlite3_close(db);
		return -1;
	}
	bool is_whole;
	size_t want_count;
	struct row *want = sqlite_rows(db, &want_count, &is_whole);
	struct table_scan *scan = table_scan_open(db, "t", wanted, 3);
	int64_t count = scan == NULL ? -1 : 0;
	struct row row;
	enum table_scan_result result = TABLE_SCAN_UNKNOWN;
	while (scan != NULL && (result = table_scan_next(scan, &row)) == TABLE_SCAN_ROW) {
		if (count < (int64_t)want_count && memcmp(&row, &want[count], sizeof row) != 0)
			test_fail(__FILE__, __LINE__, "seed %llu: row %lld differs",
				  (unsigned long long)seed, (long long)count);
		count++;
	}
	*has_ended = result == TABLE_SCAN_END;
	if (*has_ended && (!is_whole || count != (int64_t)want_count))
		test_fail(__FILE__, __LINE__, "seed %llu: %lld rows, SQLite has %zu%s",
			  (unsigned long long)seed, (long long)count, want_count,
			  is_whole ? "" : " and an error");
	table_scan_close(scan);
	free(want);
	sqlite3_close(db);
	return count;
}

TEST(a_scan_of_pages_gives_the_rows_that_sqlite_gives)
{
	const char *path = test_path("scan.db");
	int64_t rows = 0, ended = 0;
	for (uint64_t seed = 1; seed <= TABLES; seed++) {
		bool has_ended;
		table_make(path, seed);
		int64_t count = scan_compare(path, seed, &has_ended);
		CHECK(count >= 0);
		rows += count;
		ended += has_ended;
	}
	/* Most are plain: had the scan given up on all of them, this test would say nothing. */
	CHECK(ended > TABLES / 3);
	CHECK(rows > 5000);
}

static void file_damage(const char *path, int64_t bytes)
{
	FILE *file = fopen(path, "r+b");
	CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
	long size = ftell(file);
	for (int64_t i = 0; i < bytes; i++) {
		/* Not the header of the file, and often the begin of a page. */
		long at = 100 + (long)random_below(size - 100);
		if (random_below(2) == 0)
			at = at / 512 * 512 + (long)random_below(16);
		if (at < 100)
			continue;
		CHECK(fseek(file, at, SEEK_SET) == 0);
		CHECK(fputc((int)random_below(256), file) != EOF);
	}
	CHECK(fclose(file) == 0);
}

TEST(a_scan_of_damaged_pages_never_says_more_than_sqlite)
{
	const char *path = test_path("damaged.db");
	int64_t gave_up = 0;
	for (uint64_t seed = 1; seed <= TABLES; seed++)
		for (uint64_t damage = 0; damage < DAMAGES; damage++) {
			bool has_ended;
			table_make(path, seed);
			seed_now += damage;
			file_damage(path, 1 + random_below(30));
			(void)scan_compare(path, seed * 1000 + damage, &has_ended);
			gave_up += !has_ended;
		}
	CHECK(gave_up > TABLES);
}

TEST(a_scan_leaves_to_sqlite_what_is_not_plain)
{
	static const char *const tables[] = {
		"CREATE TABLE t (a INTEGER, b INTEGER, c INTEGER PRIMARY KEY)",
		"CREATE TABLE t (a INTEGER, b INTEGER, c INTEGER, PRIMARY KEY (a)) WITHOUT ROWID",
		"CREATE TABLE t (x INTEGER AS (a + 1) VIRTUAL, a INTEGER, b INTEGER, c INTEGER)",
		"CREATE TABLE t (a INTEGER, b INTEGER, c INTEGER DEFAULT 7)",
		"CREATE TABLE t (a INTEGER, b INTEGER)",
		"CREATE TABLE other (a INTEGER, b INTEGER, c INTEGER)",
		"CREATE VIEW t AS SELECT 1 AS a, 2 AS b, 3 AS c",
		"PRAGMA encoding='UTF-16le';CREATE TABLE t (a INTEGER, b INTEGER, c INTEGER)",
		"PRAGMA journal_mode=WAL;CREATE TABLE t (a INTEGER, b INTEGER, c INTEGER)",
	};
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		sqlite3 *db = NULL;
		char name[32];
		(void)snprintf(name, sizeof name, "odd%zu.db", i);
		CHECK(sqlite3_open(test_path(name), &db) == SQLITE_OK);
		execute(db, tables[i]);
		struct table_scan *scan = table_scan_open(db, "t", wanted, 3);
		if (scan != NULL)
			test_fail(__FILE__, __LINE__, "%s", tables[i]);
		sqlite3_close(db);
	}
}
